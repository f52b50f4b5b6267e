// xgboost, and nothing else of it: trees are grown on some rows of a table, asked for their sums,
// and handed over as a forest. One thread and a fixed seed, so the same rows give the same trees.
#ifndef TRAIN_BOOST_H
#define TRAIN_BOOST_H

#include "table.h"

typedef struct boost_plan {
    unsigned trees; ///< rounds; each grows one tree per output
    unsigned depth;
    unsigned outputs; ///< 1, or one per class
    bool logistic;    ///< two classes on one output
    double rate, rows_share, features_share, weight_min;
    double base; ///< what the sums begin with
} boost_plan;

typedef struct boost boost;

/// Grow trees on the rows whose `use` is set (NULL: all), for `label` of each row. `told` is what
/// stands on stderr meanwhile.
sv_err boost_grow(const table *of, const bool *use, const float *label, const boost_plan *plan,
                  const char *told, boost **out, sv_why *why);
/// The sums of every row of `of`: plan->outputs each.
sv_err boost_sums(boost *grown, const table *of, float *sums, sv_why *why);
/// The trees in the form of the model file; `out` holds their bytes and lives as long.
/// What the splits by each of the features gained is added to `gain`.
sv_err boost_forest(boost *grown, size_t features, sv_forest *forest, sv_textbuf *out, double *gain,
                    sv_why *why);
/// For SV_DEFER.
void boost_drop(boost **grown);

#endif
