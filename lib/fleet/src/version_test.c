#include <base/test.h>
#include <fleet/version.h>

static int sign(int n) {
    return (n > 0) - (n < 0);
}

static void versions_stand_in_the_order_that_debian_gives_them(void **state) { // [campaign-4]
    static const char *const ORDER[] = { "~~",
                                         "~",
                                         "",
                                         "0.9",
                                         "1.0~rc1",
                                         "1.0~rc2",
                                         "1.0",
                                         "1.0a",
                                         "1.0+dfsg",
                                         "1.0-1",
                                         "1.0-2",
                                         "1.0.1",
                                         "1.2",
                                         "1.10",
                                         "2",
                                         "99999999999999999999999999",
                                         "100000000000000000000000000" };
    (void) state;
    for (size_t i = 0; i < SV_COUNT(ORDER); i++) {
        for (size_t k = 0; k < SV_COUNT(ORDER); k++) {
            int is = sign(sv_version_compare(sv_text_of(ORDER[i]), sv_text_of(ORDER[k])));
            if (is != sign((int) i - (int) k)) {
                fail_msg("'%s' against '%s' gives %d", ORDER[i], ORDER[k], is);
            }
        }
    }
}

static void leading_zeroes_make_no_other_version(void **state) {
    (void) state;
    assert_int_equal(sv_version_compare(SV_TEXT("1.01"), SV_TEXT("1.1")), 0);
    assert_int_equal(sv_version_compare(SV_TEXT("0"), SV_TEXT("")), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_stand_in_the_order_that_debian_gives_them),
        cmocka_unit_test(leading_zeroes_make_no_other_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
