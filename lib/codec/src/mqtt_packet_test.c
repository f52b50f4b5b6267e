#include <base/test.h>
#include <codec/mqtt_packet.h>
#include <stdlib.h>

enum {
    V4 = SV_MQTT_V311,
    V5 = SV_MQTT_V5,
    CLIENT = SV_MQTT_FOR_CLIENT,
    SERVER = SV_MQTT_FOR_SERVER
};

static bool parses(sv_text bytes, unsigned version, unsigned receiver, sv_mqtt_packet *packet) {
    sv_mqtt_reason reason = SV_MQTT_MALFORMED;
    sv_why why;
    if (sv_mqtt_packet_parse(bytes, (sv_mqtt_version) version, (sv_mqtt_side) receiver, packet,
                             &reason, &why)
        != SV_OK) {
        print_message("%s\n", why.text);
        return false;
    }
    assert_int_equal(reason, SV_MQTT_SUCCESS);
    return true;
}

static void headers_against_the_standard_are_refused(void **state) {
    (void) state;
    static const struct {
        sv_text bytes;
        sv_err err;
    } CASES[] = {
        { SV_TEXT(""), SV_ERR_STATE },
        { SV_TEXT("\x30"), SV_ERR_STATE },
        { SV_TEXT("\x30\x80\x80\x80"), SV_ERR_STATE },
        { SV_TEXT("\x30\x80\x80\x80\x80"), SV_ERR_INVALID },
        { SV_TEXT("\x36"), SV_ERR_INVALID }, // QoS 3
        { SV_TEXT("\x38"), SV_ERR_INVALID }, // DUP with QoS 0
        { SV_TEXT("\x00"), SV_ERR_INVALID },
        { SV_TEXT("\x11"), SV_ERR_INVALID },
        { SV_TEXT("\x41"), SV_ERR_INVALID },
        { SV_TEXT("\x60"), SV_ERR_INVALID },
        { SV_TEXT("\x80"), SV_ERR_INVALID },
        { SV_TEXT("\xa3"), SV_ERR_INVALID },
        { SV_TEXT("\xe1"), SV_ERR_INVALID },
        { SV_TEXT("\xf1"), SV_ERR_INVALID },
        { SV_TEXT("\xf0\x00"), SV_OK },
        { SV_TEXT("\xd0\x00"), SV_OK },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        size_t len = 0;
        assert_int_equal(sv_mqtt_packet_length(CASES[i].bytes, &len), CASES[i].err);
    }
}

/// The table of 5 §1.5.5: the first and last value of every size.
static void lengths_are_those_of_the_standards_table(void **state) {
    (void) state;
    static const struct {
        sv_text bytes;
        size_t remaining;
    } CASES[] = {
        { SV_TEXT("\x30\x00"), 0 },
        { SV_TEXT("\x30\x7f"), 127 },
        { SV_TEXT("\x30\x80\x01"), 128 },
        { SV_TEXT("\x30\xff\x7f"), 16383 },
        { SV_TEXT("\x30\x80\x80\x01"), 16384 },
        { SV_TEXT("\x30\xff\xff\x7f"), 2097151 },
        { SV_TEXT("\x30\x80\x80\x80\x01"), 2097152 },
        { SV_TEXT("\x30\xff\xff\xff\x7f"), SV_MQTT_REMAINING_MAX },
        { SV_TEXT("\x30\x81\x00"), 1 }, // longer than it need be
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        size_t len = 0;
        assert_int_equal(sv_mqtt_packet_length(CASES[i].bytes, &len), SV_OK);
        assert_int_equal(len, CASES[i].bytes.len + CASES[i].remaining);
    }
}

typedef struct refusal {
    unsigned version, receiver;
    sv_text bytes;
    sv_mqtt_reason reason;
    const char *sentence; ///< a part of it, its section among others
} refusal;

static const refusal REFUSALS[] = {
    { V4, CLIENT, SV_TEXT(""), SV_MQTT_MALFORMED, "header [§2.1]" },
    { V4, CLIENT, SV_TEXT("\x36\x05\0\1t\0\1"), SV_MQTT_MALFORMED, "header [§2.1]" },
    { V4, SERVER, SV_TEXT("\x38\x03\0\1t"), SV_MQTT_MALFORMED, "header [§2.1]" },
    { V4, SERVER, SV_TEXT("\x30\x04\0\1t"), SV_MQTT_MALFORMED, "says it has 6 [§2.1.4]" },
    { V4, SERVER, SV_TEXT("\x30\x03\0\1tt"), SV_MQTT_MALFORMED, "says it has 5 [§2.1.4]" },
    { V5, SERVER, SV_TEXT("\x30\x80\x80\x80\x80\x01\0\1t"), SV_MQTT_MALFORMED, "header [§2.1]" },
    // Directions.
    { V4, SERVER, SV_TEXT("\x20\2\0\0"), SV_MQTT_PROTOCOL_ERROR, "type 2 is not for a server" },
    { V4, SERVER, SV_TEXT("\x90\3\0\1\0"), SV_MQTT_PROTOCOL_ERROR, "type 9 is not for a server" },
    { V4, SERVER, SV_TEXT("\xb0\2\0\1"), SV_MQTT_PROTOCOL_ERROR, "type 11 is not for a server" },
    { V5, SERVER, SV_TEXT("\xd0\0"), SV_MQTT_PROTOCOL_ERROR, "type 13 is not for a server" },
    { V5, SERVER, SV_TEXT("\x10\0"), SV_MQTT_PROTOCOL_ERROR, "type 1 is not for a server" },
    { V4, CLIENT, SV_TEXT("\xc0\0"), SV_MQTT_PROTOCOL_ERROR, "type 12 is not for a client" },
    { V4, CLIENT, SV_TEXT("\x82\6\0\1\0\1t\0"), SV_MQTT_PROTOCOL_ERROR,
      "type 8 is not for a client" },
    { V5, CLIENT, SV_TEXT("\xa2\6\0\1\0\0\1t"), SV_MQTT_PROTOCOL_ERROR,
      "type 10 is not for a client" },
    { V4, CLIENT, SV_TEXT("\xe0\0"), SV_MQTT_PROTOCOL_ERROR, "type 14 is not for a client" },
    { V4, SERVER, SV_TEXT("\xf0\0"), SV_MQTT_PROTOCOL_ERROR, "type 15 is not for a server" },
    { V4, CLIENT, SV_TEXT("\xf0\0"), SV_MQTT_PROTOCOL_ERROR, "type 15 is not for a client" },
    // CONNACK.
    { V4, CLIENT, SV_TEXT("\x20\2\2\0"), SV_MQTT_MALFORMED, "[§3.2.2.1]" },
    { V4, CLIENT, SV_TEXT("\x20\1\0"), SV_MQTT_MALFORMED, "too early" },
    { V4, CLIENT, SV_TEXT("\x20\3\0\0\0"), SV_MQTT_MALFORMED, "1 bytes too many" },
    { V4, CLIENT, SV_TEXT("\x20\2\0\6"), SV_MQTT_PROTOCOL_ERROR, "code 0x06" },
    { V4, CLIENT, SV_TEXT("\x20\2\1\5"), SV_MQTT_PROTOCOL_ERROR, "[§3.2.2.1.1]" },
    { V5, CLIENT, SV_TEXT("\x20\3\0\1\0"), SV_MQTT_PROTOCOL_ERROR, "code 0x01" },
    { V5, CLIENT, SV_TEXT("\x20\3\0\x8e\0"), SV_MQTT_PROTOCOL_ERROR, "code 0x8e" },
    { V5, CLIENT, SV_TEXT("\x20\2\0\0"), SV_MQTT_MALFORMED, "too early" },
    { V5, CLIENT, SV_TEXT("\x20\4\0\0\0\0"), SV_MQTT_MALFORMED, "1 bytes too many" },
    // PUBLISH.
    { V4, SERVER, SV_TEXT("\x30\3\0\1+"), SV_MQTT_TOPIC_INVALID,
      "topic holds a wildcard [§4.7.1]" },
    { V5, SERVER, SV_TEXT("\x30\7\0\4/a/#\0"), SV_MQTT_TOPIC_INVALID,
      "topic holds a wildcard [§4.7.1]" },
    { V4, SERVER,
      SV_TEXT("\x30\x0c\0\x0a"
              "0123456789#"),
      SV_MQTT_MALFORMED, "says it has" },
    { V4, SERVER,
      SV_TEXT("\x30\x0d\0\x0b"
              "01234+56789"),
      SV_MQTT_TOPIC_INVALID, "[§4.7.1]" },
    { V4, SERVER,
      SV_TEXT("\x30\x0d\0\x0b"
              "\xc3\xbc"
              "234+56789"),
      SV_MQTT_TOPIC_INVALID, "[§4.7.1]" },
    { V4, CLIENT, SV_TEXT("\x30\3\0\1\xff"), SV_MQTT_MALFORMED, "[§1.5.4]" },
    { V4, CLIENT, SV_TEXT("\x30\3\0\1\0"), SV_MQTT_MALFORMED, "[§1.5.4]" },
    { V4, SERVER,
      SV_TEXT("\x30\x0b\0\x09"
              "0123\0"
              "5678"),
      SV_MQTT_MALFORMED, "[§1.5.4]" },
    { V4, SERVER,
      SV_TEXT("\x30\x0b\0\x09"
              "\xc3\xbc"
              "012\0"
              "456"),
      SV_MQTT_MALFORMED, "[§1.5.4]" },
    { V5, SERVER, SV_TEXT("\x30\6\0\3\xed\xa0\x80\0"), SV_MQTT_MALFORMED, "[§1.5.4]" }, // U+D800
    { V5, SERVER, SV_TEXT("\x30\5\0\2\xc0\x80\0"), SV_MQTT_MALFORMED,
      "[§1.5.4]" }, // NUL in two bytes
    { V4, CLIENT, SV_TEXT("\x30\2\0\0"), SV_MQTT_PROTOCOL_ERROR,
      "neither topic nor alias [§3.3.2.1]" },
    { V5, SERVER, SV_TEXT("\x30\3\0\0\0"), SV_MQTT_PROTOCOL_ERROR,
      "neither topic nor alias [§3.3.2.1]" },
    { V4, SERVER, SV_TEXT("\x30\3\0\2t"), SV_MQTT_MALFORMED, "2 bytes wanted, 1 left" },
    { V4, CLIENT, SV_TEXT("\x32\3\0\1t"), SV_MQTT_MALFORMED, "too early" },
    { V4, SERVER, SV_TEXT("\x34\5\0\1t\0\0"), SV_MQTT_PROTOCOL_ERROR, "id is 0 [§2.2.1]" },
    { V5, SERVER, SV_TEXT("\x32\6\0\1t\0\0\0"), SV_MQTT_PROTOCOL_ERROR, "id is 0 [§2.2.1]" },
    { V5, SERVER, SV_TEXT("\x30\3\0\1t"), SV_MQTT_MALFORMED, "too early" }, // no property length
    { V5, SERVER, SV_TEXT("\x30\x06\0\1t\2\x0b\1"), SV_MQTT_PROTOCOL_ERROR, "[§3.3.4]" },
    // Acknowledgements.
    { V4, CLIENT, SV_TEXT("\x40\2\0\0"), SV_MQTT_PROTOCOL_ERROR, "id is 0" },
    { V4, CLIENT, SV_TEXT("\x40\3\0\1\0"), SV_MQTT_MALFORMED, "1 bytes too many" },
    { V4, SERVER, SV_TEXT("\x62\1\0"), SV_MQTT_MALFORMED, "too early" },
    { V5, SERVER, SV_TEXT("\x40\3\0\1\1"), SV_MQTT_PROTOCOL_ERROR,
      "type 4 has the reason code 0x01" },
    { V5, SERVER, SV_TEXT("\x50\3\0\1\x92"), SV_MQTT_PROTOCOL_ERROR,
      "type 5 has the reason code 0x92" },
    { V5, SERVER, SV_TEXT("\x62\3\0\1\x10"), SV_MQTT_PROTOCOL_ERROR,
      "type 6 has the reason code 0x10" },
    { V5, CLIENT, SV_TEXT("\x70\3\0\1\xff"), SV_MQTT_PROTOCOL_ERROR,
      "type 7 has the reason code 0xff" },
    { V5, CLIENT, SV_TEXT("\x40\5\0\1\0\0\0"), SV_MQTT_MALFORMED, "1 bytes too many" },
    { V5, CLIENT, SV_TEXT("\x40\4\0\1\0\1"), SV_MQTT_MALFORMED,
      "do not fit their packet [§2.2.2.1]" },
    // SUBSCRIBE, UNSUBSCRIBE.
    { V4, SERVER, SV_TEXT("\x82\2\0\1"), SV_MQTT_PROTOCOL_ERROR, "no topic filter [§3.8.3" },
    { V5, SERVER, SV_TEXT("\x82\3\0\1\0"), SV_MQTT_PROTOCOL_ERROR, "no topic filter [§3.8.3" },
    { V4, SERVER, SV_TEXT("\x82\6\0\0\0\1t\0"), SV_MQTT_PROTOCOL_ERROR, "id is 0" },
    { V4, SERVER, SV_TEXT("\x82\5\0\1\0\1t"), SV_MQTT_MALFORMED, "too early" },
    { V4, SERVER, SV_TEXT("\x82\6\0\1\0\1t\3"), SV_MQTT_PROTOCOL_ERROR, "QoS 3 [§3.8.3.1]" },
    { V4, SERVER, SV_TEXT("\x82\6\0\1\0\1t\4"), SV_MQTT_MALFORMED, "reserved [§3.8.3.1]" },
    { V4, SERVER, SV_TEXT("\x82\6\0\1\0\1t\x80"), SV_MQTT_MALFORMED, "reserved [§3.8.3.1]" },
    { V5, SERVER, SV_TEXT("\x82\7\0\1\0\0\1t\x40"), SV_MQTT_MALFORMED, "reserved [§3.8.3.1]" },
    { V5, SERVER, SV_TEXT("\x82\7\0\1\0\0\1t\x80"), SV_MQTT_MALFORMED, "reserved [§3.8.3.1]" },
    { V5, SERVER, SV_TEXT("\x82\7\0\1\0\0\1t\3"), SV_MQTT_PROTOCOL_ERROR, "QoS 3 [§3.8.3.1]" },
    { V5, SERVER, SV_TEXT("\x82\7\0\1\0\0\1t\x30"), SV_MQTT_PROTOCOL_ERROR,
      "retain handling 3 [§3.8.3.1]" },
    { V5, SERVER, SV_TEXT("\x82\x10\0\1\0\0\x0a$share/g/t\4"), SV_MQTT_PROTOCOL_ERROR, "No Local" },
    { V5, SERVER, SV_TEXT("\x82\7\0\1\0\0\1\xff\0"), SV_MQTT_MALFORMED,
      "topic filter is not UTF-8" },
    { V4, SERVER, SV_TEXT("\x82\x0a\0\1\0\1t\0\0\1t\4"), SV_MQTT_MALFORMED,
      "reserved" }, // the second
    { V4, SERVER, SV_TEXT("\xa2\2\0\1"), SV_MQTT_PROTOCOL_ERROR,
      "no topic filter [§3.8.3, §3.10.3]" },
    { V5, SERVER, SV_TEXT("\xa2\3\0\1\0"), SV_MQTT_PROTOCOL_ERROR, "no topic filter" },
    { V4, SERVER, SV_TEXT("\xa2\5\0\0\0\1t"), SV_MQTT_PROTOCOL_ERROR, "id is 0" },
    { V4, SERVER, SV_TEXT("\xa2\5\0\1\0\2t"), SV_MQTT_MALFORMED, "too early" },
    // SUBACK, UNSUBACK.
    { V4, CLIENT, SV_TEXT("\x90\3\0\1\3"), SV_MQTT_PROTOCOL_ERROR, "code 0x03" },
    { V4, CLIENT, SV_TEXT("\x90\3\0\1\x87"), SV_MQTT_PROTOCOL_ERROR, "code 0x87" },
    { V4, CLIENT, SV_TEXT("\x90\2\0\1"), SV_MQTT_PROTOCOL_ERROR, "no reason code [§3.9.3]" },
    { V5, CLIENT, SV_TEXT("\x90\4\0\1\0\x11"), SV_MQTT_PROTOCOL_ERROR, "code 0x11" },
    { V5, CLIENT, SV_TEXT("\xb0\4\0\1\0\1"), SV_MQTT_PROTOCOL_ERROR, "code 0x01" },
    { V5, CLIENT, SV_TEXT("\xb0\3\0\1\0"), SV_MQTT_PROTOCOL_ERROR, "no reason code" },
    { V4, CLIENT, SV_TEXT("\xb0\3\0\1\0"), SV_MQTT_MALFORMED, "1 bytes too many" },
    // PINGREQ, PINGRESP, DISCONNECT, AUTH.
    { V4, SERVER, SV_TEXT("\xc0\1\0"), SV_MQTT_MALFORMED, "1 bytes too many" },
    { V5, CLIENT, SV_TEXT("\xd0\1\0"), SV_MQTT_MALFORMED, "1 bytes too many" },
    { V4, SERVER, SV_TEXT("\xe0\1\0"), SV_MQTT_MALFORMED, "1 bytes too many" },
    { V5, SERVER, SV_TEXT("\xe0\1\1"), SV_MQTT_PROTOCOL_ERROR, "code 0x01" },
    { V5, SERVER, SV_TEXT("\xe0\3\0\0\0"), SV_MQTT_MALFORMED, "1 bytes too many" },
    { V5, CLIENT, SV_TEXT("\xe0\7\0\5\x11\0\0\0\1"), SV_MQTT_PROTOCOL_ERROR, "[§3.14.2.2.2]" },
    { V5, SERVER, SV_TEXT("\xf0\1\x18"), SV_MQTT_PROTOCOL_ERROR, "[§3.15.2.2.2]" },
    { V5, SERVER, SV_TEXT("\xf0\2\x18\0"), SV_MQTT_PROTOCOL_ERROR, "[§3.15.2.2.2]" },
    { V5, SERVER, SV_TEXT("\xf0\6\x80\4\x15\0\1m"), SV_MQTT_PROTOCOL_ERROR, "code 0x80" },
};

static void packets_against_the_standard_are_refused_with_the_reason_that_is_theirs(void **state) {
    (void) state;
    for (size_t i = 0; i < SV_COUNT(REFUSALS); i++) {
        const refusal *one = &REFUSALS[i];
        sv_mqtt_packet packet;
        sv_mqtt_reason reason = SV_MQTT_SUCCESS;
        sv_why why = { .text = "" };
        sv_err err = sv_mqtt_packet_parse(one->bytes, (sv_mqtt_version) one->version,
                                          (sv_mqtt_side) one->receiver, &packet, &reason, &why);
        if (err != SV_ERR_INVALID || reason != one->reason
            || strstr(why.text, one->sentence) == NULL) {
            fail_msg("case %zu: %d, reason 0x%02x, '%s'", i, (int) err, (unsigned) reason,
                     why.text);
        }
    }
}

/// The tables of 5 §3.2.2.2, §3.4.2.1 .. §3.15.2.1: what stands around the code, and every code.
static const struct {
    sv_text before, after, codes;
} CODES[] = {
    { SV_TEXT("\x20\3\0"), SV_TEXT("\0"),
      SV_TEXT("\0\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8c\x90\x95\x97\x99\x9a\x9b\x9c\x9d"
              "\x9f") },
    { SV_TEXT("\x40\3\0\1"), SV_TEXT(""), SV_TEXT("\0\x10\x80\x83\x87\x90\x91\x97\x99") },
    { SV_TEXT("\x50\3\0\1"), SV_TEXT(""), SV_TEXT("\0\x10\x80\x83\x87\x90\x91\x97\x99") },
    { SV_TEXT("\x62\3\0\1"), SV_TEXT(""), SV_TEXT("\0\x92") },
    { SV_TEXT("\x70\3\0\1"), SV_TEXT(""), SV_TEXT("\0\x92") },
    { SV_TEXT("\x90\4\0\1\0"), SV_TEXT(""), SV_TEXT("\0\1\2\x80\x83\x87\x8f\x91\x97\x9e\xa1\xa2") },
    { SV_TEXT("\xb0\4\0\1\0"), SV_TEXT(""), SV_TEXT("\0\x11\x80\x83\x87\x8f\x91") },
    { SV_TEXT("\xe0\1"), SV_TEXT(""),
      SV_TEXT("\0\4\x80\x81\x82\x83\x87\x89\x8b\x8c\x8d\x8e\x8f\x90\x93\x94\x95\x96\x97\x98\x99\x9a"
              "\x9b\x9c\x9d\x9e\x9f\xa0\xa1\xa2") },
    { SV_TEXT("\xf0\6"), SV_TEXT("\4\x15\0\1m"), SV_TEXT("\0\x18\x19") },
};

static void a_packet_carries_the_reason_codes_of_its_table_and_no_other(void **state) {
    (void) state;
    for (size_t i = 0; i < SV_COUNT(CODES); i++) {
        for (unsigned code = 0; code <= UINT8_MAX; code++) {
            char room[32];
            sv_textbuf out = SV_TEXTBUF(room);
            sv_textbuf_add(&out, CODES[i].before);
            sv_textbuf_add_char(&out, (char) (uint8_t) code);
            sv_textbuf_add(&out, CODES[i].after);
            sv_mqtt_packet packet;
            sv_err err = sv_mqtt_packet_parse(sv_textbuf_text(&out), SV_MQTT_V5, SV_MQTT_FOR_CLIENT,
                                              &packet, NULL, NULL);
            bool known = memchr(CODES[i].codes.at, (int) code, CODES[i].codes.len) != NULL;
            if ((err == SV_OK) != known) {
                fail_msg("type %u, code 0x%02x: %d", (uint8_t) CODES[i].before.at[0] >> 4, code,
                         (int) err);
            }
        }
    }
}

static void what_is_refused_in_one_place_is_taken_in_the_other(void **state) {
    (void) state;
    sv_mqtt_packet packet;
    assert_true(parses(SV_TEXT("\x30\x06\0\1t\2\x0b\1"), V5, CLIENT, &packet));
    assert_int_equal(packet.properties.subscription_id, 1);
    assert_true(parses(SV_TEXT("\x30\x06\0\0\3\x23\0\7"), V5, SERVER, &packet));
    assert_int_equal(packet.properties.topic_alias, 7);
    assert_int_equal(packet.topic.len, 0);
    assert_true(parses(SV_TEXT("\xe0\7\0\5\x11\0\0\0\1"), V5, SERVER, &packet));
    assert_int_equal(packet.properties.session_expiry_s, 1);
    assert_true(parses(SV_TEXT("\xe0\0"), V4, SERVER, &packet));
    assert_true(parses(SV_TEXT("\xf0\6\x18\4\x15\0\1m"), V5, CLIENT, &packet));
    assert_true(sv_text_is(packet.properties.auth_method, "m"));
    assert_true(parses(SV_TEXT("\xf0\0"), V5, SERVER, &packet));
}

/// The filters of 5 §3.8.3.1, figure 3-21: "a/b" with QoS 1, "c/d" with QoS 2.
static void the_filters_of_the_standards_example_are_walked_in_order(void **state) {
    (void) state;
    static const struct {
        unsigned version;
        sv_text bytes;
    } CASES[] = {
        { V4, SV_TEXT("\x82\x0e\0\x0a\0\3a/b\1\0\3c/d\2") },
        { V5, SV_TEXT("\x82\x0f\0\x0a\0\0\3a/b\1\0\3c/d\2") },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_mqtt_packet packet;
        assert_true(parses(CASES[i].bytes, CASES[i].version, SERVER, &packet));
        assert_int_equal(packet.id, 10);
        sv_text rest = packet.payload;
        sv_mqtt_filter filter;
        assert_true(sv_mqtt_filter_next(packet.type, &rest, &filter));
        assert_true(sv_text_is(filter.filter, "a/b"));
        assert_int_equal(filter.qos, 1);
        assert_true(sv_mqtt_filter_next(packet.type, &rest, &filter));
        assert_true(sv_text_is(filter.filter, "c/d"));
        assert_int_equal(filter.qos, 2);
        assert_false(sv_mqtt_filter_next(packet.type, &rest, &filter));
    }
}

static void the_options_of_a_filter_come_apart(void **state) {
    (void) state;
    sv_mqtt_packet packet;
    assert_true(parses(SV_TEXT("\x82\x0c\0\1\2\x0b\5\0\1t\x2e\0\0\x10"), V5, SERVER, &packet));
    assert_int_equal(packet.properties.subscription_id, 5);
    sv_text rest = packet.payload;
    sv_mqtt_filter filter;
    assert_true(sv_mqtt_filter_next(packet.type, &rest, &filter));
    assert_int_equal(filter.qos, 2);
    assert_true(filter.no_local && filter.retain_as_published);
    assert_int_equal(filter.retain_handling, 2);
    assert_true(sv_mqtt_filter_next(packet.type, &rest, &filter));
    assert_int_equal(filter.filter.len, 0);
    assert_int_equal(filter.retain_handling, 1);
    assert_false(sv_mqtt_filter_next(packet.type, &rest, &filter));
}

/// 5 §3.4.2.1: without reason, with it, with properties.
static void an_acknowledgement_may_leave_out_its_end(void **state) {
    (void) state;
    sv_mqtt_packet packet;
    assert_true(parses(SV_TEXT("\x40\2\1\2"), V5, SERVER, &packet));
    assert_int_equal(packet.id, 0x102);
    assert_int_equal(packet.code, SV_MQTT_SUCCESS);
    assert_true(parses(SV_TEXT("\x40\3\0\1\x10"), V5, CLIENT, &packet));
    assert_int_equal(packet.code, SV_MQTT_NO_MATCHING_SUBSCRIBERS);
    assert_true(parses(SV_TEXT("\x40\4\0\1\x10\0"), V5, CLIENT, &packet));
    assert_true(parses(SV_TEXT("\x62\x08\0\1\x92\4\x1f\0\1x"), V5, SERVER, &packet));
    assert_int_equal(packet.code, SV_MQTT_ID_NOT_FOUND);
    assert_true(sv_text_is(packet.properties.reason, "x"));
    assert_true(parses(SV_TEXT("\xe0\0"), V5, CLIENT, &packet));
    assert_int_equal(packet.code, 0);
    assert_true(parses(SV_TEXT("\xe0\1\x8e"), V5, CLIENT, &packet));
    assert_int_equal(packet.code, SV_MQTT_TAKEN_OVER);
    assert_true(parses(SV_TEXT("\xe0\2\4\0"), V5, SERVER, &packet));
    assert_int_equal(packet.code, SV_MQTT_WITH_WILL);
}

static void absent_properties_have_the_standards_values(void **state) {
    (void) state;
    static const struct {
        unsigned version;
        sv_text bytes;
    } CASES[] = {
        { V4, SV_TEXT("\x30\3\0\1t") },
        { V5, SV_TEXT("\x30\4\0\1t\0") },
        { V5, SV_TEXT("\xd0\0") },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_mqtt_packet packet;
        memset(&packet, 0xEE, sizeof packet);
        assert_true(parses(CASES[i].bytes, CASES[i].version, CLIENT, &packet));
        assert_int_equal(packet.properties.present, 0);
        assert_int_equal(packet.properties.receive_max, 65535);
        assert_int_equal(packet.properties.packet_max, UINT32_MAX);
        assert_int_equal(packet.properties.maximum_qos, 2);
        assert_int_equal(packet.properties.subscription_id, 0);
        assert_int_equal(packet.properties.raw.len, 0);
        assert_int_equal(packet.properties.response_topic.len, 0);
        assert_int_equal(packet.payload.len, 0);
        assert_int_equal(packet.id, 0);
    }
}

/// No cut of a packet parses, and none is read beyond its end.
static void a_packet_cut_short_is_refused_at_every_cut(void **state) {
    (void) state;
    static const struct {
        unsigned version, receiver;
        sv_text bytes;
    } CASES[] = {
        { V4, CLIENT, SV_TEXT("\x20\2\1\0") },
        { V5, CLIENT, SV_TEXT("\x20\x0a\1\0\7\x22\0\x0a\x1f\0\1r") },
        { V5, CLIENT, SV_TEXT("\x3b\x18\0\3a/b\1\2\x0b\x01\1\x26\0\1k\0\2vw\x03\0\0payload") },
        { V5, SERVER, SV_TEXT("\x82\x0f\0\x0a\0\0\3a/b\1\0\3c/d\2") },
        { V5, SERVER, SV_TEXT("\x62\x08\0\1\x92\4\x1f\0\1x") },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        for (size_t len = 0; len < CASES[i].bytes.len; len++) {
            sv_mqtt_packet packet;
            char *copy = malloc(len + 1);
            memcpy(copy, CASES[i].bytes.at, len);
            sv_text bytes = { .at = copy, .len = len };
            assert_int_equal(sv_mqtt_packet_parse(bytes, (sv_mqtt_version) CASES[i].version,
                                                  (sv_mqtt_side) CASES[i].receiver, &packet, NULL,
                                                  NULL),
                             SV_ERR_INVALID);
            free(copy);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_against_the_standard_are_refused),
        cmocka_unit_test(lengths_are_those_of_the_standards_table),
        cmocka_unit_test(packets_against_the_standard_are_refused_with_the_reason_that_is_theirs),
        cmocka_unit_test(a_packet_carries_the_reason_codes_of_its_table_and_no_other),
        cmocka_unit_test(what_is_refused_in_one_place_is_taken_in_the_other),
        cmocka_unit_test(the_filters_of_the_standards_example_are_walked_in_order),
        cmocka_unit_test(the_options_of_a_filter_come_apart),
        cmocka_unit_test(an_acknowledgement_may_leave_out_its_end),
        cmocka_unit_test(absent_properties_have_the_standards_values),
        cmocka_unit_test(a_packet_cut_short_is_refused_at_every_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
