// What parses as a line is what format writes; told as JSON it reads back as the same line. What is
// read from JSON, told again, is the same JSON once more.
#include <model/ledger.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { JSON_MAX = 16 * 1024 };

static void must(bool is_so) {
    if (!is_so) {
        abort();
    }
}

static void tell(const sv_ledger *ledger, const sv_ranges *numbers, sv_textbuf *json) {
    sv_json_out out = SV_JSON_OUT(json);
    sv_json_open_object(&out);
    sv_ledger_put(&out, ledger, numbers);
    sv_json_close_object(&out);
    must(!json->overflowed);
}

/// The item in `json`, told again as `again`; false when it is none.
static bool retell(sv_text json, sv_textbuf *line, sv_textbuf *again) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    SV_DEFER(sv_ledger_drop) sv_ledger ledger = { 0 };
    SV_DEFER(sv_ranges_drop) sv_ranges numbers = SV_RANGES_EMPTY;
    sv_why why = { 0 };
    if (sv_json_parse(json, &root, NULL, NULL) != SV_OK) {
        return false;
    }
    if (sv_ledger_read(root, &ledger, &numbers, &why) != SV_OK) {
        must(why.text[0] != '\0');
        return false;
    }
    must(sv_ledger_count(&numbers) >= 0);
    sv_ledger_format(&ledger, line);
    tell(&ledger, &numbers, again);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_text text = { .at = (const char *) data, .len = size };
    char rooms[2][SV_LEDGER_LINE_MAX];
    char jsons[2][JSON_MAX];
    sv_textbuf line = SV_TEXTBUF(rooms[0]);
    sv_textbuf line_again = SV_TEXTBUF(rooms[1]);
    sv_textbuf json = SV_TEXTBUF(jsons[0]);
    sv_textbuf json_again = SV_TEXTBUF(jsons[1]);
    SV_DEFER(sv_ledger_drop) sv_ledger ledger = { 0 };
    if (sv_ledger_parse(text, &ledger) == SV_OK) {
        const sv_ranges none = SV_RANGES_EMPTY;
        sv_ledger_format(&ledger, &line);
        must(sv_text_eq(sv_textbuf_text(&line), text));
        tell(&ledger, &none, &json);
        must(retell(sv_textbuf_text(&json), &line_again, &json_again));
        must(sv_text_eq(sv_textbuf_text(&line_again), text));
    } else if (retell(text, &line, &json)) {
        must(retell(sv_textbuf_text(&json), &line_again, &json_again));
        must(sv_text_eq(sv_textbuf_text(&json), sv_textbuf_text(&json_again)));
    }
    return 0;
}
