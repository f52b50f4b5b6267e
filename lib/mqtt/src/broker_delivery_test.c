#include "broker_site.h"

static const sv_mqtt_version VERSIONS[] = { SV_MQTT_V311, SV_MQTT_V5 };

static void a_message_reaches_who_has_subscribed_with_the_lesser_qos(void **state) {
    (void) state;
    for (size_t v = 0; v < SV_COUNT(VERSIONS); v++) {
        SV_DEFER(site_drop) site *here = site_new();
        site_link *from = site_joined(here, 0, VERSIONS[v], "from", true, false);
        site_link *to = site_joined(here, 1, VERSIONS[v], "to", true, false);
        site_subscribe(to, 1, "a/+", 1, 0);
        assert_got(to, "SUBACK#1 01");
        site_publish(from, "a/b", "zero", 0, 0, false);
        assert_got(from, "");
        assert_got(to, "a/b=zero");
        site_publish(from, "a/b", "one", 1, 7, false);
        assert_got(from, "PUBACK#7");
        assert_got(to, "a/b=one q1#1");
        site_ack(to, SV_MQTT_PUBACK, 1, SV_MQTT_SUCCESS);
        site_publish(from, "a/b", "two", 2, 8, false);
        assert_got(from, "PUBREC#8");
        assert_got(to, "a/b=two q1#2");
        site_ack(from, SV_MQTT_PUBREL, 8, SV_MQTT_SUCCESS);
        assert_got(from, "PUBCOMP#8");
        site_publish(from, "a/b/c", "deeper", 0, 0, false);
        assert_got(to, "");
        assert_int_equal(here->messages, 4);
    }
}

static void qos_2_is_seen_through_on_both_sides(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *from = site_joined(here, 0, SV_MQTT_V311, "from", true, false);
    site_link *to = site_joined(here, 1, SV_MQTT_V5, "to", true, false);
    site_subscribe(to, 1, "#", 2, 0);
    assert_got(to, "SUBACK#1 02");
    site_publish(from, "a", "x", 2, 5, false);
    site_publish(from, "a", "x", 2, 5, false);
    assert_got(from, "PUBREC#5; PUBREC#5");
    assert_got(to, "a=x q2#1");
    assert_int_equal(here->messages, 1);
    site_ack(to, SV_MQTT_PUBREC, 1, SV_MQTT_SUCCESS);
    assert_got(to, "PUBREL#1");
    site_ack(to, SV_MQTT_PUBCOMP, 1, SV_MQTT_SUCCESS);
    assert_int_equal(site_count(here).queued, 0);
    site_ack(to, SV_MQTT_PUBREC, 9, SV_MQTT_SUCCESS);
    assert_got(to, "PUBREL#9:92");
    site_ack(from, SV_MQTT_PUBREL, 5, SV_MQTT_SUCCESS);
    site_ack(from, SV_MQTT_PUBREL, 5, SV_MQTT_SUCCESS);
    assert_got(from, "PUBCOMP#5; PUBCOMP#5");
    site_ack(to, SV_MQTT_PUBREL, 5, SV_MQTT_SUCCESS);
    assert_got(to, "PUBCOMP#5:92");
}

static void answers_wait_for_their_group_in_order(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    here->grouped = true;
    site_link *from = site_join(here, 0, SV_MQTT_V5, "from", false);
    assert_got(from, "");
    site_ping(from);
    assert_got(from, "");
    site_settle(here);
    assert_got(from, "CONNACK 00; PINGRESP");
    site_publish(from, "a", "1", 1, 1, false);
    site_publish(from, "a", "2", 1, 2, false);
    here->group++;
    site_publish(from, "a", "3", 2, 3, false);
    assert_got(from, "");
    sv_broker_settled(here->broker, here->group - 1);
    assert_got(from, "PUBACK#1; PUBACK#2");
    site_settle(here);
    assert_got(from, "PUBREC#3");
}

static void a_persistent_session_keeps_messages_while_its_client_is_away(void **state) {
    (void) state;
    for (size_t v = 0; v < SV_COUNT(VERSIONS); v++) {
        SV_DEFER(site_drop) site *here = site_new();
        site_link *from = site_joined(here, 0, SV_MQTT_V311, "from", true, false);
        site_link *to = site_joined(here, 1, VERSIONS[v], "to", false, false);
        site_subscribe(to, 1, "a", 2, 0);
        site_disconnect(to, SV_MQTT_SUCCESS);
        assert_got(to, "SUBACK#1 02; closed");
        for (uint8_t qos = 0; qos < 3; qos++) {
            site_publish(from, "a", "x", qos, qos, false);
        }
        assert_int_equal(site_count(here).queued, 2);
        to = site_join(here, 1, VERSIONS[v], "to", false);
        assert_got(to, "CONNACK 00 present; a=x q1#1; a=x q2#2");
        site_lose(to);
        assert_int_equal(site_restart(here, 0), 0);
        to = site_join(here, 1, VERSIONS[v], "to", false);
        assert_got(to, "CONNACK 00 present; a=x q1#1 dup; a=x q2#2 dup");
        site_ack(to, SV_MQTT_PUBREC, 2, SV_MQTT_SUCCESS);
        assert_got(to, "PUBREL#2");
        assert_int_equal(site_restart(here, 0), 0);
        to = site_join(here, 1, VERSIONS[v], "to", false);
        assert_got(to, "CONNACK 00 present; a=x q1#1 dup; PUBREL#2");
        site_ack(to, SV_MQTT_PUBCOMP, 2, SV_MQTT_SUCCESS);
        site_ack(to, SV_MQTT_PUBACK, 1, SV_MQTT_SUCCESS);
        assert_int_equal(site_count(here).queued, 0);
        assert_int_equal(site_restart(here, 0), 0);
        to = site_join(here, 1, VERSIONS[v], "to", false);
        assert_got(to, "CONNACK 00 present");
        site_lose(to);
        to = site_join(here, 1, VERSIONS[v], "to", true);
        assert_got(to, "CONNACK 00");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_reaches_who_has_subscribed_with_the_lesser_qos),
        cmocka_unit_test(qos_2_is_seen_through_on_both_sides),
        cmocka_unit_test(answers_wait_for_their_group_in_order),
        cmocka_unit_test(a_persistent_session_keeps_messages_while_its_client_is_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
