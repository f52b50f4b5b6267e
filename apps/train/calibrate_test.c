#include "calibrate.h"
#include <base/mem.h>
#include <base/prng.h>
#include <base/test.h>
#include <math.h>
#include <stdlib.h>

enum { ROWS = 20000 };

/// Sums that are twice as sure of themselves as they may be, and shifted.
static table judged(float *sums) {
    table of = { .rows = ROWS, .groups = ROWS, .truth = sv_mem_array(ROWS, sizeof(double)) };
    sv_prng prng = { .state = 3 };
    for (unsigned i = 0; i < ROWS; i++) {
        double logit = 2 * sv_prng_normal(&prng) - 2;
        of.truth[i] = sv_prng_unit(&prng) < 1 / (1 + exp(-logit)) ? 1 : 0;
        sums[i] = (float) (2 * logit + 1);
    }
    return of;
}

// [model-6] [model-12]
static void probabilities_become_what_happens(void **state) {
    (void) state;
    static float sums[ROWS];
    SV_DEFER(table_drop) table of = judged(sums);
    SV_DEFER(sv_mem_drop) sv_model *model = sv_mem_new(sizeof *model);
    calibrate_two(&of, sums, model);
    assert_true(fabs((double) model->slope - 0.5) < 0.03);
    assert_true(fabs((double) model->shift + 0.5) < 0.08);
}

static void the_threshold_has_the_best_f1_there_is(void **state) {
    (void) state;
    static float sums[ROWS];
    SV_DEFER(table_drop) table of = judged(sums);
    SV_DEFER(sv_mem_drop) sv_model *model = sv_mem_new(sizeof *model);
    calibrate_two(&of, sums, model);
    double best = calibrate_score(&of, sums, model).f1;
    for (unsigned i = 1; i < 100; i++) {
        model->threshold = (float) i / 100;
        assert_true(calibrate_score(&of, sums, model).f1 <= best + 1e-9);
    }
}

static void classes_that_lie_apart_have_their_threshold_between_them(void **state) {
    (void) state;
    const float sums[] = { -3, -2.5F, -2, 2, 2.5F };
    double truth[] = { 0, 0, 0, 1, 1 };
    const table of = { .rows = 5, .groups = 5, .truth = truth };
    SV_DEFER(sv_mem_drop) sv_model *model = sv_mem_new(sizeof *model);
    calibrate_two(&of, sums, model);
    const calibration_score score = calibrate_score(&of, sums, model);
    assert_true(score.f1 == 1 && score.accuracy == 1 && score.auc == 1 && score.brier < 0.1);
    assert_true(model->threshold > 0.2F && model->threshold < 0.8F);
}

static void the_area_counts_ties_half(void **state) {
    (void) state;
    const float sums[] = { 1, 1, 0, 2 };
    double truth[] = { 1, 0, 0, 1 };
    const table of = { .rows = 4, .groups = 4, .truth = truth };
    sv_model *model = sv_mem_new(sizeof *model);
    model->slope = 1;
    model->threshold = 0.5F;
    assert_true(fabs(calibrate_score(&of, sums, model).auc - 0.875) < 1e-12);
    free(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probabilities_become_what_happens),
        cmocka_unit_test(the_threshold_has_the_best_f1_there_is),
        cmocka_unit_test(classes_that_lie_apart_have_their_threshold_between_them),
        cmocka_unit_test(the_area_counts_ties_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
