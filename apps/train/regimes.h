// The operating conditions a fleet runs in, found from its settings, and what is usual in each.
#ifndef TRAIN_REGIMES_H
#define TRAIN_REGIMES_H

#include "table.h"

/// Clusters the settings. Where they fall into a few conditions, each far narrower than all of them
/// together, these are the recipe's regimes; where they do not, there is one and the settings are
/// left out. Then the sensors that vary in every regime, their means and spreads.
/// SV_ERR_INVALID where no sensor varies.
sv_err regimes_find(const sv_training_set *set, sv_recipe *recipe, picked *columns, sv_why *why);

#endif
