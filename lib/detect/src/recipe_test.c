#include <base/num.h>
#include <base/prng.h>
#include <base/test.h>
#include <detect/recipe.h>
#include <math.h>

enum { SENSORS = 3, FEATURES = SENSORS * SV_RECIPE_SENSOR_FEATURES + 1, LIFE = 120 };

static void assert_near(double value, double expected, double by) {
    if (!(fabs(value - expected) <= by)) {
        fail_msg("%.17g is not %.17g", value, expected);
    }
}

/// Two operating conditions, at 0 and 100; sensor 0 lies 10 higher in the second.
static sv_recipe two_regimes(void) {
    sv_recipe r = { .kind = SV_RECIPE_LIFE,
                    .sensors = SENSORS,
                    .settings = 1,
                    .regimes = 2,
                    .setting_scale = { 50 } };
    r.regime[1].centre[0] = 100;
    for (size_t i = 0; i < SENSORS; i++) {
        r.regime[0].spread[i] = r.regime[1].spread[i] = 2;
    }
    r.regime[1].mean[0] = 10;
    return r;
}

static void row_at(sv_prng *prng, double *row) {
    bool second = sv_prng_next(prng) % 2 == 0;
    row[0] = second ? 99 : 1;
    for (size_t i = 0; i < SENSORS; i++) {
        row[1 + i] = sv_prng_normal(prng) + (second && i == 0 ? 10 : 0);
    }
    if (sv_prng_next(prng) % 10 == 0) {
        row[2] = SV_NAN;
    }
}

// [model-3]
static void a_prefix_of_a_life_gives_the_same_features(void **state) {
    (void) state;
    const sv_recipe recipe = two_regimes();
    float whole[LIFE][FEATURES], part[FEATURES];
    sv_wear wear = { 0 };
    sv_prng prng = { .state = 5 };
    for (size_t t = 0; t < LIFE; t++) {
        double row[1 + SENSORS];
        row_at(&prng, row);
        sv_recipe_push(&recipe, &wear, row, whole[t]);
    }
    for (size_t len = 1; len < LIFE; len += 7) {
        wear = (sv_wear){ 0 };
        prng.state = 5;
        for (size_t t = 0; t < len; t++) {
            double row[1 + SENSORS];
            row_at(&prng, row);
            sv_recipe_push(&recipe, &wear, row, part);
        }
        assert_memory_equal(part, whole[len - 1], sizeof part);
    }
}

// [model-4]
static void a_life_goes_on_after_a_restart_at_any_row_as_if_there_had_been_none(void **state) {
    (void) state;
    const sv_recipe recipe = two_regimes();
    sv_wear wear = { 0 }, restarted = { 0 };
    sv_prng prng = { .state = 9 };
    for (size_t t = 0; t < LIFE; t++) {
        char room[4096];
        sv_textbuf saved = SV_TEXTBUF(room);
        sv_wear_save(&restarted, &recipe, &saved);
        assert_false(saved.overflowed);
        memset(&restarted, 0xA5, sizeof restarted);
        assert_int_equal(sv_wear_load(sv_textbuf_text(&saved), &recipe, &restarted, NULL), SV_OK);
        double row[1 + SENSORS];
        float one[FEATURES], other[FEATURES];
        row_at(&prng, row);
        sv_recipe_push(&recipe, &wear, row, one);
        sv_recipe_push(&recipe, &restarted, row, other);
        assert_memory_equal(one, other, sizeof one);
    }
}

// [model-4]
static void a_state_that_is_cut_foreign_or_not_finite_is_refused(void **state) {
    (void) state;
    sv_recipe recipe = two_regimes();
    sv_wear wear = { .rows = 1 }, kept = { .rows = 77 };
    char room[4096];
    sv_textbuf saved = SV_TEXTBUF(room);
    sv_wear_save(&wear, &recipe, &saved);
    for (size_t len = 0; len < saved.len; len++) {
        sv_text cut = { .at = room, .len = len };
        assert_int_equal(sv_wear_load(cut, &recipe, &kept, NULL), SV_ERR_INVALID);
    }
    sv_why why = { 0 };
    recipe.sensors = 2;
    assert_int_equal(sv_wear_load(sv_textbuf_text(&saved), &recipe, &kept, &why), SV_ERR_INVALID);
    assert_string_equal(why.text, "the state is of 3 sensors, the model of 2");
    recipe.sensors = 3;
    memset(room + saved.len - 8, 0xff, 8);
    assert_int_equal(sv_wear_load(sv_textbuf_text(&saved), &recipe, &kept, &why), SV_ERR_INVALID);
    assert_string_equal(why.text, "the state of a machine's wear is damaged");
    assert_int_equal(kept.rows, 77);
}

static void a_change_of_the_operating_condition_is_no_change_of_the_machine(void **state) {
    (void) state;
    const sv_recipe recipe = two_regimes();
    sv_wear wear = { 0 };
    float features[FEATURES];
    for (size_t t = 0; t < 50; t++) {
        double setting = t % 3 == 0 ? 100 : 0;
        const double row[] = { setting, setting / 10 + 4, 6, -6 };
        sv_recipe_push(&recipe, &wear, row, features);
    }
    assert_near((double) features[0], 2, 1e-6);
    assert_near((double) features[1], 0, 1e-6);
    assert_near((double) features[SV_RECIPE_SENSOR_FEATURES], 3, 1e-6);
    assert_near((double) features[FEATURES - 1], 50, 0);
}

static void a_sensor_that_climbs_has_its_slope_in_every_span(void **state) {
    (void) state;
    const sv_recipe recipe = two_regimes();
    const size_t third = (size_t) 2 * SV_RECIPE_SENSOR_FEATURES;
    sv_wear wear = { 0 };
    float features[FEATURES];
    for (size_t t = 0; t < 40; t++) {
        const double row[] = { 0, 0.1 * (double) t, 5, SV_NAN };
        sv_recipe_push(&recipe, &wear, row, features);
        for (size_t span = 0; span < SV_RECIPE_SPANS; span++) {
            assert_near((double) features[2 * span + 1], t < 4 ? 0 : 0.05, 1e-6);
            assert_near((double) features[SV_RECIPE_SENSOR_FEATURES + 2 * span + 1], 0, 1e-6);
            assert_near((double) features[third + 2 * span], 0, 0);
        }
    }
    // The first twenty rows lie at 0.475 on average, in spreads.
    assert_near((double) features[6], (double) features[0] - 0.475, 1e-6);
}

// [model-3]
static void a_missing_value_in_a_life_is_the_last_one_again(void **state) {
    (void) state;
    const sv_recipe recipe = two_regimes();
    sv_wear with = { 0 }, without = { 0 };
    float one[FEATURES], other[FEATURES];
    for (size_t t = 0; t < 30; t++) {
        double value = t < 10 ? (double) t : 9;
        const double whole[] = { 0, value, value, value };
        const double gaps[] = { 0, value, t < 10 ? value : SV_NAN,
                                t < 10 ? value : (double) INFINITY };
        sv_recipe_push(&recipe, &with, gaps, one);
        sv_recipe_push(&recipe, &without, whole, other);
        assert_memory_equal(one, other, sizeof one);
    }
}

static void rows_by_themselves_keep_what_is_missing_and_may_come_in_pairs(void **state) {
    (void) state;
    const sv_recipe recipe = { .kind = SV_RECIPE_ROWS, .sensors = 3, .paired = 2 };
    const double row[] = { 3, 5, SV_NAN };
    float features[5];
    assert_int_equal(sv_recipe_features(&recipe), 5);
    sv_recipe_push(&recipe, NULL, row, features);
    assert_near((double) features[0], 3, 0);
    assert_near((double) features[1], 5, 0);
    assert_true(isnan(features[2]));
    assert_near((double) features[3], 15, 0);
    assert_near((double) features[4], -2, 0);
}

static void a_recipe_out_of_its_limits_is_refused(void **state) {
    (void) state;
    sv_why why = { 0 };
    sv_recipe r = two_regimes();
    assert_int_equal(sv_recipe_check(&r, &why), SV_OK);
    r.regime[1].spread[2] = 0;
    assert_int_equal(sv_recipe_check(&r, &why), SV_ERR_INVALID);
    assert_string_equal(why.text, "a regime's numbers are none, or no spread");
    r = two_regimes();
    r.settings = 0;
    assert_int_equal(sv_recipe_check(&r, &why), SV_ERR_INVALID);
    assert_string_equal(why.text, "2 regimes of 0 settings");
    r.sensors = 129;
    assert_int_equal(sv_recipe_check(&r, &why), SV_ERR_INVALID);
    assert_string_equal(why.text, "129 sensors and 0 settings; at most 128 columns");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prefix_of_a_life_gives_the_same_features),
        cmocka_unit_test(a_life_goes_on_after_a_restart_at_any_row_as_if_there_had_been_none),
        cmocka_unit_test(a_state_that_is_cut_foreign_or_not_finite_is_refused),
        cmocka_unit_test(a_change_of_the_operating_condition_is_no_change_of_the_machine),
        cmocka_unit_test(a_sensor_that_climbs_has_its_slope_in_every_span),
        cmocka_unit_test(a_missing_value_in_a_life_is_the_last_one_again),
        cmocka_unit_test(rows_by_themselves_keep_what_is_missing_and_may_come_in_pairs),
        cmocka_unit_test(a_recipe_out_of_its_limits_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
