#include <base/test.h>
#include <model/maintenance.h>
#include <string.h>

static sv_err parse(const char *text, sv_maintenance *out, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    assert_int_equal(sv_json_parse(sv_text_of(text), &root, NULL, NULL), SV_OK);
    return sv_maintenance_parse(root, out, why);
}

// [maintenance-2]
static void what_is_told_is_read_back(void **state) {
    static const char *const CASES[] = {
        "{\"device\":\"press-1\",\"since\":1000,\"until\":7201000,\"by\":\"ada\",\"why\":\"\"}",
        ("{\"device\":null,\"since\":0,\"until\":2678400000,\"by\":\"ada\",\"why\":\"caf\xc3\xa9 "
         "\\\"1\\\"\"}"),
        "{\"device\":\"press-1\",\"since\":1000,\"until\":null,\"by\":\"ada\",\"why\":\"\"}",
    };
    (void) state;
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        char room[SV_MAINTENANCE_BYTES_MAX];
        sv_textbuf text = SV_TEXTBUF(room);
        sv_json_out out = SV_JSON_OUT(&text);
        sv_maintenance got;
        assert_int_equal(parse(CASES[i], &got, NULL), SV_OK);
        sv_maintenance_format(&got, &out);
        assert_true(sv_text_is(sv_textbuf_text(&text), CASES[i]));
    }
}

// [maintenance-2]
static void the_longest_there_is_fits(void **state) {
    char room[SV_MAINTENANCE_BYTES_MAX];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&text);
    sv_maintenance longest = { .since_ms = INT64_C(1) << 53,
                               .until_ms = (INT64_C(1) << 53) + SV_MAINTENANCE_LONGEST_MS };
    (void) state;
    memset(longest.device, 'd', sizeof longest.device - 1);
    memset(longest.by, '"', sizeof longest.by - 1);
    memset(longest.why, '"', sizeof longest.why - 1);
    sv_maintenance_format(&longest, &out);
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
}

// [maintenance-2]
static void anything_else_is_refused_by_a_sentence(void **state) {
    static const struct {
        const char *told, *why;
    } CASES[] = {
        { "[]", "since and until are not milliseconds since 1970" },
        { "{\"device\":null,\"since\":1,\"by\":\"a\",\"why\":\"\"}",
          "since and until are not milliseconds since 1970" },
        { "{\"device\":null,\"since\":-1,\"until\":null,\"by\":\"a\",\"why\":\"\"}",
          "since and until are not milliseconds since 1970" },
        { "{\"device\":null,\"since\":5,\"until\":5,\"by\":\"a\",\"why\":\"\"}",
          "until is not within 31 days after since" },
        { "{\"device\":null,\"since\":5,\"until\":2678400006,\"by\":\"a\",\"why\":\"\"}",
          "until is not within 31 days after since" },
        { "{\"device\":\"a/b\",\"since\":5,\"until\":6,\"by\":\"a\",\"why\":\"\"}",
          "device id \"a/b\" is not valid" },
        { "{\"since\":5,\"until\":6,\"by\":\"a\",\"why\":\"\"}", "device id" },
        { "{\"device\":null,\"since\":5,\"until\":6,\"by\":\"a\\nb\",\"why\":\"\"}",
          "by and why are not what a person wrote" },
        { "{\"device\":null,\"since\":5,\"until\":6,\"by\":\"a\",\"why\":7}",
          "by and why are not what a person wrote" },
        { "{\"device\":null,\"since\":5,\"until\":6,\"by\":\"a\",\"why\":\"a\\tb\"}",
          "why is not one line of UTF-8 of at most 200 bytes" },
    };
    (void) state;
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_maintenance got = { .since_ms = 77 };
        sv_why why = { 0 };
        assert_int_equal(parse(CASES[i].told, &got, &why), SV_ERR_INVALID);
        if (strstr(why.text, CASES[i].why) != why.text) {
            fail_msg("%s: %s", CASES[i].told, why.text);
        }
        assert_int_equal(got.since_ms, 77);
    }
    char longer[SV_MAINTENANCE_WHY_MAX + 2] = "";
    memset(longer, 'x', SV_MAINTENANCE_WHY_MAX + 1);
    assert_int_equal(sv_maintenance_check_why(sv_text_of(longer), NULL), SV_ERR_INVALID);
    longer[SV_MAINTENANCE_WHY_MAX] = '\0';
    assert_int_equal(sv_maintenance_check_why(sv_text_of(longer), NULL), SV_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_told_is_read_back),
        cmocka_unit_test(the_longest_there_is_fits),
        cmocka_unit_test(anything_else_is_refused_by_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
