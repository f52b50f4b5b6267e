// Whatever the lines: the judge comes to an end and a verdict, names a line that the export begins
// with or one behind it, and takes nothing for intact that no signature covers.
#include <crypto/audit_export.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SV_DEFER(sv_audit_export_drop) sv_audit_export *reading = sv_audit_export_new(NULL);
    sv_text rest = { .at = (const char *) data, .len = size };
    sv_audit_verdict verdict;
    sv_why why = { 0 };
    while (rest.len > 0) {
        if (sv_audit_export_line(reading, sv_text_cut(&rest, '\n'), &why) != SV_OK) {
            if (why.text[0] == '\0') {
                abort();
            }
            return 0;
        }
    }
    if (sv_audit_export_end(reading, &verdict, NULL) == SV_OK
        && (verdict.finding == SV_AUDIT_INTACT || verdict.why.text[0] == '\0')) {
        abort();
    }
    return 0;
}
