#include "regimes.h"
#include <base/mem.h>
#include <base/prng.h>
#include <base/test.h>
#include <math.h>
#include <stdlib.h>

enum { ROWS = 3000, COLUMNS = 5 };

/// Two settings, anywhere where there are no conditions; three sensors: one follows the first
/// setting, one is noise, one is constant.
static sv_textbuf rows_of(const double *conditions, size_t count) {
    sv_textbuf out = SV_TEXTBUF_HEAP(1 << 20);
    sv_training_set set = { .task = SV_MODEL_RUL,
                            .rows = ROWS,
                            .groups = 1,
                            .columns = COLUMNS,
                            .settings = 2,
                            .cap = 125 };
    for (size_t i = 0; i < COLUMNS; i++) {
        set.column[i].name = SV_TEXT("a");
    }
    sv_training_set_put(&set, &out);
    sv_prng prng = { .state = 4 };
    for (unsigned i = 0; i < ROWS; i++) {
        double at =
            count == 0 ? sv_prng_unit(&prng) * 100 : conditions[sv_prng_next(&prng) % count];
        sv_training_row row = {
            .values = { at + 0.01 * sv_prng_normal(&prng), 0.2 * sv_prng_normal(&prng) + 1000 * at,
                        5 * at + sv_prng_normal(&prng), sv_prng_normal(&prng), 14.62 }
        };
        sv_training_row_put(&set, &row, &out);
    }
    return out;
}

static sv_recipe found(const double *conditions, size_t count, picked *columns) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = rows_of(conditions, count);
    SV_DEFER(sv_mem_drop) sv_training_set *set = sv_mem_new(sizeof *set);
    sv_recipe recipe = { .kind = SV_RECIPE_LIFE };
    assert_int_equal(sv_training_set_read(sv_textbuf_text(&bytes), set, NULL), SV_OK);
    assert_int_equal(regimes_find(set, &recipe, columns, NULL), SV_OK);
    assert_int_equal(sv_recipe_check(&recipe, NULL), SV_OK);
    return recipe;
}

// [model-13]
static void as_many_regimes_are_found_as_there_are_conditions(void **state) {
    (void) state;
    static const double even[] = { 0, 10, 20, 30, 40, 50, 60 };
    for (size_t count = 2; count <= SV_COUNT(even); count++) {
        picked columns;
        sv_recipe recipe = found(even, count, &columns);
        assert_int_equal(recipe.regimes, count);
        assert_int_equal(recipe.settings, 2);
        // The constant sensor is left out.
        assert_int_equal(recipe.sensors, 2);
        assert_int_equal(columns.count, 4);
        assert_int_equal(columns.column[3], 3);
        const double third[] = { 20, 20000 };
        unsigned regime = sv_recipe_regime(&recipe, third);
        double expected = count > 2 ? 100 : 50;
        assert_true(fabs((double) recipe.regime[regime].mean[0] - expected) < 0.5);
        assert_true(fabs((double) recipe.regime[regime].spread[0] - 1) < 0.2);
    }
}

// [model-13]
static void conditions_need_not_lie_evenly(void **state) {
    (void) state;
    // The mean of all lies in none of them.
    static const double uneven[] = { 0, 19, 100 }, crowded[] = { 0, 10, 20, 25, 35, 42 };
    picked columns;
    assert_int_equal(found(uneven, SV_COUNT(uneven), &columns).regimes, 3);
    assert_int_equal(found(crowded, SV_COUNT(crowded), &columns).regimes, 6);
}

// [model-13]
static void settings_without_conditions_are_left_out(void **state) {
    (void) state;
    picked columns;
    sv_recipe recipe = found(NULL, 0, &columns);
    assert_int_equal(recipe.regimes, 1);
    assert_int_equal(recipe.settings, 0);
    assert_int_equal(columns.count, 2);
    assert_int_equal(columns.column[0], 2);
    static const double one[] = { 7 };
    recipe = found(one, SV_COUNT(one), &columns);
    assert_int_equal(recipe.regimes, 1);
    assert_int_equal(recipe.settings, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_regimes_are_found_as_there_are_conditions),
        cmocka_unit_test(conditions_need_not_lie_evenly),
        cmocka_unit_test(settings_without_conditions_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
