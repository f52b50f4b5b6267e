// A boot loader behind a program with RAUC's verbs: a shell script that keeps what it is told in
// files, as the ones for fw_setenv do.
#include "test_device.h"

static char FOLDER[64];
static char PROGRAM[SV_PATH_MAX];
static release R[4];
static platter FACTORY;
static medium M;
static device D;
static sv_boot_script SCRIPT;

static const char LOADER[] = "#!/bin/sh\n"
                             "d=${0%/*}\n"
                             "echo \"$*\" >>\"$d/calls\"\n"
                             "if [ -e \"$d/says\" ]; then exec /bin/sh \"$d/says\"; fi\n"
                             "case $1 in\n"
                             "get-primary) cat \"$d/primary\" ;;\n"
                             "get-current) cat \"$d/current\" ;;\n"
                             "get-state) cat \"$d/$2\" ;;\n"
                             "set-primary) echo \"$2\" >\"$d/primary\"; echo good >\"$d/$2\" ;;\n"
                             "set-state) echo \"$3\" >\"$d/$2\" ;;\n"
                             "*) exit 2 ;;\n"
                             "esac\n";

static void put(const char *name, const char *text) {
    char path[SV_PATH_MAX];
    assert_int_equal(sv_disk_join(path, sizeof path, FOLDER, name), SV_OK);
    assert_int_equal(sv_disk_replace(path, sv_text_of(text), 0755, NULL), SV_OK);
}

static void is_kept(const char *name, const char *text) {
    char path[SV_PATH_MAX];
    char room[4096];
    sv_textbuf out = SV_TEXTBUF(room);
    assert_int_equal(sv_disk_join(path, sizeof path, FOLDER, name), SV_OK);
    assert_int_equal(sv_disk_read(path, &out, NULL), SV_OK);
    assert_string_equal(room, text);
}

static int begin(void **state) {
    (void) state;
    (void) snprintf(FOLDER, sizeof FOLDER, "/tmp/selvedge-loader-XXXXXX");
    assert_non_null(mkdtemp(FOLDER));
    assert_int_equal(sv_disk_join(PROGRAM, sizeof PROGRAM, FOLDER, "loader"), SV_OK);
    put("loader", LOADER);
    put("primary", "system0\n");
    put("current", "system0\n");
    put("system0", "good\n");
    put("system1", "bad\n");
    medium_forget_events(&M);
    M = (medium){ .fault = SV_ERR_IO };
    medium_begin(&M, &FACTORY);
    device_on(&D, &M);
    SCRIPT = (sv_boot_script){ .program = PROGRAM,
                               .names = { "system0", "system1" },
                               .file = { .disk = &M.disk } };
    D.boot = sv_boot_script_control(&SCRIPT);
    return 0;
}

static int end(void **state) {
    (void) state;
    medium_forget_events(&M);
    return sv_disk_remove_tree(FOLDER, NULL) == SV_OK ? 0 : -1;
}

static void wake(void) {
    sv_why why = { 0 };
    if (sv_engine_wake(&D.engine, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

static void an_update_goes_through_the_programs_verbs(void **state) { // [slot-19]
    (void) state;
    sv_boot_state s;
    sv_why why = { 0 };
    wake();
    assert_int_equal(D.engine.journal.trial.state, SV_TRIAL_CONFIRMED); // what runs is all there is
    put("calls", "");
    assert_int_equal(install(&D.engine, &R[2], &why), SV_OK);
    is_kept("primary", "system1\n");
    is_kept("system1", "good\n");
    put("current", "system1\n");
    wake();
    assert_int_equal(sv_engine_next(&D.engine), SV_TRIAL_ASK_HEALTH);
    assert_int_equal(sv_engine_health(&D.engine, true, "", &why), SV_OK);
    assert_int_equal(D.boot.state(D.boot.arg, &s, NULL), SV_OK);
    assert_int_equal(s.primary, 1);
    assert_int_equal(s.counter, 2);
    assert_int_equal(s.slots[0].state, SV_BOOT_SLOT_CONFIRMED);
}

static void the_slot_is_bad_before_it_is_written_and_primary_when_it_was_read_back(
    void **state) { // [slot-19] [slot-7]
    (void) state;
    wake();
    put("system1", "good\n");
    put("calls", "");
    assert_int_equal(sv_engine_offer(&D.engine, R[2].header, sizeof R[2].header, "", NULL), SV_OK);
    is_kept("system1", "bad\n");
    assert_int_equal(push_image(&D.engine, R[3].image, NULL), SV_OK); // another one
    assert_int_equal(sv_engine_install(&D.engine, NULL), SV_ERR_UNTRUSTED);
    is_kept("primary", "system0\n");
    is_kept("system1", "bad\n");
}

static void a_boot_loader_that_went_back_is_believed(void **state) { // [slot-19]
    (void) state;
    for (unsigned way = 0; way < 2; way++) {
        (void) end(NULL);
        (void) begin(NULL);
        wake();
        assert_int_equal(install(&D.engine, &R[2], NULL), SV_OK);
        if (way == 0) { // it had its starts
            put("system1", "bad\n");
        }
        put("primary", "system0\n");
        wake();
        assert_int_equal(D.engine.journal.trial.state, SV_TRIAL_ROLLED_BACK);
        assert_true(sv_journal_is_bad(&D.engine.journal, R[2].said.digest));
    }
}

static void its_last_start_may_still_prove_itself(void **state) { // [slot-19]
    (void) state;
    wake();
    assert_int_equal(install(&D.engine, &R[2], NULL), SV_OK);
    put("current", "system1\n");
    put("system1", "bad\n"); // no start is left after this one
    put("primary", "system0\n");
    wake();
    assert_int_equal(sv_engine_next(&D.engine), SV_TRIAL_ASK_HEALTH);
    assert_int_equal(sv_engine_health(&D.engine, true, "", NULL), SV_OK);
    is_kept("system1", "good\n");
}

static void what_fails_is_called_bad_and_the_other_one_primary(void **state) { // [slot-19]
    (void) state;
    wake();
    assert_int_equal(install(&D.engine, &R[2], NULL), SV_OK);
    put("current", "system1\n");
    wake();
    assert_int_equal(sv_engine_health(&D.engine, false, "no", NULL), SV_OK);
    is_kept("system1", "bad\n");
    is_kept("primary", "system0\n");
    assert_int_equal((D.boot.fail)(D.boot.arg, 0, NULL), SV_ERR_STATE);
    assert_int_equal(D.boot.release(D.boot.arg, 0, NULL), SV_ERR_STATE);
}

static void what_was_bad_and_is_made_primary_by_hand_is_on_trial(void **state) { // [slot-19]
    (void) state;
    wake();
    assert_int_equal(install(&D.engine, &R[2], NULL), SV_OK);
    put("current", "system1\n");
    wake();
    assert_int_equal(sv_engine_health(&D.engine, false, "no", NULL), SV_OK);
    put("system1", "good\n"); // by whatever calls each start good
    wake();
    assert_int_equal(sv_engine_next(&D.engine), SV_TRIAL_REBOOT);
    put("primary", "system1\n");
    wake();
    assert_int_equal(sv_engine_next(&D.engine), SV_TRIAL_ASK_HEALTH);
}

static void answers_that_are_none_are_errors(void **state) { // [slot-19]
    (void) state;
    sv_boot_state s;
    const struct {
        const char *says;
        sv_err err;
        const char *sentence;
    } cases[] = {
        { "echo slot-7", SV_ERR_INVALID, "names a slot that is none: 'slot-7'" },
        { "exit 3", SV_ERR_UNAVAILABLE, "ended with 3" },
        { "kill -9 $$", SV_ERR_UNAVAILABLE, "was killed by signal 9" },
        { "sleep 1000", SV_ERR_UNAVAILABLE, "did not end in 200 ms" },
        { "head -c 200 /dev/zero | tr '\\0' x", SV_ERR_NO_SPACE, "too many bytes" },
        { "echo system0", SV_ERR_INVALID, "says neither good nor bad: 'system0'" },
    };
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        sv_why why = { 0 };
        put("says", cases[i].says);
        SCRIPT.deadline_ms = strstr(cases[i].says, "sleep") != NULL ? 200 : 0;
        assert_int_equal(D.boot.state(D.boot.arg, &s, &why), cases[i].err);
        if (strstr(why.text, cases[i].sentence) == NULL) {
            fail_msg("%s", why.text);
        }
    }
    SCRIPT.program = "/nowhere/loader";
    assert_int_equal(D.boot.state(D.boot.arg, &s, NULL), SV_ERR_NOT_FOUND);
}

static int make_all(void **state) {
    (void) state;
    SV_DEFER(sv_key_drop) struct evp_pkey_st *key = make_boot_key();
    for (uint32_t i = 1; i < SV_COUNT(R); i++) {
        make_release(key, i, &R[i]);
    }
    factory(&FACTORY, &R[1]);
    return 0;
}

static void what_somebody_else_wrote_is_not_confirmed(void **state) { // [slot-43]
    (void) state;
    wake();
    assert_int_equal(install(&D.engine, &R[2], NULL), SV_OK);
    write_over(&M, 1, NULL);
    put("current", "system1\n");
    wake();
    is_written_over(&D, &R[2]);
    assert_int_equal(sv_engine_next(&D.engine), SV_TRIAL_WAIT);
    put("current", "system0\n"); // the boot loader went back
    put("primary", "system0\n");
    wake();
    assert_int_equal(install(&D.engine, &R[2], NULL), SV_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_update_goes_through_the_programs_verbs, begin, end),
        cmocka_unit_test_setup_teardown(
            the_slot_is_bad_before_it_is_written_and_primary_when_it_was_read_back, begin, end),
        cmocka_unit_test_setup_teardown(a_boot_loader_that_went_back_is_believed, begin, end),
        cmocka_unit_test_setup_teardown(its_last_start_may_still_prove_itself, begin, end),
        cmocka_unit_test_setup_teardown(what_fails_is_called_bad_and_the_other_one_primary, begin,
                                        end),
        cmocka_unit_test_setup_teardown(what_was_bad_and_is_made_primary_by_hand_is_on_trial, begin,
                                        end),
        cmocka_unit_test_setup_teardown(answers_that_are_none_are_errors, begin, end),
        cmocka_unit_test_setup_teardown(what_somebody_else_wrote_is_not_confirmed, begin, end),
    };
    return cmocka_run_group_tests(tests, make_all, NULL);
}
