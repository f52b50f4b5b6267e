// Classes of rows, and of lives that come to an end: trees with logistic loss, their sums made into
// probabilities that hold for rows the trees had not seen, and for two classes the threshold with
// the best F1 there.
#include "calibrate.h"
#include "regimes.h"
#include "train.h"
#include <base/mem.h>
#include <math.h>
#include <stdlib.h>

enum { ROWS_PER_CLASS_MIN = 10, PAIRS_FROM_ROWS = 1000, MACHINES_MIN = 10 };
/// How many features each tree sees. Where there are many, trees that see few of them have to find
/// what is wrong in several ways, and know it under conditions they have not seen.
static const double FEATURES_SEEN = 12;

static const boost_plan PLAN = { .trees = 200,
                                 .depth = 5,
                                 .outputs = 1,
                                 .logistic = true,
                                 .rate = 0.07,
                                 .rows_share = 0.6,
                                 .weight_min = 1,
                                 .base = 0.5 };

/// Of lives, which have many features that say nearly the same: as of remaining life.
static const boost_plan LIFE_PLAN = { .trees = 250,
                                      .depth = 4,
                                      .outputs = 1,
                                      .logistic = true,
                                      .rate = 0.03,
                                      .rows_share = 0.4,
                                      .features_share = 0.4,
                                      .weight_min = 5,
                                      .base = 0.5 };

static sv_err check(const sv_training_set *set, sv_why *why) {
    if (set->within > 0 && set->groups < MACHINES_MIN) {
        return sv_fail(why, SV_ERR_INVALID,
                       "lives of %u machines are too few to learn from and to judge by: %d are the "
                       "least, 50 are good",
                       set->groups, MACHINES_MIN);
    }
    SV_DEFER(sv_mem_drop) bool *seen = sv_mem_array((size_t) set->groups * set->classes + 1, 1);
    unsigned rows[SV_MODEL_CLASSES_MAX] = { 0 }, machines[SV_MODEL_CLASSES_MAX] = { 0 };
    for (uint32_t i = 0; i < set->rows; i++) {
        sv_training_row row;
        sv_training_row_get(set, i, &row);
        size_t class = (size_t) row.truth;
        rows[class]++;
        bool *of = set->groups == 0 ? NULL : &seen[(size_t) row.group * set->classes + class];
        if (of != NULL && !*of) {
            machines[class]++;
            *of = true;
        }
    }
    for (size_t i = 0; i < set->classes; i++) {
        if (rows[i] < ROWS_PER_CLASS_MIN) {
            return sv_fail(why, SV_ERR_INVALID,
                           "%u rows are '%.*s': %d of each class are the least to learn from",
                           rows[i], SV_TEXT_ARG(set->class_name[i]), ROWS_PER_CLASS_MIN);
        }
        if (set->groups > 0 && machines[i] < 2) {
            return sv_fail(why, SV_ERR_INVALID,
                           "all '%.*s' are of one %.*s: whether another would be found cannot be "
                           "judged",
                           SV_TEXT_ARG(set->class_name[i]), SV_TEXT_ARG(set->group));
        }
    }
    return SV_OK;
}

/// All columns; differences and products too where the columns are few and the rows many.
static void choose_rows(making *of) {
    const sv_training_set *set = of->set;
    sv_recipe *recipe = &of->model.recipe;
    recipe->kind = SV_RECIPE_ROWS;
    recipe->sensors = set->columns;
    // Numbers first, since pairs are made of the first columns.
    for (unsigned turn = 0; turn < 2; turn++) {
        for (uint16_t c = 0; c < set->columns; c++) {
            if ((set->column[c].categories > 0) == (turn == 1)) {
                of->columns.column[of->columns.count++] = c;
                recipe->paired = (uint16_t) (recipe->paired + (turn == 0 ? 1 : 0));
            }
        }
    }
    if (recipe->paired > SV_RECIPE_PAIRED_MAX || set->rows < PAIRS_FROM_ROWS) {
        recipe->paired = 0;
    }
}

static sv_err choose(making *of, sv_why *why) {
    sv_recipe *recipe = &of->model.recipe;
    if (of->set->within == 0) {
        choose_rows(of);
        return SV_OK;
    }
    recipe->kind = SV_RECIPE_LIFE;
    of->model.within = (float) of->set->within;
    SV_TRY(regimes_find(of->set, recipe, &of->columns, why));
    sv_textbuf_addf(&of->card,
                    "machines: %u\noperating conditions: %u\ntrue within: %u rows of a life\n",
                    of->set->groups, recipe->regimes, of->set->within);
    return SV_OK;
}

/// As many rounds as fit the file.
static boost_plan plan_for(const sv_training_set *set, size_t features) {
    boost_plan plan = set->within > 0 ? LIFE_PLAN : PLAN;
    if (set->within == 0) {
        plan.features_share = fmin(1, FEATURES_SEEN / (double) features);
    }
    if (set->classes > 2) {
        plan.outputs = set->classes;
        plan.logistic = false;
        plan.base = 0;
        plan.trees /= set->classes / 2U;
    }
    size_t trees = (size_t) plan.trees * plan.outputs;
    while (trees * sv_tree_bytes(plan.depth) > SV_FOREST_BYTES_MAX) {
        plan.depth--;
    }
    return plan;
}

static void tell_two(making *of, const table *rows, const float *sums) {
    const calibration_score score = calibrate_score(rows, sums, &of->model);
    sv_textbuf_addf(&of->card,
                    "looked for: %.*s, named when its probability is above %.4g\n"
                    "F1: %.4f, precision %.4f, recall %.4f\n"
                    "accuracy: %.4f\nroc-auc: %.4f\nbrier: %.5f\n",
                    SV_TEXT_ARG(of->model.class_name[1]), (double) of->model.threshold, score.f1,
                    score.precision, score.recall, score.accuracy, score.auc, score.brier);
}

static void tell_many(making *of, const table *rows, const float *sums) {
    size_t right = 0;
    unsigned of_class[SV_MODEL_CLASSES_MAX] = { 0 }, found[SV_MODEL_CLASSES_MAX] = { 0 };
    for (size_t i = 0; i < rows->rows; i++) {
        const float *row = sums + i * of->model.classes;
        size_t most = 0;
        for (size_t c = 1; c < of->model.classes; c++) {
            most = row[c] > row[most] ? c : most;
        }
        size_t truth = (size_t) rows->truth[i];
        right += most == truth ? 1 : 0;
        found[truth] += most == truth ? 1 : 0;
        of_class[truth]++;
    }
    sv_textbuf_addf(
        &of->card, "accuracy: %.4f\nof each class named so:", (double) right / (double) rows->rows);
    for (size_t c = 0; c < of->model.classes; c++) {
        sv_textbuf_addf(&of->card, "%s %.*s %.0f %%", c == 0 ? "" : ",",
                        SV_TEXT_ARG(of->model.class_name[c]),
                        100.0 * found[c] / (of_class[c] > 0 ? of_class[c] : 1));
    }
    sv_textbuf_add_char(&of->card, '\n');
}

static sv_err judge(making *of, const table *rows, const float *label, const boost_plan *plan,
                    sv_why *why) {
    SV_DEFER(sv_mem_drop) float *sums = sv_mem_array(rows->rows * plan->outputs, sizeof *sums);
    SV_TRY(train_unseen(rows, label, plan, sums, why));
    sv_textbuf_addf(&of->card, "protocol: %d groups of %s, each judged by trees of the others\n",
                    FOLDS, of->set->groups == 0 ? "rows" : "machines");
    if (of->model.classes == 2) {
        calibrate_two(rows, sums, &of->model);
        tell_two(of, rows, sums);
    } else {
        calibrate_many(rows, sums, &of->model);
        tell_many(of, rows, sums);
    }
    return SV_OK;
}

sv_err train_classes(making *of, sv_why *why) {
    const sv_training_set *set = of->set;
    SV_TRY(check(set, why));
    SV_TRY(choose(of, why));
    of->model.classes = set->classes;
    sv_textbuf_addf(&of->card, "rows: %u\nclasses:", set->rows);
    for (size_t i = 0; i < set->classes; i++) {
        of->model.class_name[i] = set->class_name[i];
        sv_textbuf_addf(&of->card, " %.*s", SV_TEXT_ARG(set->class_name[i]));
    }
    sv_textbuf_add_char(&of->card, '\n');
    SV_DEFER(table_drop) table rows = table_make(set, &of->columns, &of->model.recipe);
    SV_DEFER(sv_mem_drop) float *label = sv_mem_array(rows.rows, sizeof *label);
    for (size_t i = 0; i < rows.rows; i++) {
        label[i] = (float) rows.truth[i];
    }
    boost_plan plan = plan_for(set, rows.features);
    SV_TRY(judge(of, &rows, label, &plan, why));
    return train_final(of, &rows, label, &plan, why);
}
