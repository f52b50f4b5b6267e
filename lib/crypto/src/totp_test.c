#include <base/test.h>
#include <crypto/totp.h>
#include <string.h>

static const uint8_t SECRET[] = "12345678901234567890";

// RFC 6238, appendix B (SHA-1): our six digits are the last of its eight.
static void the_codes_are_those_of_the_rfc(void **state) {
    (void) state;
    static const struct {
        int64_t second;
        const char *code;
    } VECTORS[] = {
        { 59, "287082" },         { 1111111109, "081804" }, { 1111111111, "050471" },
        { 1234567890, "005924" }, { 2000000000, "279037" }, { 20000000000, "353130" },
    };
    for (size_t i = 0; i < SV_COUNT(VECTORS); i++) {
        char code[SV_TOTP_DIGITS + 1];
        int64_t step = 0;
        sv_totp_code(SECRET, VECTORS[i].second / 30, code);
        assert_string_equal(code, VECTORS[i].code);
        assert_true(sv_totp_fits(SECRET, sv_text_of(VECTORS[i].code),
                                 VECTORS[i].second * SV_TIME_SECOND_US, 0, &step));
        assert_int_equal(step, VECTORS[i].second / 30);
    }
}

static void a_code_counts_once_and_half_a_minute_around_its_own(void **state) {
    (void) state;
    char code[SV_TOTP_DIGITS + 1];
    sv_totp_code(SECRET, 1000, code);
    for (int64_t at = 997; at <= 1003; at++) {
        int64_t step = -1;
        bool near = at >= 999 && at <= 1001;
        int64_t now_us = at * SV_TOTP_STEP_US + 1;
        assert_int_equal(sv_totp_fits(SECRET, sv_text_of(code), now_us, 0, &step), near);
        assert_int_equal(step, near ? 1000 : -1);
        assert_int_equal(sv_totp_fits(SECRET, sv_text_of(code), now_us, 999, &step), near);
        assert_false(sv_totp_fits(SECRET, sv_text_of(code), now_us, 1000, &step));
        assert_false(sv_totp_fits(SECRET, sv_text_of(code), now_us, 2000, &step));
    }
}

static void what_is_no_code_fits_never(void **state) {
    (void) state;
    static const char *const WRONG[] = { "", "28708", "2870821", "000000", "28708\xB2", " 287082" };
    int64_t step = 7;
    for (size_t i = 0; i < SV_COUNT(WRONG); i++) {
        assert_false(sv_totp_fits(SECRET, sv_text_of(WRONG[i]), 59 * SV_TIME_SECOND_US, 0, &step));
    }
    assert_int_equal(step, 7);
}

static void an_app_reads_the_secret_from_the_url(void **state) {
    (void) state;
    char room[SV_TOTP_URL_ROOM];
    sv_textbuf url = SV_TEXTBUF(room);
    sv_totp_url(SECRET, "ada", &url);
    assert_int_equal(sv_textbuf_end(&url), SV_OK);
    assert_string_equal(room, "otpauth://totp/Selvedge:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
                              "&issuer=Selvedge&algorithm=SHA1&digits=6&period=30");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_codes_are_those_of_the_rfc),
        cmocka_unit_test(a_code_counts_once_and_half_a_minute_around_its_own),
        cmocka_unit_test(what_is_no_code_fits_never),
        cmocka_unit_test(an_app_reads_the_secret_from_the_url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
