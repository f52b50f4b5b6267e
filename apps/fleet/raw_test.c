#include "raw.h"

#include <base/test.h>

static const sv_series_range RANGE = { .from_ms = 60000, .to_ms = 120000, .points = 2 };

/// What is shown of `answer`, or "" and the reason.
static sv_err show(const char *answer, char out[1024], sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_textbuf json = { .at = out, .cap = 1024 };
    sv_json_out writer = SV_JSON_OUT(&json);
    assert_int_equal(sv_json_parse(sv_text_of(answer), &root, NULL, NULL), SV_OK);
    SV_TRY(sv_raw_write(root, &RANGE, &writer, why));
    assert_int_equal(sv_textbuf_end(&json), SV_OK);
    return SV_OK;
}

// [ask-5] [ask-6]
static void
readings_and_what_minutes_are_left_stand_in_their_order_and_say_what_they_are(void **state) {
    (void) state;
    static const struct {
        const char *answer, *shown;
    } CASES[] = {
        { "{\"unit\":\"Cel\",\"points\":[[90000,21.5],[91000,22],[120000,23]],\"minutes\":[[30000,"
          "1,2,3,60]],\"corrected\":[[0,9]]}",
          "{\"unit\":\"Cel\",\"kind\":\"raw\",\"points\":[[30000,2],[90000,21.5],[91000,22],["
          "120000,23]],"
          "\"pieces\":[[\"summary\",1],[\"raw\",3]],\"corrected\":[[0,9]]}" },
        { "{\"points\":[],\"minutes\":[[60000,1,2,3,60]],\"secret\":\"x\"}",
          "{\"unit\":null,\"kind\":\"summary\",\"points\":[[60000,2]],\"pieces\":[[\"summary\",1]"
          "],\"corrected\":[]}" },
        { "{\"points\":[],\"minutes\":[]}",
          "{\"unit\":null,\"kind\":\"raw\",\"points\":[],\"pieces\":[],\"corrected\":[]}" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        char shown[1024];
        sv_why why = { 0 };
        assert_int_equal(show(CASES[i].answer, shown, &why), SV_OK);
        assert_string_equal(shown, CASES[i].shown);
    }
}

// [ask-5]
static void what_is_no_answer_or_about_another_time_is_refused(void **state) {
    (void) state;
    static const char *const BROKEN[] = {
        "7",
        "{\"points\":[]}",
        "{\"minutes\":[]}",
        "{\"points\":{},\"minutes\":[]}",
        "{\"points\":[[59999,1]],\"minutes\":[]}",
        "{\"points\":[[120001,1]],\"minutes\":[]}",
        "{\"points\":[],\"minutes\":[[-1,1,1,1,1]]}",
        "{\"points\":[[60000]],\"minutes\":[]}",
        "{\"points\":[[60000,\"1\"]],\"minutes\":[]}",
        "{\"points\":[[60000.5,1]],\"minutes\":[]}",
        "{\"points\":[[60000,1],[60000,1],[60000,1],[60000,1],[60000,1]],\"minutes\":[]}",
        "{\"points\":[],\"minutes\":[],\"corrected\":[[1]]}",
        ("{\"points\":[],\"minutes\":[],\"unit\":\"a unit with quite a lot more letters than the "
         "64 of the longest unit "
         "in its name\"}"),
    };
    for (size_t i = 0; i < SV_COUNT(BROKEN); i++) {
        char shown[1024];
        sv_why why = { 0 };
        assert_int_equal(show(BROKEN[i], shown, &why), SV_ERR_INVALID);
        assert_non_null(strstr(why.text, "the gateway's answer"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            readings_and_what_minutes_are_left_stand_in_their_order_and_say_what_they_are),
        cmocka_unit_test(what_is_no_answer_or_about_another_time_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
