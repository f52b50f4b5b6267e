#include "script.h"

#include <base/test.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/clock.h>
#include <sys/stat.h>
#include <unistd.h>

static void on_ended(void *arg) {
    bool *ended = arg;
    *ended = true;
}

static void write_script(const char *path, const char *text) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void) fputs(text, file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0700), 0);
}

static void run_since(sv_agent_script *script, sv_loop *loop, bool *ended, int64_t since_us) {
    *ended = false;
    int64_t end_us = sv_clock_monotonic_us() + INT64_C(20000000);
    while (!*ended && sv_clock_monotonic_us() < end_us) {
        sv_agent_script_run(script, since_us);
        sv_loop_turn(loop, 20000);
    }
    assert_true(*ended);
}

static void run_once(sv_agent_script *script, sv_loop *loop, bool *ended) {
    run_since(script, loop, ended, 1);
}

static void it_is_run_until_it_passes(void **state) { // [ddid-11]
    (void) state;
    char folder[] = "/tmp/sv-script-XXXXXX";
    char path[64];
    assert_non_null(mkdtemp(folder));
    (void) snprintf(path, sizeof path, "%s/check", folder);
    write_script(path, "#!/bin/sh\nexit 3\n");
    SV_DEFER(sv_agent_script_drop) sv_agent_script *script = NULL;
    assert_int_equal(sv_agent_script_open(path, &script, NULL), SV_OK);
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    assert_int_equal(sv_loop_open(&loop, NULL), SV_OK);
    bool ended = false;
    sv_agent_script_use(script, loop, on_ended, &ended);
    assert_string_equal(sv_agent_script_word(script, 1), "");
    run_once(script, loop, &ended);
    assert_false(sv_agent_script_has_passed(script, 1));
    assert_non_null(strstr(sv_agent_script_word(script, 1), "3"));
    write_script(path, "#!/bin/sh\nexit 0\n");
    int64_t began_us = sv_clock_monotonic_us();
    run_once(script, loop, &ended);
    assert_true(sv_agent_script_has_passed(script, 1));
    assert_true(sv_clock_monotonic_us() - began_us >= SV_AGENT_SCRIPT_AGAIN_US / 2);
    // A release that starts now has to pass it itself.
    int64_t since_us = sv_clock_monotonic_us() + 1;
    assert_false(sv_agent_script_has_passed(script, since_us));
    assert_string_equal(sv_agent_script_word(script, since_us), "");
    write_script(path, "#!/bin/sh\nexit 4\n");
    run_since(script, loop, &ended, since_us);
    assert_false(sv_agent_script_has_passed(script, since_us));
    assert_non_null(strstr(sv_agent_script_word(script, since_us), "4"));
    sv_agent_script_drop(&script);
    (void) unlink(path);
    (void) rmdir(folder);
}

static void one_that_is_not_there_has_not_passed(void **state) {
    (void) state;
    SV_DEFER(sv_agent_script_drop) sv_agent_script *script = NULL;
    assert_int_equal(sv_agent_script_open("/nowhere/check", &script, NULL), SV_OK);
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    assert_int_equal(sv_loop_open(&loop, NULL), SV_OK);
    bool ended = false;
    sv_agent_script_use(script, loop, on_ended, &ended);
    run_once(script, loop, &ended);
    assert_false(sv_agent_script_has_passed(script, 1));
    assert_non_null(strstr(sv_agent_script_word(script, 1), "/nowhere/check"));
    sv_agent_script_drop(&script);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_run_until_it_passes),
        cmocka_unit_test(one_that_is_not_there_has_not_passed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
