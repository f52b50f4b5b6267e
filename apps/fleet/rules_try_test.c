#include "rules_try.h"

#include <base/test.h>
#include <stdio.h>
#include <string.h>

static const char ALERT[] =
    "{\"deviceId\":\"press-1\",\"sensor\":\"\",\"rule\":\"dry\",\"alertType\":\"ANOMALY\","
    "\"message\":\"<b>dry</b>\",\"raised\":\"2026-11-21T09:10:00.000000\",\"cleared\":null,"
    "\"severity\":\"critical\"}";
static const char WHOLE[] =
    "{\"days\":7,\"left_out\":1,\"more\":1,\"found\":{\"readings\":20,\"streams\":2,"
    "\"from\":\"2026-11-21T09:00:00.000000\",\"to\":\"2026-11-21T09:20:00.000000\",\"alerts\":3,"
    "\"without\":{\"what\":[\"hold\"],\"alerts\":41},\"against\":{\"alerts\":12},\"raised\":[%s]}}";

static sv_err write_it(const char *answer, sv_textbuf *json, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_json_out out = SV_JSON_OUT(json);
    assert_int_equal(sv_json_parse(sv_text_of(answer), &root, NULL, NULL), SV_OK);
    return sv_rules_try_write(root, &out, why);
}

// [rules-10]
static void what_is_shown_is_read_field_by_field(void **state) {
    (void) state;
    char answer[2048];
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_RULES_TRY_FOUND_MAX);
    (void) snprintf(answer, sizeof answer, WHOLE, ALERT);
    assert_int_equal(write_it(answer, &json, NULL), SV_OK);
    assert_int_equal(sv_textbuf_end(&json), SV_OK);
    assert_string_equal(
        json.at,
        "{\"days\":7,\"left_out\":1,\"readings\":20,\"streams\":2,\"from\":1795251600000,"
        "\"to\":1795252800000,\"alerts\":3,\"without\":{\"what\":[\"hold\"],\"alerts\":41},"
        "\"in_force\":12,\"raised\":[{\"device\":\"press-1\",\"sensor\":null,\"rule\":\"dry\","
        "\"type\":\"ANOMALY\",\"severity\":\"critical\",\"message\":\"<b>dry</b>\","
        "\"raised_at\":1795252200000,\"cleared_at\":null}]}");
}

static void replace(const char *from, const char *with, char out[4096]) {
    char answer[2048];
    (void) snprintf(answer, sizeof answer, WHOLE, ALERT);
    const char *at = strstr(answer, from);
    assert_non_null(at);
    (void) snprintf(out, 4096, "%.*s%s%s", (int) (at - answer), answer, with, at + strlen(from));
}

// [rules-10]
static void what_is_no_answer_is_refused(void **state) {
    (void) state;
    static const char *const WRONG[][2] = {
        { "\"days\":7", "\"days\":-7" },
        { "\"left_out\":1", "\"left_out\":\"1\"" },
        { "\"alerts\":12", "\"alerts\":null" },
        { "\"alerts\":41", "\"alerts\":-1" },
        { "[\"hold\"]", "\"hold\"" },
        { "[\"hold\"]", "[7]" },
        { "[\"hold\"]", "[\"as long as this text of more than it may have\"]" },
        { "2026-11-21T09:00:00.000000", "yesterday" },
        { "press-1", "press/1" },
        { "\"sensor\":\"\"", "\"sensor\":\"a b\"" },
        { "ANOMALY", "WEATHER" },
        { "critical", "terrible" },
        { "\"<b>dry</b>\"", "7" },
        { "\"cleared\":null", "\"cleared\":7" },
        { "\"raised\":[", "\"raised\":7,\"x\":[" },
        { "\"found\":", "\"lost\":" },
    };
    for (size_t i = 0; i < SV_COUNT(WRONG); i++) {
        char answer[4096];
        sv_why why = { 0 };
        SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_RULES_TRY_FOUND_MAX);
        replace(WRONG[i][0], WRONG[i][1], answer);
        assert_int_equal(write_it(answer, &json, &why), SV_ERR_INVALID);
        assert_true(why.text[0] != '\0');
    }
}

// [rules-10]
static void more_alerts_than_a_gateway_lists_are_refused(void **state) {
    (void) state;
    for (int more = 0; more <= 1; more++) {
        SV_DEFER(sv_textbuf_drop) sv_textbuf list = SV_TEXTBUF_HEAP(SV_RULES_TRY_FOUND_MAX);
        SV_DEFER(sv_textbuf_drop) sv_textbuf answer = SV_TEXTBUF_HEAP(SV_RULES_TRY_FOUND_MAX);
        SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_RULES_TRY_FOUND_MAX);
        for (int i = 0; i < SV_RULES_TRY_ALERTS_MAX + more; i++) {
            sv_textbuf_addf(&list, "%s%s", i == 0 ? "" : ",", ALERT);
        }
        assert_int_equal(sv_textbuf_end(&list), SV_OK);
        sv_textbuf_addf(&answer, WHOLE, list.at);
        assert_int_equal(sv_textbuf_end(&answer), SV_OK);
        assert_int_equal(write_it(answer.at, &json, NULL), more == 0 ? SV_OK : SV_ERR_INVALID);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_shown_is_read_field_by_field),
        cmocka_unit_test(what_is_no_answer_is_refused),
        cmocka_unit_test(more_alerts_than_a_gateway_lists_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
