// Each call that a boot loader's backend makes of its medium fails once: by libubootenv too, whose
// calls come to the test's medium (test_uboot.h).
#include "test_loaders.h"

static const fault NONE = { .name = "none" };
static platter FACTORIES[SV_COUNT(LOADERS)];
static life L;

static void begin(size_t which) {
    const truth nothing = { 0 };
    begin_life(&L, &LOADERS[which], &FACTORIES[which], &nothing, &NONE, false);
}

/// A device with its first release confirmed.
static void begin_confirmed(size_t which) {
    sv_why why = { 0 };
    begin(which);
    if (LOADERS[which].start(&L, false, &why) != SV_OK
        || sv_engine_wake(&L.d.engine, &why) != SV_OK) {
        fail_msg("%s: %s", LOADERS[which].name, why.text);
    }
    L.m.calls = 0;
}

/// Is everything that was written to a file flushed?
static bool is_flushed(const medium *m) {
    bool dirty[MEDIUM_FILES] = { false };
    bool names = false;
    for (size_t i = 0; i < m->count; i++) {
        const medium_event *event = &m->events[i];
        names = event->kind == MEDIUM_NAME || (names && event->kind != MEDIUM_SYNC_FOLDER);
        if (event->file >= 0 && event->kind != MEDIUM_NAME) {
            dirty[event->file] = event->kind != MEDIUM_SYNC;
        }
    }
    for (int i = 0; i < MEDIUM_FILES; i++) {
        names = names || dirty[i];
    }
    return !names;
}

static void what_is_said_to_be_done_is_on_the_medium_whatever_call_failed(
    void **state) { // [slot-5] [slot-13] [slot-21]
    (void) state;
    for (size_t which = 0; which < SV_COUNT(LOADERS); which++) {
        size_t failed = 0;
        bool reached = true;
        for (size_t at = 1; reached; at++) {
            sv_boot_state now;
            begin_confirmed(which);
            L.m.fail_at = at;
            L.m.fail_for = 1;
            sv_err err = L.d.boot.arm(L.d.boot.arg, 1, 3, NULL);
            reached = L.m.calls >= at;
            failed += err != SV_OK ? 1 : 0;
            assert_true(err != SV_OK || is_flushed(&L.m));
            L.m.fail_at = 0;
            // And once more, in the same process.
            assert_int_equal(L.d.boot.arm(L.d.boot.arg, 1, 3, NULL), SV_OK);
            assert_true(is_flushed(&L.m));
            assert_int_equal(L.d.boot.state(L.d.boot.arg, &now, NULL), SV_OK);
            assert_int_equal(now.slots[1].state, SV_BOOT_SLOT_TRIAL);
        }
        assert_true(failed >= 3);
    }
}

static void a_story_in_which_one_call_fails_has_the_same_end(void **state) { // [slot-13]
    (void) state;
    for (size_t which = 0; which < SV_COUNT(LOADERS); which++) {
        bool reached = true;
        for (size_t at = 1; reached; at += 7) {
            begin(which);
            L.m.fail_at = at;
            L.m.fail_for = 1;
            const char *wrong = live(&L);
            reached = L.m.calls >= at;
            if (wrong != NULL) {
                L.runs = !L.starting;
                attach(&L);
                wrong = live(&L);
            }
            if (wrong != NULL) {
                fail_msg("%s, call %zu: %s", LOADERS[which].name, at, wrong);
            }
        }
    }
}

static unsigned left_of(const char *name) {
    env_words env = { .place = -1 };
    char value[16];
    assert_true(env_load(&L.m, &env));
    env_get(&env, name, "3", value);
    return (unsigned) strtoul(value, NULL, 10);
}

static void the_confirmed_slot_that_runs_has_all_its_starts_again(void **state) { // [slot-40]
    (void) state;
    for (unsigned starts = 0; starts < 10; starts++) {
        if (starts == 0) {
            begin_confirmed(1);
        }
        assert_int_equal(LOADERS[1].start(&L, false, NULL), SV_OK);
        assert_int_equal(L.d.file.running, 0);
        assert_int_equal(left_of("BOOT_A_LEFT"), 2);
        assert_int_equal(sv_engine_wake(&L.d.engine, NULL), SV_OK);
        assert_int_equal(left_of("BOOT_A_LEFT"), 3);
    }
    size_t before = L.m.count;
    assert_int_equal(sv_engine_wake(&L.d.engine, NULL), SV_OK); // nothing to give back
    for (size_t i = before; i < L.m.count; i++) {
        assert_int_not_equal(L.m.events[i].kind, MEDIUM_WRITE);
    }
}

static void a_trial_has_the_starts_that_it_was_armed_for(void **state) { // [slot-40]
    (void) state;
    begin_confirmed(1);
    assert_int_equal(install(&L.d.engine, &R[3], NULL), SV_OK);
    for (unsigned left = 3; left-- > 0;) {
        assert_int_equal(LOADERS[1].start(&L, false, NULL), SV_OK);
        assert_int_equal(L.d.file.running, 1);
        assert_int_equal(sv_engine_wake(&L.d.engine, NULL), SV_OK);
        assert_int_equal(left_of("BOOT_B_LEFT"), left);
    }
    assert_int_equal(LOADERS[1].start(&L, false, NULL), SV_OK);
    assert_int_equal(L.d.file.running, 0);
}

static void without_a_start_left_the_way_back_is_started(void **state) { // [slot-21]
    (void) state;
    begin_confirmed(1);
    for (unsigned starts = 0; starts < 10; starts++) { // power goes before anybody is up
        assert_int_equal(LOADERS[1].start(&L, false, NULL), SV_OK);
        assert_int_equal(L.d.file.running, 0);
    }
    assert_int_equal(left_of("BOOT_A_LEFT"), 0);
    assert_int_equal(sv_engine_wake(&L.d.engine, NULL), SV_OK);
    assert_int_equal(left_of("BOOT_A_LEFT"), 3);
}

static int make_all(void **state) {
    (void) state;
    SV_DEFER(sv_key_drop) struct evp_pkey_st *key = make_boot_key();
    for (uint32_t i = 1; i < SV_COUNT(R); i++) {
        make_release(key, i, &R[i]);
    }
    for (size_t i = 0; i < SV_COUNT(LOADERS); i++) {
        factory(&FACTORIES[i], &R[1]);
        LOADERS[i].factory(&FACTORIES[i]);
    }
    env_make();
    return 0;
}

static int drop_all(void **state) {
    (void) state;
    medium_forget_events(&L.m);
    env_remove();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_said_to_be_done_is_on_the_medium_whatever_call_failed),
        cmocka_unit_test(a_story_in_which_one_call_fails_has_the_same_end),
        cmocka_unit_test(the_confirmed_slot_that_runs_has_all_its_starts_again),
        cmocka_unit_test(a_trial_has_the_starts_that_it_was_armed_for),
        cmocka_unit_test(without_a_start_left_the_way_back_is_started),
    };
    return cmocka_run_group_tests(tests, make_all, drop_all);
}
