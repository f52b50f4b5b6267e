// What a backtest finds of what is unusual, and against labels.
#include <base/prng.h>
#include <base/test.h>
#include <base/time.h>
#include <math.h>
#include <string.h>
#include <trial/backtest.h>

enum { DAYS = 5, STEP_MINUTES = 5, STEPS = DAYS * 24 * 60 / STEP_MINUTES };

static const int64_t START_US = INT64_C(1790000000) * SV_TIME_SECOND_US;
static sv_backtest b;

static int64_t time_of(int step) {
    return START_US + (int64_t) step * STEP_MINUTES * SV_TIME_MINUTE_US;
}

static void take(const char *sensor, int step, double value) {
    sv_decision ignored;
    sv_backtest_stream *stream = sv_backtest_stream_of(&b, SV_TEXT("press-1"), sv_text_of(sensor));
    sv_backtest_take(&b, stream, value, time_of(step), &ignored);
}

/// Two sensors; one of them is odd for an hour on the last day.
static void live(int odd_at) {
    sv_prng prng = { .state = 7 };
    for (int i = 0; i < STEPS; i++) {
        double day = (double) i * STEP_MINUTES / (24.0 * 60);
        double odd = i >= odd_at && i < odd_at + 12 ? 80 : 0;
        take("odd", i, 50 + 5 * sin(2 * M_PI * day) + sv_prng_unit(&prng) + odd);
        take("even", i, 50 + 5 * sin(2 * M_PI * day) + sv_prng_unit(&prng));
    }
}

static void start(void) {
    sv_backtest_open(&b, sv_rules_default(), NULL);
}

static void label(int from, int to, const char *device, const char *sensor) {
    assert_int_equal(sv_backtest_add_label(&b, time_of(from), time_of(to), sv_text_of(device),
                                           sv_text_of(sensor), NULL),
                     SV_OK);
}

static void must_tell(const char *words, const char *json) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf told = SV_TEXTBUF_HEAP(100000);
    SV_DEFER(sv_textbuf_drop) sv_textbuf told_json = SV_TEXTBUF_HEAP(100000);
    sv_backtest_tell(&b, &told);
    sv_backtest_tell_json(&b, 10, &told_json);
    if (strstr(told.at, words) == NULL) {
        fail_msg("%s", told.at);
    }
    if (strstr(told_json.at, json) == NULL) {
        fail_msg("%s", told_json.at);
    }
    sv_backtest_drop(&b);
}

// [backtest-7]
static void it_is_said_how_often_what_is_unusual_would_have_fired_and_where(void **state) {
    (void) state;
    start();
    sv_backtest_detect(&b);
    live(STEPS - 200);
    must_tell("what is unusual would have fired 1 time in 5 days, on 1 of 2 streams\n"
              "  press-1 odd: 1 time\n",
              "\"unusual\":{\"alerts\":1,\"streams\":[{\"deviceId\":\"press-1\",\"sensor\":\"odd\","
              "\"alerts\":1}]}");
}

// [backtest-7]
static void without_being_asked_nothing_of_it_is_looked_for(void **state) {
    (void) state;
    start();
    live(STEPS - 200);
    must_tell("\n0 alerts in 5 days\n", "\"raised\":[],\"trips\":[]}");
}

// [backtest-7]
static void its_alert_is_among_the_others_with_its_reason(void **state) {
    (void) state;
    start();
    sv_backtest_detect(&b);
    live(STEPS - 200);
    must_tell("press-1 odd ANOMALY (unusual), critical, for ",
              "\"rule\":\"unusual\",\"alertType\":\"ANOMALY\",\"message\":\"Value 1");
}

// [backtest-8]
static void alerts_are_held_against_what_is_known(void **state) {
    (void) state;
    start();
    sv_backtest_detect(&b);
    label(STEPS - 206, STEPS - 150, "press-1", "odd");
    label(STEPS - 206, STEPS - 150, "", "even");
    label(10, 20, "", "");
    live(STEPS - 200);
    must_tell("1 of 3 labelled stretches would have been told; 0 alerts outside of them\n",
              "\"labels\":{\"told\":1,\"outside\":0,\"stretches\":[{");
}

// [backtest-8]
static void a_label_is_told_with_how_long_it_took_and_what_was_said(void **state) {
    (void) state;
    start();
    sv_backtest_detect(&b);
    label(STEPS - 206, STEPS - 150, "press-1", "odd");
    live(STEPS - 200);
    must_tell(" press-1 odd: after 30 min, press-1 odd: Value 1",
              "\"after_s\":1800,\"message\":\"Value 1");
    start();
    sv_backtest_detect(&b);
    label(STEPS - 180, STEPS - 150, "press-2", "odd");
    live(STEPS - 200);
    must_tell("0 of 1 labelled stretches would have been told; 1 alert outside of them\n",
              "\"deviceId\":\"press-2\",\"sensor\":\"odd\",\"after_s\":null,\"message\":null");
}

// [backtest-8]
static void stretches_that_are_none_are_refused(void **state) {
    (void) state;
    sv_why why = { 0 };
    start();
    assert_int_equal(
        sv_backtest_add_label(&b, time_of(2), time_of(1), SV_TEXT(""), SV_TEXT(""), &why),
        SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "ends before it begins"));
    assert_int_equal(
        sv_backtest_add_label(&b, time_of(1), time_of(1), SV_TEXT("a b"), SV_TEXT(""), &why),
        SV_ERR_INVALID);
    assert_int_equal(
        sv_backtest_add_label(&b, time_of(1), time_of(1), SV_TEXT(""), SV_TEXT("a/b"), &why),
        SV_ERR_INVALID);
    for (int i = 0; i < SV_BACKTEST_LABELS_MAX; i++) {
        label(1, 1, "", "");
    }
    assert_int_equal(
        sv_backtest_add_label(&b, time_of(1), time_of(1), SV_TEXT(""), SV_TEXT(""), &why),
        SV_ERR_NO_SPACE);
    sv_backtest_drop(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_said_how_often_what_is_unusual_would_have_fired_and_where),
        cmocka_unit_test(without_being_asked_nothing_of_it_is_looked_for),
        cmocka_unit_test(its_alert_is_among_the_others_with_its_reason),
        cmocka_unit_test(alerts_are_held_against_what_is_known),
        cmocka_unit_test(a_label_is_told_with_how_long_it_took_and_what_was_said),
        cmocka_unit_test(stretches_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
