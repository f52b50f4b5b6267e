#include "broker_site.h"

// [mqtt-11]
static void no_more_is_in_flight_than_the_client_takes(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *to = site_open(here, 0, NULL);
    sv_mqtt_connect connect = connect5("to");
    connect.properties.present |= bit(SV_MQTT_P_RECEIVE_MAX);
    connect.properties.receive_max = 2;
    site_connect(to, &connect);
    site_subscribe(to, 1, "a", 2, 0);
    assert_got(to, "CONNACK 00; SUBACK#1 02");
    site_link *from = site_joined(here, 1, SV_MQTT_V311, "from", true, false);
    for (uint16_t i = 1; i < 5; i++) {
        site_publish(from, "a", "x", i == 2 ? 2 : 1, i, false);
    }
    site_publish(from, "a", "free", 0, 0, false);
    assert_got(to, "a=x q1#1; a=x q2#2; a=free");
    site_ack(to, SV_MQTT_PUBREC, 2, SV_MQTT_SUCCESS);
    assert_got(to, "PUBREL#2");
    site_ack(to, SV_MQTT_PUBCOMP, 2, SV_MQTT_SUCCESS);
    assert_got(to, "a=x q1#3");
    site_ack(to, SV_MQTT_PUBACK, 1, SV_MQTT_SUCCESS);
    assert_got(to, "a=x q1#4");
}

// [mqtt-10]
static void a_client_may_not_send_more_than_ours_at_once(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    sv_broker_drop(&here->broker);
    here->limits.receive_max = 3;
    site_start(here);
    here->grouped = true;
    site_link *from = site_joined(here, 0, SV_MQTT_V5, "from", true, false);
    site_publish(from, "a", "x", 1, 1, false);
    site_publish(from, "a", "x", 2, 2, false);
    site_publish(from, "a", "x", 2, 3, false);
    site_settle(here);
    assert_got(from, "PUBACK#1; PUBREC#2; PUBREC#3");
    site_ack(from, SV_MQTT_PUBREL, 3, SV_MQTT_SUCCESS);
    assert_got(from, "PUBCOMP#3");
    site_publish(from, "a", "x", 1, 4, false);
    site_publish(from, "a", "x", 1, 5, false);
    assert_got(from, "");
    site_publish(from, "a", "x", 1, 6, false);
    assert_got(from, "DISCONNECT:93; closed");
}

// [mqtt-10]
static void a_packet_id_that_is_taken_is_refused(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *from = site_joined(here, 0, SV_MQTT_V5, "from", true, false);
    site_publish(from, "a", "x", 2, 1, false);
    site_publish(from, "a", "x", 1, 1, false);
    site_subscribe(from, 1, "a", 0, 0);
    site_unsubscribe(from, 1, "a");
    assert_got(from, "PUBREC#1; PUBACK#1:91; SUBACK#1 91; UNSUBACK#1 91");
    here->grouped = true;
    site_publish(from, "a", "x", 1, 2, false);
    site_publish(from, "a", "x", 2, 2, false);
    site_settle(here);
    assert_got(from, "PUBACK#2; PUBREC#2:91");
    assert_int_equal(here->messages, 2);
}

// [mqtt-11]
static void what_a_client_cannot_take_is_not_sent(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *to = site_open(here, 0, NULL);
    sv_mqtt_connect connect = connect5("to");
    connect.properties.present |= bit(SV_MQTT_P_PACKET_MAX);
    connect.properties.packet_max = 20;
    site_connect(to, &connect);
    site_subscribe(to, 1, "a", 1, 0);
    assert_got(to, "CONNACK 00; SUBACK#1 01");
    site_link *from = site_joined(here, 1, SV_MQTT_V311, "from", true, false);
    // Fixed header 2, topic 3, properties 1: 14 bytes are left; two fewer with a packet id.
    site_publish(from, "a", "12345678901234", 0, 0, false);
    site_publish(from, "a", "123456789012345", 0, 0, false);
    site_publish(from, "a", "1234567890123", 1, 1, false);
    site_publish(from, "a", "123456789012", 1, 2, false);
    assert_got(to, "a=12345678901234; a=123456789012 q1#2");
    assert_int_equal(here->events[SV_BROKER_DROPPED], 2);
    assert_int_equal(site_count(here).queued, 1);
}

// [mqtt-12]
static void a_topic_is_told_by_a_number_while_one_is_free_or_when_it_comes_again(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *to = site_open(here, 0, NULL);
    sv_mqtt_connect connect = connect5("to");
    connect.properties.present |= bit(SV_MQTT_P_TOPIC_ALIAS_MAX);
    connect.properties.topic_alias_max = 1;
    site_connect(to, &connect);
    site_subscribe(to, 1, "#", 0, 0);
    (void) site_got(to);
    site_link *from = site_joined(here, 1, SV_MQTT_V5, "from", true, false);
    for (int i = 0; i < 3; i++) {
        site_publish(from, "often", "x", 0, 0, false);
    }
    site_publish(from, "other", "x", 0, 0, false);
    site_publish(from, "often", "x", 0, 0, false);
    site_publish(from, "often", "x", 0, 0, false);
    assert_got(to, "often=x alias=1; =x alias=1; =x alias=1; other=x; often=x; often=x alias=1");
    // And from them to us.
    sv_mqtt_publish publish = { .topic = SV_TEXT("in"), .topic_alias = 32 };
    site_publish_as(from, &publish);
    publish.topic = SV_TEXT("");
    site_publish_as(from, &publish);
    publish.topic = SV_TEXT("secret");
    site_publish_as(from, &publish);
    publish.topic = SV_TEXT("");
    site_publish_as(from, &publish);
    assert_got(to, "in=; in= alias=1");
    assert_int_equal(here->events[SV_BROKER_DENIED], 2);
}

// [mqtt-11]
static void messages_expire_and_tell_the_time_they_have_left(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *to = site_joined(here, 0, SV_MQTT_V5, "to", false, false);
    site_subscribe(to, 1, "#", 1, 0);
    assert_got(to, "SUBACK#1 01");
    site_link *from = site_joined(here, 1, SV_MQTT_V5, "from", true, false);
    sv_mqtt_publish publish = { .topic = SV_TEXT("a"), .has_expiry = true, .expiry_s = 10 };
    site_publish_as(from, &publish);
    assert_got(to, "a= expiry=10");
    site_lose(to);
    publish.qos = 1;
    publish.id = 1;
    site_publish_as(from, &publish);
    publish.expiry_s = 4;
    site_publish_as(from, &publish);
    site_wait(here, 4 * SECOND);
    to = site_join(here, 0, SV_MQTT_V5, "to", false);
    assert_got(to, "CONNACK 00 present; a= q1#1 expiry=6");
    assert_int_equal(here->events[SV_BROKER_DROPPED], 1);
    site_lose(to);
    for (int i = 0; i < 16; i++) {
        site_wait(here, SECOND);
    }
    assert_int_equal(site_count(here).queued, 0);
}

// [mqtt-11]
static void properties_travel_in_their_order(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *to = site_joined(here, 0, SV_MQTT_V5, "to", false, false);
    site_link *old = site_joined(here, 2, SV_MQTT_V311, "old", true, false);
    site_subscribe(to, 1, "#", 1, 0);
    site_subscribe(old, 1, "#", 1, 0);
    site_link *from = site_joined(here, 1, SV_MQTT_V5, "from", true, false);
    sv_mqtt_publish publish = {
        .topic = SV_TEXT("a"),
        .payload = SV_TEXT("x"),
        .forwarded = SV_TEXT("\1\1\x26\0\1z\0\1"
                             "1\x26\0\1a\0\1"
                             "2\x26\0\1z\0\1"
                             "3"),
    };
    site_publish_as(from, &publish);
    publish.qos = 1;
    publish.id = 1;
    site_publish_as(from, &publish);
    assert_got(to, "SUBACK#1 01; a=x format=1 z:1 a:2 z:3; a=x q1#1 format=1 z:1 a:2 z:3");
    assert_got(old, "SUBACK#1 01; a=x; a=x q1#1");
}

// [mqtt-13]
static void a_full_queue_drops_its_oldest_and_says_so(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    sv_broker_drop(&here->broker);
    here->limits.queue_messages_max = 3;
    here->limits.inflight_max = 1;
    site_start(here);
    site_link *to = site_joined(here, 0, SV_MQTT_V311, "to", false, false);
    site_subscribe(to, 1, "#", 1, 0);
    assert_got(to, "SUBACK#1 01");
    site_link *from = site_joined(here, 1, SV_MQTT_V311, "from", true, false);
    const char *const payloads[] = { "1", "2", "3", "4", "5" };
    for (uint16_t i = 0; i < 5; i++) {
        site_publish(from, "a", payloads[i], 1, (uint16_t) (i + 1), false);
    }
    assert_got(to, "a=1 q1#1");
    assert_int_equal(here->events[SV_BROKER_DROPPED], 2);
    assert_int_equal(site_count(here).queued, 3);
    site_ack(to, SV_MQTT_PUBACK, 1, SV_MQTT_SUCCESS);
    assert_got(to, "a=4 q1#4");
    site_ack(to, SV_MQTT_PUBACK, 4, SV_MQTT_SUCCESS);
    assert_got(to, "a=5 q1#5");
    site_compact(here, UINT64_MAX);
    assert_int_equal(here->record_count, 2);
}

// [mqtt-13]
static void who_reads_slowly_waits_and_loses_what_may_be_lost(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *to = site_joined(here, 0, SV_MQTT_V311, "to", false, false);
    site_subscribe(to, 1, "#", 1, 0);
    assert_got(to, "SUBACK#1 01");
    site_link *from = site_joined(here, 1, SV_MQTT_V311, "from", true, false);
    to->waiting = here->limits.waiting_max + 1;
    site_publish(from, "a", "0", 0, 0, false);
    site_publish(from, "a", "1", 1, 1, false);
    assert_got(to, "");
    assert_int_equal(here->events[SV_BROKER_DROPPED], 1);
    to->waiting = 0;
    sv_broker_drained(here->broker, to->client, here->now_us);
    assert_got(to, "a=1 q1#1");
    to->waiting = here->limits.waiting_max + (1 << 20) + 1;
    site_ping(to);
    assert_got(to, "closed");
}

/// Whoever reads the store while restoring is not written to.
static void restoring_into_smaller_limits_leaves_out_and_forgets_nothing(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *to = site_joined(here, 0, SV_MQTT_V311, "to", false, false);
    site_subscribe(to, 1, "#", 1, 0);
    site_lose(to);
    site_link *from = site_joined(here, 1, SV_MQTT_V311, "from", true, false);
    for (uint16_t i = 1; i < 5; i++) {
        site_publish(from, "a", "x", 1, i, false);
    }
    here->limits.queue_messages_max = 3;
    assert_int_equal(site_restart(here, 0), 1);
    assert_int_equal(here->record_count, 5);
    assert_int_equal(site_count(here).queued, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_more_is_in_flight_than_the_client_takes),
        cmocka_unit_test(a_client_may_not_send_more_than_ours_at_once),
        cmocka_unit_test(a_packet_id_that_is_taken_is_refused),
        cmocka_unit_test(what_a_client_cannot_take_is_not_sent),
        cmocka_unit_test(a_topic_is_told_by_a_number_while_one_is_free_or_when_it_comes_again),
        cmocka_unit_test(messages_expire_and_tell_the_time_they_have_left),
        cmocka_unit_test(properties_travel_in_their_order),
        cmocka_unit_test(a_full_queue_drops_its_oldest_and_says_so),
        cmocka_unit_test(who_reads_slowly_waits_and_loses_what_may_be_lost),
        cmocka_unit_test(restoring_into_smaller_limits_leaves_out_and_forgets_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
