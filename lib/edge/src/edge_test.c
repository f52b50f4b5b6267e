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
        assert_int_equal(found.threshold.high.given, !isnan(CASES[i].high));
        assert_int_equal(found.threshold.low.given, !isnan(CASES[i].low));
        assert_true(!found.threshold.high.given || found.threshold.high.at == CASES[i].high);
        assert_true(!found.threshold.low.given || found.threshold.low.at == CASES[i].low);
    }
    sv_stream_rules found = { .uplink = SV_UPLINK_ALL };
    sv_rules_for(rules, SV_TEXT("lathe-3"), SV_TEXT("vibration"), &found);
    assert_true(found.threshold.hysteresis == 0.5
                && found.threshold.life.hold_us == 30 * SV_TIME_SECOND_US);
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
        { "thresholds: {defualt: {high: 1}}",
          "thresholds has default, sensors, groups and devices" },
        { "change: {default: -1}", "a change is a number such as 0.5" },
        { "change: {default: 5%%}", "a change is a number such as 0.5" },
        { "change: {devices: {d: {sensor: {x: 1}}}}",
          "g.yaml:1:32: \"sensor\" is not a key here; a device or group has default and "
          "sensors\n" },
        { "change: {devices: {d: [1]}}", "a change is a number such as 0.5" },
        { "uplink: {devices: {d: {default: often}}}", "one of never, aggregate, change, all" },
        { "thresholds: {devices: {d: {hold: -3s}}}", "hold" },
        { "uplink: {sensors: {x: sometimes}}", "one of never, aggregate, change, all" },
        { "thresholds: {default: {high: {warning: 9, critical: 8}}}",
          "high: critical 8 is below warning 9" },
        { "thresholds: {default: {low: {warning: 9}}}", "critical" },
        { "thresholds: {default: {low: often}}", "low: a number is wanted here, or {warning:" },
        { "thresholds: {groups: {pumps: {high: 1}}}", "there is no group \"pumps\"" },
        { "groups: {pumps: pump-1}", "a group is a list of device ids" },
        { "groups: {pumps: ['pump/*']}", "group member \"pump/*\" is no id" },
        { "rate: {default: {rise: -1}}", "rise and fall are how much per time, without a sign" },
        { "stale: {default: soon}", "a time of at least 1s such as 5m, or never" },
        { "stale: {default: 10ms}", "a time of at least 1s such as 5m, or never" },
        { "mute: {from: '22:00'}", "mute: a list is wanted here" },
        { "mute: [{from: '22:60'}]", "from: a time of day such as '22:00'" },
        { "mute: [{days: [friday]}]", "\"friday\" is none of mon, tue" },
        { "mute: [{zone: Pune}]", "no time zone 'Pune'" },
        { "mute: [{when: night}]", "\"when\" is not a key here; a mute has devices" },
        { "mute: [{groups: [pumps]}]", "there is no group \"pumps\"" },
        { "mute: [{until: tomorrow}]", "until: a point in time such as" },
        { "flapping: {raises: 1, within: 10m}", "raises" },
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
    SV_DEFER(sv_stream_drop) sv_stream stream;
    sv_stream_start(&stream, INT64_MIN);
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
        assert_int_equal(decision.turns[SV_CAUSE_HIGH].event == SV_ALERT_RAISED,
                         average > 60 && !high_open);
        assert_int_equal(decision.turns[SV_CAUSE_HIGH].event == SV_ALERT_CLEARED,
                         average <= 60 && high_open);
        assert_int_equal(decision.turns[SV_CAUSE_LOW].event == SV_ALERT_RAISED,
                         average < 40 && !low_open);
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
        if (decision.turns[SV_CAUSE_HIGH].event != SV_ALERT_NONE
            && decision.turns[SV_CAUSE_HIGH].event != SV_ALERT_UPDATED) {
            return decision.turns[SV_CAUSE_HIGH].event;
        }
    }
    return decision.turns[SV_CAUSE_HIGH].event;
}

// [edge-3]
static void hysteresis_hold_and_clear_keep_an_alert_from_chattering(void **state) {
    (void) state;
    SV_DEFER(sv_rules_drop)
    sv_rules *rules =
        rules_of("thresholds: {default: {high: 80, hysteresis: 5, hold: 30s, clear: 10s}}");
    sv_stream_rules mine = { .uplink = SV_UPLINK_ALL };
    sv_rules_for(rules, SV_TEXT("d"), SV_TEXT("s"), &mine);
    SV_DEFER(sv_stream_drop) sv_stream stream;
    sv_stream_start(&stream, INT64_MIN);
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
    SV_DEFER(sv_stream_drop) sv_stream stream;
    sv_stream_start(&stream, INT64_MIN);
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

static sv_stream_rules only_rules_of(const char *yaml, const char *device, const char *sensor) {
    SV_DEFER(sv_rules_drop) sv_rules *rules = rules_of(yaml);
    sv_stream_rules mine = { .uplink = SV_UPLINK_ALL };
    sv_rules_for(rules, sv_text_of(device), sv_text_of(sensor), &mine);
    return mine;
}

// [edge-6]
static void a_group_stands_between_its_devices_and_the_sensors(void **state) {
    (void) state;
    static const char YAML[] = "groups:\n"
                               "  pumps: [pump-1, 'wet-*']\n"
                               "  hall-2: ['*-2*', pump-1]\n"
                               "thresholds:\n"
                               "  default: {high: 1}\n"
                               "  sensors: {t: {high: 2}}\n"
                               "  groups:\n"
                               "    hall-2: {high: 4, sensors: {t: {high: 5}}}\n"
                               "    pumps: {high: 3}\n"
                               "  devices: {wet-9: {sensors: {t: {high: 7}}}, wet-8: {high: 6}}\n";
    static const struct {
        const char *device, *sensor;
        double high;
    } CASES[] = {
        { "x", "s", 1 },        { "x", "t", 2 },     { "pump-1", "s", 3 }, { "pump-1", "t", 5 },
        { "lathe-2a", "s", 4 }, { "wet-2", "s", 3 }, { "wet-2", "t", 5 },  { "wet-8", "t", 6 },
        { "wet-9", "t", 7 },    { "wet-9", "s", 3 }, { "wet", "t", 2 },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_stream_rules mine = only_rules_of(YAML, CASES[i].device, CASES[i].sensor);
        assert_true(mine.threshold.high.at == CASES[i].high);
    }
}

// [edge-11]
static void a_threshold_may_have_a_critical_level(void **state) {
    (void) state;
    sv_stream_rules mine =
        only_rules_of("thresholds: {default: {high: {warning: 70, critical: 85}, low: 5, "
                      "hysteresis: 2}}",
                      "d", "s");
    SV_DEFER(sv_stream_drop) sv_stream stream;
    sv_stream_start(&stream, INT64_MIN);
    const sv_condition *high = &stream.causes[SV_CAUSE_HIGH];
    assert_int_equal(take(&stream, &mine, 75, 1), SV_ALERT_RAISED);
    assert_int_equal(high->severity, SV_SEVERITY_WARNING);
    assert_int_equal(take(&stream, &mine, 86, 2), SV_ALERT_UPDATED);
    assert_int_equal(high->severity, SV_SEVERITY_CRITICAL);
    (void) take(&stream, &mine, 84, 3);
    assert_int_equal(high->severity, SV_SEVERITY_CRITICAL);
    (void) take(&stream, &mine, 83, 4);
    assert_int_equal(high->severity, SV_SEVERITY_WARNING);
    assert_int_equal(take(&stream, &mine, 68, 5), SV_ALERT_CLEARED);
}

static int turns_of(const sv_decision *decision, sv_cause cause, sv_alert_event event) {
    return decision->turns[cause].event == event ? 1 : 0;
}

// [edge-8]
static void a_rate_is_judged_over_its_time_however_often_readings_come(void **state) {
    (void) state;
    sv_stream_rules mine = only_rules_of("rate: {default: {rise: 5, fall: 8, per: 1m}}", "d", "s");
    for (int64_t step_ms = 100; step_ms <= 12800; step_ms *= 2) {
        sv_stream stream;
        sv_stream_start(&stream, INT64_MIN);
        sv_decision d;
        int rises = 0;
        double steepest = 0;
        // Ten minutes at 4 per minute, ten at 6, ten at -6, ten at -9.
        static const double PER_MINUTE[] = { 4, 6, -6, -9 };
        double value = 100;
        int raised[4][2] = { 0 };
        for (int64_t ms = 0; ms < INT64_C(40) * 60000; ms += step_ms) {
            int64_t leg = ms / (10 * INT64_C(60000));
            value += PER_MINUTE[leg] * (double) step_ms / 60000;
            sv_stream_take(&stream, &mine, value, ms * 1000, &d);
            raised[leg][0] += turns_of(&d, SV_CAUSE_RISE, SV_ALERT_RAISED);
            raised[leg][1] += turns_of(&d, SV_CAUSE_FALL, SV_ALERT_RAISED);
            rises += turns_of(&d, SV_CAUSE_RISE, SV_ALERT_CLEARED);
            steepest = d.rate < steepest ? d.rate : steepest;
        }
        assert_int_equal(raised[0][0], 0);
        assert_int_equal(raised[1][0], 1);
        assert_int_equal(rises, 1);
        assert_int_equal(raised[2][1], 0);
        assert_int_equal(raised[3][1], 1);
        assert_true(fabs(steepest + 9) < 0.3);
        sv_stream_drop(&stream);
    }
}

// [edge-8]
static void a_rate_is_known_again_soon_after_a_step_back_of_the_clock(void **state) {
    (void) state;
    sv_stream_rules mine = only_rules_of("rate: {default: {rise: 5, fall: 5}}", "d", "s");
    SV_DEFER(sv_stream_drop) sv_stream stream;
    sv_stream_start(&stream, INT64_MIN);
    sv_decision d;
    int raised = 0;
    for (int64_t second = 5000; second < 5100; second++) {
        sv_stream_take(&stream, &mine, 20, second * SV_TIME_SECOND_US, &d);
        raised += turns_of(&d, SV_CAUSE_RISE, SV_ALERT_RAISED);
    }
    assert_int_equal(raised, 0);
    for (int64_t second = 1000; second < 1090; second++) {
        sv_stream_take(&stream, &mine, 20 + (double) (second - 1000) * 0.1,
                       second * SV_TIME_SECOND_US, &d);
        raised += turns_of(&d, SV_CAUSE_RISE, SV_ALERT_RAISED);
    }
    assert_int_equal(raised, 1);
}

// [edge-7]
static void a_silent_sensor_is_stale_until_it_speaks(void **state) {
    (void) state;
    static const char YAML[] = "stale: {default: 5m, sensors: {door: never, p: {after: 10s, "
                               "severity: critical}}}";
    sv_stream_rules mine = only_rules_of(YAML, "d", "s");
    sv_stream_rules door = only_rules_of(YAML, "d", "door");
    sv_stream_rules pressure = only_rules_of(YAML, "d", "p");
    assert_int_equal(door.stale.after_us, 0);
    assert_int_equal(pressure.stale.life.severity, SV_SEVERITY_CRITICAL);
    SV_DEFER(sv_stream_drop) sv_stream stream;
    sv_turn turns[SV_CAUSE__COUNT];
    sv_stream_start(&stream, 1000 * SV_TIME_SECOND_US);
    assert_false(sv_stream_tick(&stream, &mine, 1300 * SV_TIME_SECOND_US, turns));
    assert_false(sv_stream_tick(&stream, &door, 9999 * SV_TIME_SECOND_US, turns));
    assert_true(sv_stream_tick(&stream, &mine, 1301 * SV_TIME_SECOND_US, turns));
    assert_int_equal(turns[SV_CAUSE_STALE].event, SV_ALERT_RAISED);
    stream.heard_us = 1400 * SV_TIME_SECOND_US;
    assert_true(sv_stream_tick(&stream, &mine, 1400 * SV_TIME_SECOND_US, turns));
    assert_int_equal(turns[SV_CAUSE_STALE].event, SV_ALERT_CLEARED);
    // The owner's clock steps back: silence is counted from there.
    assert_false(sv_stream_tick(&stream, &mine, 100 * SV_TIME_SECOND_US, turns));
    assert_false(sv_stream_tick(&stream, &mine, 400 * SV_TIME_SECOND_US, turns));
    assert_true(sv_stream_tick(&stream, &mine, 401 * SV_TIME_SECOND_US, turns));
    // The rule goes away, so does the alert.
    assert_true(sv_stream_tick(&stream, &door, 500 * SV_TIME_SECOND_US, turns));
    assert_int_equal(turns[SV_CAUSE_STALE].event, SV_ALERT_CLEARED);
    char message[SV_ALERT_MESSAGE_MAX];
    sv_cause_message(SV_CAUSE_STALE, &mine, 301e6, message);
    assert_string_equal(message, "No reading for 5m1s");
}

// [edge-10]
static void a_mute_has_its_hours_days_zone_and_end(void **state) {
    (void) state;
    SV_DEFER(sv_rules_drop)
    sv_rules *rules = rules_of("groups: {pumps: ['pump-*']}\n"
                               "mute:\n"
                               "  - {groups: [pumps], from: '22:00', to: '06:00', zone: '+05:30'}\n"
                               "  - {devices: [press-1], sensors: ['t*'], days: [sat, sun]}\n"
                               "  - {until: 2026-11-30T18:00:00+05:30}\n"
                               "  - {from: '08:00', to: '09:30', days: [fri], zone: '-03:00'}\n");
    static const struct {
        const char *at;
        uint64_t muted; ///< of the first, second, ...
    } CASES[] = {
        { "2026-11-26T16:29:59", 4 }, // a Thursday; 21:59:59 there
        { "2026-11-26T16:30:00", 4 | 1 }, { "2026-11-27T00:29:59", 4 | 1 },
        { "2026-11-27T00:30:00", 4 },     { "2026-11-27T11:00:00", 4 | 8 },
        { "2026-11-27T12:29:59", 4 | 8 }, { "2026-11-27T12:30:00", 4 },
        { "2026-11-28T12:00:00", 4 | 2 }, { "2026-11-29T23:59:59", 4 | 2 | 1 },
        { "2026-11-30T12:00:00", 4 },     { "2026-11-30T12:30:00", 0 },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        int64_t at_us = 0;
        assert_int_equal(sv_time_parse(sv_text_of(CASES[i].at), &at_us), SV_OK);
        assert_int_equal(sv_rules_muted(rules, at_us), CASES[i].muted);
    }
    sv_stream_rules found = { .mutes = 0 };
    sv_rules_for(rules, SV_TEXT("pump-3"), SV_TEXT("t"), &found);
    assert_int_equal(found.mutes, 1 | 4 | 8);
    sv_rules_for(rules, SV_TEXT("press-1"), SV_TEXT("t2"), &found);
    assert_int_equal(found.mutes, 2 | 4 | 8);
    sv_rules_for(rules, SV_TEXT("press-1"), SV_TEXT("p"), &found);
    assert_int_equal(found.mutes, 4 | 8);
}

// [edge-10] In Berlin the night of 2026-03-29 has no hour from two to three, that of 2026-10-25 has
// it twice.
static void a_mute_follows_summer_time(void **state) {
    (void) state;
    SV_DEFER(sv_rules_drop)
    sv_rules *rules = rules_of("mute: [{from: '02:30', to: '06:00', zone: Europe/Berlin}]\n");
    static const struct {
        const char *at;
        bool muted;
    } CASES[] = {
        { "2026-01-15T01:29:59", false }, { "2026-01-15T01:30:00", true },
        { "2026-01-15T04:59:59", true },  { "2026-01-15T05:00:00", false },
        { "2026-07-15T00:30:00", true },  { "2026-07-15T04:00:00", false },
        { "2026-03-29T00:59:59", false }, { "2026-03-29T01:00:00", true }, // 03:00 there
        { "2026-03-29T04:00:00", false }, { "2026-10-25T00:30:00", true },
        { "2026-10-25T01:15:00", false }, // 02:15 for the second time
        { "2026-10-25T01:30:00", true },  { "2026-10-25T05:00:00", false },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        int64_t at_us = 0;
        assert_int_equal(sv_time_parse(sv_text_of(CASES[i].at), &at_us), SV_OK);
        if ((sv_rules_muted(rules, at_us) != 0) != CASES[i].muted) {
            fail_msg("%s", CASES[i].at);
        }
    }
}

// [edge-6]
static void what_a_stream_gets_is_explained_with_its_place(void **state) {
    (void) state;
    SV_DEFER(sv_rules_drop)
    sv_rules *rules = rules_of("groups: {pumps: [pump-1]}\n"
                               "thresholds:\n"
                               "  groups:\n"
                               "    pumps: {sensors: {p: {low: {warning: 2, critical: 1.5}, hold: "
                               "90s, hysteresis: 0.1}}}\n"
                               "stale: {default: 5m}\n");
    char room[1000];
    sv_textbuf out = SV_TEXTBUF(room);
    sv_rules_explain(rules, SV_TEXT("pump-1"), SV_TEXT("p"), &out);
    assert_string_equal(room,
                        "threshold low 2 (critical 1.5), hysteresis 0.1, hold 1m30s, warning  "
                        "(thresholds.groups.pumps.sensors.p, line 4)\n"
                        "stale     after 5m, warning  (stale.default, line 5)\n"
                        "change    1  (by itself)\n"
                        "uplink    change: averages that differ, and minutes  (by itself)\n"
                        "detect    normal, alerts once it is known for 1d  (by itself)\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_specific_section_wins_whole),
        cmocka_unit_test(a_device_may_have_one_value_or_a_default_and_sensors),
        cmocka_unit_test(broken_rules_are_refused_whole_with_their_place),
        cmocka_unit_test(decisions_agree_with_the_plain_definition),
        cmocka_unit_test(hysteresis_hold_and_clear_keep_an_alert_from_chattering),
        cmocka_unit_test(a_minute_is_summarised_once_it_is_over),
        cmocka_unit_test(a_group_stands_between_its_devices_and_the_sensors),
        cmocka_unit_test(a_threshold_may_have_a_critical_level),
        cmocka_unit_test(a_rate_is_judged_over_its_time_however_often_readings_come),
        cmocka_unit_test(a_rate_is_known_again_soon_after_a_step_back_of_the_clock),
        cmocka_unit_test(a_silent_sensor_is_stale_until_it_speaks),
        cmocka_unit_test(a_mute_has_its_hours_days_zone_and_end),
        cmocka_unit_test(a_mute_follows_summer_time),
        cmocka_unit_test(what_a_stream_gets_is_explained_with_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
