#include <base/test.h>
#include <sys/daemon.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *device;
static bool print;

static void list_keys(sv_textbuf *out) {
    sv_textbuf_add_str(out, "id: who it is\n");
}

static const sv_daemon_option OWN[] = { { .name = "device", .text = &device },
                                        { .name = "print-it", .flag = &print } };

static const sv_daemon DAEMON = {
    .name = "some-daemon",
    .usage = "some-daemon --config FILE",
    .about = "Does something.",
    .own = "  --device ID      of this one\n",
    .keys = list_keys,
    .options = OWN,
    .option_count = SV_COUNT(OWN),
};

/// What was written to a descriptor during `read_line`.
typedef struct said {
    int code;
    char out[4096], err[4096];
    sv_daemon_asked asked;
} said;

static void capture(FILE *stream, int fd, char *room, size_t room_bytes, FILE *into, int kept) {
    (void) fflush(stream);
    assert_true(dup2(kept, fd) >= 0);
    (void) close(kept);
    rewind(into);
    room[fread(room, 1, room_bytes - 1, into)] = '\0';
    (void) fclose(into);
}

static said run(const char *line) {
    static char words[512];
    char *argv[16] = { NULL };
    int argc = 0;
    said got = { .code = -2 };
    device = NULL;
    print = false;
    (void) snprintf(words, sizeof words, "%s", line);
    for (char *rest = words, *word; (word = strsep(&rest, " ")) != NULL;) {
        argv[argc++] = word;
    }
    FILE *out = tmpfile();
    FILE *err = tmpfile();
    assert_true(out != NULL && err != NULL);
    (void) fflush(NULL);
    int kept_out = dup(STDOUT_FILENO);
    int kept_err = dup(STDERR_FILENO);
    assert_true(dup2(fileno(out), STDOUT_FILENO) >= 0 && dup2(fileno(err), STDERR_FILENO) >= 0);
    got.code = sv_daemon_read(&DAEMON, argc, argv, &got.asked);
    capture(stdout, STDOUT_FILENO, got.out, sizeof got.out, out, kept_out);
    capture(stderr, STDERR_FILENO, got.err, sizeof got.err, err, kept_err);
    return got;
}

// [cli-5]
static void a_daemon_goes_on_with_a_configuration_and_its_own_options(void **state) {
    (void) state;
    said got = run("d --config a.yaml");
    assert_int_equal(got.code, -1);
    assert_string_equal(got.asked.config, "a.yaml");
    assert_false(got.asked.check);
    got = run("d --check-config --device=press-1 --config=b.yaml --print-it");
    assert_int_equal(got.code, -1);
    assert_true(got.asked.check && print);
    assert_string_equal(device, "press-1");
    got = run("d -c c.yaml");
    assert_string_equal(got.asked.config, "c.yaml");
    assert_null(device);
}

// [cli-5]
static void help_and_version_are_data_and_end_well(void **state) {
    (void) state;
    said got = run("d --help");
    assert_int_equal(got.code, SV_DAEMON_DONE);
    for (const char *const *part =
             (const char *const[]){ "usage: some-daemon --config FILE\n", "Does something.",
                                    "--check-config", "--device ID", "Exit codes: 0 done",
                                    "id: who it is\n", NULL };
         *part != NULL; part++) {
        assert_non_null(strstr(got.out, *part));
    }
    assert_string_equal(got.err, "");
    got = run("d --version");
    assert_int_equal(got.code, SV_DAEMON_DONE);
    assert_string_equal(got.out, "some-daemon " SV_VERSION "\n");
}

// [cli-5]
static void what_is_typed_wrong_is_said_with_the_word(void **state) {
    (void) state;
    static const struct {
        const char *line, *told;
    } cases[] = {
        { "d", "name the configuration with --config FILE" },
        { "d --config a.yaml --nonsense", "'--nonsense'" },
        { "d --config", "requires an argument" },
        { "d --config a.yaml --print-it=3", "doesn't allow an argument" },
        { "d --config a.yaml stray", "\"stray\" is not an option" },
    };
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        said got = run(cases[i].line);
        assert_int_equal(got.code, SV_DAEMON_USAGE);
        assert_non_null(strstr(got.err, cases[i].told));
        assert_non_null(strstr(got.err, "some-daemon: --help explains\n"));
        assert_string_equal(got.out, "");
    }
}

static void a_broken_configuration_is_usage_and_all_else_this_machine(void **state) {
    (void) state;
    static const sv_why why = { .text = "it is so" };
    assert_int_equal(sv_daemon_fail(&DAEMON, SV_ERR_INVALID, &why), SV_DAEMON_USAGE);
    assert_int_equal(sv_daemon_fail(&DAEMON, SV_ERR_STATE, &why), SV_DAEMON_MACHINE);
    assert_int_equal(sv_daemon_fail(&DAEMON, SV_ERR_NOT_FOUND, &why), SV_DAEMON_MACHINE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_daemon_goes_on_with_a_configuration_and_its_own_options),
        cmocka_unit_test(help_and_version_are_data_and_end_well),
        cmocka_unit_test(what_is_typed_wrong_is_said_with_the_word),
        cmocka_unit_test(a_broken_configuration_is_usage_and_all_else_this_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
