#include "train.h"
#include <base/mem.h>
#include <base/num.h>
#include <base/prng.h>
#include <base/test.h>
#include <math.h>
#include <stdlib.h>

enum { MACHINES = 14, COLUMNS = 3 };

static void begin(sv_training_set *set, sv_model_task task, uint32_t rows, sv_textbuf *out) {
    *set = (sv_training_set){ .task = task,
                              .rows = rows,
                              .columns = COLUMNS,
                              .cap = 125,
                              .source = SV_TEXT("data: made.csv\n") };
    set->column[0].name = SV_TEXT("wear");
    set->column[1].name = SV_TEXT("noise");
    set->column[2].name = SV_TEXT("other");
    set->groups = task == SV_MODEL_RUL ? MACHINES : 0;
    set->group = task == SV_MODEL_RUL ? SV_TEXT("machine") : SV_TEXT("");
    set->classes = task == SV_MODEL_CLASS ? 2 : 0;
    set->class_name[0] = SV_TEXT("fine");
    set->class_name[1] = SV_TEXT("broken");
    sv_training_set_put(set, out);
}

static uint32_t life_of(uint32_t machine) {
    return 40 + 5 * (machine % 7);
}

/// Machines of 40 to 70 rows, their rows one after the other in turns.
static sv_textbuf lives(void) {
    sv_textbuf out = SV_TEXTBUF_HEAP(1 << 20);
    sv_training_set *set = sv_mem_new(sizeof *set);
    uint32_t rows = 0;
    for (uint32_t m = 0; m < MACHINES; m++) {
        rows += life_of(m);
    }
    begin(set, SV_MODEL_RUL, rows, &out);
    sv_prng prng = { .state = 8 };
    for (uint32_t t = 0; t < 70; t++) {
        for (uint32_t m = 0; m < MACHINES; m++) {
            double left = (double) life_of(m) - 1 - t;
            const sv_training_row row = { .group = m,
                                          .truth = left,
                                          .values = { 50 - left + sv_prng_normal(&prng),
                                                      sv_prng_normal(&prng), SV_NAN } };
            if (left >= 0) {
                sv_training_row_put(set, &row, &out);
            }
        }
    }
    free(set);
    return out;
}

/// Rows broken where wear and noise together are large; some values are missing.
static sv_textbuf rows_of_classes(void) {
    sv_textbuf out = SV_TEXTBUF_HEAP(1 << 20);
    sv_training_set *set = sv_mem_new(sizeof *set);
    begin(set, SV_MODEL_CLASS, 1200, &out);
    sv_prng prng = { .state = 8 };
    for (unsigned i = 0; i < 1200; i++) {
        double wear = sv_prng_normal(&prng), noise = sv_prng_normal(&prng);
        const sv_training_row row = { .truth = wear + noise > 1.5 ? 1 : 0,
                                      .values = { wear, noise, i % 7 == 0 ? SV_NAN : wear } };
        sv_training_row_put(set, &row, &out);
    }
    free(set);
    return out;
}

static sv_err train_bytes(sv_text bytes, sv_textbuf *model, sv_why *why) {
    SV_DEFER(sv_mem_drop) sv_training_set *set = sv_mem_new(sizeof *set);
    SV_TRY(sv_training_set_read(bytes, set, why));
    return train(set, model, why);
}

static bool says(sv_text card, const char *line) {
    return memmem(card.at, card.len, line, strlen(line)) != NULL;
}

// [model-2] [model-9]
static void a_model_of_lives_walks_as_xgboost_does_and_comes_out_the_same_twice(void **state) {
    (void) state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = lives();
    SV_DEFER(sv_textbuf_drop) sv_textbuf first = SV_TEXTBUF_HEAP(SV_MODEL_BYTES_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf again = SV_TEXTBUF_HEAP(SV_MODEL_BYTES_MAX);
    SV_DEFER(sv_mem_drop) sv_model *model = sv_mem_new(sizeof *model);
    assert_int_equal(train_bytes(sv_textbuf_text(&bytes), &first, NULL), SV_OK);
    assert_int_equal(train_bytes(sv_textbuf_text(&bytes), &again, NULL), SV_OK);
    assert_true(sv_text_eq(sv_textbuf_text(&first), sv_textbuf_text(&again)));
    assert_int_equal(sv_model_read(sv_textbuf_text(&first), model, NULL), SV_OK);
    assert_true(says(model->card, "largest difference from xgboost: 0 on "));
    assert_true(says(model->card, "machines: 14\n"));
    // The column that is always missing is not asked for.
    assert_int_equal(model->recipe.sensors, 2);
}

// [model-2] [model-6]
static void a_model_of_classes_finds_them_again(void **state) {
    (void) state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = rows_of_classes();
    SV_DEFER(sv_textbuf_drop) sv_textbuf out = SV_TEXTBUF_HEAP(SV_MODEL_BYTES_MAX);
    SV_DEFER(sv_mem_drop) sv_model *model = sv_mem_new(sizeof *model);
    assert_int_equal(train_bytes(sv_textbuf_text(&bytes), &out, NULL), SV_OK);
    assert_int_equal(sv_model_read(sv_textbuf_text(&out), model, NULL), SV_OK);
    assert_true(says(model->card, "largest difference from xgboost: 0 on 1200 rows"));
    static float features[SV_RECIPE_FEATURES_MAX];
    double probability[SV_MODEL_CLASSES_MAX];
    const double broken[] = { 2, 1, SV_NAN }, fine[] = { -1, 0, -1 };
    sv_recipe_push(&model->recipe, NULL, broken, features);
    assert_int_equal(sv_model_classify(model, features, probability), 1);
    assert_true(probability[1] > 0.9);
    sv_recipe_push(&model->recipe, NULL, fine, features);
    assert_int_equal(sv_model_classify(model, features, probability), 0);
    assert_true(probability[1] < 0.1);
}

/// The machines of lives(), of which what was true is whether the end is within ten rows.
static sv_textbuf class_lives(void) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf from = lives();
    SV_DEFER(sv_mem_drop) sv_training_set *set = sv_mem_new(sizeof *set);
    SV_DEFER(sv_mem_drop) sv_training_set *to = sv_mem_new(sizeof *to);
    sv_textbuf out = SV_TEXTBUF_HEAP(1 << 20);
    assert_int_equal(sv_training_set_read(sv_textbuf_text(&from), set, NULL), SV_OK);
    *to = *set;
    to->task = SV_MODEL_CLASS;
    to->within = 10;
    to->classes = 2;
    to->class_name[0] = SV_TEXT("healthy");
    to->class_name[1] = SV_TEXT("failing");
    sv_training_set_put(to, &out);
    for (uint32_t i = 0; i < set->rows; i++) {
        sv_training_row row;
        sv_training_row_get(set, i, &row);
        row.truth = row.truth < 10 ? 1 : 0;
        sv_training_row_put(to, &row, &out);
    }
    return out;
}

// [model-2] [model-14]
static void classes_of_lives_are_learnt_from_their_course(void **state) {
    (void) state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = class_lives();
    SV_DEFER(sv_textbuf_drop) sv_textbuf out = SV_TEXTBUF_HEAP(SV_MODEL_BYTES_MAX);
    SV_DEFER(sv_mem_drop) sv_model *model = sv_mem_new(sizeof *model);
    SV_DEFER(sv_mem_drop) sv_wear *wear = sv_mem_new(sizeof *wear);
    assert_int_equal(train_bytes(sv_textbuf_text(&bytes), &out, NULL), SV_OK);
    assert_int_equal(sv_model_read(sv_textbuf_text(&out), model, NULL), SV_OK);
    assert_true(says(model->card, "largest difference from xgboost: 0 on "));
    assert_true(says(model->card, "true within: 10 rows of a life\n"));
    assert_int_equal(model->recipe.kind, SV_RECIPE_LIFE);
    assert_true(model->within > 9.9F && model->within < 10.1F);
    static float features[SV_RECIPE_FEATURES_MAX];
    double probability[SV_MODEL_CLASSES_MAX];
    for (int left = 50; left >= 0; left--) {
        const double row[] = { 50 - left, 0 };
        sv_recipe_push(&model->recipe, wear, row, features);
        unsigned named = sv_model_classify(model, features, probability);
        if (left > 20 || left < 4) {
            assert_int_equal(named, left < 4 ? 1 : 0);
        }
    }
}

// [model-12]
static void no_machine_is_on_both_sides_of_a_judgement(void **state) {
    (void) state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = lives();
    SV_DEFER(sv_mem_drop) sv_training_set *set = sv_mem_new(sizeof *set);
    assert_int_equal(sv_training_set_read(sv_textbuf_text(&bytes), set, NULL), SV_OK);
    const picked columns = { .count = 1 };
    sv_recipe recipe = { .kind = SV_RECIPE_LIFE, .sensors = 1, .regimes = 1 };
    recipe.regime[0].spread[0] = 1;
    SV_DEFER(table_drop) table of = table_make(set, &columns, &recipe);
    uint32_t machines_in[FOLDS] = { 0 };
    for (uint32_t m = 0; m < MACHINES; m++) {
        uint32_t fold = of.fold[m]; // the first rows are one of each machine
        for (size_t i = 0; i < of.rows; i++) {
            assert_true(of.group[i] != m || of.fold[i] == fold);
        }
        assert_in_range(fold, 0, FOLDS - 1);
        machines_in[fold]++;
    }
    for (size_t fold = 0; fold < FOLDS; fold++) {
        assert_in_range(machines_in[fold], 2, 3);
    }
    // A machine's rows are told in turns, each by its own life.
    assert_true(of.feature[of.features - 1] == 1 && of.feature[2 * of.features - 1] == 1);
}

/// Rows whose labels are chance: nothing can be learnt of them but by heart.
static table chance(float *label, size_t rows) {
    table of = { .rows = rows, .groups = (uint32_t) rows / 4, .features = 3 };
    of.feature = sv_mem_array(rows * of.features, sizeof *of.feature);
    of.truth = sv_mem_array(rows, sizeof *of.truth);
    of.group = sv_mem_array(rows, sizeof *of.group);
    of.fold = sv_mem_array(rows, sizeof *of.fold);
    sv_prng prng = { .state = 2 };
    for (size_t i = 0; i < rows * of.features; i++) {
        of.feature[i] = (float) sv_prng_normal(&prng);
    }
    for (size_t i = 0; i < rows; i++) {
        label[i] = (float) sv_prng_normal(&prng);
        of.group[i] = (uint32_t) i / 4;
        of.fold[i] = of.group[i] % FOLDS;
    }
    return of;
}

// [model-12]
static void what_is_chance_stays_chance_to_trees_that_have_not_seen_it(void **state) {
    (void) state;
    enum { ROWS = 2000 };
    static float label[ROWS], sums[ROWS];
    SV_DEFER(table_drop) table of = chance(label, ROWS);
    const boost_plan plan = { .trees = 60,
                              .depth = 6,
                              .outputs = 1,
                              .rate = 0.3,
                              .rows_share = 1,
                              .features_share = 1,
                              .weight_min = 1 };
    assert_int_equal(train_unseen(&of, label, &plan, sums, NULL), SV_OK);
    double together = 0, labels = 0, estimates = 0;
    for (size_t i = 0; i < ROWS; i++) {
        together += (double) label[i] * (double) sums[i];
        labels += (double) label[i] * (double) label[i];
        estimates += (double) sums[i] * (double) sums[i];
    }
    assert_true(fabs(together / sqrt(labels * estimates)) < 0.1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_of_lives_walks_as_xgboost_does_and_comes_out_the_same_twice),
        cmocka_unit_test(a_model_of_classes_finds_them_again),
        cmocka_unit_test(classes_of_lives_are_learnt_from_their_course),
        cmocka_unit_test(what_is_chance_stays_chance_to_trees_that_have_not_seen_it),
        cmocka_unit_test(no_machine_is_on_both_sides_of_a_judgement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
