// JSON in the one form that signatures are made over: "canonical JSON" as TUF's reference
// implementation writes it (securesystemslib, after the OLPC definition). Members are sorted by the
// bytes of their names, nothing stands between the tokens, of a string only `"` and `\` are
// escaped, and the only numbers are whole ones.
#ifndef SV_CODEC_CANONICAL_H
#define SV_CODEC_CANONICAL_H

#include <codec/json.h>

/// Appends the form of `value`. SV_ERR_INVALID for a number that is not whole and within ±2^53;
/// SV_ERR_NO_SPACE when `out` is too small.
sv_err sv_canonical_add(const sv_json *value, sv_textbuf *out, sv_why *why);

#endif
