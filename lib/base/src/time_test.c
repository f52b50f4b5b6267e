#include <base/prng.h>
#include <base/test.h>
#include <base/time.h>
#include <stdlib.h>
#include <time.h>

static void timestamps_are_read_with_and_without_a_zone(void **state) {
    (void) state;
    static const struct {
        const char *text;
        int64_t at_us;
    } CASES[] = {
        { "1970-01-01T00:00:00", 0 },
        { "2026-11-22T06:15:04.123456", INT64_C(1795328104123456) },
        { "2026-11-22T11:45:04.123456+05:30", INT64_C(1795328104123456) },
        { "2026-11-22t06:15:04.123456789z", INT64_C(1795328104123456) },
        { "2026-11-22 06:15:04,5Z", INT64_C(1795328104500000) },
        { "2000-02-29T23:59:60Z", INT64_C(951868800000000) },
        { "0001-01-01T00:00:00Z", INT64_C(-62135596800000000) },
        { "9999-12-31T23:59:59.999999Z", INT64_C(253402300799999999) },
        { "2099-12-31T23:59:59-0100", INT64_C(4102448399000000) },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        int64_t at_us = -1;
        assert_int_equal(sv_time_parse(sv_text_of(CASES[i].text), &at_us), SV_OK);
        assert_int_equal(at_us, CASES[i].at_us);
    }
}

/// Also in the hour that comes twice and in the one that never comes. [reading-7]
static void the_local_time_zone_changes_nothing(void **state) {
    (void) state;
    static const char *const ZONES[] = { "America/New_York", "EST5EDT,M3.2.0,M11.1.0",
                                         "<+1245>-12:45<+1345>,M9.5.0/2:45,M4.1.0/3:45" };
    static const char *const TIMES[] = { "2026-03-08T02:30:00Z", "2026-11-01T01:30:00Z",
                                         "2026-11-01T06:30:00Z" };
    for (size_t zone = 0; zone < SV_COUNT(ZONES); zone++) {
        assert_int_equal(setenv("TZ", ZONES[zone], 1), 0);
        tzset();
        for (size_t i = 0; i < SV_COUNT(TIMES); i++) {
            int64_t with_zone_us = 0;
            int64_t without_us = 0;
            sv_text text = sv_text_of(TIMES[i]);
            assert_int_equal(sv_time_parse(text, &with_zone_us), SV_OK);
            text.len--;
            assert_int_equal(sv_time_parse(text, &without_us), SV_OK);
            assert_int_equal(with_zone_us, without_us);
            char room[40];
            sv_textbuf out = SV_TEXTBUF(room);
            sv_time_add(&out, without_us);
            assert_int_equal(sv_textbuf_end(&out), SV_OK);
            assert_string_equal(room, TIMES[i]);
        }
    }
    assert_int_equal(unsetenv("TZ"), 0);
}

static void what_is_not_a_time_is_refused(void **state) {
    (void) state;
    static const char *const BAD[] = {
        "",
        "2026-11-22",
        "2026-11-31T00:00:00",
        "2026-02-29T00:00:00",
        "2026-13-01T00:00:00",
        "2026-00-01T00:00:00",
        "2026-01-00T00:00:00",
        "2026-01-01T24:00:00",
        "2026-01-01T00:60:00",
        "2026-01-01T00:00:61",
        "2026-01-01T00:00:00.",
        "2026-01-01T00:00:00+5",
        "2026-01-01T00:00:00 Z",
        "2026-01-01T00:00:00Zx",
        "0000-01-01T00:00:00",
        "-026-01-01T00:00:00",
        "9999-12-31T23:59:60Z",
        "9999-12-31T23:00:00-01:00",
        "0001-01-01T00:00:00+00:01",
    };
    for (size_t i = 0; i < SV_COUNT(BAD); i++) {
        int64_t at_us = -1;
        assert_int_equal(sv_time_parse(sv_text_of(BAD[i]), &at_us), SV_ERR_INVALID);
        assert_int_equal(at_us, -1);
    }
}

static void days_are_read_and_written(void **state) {
    (void) state;
    static const struct {
        const char *text;
        int64_t day;
    } CASES[] = { { "1970-01-01", 0 },
                  { "1969-12-31", -1 },
                  { "2026-11-29", 20786 },
                  { "0001-01-01", -719162 },
                  { "9999-12-31", 2932896 } };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        char room[16];
        sv_textbuf out = SV_TEXTBUF(room);
        int64_t day = 1;
        assert_int_equal(sv_day_parse(sv_text_of(CASES[i].text), &day), SV_OK);
        assert_int_equal(day, CASES[i].day);
        sv_day_add(&out, day);
        assert_true(sv_text_is(sv_textbuf_text(&out), CASES[i].text));
        assert_int_equal(sv_day_of(day * SV_TIME_DAY_US), day);
        assert_int_equal(sv_day_of(day * SV_TIME_DAY_US - 1), day - 1);
    }
    static const char *const BAD[] = { "", "2026-11-31", "2026-11-2", "2026-11-22T", "2026/11/22" };
    for (size_t i = 0; i < SV_COUNT(BAD); i++) {
        int64_t day = 7;
        assert_int_equal(sv_day_parse(sv_text_of(BAD[i]), &day), SV_ERR_INVALID);
        assert_int_equal(day, 7);
    }
}

static void what_is_written_reads_back(void **state) {
    (void) state;
    sv_prng prng = { .state = 11 };
    for (int i = 0; i < 100000; i++) {
        int64_t at_us = (int64_t) (sv_prng_unit(&prng) * 3e17) - INT64_C(60000000000000000);
        char room[48];
        sv_textbuf buf = SV_TEXTBUF(room);
        sv_time_add(&buf, at_us);
        assert_int_equal(sv_textbuf_end(&buf), SV_OK);
        int64_t back = 0;
        assert_int_equal(sv_time_parse(sv_textbuf_text(&buf), &back), SV_OK);
        assert_int_equal(back, at_us);
    }
}

static void durations_carry_their_unit(void **state) {
    (void) state;
    int64_t us = 0;
    assert_int_equal(sv_duration_parse(SV_TEXT("30s"), &us), SV_OK);
    assert_int_equal(us, 30 * SV_TIME_SECOND_US);
    assert_int_equal(sv_duration_parse(SV_TEXT("1h30m"), &us), SV_OK);
    assert_int_equal(us, 90 * SV_TIME_MINUTE_US);
    assert_int_equal(sv_duration_parse(SV_TEXT("250ms"), &us), SV_OK);
    assert_int_equal(us, 250000);
    assert_int_equal(sv_duration_parse(SV_TEXT("0"), &us), SV_OK);
    assert_int_equal(us, 0);
    static const char *const BAD[] = {
        "", "30", "s", "-1s", "1 s", "1w", "99999999999999999999s", "40000d"
    };
    for (size_t i = 0; i < SV_COUNT(BAD); i++) {
        assert_int_equal(sv_duration_parse(sv_text_of(BAD[i]), &us), SV_ERR_INVALID);
    }
}

static void the_first_and_the_last_time_there_is_can_be_written(void **state) {
    (void) state;
    static const struct {
        int64_t at_us;
        const char *text;
    } ENDS[] = { { INT64_MIN, "-290308-12-21T19:59:05.224192Z" },
                 { INT64_MAX, "294247-01-10T04:00:54.775807Z" },
                 { -1, "1969-12-31T23:59:59.999999Z" } };
    for (size_t i = 0; i < SV_COUNT(ENDS); i++) {
        char room[64];
        sv_textbuf buf = SV_TEXTBUF(room);
        sv_time_add(&buf, ENDS[i].at_us);
        assert_int_equal(sv_textbuf_end(&buf), SV_OK);
        assert_string_equal(room, ENDS[i].text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timestamps_are_read_with_and_without_a_zone),
        cmocka_unit_test(the_local_time_zone_changes_nothing),
        cmocka_unit_test(what_is_not_a_time_is_refused),
        cmocka_unit_test(days_are_read_and_written),
        cmocka_unit_test(what_is_written_reads_back),
        cmocka_unit_test(the_first_and_the_last_time_there_is_can_be_written),
        cmocka_unit_test(durations_carry_their_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
