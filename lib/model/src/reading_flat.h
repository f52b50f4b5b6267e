// One reading in its usual form, read straight from the payload's bytes: a flat object of the known
// members, each once, texts without escapes. Everything else is left to the JSON parser, and what
// is taken here the JSON parser would take with the same content (reading_flat_fuzz.c).
#ifndef SV_MODEL_READING_FLAT_H
#define SV_MODEL_READING_FLAT_H

#include <model/reading.h>

/// False, and *out untouched: not in this form, or faulty. Texts borrow from `payload`.
bool sv_reading_flat_read(const sv_reading_key *key, sv_text payload, sv_reading *out);
/// So, of an object that says itself whose it is: sv_reading_line_parse.
bool sv_reading_flat_line(sv_text line, sv_reading *out);

#endif
