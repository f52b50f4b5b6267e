// From what stands in files to the training set: which columns count, what was true of each row.
#ifndef SELVEDGE_MODEL_SET_H
#define SELVEDGE_MODEL_SET_H

#include "model_data.h"

typedef struct model_set_plan {
    sv_model_task task;
    const char *label;          ///< a column, or NULL: remaining life counts to the last row
    uint32_t within;            ///< classes of lives: what comes true in so many rows; 0: of rows
    const char *group;          ///< as it is called in messages and in the model; NULL: none
    const char *positive;       ///< of two classes the one to look for; NULL: guessed
    const char *const *setting; ///< NULL-terminated names of columns
    double cap;
} model_set_plan;

/// Append the training set. What was left out and why goes to stderr. SV_ERR_INVALID with a
/// sentence.
sv_err model_set_make(const model_data *data, const model_set_plan *plan, sv_textbuf *out,
                      sv_why *why);

#endif
