// A slot whose medium does not give it back, for a while or for good: the updater wakes all the
// same, and says nothing of what lies there that it does not know. [slot-46]
#include "test_device.h"

static release R[4]; ///< by counter
static medium M;
static platter FACTORY;

static int make_all(void **state) {
    (void) state;
    SV_DEFER(sv_key_drop) struct evp_pkey_st *key = make_boot_key();
    for (uint32_t i = 1; i < SV_COUNT(R); i++) {
        make_release(key, i, &R[i]);
    }
    factory(&FACTORY, &R[1]);
    return 0;
}

static int drop_all(void **state) {
    (void) state;
    medium_forget_events(&M);
    return 0;
}

static void is_ok(sv_err err, const sv_why *why) {
    if (err != SV_OK) {
        fail_msg("%s", why->text);
    }
}

static void wake(device *d) {
    sv_why why = { 0 };
    is_ok(sv_engine_wake(&d->engine, &why), &why);
}

static void start(device *d) {
    sv_why why = { 0 };
    is_ok(device_start(d, false, &why), &why);
    wake(d);
}

static void new_device(device *d) {
    medium_forget_events(&M);
    M = (medium){ .fault = SV_ERR_IO };
    medium_begin(&M, &FACTORY);
    device_on(d, &M);
    d->engine.counter = NULL; // counter_test.c's
}

static sv_boot_state remembered(const device *d) {
    sv_boot_state state;
    assert_int_equal(d->boot.state(d->boot.arg, &state, NULL), SV_OK);
    return state;
}

static bool is_called_bad(const device *d, const release *r) {
    return sv_journal_is_bad(&d->engine.journal, r->said.digest);
}

/// Its first release is confirmed, the second one is armed, and nobody can read its slot any more.
static void armed_and_unread(device *d) {
    sv_why why = { 0 };
    new_device(d);
    start(d);
    is_ok(install(&d->engine, &R[2], &why), &why);
    M.unread = "slot-b";
}

static void what_runs_on_trial_waits_until_it_can_be_read(void **state) {
    (void) state;
    device d;
    sv_why why = { 0 };
    armed_and_unread(&d);
    start(&d); // by a boot loader that could
    assert_int_equal(d.file.running, 1);
    assert_string_equal(d.engine.unread.text, "slot b cannot be read: cannot read 'slot-b'");
    assert_int_equal(sv_engine_next(&d.engine), SV_TRIAL_ASK_HEALTH);
    assert_int_equal(sv_engine_health(&d.engine, true, "", &why), SV_ERR_IO);
    assert_non_null(strstr(why.text, "slot b cannot be read"));
    assert_int_equal(remembered(&d).slots[1].state, SV_BOOT_SLOT_TRIAL);
    assert_int_equal(remembered(&d).counter, 1);
    M.unread = NULL;
    wake(&d);
    assert_int_equal(d.engine.unread.code, SV_OK);
    is_ok(sv_engine_health(&d.engine, true, "", &why), &why);
    assert_int_equal(remembered(&d).counter, 2);
}

static void what_is_not_healthy_is_given_up_and_not_called_bad(void **state) {
    (void) state;
    device d;
    sv_why why = { 0 };
    armed_and_unread(&d);
    start(&d);
    is_ok(sv_engine_health(&d.engine, false, "no connection", &why), &why);
    assert_int_equal(d.engine.journal.trial.state, SV_TRIAL_ROLLED_BACK);
    assert_int_equal(remembered(&d).slots[1].state, SV_BOOT_SLOT_BAD);
    assert_false(is_called_bad(&d, &R[2]));
    start(&d);
    assert_int_equal(d.file.running, 0);
    assert_int_equal(sv_engine_next(&d.engine), SV_TRIAL_WAIT);
}

/// The boot loader goes back, and says of it that its starts are over, or that it is bad.
static void what_the_boot_loader_could_not_start_either_has_ended(void **state) {
    (void) state;
    device d;
    for (unsigned bad = 0; bad < 2; bad++) {
        armed_and_unread(&d);
        sv_boot_state said = remembered(&d);
        said.slots[1].tries_left = 0;
        said.slots[1].state = bad != 0 ? SV_BOOT_SLOT_BAD : SV_BOOT_SLOT_TRIAL;
        assert_int_equal(sv_boot_file_keep(&d.file, &said, NULL), SV_OK);
        wake(&d);
        assert_int_equal(d.engine.journal.trial.state, SV_TRIAL_ROLLED_BACK);
        assert_string_equal(d.engine.journal.trial.why,
                            "slot b cannot be read: cannot read 'slot-b'");
        assert_false(is_called_bad(&d, &R[2]));
        assert_int_equal(remembered(&d).primary, 0);
        M.unread = NULL; // the next one writes it anew
        assert_int_equal(install(&d.engine, &R[3], NULL), SV_OK);
    }
}

static void what_is_never_started_is_not_asked_for_ever(void **state) {
    (void) state;
    device d;
    armed_and_unread(&d);
    for (unsigned i = 0; i < SV_TRIAL_REBOOTS_MAX; i++) {
        wake(&d); // slot a runs again
        assert_int_equal(sv_engine_next(&d.engine), SV_TRIAL_REBOOT);
        assert_int_equal(sv_engine_rebooting(&d.engine, NULL), SV_OK);
    }
    wake(&d);
    assert_int_equal(d.engine.journal.trial.state, SV_TRIAL_FAILED);
    assert_int_equal(remembered(&d).slots[1].state, SV_BOOT_SLOT_BAD);
    assert_false(is_called_bad(&d, &R[2]));
}

static void what_is_all_there_is_stays(void **state) {
    (void) state;
    device d;
    armed_and_unread(&d);
    sv_boot_state said = remembered(&d);
    said.slots[0].state = SV_BOOT_SLOT_BAD;
    assert_int_equal(sv_boot_file_keep(&d.file, &said, NULL), SV_OK);
    start(&d);
    assert_int_equal(d.file.running, 1);
    assert_int_equal(sv_engine_next(&d.engine), SV_TRIAL_WAIT);
    assert_int_equal(remembered(&d).slots[1].state, SV_BOOT_SLOT_TRIAL);
    assert_int_equal(remembered(&d).counter, 1);
    M.unread = NULL;
    wake(&d); // there is nothing to go back to [slot-9]
    assert_int_equal(remembered(&d).slots[1].state, SV_BOOT_SLOT_CONFIRMED);
    assert_int_equal(remembered(&d).counter, 2);
}

/// What it could go back to has not been seen.
static void a_new_device_that_cannot_read_what_runs_takes_no_update(void **state) {
    (void) state;
    device d;
    sv_why why = { 0 };
    new_device(&d);
    M.unread = "slot-a";
    start(&d);
    assert_int_equal(d.engine.journal.trial.state, SV_TRIAL_IDLE);
    assert_int_equal(install(&d.engine, &R[2], &why), SV_ERR_IO);
    assert_non_null(strstr(why.text, "slot a cannot be read"));
    assert_int_equal(remembered(&d).slots[1].state, SV_BOOT_SLOT_IDLE);
    M.unread = NULL;
    wake(&d);
    assert_int_equal(remembered(&d).slots[0].state, SV_BOOT_SLOT_CONFIRMED);
    is_ok(install(&d.engine, &R[2], &why), &why);
}

static void what_is_confirmed_and_unread_is_updated_from(void **state) {
    (void) state;
    device d;
    sv_why why = { 0 };
    new_device(&d);
    start(&d);
    M.unread = "slot-a";
    start(&d);
    is_ok(install(&d.engine, &R[2], &why), &why);
    start(&d);
    is_ok(sv_engine_health(&d.engine, true, "", &why), &why);
    assert_int_equal(remembered(&d).primary, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_runs_on_trial_waits_until_it_can_be_read),
        cmocka_unit_test(what_is_not_healthy_is_given_up_and_not_called_bad),
        cmocka_unit_test(what_the_boot_loader_could_not_start_either_has_ended),
        cmocka_unit_test(what_is_never_started_is_not_asked_for_ever),
        cmocka_unit_test(what_is_all_there_is_stays),
        cmocka_unit_test(a_new_device_that_cannot_read_what_runs_takes_no_update),
        cmocka_unit_test(what_is_confirmed_and_unread_is_updated_from),
    };
    return cmocka_run_group_tests(tests, make_all, drop_all);
}
