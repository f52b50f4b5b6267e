#include <base/mem.h>
#include <base/num.h>
#include <base/test.h>
#include <edge/expression.h>
#include <math.h>
#include <stdio.h>

#define SECOND_US SV_TIME_SECOND_US

static const int64_t START_US = INT64_C(1795328100000000);

static sv_expression *parsed(const char *text) {
    sv_expression *e = NULL;
    sv_expression_fault fault = { 0 };
    if (sv_expression_parse(sv_text_of(text), NULL, &e, &fault) != SV_OK) {
        fail_msg("%s: %zu: %s", text, fault.offset, fault.text);
    }
    return e;
}

/// What is remembered of one device, and its moments.
typedef struct device {
    sv_expression *e;
    sv_expression_state *state;
    int64_t now_us;
} device;

static device device_with(const char *text) {
    device d = { .e = parsed(text), .now_us = START_US };
    d.state = sv_mem_new(sv_expression_state_bytes(d.e));
    sv_expression_state_start(d.e, d.state);
    return d;
}

static void device_drop(device *d) {
    sv_expression_drop(&d->e);
    sv_mem_drop(&d->state);
}

static void says(device *d, const char *sensor, double value) {
    int index = sv_expression_sensor_find(d->e, sv_text_of(sensor));
    assert_true(index >= 0);
    sv_expression_input input = { .raw = value, .average = value / 2, .at_us = d->now_us };
    sv_expression_take(d->e, d->state, (unsigned) index, &input, d->now_us);
}

static sv_truth truth_of(device *d) {
    return sv_expression_judge(d->e, d->state, d->now_us);
}

/// What `text` is when p is 1, q is 0 and nobody has heard of u.
static sv_truth truth_of_text(const char *text) {
    char whole[128];
    (void) snprintf(whole, sizeof whole, "p == 1 and (%s)", text);
    SV_DEFER(device_drop) device d = device_with(whole);
    for (unsigned i = 0; i < sv_expression_sensor_count(d.e); i++) {
        sv_text name = sv_expression_sensor(d.e, i);
        sv_expression_input input = { .raw = sv_text_is(name, "p"), .at_us = d.now_us };
        if (!sv_text_is(name, "u")) {
            sv_expression_take(d.e, d.state, i, &input, d.now_us);
        }
    }
    return truth_of(&d);
}

// [expression-9] [expression-10]
static void what_is_not_known_stays_so_unless_it_does_not_matter(void **state) {
    (void) state;
    static const struct {
        const char *text;
        sv_truth truth;
    } CASES[] = {
        { "p > 0 and p > 0", SV_TRUTH_TRUE },     { "p > 0 and q > 0", SV_TRUTH_FALSE },
        { "p > 0 and u > 0", SV_TRUTH_UNKNOWN },  { "u > 0 and p > 0", SV_TRUTH_UNKNOWN },
        { "q > 0 and u > 0", SV_TRUTH_FALSE },    { "u > 0 and q > 0", SV_TRUTH_FALSE },
        { "u > 0 and u > 0", SV_TRUTH_UNKNOWN },  { "q > 0 and q > 0", SV_TRUTH_FALSE },
        { "p > 0 or p > 0", SV_TRUTH_TRUE },      { "p > 0 or q > 0", SV_TRUTH_TRUE },
        { "p > 0 or u > 0", SV_TRUTH_TRUE },      { "u > 0 or p > 0", SV_TRUTH_TRUE },
        { "q > 0 or u > 0", SV_TRUTH_UNKNOWN },   { "u > 0 or q > 0", SV_TRUTH_UNKNOWN },
        { "u > 0 or u > 0", SV_TRUTH_UNKNOWN },   { "q > 0 or q > 0", SV_TRUTH_FALSE },
        { "not p > 0", SV_TRUTH_FALSE },          { "not q > 0", SV_TRUTH_TRUE },
        { "not u > 0", SV_TRUTH_UNKNOWN },        { "u == u", SV_TRUTH_UNKNOWN },
        { "u != 3", SV_TRUTH_UNKNOWN },           { "u * 0 == 0", SV_TRUTH_UNKNOWN },
        { "p / q > 0", SV_TRUTH_UNKNOWN },        { "q / q == 0", SV_TRUTH_UNKNOWN },
        { "1 / (p / q) == 0", SV_TRUTH_UNKNOWN }, { "p * 1e308 * 10 > 0", SV_TRUTH_UNKNOWN },
        { "min(u, 1) < 2", SV_TRUTH_UNKNOWN },    { "max(2, u) > 1", SV_TRUTH_UNKNOWN },
        { "abs(u) >= 0", SV_TRUTH_UNKNOWN },      { "age(u) > 1", SV_TRUTH_UNKNOWN },
        { "changed(u)", SV_TRUTH_UNKNOWN },       { "changed(p)", SV_TRUTH_UNKNOWN },
        { "count(u, 1m) < 1", SV_TRUTH_UNKNOWN }, { "sum(u, 1m) == 0", SV_TRUTH_UNKNOWN },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        if (truth_of_text(CASES[i].text) != CASES[i].truth) {
            fail_msg("%s", CASES[i].text);
        }
    }
}

// [expression-2]
static void operators_do_what_they_are_called(void **state) {
    (void) state;
    static const struct {
        const char *text;
        bool truth;
    } CASES[] = {
        { "1 + 2 * 3 == 7", true },
        { "(1 + 2) * 3 == 9", true },
        { "8 / 4 / 2 == 1", true },
        { "8 / (4 / 2) == 4", true },
        { "5 - 3 - 1 == 1", true },
        { "-2 * -3 == 6", true },
        { "abs(2 - 5) == 3", true },
        { "abs(5 - 2) == 3", true },
        { "min(2, 3) == 2", true },
        { "max(2, 3) == 3", true },
        { "min(3, 2) == 2", true },
        { "max(3, 2) == 3", true },
        { "-(2) == 0 - 2", true },
        { "1 < 1", false },
        { "1 <= 1", true },
        { "1 > 1", false },
        { "1 >= 1", true },
        { "1 == 1", true },
        { "1 != 1", false },
        { "1 < 2", true },
        { "1 <= 2", true },
        { "1 > 2", false },
        { "1 >= 2", false },
        { "1 == 2", false },
        { "1 != 2", true },
        { "2 < 1", false },
        { "2 <= 1", false },
        { "2 > 1", true },
        { "2 >= 1", true },
        { "1 > 2 and 1 > 2 or 2 > 1", true },
        { "2 > 1 or 1 > 2 and 1 > 2", true },
        { "(2 > 1 or 1 > 2) and 1 > 2", false },
        { "not 1 > 2 and 1 > 2", false },
        { "not (1 > 2 and 1 > 2)", true },
        { "p > 0 and q == 0", true },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        if (truth_of_text(CASES[i].text) != (CASES[i].truth ? SV_TRUTH_TRUE : SV_TRUTH_FALSE)) {
            fail_msg("%s", CASES[i].text);
        }
    }
}

// [expression-9]
static void a_sensor_that_has_fallen_silent_is_unknown(void **state) {
    (void) state;
    SV_DEFER(device_drop) device d = device_with("pressure < 2");
    assert_int_equal(truth_of(&d), SV_TRUTH_UNKNOWN);
    says(&d, "pressure", 1);
    assert_int_equal(truth_of(&d), SV_TRUTH_TRUE);
    d.now_us += SV_EXPRESSION_STALE_DEFAULT_US;
    assert_int_equal(truth_of(&d), SV_TRUTH_TRUE);
    d.now_us++;
    assert_int_equal(truth_of(&d), SV_TRUTH_UNKNOWN);
    says(&d, "pressure", 3);
    assert_int_equal(truth_of(&d), SV_TRUTH_FALSE);
    sv_expression *patient = NULL;
    sv_expression_options options = { .stale_us = SV_TIME_HOUR_US };
    assert_int_equal(sv_expression_parse(SV_TEXT("pressure < 2"), &options, &patient, NULL), SV_OK);
    assert_false(sv_expression_same(patient, d.e));
    d.now_us += SV_TIME_HOUR_US;
    assert_int_equal(sv_expression_judge(patient, d.state, d.now_us), SV_TRUTH_FALSE);
    assert_int_equal(sv_expression_judge(patient, d.state, d.now_us + 1), SV_TRUTH_UNKNOWN);
    sv_expression_drop(&patient);
}

/// An alert for the condition, as the owner of a rule keeps it.
static sv_alert_event judged(device *d, sv_condition *alert) {
    sv_life life = { .hold_us = sv_expression_hold_us(d->e), .severity = SV_SEVERITY_WARNING };
    sv_finding finding = sv_truth_finding(truth_of(d));
    return sv_condition_judge(alert, &life, (sv_flapping){ 0 }, finding, false, d->now_us).event;
}

// [expression-11]
static void an_alert_is_raised_once_it_has_been_true_for_the_time_asked(void **state) {
    (void) state;
    SV_DEFER(device_drop) device d = device_with("pressure < 2 for 10s");
    sv_condition alert;
    sv_condition_start(&alert);
    for (unsigned second = 0; second <= 30; second++) {
        says(&d, "pressure", second == 8 ? 2 : 1);
        assert_int_equal(judged(&d, &alert), second == 19  ? SV_ALERT_RAISED
                                             : second > 19 ? SV_ALERT_UPDATED
                                                           : SV_ALERT_NONE);
        d.now_us += SECOND_US;
    }
    // What is not known clears nothing, what is false does, and raises nothing.
    d.now_us += SV_TIME_HOUR_US;
    assert_int_equal(truth_of(&d), SV_TRUTH_UNKNOWN);
    assert_int_equal(judged(&d, &alert), SV_ALERT_UPDATED);
    says(&d, "pressure", 2);
    assert_int_equal(judged(&d, &alert), SV_ALERT_CLEARED);
    // Unknown ends the time it has been true.
    says(&d, "pressure", 1);
    assert_int_equal(judged(&d, &alert), SV_ALERT_NONE);
    d.now_us += SV_TIME_HOUR_US;
    assert_int_equal(judged(&d, &alert), SV_ALERT_NONE);
    says(&d, "pressure", 1);
    assert_int_equal(judged(&d, &alert), SV_ALERT_NONE);
    // So does a clock that was set back.
    d.now_us -= SV_TIME_MINUTE_US;
    assert_int_equal(judged(&d, &alert), SV_ALERT_NONE);
    d.now_us += 10 * SECOND_US - 1;
    assert_int_equal(judged(&d, &alert), SV_ALERT_NONE);
    d.now_us++;
    assert_int_equal(judged(&d, &alert), SV_ALERT_RAISED);
    SV_DEFER(device_drop) device at_once = device_with("pressure < 2");
    sv_condition_start(&alert);
    says(&at_once, "pressure", 1);
    assert_int_equal(judged(&at_once, &alert), SV_ALERT_RAISED);
}

// [expression-5]
static void functions_of_a_sensor_know_its_last_readings(void **state) {
    (void) state;
    SV_DEFER(device_drop) device d = device_with("average(a) == 4 and a == 8 and changed(a)");
    says(&d, "a", 7);
    assert_int_equal(truth_of(&d), SV_TRUTH_FALSE);
    says(&d, "a", 8);
    assert_int_equal(truth_of(&d), SV_TRUTH_TRUE);
    says(&d, "a", 8);
    assert_int_equal(truth_of(&d), SV_TRUTH_FALSE);
    SV_DEFER(device_drop) device old = device_with("age(a) >= 600 and age(a) < 601");
    says(&old, "a", 1);
    assert_int_equal(truth_of(&old), SV_TRUTH_FALSE);
    old.now_us += 600 * SECOND_US;
    assert_int_equal(truth_of(&old), SV_TRUTH_TRUE);
    old.now_us += SECOND_US;
    assert_int_equal(truth_of(&old), SV_TRUTH_FALSE);
}

// [expression-12]
static void an_older_reading_does_not_replace_the_last_and_the_future_is_now(void **state) {
    (void) state;
    SV_DEFER(device_drop) device d = device_with("a == 1 and age(a) < 1");
    says(&d, "a", 1);
    sv_expression_input older = { .raw = 2, .average = 2, .at_us = d.now_us - SECOND_US };
    sv_expression_take(d.e, d.state, 0, &older, d.now_us);
    assert_int_equal(truth_of(&d), SV_TRUTH_TRUE);
    sv_expression_input ahead = { .raw = 1, .average = 2, .at_us = INT64_MAX };
    sv_expression_take(d.e, d.state, 0, &ahead, d.now_us);
    d.now_us += 2 * SECOND_US;
    assert_int_equal(truth_of(&d), SV_TRUTH_FALSE);
    says(&d, "a", 1);
    // The clock is set back: what it says now counts, not what it said in a time to come.
    d.now_us -= SV_TIME_HOUR_US;
    assert_int_equal(truth_of(&d), SV_TRUTH_FALSE);
    says(&d, "a", 1);
    assert_int_equal(truth_of(&d), SV_TRUTH_TRUE);
}

// [expression-12]
static void what_is_no_reading_of_its_sensors_changes_nothing(void **state) {
    (void) state;
    SV_DEFER(device_drop) device d = device_with("a == 1 or mean(a, 1m) > 1");
    says(&d, "a", 1);
    size_t bytes = sv_expression_state_bytes(d.e);
    SV_DEFER(sv_mem_drop) char *before = sv_mem_new(bytes);
    memcpy(before, d.state, bytes);
    sv_expression_input inputs[] = { { .raw = SV_NAN, .at_us = d.now_us },
                                     { .raw = (double) INFINITY, .at_us = d.now_us } };
    sv_expression_take(d.e, d.state, 0, &inputs[0], d.now_us);
    sv_expression_take(d.e, d.state, 0, &inputs[1], d.now_us);
    inputs[0].raw = 5;
    sv_expression_take(d.e, d.state, 1, &inputs[0], d.now_us);
    assert_memory_equal(before, d.state, bytes);
}

// [expression-5] [expression-13]
static void windows_stand_in_expressions_and_late_readings_are_counted(void **state) {
    (void) state;
    SV_DEFER(device_drop)
    device d = device_with("mean(a, 1m) == 2 and max(a, 1m) == 3 and rate(a, 1m, per 1m) == 60 "
                           "and rate(a, 1m) == 1");
    for (unsigned i = 1; i <= 3; i++) {
        says(&d, "a", i);
        d.now_us += SECOND_US;
    }
    assert_int_equal(truth_of(&d), SV_TRUTH_TRUE);
    sv_expression_input older = { .raw = 9, .at_us = d.now_us - SV_TIME_HOUR_US };
    sv_expression_take(d.e, d.state, 0, &older, d.now_us);
    assert_int_equal(truth_of(&d), SV_TRUTH_TRUE);
    assert_true(sv_expression_late(d.e, d.state) == 4);
}

// [expression-13]
static void a_state_may_be_moved_and_goes_on_with_the_same_program(void **state) {
    (void) state;
    SV_DEFER(device_drop) device d = device_with("a > 1 and p95(a, 1m) > 1 for 10s");
    SV_DEFER(device_drop) device moved = device_with("a>1 and p95(a,60s)>1 for 10 s");
    assert_true(sv_expression_same(d.e, moved.e));
    assert_true(d.e != moved.e);
    says(&d, "a", 5);
    assert_int_equal(truth_of(&d), SV_TRUTH_TRUE);
    memcpy(moved.state, d.state, sv_expression_state_bytes(d.e));
    moved.now_us = d.now_us + 10 * SECOND_US;
    assert_int_equal(truth_of(&moved), SV_TRUTH_TRUE);
    static const char *const OTHERS[] = {
        "a > 2 and p95(a, 1m) > 1 for 10s",      "b > 1 and p95(b, 1m) > 1 for 10s",
        "a > 1 or p95(a, 1m) > 1 for 10s",       "a > 1 and p99(a, 1m) > 1 for 10s",
        "a > 1 and p95(a, 2m) > 1 for 10s",      "a > 1 and p95(a, 1m) > 1 for 11s",
        "a > 1 and p95(a, each 1m) > 1 for 10s", "a > 1 and p95(a, 1m) > 1",
    };
    for (size_t i = 0; i < SV_COUNT(OTHERS); i++) {
        SV_DEFER(sv_expression_drop) sv_expression *other = parsed(OTHERS[i]);
        assert_false(sv_expression_same(d.e, other));
    }
}

// [expression-13]
static void a_changed_condition_goes_on_with_what_it_shares(void **state) {
    (void) state;
    SV_DEFER(device_drop) device d = device_with("a > 1 and sum(b, 1m) > 1 and c > 0");
    says(&d, "a", 5);
    says(&d, "b", 3);
    says(&d, "b", 4);
    SV_DEFER(device_drop)
    device next = device_with("b == 4 and sum(b, 1m) == 7 and a == 5 and not (d > 0 or d <= 0)");
    sv_expression_state_carry(d.e, d.state, next.e, next.state);
    assert_int_equal(truth_of(&next), SV_TRUTH_UNKNOWN);
    says(&next, "d", 1);
    assert_int_equal(truth_of(&next), SV_TRUTH_FALSE);
    SV_DEFER(device_drop) device all = device_with("b == 4 and sum(b, 1m) == 7 and a == 5");
    sv_expression_state_carry(d.e, d.state, all.e, all.state);
    assert_int_equal(truth_of(&all), SV_TRUTH_TRUE);
    static const char *const OTHERS[] = { "sum(b, 2m) > 0", "sum(a, 1m) > 0", "mean(b, 1m) > 0",
                                          "sum(b, each 1m) > 0", "x > 0" };
    for (size_t i = 0; i < SV_COUNT(OTHERS); i++) {
        SV_DEFER(device_drop) device other = device_with(OTHERS[i]);
        sv_expression_state_carry(d.e, d.state, other.e, other.state);
        assert_int_equal(truth_of(&other), SV_TRUTH_UNKNOWN);
    }
}

// [expression-14]
static void a_message_tells_the_last_values(void **state) {
    (void) state;
    SV_DEFER(device_drop) device d = device_with("pressure < 2 and 'pump-current' > 5");
    says(&d, "pressure", 1.8);
    static const struct {
        const char *message, *written;
    } CASES[] = {
        { "Pressure is {pressure} bar", "Pressure is 1.8 bar" },
        { "{pressure}{ pressure }/{pump-current}", "1.81.8/unknown" },
        { "{{{pressure}}} }}{{", "{1.8} }{" },
        { "", "" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        char room[128];
        sv_textbuf out = SV_TEXTBUF(room);
        sv_text message = sv_text_of(CASES[i].message);
        assert_int_equal(sv_expression_message_check(d.e, message, NULL), SV_OK);
        sv_expression_message_add(d.e, d.state, message, &out);
        assert_int_equal(sv_textbuf_end(&out), SV_OK);
        assert_string_equal(room, CASES[i].written);
    }
}

// [expression-14]
static void a_message_with_an_unknown_name_is_refused(void **state) {
    (void) state;
    SV_DEFER(sv_expression_drop) sv_expression *e = parsed("pressure < 2 and 'pump-current' > 5");
    static const struct {
        const char *message, *told;
    } CASES[] = {
        { "{presure}", "{presure} is not a sensor of the condition; there is {pressure}, "
                       "{pump-current}" },
        { "{}", "{} is not a sensor of the condition; there is {pressure}, {pump-current}" },
        { "{pressure", "the message has a brace without its other half; write {{ for one" },
        { "pressure}", "the message has a brace without its other half; write }} for one" },
        { "{{pressure}", "the message has a brace without its other half; write }} for one" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_why why = { 0 };
        assert_int_equal(sv_expression_message_check(e, sv_text_of(CASES[i].message), &why),
                         SV_ERR_INVALID);
        assert_string_equal(why.text, CASES[i].told);
    }
    char longest[SV_EXPRESSION_MESSAGE_MAX + 1];
    memset(longest, 'x', sizeof longest);
    sv_text text = { .at = longest, .len = SV_EXPRESSION_MESSAGE_MAX };
    assert_int_equal(sv_expression_message_check(e, text, NULL), SV_OK);
    text.len++;
    assert_int_equal(sv_expression_message_check(e, text, NULL), SV_ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_known_stays_so_unless_it_does_not_matter),
        cmocka_unit_test(operators_do_what_they_are_called),
        cmocka_unit_test(a_sensor_that_has_fallen_silent_is_unknown),
        cmocka_unit_test(an_alert_is_raised_once_it_has_been_true_for_the_time_asked),
        cmocka_unit_test(functions_of_a_sensor_know_its_last_readings),
        cmocka_unit_test(an_older_reading_does_not_replace_the_last_and_the_future_is_now),
        cmocka_unit_test(what_is_no_reading_of_its_sensors_changes_nothing),
        cmocka_unit_test(windows_stand_in_expressions_and_late_readings_are_counted),
        cmocka_unit_test(a_state_may_be_moved_and_goes_on_with_the_same_program),
        cmocka_unit_test(a_changed_condition_goes_on_with_what_it_shares),
        cmocka_unit_test(a_message_tells_the_last_values),
        cmocka_unit_test(a_message_with_an_unknown_name_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
