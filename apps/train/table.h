// The rows of a training set as the features that the trees will see, whose each is, and what was
// true of it.
#ifndef TRAIN_TABLE_H
#define TRAIN_TABLE_H

#include <detect/training_set.h>

typedef struct table {
    size_t rows, features;
    float *feature;  ///< row by row
    double *truth;   ///< rows left, not capped; or the class
    uint32_t *group; ///< below `groups`
    uint32_t *fold;  ///< which part of the machines it belongs to; below FOLDS
    uint32_t groups; ///< machines; without machines every row is one
} table;

/// Into how many parts the machines are split; each part is judged by trees of the others.
enum { FOLDS = 5 };

/// Which columns of the set make a row of the recipe, in its order.
typedef struct picked {
    size_t count;
    uint16_t column[SV_RECIPE_COLUMNS_MAX];
} picked;

/// Every row through the recipe, machine by machine in the order they came.
table table_make(const sv_training_set *set, const picked *columns, const sv_recipe *recipe);
void table_drop(table *of);

#endif
