#include "range.h"

#include <base/prng.h>
#include <base/test.h>
#include <base/time.h>

static sv_text shown(gw_range *range, sv_textbuf *text) {
    sv_json_out out = SV_JSON_OUT(text);
    sv_json_open_object(&out);
    gw_range_write(range, &out);
    sv_json_close_object(&out);
    assert_int_equal(sv_textbuf_end(text), SV_OK);
    return sv_textbuf_text(text);
}

static void few_samples_are_shown_as_they_are(void **state) {
    (void) state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(1 << 16);
    SV_DEFER(gw_range_drop) gw_range range;
    gw_range_open(&range, 1000000, 9000000, 3);
    gw_range_sample(&range, 5000000, 2.5);
    gw_range_sample(&range, 3000000, 1.5);
    gw_range_sample(&range, 999999, 7);
    gw_range_sample(&range, 9000001, 7);
    (void) shown(&range, &text);
    assert_string_equal(text.at, "{\"points\":[[3000,1.5],[5000,2.5]],\"minutes\":[]}");
}

/// [series-6] In whatever order they come, and though most blocks are never unpacked.
static void no_spike_is_lost(void **state) {
    (void) state;
    enum { COUNT = 100000, BLOCK = 100, SPIKE = 54321, DIP = 12345 };
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(1 << 20);
    SV_DEFER(gw_range_drop) gw_range range;
    sv_prng prng = { .state = 3 };
    unsigned unpacked = 0;
    gw_range_open(&range, 0, COUNT * SV_TIME_SECOND_US - 1, 100);
    for (unsigned b = 0; b < COUNT / BLOCK; b++) {
        unsigned from = b * 7 % (COUNT / BLOCK) * BLOCK;
        double values[BLOCK];
        sv_block_info info = { .count = BLOCK,
                               .first_us = from * SV_TIME_SECOND_US,
                               .last_us = (from + BLOCK - 1) * SV_TIME_SECOND_US };
        for (unsigned i = 0; i < BLOCK; i++) {
            values[i] = 50 + sv_prng_unit(&prng);
            values[i] = from + i == SPIKE ? 99 : from + i == DIP ? 1 : values[i];
            info.column[0].min =
                i == 0 || values[i] < info.column[0].min ? values[i] : info.column[0].min;
            info.column[0].max =
                i == 0 || values[i] > info.column[0].max ? values[i] : info.column[0].max;
        }
        if (!gw_range_wants(&range, &info)) {
            range.seen += BLOCK;
            continue;
        }
        unpacked++;
        for (unsigned i = 0; i < BLOCK; i++) {
            gw_range_sample(&range, (from + i) * SV_TIME_SECOND_US, values[i]);
        }
    }
    (void) shown(&range, &text);
    assert_non_null(strstr(text.at, "[54321000,99]"));
    assert_non_null(strstr(text.at, "[12345000,1]"));
    assert_in_range(unpacked, 1, COUNT / BLOCK * 2 / 3);
}

static void minutes_of_one_stretch_are_joined(void **state) {
    (void) state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(1 << 16);
    SV_DEFER(gw_range_drop) gw_range range;
    const gw_minute minutes[] = {
        { .start_us = -SV_TIME_MINUTE_US, .count = 60, .min = 0, .mean = 0, .max = 0 },
        { .start_us = SV_TIME_MINUTE_US, .count = 30, .min = 3, .mean = 4, .max = 5 },
        { .start_us = 0, .count = 10, .min = 1, .mean = 2, .max = 8 },
        { .start_us = 2 * SV_TIME_MINUTE_US, .count = 60, .min = 7, .mean = 7, .max = 7 },
    };
    gw_range_open(&range, 0, 4 * SV_TIME_MINUTE_US - 1, 2);
    for (size_t i = 0; i < sizeof minutes / sizeof *minutes; i++) {
        gw_range_minute(&range, &minutes[i]);
    }
    (void) shown(&range, &text);
    assert_string_equal(text.at, "{\"points\":[],\"minutes\":[[0,1,3.5,8,40],[120000,7,7,7,60]]}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_samples_are_shown_as_they_are),
        cmocka_unit_test(no_spike_is_lost),
        cmocka_unit_test(minutes_of_one_stretch_are_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
