#include <base/crc.h>
#include <base/test.h>

static void the_check_value_of_the_standard_comes_out(void **state) {
    (void) state;
    assert_int_equal(sv_crc32(SV_TEXT("123456789")), 0xCBF43926);
    assert_int_equal(sv_crc32(SV_TEXT("")), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(
        the_check_value_of_the_standard_comes_out) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
