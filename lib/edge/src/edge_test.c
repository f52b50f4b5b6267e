#include <base/num.h>
#include <base/prng.h>
#include <base/test.h>
#include <base/time.h>
#include <edge/rules.h>
#include <edge/stream.h>
#include <math.h>

static sv_rules *rules_of(const char *yaml) {
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "g.yaml" };
    SV_DEFER(sv_config_node_drop) sv_config_node *root = NULL;
    sv_rules *rules = NULL;
    assert_int_equal(sv_config_parse(sv_text_of(yaml), &root, &faults), SV_OK);
    assert_int_equal(sv_rules_read(root, &rules, &faults), SV_OK);
    return rules;
}

static const char EXAMPLE[] =
    "thresholds:\n"
    "  default: {high: 80, low: 10}\n"
    "  sensors: {vibration: {high: 7.1}, pressure: {low: 2}}\n"
    "  devices:\n"
    "    press-1: {high: 50, low: 20}\n"
    "    lathe-3: {sensors: {vibration: {high: 4.5, hysteresis: 0.5, hold: 30s}}}\n"
    "change: {default: 1.0, sensors: {vibration: 5%}}\n"
    "uplink: {default: change, sensors: {operator_badge: never}}\n"
    "alerts: {url: https://example.org/}\n";

// [edge-6]
static void the_most_specific_section_wins_whole(void **state) {
    (void) state;
    static const struct {
        const char *device, *sensor;
        double high, low; ///< NAN: no bound
    } CASES[] = {
        { "x", "temperature", 80, 10 },          { "x", "vibration", 7.1, SV_NAN },
        { "x", "pressure", SV_NAN, 2 },          { "press-1", "vibration", 50, 20 },
        { "lathe-3", "vibration", 4.5, SV_NAN }, { "lathe-3", "temperature", 80, 10 },
        { "lathe-3", "pressure", SV_NAN, 2 },
    };
    SV_DEFER(sv_rules_drop) sv_rules *rules = rules_of(EXAMPLE);
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_stream_rules found = { .uplink = SV_UPLINK_ALL };
        sv_rules_for(rules, sv_text_of(CASES[i].device), sv_text_of(CASES[i].sensor), &found);
        assert_int_equal(found.threshold.has_high, !isnan(CASES[i].high));
        assert_int_equal(found.threshold.has_low, !isnan(CASES[i].low));
        assert_true(!found.threshold.has_high || found.threshold.high == CASES[i].high);
        assert_true(!found.threshold.has_low || found.threshold.low == CASES[i].low);
    }
    sv_stream_rules found = { .uplink = SV_UPLINK_ALL };
    sv_rules_for(rules, SV_TEXT("lathe-3"), SV_TEXT("vibration"), &found);
    assert_true(found.threshold.hysteresis == 0.5
                && found.threshold.hold_us == 30 * SV_TIME_SECOND_US);
    assert_true(found.change.percent && found.change.amount == 5);
    sv_rules_for(rules, SV_TEXT("x"), SV_TEXT("operator_badge"), &found);
    assert_int_equal(found.uplink, SV_UPLINK_NEVER);
}

// [edge-6]
static void a_device_may_have_one_value_or_a_default_and_sensors(void **state) {
    (void) state;
    SV_DEFER(sv_rules_drop)
    sv_rules *rules =
        rules_of("change:\n"
                 "  sensors: {x: 4}\n"
                 "  devices: {a: 0.5, b: {default: 2, sensors: {x: 3%}}, c: {sensors: "
                 "{y: 7}}}\n"
                 "uplink: {devices: {a: never, b: {sensors: {x: all}}}}\n");
    static const struct {
        const char *device, *sensor;
        double amount;
        bool percent;
        sv_uplink uplink;
    } CASES[] = {
        { "a", "x", 0.5, false, SV_UPLINK_NEVER }, { "b", "x", 3, true, SV_UPLINK_ALL },
        { "b", "y", 2, false, SV_UPLINK_CHANGE },  { "c", "x", 4, false, SV_UPLINK_CHANGE },
        { "c", "y", 7, false, SV_UPLINK_CHANGE },  { "d", "z", 1, false, SV_UPLINK_CHANGE },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_stream_rules found = { .uplink = SV_UPLINK_AGGREGATE };
        sv_rules_for(rules, sv_text_of(CASES[i].device), sv_text_of(CASES[i].sensor), &found);
        assert_true(found.change.amount == CASES[i].amount);
        assert_int_equal(found.change.percent, CASES[i].percent);
        assert_int_equal(found.uplink, CASES[i].uplink);
    }
}

// [edge-6]
static void broken_rules_are_refused_whole_with_their_place(void **state) {
    (void) state;
    static const struct {
        const char *yaml, *told;
    } CASES[] = {
        { "thresholds: {default: {high: 1, low: 2}}", "g.yaml:1:23: high 1 is below low 2\n" },
        { "thresholds: {default: {hihg: 1}}",
          "g.yaml:1:30: \"hihg\" is not a key here; did you mean \"high\"?\n" },
        { "thresholds: {devices: {a/b: {high: 1}}}", "device id \"a/b\" is not valid" },
        { "thresholds: {default: {hysteresis: -1}}", "hysteresis -1 is negative" },
        { "thresholds: 5", "g.yaml:1:13: thresholds: a map is wanted here\n" },
        { "thresholds: {defualt: {high: 1}}", "thresholds has default, sensors and devices" },
        { "change: {default: -1}", "a change is a number such as 0.5" },
        { "change: {default: 5%%}", "a change is a number such as 0.5" },
        { "change: {devices: {d: {sensor: {x: 1}}}}",
          "g.yaml:1:32: \"sensor\" is not a key here; a device has default and sensors\n" },
        { "change: {devices: {d: [1]}}", "a change is a number such as 0.5" },
        { "uplink: {devices: {d: {default: often}}}", "one of never, aggregate, change, all" },
        { "thresholds: {devices: {d: {hold: -3s}}}", "hold" },
        { "uplink: {sensors: {x: sometimes}}", "one of never, aggregate, change, all" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "g.yaml" };
        SV_DEFER(sv_config_node_drop) sv_config_node *root = NULL;
        sv_rules *rules = NULL;
        assert_int_equal(sv_config_parse(sv_text_of(CASES[i].yaml), &root, &faults), SV_OK);
        assert_int_equal(sv_rules_read(root, &rules, &faults), SV_ERR_INVALID);
        assert_null(rules);
        assert_non_null(strstr(faults.text.at, CASES[i].told));
    }
}

// [edge-1] [edge-2] [edge-4]
static void decisions_agree_with_the_plain_definition(void **state) {
    (void) state;
    enum { READINGS = 20000 };
    static double all[READINGS];
    SV_DEFER(sv_rules_drop)
    sv_rules *rules = rules_of("thresholds: {default: {high: 60, low: 40}}");
    sv_stream_rules mine = { .uplink = SV_UPLINK_ALL };
    sv_rules_for(rules, SV_TEXT("d"), SV_TEXT("s"), &mine);
    sv_prng prng = { .state = 1 };
    sv_stream stream;
    sv_stream_start(&stream);
    double last_sent = SV_NAN;
    bool high_open = false;
    bool low_open = false;
    for (int i = 0; i < READINGS; i++) {
        all[i] = 50 + 30 * sin(i / 40.0) + sv_prng_normal(&prng);
        sv_decision decision;
        sv_stream_take(&stream, &mine, all[i], i * SV_TIME_SECOND_US, &decision);
        int from = i < 9 ? 0 : i - 9;
        double sum = 0;
        for (int k = from; k <= i; k++) {
            sum += all[k];
        }
        double average = sum / (i - from + 1);
        assert_true(decision.value == average);
        assert_int_equal(decision.has_verdict, average > 60 || average < 40);
        bool significant = isnan(last_sent) || fabs(average - last_sent) > 1.0;
        assert_int_equal(decision.significant, significant);
        last_sent = significant ? average : last_sent;
        assert_int_equal(decision.high == SV_ALERT_RAISED, average > 60 && !high_open);
        assert_int_equal(decision.high == SV_ALERT_CLEARED, average <= 60 && high_open);
        assert_int_equal(decision.low == SV_ALERT_RAISED, average < 40 && !low_open);
        high_open = average > 60;
        low_open = average < 40;
    }
}

static sv_alert_event take(sv_stream *stream, const sv_stream_rules *rules, double value,
                           int64_t second) {
    sv_decision decision;
    // Ten at once, so that the average is the value.
    for (int i = 0; i < SV_STREAM_WINDOW; i++) {
        sv_stream_take(stream, rules, value, second * SV_TIME_SECOND_US, &decision);
        if (decision.high != SV_ALERT_NONE && decision.high != SV_ALERT_UPDATED) {
            return decision.high;
        }
    }
    return decision.high;
}

// [edge-3]
static void hysteresis_hold_and_clear_keep_an_alert_from_chattering(void **state) {
    (void) state;
    SV_DEFER(sv_rules_drop)
    sv_rules *rules =
        rules_of("thresholds: {default: {high: 80, hysteresis: 5, hold: 30s, clear: 10s}}");
    sv_stream_rules mine = { .uplink = SV_UPLINK_ALL };
    sv_rules_for(rules, SV_TEXT("d"), SV_TEXT("s"), &mine);
    sv_stream stream;
    sv_stream_start(&stream);
    assert_int_equal(take(&stream, &mine, 90, 0), SV_ALERT_NONE);
    assert_int_equal(take(&stream, &mine, 70, 20), SV_ALERT_NONE);
    assert_int_equal(take(&stream, &mine, 90, 40), SV_ALERT_NONE);
    assert_int_equal(take(&stream, &mine, 90, 69), SV_ALERT_NONE);
    assert_int_equal(take(&stream, &mine, 90, 75), SV_ALERT_RAISED);
    assert_int_equal(take(&stream, &mine, 78, 90), SV_ALERT_UPDATED);
    assert_int_equal(take(&stream, &mine, 70, 100), SV_ALERT_UPDATED);
    assert_int_equal(take(&stream, &mine, 70, 115), SV_ALERT_CLEARED);
}

// [edge-5]
static void a_minute_is_summarised_once_it_is_over(void **state) {
    (void) state;
    SV_DEFER(sv_rules_drop) sv_rules *rules = sv_rules_default();
    sv_stream_rules mine = { .uplink = SV_UPLINK_ALL };
    sv_rules_for(rules, SV_TEXT("d"), SV_TEXT("s"), &mine);
    sv_stream stream;
    sv_stream_start(&stream);
    sv_decision decision;
    for (int i = 0; i < 60; i++) {
        sv_stream_take(&stream, &mine, i, i * SV_TIME_SECOND_US, &decision);
        assert_false(decision.summary_done);
    }
    sv_stream_take(&stream, &mine, 100, 60 * SV_TIME_SECOND_US, &decision);
    assert_true(decision.summary_done);
    assert_int_equal(decision.summary.count, 60);
    assert_true(decision.summary.min == 0 && decision.summary.max == 59
                && decision.summary.mean == 29.5);
    sv_summary rest;
    assert_false(sv_stream_flush_minute(&stream, 119 * SV_TIME_SECOND_US, &rest));
    assert_true(sv_stream_flush_minute(&stream, 120 * SV_TIME_SECOND_US, &rest));
    assert_int_equal(rest.count, 1);
    assert_false(sv_stream_flush_minute(&stream, 500 * SV_TIME_SECOND_US, &rest));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_specific_section_wins_whole),
        cmocka_unit_test(a_device_may_have_one_value_or_a_default_and_sensors),
        cmocka_unit_test(broken_rules_are_refused_whole_with_their_place),
        cmocka_unit_test(decisions_agree_with_the_plain_definition),
        cmocka_unit_test(hysteresis_hold_and_clear_keep_an_alert_from_chattering),
        cmocka_unit_test(a_minute_is_summarised_once_it_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
