#include <base/test.h>
#include <codec/json.h>
#include <model/uptime.h>

#define START_US INT64_C(1795000000000000)

/// Takes a reading `uptime_s` after the start by a clock that is off by `off_us`.
static sv_reading taken(sv_uptime *uptime, int64_t uptime_s, int64_t off_us, bool proven) {
    const sv_instant now = { .wall_us = START_US + uptime_s * SV_TIME_SECOND_US + off_us,
                             .uptime_us = uptime_s * SV_TIME_SECOND_US,
                             .proven = proven };
    sv_reading reading = { .value = 1 };
    sv_uptime_put(uptime, &now, &reading);
    sv_uptime_said(uptime, &reading);
    assert_int_equal(reading.at_us, now.wall_us);
    return reading;
}

// [reading-4]
static void a_clock_in_doubt_says_its_uptime_with_every_reading(void **state) {
    (void) state;
    sv_uptime uptime = { .boot = "b1" };
    for (int64_t s = 5; s < 8; s++) {
        sv_reading reading = taken(&uptime, s, -START_US, false);
        assert_true(sv_text_is(reading.boot, "b1"));
        assert_int_equal(reading.uptime_us, s * SV_TIME_SECOND_US);
        assert_false(reading.proven);
    }
}

// [reading-4]
static void a_clock_that_is_proven_says_so_once(void **state) {
    (void) state;
    sv_uptime uptime = { .boot = "b1" };
    (void) taken(&uptime, 5, -START_US, false);
    sv_reading first = taken(&uptime, 6, 0, true);
    assert_true(first.boot.len > 0 && first.proven);
    assert_int_equal(taken(&uptime, 7, 0, true).boot.len, 0);
    assert_int_equal(taken(&uptime, 8, SV_UPTIME_SET_US, true).boot.len, 0);
    // Also a program that starts with a clock that is right: its spool may hold what an earlier
    // one took.
    sv_uptime another = { .boot = "b1" };
    assert_true(taken(&another, 9, 0, true).proven);
    assert_int_equal(taken(&another, 10, 0, true).boot.len, 0);
}

// [reading-4]
static void a_proven_clock_that_is_set_or_doubted_again_is_said_anew(void **state) {
    (void) state;
    sv_uptime uptime = { .boot = "b1" };
    (void) taken(&uptime, 5, 0, true);
    assert_true(taken(&uptime, 6, SV_UPTIME_SET_US + 1, true).proven);
    assert_int_equal(taken(&uptime, 7, SV_UPTIME_SET_US + 1, true).boot.len, 0);
    sv_reading doubted = taken(&uptime, 8, SV_UPTIME_SET_US + 1, false);
    assert_true(doubted.boot.len > 0 && !doubted.proven);
    assert_true(taken(&uptime, 9, SV_UPTIME_SET_US + 1, true).proven);
}

static void what_was_not_sent_was_not_said(void **state) {
    (void) state;
    const sv_uptime uptime = { .boot = "b1" };
    const sv_instant now = { .wall_us = START_US, .uptime_us = 1, .proven = true };
    for (int i = 0; i < 2; i++) {
        sv_reading reading = { .value = 1 };
        sv_uptime_put(&uptime, &now, &reading);
        assert_true(reading.boot.len > 0);
    }
}

// [reading-10]
static void whoever_is_there_says_what_its_clocks_say(void **state) {
    (void) state;
    const sv_uptime uptime = { .boot = "0123456789abcdef0123456789abcdef" };
    for (int proven = 0; proven < 2; proven++) {
        const sv_instant now = { .wall_us = START_US,
                                 .uptime_us = INT64_C(1) << 53,
                                 .proven = proven };
        char room[SV_PRESENCE_MAX];
        sv_textbuf out = SV_TEXTBUF(room);
        SV_DEFER(sv_json_drop) sv_json *root = NULL;
        sv_reading when;
        bool online = false;
        sv_uptime_presence(&uptime, &now, SV_TEXT("2026-11-28T06:15:04.123456"), &out);
        assert_int_equal(sv_textbuf_end(&out), SV_OK);
        assert_int_equal(sv_json_parse(sv_textbuf_text(&out), &root, NULL, NULL), SV_OK);
        assert_true(sv_json_bool(sv_json_get(root, "online"), &online) && online);
        assert_true(sv_reading_take_instant(root, &when));
        assert_true(sv_text_is(when.boot, uptime.boot));
        assert_int_equal(when.at_us, now.wall_us);
        assert_int_equal(when.uptime_us, now.uptime_us);
        assert_int_equal(when.proven, now.proven);
    }
}

// [reading-10]
static void what_lacks_a_part_says_nothing_about_its_clocks(void **state) {
    (void) state;
#define AT "\"timestamp\":\"2026-11-28T06:15:04\""
    static const char *const POOR[] = {
        "{\"online\":true}",
        "{" AT "}",
        "{" AT ",\"boot\":\"b\"}",
        "{" AT ",\"uptime\":1}",
        "{" AT ",\"boot\":\"\",\"uptime\":1}",
        "{" AT ",\"boot\":\"b\",\"uptime\":-1}",
        "{" AT ",\"boot\":\"b\",\"uptime\":1,\"proven\":\"yes\"}",
        "{\"timestamp\":\"noon\",\"boot\":\"b\",\"uptime\":1}",
        "{\"boot\":\"b\",\"uptime\":1}",
        "[]",
    };
#undef AT
    for (size_t i = 0; i < SV_COUNT(POOR); i++) {
        SV_DEFER(sv_json_drop) sv_json *root = NULL;
        sv_reading when;
        assert_int_equal(sv_json_parse(sv_text_of(POOR[i]), &root, NULL, NULL), SV_OK);
        assert_false(sv_reading_take_instant(root, &when));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_in_doubt_says_its_uptime_with_every_reading),
        cmocka_unit_test(a_clock_that_is_proven_says_so_once),
        cmocka_unit_test(a_proven_clock_that_is_set_or_doubted_again_is_said_anew),
        cmocka_unit_test(what_was_not_sent_was_not_said),
        cmocka_unit_test(whoever_is_there_says_what_its_clocks_say),
        cmocka_unit_test(what_lacks_a_part_says_nothing_about_its_clocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
