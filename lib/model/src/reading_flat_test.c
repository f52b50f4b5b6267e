#include "reading_flat.h"

#include <base/test.h>

static const sv_reading_key KEY = { .device_id = { "device-001", 10 },
                                    .sensor = { "temperature", 11 } };

static const char *const USUAL[] = {
    "{\"value\":23.5,\"timestamp\":\"2026-11-22T06:15:04.123456\",\"device_id\":\"device-001\"}",
    " {\"device_id\" : \"device-001\" ,\n\"timestamp\":\"2026-11-22T06:15:04+05:30\",\t"
    "\"value\":-1.25e-3, \"unit\":\"\xc2\xb0"
    "C\",\"epoch\":\"9f2c\",\"seq\":9007199254740992}\r\n",
    "{\"value\":1,\"timestamp\":\"1970-01-01T00:01:00\",\"device_id\":\"device-001\",\"boot\":"
    "\"b1\","
    "\"uptime\":0}",
};

static bool parser_takes(sv_text payload, sv_reading *out, sv_json **root) {
    return sv_json_parse(payload, root, NULL, NULL) == SV_OK
           && sv_reading_from_json(&KEY, *root, out, NULL) == SV_READING_FINE;
}

static void assert_same(const sv_reading *left, const sv_reading *right) {
    assert_true(left->value == right->value);
    assert_int_equal(left->at_us, right->at_us);
    assert_int_equal(left->seq, right->seq);
    assert_true(sv_text_eq(left->key.device_id, right->key.device_id));
    assert_true(sv_text_eq(left->key.sensor, right->key.sensor));
    assert_true(sv_text_eq(left->timestamp, right->timestamp));
    assert_true(sv_text_eq(left->unit, right->unit));
    assert_true(sv_text_eq(left->epoch, right->epoch));
    assert_true(sv_text_eq(left->boot, right->boot));
    assert_int_equal(left->uptime_us, right->uptime_us);
    assert_int_equal(left->proven, right->proven);
}

static void assert_parser_agrees(sv_text payload) {
    sv_reading flat;
    if (!sv_reading_flat_read(&KEY, payload, &flat)) {
        return;
    }
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_reading parsed = { .value = 0 };
    assert_true(parser_takes(payload, &parsed, &root));
    assert_same(&flat, &parsed);
}

static void readings_in_the_usual_form_need_no_parser(void **state) {
    (void) state;
    for (size_t i = 0; i < SV_COUNT(USUAL); i++) {
        sv_reading flat;
        assert_true(sv_reading_flat_read(&KEY, sv_text_of(USUAL[i]), &flat));
        assert_parser_agrees(sv_text_of(USUAL[i]));
    }
}

static void with_any_byte_changed_or_missing_the_parser_still_agrees(void **state) {
    (void) state;
    for (size_t i = 0; i < SV_COUNT(USUAL); i++) {
        char copy[256];
        sv_text usual = sv_text_of(USUAL[i]);
        for (size_t at = 0; at < usual.len; at++) {
            for (int byte = 0; byte < 256; byte++) {
                memcpy(copy, usual.at, usual.len);
                copy[at] = (char) byte;
                assert_parser_agrees((sv_text){ .at = copy, .len = usual.len });
            }
            memmove(copy + at, usual.at + at + 1, usual.len - at - 1);
            assert_parser_agrees((sv_text){ .at = copy, .len = usual.len - 1 });
        }
    }
}

static void what_is_unusual_is_left_to_the_parser(void **state) {
    (void) state;
#define REST "\"timestamp\":\"2026-11-22T06:15:04\",\"device_id\":\"device-001\"}"
    static const char *const UNUSUAL[] = {
        "",
        "{}",
        "[{\"value\":1," REST "]",
        "{\"value\":1,\"value\":1," REST,
        "{\"value\":1,\"more\":1," REST,
        "{\"val\\u0075e\":1," REST,
        "{\"value\":\"1\"," REST,
        "{\"value\":1e999," REST,
        "{\"value\":01," REST,
        "{\"value\":1,,\"unit\":\"x\"," REST,
        "{\"value\":1,\"unit\":\"12345678901234567\"," REST,
        "{\"value\":1,\"unit\":\"\xff\"," REST,
        "{\"value\":1,\"seq\":1," REST,
        "{\"value\":1,\"epoch\":\"a\"," REST,
        "{\"value\":1,\"epoch\":\"a\",\"seq\":0," REST,
        "{\"value\":1,\"epoch\":\"a\",\"seq\":1.5," REST,
        "{\"value\":1,\"epoch\":\"a\",\"seq\":9007199254740994," REST,
        "{\"value\":1,\"boot\":\"a\"," REST,
        "{\"value\":1,\"uptime\":1," REST,
        "{\"value\":1,\"boot\":\"a\",\"uptime\":-1," REST,
        "{\"value\":1,\"boot\":\"a\",\"uptime\":1,\"proven\":true," REST,
        "{\"value\":1," REST "x",
        "{\"value\":1,\"timestamp\":\"2026-11-22T06:15:04\",\"device_id\":\"device-002\"}",
        "{\"value\":1,\"timestamp\":\"2026-02-30T06:15:04\",\"device_id\":\"device-001\"}",
        "{\"value\":1,\"timestamp\":\"2026-11-22T06:15:04\"}",
        "{\"value\":1,\"device_id\":\"device-001\"}",
    };
    for (size_t i = 0; i < SV_COUNT(UNUSUAL); i++) {
        sv_reading flat = { .value = 42 };
        assert_false(sv_reading_flat_read(&KEY, sv_text_of(UNUSUAL[i]), &flat));
        assert_true(flat.value == 42);
    }
}

/// A line, and what becomes of it: 0 refused, 1 read by the JSON parser, 2 without it.
static int line_read(const char *line, sv_reading *out, sv_json **root) {
    if (sv_reading_line_parse(sv_text_of(line), out, root, NULL) != SV_OK) {
        return 0;
    }
    return *root == NULL ? 2 : 1;
}

static void a_recorded_reading_says_itself_whose_it_is(void **state) {
    (void) state;
    static const struct {
        const char *line;
        int read;
    } CASES[] = {
        { "{\"value\":1.5,\"timestamp\":\"2026-11-22T06:15:04\",\"device_id\":\"device-001\","
          "\"sensor\":\"temperature\"}",
          2 },
        { "{\"sensor\":\"temperature\",\"more\":[1],\"value\":1.5,"
          "\"timestamp\":\"2026-11-22T06:15:04\",\"device_id\":\"device-001\"}",
          1 },
        { "{\"value\":1.5,\"timestamp\":\"2026-11-22T06:15:04\",\"device_id\":\"device-001\"}", 0 },
        { "{\"value\":1.5,\"timestamp\":\"2026-11-22T06:15:04\",\"sensor\":\"temperature\"}", 0 },
        { "{\"value\":1.5,\"timestamp\":\"2026-11-22T06:15:04\",\"device_id\":\"device-001\","
          "\"sensor\":\"a b\"}",
          0 },
        { "{\"value\":1.5,\"timestamp\":\"2026-11-22T06:15:04\",\"device_id\":\"device-001\","
          "\"sensor\":3}",
          0 },
        { "[]", 0 },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(sv_json_drop) sv_json *root = NULL;
        sv_reading reading;
        assert_int_equal(line_read(CASES[i].line, &reading, &root), CASES[i].read);
        if (CASES[i].read > 0) {
            assert_true(reading.value == 1.5);
            assert_true(sv_text_is(reading.key.device_id, "device-001"));
            assert_true(sv_text_is(reading.key.sensor, "temperature"));
            assert_true(sv_text_is(reading.timestamp, "2026-11-22T06:15:04"));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readings_in_the_usual_form_need_no_parser),
        cmocka_unit_test(with_any_byte_changed_or_missing_the_parser_still_agrees),
        cmocka_unit_test(what_is_unusual_is_left_to_the_parser),
        cmocka_unit_test(a_recorded_reading_says_itself_whose_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
