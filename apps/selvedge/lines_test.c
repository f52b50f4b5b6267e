#include "lines.h"

#include <base/mem.h>
#include <base/test.h>

static void close_file(FILE **file) {
    (void) fclose(*file);
}

static FILE *file_of(const char *bytes, size_t len) {
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    rewind(file);
    return file;
}

static void lines_come_without_their_ends(void **state) {
    (void) state;
    static const char bytes[] = "one\r\n\ntwo\0three\nlast";
    SV_DEFER(close_file) FILE *file = file_of(bytes, sizeof bytes - 1);
    static sv_lines lines;
    lines = (sv_lines){ .file = file };
    static const sv_text expected[] = {
        { "one", 3 }, { "", 0 }, { "two\0three", 9 }, { "last", 4 }
    };
    sv_text line = { 0 };
    for (size_t i = 0; i < SV_COUNT(expected); i++) {
        assert_int_equal(sv_lines_next(&lines, &line, NULL), SV_OK);
        assert_true(sv_text_eq(line, expected[i]));
        assert_int_equal(lines.number, i + 1);
    }
    assert_int_equal(sv_lines_next(&lines, &line, NULL), SV_ERR_NOT_FOUND);
    assert_int_equal(lines.number, SV_COUNT(expected));
}

static void a_line_too_long_costs_only_itself(void **state) {
    (void) state;
    enum { LONG = 3 * SV_LINE_MAX };
    SV_DEFER(sv_mem_drop) char *bytes = sv_mem_new(LONG + SV_LINE_MAX + 16);
    memset(bytes, 'x', LONG);
    bytes[LONG] = '\n';
    memset(bytes + LONG + 1, 'y', SV_LINE_MAX); // the longest that fits
    bytes[LONG + 1 + SV_LINE_MAX] = '\n';
    SV_DEFER(close_file) FILE *file = file_of(bytes, LONG + SV_LINE_MAX + 2);
    static sv_lines lines;
    lines = (sv_lines){ .file = file };
    sv_text line = { 0 };
    sv_why why = { 0 };
    assert_int_equal(sv_lines_next(&lines, &line, &why), SV_ERR_NO_SPACE);
    assert_string_equal(why.text, "longer than 65536 bytes");
    assert_int_equal(sv_lines_next(&lines, &line, &why), SV_OK);
    assert_int_equal(line.len, SV_LINE_MAX);
    assert_int_equal(lines.number, 2);
    assert_int_equal(sv_lines_next(&lines, &line, &why), SV_ERR_NOT_FOUND);
}

static void a_compressed_file_is_named(void **state) {
    (void) state;
    static const char bytes[] = "\x1f\x8b\x08 and so on\nmore\n";
    SV_DEFER(close_file) FILE *file = file_of(bytes, sizeof bytes - 1);
    static sv_lines lines;
    lines = (sv_lines){ .file = file };
    sv_text line = { 0 };
    sv_why why = { 0 };
    assert_int_equal(sv_lines_next(&lines, &line, &why), SV_ERR_INVALID);
    assert_string_equal(
        why.text, "gzip, not text; unpack it: zcat FILE | selvedge ... (or /dev/stdin for FILE)");
    assert_int_equal(sv_lines_next(&lines, &line, &why), SV_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_without_their_ends),
        cmocka_unit_test(a_compressed_file_is_named),
        cmocka_unit_test(a_line_too_long_costs_only_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
