// The trees of xgboost's JSON model (1.7) as a forest of complete trees.
#ifndef TRAIN_FOREST_JSON_H
#define TRAIN_FOREST_JSON_H

#include <base/text.h>
#include <detect/tree.h>

/// `forest` says depth, outputs and features; its trees are appended to `out`, which they borrow.
/// What the splits by each feature gained is added to `gain`, one number per feature.
/// SV_ERR_INVALID where a tree is deeper, has categories, or is no tree.
sv_err forest_from_json(sv_text json, sv_forest *forest, sv_textbuf *out, double *gain,
                        sv_why *why);

#endif
