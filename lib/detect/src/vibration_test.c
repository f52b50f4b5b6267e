#include <base/num.h>
#include <base/prng.h>
#include <base/test.h>
#include <detect/vibration.h>
#include <math.h>

enum { WINDOW = SV_VIBRATION_WINDOW, FEATURES = SV_VIBRATION_FEATURES, CHANNELS = 3 };

static sv_vibration_workspace w;
static sv_vibration_detector d;

static void sine(double cycles, double size, double *out) {
    for (size_t i = 0; i < WINDOW; i++) {
        out[i] = size * sin(2 * M_PI * cycles * (double) i / WINDOW);
    }
}

static void noise(sv_prng *prng, double size, double *out) {
    for (size_t i = 0; i < WINDOW; i++) {
        out[i] = size * sv_prng_normal(prng);
    }
}

static void features_of(const double *samples, double *features) {
    assert_true(sv_vibration_features(&w, samples, features));
    for (size_t i = 0; i < FEATURES; i++) {
        assert_true(isfinite(features[i]));
    }
}

static void assert_near(double value, double want, double by) {
    if (fabs(value - want) > by) {
        fail_msg("%.9g is not %.9g", value, want);
    }
}

// ---- a window -----------------------------------------------------------------------------------

static void a_sine_has_its_strength_no_impacts_and_one_band(void **state) { // [detect-40]
    (void) state;
    double x[WINDOW];
    double f[FEATURES];
    for (size_t band = 0; band < SV_VIBRATION_BANDS; band++) {
        sine(32 * (double) band + 16, 5, x);
        features_of(x, f);
        assert_near(f[SV_VIBRATION_RMS], log(5 / sqrt(2)), 1e-6);
        assert_near(f[SV_VIBRATION_KURTOSIS], log(1.5), 1e-6);
        assert_near(f[SV_VIBRATION_CREST], log(sqrt(2)), 1e-3);
        assert_true(f[SV_VIBRATION_ENVELOPE] < log(0.01));
        for (size_t i = 0; i < SV_VIBRATION_BANDS; i++) {
            assert_true(i == band ? f[SV_VIBRATION_BAND + i] > -1e-4
                                  : f[SV_VIBRATION_BAND + i] < log(1e-5));
        }
    }
}

static void a_tone_between_two_bins_stays_in_its_band(void **state) { // [detect-40]
    (void) state;
    double x[WINDOW];
    double f[FEATURES];
    sine(32 * 7 + 16.5, 1, x);
    features_of(x, f);
    for (size_t i = 0; i < SV_VIBRATION_BANDS; i++) {
        assert_true(i == 7 || f[SV_VIBRATION_BAND + i] < log(1e-5));
    }
}

static void noise_is_spread_over_all_bands_and_as_unsteady_as_noise_is(void **state) {
    (void) state; // [detect-40]
    double x[WINDOW];
    double f[FEATURES];
    sv_prng prng = { .state = 1 };
    double mean[FEATURES] = { 0 };
    for (unsigned round = 0; round < 200; round++) {
        noise(&prng, 2, x);
        features_of(x, f);
        for (size_t i = 0; i < FEATURES; i++) {
            mean[i] += f[i] / 200;
        }
    }
    assert_near(mean[SV_VIBRATION_RMS], log(2), 0.01);
    assert_near(mean[SV_VIBRATION_KURTOSIS], log(3), 0.02);
    assert_near(mean[SV_VIBRATION_ENVELOPE], log(sqrt(4 / M_PI - 1)), 0.02);
    for (size_t i = SV_VIBRATION_BAND; i < FEATURES; i++) {
        assert_near(mean[i], log(1.0 / SV_VIBRATION_BANDS), 0.1);
    }
}

static void impacts_show_in_kurtosis_crest_and_envelope(void **state) { // [detect-40]
    (void) state;
    double x[WINDOW];
    double plain[FEATURES];
    double struck[FEATURES];
    sv_prng prng = { .state = 2 };
    noise(&prng, 1, x);
    features_of(x, plain);
    for (size_t i = 100; i < WINDOW; i += 200) {
        x[i] += 12;
    }
    features_of(x, struck);
    assert_true(struck[SV_VIBRATION_KURTOSIS] > plain[SV_VIBRATION_KURTOSIS] + 0.5);
    assert_true(struck[SV_VIBRATION_CREST] > plain[SV_VIBRATION_CREST] + 0.5);
    assert_true(struck[SV_VIBRATION_ENVELOPE] > plain[SV_VIBRATION_ENVELOPE] + 0.2);
}

static void the_unit_and_the_zero_of_a_sensor_change_the_strength_alone(void **state) {
    (void) state; // [detect-41]
    double x[WINDOW];
    double plain[FEATURES];
    double other[FEATURES];
    sv_prng prng = { .state = 3 };
    noise(&prng, 1, x);
    features_of(x, plain);
    const double SCALES[] = { 1e-100, 1e-3, 1e3, 1e100 };
    for (size_t s = 0; s < SV_COUNT(SCALES); s++) {
        double y[WINDOW];
        for (size_t i = 0; i < WINDOW; i++) {
            y[i] = SCALES[s] * (x[i] + 9.81);
        }
        features_of(y, other);
        assert_near(other[SV_VIBRATION_RMS], plain[SV_VIBRATION_RMS] + log(SCALES[s]), 1e-6);
        for (size_t i = 1; i < FEATURES; i++) {
            assert_near(other[i], plain[i], 1e-4);
        }
    }
}

static void a_few_gaps_are_bridged_and_many_are_no_window(void **state) { // [detect-42]
    (void) state;
    double x[WINDOW];
    double whole[FEATURES];
    double f[FEATURES];
    sine(5, 1, x);
    features_of(x, whole);
    for (size_t i = 0; i < SV_VIBRATION_GAPS_MAX; i++) {
        x[i * 16] = i % 2 == 0 ? SV_NAN : (double) INFINITY;
    }
    features_of(x, f);
    assert_near(f[SV_VIBRATION_RMS], whole[SV_VIBRATION_RMS], 0.02);
    x[1] = SV_NAN;
    assert_false(sv_vibration_features(&w, x, f));
}

static void any_samples_have_features(void **state) { // [detect-42]
    (void) state;
    static const double ODD[] = { 0, 1, -1, 1e308, -1e308, 5e-324, 1e-308, 7 };
    sv_prng prng = { .state = 4 };
    for (unsigned round = 0; round < 200; round++) {
        double x[WINDOW];
        double f[FEATURES];
        for (size_t i = 0; i < WINDOW; i++) {
            x[i] = ODD[sv_prng_next(&prng) % (1 + round % SV_COUNT(ODD))];
        }
        features_of(x, f);
    }
    double x[WINDOW];
    double f[FEATURES];
    for (size_t i = 0; i < WINDOW; i++) {
        x[i] = i == 0 ? 1.7e308 : -1.7e308; // a difference that no double holds
    }
    features_of(x, f);
}

static void features_have_names(void **state) {
    (void) state;
    char room[256];
    sv_textbuf names = SV_TEXTBUF(room);
    for (size_t i = 0; i < FEATURES; i++) {
        sv_vibration_feature_add(&names, i);
        sv_textbuf_add_char(&names, ' ');
    }
    assert_int_equal(sv_textbuf_end(&names), SV_OK);
    assert_string_equal(room,
                        "rms kurtosis crest envelope band1 band2 band3 band4 band5 band6 "
                        "band7 band8 band9 band10 band11 band12 band13 band14 band15 band16 ");
}

// ---- what is healthy ----------------------------------------------------------------------------

/// A machine: a tone of its own on each channel, and noise; `load` makes both stronger.
static void run_window(sv_prng *prng, size_t channel, double load, double *out) {
    double tone[WINDOW];
    noise(prng, load * 0.5, out);
    sine(40.3 + 100 * (double) channel, load, tone);
    for (size_t i = 0; i < WINDOW; i++) {
        out[i] += tone[i];
    }
}

static void learn_from(sv_prng *prng, unsigned windows) {
    assert_int_equal(sv_vibration_detector_start(&d, CHANNELS, NULL), SV_OK);
    for (unsigned i = 0; i < windows; i++) {
        for (size_t j = 0; j < CHANNELS; j++) {
            double x[WINDOW];
            double f[FEATURES];
            run_window(prng, j, 1 + (i % 2 == 0 ? 0.1 : 0), x);
            features_of(x, f);
            sv_vibration_detector_learn(&d, j, f);
        }
    }
    assert_int_equal(sv_vibration_detector_settle(&d, NULL), SV_OK);
}

typedef enum hurt { NOT, RUBS, KNOCKS, DIES, CHANNEL_GONE } hurt;

static sv_vibration_verdict judge(sv_prng *prng, double load, size_t channel, hurt how) {
    double features[CHANNELS][FEATURES];
    const double *rows[SV_VIBRATION_CHANNELS_MAX] = { NULL };
    for (size_t j = 0; j < CHANNELS; j++) {
        double x[WINDOW];
        double rub[WINDOW];
        run_window(prng, j, load, x);
        sine(330.7, 0.8, rub);
        for (size_t i = 0; i < WINDOW && j == channel; i++) {
            x[i] += how == RUBS ? rub[i] : how == KNOCKS && i % 128 == 0 ? 9 : 0;
            x[i] = how == DIES ? 3 : x[i];
        }
        features_of(x, features[j]);
        rows[j] = j == channel && how == CHANNEL_GONE ? NULL : features[j];
    }
    return sv_vibration_detector_judge(&d, rows);
}

static void a_healthy_machine_is_left_alone_at_another_load(void **state) { // [detect-43]
    (void) state;
    sv_prng prng = { .state = 5 };
    learn_from(&prng, 40);
    for (unsigned i = 0; i < 300; i++) {
        sv_vibration_verdict v = judge(&prng, 0.7 + 0.002 * i, 0, i % 2 == 0 ? NOT : CHANNEL_GONE);
        assert_true(!v.fault && v.score > 0 && v.score < 0.5);
    }
}

static void a_fault_is_found_with_its_channel_and_what_stands_out(void **state) { // [detect-44]
    (void) state;
    sv_prng prng = { .state = 6 };
    learn_from(&prng, 40);
    for (size_t j = 0; j < CHANNELS; j++) {
        for (unsigned i = 0; i < 50; i++) {
            sv_vibration_verdict v = judge(&prng, 1, j, RUBS);
            assert_true(v.fault && v.score > 0.5 && v.channel == j && v.deviation > 0);
            assert_int_equal(v.feature, SV_VIBRATION_BAND + 330 / 32);
            v = judge(&prng, 1, j, KNOCKS);
            assert_true(v.fault && v.channel == j && v.deviation > 0);
            v = judge(&prng, 1, j, DIES);
            assert_true(v.fault && v.channel == j && v.feature == SV_VIBRATION_RMS);
            assert_true(v.deviation < 0);
        }
    }
}

static void features_that_are_each_a_little_off_are_a_fault_together(void **state) { // [detect-44]
    (void) state;
    sv_prng prng = { .state = 8 };
    double f[FEATURES];
    const double *rows[SV_VIBRATION_CHANNELS_MAX] = { f };
    assert_int_equal(sv_vibration_detector_start(&d, 1, NULL), SV_OK);
    for (unsigned i = 0; i < 200; i++) {
        for (size_t k = 0; k < FEATURES; k++) {
            f[k] = sv_prng_normal(&prng);
        }
        sv_vibration_detector_learn(&d, 0, f);
    }
    assert_int_equal(sv_vibration_detector_settle(&d, NULL), SV_OK);
    for (size_t k = 0; k < FEATURES; k++) {
        f[k] = k % 2 == 0 ? 4.5 : -4.5;
    }
    sv_vibration_verdict v = sv_vibration_detector_judge(&d, rows);
    assert_true(v.fault && fabs(v.deviation) < 6);
    memset(f, 0, sizeof f);
    f[3] = 4.5;
    assert_false(sv_vibration_detector_judge(&d, rows).fault);
}

static void too_little_to_learn_from_is_said(void **state) { // [detect-45]
    (void) state;
    sv_why why;
    double x[WINDOW];
    double f[FEATURES];
    assert_int_equal(sv_vibration_detector_start(&d, 0, &why), SV_ERR_INVALID);
    assert_int_equal(sv_vibration_detector_start(&d, 9, &why), SV_ERR_INVALID);
    assert_string_equal(why.text, "there are 1 to 8 channels of vibration, not 9");
    assert_int_equal(sv_vibration_detector_start(&d, 2, NULL), SV_OK);
    sine(3, 1, x);
    features_of(x, f);
    for (unsigned i = 0; i < SV_VIBRATION_WINDOWS_MIN; i++) {
        sv_vibration_detector_learn(&d, 0, f);
    }
    assert_int_equal(sv_vibration_detector_settle(&d, &why), SV_ERR_STATE);
    assert_string_equal(why.text, "channel 2 has 0 healthy windows of 1024 samples to learn from; "
                                  "at least 16 are needed");
    const double *rows[SV_VIBRATION_CHANNELS_MAX] = { f, f };
    assert_false(sv_vibration_detector_judge(&d, rows).fault);
}

static void windows_that_are_all_alike_can_be_learnt(void **state) { // [detect-42]
    (void) state;
    double x[WINDOW];
    double f[FEATURES];
    const double *rows[SV_VIBRATION_CHANNELS_MAX] = { f };
    assert_int_equal(sv_vibration_detector_start(&d, 1, NULL), SV_OK);
    sine(3, 0, x);
    features_of(x, f);
    for (unsigned i = 0; i < SV_VIBRATION_WINDOWS_MIN; i++) {
        sv_vibration_detector_learn(&d, 0, f);
    }
    assert_int_equal(sv_vibration_detector_settle(&d, NULL), SV_OK);
    assert_true(sv_vibration_detector_judge(&d, rows).score <= 0);
    sine(3, 1, x);
    features_of(x, f);
    assert_true(sv_vibration_detector_judge(&d, rows).fault);
}

static void saved_and_loaded_it_judges_and_learns_the_same(void **state) { // [detect-46]
    (void) state;
    static uint8_t bytes[SV_VIBRATION_SAVE_BYTES_MAX];
    static sv_vibration_detector before;
    sv_prng prng = { .state = 7 };
    sv_why why;
    assert_int_equal(sv_vibration_detector_start(&d, SV_VIBRATION_CHANNELS_MAX, NULL), SV_OK);
    assert_true(sv_vibration_detector_save(&d, bytes, sizeof bytes) > 0);
    for (unsigned settled = 0; settled < 2; settled++) {
        learn_from(&prng, 20);
        d.learnt = settled == 1;
        assert_true(sv_vibration_detector_save(&d, bytes, 2000) == 0);
        size_t len = sv_vibration_detector_save(&d, bytes, sizeof bytes);
        before = d;
        memset(&d, 0xee, sizeof d);
        assert_int_equal(sv_vibration_detector_load(&d, bytes, len, NULL), SV_OK);
        assert_memory_equal(&d.channel, &before.channel, sizeof d.channel);
        assert_true(d.channels == before.channels && d.learnt == before.learnt);
        for (size_t cut = 0; cut < len; cut += 3) {
            assert_int_equal(sv_vibration_detector_load(&d, bytes, cut, &why), SV_ERR_INVALID);
            bytes[cut] ^= 1;
            assert_int_equal(sv_vibration_detector_load(&d, bytes, len, &why), SV_ERR_INVALID);
            bytes[cut] ^= 1;
        }
        assert_string_equal(why.text, "the state of a vibration was cut or has changed");
        assert_memory_equal(&d.channel, &before.channel, sizeof d.channel);
    }
}

static int begin(void **state) {
    (void) state;
    sv_vibration_workspace_begin(&w);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sine_has_its_strength_no_impacts_and_one_band),
        cmocka_unit_test(a_tone_between_two_bins_stays_in_its_band),
        cmocka_unit_test(noise_is_spread_over_all_bands_and_as_unsteady_as_noise_is),
        cmocka_unit_test(impacts_show_in_kurtosis_crest_and_envelope),
        cmocka_unit_test(the_unit_and_the_zero_of_a_sensor_change_the_strength_alone),
        cmocka_unit_test(a_few_gaps_are_bridged_and_many_are_no_window),
        cmocka_unit_test(any_samples_have_features),
        cmocka_unit_test(features_have_names),
        cmocka_unit_test(a_healthy_machine_is_left_alone_at_another_load),
        cmocka_unit_test(a_fault_is_found_with_its_channel_and_what_stands_out),
        cmocka_unit_test(features_that_are_each_a_little_off_are_a_fault_together),
        cmocka_unit_test(too_little_to_learn_from_is_said),
        cmocka_unit_test(windows_that_are_all_alike_can_be_learnt),
        cmocka_unit_test(saved_and_loaded_it_judges_and_learns_the_same),
    };
    return cmocka_run_group_tests(tests, begin, NULL);
}
