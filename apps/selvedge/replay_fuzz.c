// What parses as a recording can be written down and parses back to the same columns, times and
// values.
#include "replay.h"

#include <base/num.h>
#include <base/time.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINE_ROOM = 64 * 1024 };

static void require(bool fact) {
    if (!fact) {
        abort();
    }
}

static void write_row(const sv_replay_columns *columns, const sv_replay_row *row, sv_textbuf *out) {
    sv_time_add(out, row->at_us);
    for (size_t i = 0; i < columns->count; i++) {
        sv_textbuf_add_char(out, columns->separator);
        if (isfinite(row->values[i])) {
            sv_num_add(out, row->values[i]);
        }
    }
}

static void check_row(sv_text line, const sv_replay_columns *columns) {
    sv_replay_row row;
    sv_replay_row again;
    size_t column = 0;
    sv_why why = { .text = "" };
    if (sv_replay_row_parse(line, columns, &row, &column, &why) != SV_OK) {
        require(column >= 1 && column <= line.len + 1 && why.text[0] != '\0');
        return;
    }
    static char room[LINE_ROOM];
    sv_textbuf out = SV_TEXTBUF(room);
    write_row(columns, &row, &out);
    bool named =
        row.at_us >= INT64_C(-62135596800000000) && row.at_us < INT64_C(253402300800000000);
    if (!named) { // a zone moved it out of the years 1 to 9999
        return;
    }
    require(sv_replay_row_parse(sv_textbuf_text(&out), columns, &again, &column, NULL) == SV_OK);
    require(again.at_us == row.at_us);
    for (size_t i = 0; i < columns->count; i++) {
        require(again.values[i] == row.values[i]
                || (isnan(again.values[i]) && isnan(row.values[i])));
    }
}

static void check_header(sv_text line, sv_replay_columns *columns, bool *fits) {
    size_t column = 0;
    sv_why why = { .text = "" };
    *fits = sv_replay_header(line, NULL, columns, &column, &why) == SV_OK;
    require(*fits || (column >= 1 && column <= line.len + 1 && why.text[0] != '\0'));
    if (!*fits) {
        return;
    }
    static char room[LINE_ROOM];
    sv_textbuf out = SV_TEXTBUF(room);
    sv_replay_columns again;
    sv_textbuf_add_str(&out, "timestamp");
    for (size_t i = 0; i < columns->count; i++) {
        require(sv_id_is_valid(sv_text_of(columns->names[i])));
        sv_textbuf_add_char(&out, columns->separator);
        sv_textbuf_add_str(&out, columns->names[i]);
    }
    require(sv_replay_header(sv_textbuf_text(&out), NULL, &again, &column, NULL) == SV_OK);
    require(again.count == columns->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    sv_text rest = { .at = (const char *) data, .len = size };
    sv_replay_columns columns;
    bool fits = false;
    check_header(sv_text_cut(&rest, '\n'), &columns, &fits);
    while (fits && rest.len > 0) {
        check_row(sv_text_cut(&rest, '\n'), &columns);
    }
    return 0;
}
