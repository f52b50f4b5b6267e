// Whatever the line: a record that is taken is written as a line that reads back the same.
#include "pki_internal.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static sv_err read_record(sv_text line, sv_pki_record *out) {
    SV_DEFER(sv_json_drop) sv_json *json = NULL;
    SV_TRY(sv_json_parse(line, &json, NULL, NULL));
    return sv_pki_record_parse(json, out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_pki_record record;
    sv_pki_record again;
    if (read_record((sv_text){ .at = (const char *) data, .len = size }, &record) != SV_OK) {
        return 0;
    }
    char room[512];
    sv_textbuf line = SV_TEXTBUF(room);
    sv_pki_record_add(&line, &record);
    if (line.overflowed || read_record(sv_textbuf_text(&line), &again) != SV_OK
        || strcmp(again.id, record.id) != 0 || strcmp(again.serial, record.serial) != 0
        || again.role != record.role || again.not_before_us != record.not_before_us
        || again.not_after_us != record.not_after_us) {
        abort();
    }
    return 0;
}
