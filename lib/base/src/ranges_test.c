#include <base/prng.h>
#include <base/ranges.h>
#include <base/test.h>
#include <string.h>

enum { NUMBERS = 400 };

static void shown_as(const sv_ranges *ranges, const char *text) {
    char room[2048];
    sv_textbuf buf = SV_TEXTBUF(room);
    sv_ranges_format(ranges, &buf);
    assert_int_equal(sv_textbuf_end(&buf), SV_OK);
    assert_string_equal(room, text);
}

static void numbers_in_order_are_one_range(void **state) {
    (void) state;
    SV_DEFER(sv_ranges_drop) sv_ranges ranges = SV_RANGES_EMPTY;
    for (int64_t i = 1; i <= 100000; i++) {
        assert_int_equal(sv_ranges_add(&ranges, i), SV_RANGES_NEW);
    }
    shown_as(&ranges, "1-100000");
    assert_int_equal(ranges.count, 1);
    assert_int_equal(sv_ranges_add(&ranges, 1), SV_RANGES_KNOWN);
    assert_int_equal(sv_ranges_add(&ranges, 100000), SV_RANGES_KNOWN);
    assert_true(sv_ranges_prefix(&ranges, 1) == 100000);
    assert_true(sv_ranges_prefix(&ranges, 100001) == 100000);
}

static void live_numbers_overtake_older_ones(void **state) {
    (void) state;
    SV_DEFER(sv_ranges_drop) sv_ranges ranges = SV_RANGES_EMPTY;
    for (int64_t old = 1, live = 1000; old < 1000; old++, live++) {
        assert_int_equal(sv_ranges_add(&ranges, live), SV_RANGES_NEW);
        assert_int_equal(sv_ranges_add(&ranges, old), SV_RANGES_NEW);
        assert_int_equal(sv_ranges_add(&ranges, old), SV_RANGES_KNOWN);
    }
    shown_as(&ranges, "1-1998");
}

static void it_knows_exactly_what_was_added(void **state) {
    (void) state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        sv_prng prng = { .state = seed };
        bool in[NUMBERS] = { false };
        SV_DEFER(sv_ranges_drop) sv_ranges ranges = SV_RANGES_EMPTY;
        // Dense enough never to need more ranges than are kept.
        for (unsigned step = 0; step < 3000; step++) {
            int64_t centre = (int64_t) step / 10;
            int64_t number = centre + (int64_t) (sv_prng_unit(&prng) * 60);
            bool had = in[number];
            assert_int_equal(sv_ranges_add(&ranges, number), had ? SV_RANGES_KNOWN : SV_RANGES_NEW);
            in[number] = true;
            assert_true(ranges.floor == INT64_MIN);
        }
        for (int64_t i = 0; i < NUMBERS; i++) {
            assert_int_equal(sv_ranges_has(&ranges, i), in[i]);
        }
        char room[4096];
        sv_textbuf buf = SV_TEXTBUF(room);
        SV_DEFER(sv_ranges_drop) sv_ranges again = SV_RANGES_EMPTY;
        sv_ranges_format(&ranges, &buf);
        assert_int_equal(sv_ranges_parse(sv_textbuf_text(&buf), &again), SV_OK);
        assert_int_equal(again.count, ranges.count);
        assert_memory_equal(again.at, ranges.at, ranges.count * sizeof *ranges.at);
    }
}

static void a_stretch_swallows_what_it_touches(void **state) {
    (void) state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        sv_prng prng = { .state = seed };
        bool in[NUMBERS + 1] = { false };
        SV_DEFER(sv_ranges_drop) sv_ranges ranges = SV_RANGES_EMPTY;
        for (unsigned step = 0; step < 30; step++) {
            int64_t from = 1 + (int64_t) (sv_prng_unit(&prng) * 350);
            int64_t to = from + (int64_t) (sv_prng_unit(&prng) * 40);
            sv_ranges_add_all(&ranges, from, to);
            for (int64_t i = from; i <= to; i++) {
                in[i] = true;
            }
            for (int64_t i = 0; i <= NUMBERS; i++) {
                assert_int_equal(sv_ranges_has(&ranges, i), in[i]);
            }
            for (uint32_t i = 1; i < ranges.count; i++) {
                assert_true(ranges.at[i].from > ranges.at[i - 1].to + 1);
            }
        }
    }
}

static void too_many_gaps_forget_the_lowest_and_say_so(void **state) {
    (void) state;
    SV_DEFER(sv_ranges_drop) sv_ranges ranges = SV_RANGES_EMPTY;
    for (int64_t i = 0; i < SV_RANGES_MAX; i++) {
        assert_int_equal(sv_ranges_add(&ranges, 10 * i), SV_RANGES_NEW);
    }
    assert_int_equal(sv_ranges_add(&ranges, 5), SV_RANGES_NEW);
    assert_int_equal(ranges.count, SV_RANGES_MAX);
    assert_true(ranges.floor == 5);
    assert_int_equal(sv_ranges_add(&ranges, 0), SV_RANGES_UNKNOWN);
    assert_int_equal(sv_ranges_add(&ranges, 5), SV_RANGES_KNOWN);
    assert_int_equal(sv_ranges_add(&ranges, 11), SV_RANGES_NEW);
    assert_int_equal(ranges.count, SV_RANGES_MAX);
}

static void only_what_format_writes_is_read(void **state) {
    (void) state;
    static const char *const BROKEN[] = {
        "x",   "1-",   "-1", "1-1", "2-1",  "1,2", "1,1",      "3,1", "1,",
        ",1",  "1,,3", "<",  "<5,", "<5,4", "01",  "1-9,8-20", "1 ",  "99999999999999999999",
        "1--2"
    };
    for (size_t i = 0; i < SV_COUNT(BROKEN); i++) {
        sv_ranges ranges = SV_RANGES_EMPTY;
        if (sv_ranges_parse(sv_text_of(BROKEN[i]), &ranges) == SV_OK) {
            fail_msg("'%s' was read", BROKEN[i]);
        }
        assert_null(ranges.at);
    }
    SV_DEFER(sv_ranges_drop) sv_ranges empty = SV_RANGES_EMPTY;
    assert_int_equal(sv_ranges_parse(SV_TEXT(""), &empty), SV_OK);
    assert_int_equal(empty.count, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_in_order_are_one_range),
        cmocka_unit_test(live_numbers_overtake_older_ones),
        cmocka_unit_test(it_knows_exactly_what_was_added),
        cmocka_unit_test(a_stretch_swallows_what_it_touches),
        cmocka_unit_test(too_many_gaps_forget_the_lowest_and_say_so),
        cmocka_unit_test(only_what_format_writes_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
