// What a reading causes.
#include "ingest_fixture.h"

static const char RULES[] = "thresholds: {default: {high: 80, severity: warning, escalate: 1h}}\n"
                            "stale: {default: 1h}\n"
                            "mute: [{devices: [quiet-*]}]\n";

static int setup(void **state) {
    return open_fixture(state, RULES);
}

static gw_stream *stream(fixture *f, const char *device) {
    return gw_stream_of(&f->g, sv_text_of(device), SV_TEXT("t"));
}

// [edge-13]
static void what_comes_late_is_kept_and_summed_up_and_raises_nothing(void **state) {
    fixture *f = *state;
    // Ten minutes without a gateway, too hot all the while; then it is there, and all is well.
    for (int i = 0; i < 10; i++) {
        say(f, "d", "e1", 601 + i, 10 - i, 20);
    }
    for (int i = 0; i < 600; i++) {
        say(f, "d", "e1", 1 + i, 610 - i, 99);
    }
    assert_int_equal(f->g.late, 600);
    assert_int_equal(ask(f, "SELECT count(*) FROM kept"), 610);
    assert_int_equal(ask(f, "SELECT count(*) FROM open_alert"), 0);
    assert_true(stream(f, "d")->last.average == 20);
    // Minutes of the time that was missed, none of them mixed with now.
    assert_in_range(ask(f, "SELECT count(*) FROM outbox WHERE body LIKE '%\"mean\":99%'"), 9, 10);
    assert_int_equal(ask(f, "SELECT count(*) FROM outbox WHERE average = 1 AND body NOT LIKE "
                            "'%\"value\":99%' AND body NOT LIKE '%\"value\":20%'"),
                     0);
    say(f, "d", "e1", 611, 0, 90);
    assert_true(stream(f, "d")->last.average == 27);
}

// [edge-13]
static void what_an_earlier_start_kept_is_late_as_well_and_a_new_start_is_not(void **state) {
    fixture *f = *state;
    say(f, "d", "new", 1, 1, 20);
    say(f, "d", "old", 77, 3000, 99);
    say(f, "d", "new", 2, 0, 20);
    assert_int_equal(f->g.late, 1);
    // Another start whose clock is a little behind what was heard before it.
    say(f, "d", "next", 1, 5, 20);
    say(f, "d", "next", 2, 4, 20);
    assert_int_equal(f->g.late, 1);
    // Without a number, or with a clock an hour behind, readings are judged as they come.
    say(f, "plain", NULL, 0, 0, 20);
    say(f, "plain", NULL, 0, 3600, 99);
    say(f, "slow", "s", 1, 3600, 99);
    say(f, "slow", "s", 2, 3599, 99);
    assert_int_equal(f->g.late, 1);
    assert_true(stream(f, "slow")->stream.causes[SV_CAUSE_HIGH].open);
}

// [edge-13]
static void a_restart_does_not_judge_what_came_late(void **state) {
    fixture *f = *state;
    say(f, "d", "e1", 50, 1, 20);
    say(f, "d", "e1", 10, 500, 99);
    say(f, "d", "e1", 51, 0, 20);
    restart(f);
    say(f, "d", "e1", 52, 0, 20);
    assert_true(stream(f, "d")->last.average == 20);
}

// [edge-7]
static void silence_outlives_a_restart(void **state) {
    fixture *f = *state;
    say(f, "d", NULL, 0, 0, 20);
    stream(f, "d")->stream.heard_us -= SV_TIME_HOUR_US + 1;
    gw_ingest_tick(&f->g);
    assert_int_equal(ask(f, "SELECT count(*) FROM open_alert WHERE type = 6"), 1);
    restart(f);
    gw_ingest_tick(&f->g);
    assert_int_equal(f->g.alerts_open, 1);
    assert_int_equal(ask(f, "SELECT count(*) FROM open_alert WHERE type = 6"), 1);
    say(f, "d", NULL, 0, 0, 20);
    gw_ingest_tick(&f->g);
    assert_int_equal(f->g.alerts_open, 0);
    assert_int_equal(ask(f, "SELECT count(*) FROM open_alert"), 0);
    assert_int_equal(ask(f, "SELECT count(*) FROM alert_post WHERE body LIKE '%\"STALE\"%'"), 2);
}

// [edge-7]
static void of_a_device_that_said_goodbye_silence_is_no_news(void **state) {
    fixture *f = *state;
    say(f, "d", NULL, 0, 0, 20);
    (void) gw_ingest_message(&f->g, SV_TEXT("presence/d"), SV_TEXT("{\"online\":false}"));
    stream(f, "d")->stream.heard_us -= SV_TIME_HOUR_US + 1;
    gw_ingest_tick(&f->g);
    assert_int_equal(f->g.alerts_open, 0);
    (void) gw_ingest_message(&f->g, SV_TEXT("presence/d"), SV_TEXT("{\"online\":true}"));
    gw_ingest_tick(&f->g);
    assert_int_equal(f->g.alerts_open, 1);
}

// [edge-10]
static void muted_streams_raise_nothing_and_go_on_being_stored(void **state) {
    fixture *f = *state;
    say(f, "quiet-1", NULL, 0, 1, 99);
    say(f, "loud-1", NULL, 0, 1, 99);
    assert_int_equal(f->g.alerts_open, 1);
    assert_int_equal(ask(f, "SELECT count(*) FROM kept"), 2);
    // The mute goes: what is wrong still is raised.
    change_rules(f, "thresholds: {default: {high: 80}}\n");
    gw_ingest_tick(&f->g);
    say(f, "quiet-1", NULL, 0, 0, 99);
    assert_int_equal(f->g.alerts_open, 2);
}

// [edge-12]
static void an_alert_that_nobody_acknowledged_escalates_also_after_a_restart(void **state) {
    fixture *f = *state;
    say(f, "d", NULL, 0, 1, 99);
    say(f, "known", NULL, 0, 1, 99);
    char id[SV_ALERT_ID_MAX + 1];
    memcpy(id, stream(f, "known")->stream.causes[SV_CAUSE_HIGH].alert_id, sizeof id);
    sv_writer_wait(f->g.writer);
    assert_int_equal(gw_alert_acknowledge(&f->g, sv_text_of(id), SV_TEXT("ana"), 1, 0),
                     GW_EVENT_DONE);
    sv_writer_add(f->g.writer, "UPDATE open_alert SET raised = raised - 3600000001");
    restart(f);
    gw_ingest_tick(&f->g);
    assert_int_equal(stream(f, "d")->stream.causes[SV_CAUSE_HIGH].severity, SV_SEVERITY_CRITICAL);
    assert_int_equal(stream(f, "known")->stream.causes[SV_CAUSE_HIGH].severity,
                     SV_SEVERITY_WARNING);
    assert_int_equal(ask(f, "SELECT severity FROM open_alert WHERE device = 'd'"),
                     SV_SEVERITY_CRITICAL);
    assert_int_equal(ask(f, "SELECT count(*) FROM alert_post WHERE body LIKE '%\"critical\"%'"), 1);
}

// [reading-9]
static void what_is_not_where_it_says_goes_up_marked(void **state) {
    fixture *f = *state;
    int64_t years_s = sv_clock_wall_us() / SV_TIME_SECOND_US;
    say(f, "d", NULL, 0, 130, 10);
    say(f, "d", NULL, 0, years_s - 60, 30); // a minute into 1970
    restart(f);
    // One that is right in the same minute.
    say(f, "d", NULL, 0, years_s - stream(f, "d")->stream.minute.minute_us / SV_TIME_SECOND_US, 30);
    say(f, "d", NULL, 0, -70, 50);
    say(f, "d", NULL, 0, -140, 70);
#define ITEMS(what) "SELECT count(*) FROM outbox WHERE body LIKE '%" what "%'"
    assert_int_equal(ask(f, ITEMS("\"kind\":\"average\"")), 5);
    assert_int_equal(ask(f, ITEMS("\"kind\":\"average\"%\"corrected\":true")), 1);
    assert_int_equal(ask(f, ITEMS("\"value\":20,\"corrected\":true")), 1);
    assert_int_equal(ask(f, ITEMS("\"kind\":\"summary\"")), 3);
    assert_int_equal(ask(f, ITEMS("\"kind\":\"summary\"%\"corrected\":true")), 1);
    assert_int_equal(ask(f, ITEMS("\"mean\":30,%\"corrected\":true")), 1);
#undef ITEMS
}

static void say_at(fixture *f, const char *topic, int64_t at_us, const char *rest) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(1024);
    sv_textbuf_add_str(&body, "{\"timestamp\":\"");
    sv_time_add(&body, at_us);
    sv_textbuf_addf(&body, "\",\"boot\":\"b1\",%s}", rest);
    (void) gw_ingest_message(&f->g, sv_text_of(topic), sv_textbuf_text(&body));
}

// [reading-10]
static void what_waited_goes_up_at_its_own_minute(void **state) {
    fixture *f = *state;
    int64_t now_us = sv_clock_wall_us();
    say_at(f, "presence/d", now_us, "\"online\":true,\"uptime\":3600000000,\"proven\":true");
    say_at(f, "sensors/d/t", SV_TIME_MINUTE_US,
           "\"value\":5,\"device_id\":\"d\",\"uptime\":1800000000");
    char sql[256];
    (void) snprintf(sql, sizeof sql,
                    "SELECT count(*) FROM outbox WHERE body LIKE '%%\"at\":%lld,\"value\":5,"
                    "\"corrected\":true'",
                    (long long) (now_us - 30 * SV_TIME_MINUTE_US));
    assert_int_equal(ask(f, sql), 1);
}

// [alert-1]
static void an_alert_of_a_clock_in_1970_is_raised_now(void **state) {
    fixture *f = *state;
    say(f, "d", NULL, 0, sv_clock_wall_us() / SV_TIME_SECOND_US - 60, 99);
    assert_int_equal(ask(f, "SELECT abs(sent - raised) < 1000000 FROM open_alert"), 1);
    assert_int_equal(
        ask(f,
            "SELECT count(*) FROM alert_post WHERE body LIKE '%\"timestamp\":\"1970-01-01T00:%'"),
        1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_comes_late_is_kept_and_summed_up_and_raises_nothing),
        TEST(what_an_earlier_start_kept_is_late_as_well_and_a_new_start_is_not),
        TEST(a_restart_does_not_judge_what_came_late),
        TEST(silence_outlives_a_restart),
        TEST(of_a_device_that_said_goodbye_silence_is_no_news),
        TEST(muted_streams_raise_nothing_and_go_on_being_stored),
        TEST(an_alert_that_nobody_acknowledged_escalates_also_after_a_restart),
        TEST(what_is_not_where_it_says_goes_up_marked),
        TEST(what_waited_goes_up_at_its_own_minute),
        TEST(an_alert_of_a_clock_in_1970_is_raised_now),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
