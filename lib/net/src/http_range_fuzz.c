// Whatever a header says: a range lies within its length, and an answer that is read is written to
// the same.
#include <net/http_range.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 512 };

static void must(bool is_so) {
    if (!is_so) {
        abort();
    }
}

static void answer(sv_text text) {
    char room[SV_HTTP_CONTENT_RANGE_ROOM];
    sv_textbuf written = SV_TEXTBUF(room);
    sv_http_range range;
    sv_http_range again;
    uint64_t length = 0;
    if (sv_http_content_range_read(text, &range, &length) == SV_OK) {
        sv_http_content_range_add(&written, &range, length);
        must(sv_http_content_range_read(sv_textbuf_text(&written), &again, &length) == SV_OK
             && again.from == range.from && again.to == range.to && range.to <= length);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint64_t LENGTHS[] = { 0, 1, 1000, SV_HTTP_LENGTH_MAX - 1 };
    char value[ROOM];
    if (size >= sizeof value) {
        return 0;
    }
    memcpy(value, data, size);
    value[size] = '\0';
    for (size_t i = 0; i < SV_COUNT(LENGTHS); i++) {
        sv_http_range range;
        if (sv_http_range_read(value, LENGTHS[i], &range) == SV_HTTP_RANGE_PART) {
            must(range.from < range.to && range.to <= LENGTHS[i]);
        }
    }
    answer((sv_text){ .at = value, .len = size });
    return 0;
}
