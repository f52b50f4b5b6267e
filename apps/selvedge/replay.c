#include "replay.h"
#include <base/mem.h>
#include <base/num.h>
#include <base/time.h>
#include <codec/encode.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SHOWN_MAX = 60 };

/// What of a text goes into a sentence: nothing that a terminal might obey.
static sv_text shown(sv_text text) {
    sv_text cut = { .at = text.at, .len = text.len < SHOWN_MAX ? text.len : SHOWN_MAX };
    for (size_t i = 0; i < cut.len; i++) {
        if ((unsigned char) cut.at[i] < ' ' || cut.at[i] == 0x7F) {
            return SV_TEXT("?");
        }
    }
    return sv_utf8_is_valid(cut) ? cut : SV_TEXT("?");
}

/// The fields of one line, taken from the left.
typedef struct fields {
    sv_text line;
    char separator;
    size_t at;    ///< of the next field
    bool over;    ///< no field is left
    size_t begin; ///< of the field taken last
} fields;

/// What a field says, without quotes and spaces around it; quoted quotes need room of their own.
typedef struct cell {
    sv_text text;
    char room[SV_ID_ROOM * 2];
} cell;

static sv_err unquote(fields *f, cell *out, sv_why *why) {
    sv_textbuf text = SV_TEXTBUF(out->room);
    size_t at = f->at + 1;
    for (; at < f->line.len; at++) {
        if (f->line.at[at] == '"') {
            if (at + 1 >= f->line.len || f->line.at[at + 1] != '"') {
                break;
            }
            at++;
        }
        sv_textbuf_add_char(&text, f->line.at[at]);
    }
    if (at >= f->line.len) {
        return sv_fail(why, SV_ERR_INVALID, "a quote is opened and not closed on this line");
    }
    at++;
    if (at < f->line.len && f->line.at[at] != f->separator) {
        return sv_fail(why, SV_ERR_INVALID, "something follows the closing quote");
    }
    if (text.overflowed) {
        return sv_fail(why, SV_ERR_INVALID, "a quoted cell of more than %zu bytes",
                       sizeof out->room);
    }
    f->at = at;
    out->text = sv_text_trim(sv_textbuf_text(&text));
    return SV_OK;
}

static sv_err next_field(fields *f, cell *out, sv_why *why) {
    f->begin = f->at;
    if (f->at < f->line.len && f->line.at[f->at] == '"') {
        SV_TRY(unquote(f, out, why));
    } else {
        sv_text rest = { .at = f->line.at + f->at, .len = f->line.len - f->at };
        sv_text field = sv_text_cut(&rest, f->separator);
        f->at += field.len;
        out->text = sv_text_trim(field);
    }
    f->over = f->at >= f->line.len;
    f->at += f->over ? 0 : 1;
    return SV_OK;
}

static bool is_time_name(sv_text name) {
    static const char *const NAMES[] = { "timestamp", "datetime", "time", "date" };
    for (size_t i = 0; i < SV_COUNT(NAMES); i++) {
        if (name.len == strlen(NAMES[i]) && strncasecmp(name.at, NAMES[i], name.len) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_name_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'
           || c == '-';
}

static sv_err name_sensor(sv_text column, char out[SV_ID_ROOM], sv_why *why) {
    sv_textbuf name = { .at = out, .cap = SV_ID_ROOM };
    bool gap = false;
    for (size_t i = 0; i < column.len; i++) {
        bool fits = is_name_char(column.at[i]);
        if (fits && gap && name.len > 0) {
            sv_textbuf_add_char(&name, '_');
        }
        gap = !fits;
        if (fits) {
            sv_textbuf_add_char(&name, column.at[i]);
        }
    }
    if (sv_textbuf_end(&name) != SV_OK || !sv_id_is_valid(sv_textbuf_text(&name))) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the column \"%.*s\" cannot name a sensor; a name has 1 to %d letters, "
                       "digits, _ and -, and begins with a letter or digit",
                       SV_TEXT_ARG(shown(column)), SV_ID_MAX);
    }
    return SV_OK;
}

static sv_err add_column(sv_replay_columns *columns, sv_text title, sv_why *why) {
    if (columns->count == SV_REPLAY_SENSORS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "more than %d sensors; split the file",
                       SV_REPLAY_SENSORS_MAX);
    }
    char *name = columns->names[columns->count];
    SV_TRY(name_sensor(title, name, why));
    for (size_t i = 0; i < columns->count; i++) {
        if (strcmp(columns->names[i], name) == 0) {
            return sv_fail(why, SV_ERR_INVALID, "two columns are called \"%s\"; rename one", name);
        }
    }
    columns->count++;
    return SV_OK;
}

static sv_err check_time_title(sv_text title, sv_why *why) {
    int64_t at_us = 0;
    if (is_time_name(title)) {
        return SV_OK;
    }
    if (sv_time_parse(title, &at_us) == SV_OK) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the header line is missing; put timestamp,value before the first row");
    }
    return sv_fail(why, SV_ERR_INVALID,
                   "the first column is called \"%.*s\"; it must hold the times and be called "
                   "timestamp (or datetime, time, date)",
                   SV_TEXT_ARG(shown(title)));
}

static sv_text without_mark(sv_text line, size_t *skipped) {
    *skipped = sv_text_starts(line, SV_TEXT("\xEF\xBB\xBF")) ? 3 : 0;
    return (sv_text){ .at = line.at + *skipped, .len = line.len - *skipped };
}

static sv_err take_header(fields *f, const char *sensor, sv_replay_columns *columns, sv_why *why) {
    cell title;
    SV_TRY(next_field(f, &title, why));
    SV_TRY(check_time_title(title.text, why));
    while (!f->over) {
        SV_TRY(next_field(f, &title, why));
        SV_TRY(add_column(columns, title.text, why));
    }
    if (columns->count == 0) {
        return sv_fail(why, SV_ERR_INVALID, "there is no column beside the time");
    }
    if (sensor == NULL) {
        return SV_OK;
    }
    if (columns->count > 1) {
        return sv_fail(why, SV_ERR_INVALID,
                       "--sensor %s names the one column of a file timestamp,value; this file has "
                       "%zu, named by its header: leave --sensor out",
                       sensor, columns->count);
    }
    SV_TRY(sv_id_check("sensor", sv_text_of(sensor), why));
    return sv_text_copy(sv_text_of(sensor), columns->names[0], SV_ID_ROOM);
}

sv_err sv_replay_header(sv_text line, const char *sensor, sv_replay_columns *out, size_t *column,
                        sv_why *why) {
    size_t skipped = 0;
    sv_text text = without_mark(line, &skipped);
    bool semicolons = memchr(text.at, ';', text.len) != NULL;
    sv_replay_columns columns = { .separator = semicolons ? ';' : ',' };
    fields f = { .line = text, .separator = columns.separator };
    sv_err err = take_header(&f, sensor, &columns, why);
    if (err != SV_OK) {
        *column = f.begin + skipped + 1;
        return err;
    }
    *out = columns;
    return SV_OK;
}

static sv_err take_time(sv_text text, int64_t *out_us, sv_why *why) {
    if (sv_time_parse(text, out_us) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID,
                       "\"%.*s\" is not a time; write it like 2026-11-22 06:15:04.5 or "
                       "2026-11-22T06:15:04Z",
                       SV_TEXT_ARG(shown(text)));
    }
    return SV_OK;
}

static sv_err take_value(sv_text text, const char *name, double *out, sv_why *why) {
    if (text.len == 0) {
        *out = SV_NAN;
        return SV_OK;
    }
    if (sv_num_parse(text, out) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID,
                       "%s: \"%.*s\" is not a finite number like -3.5 or 1e-9; leave the cell "
                       "empty where nothing was measured",
                       name, SV_TEXT_ARG(shown(text)));
    }
    return SV_OK;
}

static sv_err take_row(fields *f, const sv_replay_columns *columns, sv_replay_row *row,
                       sv_why *why) {
    cell field;
    SV_TRY(next_field(f, &field, why));
    SV_TRY(take_time(field.text, &row->at_us, why));
    for (size_t i = 0; i < columns->count; i++) {
        if (f->over) {
            return sv_fail(why, SV_ERR_INVALID, "%zu cells, where the header names %zu columns",
                           i + 1, columns->count + 1);
        }
        SV_TRY(next_field(f, &field, why));
        SV_TRY(take_value(field.text, columns->names[i], &row->values[i], why));
    }
    if (!f->over) {
        f->begin = f->at;
        return sv_fail(why, SV_ERR_INVALID, "more cells than the %zu columns of the header",
                       columns->count + 1);
    }
    return SV_OK;
}

sv_err sv_replay_row_parse(sv_text line, const sv_replay_columns *columns, sv_replay_row *out,
                           size_t *column, sv_why *why) {
    fields f = { .line = line, .separator = columns->separator };
    sv_replay_row row = { 0 };
    sv_err err = take_row(&f, columns, &row, why);
    if (err != SV_OK) {
        *column = f.begin + 1;
        return err;
    }
    *out = row;
    return SV_OK;
}

/// path:line:column before the sentence.
static sv_err at_place(const sv_replay *replay, size_t column, sv_err err, const sv_why *fault,
                       sv_why *why) {
    return sv_fail(why, err == SV_ERR_IO ? err : SV_ERR_INVALID, "%s:%llu:%zu: %s", replay->path,
                   (unsigned long long) replay->lines.number, column, fault->text);
}

static sv_err read_header(sv_replay *replay, const char *sensor, sv_why *why) {
    sv_text line = { 0 };
    sv_why fault = { 0 };
    size_t column = 1;
    sv_err err = sv_lines_next(&replay->lines, &line, &fault);
    if (err == SV_ERR_NOT_FOUND) {
        return sv_fail(why, SV_ERR_INVALID,
                       "'%s' is empty; a header line timestamp,value is wanted", replay->path);
    }
    if (err == SV_OK) {
        err = sv_replay_header(line, sensor, &replay->columns, &column, &fault);
    }
    return err == SV_OK ? SV_OK : at_place(replay, column, err, &fault, why);
}

sv_err sv_replay_next(sv_replay *replay, sv_replay_row *out, sv_why *why) {
    sv_text line = { 0 };
    sv_why fault = { 0 };
    size_t column = 1;
    sv_err err = SV_OK;
    do {
        err = sv_lines_next(&replay->lines, &line, &fault);
    } while (err == SV_OK && sv_text_trim(line).len == 0);
    if (err == SV_ERR_NOT_FOUND) {
        return err;
    }
    if (err == SV_OK) {
        err = sv_replay_row_parse(line, &replay->columns, out, &column, &fault);
    }
    return err == SV_OK ? SV_OK : at_place(replay, column, err, &fault, why);
}

static sv_err check_all(sv_replay *replay, sv_why *why) {
    sv_replay_row row;
    sv_err err = SV_OK;
    uint64_t rows = 0;
    for (; (err = sv_replay_next(replay, &row, why)) == SV_OK; rows++) {
    }
    if (err != SV_ERR_NOT_FOUND) {
        return err;
    }
    if (rows == 0) {
        return sv_fail(why, SV_ERR_INVALID, "'%s' holds no row below its header", replay->path);
    }
    replay->rows = rows;
    return SV_OK;
}

sv_err sv_replay_open(const char *path, const char *sensor, sv_replay **out, sv_why *why) {
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        return sv_fail(why, SV_ERR_INVALID, "cannot open --replay '%s': %m", path);
    }
    SV_DEFER(sv_replay_drop) sv_replay *replay = sv_mem_new(sizeof *replay);
    replay->file = file;
    replay->path = sv_mem_copy_str(path, strlen(path));
    replay->lines.file = file;
    SV_TRY(read_header(replay, sensor, why));
    off_t rows_from = ftello(replay->file);
    if (rows_from >= 0) { // a pipe cannot be read twice
        uint64_t line = replay->lines.number;
        SV_TRY(check_all(replay, why));
        if (fseeko(replay->file, rows_from, SEEK_SET) != 0) {
            return sv_fail(why, SV_ERR_IO, "cannot read '%s' again: %m", path);
        }
        replay->lines.number = line;
    }
    *out = replay;
    replay = NULL;
    return SV_OK;
}

void sv_replay_drop(sv_replay **replay) {
    if (*replay == NULL) {
        return;
    }
    if ((*replay)->file != NULL) {
        (void) fclose((*replay)->file);
    }
    free((*replay)->path);
    free(*replay);
    *replay = NULL;
}
