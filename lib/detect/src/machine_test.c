#include "machine_fixture.h"

enum { MANY = 3000 };

typedef struct outcome {
    size_t anomalies, changes, first_anomaly, first_change;
    size_t tops[SENSORS];
} outcome;

/// `rows` more rows, each moved by `shift`.
static outcome go_on(plant *p, size_t rows, const double *shift) {
    outcome out = { .first_anomaly = SIZE_MAX, .first_change = SIZE_MAX };
    for (size_t i = 0; i < rows; i++) {
        double row[SENSORS];
        next(p, row);
        for (size_t j = 0; j < SENSORS; j++) {
            row[j] += shift[j];
        }
        sv_machine_verdict v = sv_machine_detector_take(d, row);
        assert_true(v.score >= 0 && v.score <= 1);
        out.first_anomaly = v.anomaly && out.anomalies == 0 ? i : out.first_anomaly;
        out.first_change = v.changepoint && out.changes == 0 ? i : out.first_change;
        out.anomalies += v.anomaly;
        out.changes += v.changepoint;
        out.tops[v.top] += v.anomaly;
    }
    return out;
}

static const double STILL[SENSORS];

static void a_healthy_machine_is_left_alone(void **state) { // [detect-20]
    (void) state;
    size_t anomalies = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        plant p = { .prng = { .state = seed } };
        learn_from(&p, TRAIN);
        anomalies += go_on(&p, MANY, STILL).anomalies;
    }
    assert_true(anomalies < 20 * MANY / 50);
}

/// The steps between 40 blocks cannot carry the correlations of 64 sensors: what they seem to say
/// is chance, and must not make noise look strange.
static void many_sensors_are_not_judged_by_chance_correlations(void **state) { // [detect-20]
    (void) state;
    enum { ALL = SV_MACHINE_SENSORS_MAX, LEARNT = 2000 };
    sv_prng prng = { .state = 3 };
    size_t anomalies = 0;
    assert_int_equal(sv_machine_detector_start(d, ALL, LEARNT, NULL), SV_OK);
    for (size_t i = 0; i < LEARNT + MANY; i++) {
        double row[ALL];
        for (size_t j = 0; j < ALL; j++) {
            row[j] = sv_prng_normal(&prng);
        }
        anomalies += sv_machine_detector_take(d, row).anomaly;
    }
    assert_true(anomalies < MANY / 100);
}

static void a_shift_of_any_sensor_is_found_named_and_over_when_it_is_over(void **state) {
    (void) state; // [detect-21]
    for (size_t j = 0; j < SENSORS; j++) {
        const double SHIFTS[SENSORS] = { 4, -0.04, 6, -3 };
        double shift[SENSORS] = { 0 };
        plant p = { .prng = { .state = 50 + j } };
        shift[j] = SHIFTS[j];
        learn_from(&p, TRAIN);
        assert_true(go_on(&p, 100, STILL).anomalies == 0);
        outcome off = go_on(&p, 150, shift);
        assert_true(off.first_anomaly < 20 && off.anomalies > 120);
        assert_true(off.first_change < 20);
        assert_true(off.tops[j] > off.anomalies * 9 / 10);
        outcome back = go_on(&p, 200, STILL);
        assert_true(back.anomalies < 60);
        assert_true(back.first_change < 20);
    }
}

static void sensors_that_part_company_are_found_though_each_is_as_usual(void **state) {
    (void) state; // [detect-22]
    plant p = { .prng = { .state = 99 } };
    learn_from(&p, TRAIN);
    outcome parted = go_on(&p, 200, (const double[SENSORS]){ 0.8, -0.008, 0, 0 });
    assert_true(parted.anomalies > 100);
    for (size_t j = 2; j < SENSORS; j++) {
        assert_true(sv_machine_detector_share(d, j) < 0.2);
    }
    plant q = { .prng = { .state = 99 } };
    learn_from(&q, TRAIN);
    outcome together = go_on(&q, 200, (const double[SENSORS]){ 0.8, 0.008, 0, 0 });
    assert_true(together.anomalies < parted.anomalies / 4);
}

static void the_shares_of_all_sensors_are_one_or_nothing(void **state) {
    (void) state;
    plant p = { .prng = { .state = 3 } };
    learn_from(&p, TRAIN);
    (void) go_on(&p, 50, (const double[SENSORS]){ 5, 0, 0, 0 });
    double sum = 0;
    for (size_t j = 0; j < SENSORS; j++) {
        sum += sv_machine_detector_share(d, j);
    }
    assert_true(fabs(sum - 1) < 1e-9);
    assert_true(sv_machine_detector_deviation(d, 0) > 4);
    assert_true(sv_machine_detector_share(d, SENSORS) <= 0);
}

static void what_has_come_back_nearly_to_what_it_was_is_back(void **state) { // [detect-23]
    (void) state;
    plant p = { .prng = { .state = 31 } };
    learn_from(&p, TRAIN);
    assert_true(go_on(&p, 100, (const double[SENSORS]){ 60, 0, 0, 0 }).anomalies > 90);
    assert_true(go_on(&p, 200, (const double[SENSORS]){ 3, 0, 0, 0 }).anomalies < 60);
    plant q = { .prng = { .state = 31 } };
    learn_from(&q, TRAIN);
    assert_true(go_on(&q, 200, (const double[SENSORS]){ 3, 0, 0, 0 }).anomalies > 150);
}

static void a_sensor_that_is_silent_after_a_change_has_changed_once(void **state) { // [detect-23]
    (void) state;
    size_t changes = 0;
    bool changed = false;
    plant p = { .prng = { .state = 32 } };
    learn_from(&p, TRAIN);
    for (unsigned i = 0; i < 100; i++) {
        double row[SENSORS];
        next(&p, row);
        row[0] = changed ? SV_NAN : row[0] + 60;
        changed = sv_machine_detector_take(d, row).changepoint;
        changes += changed;
    }
    assert_int_equal(changes, 1);
}

static void one_row_that_is_off_is_no_anomaly(void **state) { // [detect-23]
    (void) state;
    plant p = { .prng = { .state = 4 } };
    learn_from(&p, TRAIN);
    assert_true(go_on(&p, 1, (const double[SENSORS]){ 1e9, 0, 0, 0 }).anomalies == 0);
}

/// A machine whose sensor wandered while it was learnt, so that its level follows fast.
static void a_jump_shows_before_the_level_has_followed_it(void **state) { // [detect-21]
    (void) state;
    enum { ROWS = 1440 };
    sv_prng prng = { .state = 9 };
    double most = 0;
    assert_int_equal(sv_machine_detector_start(d, 1, ROWS, NULL), SV_OK);
    for (unsigned i = 0; i < ROWS + 100; i++) {
        double value = sin(2 * M_PI * i / ROWS) + sv_prng_normal(&prng) / 2 - (i < ROWS ? 0 : 12);
        (void) sv_machine_detector_take(d, &value);
        most = i < ROWS ? 0 : fmin(most, sv_machine_detector_deviation(d, 0));
    }
    assert_true(most < -20);
}

static void what_somebody_calls_normal_is_normal(void **state) { // [detect-24]
    (void) state;
    const double moved[SENSORS] = { 6, 0, 0, 0 };
    plant p = { .prng = { .state = 5 } };
    learn_from(&p, TRAIN);
    assert_true(go_on(&p, 150, moved).anomalies > 120);
    sv_machine_detector_accept(d);
    assert_true(go_on(&p, 150, moved).anomalies < 10);
}

static void a_machine_sampled_twice_as_often_is_judged_alike(void **state) { // [detect-25]
    (void) state;
    size_t found[2];
    for (unsigned twice = 0; twice < 2; twice++) {
        plant p = { .prng = { .state = 6 } };
        learn_from(&p, (uint64_t) TRAIN << twice);
        (void) go_on(&p, 100U << twice, STILL);
        outcome off = go_on(&p, 200U << twice, (const double[SENSORS]){ 3, 0, 0, 0 });
        found[twice] = off.anomalies >> twice;
    }
    assert_true(found[0] > 150 && found[1] > 150);
}

static void units_and_offsets_of_sensors_change_nothing(void **state) { // [detect-25]
    (void) state;
    plant p = { .prng = { .state = 41 } };
    assert_int_equal(sv_machine_detector_start(d, SENSORS, TRAIN, NULL), SV_OK);
    other_own = own;
    for (unsigned i = 0; i < TRAIN + 400; i++) {
        double row[SENSORS];
        double elsewhere[SENSORS];
        next(&p, row);
        row[1] += i > TRAIN + 200 ? 0.05 : 0;
        for (size_t j = 0; j < SENSORS; j++) {
            elsewhere[j] = 20 - 1.8 * row[j];
        }
        sv_machine_verdict a = sv_machine_detector_take(d, row);
        sv_machine_verdict b = sv_machine_detector_take(other, elsewhere);
        assert_true(fabs(a.score - b.score) < 1e-6 && a.anomaly == b.anomaly);
        assert_true(a.changepoint == b.changepoint && a.top == b.top);
    }
}

// ---- whatever comes -----------------------------------------------------------------------------

static void any_values_give_a_score(void **state) { // [detect-26]
    (void) state;
    sv_prng prng = { .state = 11 };
    for (unsigned round = 0; round < 40; round++) {
        size_t sensors = 1 + sv_prng_next(&prng) % SV_MACHINE_SENSORS_MAX;
        assert_int_equal(sv_machine_detector_start(d, sensors, 80 + round, NULL), SV_OK);
        for (unsigned i = 0; i < 400; i++) {
            double row[SV_MACHINE_SENSORS_MAX];
            for (size_t j = 0; j < sensors; j++) {
                row[j] = round % 2 == 0 ? odd(&prng) : i < 200 ? (double) j : odd(&prng);
            }
            sv_machine_verdict v = sv_machine_detector_take(d, row);
            assert_true(v.score >= 0 && v.score <= 1 && v.top < sensors);
        }
    }
}

static void a_sensor_that_says_nothing_is_no_evidence(void **state) { // [detect-27]
    (void) state;
    plant p = { .prng = { .state = 12 } };
    learn_from(&p, TRAIN);
    for (unsigned i = 0; i < 500; i++) {
        double row[SENSORS];
        next(&p, row);
        row[2] = SV_NAN;
        sv_machine_verdict v = sv_machine_detector_take(d, row);
        assert_false(v.anomaly);
    }
    const double NOTHING[SENSORS] = { SV_NAN, SV_NAN, SV_NAN, SV_NAN };
    for (unsigned i = 0; i < 500; i++) {
        sv_machine_verdict v = sv_machine_detector_take(d, NOTHING);
        assert_true(v.score <= 0 && !v.anomaly && !v.changepoint);
    }
}

static void a_sensor_that_was_not_there_to_be_learnt_never_counts(void **state) { // [detect-27]
    (void) state;
    plant p = { .prng = { .state = 13 } };
    assert_int_equal(sv_machine_detector_start(d, SENSORS, TRAIN, NULL), SV_OK);
    for (unsigned i = 0; i < TRAIN + 300; i++) {
        double row[SENSORS];
        next(&p, row);
        row[1] = i % 100 < 60 && i < TRAIN ? SV_NAN : row[1] + (i > TRAIN ? 1 : 0);
        row[0] = i % 30 < 10 ? SV_NAN : row[0]; // and one that is there most of the time does
        sv_machine_verdict v = sv_machine_detector_take(d, row);
        assert_false(v.anomaly);
    }
    assert_true(go_on(&p, 100, (const double[SENSORS]){ 6, 0, 0, 0 }).anomalies > 60);
}

static void a_sensor_that_never_moved_is_off_when_it_does(void **state) { // [detect-26]
    (void) state;
    assert_int_equal(sv_machine_detector_start(d, 2, 80, NULL), SV_OK);
    sv_machine_verdict v = { 0 };
    for (unsigned i = 0; i < 400; i++) {
        v = sv_machine_detector_take(d, (const double[]){ 7, 0 });
        assert_true(!v.anomaly && !v.changepoint);
    }
    for (unsigned i = 0; i < 10; i++) {
        v = sv_machine_detector_take(d, (const double[]){ 7, 1 });
    }
    assert_true(v.anomaly && v.top == 1);
}

static void what_cannot_be_is_refused(void **state) {
    (void) state;
    sv_why why;
    assert_int_equal(sv_machine_detector_start(d, 0, 400, &why), SV_ERR_INVALID);
    assert_string_equal(why.text, "a machine has 1 to 64 sensors, not 0");
    assert_int_equal(sv_machine_detector_start(d, 65, 400, &why), SV_ERR_INVALID);
    assert_string_equal(why.text, "a machine has 1 to 64 sensors, not 65");
    assert_int_equal(sv_machine_detector_start(d, 8, 79, &why), SV_ERR_INVALID);
    assert_string_equal(why.text, "it learns from 80 to 10000000 rows, not from 79");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_healthy_machine_is_left_alone),
        cmocka_unit_test(many_sensors_are_not_judged_by_chance_correlations),
        cmocka_unit_test(a_shift_of_any_sensor_is_found_named_and_over_when_it_is_over),
        cmocka_unit_test(sensors_that_part_company_are_found_though_each_is_as_usual),
        cmocka_unit_test(the_shares_of_all_sensors_are_one_or_nothing),
        cmocka_unit_test(what_has_come_back_nearly_to_what_it_was_is_back),
        cmocka_unit_test(a_sensor_that_is_silent_after_a_change_has_changed_once),
        cmocka_unit_test(one_row_that_is_off_is_no_anomaly),
        cmocka_unit_test(a_jump_shows_before_the_level_has_followed_it),
        cmocka_unit_test(what_somebody_calls_normal_is_normal),
        cmocka_unit_test(a_machine_sampled_twice_as_often_is_judged_alike),
        cmocka_unit_test(units_and_offsets_of_sensors_change_nothing),
        cmocka_unit_test(any_values_give_a_score),
        cmocka_unit_test(a_sensor_that_says_nothing_is_no_evidence),
        cmocka_unit_test(a_sensor_that_was_not_there_to_be_learnt_never_counts),
        cmocka_unit_test(a_sensor_that_never_moved_is_off_when_it_does),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
