#include "broker_site.h"

static const sv_mqtt_version VERSIONS[] = { SV_MQTT_V311, SV_MQTT_V5 };

// [mqtt-14]
static void filters_match_as_the_standard_says(void **state) {
    (void) state;
    static const struct {
        const char *filter, *topic;
        bool matches;
    } CASES[] = {
        { "sport/tennis/player1/#", "sport/tennis/player1", true },
        { "sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true },
        { "sport/#", "sport", true },
        { "#", "a/b/c", true },
        { "+", "finance", true },
        { "+", "/finance", false },
        { "+/+", "/finance", true },
        { "/+", "/finance", true },
        { "sport/+", "sport", false },
        { "sport/+", "sport/", true },
        { "sport/+/player1", "sport/tennis/player1", true },
        { "a//b", "a//b", true },
        { "a/+/b", "a//b", true },
        { "#", "$SYS/x", false },
        { "+/x", "$SYS/x", false },
        { "$SYS/#", "$SYS/x", true },
        { "$SYS/+", "$SYS/x", true },
        { "a/+", "a/$x", true },
        { "A", "a", false },
        { "a", "a/", false },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(site_drop) site *here = site_new();
        site_link *link = site_joined(here, 0, SV_MQTT_V311, "a", true, false);
        site_subscribe(link, 1, CASES[i].filter, 0, 0);
        (void) site_got(link);
        site_publish(link, CASES[i].topic, "", 0, 0, false);
        assert_int_equal(link->got.len > 0, CASES[i].matches);
        (void) site_got(link);
        site_unsubscribe(link, 2, CASES[i].filter);
        site_publish(link, CASES[i].topic, "", 0, 0, false);
        assert_got(link, "UNSUBACK#2");
        assert_int_equal(site_count(here).subscriptions, 0);
        // The same for what was retained before.
        site_publish(link, CASES[i].topic, "x", 0, 0, true);
        site_subscribe(link, 3, CASES[i].filter, 0, 0);
        assert_int_equal(strstr(site_got(link), "=x retain") != NULL, CASES[i].matches);
    }
}

// [mqtt-14]
static void overlapping_subscriptions_make_one_delivery(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    for (size_t v = 0; v < SV_COUNT(VERSIONS); v++) {
        site_link *link = site_joined(here, v, VERSIONS[v], v == 0 ? "a" : "b", true, false);
        site_subscribe(link, 1, "t/#", 0, 300);
        site_subscribe(link, 2, "t/+", 2, 2);
        site_subscribe(link, 3, "t/x", 1, 0);
        assert_got(link, "SUBACK#1 00; SUBACK#2 02; SUBACK#3 01");
    }
    site_publish(&here->links[0], "t/x", "1", 1, 1, false);
    assert_got(&here->links[0], "t/x=1 q1#1; PUBACK#1");
    const char *got = site_got(&here->links[1]);
    assert_true(strcmp(got, "t/x=1 q1#1 id=300 id=2") == 0
                || strcmp(got, "t/x=1 q1#1 id=2 id=300") == 0);
}

// [mqtt-14]
static void options_of_a_subscription_hold(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *link = site_joined(here, 0, SV_MQTT_V5, "a", true, false);
    site_link *other = site_joined(here, 1, SV_MQTT_V311, "b", true, false);
    site_subscribe(link, 1, "own", 4, 0);
    site_subscribe(link, 2, "kept", 8, 0);
    site_subscribe(link, 3, "plain", 0, 0);
    assert_got(link, "SUBACK#1 00; SUBACK#2 00; SUBACK#3 00");
    site_publish(link, "own", "1", 0, 0, false);
    assert_got(link, "");
    site_publish(other, "own", "2", 0, 0, false);
    site_publish(other, "kept", "3", 0, 0, true);
    site_publish(other, "kept", "4", 0, 0, false);
    site_publish(other, "plain", "5", 0, 0, true);
    assert_got(link, "own=2; kept=3 retain; kept=4; plain=5");
}

// [mqtt-14] [mqtt-17]
static void retained_messages_come_as_the_handling_says(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *link = site_joined(here, 0, SV_MQTT_V5, "a", true, false);
    site_publish(link, "r/1", "x", 1, 1, true);
    assert_got(link, "PUBACK#1");
    site_subscribe(link, 1, "r/+", 2, 9);
    assert_got(link, "r/1=x q1#1 retain id=9; SUBACK#1 02");
    site_subscribe(link, 2, "r/+", 0, 0);
    assert_got(link, "r/1=x retain; SUBACK#2 00");
    site_subscribe(link, 3, "r/+", 0x10, 0);
    assert_got(link, "SUBACK#3 00");
    site_subscribe(link, 4, "r/#", 0x10, 0);
    assert_got(link, "r/1=x retain; SUBACK#4 00");
    site_subscribe(link, 5, "+/1", 0x20, 0);
    site_subscribe(link, 6, "$share/g/r/1", 0, 0);
    assert_got(link, "SUBACK#5 00; SUBACK#6 00");
    site_publish(link, "r/1", "", 0, 0, true);
    assert_int_equal(site_count(here).retained, 0);
    (void) site_got(link);
    site_subscribe(link, 7, "#", 0, 0);
    assert_got(link, "SUBACK#7 00");
}

// [mqtt-7] [mqtt-11]
static void retained_messages_outlive_a_restart(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *link = site_joined(here, 0, SV_MQTT_V5, "a", true, false);
    sv_mqtt_publish publish = { .topic = SV_TEXT("r"),
                                .payload = SV_TEXT("x"),
                                .retain = true,
                                .has_expiry = true,
                                .expiry_s = 60,
                                .forwarded = SV_TEXT("\1\1\x26\0\1k\0\1v\x26\0\1a\0\1b") };
    site_publish_as(link, &publish);
    site_publish(link, "gone", "x", 0, 0, true);
    site_publish(link, "gone", "", 0, 0, true);
    here->now_us += 20 * SECOND;
    assert_int_equal(site_restart(here, 0), 0);
    here->now_us += 20 * SECOND;
    link = site_joined(here, 0, SV_MQTT_V5, "a", true, false);
    site_subscribe(link, 1, "#", 0, 0);
    assert_got(link, "r=x retain expiry=20 format=1 k:v a:b; SUBACK#1 00");
    for (int i = 0; i < 16; i++) {
        site_wait(here, 2 * SECOND);
    }
    assert_int_equal(site_count(here).retained, 0);
    site_compact(here, UINT64_MAX);
    assert_int_equal(here->record_count, 0);
}

// [mqtt-17]
static void the_store_of_retained_messages_is_bounded(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    sv_broker_drop(&here->broker);
    here->limits.retained_max = 2;
    here->limits.retained_bytes_max = 1000;
    site_start(here);
    site_link *link = site_joined(here, 0, SV_MQTT_V5, "a", true, false);
    site_link *old = site_joined(here, 1, SV_MQTT_V311, "b", true, false);
    site_publish(link, "1", "x", 1, 1, true);
    site_publish(link, "2", "x", 1, 2, true);
    site_publish(link, "3", "x", 1, 3, true);
    site_publish(link, "3", "x", 2, 4, true);
    site_publish(link, "1", "y", 1, 5, true);
    assert_got(link, "PUBACK#1; PUBACK#2; PUBACK#3:97; PUBREC#4:97; PUBACK#5");
    site_publish(old, "3", "x", 1, 1, true);
    assert_got(old, "PUBACK#1");
    assert_int_equal(here->messages, 4);
    assert_int_equal(site_count(here).retained, 2);
    char large[1001];
    memset(large, 'x', sizeof large - 1);
    large[1000] = '\0';
    site_publish(link, "1", large, 1, 6, true);
    assert_got(link, "PUBACK#6:97");
}

// [mqtt-9] [mqtt-15]
static void what_is_not_allowed_is_said_and_has_no_effect(void **state) {
    (void) state;
    for (size_t v = 0; v < SV_COUNT(VERSIONS); v++) {
        SV_DEFER(site_drop) site *here = site_new();
        bool five = VERSIONS[v] == SV_MQTT_V5;
        site_link *link = site_joined(here, 0, VERSIONS[v], "a", true, false);
        site_subscribe(link, 1, "secret/x", 1, 0);
        site_subscribe(link, 2, "$share/g/secret/x", 1, 0);
        site_subscribe(link, 3, "a/#/b", 1, 0);
        site_subscribe(link, 4, "$share/g", 1, 0);
        site_subscribe(link, 5, "$share/+/a", 1, 0);
        site_unsubscribe(link, 6, "nothing");
        assert_got(link, five ? "SUBACK#1 80; SUBACK#2 80; SUBACK#3 8f; SUBACK#4 8f; SUBACK#5 8f; "
                                "UNSUBACK#6 11"
                              : "SUBACK#1 80; SUBACK#2 80; SUBACK#3 80; SUBACK#4 80; SUBACK#5 80; "
                                "UNSUBACK#6");
        assert_int_equal(here->events[SV_BROKER_DENIED], 2);
        assert_int_equal(site_count(here).subscriptions, 0);
        site_publish(link, "secret", "x", 0, 0, true);
        site_publish(link, "secret", "x", 1, 1, true);
        site_publish(link, "secret", "x", 2, 2, true);
        assert_got(link, five ? "PUBACK#1:87; PUBREC#2:87" : "PUBACK#1; PUBREC#2");
        site_ack(link, SV_MQTT_PUBREL, 2, SV_MQTT_SUCCESS);
        assert_got(link, five ? "PUBCOMP#2:92" : "PUBCOMP#2");
        assert_int_equal(here->messages, 0);
        assert_int_equal(site_count(here).retained, 0);
        assert_int_equal(here->events[SV_BROKER_DENIED], 5);
    }
}

// [mqtt-15]
static void a_device_is_told_that_it_has_no_right(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *device = site_open(here, 0, "device");
    site_connect(device, &(sv_mqtt_connect){ .version = SV_MQTT_V5,
                                             .client_id = SV_TEXT("device"),
                                             .clean_session = true,
                                             .keepalive_s = 60 });
    site_subscribe(device, 1, "secret/x", 1, 0);
    assert_got(device, "CONNACK 00; SUBACK#1 87");
}

// [mqtt-15]
static void a_subscription_does_not_outlive_its_right(void **state) {
    (void) state;
    for (size_t restarted = 0; restarted < 2; restarted++) {
        SV_DEFER(site_drop) site *here = site_new();
        site_link *link = site_joined(here, 0, SV_MQTT_V311, "a", false, false);
        site_subscribe(link, 1, "a/#", 1, 0);
        site_subscribe(link, 2, "$share/g/a/b", 1, 0);
        site_subscribe(link, 3, "b", 1, 0);
        assert_got(link, "SUBACK#1 01; SUBACK#2 01; SUBACK#3 01");
        site_lose(link);
        here->taken_away = "a/";
        if (restarted == 1) {
            assert_int_equal(site_restart(here, here->group), 0);
        } else {
            (void) site_joined(here, 0, SV_MQTT_V311, "a", false, true);
        }
        assert_int_equal(site_count(here).subscriptions, 1);
        assert_int_equal(here->events[SV_BROKER_DENIED], 2);
    }
}

// [mqtt-15]
static void what_waits_does_not_outlive_its_right_either(void **state) {
    (void) state;
    for (size_t restarted = 0; restarted < 2; restarted++) {
        SV_DEFER(site_drop) site *here = site_new();
        site_link *link = site_joined(here, 0, SV_MQTT_V311, "a", false, false);
        site_link *other = site_joined(here, 1, SV_MQTT_V311, "other", true, false);
        site_subscribe(link, 1, "a/#", 1, 0);
        site_subscribe(link, 2, "b", 1, 0);
        assert_got(link, "SUBACK#1 01; SUBACK#2 01");
        site_publish(other, "a/x", "sent and not acknowledged", 1, 1, false);
        site_lose(link);
        site_publish(other, "a/y", "queued", 1, 2, false);
        site_publish(other, "b", "still mine", 1, 3, false);
        here->taken_away = "a/";
        if (restarted == 1) {
            assert_int_equal(site_restart(here, here->group), 0);
        }
        link = site_join(here, 0, SV_MQTT_V311, "a", false);
        assert_got(link, restarted == 1 ? "CONNACK 00 present; b=still mine q1#3 dup"
                                        : "CONNACK 00 present; b=still mine q1#3");
    }
}

// [mqtt-9]
static void an_answer_cannot_be_sent_to_a_foreign_topic(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *link = site_joined(here, 0, SV_MQTT_V5, "a", true, false);
    site_subscribe(link, 1, "ask", 0, 0);
    assert_got(link, "SUBACK#1 00");
    sv_mqtt_publish publish = {
        .topic = SV_TEXT("ask"), .qos = 1, .id = 1, .forwarded = SV_TEXT("\x08\0\6secret\x09\0\2id")
    };
    site_publish_as(link, &publish);
    assert_got(link, "PUBACK#1:87");
    publish.forwarded = SV_TEXT("\x08\0\4here\x09\0\2id");
    site_publish_as(link, &publish);
    assert_got(link, "ask= reply=here correlation=id; PUBACK#1");
}

// [mqtt-15]
static void the_number_of_subscriptions_is_bounded(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    sv_broker_drop(&here->broker);
    here->limits.subscriptions_max = 2;
    site_start(here);
    site_link *link = site_joined(here, 0, SV_MQTT_V5, "a", true, false);
    site_subscribe(link, 1, "1", 0, 0);
    site_subscribe(link, 2, "2", 0, 0);
    site_subscribe(link, 3, "3", 0, 0);
    site_subscribe(link, 4, "2", 1, 0);
    assert_got(link, "SUBACK#1 00; SUBACK#2 00; SUBACK#3 97; SUBACK#4 01");
}

// [mqtt-9] [mqtt-15]
static void topics_deeper_than_the_limit_are_refused(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *link = site_joined(here, 0, SV_MQTT_V5, "a", true, false);
    const char *deep = "/////////////////////////////////";
    site_publish(link, deep, "", 1, 1, false);
    site_publish(link, deep + 2, "", 1, 2, false);
    site_subscribe(link, 3, deep, 0, 0);
    site_subscribe(link, 4, deep + 2, 0, 0);
    assert_got(link, "PUBACK#1:90; PUBACK#2; SUBACK#3 8f; SUBACK#4 00");
}

// [mqtt-16]
static void a_share_takes_turns_among_those_who_are_there(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *from = site_joined(here, 0, SV_MQTT_V311, "from", true, false);
    site_link *one = site_joined(here, 1, SV_MQTT_V5, "one", false, false);
    site_link *two = site_joined(here, 2, SV_MQTT_V311, "two", false, false);
    site_subscribe(one, 1, "$share/g/a/+", 1, 5);
    site_subscribe(two, 1, "$share/g/a/+", 1, 0);
    site_subscribe(two, 2, "a/x", 0, 0);
    (void) site_got(one);
    (void) site_got(two);
    for (int i = 0; i < 4; i++) {
        site_publish(from, "a/y", "m", 0, 0, false);
    }
    assert_got(one, "a/y=m id=5; a/y=m id=5");
    assert_got(two, "a/y=m; a/y=m");
    site_publish(from, "a/x", "m", 0, 0, false);
    site_publish(from, "a/x", "m", 0, 0, false);
    assert_got(one, "a/x=m id=5");
    assert_got(two, "a/x=m; a/x=m; a/x=m");
    // Without anybody there, one who will be back keeps it.
    site_lose(one);
    site_lose(two);
    site_publish(from, "a/y", "late", 1, 1, false);
    assert_int_equal(site_count(here).queued, 1);
    one = site_join(here, 1, SV_MQTT_V5, "one", false);
    two = site_join(here, 2, SV_MQTT_V311, "two", false);
    size_t got_one = strstr(site_got(one), "late") != NULL ? 1 : 0;
    size_t got_two = strstr(site_got(two), "late") != NULL ? 1 : 0;
    assert_int_equal(got_one + got_two, 1);
}

// [mqtt-16]
static void what_one_member_leaves_another_gets(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *from = site_joined(here, 0, SV_MQTT_V311, "from", true, false);
    site_link *one = site_joined(here, 1, SV_MQTT_V311, "one", true, false);
    site_subscribe(one, 1, "$share/g/a", 2, 0);
    site_publish(from, "a", "m", 1, 1, false);
    site_publish(from, "a", "exactly", 2, 2, false);
    assert_got(one, "SUBACK#1 02; a=m q1#1; a=exactly q2#2");
    site_link *two = site_joined(here, 2, SV_MQTT_V311, "two", true, false);
    site_subscribe(two, 1, "$share/g/a", 2, 0);
    assert_got(two, "SUBACK#1 02");
    site_lose(one);
    // What is halfway through exactly once is nobody else's.
    assert_got(two, "a=m q1#1");
    site_unsubscribe(two, 2, "$share/g/a");
    site_publish(from, "a", "m", 0, 0, false);
    assert_got(two, "UNSUBACK#2");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_match_as_the_standard_says),
        cmocka_unit_test(overlapping_subscriptions_make_one_delivery),
        cmocka_unit_test(options_of_a_subscription_hold),
        cmocka_unit_test(retained_messages_come_as_the_handling_says),
        cmocka_unit_test(retained_messages_outlive_a_restart),
        cmocka_unit_test(the_store_of_retained_messages_is_bounded),
        cmocka_unit_test(what_is_not_allowed_is_said_and_has_no_effect),
        cmocka_unit_test(a_device_is_told_that_it_has_no_right),
        cmocka_unit_test(a_subscription_does_not_outlive_its_right),
        cmocka_unit_test(what_waits_does_not_outlive_its_right_either),
        cmocka_unit_test(an_answer_cannot_be_sent_to_a_foreign_topic),
        cmocka_unit_test(the_number_of_subscriptions_is_bounded),
        cmocka_unit_test(topics_deeper_than_the_limit_are_refused),
        cmocka_unit_test(a_share_takes_turns_among_those_who_are_there),
        cmocka_unit_test(what_one_member_leaves_another_gets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
