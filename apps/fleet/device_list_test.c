#include "fleet_fixture.h"
#include "running.h"

#include "device_list_fixture.h"
#include "inbox.h"
#include "uplink.h"

enum { DEVICES = 9 };

static sv_device *device(const fixture *f, int number) {
    char id[16];
    (void) snprintf(id, sizeof id, "press-%d", number);
    sv_device *found = sv_registry_device(f->fleet.registry, sv_text_of(id));
    assert_non_null(found);
    return found;
}

static void alert(fixture *f, int number, sv_severity severity) {
    sv_alert alert = { .type = SV_ALERT_HIGH, .severity = severity, .event = SV_ALERT_RAISED };
    alert.at_us = 1000000 + number;
    (void) snprintf(alert.id, sizeof alert.id, "a%d", number);
    (void) snprintf(alert.device_id, sizeof alert.device_id, "press-%d", number);
    (void) snprintf(alert.sensor, sizeof alert.sensor, "temperature");
    assert_int_equal(sv_inbox_take(f->fleet.db, &alert, "north", "Cel", NULL), SV_OK);
    sv_fleet_tell_alert(&f->fleet, sv_text_of(alert.id));
}

// Nine presses: 3 has an open warning, 5 an open critical alert, 7 is offline, 8 reports a warning.
static int presses(void **state) {
    (void) fixture_setup(state);
    fixture *f = *state;
    for (int i = 1; i <= DEVICES; i++) {
        char id[16];
        sv_device *made;
        (void) snprintf(id, sizeof id, "press-%d", i);
        assert_int_equal(sv_registry_bind(f->fleet.registry, fixture_gateway(f, "gw-a"),
                                          sv_text_of(id), &made, NULL),
                         SV_OK);
        made->online = i != 7;
        made->reported = i == 8 ? SV_FLEET_WARNING : SV_FLEET_HEALTHY;
        made->last_seen_us = INT64_C(1000) * (i % 4);
    }
    alert(f, 3, SV_SEVERITY_WARNING);
    alert(f, 5, SV_SEVERITY_CRITICAL);
    return 0;
}

static const sv_query *fits; ///< they are of those alone; NULL: of all

// The numbers of the presses, in the order shown, page by page.
static void list(fixture *f, sv_device_sort sort, int health, size_t limit, char *shown) {
    char cursor[SV_DEVICE_CURSOR_MAX] = "";
    bool more = true;
    while (more) {
        SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(65536);
        SV_DEFER(sv_json_drop) sv_json *page = NULL;
        sv_json_out out = SV_JSON_OUT(&text);
        sv_device_query query = {
            .text = "", .site = "", .version = "", .online = -1, .health = health
        };
        query.standing = SV_DEVICES_STANDING;
        query.sort = sort;
        query.limit = limit;
        query.cursor = cursor;
        query.query = fits;
        list_devices(&f->fleet, &query, &out);
        assert_int_equal(sv_json_parse(sv_textbuf_text(&text), &page, NULL, NULL), SV_OK);
        const sv_json *items = sv_json_get(page, "items");
        sv_text word;
        for (size_t i = 0; i < sv_json_count(items); i++) {
            assert_true(sv_json_text(sv_json_get(sv_json_at(items, i), "id"), &word));
            *shown++ = word.at[word.len - 1];
        }
        more = sv_json_text(sv_json_get(page, "next"), &word);
        assert_true(!more || sv_text_copy(word, cursor, sizeof cursor) == SV_OK);
    }
    *shown = '\0';
}

static void every_order_is_the_same_however_large_the_pages(void **state) {
    static const char *const ORDERS[] = {
        [SV_DEVICES_BY_ID] = "123456789",
        [SV_DEVICES_BY_LAST_SEEN] = "372615948",
        [SV_DEVICES_BY_URGENCY] = "538712469",
    };
    fixture *f = *state;
    for (size_t sort = 0; sort < SV_COUNT(ORDERS); sort++) {
        for (size_t limit = 1; limit <= DEVICES + 1; limit++) {
            char shown[DEVICES + 1];
            list(f, (sv_device_sort) sort, -1, limit, shown);
            assert_string_equal(shown, ORDERS[sort]);
        }
    }
}

/// What is asked of a device is asked of the list. [campaign-7] [running-4]
static void a_list_is_of_those_that_fit_a_query(void **state) {
    static const struct {
        const char *query, *shown;
    } CASES[] = { { "version < 1.1", "12" },
                  { "not version < 1.1", "3456789" },
                  { "diverges", "2" },
                  { "not diverges and version = 1.1", "3" },
                  { "not online or id = press-1", "17" } };
    fixture *f = *state;
    for (int i = 1; i <= 3; i++) {
        char id[16];
        sv_running running = { .at_us = 1 };
        (void) snprintf(id, sizeof id, "press-%d", i);
        (void) snprintf(running.version, sizeof running.version, "%s", i < 3 ? "1.0.7" : "1.1");
        assert_int_equal(sv_running_store(&f->fleet, id, &running, NULL), SV_OK);
    }
    device(f, 2)->diverges = true;
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        char shown[DEVICES + 1];
        sv_query query;
        assert_int_equal(sv_query_read(sv_text_of(CASES[i].query), &query, NULL), SV_OK);
        fits = &query;
        list(f, SV_DEVICES_BY_ID, -1, 2, shown);
        fits = NULL;
        assert_string_equal(shown, CASES[i].shown);
    }
}

/// A page that asks again and again who diverges walks no row of the database. [running-4]
static void who_diverges_is_listed_from_the_registry_alone(void **state) {
    static const struct {
        const char *query, *shown;
    } CASES[] = { { "diverges", "25" }, { "diverges and not online", "" }, { "all", "123456789" } };
    fixture *f = *state;
    device(f, 2)->diverges = true;
    device(f, 5)->diverges = true;
    assert_int_equal(sv_db_exec(f->fleet.db, "DROP TABLE running", NULL), SV_OK);
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        char shown[DEVICES + 1];
        sv_query query;
        assert_int_equal(sv_query_read(sv_text_of(CASES[i].query), &query, NULL), SV_OK);
        fits = &query;
        list(f, SV_DEVICES_BY_ID, -1, 2, shown);
        fits = NULL;
        assert_string_equal(shown, CASES[i].shown);
    }
}

static void an_alert_is_part_of_a_devices_health(void **state) {
    fixture *f = *state;
    char shown[DEVICES + 1];
    list(f, SV_DEVICES_BY_ID, SV_FLEET_WARNING, 10, shown);
    assert_string_equal(shown, "38");
    list(f, SV_DEVICES_BY_ID, SV_FLEET_CRITICAL, 10, shown);
    assert_string_equal(shown, "5");
}

static void who_has_been_acknowledged_needs_nobody(void **state) {
    fixture *f = *state;
    assert_true(sv_device_needs_you(device(f, 5)));
    assert_true(sv_device_needs_you(device(f, 8)));
    assert_false(sv_device_needs_you(device(f, 1)));
    assert_int_equal(sv_inbox_acknowledge(f->fleet.db, SV_TEXT("a5"), "ada", 5000, NULL), SV_OK);
    sv_fleet_tell_alert(&f->fleet, SV_TEXT("a5"));
    assert_false(sv_device_needs_you(device(f, 5)));
    assert_int_equal(sv_device_health(device(f, 5)), SV_FLEET_CRITICAL);
}

static void what_was_open_is_known_after_a_restart(void **state) {
    fixture *f = *state;
    sv_device *press = device(f, 3);
    sv_alert_count before = press->alerts;
    press->alerts = (sv_alert_count){ 0 };
    assert_int_equal(sv_inbox_count_devices(f->fleet.db, f->fleet.registry, NULL), SV_OK);
    assert_int_equal(before.open, 1);
    assert_int_equal(press->alerts.open, 1);
    assert_int_equal(press->alerts.worst, SV_FLEET_WARNING);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, presses, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(every_order_is_the_same_however_large_the_pages),
        TEST(a_list_is_of_those_that_fit_a_query),
        TEST(who_diverges_is_listed_from_the_registry_alone),
        TEST(an_alert_is_part_of_a_devices_health),
        TEST(who_has_been_acknowledged_needs_nobody),
        TEST(what_was_open_is_known_after_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
