#include "train.h"
#include <base/mem.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TOLD_MAX = 64, TOLD_COLUMNS = 6 };
/// How far a sum of the walker may lie from xgboost's, as a share of its size.
static const double DIFFERENCE_MAX = 1e-6;

sv_err train_unseen(const table *of, const float *label, const boost_plan *plan, float *sums,
                    sv_why *why) {
    SV_DEFER(sv_mem_drop) bool *use = sv_mem_array(of->rows, sizeof *use);
    SV_DEFER(sv_mem_drop) float *all = sv_mem_array(of->rows * plan->outputs, sizeof *all);
    for (uint32_t fold = 0; fold < FOLDS; fold++) {
        for (size_t i = 0; i < of->rows; i++) {
            use[i] = of->fold[i] != fold;
        }
        char told[TOLD_MAX];
        (void) snprintf(told, sizeof told, "cross-validation %u of %d", fold + 1, FOLDS);
        SV_DEFER(boost_drop) boost *grown = NULL;
        SV_TRY(boost_grow(of, use, label, plan, told, &grown, why));
        SV_TRY(boost_sums(grown, of, all, why));
        for (size_t i = 0; i < of->rows; i++) {
            if (of->fold[i] == fold) {
                memcpy(sums + i * plan->outputs, all + i * plan->outputs,
                       plan->outputs * sizeof *sums);
            }
        }
    }
    return SV_OK;
}

static sv_err compare(making *of, const table *rows, boost *grown, sv_why *why) {
    const sv_forest *forest = &of->model.forest;
    SV_DEFER(sv_mem_drop) float *sums = sv_mem_array(rows->rows * forest->outputs, sizeof *sums);
    SV_TRY(boost_sums(grown, rows, sums, why));
    double most = 0;
    for (size_t i = 0; i < rows->rows; i++) {
        float walked[SV_FOREST_OUTPUTS_MAX];
        sv_forest_sums(forest, rows->feature + i * rows->features, walked);
        for (size_t o = 0; o < forest->outputs; o++) {
            double theirs = (double) sums[i * forest->outputs + o];
            double far = fabs((double) walked[o] - theirs) / fmax(1, fabs(theirs));
            most = fmax(most, far);
            if (!(far <= DIFFERENCE_MAX)) {
                return sv_fail(why, SV_ERR_IO,
                               "row %zu: the model's sum is %.9g, xgboost's %.9g; this libxgboost "
                               "may not be of version 1.7",
                               i + 1, (double) walked[o], theirs);
            }
        }
    }
    sv_textbuf_addf(&of->card, "largest difference from xgboost: %g on %zu rows\n", most,
                    rows->rows);
    return SV_OK;
}

/// Feature by feature to the columns it was made of; the last place is a machine's age.
static void add_gain(const sv_recipe *recipe, const double *gain, double *by_column) {
    size_t columns = sv_recipe_columns(recipe);
    if (recipe->kind == SV_RECIPE_LIFE) {
        size_t told = (size_t) recipe->sensors * SV_RECIPE_SENSOR_FEATURES;
        for (size_t i = 0; i < told; i++) {
            by_column[recipe->settings + i / SV_RECIPE_SENSOR_FEATURES] += gain[i];
        }
        by_column[columns] += gain[told];
        return;
    }
    size_t at = 0;
    for (; at < columns; at++) {
        by_column[at] += gain[at];
    }
    for (size_t i = 0; i < recipe->paired; i++) {
        for (size_t j = i + 1; j < recipe->paired; j++, at += 2) {
            by_column[i] += (gain[at] + gain[at + 1]) / 2;
            by_column[j] += (gain[at] + gain[at + 1]) / 2;
        }
    }
}

/// The columns that the splits gained most by, in hundredths of all that was gained.
static void tell_gains(making *of, const double *gain) {
    double by_column[SV_RECIPE_COLUMNS_MAX + 1] = { 0 }, total = 0;
    size_t columns = of->columns.count;
    add_gain(&of->model.recipe, gain, by_column);
    for (size_t i = 0; i <= columns; i++) {
        total += by_column[i];
    }
    sv_textbuf_add_str(&of->card, "looks most at:");
    for (unsigned told = 0; total > 0 && told < TOLD_COLUMNS; told++) {
        size_t most = 0;
        for (size_t i = 1; i <= columns; i++) {
            most = by_column[i] > by_column[most] ? i : most;
        }
        int share = (int) lround(100 * by_column[most] / total);
        sv_text name = SV_TEXT("the machine's age");
        if (most < columns) {
            name = of->set->column[of->columns.column[most]].name;
        }
        if (share > 0) {
            sv_textbuf_addf(&of->card, "%s %.*s (%d %%)", told == 0 ? "" : ",", SV_TEXT_ARG(name),
                            share);
        }
        by_column[most] = 0;
    }
    sv_textbuf_add_char(&of->card, '\n');
}

sv_err train_final(making *of, const table *rows, const float *label, const boost_plan *plan,
                   sv_why *why) {
    SV_DEFER(boost_drop) boost *grown = NULL;
    SV_TRY(boost_grow(rows, NULL, label, plan, "all machines", &grown, why));
    SV_DEFER(sv_mem_drop) double *gain = sv_mem_array(rows->features, sizeof *gain);
    SV_TRY(boost_forest(grown, rows->features, &of->model.forest, &of->trees, gain, why));
    tell_gains(of, gain);
    sv_textbuf_addf(&of->card, "trees: %u of depth %u, %zu bytes\n", of->model.forest.count,
                    of->model.forest.depth, of->trees.len);
    return compare(of, rows, grown, why);
}

static void name_columns(making *of) {
    sv_textbuf_add_str(&of->card, "columns:");
    for (size_t i = 0; i < of->columns.count; i++) {
        const sv_model_column *column = &of->set->column[of->columns.column[i]];
        of->model.columns[i] = *column;
        sv_textbuf_addf(&of->card, " %.*s", SV_TEXT_ARG(column->name));
    }
    sv_textbuf_addf(&of->card, "\nfeatures: %zu\n", sv_recipe_features(&of->model.recipe));
}

sv_err train(const sv_training_set *set, sv_textbuf *out, sv_why *why) {
    SV_DEFER(sv_mem_drop) making *of = sv_mem_new(sizeof *of);
    SV_DEFER(sv_textbuf_drop) sv_textbuf trees = SV_TEXTBUF_HEAP(SV_FOREST_BYTES_MAX + 1);
    SV_DEFER(sv_textbuf_drop) sv_textbuf card = SV_TEXTBUF_HEAP(SV_MODEL_CARD_BYTES_MAX + 1);
    *of = (making){ .set = set, .trees = trees, .card = card };
    of->model.task = set->task;
    of->model.group = set->group;
    sv_textbuf_addf(&of->card, "task: %s\nmade by: selvedge-train %s, xgboost\n%.*s",
                    sv_model_task_name(set->task), SV_VERSION, SV_TEXT_ARG(set->source));
    sv_err err = set->task == SV_MODEL_RUL ? train_life(of, why) : train_classes(of, why);
    if (err == SV_OK) {
        name_columns(of);
        of->model.card = sv_textbuf_text(&of->card);
        err = sv_model_write(&of->model, out, why);
    }
    trees = of->trees; // they have grown, and are dropped here
    card = of->card;
    return err;
}
