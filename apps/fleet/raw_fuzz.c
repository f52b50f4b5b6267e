// A gateway's answer about 1970-01-01 00:00 to 01:00 in 10 points. Whatever it says: it is refused
// with a sentence, or what is shown is JSON whose points are finite, in order, of that hour, and
// counted by their pieces.
#include "raw.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MINUTE_MS = 60000, HOUR_MS = 3600000, POINTS = 10 };

static void must(bool is_so) {
    if (!is_so) {
        abort();
    }
}

static void check_points(const sv_json *points) {
    int64_t before = -MINUTE_MS;
    for (size_t i = 0; i < sv_json_count(points); i++) {
        int64_t at = 0;
        double value = 0;
        must(sv_json_int(sv_json_at(sv_json_at(points, i), 0), &at) && at >= before
             && at <= HOUR_MS);
        must(sv_json_number(sv_json_at(sv_json_at(points, i), 1), &value) && isfinite(value));
        before = at;
    }
}

static void check(sv_textbuf *json) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    must(sv_textbuf_end(json) == SV_OK);
    must(sv_json_parse(sv_textbuf_text(json), &root, NULL, NULL) == SV_OK);
    const sv_json *points = sv_json_get(root, "points");
    const sv_json *pieces = sv_json_get(root, "pieces");
    size_t counted = 0;
    must(sv_json_count(points) <= (size_t) 3 * POINTS);
    check_points(points);
    for (size_t i = 0; i < sv_json_count(pieces); i++) {
        int64_t count = 0;
        must(sv_json_int(sv_json_at(sv_json_at(pieces, i), 1), &count) && count > 0);
        counted += (size_t) count;
    }
    must(counted == sv_json_count(points));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SV_DEFER(sv_json_drop) sv_json *answer = NULL;
    const sv_series_range hour = { .from_ms = 0, .to_ms = HOUR_MS, .points = POINTS };
    sv_text text = { .at = (const char *) data, .len = size };
    if (sv_json_parse(text, &answer, NULL, NULL) != SV_OK) {
        return 0;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_RAW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    if (sv_raw_write(answer, &hour, &out, &why) == SV_OK) {
        check(&json);
    } else {
        must(why.code == SV_ERR_INVALID && why.text[0] != '\0');
    }
    return 0;
}
