// The score that an alert needs.
#include <base/test.h>
#include <base/time.h>
#include <detect/aim.h>
#include <math.h>

static const sv_aim_scores SCORES = {
    .of = { [SV_SENSITIVITY_NORMAL] = 0.5,
            [SV_SENSITIVITY_LOW] = 0.8,
            [SV_SENSITIVITY_HIGH] = 0.4 },
    .highest = 0.985,
};

static const double WEEK_US = 7 * (double) SV_TIME_DAY_US;

// [detect-8]
static void without_a_number_it_is_that_of_the_sensitivity(void **state) {
    (void) state;
    double shift = 3;
    for (unsigned s = 0; s < SV_SENSITIVITY__COUNT; s++) {
        sv_aim aim = { (sv_sensitivity) s, 0 };
        sv_aim_raised(aim, &SCORES, &shift);
        assert_true(sv_aim_bar(aim, &SCORES, WEEK_US, &shift) == SCORES.of[s]);
        assert_true(shift == 0);
    }
}

// [detect-16]
static void it_rises_with_an_alert_as_it_falls_in_the_time_of_one(void **state) {
    (void) state;
    static const double WANTED[] = { 0.25, 0.75, 2, 7, 20 };
    for (size_t k = 0; k < SV_COUNT(WANTED); k++) {
        sv_aim aim = { SV_SENSITIVITY_LOW, WANTED[k] };
        double shift = 0;
        double before = sv_aim_bar(aim, &SCORES, 0, &shift);
        assert_true(fabs(before - 0.8) < 1e-9);
        sv_aim_raised(aim, &SCORES, &shift);
        assert_true(sv_aim_bar(aim, &SCORES, 0, &shift) > before);
        double after = 0;
        for (int i = 0; i < 1000; i++) { // in whatever steps
            after = sv_aim_bar(aim, &SCORES, WEEK_US / WANTED[k] / 1000, &shift);
        }
        assert_true(fabs(after - before) < 1e-9);
    }
}

// [detect-16]
static void it_stays_between_that_of_high_and_the_highest(void **state) {
    (void) state;
    sv_aim aim = { SV_SENSITIVITY_NORMAL, 1000 };
    double shift = 0;
    assert_true(fabs(sv_aim_bar(aim, &SCORES, 1e18, &shift) - 0.4) < 1e-9);
    for (int i = 0; i < 100; i++) {
        sv_aim_raised(aim, &SCORES, &shift);
    }
    assert_true(fabs(sv_aim_bar(aim, &SCORES, 0, &shift) - 0.985) < 1e-9);
    assert_true(fabs(shift) < SV_AIM_SHIFT_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_number_it_is_that_of_the_sensitivity),
        cmocka_unit_test(it_rises_with_an_alert_as_it_falls_in_the_time_of_one),
        cmocka_unit_test(it_stays_between_that_of_high_and_the_highest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
