#include <base/test.h>
#include <math.h>
#include <model/alert.h>

// [alert-2]
static void a_threshold_message_shows_the_shortest_number(void **state) {
    (void) state;
    static const struct {
        sv_alert_type type;
        double value;
        const char *message;
    } CASES[] = {
        { SV_ALERT_HIGH, 91.2, "Value 91.2 exceeds high threshold" },
        { SV_ALERT_HIGH, 45, "Value 45 exceeds high threshold" },
        { SV_ALERT_LOW, 3.1, "Value 3.1 below low threshold" },
        { SV_ALERT_LOW, 1e-9, "Value 1e-9 below low threshold" },
        { SV_ALERT_LOW, 0.1 + 0.2, "Value 0.30000000000000004 below low threshold" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        char message[SV_ALERT_MESSAGE_MAX] = "";
        sv_alert_threshold_message(CASES[i].type, CASES[i].value, message);
        assert_string_equal(message, CASES[i].message);
    }
}

// [alert-6]
static void people_read_no_more_digits_than_they_need(void **state) {
    (void) state;
    static const char *const CASES[][2] = {
        { "Value 7.7780000000000005 exceeds high threshold", "Value 7.778 exceeds high threshold" },
        { "Value -82.95899999999999 below low threshold", "Value -82.959 below low threshold" },
        { "Value 0.30000000000000004 exceeds", "Value 0.3 exceeds" },
        { "Value 0.00012345678 exceeds", "Value 0.000123 exceeds" },
        { "Value 91.2 exceeds", "Value 91.2 exceeds" },
        { "9.9996", "10" },
        { "at 97.12345 \xc2\xb0\x43, 11.01 mm/s (1.23456)",
          "at 97.123 \xc2\xb0\x43, 11.01 mm/s (1.235)" },
        // What is no decimal number stays as it is.
        { "10.0.12345.1 v1.23456 1.23456e9 a_1.23456 1. .12345",
          "10.0.12345.1 v1.23456 1.23456e9 a_1.23456 1. .12345" },
        { "1234567890123456789012345678901234567890.12345",
          "1234567890123456789012345678901234567890.12345" },
        { "2026-11-28 1.23456.", "2026-11-28 1.23456." },
        { "", "" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        char room[SV_ALERT_MESSAGE_MAX];
        sv_textbuf out = SV_TEXTBUF(room);
        sv_alert_add_readable(&out, sv_text_of(CASES[i][0]));
        assert_int_equal(sv_textbuf_end(&out), SV_OK);
        assert_string_equal(room, CASES[i][1]);
    }
}

#define ID "\"id\":\"00112233445566778899aabbccddeeff\""
#define WHO ID ",\"deviceId\":\"press-1\""
#define KIND WHO ",\"alertType\":\"OFFLINE\",\"severity\":\"info\""
#define TOLD KIND ",\"message\":\"m\",\"timestamp\":\"2026-11-22T06:15:04\""

static sv_err read_alert(const char *text, sv_alert *out, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    assert_int_equal(sv_json_parse(sv_text_of(text), &root, NULL, NULL), SV_OK);
    return sv_alert_from_json(root, out, why);
}

// [alert-1]
static void what_an_alert_does_not_have_is_left_out(void **state) {
    (void) state;
    sv_alert alert;
    assert_int_equal(read_alert("{" TOLD ",\"data\":{\"timestamp\":-1}}", &alert, NULL), SV_OK);
    assert_string_equal(alert.sensor, "");
    assert_true(isnan(alert.value) && isnan(alert.raw));
    assert_int_equal(alert.event, SV_ALERT_RAISED);
    assert_int_equal(alert.at_us, -1000);
}

// [alert-3]
static void an_acknowledgement_says_by_whom(void **state) {
    (void) state;
    static const char TEXT[] =
        "{" TOLD ",\"event\":\"acknowledged\",\"by\":\"ada\",\"data\":{\"timestamp\":7}}";
    char room[SV_ALERT_BYTES_MAX];
    sv_textbuf out = SV_TEXTBUF(room);
    sv_alert alert;
    sv_alert again;
    assert_int_equal(read_alert(TEXT, &alert, NULL), SV_OK);
    assert_int_equal(alert.event, SV_ALERT_ACKNOWLEDGED);
    sv_alert_format(&alert, &out);
    assert_int_equal(sv_textbuf_end(&out), SV_OK);
    assert_int_equal(read_alert(room, &again, NULL), SV_OK);
    assert_string_equal(again.by, "ada");
}

// [alert-7]
static void what_was_expected_and_how_unusual_it_is_come_back(void **state) {
    (void) state;
    char room[SV_ALERT_BYTES_MAX] = "";
    sv_textbuf out = SV_TEXTBUF(room);
    sv_alert alert;
    assert_int_equal(read_alert("{" TOLD ",\"data\":{\"timestamp\":7}}", &alert, NULL), SV_OK);
    assert_true(alert.score == 0 && !(alert.expected_low < alert.expected_high));
    alert.score = 87.3;
    alert.expected_low = 52.1234567;
    alert.expected_high = 64.5;
    sv_alert_format(&alert, &out);
    assert_int_equal(sv_textbuf_end(&out), SV_OK);
    assert_non_null(strstr(room, "\"score\":87,\"expected\":[52.123,64.5]"));
    assert_int_equal(read_alert(room, &alert, NULL), SV_OK);
    assert_true(alert.score == 87 && alert.expected_low == 52.123 && alert.expected_high == 64.5);
}

// [alert-1]
static void every_broken_alert_is_refused_with_its_sentence(void **state) {
    (void) state;
    static const struct {
        const char *text, *told;
    } CASES[] = {
        { "[]", "alert: not a JSON object" },
        { "{}", "alert: id is missing" },
        { "{\"id\":\"00112233445566778899AABBCCDDEEFF\"}", "alert: id is not 32 hexadecimal" },
        { "{\"id\":\"001122\"}", "alert: id is not 32 hexadecimal" },
        { "{" ID "}", "alert: deviceId is missing" },
        { "{" ID ",\"deviceId\":\"a/b\"}", "alert: deviceId \"a/b\" is not valid" },
        { "{" WHO "}", "alert: alertType is none of" },
        { "{" WHO ",\"alertType\":\"high\"}", "alert: alertType is none of" },
        { "{" WHO ",\"alertType\":\"HIGH\",\"severity\":1}", "alert: severity is none of" },
        { "{" KIND ",\"event\":\"closed\"}", "alert: event is none of" },
        { "{" KIND "}", "alert: message is missing" },
        { "{" KIND ",\"message\":\"m\"}", "alert: timestamp is missing" },
        { "{" TOLD ",\"event\":\"acknowledged\"}", "alert: by is missing" },
        { "{" TOLD "}", "alert: data.timestamp is not" },
        { "{" TOLD ",\"data\":{\"timestamp\":1.5}}", "alert: data.timestamp is not" },
        { "{" TOLD ",\"data\":{\"timestamp\":1,\"sensor\":\"a b\"}}", "alert: sensor \"a b\"" },
        { "{" TOLD ",\"data\":{\"timestamp\":1,\"score\":101}}", "alert: data.score 101 is not" },
        { "{" TOLD ",\"data\":{\"timestamp\":1,\"expected\":[2,1]}}",
          "alert: data.expected is not" },
        { "{" TOLD ",\"data\":{\"timestamp\":1,\"expected\":3}}", "alert: data.expected is not" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_alert alert = { .at_us = 42 };
        sv_why why = { 0 };
        sv_err err = read_alert(CASES[i].text, &alert, &why);
        if (err != SV_ERR_INVALID || strstr(why.text, CASES[i].told) == NULL) {
            fail_msg("%s: %s", CASES[i].text, why.text);
        }
        assert_int_equal(alert.at_us, 42);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_threshold_message_shows_the_shortest_number),
        cmocka_unit_test(people_read_no_more_digits_than_they_need),
        cmocka_unit_test(what_an_alert_does_not_have_is_left_out),
        cmocka_unit_test(an_acknowledgement_says_by_whom),
        cmocka_unit_test(what_was_expected_and_how_unusual_it_is_come_back),
        cmocka_unit_test(every_broken_alert_is_refused_with_its_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
