#include <base/test.h>
#include <codec/config.h>
#include <codec/json.h>
#include <stdio.h>
#include <trial/backtest.h>

#define SECOND_US SV_TIME_SECOND_US
#define MINUTE_US SV_TIME_MINUTE_US

static int64_t time_of(const char *text) {
    int64_t at_us = 0;
    assert_int_equal(sv_time_parse(sv_text_of(text), &at_us), SV_OK);
    return at_us;
}

static sv_rules *rules_of(const char *yaml) {
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "gateway.yaml" };
    SV_DEFER(sv_config_node_drop) sv_config_node *root = NULL;
    sv_rules *rules = NULL;
    if (sv_config_parse(sv_text_of(yaml), &root, &faults) != SV_OK
        || sv_rules_read(root, &rules, &faults) != SV_OK) {
        fail_msg("%s", faults.text.at);
    }
    return rules;
}

static sv_backtest b;

static void start(const char *yaml, const char *against) {
    sv_backtest_open(&b, rules_of(yaml), against == NULL ? NULL : rules_of(against));
    b.other_name = "gateway.yaml";
}

static void says(const char *device, const char *sensor, double value, int64_t at_us) {
    sv_decision ignored;
    sv_backtest_stream *stream = sv_backtest_stream_of(&b, sv_text_of(device), sv_text_of(sensor));
    assert_non_null(stream);
    sv_backtest_take(&b, stream, value, at_us, &ignored);
}

static void trip(const char *text) {
    assert_int_equal(sv_backtest_add_trip(&b, sv_text_of(text), NULL), SV_OK);
}

static void told_is(const char *wanted) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf told = SV_TEXTBUF_HEAP(100000);
    sv_backtest_tell(&b, &told);
    assert_int_equal(sv_textbuf_end(&told), SV_OK);
    assert_string_equal(told.at, wanted);
    sv_backtest_drop(&b);
}

/// A value for twenty seconds, so that the average is it for ten.
static void holds(const char *device, double value, const char *at) {
    for (int i = 0; i < 20; i++) {
        says(device, "temperature", value, time_of(at) + i * SECOND_US);
    }
}

static const char CANDIDATE[] =
    "thresholds: {default: {high: 80, hysteresis: 5, hold: 5s}}\nstale: {sensors: {flow: 10m}}\n";

// [backtest-3] [backtest-4] [backtest-5]
static void what_would_have_happened_is_told_in_words(void **state) {
    (void) state;
    start(CANDIDATE, "thresholds: {default: {high: 70}}\n");
    trip("press-1@2026-11-21T10:30:00");
    trip("2026-11-22T00:10:00");
    trip("press-2@2026-11-21T10:30:00");
    trip("2026-11-20T09:20:00");
    holds("press-1", 60, "2026-11-20T06:15:00");
    holds("press-1", 75, "2026-11-20T07:00:00");
    holds("press-1", 60, "2026-11-20T08:00:00");
    // Over the bound for a moment, again and again: damped.
    for (int i = 0; i < 3; i++) {
        holds("press-1", 79, "2026-11-20T09:00:00");
        says("press-1", "temperature", 95, time_of("2026-11-20T09:00:20"));
        says("press-1", "temperature", 0, time_of("2026-11-20T09:00:21"));
    }
    says("press-1", "flow", 1, time_of("2026-11-20T09:10:00"));
    holds("press-1", 60, "2026-11-20T09:19:50");
    says("press-1", "flow", 1, time_of("2026-11-20T09:25:00"));
    holds("press-1", 60, "2026-11-21T09:30:00");
    holds("press-1", 91.250000000001, "2026-11-21T09:39:48");
    holds("press-1", 60, "2026-11-21T09:52:10");
    holds("press-1", 90, "2026-11-21T23:59:40");
    told_is(
        "228 readings of 2 streams, 2026-11-20 06:15:00 to 2026-11-21 23:59:59 UTC\n"
        "4 alerts in 42 hours; 7 without hysteresis and hold; 4 with gateway.yaml\n"
        "  2026-11-20 09:20:01  press-1 flow STALE, warning, for 5 min: No reading for 10m1s\n"
        "  2026-11-20 09:35:01  press-1 flow STALE, warning, open at the end: No reading for "
        "10m1s\n"
        "  2026-11-21 09:39:59  press-1 temperature HIGH, warning, for 12 min: Value 91.25 "
        "exceeds high threshold\n"
        "  2026-11-21 23:59:51  press-1 temperature HIGH, warning, open at the end: Value 90 "
        "exceeds high threshold\n"
        "trip of press-1 at 2026-11-21 10:30:00: would have raised at 09:39, 50 min before the "
        "trip: press-1 temperature HIGH, Value 91.25 exceeds high threshold\n"
        "trip at 2026-11-22 00:10:00: would have raised on 2026-11-21 09:39:59, 15 hours before "
        "the trip: press-1 temperature HIGH, Value 91.25 exceeds high threshold\n"
        "trip of press-2 at 2026-11-21 10:30:00: nothing would have been raised in the 24 hours "
        "before it\n"
        "trip at 2026-11-20 09:20:00: nothing would have been raised in the 24 hours before it\n");
}

// [backtest-3] [backtest-4]
static void what_would_have_happened_is_told_to_programs(void **state) {
    (void) state;
    start("thresholds: {default: {high: {warning: 80, critical: 90}, clear: 2s}}\n",
          "thresholds: {default: {high: 70}}\n");
    trip("press-1@2026-11-21T10:00:00");
    trip("2026-11-20T10:00:00");
    holds("press-1", 85, "2026-11-21T09:00:00");
    holds("press-1", 95, "2026-11-21T09:01:00");
    holds("press-1", 60, "2026-11-21T09:02:00");
    SV_DEFER(sv_textbuf_drop) sv_textbuf told = SV_TEXTBUF_HEAP(100000);
    sv_backtest_tell_json(&b, SV_TRIAL_ALERTS_MAX, &told);
    assert_int_equal(sv_textbuf_end(&told), SV_OK);
    assert_string_equal(
        told.at,
        "{\"readings\":60,\"streams\":1,\"from\":\"2026-11-21T09:00:00Z\",\"to\":\"2026-11-21T09:"
        "02:19Z\","
        "\"alerts\":1,\"without\":{\"what\":[\"clear time\"],\"alerts\":1},"
        "\"against\":{\"config\":\"gateway.yaml\",\"alerts\":1},"
        "\"raised\":[{\"deviceId\":\"press-1\",\"sensor\":\"temperature\",\"rule\":\"\","
        "\"alertType\":\"HIGH\","
        "\"message\":\"Value 85 exceeds high threshold\",\"raised\":\"2026-11-21T09:00:00Z\","
        "\"cleared\":\"2026-11-21T09:02:06Z\",\"severity\":\"critical\","
        "\"severitySince\":\"2026-11-21T09:01:05Z\"}],"
        "\"trips\":[{\"at\":\"2026-11-21T10:00:00Z\",\"deviceId\":\"press-1\","
        "\"first\":{\"deviceId\":\"press-1\",\"sensor\":\"temperature\",\"rule\":\"\","
        "\"alertType\":\"HIGH\","
        "\"message\":\"Value 85 exceeds high threshold\",\"raised\":\"2026-11-21T09:00:00Z\"},"
        "\"before_s\":3600},"
        "{\"at\":\"2026-11-20T10:00:00Z\",\"deviceId\":null,\"first\":null,\"before_s\":null}]}\n");
    sv_backtest_drop(&b);
}

// [backtest-3]
static void all_alerts_are_counted_and_the_first_are_kept(void **state) {
    (void) state;
    start("thresholds: {default: {high: 80}}\n", NULL);
    for (int64_t i = 0; i < 20 * (SV_TRIAL_ALERTS_MAX + INT64_C(5)); i++) {
        says("press-1", "temperature", i % 20 < 10 ? 100 : 0, i * SECOND_US);
    }
    assert_int_equal(sv_trial_raised(b.candidate), SV_TRIAL_ALERTS_MAX + 5);
    assert_int_equal(sv_trial_alert_count(b.candidate), SV_TRIAL_ALERTS_MAX);
    const sv_trial_alert *last = sv_trial_alert_at(b.candidate, SV_TRIAL_ALERTS_MAX - 1);
    assert_true(last->cleared_us == last->raised_us + 3 * SECOND_US);
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(100000);
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_backtest_tell_json(&b, 3, &json);
    assert_int_equal(sv_json_parse(sv_textbuf_text(&json), &root, NULL, NULL), SV_OK);
    assert_int_equal(sv_json_count(sv_json_get(root, "raised")), 3);
    SV_DEFER(sv_textbuf_drop) sv_textbuf told = SV_TEXTBUF_HEAP(100000);
    sv_backtest_tell(&b, &told);
    assert_int_equal(sv_textbuf_end(&told), SV_OK);
    assert_non_null(strstr(told.at, "\n1005 alerts in 6 hours\n"));
    assert_non_null(strstr(told.at, "\n  and 985 more\n"));
    sv_backtest_drop(&b);
}

// [backtest-5]
static void nothing_is_raised_while_it_is_muted(void **state) {
    (void) state;
    start("thresholds: {default: {high: 80}}\n"
          "mute: [{devices: [press-1], from: '09:00', to: '10:00'}]\n",
          NULL);
    holds("press-1", 95, "2026-11-21T09:59:30");
    assert_int_equal(sv_trial_raised(b.candidate), 0);
    holds("press-1", 95, "2026-11-21T09:59:50");
    assert_int_equal(sv_trial_raised(b.candidate), 1);
    assert_true(sv_trial_alert_at(b.candidate, 0)->raised_us == time_of("2026-11-21T10:00:00"));
    sv_backtest_drop(&b);
}

// [backtest-6]
static void rules_with_names_are_judged_as_the_gateway_would(void **state) {
    (void) state;
    start("rules:\n"
          "  default:\n"
          "    dry: {when: pressure < 2 and current > 5 for 10 s, clear: 30s, message: 'at "
          "{pressure} bar'}\n"
          "    hot: {when: 'mean(current, 1 m) > 8', severity: critical, escalate: 5m}\n",
          NULL);
    trip("2026-11-21T09:30:00");
    int64_t at_us = time_of("2026-11-21T09:00:00");
    for (int i = 0; i < 300; i++, at_us += SECOND_US) {
        // Dry for nine seconds of twenty, then for a minute. What is hot is so by time alone, as
        // what came before leaves its window.
        bool dry = i < 100 ? i % 20 < 9 : i < 160;
        says("pump-1", "current", 6, at_us);
        says("pump-1", "pressure", dry ? 1.5 : 4, at_us);
    }
    says("pump-1", "current", 20, at_us);
    says("pump-1", "current", 20, at_us + MINUTE_US);
    says("pump-1", "current", 0, at_us + 3 * MINUTE_US);
    told_is("603 readings of 2 streams, 2026-11-21 09:00:00 to 2026-11-21 09:08:00 UTC\n"
            "2 alerts in 8 min; 7 without hold and clear time\n"
            "  2026-11-21 09:01:50  pump-1 ANOMALY (dry), warning, for 80 s: at 1.5 bar\n"
            "  2026-11-21 09:05:53  pump-1 ANOMALY (hot), critical, for 2 min: mean(current, 1m) > "
            "8\n"
            "trip at 2026-11-21 09:30:00: would have raised at 09:01, 28 min before the trip: "
            "pump-1 ANOMALY (dry), at 1.5 bar\n");
}

static void nothing_read_is_said_as_well(void **state) {
    (void) state;
    start(CANDIDATE, NULL);
    trip("2026-11-21T10:00:00");
    told_is(
        "0 readings of 0 streams\n"
        "trip at 2026-11-21 10:00:00: nothing would have been raised in the 24 hours before it\n");
}

// [backtest-4]
static void a_trip_that_is_none_is_refused(void **state) {
    (void) state;
    start(CANDIDATE, NULL);
    static const char *const WRONG[] = { "", "yesterday", "@", "press-1@",
                                         "a b@2026-11-21T10:00:00" };
    for (size_t i = 0; i < SV_COUNT(WRONG); i++) {
        sv_why why = { 0 };
        assert_int_equal(sv_backtest_add_trip(&b, sv_text_of(WRONG[i]), &why), SV_ERR_INVALID);
        assert_true(why.text[0] != '\0');
    }
    assert_int_equal(b.trip_count, 0);
    for (size_t i = 0; i < SV_BACKTEST_TRIPS_MAX; i++) {
        trip("2026-11-21T10:00:00");
    }
    assert_int_equal(sv_backtest_add_trip(&b, SV_TEXT("2026-11-21T10:00:00"), NULL),
                     SV_ERR_NO_SPACE);
    sv_backtest_drop(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_would_have_happened_is_told_in_words),
        cmocka_unit_test(what_would_have_happened_is_told_to_programs),
        cmocka_unit_test(all_alerts_are_counted_and_the_first_are_kept),
        cmocka_unit_test(nothing_is_raised_while_it_is_muted),
        cmocka_unit_test(rules_with_names_are_judged_as_the_gateway_would),
        cmocka_unit_test(nothing_read_is_said_as_well),
        cmocka_unit_test(a_trip_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
