#include <base/test.h>
#include <stdlib.h>
#include <sys/child.h>
#include <sys/clock.h>

enum { LONG_MS = 20000 };

static sv_err shell(const char *script, int deadline_ms, sv_textbuf *out, sv_why *why) {
    const char *const argv[] = { "/bin/sh", "-c", script, NULL };
    return sv_child_run(argv, deadline_ms, out, why);
}

static void what_it_says_is_there_when_it_has_ended(void **state) { // [slot-20]
    (void) state;
    char room[200];
    sv_textbuf out = SV_TEXTBUF(room);
    assert_int_equal(shell("echo one; echo two; echo \"$HOME$USER\"; cat", LONG_MS, &out, NULL),
                     SV_OK);
    assert_string_equal(room, "one\ntwo\n\n");
}

static void each_bad_end_has_its_own_answer(void **state) { // [slot-20]
    (void) state;
    char room[64];
    const struct {
        const char *script;
        int deadline_ms;
        sv_err err;
        const char *sentence;
    } cases[] = {
        { "echo no; exit 7", LONG_MS, SV_ERR_STATE, "'/bin/sh' ended with 7" },
        { "kill -9 $$", LONG_MS, SV_ERR_UNAVAILABLE, "'/bin/sh' was killed by signal 9" },
        { "sleep 1000", 100, SV_ERR_UNAVAILABLE, "did not end in 100 ms and was killed" },
        { "sleep 1000 & sleep 1000", 100, SV_ERR_UNAVAILABLE, "did not end in 100 ms" },
        { "while :; do echo for ever; done", 300, SV_ERR_UNAVAILABLE, "did not end in 300 ms" },
        { "head -c 100000 /dev/zero", LONG_MS, SV_ERR_NO_SPACE, "answers with too many bytes" },
    };
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        sv_textbuf out = SV_TEXTBUF(room);
        sv_why why = { 0 };
        assert_int_equal(shell(cases[i].script, cases[i].deadline_ms, &out, &why), cases[i].err);
        assert_non_null(strstr(why.text, cases[i].sentence));
    }
}

static void who_leaves_somebody_behind_is_not_waited_for(void **state) { // [slot-20]
    (void) state;
    char room[64];
    sv_textbuf out = SV_TEXTBUF(room);
    int64_t began_us = sv_clock_monotonic_us();
    assert_int_equal(shell("sleep 10 & echo done", LONG_MS, &out, NULL), SV_OK);
    assert_string_equal(room, "done\n");
    assert_true(sv_clock_monotonic_us() - began_us < INT64_C(9000000));
}

static void a_program_is_named_by_its_path(void **state) { // [slot-20]
    (void) state;
    char room[64];
    sv_textbuf out = SV_TEXTBUF(room);
    sv_why why = { 0 };
    const char *const bare[] = { "sh", NULL };
    const char *const absent[] = { "/nowhere/sh", NULL };
    assert_int_equal(sv_child_run(bare, LONG_MS, &out, &why), SV_ERR_INVALID);
    assert_int_equal(sv_child_run(absent, LONG_MS, &out, &why), SV_ERR_NOT_FOUND);
    assert_non_null(strstr(why.text, "cannot run '/nowhere/sh': No such file"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_says_is_there_when_it_has_ended),
        cmocka_unit_test(each_bad_end_has_its_own_answer),
        cmocka_unit_test(who_leaves_somebody_behind_is_not_waited_for),
        cmocka_unit_test(a_program_is_named_by_its_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
