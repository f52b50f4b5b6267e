// What a detector of one stream tells.
#include "stream_fixture.h"

#include <math.h>

typedef double (*series)(int i);

static double with_noise(int i) {
    return wave(i) + (i >= ODD_AT ? 8 * ((i * 31) % 17 - 8.0) / 8 : 0);
}

static double stuck(int i) {
    return wave(i >= ODD_AT ? ODD_AT : i);
}

static double at_the_wrong_hour(int i) {
    return i >= ODD_AT && i < ODD_AT + 12 ? wave(i + 144) : wave(i);
}

static double rising_slowly(int i) {
    return wave(i) + (i >= ODD_AT ? 0.1 * (i - ODD_AT) : 0);
}

static double saying_nothing(int i) {
    (void) i;
    return 42;
}

/// The first alert from the fifth day on, or READINGS; how many there were.
static int first_alert(series of, int *count, sv_stream_verdict *first) {
    sv_stream_detector detector;
    sv_stream_detector_begin(&detector);
    int at = READINGS;
    *count = 0;
    for (int i = 0; i < READINGS; i++) {
        sv_stream_verdict verdict = take(&detector, time_of(i), of(i));
        if (verdict.alert && i > READINGS / 3) {
            *first = *count == 0 ? verdict : *first;
            at = *count == 0 ? i : at;
            (*count)++;
        }
    }
    return at;
}

// [detect-1]
static void a_stream_costs_at_most_a_kibibyte(void **state) {
    (void) state;
    assert_true(sizeof(sv_stream_detector) <= SV_STREAM_DETECTOR_BYTES_MAX);
}

// [detect-2]
static void what_is_unusual_raises_one_alert_and_says_why(void **state) {
    (void) state;
    static const struct {
        series of;
        int late; ///< readings after it begins
        const char *word;
    } CASES[] = {
        { with_peak, 0, "value" },  { with_step, 0, "" },          { with_noise, 24, "" },
        { stuck, 150, "stuck at" }, { at_the_wrong_hour, 12, "" }, { rising_slowly, 180, "" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        int count = 0;
        sv_stream_verdict first = { .score = 0 };
        int at = first_alert(CASES[i].of, &count, &first);
        char room[SV_STREAM_REASON_MAX] = "";
        sv_textbuf reason = SV_TEXTBUF(room);
        sv_stream_reason_add(&reason, &first);
        assert_int_equal(sv_textbuf_end(&reason), SV_OK);
        assert_in_range(at, ODD_AT, ODD_AT + CASES[i].late);
        assert_non_null(strstr(room, CASES[i].word));
        assert_in_range(count, 1, 3);
    }
}

/// How many readings of a day from ODD_AT on are scored, and whether the cause
/// is among them.
static int scored(series of, sv_stream_cause cause, bool *named) {
    sv_stream_detector detector;
    sv_stream_detector_begin(&detector);
    int count = 0;
    *named = false;
    for (int i = 0; i < ODD_AT + 288; i++) {
        sv_stream_verdict verdict = take(&detector, time_of(i), of(i));
        count += i >= ODD_AT && verdict.score > 0 ? 1 : 0;
        *named = *named || (i >= ODD_AT && verdict.cause == cause);
    }
    return count;
}

// [detect-2]
static void an_episode_is_told_where_it_begins_and_its_cause_is_named(void **state) {
    (void) state;
    static const struct {
        series of;
        sv_stream_cause cause;
    } CASES[] = {
        { with_peak, SV_STREAM_COURSE },       { with_step, SV_STREAM_LEVEL },
        { rising_slowly, SV_STREAM_LEVEL },    { with_noise, SV_STREAM_NOISE },
        { at_the_wrong_hour, SV_STREAM_HOUR }, { stuck, SV_STREAM_STUCK },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        bool named = false;
        assert_in_range(scored(CASES[i].of, CASES[i].cause, &named), 1, 12);
        assert_true(named);
    }
}

// [detect-2]
static void what_goes_on_as_usual_raises_none(void **state) {
    (void) state;
    static const series CASES[] = { wave, saying_nothing };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        int count = 0;
        sv_stream_verdict first;
        assert_int_equal(first_alert(CASES[i], &count, &first), READINGS);
    }
}

// [detect-4]
static void half_as_many_readings_tell_the_same(void **state) {
    (void) state;
    static const series CASES[] = { with_peak, with_step };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_stream_detector detector;
        sv_stream_detector_begin(&detector);
        int first = READINGS;
        for (int k = 0; k < READINGS; k += 2) {
            sv_stream_verdict verdict = take(&detector, time_of(k), CASES[i](k));
            first = verdict.alert && k > READINGS / 3 && first == READINGS ? k : first;
        }
        assert_in_range(first, ODD_AT, ODD_AT + 2);
    }
}

/// How new the level is on a day on which the wave rises by 29 in all; as spreads.
static double novelty_of_a_rise(int minutes) {
    enum { FROM = ODD_AT * MINUTES, DAY = 1440 };
    sv_stream_detector detector;
    sv_stream_detector_begin(&detector);
    double most = 0;
    for (int at = 0; at < FROM + DAY; at += minutes) {
        double value =
            50 + 10 * sin(2 * 3.14159265 * at / DAY) + (at > FROM ? 0.02 * (at - FROM) : 0);
        sv_stream_verdict verdict = take(&detector, time_of(0) + at * SV_TIME_MINUTE_US, value);
        if (at > FROM && verdict.cause == SV_STREAM_LEVEL) {
            most = fmax(most, verdict.novelty / (1 - verdict.novelty));
        }
    }
    return most;
}

// [detect-4]
static void a_slow_rise_is_as_new_however_often_it_is_read(void **state) {
    (void) state;
    static const int BETWEEN[] = { 1, 2, 10, 20 };
    double usual = novelty_of_a_rise(MINUTES);
    assert_true(usual > 1); // an alert
    for (size_t i = 0; i < SV_COUNT(BETWEEN); i++) {
        double ratio = novelty_of_a_rise(BETWEEN[i]) / usual;
        assert_true(ratio > 0.8 && ratio < 1.2);
    }
}

static double every_third_day(int i) {
    return wave(i) + (i > 1000 && i % 864 < 3 ? 40 : 0);
}

// [detect-7]
static void what_a_person_called_normal_is_not_told_again(void **state) {
    (void) state;
    int alerts[2] = { 0 };
    for (int told = 0; told < 2; told++) {
        sv_stream_detector detector;
        sv_stream_detector_begin(&detector);
        assert_false(sv_stream_detector_normal(&detector));
        for (int i = 0; i < READINGS; i++) {
            sv_stream_verdict verdict = take(&detector, time_of(i), every_third_day(i));
            alerts[told] += verdict.alert ? 1 : 0;
            if (verdict.alert && told == 1) {
                assert_true(sv_stream_detector_normal(&detector));
            }
        }
    }
    assert_in_range(alerts[0], 2, 3);
    assert_int_equal(alerts[1], 1);
}

// [detect-8]
static void a_young_stream_raises_an_alert_for_what_is_far_out_alone(void **state) {
    (void) state;
    sv_stream_detector detector;
    sv_stream_detector_begin(&detector);
    for (int i = 0; i < 3600; i++) { // an hour, a reading a second
        int64_t at_us = time_of(0) + i * SV_TIME_SECOND_US;
        assert_false(take(&detector, at_us, wave(i * 7)).alert);
    }
    assert_true(take(&detector, time_of(0) + 3600 * SV_TIME_SECOND_US, 150).alert);
}

static int alerts_at(sv_sensitivity sensitivity, double size) {
    sv_stream_detector detector;
    sv_stream_detector_begin(&detector);
    int alerts = 0;
    for (int i = 0; i < READINGS; i++) {
        sv_stream_verdict verdict;
        double value = wave(i) + (i > 1000 && i % 864 < 3 ? size : 0);
        sv_stream_detector_take(&detector, time_of(i), value, (sv_aim){ sensitivity, 0 }, &verdict);
        alerts += verdict.alert ? 1 : 0;
    }
    return alerts;
}

// [detect-8]
static void sensitivity_is_one_knob(void **state) {
    (void) state;
    int alerts[SV_SENSITIVITY__COUNT] = { 0 };
    for (unsigned s = 0; s < SV_SENSITIVITY__COUNT; s++) {
        for (int size = 8; size <= 40; size += 4) {
            alerts[s] += alerts_at((sv_sensitivity) s, size);
        }
    }
    assert_true(alerts[SV_SENSITIVITY_LOW] < alerts[SV_SENSITIVITY_NORMAL]);
    assert_true(alerts[SV_SENSITIVITY_NORMAL] <= alerts[SV_SENSITIVITY_HIGH]);
    sv_sensitivity parsed = SV_SENSITIVITY_NORMAL;
    assert_true(sv_sensitivity_parse(SV_TEXT("high"), &parsed));
    assert_int_equal(parsed, SV_SENSITIVITY_HIGH);
    assert_false(sv_sensitivity_parse(SV_TEXT("highest"), &parsed));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_episode_is_told_where_it_begins_and_its_cause_is_named),
        cmocka_unit_test(a_stream_costs_at_most_a_kibibyte),
        cmocka_unit_test(what_is_unusual_raises_one_alert_and_says_why),
        cmocka_unit_test(what_goes_on_as_usual_raises_none),
        cmocka_unit_test(half_as_many_readings_tell_the_same),
        cmocka_unit_test(a_slow_rise_is_as_new_however_often_it_is_read),
        cmocka_unit_test(what_a_person_called_normal_is_not_told_again),
        cmocka_unit_test(a_young_stream_raises_an_alert_for_what_is_far_out_alone),
        cmocka_unit_test(sensitivity_is_one_knob),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
