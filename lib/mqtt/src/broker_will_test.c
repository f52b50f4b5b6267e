#include "broker_site.h"

// [mqtt-18]
static void a_will_goes_out_when_its_client_is_lost_and_only_then(void **state) {
    (void) state;
    static const struct {
        sv_mqtt_version version;
        bool says_goodbye;
        sv_mqtt_reason reason;
        const char *seen;
    } CASES[] = {
        { SV_MQTT_V311, true, SV_MQTT_SUCCESS, "" },
        { SV_MQTT_V311, false, SV_MQTT_SUCCESS, "w=gone q1#1" },
        { SV_MQTT_V5, true, SV_MQTT_SUCCESS, "" },
        { SV_MQTT_V5, true, SV_MQTT_WITH_WILL, "w=gone q1#1" },
        { SV_MQTT_V5, true, SV_MQTT_UNSPECIFIED, "w=gone q1#1" },
        { SV_MQTT_V5, false, SV_MQTT_SUCCESS, "w=gone q1#1" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(site_drop) site *here = site_new();
        site_link *watcher = site_joined(here, 0, SV_MQTT_V311, "watcher", true, false);
        site_subscribe(watcher, 1, "w", 1, 0);
        assert_got(watcher, "SUBACK#1 01");
        site_link *link = site_open(here, 1, NULL);
        site_connect(link, &(sv_mqtt_connect){ .version = CASES[i].version,
                                               .client_id = SV_TEXT("a"),
                                               .clean_session = true,
                                               .keepalive_s = 60,
                                               .has_will = true,
                                               .will_topic = SV_TEXT("w"),
                                               .will_payload = SV_TEXT("gone"),
                                               .will_qos = 1,
                                               .will_retain = true });
        assert_got(link, "CONNACK 00");
        if (CASES[i].says_goodbye) {
            site_disconnect(link, CASES[i].reason);
        } else {
            site_lose(link);
        }
        assert_got(watcher, CASES[i].seen);
        assert_int_equal(here->wills, CASES[i].seen[0] != '\0');
        assert_int_equal(site_count(here).retained, here->wills);
    }
}

static sv_mqtt_connect with_will(uint32_t delay_s, uint32_t expiry_s) {
    sv_mqtt_connect connect = { .version = SV_MQTT_V5,
                                .client_id = SV_TEXT("a"),
                                .keepalive_s = 60,
                                .has_will = true,
                                .will_topic = SV_TEXT("w"),
                                .will_payload = SV_TEXT("gone") };
    connect.properties.present = UINT64_C(1) << SV_MQTT_P_SESSION_EXPIRY;
    connect.properties.session_expiry_s = expiry_s;
    connect.will_properties.present = UINT64_C(1) << SV_MQTT_P_WILL_DELAY;
    connect.will_properties.will_delay_s = delay_s;
    return connect;
}

// [mqtt-18]
static void a_will_waits_and_is_called_off_by_who_comes_back(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *link = site_open(here, 0, NULL);
    sv_mqtt_connect connect = with_will(30, 100);
    site_connect(link, &connect);
    site_lose(link);
    site_wait(here, 29 * SECOND);
    link = site_open(here, 0, NULL);
    site_connect(link, &connect);
    assert_got(link, "CONNACK 00 present");
    site_lose(link);
    site_wait(here, 29 * SECOND);
    assert_int_equal(here->wills, 0);
    site_wait(here, SECOND);
    assert_int_equal(here->wills, 1);
    // The session's end does not let it wait longer.
    connect = with_will(300, 10);
    link = site_open(here, 0, NULL);
    site_connect(link, &connect);
    site_lose(link);
    site_wait(here, 10 * SECOND);
    assert_int_equal(here->wills, 2);
    // Nor does a clean start, which ends it.
    link = site_open(here, 0, NULL);
    site_connect(link, &connect);
    site_lose(link);
    (void) site_join(here, 0, SV_MQTT_V5, "a", true);
    assert_int_equal(here->wills, 3);
}

// [mqtt-18]
static void a_will_without_the_right_to_it_refuses_the_connection(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *link = site_open(here, 0, NULL);
    sv_mqtt_connect connect = with_will(0, 0);
    connect.will_topic = SV_TEXT("secret/w");
    site_connect(link, &connect);
    assert_got(link, "CONNACK 87; closed");
    assert_int_equal(here->events[SV_BROKER_DENIED], 1);
    assert_int_equal(site_count(here).sessions, 0);
}

// [mqtt-18]
static void after_a_restart_a_will_gives_its_client_time(void **state) {
    (void) state;
    for (int back = 0; back < 3; back++) {
        SV_DEFER(site_drop) site *here = site_new();
        site_link *link = site_open(here, 0, NULL);
        sv_mqtt_connect connect = with_will(0, 0);
        site_connect(link, &connect);
        assert_int_equal(site_restart(here, 0), 0);
        site_wait(here, SV_BROKER_WILL_RESTORED_US - 1);
        assert_int_equal(here->wills, 0);
        if (back > 0) {
            (void) site_joined(here, 0, SV_MQTT_V5, "a", back == 1, false);
        }
        site_wait(here, 1);
        assert_int_equal(here->wills, back == 0);
        assert_int_equal(site_count(here).sessions, back > 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_will_goes_out_when_its_client_is_lost_and_only_then),
        cmocka_unit_test(a_will_waits_and_is_called_off_by_who_comes_back),
        cmocka_unit_test(a_will_without_the_right_to_it_refuses_the_connection),
        cmocka_unit_test(after_a_restart_a_will_gives_its_client_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
