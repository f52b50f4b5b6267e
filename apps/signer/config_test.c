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
    assert_int_equal(config.roles, 1U << SV_ROLE_DEVICE | 1U << SV_ROLE_GATEWAY);
    assert_true(config.lifetime_max_us == 400 * SV_TIME_DAY_US);
    assert_int_equal(
        signer_config_read(SV_TEXT("pki: /p\nsocket: /s\nroles: [server]\n"), &config, &faults),
        SV_OK);
    assert_int_equal(config.roles, 1U << SV_ROLE_SERVER);
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
        { "pki: /p\nsocket: /s\nallow_uid: -2\n", "allow_uid" },
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
        cmocka_unit_test(what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
