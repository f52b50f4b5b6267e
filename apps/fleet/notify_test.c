// What becomes of a message, and how it is shown, in virtual time.
#include "inventory.h"
#include "notify_fixture.h"

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
    assert_int_equal(sv_notify_retry(&f->fleet, SV_TEXT("nothing"), "ann", &why), SV_ERR_NOT_FOUND);
    assert_int_equal(sv_notify_retry(&f->fleet, sv_text_of(id), "ann", &why), SV_OK);
    assert_int_equal(sv_notify_retry(&f->fleet, sv_text_of(id), "ann", &why), SV_ERR_STATE);
    assert_starts(send(f, "ops", SV_DELIVERY_TAKEN), "warning: press-1");
    assert_int_equal(sv_notify_retry(&f->fleet, sv_text_of(id), "ann", &why), SV_ERR_STATE);
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

/// [notify-3] [campaign-8]
static void a_route_for_a_group_tells_of_who_is_in_it(void **state) {
    fixture *f = *state;
    sv_groups *groups = f->fleet.inventory->groups;
    sv_device *device = NULL;
    assert_int_equal(sv_registry_bind(f->fleet.registry, fixture_gateway(f, "gw-a"),
                                      SV_TEXT("press-2"), &device, NULL),
                     SV_OK);
    sv_registry_settle(f->fleet.registry, true);
    configure(f, "routes: [{name: canaries, to: boss, group: canary}, {name: all, to: ops}]");
    raised(f, "a1", "press-1");
    turn(f);
    pass(10);
    turn(f);
    assert_starts(send(f, "ops", SV_DELIVERY_TAKEN), "warning: press-1"); // there is no such group
    assert_int_equal(sv_groups_put_list(groups, SV_TEXT("canary"), NULL), SV_OK);
    assert_int_equal(sv_groups_add(groups, SV_TEXT("canary"), SV_TEXT("press-2"), NULL), SV_OK);
    raised(f, "a2", "press-2");
    turn(f);
    pass(10);
    turn(f);
    assert_starts(send(f, "boss", SV_DELIVERY_TAKEN), "warning: press-2");
    assert_string_equal(send(f, "ops", SV_DELIVERY_TAKEN), "");
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
        TEST(what_nobody_takes_is_given_up_and_can_be_sent_again),
        TEST(a_refusal_and_a_longer_pause_are_heeded),
        TEST(a_test_is_tried_once),
        TEST(a_route_for_a_group_tells_of_who_is_in_it),
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
