// Where true remaining life lies around an estimate, from estimates of machines that the trees had
// not seen.
#ifndef TRAIN_INTERVAL_H
#define TRAIN_INTERVAL_H

#include "table.h"

/// The knots of `model` from the rows whose `use` is set (NULL: all).
void interval_knots(const table *rows, const float *estimate, double cap, const bool *use,
                    sv_model *model);
/// The share of rows whose truth lies in the interval, each fold's by knots of the others.
double interval_coverage(const table *rows, const float *estimate, double cap);

#endif
