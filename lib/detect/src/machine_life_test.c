// How long a machine will last, as its gateway says it.
#include "machine_life_fixture.h"
#include <base/num.h>
#include <base/test.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static life_made made;
static sv_mlife life;

static int setup(void **state) {
    (void) state;
    life_make(&made);
    assert_int_equal(sv_mlife_check(&made.model, &LIFE_TERMS, NULL), SV_OK);
    sv_mlife_start(&life, &made.model, &LIFE_TERMS);
    return 0;
}

static void must_be(double value, double expected) {
    assert_true(fabs(value - expected) < 1e-9);
}

// [model-20]
static void after_twenty_rows_there_is_a_remaining_life_and_a_risk(void **state) {
    (void) state;
    assert_int_equal(life_live(&life, 0, SV_MLIFE_ROWS_MIN, 0), 0);
    assert_false(life.known);
    assert_int_equal(life_live(&life, SV_MLIFE_ROWS_MIN, 40, 0), 20);
    must_be(life.remaining.estimate, 60);
    assert_true(life.remaining.low < 60 && life.remaining.high > 60);
    assert_true(life.risk < 0.05);
    assert_false(life.alarmed);
}

// [model-20]
static void a_life_begins_with_a_row_of_all_its_sensors(void **state) {
    (void) state;
    for (int i = 0; i < 100; i++) {
        assert_false(sv_mlife_take(&life, SV_TEXT("temperature"), 0, i * SV_TIME_HOUR_US));
    }
    assert_int_equal(life.wear.rows, 0);
    (void) life_live(&life, 100, 130, 0);
    for (int i = 130; i < 150; i++) { // one that has fallen silent is as it was
        (void) sv_mlife_take(&life, SV_TEXT("temperature"), 0, i * SV_TIME_HOUR_US);
    }
    assert_int_equal(life.wear.rows, 49);
    assert_true(life.known);
}

// [model-21]
static void what_is_risky_for_three_rows_is_an_alarm_until_it_is_far_from_it(void **state) {
    (void) state;
    sv_mlife_part parts[SV_MLIFE_PARTS];
    (void) life_live(&life, 0, 40, 0);
    assert_int_equal(sv_mlife_parts(&life, parts), 0);
    int at = 40;
    while (life.risk < LIFE_TERMS.confidence) {
        (void) life_live(&life, at, at + 1, 5);
        at++;
        assert_in_range(at, 41, 60);
    }
    assert_false(life.alarmed);
    (void) life_live(&life, at, at + 1, 5);
    assert_false(life.alarmed);
    (void) life_live(&life, at + 1, at + 2, 5);
    assert_true(life.alarmed);
    must_be(life.remaining.estimate, 2);
    assert_int_equal(sv_mlife_parts(&life, parts), 1);
    assert_true(sv_text_is(parts[0].sensor, "temperature") && parts[0].come > 1);
    (void) life_live(&life, at + 2, at + 60, 0);
    assert_false(life.alarmed);
}

// [model-22]
static void what_no_machine_had_that_was_learnt_from_is_strange(void **state) {
    (void) state;
    (void) life_live(&life, 0, 300, 5.5);
    must_be(life.strange, 0);
    (void) life_live(&life, 300, 700, -6.5);
    assert_true(life.strange > 0.95);
}

// [model-23]
static void saved_and_loaded_at_any_moment_it_goes_on_the_same(void **state) {
    (void) state;
    static uint8_t bytes[2][SV_MLIFE_SAVE_BYTES_MAX];
    static sv_mlife again;
    for (int at = 0; at < 120; at += 7) {
        size_t len = sv_mlife_save(&life, bytes[0], sizeof bytes[0]);
        assert_true(len > 0);
        sv_mlife_start(&again, &made.model, &LIFE_TERMS);
        assert_int_equal(sv_mlife_load(&again, bytes[0], len, NULL), SV_OK);
        must_be(again.risk, life.risk);
        must_be(again.remaining.high, life.known ? life.remaining.high : again.remaining.high);
        (void) life_live(&life, at, at + 7, at > 60 ? 3 : 0);
        (void) life_live(&again, at, at + 7, at > 60 ? 3 : 0);
        size_t left = sv_mlife_save(&life, bytes[0], sizeof bytes[0]);
        assert_int_equal(sv_mlife_save(&again, bytes[1], sizeof bytes[1]), left);
        assert_memory_equal(bytes[0], bytes[1], left);
    }
    assert_int_equal(sv_mlife_save(&life, bytes[0], 100), 0);
}

// [model-23]
static void bytes_of_something_else_are_refused_and_nothing_changes(void **state) {
    (void) state;
    static uint8_t bytes[SV_MLIFE_SAVE_BYTES_MAX];
    (void) life_live(&life, 0, 60, 1);
    size_t len = sv_mlife_save(&life, bytes, sizeof bytes);
    double risk = life.risk;
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(sv_mlife_load(&life, bytes, i, NULL), SV_ERR_INVALID);
        bytes[i] ^= 1;
        assert_int_equal(sv_mlife_load(&life, bytes, len, NULL), SV_ERR_INVALID);
        bytes[i] ^= 1;
    }
    life.terms.row_us *= 2;
    assert_int_equal(sv_mlife_load(&life, bytes, len, NULL), SV_ERR_INVALID);
    life.terms.row_us /= 2;
    made.model.columns[1].name = SV_TEXT("pressure");
    assert_int_equal(sv_mlife_load(&life, bytes, len, NULL), SV_ERR_INVALID);
    must_be(life.risk, risk);
}

static void refuse(const sv_mlife_terms *terms, const char *sentence) {
    sv_why why = { 0 };
    assert_int_equal(sv_mlife_check(&made.model, terms, &why), SV_ERR_INVALID);
    if (strstr(why.text, sentence) == NULL) {
        fail_msg("it says: %s", why.text);
    }
}

// [model-20]
static void what_cannot_be_asked_of_a_machine_is_refused_with_a_sentence(void **state) {
    (void) state;
    refuse(&(sv_mlife_terms){ 1, 10, 0.5 }, "a row is 1 s to 31 days long");
    refuse(&(sv_mlife_terms){ SV_TIME_HOUR_US, 0, 0.5 }, "a horizon is 1 to");
    refuse(&(sv_mlife_terms){ SV_TIME_HOUR_US, SV_NAN, 0.5 }, "a horizon is 1 to");
    refuse(&(sv_mlife_terms){ SV_TIME_HOUR_US, 10, 1 }, "a confidence lies between 0 and 1");
    made.model.columns[1].categories = 2;
    refuse(&LIFE_TERMS, "holds texts");
    made.model.columns[1] = (sv_model_column){ .name = SV_TEXT("oil temperature") };
    refuse(&LIFE_TERMS, "is not called like one");
    made.model.recipe.sensors = SV_GRID_SENSORS_MAX;
    refuse(&LIFE_TERMS, "at most 64 fit here");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        TEST(after_twenty_rows_there_is_a_remaining_life_and_a_risk),
        TEST(a_life_begins_with_a_row_of_all_its_sensors),
        TEST(what_is_risky_for_three_rows_is_an_alarm_until_it_is_far_from_it),
        TEST(what_no_machine_had_that_was_learnt_from_is_strange),
        TEST(saved_and_loaded_at_any_moment_it_goes_on_the_same),
        TEST(bytes_of_something_else_are_refused_and_nothing_changes),
        TEST(what_cannot_be_asked_of_a_machine_is_refused_with_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
