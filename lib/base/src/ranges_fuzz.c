// What parses is what format writes, and adding a number makes it known.
#include <base/ranges.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_text text = { .at = (const char *) data, .len = size };
    SV_DEFER(sv_ranges_drop) sv_ranges ranges = SV_RANGES_EMPTY;
    if (sv_ranges_parse(text, &ranges) != SV_OK) {
        return 0;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf again = SV_TEXTBUF_HEAP(1 << 16);
    sv_ranges_format(&ranges, &again);
    if (!sv_text_eq(sv_textbuf_text(&again), text)) {
        abort();
    }
    for (size_t i = 0; i < size; i++) {
        int64_t number = data[i] * (int64_t) (i + 1);
        bool had = sv_ranges_has(&ranges, number);
        sv_ranges_said said = sv_ranges_add(&ranges, number);
        if ((said == SV_RANGES_KNOWN) != had
            || (said == SV_RANGES_NEW && number >= ranges.floor
                && !sv_ranges_has(&ranges, number))) {
            abort();
        }
    }
    return 0;
}
