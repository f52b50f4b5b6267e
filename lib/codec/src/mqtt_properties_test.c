#include "mqtt_wire.h"

#include <base/test.h>

enum { ROOM = 4096 };

/// What the block of a packet of `type` is refused for, or SV_OK.
static sv_err take(sv_text block_with_length, unsigned type, sv_mqtt_properties *out,
                   sv_mqtt_reason *reason, sv_why *why) {
    sv_mqtt_reader reader = {
        .rest = block_with_length,
        .version = SV_MQTT_V5,
        .receiver = SV_MQTT_FOR_CLIENT,
        .reason = SV_MQTT_MALFORMED,
        .why = why,
    };
    *out = SV_MQTT_NO_PROPERTIES;
    sv_err err = sv_mqtt_take_properties(&reader, type, out);
    *reason = reader.reason;
    return err;
}

static const struct {
    unsigned type;
    sv_text block;
    sv_mqtt_reason reason;
    const char *sentence;
} REFUSALS[] = {
    { SV_MQTT_PUBLISH, SV_TEXT(""), SV_MQTT_MALFORMED, "too early" },
    { SV_MQTT_PUBLISH, SV_TEXT("\x80\x80\x80\x80\1"), SV_MQTT_MALFORMED,
      "more than 4 bytes [§1.5.5]" },
    { SV_MQTT_PUBLISH, SV_TEXT("\x80\x80"), SV_MQTT_MALFORMED, "too early" },
    { SV_MQTT_PUBLISH, SV_TEXT("\3\1\1"), SV_MQTT_MALFORMED,
      "of 3 bytes do not fit their packet [§2.2.2.1]" },
    { SV_MQTT_PUBLISH, SV_TEXT("\1\1"), SV_MQTT_MALFORMED, "too early" },
    { SV_MQTT_PUBLISH, SV_TEXT("\2\0\1"), SV_MQTT_MALFORMED, "0x00 is not known [§2.2.2.2]" },
    { SV_MQTT_PUBLISH, SV_TEXT("\2\4\1"), SV_MQTT_MALFORMED, "0x04 is not known" },
    { SV_MQTT_PUBLISH, SV_TEXT("\2\x2b\1"), SV_MQTT_MALFORMED, "0x2b is not known" },
    { SV_MQTT_PUBLISH, SV_TEXT("\3\xff\x7f\1"), SV_MQTT_MALFORMED, "is not known" },
    { SV_MQTT_PUBLISH, SV_TEXT("\5\x80\x80\x80\x80\1"), SV_MQTT_MALFORMED, "more than 4 bytes" },
    { SV_MQTT_PUBLISH, SV_TEXT("\2\1\2"), SV_MQTT_PROTOCOL_ERROR, "payload format indicator is 2" },
    { SV_MQTT_PUBLISH, SV_TEXT("\4\1\1\1\1"), SV_MQTT_PROTOCOL_ERROR,
      "payload format indicator stands twice" },
    { SV_MQTT_PUBLISH, SV_TEXT("\4\2\0\0\0"), SV_MQTT_MALFORMED, "too early" },
    { SV_MQTT_PUBLISH, SV_TEXT("\4\3\0\2x"), SV_MQTT_MALFORMED, "too early" },
    { SV_MQTT_PUBLISH, SV_TEXT("\4\3\0\1\xff"), SV_MQTT_MALFORMED, "content type is not UTF-8" },
    { SV_MQTT_PUBLISH, SV_TEXT("\4\x08\0\1+"), SV_MQTT_TOPIC_INVALID,
      "response topic holds a wildcard" },
    { SV_MQTT_PUBLISH, SV_TEXT("\3\x08\0\0"), SV_MQTT_PROTOCOL_ERROR,
      "response topic is empty [§4.7.3]" },
    { SV_MQTT_PUBLISH, SV_TEXT("\2\x0b\0"), SV_MQTT_PROTOCOL_ERROR,
      "subscription identifier is 0" },
    { SV_MQTT_PUBLISH, SV_TEXT("\6\x0b\x80\x80\x80\x80\1"), SV_MQTT_MALFORMED,
      "more than 4 bytes" },
    { SV_MQTT_PUBLISH, SV_TEXT("\3\x23\0\0"), SV_MQTT_PROTOCOL_ERROR, "topic alias is 0" },
    { SV_MQTT_PUBLISH, SV_TEXT("\6\x23\0\1\x23\0\1"), SV_MQTT_PROTOCOL_ERROR,
      "topic alias stands twice" },
    { SV_MQTT_PUBLISH, SV_TEXT("\4\x1f\0\1r"), SV_MQTT_PROTOCOL_ERROR,
      "reason string may not stand" },
    { SV_MQTT_PUBLISH, SV_TEXT("\6\x26\0\1k\0\1"), SV_MQTT_MALFORMED, "too early" },
    { SV_MQTT_PUBLISH, SV_TEXT("\7\x26\0\1\xff\0\1v"), SV_MQTT_MALFORMED,
      "property's name is not UTF-8" },
    { SV_MQTT_PUBLISH, SV_TEXT("\7\x26\0\1k\0\1\0"), SV_MQTT_MALFORMED,
      "property's value is not UTF-8" },
    { SV_MQTT_SUBSCRIBE, SV_TEXT("\4\x0b\1\x0b\1"), SV_MQTT_PROTOCOL_ERROR,
      "subscription identifier stands twice" },
    { SV_MQTT_SUBSCRIBE, SV_TEXT("\2\1\1"), SV_MQTT_PROTOCOL_ERROR, "may not stand" },
    { SV_MQTT_UNSUBSCRIBE, SV_TEXT("\2\x0b\1"), SV_MQTT_PROTOCOL_ERROR, "may not stand" },
    { SV_MQTT_CONNACK, SV_TEXT("\2\x24\2"), SV_MQTT_PROTOCOL_ERROR, "maximum QoS is 2" },
    { SV_MQTT_CONNACK, SV_TEXT("\2\x25\2"), SV_MQTT_PROTOCOL_ERROR, "retain available is 2" },
    { SV_MQTT_CONNACK, SV_TEXT("\2\x2a\xff"), SV_MQTT_PROTOCOL_ERROR, "is 255" },
    { SV_MQTT_CONNACK, SV_TEXT("\4\x16\0\1d"), SV_MQTT_PROTOCOL_ERROR, "no authentication method" },
    { SV_MQTT_PUBACK, SV_TEXT("\4\x1c\0\1s"), SV_MQTT_PROTOCOL_ERROR,
      "server reference may not stand" },
    { SV_MQTT_WILL, SV_TEXT("\3\x23\0\1"), SV_MQTT_PROTOCOL_ERROR, "topic alias may not stand" },
};

static void a_block_against_the_standard_is_refused_with_the_reason_that_is_its(void **state) {
    (void) state;
    for (size_t i = 0; i < SV_COUNT(REFUSALS); i++) {
        sv_mqtt_properties properties;
        sv_mqtt_reason reason = SV_MQTT_SUCCESS;
        sv_why why = { .text = "" };
        sv_err err = take(REFUSALS[i].block, REFUSALS[i].type, &properties, &reason, &why);
        if (err != SV_ERR_INVALID || reason != REFUSALS[i].reason
            || strstr(why.text, REFUSALS[i].sentence) == NULL) {
            fail_msg("case %zu: %d, reason 0x%02x, '%s'", i, (int) err, (unsigned) reason,
                     why.text);
        }
    }
}

/// §2.2.2.2, table 2-4: identifier, a value it may have, the packets it may stand in.
static const struct {
    sv_text one;
    const char *packets; ///< C CONNECT, c CONNACK, P PUBLISH, a PUBACK and like, S SUBSCRIBE,
                         ///< U UNSUBSCRIBE, b SUBACK and UNSUBACK, D DISCONNECT, A AUTH, W will
} TABLE_2_4[] = {
    { SV_TEXT("\1\1"), "PW" },
    { SV_TEXT("\2\0\0\0\1"), "PW" },
    { SV_TEXT("\3\0\1t"), "PW" },
    { SV_TEXT("\x08\0\1t"), "PW" },
    { SV_TEXT("\x09\0\1t"), "PW" },
    { SV_TEXT("\x0b\1"), "PS" },
    { SV_TEXT("\x11\0\0\0\1"), "CcD" },
    { SV_TEXT("\x12\0\1t"), "c" },
    { SV_TEXT("\x13\0\1"), "c" },
    { SV_TEXT("\x15\0\1t"), "CcA" },
    { SV_TEXT("\x15\0\1t\x16\0\1d"), "CcA" },
    { SV_TEXT("\x17\1"), "C" },
    { SV_TEXT("\x18\0\0\0\1"), "W" },
    { SV_TEXT("\x19\1"), "C" },
    { SV_TEXT("\x1a\0\1t"), "c" },
    { SV_TEXT("\x1c\0\1t"), "cD" },
    { SV_TEXT("\x1f\0\1t"), "cabDA" },
    { SV_TEXT("\x21\0\1"), "Cc" },
    { SV_TEXT("\x22\0\1"), "Cc" },
    { SV_TEXT("\x23\0\1"), "P" },
    { SV_TEXT("\x24\1"), "c" },
    { SV_TEXT("\x25\1"), "c" },
    { SV_TEXT("\x26\0\1k\0\1v"), "CcPWaSUbDA" },
    { SV_TEXT("\x27\0\0\0\1"), "Cc" },
    { SV_TEXT("\x28\1"), "c" },
    { SV_TEXT("\x29\1"), "c" },
    { SV_TEXT("\x2a\1"), "c" },
};

static void every_property_stands_where_table_2_4_lets_it_and_is_written_back(void **state) {
    (void) state;
    static const char LETTERS[] = {
        [SV_MQTT_WILL] = 'W',       [SV_MQTT_CONNECT] = 'C',     [SV_MQTT_CONNACK] = 'c',
        [SV_MQTT_PUBLISH] = 'P',    [SV_MQTT_PUBACK] = 'a',      [SV_MQTT_PUBREC] = 'a',
        [SV_MQTT_PUBREL] = 'a',     [SV_MQTT_PUBCOMP] = 'a',     [SV_MQTT_SUBSCRIBE] = 'S',
        [SV_MQTT_SUBACK] = 'b',     [SV_MQTT_UNSUBSCRIBE] = 'U', [SV_MQTT_UNSUBACK] = 'b',
        [SV_MQTT_DISCONNECT] = 'D', [SV_MQTT_AUTH] = 'A',        [SV_MQTT_PINGREQ] = '-',
        [SV_MQTT_PINGRESP] = '-',
    };
    for (size_t i = 0; i < SV_COUNT(TABLE_2_4); i++) {
        for (unsigned type = 0; type < sizeof LETTERS; type++) {
            char room[64];
            sv_textbuf block = SV_TEXTBUF(room);
            sv_mqtt_add_varint(&block, TABLE_2_4[i].one.len);
            sv_textbuf_add(&block, TABLE_2_4[i].one);
            sv_mqtt_properties properties;
            sv_mqtt_reason reason;
            sv_err err = take(sv_textbuf_text(&block), type, &properties, &reason, NULL);
            bool allowed = strchr(TABLE_2_4[i].packets, LETTERS[type]) != NULL;
            assert_int_equal(err, allowed ? SV_OK : SV_ERR_INVALID);
            if (!allowed) {
                continue;
            }
            assert_true(sv_mqtt_has(&properties, (uint8_t) TABLE_2_4[i].one.at[0]));
            assert_int_equal(sv_mqtt_properties_bytes(&properties), TABLE_2_4[i].one.len);
            char room_again[64];
            sv_textbuf again = SV_TEXTBUF(room_again);
            sv_mqtt_add_properties(&again, &properties, type);
            assert_true(sv_text_eq(sv_textbuf_text(&again), TABLE_2_4[i].one));
        }
    }
}

static sv_text with_users(sv_textbuf *block, size_t count) {
    sv_textbuf_clear(block);
    sv_mqtt_add_varint(block, count * 7);
    for (size_t i = 0; i < count; i++) {
        sv_textbuf_add(block, SV_TEXT("\x26\0\1k\0\1v"));
    }
    assert_false(block->overflowed);
    return sv_textbuf_text(block);
}

static void user_properties_beyond_the_bound_are_no_space(void **state) {
    (void) state;
    char room[ROOM];
    sv_textbuf block = SV_TEXTBUF(room);
    sv_mqtt_properties properties;
    sv_mqtt_reason reason;
    sv_text most = with_users(&block, SV_MQTT_USER_PROPERTIES_MAX);
    assert_int_equal(take(most, SV_MQTT_PUBLISH, &properties, &reason, NULL), SV_OK);
    sv_text more = with_users(&block, SV_MQTT_USER_PROPERTIES_MAX + 1);
    assert_int_equal(take(more, SV_MQTT_PUBLISH, &properties, &reason, NULL), SV_ERR_NO_SPACE);
    assert_int_equal(reason, SV_MQTT_QUOTA_EXCEEDED);
}

static void user_properties_keep_their_order_and_their_repetitions(void **state) {
    (void) state;
    sv_text block = SV_TEXT("\x17\x26\0\1b\0\1x\1\1\x26\0\1a\0\1y\x26\0\1b\0\1x");
    sv_mqtt_properties properties;
    sv_mqtt_reason reason;
    assert_int_equal(take(block, SV_MQTT_PUBLISH, &properties, &reason, NULL), SV_OK);
    static const char *const NAMES[] = { "b", "a", "b" };
    sv_text raw = properties.raw;
    sv_text name;
    sv_text value;
    for (size_t i = 0; i < SV_COUNT(NAMES); i++) {
        assert_true(sv_mqtt_user_next(&raw, &name, &value));
        assert_true(sv_text_is(name, NAMES[i]));
        assert_true(sv_text_is(value, i == 1 ? "y" : "x"));
    }
    assert_false(sv_mqtt_user_next(&raw, &name, &value));
    assert_false(sv_mqtt_user_next(&raw, &name, &value));
}

static void what_travels_with_a_message_is_forwarded_and_nothing_else(void **state) {
    (void) state;
    sv_text raw =
        SV_TEXT("\x23\0\1\x26\0\1b\0\1x\2\0\0\0\x09\1\1\x0b\5\x08\0\1r\x09\0\1c\x18\0\0\0\1"
                "\3\0\1t\x26\0\1a\0\1y");
    char room[128];
    sv_textbuf out = SV_TEXTBUF(room);
    sv_mqtt_add_forwarded(&out, raw);
    sv_text want = SV_TEXT("\x26\0\1b\0\1x\1\1\x08\0\1r\x09\0\1c\3\0\1t\x26\0\1a\0\1y");
    assert_true(sv_text_eq(sv_textbuf_text(&out), want));
}

static void a_longer_form_of_an_integer_means_the_same(void **state) {
    (void) state;
    sv_text block = SV_TEXT("\x86\x00\x8b\x00\x85\x00\x01\x00");
    sv_mqtt_properties properties;
    sv_mqtt_reason reason;
    assert_int_equal(take(block, SV_MQTT_PUBLISH, &properties, &reason, NULL), SV_OK);
    assert_int_equal(properties.subscription_id, 5);
    assert_int_equal(properties.raw.len, 6);
}

static void of_several_subscription_identifiers_the_first_is_told(void **state) {
    (void) state;
    sv_mqtt_properties properties;
    sv_mqtt_reason reason;
    assert_int_equal(
        take(SV_TEXT("\5\x0b\xff\x7f\x0b\2"), SV_MQTT_PUBLISH, &properties, &reason, NULL), SV_OK);
    assert_int_equal(properties.subscription_id, 16383);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_against_the_standard_is_refused_with_the_reason_that_is_its),
        cmocka_unit_test(every_property_stands_where_table_2_4_lets_it_and_is_written_back),
        cmocka_unit_test(user_properties_beyond_the_bound_are_no_space),
        cmocka_unit_test(user_properties_keep_their_order_and_their_repetitions),
        cmocka_unit_test(what_travels_with_a_message_is_forwarded_and_nothing_else),
        cmocka_unit_test(a_longer_form_of_an_integer_means_the_same),
        cmocka_unit_test(of_several_subscription_identifiers_the_first_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
