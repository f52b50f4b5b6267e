// What is unusual as a cause of alerts.
#include <base/prng.h>
#include <base/test.h>
#include <base/time.h>
#include <edge/stream.h>
#include <edge/usual.h>
#include <math.h>
#include <stdio.h>

enum { DAYS = 4, DAY_MINUTES = 24 * 60 };

typedef struct lived {
    sv_stream stream;
    sv_stream_rules rules;
    sv_prng prng;
    int64_t at_us;
    unsigned raised, cleared, updated;
    char message[SV_ALERT_MESSAGE_MAX];
    sv_summary minute; ///< the last one that was over
} lived;

static void note(lived *l, const sv_decision *d) {
    const sv_turn *turn = &d->turns[SV_CAUSE_UNUSUAL];
    l->raised += turn->event == SV_ALERT_RAISED ? 1 : 0;
    l->cleared += turn->event == SV_ALERT_CLEARED ? 1 : 0;
    l->updated += turn->event == SV_ALERT_UPDATED ? 1 : 0;
    if (turn->event != SV_ALERT_NONE) {
        sv_stream_message(&l->stream, &l->rules, SV_CAUSE_UNUSUAL, l->message);
    }
    l->minute = d->summary_done ? d->summary : l->minute;
}

/// Half a minute passes, then one reading.
static void take(lived *l, double value) {
    sv_decision d;
    l->at_us += SV_TIME_MINUTE_US / 2;
    sv_stream_take(&l->stream, &l->rules, value, l->at_us, &d);
    note(l, &d);
}

/// Minutes of the usual, which is lower at night, moved by `off`.
static void live(lived *l, int minutes, double off) {
    for (int i = 0; i < 2 * minutes; i++) {
        double day = (double) (l->at_us % SV_TIME_DAY_US) / (double) SV_TIME_DAY_US;
        take(l, 60 + off + 5 * sin(2 * M_PI * day) + sv_prng_normal(&l->prng));
    }
}

static void begin(lived *l, sv_detection detection) {
    *l = (lived){ .rules = { .detect = { detection, SV_TIME_DAY_US, 0 },
                             .uplink = SV_UPLINK_CHANGE },
                  .prng = { .state = 11 },
                  .at_us = INT64_C(1790000000) * SV_TIME_SECOND_US };
    sv_stream_start(&l->stream, INT64_MIN);
    live(l, DAYS * DAY_MINUTES, 0);
}

// [edge-18]
static void an_episode_has_one_alert_which_ends_with_it(void **state) {
    (void) state;
    lived l;
    begin(&l, SV_DETECTION_NORMAL);
    assert_int_equal(l.raised, 0);
    live(&l, 90, 40);
    assert_int_equal(l.raised, 1);
    assert_int_equal(l.updated, 0);
    assert_true(l.stream.causes[SV_CAUSE_UNUSUAL].open);
    assert_int_equal(l.stream.causes[SV_CAUSE_UNUSUAL].severity, SV_SEVERITY_WARNING);
    assert_non_null(strstr(l.message, "outside what was usual"));
    assert_int_equal(strncmp(l.message, "Value ", 6), 0);
    assert_in_range(sv_usual_alert_score(l.stream.usual), 50, 100);
    live(&l, 2 * DAY_MINUTES, 0);
    assert_int_equal(l.raised, 1);
    assert_int_equal(l.cleared, 1);
    assert_false(l.stream.causes[SV_CAUSE_UNUSUAL].open);
    sv_stream_drop(&l.stream);
}

// [edge-18]
static void the_more_unusual_it_is_the_more_severe(void **state) {
    (void) state;
    bool met[SV_SEVERITY_CRITICAL + 1] = { false };
    for (int i = 0; i < 40; i++) {
        double off = 4 * pow(1.25, i);
        lived l;
        begin(&l, SV_DETECTION_HIGH);
        live(&l, 3, off);
        sv_severity severity = l.stream.causes[SV_CAUSE_UNUSUAL].severity;
        if (l.raised > 0) {
            assert_int_equal(severity, sv_usual_severity(sv_usual_alert_score(l.stream.usual)));
            met[severity] = true;
            live(&l, 30, off);
            assert_int_equal(l.stream.causes[SV_CAUSE_UNUSUAL].severity, severity);
        }
        sv_stream_drop(&l.stream);
    }
    assert_true(met[SV_SEVERITY_WARNING] && met[SV_SEVERITY_CRITICAL]);
    assert_int_equal(sv_usual_severity(59.9), SV_SEVERITY_INFO);
    assert_int_equal(sv_usual_severity(60), SV_SEVERITY_WARNING);
}

/// Something else each day.
static unsigned raised_in_weeks(double per_week) {
    enum { WEEKS = 4 };
    lived l;
    begin(&l, SV_DETECTION_NORMAL);
    l.rules.detect.alerts_per_week = per_week;
    for (int day = 0; day < 7 * WEEKS; day++) {
        live(&l, DAY_MINUTES - 10, 0);
        live(&l, 10, (day % 3 - 1.5) * 20 * (1 + day % 5));
    }
    sv_stream_drop(&l.stream);
    return l.raised;
}

// [edge-18] [detect-16]
static void so_many_a_week_as_the_rules_want(void **state) {
    (void) state;
    unsigned as_it_comes = raised_in_weeks(0);
    unsigned few = raised_in_weeks(0.25);
    assert_in_range(few, 1, 4);
    assert_true(as_it_comes >= 2 * few);
}

// [edge-18]
static void nothing_is_looked_for_where_the_rules_are_off(void **state) {
    (void) state;
    lived l;
    begin(&l, SV_DETECTION_OFF);
    live(&l, 90, 40);
    assert_int_equal(l.raised, 0);
    assert_null(l.stream.usual);
    assert_true(l.minute.score == 0 && !(l.minute.low < l.minute.high));
    sv_stream_drop(&l.stream);
}

// [edge-18]
static void switched_off_the_alert_ends_and_what_is_known_stays(void **state) {
    (void) state;
    lived l;
    begin(&l, SV_DETECTION_NORMAL);
    live(&l, 30, 40);
    uint32_t seen = l.stream.usual->detector.seen;
    l.rules.detect.level = SV_DETECTION_OFF;
    live(&l, 30, 40);
    assert_int_equal(l.cleared, 1);
    l.rules.detect.level = SV_DETECTION_HIGH;
    take(&l, 60);
    assert_int_equal(l.stream.usual->detector.seen, seen + 1);
    sv_stream_drop(&l.stream);
}

// [edge-18]
static void what_begins_while_nothing_is_raised_is_not_told_later(void **state) {
    (void) state;
    lived l;
    begin(&l, SV_DETECTION_NORMAL);
    l.stream.quiet = true;
    live(&l, 30, 40);
    l.stream.quiet = false;
    live(&l, 30, 40);
    assert_int_equal(l.raised, 0);
    sv_stream_drop(&l.stream);
}

// [edge-18]
static void before_a_stream_is_known_for_long_enough_nothing_is_raised(void **state) {
    (void) state;
    lived l;
    begin(&l, SV_DETECTION_NORMAL);
    l.rules.detect.learn_us = (DAYS + 1) * SV_TIME_DAY_US;
    live(&l, 30, 40);
    l.rules.detect.learn_us = 0;
    live(&l, 30, 40);
    assert_int_equal(l.raised, 0);
    sv_stream_drop(&l.stream);
}

// [edge-18]
static void sensitivity_says_how_unusual_it_must_be(void **state) {
    (void) state;
    unsigned raised[SV_DETECTION__COUNT] = { 0 };
    for (unsigned detection = SV_DETECTION_LOW; detection < SV_DETECTION__COUNT; detection++) {
        for (int off = 4; off < 10; off++) {
            lived l;
            begin(&l, (sv_detection) detection);
            live(&l, 90, off);
            raised[detection] += l.raised > 0 ? 1 : 0;
            sv_stream_drop(&l.stream);
        }
    }
    assert_true(raised[SV_DETECTION_LOW] <= raised[SV_DETECTION_NORMAL]);
    assert_true(raised[SV_DETECTION_NORMAL] <= raised[SV_DETECTION_HIGH]);
    assert_true(raised[SV_DETECTION_LOW] < raised[SV_DETECTION_HIGH]);
}

// [edge-19]
static void a_minute_says_how_unusual_it_was_and_what_was_expected(void **state) {
    (void) state;
    lived l;
    begin(&l, SV_DETECTION_NORMAL);
    double day = (double) (l.minute.minute_us % SV_TIME_DAY_US) / (double) SV_TIME_DAY_US;
    double usual = 60 + 5 * sin(2 * M_PI * day);
    assert_true(l.minute.low < usual - 1 && l.minute.low > usual - 15);
    assert_true(l.minute.high > usual + 1 && l.minute.high < usual + 15);
    take(&l, 60);
    take(&l, 60);
    take(&l, 400);
    take(&l, 60);
    take(&l, 60);
    take(&l, 60);
    // Whichever minute it fell into; the next one begins anew.
    assert_true(l.minute.score < 50);
    live(&l, 1, 0);
    assert_true(l.minute.score < 50);
    l.at_us -= l.at_us % SV_TIME_MINUTE_US;
    take(&l, 900);
    take(&l, 60);
    assert_true(l.minute.score > 50 && l.minute.score <= 100);
    sv_stream_drop(&l.stream);
}

// [edge-18]
static void an_alert_that_was_open_at_a_start_keeps_its_words(void **state) {
    (void) state;
    lived l;
    begin(&l, SV_DETECTION_NORMAL);
    sv_usual_reopen(l.stream.usual, "Stuck at 0 for 14 min");
    sv_condition_reopen(&l.stream.causes[SV_CAUSE_UNUSUAL], SV_SEVERITY_WARNING, 0, false);
    take(&l, 60);
    assert_int_equal(l.cleared, 1);
    assert_string_equal(l.message, "Stuck at 0 for 14 min");
    live(&l, 30, 40);
    assert_int_equal(strncmp(l.message, "Value ", 6), 0);
    sv_stream_drop(&l.stream);
}

/// `fault`: what is said when it cannot be read.
static sv_detect detect_of(const char *yaml, const char *device, const char *sensor,
                           const char *fault) {
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "g.yaml" };
    SV_DEFER(sv_config_node_drop) sv_config_node *root = NULL;
    SV_DEFER(sv_rules_drop) sv_rules *rules = NULL;
    sv_stream_rules found;
    assert_int_equal(sv_config_parse(sv_text_of(yaml), &root, &faults), SV_OK);
    if (sv_rules_read(root, &rules, &faults) != SV_OK) {
        assert_non_null(strstr(faults.text.at, fault));
        return (sv_detect){ .level = SV_DETECTION__COUNT };
    }
    sv_rules_for(rules, sv_text_of(device), sv_text_of(sensor), &found);
    assert_true(found.detect.learn_us > 0);
    return found.detect;
}

static sv_detection detection_of(const char *yaml, const char *device, const char *sensor) {
    return detect_of(yaml, device, sensor, "one of off, low, normal, high").level;
}

// [edge-18]
static void the_rules_say_how_many_alerts_a_week_are_wanted(void **state) {
    (void) state;
    static const char FAULT[] = "a number from 0.01 to 1000";
    sv_detect found = detect_of("detect: {default: {alerts_per_week: 0.5}, sensors: {b: low}}\n",
                                "x", "y", FAULT);
    assert_true(found.alerts_per_week == 0.5 && found.level == SV_DETECTION_NORMAL);
    assert_int_equal(found.learn_us, SV_TIME_DAY_US);
    found = detect_of("detect: {default: {alerts_per_week: 0.5}, sensors: {b: low}}\n", "x", "b",
                      FAULT);
    assert_true(found.alerts_per_week == 0);
    static const char *const WRONG[] = { "few", "0", "-1", "1001", "nan", "[1]" };
    for (size_t i = 0; i < SV_COUNT(WRONG); i++) {
        char yaml[80];
        (void) snprintf(yaml, sizeof yaml, "detect: {default: {alerts_per_week: %s}}\n", WRONG[i]);
        assert_int_equal(detect_of(yaml, "x", "y", FAULT).level, SV_DETECTION__COUNT);
    }
}

// [edge-18]
static void the_rules_say_how_much_each_stream_is_watched(void **state) {
    (void) state;
    static const char YAML[] =
        "detect:\n"
        "  default: low\n"
        "  sensors: {counter: off}\n"
        "  devices: {press-1: {default: {sensitivity: high, learn: 2h}}, pump: "
        "{sensors: {flow: normal}}}\n";
    assert_int_equal(detection_of("change: 2\n", "x", "y"), SV_DETECTION_NORMAL);
    assert_int_equal(detection_of("detect: off\n", "x", "y"), SV_DETECTION_OFF);
    assert_int_equal(detection_of(YAML, "x", "y"), SV_DETECTION_LOW);
    assert_int_equal(detection_of(YAML, "x", "counter"), SV_DETECTION_OFF);
    assert_int_equal(detection_of(YAML, "press-1", "counter"), SV_DETECTION_HIGH);
    assert_int_equal(detection_of(YAML, "pump", "flow"), SV_DETECTION_NORMAL);
    assert_int_equal(detection_of("detect: {default: loud}\n", "x", "y"), SV_DETECTION__COUNT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_episode_has_one_alert_which_ends_with_it),
        cmocka_unit_test(the_more_unusual_it_is_the_more_severe),
        cmocka_unit_test(so_many_a_week_as_the_rules_want),
        cmocka_unit_test(nothing_is_looked_for_where_the_rules_are_off),
        cmocka_unit_test(switched_off_the_alert_ends_and_what_is_known_stays),
        cmocka_unit_test(what_begins_while_nothing_is_raised_is_not_told_later),
        cmocka_unit_test(before_a_stream_is_known_for_long_enough_nothing_is_raised),
        cmocka_unit_test(sensitivity_says_how_unusual_it_must_be),
        cmocka_unit_test(a_minute_says_how_unusual_it_was_and_what_was_expected),
        cmocka_unit_test(an_alert_that_was_open_at_a_start_keeps_its_words),
        cmocka_unit_test(the_rules_say_how_much_each_stream_is_watched),
        cmocka_unit_test(the_rules_say_how_many_alerts_a_week_are_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
