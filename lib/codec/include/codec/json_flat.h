// Parts of JSON in their usual form, read straight from the bytes, where a document for each of
// many small objects would be too dear: texts without escapes, numbers as they stand. False: it is
// in another form, or faulty; then the parser (codec/json.h) has the word. What is taken here the
// parser would take with the same content.
#ifndef SV_CODEC_JSON_FLAT_H
#define SV_CODEC_JSON_FLAT_H

#include <base/text.h>

typedef struct sv_json_flat {
    const char *at, *end;
} sv_json_flat;

sv_json_flat sv_json_flat_of(sv_text text);
/// One of `{ } [ ] : ,`, after white space.
bool sv_json_flat_mark(sv_json_flat *flat, char mark);
/// What lies between the quotation marks.
bool sv_json_flat_text(sv_json_flat *flat, sv_text *out);
/// Only where a number ends; sv_num_parse judges it.
bool sv_json_flat_number(sv_json_flat *flat, sv_text *out);
bool sv_json_flat_bool(sv_json_flat *flat, bool *out);
/// Nothing but white space is left.
bool sv_json_flat_end(sv_json_flat *flat);

#endif
