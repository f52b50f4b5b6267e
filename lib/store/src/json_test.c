#include <base/test.h>
#include <store/json.h>

static void what_is_not_there_is_null_and_all_else_itself(void **state) {
    (void) state;
    SV_DEFER(sv_db_drop) sv_db *db = NULL;
    sv_stmt *row;
    char room[256];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&text);
    assert_int_equal(sv_db_open(":memory:", NULL, 0, &db, NULL), SV_OK);
    assert_int_equal(sv_db_stmt(db, "SELECT 'a\"b', '', NULL, 7, NULL, '[1,{}]', NULL", &row, NULL),
                     SV_OK);
    assert_int_equal(sv_stmt_next(row, NULL), SV_OK);
    sv_json_open_object(&out);
    sv_stmt_add_text(row, 0, &out, "text");
    sv_stmt_add_text(row, 1, &out, "empty");
    sv_stmt_add_text(row, 2, &out, "none");
    sv_stmt_add_int(row, 3, &out, "number");
    sv_stmt_add_int(row, 4, &out, "no_number");
    sv_stmt_add_raw(row, 5, &out, "raw");
    sv_stmt_add_raw(row, 6, &out, "no_raw");
    sv_json_close_object(&out);
    sv_stmt_reset(row);
    assert_string_equal(room, "{\"text\":\"a\\\"b\",\"empty\":null,\"none\":null,\"number\":7,"
                              "\"no_number\":null,\"raw\":[1,{}],\"no_raw\":null}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_there_is_null_and_all_else_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
