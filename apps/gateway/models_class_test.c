// Models of classes at a gateway: what its alert says, what goes up, and what it answers for.
#include "models_fixture.h"
#include <math.h>

enum { WITHIN = 10 };

/// Of lives: healthy while the average of the heat is below 1, then a bearing fails within ten
/// rows.
static void write_lives(sv_textbuf *out) {
    static uint8_t trees[3 * 14];
    static sv_model model;
    static const float HOT[3] = { -3, 2, 0 };
    model = (sv_model){ .task = SV_MODEL_CLASS,
                        .within = WITHIN,
                        .classes = 3,
                        .class_name = { SV_TEXT("healthy"), SV_TEXT("bearing"), SV_TEXT("seal") },
                        .slope = 1,
                        .threshold = 0.5F };
    model.columns[0].name = SV_TEXT("load");
    model.columns[1].name = SV_TEXT("heat");
    model.recipe = (sv_recipe){
        .kind = SV_RECIPE_LIFE, .sensors = 1, .settings = 1, .regimes = 1, .setting_scale = { 1 }
    };
    model.recipe.regime[0].spread[0] = 1;
    model.forest = (sv_forest){ .trees = trees,
                                .count = 3,
                                .depth = 1,
                                .outputs = 3,
                                .features = SV_RECIPE_SENSOR_FEATURES + 1 };
    for (size_t i = 0; i < SV_COUNT(HOT); i++) {
        const sv_tree tree = { .splits = { { .feature = 0, .below = 1 } },
                               .leaves = { i == 0 ? 3 : -3, HOT[i] } };
        sv_tree_put(&tree, 1, trees + i * sv_tree_bytes(1));
    }
    assert_int_equal(sv_model_write(&model, out, NULL), SV_OK);
}

/// Of rows by themselves: hot or not.
static void write_rows(sv_textbuf *out) {
    static uint8_t trees[14];
    static sv_model model;
    const sv_tree tree = { .splits = { { .feature = 1, .below = 50 } }, .leaves = { -3, 3 } };
    model = (sv_model){ .task = SV_MODEL_CLASS,
                        .classes = 2,
                        .class_name = { SV_TEXT("ok"), SV_TEXT("hot") },
                        .slope = 1,
                        .threshold = 0.5F };
    model.columns[0].name = SV_TEXT("load");
    model.columns[1].name = SV_TEXT("heat");
    model.recipe = (sv_recipe){ .kind = SV_RECIPE_ROWS, .sensors = 2 };
    model.forest =
        (sv_forest){ .trees = trees, .count = 1, .depth = 1, .outputs = 1, .features = 2 };
    sv_tree_put(&tree, 1, trees);
    assert_int_equal(sv_model_write(&model, out, NULL), SV_OK);
}

static int setup_lives(void **state) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_MODEL_BYTES_MAX);
    write_lives(&bytes);
    open_with_model(state, sv_textbuf_text(&bytes));
    return 0;
}

static int setup_rows(void **state) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_MODEL_BYTES_MAX);
    write_rows(&bytes);
    open_with_model(state, sv_textbuf_text(&bytes));
    return 0;
}

/// The alerts that were told and say so.
static int64_t alerts_that_say(fixture *f, const char *like) {
    char sql[512];
    (void) snprintf(sql, sizeof sql,
                    "SELECT count(*) FROM alert_post WHERE body ->> 'alertType' = 'FAILURE' AND "
                    "body ->> 'message' LIKE '%s'",
                    like);
    return ask(f, sql);
}

// [model-34]
static void its_alert_names_the_kind_the_horizon_and_the_sensors_it_comes_from(void **state) {
    fixture *f = *state;
    assert_true(give(f, "live", model_text, signature_text));
    assert_non_null(strstr(status(f), "\"task\":\"class\",\"mode\":\"live\""));
    say_minutes(f, 0, 40, 0);
    assert_int_equal(ask(f, FAILING), 0);
    say_minutes(f, 40, 60, 5);
    assert_int_equal(ask(f, FAILING), 1);
    assert_int_equal(alerts_that_say(f,
                                     "Failure within 10 min: over 99 _ likely, bearing 88 _, seal "
                                     "12 _; heat higher (99 points less if it were as at first)"),
                     1);
    say_minutes(f, 60, 120, 0);
    assert_int_equal(ask(f, FAILING), 0);
    assert_int_equal(ask(f, "SELECT count(*) FROM alert_post"), 2);
}

// [model-32] [uplink-21]
static void in_shadow_it_says_nothing_and_live_what_it_says_goes_up(void **state) {
    fixture *f = *state;
    assert_true(give(f, "shadow", model_text, signature_text));
    say_minutes(f, 0, 40, 0);
    say_minutes(f, 40, 60, 5);
    assert_int_equal(ask(f, FAILING), 0);
    assert_string_equal(told(f, 1), "{\"life\":null,\"failure\":null}"); // after this start
    assert_non_null(strstr(status(f), "\"machines\":1,\"alarms\":1,"));
    assert_true(give(f, "live", model_text, signature_text));
    const char *said = told(f, 1);
    assert_non_null(strstr(said, "\"failure\":{\"model\":\"press\",\"version\":3,\"risk\":0.99"));
    assert_non_null(strstr(said, "\"horizon_s\":600,\"classes\":[{\"name\":\"healthy\","));
    assert_non_null(strstr(said, "\"parts\":[{\"sensor\":\"heat\",\"by\":0.98"));
    assert_string_equal(told(f, 2), "");
    assert_true(give(f, "shadow", model_text, signature_text));
    assert_string_equal(told(f, 3), "{\"failure\":null}");
}

// [model-31]
static void a_horizon_that_it_has_not_learnt_is_refused(void **state) {
    fixture *f = *state;
    assert_true(give_within(f, "live", 2 * WITHIN, model_text, signature_text));
    assert_non_null(strstr(status(f), "\"mode\":\"refused\""));
    assert_non_null(strstr(status(f), "the model has learnt what comes true within 10 rows"));
}

// [model-36]
static void after_a_power_cut_it_goes_on(void **state) {
    fixture *f = *state;
    char before[512];
    assert_true(give(f, "live", model_text, signature_text));
    say_minutes(f, 0, 40, 0);
    gw_lives_keep_all(&f->g);
    say_minutes(f, 40, 60, 5);
    (void) snprintf(before, sizeof before, "%s", told(f, 1));
    restart(f);
    assert_int_equal(f->g.alerts_open, 1);
    assert_string_equal(told(f, 1), before);
    say_minutes(f, 60, 65, 5);
    assert_int_equal(f->g.raised, 1);
}

// [model-38]
static void it_answers_for_what_it_was_sure_of(void **state) {
    fixture *f = *state;
    static const char *const MACHINES[] = { "a", "b", "c" };
    assert_true(give(f, "live", model_text, signature_text));
    say_minutes(f, 0, 40, 0);
    assert_in_range(ask(f, "SELECT count(*) FROM life_said WHERE low = 10 AND high > 1e299"), 1, 2);
    say_minutes(f, 40, 60, 5);
    assert_int_equal(ask(f, "SELECT count(*) FROM life_said WHERE low = 0 AND high = 10"), 1);
    // On days of which it was not sure nothing was said.
    have_said(f, "z", 1, 6, 0, 1e300);
    assert_int_equal(end_life(f, "z", ",\"failed\":true"), GW_EVENT_DONE);
    assert_non_null(strstr(status(f), "\"ended\":0,\"wrong\":0"));
    // Ten days of six it would last, and it failed.
    for (size_t i = 0; i < SV_COUNT(MACHINES); i++) {
        have_said(f, MACHINES[i], 1, 6, 10 * ROWS_A_DAY, 1e300);
        assert_int_equal(end_life(f, MACHINES[i], ",\"failed\":true"), GW_EVENT_DONE);
    }
    assert_non_null(strstr(status(f), "\"mode\":\"withdrawn\""));
    assert_non_null(strstr(status(f), "\"ended\":3,\"wrong\":3"));
}

// [model-33] [model-34] [model-38]
static void a_model_of_rows_says_what_is_and_answers_for_no_end(void **state) {
    fixture *f = *state;
    assert_true(give_within(f, "live", 0, model_text, signature_text));
    say_minutes(f, 0, 10, 20);
    assert_int_equal(ask(f, FAILING), 0);
    say_minutes(f, 10, 15, 80);
    assert_int_equal(ask(f, FAILING), 1);
    assert_int_equal(
        alerts_that_say(f, "Failure: 95 _ likely, hot 95 _; heat higher (91 points less if it "
                           "were as at first)"),
        1);
    assert_non_null(strstr(told(f, 1), "\"horizon_s\":0,\"classes\":[{\"name\":\"ok\","));
    assert_int_equal(ask(f, "SELECT count(*) FROM life_said"), 0);
    say_minutes(f, 15, 20, 20);
    assert_int_equal(ask(f, FAILING), 0);
}

int main(void) {
#define TEST(name, setup) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(its_alert_names_the_kind_the_horizon_and_the_sensors_it_comes_from, setup_lives),
        TEST(in_shadow_it_says_nothing_and_live_what_it_says_goes_up, setup_lives),
        TEST(a_horizon_that_it_has_not_learnt_is_refused, setup_lives),
        TEST(after_a_power_cut_it_goes_on, setup_lives),
        TEST(it_answers_for_what_it_was_sure_of, setup_lives),
        TEST(a_model_of_rows_says_what_is_and_answers_for_no_end, setup_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
