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

// [mqtt-8]
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

// [mqtt-7]
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

static uint64_t bit(unsigned identifier) {
    return UINT64_C(1) << identifier;
}

static sv_mqtt_connect connect5(const char *id) {
    sv_mqtt_connect connect = { .version = SV_MQTT_V5,
                                .client_id = sv_text_of(id),
                                .keepalive_s = 60 };
    connect.properties.present = bit(SV_MQTT_P_SESSION_EXPIRY);
    connect.properties.session_expiry_s = 3600;
    return connect;
}

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

// [spool-6]
static void what_is_not_to_be_named_is_in_no_sentence(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    sv_broker_drop(&here->broker);
    here->limits.queue_messages_max = 1;
    here->limits.retained_max = 0;
    site_start(here);
    site_link *to = site_joined(here, 0, SV_MQTT_V311, "to", false, false);
    site_subscribe(to, 1, "#", 1, 0);
    site_subscribe(to, 2, "secret/name", 1, 0);
    assert_string_equal(here->last_why, "'to' may not subscribe to 'secret/'");
    site_link *from = site_joined(here, 1, SV_MQTT_V311, "from", true, false);
    site_publish(from, "secret/name", "x", 0, 0, false);
    assert_string_equal(here->last_why, "'from' may not publish to 'secret/'");
    site_publish(from, "whisper/name", "1", 1, 1, false);
    site_publish(from, "whisper/name", "2", 1, 2, false);
    assert_string_equal(here->last_why,
                        "a message of 'whisper/' to 'to' was dropped: its queue is full");
    site_publish(from, "whisper/name", "3", 0, 0, true);
    assert_string_equal(here->last_why, "there is no room to retain 'whisper/'");
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

// [mqtt-8]
static void a_repeated_publish_waits_for_the_first_ones_group(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    here->grouped = true;
    site_link *from = site_join(here, 0, SV_MQTT_V5, "from", false);
    site_settle(here);
    assert_got(from, "CONNACK 00");
    site_publish(from, "a", "x", 2, 1, false);
    site_lose(from);
    // CONNACK waits for a later group; only PUBREC and PUBCOMP are looked at here.
    from = site_join(here, 0, SV_MQTT_V5, "from", false);
    here->group++;
    site_publish(from, "a", "x", 2, 1, false);
    site_publish(from, "a", "y", 2, 2, false);
    sv_broker_settled(here->broker, here->group - 1);
    assert_got(from, "CONNACK 00 present; PUBREC#1");
    site_ack(from, SV_MQTT_PUBREL, 1, SV_MQTT_SUCCESS);
    site_lose(from);
    from = site_join(here, 0, SV_MQTT_V5, "from", false);
    here->grouped = false;
    site_ack(from, SV_MQTT_PUBREL, 1, SV_MQTT_SUCCESS);
    assert_got(from, "");
    site_settle(here);
    assert_got(from, "CONNACK 00 present; PUBCOMP#1:92");
}

// A live QoS 0 message does not overtake the retained one of its topic.
static void what_was_retained_comes_before_what_is_new(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *to = site_joined(here, 0, SV_MQTT_V311, "to", true, false);
    site_link *from = site_joined(here, 1, SV_MQTT_V311, "from", true, false);
    site_publish(from, "a", "old", 0, 0, true);
    to->waiting = here->limits.waiting_max + 1;
    site_subscribe(to, 1, "a", 0, 0);
    assert_got(to, "SUBACK#1 00");
    to->waiting = 0;
    site_publish(from, "a", "new", 0, 0, false);
    assert_got(to, "a=old retain; a=new");
}

static void what_the_owner_publishes_goes_the_same_way(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *to = site_joined(here, 0, SV_MQTT_V311, "to", false, false);
    site_subscribe(to, 1, "secretly", 1, 0);
    site_subscribe(to, 1, "alerts/#", 1, 0);
    here->grouped = true;
    here->group = 9;
    assert_int_equal(
        sv_broker_publish(here->broker, SV_TEXT("alerts/a"), SV_TEXT("x"), 1, true, here->now_us),
        9);
    assert_int_equal(
        sv_broker_publish(here->broker, SV_TEXT("alerts/#"), SV_TEXT("x"), 1, true, here->now_us),
        0);
    assert_got(to, "SUBACK#1 80; SUBACK#1 01; alerts/a=x q1#1");
    assert_int_equal(here->messages, 0);
    assert_int_equal(site_count(here).retained, 1);
}

static void records_that_do_not_read_are_left_out(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *link = site_open(here, 0, "press-1");
    sv_mqtt_connect connect = connect5("press-1");
    connect.has_will = true;
    connect.will_topic = SV_TEXT("w");
    connect.will_payload = SV_TEXT("gone");
    site_connect(link, &connect);
    site_subscribe(link, 1, "a", 2, 7);
    site_publish(link, "a", "x", 2, 1, true);
    site_compact(here, UINT64_MAX);
    assert_int_equal(here->record_count, 4);
    for (size_t i = 0; i < 4; i++) {
        const site_record *record = &here->records[i];
        for (size_t len = 0; len <= record->value_len + 1; len++) {
            SV_DEFER(site_drop) site *other = site_new();
            for (size_t j = 0; j < 4; j++) {
                bool cut = j == i && len != record->value_len;
                SV_DEFER(sv_mem_drop) char *value = sv_mem_new(here->records[j].value_len + 2);
                memcpy(value, here->records[j].value, here->records[j].value_len);
                sv_err err = sv_broker_restore(
                    other->broker, here->records[j].kind,
                    (sv_text){ .at = here->records[j].key, .len = here->records[j].key_len },
                    (sv_text){ .at = value, .len = cut ? len : here->records[j].value_len }, NULL);
                bool orphan = i == 0 && j > 0 && here->records[j].kind == SV_BROKER_QUEUED
                              && len != record->value_len;
                assert_int_equal(err, cut || orphan ? SV_ERR_INVALID : SV_OK);
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_reaches_who_has_subscribed_with_the_lesser_qos),
        cmocka_unit_test(qos_2_is_seen_through_on_both_sides),
        cmocka_unit_test(answers_wait_for_their_group_in_order),
        cmocka_unit_test(a_persistent_session_keeps_messages_while_its_client_is_away),
        cmocka_unit_test(no_more_is_in_flight_than_the_client_takes),
        cmocka_unit_test(a_client_may_not_send_more_than_ours_at_once),
        cmocka_unit_test(a_packet_id_that_is_taken_is_refused),
        cmocka_unit_test(what_a_client_cannot_take_is_not_sent),
        cmocka_unit_test(a_topic_is_told_by_a_number_while_one_is_free_or_when_it_comes_again),
        cmocka_unit_test(messages_expire_and_tell_the_time_they_have_left),
        cmocka_unit_test(properties_travel_in_their_order),
        cmocka_unit_test(what_is_not_to_be_named_is_in_no_sentence),
        cmocka_unit_test(a_full_queue_drops_its_oldest_and_says_so),
        cmocka_unit_test(who_reads_slowly_waits_and_loses_what_may_be_lost),
        cmocka_unit_test(restoring_into_smaller_limits_leaves_out_and_forgets_nothing),
        cmocka_unit_test(a_repeated_publish_waits_for_the_first_ones_group),
        cmocka_unit_test(what_was_retained_comes_before_what_is_new),
        cmocka_unit_test(what_the_owner_publishes_goes_the_same_way),
        cmocka_unit_test(records_that_do_not_read_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
