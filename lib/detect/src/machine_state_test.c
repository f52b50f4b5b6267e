// A machine's detector as bytes, and the memory that it takes.
#include "machine_fixture.h"
#include "state.h"
#include <base/mem.h>
#include <stdlib.h>

// ---- save and load ------------------------------------------------------------------------------

static uint8_t saved[SV_MACHINE_SAVE_BYTES_MAX];

/// With gaps, and while it is learnt with values that nobody expects.
static void a_row(sv_prng *prng, size_t sensors, bool odd_ones, double *row) {
    for (size_t j = 0; j < sensors; j++) {
        row[j] = sv_prng_normal(prng) * (double) (j + 1);
        if (sv_prng_unit(prng) < 0.02) {
            row[j] = odd_ones ? odd(prng) : SV_NAN;
        }
    }
}

static void saved_and_loaded_at_any_row_it_goes_on_the_same(void **state) { // [detect-28]
    (void) state;
    for (unsigned cut = 0; cut < 300; cut++) {
        sv_prng prng = { .state = 21 };
        assert_int_equal(sv_machine_detector_start(d, 3, 120, NULL), SV_OK);
        other_own = own;
        for (unsigned i = 0; i < 300; i++) {
            double row[3];
            a_row(&prng, 3, i < 120, row);
            row[0] += i > 180 && i < 240 ? 8 : 0;
            row[1] = i % 9 < 3 ? SV_NAN : row[1]; // a block in three
            if (i == cut) {
                size_t len = sv_machine_detector_save(d, saved, sizeof saved);
                assert_true(len > 0);
                memset(&other_own, 0xee, sizeof other_own);
                assert_int_equal(
                    sv_machine_detector_load(other, sizeof other_own, saved, len, NULL), SV_OK);
            }
            sv_machine_verdict a = sv_machine_detector_take(d, row);
            sv_machine_verdict b = sv_machine_detector_take(other, row);
            assert_memory_equal(&a.score, &b.score, sizeof a.score);
            assert_true(a.anomaly == b.anomaly && a.changepoint == b.changepoint && a.top == b.top
                        && a.learning == b.learning);
        }
    }
}

static void the_largest_machine_fits_and_a_small_room_does_not(void **state) { // [detect-28]
    (void) state;
    sv_prng prng = { .state = 22 };
    size_t sensors = SV_MACHINE_SENSORS_MAX;
    assert_int_equal(sv_machine_detector_start(d, sensors, 80, NULL), SV_OK);
    for (unsigned i = 0; i < 100; i++) {
        double row[SV_MACHINE_SENSORS_MAX];
        size_t len = sv_machine_detector_save(d, saved, sizeof saved);
        assert_true(len > 0);
        assert_true(sv_machine_detector_save(d, saved, len - 1) == 0);
        a_row(&prng, sensors, true, row);
        (void) sv_machine_detector_take(d, row);
    }
}

static void a_state_that_was_cut_or_changed_is_refused_and_changes_nothing(void **state) {
    (void) state; // [detect-28]
    static memory before;
    static uint8_t bytes[SV_MACHINE_SAVE_BYTES_MAX];
    plant p = { .prng = { .state = 23 } };
    sv_why why;
    learn_from(&p, 80);
    size_t len = sv_machine_detector_save(d, saved, sizeof saved);
    before = own;
    for (size_t cut = 0; cut < len; cut++) {
        assert_int_equal(sv_machine_detector_load(d, sizeof own, saved, cut, &why), SV_ERR_INVALID);
    }
    assert_string_equal(why.text, "the state of a machine was cut or has changed");
    for (size_t at = 0; at < len; at++) {
        memcpy(bytes, saved, len);
        bytes[at] ^= 4;
        assert_int_equal(sv_machine_detector_load(d, sizeof own, bytes, len, &why), SV_ERR_INVALID);
    }
    assert_memory_equal(&own, &before, sizeof own);
    sv_textbuf another = sv_state_room(bytes, sizeof bytes);
    put_u32(&another, 7);
    len = sv_state_seal(&another);
    assert_int_equal(sv_machine_detector_load(d, sizeof own, bytes, len, &why), SV_ERR_INVALID);
    assert_string_equal(why.text, "the state of a machine is of version 0x7, not 0x314d5653");
}

// ---- memory -------------------------------------------------------------------------------------

/// Exactly so many bytes, that a sanitizer sees who goes beyond them.
static sv_machine_detector *moved(const sv_machine_detector *from, size_t bytes) {
    sv_machine_detector *to = sv_mem_new(bytes);
    memcpy(to, from, bytes);
    return to;
}

static void a_detector_takes_what_its_sensors_need_and_less_once_it_has_learnt(void **state) {
    (void) state; // [detect-65]
    for (size_t sensors = 1; sensors <= SV_MACHINE_SENSORS_MAX; sensors += 7) {
        sv_prng prng = { .state = sensors };
        size_t bytes = sv_machine_detector_bytes(sensors);
        SV_DEFER(sv_mem_drop) sv_machine_detector *one = sv_mem_new(bytes);
        assert_int_equal(sv_machine_detector_start(one, sensors, 80, NULL), SV_OK);
        assert_int_equal(sv_machine_detector_start(d, sensors, 80, NULL), SV_OK);
        for (unsigned i = 0; i < 300; i++) {
            double row[SV_MACHINE_SENSORS_MAX];
            a_row(&prng, sensors, false, row);
            assert_int_equal(sv_machine_detector_has_learnt(one), i >= 80);
            if (i == 80) {
                sv_machine_detector *whole = one;
                one = moved(whole, sv_machine_detector_learnt_bytes(sensors));
                free(whole);
            }
            sv_machine_verdict a = sv_machine_detector_take(one, row);
            sv_machine_verdict b = sv_machine_detector_take(d, row);
            assert_memory_equal(&a.score, &b.score, sizeof a.score);
            assert_true(a.anomaly == b.anomaly && a.top == b.top);
        }
    }
    assert_in_range(sv_machine_detector_bytes(4), 1, 3200);
    assert_in_range(sv_machine_detector_learnt_bytes(4), 1, 600);
    assert_in_range(sv_machine_detector_bytes(SV_MACHINE_SENSORS_MAX), 1, sizeof own);
}

static void a_state_is_loaded_only_where_it_fits(void **state) { // [detect-65]
    (void) state;
    sv_why why;
    plant p = { .prng = { .state = 24 } };
    for (unsigned learnt = 0; learnt < 2; learnt++) {
        learn_from(&p, TRAIN);
        size_t needed = sv_machine_detector_learnt_bytes(SENSORS);
        if (learnt == 0) {
            assert_int_equal(sv_machine_detector_start(d, SENSORS, TRAIN, NULL), SV_OK);
            needed = sv_machine_detector_bytes(SENSORS);
        }
        size_t len = sv_machine_detector_save(d, saved, sizeof saved);
        SV_DEFER(sv_mem_drop) sv_machine_detector *one = sv_mem_new(needed);
        assert_int_equal(sv_machine_detector_load(one, needed - 1, saved, len, &why),
                         SV_ERR_INVALID);
        assert_string_equal(why.text, "the state of a machine of 4 sensors does not fit");
        assert_int_equal(sv_machine_detector_load(one, needed, saved, len, NULL), SV_OK);
        assert_memory_equal(one, d, needed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(saved_and_loaded_at_any_row_it_goes_on_the_same),
        cmocka_unit_test(the_largest_machine_fits_and_a_small_room_does_not),
        cmocka_unit_test(a_state_that_was_cut_or_changed_is_refused_and_changes_nothing),
        cmocka_unit_test(a_detector_takes_what_its_sensors_need_and_less_once_it_has_learnt),
        cmocka_unit_test(a_state_is_loaded_only_where_it_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
