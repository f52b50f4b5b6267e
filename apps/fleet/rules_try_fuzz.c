// What a gateway says a candidate would have raised. Whatever it says: it is refused with a
// sentence, or what is shown is JSON whose counts are not negative and whose alerts have ids, types
// and times.
#include "rules_try.h"

#include <model/id.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so) {
    if (!is_so) {
        abort();
    }
}

static void check_alert(const sv_json *alert) {
    sv_text text;
    int64_t at = 0;
    must(sv_json_text(sv_json_get(alert, "device"), &text) && sv_id_is_valid(text));
    must(sv_json_text(sv_json_get(alert, "type"), &text) && text.len > 0);
    must(sv_json_text(sv_json_get(alert, "severity"), &text) && text.len > 0);
    must(sv_json_int(sv_json_get(alert, "raised_at"), &at));
    must(sv_json_is_null(sv_json_get(alert, "cleared_at"))
         || sv_json_int(sv_json_get(alert, "cleared_at"), &at));
}

static void check(sv_textbuf *json) {
    static const char *const COUNTS[] = { "days",    "left_out", "readings",
                                          "streams", "alerts",   "in_force" };
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    must(sv_textbuf_end(json) == SV_OK);
    must(sv_json_parse(sv_textbuf_text(json), &root, NULL, NULL) == SV_OK);
    for (size_t i = 0; i < SV_COUNT(COUNTS); i++) {
        int64_t count = -1;
        must(sv_json_int(sv_json_get(root, COUNTS[i]), &count) && count >= 0);
    }
    const sv_json *raised = sv_json_get(root, "raised");
    must(sv_json_count(raised) <= SV_RULES_TRY_ALERTS_MAX);
    for (size_t i = 0; i < sv_json_count(raised); i++) {
        check_alert(sv_json_at(raised, i));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SV_DEFER(sv_json_drop) sv_json *answer = NULL;
    sv_text text = { .at = (const char *) data, .len = size };
    if (sv_json_parse(text, &answer, NULL, NULL) != SV_OK) {
        return 0;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_RULES_TRY_FOUND_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    if (sv_rules_try_write(answer, &out, &why) != SV_OK) {
        must(why.code == SV_ERR_INVALID && why.text[0] != '\0');
    } else if (!json.overflowed) {
        check(&json);
    }
    return 0;
}
