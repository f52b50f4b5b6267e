// A counter in hardware beside the boot loader's: it follows what is confirmed, and is never in the
// way of it. Where power goes between the two is powercut_test.c's.
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

static void start(device *d) {
    sv_why why = { 0 };
    is_ok(device_start(d, false, &why), &why);
    is_ok(sv_engine_wake(&d->engine, &why), &why);
}

static void new_device(device *d) {
    medium_forget_events(&M);
    M = (medium){ .fault = SV_ERR_IO };
    medium_begin(&M, &FACTORY);
    device_on(d, &M);
    start(d);
}

static void on_trial(device *d, uint32_t counter) {
    sv_why why = { 0 };
    is_ok(install(&d->engine, &R[counter], &why), &why);
    start(d);
    assert_int_equal(d->engine.journal.trial.state, SV_TRIAL_TRIAL);
}

static sv_err no_read(void *arg, uint32_t *out, sv_why *why) {
    (void) arg;
    (void) out;
    return sv_fail(why, SV_ERR_UNAVAILABLE, "no TPM answers");
}

static sv_err no_raise(void *arg, uint32_t to, sv_why *why) {
    (void) arg;
    (void) to;
    return sv_fail(why, SV_ERR_UNAVAILABLE, "no TPM answers");
}

static const sv_counter AWAY = { .read = no_read, .raise = no_raise };

static void it_follows_what_is_confirmed_and_nothing_else(void **state) { // [slot-41]
    (void) state;
    device d;
    sv_why why = { 0 };
    new_device(&d);
    assert_int_equal(M.now.ticks, 1);
    on_trial(&d, 3);
    assert_int_equal(M.now.ticks, 1);
    is_ok(sv_engine_health(&d.engine, true, "", &why), &why);
    assert_int_equal(M.now.ticks, 3);
    assert_int_equal(d.engine.counter_fault.code, SV_OK);
}

static void what_is_not_healthy_does_not_raise_it(void **state) { // [slot-41]
    (void) state;
    device d;
    sv_why why = { 0 };
    new_device(&d);
    on_trial(&d, 3);
    is_ok(sv_engine_health(&d.engine, false, "no", &why), &why);
    start(&d);
    assert_int_equal(M.now.ticks, 1);
}

static void
a_release_below_it_is_refused_whatever_the_boot_loader_remembers(void **state) { // [slot-41]
    (void) state;
    device d;
    sv_why why = { 0 };
    new_device(&d);
    M.now.ticks = 3; // what runs was put back
    start(&d);
    assert_int_equal(d.file.running, 0);
    assert_int_equal(sv_engine_offer(&d.engine, R[2].header, sizeof R[2].header, "raw", &why),
                     SV_ERR_UNTRUSTED);
    assert_non_null(strstr(why.text, "release counter 2, and 3 was confirmed already"));
    on_trial(&d, 3); // and one that is not below it is taken
}

static void without_it_nothing_new_is_taken_and_what_is_there_goes_on(void **state) { // [slot-41]
    (void) state;
    device d;
    sv_why why = { 0 };
    new_device(&d);
    on_trial(&d, 2);
    d.engine.counter = &AWAY;
    start(&d);
    is_ok(sv_engine_health(&d.engine, true, "", &why), &why);
    assert_int_equal(d.engine.journal.trial.state, SV_TRIAL_CONFIRMED);
    assert_string_equal(d.engine.counter_fault.text, "no TPM answers");
    assert_int_equal(M.now.ticks, 1);
    assert_int_equal(sv_engine_offer(&d.engine, R[3].header, sizeof R[3].header, "raw", &why),
                     SV_ERR_UNAVAILABLE);
    assert_string_equal(why.text, "no TPM answers");
    assert_int_equal(d.engine.journal.trial.state, SV_TRIAL_CONFIRMED); // not a byte of it
    // It is back.
    d.engine.counter = &d.counter;
    start(&d);
    assert_int_equal(M.now.ticks, 2);
    assert_int_equal(d.engine.counter_fault.code, SV_OK);
}

/// The boot loader's file may say what it will: what is signed and runs is what counts.
static void a_number_that_nobody_signed_does_not_raise_it(void **state) { // [slot-41]
    (void) state;
    device d;
    sv_boot_state remembered;
    new_device(&d);
    assert_int_equal(d.boot.state(d.boot.arg, &remembered, NULL), SV_OK);
    remembered.counter = 4000000;
    assert_int_equal(sv_boot_file_keep(&d.file, &remembered, NULL), SV_OK);
    assert_int_equal(sv_engine_wake(&d.engine, NULL), SV_OK);
    assert_int_equal(M.now.ticks, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_follows_what_is_confirmed_and_nothing_else),
        cmocka_unit_test(what_is_not_healthy_does_not_raise_it),
        cmocka_unit_test(a_release_below_it_is_refused_whatever_the_boot_loader_remembers),
        cmocka_unit_test(without_it_nothing_new_is_taken_and_what_is_there_goes_on),
        cmocka_unit_test(a_number_that_nobody_signed_does_not_raise_it),
    };
    return cmocka_run_group_tests(tests, make_all, drop_all);
}
