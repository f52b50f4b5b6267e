#include "cmapss.h"
#include <base/test.h>
#include <math.h>

static const char LINE[] =
    "1 2 -0.0007 -0.0004 100.0 518.67 641.82 1589.70 1400.60 14.62 21.61 554.36 2388.06 9046.19 "
    "1.30 47.47 521.66 2388.02 8138.62 8.4195 0.03 392 2388 100.00 39.06 23.4190  ";

// [model-8]
static void a_line_of_nasa_is_unit_cycle_settings_and_sensors(void **state) {
    (void) state;
    sv_cmapss_row row;
    assert_int_equal(sv_cmapss_parse(sv_text_of(LINE), &row, NULL), SV_OK);
    assert_int_equal(row.unit, 1);
    assert_int_equal(row.cycle, 2);
    assert_true(row.values[0] == -0.0007);
    assert_true(row.values[3] == 518.67);
    assert_true(row.values[23] == 23.4190);
    assert_string_equal(sv_cmapss_column(0), "setting_1");
    assert_string_equal(sv_cmapss_column(3), "sensor_1");
    assert_string_equal(sv_cmapss_column(23), "sensor_21");
}

static void refuse(const char *line, const char *sentence) {
    sv_cmapss_row row = { .unit = 77 };
    sv_why why = { 0 };
    assert_int_equal(sv_cmapss_parse(sv_text_of(line), &row, &why), SV_ERR_INVALID);
    assert_string_equal(why.text, sentence);
    assert_int_equal(row.unit, 77);
}

// [model-8]
static void what_is_no_such_line_is_refused_by_what_stands_there(void **state) {
    (void) state;
    refuse("", "0 numbers, where unit, cycle, 3 settings and 21 sensors are 26");
    refuse("1 2 3", "3 numbers, where unit, cycle, 3 settings and 21 sensors are 26");
    refuse("unit cycle", "'unit' in place 1 is no number");
    refuse("1,2,3", "'1,2,3' in place 1 is no number");
    refuse("0 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
           "the unit is 0; a whole number from 1 is wanted");
    refuse("1 1.5 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
           "the cycle is 1.5; a whole number from 1 is wanted");
    refuse("1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "more than 26 numbers");
}

static void a_value_may_be_missing_but_no_unit(void **state) {
    (void) state;
    sv_cmapss_row row;
    assert_int_equal(
        sv_cmapss_parse(SV_TEXT("1 1 nan 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 NaN"), &row,
                        NULL),
        SV_OK);
    assert_true(isnan(row.values[0]) && isnan(row.values[23]));
    refuse("nan 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
           "the unit is nan; a whole number from 1 is wanted");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_of_nasa_is_unit_cycle_settings_and_sensors),
        cmocka_unit_test(what_is_no_such_line_is_refused_by_what_stands_there),
        cmocka_unit_test(a_value_may_be_missing_but_no_unit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
