// What is unusual at a gateway: its alerts, and what a restart keeps.
#include "ingest_fixture.h"
#include <edge/usual.h>
#include <math.h>

enum { MINUTES = 1200, LEARN_MINUTES = 1000 };

static int setup(void **state) {
    return open_fixture(state, "detect: {default: {learn: 10h}, sensors: {badge: off}}\n"
                               "uplink: {sensors: {secret: never}}\n");
}

static gw_stream *stream(fixture *f, const char *sensor) {
    return gw_stream_of(&f->g, SV_TEXT("d"), sv_text_of(sensor));
}

static double usual(int minute) {
    return 50 + 10 * sin(minute / 60.0) + (double) ((minute * 7919) % 1009) / 1009;
}

/// Readings of minutes, up to but not including `to`; the last of all will be now.
static void say_minutes(fixture *f, const char *sensor, int from, int to, double off) {
    for (int i = from; i < to; i++) {
        say_of(f, "d", sensor, NULL, 0, (int64_t) (MINUTES - i) * 60, usual(i) + off);
        if (i % 100 == 0) {
            sv_writer_wait(f->g.writer);
        }
    }
}

#define UNUSUAL "SELECT count(*) FROM open_alert WHERE type = 2 AND rule = 'unusual'"

// [edge-18] [alert-7]
static void what_is_unusual_is_told_with_a_reason_what_was_expected_and_a_score(void **state) {
    fixture *f = *state;
    say_minutes(f, "t", 0, LEARN_MINUTES, 0);
    assert_int_equal(ask(f, UNUSUAL), 0);
    say_minutes(f, "t", LEARN_MINUTES, LEARN_MINUTES + 20, 500);
    assert_int_equal(ask(f, UNUSUAL), 1);
    assert_int_equal(f->g.raised, 1);
    assert_int_equal(ask(f, "SELECT count(*) FROM alert_post"), 1);
    assert_int_equal(
        ask(f,
            "SELECT count(*) FROM alert_post WHERE body ->> 'alertType' = 'ANOMALY' AND body ->> "
            "'severity' = 'critical' AND body ->> 'message' LIKE 'Value 5% outside what was "
            "usual%' AND body -> 'data' ->> 'score' BETWEEN 50 AND 100 AND body -> 'data' ->> "
            "'rule' = 'unusual' AND body -> 'data' -> 'expected' ->> 0 BETWEEN -50 AND 50 AND "
            "body -> 'data' -> 'expected' ->> 1 BETWEEN 50 AND 150"),
        1);
}

// [edge-18]
static void what_stays_at_the_site_is_unusual_there_alone(void **state) {
    fixture *f = *state;
    say_minutes(f, "secret", 0, LEARN_MINUTES, 0);
    say_minutes(f, "secret", LEARN_MINUTES, LEARN_MINUTES + 20, 500);
    assert_int_equal(ask(f, UNUSUAL), 1);
    assert_int_equal(ask(f, "SELECT count(*) FROM alert_post"), 0);
    assert_int_equal(ask(f, "SELECT count(*) FROM outbox"), 0);
}

// [edge-18]
static void nothing_is_kept_of_what_is_not_looked_at(void **state) {
    fixture *f = *state;
    say_minutes(f, "badge", 0, 100, 0);
    gw_usual_keep_all(&f->g);
    assert_null(stream(f, "badge")->stream.usual);
    assert_int_equal(ask(f, "SELECT count(*) FROM usual"), 0);
}

static sv_stream_detector detector(fixture *f) {
    return stream(f, "t")->stream.usual->detector;
}

static void expect_same(fixture *f, const sv_stream_detector *before) {
    uint8_t bytes[2][SV_STREAM_SAVE_BYTES_MAX];
    sv_stream_detector after = detector(f);
    size_t len = sv_stream_detector_save(before, bytes[0], sizeof bytes[0]);
    assert_int_equal(sv_stream_detector_save(&after, bytes[1], sizeof bytes[1]), len);
    assert_memory_equal(bytes[0], bytes[1], len);
}

// [detect-10]
static void after_an_orderly_end_nothing_is_learnt_again(void **state) {
    fixture *f = *state;
    f->g.config.store.rows = 1;
    say_minutes(f, "t", 0, 500, 0);
    sv_stream_detector before = detector(f);
    gw_usual_keep_all(&f->g);
    assert_true(gw_senders_checkpoint(&f->g));
    restart(f);
    expect_same(f, &before);
    say_minutes(f, "t", 500, 501, 0);
    assert_int_equal(detector(f).seen, 501);
}

// [detect-10]
static void after_a_power_cut_what_came_after_the_copy_is_learnt_from_the_readings(void **state) {
    fixture *f = *state;
    say_minutes(f, "t", 0, 300, 0);
    gw_usual_keep_all(&f->g);
    say_minutes(f, "t", 300, 500, 0);
    sv_stream_detector before = detector(f);
    restart(f);
    expect_same(f, &before);
    assert_int_equal(stream(f, "t")->usual.fresh, 200);
}

// [detect-10]
static void a_copy_is_made_in_its_time_and_not_before(void **state) {
    fixture *f = *state;
    int64_t now_us = sv_clock_monotonic_us();
    gw_stream *s = stream(f, "t");
    unsigned left = 1;
    say_minutes(f, "t", 0, GW_USUAL_READINGS - 1, 0);
    gw_usual_tick(&f->g, s, now_us + GW_USUAL_LEAST_US + SV_TIME_MINUTE_US, &left);
    assert_int_equal(left, 1);
    say_minutes(f, "t", GW_USUAL_READINGS - 1, GW_USUAL_READINGS, 0);
    gw_usual_tick(&f->g, s, now_us, &left);
    assert_int_equal(left, 1);
    gw_usual_tick(&f->g, s, now_us + GW_USUAL_LEAST_US + SV_TIME_MINUTE_US, &left);
    assert_int_equal(left, 0);
    say_minutes(f, "t", GW_USUAL_READINGS, GW_USUAL_READINGS + 1, 0);
    gw_usual_tick(&f->g, s, now_us + GW_USUAL_MOST_US + SV_TIME_MINUTE_US, &left);
    assert_int_equal(s->usual.fresh, 1); // none is left in this second
    left = 1;
    gw_usual_tick(&f->g, s, now_us + GW_USUAL_MOST_US + SV_TIME_MINUTE_US, &left);
    assert_int_equal(s->usual.fresh, 0);
    assert_int_equal(ask(f, "SELECT count(*) FROM usual"), 1);
}

// [detect-10]
static void an_open_alert_outlives_a_power_cut_and_is_not_raised_again(void **state) {
    fixture *f = *state;
    say_minutes(f, "t", 0, LEARN_MINUTES, 0);
    say_minutes(f, "t", LEARN_MINUTES, LEARN_MINUTES + 20, 500);
    restart(f);
    assert_int_equal(f->g.alerts_open, 1);
    say_minutes(f, "t", LEARN_MINUTES + 20, LEARN_MINUTES + 25, 500);
    assert_int_equal(f->g.raised, 1);
    say_minutes(f, "t", LEARN_MINUTES + 25, MINUTES, 0);
    assert_int_equal(ask(f, UNUSUAL), 0);
    assert_int_equal(ask(f,
                         "SELECT count(*) FROM alert_post WHERE body ->> 'event' = 'cleared' AND "
                         "body ->> 'message' LIKE 'Value 5%'"),
                     1);
}

// [detect-10]
static void a_copy_that_is_damaged_is_learnt_anew(void **state) {
    fixture *f = *state;
    say_minutes(f, "t", 0, 100, 0);
    gw_usual_keep_all(&f->g);
    sv_writer_add(f->g.writer, "UPDATE usual SET state = substr(state, 1, 100)");
    restart(f);
    assert_int_equal(detector(f).seen, 100); // from the readings
}

// [uplink-14]
static void of_what_was_expected_only_news_go_up(void **state) {
    (void) state;
    static const struct {
        int minute;
        double low, high, score;
        bool told, scored;
    } CASES[] = {
        { 0, 50, 70, 0, true, false },      // the first
        { 1, 50.5, 70.5, 9, false, false }, // less than a twentieth
        { 2, 51.5, 70, 0, true, false },    // more
        { 3, 51.5, 70, 10, false, true },   { 4, 0, 0, 0, false, false },
        { 61, 51.5, 70, 0, false, false },  { 62, 51.5, 70, 0, true, false }, // an hour later
        { 30, 51.5, 70, 0, true, false }, // a clock that was set back
    };
    gw_usual usual = { .reading = 0 };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_summary minute = { .minute_us =
                                  INT64_C(1800000000000000) + CASES[i].minute * SV_TIME_MINUTE_US,
                              .low = CASES[i].low,
                              .high = CASES[i].high,
                              .score = CASES[i].score };
        bool news = gw_usual_sift(&usual, &minute);
        assert_int_equal(news, CASES[i].told || CASES[i].scored);
        assert_int_equal(minute.low < minute.high, CASES[i].told);
        assert_int_equal(minute.score > 0, CASES[i].scored);
    }
}

// [uplink-14]
static void a_minute_goes_up_with_its_score_and_what_was_expected(void **state) {
    fixture *f = *state;
    say_minutes(f, "t", 0, 400, 0);
    say_minutes(f, "t", 400, 402, 500);
    gw_ingest_tick(&f->g);
    int64_t minutes = ask(f, "SELECT count(*) FROM outbox WHERE average = 0");
    int64_t banded = ask(f, "SELECT count(*) FROM outbox WHERE body LIKE '%\"expected\":[%'");
    assert_in_range(banded, 6, minutes / 4);
    assert_in_range(ask(f, "SELECT count(*) FROM outbox WHERE body LIKE '%\"score\":%' AND "
                           "body LIKE '%\"mean\":5__.%'"),
                    1, 2);
    assert_int_equal(ask(f, "SELECT count(*) FROM outbox WHERE body LIKE '%\"expected\":[%' AND "
                            "average = 1"),
                     0);
}

static gw_event_end say_normal(fixture *f, int64_t id, const char *alert, const char *sensor) {
    char text[256];
    SV_DEFER(sv_json_drop) sv_json *data = NULL;
    (void) snprintf(text, sizeof text,
                    "{\"alert\":\"%s\",\"device\":\"d\",\"sensor\":\"%s\",\"by\":\"ada\",\"at\":1}",
                    alert, sensor);
    assert_int_equal(sv_json_parse(sv_text_of(text), &data, NULL, NULL), SV_OK);
    return gw_push_take(&f->g, id, SV_TEXT("normal"), data);
}

// [detect-12]
static void what_was_called_normal_ends_its_alert_and_is_remembered_after_a_restart(void **state) {
    fixture *f = *state;
    char alert[SV_ALERT_ID_MAX + 1];
    say_minutes(f, "t", 0, LEARN_MINUTES, 0);
    say_minutes(f, "t", LEARN_MINUTES, LEARN_MINUTES + 2, 500);
    assert_int_equal(ask(f, UNUSUAL), 1);
    memcpy(alert, stream(f, "t")->usual.alert, sizeof alert);
    assert_int_equal(say_normal(f, 7, alert, "t"), GW_EVENT_DONE);
    sv_stream_detector before = detector(f);
    restart(f);
    expect_same(f, &before);
    say_minutes(f, "t", LEARN_MINUTES + 2, LEARN_MINUTES + 10, 500);
    assert_int_equal(ask(f, UNUSUAL), 0);
    // A quiet time later its like is no news.
    say_minutes(f, "t", LEARN_MINUTES + 10, LEARN_MINUTES + 100, 0);
    say_minutes(f, "t", LEARN_MINUTES + 100, LEARN_MINUTES + 102, 500);
    assert_int_equal(f->g.raised, 1);
}

// [detect-12]
static void what_is_not_about_the_last_alert_of_a_stream_teaches_nothing(void **state) {
    fixture *f = *state;
    say_minutes(f, "t", 0, LEARN_MINUTES, 0);
    assert_int_equal(say_normal(f, 7, "", "badge"), GW_EVENT_IDLE);
    assert_int_equal(say_normal(f, 8, "00112233445566778899aabbccddeeff", "t"), GW_EVENT_IDLE);
    say_minutes(f, "t", LEARN_MINUTES, LEARN_MINUTES + 2, 500);
    sv_stream_detector before = detector(f);
    assert_int_equal(say_normal(f, 9, "00112233445566778899aabbccddeeff", "t"), GW_EVENT_IDLE);
    assert_int_equal(say_normal(f, 10, stream(f, "t")->usual.alert, "t/x"), GW_EVENT_REFUSED);
    assert_int_equal(say_normal(f, 11, stream(f, "t")->usual.alert, "unheard"), GW_EVENT_IDLE);
    expect_same(f, &before);
    assert_int_equal(ask(f, "SELECT count(*) FROM stream WHERE sensor = 'unheard'"), 0);
}

// [detect-12]
static void a_stream_that_is_silent_since_the_start_learns_as_well(void **state) {
    fixture *f = *state;
    char alert[SV_ALERT_ID_MAX + 1];
    say_minutes(f, "t", 0, LEARN_MINUTES, 0);
    say_minutes(f, "t", LEARN_MINUTES, LEARN_MINUTES + 2, 500);
    memcpy(alert, stream(f, "t")->usual.alert, sizeof alert);
    sv_writer_add(f->g.writer, "DELETE FROM open_alert");
    sv_writer_add(f->g.writer, "DELETE FROM reading");
    restart(f);
    assert_null(gw_stream_known(&f->g, SV_TEXT("d"), SV_TEXT("t")));
    assert_int_equal(say_normal(f, 7, alert, "t"), GW_EVENT_DONE);
    assert_false(detector(f).alerted);
}

// [edge-18]
static void a_reload_keeps_what_is_known(void **state) {
    fixture *f = *state;
    say_minutes(f, "t", 0, 100, 0);
    change_rules(f, "detect: off\n");
    say_minutes(f, "t", 100, 110, 0);
    change_rules(f, "detect: high\n");
    say_minutes(f, "t", 110, 120, 0);
    assert_int_equal(detector(f).seen, 110);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_unusual_is_told_with_a_reason_what_was_expected_and_a_score),
        TEST(what_stays_at_the_site_is_unusual_there_alone),
        TEST(nothing_is_kept_of_what_is_not_looked_at),
        TEST(after_an_orderly_end_nothing_is_learnt_again),
        TEST(after_a_power_cut_what_came_after_the_copy_is_learnt_from_the_readings),
        TEST(a_copy_is_made_in_its_time_and_not_before),
        TEST(an_open_alert_outlives_a_power_cut_and_is_not_raised_again),
        TEST(a_copy_that_is_damaged_is_learnt_anew),
        TEST(of_what_was_expected_only_news_go_up),
        TEST(a_minute_goes_up_with_its_score_and_what_was_expected),
        TEST(what_was_called_normal_ends_its_alert_and_is_remembered_after_a_restart),
        TEST(what_is_not_about_the_last_alert_of_a_stream_teaches_nothing),
        TEST(a_stream_that_is_silent_since_the_start_learns_as_well),
        TEST(a_reload_keeps_what_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
