// What is given to RAUC, and what comes of an installation that is refused, cut or stands still.
#include "test_rauc.h"

static void a_bundle_is_given_to_rauc_and_confirmed_after_its_start(void **state) {
    (void) state; // [rauc-1] [rauc-3]
    factory_device();
    assert_int_equal(D.engine.journal.trial.state, SV_TRIAL_IDLE);
    assert_int_equal(sv_engine_offer(&D.engine, R[1].header, sizeof R[1].header, "", NULL), SV_OK);
    assert_true(O.slots[1].good); // RAUC itself gives the slot up, when it writes it
    assert_int_equal(push_image(&D.engine, R[1].image, NULL), SV_OK);
    assert_int_equal(sv_engine_prepare(&D.engine, NULL), SV_OK);
    assert_int_equal(O.installs, 0); // held
    assert_int_equal(sv_engine_install(&D.engine, NULL), SV_OK);
    assert_int_equal(O.installs, 1);
    assert_string_equal(O.bundle, "/staging/slot-b");
    assert_int_equal(last_percent, 40);
    assert_int_equal(O.primary, 1);
    assert_int_equal(platter_find(&M.now, "slot-b"), -1); // its room is given back
    assert_int_equal(state_now().slots[1].state, SV_BOOT_SLOT_TRIAL);
    start(1);
    assert_int_equal(sv_engine_next(&D.engine), SV_TRIAL_ASK_HEALTH);
    assert_true(is_header_of(1, &R[1]));
    O.slots[1].good = false; // by its last start
    assert_int_equal(sv_engine_health(&D.engine, true, "", NULL), SV_OK);
    assert_true(O.slots[1].good);
    assert_int_equal(state_now().primary, 1);
    assert_int_equal(state_now().counter, 1);
    assert_int_equal(state_now().slots[0].state, SV_BOOT_SLOT_CONFIRMED);
}

static void another_bundle_than_was_signed_is_never_given(void **state) { // [rauc-1]
    (void) state;
    factory_device();
    assert_int_equal(sv_engine_offer(&D.engine, R[1].header, sizeof R[1].header, "", NULL), SV_OK);
    assert_int_equal(push_image(&D.engine, R[2].image, NULL), SV_OK);
    assert_int_equal(sv_engine_install(&D.engine, NULL), SV_ERR_UNTRUSTED);
    assert_int_equal(O.installs, 0);
    sv_why why = { 0 }; // and one that is exchanged after it was read back
    assert_int_equal(push_image(&D.engine, R[1].image, NULL), SV_OK);
    assert_int_equal(sv_engine_prepare(&D.engine, NULL), SV_OK);
    M.now.files[platter_find(&M.now, "slot-b")].data[7] ^= 1;
    assert_int_equal(sv_engine_install(&D.engine, &why), SV_ERR_UNTRUSTED);
    assert_non_null(strstr(why.text, "1.0 is not the one that was signed"));
    assert_int_equal(O.installs, 0);
    assert_int_equal(O.primary, 0);
    assert_int_equal(D.engine.journal.trial.state, SV_TRIAL_FAILED);
}

static void what_rauc_refuses_has_failed_with_its_reason(void **state) { // [rauc-2]
    (void) state;
    factory_device();
    O.says = SV_ERR_UNTRUSTED;
    assert_int_equal(install(&D.engine, &R[1], NULL), SV_ERR_UNTRUSTED);
    assert_int_equal(D.engine.journal.trial.state, SV_TRIAL_FAILED);
    assert_non_null(strstr(D.engine.journal.trial.why, "signature is not valid"));
    assert_int_equal(O.primary, 0);
    assert_int_equal(state_now().slots[0].state, SV_BOOT_SLOT_CONFIRMED);
    // What somebody installs by hand later is not taken for it.
    by_hand(1);
    start(1);
    assert_false(is_header_of(1, &R[1]));
}

static void a_slot_that_rauc_has_not_written_is_said(void **state) { // [rauc-2]
    (void) state;
    factory_device();
    sv_why why = { 0 };
    O.writes_nothing = true;
    assert_int_equal(install(&D.engine, &R[1], &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "statusfile"));
    assert_int_equal(D.engine.journal.trial.state, SV_TRIAL_FAILED);
    assert_int_equal(O.primary, 0); // and not started, whatever is in it
    assert_false(O.slots[1].good);
    by_hand(1); // nor taken for what somebody installs there later
    start(1);
    assert_false(is_header_of(1, &R[1]));
}

static void what_rauc_makes_active_and_then_refuses_is_not_started(void **state) { // [rauc-2]
    (void) state;
    factory_device();
    O.refuses_late = true;
    assert_int_equal(install(&D.engine, &R[1], NULL), SV_ERR_UNTRUSTED);
    assert_int_equal(D.engine.journal.trial.state, SV_TRIAL_FAILED);
    assert_int_equal(O.primary, 0);
    assert_false(O.slots[1].good);
    factory_device();
    O.refuses_late = true;
    O.marks_nothing = true; // as long as RAUC does not hear of it, it has not failed
    assert_int_equal(install(&D.engine, &R[1], NULL), SV_ERR_UNAVAILABLE);
    assert_int_equal(D.engine.journal.trial.state, SV_TRIAL_VERIFIED);
}

/// The updater was killed while RAUC installed, or before it armed what was placed; and the power
/// goes while RAUC would judge the bundle once more. [rauc-5]
static void what_rauc_has_finished_alone_is_not_begun_anew(void **state) {
    (void) state;
    for (unsigned way = 0; way < 2; way++) {
        factory_device();
        O.dies = way == 0;
        O.marks_nothing = way == 1;
        assert_int_equal(install(&D.engine, &R[1], NULL), SV_ERR_UNAVAILABLE);
        assert_int_equal(O.primary, 1);
        O.marks_nothing = false;
        start(0);
        O.dies = false;
        O.says = SV_ERR_UNAVAILABLE;
        (void) (sv_engine_install(&D.engine, NULL) == SV_OK);
        assert_int_equal(O.installs, 1);
        start(1);
        assert_int_equal(sv_engine_next(&D.engine), SV_TRIAL_ASK_HEALTH);
        assert_true(is_header_of(1, &R[1]));
    }
}

static void what_does_not_start_next_is_begun_anew(void **state) { // [rauc-2]
    (void) state;
    factory_device();
    O.dies = true;
    assert_int_equal(install(&D.engine, &R[1], NULL), SV_ERR_UNAVAILABLE);
    O.dies = false;
    O.primary = 0; // RAUC died before it made it active
    start(0);
    assert_int_equal(sv_engine_install(&D.engine, NULL), SV_OK);
    assert_int_equal(O.installs, 2);
    assert_int_equal(O.primary, 1);
}

static void rauc_that_does_not_answer_is_asked_again(void **state) { // [rauc-2]
    (void) state;
    factory_device();
    O.says = SV_ERR_UNAVAILABLE;
    assert_int_equal(install(&D.engine, &R[1], NULL), SV_ERR_UNAVAILABLE);
    assert_int_equal(D.engine.journal.trial.state, SV_TRIAL_VERIFIED);
    O.says = SV_OK;
    start(0); // after a cut in its middle
    assert_int_equal(sv_engine_install(&D.engine, NULL), SV_OK);
    assert_int_equal(O.installs, 2);
    O.gone = true;
    assert_int_equal(sv_engine_wake(&D.engine, NULL), SV_ERR_UNAVAILABLE);
}

static void the_slot_that_rauc_says_runs_is_not_written(void **state) { // [rauc-1]
    (void) state;
    factory_device();
    assert_int_equal(sv_engine_offer(&D.engine, R[1].header, sizeof R[1].header, "", NULL), SV_OK);
    assert_int_equal(push_image(&D.engine, R[1].image, NULL), SV_OK);
    assert_int_equal(sv_engine_prepare(&D.engine, NULL), SV_OK);
    O.slots[0].booted = false;
    O.slots[1].booted = true;
    assert_int_equal(sv_engine_install(&D.engine, NULL), SV_ERR_STATE);
    assert_int_equal(O.installs, 0);
}

/// Once, and then the machine starts: what RAUC has made active is on trial, else it goes on, and
/// ends as it would have. [rauc-2] [rauc-5]
static void any_call_to_the_storage_may_fail(void **state) {
    (void) state;
    bool over = false;
    for (size_t at = 1; !over; at++) {
        factory_device();
        M.calls = 0;
        M.fail_at = at;
        M.fail_for = 1;
        M.fault = SV_ERR_IO;
        sv_err err = install(&D.engine, &R[1], NULL);
        over = M.calls < at;
        M.fail_at = 0;
        start(err == SV_OK ? 0 : O.primary);
        const sv_trial *trial = &D.engine.journal.trial;
        if (O.slots[1].booted) {
            assert_int_equal(trial->state, SV_TRIAL_TRIAL);
            assert_int_equal(sv_engine_next(&D.engine), SV_TRIAL_ASK_HEALTH);
            assert_true(is_header_of(1, &R[1]));
        } else if (trial->state < SV_TRIAL_INSTALLED) {
            assert_int_equal(install(&D.engine, &R[1], NULL), SV_OK);
        }
        assert_true(trial->state == SV_TRIAL_INSTALLED || trial->state == SV_TRIAL_TRIAL);
        assert_int_equal(O.primary, 1);
        assert_true(O.installs >= 1);
        assert_int_equal(state_now().slots[0].state, SV_BOOT_SLOT_CONFIRMED);
        assert_true(at < 1000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bundle_is_given_to_rauc_and_confirmed_after_its_start),
        cmocka_unit_test(another_bundle_than_was_signed_is_never_given),
        cmocka_unit_test(what_rauc_refuses_has_failed_with_its_reason),
        cmocka_unit_test(a_slot_that_rauc_has_not_written_is_said),
        cmocka_unit_test(what_rauc_makes_active_and_then_refuses_is_not_started),
        cmocka_unit_test(what_rauc_has_finished_alone_is_not_begun_anew),
        cmocka_unit_test(what_does_not_start_next_is_begun_anew),
        cmocka_unit_test(rauc_that_does_not_answer_is_asked_again),
        cmocka_unit_test(the_slot_that_rauc_says_runs_is_not_written),
        cmocka_unit_test(any_call_to_the_storage_may_fail),
    };
    return cmocka_run_group_tests(tests, make_releases, NULL);
}
