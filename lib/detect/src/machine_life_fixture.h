// A small model of remaining life: a setting `load`, a sensor `temperature` of mean 0 and spread 1;
// 60 rows left while its average over ten rows is below 1, 2 rows from there on. And two of
// classes: of lives, with a bearing that fails within ten rows from there on, and of rows by
// themselves, where a temperature of 1 and more is hot.
#ifndef SV_DETECT_MACHINE_LIFE_FIXTURE_H
#define SV_DETECT_MACHINE_LIFE_FIXTURE_H

#include <base/time.h>
#include <detect/machine_life.h>

typedef struct life_made {
    uint8_t trees[3 * 14];
    sv_model model;
} life_made;

static const sv_mlife_terms LIFE_TERMS = { .row_us = SV_TIME_HOUR_US,
                                           .horizon = 10,
                                           .confidence = 0.5 };

static inline void life_make(life_made *m) {
    *m = (life_made){ .model = { .task = SV_MODEL_RUL, .cap = 125, .knots = 2 } };
    sv_model *model = &m->model;
    model->columns[0].name = SV_TEXT("load");
    model->columns[1].name = SV_TEXT("temperature");
    model->recipe = (sv_recipe){
        .kind = SV_RECIPE_LIFE, .sensors = 1, .settings = 1, .regimes = 1, .setting_scale = { 1 }
    };
    model->recipe.regime[0].spread[0] = 1;
    model->knot[0] = (sv_model_knot){ .at = 0, .offset = { -3, -2, -1, -0.5F, 0, 0.5F, 1, 2, 3 } };
    model->knot[1] =
        (sv_model_knot){ .at = 100, .offset = { -30, -20, -10, -5, 0, 5, 10, 40, 80 } };
    model->forest = (sv_forest){ .trees = m->trees,
                                 .count = 1,
                                 .depth = 1,
                                 .outputs = 1,
                                 .features = SV_RECIPE_SENSOR_FEATURES + 1,
                                 .base = 0 };
    const sv_tree tree = { .splits = { { .feature = 0, .below = 1 } }, .leaves = { 60, 2 } };
    sv_tree_put(&tree, 1, m->trees);
}

static const sv_mlife_terms ROW_TERMS = { .row_us = SV_TIME_HOUR_US,
                                          .horizon = 0,
                                          .confidence = 0.5 };

static inline void life_make_classes(life_made *m) {
    static const float HOT[3] = { -3, 2, 0 };
    life_make(m);
    sv_model *model = &m->model;
    model->task = SV_MODEL_CLASS;
    model->within = 10;
    model->classes = 3;
    model->class_name[0] = SV_TEXT("bearing");
    model->class_name[1] = SV_TEXT("healthy");
    model->class_name[2] = SV_TEXT("seal");
    model->slope = 1;
    model->threshold = 0.5F;
    model->forest.count = 3;
    model->forest.outputs = 3;
    for (size_t i = 0; i < 3; i++) {
        const sv_tree tree = { .splits = { { .feature = 0, .below = 1 } },
                               .leaves = { i == 1 ? 3 : -3, HOT[i == 0   ? 1
                                                                : i == 1 ? 0
                                                                         : 2] } };
        sv_tree_put(&tree, 1, m->trees + i * sv_tree_bytes(1));
    }
}

static inline void life_make_rows(life_made *m) {
    life_make_classes(m);
    sv_model *model = &m->model;
    const sv_tree tree = { .splits = { { .feature = 1, .below = 1 } }, .leaves = { -3, 3 } };
    model->within = 0;
    model->classes = 2;
    model->class_name[0] = SV_TEXT("cold");
    model->class_name[1] = SV_TEXT("hot");
    model->recipe = (sv_recipe){ .kind = SV_RECIPE_ROWS, .sensors = 2 };
    model->forest.count = model->forest.outputs = 1;
    model->forest.features = 2;
    sv_tree_put(&tree, 1, m->trees);
}

/// Hours of one reading each, from `from` up to but not including `to`.
static inline unsigned life_live(sv_mlife *life, int from, int to, double temperature) {
    unsigned rows = 0;
    for (int i = from; i < to; i++) {
        int64_t at_us = i * SV_TIME_HOUR_US;
        rows += sv_mlife_take(life, SV_TEXT("load"), 5, at_us) ? 1 : 0;
        rows += sv_mlife_take(life, SV_TEXT("temperature"), temperature, at_us) ? 1 : 0;
        rows += sv_mlife_take(life, SV_TEXT("noise"), 7, at_us) ? 1 : 0;
    }
    return rows;
}

#endif
