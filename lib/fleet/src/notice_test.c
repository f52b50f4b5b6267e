#include <base/test.h>
#include <fleet/notice.h>
#include <string.h>

static const char *title_of(sv_notice_group group) {
    static char room[SV_NOTICE_TITLE_MAX];
    sv_textbuf out = SV_TEXTBUF(room);
    sv_notice_title(&group, &out);
    assert_int_equal(sv_textbuf_end(&out), SV_OK);
    return room;
}

static sv_notice_group one(sv_notice_kind kind) {
    return (sv_notice_group){ .kind = kind,
                              .site = SV_TEXT("pune"),
                              .type = SV_TEXT("HIGH"),
                              .sensor = SV_TEXT("temperature"),
                              .severity = SV_SEVERITY_CRITICAL,
                              .count = 1,
                              .first = SV_TEXT("press-1"),
                              .reason = SV_TEXT("Value 91.2 exceeds high threshold") };
}

/// [notify-2]
static void one_line_says_what_is_wrong_where_and_with_how_many(void **state) {
    (void) state;
    assert_string_equal(title_of(one(SV_NOTICE_RAISED)),
                        "critical: press-1 at site pune: HIGH temperature: Value 91.2 exceeds high "
                        "threshold");
    // [alert-6]
    sv_notice_group long_number = one(SV_NOTICE_RECOVERED);
    long_number.reason = SV_TEXT("Value 7.7780000000000005 exceeds high threshold");
    assert_string_equal(title_of(long_number), "recovered: press-1 at site pune: HIGH temperature: "
                                               "Value 7.778 exceeds high threshold");
    sv_notice_group storm = one(SV_NOTICE_RAISED);
    storm.count = 400;
    storm.over = 12;
    assert_string_equal(title_of(storm),
                        "critical: 400 devices at site pune: HIGH temperature, first press-1: "
                        "Value 91.2 exceeds high threshold (12 of them over since)");
    assert_string_equal(title_of(one(SV_NOTICE_RECOVERED)),
                        "recovered: press-1 at site pune: HIGH temperature: Value 91.2 exceeds "
                        "high threshold");
    sv_notice_group still = one(SV_NOTICE_STILL_OPEN);
    still.over = 1;
    still.sensor = SV_TEXT("");
    assert_string_equal(title_of(still), "still open, critical: press-1 at site pune: HIGH: Value "
                                         "91.2 exceeds high threshold (over since)");
}

/// [notify-6]
static void no_text_begins_a_line_of_its_own(void **state) {
    (void) state;
    sv_notice_group evil = one(SV_NOTICE_ESCALATED);
    evil.reason = SV_TEXT("x\r\nBcc: all@example.com\n\n\x7f.");
    evil.first = SV_TEXT("press\r-1");
    const char *title = title_of(evil);
    assert_null(strpbrk(title, "\r\n\x7f"));
    assert_non_null(strstr(title, "x  Bcc: all@example.com"));
}

/// [notify-5]
static void pauses_grow_to_half_an_hour(void **state) {
    (void) state;
    int64_t before_us = 0;
    for (int64_t tries = 1; tries < 100; tries++) {
        int64_t pause_us = sv_notice_pause_us(tries);
        assert_true(pause_us >= before_us);
        before_us = pause_us;
    }
    assert_int_equal(sv_notice_pause_us(1), 5 * SV_TIME_SECOND_US);
    assert_int_equal(before_us, 30 * SV_TIME_MINUTE_US);
    assert_int_equal(sv_notice_pause_us(INT64_MAX), before_us);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_line_says_what_is_wrong_where_and_with_how_many),
        cmocka_unit_test(no_text_begins_a_line_of_its_own),
        cmocka_unit_test(pauses_grow_to_half_an_hour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
