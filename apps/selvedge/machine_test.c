#include "machine.h"

#include <base/test.h>
#include <stdbool.h>

static sv_machine machine_of(unsigned number, uint64_t seed, double fault_after_s) {
    sv_machine machine;
    sv_machine_start(
        &machine,
        &(sv_machine_setup){ .number = number, .seed = seed, .fault_after_s = fault_after_s });
    return machine;
}

static void without_a_fault_no_threshold_is_crossed_for_hours(void **state) {
    (void) state;
    for (unsigned number = 1; number <= SV_MACHINE_TYPES; number++) {
        sv_machine machine = machine_of(number, number, -1);
        double low_c = 1000;
        double high_c = 0;
        for (int second = 0; second < 4 * 3600; second++) {
            double values[SV_MACHINE_SENSORS];
            sv_machine_measure(&machine, second, values);
            double hot_c = values[SV_MACHINE_TEMPERATURE];
            assert_true(hot_c > 10 && hot_c < 75);
            assert_true(values[SV_MACHINE_VIBRATION] > 0 && values[SV_MACHINE_VIBRATION] < 5);
            assert_true(values[SV_MACHINE_PRESSURE] > 0 && values[SV_MACHINE_CURRENT] > 0);
            low_c = hot_c < low_c ? hot_c : low_c;
            high_c = hot_c > high_c ? hot_c : high_c;
        }
        assert_true(high_c - low_c > 5); // lively
    }
}

static void the_same_seed_gives_the_same_values_and_another_others(void **state) {
    (void) state;
    sv_machine left = machine_of(3, 7, -1);
    sv_machine right = machine_of(3, 7, -1);
    sv_machine other = machine_of(3, 8, -1);
    bool differs = false;
    for (int second = 0; second < 100; second++) {
        double a[SV_MACHINE_SENSORS];
        double b[SV_MACHINE_SENSORS];
        double c[SV_MACHINE_SENSORS];
        sv_machine_measure(&left, second, a);
        sv_machine_measure(&right, second, b);
        sv_machine_measure(&other, second, c);
        for (size_t i = 0; i < SV_MACHINE_SENSORS; i++) {
            assert_true(a[i] == b[i]);
            differs = differs || a[i] != c[i];
        }
    }
    assert_true(differs);
}

static void machine_1_is_faulty_from_two_seconds_after_its_moment(void **state) {
    (void) state;
    sv_machine machine = machine_of(1, 1, 12);
    for (int second = 0; second < 120; second++) {
        double values[SV_MACHINE_SENSORS];
        sv_machine_measure(&machine, second, values);
        bool must = second >= 14 && second < 12 + SV_MACHINE_FAULT_S;
        bool may = second >= 12 && second <= 12 + SV_MACHINE_FAULT_S + 4;
        assert_true(!must || values[SV_MACHINE_TEMPERATURE] > 90);
        assert_true(!must || values[SV_MACHINE_VIBRATION] > 9);
        assert_true(may || values[SV_MACHINE_TEMPERATURE] < 75);
        assert_true(may || values[SV_MACHINE_VIBRATION] < 5);
    }
}

static void other_machines_fail_now_and_then(void **state) {
    (void) state;
    sv_machine machine;
    sv_machine_start(
        &machine,
        &(sv_machine_setup){ .number = 2, .seed = 1, .fault_after_s = -1, .fault_every_s = 180 });
    int hot = 0;
    for (int second = 0; second < 3600; second++) {
        double values[SV_MACHINE_SENSORS];
        sv_machine_measure(&machine, second, values);
        hot += values[SV_MACHINE_TEMPERATURE] > 80;
        assert_true(second > SV_MACHINE_FAULT_S || hot == 0);
    }
    assert_in_range(hot, 100, 1500);
}

static void a_leak_shows_in_the_pressure_alone_and_is_mended(void **state) {
    (void) state;
    enum { FROM_S = 240, WHOLE_S = FROM_S + SV_MACHINE_LEAK_GROWS_S };
    for (unsigned number = 1; number <= SV_MACHINE_TYPES; number++) {
        sv_machine tight = machine_of(number, 7, -1);
        sv_machine leaking = machine_of(number, 7, -1);
        leaking.setup.leak_after_s = FROM_S;
        for (int second = 0; second < FROM_S + 2 * SV_MACHINE_LEAK_EVERY_S; second++) {
            double a[SV_MACHINE_SENSORS];
            double b[SV_MACHINE_SENSORS];
            sv_machine_measure(&tight, second, a);
            sv_machine_measure(&leaking, second, b);
            int into = second < FROM_S ? -1 : (second - FROM_S) % SV_MACHINE_LEAK_EVERY_S;
            bool whole = into >= WHOLE_S - FROM_S && into <= SV_MACHINE_LEAK_S;
            bool none = into < 0 || into > SV_MACHINE_LEAK_S;
            double share = b[SV_MACHINE_PRESSURE] / a[SV_MACHINE_PRESSURE];
            assert_true(!whole || (share > 0.15 && share < 0.25));
            assert_true(!none || share == 1);
            assert_true(a[SV_MACHINE_TEMPERATURE] == b[SV_MACHINE_TEMPERATURE]
                        && a[SV_MACHINE_CURRENT] == b[SV_MACHINE_CURRENT]);
        }
    }
}

static void a_stopped_machine_falls_to_idle_and_a_started_one_works_again(void **state) {
    (void) state;
    for (unsigned number = 1; number <= SV_MACHINE_TYPES; number++) {
        sv_machine machine = machine_of(number, number, 12);
        double working_a = 0;
        double again_a = 0;
        for (int second = 0; second < 600; second++) {
            double values[SV_MACHINE_SENSORS];
            machine.stopped = second >= 20 && second < 120;
            sv_machine_measure(&machine, second, values);
            double now_a = values[SV_MACHINE_CURRENT];
            bool idle = second >= 35 && second < 120; // also where machine 1 has its fault
            working_a = second < 20 && now_a > working_a ? now_a : working_a;
            again_a = second >= 125 && now_a > again_a ? now_a : again_a;
            assert_true(!idle || now_a < working_a / 2);
            assert_true(!idle || values[SV_MACHINE_TEMPERATURE] < 50);
            assert_true(!idle || values[SV_MACHINE_VIBRATION] < 2);
        }
        assert_true(again_a > working_a / 2);
    }
}

static void ids_have_two_digits_or_more(void **state) {
    (void) state;
    char room[32];
    sv_textbuf out = SV_TEXTBUF(room);
    sv_machine_id(1, &out);
    sv_machine_id(1000, &out);
    assert_true(sv_text_is(sv_textbuf_text(&out), "lathe-01oven-1000"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_fault_no_threshold_is_crossed_for_hours),
        cmocka_unit_test(the_same_seed_gives_the_same_values_and_another_others),
        cmocka_unit_test(machine_1_is_faulty_from_two_seconds_after_its_moment),
        cmocka_unit_test(other_machines_fail_now_and_then),
        cmocka_unit_test(a_leak_shows_in_the_pressure_alone_and_is_mended),
        cmocka_unit_test(a_stopped_machine_falls_to_idle_and_a_started_one_works_again),
        cmocka_unit_test(ids_have_two_digits_or_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
