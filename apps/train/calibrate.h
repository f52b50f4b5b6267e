// From the sums of trees to probabilities that hold: fitted on rows the trees had not seen.
#ifndef TRAIN_CALIBRATE_H
#define TRAIN_CALIBRATE_H

#include "table.h"

typedef struct calibration_score {
    double f1, precision, recall, accuracy, auc, brier;
} calibration_score;

/// Two classes: slope and shift of the logit (Platt's scaling), and the threshold with the best F1;
/// of several, the one nearest to 1/2.
void calibrate_two(const table *rows, const float *sums, sv_model *model);
calibration_score calibrate_score(const table *rows, const float *sums, const sv_model *model);
/// More classes: the slope with the least log loss.
void calibrate_many(const table *rows, const float *sums, sv_model *model);

#endif
