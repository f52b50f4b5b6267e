#include "door_fixture.h"

#define DIGEST "6a09e667f3bcc908b2fb1366ea957d3e3adec17512775099da2f590b0667322a"

static void take(fixture *f, const char *data) {
    gw_look_take(&f->g, sv_text_of(data));
}

// [uplink-15]
static void a_device_hears_within_a_second_that_it_shall_look_and_nobody_else_does(void **state) {
    fixture *f = *state;
    issuer site;
    visitor press_1;
    visitor press_2;
    issuer_open(&site);
    issue_device(&site, "press-1", SV_ROLE_DEVICE);
    issue_device(&site, "press-2", SV_ROLE_DEVICE);
    open_door(f, &site);
    visitor_in(f, &site, "press-1", &press_1);
    visitor_in(f, &site, "press-2", &press_2);
    assert_int_equal(sv_mqtt_client_subscribe(press_1.mqtt, SV_TEXT("updates/press-1"), 1), SV_OK);
    assert_int_equal(sv_mqtt_client_subscribe(press_2.mqtt, SV_TEXT("updates/press-2"), 1), SV_OK);
    assert_int_equal(sv_mqtt_client_subscribe(press_2.mqtt, SV_TEXT("updates/press-1"), 1), SV_OK);
    assert_int_equal(sv_mqtt_client_subscribe(press_2.mqtt, SV_TEXT("updates/+"), 1), SV_OK);
    TURN_UNTIL(f, press_1.subscribed == 1 && press_2.subscribed == 3);
    assert_int_equal(press_2.refused, 2);

    int64_t since_us = sv_clock_monotonic_us();
    take(f, "{\"device\":\"press-1\",\"version\":\"1.1\",\"sha256\":\"" DIGEST "\"}");
    TURN_UNTIL(f, press_1.heard == 1);
    assert_true(sv_clock_monotonic_us() - since_us < SV_TIME_SECOND_US);
    assert_string_equal(press_1.last_topic, "updates/press-1");
    assert_string_equal(press_1.last_payload, "{\"version\":\"1.1\",\"sha256\":\"" DIGEST "\"}");
    take(f, "{\"device\":\"press-1\"}"); // nothing any more
    TURN_UNTIL(f, press_1.heard == 2);
    assert_string_equal(press_1.last_payload, "{}");
    assert_int_equal(press_2.heard, 0);
    assert_int_equal(f->g.looks.told, 2);

    visitor_drop(&press_1);
    visitor_drop(&press_2);
    close_door(f);
    issuer_close(&site);
}

// [uplink-15]
static void what_breaks_its_format_is_counted_and_told_to_nobody(void **state) {
    fixture *f = *state;
    static const char *const CASES[] = {
        "",
        "{",
        "[]",
        "{\"version\":\"1.1\",\"sha256\":\"" DIGEST "\"}",
        "{\"device\":\"a/b\"}",
        "{\"device\":\"+\"}",
        "{\"device\":7}",
        "{\"device\":\"press-1\",\"version\":\"1.1\"}",
        "{\"device\":\"press-1\",\"sha256\":\"" DIGEST "\"}",
        "{\"device\":\"press-1\",\"version\":\"\",\"sha256\":\"" DIGEST "\"}",
        "{\"device\":\"press-1\",\"version\":\"1 1\",\"sha256\":\"" DIGEST "\"}",
        "{\"device\":\"press-1\",\"version\":\"1.1\",\"sha256\":\"" DIGEST "00\"}",
        "{\"device\":\"press-1\",\"version\":\"1.1\",\"sha256\":\"6A09\"}",
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        take(f, CASES[i]);
        assert_int_equal(f->g.looks.refused, i + 1);
    }
    assert_int_equal(sv_mqtt_client_waiting(f->g.mqtt), 0);
    assert_int_equal(f->g.looks.told + f->g.looks.missed, 0);
}

// [uplink-15]
static void on_a_full_disk_a_hint_is_missed_and_counted(void **state) {
    fixture *f = *state;
    f->g.full = true;
    take(f, "{\"device\":\"press-1\"}");
    assert_int_equal(f->g.looks.missed, 1);
    assert_int_equal(sv_mqtt_client_waiting(f->g.mqtt), 0);
    f->g.full = false;
    take(f, "{\"device\":\"press-1\"}");
    assert_int_equal(sv_mqtt_client_waiting(f->g.mqtt), 1); // through an external broker too
}

static int setup(void **state) {
    return open_fixture(state, "thresholds: {default: {high: 80}}\n");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_device_hears_within_a_second_that_it_shall_look_and_nobody_else_does),
        TEST(what_breaks_its_format_is_counted_and_told_to_nobody),
        TEST(on_a_full_disk_a_hint_is_missed_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
