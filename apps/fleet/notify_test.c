// From events to messages in virtual time; nothing is sent here.
#include "fleet_fixture.h"

#include "downlink.h"
#include "inbox.h"
#include "notify.h"
#include "notify_view.h"
#include "timeline.h"

#include <math.h>
#include <string.h>

enum { STORM = 400, JSON_ROOM = 16384 };

static const char CHANNELS[] = "link: https://fleet.example/\n"
                               "channels:\n"
                               "  ops: {slack: 'https://hooks.example/ops'}\n"
                               "  boss: {teams: 'https://hooks.example/boss'}\n";

static void configure(fixture *f, const char *routes) {
    char yaml[2048];
    SV_DEFER(sv_config_node_drop) sv_config_node *root = NULL;
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "f" };
    (void) snprintf(yaml, sizeof yaml, "%s%s\n", CHANNELS, routes);
    assert_int_equal(sv_config_parse(sv_text_of(yaml), &root, &faults), SV_OK);
    sv_notify_configure(&f->fleet, sv_notify_config_read(root, &sv_notify_none, &faults));
    if (faults.count > 0) {
        fail_msg(SV_TEXT_FMT, SV_TEXT_ARG(sv_textbuf_text(&faults.text)));
    }
}

static int64_t now_ms(void) {
    return fixture_now_us / 1000;
}

static void pass(int64_t seconds) {
    fixture_now_us += seconds * SV_TIME_SECOND_US;
}

/// What a turn does before it sends.
static void turn(fixture *f) {
    sv_why why = { 0 };
    if (sv_db_begin(f->fleet.db, &why) != SV_OK
        || sv_notify_gather(&f->fleet, now_ms(), &why) != SV_OK
        || sv_notify_watch(&f->fleet, now_ms(), &why) != SV_OK
        || sv_notify_seal(&f->fleet, now_ms(), &why) != SV_OK
        || sv_db_commit(f->fleet.db, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

static void happen(fixture *f, const char *id, const char *device, sv_alert_event event,
                   sv_severity severity) {
    sv_alert alert = { .sensor = "temperature",
                       .type = SV_ALERT_HIGH,
                       .severity = severity,
                       .event = event,
                       .message = "Value 91.2 exceeds high threshold",
                       .value = 91.2,
                       .raw = NAN,
                       .at_us = fixture_now_us };
    sv_why why = { 0 };
    (void) snprintf(alert.id, sizeof alert.id, "%s", id);
    (void) snprintf(alert.device_id, sizeof alert.device_id, "%s", device);
    if (sv_inbox_take(f->fleet.db, &alert, "north", "Cel", &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

static void raised(fixture *f, const char *id, const char *device) {
    happen(f, id, device, SV_ALERT_RAISED, SV_SEVERITY_WARNING);
}

static void cleared(fixture *f, const char *id, const char *device) {
    happen(f, id, device, SV_ALERT_CLEARED, SV_SEVERITY_WARNING);
}

/// The title of the next message over the channel, "" for none; it ends like `how`.
static const char *send(fixture *f, const char *channel, sv_delivery_how how) {
    static char title[SV_MESSAGE_TITLE_MAX];
    sv_message message;
    sv_delivery_end end = { .how = how };
    title[0] = '\0';
    if (how != SV_DELIVERY_TAKEN) {
        (void) snprintf(end.error, sizeof end.error, "the answer is 500");
    }
    if (sv_notify_next(&f->fleet, channel, now_ms(), &message, NULL) == SV_OK) {
        memcpy(title, message.title, sizeof title);
        assert_int_equal(sv_notify_settle(&f->fleet, &message, &end, now_ms(), NULL), SV_OK);
        sv_message_drop(&message);
    }
    return title;
}

static void assert_starts(const char *text, const char *start) {
    if (strncmp(text, start, strlen(start)) != 0) {
        fail_msg("'%s' does not start with '%s'", text, start);
    }
}

static const char *timeline(fixture *f, const char *id) {
    static char room[JSON_ROOM];
    sv_textbuf json = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&json);
    assert_int_equal(sv_timeline_write(f->fleet.db, sv_text_of(id), &out, NULL), SV_OK);
    assert_int_equal(sv_textbuf_end(&json), SV_OK);
    return room;
}

#define ALL_TO_OPS "routes: [{name: all, to: ops}]"

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
                       .value = NAN,
                       .raw = NAN,
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

/// How many tries a message gets before it is given up, and after how long.
static int try_all(fixture *f, int64_t *lasted_s) {
    int tries = 0;
    int64_t began_us = fixture_now_us;
    while (fixture_count(f, "SELECT count(*) FROM notice WHERE state = 1") > 0 && tries < 1000) {
        if (send(f, "ops", SV_DELIVERY_LATER)[0] != '\0') {
            tries++;
            *lasted_s = (fixture_now_us - began_us) / SV_TIME_SECOND_US;
        }
        pass(1);
    }
    return tries;
}

/// [notify-5]
static void what_nobody_takes_is_given_up_and_can_be_sent_again(void **state) {
    fixture *f = *state;
    int64_t lasted_s = 0;
    configure(f, "give_up: 10m\n" ALL_TO_OPS);
    raised(f, "a1", "press-1");
    turn(f);
    pass(10);
    turn(f);
    int tries = try_all(f, &lasted_s);
    assert_in_range(tries, 6,
                    8); // 0, 5, 20, 50, 110, 230, 530 s, each pause a quarter more or less
    assert_true(lasted_s <= 600);
    assert_non_null(strstr(timeline(f, "a1"), "\"event\":\"failed\",\"channel\":\"ops\""));
    assert_non_null(strstr(timeline(f, "a1"), "\"error\":\"the answer is 500\""));
    char id[SV_MESSAGE_ID_ROOM];
    sv_stmt *stmt;
    assert_int_equal(sv_db_stmt(f->fleet.db, "SELECT id FROM notice", &stmt, NULL), SV_OK);
    assert_int_equal(sv_stmt_next(stmt, NULL), SV_OK);
    assert_int_equal(sv_text_copy(sv_stmt_text(stmt, 0), id, sizeof id), SV_OK);
    sv_stmt_reset(stmt);
    sv_why why = { 0 };
    assert_int_equal(sv_notify_retry(&f->fleet, SV_TEXT("nothing"), &why), SV_ERR_NOT_FOUND);
    assert_int_equal(sv_notify_retry(&f->fleet, sv_text_of(id), &why), SV_OK);
    assert_int_equal(sv_notify_retry(&f->fleet, sv_text_of(id), &why), SV_ERR_STATE);
    assert_starts(send(f, "ops", SV_DELIVERY_TAKEN), "warning: press-1");
    assert_int_equal(sv_notify_retry(&f->fleet, sv_text_of(id), &why), SV_ERR_STATE);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM notice WHERE state = 2"), 1);
}

/// [notify-5]
static void a_refusal_and_a_longer_pause_are_heeded(void **state) {
    fixture *f = *state;
    sv_message message;
    configure(f, ALL_TO_OPS);
    raised(f, "a1", "press-1");
    turn(f);
    pass(10);
    turn(f);
    sv_delivery_end end = { .how = SV_DELIVERY_LATER, .retry_after_us = 90 * SV_TIME_SECOND_US };
    assert_int_equal(sv_notify_next(&f->fleet, "ops", now_ms(), &message, NULL), SV_OK);
    assert_int_equal(sv_notify_settle(&f->fleet, &message, &end, now_ms(), NULL), SV_OK);
    sv_message_drop(&message);
    pass(89);
    assert_string_equal(send(f, "ops", SV_DELIVERY_NEVER), "");
    pass(1);
    assert_starts(send(f, "ops", SV_DELIVERY_NEVER), "warning: press-1");
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM notice WHERE state = 3"), 1);
}

/// [notify-10]
static void a_test_is_tried_once(void **state) {
    fixture *f = *state;
    char id[SV_MESSAGE_ID_ROOM];
    configure(f, ALL_TO_OPS);
    assert_int_equal(sv_notify_test(&f->fleet, "ops", "all", "ann", id, NULL), SV_OK);
    assert_string_equal(send(f, "ops", SV_DELIVERY_LATER),
                        "test: this is a message from Selvedge over channel ops, sent by ann");
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM notice WHERE state = 3 AND tries = 1"),
                     1);
}

/// [notify-8]
static void what_nobody_acknowledges_is_told_again_and_to_others(void **state) {
    fixture *f = *state;
    configure(f, "routes: [{name: all, to: ops, repeat: 30m, escalate: {after: 15m, to: boss}}]");
    raised(f, "a1", "press-1");
    turn(f);
    pass(10);
    turn(f);
    assert_starts(send(f, "ops", SV_DELIVERY_TAKEN), "warning: press-1");
    pass(INT64_C(15) * 60);
    turn(f);
    pass(10);
    turn(f);
    assert_starts(send(f, "boss", SV_DELIVERY_TAKEN), "nobody has acknowledged, warning: press-1");
    assert_string_equal(send(f, "ops", SV_DELIVERY_TAKEN), "");
    pass(INT64_C(15) * 60);
    turn(f);
    pass(10);
    turn(f);
    assert_starts(send(f, "ops", SV_DELIVERY_TAKEN), "still open, warning: press-1");
    assert_int_equal(sv_inbox_acknowledge(f->fleet.db, SV_TEXT("a1"), "ann", now_ms(), NULL),
                     SV_OK);
    pass(3600);
    turn(f);
    pass(10);
    turn(f);
    assert_string_equal(send(f, "ops", SV_DELIVERY_TAKEN), "");
    assert_int_equal(sv_inbox_unacknowledge(f->fleet.db, SV_TEXT("a1"), "ann", now_ms(), NULL),
                     SV_OK);
    pass(60);
    turn(f);
    pass(10);
    turn(f);
    assert_starts(send(f, "ops", SV_DELIVERY_TAKEN), "still open, warning: press-1");
    cleared(f, "a1", "press-1");
    turn(f);
    pass(7200);
    turn(f);
    assert_starts(send(f, "ops", SV_DELIVERY_TAKEN), "recovered: press-1");
    assert_starts(send(f, "boss", SV_DELIVERY_TAKEN), "recovered: press-1");
    assert_string_equal(send(f, "ops", SV_DELIVERY_TAKEN), "");
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM alert_watch"), 0);
}

/// [notify-1]
static void a_restart_at_any_step_loses_and_doubles_nothing(void **state) {
    fixture *f = *state;
    for (int step = 0; step < 4; step++) {
        char id[8];
        (void) snprintf(id, sizeof id, "s%d", step);
        configure(f, ALL_TO_OPS);
        raised(f, id, "press-1");
        for (int i = 0; i < 4; i++) {
            if (i == step) {
                sv_fleet_drop(&f->fleet);
                fixture_start(f);
                configure(f, ALL_TO_OPS);
            }
            if (i > 0) {
                turn(f);
                pass(i == 1 ? 10 : 0);
            }
        }
        // Under way when the process ended: it is the same message again.
        sv_message first;
        sv_message again;
        assert_int_equal(sv_notify_next(&f->fleet, "ops", now_ms(), &first, NULL), SV_OK);
        assert_int_equal(sv_notify_next(&f->fleet, "ops", now_ms(), &again, NULL), SV_OK);
        assert_string_equal(first.id, again.id);
        assert_string_equal(first.title, again.title);
        sv_message_drop(&first);
        sv_message_drop(&again);
        assert_starts(send(f, "ops", SV_DELIVERY_TAKEN), "warning: press-1");
        assert_string_equal(send(f, "ops", SV_DELIVERY_TAKEN), "");
        assert_int_equal(fixture_count(f, "SELECT count(*) FROM notice"), step * 2 + 1);
        cleared(f, id, "press-1");
        turn(f);
        pass(10);
        turn(f);
        assert_starts(send(f, "ops", SV_DELIVERY_TAKEN), "recovered: press-1");
    }
}

/// [notify-1]
static void the_timeline_says_who_did_what_in_order(void **state) {
    fixture *f = *state;
    configure(f, ALL_TO_OPS);
    raised(f, "a1", "press-1");
    pass(1);
    assert_int_equal(sv_inbox_acknowledge(f->fleet.db, SV_TEXT("a1"), "ann", now_ms(), NULL),
                     SV_OK);
    assert_int_equal(sv_inbox_acknowledge(f->fleet.db, SV_TEXT("a1"), "bob", now_ms(), NULL),
                     SV_OK);
    pass(1);
    assert_int_equal(sv_inbox_unacknowledge(f->fleet.db, SV_TEXT("a1"), "bob", now_ms(), NULL),
                     SV_OK);
    pass(1);
    cleared(f, "a1", "press-1");
    const char *line = timeline(f, "a1");
    static const char *const IN_ORDER[] = { "\"raised\"",     "\"acknowledged\"",
                                            "\"by\":\"ann\"", "\"unacknowledged\"",
                                            "\"by\":\"bob\"", "\"cleared\"" };
    for (size_t i = 0; i < SV_COUNT(IN_ORDER); i++) {
        line = strstr(line, IN_ORDER[i]);
        assert_non_null(line);
    }
    char room[64];
    sv_textbuf json = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&json);
    assert_int_equal(sv_timeline_write(f->fleet.db, SV_TEXT("none"), &out, NULL), SV_ERR_NOT_FOUND);
}

/// [notify-5]
static void what_waits_for_a_channel_that_is_gone_is_given_up(void **state) {
    fixture *f = *state;
    configure(f, ALL_TO_OPS);
    raised(f, "a1", "press-1");
    turn(f);
    pass(10);
    turn(f);
    sv_notify_configure(&f->fleet, sv_notify_config_read(NULL, &sv_notify_none, NULL));
    assert_int_equal(sv_notify_prune(&f->fleet, 0, NULL), SV_OK);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM notice WHERE state = 3"
                                      " AND error = 'the channel is not configured any more'"),
                     1);
}

static void what_is_long_over_is_forgotten_with_its_alert(void **state) {
    fixture *f = *state;
    configure(f, ALL_TO_OPS);
    raised(f, "a1", "press-1");
    turn(f);
    pass(10);
    turn(f);
    assert_starts(send(f, "ops", SV_DELIVERY_TAKEN), "warning: press-1");
    pass(1);
    assert_int_equal(sv_notify_prune(&f->fleet, now_ms(), NULL), SV_OK);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM notice"), 1); // the alert is there
    cleared(f, "a1", "press-1");
    turn(f);
    pass(10);
    turn(f);
    assert_starts(send(f, "ops", SV_DELIVERY_TAKEN), "recovered: press-1");
    pass(1);
    assert_int_equal(sv_inbox_prune(f->fleet.db, now_ms(), NULL), SV_OK);
    assert_int_equal(sv_notify_prune(&f->fleet, now_ms(), NULL), SV_OK);
    assert_int_equal(fixture_count(f, "SELECT (SELECT count(*) FROM notice)"
                                      " + (SELECT count(*) FROM notice_alert)"
                                      " + (SELECT count(*) FROM alert_event)"),
                     0);
}

/// Where addresses and keys come from files, neither is shown. [notify-11]
static void what_is_configured_is_shown_without_secrets(void **state) {
    fixture *f = *state;
    char room[JSON_ROOM] = "";
    sv_textbuf json = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&json);
    configure(f, "  hook: {webhook: /run/hook.url, secret_file: /run/hook.key}\n"
                 "routes: [{name: n, to: [ops, hook], site: n*, days: [sun], hours: '22:00-06:30',"
                 " alert: OFFLINE, escalate: {after: 90s, to: boss}}]");
    assert_int_equal(sv_notify_setup(&f->fleet, &out, NULL), SV_OK);
    assert_int_equal(sv_textbuf_end(&json), SV_OK);
    assert_null(strstr(room, "secret"));
    assert_null(strstr(room, "/ops"));
    static const char *const SHOWN[] = {
        "{\"name\":\"hook\",\"kind\":\"webhook\",\"to\":[\"hooks.example\"],",
        "\"site\":[\"n*\"],",
        "\"alert\":[\"OFFLINE\"]",
        "\"days\":[\"sun\"]",
        "\"hours\":\"22:00-06:30\",\"quiet\":null,\"zone\":\"UTC\"",
        "\"to\":[\"ops\",\"hook\"],\"escalate_to\":[\"boss\"],\"escalate_after_s\":90",
    };
    for (size_t i = 0; i < SV_COUNT(SHOWN); i++) {
        assert_non_null(strstr(room, SHOWN[i]));
    }
}

static void lists_are_paged_newest_first(void **state) {
    fixture *f = *state;
    char ids[5][SV_MESSAGE_ID_ROOM];
    char room[JSON_ROOM] = "";
    char next[SV_NOTIFY_CURSOR_MAX] = "";
    configure(f, ALL_TO_OPS);
    for (size_t i = 0; i < SV_COUNT(ids); i++) {
        assert_int_equal(sv_notify_test(&f->fleet, "ops", "", "ann", ids[i], NULL), SV_OK);
    }
    for (size_t left = SV_COUNT(ids); left > 0;) {
        char cursor[SV_NOTIFY_CURSOR_MAX];
        sv_textbuf json = SV_TEXTBUF(room);
        sv_json_out out = SV_JSON_OUT(&json);
        memcpy(cursor, next, sizeof cursor);
        sv_notify_query query = { .state = -1, .channel = "ops", .cursor = cursor, .limit = 2 };
        assert_int_equal(sv_notify_list(&f->fleet, &query, &out, next, NULL), SV_OK);
        assert_int_equal(sv_textbuf_end(&json), SV_OK);
        for (size_t shown = 0; shown < 2 && left > 0; shown++) {
            assert_non_null(strstr(room, ids[--left]));
        }
        assert_int_equal(next[0] == '\0', left == 0);
    }
    sv_textbuf json = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_notify_query other = { .state = SV_NOTICE_SENT, .channel = "", .cursor = "", .limit = 9 };
    assert_int_equal(sv_notify_list(&f->fleet, &other, &out, next, NULL), SV_OK);
    assert_true(sv_text_is(sv_textbuf_text(&json), "[]"));
    other.cursor = "x";
    assert_int_equal(sv_notify_list(&f->fleet, &other, &out, next, NULL), SV_ERR_INVALID);
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
        TEST(what_nobody_takes_is_given_up_and_can_be_sent_again),
        TEST(a_refusal_and_a_longer_pause_are_heeded),
        TEST(a_test_is_tried_once),
        TEST(what_nobody_acknowledges_is_told_again_and_to_others),
        TEST(a_restart_at_any_step_loses_and_doubles_nothing),
        TEST(the_timeline_says_who_did_what_in_order),
        TEST(what_waits_for_a_channel_that_is_gone_is_given_up),
        TEST(what_is_long_over_is_forgotten_with_its_alert),
        TEST(what_is_configured_is_shown_without_secrets),
        TEST(lists_are_paged_newest_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
