// What parses as a number is finite, and its shortest form reads back as the same number.
#include <base/num.h>
#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_whole(sv_text text) {
    uint64_t whole = 0;
    uint64_t again = 0;
    if (sv_text_u64(text, UINT64_MAX, &whole) != SV_OK) {
        return;
    }
    char room[SV_NUM_TEXT_MAX];
    sv_textbuf out = SV_TEXTBUF(room);
    sv_textbuf_addf(&out, "%llu", (unsigned long long) whole);
    if (sv_text_u64(sv_textbuf_text(&out), whole, &again) != SV_OK || again != whole
        || (whole > 0 && sv_text_u64(text, whole - 1, &again) == SV_OK)) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_text text = { .at = (const char *) data, .len = size };
    check_whole(text);
    double value = 0;
    double again = 0;
    if (sv_num_parse(text, &value) != SV_OK) {
        return 0;
    }
    char room[SV_NUM_TEXT_MAX];
    sv_textbuf out = SV_TEXTBUF(room);
    sv_num_add(&out, value);
    if (!isfinite(value) || out.overflowed || sv_num_parse(sv_textbuf_text(&out), &again) != SV_OK
        || again != value) {
        abort();
    }
    return 0;
}
