// From events to messages in virtual time: whom an alert concerns, and what becomes one message.
#include "notify_fixture.h"

enum { STORM = 400 };

/// [notify-2]
static void a_storm_of_one_cause_is_one_message(void **state) {
    fixture *f = *state;
    sv_message message;
    configure(f, "routes: [{name: all, to: [ops, boss]}]");
    for (int i = 0; i < STORM; i++) {
        char id[16];
        char device[16];
        (void) snprintf(id, sizeof id, "a%d", i);
        (void) snprintf(device, sizeof device, "press-%d", i);
        raised(f, id, device);
        if (i % 97 == 0) {
            turn(f);
            pass(1);
        }
    }
    turn(f);
    assert_string_equal(send(f, "ops", SV_DELIVERY_TAKEN), ""); // it gathers
    cleared(f, "a7", "press-7");
    pass(10);
    turn(f);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM notice"), 2);
    assert_int_equal(sv_notify_next(&f->fleet, "ops", now_ms(), &message, NULL), SV_OK);
    assert_string_equal(message.title,
                        "warning: 400 devices at site north: HIGH temperature, first press-0: "
                        "Value 91.2 exceeds high threshold (1 of them over since)");
    assert_int_equal(sv_textbuf_end(&message.body), SV_OK);
    assert_non_null(strstr(message.body.at, "and 380 more\n"));
    assert_non_null(strstr(message.body.at, "https://fleet.example/alerts?site=north\n"));
    assert_int_equal(sv_textbuf_end(&message.facts), SV_OK);
    assert_non_null(strstr(message.facts.at, "\"count\":400,\"over\":1,"));
    sv_message_drop(&message);
    assert_starts(send(f, "boss", SV_DELIVERY_TAKEN), "warning: 400 devices");
    assert_string_equal(send(f, "boss", SV_DELIVERY_TAKEN), "");
}

/// [notify-1]
static void what_is_said_again_is_not_told_again(void **state) {
    fixture *f = *state;
    configure(f, ALL_TO_OPS);
    for (int i = 0; i < 3; i++) {
        raised(f, "a1", "press-1");
        happen(f, "a1", "press-1", SV_ALERT_UPDATED, SV_SEVERITY_WARNING);
        turn(f);
        pass(20);
        turn(f);
        assert_starts(send(f, "ops", SV_DELIVERY_TAKEN), i == 0 ? "warning: press-1" : "");
        assert_string_equal(send(f, "ops", SV_DELIVERY_TAKEN), "");
    }
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM notice"), 1);
    assert_int_equal(
        fixture_count(f, "SELECT count(*) FROM alert_event WHERE event = 'updated' AND count = 3"),
        1);
}

/// [notify-2]
static void who_heard_the_beginning_hears_the_end(void **state) {
    fixture *f = *state;
    configure(f, "routes: [{name: all, to: ops}]");
    raised(f, "a1", "press-1");
    turn(f);
    pass(10);
    turn(f);
    assert_starts(send(f, "ops", SV_DELIVERY_TAKEN), "warning: press-1 at site north");
    cleared(f, "a1", "press-1");
    turn(f);
    pass(10);
    turn(f);
    assert_starts(send(f, "ops", SV_DELIVERY_TAKEN), "recovered: press-1 at site north");
    assert_string_equal(send(f, "boss", SV_DELIVERY_TAKEN), "");
    configure(f, "routes: [{name: all, to: ops, recovery: false}]");
    raised(f, "a2", "press-2");
    turn(f);
    pass(10);
    turn(f);
    assert_starts(send(f, "ops", SV_DELIVERY_TAKEN), "warning: press-2");
    cleared(f, "a2", "press-2");
    turn(f);
    pass(10);
    turn(f);
    assert_string_equal(send(f, "ops", SV_DELIVERY_TAKEN), "");
}

/// [notify-2]
static void what_is_over_before_it_was_told_is_told_once(void **state) {
    fixture *f = *state;
    configure(f, ALL_TO_OPS);
    raised(f, "a1", "press-1");
    turn(f);
    pass(5);
    cleared(f, "a1", "press-1");
    turn(f);
    pass(10);
    turn(f);
    const char *title = send(f, "ops", SV_DELIVERY_TAKEN);
    assert_starts(title, "warning: press-1");
    assert_non_null(strstr(title, "(over since)"));
    pass(60);
    turn(f);
    assert_string_equal(send(f, "ops", SV_DELIVERY_TAKEN), "");
}

/// [notify-2]
static void what_is_over_while_a_worse_message_gathers_has_no_message_of_its_own(void **state) {
    fixture *f = *state;
    configure(f, ALL_TO_OPS);
    raised(f, "a1", "press-1");
    turn(f);
    pass(10);
    turn(f);
    assert_starts(send(f, "ops", SV_DELIVERY_TAKEN), "warning: press-1");
    happen(f, "a1", "press-1", SV_ALERT_UPDATED, SV_SEVERITY_CRITICAL);
    turn(f);
    cleared(f, "a1", "press-1");
    turn(f);
    pass(10);
    turn(f);
    const char *title = send(f, "ops", SV_DELIVERY_TAKEN);
    assert_starts(title, "critical: press-1");
    assert_non_null(strstr(title, "(over since)"));
    pass(60);
    turn(f);
    assert_string_equal(send(f, "ops", SV_DELIVERY_TAKEN), "");
}

/// [notify-1]
static void a_channel_of_two_routes_hears_it_once(void **state) {
    fixture *f = *state;
    configure(f, "match: all\nroutes: [{name: all, to: [ops, boss]}, {name: more, to: ops}]");
    raised(f, "a1", "press-1");
    turn(f);
    pass(10);
    turn(f);
    assert_starts(send(f, "ops", SV_DELIVERY_TAKEN), "warning: press-1");
    assert_string_equal(send(f, "ops", SV_DELIVERY_TAKEN), "");
    assert_starts(send(f, "boss", SV_DELIVERY_TAKEN), "warning: press-1");
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM notice WHERE count = 1"), 2);
}

/// [notify-3]
static void what_gets_worse_is_told_to_whom_only_that_concerns(void **state) {
    fixture *f = *state;
    configure(f, "routes: [{name: bad, severity: critical, to: boss}, {name: all, to: ops}]");
    raised(f, "a1", "press-1");
    turn(f);
    pass(10);
    turn(f);
    assert_starts(send(f, "ops", SV_DELIVERY_TAKEN), "warning: press-1");
    assert_string_equal(send(f, "boss", SV_DELIVERY_TAKEN), "");
    happen(f, "a1", "press-1", SV_ALERT_UPDATED, SV_SEVERITY_CRITICAL);
    turn(f);
    pass(10);
    turn(f);
    assert_starts(send(f, "boss", SV_DELIVERY_TAKEN), "critical: press-1");
    assert_string_equal(send(f, "ops", SV_DELIVERY_TAKEN), "");
    assert_non_null(strstr(timeline(f, "a1"), "\"event\":\"worse\",\"severity\":\"critical\""));
}

/// [notify-4]
static void quiet_hours_hold_what_is_not_critical(void **state) {
    fixture *f = *state;
    sv_text at = SV_TEXT("2026-11-27T23:00:00Z");
    assert_int_equal(sv_time_parse(at, &fixture_now_us), SV_OK);
    configure(f, "routes: [{name: all, quiet: '22:00-06:00', to: ops}]");
    raised(f, "a1", "press-1");
    turn(f);
    pass(INT64_C(6) * 3600);
    turn(f);
    assert_string_equal(send(f, "ops", SV_DELIVERY_TAKEN), "");
    pass(3600);
    turn(f);
    assert_starts(send(f, "ops", SV_DELIVERY_TAKEN), "warning: press-1");
    pass(INT64_C(17) * 3600);
    happen(f, "a2", "press-2", SV_ALERT_RAISED, SV_SEVERITY_CRITICAL);
    turn(f);
    pass(10);
    turn(f);
    assert_starts(send(f, "ops", SV_DELIVERY_TAKEN), "critical: press-2");
}

/// [notify-5]
static void a_cause_is_told_in_order_and_holds_up_no_other(void **state) {
    fixture *f = *state;
    configure(f, ALL_TO_OPS);
    raised(f, "a1", "press-1");
    turn(f);
    pass(10);
    turn(f);
    assert_starts(send(f, "ops", SV_DELIVERY_LATER), "warning: press-1");
    cleared(f, "a1", "press-1");
    turn(f);
    pass(3);
    sv_alert other = { .id = "b1",
                       .device_id = "press-9",
                       .type = SV_ALERT_STALE,
                       .severity = SV_SEVERITY_INFO,
                       .event = SV_ALERT_RAISED,
                       .message = "silent",
                       .value = (double) NAN,
                       .raw = (double) NAN,
                       .at_us = fixture_now_us };
    assert_int_equal(sv_inbox_take(f->fleet.db, &other, "north", "", NULL), SV_OK);
    assert_string_equal(send(f, "ops", SV_DELIVERY_TAKEN), ""); // the pause
    pass(11);
    turn(f);
    assert_starts(send(f, "ops", SV_DELIVERY_LATER), "warning: press-1");
    turn(f);
    pass(10);
    turn(f);
    // The first one waits for its third try: its end waits behind it, the other cause does not.
    assert_starts(send(f, "ops", SV_DELIVERY_TAKEN), "info: press-9");
    assert_string_equal(send(f, "ops", SV_DELIVERY_TAKEN), "");
    pass(20);
    turn(f);
    assert_starts(send(f, "ops", SV_DELIVERY_TAKEN), "warning: press-1");
    assert_starts(send(f, "ops", SV_DELIVERY_TAKEN), "recovered: press-1");
    assert_non_null(strstr(timeline(f, "a1"), "\"event\":\"notified\",\"channel\":\"ops\""));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_storm_of_one_cause_is_one_message),
        TEST(what_is_said_again_is_not_told_again),
        TEST(who_heard_the_beginning_hears_the_end),
        TEST(what_is_over_before_it_was_told_is_told_once),
        TEST(what_is_over_while_a_worse_message_gathers_has_no_message_of_its_own),
        TEST(a_channel_of_two_routes_hears_it_once),
        TEST(what_gets_worse_is_told_to_whom_only_that_concerns),
        TEST(quiet_hours_hold_what_is_not_critical),
        TEST(a_cause_is_told_in_order_and_holds_up_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
