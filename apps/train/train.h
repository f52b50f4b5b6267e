// From a training set to a model. What the two tasks have in common stands here: every claim in
// the card is about machines that the trees had not seen.
#ifndef TRAIN_TRAIN_H
#define TRAIN_TRAIN_H

#include "boost.h"

/// A model that is being made, and what it borrows from.
typedef struct making {
    const sv_training_set *set;
    sv_model model;
    picked columns;
    sv_textbuf trees; ///< heap
    sv_textbuf card;  ///< heap
} making;

/// Fills model (not its card and forest), columns and the card's own lines.
sv_err train_life(making *of, sv_why *why);
sv_err train_classes(making *of, sv_why *why);

/// All of it: the bytes of the model file are appended to `out`.
sv_err train(const sv_training_set *set, sv_textbuf *out, sv_why *why);

/// Each row's sums by trees that saw nothing of its machine; `sums` has plan->outputs per row.
sv_err train_unseen(const table *of, const float *label, const boost_plan *plan, float *sums,
                    sv_why *why);
/// Trees of all rows, put into the model. Walks every row and holds the sums against xgboost's:
/// SV_ERR_IO where one differs by more than 1e-6 of its size. [model-2]
sv_err train_final(making *of, const table *rows, const float *label, const boost_plan *plan,
                   sv_why *why);

#endif
