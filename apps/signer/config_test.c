#include "config.h"

#include <base/test.h>
#include <base/time.h>
#include <string.h>

static void what_is_not_said_has_its_value(void **state) {
    (void) state;
    signer_config config;
    sv_config_faults faults = { .file = "signer.yaml" };
    assert_int_equal(signer_config_read(SV_TEXT("pki: /p\nsocket: /s\n"), &config, &faults), SV_OK);
    assert_string_equal(config.pki, "/p");
    assert_int_equal(config.allow_uid, -1);
    assert_int_equal(config.socket_group, -1);
    assert_int_equal(config.roles, 1U << SV_ROLE_DEVICE | 1U << SV_ROLE_GATEWAY);
    assert_true(config.lifetime_max_us == 400 * SV_TIME_DAY_US);
    assert_int_equal(
        signer_config_read(SV_TEXT("pki: /p\nsocket: /s\nroles: [server]\n"), &config, &faults),
        SV_OK);
    assert_int_equal(config.roles, 1U << SV_ROLE_SERVER);
    sv_config_faults_drop(&faults);
}

/// Users and groups have a name or a number. [signer-9]
static void who_may_ask_has_a_name_or_a_number(void **state) {
    (void) state;
    signer_config config;
    sv_config_faults faults = { .file = "signer.yaml" };
    assert_int_equal(
        signer_config_read(SV_TEXT("pki: /p\nsocket: /s\nallow_uid: root\nsocket_group: root\n"),
                           &config, &faults),
        SV_OK);
    assert_int_equal(config.allow_uid, 0);
    assert_int_equal(config.socket_group, 0);
    assert_int_equal(
        signer_config_read(SV_TEXT("pki: /p\nsocket: /s\nallow_uid: 990\nsocket_group: 991\n"),
                           &config, &faults),
        SV_OK);
    assert_int_equal(config.allow_uid, 990);
    assert_int_equal(config.socket_group, 991);
    sv_config_faults_drop(&faults);
}

static void what_is_wrong_is_named(void **state) {
    (void) state;
    static const struct {
        const char *yaml, *reason;
    } cases[] = {
        { "socket: /s\n", "pki" },
        { "pki: /p\n", "socket" },
        { "pki: /p\nsocket: /s\nroles: all\n", "write a list" },
        { "pki: /p\nsocket: /s\nroles: [root]\n", "root" },
        { "pki: /p\nsocket: /s\nallow_uid: -2\n", "no user '-2'" },
        { "pki: /p\nsocket: /s\nallow_uid: no-one-here\n", "no user 'no-one-here'" },
        { "pki: /p\nsocket: /s\nallow_uid: 4294967295\n", "no user '4294967295'" },
        { "pki: /p\nsocket: /s\nallow_uid: [root]\n", "the user's name or number" },
        { "pki: /p\nsocket: /s\nsocket_group: no-one-here\n", "no group 'no-one-here'" },
        { "pki: /p\nsocket: /s\nlifetime_max: 0\n", "lifetime_max" },
        { "pki: /p\nsocket: "
          "/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
          "aaaaaaa"
          "aaaaaaaaaaaaaaaaaaaaa\n",
          "at most 107 bytes" },
    };
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        signer_config config;
        sv_config_faults faults = { .file = "signer.yaml", .text = SV_TEXTBUF_HEAP(4096) };
        assert_int_equal(signer_config_read(sv_text_of(cases[i].yaml), &config, &faults),
                         SV_ERR_INVALID);
        assert_int_equal(sv_textbuf_end(&faults.text), SV_OK);
        assert_non_null(strstr(faults.text.at, cases[i].reason));
        sv_config_faults_drop(&faults);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_said_has_its_value),
        cmocka_unit_test(who_may_ask_has_a_name_or_a_number),
        cmocka_unit_test(what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
