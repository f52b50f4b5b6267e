#include <base/num.h>
#include <base/prng.h>
#include <base/test.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *shown(double value) {
    static char room[SV_NUM_TEXT_MAX];
    sv_textbuf buf = SV_TEXTBUF(room);
    sv_num_add(&buf, value);
    assert_int_equal(sv_textbuf_end(&buf), SV_OK);
    return room;
}

static void numbers_are_written_as_people_write_them(void **state) {
    (void) state;
    static const struct {
        double value;
        const char *text;
    } CASES[] = {
        { 45, "45" },
        { 91.2, "91.2" },
        { 1e-9, "1e-9" },
        { 0.1 + 0.2, "0.30000000000000004" },
        { -0.0, "0" },
        { 100, "100" },
        { 123456.789, "123456.789" },
        { 1e-6, "0.000001" },
        { 1e-7, "1e-7" },
        { 1e20, "100000000000000000000" },
        { 1e21, "1e21" },
        { 1.5e300, "1.5e300" },
        { 5e-324, "5e-324" },
        { DBL_MAX, "1.7976931348623157e308" },
        { -273.15, "-273.15" },
        { 0x1p-44, "5.684341886080802e-14" },
        { 9007199254740993.0, "9007199254740992" },
        { SV_NAN, "null" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        assert_string_equal(shown(CASES[i].value), CASES[i].text);
    }
}

static void every_number_reads_back_the_same_in_at_most_31_characters(void **state) {
    (void) state;
    sv_prng prng = { .state = 7 };
    for (int i = 0; i < 200000; i++) {
        uint64_t bits = sv_prng_next(&prng);
        double value = 0;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value)) {
            double back = 0;
            assert_int_equal(sv_num_parse(sv_text_of(shown(value)), &back), SV_OK);
            assert_true(back == value);
        }
    }
}

static void short_numbers_read_as_the_library_reads_them(void **state) {
    (void) state;
    sv_prng prng = { .state = 11 };
    for (int i = 0; i < 200000; i++) {
        char text[32];
        int decimals = (int) (sv_prng_next(&prng) % 14);
        double size = sv_prng_normal(&prng) * (i % 2 == 0 ? 100 : 1e12);
        (void) snprintf(text, sizeof text, "%.*f", decimals, size);
        double value = 0;
        assert_int_equal(sv_num_parse(sv_text_of(text), &value), SV_OK);
        assert_true(value == strtod(text, NULL));
    }
    double zero = 1;
    assert_int_equal(sv_num_parse(SV_TEXT("-0.000"), &zero), SV_OK);
    assert_true(zero == 0 && signbit(zero));
}

static void what_is_not_a_finite_json_number_is_refused(void **state) {
    (void) state;
    static const char *const BAD[] = { "",   "NaN", "Infinity", "1e999", "-1e999", "+1",
                                       "01", ".5",  "1.",       "1e",    "1e+",    "0x10",
                                       " 1", "1 ",  "-",        "--1",   "1,5",    "1_0" };
    for (size_t i = 0; i < SV_COUNT(BAD); i++) {
        double value = 42;
        assert_int_equal(sv_num_parse(sv_text_of(BAD[i]), &value), SV_ERR_INVALID);
        assert_true(value == 42);
    }
}

static void a_number_keeps_so_many_digits(void **state) {
    (void) state;
    assert_true(sv_num_round(52.1234567, 5) == 52.123);
    assert_true(sv_num_round(-0.00012345678, 3) == -0.000123);
    assert_true(sv_num_round(99999.6, 5) == 100000);
    assert_true(sv_num_round(0, 5) == 0);
    assert_true(sv_num_round(1.797693e308, 5) == 1.797693e308);
    assert_true(isinf(sv_num_round(HUGE_VAL, 5)) && isnan(sv_num_round(SV_NAN, 5)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_written_as_people_write_them),
        cmocka_unit_test(every_number_reads_back_the_same_in_at_most_31_characters),
        cmocka_unit_test(short_numbers_read_as_the_library_reads_them),
        cmocka_unit_test(a_number_keeps_so_many_digits),
        cmocka_unit_test(what_is_not_a_finite_json_number_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
