#include <base/num.h>
#include <base/test.h>
#include <base/time.h>
#include <detect/stream.h>
#include <math.h>

enum { READINGS = 2000, JUMP_AT = 1500 };

/// A daily wave, a reading every five minutes, with one jump.
static double wave(int i) {
    return 50 + 10 * sin(2 * 3.14159265 * i / 288) + (i * 7919 % 13) * 0.1
           + (i == JUMP_AT ? 60 : 0);
}

static int64_t time_of(int i) {
    return INT64_C(1700000000000000) + (int64_t) i * 5 * SV_TIME_MINUTE_US;
}

static void a_stream_costs_at_most_a_kibibyte(void **state) {
    (void) state;
    assert_true(sizeof(sv_stream_detector) <= SV_STREAM_DETECTOR_BYTES_MAX);
}

static void a_jump_is_an_alert_and_a_wave_is_none(void **state) {
    (void) state;
    sv_stream_detector detector;
    sv_stream_detector_begin(&detector);
    for (int i = 0; i < READINGS; i++) {
        sv_stream_verdict verdict;
        sv_stream_detector_take(&detector, time_of(i), wave(i), SV_SENSITIVITY_NORMAL, &verdict);
        if (i > READINGS / 4) {
            assert_int_equal(verdict.alert, i == JUMP_AT);
        }
    }
}

static void what_is_no_reading_is_judged_zero_and_teaches_nothing(void **state) {
    (void) state;
    sv_stream_detector detector;
    sv_stream_verdict verdict;
    sv_stream_detector_begin(&detector);
    for (int i = 0; i < JUMP_AT; i++) {
        sv_stream_detector_take(&detector, time_of(i), wave(i), SV_SENSITIVITY_NORMAL, &verdict);
    }
    sv_stream_detector before = detector;
    static const double NONE[] = { INFINITY, -INFINITY };
    for (size_t i = 0; i < SV_COUNT(NONE); i++) {
        sv_stream_detector_take(&detector, time_of(JUMP_AT), NONE[i], SV_SENSITIVITY_HIGH,
                                &verdict);
        assert_true(verdict.score == 0 && !verdict.alert);
    }
    sv_stream_detector_take(&detector, time_of(JUMP_AT), SV_NAN, SV_SENSITIVITY_HIGH, &verdict);
    sv_stream_detector_take(&detector, time_of(0), 1e6, SV_SENSITIVITY_HIGH, &verdict);
    assert_true(verdict.score == 0 && !verdict.alert);
    assert_memory_equal(&before, &detector, sizeof before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_costs_at_most_a_kibibyte),
        cmocka_unit_test(a_jump_is_an_alert_and_a_wave_is_none),
        cmocka_unit_test(what_is_no_reading_is_judged_zero_and_teaches_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
