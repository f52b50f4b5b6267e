#include <base/test.h>
#include <codec/mqtt_packet.h>
#include <stdlib.h>

static sv_text written(sv_textbuf *out, const sv_mqtt_connect *connect) {
    sv_mqtt_add_connect(out, connect);
    assert_false(out->overflowed);
    return sv_textbuf_text(out);
}

static void a_connect_has_the_bytes_of_the_standard(void **state) {
    (void) state;
    char room[128];
    sv_textbuf out = SV_TEXTBUF(room);
    sv_mqtt_connect connect = {
        .version = SV_MQTT_V311,
        .client_id = SV_TEXT("me"),
        .clean_session = true,
        .keepalive_s = 30,
        .has_will = true,
        .will_topic = SV_TEXT("w"),
        .will_payload = SV_TEXT("gone"),
        .will_qos = 1,
        .will_retain = true,
    };
    sv_text want = SV_TEXT("\x10\x17\0\4MQTT\4\x2e\0\x1e\0\2me\0\1w\0\4gone");
    assert_true(sv_text_eq(written(&out, &connect), want));
}

/// 5 §3.1.2.12, figure 3-6: all flags but retain, QoS 1, ten seconds, a session expiry of ten.
static void the_standards_example_of_5_is_read(void **state) {
    (void) state;
    sv_text bytes = SV_TEXT("\x10\x27\0\4MQTT\5\xce\0\x0a\5\x11\0\0\0\x0a\0\2me"
                            "\5\x18\0\0\0\1\0\1w\0\1\0\0\1u\0\2\0\xff");
    sv_mqtt_connect connect;
    sv_why why;
    if (sv_mqtt_connect_parse(bytes, &connect, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    assert_int_equal(connect.version, SV_MQTT_V5);
    assert_true(connect.clean_session && connect.has_will && connect.has_user);
    assert_true(connect.has_password && !connect.will_retain);
    assert_int_equal(connect.will_qos, 1);
    assert_int_equal(connect.keepalive_s, 10);
    assert_int_equal(connect.properties.session_expiry_s, 10);
    assert_true(sv_mqtt_has(&connect.properties, SV_MQTT_P_SESSION_EXPIRY));
    assert_int_equal(connect.properties.receive_max, 65535);
    assert_int_equal(connect.will_properties.will_delay_s, 1);
    assert_true(sv_text_is(connect.client_id, "me") && sv_text_is(connect.will_topic, "w"));
    assert_true(sv_text_eq(connect.will_payload, SV_TEXT("\0")));
    assert_true(sv_text_is(connect.user, "u"));
    assert_true(sv_text_eq(connect.password, SV_TEXT("\0\xff"))); // binary data

    char room[128];
    sv_textbuf out = SV_TEXTBUF(room);
    assert_true(sv_text_eq(written(&out, &connect), bytes));
}

static void an_empty_client_id_is_for_the_server_to_judge(void **state) {
    (void) state;
    sv_mqtt_connect connect;
    sv_text keeps = SV_TEXT("\x10\x0c\0\4MQTT\4\0\0\0\0\0");
    assert_int_equal(sv_mqtt_connect_parse(keeps, &connect, NULL), SV_OK);
    assert_int_equal(connect.client_id.len, 0);
    assert_false(connect.clean_session);
    // 5 lets a password stand without a user.
    sv_text password = SV_TEXT("\x10\x10\0\4MQTT\5\x40\0\0\0\0\0\0\1p");
    assert_int_equal(sv_mqtt_connect_parse(password, &connect, NULL), SV_OK);
    assert_true(connect.has_password && !connect.has_user);
}

static const struct {
    sv_text bytes;
    const char *sentence;
} REFUSALS[] = {
    { SV_TEXT(""), "header [§2.1]" },
    { SV_TEXT("\x11\x0c\0\4MQTT\4\2\0\0\0\0"), "header [§2.1]" },
    { SV_TEXT("\xc0\0"), "no CONNECT [§3.1]" },
    { SV_TEXT("\x10\x0c\0\4MQTT\4\2\0\0\0\0\0"), "says it has" },
    { SV_TEXT("\x10\x0d\0\4MQTT\4\2\0\0\0\0\0"), "1 bytes too many [§2.1.4]" },
    { SV_TEXT("\x10\x0c\0\4MQTt\4\2\0\0\0\0"), "protocol name than MQTT [§3.1.2.1]" },
    { SV_TEXT("\x10\x0d\0\5MQTT5\4\2\0\0\0\0"), "protocol name than MQTT [§3.1.2.1]" },
    { SV_TEXT("\x10\x0c\0\4MQ\xff"
              "T\4\2\0\0\0\0"),
      "protocol name is not UTF-8" },
    { SV_TEXT("\x10\x0e\0\6MQIsdp\3\2\0\0\0\0"), "version 3, not for 4 (3.1.1) or 5 [§3.1.2.2]" },
    { SV_TEXT("\x10\x0e\0\6MQIsdp\4\2\0\0\0\0"), "[§3.1.2.2]" },
    { SV_TEXT("\x10\x0c\0\4MQTT\6\2\0\0\0\0"), "version 6" },
    { SV_TEXT("\x10\x0c\0\4MQTT\4\3\0\0\0\0"), "reserved flag [§3.1.2.3]" },
    { SV_TEXT("\x10\x12\0\4MQTT\4\x1e\0\0\0\0\0\1w\0\1p"), "will of QoS 3 [§3.1.2.6]" },
    { SV_TEXT("\x10\x0c\0\4MQTT\4\x0a\0\0\0\0"), "no will, but QoS or retain" },
    { SV_TEXT("\x10\x0c\0\4MQTT\4\x22\0\0\0\0"),
      "no will, but QoS or retain of one [§3.1.2.6, §3.1.2.7]" },
    { SV_TEXT("\x10\x0f\0\4MQTT\4\x42\0\0\0\0\0\1p"), "password and no user [3.1.1 §3.1.2.9]" },
    { SV_TEXT("\x10\x0d\0\4MQTT\4\2\0\0\0\1\xff"), "client id is not UTF-8" },
    { SV_TEXT("\x10\x0d\0\4MQTT\4\2\0\0\0\1\0"),
      "client id is not UTF-8 or holds a NUL character [§1.5.4]" },
    { SV_TEXT("\x10\x0b\0\4MQTT\4\2\0\0\0"), "too early" },
    { SV_TEXT("\x10\x12\0\4MQTT\4\6\0\0\0\0\0\1#\0\1p"), "will topic holds a wildcard [§4.7.1]" },
    { SV_TEXT("\x10\x11\0\4MQTT\4\6\0\0\0\0\0\0\0\1p"), "will topic is empty [§4.7.3]" },
    { SV_TEXT("\x10\x0f\0\4MQTT\4\6\0\0\0\0\0\1w"), "too early" },
    { SV_TEXT("\x10\x0f\0\4MQTT\4\x82\0\0\0\0\0\1\xff"), "user name is not UTF-8" },
    { SV_TEXT("\x10\x0c\0\4MQTT\4\x82\0\0\0\0"), "too early" },
    { SV_TEXT("\x10\x0c\0\4MQTT\5\2\0\0\0\0"), "too early" },
    { SV_TEXT("\x10\x0d\0\4MQTT\5\2\0\0\3\0\0"), "do not fit their packet" },
    { SV_TEXT("\x10\x0f\0\4MQTT\5\2\0\0\2\x24\1\0\0"), "maximum QoS may not stand in this packet" },
    { SV_TEXT("\x10\x12\0\4MQTT\5\2\0\0\5\x18\0\0\0\1\0\0"), "will delay interval may not stand" },
    { SV_TEXT("\x10\x10\0\4MQTT\5\2\0\0\3\x21\0\0\0\0"), "receive maximum is 0" },
    { SV_TEXT("\x10\x12\0\4MQTT\5\2\0\0\5\x27\0\0\0\0\0\0"), "maximum packet size is 0" },
    { SV_TEXT("\x10\x0f\0\4MQTT\5\2\0\0\2\x17\2\0\0"), "request problem information is 2" },
    { SV_TEXT("\x10\x0f\0\4MQTT\5\2\0\0\2\x19\2\0\0"), "request response information is 2" },
    { SV_TEXT("\x10\x11\0\4MQTT\5\2\0\0\4\x16\0\1d\0\0"),
      "no authentication method [§3.1.2.11.10]" },
    { SV_TEXT("\x10\x19\0\4MQTT\5\6\0\0\0\0\0\5\x11\0\0\0\1\0\1w\0\1p"),
      "session expiry interval may not stand" },
    { SV_TEXT("\x10\x16\0\4MQTT\5\6\0\0\0\0\0\2\1\2\0\1w\0\1p"), "payload format indicator is 2" },
};

static void a_connect_against_the_standard_is_refused_with_its_section(void **state) {
    (void) state;
    for (size_t i = 0; i < SV_COUNT(REFUSALS); i++) {
        sv_mqtt_connect connect = { .keepalive_s = 7 };
        sv_why why = { .text = "" };
        sv_err err = sv_mqtt_connect_parse(REFUSALS[i].bytes, &connect, &why);
        if (err != SV_ERR_INVALID || strstr(why.text, REFUSALS[i].sentence) == NULL) {
            fail_msg("case %zu: %d, '%s'", i, (int) err, why.text);
        }
        assert_int_equal(connect.keepalive_s, 7);
    }
}

static void the_version_is_known_before_the_rest_is_judged(void **state) {
    (void) state;
    static const struct {
        sv_text bytes;
        sv_err err;
        unsigned version;
    } CASES[] = {
        { SV_TEXT("\x10\x09\0\6MQIsdp\3"), SV_OK, 3 },
        { SV_TEXT("\x10\x07\0\4MQTT\4"), SV_OK, 4 },
        { SV_TEXT("\x10\x08\0\4MQTT\5\xff"), SV_OK, 5 },
        { SV_TEXT("\x10\x07\0\4MQTT\xff"), SV_OK, 255 },
        { SV_TEXT("\x10\x06\0\4MQTT"), SV_ERR_INVALID, 0 },
        { SV_TEXT("\x10\x07\0\4HTTP\4"), SV_ERR_INVALID, 0 },
        { SV_TEXT("\xc0\0"), SV_ERR_INVALID, 0 },
        { SV_TEXT("GET / HTTP/1.1\r\n"), SV_ERR_INVALID, 0 },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        unsigned version = 0;
        sv_why why;
        assert_int_equal(sv_mqtt_connect_version(CASES[i].bytes, &version, &why), CASES[i].err);
        assert_int_equal(version, CASES[i].version);
    }
}

/// With the length corrected, so that the body is what is too short.
static void a_connect_cut_short_is_refused_at_every_cut(void **state) {
    (void) state;
    sv_text whole = SV_TEXT("\x10\x27\0\4MQTT\5\xce\0\x0a\5\x11\0\0\0\x0a\0\2me"
                            "\5\x18\0\0\0\1\0\1w\0\1\0\0\1u\0\2\0\xff");
    for (size_t len = 2; len <= whole.len; len++) {
        char *copy = malloc(len);
        memcpy(copy, whole.at, len);
        copy[1] = (char) (len - 2);
        sv_mqtt_connect connect;
        sv_err err = sv_mqtt_connect_parse((sv_text){ .at = copy, .len = len }, &connect, NULL);
        assert_int_equal(err, len == whole.len ? SV_OK : SV_ERR_INVALID);
        free(copy);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connect_has_the_bytes_of_the_standard),
        cmocka_unit_test(the_standards_example_of_5_is_read),
        cmocka_unit_test(an_empty_client_id_is_for_the_server_to_judge),
        cmocka_unit_test(a_connect_against_the_standard_is_refused_with_its_section),
        cmocka_unit_test(the_version_is_known_before_the_rest_is_judged),
        cmocka_unit_test(a_connect_cut_short_is_refused_at_every_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
