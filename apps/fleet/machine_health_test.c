// What gateways tell of machines, kept and shown.
#include "fleet_fixture.h"

#include "device_list_fixture.h"
#include "inbox.h"
#include "machine_health.h"
#include "machine_past.h"
#include "uplink.h"
#include "views.h"

static sv_err post(fixture *f, const char *device, const char *machine) {
    char room[1024];
    char answer_room[256];
    sv_textbuf body = SV_TEXTBUF(room);
    sv_textbuf answer = SV_TEXTBUF(answer_room);
    sv_textbuf_addf(&body,
                    "{\"gateway\":{},\"devices\":[{\"device_id\":\"%s\",\"online\":true%s%s}]}",
                    device, machine[0] == '\0' ? "" : ",\"machine\":", machine);
    return sv_uplink_health(&f->fleet, fixture_gateway(f, "gw-a"), sv_textbuf_text(&body), &answer,
                            NULL);
}

static const char *shown(fixture *f, const char *id) {
    static char room[1024];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&text);
    const sv_device *device = sv_registry_device(f->fleet.registry, sv_text_of(id));
    assert_non_null(device);
    sv_machine_write(device, &out);
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    return room;
}

#define BAD                                                                                        \
    "{\"state\":\"watching\",\"health\":31,\"parts\":[{\"sensor\":\"vibration\",\"share\":62,"     \
    "\"deviation\":-7.5}]}"

// [uplink-20] [detect-67]
static void what_was_told_of_a_machine_is_shown_also_after_a_restart(void **state) {
    fixture *f = *state;
    assert_int_equal(post(f, "press-1", ""), SV_OK);
    assert_string_equal(shown(f, "press-1"), "null");
    assert_int_equal(post(f, "press-1", "{\"state\":\"gathering\"}"), SV_OK);
    assert_string_equal(shown(f, "press-1"), "{\"state\":\"gathering\",\"health\":null,\"parts\":"
                                             "[],\"at\":1800000000000}");
    assert_int_equal(post(f, "press-1", BAD), SV_OK);
    assert_int_equal(post(f, "press-1", ""), SV_OK); // nothing new
    sv_fleet_drop(&f->fleet);
    fixture_start(f);
    assert_string_equal(shown(f, "press-1"),
                        "{\"state\":\"watching\",\"health\":31,\"parts\":[{\"sensor\":"
                        "\"vibration\",\"share\":62,\"deviation\":-7.5}],\"at\":1800000000000}");
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM machine"), 1);
}

// [uplink-20]
static void what_cannot_be_read_is_passed_over(void **state) {
    static const char *const BROKEN[] = {
        "1",
        "{}",
        "{\"state\":\"dreaming\"}",
        "{\"state\":\"watching\",\"health\":101}",
        "{\"state\":\"watching\",\"health\":-2}",
        "{\"state\":\"watching\",\"health\":1,\"parts\":[1]}",
        "{\"state\":\"watching\",\"health\":1,\"parts\":[{\"sensor\":\"a/b\",\"share\":1,"
        "\"deviation\":1}]}",
        "{\"state\":\"watching\",\"health\":1,\"parts\":[{\"sensor\":\"a\",\"share\":101,"
        "\"deviation\":1}]}",
        "{\"state\":\"watching\",\"health\":1,\"parts\":[{\"sensor\":\"a\",\"share\":1,"
        "\"deviation\":1e9}]}",
        "{\"state\":\"watching\",\"health\":1,\"parts\":[{},{},{},{}]}",
    };
    fixture *f = *state;
    assert_int_equal(post(f, "press-1", BAD), SV_OK);
    for (size_t i = 0; i < SV_COUNT(BROKEN); i++) {
        assert_int_equal(post(f, "press-1", BROKEN[i]), SV_OK);
        assert_non_null(strstr(shown(f, "press-1"), "\"health\":31"));
    }
}

// [detect-67]
static void the_machine_in_the_worst_health_comes_first_and_the_unknown_last(void **state) {
    fixture *f = *state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(65536);
    sv_json_out out = SV_JSON_OUT(&text);
    assert_int_equal(post(f, "a-unknown", ""), SV_OK);
    assert_int_equal(post(f, "b-well", "{\"state\":\"watching\",\"health\":97,\"parts\":[]}"),
                     SV_OK);
    assert_int_equal(post(f, "c-bad", BAD), SV_OK);
    assert_int_equal(post(f, "d-learns", "{\"state\":\"learning\"}"), SV_OK);
    const sv_device_query query = { .text = "",
                                    .site = "",
                                    .version = "",
                                    .cursor = "",
                                    .online = -1,
                                    .health = -1,
                                    .standing = SV_DEVICES_STANDING,
                                    .sort = SV_DEVICES_BY_MACHINE,
                                    .limit = 10 };
    list_devices(&f->fleet, &query, &out);
    static const char *const ORDER[] = { "c-bad", "b-well", "a-unknown", "d-learns" };
    const char *at = text.at;
    for (size_t i = 0; i < SV_COUNT(ORDER); i++) {
        at = strstr(at, ORDER[i]);
        assert_non_null(at);
    }
}

// [detect-12] [detect-62]
static void an_alert_about_a_machine_may_be_called_normal(void **state) {
    fixture *f = *state;
    sv_alert alert = { .type = SV_ALERT_ANOMALY,
                       .severity = SV_SEVERITY_WARNING,
                       .event = SV_ALERT_RAISED,
                       .at_us = 1 };
    (void) snprintf(alert.id, sizeof alert.id, "a1");
    (void) snprintf(alert.device_id, sizeof alert.device_id, "press-1");
    (void) snprintf(alert.rule, sizeof alert.rule, "%s", SV_RULE_TOGETHER);
    assert_int_equal(sv_inbox_take(f->fleet.db, &alert, "north", "", NULL), SV_OK);
    assert_int_equal(sv_inbox_normal(f->fleet.db, SV_TEXT("a1"), "ada", 5, NULL), SV_OK);
}

static int64_t now_ms = 1800000000000;

static int64_t other_clock(void) {
    return now_ms * 1000;
}

static void tell_health(fixture *f, int64_t after_ms, int health) {
    char room[128];
    (void) snprintf(room, sizeof room, "{\"state\":\"watching\",\"health\":%d}", health);
    now_ms = 1800000000000 + after_ms;
    assert_int_equal(post(f, "press-1", room), SV_OK);
}

static const char *past(fixture *f, int64_t from_ms, int64_t to_ms, size_t points) {
    static char room[1024];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&text);
    const sv_series_range range = { .from_ms = 1800000000000 + from_ms,
                                    .to_ms = 1800000000000 + to_ms,
                                    .points = points };
    sv_json_open_object(&out);
    assert_int_equal(
        sv_machine_past_write(&f->fleet, sv_registry_device(f->fleet.registry, SV_TEXT("press-1")),
                              &range, &out, NULL),
        SV_OK);
    sv_json_close_object(&out);
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    return room;
}

// [detect-68]
static void how_the_health_was_is_kept_by_its_lowest_of_five_minutes(void **state) {
    fixture *f = *state;
    f->fleet.wall_us = f->fleet.believed_us = other_clock;
    f->fleet.config.store.retention_us = 30 * SV_TIME_DAY_US;
    assert_int_equal(post(f, "press-1", "{\"state\":\"learning\"}"), SV_OK);
    tell_health(f, 0, 97);
    tell_health(f, 60000, 40);
    tell_health(f, 120000, 90);
    tell_health(f, 3600000, 95);
    tell_health(f, 7200000, 60);
    assert_string_equal(past(f, 0, 7200000, 100),
                        "{\"health\":[[1800000000000,40],[1800003600000,95],[1800007200000,60]]}");
    // What held when the range began is there; of a part the lowest is.
    assert_string_equal(past(f, 3000000, 3300000, 100), "{\"health\":[[1800000000000,40]]}");
    assert_string_equal(past(f, 0, 7200000, 1), "{\"health\":[[1800000000000,40]]}");
    assert_string_equal(past(f, -9000000, -1, 9), "{\"health\":[]}");
}

// [detect-68]
static void a_past_that_is_older_than_points_may_be_goes(void **state) {
    fixture *f = *state;
    f->fleet.wall_us = f->fleet.believed_us = other_clock;
    f->fleet.config.store.retention_us = 30 * SV_TIME_DAY_US;
    tell_health(f, 0, 97);
    tell_health(f, 600000, 96);
    tell_health(f, f->fleet.config.store.retention_us / 1000 + 300000, 95);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM machine_past"), 2);
    assert_int_equal(fixture_count(f, "SELECT max(health) FROM machine_past"), 96);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_was_told_of_a_machine_is_shown_also_after_a_restart),
        TEST(what_cannot_be_read_is_passed_over),
        TEST(the_machine_in_the_worst_health_comes_first_and_the_unknown_last),
        TEST(how_the_health_was_is_kept_by_its_lowest_of_five_minutes),
        TEST(a_past_that_is_older_than_points_may_be_goes),
        TEST(an_alert_about_a_machine_may_be_called_normal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
