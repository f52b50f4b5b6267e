#include <base/test.h>
#include <base/time.h>
#include <math.h>
#include <model/alert.h>
#include <model/reading.h>
#include <stdio.h>

typedef struct seen {
    int taken;
    int refused[SV_READING_FAULT__COUNT];
    int64_t refused_seq; ///< of the last one; 0: it had none
    double values[8];
    char sensors[8][SV_ID_ROOM];
    int64_t at_us[8];
} seen;

static void take(void *arg, const sv_reading *reading) {
    seen *s = arg;
    if (s->taken < 8) {
        s->values[s->taken] = reading->value;
        s->at_us[s->taken] = reading->at_us;
        assert_int_equal(sv_text_copy(reading->key.sensor, s->sensors[s->taken], SV_ID_ROOM),
                         SV_OK);
    }
    s->taken++;
}

static void refuse(void *arg, sv_reading_fault fault, const sv_reading *numbered,
                   const sv_why *why) {
    seen *s = arg;
    s->refused_seq = numbered != NULL ? numbered->seq : 0;
    assert_true(why->text[0] != '\0');
    s->refused[fault]++;
}

static seen parsed(const char *payload) {
    const sv_reading_key key = { .device_id = SV_TEXT("device-001"),
                                 .sensor = SV_TEXT("temperature") };
    seen s = { .taken = 0 };
    sv_reading_payload_parse(&key, sv_text_of(payload), INT64_C(1795328104000000), take, refuse,
                             &s);
    return s;
}

// [reading-1]
static void topics_are_read_and_written_and_nothing_else_is_a_topic(void **state) {
    (void) state;
    sv_reading_key key;
    char room[200];
    sv_textbuf out = SV_TEXTBUF(room);
    assert_int_equal(sv_reading_key_parse(SV_TEXT("sensors/device-001/temperature"), &key, NULL),
                     SV_OK);
    sv_reading_key_format(&key, &out);
    assert_string_equal(room, "sensors/device-001/temperature");
    static const char *const BAD[] = { "",
                                       "sensors",
                                       "sensors/",
                                       "sensors/a",
                                       "sensors/a/",
                                       "sensors//b",
                                       "sensors/a/b/c",
                                       "Sensors/a/b",
                                       "sensors/a/+",
                                       "sensors/#",
                                       "sensors/-a/b",
                                       "sensors/a b/c",
                                       "sensors/a.b/c",
                                       "sensors/\xc3\xa9/c",
                                       "/sensors/a/b",
                                       "health/a" };
    for (size_t i = 0; i < SV_COUNT(BAD); i++) {
        assert_int_equal(sv_reading_key_parse(sv_text_of(BAD[i]), &key, NULL), SV_ERR_INVALID);
    }
    char longest[SV_ID_MAX + 10] = "";
    memset(longest, 'a', SV_ID_MAX);
    assert_true(sv_id_is_valid(sv_text_of(longest)));
    longest[SV_ID_MAX] = 'a';
    assert_false(sv_id_is_valid(sv_text_of(longest)));
}

// [reading-2]
static void every_broken_reading_is_refused_for_its_own_reason(void **state) {
    (void) state;
#define GOOD_REST ",\"timestamp\":\"2026-11-22T06:15:04\",\"device_id\":\"device-001\"}"
    static const struct {
        const char *payload;
        sv_reading_fault fault;
    } CASES[] = {
        { "", SV_READING_JSON },
        { "{\"value\":NaN" GOOD_REST, SV_READING_JSON },
        { "{\"value\":1e999" GOOD_REST, SV_READING_VALUE },
        { "{\"value\":\"1\"" GOOD_REST, SV_READING_VALUE },
        { "{\"value\":null" GOOD_REST, SV_READING_VALUE },
        { "{\"x\":1" GOOD_REST, SV_READING_VALUE },
        { "{\"value\":1,\"value\":2" GOOD_REST, SV_READING_DUPLICATE_KEY },
        { "{\"value\":1,\"unit\":\"\xff\"" GOOD_REST, SV_READING_UTF8 },
        { "{\"value\":1,\"unit\":\"seventeen letters\"" GOOD_REST, SV_READING_SHAPE },
        { "{\"value\":1,\"timestamp\":\"2026-11-22T06:15:04\"}", SV_READING_NO_DEVICE },
        { "{\"value\":1,\"timestamp\":\"2026-11-22T06:15:04\",\"device_id\":\"device-002\"}",
          SV_READING_WRONG_DEVICE },
        { "{\"value\":1,\"timestamp\":\"yesterday\",\"device_id\":\"device-001\"}",
          SV_READING_TIMESTAMP },
        { "{\"value\":1,\"timestamp\":17,\"device_id\":\"device-001\"}", SV_READING_TIMESTAMP },
        { "{\"value\":1,\"epoch\":\"a\"" GOOD_REST, SV_READING_SEQ },
        { "{\"value\":1,\"seq\":1" GOOD_REST, SV_READING_SEQ },
        { "{\"value\":1,\"epoch\":\"a\",\"seq\":0" GOOD_REST, SV_READING_SEQ },
        { "{\"value\":1,\"boot\":\"b\"" GOOD_REST, SV_READING_TIMESTAMP },
        { "{\"value\":1,\"uptime\":5" GOOD_REST, SV_READING_TIMESTAMP },
        { "{\"value\":1,\"proven\":true" GOOD_REST, SV_READING_TIMESTAMP },
        { "{\"value\":1,\"boot\":\"b\",\"uptime\":-1" GOOD_REST, SV_READING_TIMESTAMP },
        { "{\"value\":1,\"boot\":\"b\",\"uptime\":5,\"proven\":1" GOOD_REST, SV_READING_TIMESTAMP },
        { "{\"value\":1,\"boot\":\"thirty-three letters, one too many\",\"uptime\":5" GOOD_REST,
          SV_READING_TIMESTAMP },
        { "7", SV_READING_SHAPE },
        { "\"text\"", SV_READING_SHAPE },
        { "[7]", SV_READING_SHAPE },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        seen s = parsed(CASES[i].payload);
        assert_int_equal(s.taken, 0);
        assert_int_equal(s.refused[CASES[i].fault], 1);
    }
}

typedef struct doubtful {
    int64_t uptime_us;
    bool proven;
    char written[256];
} doubtful;

static void take_doubtful(void *arg, const sv_reading *reading) {
    doubtful *d = arg;
    sv_textbuf out = SV_TEXTBUF(d->written);
    assert_true(sv_text_is(reading->boot, "b1"));
    d->uptime_us = reading->uptime_us;
    d->proven = reading->proven;
    sv_reading_format(reading, &out);
    assert_int_equal(sv_textbuf_end(&out), SV_OK);
}

// [reading-4]
static void a_reading_says_how_long_after_its_machines_start_it_was_taken(void **state) {
    (void) state;
    const sv_reading_key key = { .device_id = SV_TEXT("device-001"), .sensor = SV_TEXT("level") };
    const sv_text payloads[] = {
        SV_TEXT("{\"value\":1,\"boot\":\"b1\",\"uptime\":61000000" GOOD_REST),
        SV_TEXT("{\"value\":1,\"boot\":\"b1\",\"uptime\":61000000,\"proven\":true" GOOD_REST),
    };
    static const char *const ENDS[] = { ",\"boot\":\"b1\",\"uptime\":61000000}",
                                        ",\"boot\":\"b1\",\"uptime\":61000000,\"proven\":true}" };
    for (unsigned i = 0; i < 2; i++) {
        doubtful d = { .uptime_us = 0 };
        sv_reading_payload_parse(&key, payloads[i], 0, take_doubtful, refuse, &d);
        assert_int_equal(d.uptime_us, 61 * SV_TIME_SECOND_US);
        assert_int_equal(d.proven, i);
        assert_non_null(strstr(d.written, ENDS[i]));
    }
}

// [reading-2]
static void a_bad_one_in_an_array_costs_only_itself(void **state) {
    (void) state;
    seen s = parsed("[{\"value\":1" GOOD_REST ",{\"value\":true" GOOD_REST ",{\"value\":3" GOOD_REST
                    "]");
    assert_int_equal(s.taken, 2);
    assert_true(s.values[0] == 1 && s.values[1] == 3);
    assert_int_equal(s.refused[SV_READING_VALUE], 1);
}

// [reading-2]
static void what_is_refused_keeps_its_number(void **state) {
    (void) state;
#define NUMBERED "\"timestamp\":\"2026-11-22T06:15:04\",\"epoch\":\"e\",\"seq\":9}"
    assert_int_equal(parsed("{\"value\":\"12\"," NUMBERED).refused_seq, 9);
    assert_int_equal(parsed("[{\"value\":1,\"device_id\":\"other\"," NUMBERED "]").refused_seq, 9);
    assert_int_equal(parsed("{\"value\":\"12\",\"epoch\":\"e\",\"seq\":0}").refused_seq, 0);
    assert_int_equal(parsed("{\"value\":1}").refused_seq, 0);
    assert_int_equal(parsed("7").refused_seq, 0);
    assert_int_equal(parsed("{").refused_seq, 0);
}

static void too_much_is_refused_before_it_is_parsed(void **state) {
    (void) state;
    static char payload[SV_READING_PAYLOAD_MAX + 2];
    memset(payload, ' ', sizeof payload - 1);
    assert_int_equal(parsed(payload).refused[SV_READING_TOO_LARGE], 1);
    SV_DEFER(sv_textbuf_drop) sv_textbuf many = SV_TEXTBUF_HEAP(SV_READING_PAYLOAD_MAX);
    sv_textbuf_add_str(&many, "[1");
    for (int i = 0; i < SV_READING_BATCH_MAX; i++) {
        sv_textbuf_add_str(&many, ",1");
    }
    sv_textbuf_add_str(&many, "]");
    assert_int_equal(parsed(many.at).refused[SV_READING_TOO_LARGE], 1);
}

// [reading-3]
static void senml_base_fields_carry_on(void **state) {
    (void) state;
    seen s = parsed("[{\"bn\":\"device-001\",\"bt\":1795328100,\"bu\":\"A\",\"bv\":10,\"n\":"
                    "\"current\",\"v\":1},"
                    "{\"n\":\"voltage\",\"u\":\"V\",\"t\":2,\"v\":2},{\"n\":\"bad/"
                    "name\",\"v\":1},{\"n\":\"flag\",\"vb\":true}]");
    assert_int_equal(s.taken, 2);
    assert_true(s.values[0] == 11 && s.values[1] == 12);
    assert_string_equal(s.sensors[0], "current");
    assert_string_equal(s.sensors[1], "voltage");
    assert_int_equal(s.at_us[1], INT64_C(1795328102000000));
    assert_int_equal(s.refused[SV_READING_SENSOR], 1);
    assert_int_equal(s.refused[SV_READING_VALUE], 1);
    s = parsed("[{\"t\":-5,\"v\":1}]");
    assert_int_equal(s.at_us[0], INT64_C(1795328099000000));
    assert_string_equal(s.sensors[0], "temperature");
    assert_int_equal(parsed("[{\"bn\":\"other\",\"v\":1}]").refused[SV_READING_WRONG_DEVICE], 1);
    assert_int_equal(parsed("[{\"t\":1e300,\"v\":1}]").refused[SV_READING_TIMESTAMP], 1);
}

// [reading-3]
static void a_foreign_base_name_holds_for_the_records_that_follow(void **state) {
    (void) state;
    seen s = parsed("[{\"bn\":\"other\",\"v\":1},{\"v\":2},{\"bn\":\"device-001\",\"v\":3},"
                    "{\"bn\":7,\"v\":4},{\"v\":5}]");
    assert_int_equal(s.taken, 1);
    assert_true(s.values[0] == 3);
    assert_int_equal(s.refused[SV_READING_WRONG_DEVICE], 4);
}

// [reading-3]
static void a_broken_base_field_spoils_what_leans_on_it(void **state) {
    (void) state;
    seen s = parsed("[{\"v\":1},{\"bt\":\"now\",\"v\":2},{\"v\":3}]");
    assert_int_equal(s.taken, 1);
    assert_int_equal(s.refused[SV_READING_SHAPE], 2);
}

static void senml_times_round_to_the_microsecond_and_stay_inside_the_calendar(void **state) {
    (void) state;
    seen s =
        parsed("[{\"v\":1,\"t\":1795328104.123457},{\"v\":1,\"t\":268435455},"
               "{\"v\":1,\"t\":268435456},{\"v\":1,\"t\":-1e11},{\"v\":1,\"t\":253402300800}]");
    assert_int_equal(s.taken, 3);
    assert_int_equal(s.at_us[0], INT64_C(1795328104123457));
    assert_int_equal(s.at_us[1], INT64_C(1795328104000000) + INT64_C(268435455000000));
    assert_int_equal(s.at_us[2], INT64_C(268435456000000));
    assert_int_equal(s.refused[SV_READING_TIMESTAMP], 2);
}

static void an_alert_reads_back_as_it_was_written(void **state) {
    (void) state;
    sv_alert alert = { .id = "00112233445566778899aabbccddeeff",
                       .device_id = "press-1",
                       .sensor = "temperature",
                       .type = SV_ALERT_HIGH,
                       .severity = SV_SEVERITY_CRITICAL,
                       .event = SV_ALERT_RAISED,
                       .value = 91.2,
                       .raw = SV_NAN,
                       .at_us = INT64_C(1795328104123000),
                       .timestamp = "2026-11-22T06:15:04.123" };
    sv_alert_threshold_message(SV_ALERT_HIGH, 91.2, alert.message);
    SV_DEFER(sv_textbuf_drop) sv_textbuf out = SV_TEXTBUF_HEAP(SV_ALERT_BYTES_MAX);
    sv_alert_format(&alert, &out);
    assert_string_equal(
        out.at, "{\"id\":\"00112233445566778899aabbccddeeff\",\"deviceId\":\"press-1\","
                "\"alertType\":\"HIGH\",\"severity\":\"critical\","
                "\"message\":\"Value 91.2 exceeds high "
                "threshold\",\"data\":{\"timestamp\":1795328104123,\"deviceId\":\"press-1\","
                "\"sensor\":\"temperature\",\"value\":91.2},\"timestamp\":\"2026-11-22T06:15:04."
                "123\",\"event\":\"raised\"}");
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    assert_int_equal(sv_json_parse(sv_textbuf_text(&out), &root, NULL, NULL), SV_OK);
    sv_alert back;
    assert_int_equal(sv_alert_from_json(root, &back, NULL), SV_OK);
    SV_DEFER(sv_textbuf_drop) sv_textbuf again = SV_TEXTBUF_HEAP(SV_ALERT_BYTES_MAX);
    sv_alert_format(&back, &again);
    assert_string_equal(again.at, out.at);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topics_are_read_and_written_and_nothing_else_is_a_topic),
        cmocka_unit_test(every_broken_reading_is_refused_for_its_own_reason),
        cmocka_unit_test(a_reading_says_how_long_after_its_machines_start_it_was_taken),
        cmocka_unit_test(a_bad_one_in_an_array_costs_only_itself),
        cmocka_unit_test(what_is_refused_keeps_its_number),
        cmocka_unit_test(too_much_is_refused_before_it_is_parsed),
        cmocka_unit_test(senml_base_fields_carry_on),
        cmocka_unit_test(a_foreign_base_name_holds_for_the_records_that_follow),
        cmocka_unit_test(a_broken_base_field_spoils_what_leans_on_it),
        cmocka_unit_test(senml_times_round_to_the_microsecond_and_stay_inside_the_calendar),
        cmocka_unit_test(an_alert_reads_back_as_it_was_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
