#include <base/test.h>
#include <codec/canonical.h>

/// The form of a document, or "" with the reason in `why`.
static sv_text form_of(const char *json, char *room, size_t bytes, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    assert_int_equal(sv_json_parse(sv_text_of(json), &root, NULL, NULL), SV_OK);
    sv_textbuf out = { .at = room, .cap = bytes };
    return sv_canonical_add(root, &out, why) == SV_OK ? sv_textbuf_text(&out) : SV_TEXT("");
}

static void the_form_is_the_one_that_other_implementations_sign(void **state) {
    (void) state;
    static const struct {
        const char *json, *form;
    } CASES[] = {
        { "{}", "{}" },
        { "[ ]", "[]" },
        { "[1, 2, 3]", "[1,2,3]" },
        { "{ \"b\": [true, false, null], \"a\": -5 }", "{\"a\":-5,\"b\":[true,false,null]}" },
        // What JSON escapes stands as it is, but for the quote and the backslash.
        { "\"a\\n\\t\\u0001\\\"\\\\/\"", "\"a\n\t\x01\\\"\\\\/\"" },
        { "\"\\u00e9\\ud83d\\ude00\"", "\"\xc3\xa9\xf0\x9f\x98\x80\"" },
        // Names are in the order of their code points, not of UTF-16 and not of any language.
        { "{\"\\ud83d\\ude00\":1,\"\\uff5e\":2,\"z\":3,\"A\":4,\"a\":5,\"\":6,\"a\\u0000x\":7}",
          NULL },
        { "{\"\\ud83d\\ude00\":1,\"\\uff5e\":2,\"z\":3,\"A\":4,\"aa\":5,\"\":6,\"a\":7}",
          "{\"\":6,\"A\":4,\"a\":7,\"aa\":5,\"z\":3,\"\xef\xbd\x9e\":2,\"\xf0\x9f\x98\x80\":1}" },
        { "9007199254740991", "9007199254740991" },
        { "-0", "0" },
        { "1e3", "1000" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        char room[256];
        sv_why why = { 0 };
        if (CASES[i].form == NULL) { // a NUL in a name is no JSON for us
            SV_DEFER(sv_json_drop) sv_json *root = NULL;
            assert_int_equal(sv_json_parse(sv_text_of(CASES[i].json), &root, NULL, NULL),
                             SV_ERR_INVALID);
            continue;
        }
        sv_text form = form_of(CASES[i].json, room, sizeof room, &why);
        if (!sv_text_is(form, CASES[i].form)) {
            fail_msg("%s: " SV_TEXT_FMT " instead of %s %s", CASES[i].json, SV_TEXT_ARG(form),
                     CASES[i].form, why.text);
        }
    }
}

static void numbers_that_are_not_whole_have_no_form(void **state) {
    (void) state;
    static const char *const NUMBERS[] = { "1.5", "[1e300]", "{\"a\":{\"b\":-0.1}}",
                                           "18014398509481984" };
    for (size_t i = 0; i < SV_COUNT(NUMBERS); i++) {
        char room[64];
        sv_why why = { 0 };
        assert_int_equal(form_of(NUMBERS[i], room, sizeof room, &why).len, 0);
        assert_int_equal(why.code, SV_ERR_INVALID);
        assert_non_null(strstr(why.text, "not whole"));
    }
}

static void what_does_not_fit_is_said(void **state) {
    (void) state;
    char room[8];
    sv_why why = { 0 };
    assert_int_equal(form_of("{\"name\":\"a long one\"}", room, sizeof room, &why).len, 0);
    assert_int_equal(why.code, SV_ERR_NO_SPACE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_form_is_the_one_that_other_implementations_sign),
        cmocka_unit_test(numbers_that_are_not_whole_have_no_form),
        cmocka_unit_test(what_does_not_fit_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
