#include "broker_site.h"

static const sv_mqtt_version VERSIONS[] = { SV_MQTT_V311, SV_MQTT_V5 };

static site_link *open_app(site *here, size_t number, const char *id) {
    site_link *link = &here->links[number];
    sv_identity identity = site_identity(id, SV_ROLE_APP);
    link->client =
        sv_broker_open_client(here->broker, link, &identity, "192.0.2.7:1", here->now_us);
    return link;
}

// [mqtt-1]
static void a_version_we_do_not_speak_is_answered_in_its_own_way(void **state) {
    (void) state;
    static const struct {
        sv_text bytes;
        sv_text answer;
    } CASES[] = {
        { SV_TEXT("\x10\x0e\0\6MQIsdp\3\2\0\x3c\0\0"), SV_TEXT("\x20\2\0\1") },
        { SV_TEXT("\x10\x0c\0\4MQTT\3\2\0\x3c\0\0"), SV_TEXT("\x20\2\0\1") },
        { SV_TEXT("\x10\x0c\0\4MQTT\6\2\0\x3c\0\0"), SV_TEXT("\x20\3\0\x84\0") },
        { SV_TEXT("\x10\x0c\0\4HTTP\4\2\0\x3c\0\0"), SV_TEXT("") },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(site_drop) site *here = site_new();
        site_link *link = site_open(here, 0, "press-1");
        site_bytes(link, CASES[i].bytes);
        assert_null(link->client);
        assert_int_equal(link->got.len, CASES[i].answer.len);
        if (link->got.len > 0) {
            assert_memory_equal(link->got.at, CASES[i].answer.at, link->got.len);
        }
        assert_int_equal(here->events[SV_BROKER_REFUSED], 1);
        assert_int_equal(site_count(here).clients, 0);
    }
}

// [mqtt-2]
static void a_client_id_is_the_certificates_and_nobody_elses(void **state) {
    (void) state;
    static const struct {
        const char *identity; ///< NULL: local
        bool app;
        const char *asked;
        bool clean;
        const char *answer; ///< of 5
        const char *old;    ///< of 3.1.1
    } CASES[] = {
        { "press-1", false, "press-1", true, "CONNACK 00", "CONNACK 00" },
        { "press-1", false, "press-2", true, "CONNACK 85; closed", "CONNACK 02; closed" },
        { "press-1", false, "press-1.x", true, "CONNACK 85; closed", "CONNACK 02; closed" },
        { "press-1", false, "press-11", true, "CONNACK 85; closed", "CONNACK 02; closed" },
        { "press-1", false, "#", true, "CONNACK 85; closed", "CONNACK 02; closed" },
        { "press-1", false, "", true, "CONNACK 00 id=press-1", "CONNACK 00" },
        { "press-1", false, "", false, "CONNACK 00 id=press-1", "CONNACK 02; closed" },
        { "board", true, "board.left", true, "CONNACK 00", "CONNACK 00" },
        { "board", true, "board.", true, "CONNACK 85; closed", "CONNACK 02; closed" },
        { "board", true, "board.a/b", true, "CONNACK 85; closed", "CONNACK 02; closed" },
        { "board", true, "boardleft", true, "CONNACK 85; closed", "CONNACK 02; closed" },
        { NULL, false, "paho/1", true, "CONNACK 00", "CONNACK 00" },
        { NULL, false, "a+b", true, "CONNACK 85; closed", "CONNACK 02; closed" },
    };
    for (size_t i = 0; i < 2 * SV_COUNT(CASES); i++) {
        SV_DEFER(site_drop) site *here = site_new();
        size_t n = i / 2;
        sv_mqtt_version version = VERSIONS[i % 2];
        site_link *link = CASES[n].app ? open_app(here, 0, CASES[n].identity)
                                       : site_open(here, 0, CASES[n].identity);
        site_connect(link, &(sv_mqtt_connect){ .version = version,
                                               .client_id = sv_text_of(CASES[n].asked),
                                               .clean_session = CASES[n].clean,
                                               .keepalive_s = 60 });
        assert_got(link, version == SV_MQTT_V5 ? CASES[n].answer : CASES[n].old);
    }
}

// [mqtt-2]
static void a_local_program_without_a_name_gets_one_of_its_own(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    char first[64];
    site_link *one = site_join(here, 0, SV_MQTT_V5, "", true);
    (void) snprintf(first, sizeof first, "%s", site_got(one));
    assert_memory_equal(first, "CONNACK 00 id=local-", 20);
    site_link *two = site_join(here, 1, SV_MQTT_V5, "", true);
    assert_string_not_equal(site_got(two), first);
    assert_int_equal(site_count(here).sessions, 2);
}

// [mqtt-5] [mqtt-6]
static void what_differs_from_what_was_asked_is_told(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *link = site_open(here, 0, NULL);
    sv_mqtt_connect connect = { .version = SV_MQTT_V5, .client_id = SV_TEXT("a") };
    connect.properties.present = bit(SV_MQTT_P_SESSION_EXPIRY);
    connect.properties.session_expiry_s = UINT32_MAX;
    site_connect(link, &connect);
    assert_got(link, "CONNACK 00 expiry=604800 keepalive=600");
    link = site_open(here, 1, NULL);
    connect.client_id = SV_TEXT("b");
    connect.keepalive_s = 601;
    connect.properties.session_expiry_s = 604800;
    site_connect(link, &connect);
    assert_got(link, "CONNACK 00 keepalive=600");
}

// [mqtt-3]
static void there_is_no_other_authentication(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *link = site_open(here, 0, NULL);
    sv_mqtt_connect connect = { .version = SV_MQTT_V5, .client_id = SV_TEXT("a") };
    connect.properties.present = bit(SV_MQTT_P_AUTH_METHOD);
    connect.properties.auth_method = SV_TEXT("SCRAM-SHA-1");
    site_connect(link, &connect);
    assert_got(link, "CONNACK 8c; closed");
    link = site_joined(here, 0, SV_MQTT_V5, "a", true, false);
    site_bytes(link, SV_TEXT("\xF0\x08\x18\x06\x15\0\3abc"));
    assert_got(link, "DISCONNECT:82; closed");
    link = site_joined(here, 0, SV_MQTT_V5, "a", true, false);
    site_bytes(link, SV_TEXT("\xF0\0"));
    assert_got(link, "DISCONNECT:82; closed");
}

// [mqtt-3]
static void user_and_password_are_not_asked_for_and_not_told(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *link = site_open(here, 0, "press-1");
    site_connect(link, &(sv_mqtt_connect){ .version = SV_MQTT_V311,
                                           .client_id = SV_TEXT("press-2"),
                                           .clean_session = true,
                                           .has_user = true,
                                           .user = SV_TEXT("somebody"),
                                           .has_password = true,
                                           .password = SV_TEXT("hunter2") });
    assert_got(link, "CONNACK 02; closed");
    assert_null(strstr(here->last_why, "hunter2"));
    assert_non_null(strstr(here->last_why, "press-2"));
}

// [mqtt-4]
static void who_connects_again_takes_its_session_over(void **state) {
    (void) state;
    for (size_t v = 0; v < SV_COUNT(VERSIONS); v++) {
        SV_DEFER(site_drop) site *here = site_new();
        site_link *old = site_joined(here, 0, VERSIONS[v], "a", false, false);
        site_subscribe(old, 1, "x", 1, 0);
        assert_got(old, "SUBACK#1 01");
        site_link *new = site_joined(here, 1, SV_MQTT_V5, "a", false, true);
        assert_got(old, VERSIONS[v] == SV_MQTT_V5 ? "DISCONNECT:8e; closed" : "closed");
        site_publish(new, "x", "1", 1, 1, false);
        assert_got(new, "x=1 q1#1; PUBACK#1");
        assert_int_equal(here->events[SV_BROKER_TAKEN_OVER], 1);
        assert_int_equal(site_count(here).clients, 1);
        assert_int_equal(site_count(here).sessions, 1);
    }
}

// [mqtt-2]
static void another_identity_does_not_disturb_its_victim(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *victim = site_open(here, 0, "press-1");
    sv_mqtt_connect connect = { .version = SV_MQTT_V5,
                                .client_id = SV_TEXT("press-1"),
                                .keepalive_s = 60 };
    site_connect(victim, &connect);
    assert_got(victim, "CONNACK 00");
    site_link *other = site_open(here, 1, "press-2");
    site_connect(other, &connect);
    assert_got(other, "CONNACK 85; closed");
    // A local program of that name has a session of its own.
    other = site_join(here, 2, SV_MQTT_V311, "press-1", true);
    assert_got(other, "CONNACK 00");
    site_ping(victim);
    assert_got(victim, "PINGRESP");
}

// [mqtt-4]
static void an_app_has_so_many_sessions_and_no_more(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    sv_broker_drop(&here->broker);
    here->limits.connections_max = 2;
    site_start(here);
    for (size_t i = 0; i < 3; i++) {
        char id[] = "board.a";
        id[6] = (char) ('a' + (char) i);
        site_link *link = open_app(here, i, "board");
        site_connect(link, &(sv_mqtt_connect){ .version = SV_MQTT_V5,
                                               .client_id = sv_text_of(id),
                                               .clean_session = true,
                                               .keepalive_s = 60 });
        assert_got(link, i < 2 ? "CONNACK 00" : "CONNACK 97; closed");
    }
}

// [mqtt-1] [mqtt-5]
static void who_says_nothing_is_cut(void **state) {
    (void) state;
    for (size_t v = 0; v < SV_COUNT(VERSIONS); v++) {
        SV_DEFER(site_drop) site *here = site_new();
        site_link *mute = site_open(here, 0, NULL);
        site_link *link = site_joined(here, 1, VERSIONS[v], "a", true, false);
        site_wait(here, SV_BROKER_CONNECT_US - 1);
        assert_non_null(mute->client);
        site_wait(here, 1);
        assert_got(mute, "closed");
        site_wait(here, 80 * SECOND);
        assert_got(link, "");
        site_ping(link);
        assert_got(link, "PINGRESP");
        site_wait(here, 90 * SECOND);
        assert_got(link, "");
        site_wait(here, 1);
        assert_got(link, VERSIONS[v] == SV_MQTT_V5 ? "DISCONNECT:8d; closed" : "closed");
    }
}

// [mqtt-5]
static void an_old_client_keeps_the_keep_alive_it_asked_for(void **state) {
    (void) state;
    static const struct {
        uint16_t asked_s;
        int64_t lives_s;
        bool cut;
    } CASES[] = { { 0, 1000000, false }, { 1000, 1500, true } };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(site_drop) site *here = site_new();
        site_link *link = site_open(here, 0, NULL);
        site_connect(link, &(sv_mqtt_connect){ .version = SV_MQTT_V311,
                                               .client_id = SV_TEXT("a"),
                                               .clean_session = true,
                                               .keepalive_s = CASES[i].asked_s });
        assert_got(link, "CONNACK 00");
        site_wait(here, CASES[i].lives_s * SECOND);
        assert_got(link, "");
        site_wait(here, 1);
        assert_got(link, CASES[i].cut ? "closed" : "");
    }
}

// [mqtt-4]
static void a_connection_ends_with_its_certificate(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *link = &here->links[0];
    sv_identity identity = site_identity("press-1", SV_ROLE_DEVICE);
    identity.not_after_us = SITE_WALL_US + here->now_us + 5 * SECOND;
    sv_mqtt_connect connect = { .version = SV_MQTT_V5,
                                .client_id = SV_TEXT("press-1"),
                                .keepalive_s = 60 };
    link->client = sv_broker_open_client(here->broker, link, &identity, "", here->now_us);
    site_connect(link, &connect);
    assert_got(link, "CONNACK 00");
    site_wait(here, 5 * SECOND - 1);
    assert_got(link, "");
    site_wait(here, 1);
    assert_got(link, "DISCONNECT:87; closed");
    assert_int_equal(here->events[SV_BROKER_EXPELLED], 1);
    link->client = sv_broker_open_client(here->broker, link, &identity, "", here->now_us);
    site_connect(link, &connect);
    assert_got(link, "CONNACK 87; closed");
}

// [mqtt-6]
static void a_session_lives_as_long_as_was_asked(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *link = site_joined(here, 0, SV_MQTT_V5, "a", false, false);
    site_disconnect(link, SV_MQTT_SUCCESS);
    site_wait(here, 3599 * SECOND);
    link = site_joined(here, 0, SV_MQTT_V5, "a", false, true);
    site_lose(link);
    site_wait(here, 3600 * SECOND);
    assert_int_equal(site_count(here).sessions, 0);
    site_compact(here, UINT64_MAX);
    assert_int_equal(here->record_count, 0);
    // An old client's session that is not clean lives for as long as any may.
    site_link *old = site_joined(here, 1, SV_MQTT_V311, "b", false, false);
    site_lose(old);
    site_wait(here, 604799 * SECOND);
    assert_int_equal(site_count(here).sessions, 1);
    site_wait(here, SECOND);
    assert_int_equal(site_count(here).sessions, 0);
}

// [mqtt-6]
static void disconnect_changes_the_expiry_but_not_from_none(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    char room[32];
    sv_textbuf packet = SV_TEXTBUF(room);
    sv_mqtt_properties expiry = { .present = bit(SV_MQTT_P_SESSION_EXPIRY),
                                  .session_expiry_s = 10 };
    sv_mqtt_add_disconnect(&packet, SV_MQTT_V5, SV_MQTT_SUCCESS, SV_TEXT(""), &expiry);
    site_link *link = site_joined(here, 0, SV_MQTT_V5, "a", false, false);
    site_send_to(link, &packet);
    assert_got(link, "closed");
    site_wait(here, 9 * SECOND);
    assert_int_equal(site_count(here).sessions, 1);
    site_wait(here, 1 * SECOND);
    assert_int_equal(site_count(here).sessions, 0);
    link = site_joined(here, 0, SV_MQTT_V5, "a", true, false);
    site_send_to(link, &packet);
    assert_got(link, "DISCONNECT:82; closed");
    sv_textbuf_clear(&packet);
    expiry.session_expiry_s = 0;
    sv_mqtt_add_disconnect(&packet, SV_MQTT_V5, SV_MQTT_SUCCESS, SV_TEXT(""), &expiry);
    link = site_joined(here, 0, SV_MQTT_V5, "a", false, false);
    site_subscribe(link, 1, "x", 2, 0);
    site_publish(link, "x", "1", 2, 1, false);
    site_send_to(link, &packet);
    assert_int_equal(site_count(here).sessions, 0);
    site_compact(here, UINT64_MAX);
    assert_int_equal(here->record_count, 0);
}

// [mqtt-1] [mqtt-10] [mqtt-12]
static void what_breaks_the_protocol_ends_the_connection_with_its_reason(void **state) {
    (void) state;
    static const struct {
        sv_text bytes;
        const char *answer; ///< of 5
    } CASES[] = {
        { SV_TEXT("\x10\x0d\0\4MQTT\5\2\0\x3c\0\0\0"),
          "DISCONNECT:82; closed" },                                     // a second CONNECT
        { SV_TEXT("\x20\3\0\0\0"), "DISCONNECT:82; closed" },            // CONNACK
        { SV_TEXT("\x36\5\0\1a\0\1"), "DISCONNECT:81; closed" },         // QoS 3
        { SV_TEXT("\x60\2\0\1"), "DISCONNECT:81; closed" },              // reserved bits
        { SV_TEXT("\0\0"), "DISCONNECT:81; closed" },                    // type 0
        { SV_TEXT("\x30\xff\xff\xff\xff\1"), "DISCONNECT:81; closed" },  // a length of five bytes
        { SV_TEXT("\x30\xff\xff\xff\x7f"), "DISCONNECT:95; closed" },    // 256 MB announced
        { SV_TEXT("\x30\6\0\0\3\x23\0\0"), "DISCONNECT:82; closed" },    // alias 0
        { SV_TEXT("\x30\7\0\1a\3\x23\0\x21"), "DISCONNECT:94; closed" }, // alias too large
        { SV_TEXT("\x30\6\0\0\3\x23\0\1"), "DISCONNECT:82; closed" },    // alias never told
        { SV_TEXT("\x30\4\0\1#\0"), "DISCONNECT:90; closed" },           // a wildcard
        { SV_TEXT("\x82\3\0\1\0"), "DISCONNECT:82; closed" },            // SUBSCRIBE of nothing
        { SV_TEXT("\x82\x0d\0\1\0\0\7$share/\4"), "DISCONNECT:82; closed" },
        { SV_TEXT("\x82\x10\0\1\0\0\x0a$share/g/a\5"),
          "DISCONNECT:82; closed" }, // No Local, shared
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(site_drop) site *here = site_new();
        site_link *link = site_joined(here, 0, SV_MQTT_V5, "a", true, false);
        site_bytes(link, CASES[i].bytes);
        assert_got(link, CASES[i].answer);
        assert_int_equal(here->events[SV_BROKER_BROKEN], 1);
        assert_int_equal(here->messages, 0);
        // Before CONNECT nothing but CONNECT has a place, be it broken or not.
        link = site_open(here, 1, NULL);
        link->version = SV_MQTT_V5;
        if (i > 0) {
            site_bytes(link, CASES[i].bytes);
            assert_got(link, "closed");
        }
        // 3.1.1 has no words for it.
        link = site_joined(here, 2, SV_MQTT_V311, "b", true, false);
        if (i < 7) {
            site_bytes(link, CASES[i].bytes);
            assert_got(link, "closed");
        }
    }
}

static void a_flood_of_user_properties_is_refused(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    SV_DEFER(sv_textbuf_drop) sv_textbuf block = SV_TEXTBUF_HEAP(1 << 20);
    SV_DEFER(sv_textbuf_drop) sv_textbuf packet = SV_TEXTBUF_HEAP(1 << 20);
    for (unsigned i = 0; i < 40000; i++) {
        sv_textbuf_add(&block, SV_TEXT("\x26\0\0\0\0"));
    }
    sv_mqtt_publish publish = { .topic = SV_TEXT("a"), .forwarded = sv_textbuf_text(&block) };
    sv_mqtt_add_publish(&packet, SV_MQTT_V5, &publish);
    site_link *link = site_joined(here, 0, SV_MQTT_V5, "a", true, false);
    site_send_to(link, &packet);
    assert_null(link->client);
    assert_int_equal(here->messages, 0);
}

static void bytes_may_come_one_at_a_time(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *link = site_open(here, 0, NULL);
    link->version = SV_MQTT_V311;
    sv_text bytes = SV_TEXT("\x10\x0d\0\4MQTT\4\2\0\x3c\0\1a\x32\7\0\1x\0\1hi\xC0\0");
    size_t from = 0;
    for (size_t end = 1; end <= bytes.len; end++) {
        bool closed = false;
        from += sv_broker_bytes(here->broker, link->client,
                                (sv_text){ .at = bytes.at + from, .len = end - from }, here->now_us,
                                &closed);
        assert_false(closed);
    }
    assert_got(link, "CONNACK 00; PUBACK#1; PINGRESP");
    assert_string_equal(here->last_message, "x=hi");
}

static void the_end_of_the_program_is_told_and_an_order_too(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *here = site_new();
    site_link *device = site_open(here, 0, "press-1");
    site_link *local = site_joined(here, 1, SV_MQTT_V5, "press-1", false, false);
    sv_mqtt_connect connect = { .version = SV_MQTT_V5,
                                .client_id = SV_TEXT("press-1"),
                                .keepalive_s = 60 };
    connect.properties.present = bit(SV_MQTT_P_SESSION_EXPIRY);
    connect.properties.session_expiry_s = 60;
    site_connect(device, &connect);
    assert_got(device, "CONNACK 00");
    assert_int_equal(sv_broker_kick(here->broker, SV_TEXT("press-1"), SV_MQTT_NOT_AUTHORIZED, true,
                                    here->now_us),
                     1);
    assert_got(device, "DISCONNECT:87; closed");
    assert_int_equal(site_count(here).sessions, 1);
    assert_got(local, "");
    sv_broker_shut(here->broker, here->now_us);
    assert_got(local, "DISCONNECT:8b; closed");
    assert_int_equal(site_count(here).clients, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_version_we_do_not_speak_is_answered_in_its_own_way),
        cmocka_unit_test(a_client_id_is_the_certificates_and_nobody_elses),
        cmocka_unit_test(a_local_program_without_a_name_gets_one_of_its_own),
        cmocka_unit_test(what_differs_from_what_was_asked_is_told),
        cmocka_unit_test(there_is_no_other_authentication),
        cmocka_unit_test(user_and_password_are_not_asked_for_and_not_told),
        cmocka_unit_test(who_connects_again_takes_its_session_over),
        cmocka_unit_test(another_identity_does_not_disturb_its_victim),
        cmocka_unit_test(an_app_has_so_many_sessions_and_no_more),
        cmocka_unit_test(who_says_nothing_is_cut),
        cmocka_unit_test(an_old_client_keeps_the_keep_alive_it_asked_for),
        cmocka_unit_test(a_connection_ends_with_its_certificate),
        cmocka_unit_test(a_session_lives_as_long_as_was_asked),
        cmocka_unit_test(disconnect_changes_the_expiry_but_not_from_none),
        cmocka_unit_test(what_breaks_the_protocol_ends_the_connection_with_its_reason),
        cmocka_unit_test(a_flood_of_user_properties_is_refused),
        cmocka_unit_test(bytes_may_come_one_at_a_time),
        cmocka_unit_test(the_end_of_the_program_is_told_and_an_order_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
