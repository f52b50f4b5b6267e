#include "csv.h"

#include <base/mem.h>
#include <base/test.h>
#include <base/time.h>
#include <math.h>
#include <stdlib.h>

typedef struct input {
    FILE *file;
    sv_csv *csv;
} input;

static void input_drop(input *in) {
    (void) fclose(in->file);
    free(in->csv);
}

static input input_of(const char *text) {
    input in = { .file = tmpfile(), .csv = sv_mem_new(sizeof(sv_csv)) };
    assert_non_null(in.file);
    assert_int_equal(fwrite(text, 1, strlen(text), in.file), strlen(text));
    rewind(in.file);
    return in;
}

static void assert_cell(const sv_csv *csv, size_t i, const char *expected) {
    assert_true(sv_text_is(csv->cells[i], expected));
}

static void rows_come_cut_unquoted_and_trimmed(void **state) {
    (void) state;
    SV_DEFER(input_drop)
    input in = input_of("\xEF\xBB\xBFtimestamp,\"a, b\",c\r\n\r\n 1 ,\"x \"\"y\"\", z\",\r\n2,3,4");
    sv_why why = { 0 };
    assert_int_equal(sv_csv_begin(in.csv, in.file, &why), SV_OK);
    assert_int_equal(in.csv->count, 3);
    assert_int_equal(sv_csv_column(in.csv, "A, B"), 1);
    assert_int_equal(sv_csv_column(in.csv, "d"), 3);
    assert_int_equal(sv_csv_next(in.csv, &why), SV_OK);
    assert_cell(in.csv, 0, "1");
    assert_cell(in.csv, 1, "x \"y\", z");
    assert_cell(in.csv, 2, "");
    assert_int_equal(sv_csv_next(in.csv, &why), SV_OK);
    assert_cell(in.csv, 2, "4");
    assert_int_equal(sv_csv_next(in.csv, &why), SV_ERR_NOT_FOUND);
}

static void a_header_with_a_semicolon_separates_by_it(void **state) {
    (void) state;
    SV_DEFER(input_drop) input in = input_of("datetime;Volume Flow\n2026-01-01;1,5\n");
    assert_int_equal(sv_csv_begin(in.csv, in.file, NULL), SV_OK);
    assert_int_equal(in.csv->count, 2);
    assert_int_equal(sv_csv_next(in.csv, NULL), SV_OK);
    assert_cell(in.csv, 1, "1,5");
}

static void a_broken_row_is_named_and_costs_only_itself(void **state) {
    (void) state;
    SV_DEFER(input_drop) input in = input_of("a,b\n1\n1,\"2\n1,\"2\"3\n1,2,3\n5,6\n");
    static const char *const SENTENCES[] = {
        "line 2: 1 cells, where the header names 2 columns",
        "line 3: a quote is opened and not closed on this line",
        "line 4: something follows the closing quote",
        "line 5: 3 cells, where the header names 2 columns",
    };
    sv_why why = { 0 };
    assert_int_equal(sv_csv_begin(in.csv, in.file, &why), SV_OK);
    for (size_t i = 0; i < SV_COUNT(SENTENCES); i++) {
        assert_int_equal(sv_csv_next(in.csv, &why), SV_ERR_INVALID);
        assert_string_equal(why.text, SENTENCES[i]);
    }
    assert_int_equal(sv_csv_next(in.csv, &why), SV_OK);
    assert_cell(in.csv, 1, "6");
}

static void an_input_without_a_line_has_no_header(void **state) {
    (void) state;
    SV_DEFER(input_drop) input in = input_of("\n\n");
    sv_why why = { 0 };
    assert_int_equal(sv_csv_begin(in.csv, in.file, &why), SV_ERR_INVALID);
    assert_string_equal(why.text, "the input is empty; a header line is wanted");
}

static void times_are_read_as_they_are_usually_written(void **state) {
    (void) state;
    static const struct {
        const char *text;
        int64_t at_us;
    } CASES[] = {
        { "1970-01-02 00:00:01.5", SV_TIME_DAY_US + 1500000 },
        { "1970-01-02T01:00:00+01:00", SV_TIME_DAY_US },
        { "1970-01-02 00:01", SV_TIME_DAY_US + SV_TIME_MINUTE_US },
        { "1970-01-02", SV_TIME_DAY_US },
        { "12", 12 * SV_TIME_SECOND_US },
        { "-0.5", -500000 },
        { "1700000000", INT64_C(1700000000000000) },
        { "1700000000000", INT64_C(1700000000000000) },
        { "1700000000000001", INT64_C(1700000000000001) },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        int64_t at_us = 0;
        assert_int_equal(sv_csv_time(sv_text_of(CASES[i].text), &at_us), SV_OK);
        assert_int_equal(at_us, CASES[i].at_us);
    }
    static const char *const NO_TIMES[] = { "", "yesterday", "2026-13-01", "1e300",
                                            "2026-11-22 06:15x" };
    for (size_t i = 0; i < SV_COUNT(NO_TIMES); i++) {
        int64_t at_us = 0;
        assert_int_not_equal(sv_csv_time(sv_text_of(NO_TIMES[i]), &at_us), SV_OK);
    }
}

static void what_was_not_measured_is_not_a_number(void **state) {
    (void) state;
    double value = 0;
    static const char *const NONE[] = { "", "NaN", "NA", "null", "-", "-inf" };
    for (size_t i = 0; i < SV_COUNT(NONE); i++) {
        assert_int_equal(sv_csv_number(sv_text_of(NONE[i]), &value), SV_OK);
        assert_true(isnan(value));
    }
    assert_int_equal(sv_csv_number(SV_TEXT("+1.5e3"), &value), SV_OK);
    assert_true(value == 1500);
    assert_int_equal(sv_csv_number(SV_TEXT("1,5"), &value), SV_ERR_INVALID);
    assert_int_equal(sv_csv_number(SV_TEXT("1e999"), &value), SV_ERR_INVALID);
    assert_true(isnan(value));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_cut_unquoted_and_trimmed),
        cmocka_unit_test(a_header_with_a_semicolon_separates_by_it),
        cmocka_unit_test(a_broken_row_is_named_and_costs_only_itself),
        cmocka_unit_test(an_input_without_a_line_has_no_header),
        cmocka_unit_test(times_are_read_as_they_are_usually_written),
        cmocka_unit_test(what_was_not_measured_is_not_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
