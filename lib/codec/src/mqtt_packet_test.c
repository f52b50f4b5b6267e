#include <base/test.h>
#include <codec/mqtt_packet.h>

static sv_text bytes_of(const void *at, size_t len) {
    return (sv_text){ .at = at, .len = len };
}

static void a_publish_written_is_the_publish_read_at_every_cut(void **state) {
    (void) state;
    char room[512];
    sv_textbuf out = SV_TEXTBUF(room);
    char load[200];
    memset(load, 'x', sizeof load);
    sv_mqtt_add_publish(&out, SV_TEXT("sensors/a/b"), bytes_of(load, sizeof load), 1, true, true,
                        513);
    sv_text whole = sv_textbuf_text(&out);
    assert_false(out.overflowed);

    size_t len = 0;
    assert_int_equal(sv_mqtt_packet_length(whole, &len), SV_OK);
    assert_int_equal(len, whole.len);
    for (size_t cut = 0; cut < whole.len; cut++) {
        sv_mqtt_packet packet;
        sv_why why;
        assert_int_equal(sv_mqtt_packet_parse(bytes_of(whole.at, cut), &packet, &why),
                         SV_ERR_INVALID);
    }
    sv_mqtt_packet packet = { 0 };
    assert_int_equal(sv_mqtt_packet_parse(whole, &packet, NULL), SV_OK);
    assert_true(packet.dup && packet.retain);
    assert_int_equal(packet.qos, 1);
    assert_int_equal(packet.id, 513);
    assert_true(sv_text_is(packet.topic, "sensors/a/b"));
    assert_int_equal(packet.payload.len, sizeof load);
}

static void a_connect_has_the_bytes_of_the_standard(void **state) {
    (void) state;
    char room[128];
    sv_textbuf out = SV_TEXTBUF(room);
    sv_mqtt_connect connect = {
        .client_id = SV_TEXT("me"),
        .clean_session = true,
        .keepalive_s = 30,
        .will_topic = SV_TEXT("w"),
        .will_payload = SV_TEXT("gone"),
        .will_qos = 1,
        .will_retain = true,
    };
    sv_mqtt_add_connect(&out, &connect);
    static const char want[] = "\x10\x17\0\4MQTT\4\x2e\0\x1e\0\2me\0\1w\0\4gone";
    assert_int_equal(out.len, sizeof want - 1);
    assert_memory_equal(room, want, sizeof want - 1);
}

static void headers_against_the_standard_are_refused(void **state) {
    (void) state;
    static const struct {
        const char *bytes;
        size_t len;
        sv_err err;
    } CASES[] = {
        { "", 0, SV_ERR_STATE },
        { "\x30", 1, SV_ERR_STATE },
        { "\x30\x80\x80\x80", 4, SV_ERR_STATE },
        { "\x30\x80\x80\x80\x80", 5, SV_ERR_INVALID },
        { "\x36\x00", 2, SV_ERR_INVALID }, // QoS 3
        { "\x38\x00", 2, SV_ERR_INVALID }, // DUP with QoS 0
        { "\x00\x00", 2, SV_ERR_INVALID },
        { "\xf0\x00", 2, SV_ERR_INVALID },
        { "\x41\x02", 2, SV_ERR_INVALID },
        { "\x60\x02", 2, SV_ERR_INVALID },
        { "\xd0\x00", 2, SV_OK },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        size_t len = 0;
        assert_int_equal(sv_mqtt_packet_length(bytes_of(CASES[i].bytes, CASES[i].len), &len),
                         CASES[i].err);
    }
}

static void broken_packets_are_refused(void **state) {
    (void) state;
    static const struct {
        const char *bytes;
        size_t len;
    } CASES[] = {
        { "\x20\x02\x02\x00", 4 },     // CONNACK flags
        { "\x20\x01\x00", 3 },         // short CONNACK
        { "\x40\x02\x00\x00", 4 },     // id 0
        { "\x40\x03\x00\x01\x00", 5 }, // too long
        { "\x30\x03\x00\x01+", 5 },    // wildcard
        { "\x30\x03\x00\x01\xff", 5 }, // not UTF-8
        { "\x30\x03\x00\x01\x00", 5 }, // NUL
        { "\x30\x02\x00\x00", 4 },     // no topic
        { "\x32\x03\x00\x01t", 5 },    // no id
        { "\x90\x03\x00\x01\x03", 5 }, // SUBACK code 3
        { "\x90\x02\x00\x01", 4 },     // SUBACK without code
        { "\xc0\x00", 2 },             // PINGREQ is for servers
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_mqtt_packet packet;
        sv_why why = { .text = "" };
        assert_int_equal(
            sv_mqtt_packet_parse(bytes_of(CASES[i].bytes, CASES[i].len), &packet, &why),
            SV_ERR_INVALID);
        assert_true(why.text[0] != '\0');
    }
}

static void filters_match_as_in_section_4_7(void **state) {
    (void) state;
    static const struct {
        const char *filter, *topic;
        bool matches;
    } CASES[] = {
        { "sensors/+/+", "sensors/a/b", true },
        { "sensors/+/+", "sensors/a", false },
        { "sensors/+", "sensors/a/b", false },
        { "a/#", "a", true },
        { "a/#", "a/b/c", true },
        { "#", "a/b", true },
        { "#", "$SYS/x", false },
        { "+/x", "$SYS/x", false },
        { "$SYS/#", "$SYS/x", true },
        { "+", "/a", false },
        { "+/+", "/a", true },
        { "a/b", "a/b", true },
        { "a/b", "a/bc", false },
        { "a", "a/", false },
        { "a/+", "a/", true },
        { "a/b/#", "a", false },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        assert_int_equal(
            sv_mqtt_topic_matches(sv_text_of(CASES[i].filter), sv_text_of(CASES[i].topic)),
            CASES[i].matches);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_publish_written_is_the_publish_read_at_every_cut),
        cmocka_unit_test(a_connect_has_the_bytes_of_the_standard),
        cmocka_unit_test(headers_against_the_standard_are_refused),
        cmocka_unit_test(broken_packets_are_refused),
        cmocka_unit_test(filters_match_as_in_section_4_7),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
