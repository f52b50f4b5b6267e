#include "csv.h"
#include <base/num.h>
#include <base/time.h>
#include <math.h>
#include <string.h>
#include <strings.h>

// ---- cells --------------------------------------------------------------------------------------

/// The quoted cell that begins at `at`; *end is where its separator stands, or the line's end.
static sv_err unquote(char *line, size_t len, size_t at, char separator, sv_text *out, size_t *end,
                      sv_why *why) {
    size_t to = at + 1;
    for (size_t from = at + 1; from < len; from++, to++) {
        if (line[from] == '"') {
            if (from + 1 >= len || line[from + 1] != '"') {
                if (from + 1 < len && line[from + 1] != separator) {
                    return sv_fail(why, SV_ERR_INVALID, "something follows the closing quote");
                }
                *out = sv_text_trim((sv_text){ .at = line + at + 1, .len = to - at - 1 });
                *end = from + 1;
                return SV_OK;
            }
            from++;
        }
        line[to] = line[from];
    }
    return sv_fail(why, SV_ERR_INVALID, "a quote is opened and not closed on this line");
}

sv_err sv_csv_split(char *line, size_t len, char separator, sv_text *cells, size_t max,
                    size_t *count, sv_why *why) {
    size_t at = 0;
    for (*count = 0;; at++) {
        if (*count == max) {
            return sv_fail(why, SV_ERR_INVALID, "more than %zu cells", max);
        }
        sv_text *cell = &cells[(*count)++];
        if (at < len && line[at] == '"') {
            SV_TRY(unquote(line, len, at, separator, cell, &at, why));
        } else {
            sv_text rest = { .at = line + at, .len = len - at };
            sv_text raw = sv_text_cut(&rest, separator);
            at += raw.len;
            *cell = sv_text_trim(raw);
        }
        if (at >= len) {
            return SV_OK;
        }
    }
}

// ---- lines --------------------------------------------------------------------------------------

static sv_err at_line(const sv_csv *csv, sv_err err, const sv_why *fault, sv_why *why) {
    return sv_fail(why, err == SV_ERR_IO ? err : SV_ERR_INVALID, "line %llu: %s",
                   (unsigned long long) csv->lines.number, fault->text);
}

static sv_err next_line(sv_csv *csv, sv_text *line, sv_why *why) {
    sv_why fault = { .text = "" };
    sv_err err = SV_OK;
    do {
        err = sv_lines_next(&csv->lines, line, &fault);
    } while (err == SV_OK && sv_text_trim(*line).len == 0);
    return err == SV_OK || err == SV_ERR_NOT_FOUND ? err : at_line(csv, err, &fault, why);
}

sv_err sv_csv_begin(sv_csv *csv, FILE *file, sv_why *why) {
    csv->lines.file = file;
    csv->lines.number = 0;
    sv_text line = { 0 };
    sv_err err = next_line(csv, &line, why);
    if (err != SV_OK) {
        return err == SV_ERR_NOT_FOUND
                   ? sv_fail(why, SV_ERR_INVALID, "the input is empty; a header line is wanted")
                   : err;
    }
    size_t mark = sv_text_starts(line, SV_TEXT("\xEF\xBB\xBF")) ? 3 : 0;
    size_t len = line.len - mark;
    memcpy(csv->header, line.at + mark, len);
    csv->separator = memchr(csv->header, ';', len) != NULL ? ';' : ',';
    sv_why fault = { .text = "" };
    err = sv_csv_split(csv->header, len, csv->separator, csv->names, SV_CSV_COLUMNS_MAX,
                       &csv->count, &fault);
    return err == SV_OK ? SV_OK : at_line(csv, err, &fault, why);
}

sv_err sv_csv_next(sv_csv *csv, sv_why *why) {
    sv_text line = { 0 };
    SV_TRY(next_line(csv, &line, why));
    sv_why fault = { .text = "" };
    size_t count = 0;
    char *room = csv->lines.room; // what the line borrows from
    sv_err err = sv_csv_split(room, line.len, csv->separator, csv->cells, SV_CSV_COLUMNS_MAX,
                              &count, &fault);
    if (err == SV_OK && count != csv->count) {
        err = sv_fail(&fault, SV_ERR_INVALID, "%zu cells, where the header names %zu columns",
                      count, csv->count);
    }
    return err == SV_OK ? SV_OK : at_line(csv, err, &fault, why);
}

size_t sv_csv_column(const sv_csv *csv, const char *name) {
    size_t len = strlen(name);
    size_t i = 0;
    while (i < csv->count
           && (csv->names[i].len != len || strncasecmp(csv->names[i].at, name, len) != 0)) {
        i++;
    }
    return i;
}

// ---- what a cell says ---------------------------------------------------------------------------

static sv_err number_time(sv_text cell, int64_t *out_us) {
    double value = 0;
    SV_TRY(sv_num_parse(cell, &value));
    double size = fabs(value);
    double us = size >= 1e14 ? value : size >= 1e11 ? value * 1e3 : value * 1e6;
    if (fabs(us) > 4e18) {
        return SV_ERR_INVALID;
    }
    *out_us = (int64_t) llround(us);
    return SV_OK;
}

sv_err sv_csv_time(sv_text cell, int64_t *out_us) {
    enum { DAY_LEN = sizeof "2026-11-22" - 1, MINUTE_LEN = sizeof "2026-11-22 06:15" - 1 };
    if (sv_time_parse(cell, out_us) == SV_OK || number_time(cell, out_us) == SV_OK) {
        return SV_OK;
    }
    char room[MINUTE_LEN + sizeof " 00:00:00"];
    sv_textbuf full = SV_TEXTBUF(room);
    sv_textbuf_add(&full, cell);
    if (cell.len == MINUTE_LEN) {
        sv_textbuf_add_str(&full, ":00");
    } else if (cell.len == DAY_LEN) {
        sv_textbuf_add_str(&full, " 00:00:00");
    } else {
        return SV_ERR_INVALID;
    }
    return sv_time_parse(sv_textbuf_text(&full), out_us);
}

sv_err sv_csv_number(sv_text cell, double *out) {
    static const char *const NONE[] = {
        "", "nan", "na", "null", "none", "-", "inf", "+inf", "-inf", "infinity", "-infinity",
    };
    *out = SV_NAN;
    for (size_t i = 0; i < SV_COUNT(NONE); i++) {
        if (cell.len == strlen(NONE[i]) && strncasecmp(cell.at, NONE[i], cell.len) == 0) {
            return SV_OK;
        }
    }
    if (cell.at[0] == '+') {
        cell = (sv_text){ .at = cell.at + 1, .len = cell.len - 1 };
    }
    return sv_num_parse(cell, out);
}
