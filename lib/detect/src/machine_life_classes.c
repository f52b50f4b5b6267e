#include "machine_life_own.h"
#include <math.h>
#include <string.h>

/// Below this part of the confidence nobody asks which sensors it comes from.
#define ASKED 0.5
/// How far apart values may lie that are only compared.
#define VALUE_MAX 1e30

sv_err sv_mlife_check_classes(const sv_model *model, const sv_mlife_terms *terms, sv_why *why) {
    if (sv_model_fine_class(model) == model->classes) {
        return sv_fail(why, SV_ERR_INVALID,
                       "none of the model's %u classes says that nothing is wrong: one is to be "
                       "called healthy, normal or ok",
                       model->classes);
    }
    if (!(fabs(terms->horizon - (double) model->within) <= 0)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the model has learnt what comes true within %g rows; the horizon is to be "
                       "the same, not %g rows",
                       (double) model->within, terms->horizon);
    }
    return SV_OK;
}

unsigned sv_mlife_fault(const sv_mlife *life) {
    unsigned fine = sv_model_fine_class(life->model);
    unsigned most = fine == 0 ? 1 : 0;
    for (unsigned i = 0; i < life->model->classes; i++) {
        most = i != fine && life->probability[i] > life->probability[most] ? i : most;
    }
    return most;
}

// ---- a row --------------------------------------------------------------------------------------

void sv_mlife_take_row(sv_mlife *life, const double *row, float *features) {
    const sv_recipe *recipe = &life->model->recipe;
    sv_wear *wear = &life->wear;
    bool is_first = wear->rows < SV_MLIFE_ROWS_MIN;
    wear->rows += wear->rows < UINT32_MAX ? 1 : 0;
    double firsts = wear->rows < SV_MLIFE_ROWS_MIN ? wear->rows : SV_MLIFE_ROWS_MIN;
    for (size_t i = 0; i < recipe->sensors; i++) {
        sv_wear_sensor *of = &wear->sensor[i];
        of->last = isfinite(row[i]) ? fmax(-VALUE_MAX, fmin(VALUE_MAX, row[i])) : of->last;
        of->first += is_first ? of->last : 0;
        life->come[i] = (float) (of->last - of->first / firsts);
    }
    life->known = true;
    sv_recipe_push(recipe, NULL, row, features);
}

static double risk_of(const sv_model *model, const float *features,
                      double probability[SV_MODEL_CLASSES_MAX]) {
    (void) sv_model_classify(model, features, probability);
    double fine = probability[sv_model_fine_class(model)];
    return fmax(0, fmin(1, 1 - fine));
}

/// The risk, if this sensor still were as in the machine's first rows.
static double risk_without(const sv_mlife *life, const double *row, const float *features,
                           size_t sensor) {
    const sv_recipe *recipe = &life->model->recipe;
    float others[SV_RECIPE_FEATURES_MAX];
    double probability[SV_MODEL_CLASSES_MAX];
    if (recipe->kind == SV_RECIPE_LIFE) {
        memcpy(others, features, sv_recipe_features(recipe) * sizeof *others);
        sv_wear_as_first(&life->wear, sensor, others);
    } else {
        double values[SV_GRID_SENSORS_MAX];
        uint32_t rows = life->wear.rows;
        double firsts = rows < SV_MLIFE_ROWS_MIN ? rows : SV_MLIFE_ROWS_MIN;
        memcpy(values, row, recipe->sensors * sizeof *values);
        values[sensor] = life->wear.sensor[sensor].first / firsts;
        sv_recipe_push(recipe, NULL, values, others);
    }
    return risk_of(life->model, others, probability);
}

void sv_mlife_classify(sv_mlife *life, const double *row, const float *features) {
    life->risk = risk_of(life->model, features, life->probability);
    bool asked = life->risk >= ASKED * life->terms.confidence;
    for (size_t i = 0; i < life->model->recipe.sensors; i++) {
        life->by[i] = asked ? (float) (life->risk - risk_without(life, row, features, i)) : 0;
    }
}

// ---- kept ---------------------------------------------------------------------------------------

void sv_mlife_put_classes(const sv_mlife *life, sv_textbuf *out) {
    for (size_t i = 0; i < life->model->classes; i++) {
        put_double(out, life->probability[i]);
    }
    for (size_t i = 0; i < life->model->recipe.sensors; i++) {
        put_float(out, life->by[i]);
    }
}

void sv_mlife_get_classes(sv_cursor *in, sv_mlife *life) {
    for (size_t i = 0; i < life->model->classes; i++) {
        life->probability[i] = cursor_double(in);
        in->failed = in->failed || !(life->probability[i] >= 0 && life->probability[i] <= 1);
    }
    for (size_t i = 0; i < life->model->recipe.sensors; i++) {
        life->by[i] = cursor_float(in);
        in->failed = in->failed || !(fabsf(life->by[i]) <= 1);
    }
}
