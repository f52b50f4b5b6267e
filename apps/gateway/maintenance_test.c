// While somebody works on a device nothing is raised of it.
#include "ingest_fixture.h"
#include <base/belief.h>

#define HOUR_MS (SV_TIME_HOUR_US / 1000)

static const char RULES[] = "thresholds: {default: {high: 80, severity: warning}}\n"
                            "rules: {default: {hot: {when: t > 80}}}\n"
                            "stale: {default: 1h}\n";

static int setup(void **state) {
    return open_fixture(state, RULES);
}

static int64_t now_ms(void) {
    return sv_clock_wall_us() / 1000;
}

/// The event `maintenance`; `until_ms` 0: over.
static gw_event_end tell(fixture *f, const char *device, int64_t since_ms, int64_t until_ms) {
    SV_DEFER(sv_json_drop) sv_json *data = NULL;
    char room[SV_MAINTENANCE_BYTES_MAX];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&text);
    sv_maintenance said = {
        .since_ms = since_ms, .until_ms = until_ms, .by = "ada", .why = "bearing"
    };
    assert_int_equal(sv_text_copy(sv_text_of(device), said.device, sizeof said.device), SV_OK);
    sv_maintenance_format(&said, &out);
    assert_int_equal(sv_json_parse(sv_textbuf_text(&text), &data, NULL, NULL), SV_OK);
    return gw_push_take(&f->g, f->g.push.taken + 1, SV_TEXT("maintenance"), data);
}

static gw_event_end tell_hour(fixture *f, const char *device) {
    return tell(f, device, now_ms(), now_ms() + HOUR_MS);
}

static bool give(fixture *f, const char *list) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    assert_int_equal(sv_json_parse(sv_text_of(list), &root, NULL, NULL), SV_OK);
    return gw_maintenance_take_list(&f->g, root);
}

static void heat(fixture *f, const char *device) {
    for (int i = 0; i < 10; i++) {
        say(f, device, NULL, 0, 0, 99);
    }
    gw_ingest_tick(&f->g);
}

static void cool(fixture *f, const char *device) {
    for (int i = 0; i < 20; i++) {
        say(f, device, NULL, 0, 0, 20);
    }
    gw_ingest_tick(&f->g);
}

static int64_t open_alerts(fixture *f) {
    return ask(f, "SELECT count(*) FROM open_alert");
}

// [maintenance-1]
static void nothing_is_raised_of_it_and_what_is_wrong_still_is_raised_at_its_end(void **state) {
    fixture *f = *state;
    assert_int_equal(tell_hour(f, "d"), GW_EVENT_DONE);
    heat(f, "d");
    assert_int_equal(open_alerts(f), 0);
    assert_int_equal(ask(f, "SELECT count(*) FROM kept"), 10);
    heat(f, "other");
    assert_int_equal(open_alerts(f), 2); // its threshold and its rule
    assert_int_equal(tell(f, "d", now_ms(), 0), GW_EVENT_DONE);
    say(f, "d", NULL, 0, 0, 99);
    assert_int_equal(open_alerts(f), 4);
}

// [maintenance-1]
static void what_is_open_goes_on_and_is_cleared_as_ever(void **state) {
    fixture *f = *state;
    heat(f, "d");
    assert_int_equal(open_alerts(f), 2);
    assert_int_equal(tell_hour(f, "d"), GW_EVENT_DONE);
    heat(f, "d");
    assert_int_equal(open_alerts(f), 2);
    cool(f, "d");
    assert_int_equal(open_alerts(f), 0);
    heat(f, "d");
    assert_int_equal(open_alerts(f), 0);
}

// [maintenance-1]
static void of_the_site_it_holds_for_every_device(void **state) {
    fixture *f = *state;
    assert_int_equal(tell_hour(f, ""), GW_EVENT_DONE);
    heat(f, "d");
    heat(f, "other");
    assert_int_equal(open_alerts(f), 0);
    // Its own goes on when the site's is over.
    assert_int_equal(tell_hour(f, "d"), GW_EVENT_DONE);
    assert_int_equal(tell(f, "", now_ms(), 0), GW_EVENT_DONE);
    heat(f, "d");
    heat(f, "other");
    assert_int_equal(open_alerts(f), 2);
}

// [maintenance-1]
static void a_device_that_is_silent_or_complains_meanwhile_raises_nothing(void **state) {
    fixture *f = *state;
    say(f, "d", NULL, 0, 0, 20);
    gw_stream *s = gw_stream_of(&f->g, SV_TEXT("d"), SV_TEXT("t"));
    sv_health health = { .alert_count = 1 };
    health.alerts[0].level = SV_SEVERITY_CRITICAL;
    (void) sv_text_copy(SV_TEXT("disk full"), health.alerts[0].message,
                        sizeof health.alerts[0].message);
    assert_int_equal(tell_hour(f, "d"), GW_EVENT_DONE);
    s->stream.heard_us -= 2 * SV_TIME_HOUR_US;
    gw_ingest_tick(&f->g);
    gw_alert_health(&f->g, s->of, &health);
    assert_int_equal(open_alerts(f), 0);
    assert_int_equal(tell(f, "d", now_ms(), 0), GW_EVENT_DONE);
    gw_ingest_tick(&f->g);
    gw_alert_health(&f->g, s->of, &health);
    assert_int_equal(open_alerts(f), 2);
}

// [maintenance-3]
static void it_holds_through_a_restart_and_so_does_its_end(void **state) {
    fixture *f = *state;
    int64_t since_ms = now_ms();
    assert_int_equal(tell(f, "d", since_ms, since_ms + HOUR_MS), GW_EVENT_DONE);
    assert_int_equal(tell_hour(f, ""), GW_EVENT_DONE);
    heat(f, "d");
    restart(f);
    heat(f, "d");
    assert_int_equal(open_alerts(f), 0);
    assert_string_equal(f->g.maintenance.site->said.by, "ada");
    assert_string_equal(f->g.maintenance.site->said.why, "bearing");
    assert_int_equal(tell(f, "", now_ms(), 0), GW_EVENT_DONE);
    assert_int_equal(tell(f, "d", now_ms(), 0), GW_EVENT_DONE);
    restart(f);
    assert_false(gw_maintenance_is_on(&f->g, "d"));
    say(f, "d", NULL, 0, 0, 99);
    assert_int_equal(open_alerts(f), 2);
}

// [maintenance-3]
static void its_time_is_over_by_the_clock_also_while_the_gateway_was_off(void **state) {
    fixture *f = *state;
    int64_t since_ms = now_ms() - HOUR_MS;
    int64_t until_ms = now_ms() + 300;
    assert_int_equal(tell(f, "d", since_ms, until_ms), GW_EVENT_DONE);
    assert_int_equal(tell(f, "late", since_ms, now_ms() - 1), GW_EVENT_IDLE);
    for (int i = 0; i < 10; i++) {
        say(f, "d", NULL, 0, 0, 99);
    }
    restart(f);
    while (now_ms() < until_ms) {
        sv_loop_turn(f->g.loop, SV_TIME_SECOND_US / 100);
    }
    gw_ingest_tick(&f->g);
    assert_false(gw_maintenance_is_on(&f->g, "d"));
    say(f, "d", NULL, 0, 0, 99);
    assert_int_equal(open_alerts(f), 2);
    assert_int_equal(ask(f, "SELECT count(*) FROM maintenance"), 0);
}

// [maintenance-4]
static void a_clock_that_leaps_ahead_does_not_end_it(void **state) {
    fixture *f = *state;
    assert_int_equal(tell_hour(f, "d"), GW_EVENT_DONE);
    // All that was known until now was long ago: so is what the clock is believed to say.
    sv_clock_resume(sv_clock_wall_us() - 2 * SV_BELIEF_ABSENT_US, 0);
    gw_work *work = sv_map_get(f->g.maintenance.of, SV_TEXT("d"));
    work->said.until_ms -= 2 * HOUR_MS;
    gw_ingest_tick(&f->g);
    assert_true(gw_maintenance_is_on(&f->g, "d"));
    heat(f, "d");
    assert_int_equal(open_alerts(f), 0);
    sv_clock_resume(sv_clock_wall_us(), 0);
}

// [maintenance-4]
static void a_clock_that_is_set_back_does_not_lengthen_it(void **state) {
    fixture *f = *state;
    // Its end is hours away by a clock that was set back; the gateway has run for as long as asked.
    assert_int_equal(tell(f, "d", now_ms() + 3 * HOUR_MS, now_ms() + 4 * HOUR_MS), GW_EVENT_DONE);
    f->g.maintenance.ran_us += SV_TIME_HOUR_US - SV_TIME_MINUTE_US;
    gw_ingest_tick(&f->g);
    assert_true(gw_maintenance_is_on(&f->g, "d"));
    // How long it has run is known after a restart.
    restart(f);
    gw_ingest_tick(&f->g);
    assert_true(gw_maintenance_is_on(&f->g, "d"));
    f->g.maintenance.ran_us += SV_TIME_MINUTE_US;
    gw_ingest_tick(&f->g);
    assert_false(gw_maintenance_is_on(&f->g, "d"));
}

// [maintenance-5]
static void after_a_reset_the_list_says_what_there_is(void **state) {
    fixture *f = *state;
    char list[1024];
    long long now = now_ms();
    assert_int_equal(tell_hour(f, "gone"), GW_EVENT_DONE);
    assert_int_equal(tell_hour(f, ""), GW_EVENT_DONE);
    assert_int_equal(tell_hour(f, "again"), GW_EVENT_DONE);
    f->g.maintenance.wanted = true;
    // Older than what is known, or nothing of the kind: asked again.
    assert_false(give(f, "{\"after\":2,\"items\":[]}"));
    assert_false(give(f, "{\"after\":3}"));
    assert_false(give(f, "{\"after\":3,\"items\":[{\"device\":\"x\"}]}"));
    assert_true(f->g.maintenance.wanted);
    assert_true(gw_maintenance_is_on(&f->g, "anything"));
    (void) snprintf(list, sizeof list,
                    "{\"after\":3,\"items\":["
                    "{\"device\":\"again\",\"since\":%lld,\"until\":%lld,\"by\":\"a\",\"why\":"
                    "\"\"},"
                    "{\"device\":\"new\",\"since\":%lld,\"until\":%lld,\"by\":\"a\",\"why\":"
                    "\"\"}]}",
                    now, now + 60000, now, now + 60000);
    assert_true(give(f, list));
    assert_false(f->g.maintenance.wanted);
    restart(f);
    assert_true(gw_maintenance_is_on(&f->g, "again"));
    assert_true(gw_maintenance_is_on(&f->g, "new"));
    assert_false(gw_maintenance_is_on(&f->g, "gone"));
    assert_false(gw_maintenance_is_on(&f->g, "anything"));
    // And a reset is what makes it ask.
    assert_int_equal(gw_push_take(&f->g, 1, SV_TEXT("reset"), NULL), GW_EVENT_DONE);
    assert_true(f->g.maintenance.wanted);
}

// [maintenance-4]
static void said_again_it_lasts_no_longer(void **state) {
    fixture *f = *state;
    int64_t since_ms = now_ms();
    assert_int_equal(tell(f, "d", since_ms, since_ms + HOUR_MS), GW_EVENT_DONE);
    const gw_work *work = sv_map_get(f->g.maintenance.of, SV_TEXT("d"));
    int64_t ends_us = work->ends_us;
    f->g.maintenance.ran_us += SV_TIME_MINUTE_US;
    assert_int_equal(tell(f, "d", since_ms, since_ms + HOUR_MS), GW_EVENT_DONE);
    assert_int_equal(work->ends_us, ends_us);
    assert_int_equal(tell(f, "d", since_ms, since_ms + 2 * HOUR_MS), GW_EVENT_DONE);
    assert_true(work->ends_us > ends_us);
}

// [maintenance-2]
static void no_more_are_kept_than_there_is_room_for(void **state) {
    fixture *f = *state;
    char id[SV_ID_ROOM];
    for (int i = 0; i < SV_MAINTENANCE_OF_SITE_MAX; i++) {
        (void) snprintf(id, sizeof id, "d-%d", i);
        assert_int_equal(tell_hour(f, id), GW_EVENT_DONE);
    }
    assert_int_equal(tell_hour(f, "more"), GW_EVENT_REFUSED);
    assert_int_equal(tell_hour(f, ""), GW_EVENT_DONE);
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(GW_LOCAL_MAX);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_json_out out = SV_JSON_OUT(&text);
    int64_t count = 0;
    gw_maintenance_write(&f->g, &out);
    assert_int_equal(sv_json_parse(sv_textbuf_text(&text), &root, NULL, NULL), SV_OK);
    assert_true(sv_json_int(sv_json_get(root, "count"), &count));
    assert_int_equal(count, SV_MAINTENANCE_OF_SITE_MAX + 1);
    assert_int_equal(sv_json_count(sv_json_get(root, "items")), GW_MAINTENANCE_SHOWN + 1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_raised_of_it_and_what_is_wrong_still_is_raised_at_its_end),
        TEST(what_is_open_goes_on_and_is_cleared_as_ever),
        TEST(of_the_site_it_holds_for_every_device),
        TEST(a_device_that_is_silent_or_complains_meanwhile_raises_nothing),
        TEST(it_holds_through_a_restart_and_so_does_its_end),
        TEST(its_time_is_over_by_the_clock_also_while_the_gateway_was_off),
        TEST(a_clock_that_leaps_ahead_does_not_end_it),
        TEST(a_clock_that_is_set_back_does_not_lengthen_it),
        TEST(after_a_reset_the_list_says_what_there_is),
        TEST(said_again_it_lasts_no_longer),
        TEST(no_more_are_kept_than_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
