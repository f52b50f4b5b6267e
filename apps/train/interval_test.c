#include "interval.h"
#include <base/mem.h>
#include <base/prng.h>
#include <base/test.h>
#include <math.h>
#include <stdlib.h>

enum { MACHINES = 200, EACH = 100, ROWS = MACHINES * EACH };

typedef struct judged {
    table rows;
    float *estimate;
} judged;

/// Estimates that are the wider off the more is left, every machine with its own bias.
static judged estimates(void) {
    judged of = { .rows = { .rows = ROWS, .groups = MACHINES } };
    of.rows.truth = sv_mem_array(ROWS, sizeof *of.rows.truth);
    of.rows.group = sv_mem_array(ROWS, sizeof *of.rows.group);
    of.rows.fold = sv_mem_array(ROWS, sizeof *of.rows.fold);
    of.estimate = sv_mem_array(ROWS, sizeof *of.estimate);
    sv_prng prng = { .state = 11 };
    for (unsigned i = 0; i < ROWS; i++) {
        unsigned machine = i / EACH;
        double left = EACH - 1 - i % EACH;
        of.rows.truth[i] = left;
        of.rows.group[i] = machine;
        of.rows.fold[i] = machine % FOLDS;
        double off = sv_prng_normal(&prng) * (1 + left / 10);
        of.estimate[i] = (float) fmax(0, fmin(125, left + off));
    }
    return of;
}

static void drop(judged *of) {
    table_drop(&of->rows);
    free(of->estimate);
}

// [model-5] [model-12]
static void nine_rows_in_ten_of_machines_left_out_lie_in_the_interval(void **state) {
    (void) state;
    SV_DEFER(drop) judged of = estimates();
    double covered = interval_coverage(&of.rows, of.estimate, 125);
    assert_true(covered > 0.88 && covered < 0.92);
}

// [model-5]
static void the_interval_is_narrow_where_estimates_are_good(void **state) {
    (void) state;
    SV_DEFER(drop) judged of = estimates();
    SV_DEFER(sv_mem_drop) sv_model *model = sv_mem_new(sizeof *model);
    interval_knots(&of.rows, of.estimate, 125, NULL, model);
    model->cap = 125;
    assert_in_range(model->knots, 5, SV_MODEL_KNOTS_MAX);
    sv_remaining soon, late;
    sv_model_remaining_at(model, 5, &soon);
    sv_model_remaining_at(model, 80, &late);
    assert_true(soon.high - soon.low < 8);
    assert_true(late.high - late.low > 20);
    for (unsigned i = 1; i < model->knots; i++) {
        assert_true(model->knot[i].at > model->knot[i - 1].at);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nine_rows_in_ten_of_machines_left_out_lie_in_the_interval),
        cmocka_unit_test(the_interval_is_narrow_where_estimates_are_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
