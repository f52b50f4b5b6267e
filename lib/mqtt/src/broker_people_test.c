// What is decided about one id while it is here.
#include "broker_site.h"

static site_link *device_joined(site *here, size_t number, const char *id, const char *will) {
    site_link *link = site_open(here, number, id);
    sv_mqtt_connect connect = { .version = SV_MQTT_V5,
                                .client_id = sv_text_of(id),
                                .keepalive_s = 60,
                                .has_will = will != NULL,
                                .will_topic = sv_text_of(will),
                                .will_payload = SV_TEXT("gone") };
    connect.properties.present = UINT64_C(1) << SV_MQTT_P_SESSION_EXPIRY;
    connect.properties.session_expiry_s = 3600;
    site_connect(link, &connect);
    assert_got(link, "CONNACK 00");
    return link;
}

static size_t review(site *here, const char *id) {
    return sv_broker_review(here->broker, sv_text_of(id), here->now_us);
}

// [mqtt-21]
static void who_may_not_stay_is_told_and_cut_and_nobody_else(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *revoked = device_joined(here, 0, "press-1", "presence/press-1");
    site_link *before_connect = site_open(here, 1, "press-1");
    site_link *other = device_joined(here, 2, "press-2", NULL);
    site_link *local = site_joined(here, 3, SV_MQTT_V5, "press-1", true, false);
    assert_int_equal(review(here, "press-1"), 0);
    here->unwelcome = "press-1";
    assert_int_equal(review(here, "press-2"), 0);
    assert_int_equal(review(here, "nobody"), 0);
    assert_int_equal(review(here, "press-1"), 2);
    assert_got(revoked, "DISCONNECT:98; closed");
    assert_got(before_connect, "closed");
    assert_string_equal(here->last_message, "presence/press-1=gone");
    assert_string_equal(here->last_why, "'press-1' is revoked");
    assert_int_equal(here->events[SV_BROKER_EXPELLED], 1);
    assert_got(other, "");
    assert_got(local, "");
    assert_int_equal(review(here, "press-1"), 0);
}

// [mqtt-18]
static void a_will_needs_its_right_until_it_is_due(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *listener = site_joined(here, 0, SV_MQTT_V5, "listener", true, false);
    site_subscribe(listener, 1, "#", 0, 0);
    assert_got(listener, "SUBACK#1 00");
    site_link *revoked = device_joined(here, 1, "press-1", "sensors/press-1/oil");
    here->taken_away = "sensors/";
    here->unwelcome = "press-1";
    assert_int_equal(review(here, "press-1"), 1);
    assert_got(revoked, "DISCONNECT:98; closed");
    assert_got(listener, "");
    assert_int_equal(here->messages, 0);
    assert_int_equal(here->events[SV_BROKER_DENIED], 1);
}

// [mqtt-24]
static void what_is_kept_back_is_acknowledged_and_heard_by_nobody_else(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *listener = site_joined(here, 0, SV_MQTT_V5, "listener", true, false);
    site_subscribe(listener, 1, "#", 1, 0);
    assert_got(listener, "SUBACK#1 01");
    site_link *device = device_joined(here, 1, "press-1", "sensors/press-1/last");
    here->kept_back = "sensors/press-1/";
    site_publish(device, "sensors/press-1/oil", "1", 1, 1, true);
    site_publish(device, "health/press-1", "2", 1, 2, false);
    assert_got(device, "PUBACK#1; PUBACK#2");
    assert_int_equal(here->messages, 2);
    assert_got(listener, "health/press-1=2 q1#1");
    site_lose(device);
    assert_int_equal(here->wills, 1);
    assert_got(listener, "");
    assert_int_equal(site_count(here).retained, 0);
}

static void retain(site_link *local, const char *topic) {
    site_publish(local, topic, "x", 0, 0, true);
}

// [standing-1] [standing-22]
static void an_id_is_one_in_upper_and_lower_case(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *local = site_joined(here, 0, SV_MQTT_V5, "local", true, false);
    site_link *revoked = device_joined(here, 1, "press-1", NULL);
    site_link *retired = device_joined(here, 2, "Mill-2", NULL);
    here->unwelcome = "press-1";
    assert_int_equal(review(here, "PRESS-1"), 1);
    assert_got(revoked, "DISCONNECT:98; closed");
    retain(local, "presence/Mill-2");
    assert_int_equal(
        sv_broker_kick(here->broker, SV_TEXT("mill-2"), SV_MQTT_ADMINISTRATIVE, true, here->now_us),
        1);
    assert_got(retired, "DISCONNECT:98; closed");
    assert_int_equal(site_count(here).retained, 0);
    assert_int_equal(site_count(here).sessions, 2);
    char longer[2 * SV_ID_MAX];
    memset(longer, 'a', sizeof longer);
    assert_int_equal(
        sv_broker_review(here->broker, (sv_text){ longer, sizeof longer }, here->now_us), 0);
}

// [mqtt-22]
static void of_an_id_that_is_forgotten_nothing_is_kept(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *local = site_joined(here, 0, SV_MQTT_V5, "local", true, false);
    site_link *away = device_joined(here, 1, "press-1", "presence/press-1");
    site_link *other = device_joined(here, 2, "press-2", NULL);
    site_subscribe(away, 1, "commands/press-1/#", 1, 0);
    site_lose(away);
    site_publish(local, "commands/press-1/stop", "now", 1, 1, false);
    uint64_t wills = here->wills;
    retain(local, "presence/press-1");
    retain(local, "health/press-1");
    retain(local, "sensors/press-1/a/b");
    retain(local, "sensors/press-1/a");
    retain(local, "sensors/press-2/a");
    retain(local, "press-1");
    assert_int_equal(site_count(here).retained, 6);
    assert_int_equal(site_count(here).sessions, 3);
    assert_int_equal(sv_broker_kick(here->broker, SV_TEXT("press-1"), SV_MQTT_ADMINISTRATIVE, true,
                                    here->now_us),
                     0);
    assert_int_equal(site_count(here).sessions, 2);
    assert_int_equal(site_count(here).retained, 2);
    assert_int_equal(site_count(here).queued, 0);
    assert_int_equal(here->wills, wills);
    assert_got(other, "");
    assert_int_equal(site_restart(here, here->group), 0);
    assert_int_equal(site_count(here).sessions, 1);
    assert_int_equal(site_count(here).retained, 2);
}

static void many_come_and_go_and_are_told_apart(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    size_t cut = 0;
    for (int round = 0; round < 60; round++) {
        for (size_t i = 0; i < 9; i++) {
            char id[16];
            (void) snprintf(id, sizeof id, "press-%zu", i % 3);
            if (here->links[i].client == NULL) {
                (void) site_open(here, i, id);
            }
        }
        char unwelcome[16];
        (void) snprintf(unwelcome, sizeof unwelcome, "press-%d", round % 3);
        here->unwelcome = unwelcome;
        assert_int_equal(sv_broker_connections(here->broker, sv_text_of(unwelcome)), 3);
        site_lose(&here->links[round % 9]); // one of three, anywhere in their list
        cut += review(here, unwelcome);
        assert_int_equal(sv_broker_connections(here->broker, sv_text_of(unwelcome)), 0);
        assert_int_equal(site_count(here).clients, 6);
    }
    here->unwelcome = NULL;
    assert_int_equal(cut, 120);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_may_not_stay_is_told_and_cut_and_nobody_else),
        cmocka_unit_test(a_will_needs_its_right_until_it_is_due),
        cmocka_unit_test(what_is_kept_back_is_acknowledged_and_heard_by_nobody_else),
        cmocka_unit_test(an_id_is_one_in_upper_and_lower_case),
        cmocka_unit_test(of_an_id_that_is_forgotten_nothing_is_kept),
        cmocka_unit_test(many_come_and_go_and_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
