#include <base/test.h>
#include <codec/encode.h>
#include <codec/json.h>

static void what_is_not_json_is_refused_with_its_reason(void **state) {
    (void) state;
    static const struct {
        const char *text;
        sv_json_fault fault;
    } CASES[] = {
        { "", SV_JSON_SYNTAX },
        { "{", SV_JSON_SYNTAX },
        { "[1,]", SV_JSON_SYNTAX },
        { "{\"a\":NaN}", SV_JSON_SYNTAX },
        { "{\"a\":Infinity}", SV_JSON_SYNTAX },
        { "{\"a\":1e999}", SV_JSON_NOT_FINITE },
        { "{\"a\":1,\"a\":2}", SV_JSON_DUPLICATE_KEY },
        { "\"\xff\"", SV_JSON_BAD_UTF8 },
        { "\"\\ud800\"", SV_JSON_SYNTAX },
        { "{\"a\":01}", SV_JSON_SYNTAX },
        { "{} x", SV_JSON_SYNTAX },
        { "\"\\u0000\"", SV_JSON_SYNTAX },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_json *root = NULL;
        sv_json_fault fault = SV_JSON_FINE;
        assert_int_equal(sv_json_parse(sv_text_of(CASES[i].text), &root, &fault, NULL),
                         SV_ERR_INVALID);
        assert_int_equal(fault, CASES[i].fault);
        assert_null(root);
    }
}

static void a_thousandfold_nesting_is_refused_without_harm(void **state) {
    (void) state;
    enum { DEPTH = 100000 };
    static char text[DEPTH];
    memset(text, '[', sizeof text);
    sv_json *root = NULL;
    sv_json_fault fault = SV_JSON_FINE;
    assert_int_equal(sv_json_parse((sv_text){ text, sizeof text }, &root, &fault, NULL),
                     SV_ERR_INVALID);
    assert_int_equal(fault, SV_JSON_TOO_DEEP);
}

static void a_nul_ends_nothing_and_is_refused_with_its_place(void **state) {
    (void) state;
    static const struct {
        sv_text text;
        const char *reason;
    } CASES[] = {
        { SV_TEXT("123\0"), "byte 4 is NUL" },
        { SV_TEXT("{\"a\":1}\0{\"a\":2}"), "byte 8 is NUL" },
        { SV_TEXT("\0"), "byte 1 is NUL" },
        { SV_TEXT("\"a\0b\""), "byte 3 is NUL" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_json *root = NULL;
        sv_json_fault fault = SV_JSON_FINE;
        sv_why why = { 0 };
        assert_int_equal(sv_json_parse(CASES[i].text, &root, &fault, &why), SV_ERR_INVALID);
        assert_null(root);
        assert_int_equal(fault, SV_JSON_SYNTAX);
        assert_non_null(strstr(why.text, CASES[i].reason));
    }
}

static void values_come_out_by_type_and_only_by_type(void **state) {
    (void) state;
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    assert_int_equal(
        sv_json_parse(
            SV_TEXT(
                "{\"n\":1.5,\"i\":-7,\"t\":\"x\",\"b\":true,\"z\":null,\"a\":[1,2],\"big\":1e300}"),
            &root, NULL, NULL),
        SV_OK);
    double number = 0;
    int64_t whole = 0;
    sv_text text = SV_TEXT("");
    bool truth = false;
    assert_true(sv_json_number(sv_json_get(root, "n"), &number) && number == 1.5);
    assert_false(sv_json_int(sv_json_get(root, "n"), &whole));
    assert_true(sv_json_int(sv_json_get(root, "i"), &whole) && whole == -7);
    assert_false(sv_json_int(sv_json_get(root, "big"), &whole));
    assert_true(sv_json_text(sv_json_get(root, "t"), &text) && sv_text_is(text, "x"));
    assert_false(sv_json_text(sv_json_get(root, "n"), &text));
    assert_true(sv_json_bool(sv_json_get(root, "b"), &truth) && truth);
    assert_true(sv_json_is_null(sv_json_get(root, "z")));
    assert_int_equal(sv_json_count(sv_json_get(root, "a")), 2);
    assert_null(sv_json_get(root, "missing"));
    assert_false(sv_json_number(NULL, &number));
    assert_null(sv_json_get(NULL, "x"));
}

static void what_is_written_is_json_whatever_the_bytes(void **state) {
    (void) state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf buf = SV_TEXTBUF_HEAP(4096);
    sv_json_out out = SV_JSON_OUT(&buf);
    sv_json_open_object(&out);
    sv_json_add_text(&out, "t", SV_TEXT("a\"\\\n\t\x01\x7f</script>\xc3\xa9"));
    sv_json_add_text(&out, "broken",
                     SV_TEXT("a\xff\xc3"
                             "b"));
    sv_json_add_number(&out, "n", 91.2);
    sv_json_add_str(&out, "none", NULL);
    sv_json_key(&out, "list");
    sv_json_open_array(&out);
    sv_json_put_int(&out, 1);
    sv_json_put_bool(&out, false);
    sv_json_open_object(&out);
    sv_json_close_object(&out);
    sv_json_close_array(&out);
    sv_json_close_object(&out);
    assert_int_equal(sv_textbuf_end(&buf), SV_OK);
    assert_string_equal(buf.at, "{\"t\":\"a\\\"\\\\\\n\\t\\u0001\\u007f</"
                                "script>\xc3\xa9\",\"broken\":\"a\xef\xbf\xbd\xef\xbf\xbd"
                                "b\",\"n\":91.2,\"none\":null,\"list\":[1,false,{}]}");
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    assert_int_equal(sv_json_parse(sv_textbuf_text(&buf), &root, NULL, NULL), SV_OK);
    SV_DEFER(sv_textbuf_drop) sv_textbuf again = SV_TEXTBUF_HEAP(4096);
    sv_json_out copy = SV_JSON_OUT(&again);
    sv_json_put_value(&copy, root);
    assert_int_equal(sv_textbuf_end(&again), SV_OK);
    assert_string_equal(again.at, buf.at);
}

static void encodings_go_there_and_back(void **state) {
    (void) state;
    char room[64];
    sv_textbuf buf = SV_TEXTBUF(room);
    sv_base64url_add(&buf, (const uint8_t *) "\xfb\xff\xfe?", 4);
    assert_true(sv_text_is(sv_textbuf_text(&buf), "-__-Pw"));
    sv_textbuf_clear(&buf);
    sv_percent_add(&buf, SV_TEXT("a b/\xc3\xa9"));
    assert_true(sv_text_is(sv_textbuf_text(&buf), "a%20b%2F%C3%A9"));
    char back[64];
    sv_textbuf decoded = SV_TEXTBUF(back);
    assert_int_equal(sv_percent_decode(sv_textbuf_text(&buf), false, &decoded), SV_OK);
    assert_string_equal(back, "a b/\xc3\xa9");
    static const char *const BAD[] = { "%", "%4", "%zz", "%00", "%ff", "%c0%af", "%ed%a0%80" };
    for (size_t i = 0; i < SV_COUNT(BAD); i++) {
        sv_textbuf_clear(&decoded);
        assert_int_equal(sv_percent_decode(sv_text_of(BAD[i]), true, &decoded), SV_ERR_INVALID);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_json_is_refused_with_its_reason),
        cmocka_unit_test(a_thousandfold_nesting_is_refused_without_harm),
        cmocka_unit_test(a_nul_ends_nothing_and_is_refused_with_its_place),
        cmocka_unit_test(values_come_out_by_type_and_only_by_type),
        cmocka_unit_test(what_is_written_is_json_whatever_the_bytes),
        cmocka_unit_test(encodings_go_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
