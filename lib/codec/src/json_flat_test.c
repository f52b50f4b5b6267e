#include <base/test.h>
#include <codec/json.h>
#include <codec/json_flat.h>

static void parts_come_in_their_order(void **state) {
    (void) state;
    sv_json_flat flat =
        sv_json_flat_of(SV_TEXT(" {\t\"a b\" : -1.5e3,\n\"ü\":true , \"c\":false}\r\n"));
    sv_text text;
    bool flag = false;
    assert_true(sv_json_flat_mark(&flat, '{'));
    assert_true(sv_json_flat_text(&flat, &text) && sv_text_is(text, "a b"));
    assert_true(sv_json_flat_mark(&flat, ':'));
    assert_true(sv_json_flat_number(&flat, &text) && sv_text_is(text, "-1.5e3"));
    assert_true(sv_json_flat_mark(&flat, ','));
    assert_true(sv_json_flat_text(&flat, &text) && sv_text_is(text, "ü"));
    assert_true(sv_json_flat_mark(&flat, ':'));
    assert_true(sv_json_flat_bool(&flat, &flag) && flag);
    assert_false(sv_json_flat_end(&flat));
    assert_true(sv_json_flat_mark(&flat, ','));
    assert_true(sv_json_flat_text(&flat, &text) && sv_json_flat_mark(&flat, ':'));
    assert_true(sv_json_flat_bool(&flat, &flag) && !flag);
    assert_true(sv_json_flat_mark(&flat, '}'));
    assert_true(sv_json_flat_end(&flat));
}

static void another_form_is_left_to_the_parser(void **state) {
    (void) state;
    static const char *const TEXTS[] = { "",        "\"",     "\"a",      "a",
                                         "\"\\n\"", "\"\t\"", "\"\xC3\"", "\"a\\\"" };
    for (size_t i = 0; i < SV_COUNT(TEXTS); i++) {
        sv_json_flat flat = sv_json_flat_of(sv_text_of(TEXTS[i]));
        sv_text text;
        assert_false(sv_json_flat_text(&flat, &text));
    }
    static const char *const OTHERS[] = { "", "tru", "True", "null", "1" };
    for (size_t i = 0; i < SV_COUNT(OTHERS); i++) {
        sv_json_flat flat = sv_json_flat_of(sv_text_of(OTHERS[i]));
        bool flag = false;
        assert_false(sv_json_flat_bool(&flat, &flag));
    }
    sv_json_flat none = sv_json_flat_of((sv_text){ .at = NULL });
    sv_text text;
    assert_false(sv_json_flat_number(&none, &text));
    assert_false(sv_json_flat_mark(&none, '{'));
    assert_true(sv_json_flat_end(&none));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_come_in_their_order),
        cmocka_unit_test(another_form_is_left_to_the_parser),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
