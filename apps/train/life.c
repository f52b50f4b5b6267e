// Remaining life: trees on what a machine has shown so far, and intervals from the estimates of
// machines that the trees had not seen.
#include "interval.h"
#include "regimes.h"
#include "train.h"
#include <base/mem.h>
#include <math.h>

enum { MACHINES_MIN = 10 };

/// Many shallow trees, each of few rows and features: found by leaving out whole engines of
/// NASA's training files (docs/detect.md).
static const boost_plan PLAN = { .trees = 250,
                                 .depth = 4,
                                 .outputs = 1,
                                 .rate = 0.03,
                                 .rows_share = 0.4,
                                 .features_share = 0.4,
                                 .weight_min = 20 };
/// Of few rows a leaf may hold fewer.
static const double LEAVES_OF_ROWS = 500;

static float *labels_of(const table *rows, double cap, double *mean) {
    float *label = sv_mem_array(rows->rows, sizeof *label);
    double sum = 0;
    for (size_t i = 0; i < rows->rows; i++) {
        label[i] = (float) fmin(rows->truth[i], cap);
        sum += (double) label[i];
    }
    *mean = sum / (double) rows->rows;
    return label;
}

static void tell_errors(making *of, const table *rows, const float *label, const float *estimate) {
    double squares = 0, sizes = 0, near_squares = 0, near = 0;
    for (size_t i = 0; i < rows->rows; i++) {
        double error = (double) estimate[i] - (double) label[i];
        squares += error * error;
        sizes += fabs(error);
        bool is_near = rows->truth[i] < of->set->cap;
        near_squares += is_near ? error * error : 0;
        near += is_near ? 1 : 0;
    }
    double count = (double) rows->rows;
    sv_textbuf_addf(&of->card,
                    "protocol: %d groups of machines, each estimated by trees of the others; "
                    "remaining life up to %g\n"
                    "rmse: %.2f over all rows, %.2f over those with less than %g left\n"
                    "mean absolute error: %.2f\n",
                    FOLDS, of->set->cap, sqrt(squares / count), sqrt(near_squares / fmax(1, near)),
                    of->set->cap, sizes / count);
}

static sv_err judge(making *of, const table *rows, const float *label, const boost_plan *plan,
                    sv_why *why) {
    SV_DEFER(sv_mem_drop) float *estimate = sv_mem_array(rows->rows, sizeof *estimate);
    SV_TRY(train_unseen(rows, label, plan, estimate, why));
    for (size_t i = 0; i < rows->rows; i++) {
        estimate[i] = fmaxf(0, fminf((float) of->set->cap, estimate[i]));
    }
    tell_errors(of, rows, label, estimate);
    double covered = interval_coverage(rows, estimate, of->set->cap);
    interval_knots(rows, estimate, of->set->cap, NULL, &of->model);
    sv_textbuf_addf(&of->card, "coverage of the 90 %% interval: %.1f %%\n", 100 * covered);
    return SV_OK;
}

static sv_err check(const sv_training_set *set, sv_why *why) {
    if (set->groups < MACHINES_MIN) {
        return sv_fail(why, SV_ERR_INVALID,
                       "%u machines that ran to their end are too few to learn from and to judge "
                       "by: %d are the least, 50 are good",
                       set->groups, MACHINES_MIN);
    }
    return SV_OK;
}

sv_err train_life(making *of, sv_why *why) {
    const sv_training_set *set = of->set;
    SV_TRY(check(set, why));
    sv_recipe *recipe = &of->model.recipe;
    recipe->kind = SV_RECIPE_LIFE;
    SV_TRY(regimes_find(set, recipe, &of->columns, why));
    of->model.cap = (float) set->cap;
    sv_textbuf_addf(&of->card, "machines: %u\nrows: %u\noperating conditions: %u\n", set->groups,
                    set->rows, recipe->regimes);
    SV_DEFER(table_drop) table rows = table_make(set, &of->columns, recipe);
    boost_plan plan = PLAN;
    plan.weight_min = fmax(1, fmin(plan.weight_min, (double) rows.rows / LEAVES_OF_ROWS));
    SV_DEFER(sv_mem_drop) float *label = labels_of(&rows, set->cap, &plan.base);
    plan.base = (double) (float) plan.base;
    SV_TRY(judge(of, &rows, label, &plan, why));
    return train_final(of, &rows, label, &plan, why);
}
