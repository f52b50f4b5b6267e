// When CONNACK goes out, and to whom it cannot.
#include "broker_site.h"

static sv_mqtt_connect session_of(uint32_t expiry_s, bool clean) {
    sv_mqtt_connect connect = { .version = SV_MQTT_V5,
                                .client_id = SV_TEXT("press-1"),
                                .clean_session = clean,
                                .keepalive_s = 60 };
    connect.properties.present = UINT64_C(1) << SV_MQTT_P_SESSION_EXPIRY;
    connect.properties.session_expiry_s = expiry_s;
    return connect;
}

// [mqtt-11]: neither a session nor a will comes of it.
static void who_takes_no_connack_is_refused(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    static const struct {
        uint32_t packet_max;
        const char *got;
    } CASES[] = { { 16, "CONNACK 00" },
                  { 15, "CONNACK 95; closed" },
                  { 5, "CONNACK 95; closed" },
                  { 4, "closed" } };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        site_link *link = site_open(here, 0, "press-1");
        sv_mqtt_connect connect = session_of(0, true);
        connect.properties.present = UINT64_C(1) << SV_MQTT_P_PACKET_MAX;
        connect.properties.packet_max = CASES[i].packet_max;
        connect.has_will = true;
        connect.will_topic = SV_TEXT("a");
        site_connect(link, &connect);
        assert_got(link, CASES[i].got);
        if (link->client != NULL) {
            site_lose(link);
        }
        assert_int_equal(here->wills, 1); // that of the first
        assert_int_equal(site_count(here).sessions, 0);
    }
    assert_string_equal(here->last_why,
                        "CONNACK takes 16 bytes, and the client takes no packet above 4");
}

// [mqtt-8]: or after a loss of power a client would find the session again that it was told is
// gone.
static void a_clean_start_is_answered_when_the_old_session_is_off_the_disk(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    here->grouped = true;
    sv_mqtt_connect stay = session_of(600, false);
    sv_mqtt_connect anew = session_of(0, true);
    site_link *link = site_open(here, 0, "press-1");
    site_connect(link, &stay);
    site_settle(here);
    assert_got(link, "CONNACK 00");
    site_lose(link);
    site_settle(here);
    (void) site_open(here, 0, "press-1");
    site_connect(link, &anew);
    assert_got(link, "");
    assert_int_equal(site_restart(here, here->group - 1), 0);
    assert_int_equal(site_count(here).sessions, 1); // the client knows of nothing else yet
    (void) site_open(here, 0, "press-1");
    site_connect(link, &anew);
    uint64_t durable = here->group;
    site_settle(here);
    assert_got(link, "CONNACK 00");
    assert_int_equal(site_restart(here, durable), 0);
    assert_int_equal(site_count(here).sessions, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_takes_no_connack_is_refused),
        cmocka_unit_test(a_clean_start_is_answered_when_the_old_session_is_off_the_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
