#include "est_basic.h"

#include <base/test.h>

// [enrol-12]
static void user_and_token_are_read(void **state) {
    (void) state;
    static const struct {
        const char *header, *user, *password;
    } CASES[] = {
        { "Basic cHJlc3MtMTc6dG9rZW4=", "press-17", "token" },
        { "basic  cHJlc3MtMTc6dG9rZW4=", "press-17", "token" },
        { "Basic YTo=", "a", "" },
        { "Basic YTpiOmM=", "a", "b:c" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_basic basic;
        assert_int_equal(sv_basic_parse(sv_text_of(CASES[i].header), &basic), SV_OK);
        assert_true(sv_text_is(basic.user, CASES[i].user));
        assert_true(sv_text_is(basic.password, CASES[i].password));
    }
}

// [enrol-12]
static void anything_else_is_no_token(void **state) {
    (void) state;
    static const char *const CASES[] = {
        "",           "Basic",       "Basic ",    "Bearer YTpi",           "Basic YWI=",
        "Basic OmI=", "Basic YTpi*", "BasicYTpi", "Basic YTpi,Basic YTpi", "Basic AGE6Yg=="
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_basic basic;
        assert_int_not_equal(sv_basic_parse(sv_text_of(CASES[i]), &basic), SV_OK);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(user_and_token_are_read),
        cmocka_unit_test(anything_else_is_no_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
