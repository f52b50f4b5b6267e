#include "device_file.h"

#include <base/test.h>
#include <string.h>

static void parse(const char *text, sv_device_file *out) {
    sv_why why = { 0 };
    if (sv_device_file_parse(sv_text_of(text), out, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

// [enrol-6]
static void lines_become_devices_whatever_the_order_of_the_columns(void **state) {
    (void) state;
    SV_DEFER(sv_device_file_drop) sv_device_file file = SV_DEVICE_FILE;
    parse("\xEF\xBB\xBFsite,type,id,idevid\r\npune,lathe,press-1,\r\n\r\n"
          "\"north\", ,\"press-2\",\"SN \"\"08\"\", 15\"",
          &file);
    assert_int_equal(file.fault_count, 0);
    assert_int_equal(file.count, 2);
    assert_string_equal(file.lines[0].id, "press-1");
    assert_string_equal(file.lines[0].type, "lathe");
    assert_string_equal(file.lines[0].idevid, "");
    assert_int_equal(file.lines[0].line, 2);
    assert_string_equal(file.lines[1].site, "north");
    assert_string_equal(file.lines[1].type, "");
    assert_string_equal(file.lines[1].idevid, "SN \"08\", 15");
    assert_int_equal(file.lines[1].line, 4);
}

// [enrol-6]
static void every_fault_is_told_with_its_line(void **state) {
    (void) state;
    SV_DEFER(sv_device_file_drop) sv_device_file file = SV_DEVICE_FILE;
    parse("id,site\npress-1,pune\nPRESS-1,pune\npress/2,pune\npress-3\npress-4,\n\"press-5,pune\n"
          "press-6,pune,x\npress-7,pune\n",
          &file);
    assert_int_equal(file.count, 2);
    assert_int_equal(file.fault_count, 6);
    sv_text rest = sv_textbuf_text(&file.faults);
    static const char *const BEGINS[] = {
        "line 3: PRESS-1 is there already, in line 2", "line 4: id ",
        "line 5: 1 fields, the first line names 2",    "line 6: site ",
        "line 7: a quote that does not end its field", "line 8: 3 fields, the first line names 2"
    };
    for (size_t i = 0; i < SV_COUNT(BEGINS); i++) {
        assert_true(sv_text_starts(sv_text_cut(&rest, '\n'), sv_text_of(BEGINS[i])));
    }
}

// [enrol-6]
static void a_first_line_that_names_no_columns_is_refused(void **state) {
    (void) state;
    static const struct {
        const char *text, *why;
    } CASES[] = {
        { "", "line 1: column '' is not known; columns are id, site, type, idevid, with commas "
              "between" },
        { "press-1,pune\n", "line 1: column 'press-1' is not known; columns are id, site, type, "
                            "idevid, with commas between" },
        { "\xEF\xBB\xBFid;site\r\n", "line 1: column 'id;site' is not known; columns are id, site, "
                                     "type, idevid, with commas between" },
        { "id,type\n", "line 1 names the columns, id and site among them: id,site,type" },
        { "id,site,id\n", "line 1: column 'id' is there twice; columns are id, site, type, idevid, "
                          "with commas between" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(sv_device_file_drop) sv_device_file file = SV_DEVICE_FILE;
        sv_why why = { 0 };
        assert_int_equal(sv_device_file_parse(sv_text_of(CASES[i].text), &file, &why),
                         SV_ERR_INVALID);
        assert_string_equal(why.text, CASES[i].why);
    }
}

static void faults_are_counted_beyond_those_that_are_told(void **state) {
    (void) state;
    SV_DEFER(sv_device_file_drop) sv_device_file file = SV_DEVICE_FILE;
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SV_DEVICE_FILE_TOLD_BYTES);
    sv_textbuf_add_str(&text, "id,site\n");
    for (int i = 0; i < SV_DEVICE_FILE_FAULTS_MAX + 5; i++) {
        sv_textbuf_add_str(&text, "?,pune\n");
    }
    sv_why why = { 0 };
    assert_int_equal(sv_device_file_parse(sv_textbuf_text(&text), &file, &why), SV_OK);
    assert_int_equal(file.fault_count, SV_DEVICE_FILE_FAULTS_MAX + 5);
    size_t told = 0;
    for (size_t i = 0; i < file.faults.len; i++) {
        told += file.faults.at[i] == '\n';
    }
    assert_int_equal(told, SV_DEVICE_FILE_FAULTS_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_become_devices_whatever_the_order_of_the_columns),
        cmocka_unit_test(every_fault_is_told_with_its_line),
        cmocka_unit_test(a_first_line_that_names_no_columns_is_refused),
        cmocka_unit_test(faults_are_counted_beyond_those_that_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
