#include "enrol.h"

#include "config.h"
#include "enrol_files.h"

#include <base/test.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define PIN "sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define TOKEN "Qm9vayBvZiBzZWNyZXRzIHdyaXR0ZW4gZG93biA0Mg0" // 43, as random bits look

static sv_agent_enrolment with;
static sv_why why;

static sv_err parse(const char *const *given) {
    static char room[12][300];
    char *argv[13] = { room[0] };
    int argc = 1;
    (void) strcpy(room[0], "enrol");
    for (; given[argc - 1] != NULL; argc++) {
        (void) snprintf(room[argc], sizeof room[argc], "%s", given[argc - 1]);
        argv[argc] = room[argc];
    }
    bool help = false;
    optind = 0;
    with = (sv_agent_enrolment){ 0 };
    why = (sv_why){ 0 };
    return sv_agent_enrol_parse(argc, argv, &with, &help, &why);
}

static void the_line_of_an_operator_is_enough(void **state) {
    (void) state;
    char here[SV_PATH_MAX];
    char expected[SV_PATH_MAX + 64];
    const char *const line[] = { "press-17", "--at", "gw.example:9444", "--pin", PIN, NULL };
    assert_int_equal(parse(line), SV_OK);
    assert_string_equal(with.id, "press-17");
    assert_string_equal(with.host, "gw.example");
    assert_int_equal(with.port, 9444);
    assert_string_equal(with.gateway, "gw.example");
    assert_int_equal(with.gateway_port, 8883);
    assert_non_null(getcwd(here, sizeof here));
    (void) snprintf(expected, sizeof expected, "%s/press-17", here);
    assert_string_equal(with.out, expected);
    (void) snprintf(expected, sizeof expected, "%s/press-17/press-17.key", here);
    assert_string_equal(with.key, expected);
}

static void what_is_wrong_is_said_before_anything_goes_out(void **state) {
    (void) state;
    static const struct {
        const char *line[8];
        const char *said;
    } CASES[] = {
        { { "--at", "gw", "--pin", PIN }, "the device's id" },
        { { "press-17", "--pin", PIN }, "--at HOST:PORT" },
        { { "press-17", "--at", "gw" }, "--pin sha256:" },
        { { "a/b", "--at", "gw", "--pin", PIN }, "a/b" },
        { { "press-17", "--at", "gw:0", "--pin", PIN }, "gw:0" },
        { { "press-17", "--at", "gw", "--pin", "sha256:12" }, "64 hexadecimal" },
        { { "press-17", "--at", "gw", "--pin", PIN, "more" }, "one too many" },
        { { "press-17", "--at" }, "--at needs a value" },
        { { "press-17", "--token", "x" }, "\"--token\" is not an option" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        assert_int_equal(parse(CASES[i].line), SV_ERR_INVALID);
        if (strstr(why.text, CASES[i].said) == NULL) {
            fail_msg("\"%s\" does not say \"%s\"", why.text, CASES[i].said);
        }
    }
}

// [est-5]
static void a_token_among_the_words_is_refused_and_not_repeated(void **state) {
    (void) state;
    static const char joined[] = "--token=" TOKEN;
    static const char *const LINES[][8] = {
        { "press-17", TOKEN, "--at", "gw", "--pin", PIN },
        { TOKEN, "--at", "gw", "--pin", PIN },
        { "press-17", "--at", "gw", "--pin", PIN, "--token", TOKEN },
        { "press-17", "--at", "gw", "--pin", PIN, joined },
    };
    for (size_t i = 0; i < SV_COUNT(LINES); i++) {
        assert_int_equal(parse(LINES[i]), SV_ERR_INVALID);
        assert_non_null(strstr(why.text, "a token is no argument"));
        assert_null(strstr(why.text, TOKEN));
    }
    assert_false(sv_agent_looks_like_token("press-17"));
    assert_false(sv_agent_looks_like_token("a-name-of-43-letters-that-somebody-did-choose"));
}

// [est-5]
static void what_is_no_token_is_refused_and_not_repeated(void **state) {
    (void) state;
    char token[SV_AGENT_TOKEN_MAX + 1];
    assert_int_equal(sv_agent_token_parse(SV_TEXT(TOKEN "\n"), token, &why), SV_OK);
    assert_string_equal(token, TOKEN);
    static const char two[] = TOKEN " and more";
    static const char long_one[] = TOKEN TOKEN TOKEN;
    static const char *const BAD[] = { "", "\n", "short", "a:b:cccccccccccccccccc", two, long_one };
    for (size_t i = 0; i < SV_COUNT(BAD); i++) {
        why = (sv_why){ 0 };
        assert_int_equal(sv_agent_token_parse(sv_text_of(BAD[i]), token, &why), SV_ERR_INVALID);
        assert_true(why.text[0] != '\0');
        assert_null(strstr(why.text, TOKEN));
    }
}

// [est-6]
static void what_is_written_is_a_configuration_and_never_over_one(void **state) {
    (void) state;
    char folder[] = "/tmp/sv-enrol-it's-XXXXXX"; // a quote, as folders may have
    const char *const line[] = { "press-17", "--at",  "[::1]:9444", "--pin",
                                 PIN,        "--out", folder,       NULL };
    sv_agent_enrol_files files;
    static sv_agent_config config;
    SV_DEFER(sv_textbuf_drop) sv_textbuf yaml = SV_TEXTBUF_HEAP(16384);
    SV_DEFER(sv_config_faults_drop) sv_config_faults faults = { .file = "agent.yaml" };
    assert_non_null(mkdtemp(folder));
    assert_int_equal(parse(line), SV_OK);
    assert_int_equal(sv_agent_enrol_find(&with, &files, NULL), SV_OK);
    assert_int_equal(sv_agent_keep_certificate(&with, &files, SV_TEXT("leaf\n"), NULL), SV_OK);
    assert_int_equal(sv_disk_read(files.yaml, &yaml, NULL), SV_OK);
    assert_int_equal(sv_agent_config_read(sv_textbuf_text(&yaml), &config, &faults), SV_OK);
    assert_string_equal(config.id, "press-17");
    assert_string_equal(config.tls.cert, files.cert);
    assert_string_equal(config.tls.key, with.key);
    assert_string_equal(config.enrolment.host, "::1");
    assert_int_equal(config.enrolment.port, 9444);
    // Enrolled is enrolled.
    assert_int_equal(sv_agent_enrol_find(&with, &files, &why), SV_ERR_STATE);
    assert_non_null(strstr(why.text, "is enrolled"));
    // A configuration that somebody wrote stays.
    assert_int_equal(sv_disk_replace(files.yaml, SV_TEXT("mine\n"), 0644, NULL), SV_OK);
    assert_int_equal(unlink(files.cert), 0);
    assert_int_equal(sv_agent_keep_certificate(&with, &files, SV_TEXT("leaf\n"), NULL), SV_OK);
    sv_textbuf_clear(&yaml);
    assert_int_equal(sv_disk_read(files.yaml, &yaml, NULL), SV_OK);
    assert_string_equal(yaml.at, "mine\n");
    assert_int_equal(sv_disk_remove_tree(folder, NULL), SV_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_of_an_operator_is_enough),
        cmocka_unit_test(what_is_wrong_is_said_before_anything_goes_out),
        cmocka_unit_test(a_token_among_the_words_is_refused_and_not_repeated),
        cmocka_unit_test(what_is_no_token_is_refused_and_not_repeated),
        cmocka_unit_test(what_is_written_is_a_configuration_and_never_over_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
