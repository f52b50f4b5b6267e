#include "model_data.h"
#include "cmapss.h"
#include <base/mem.h>
#include <base/num.h>
#include <crypto/random.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NO_CODE = UINT8_MAX, CHUNK_BYTES = 1 << 16, HASH_BYTES = 32, ROWS_FIRST = 1024 };

// ---- the table ----------------------------------------------------------------------------------

static void make_columns(model_data *data, size_t count) {
    data->columns = count;
    data->column = sv_mem_array(count, sizeof *data->column);
    for (size_t i = 0; i < count; i++) {
        data->column[i].is_steady = true;
    }
}

static sv_err make_room(model_data *data, sv_why *why) {
    if (data->rows < data->rows_room) {
        return SV_OK;
    }
    size_t room = data->rows_room == 0 ? ROWS_FIRST : 2 * data->rows_room;
    if (data->rows >= SV_TRAINING_ROWS_MAX
        || room * data->columns * sizeof(double) > 2 * SV_TRAINING_BYTES_MAX) {
        return sv_fail(why, SV_ERR_INVALID,
                       "more than %zu rows of %zu columns are too many; take fewer", data->rows,
                       data->columns);
    }
    data->rows_room = room;
    data->value = sv_mem_resize(data->value, room * data->columns * sizeof *data->value);
    data->code = sv_mem_resize(data->code, room * data->columns);
    data->group = sv_mem_resize(data->group, room * sizeof *data->group);
    return SV_OK;
}

/// Which text of the column it is; a new one is kept while there is room.
static uint8_t code_of(model_data_column *column, sv_text cell) {
    for (unsigned i = 0; i < column->texts && i < SV_MODEL_CATEGORIES_MAX; i++) {
        if (sv_text_is(cell, column->text[i])) {
            return (uint8_t) i;
        }
    }
    if (column->texts >= SV_MODEL_CATEGORIES_MAX || cell.len > SV_MODEL_NAME_MAX) {
        column->texts = SV_MODEL_CATEGORIES_MAX + 1;
        return NO_CODE;
    }
    column->text[column->texts] = sv_mem_copy_str(cell.at, cell.len);
    return (uint8_t) column->texts++;
}

static void set_value(model_data *data, size_t column, double value) {
    model_data_column *of = &data->column[column];
    double *at = &data->value[data->rows * data->columns + column];
    *at = value;
    if (data->rows > 0 && data->group[data->rows] == data->group[data->rows - 1]) {
        double step = value - at[-(ptrdiff_t) data->columns];
        bool same = of->step == 0 || step == of->step;
        of->is_steady = of->is_steady && same && step != 0 && isfinite(step);
        of->step = step;
    }
}

/// Nobody's class or category; "none" may be one.
static bool is_blank(sv_text cell) {
    static const char *const BLANK[] = { "", "nan", "na", "null" };
    for (size_t i = 0; i < SV_COUNT(BLANK); i++) {
        if (cell.len == strlen(BLANK[i]) && strncasecmp(cell.at, BLANK[i], cell.len) == 0) {
            return true;
        }
    }
    return false;
}

static void set_cell(model_data *data, size_t column, sv_text cell) {
    double value = SV_NAN;
    model_data_column *of = &data->column[column];
    of->is_text = sv_csv_number(cell, &value) != SV_OK || of->is_text;
    data->code[data->rows * data->columns + column] = is_blank(cell) ? NO_CODE : code_of(of, cell);
    set_value(data, column, value);
}

static sv_err set_group(model_data *data, sv_text name, sv_why *why) {
    if (data->groups == NULL) {
        data->groups = sv_map_new(SV_TRAINING_GROUPS_MAX, NULL);
    }
    void *known = sv_map_get(data->groups, name);
    if (known == NULL) {
        known = (void *) (uintptr_t) (data->machines + 1);
        if (sv_map_put(data->groups, name, known) != SV_OK) {
            return sv_fail(why, SV_ERR_INVALID, "more than %d machines", SV_TRAINING_GROUPS_MAX);
        }
        data->machines++;
    }
    data->group[data->rows] = (uint32_t) (uintptr_t) known - 1;
    return SV_OK;
}

// ---- NASA's format ------------------------------------------------------------------------------

static sv_err take_cmapss(model_data *data, sv_text line, sv_why *why) {
    sv_cmapss_row row;
    char unit[SV_NUM_TEXT_MAX + SV_NUM_TEXT_MAX];
    SV_TRY(sv_cmapss_parse(line, &row, why));
    SV_TRY(make_room(data, why));
    // Units of another file are other machines.
    int len = snprintf(unit, sizeof unit, "%zu/%u", data->source.len, row.unit);
    SV_TRY(set_group(data, (sv_text){ .at = unit, .len = (size_t) len }, why));
    for (unsigned i = 0; i < SV_CMAPSS_COLUMNS; i++) {
        set_value(data, i, row.values[i]);
    }
    memset(data->code + data->rows * data->columns, NO_CODE, data->columns);
    data->rows++;
    return SV_OK;
}

static sv_err read_cmapss(model_data *data, FILE *file, sv_why *why) {
    if (data->columns == 0) {
        make_columns(data, SV_CMAPSS_COLUMNS);
        for (unsigned i = 0; i < SV_CMAPSS_COLUMNS; i++) {
            (void) snprintf(data->column[i].name, sizeof data->column[i].name, "%s",
                            sv_cmapss_column(i));
            data->column[i].is_steady = false; // what counts the rows is known here
        }
    }
    SV_DEFER(sv_mem_drop) sv_lines *lines = sv_mem_new(sizeof *lines);
    lines->file = file;
    for (;;) {
        sv_text line = { 0 };
        sv_why fault = { .text = "" };
        sv_err err = sv_lines_next(lines, &line, &fault);
        if (err == SV_ERR_NOT_FOUND) {
            return SV_OK;
        }
        if (err == SV_OK && sv_text_trim(line).len > 0) {
            err = take_cmapss(data, line, &fault);
        }
        if (err != SV_OK) {
            return sv_fail(why, err, "line %llu: %s", (unsigned long long) lines->number,
                           fault.text);
        }
    }
}

// ---- CSV ----------------------------------------------------------------------------------------

static bool is_ignored(const model_data_plan *plan, const char *name) {
    for (size_t i = 0; plan->ignore != NULL && plan->ignore[i] != NULL; i++) {
        if (strcasecmp(plan->ignore[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static sv_err take_header(model_data *data, const sv_csv *csv, const model_data_plan *plan,
                          sv_why *why) {
    bool is_first = data->columns == 0;
    if (is_first) {
        make_columns(data, csv->count);
    }
    if (csv->count != data->columns) {
        return sv_fail(why, SV_ERR_INVALID, "%zu columns, where the file before has %zu",
                       csv->count, data->columns);
    }
    for (size_t i = 0; i < csv->count; i++) {
        model_data_column *column = &data->column[i];
        if (!is_first && !sv_text_is(csv->names[i], column->name)) {
            return sv_fail(why, SV_ERR_INVALID, "column %zu is '%.*s', '%s' in the file before",
                           i + 1, SV_TEXT_ARG(csv->names[i]), column->name);
        }
        if (csv->names[i].len == 0
            || sv_text_copy(csv->names[i], column->name, sizeof column->name) != SV_OK) {
            return sv_fail(why, SV_ERR_INVALID, "column %zu has no name, or one over %d bytes",
                           i + 1, SV_MODEL_NAME_MAX);
        }
        column->is_left_out = is_ignored(plan, column->name);
    }
    return SV_OK;
}

static sv_err take_csv(model_data *data, const sv_csv *csv, size_t group, sv_why *why) {
    SV_TRY(make_room(data, why));
    data->group[data->rows] = 0;
    if (group < csv->count) {
        if (csv->cells[group].len == 0) {
            return sv_fail(why, SV_ERR_INVALID, "line %llu: no machine in column '%s'",
                           (unsigned long long) csv->lines.number, data->column[group].name);
        }
        SV_TRY(set_group(data, csv->cells[group], why));
    }
    for (size_t i = 0; i < csv->count; i++) {
        set_cell(data, i, csv->cells[i]);
    }
    data->rows++;
    return SV_OK;
}

static sv_err read_csv(model_data *data, FILE *file, const model_data_plan *plan, sv_why *why) {
    SV_DEFER(sv_mem_drop) sv_csv *csv = sv_mem_new(sizeof *csv);
    SV_TRY(sv_csv_begin(csv, file, why));
    SV_TRY(take_header(data, csv, plan, why));
    size_t group = plan->group == NULL ? csv->count : sv_csv_column(csv, plan->group);
    if (plan->group != NULL && group == csv->count) {
        return sv_fail(why, SV_ERR_INVALID, "there is no column '%.64s' to tell machines apart by",
                       plan->group);
    }
    sv_err err = SV_OK;
    while ((err = sv_csv_next(csv, why)) == SV_OK) {
        SV_TRY(take_csv(data, csv, group, why));
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

// ---- files --------------------------------------------------------------------------------------

static void drop_file(FILE **file) {
    if (*file != NULL && *file != stdin) {
        (void) fclose(*file);
    }
    *file = NULL;
}

static sv_err load(const char *path, sv_textbuf *out, sv_why *why) {
    static char chunk[CHUNK_BYTES];
    SV_DEFER(drop_file) FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rbe");
    if (file == NULL) {
        return sv_fail(why, errno == ENOENT ? SV_ERR_NOT_FOUND : SV_ERR_IO,
                       "cannot read '%.100s': %m", path);
    }
    size_t len = 0;
    while ((len = fread(chunk, 1, sizeof chunk, file)) > 0) {
        sv_textbuf_add(out, (sv_text){ .at = chunk, .len = len });
    }
    if (ferror(file) != 0) {
        return sv_fail(why, SV_ERR_IO, "cannot read '%.100s': %m", path);
    }
    if (out->len == 0 || out->overflowed) {
        return sv_fail(why, SV_ERR_INVALID, "'%.100s' is %s", path,
                       out->overflowed ? "larger than 1 GiB; take fewer rows" : "empty");
    }
    return SV_OK;
}

static void add_source(model_data *data, const char *path, sv_text bytes, size_t rows) {
    uint8_t hash[HASH_BYTES];
    sv_sha256(bytes, hash);
    const char *slash = strrchr(path, '/');
    sv_textbuf_addf(&data->source, "data: %.80s, %zu rows, sha256 ",
                    slash == NULL ? path : slash + 1, rows);
    for (size_t i = 0; i < sizeof hash; i++) {
        sv_textbuf_addf(&data->source, "%02x", hash[i]);
    }
    sv_textbuf_add_char(&data->source, '\n');
}

sv_err model_data_read(model_data *data, const char *path, const model_data_plan *plan,
                       sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_TRAINING_BYTES_MAX);
    SV_TRY(load(path, &bytes, why));
    SV_DEFER(drop_file) FILE *file = fmemopen(bytes.at, bytes.len, "rb");
    if (file == NULL) {
        return sv_fail(why, SV_ERR_IO, "cannot read '%.100s': %m", path);
    }
    size_t before = data->rows;
    sv_why fault = { .text = "" };
    sv_err err =
        plan->is_cmapss ? read_cmapss(data, file, &fault) : read_csv(data, file, plan, &fault);
    if (err != SV_OK) {
        return sv_fail(why, err, "%.60s: %s", path, fault.text);
    }
    if (data->source.cap_max == 0) {
        data->source = SV_TEXTBUF_HEAP(SV_TRAINING_SOURCE_MAX);
    }
    add_source(data, path, sv_textbuf_text(&bytes), data->rows - before);
    return SV_OK;
}

void model_data_drop(model_data *data) {
    for (size_t c = 0; c < data->columns; c++) {
        for (size_t i = 0; i < SV_MODEL_CATEGORIES_MAX; i++) {
            free(data->column[c].text[i]);
        }
    }
    free(data->column);
    free(data->value);
    free(data->code);
    free(data->group);
    if (data->groups != NULL) {
        sv_map_drop(&data->groups);
    }
    sv_textbuf_drop(&data->source);
    *data = (model_data){ .rows = 0 };
}

size_t model_data_find(const model_data *data, const char *name) {
    size_t i = 0;
    while (i < data->columns && strcasecmp(data->column[i].name, name) != 0) {
        i++;
    }
    return i;
}
