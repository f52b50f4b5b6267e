#include <base/test.h>
#include <codec/mqtt_packet.h>

enum { ROOM = 512 };

static const sv_mqtt_version V4 = SV_MQTT_V311;
static const sv_mqtt_version V5 = SV_MQTT_V5;

static void must_be(sv_textbuf *out, sv_text want) {
    assert_false(out->overflowed);
    assert_int_equal(out->len, want.len);
    assert_memory_equal(out->at, want.at, want.len);
    sv_textbuf_clear(out);
}

/// 3.1.1 §3.3.2.3 and 5 §3.3.2.4: topic "a/b", id 10.
static void a_publish_has_the_bytes_of_the_standard(void **state) {
    (void) state;
    char room[ROOM];
    sv_textbuf out = SV_TEXTBUF(room);
    sv_mqtt_publish publish = { .topic = SV_TEXT("a/b"), .qos = 1, .id = 10 };
    sv_mqtt_add_publish(&out, V4, &publish);
    must_be(&out, SV_TEXT("\x32\7\0\3a/b\0\x0a"));
    sv_mqtt_add_publish(&out, V5, &publish);
    must_be(&out, SV_TEXT("\x32\x08\0\3a/b\0\x0a\0"));
}

static void a_publish_carries_in_5_what_3_1_1_leaves_out(void **state) {
    (void) state;
    char room[ROOM];
    sv_textbuf out = SV_TEXTBUF(room);
    static const uint32_t IDS[] = { 1, 16383 };
    sv_mqtt_publish publish = {
        .topic = SV_TEXT("t"),
        .payload = SV_TEXT("p"),
        .qos = 2,
        .retain = true,
        .dup = true,
        .id = 0x102,
        .topic_alias = 7,
        .has_expiry = true,
        .expiry_s = 60,
        .subscription_ids = IDS,
        .subscription_id_count = SV_COUNT(IDS),
        .forwarded = SV_TEXT("\1\1"),
    };
    sv_text want = SV_TEXT("\x3d\x16\0\1t\1\2\x0f\x23\0\7\2\0\0\0\x3c\x0b\1\x0b\xff\x7f\1\1p");
    assert_int_equal(sv_mqtt_publish_bytes(V5, &publish), want.len);
    sv_mqtt_add_publish(&out, V5, &publish);
    must_be(&out, want);
    want = SV_TEXT("\x3d\6\0\1t\1\2p");
    assert_int_equal(sv_mqtt_publish_bytes(V4, &publish), want.len);
    sv_mqtt_add_publish(&out, V4, &publish);
    must_be(&out, want);
}

static void a_connack_tells_3_1_1_the_return_code_that_comes_nearest(void **state) {
    (void) state;
    static const struct {
        sv_mqtt_reason reason;
        char code;
    } CASES[] = {
        { SV_MQTT_SUCCESS, 0 },
        { SV_MQTT_UNSUPPORTED_VERSION, 1 },
        { SV_MQTT_CLIENT_ID_INVALID, 2 },
        { SV_MQTT_UNAVAILABLE, 3 },
        { SV_MQTT_BUSY, 3 },
        { SV_MQTT_QUOTA_EXCEEDED, 3 },
        { SV_MQTT_BAD_LOGIN, 4 },
        { SV_MQTT_NOT_AUTHORIZED, 5 },
        { SV_MQTT_BANNED, 5 },
        { SV_MQTT_TOPIC_INVALID, 5 },
    };
    char room[ROOM];
    sv_textbuf out = SV_TEXTBUF(room);
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        // Only who is let in is told of a session [§3.2.2.1.1].
        sv_mqtt_add_connack(&out, V4, true, CASES[i].reason, NULL);
        const char want[] = { 0x20, 2, CASES[i].code == 0, CASES[i].code };
        must_be(&out, (sv_text){ .at = want, .len = sizeof want });
    }
    sv_mqtt_add_connack(&out, V5, true, SV_MQTT_NOT_AUTHORIZED, NULL);
    must_be(&out, SV_TEXT("\x20\3\0\x87\0"));
    sv_mqtt_properties properties = {
        .present = UINT64_C(1) << SV_MQTT_P_RECEIVE_MAX | UINT64_C(1) << SV_MQTT_P_ASSIGNED_ID
                   | UINT64_C(1) << SV_MQTT_P_SHARED,
        .receive_max = 20,
        .assigned_id = SV_TEXT("id"),
        .shared = 1,
        .topic_alias_max = 9, // its bit is not set
    };
    sv_mqtt_add_connack(&out, V5, true, SV_MQTT_SUCCESS, &properties);
    must_be(&out, SV_TEXT("\x20\x0d\1\0\x0a\x12\0\2id\x21\0\x14\x2a\1"));
    sv_mqtt_add_connack(&out, V4, true, SV_MQTT_SUCCESS, &properties);
    must_be(&out, SV_TEXT("\x20\2\1\0"));
}

static void an_acknowledgement_is_as_short_as_it_can_be(void **state) {
    (void) state;
    char room[ROOM];
    sv_textbuf out = SV_TEXTBUF(room);
    sv_mqtt_add_ack(&out, V4, SV_MQTT_PUBREL, 1, SV_MQTT_ID_NOT_FOUND);
    must_be(&out, SV_TEXT("\x62\2\0\1"));
    sv_mqtt_add_ack(&out, V5, SV_MQTT_PUBACK, 1, SV_MQTT_SUCCESS);
    must_be(&out, SV_TEXT("\x40\2\0\1"));
    sv_mqtt_add_ack(&out, V5, SV_MQTT_PUBREL, 1, SV_MQTT_ID_NOT_FOUND);
    must_be(&out, SV_TEXT("\x62\3\0\1\x92"));
}

static void filters_and_their_codes_have_the_bytes_of_the_standard(void **state) {
    (void) state;
    char room[ROOM];
    sv_textbuf out = SV_TEXTBUF(room);
    sv_mqtt_add_subscribe(&out, V4, 10, SV_TEXT("a/b"), 1 | 4 | 8, 7);
    must_be(&out, SV_TEXT("\x82\x08\0\x0a\0\3a/b\1"));
    sv_mqtt_add_subscribe(&out, V5, 10, SV_TEXT("a/b"), 1 | 4 | 8, 0);
    must_be(&out, SV_TEXT("\x82\x09\0\x0a\0\0\3a/b\x0d"));
    sv_mqtt_add_subscribe(&out, V5, 10, SV_TEXT("a/b"), 1, 128);
    must_be(&out, SV_TEXT("\x82\x0c\0\x0a\3\x0b\x80\1\0\3a/b\1"));
    sv_mqtt_add_unsubscribe(&out, V4, 10, SV_TEXT("a/b"));
    must_be(&out, SV_TEXT("\xa2\7\0\x0a\0\3a/b"));
    sv_mqtt_add_unsubscribe(&out, V5, 10, SV_TEXT("a/b"));
    must_be(&out, SV_TEXT("\xa2\x08\0\x0a\0\0\3a/b"));
    static const uint8_t CODES[] = { 0, 2, SV_MQTT_NOT_AUTHORIZED };
    sv_mqtt_add_codes(&out, V4, SV_MQTT_SUBACK, 10, CODES, SV_COUNT(CODES));
    must_be(&out, SV_TEXT("\x90\5\0\x0a\0\2\x80"));
    sv_mqtt_add_codes(&out, V5, SV_MQTT_SUBACK, 10, CODES, SV_COUNT(CODES));
    must_be(&out, SV_TEXT("\x90\6\0\x0a\0\0\2\x87"));
    sv_mqtt_add_codes(&out, V4, SV_MQTT_UNSUBACK, 10, CODES, SV_COUNT(CODES));
    must_be(&out, SV_TEXT("\xb0\2\0\x0a"));
    sv_mqtt_add_codes(&out, V5, SV_MQTT_UNSUBACK, 10, CODES, 1);
    must_be(&out, SV_TEXT("\xb0\4\0\x0a\0\0"));
}

static void a_disconnect_says_in_5_why(void **state) {
    (void) state;
    char room[ROOM];
    sv_textbuf out = SV_TEXTBUF(room);
    sv_text text = SV_TEXT("bye");
    sv_mqtt_add_disconnect(&out, V4, SV_MQTT_TAKEN_OVER, text, NULL);
    must_be(&out, SV_TEXT("\xe0\0"));
    sv_mqtt_add_disconnect(&out, V5, SV_MQTT_SUCCESS, SV_TEXT(""), NULL);
    must_be(&out, SV_TEXT("\xe0\0"));
    sv_mqtt_add_disconnect(&out, V5, SV_MQTT_TAKEN_OVER, SV_TEXT(""), NULL);
    must_be(&out, SV_TEXT("\xe0\1\x8e"));
    sv_mqtt_add_disconnect(&out, V5, SV_MQTT_TAKEN_OVER, text, NULL);
    must_be(&out, SV_TEXT("\xe0\x08\x8e\6\x1f\0\3bye"));
    sv_mqtt_properties properties = {
        .present = UINT64_C(1) << SV_MQTT_P_SESSION_EXPIRY,
        .session_expiry_s = 2,
    };
    sv_mqtt_add_disconnect(&out, V5, SV_MQTT_SUCCESS, SV_TEXT(""), &properties);
    must_be(&out, SV_TEXT("\xe0\7\0\5\x11\0\0\0\2"));
    // What is no UTF-8 string would be a fault of ours.
    sv_mqtt_add_disconnect(&out, V5, SV_MQTT_MALFORMED, SV_TEXT("topic '\xff'"), NULL);
    must_be(&out, SV_TEXT("\xe0\1\x81"));
}

static void pings_are_two_bytes(void **state) {
    (void) state;
    char room[ROOM];
    sv_textbuf out = SV_TEXTBUF(room);
    sv_mqtt_add_empty(&out, SV_MQTT_PINGREQ);
    must_be(&out, SV_TEXT("\xc0\0"));
    sv_mqtt_add_empty(&out, SV_MQTT_PINGRESP);
    must_be(&out, SV_TEXT("\xd0\0"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_publish_has_the_bytes_of_the_standard),
        cmocka_unit_test(a_publish_carries_in_5_what_3_1_1_leaves_out),
        cmocka_unit_test(a_connack_tells_3_1_1_the_return_code_that_comes_nearest),
        cmocka_unit_test(an_acknowledgement_is_as_short_as_it_can_be),
        cmocka_unit_test(filters_and_their_codes_have_the_bytes_of_the_standard),
        cmocka_unit_test(a_disconnect_says_in_5_why),
        cmocka_unit_test(pings_are_two_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
