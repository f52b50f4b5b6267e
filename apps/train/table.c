#include "table.h"
#include <base/mem.h>
#include <base/prng.h>
#include <stdlib.h>

/// Whole machines go to one fold; of classes each fold gets its share of every class, as far as
/// that goes: machines are dealt out class by class.
static uint32_t *deal(const table *of, const sv_training_set *set) {
    uint32_t *fold = sv_mem_array(of->groups, sizeof *fold);
    uint32_t *order = sv_mem_array(of->groups, sizeof *order);
    uint8_t *of_class = sv_mem_array(of->groups, sizeof *of_class);
    for (size_t i = 0; i < of->rows; i++) {
        of_class[of->group[i]] = set->task == SV_MODEL_CLASS ? (uint8_t) of->truth[i] : 0;
    }
    sv_prng prng = { .state = 1 };
    for (uint32_t i = 0; i < of->groups; i++) {
        uint32_t at = (uint32_t) (sv_prng_next(&prng) % (i + 1U));
        order[i] = order[at];
        order[at] = i;
    }
    uint32_t next = 0;
    for (unsigned class = 0; class < SV_MODEL_CLASSES_MAX; class ++) {
        for (uint32_t i = 0; i < of->groups; i++) {
            if (of_class[order[i]] == class) {
                fold[order[i]] = next++ % FOLDS;
            }
        }
    }
    free(order);
    free(of_class);
    return fold;
}

table table_make(const sv_training_set *set, const picked *columns, const sv_recipe *recipe) {
    table made = { .rows = set->rows, .features = sv_recipe_features(recipe) };
    made.groups = set->groups == 0 ? set->rows : set->groups;
    made.feature = sv_mem_array(made.rows * made.features, sizeof *made.feature);
    made.truth = sv_mem_array(made.rows, sizeof *made.truth);
    made.group = sv_mem_array(made.rows, sizeof *made.group);
    made.fold = sv_mem_array(made.rows, sizeof *made.fold);
    bool is_life = recipe->kind == SV_RECIPE_LIFE;
    sv_wear *wear = sv_mem_array(is_life ? made.groups : 1, sizeof *wear);
    for (uint32_t i = 0; i < set->rows; i++) {
        sv_training_row row;
        sv_training_row_get(set, i, &row);
        made.truth[i] = row.truth;
        made.group[i] = set->groups == 0 ? i : row.group;
        double values[SV_RECIPE_COLUMNS_MAX];
        for (size_t c = 0; c < columns->count; c++) {
            values[c] = row.values[columns->column[c]];
        }
        sv_recipe_push(recipe, &wear[is_life ? made.group[i] : 0], values,
                       made.feature + i * made.features);
    }
    free(wear);
    uint32_t *fold = deal(&made, set);
    for (size_t i = 0; i < made.rows; i++) {
        made.fold[i] = fold[made.group[i]];
    }
    free(fold);
    return made;
}

void table_drop(table *of) {
    free(of->feature);
    free(of->truth);
    free(of->group);
    free(of->fold);
    *of = (table){ .rows = 0 };
}
