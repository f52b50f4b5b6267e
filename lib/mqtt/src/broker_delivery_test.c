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
        cmocka_unit_test(what_is_not_to_be_named_is_in_no_sentence),
        cmocka_unit_test(a_repeated_publish_waits_for_the_first_ones_group),
        cmocka_unit_test(what_was_retained_comes_before_what_is_new),
        cmocka_unit_test(what_the_owner_publishes_goes_the_same_way),
        cmocka_unit_test(records_that_do_not_read_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
