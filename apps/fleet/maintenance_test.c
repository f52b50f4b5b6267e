#include "fleet_fixture.h"

#include "maintenance.h"
#include "push.h"
#include "views.h"

#include <string.h>

enum { JSON_MAX = 1024 * 1024 };
#define HOUR_S (SV_TIME_HOUR_US / SV_TIME_SECOND_US)

static sv_maintained device(fixture *f, const char *gateway, const char *id) {
    sv_device *bound = NULL;
    assert_int_equal(sv_db_begin(f->fleet.db, NULL), SV_OK);
    assert_int_equal(sv_registry_bind(f->fleet.registry, fixture_gateway(f, gateway),
                                      sv_text_of(id), &bound, NULL),
                     SV_OK);
    assert_int_equal(sv_registry_store(f->fleet.registry, bound, NULL), SV_OK);
    assert_int_equal(sv_db_commit(f->fleet.db, NULL), SV_OK);
    sv_registry_settle(f->fleet.registry, true);
    return (sv_maintained){ .site = bound->site, .device = bound };
}

static sv_maintained north(fixture *f) {
    return (sv_maintained){ .site = fixture_gateway(f, "gw-a")->site };
}

static void begin(fixture *f, sv_maintained what, int64_t for_s, const char *user) {
    sv_why why = { 0 };
    if (sv_maintenance_begin(&f->fleet, what, for_s, user, SV_TEXT("bearing"), &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

static sv_json *parsed(const sv_textbuf *json) {
    sv_json *root = NULL;
    assert_int_equal(sv_json_parse(sv_textbuf_text(json), &root, NULL, NULL), SV_OK);
    return root;
}

static sv_json *events_for(fixture *f, const char *gateway) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(JSON_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    assert_int_equal(sv_push_list(&f->fleet, fixture_gateway(f, gateway), 0, &out, NULL), SV_OK);
    return parsed(&json);
}

static sv_json *given(fixture *f, const char *gateway) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(JSON_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    assert_int_equal(sv_maintenance_give(&f->fleet, fixture_gateway(f, gateway), &out, NULL),
                     SV_OK);
    return parsed(&json);
}

static sv_json *listed(fixture *f, sv_maintained what) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(JSON_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    assert_int_equal(sv_maintenance_list(f->fleet.db, what, &out, NULL), SV_OK);
    return parsed(&json);
}

/// What the device's JSON says of it.
static sv_json *shown(fixture *f, const sv_device *of) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(JSON_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf part = SV_TEXTBUF_HEAP(JSON_MAX);
    SV_DEFER(sv_json_drop) sv_json *whole = NULL;
    sv_json_out out = SV_JSON_OUT(&json);
    sv_json_out copy = SV_JSON_OUT(&part);
    sv_view_device(&f->fleet, of, false, &out);
    whole = parsed(&json);
    sv_json_put_value(&copy, sv_json_get(whole, "maintenance"));
    return parsed(&part);
}

static sv_text word(const sv_json *object, const char *key) {
    sv_text text = SV_TEXT("");
    (void) sv_json_text(sv_json_get(object, key), &text);
    return text;
}

static int64_t number(const sv_json *object, const char *key) {
    int64_t value = -1;
    (void) sv_json_int(sv_json_get(object, key), &value);
    return value;
}

// [maintenance-1] [maintenance-2]
static void the_gateways_of_the_site_are_told_and_nobody_else(void **state) {
    fixture *f = *state;
    sv_maintained press = device(f, "gw-a", "press-1");
    begin(f, press, HOUR_S, "ada");
    assert_int_equal(sv_maintenance_end(&f->fleet, press, "bob", NULL), SV_OK);
    SV_DEFER(sv_json_drop) sv_json *events = events_for(f, "gw-a");
    SV_DEFER(sv_json_drop) sv_json *others = events_for(f, "gw-b");
    assert_int_equal(sv_json_count(events), 2);
    assert_int_equal(sv_json_count(others), 0);
    for (size_t i = 0; i < 2; i++) {
        sv_maintenance told;
        const sv_json *event = sv_json_at(events, i);
        assert_true(sv_text_is(word(event, "event"), "maintenance"));
        assert_int_equal(sv_maintenance_parse(sv_json_get(event, "data"), &told, NULL), SV_OK);
        assert_string_equal(told.device, "press-1");
        assert_string_equal(told.by, i == 0 ? "ada" : "bob");
        assert_int_equal(told.until_ms, i == 0 ? fixture_now_us / 1000 + HOUR_S * 1000 : 0);
    }
}

// [maintenance-1]
static void who_breaks_the_bounds_is_told_so_and_nothing_happens(void **state) {
    fixture *f = *state;
    static const struct {
        int64_t for_s;
        const char *reason, *why;
    } CASES[] = {
        { 0, "", "for_s is 0, not 1 to 2678400 (31 days)" },
        { 2678401, "", "for_s is 2678401, not 1 to 2678400 (31 days)" },
        { 60, "two\nlines", "why is not one line of UTF-8 of at most 200 bytes" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_why why = { 0 };
        assert_int_equal(sv_maintenance_begin(&f->fleet, north(f), CASES[i].for_s, "ada",
                                              sv_text_of(CASES[i].reason), &why),
                         SV_ERR_INVALID);
        assert_string_equal(why.text, CASES[i].why);
    }
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM maintenance"), 0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM push"), 0);
}

// [maintenance-1]
static void a_site_has_no_more_of_them_than_its_gateways_keep(void **state) {
    fixture *f = *state;
    char id[SV_ID_ROOM];
    sv_why why = { 0 };
    sv_maintained first = device(f, "gw-a", "d-0");
    for (int i = 0; i < SV_MAINTENANCE_OF_SITE_MAX; i++) {
        (void) snprintf(id, sizeof id, "d-%d", i);
        begin(f, device(f, "gw-a", id), HOUR_S, "ada");
    }
    begin(f, first, 2 * HOUR_S, "ada"); // again is not one more
    begin(f, device(f, "gw-b", "other"), HOUR_S, "ada");
    assert_int_equal(sv_maintenance_begin(&f->fleet, device(f, "gw-a", "more"), HOUR_S, "ada",
                                          SV_TEXT(""), &why),
                     SV_ERR_STATE);
    assert_string_equal(why.text,
                        "1000 devices of site north are being worked on; say it of the site");
    begin(f, north(f), HOUR_S, "ada");
    SV_DEFER(sv_json_drop) sv_json *list = given(f, "gw-a");
    assert_int_equal(sv_json_count(sv_json_get(list, "items")), SV_MAINTENANCE_OF_SITE_MAX + 1);
}

// [maintenance-6]
static void a_device_shows_its_own_or_its_sites_whichever_ends_last(void **state) {
    fixture *f = *state;
    sv_maintained press = device(f, "gw-a", "press-1");
    SV_DEFER(sv_json_drop) sv_json *none = shown(f, press.device);
    assert_true(sv_json_is_null(none));
    begin(f, north(f), 2 * HOUR_S, "ada");
    begin(f, press, HOUR_S, "bob");
    SV_DEFER(sv_json_drop) sv_json *site = shown(f, press.device);
    assert_true(sv_text_is(word(site, "of"), "site"));
    assert_true(sv_text_is(word(site, "by"), "ada"));
    begin(f, press, 3 * HOUR_S, "bob");
    SV_DEFER(sv_json_drop) sv_json *own = shown(f, press.device);
    assert_true(sv_text_is(word(own, "of"), "device"));
    assert_true(sv_text_is(word(own, "by"), "bob"));
    assert_true(sv_text_is(word(own, "why"), "bearing"));
    assert_int_equal(number(own, "until"), fixture_now_us / 1000 + 3 * HOUR_S * 1000);
}

// [maintenance-1] [maintenance-7]
static void who_said_it_and_who_ended_it_is_kept_through_a_restart(void **state) {
    fixture *f = *state;
    int64_t start_us = fixture_now_us;
    sv_maintained press = device(f, "gw-a", "press-1");
    begin(f, press, HOUR_S, "ada");
    begin(f, press, 2 * HOUR_S, "bob");
    sv_fleet_drop(&f->fleet);
    fixture_start(f);
    press = device(f, "gw-a", "press-1");
    SV_DEFER(sv_json_drop) sv_json *still = shown(f, press.device);
    assert_true(sv_text_is(word(still, "by"), "bob"));
    assert_int_equal(sv_maintenance_end(&f->fleet, press, "cyd", NULL), SV_OK);
    SV_DEFER(sv_json_drop) sv_json *over = shown(f, press.device);
    assert_true(sv_json_is_null(over));

    begin(f, north(f), HOUR_S, "dan");
    fixture_now_us += HOUR_S * SV_TIME_SECOND_US - 1000;
    sv_maintenance_turn(&f->fleet);
    assert_non_null(press.site->maintenance);
    fixture_now_us += 1000;
    sv_maintenance_turn(&f->fleet);
    assert_null(press.site->maintenance);
    SV_DEFER(sv_json_drop) sv_json *list = listed(f, press);
    static const struct {
        const char *of, *by, *ended_by;
    } LINES[] = { { "site", "dan", "" }, { "device", "bob", "cyd" }, { "device", "ada", "bob" } };
    assert_int_equal(sv_json_count(list), SV_COUNT(LINES));
    for (size_t i = 0; i < SV_COUNT(LINES); i++) {
        const sv_json *line = sv_json_at(list, i);
        assert_true(sv_text_is(word(line, "of"), LINES[i].of));
        assert_true(sv_text_is(word(line, "by"), LINES[i].by));
        assert_true(sv_text_is(word(line, "ended_by"), LINES[i].ended_by));
        assert_true(number(line, "ended") > 0);
    }
    assert_int_equal(sv_maintenance_prune(f->fleet.db, fixture_now_us / 1000, NULL), SV_OK);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM maintenance"), 1);
    fixture_now_us = start_us;
}

// [maintenance-1]
static void what_nobody_works_on_cannot_be_ended(void **state) {
    fixture *f = *state;
    sv_why why = { 0 };
    sv_maintained press = device(f, "gw-a", "press-1");
    assert_int_equal(sv_maintenance_end(&f->fleet, press, "ada", &why), SV_ERR_NOT_FOUND);
    assert_string_equal(why.text, "nobody works on press-1");
    begin(f, north(f), HOUR_S, "ada");
    assert_int_equal(sv_maintenance_end(&f->fleet, press, "ada", &why), SV_ERR_NOT_FOUND);
    assert_string_equal(why.text,
                        "nobody works on press-1 alone: all of its site is worked on, north");
}

// [maintenance-5]
static void the_list_is_what_there_is_after_the_newest_event(void **state) {
    fixture *f = *state;
    SV_DEFER(sv_json_drop) sv_json *before = given(f, "gw-a");
    assert_int_equal(number(before, "after"), 0);
    begin(f, device(f, "gw-a", "press-1"), HOUR_S, "ada");
    begin(f, device(f, "gw-b", "press-2"), HOUR_S, "ada");
    begin(f, north(f), HOUR_S, "ada");
    assert_int_equal(sv_maintenance_end(&f->fleet, north(f), "ada", NULL), SV_OK);
    SV_DEFER(sv_json_drop) sv_json *list = given(f, "gw-a");
    SV_DEFER(sv_json_drop) sv_json *events = events_for(f, "gw-a");
    const sv_json *items = sv_json_get(list, "items");
    assert_int_equal(sv_json_count(items), 1);
    assert_true(sv_text_is(word(sv_json_at(items, 0), "device"), "press-1"));
    assert_int_equal(number(list, "after"),
                     number(sv_json_at(events, sv_json_count(events) - 1), "id"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_gateways_of_the_site_are_told_and_nobody_else),
        TEST(who_breaks_the_bounds_is_told_so_and_nothing_happens),
        TEST(a_site_has_no_more_of_them_than_its_gateways_keep),
        TEST(a_device_shows_its_own_or_its_sites_whichever_ends_last),
        TEST(who_said_it_and_who_ended_it_is_kept_through_a_restart),
        TEST(what_nobody_works_on_cannot_be_ended),
        TEST(the_list_is_what_there_is_after_the_newest_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
