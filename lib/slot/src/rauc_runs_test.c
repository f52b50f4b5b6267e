// What runs on a device of RAUC's, who has written it, and what is gone back to.
#include "test_rauc.h"

static void what_rauc_made_primary_by_itself_is_on_trial(void **state) { // [rauc-5]
    (void) state;
    factory_device();
    O.dies = true;
    assert_int_equal(install(&D.engine, &R[1], NULL), SV_ERR_UNAVAILABLE);
    start(1); // the power went, and it is what starts
    assert_int_equal(D.engine.journal.trial.state, SV_TRIAL_TRIAL);
    assert_int_equal(sv_engine_next(&D.engine), SV_TRIAL_ASK_HEALTH);
    assert_true(is_header_of(1, &R[1]));
    assert_int_equal(sv_engine_health(&D.engine, false, "it is ill", NULL), SV_OK);
    assert_int_equal(O.primary, 0);
    assert_false(O.slots[1].good);
    start(0);
    assert_int_equal(D.engine.journal.trial.state, SV_TRIAL_ROLLED_BACK);
    assert_string_equal(D.engine.journal.trial.why, "it is ill");
}

static void a_boot_loader_that_went_back_is_believed(void **state) { // [rauc-3]
    (void) state;
    factory_device();
    assert_int_equal(install(&D.engine, &R[1], NULL), SV_OK);
    O.slots[1].good = false; // it had its starts
    O.primary = 0;
    start(0);
    assert_int_equal(D.engine.journal.trial.state, SV_TRIAL_ROLLED_BACK);
    assert_int_equal(install(&D.engine, &R[1], NULL), SV_ERR_UNTRUSTED); // tried here
    assert_int_equal(install(&D.engine, &R[2], NULL), SV_OK);
}

/// And has its starts again with each. [rauc-5]
static void what_somebody_wrote_where_a_trial_was_given_up_is_the_way_back(void **state) {
    (void) state;
    factory_device();
    assert_int_equal(install(&D.engine, &R[1], NULL), SV_OK);
    start(1);
    assert_int_equal(sv_engine_health(&D.engine, false, "it is ill", NULL), SV_OK);
    start(1); // it was not left yet
    assert_int_equal(sv_engine_next(&D.engine), SV_TRIAL_REBOOT);
    start(0);
    by_hand(1);
    unsigned before = O.called_good;
    start(1);
    assert_int_equal(sv_engine_next(&D.engine), SV_TRIAL_WAIT);
    assert_int_equal(state_now().slots[1].state, SV_BOOT_SLOT_CONFIRMED);
    assert_int_equal(state_now().primary, 1);
    assert_int_equal(O.called_good, before + 1);
    assert_int_equal(install(&D.engine, &R[2], NULL), SV_OK);
}

static void what_runs_is_said_only_when_rauc_says_the_same(void **state) { // [rauc-4]
    (void) state;
    factory_device();
    assert_int_equal(install(&D.engine, &R[1], NULL), SV_OK);
    start(1);
    assert_int_equal(sv_engine_health(&D.engine, true, "", NULL), SV_OK);
    assert_true(is_header_of(1, &R[1]));
    O.slots[1].count++; // somebody has installed another bundle there and come back
    assert_false(is_header_of(1, &R[1]));
    O.slots[1].count--;
    O.slots[1].digest[0] ^= 1;
    assert_false(is_header_of(1, &R[1]));
    O.slots[1].digest[0] ^= 1;
    O.slots[1].whole = false;
    assert_false(is_header_of(1, &R[1]));
}

/// Its header was put beside when the device was made. [rauc-4]
static void what_the_device_was_made_with_is_known_by_its_header(void **state) {
    (void) state;
    factory_device();
    platter_add(&M.now, "slot-a.boot", SV_BOOT_TRAILER_BYTES);
    int file = platter_find(&M.now, "slot-a.boot");
    memcpy(M.now.files[file].data, R[1].header, sizeof R[1].header);
    assert_true(is_header_of(0, &R[1]));
    by_hand(0);
    start(0);
    assert_false(is_header_of(0, &R[1]));
}

static void only_what_rauc_still_has_is_gone_back_to(void **state) { // [rauc-6]
    (void) state;
    sv_why why = { 0 };
    factory_device();
    assert_int_equal(install(&D.engine, &R[1], NULL), SV_OK);
    const sv_placer *placer = D.installer.placer;
    assert_int_equal(placer->check(placer->arg, 1, &R[1].said, NULL), SV_OK);
    assert_int_equal(placer->check(placer->arg, 1, &R[2].said, NULL), SV_ERR_UNTRUSTED);
    O.slots[1].good = false;
    assert_int_equal(placer->check(placer->arg, 1, &R[1].said, NULL), SV_ERR_UNTRUSTED);
    by_hand(1);
    assert_int_equal(placer->check(placer->arg, 1, &R[1].said, &why), SV_ERR_UNTRUSTED);
    assert_string_equal(why.text, "what RAUC has in slot b is not lathe-ctl 1.0 any more, or is "
                                  "bad");
}

/// By hand: before it was started, after that, or before it was noted that RAUC had placed it.
static void what_somebody_installed_over_a_trial_is_not_taken_for_it(void **state) {
    (void) state; // [rauc-4] [slot-43]
    for (unsigned way = 0; way < 3; way++) {
        factory_device();
        O.dies = way == 2;
        assert_int_equal(install(&D.engine, &R[1], NULL), way < 2 ? SV_OK : SV_ERR_UNAVAILABLE);
        O.dies = false;
        by_hand(1);
        start(way == 1 ? 0 : 1);
        const sv_trial *trial = &D.engine.journal.trial;
        if (way != 1) {
            assert_int_equal(state_now().slots[1].state, SV_BOOT_SLOT_CONFIRMED);
            assert_int_equal(state_now().primary, 1);
        }
        assert_int_equal(trial->state, SV_TRIAL_FAILED);
        assert_string_equal(trial->why, "somebody else has installed over it in slot b");
        assert_int_equal(sv_engine_next(&D.engine), SV_TRIAL_WAIT);
        assert_int_equal(state_now().counter, 0);
        assert_int_equal(O.primary, 1); // it is left as whoever did it has made it
        assert_true(O.slots[1].good);
        assert_false(is_header_of(1, &R[1]) && O.slots[1].booted);
        assert_false(sv_journal_is_bad(&D.engine.journal, R[1].said.digest));
        assert_int_equal(install(&D.engine, &R[1], NULL), SV_OK);
    }
}

/// Its service starts anew with the machine.
static void forget(void) {
    for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
        O.slots[i] = (sv_rauc_slot){ .booted = O.slots[i].booted, .good = O.slots[i].good };
    }
}

/// Also when the power goes between the moment in which RAUC makes it active and our Mark. [rauc-9]
static void what_rauc_does_not_remember_is_gone_back_from(void **state) {
    (void) state;
    for (unsigned way = 0; way < 2; way++) {
        factory_device();
        O.dies = way == 1;
        assert_int_equal(install(&D.engine, &R[1], NULL), way == 0 ? SV_OK : SV_ERR_UNAVAILABLE);
        O.dies = false;
        forget();
        start(1);
        const sv_trial *trial = &D.engine.journal.trial;
        assert_int_equal(trial->state, SV_TRIAL_ROLLED_BACK);
        assert_non_null(strstr(trial->why, "system.conf needs a statusfile"));
        assert_int_equal(sv_engine_next(&D.engine), SV_TRIAL_REBOOT);
        assert_int_equal(O.primary, 0);
        assert_false(O.slots[1].good);
        start(0);
        assert_int_equal(trial->state, SV_TRIAL_ROLLED_BACK);
        assert_int_equal(sv_engine_next(&D.engine), SV_TRIAL_WAIT);
        assert_int_equal(state_now().counter, 0);
        assert_false(sv_journal_is_bad(&D.engine.journal, R[1].said.digest));
        assert_int_equal(install(&D.engine, &R[1], NULL), SV_OK);
    }
}

/// The machine was not started, or there is nothing to go back to. [rauc-9]
static void what_rauc_does_not_remember_is_not_started(void **state) {
    (void) state;
    factory_device();
    assert_int_equal(install(&D.engine, &R[1], NULL), SV_OK);
    forget();
    start(0);
    assert_int_equal(D.engine.journal.trial.state, SV_TRIAL_FAILED);
    assert_non_null(strstr(D.engine.journal.trial.why, "does not remember"));
    assert_int_equal(O.primary, 0);
    assert_int_equal(sv_engine_next(&D.engine), SV_TRIAL_WAIT);
    factory_device();
    assert_int_equal(install(&D.engine, &R[1], NULL), SV_OK);
    forget();
    O.slots[0].good = false;
    start(1);
    assert_int_equal(D.engine.journal.trial.state, SV_TRIAL_FAILED);
    assert_int_equal(sv_engine_next(&D.engine), SV_TRIAL_WAIT);
    assert_int_equal(O.primary, 1);
    assert_int_equal(state_now().counter, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_rauc_made_primary_by_itself_is_on_trial),
        cmocka_unit_test(a_boot_loader_that_went_back_is_believed),
        cmocka_unit_test(what_somebody_wrote_where_a_trial_was_given_up_is_the_way_back),
        cmocka_unit_test(what_runs_is_said_only_when_rauc_says_the_same),
        cmocka_unit_test(what_the_device_was_made_with_is_known_by_its_header),
        cmocka_unit_test(what_somebody_installed_over_a_trial_is_not_taken_for_it),
        cmocka_unit_test(what_rauc_does_not_remember_is_gone_back_from),
        cmocka_unit_test(what_rauc_does_not_remember_is_not_started),
        cmocka_unit_test(only_what_rauc_still_has_is_gone_back_to),
    };
    return cmocka_run_group_tests(tests, make_releases, NULL);
}
