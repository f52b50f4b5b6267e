// Whatever is published: it is refused with a sentence, or kept as JSON that is read again as the
// same.
#include "checklist_report.h"

#include <base/time.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW_S = 1795924800 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf once = SV_TEXTBUF_HEAP(SV_CHECKLIST_BYTES_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf twice = SV_TEXTBUF_HEAP(SV_CHECKLIST_BYTES_MAX);
    sv_why why = { .text = "" };
    int64_t now_us = NOW_S * SV_TIME_SECOND_US;
    sv_text body = { .at = (const char *) data, .len = size };
    if (sv_checklist_read(body, now_us, &once, &why) != SV_OK) {
        if (why.text[0] == '\0') {
            abort();
        }
        return 0;
    }
    if (sv_checklist_read(sv_textbuf_text(&once), now_us, &twice, &why) != SV_OK
        || once.len != twice.len || memcmp(once.at, twice.at, once.len) != 0) {
        abort();
    }
    return 0;
}
