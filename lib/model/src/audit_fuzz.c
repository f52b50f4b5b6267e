// Whatever the bytes: a record that is taken is written back to the same bytes, and one that is
// not leaves a sentence.
#include <model/audit.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_text bytes = { .at = (const char *) data, .len = size };
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf again = SV_TEXTBUF_HEAP(SV_AUDIT_RECORD_MAX);
    sv_audit_record record;
    sv_why why = { 0 };
    if (sv_audit_record_parse(bytes, &root, &record, &why) != SV_OK) {
        if (why.text[0] == '\0' || root != NULL) {
            abort();
        }
        return 0;
    }
    sv_audit_record_add(&again, &record);
    if (!sv_text_eq(sv_textbuf_text(&again), bytes)) {
        abort();
    }
    return 0;
}
