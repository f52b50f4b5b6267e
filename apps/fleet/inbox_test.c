#include "fleet_fixture.h"

#include "downlink.h"
#include "inbox.h"

#include <math.h>

static sv_alert alert_of(const char *id, sv_alert_event event, int64_t at_ms) {
    sv_alert alert = { .device_id = "press-1",
                       .sensor = "temperature",
                       .type = SV_ALERT_HIGH,
                       .severity = SV_SEVERITY_WARNING,
                       .event = event,
                       .message = "Value 91.2 exceeds high threshold",
                       .value = 91.2,
                       .raw = 95,
                       .at_us = at_ms * 1000 };
    (void) snprintf(alert.id, sizeof alert.id, "%s", id);
    return alert;
}

static void take(fixture *f, const char *id, sv_alert_event event, int64_t at_ms) {
    sv_alert alert = alert_of(id, event, at_ms);
    sv_why why = { 0 };
    if (sv_inbox_take(f->fleet.db, &alert, "north", "Cel", &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

static sv_alert_count count(fixture *f) {
    sv_alert_count active;
    assert_int_equal(sv_inbox_counts(f->fleet.db, NULL, NULL, &active), SV_OK);
    return active;
}

// [alert-1]
static void causes_of_one_type_are_told_apart_by_their_rule(void **state) {
    fixture *f = *state;
    static const char *const RULES[] = { "", "rise", "fall" };
    for (size_t i = 0; i < SV_COUNT(RULES); i++) {
        char id[] = { 'r', (char) ('0' + i), '\0' };
        sv_alert alert = alert_of(id, SV_ALERT_RAISED, 1000);
        (void) snprintf(alert.rule, sizeof alert.rule, "%s", RULES[i]);
        assert_int_equal(sv_inbox_take(f->fleet.db, &alert, "north", "", NULL), SV_OK);
    }
    assert_int_equal(count(f).open, 3);
    // A gateway that lost its memory raises one of them anew: that one ends, the others do not.
    sv_alert again = alert_of("r9", SV_ALERT_RAISED, 2000);
    (void) snprintf(again.rule, sizeof again.rule, "rise");
    assert_int_equal(sv_inbox_take(f->fleet.db, &again, "north", "", NULL), SV_OK);
    assert_int_equal(count(f).open, 3);
}

// [detect-11]
static void how_unusual_it_is_stays_when_it_is_over(void **state) {
    fixture *f = *state;
    sv_alert alert = alert_of("a1", SV_ALERT_RAISED, 1000);
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(4096);
    sv_json_out out = SV_JSON_OUT(&text);
    alert.score = 87;
    alert.expected_low = 52;
    alert.expected_high = 64.5;
    assert_int_equal(sv_inbox_take(f->fleet.db, &alert, "north", "", NULL), SV_OK);
    take(f, "a1", SV_ALERT_CLEARED, 2000);
    assert_int_equal(sv_inbox_write(f->fleet.db, SV_TEXT("a1"), &out, NULL, NULL, NULL), SV_OK);
    assert_non_null(strstr(text.at, "\"score\":87,\"expected\":[52,64.5],\"normal_at\":null"));
    assert_non_null(strstr(text.at, "\"state\":\"cleared\""));
    // Others have none of it.
    take(f, "a2", SV_ALERT_RAISED, 3000);
    sv_textbuf_clear(&text);
    out = (sv_json_out) SV_JSON_OUT(&text);
    assert_int_equal(sv_inbox_write(f->fleet.db, SV_TEXT("a2"), &out, NULL, NULL, NULL), SV_OK);
    assert_null(strstr(text.at, "score"));
}

// [detect-12]
static void what_is_unusual_may_be_called_normal_once_and_nothing_else(void **state) {
    fixture *f = *state;
    sv_alert alert = alert_of("a1", SV_ALERT_RAISED, 1000);
    sv_why why = { 0 };
    alert.type = SV_ALERT_ANOMALY;
    (void) snprintf(alert.rule, sizeof alert.rule, "unusual");
    assert_int_equal(sv_inbox_take(f->fleet.db, &alert, "north", "", NULL), SV_OK);
    assert_int_equal(sv_downlink_normal(&f->fleet, SV_TEXT("a1"), "ada", NULL), SV_OK);
    assert_int_equal(sv_downlink_normal(&f->fleet, SV_TEXT("a1"), "ben", NULL), SV_OK);
    // [audit-18]
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM event_log WHERE what = 'alert.normal'"),
                     1);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM event_log WHERE what = 'alert.normal'"
                                      " AND who = 'ada' AND detail LIKE 'alert a1: %'"),
                     1);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM alert WHERE normal_by = 'ada'"), 1);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM alert_event WHERE event = 'normal'"),
                     1);
    assert_int_equal(
        fixture_count(f, "SELECT count(*) FROM push WHERE name = 'normal' AND data LIKE "
                         "'{\"alert\":\"a1\",\"device\":\"press-1\",\"sensor\":\"temperature\","
                         "\"by\":\"ada\",%'"),
        fixture_count(f, "SELECT count(DISTINCT gateway) FROM push"));
    take(f, "a2", SV_ALERT_RAISED, 2000);
    assert_int_equal(sv_downlink_normal(&f->fleet, SV_TEXT("a2"), "ada", &why), SV_ERR_STATE);
    assert_non_null(strstr(why.text, "a2 is not about what is unusual"));
    assert_int_equal(sv_downlink_normal(&f->fleet, SV_TEXT("a9"), "ada", &why), SV_ERR_NOT_FOUND);
}

// [uplink-2]
static void the_same_id_again_updates_it(void **state) {
    fixture *f = *state;
    take(f, "a1", SV_ALERT_RAISED, 1000);
    take(f, "a1", SV_ALERT_RAISED, 1000);
    take(f, "a1", SV_ALERT_UPDATED, 2000);
    assert_int_equal(count(f).open, 1);
    take(f, "a1", SV_ALERT_CLEARED, 3000);
    assert_int_equal(count(f).open, 0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM alert WHERE raised_ms = 1000 AND "
                                      "updated_ms = 3000 AND cleared_ms = 3000"),
                     1);
}

static void what_is_cleared_stays_cleared_whatever_comes_late(void **state) {
    fixture *f = *state;
    take(f, "a1", SV_ALERT_RAISED, 1000);
    take(f, "a1", SV_ALERT_CLEARED, 3000);
    take(f, "a2", SV_ALERT_RAISED, 4000);
    take(f, "a1", SV_ALERT_UPDATED, 2000);
    take(f, "a1", SV_ALERT_RAISED, 1000);
    assert_int_equal(count(f).open, 1);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM alert WHERE id = 'a2' AND state = 0"),
                     1);
}

static void one_alert_of_a_kind_is_open_at_a_time(void **state) {
    fixture *f = *state;
    take(f, "a1", SV_ALERT_RAISED, 1000);
    take(f, "a2", SV_ALERT_RAISED, 2000);
    assert_int_equal(count(f).open, 1);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM alert WHERE id = 'a1' AND state = 2"),
                     1);
}

static void acknowledging_is_kept_through_updates_and_can_be_undone(void **state) {
    fixture *f = *state;
    take(f, "a1", SV_ALERT_RAISED, 1000);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sv_inbox_acknowledge(f->fleet.db, SV_TEXT("a1"), "ada", 5000, NULL),
                         SV_OK);
    }
    take(f, "a1", SV_ALERT_UPDATED, 6000);
    assert_int_equal(count(f).acknowledged, 1);
    assert_int_equal(count(f).open, 0);
    assert_int_equal(sv_inbox_unacknowledge(f->fleet.db, SV_TEXT("a1"), "ann", 7000, NULL), SV_OK);
    assert_int_equal(count(f).open, 1);
    take(f, "a1", SV_ALERT_CLEARED, 8000);
    sv_why why;
    assert_int_equal(sv_inbox_acknowledge(f->fleet.db, SV_TEXT("a1"), "ada", 9000, &why),
                     SV_ERR_STATE);
    assert_string_equal(why.text, "alert a1 is cleared already");
    assert_int_equal(sv_inbox_acknowledge(f->fleet.db, SV_TEXT("a9"), "ada", 9000, &why),
                     SV_ERR_NOT_FOUND);
}

static void acknowledge_at(fixture *f, const char *id, const char *by, const char *when) {
    sv_alert alert = alert_of(id, SV_ALERT_ACKNOWLEDGED, 1000);
    const sv_gateway *gateway = fixture_gateway(f, "gw-a");
    sv_why why = { 0 };
    (void) snprintf(alert.by, sizeof alert.by, "%s", by);
    (void) snprintf(alert.timestamp, sizeof alert.timestamp, "%s", when);
    if (sv_inbox_take_acknowledged(f->fleet.db, &alert, gateway, 9000, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

static int64_t is_acknowledged(fixture *f, const char *by, int64_t at_ms) {
    sv_stmt *stmt;
    assert_int_equal(sv_db_stmt(f->fleet.db,
                                "SELECT count(*) FROM alert WHERE acknowledged_by = ?1 AND "
                                "acknowledged_ms = ?2",
                                &stmt, NULL),
                     SV_OK);
    sv_stmt_bind_str(stmt, 1, by);
    sv_stmt_bind_int(stmt, 2, at_ms);
    assert_int_equal(sv_stmt_next(stmt, NULL), SV_OK);
    int64_t is = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return is;
}

// [alert-5]
static void of_acknowledgements_here_and_at_the_site_the_earlier_counts(void **state) {
    fixture *f = *state;
    take(f, "a1", SV_ALERT_RAISED, 1000);
    assert_int_equal(sv_inbox_acknowledge(f->fleet.db, SV_TEXT("a1"), "ada", 5000, NULL), SV_OK);
    for (int i = 0; i < 2; i++) {
        acknowledge_at(f, "a1", "eve", "1970-01-01T00:00:05Z"); // not earlier
        assert_int_equal(is_acknowledged(f, "ada", 5000), 1);
    }
    for (int i = 0; i < 2; i++) {
        acknowledge_at(f, "a1", "ben", "1970-01-01T00:00:04Z");
        assert_int_equal(is_acknowledged(f, "ben at gw-a", 4000), 1);
    }
    assert_int_equal(sv_inbox_acknowledge(f->fleet.db, SV_TEXT("a1"), "ada", 6000, NULL), SV_OK);
    assert_int_equal(is_acknowledged(f, "ben at gw-a", 4000), 1);
    assert_int_equal(count(f).acknowledged, 1);
    // Taken back: what was acknowledged before and is told again does not count.
    assert_int_equal(sv_inbox_unacknowledge(f->fleet.db, SV_TEXT("a1"), "ann", 7000, NULL), SV_OK);
    acknowledge_at(f, "a1", "ben", "1970-01-01T00:00:04Z");
    assert_int_equal(count(f).open, 1);
    acknowledge_at(f, "a1", "ben", "1970-01-01T00:00:08Z");
    assert_int_equal(is_acknowledged(f, "ben at gw-a", 8000), 1);
}

// [alert-5]
static void what_is_acknowledged_at_a_site_is_its_own_and_stays_cleared(void **state) {
    fixture *f = *state;
    sv_alert foreign = alert_of("b1", SV_ALERT_RAISED, 1000);
    assert_int_equal(sv_inbox_take(f->fleet.db, &foreign, "south", "", NULL), SV_OK);
    acknowledge_at(f, "b1", "ben", "1970-01-01T00:00:04Z");
    assert_int_equal(count(f).acknowledged, 0);
    take(f, "a1", SV_ALERT_RAISED, 1000);
    take(f, "a1", SV_ALERT_CLEARED, 3000);
    acknowledge_at(f, "a1", "ben", "1970-01-01T00:00:02Z");
    assert_int_equal(is_acknowledged(f, "ben at gw-a", 2000), 1);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM alert WHERE id = 'a1' AND state = 2"),
                     1);
    // Lost with a database; and a clock that is ahead, or broken, is held to now.
    acknowledge_at(f, "a2", "ben", "2099-01-01T00:00:00Z");
    assert_int_equal(is_acknowledged(f, "ben at gw-a", 9000), 1);
    acknowledge_at(f, "a2", "ben", "yesterday");
    assert_int_equal(count(f).acknowledged, 1);
}

static void pages_show_each_alert_once_newest_first(void **state) {
    enum { ALERTS = 23 };
    fixture *f = *state;
    for (int i = 0; i < ALERTS; i++) {
        char id[16];
        (void) snprintf(id, sizeof id, "a%02d", i);
        take(f, id, SV_ALERT_RAISED, 1000 + i / 4); // several in one millisecond
    }
    for (size_t limit = 1; limit <= ALERTS + 1; limit++) {
        char next[SV_INBOX_CURSOR_MAX] = "";
        char cursor[SV_INBOX_CURSOR_MAX];
        int seen = 0;
        do {
            SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(65536);
            SV_DEFER(sv_json_drop) sv_json *page = NULL;
            sv_json_out out = SV_JSON_OUT(&text);
            memcpy(cursor, next, sizeof cursor);
            sv_inbox_query query = { .states = SV_INBOX_OPEN | SV_INBOX_CLEARED,
                                     .cursor = cursor[0] != '\0' ? cursor : NULL,
                                     .limit = limit };
            assert_int_equal(sv_inbox_list(f->fleet.db, &query, &out, next, NULL), SV_OK);
            assert_int_equal(sv_json_parse(sv_textbuf_text(&text), &page, NULL, NULL), SV_OK);
            for (size_t i = 0; i < sv_json_count(page); i++) {
                char id[16];
                sv_text shown;
                seen++;
                (void) snprintf(id, sizeof id, "a%02d", ALERTS - seen);
                assert_true(sv_json_text(sv_json_get(sv_json_at(page, i), "id"), &shown));
                assert_true(sv_text_is(shown, id));
            }
        } while (next[0] != '\0');
        assert_int_equal(seen, ALERTS);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(causes_of_one_type_are_told_apart_by_their_rule),
        TEST(how_unusual_it_is_stays_when_it_is_over),
        TEST(what_is_unusual_may_be_called_normal_once_and_nothing_else),
        TEST(the_same_id_again_updates_it),
        TEST(what_is_cleared_stays_cleared_whatever_comes_late),
        TEST(one_alert_of_a_kind_is_open_at_a_time),
        TEST(acknowledging_is_kept_through_updates_and_can_be_undone),
        TEST(of_acknowledgements_here_and_at_the_site_the_earlier_counts),
        TEST(what_is_acknowledged_at_a_site_is_its_own_and_stays_cleared),
        TEST(pages_show_each_alert_once_newest_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
