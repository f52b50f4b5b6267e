// What is wrong with a machine, as its gateway says it: models of classes, of lives and of rows.
#include "machine_life_fixture.h"
#include <base/num.h>
#include <base/test.h>
#include <math.h>
#include <string.h>

static life_made made;
static sv_mlife life;

static int setup(void **state) {
    (void) state;
    life_make_classes(&made);
    assert_int_equal(sv_mlife_check(&made.model, &LIFE_TERMS, NULL), SV_OK);
    sv_mlife_start(&life, &made.model, &LIFE_TERMS);
    return 0;
}

static int setup_rows(void **state) {
    (void) state;
    life_make_rows(&made);
    assert_int_equal(sv_mlife_check(&made.model, &ROW_TERMS, NULL), SV_OK);
    sv_mlife_start(&life, &made.model, &ROW_TERMS);
    return 0;
}

static void must_be_near(double value, double expected, double by) {
    if (!(fabs(value - expected) <= by)) {
        fail_msg("%g is not %g", value, expected);
    }
}

// [model-20]
static void after_twenty_rows_there_is_a_probability_of_each_class(void **state) {
    (void) state;
    assert_int_equal(life_live(&life, 0, SV_MLIFE_ROWS_MIN, 0), 0);
    assert_int_equal(life_live(&life, SV_MLIFE_ROWS_MIN, 40, 0), 20);
    double healthy = exp(3) / (exp(3) + 2 * exp(-3));
    must_be_near(life.probability[1], healthy, 1e-6);
    must_be_near(life.risk, 1 - healthy, 1e-6);
    assert_false(life.alarmed);
}

// [model-21]
static void the_risk_is_of_all_that_is_not_fine_and_the_alarm_as_of_remaining_life(void **state) {
    (void) state;
    (void) life_live(&life, 0, 40, 0);
    int at = 40;
    for (; life.risk < LIFE_TERMS.confidence; at++) {
        (void) life_live(&life, at, at + 1, 5);
        assert_in_range(at, 40, 60);
    }
    assert_false(life.alarmed);
    (void) life_live(&life, at, at + 2, 5);
    assert_true(life.alarmed);
    double all = exp(2) + exp(-3) + 1;
    must_be_near(life.risk, (exp(2) + 1) / all, 1e-6);
    assert_int_equal(sv_mlife_fault(&life), 0); // the bearing
    (void) life_live(&life, at + 2, at + 60, 0);
    assert_false(life.alarmed);
}

// [model-21]
static void the_evidence_is_what_the_risk_would_lose_with_the_sensor_as_at_first(void **state) {
    (void) state;
    sv_mlife_part parts[SV_MLIFE_PARTS];
    (void) life_live(&life, 0, 40, 0);
    assert_int_equal(sv_mlife_parts(&life, parts), 0);
    (void) life_live(&life, 40, 60, 5);
    assert_int_equal(sv_mlife_parts(&life, parts), 1);
    assert_true(sv_text_is(parts[0].sensor, "temperature") && parts[0].come > 1);
    double was = 2 * exp(-3) / (exp(3) + 2 * exp(-3));
    must_be_near(parts[0].by, life.risk - was, 1e-5);
    // One that was as bad from the first row on has no such evidence.
    (void) setup(state);
    (void) life_live(&life, 0, 60, 5);
    assert_true(life.alarmed);
    assert_int_equal(sv_mlife_parts(&life, parts), 0);
}

// [model-20] [model-22]
static void a_row_by_itself_is_judged_from_the_first_one_on(void **state) {
    (void) state;
    sv_mlife_part parts[SV_MLIFE_PARTS];
    assert_int_equal(life_live(&life, 0, 3, 0), 2);
    must_be_near(life.risk, 1 / (1 + exp(3)), 1e-6);
    (void) life_live(&life, 3, 30, 0);
    (void) life_live(&life, 30, 35, 9);
    assert_true(life.alarmed);
    assert_int_equal(sv_mlife_fault(&life), 1);
    assert_int_equal(sv_mlife_parts(&life, parts), 1);
    assert_true(sv_text_is(parts[0].sensor, "temperature") && parts[0].come > 1);
    (void) life_live(&life, 35, 500, 1e300);
    must_be_near(life.strange, 0, 0);
    assert_true(isfinite(life.come[1]));
}

/// The model that `setup` has made is lived by two, one of whom is saved and loaded all the time.
static void live_twice(const sv_mlife_terms *terms) {
    static uint8_t bytes[2][SV_MLIFE_SAVE_BYTES_MAX];
    static sv_mlife again;
    for (int at = 0; at < 120; at += 7) {
        size_t len = sv_mlife_save(&life, bytes[0], sizeof bytes[0]);
        assert_true(len > 0);
        sv_mlife_start(&again, &made.model, terms);
        assert_int_equal(sv_mlife_load(&again, bytes[0], len, NULL), SV_OK);
        assert_memory_equal(again.probability, life.probability, sizeof life.probability);
        (void) life_live(&life, at, at + 7, at > 60 ? 3 : 0);
        (void) life_live(&again, at, at + 7, at > 60 ? 3 : 0);
        size_t left = sv_mlife_save(&life, bytes[0], sizeof bytes[0]);
        assert_int_equal(sv_mlife_save(&again, bytes[1], sizeof bytes[1]), left);
        assert_memory_equal(bytes[0], bytes[1], left);
    }
    size_t len = sv_mlife_save(&life, bytes[0], sizeof bytes[0]);
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(sv_mlife_load(&life, bytes[0], i, NULL), SV_ERR_INVALID);
        bytes[0][i] ^= 1;
        assert_int_equal(sv_mlife_load(&life, bytes[0], len, NULL), SV_ERR_INVALID);
        bytes[0][i] ^= 1;
    }
}

// [model-23]
static void saved_and_loaded_at_any_moment_it_goes_on_the_same(void **state) {
    (void) state;
    live_twice(&LIFE_TERMS);
}

// [model-23]
static void saved_and_loaded_so_does_one_of_rows(void **state) {
    (void) state;
    live_twice(&ROW_TERMS);
}

static void refuse(const sv_mlife_terms *terms, const char *sentence) {
    sv_why why = { 0 };
    assert_int_equal(sv_mlife_check(&made.model, terms, &why), SV_ERR_INVALID);
    if (strstr(why.text, sentence) == NULL) {
        fail_msg("it says: %s", why.text);
    }
}

// [model-20]
static void what_cannot_be_asked_is_refused_with_a_sentence(void **state) {
    (void) state;
    refuse(&(sv_mlife_terms){ SV_TIME_HOUR_US, 12, 0.5 }, "comes true within 10 rows");
    refuse(&(sv_mlife_terms){ SV_TIME_HOUR_US, 0, 0.5 }, "comes true within 10 rows");
    refuse(&(sv_mlife_terms){ SV_TIME_HOUR_US, SV_NAN, 0.5 }, "the horizon is to be");
    refuse(&(sv_mlife_terms){ SV_TIME_HOUR_US, 10, 1 }, "a confidence lies between 0 and 1");
    made.model.class_name[1] = SV_TEXT("gear");
    refuse(&LIFE_TERMS, "none of the model's 3 classes says that nothing is wrong");
}

int main(void) {
#define TEST(name, setup) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        TEST(after_twenty_rows_there_is_a_probability_of_each_class, setup),
        TEST(the_risk_is_of_all_that_is_not_fine_and_the_alarm_as_of_remaining_life, setup),
        TEST(the_evidence_is_what_the_risk_would_lose_with_the_sensor_as_at_first, setup),
        TEST(a_row_by_itself_is_judged_from_the_first_one_on, setup_rows),
        TEST(saved_and_loaded_at_any_moment_it_goes_on_the_same, setup),
        TEST(saved_and_loaded_so_does_one_of_rows, setup_rows),
        TEST(what_cannot_be_asked_is_refused_with_a_sentence, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
