// Whatever the text: a query or a fault within it, never both. A query is written in its usual form
// and read again, and judges any device.
#include <fleet/query.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool in_even(const sv_query_device *device, sv_query_field field, sv_text name) {
    (void) device;
    return (name.len + field) % 2 == 0;
}

static void judge(const sv_query *a, const sv_query *b, sv_text text) {
    sv_query_device device = { .online = text.len % 2 == 0,
                               .diverges = text.len % 3 == 0,
                               .has = in_even };
    for (size_t i = 0; i < SV_QUERY_FIELD__COUNT; i++) {
        size_t from = text.len * i / SV_QUERY_FIELD__COUNT;
        device.field[i] = (sv_text){ .at = text.at + from, .len = (text.len - from) % 70 };
    }
    if (sv_query_fits(a, &device) != sv_query_fits(b, &device)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_query query;
    sv_query again;
    char room[SV_QUERY_BYTES_MAX];
    char again_room[SV_QUERY_BYTES_MAX];
    sv_textbuf usual = SV_TEXTBUF(room);
    sv_textbuf again_usual = SV_TEXTBUF(again_room);
    sv_query_fault fault = { .offset = SIZE_MAX };
    sv_text text = { .at = (const char *) data, .len = size };
    if (sv_query_parse(text, &query, &fault) != SV_OK) {
        if (fault.offset > size || fault.text[0] == '\0' || fault.line == 0 || fault.column == 0) {
            abort();
        }
        return 0;
    }
    sv_query_format(&query, &usual);
    if (usual.overflowed || sv_query_parse(sv_textbuf_text(&usual), &again, NULL) != SV_OK) {
        abort();
    }
    sv_query_format(&again, &again_usual);
    if (!sv_text_eq(sv_textbuf_text(&usual), sv_textbuf_text(&again_usual))
        || query.step_count != again.step_count) {
        abort();
    }
    judge(&query, &again, text);
    return 0;
}
