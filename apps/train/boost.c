#include "boost.h"
#include "forest_json.h"
#include <base/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xgboost/c_api.h>

struct boost {
    BoosterHandle booster;
    boost_plan plan;
};

enum { TOLD_EVERY = 20 };

static sv_err fault(const char *what, sv_why *why) {
    return sv_fail(why, SV_ERR_IO, "xgboost: %s: %.120s", what, XGBGetLastError());
}

static void drop_matrix(DMatrixHandle *matrix) {
    if (*matrix != NULL) {
        (void) XGDMatrixFree(*matrix);
        *matrix = NULL;
    }
}

static sv_err matrix_of(const float *rows, size_t count, size_t features, DMatrixHandle *out,
                        sv_why *why) {
    char values[192];
    (void) snprintf(values, sizeof values,
                    "{\"data\":[%llu,true],\"shape\":[%zu,%zu],\"typestr\":\"<f4\",\"version\":3}",
                    (unsigned long long) (uintptr_t) rows, count, features);
    return XGDMatrixCreateFromDense(values, "{\"missing\":NaN,\"nthread\":1}", out) == 0
               ? SV_OK
               : fault("the rows", why);
}

static sv_err set(boost *of, const char *name, const char *value, sv_why *why) {
    return XGBoosterSetParam(of->booster, name, value) == 0 ? SV_OK : fault(name, why);
}

static sv_err set_number(boost *of, const char *name, double value, sv_why *why) {
    char text[32];
    (void) snprintf(text, sizeof text, "%.9g", value);
    return set(of, name, text, why);
}

static sv_err set_plan(boost *of, sv_why *why) {
    const boost_plan *plan = &of->plan;
    const struct {
        const char *name;
        double value;
    } numbers[] = {
        { "nthread", 1 },
        { "seed", 1 },
        { "verbosity", 0 },
        { "max_depth", plan->depth },
        { "eta", plan->rate },
        { "subsample", plan->rows_share },
        { "colsample_bytree", plan->features_share },
        { "min_child_weight", plan->weight_min },
        { "base_score", plan->base },
    };
    for (size_t i = 0; i < SV_COUNT(numbers); i++) {
        SV_TRY(set_number(of, numbers[i].name, numbers[i].value, why));
    }
    SV_TRY(set(of, "tree_method", "hist", why));
    if (plan->outputs > 1) {
        SV_TRY(set_number(of, "num_class", plan->outputs, why));
        return set(of, "objective", "multi:softprob", why);
    }
    return set(of, "objective", plan->logistic ? "binary:logistic" : "reg:squarederror", why);
}

/// On a terminal one line that changes, in a log one line.
static void tell(const char *told, unsigned done, unsigned of) {
    bool ends = done == of;
    if (isatty(STDERR_FILENO) == 1 && (ends || done % TOLD_EVERY == 0)) {
        (void) fprintf(stderr, "\r%s: %u of %u trees%s", told, done, of, ends ? "\n" : "");
    } else if (ends) {
        (void) fprintf(stderr, "%s: %u trees\n", told, of);
    }
}

static sv_err grow(boost *of, DMatrixHandle matrix, const char *told, sv_why *why) {
    for (unsigned i = 0; i < of->plan.trees; i++) {
        if (XGBoosterUpdateOneIter(of->booster, (int) i, matrix) != 0) {
            return fault("growing a tree", why);
        }
        tell(told, i + 1, of->plan.trees);
    }
    return SV_OK;
}

/// The rows in use, side by side, and their labels.
static size_t pick(const table *of, const bool *use, const float *label, float *rows,
                   float *labels) {
    size_t count = 0;
    for (size_t i = 0; i < of->rows; i++) {
        if (use == NULL || use[i]) {
            memcpy(rows + count * of->features, of->feature + i * of->features,
                   of->features * sizeof *rows);
            labels[count++] = label[i];
        }
    }
    return count;
}

sv_err boost_grow(const table *of, const bool *use, const float *label, const boost_plan *plan,
                  const char *told, boost **out, sv_why *why) {
    SV_DEFER(sv_mem_drop) float *rows = sv_mem_array(of->rows * of->features, sizeof *rows);
    SV_DEFER(sv_mem_drop) float *labels = sv_mem_array(of->rows, sizeof *labels);
    size_t count = pick(of, use, label, rows, labels);
    SV_DEFER(drop_matrix) DMatrixHandle matrix = NULL;
    SV_TRY(matrix_of(rows, count, of->features, &matrix, why));
    if (XGDMatrixSetFloatInfo(matrix, "label", labels, count) != 0) {
        return fault("the labels", why);
    }
    SV_DEFER(boost_drop) boost *made = sv_mem_new(sizeof *made);
    made->plan = *plan;
    if (XGBoosterCreate(&matrix, 1, &made->booster) != 0) {
        return fault("a booster", why);
    }
    SV_TRY(set_plan(made, why));
    SV_TRY(grow(made, matrix, told, why));
    *out = made;
    made = NULL;
    return SV_OK;
}

sv_err boost_sums(boost *grown, const table *of, float *sums, sv_why *why) {
    SV_DEFER(drop_matrix) DMatrixHandle matrix = NULL;
    SV_TRY(matrix_of(of->feature, of->rows, of->features, &matrix, why));
    bst_ulong const *shape = NULL;
    bst_ulong dimensions = 0;
    const float *result = NULL;
    if (XGBoosterPredictFromDMatrix(grown->booster, matrix,
                                    "{\"type\":1,\"training\":false,\"iteration_begin\":0,"
                                    "\"iteration_end\":0,\"strict_shape\":true}",
                                    &shape, &dimensions, &result)
        != 0) {
        return fault("predicting", why);
    }
    if (dimensions != 2 || shape[0] != of->rows || shape[1] != grown->plan.outputs) {
        return sv_fail(why, SV_ERR_IO, "xgboost: predictions of another shape");
    }
    memcpy(sums, result, of->rows * grown->plan.outputs * sizeof *sums);
    return SV_OK;
}

sv_err boost_forest(boost *grown, size_t features, sv_forest *forest, sv_textbuf *out, double *gain,
                    sv_why *why) {
    bst_ulong len = 0;
    const char *text = NULL;
    if (XGBoosterSaveModelToBuffer(grown->booster, "{\"format\":\"json\"}", &len, &text) != 0) {
        return fault("the trees", why);
    }
    *forest = (sv_forest){ .depth = (uint8_t) grown->plan.depth,
                           .outputs = (uint8_t) grown->plan.outputs,
                           .features = (uint16_t) features,
                           // Logistic sums begin with the logit of the base, which is kept at 1/2.
                           .base = grown->plan.logistic ? 0 : (float) grown->plan.base };
    return forest_from_json((sv_text){ .at = text, .len = len }, forest, out, gain, why);
}

void boost_drop(boost **grown) {
    if (*grown != NULL) {
        (void) XGBoosterFree((*grown)->booster);
        free(*grown);
        *grown = NULL;
    }
}
