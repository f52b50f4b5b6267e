// Hexadecimal, base64 (RFC 4648) and percent-encoding (RFC 3986) of short texts.
#ifndef SV_CODEC_ENCODE_H
#define SV_CODEC_ENCODE_H

#include <base/text.h>

void sv_hex_add(sv_textbuf *buf, const uint8_t *bytes, size_t len);
/// Exactly `len` bytes from 2*len digits; SV_ERR_INVALID otherwise.
sv_err sv_hex_parse(sv_text text, uint8_t *bytes, size_t len);
/// Standard base64 with padding.
void sv_base64_add(sv_textbuf *buf, sv_text bytes);
/// Takes only what sv_base64_add writes, so that one value has one spelling; SV_ERR_NO_SPACE when
/// `out` is too small.
sv_err sv_base64_parse(sv_text text, sv_textbuf *out);
/// base64url without padding, as in tokens and links.
void sv_base64url_add(sv_textbuf *buf, const uint8_t *bytes, size_t len);
/// A byte sequence as header fields carry it (RFC 8941 §3.3.5): `:cHJlc3M=:`.
void sv_field_bytes_add(sv_textbuf *buf, sv_text bytes);
/// Takes only what sv_field_bytes_add writes, as sv_base64_parse.
sv_err sv_field_bytes_parse(sv_text field, sv_textbuf *out);
/// Decodes %XX, refuses NUL, broken escapes and broken UTF-8. `plus_is_space` for query strings.
sv_err sv_percent_decode(sv_text text, bool plus_is_space, sv_textbuf *out);
/// Encodes all but unreserved characters.
void sv_percent_add(sv_textbuf *buf, sv_text text);
/// RFC 3629: no surrogates, no overlong forms, at most U+10FFFF.
bool sv_utf8_is_valid(sv_text text);

#endif
