// What parses as a point in time, written out, parses to the same point; a length of time is never
// negative and never beyond its bound.
#include <base/time.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define LONGEST_US (INT64_C(100) * 366 * SV_TIME_DAY_US)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_text text = { .at = (const char *) data, .len = size };
    int64_t length_us = 0;
    if (sv_duration_parse(text, &length_us) == SV_OK && (length_us < 0 || length_us > LONGEST_US)) {
        abort();
    }
    int64_t at_us = 0;
    int64_t again_us = 0;
    if (sv_time_parse(text, &at_us) != SV_OK) {
        return 0;
    }
    char room[64];
    sv_textbuf out = SV_TEXTBUF(room);
    sv_time_add(&out, at_us);
    if (out.overflowed || sv_time_parse(sv_textbuf_text(&out), &again_us) != SV_OK
        || again_us != at_us) {
        abort();
    }
    return 0;
}
