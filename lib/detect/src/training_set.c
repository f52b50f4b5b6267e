#include "cursor.h"
#include <assert.h>
#include <detect/training_set.h>
#include <math.h>

static const char MAGIC[] = "SVTRAIN\n";
enum { TRAINING_VERSION = 2 };

static size_t row_bytes(const sv_training_set *set) {
    return sizeof(uint32_t) + sizeof(double) * (1U + set->columns);
}

void sv_training_set_put(const sv_training_set *set, sv_textbuf *out) {
    put_bytes(out, MAGIC, sizeof MAGIC - 1);
    put_u16(out, TRAINING_VERSION);
    put_u16(out, (uint16_t) set->task);
    put_u32(out, set->rows);
    put_u32(out, set->groups);
    put_u16(out, set->columns);
    put_u16(out, set->settings);
    put_u16(out, set->classes);
    put_double(out, set->cap);
    put_u32(out, set->within);
    put_text(out, set->source);
    put_text(out, set->group);
    for (size_t i = 0; i < set->columns; i++) {
        const sv_model_column *column = &set->column[i];
        put_text(out, column->name);
        put_u16(out, column->categories);
        for (size_t c = 0; c < column->categories; c++) {
            put_text(out, column->category[c]);
        }
    }
    for (size_t i = 0; i < set->classes; i++) {
        put_text(out, set->class_name[i]);
    }
}

void sv_training_row_put(const sv_training_set *set, const sv_training_row *row, sv_textbuf *out) {
    put_u32(out, row->group);
    put_double(out, row->truth);
    for (size_t i = 0; i < set->columns; i++) {
        put_double(out, row->values[i]);
    }
}

static void head_from(sv_cursor *in, sv_training_set *out) {
    out->task = (sv_model_task) cursor_u16(in);
    out->rows = cursor_u32(in);
    out->groups = cursor_u32(in);
    out->columns = cursor_u16(in);
    out->settings = cursor_u16(in);
    out->classes = (uint8_t) cursor_u16(in);
    out->cap = cursor_double(in);
    out->within = cursor_u32(in);
    out->source = cursor_text(in);
    out->group = cursor_text(in);
    in->failed =
        in->failed || out->task >= SV_MODEL__COUNT || out->rows > SV_TRAINING_ROWS_MAX
        || out->groups > SV_TRAINING_GROUPS_MAX || out->columns < 1
        || out->columns > SV_RECIPE_COLUMNS_MAX || out->settings >= out->columns
        || out->settings > SV_RECIPE_SETTINGS_MAX || out->classes > SV_MODEL_CLASSES_MAX
        || (out->task == SV_MODEL_CLASS) != (out->classes >= 2)
        || (out->within > 0 && (out->task != SV_MODEL_CLASS || out->groups == 0))
        || out->within > SV_TRAINING_CAP_MAX
        || (out->task == SV_MODEL_RUL && !(out->cap >= 1 && out->cap <= SV_TRAINING_CAP_MAX))
        || out->source.len > SV_TRAINING_SOURCE_MAX;
}

static void names_from(sv_cursor *in, sv_training_set *out) {
    for (size_t i = 0; !in->failed && i < out->columns; i++) {
        sv_model_column *column = &out->column[i];
        column->name = cursor_text(in);
        column->categories = (uint8_t) cursor_u16(in);
        in->failed = in->failed || column->categories > SV_MODEL_CATEGORIES_MAX;
        for (size_t c = 0; !in->failed && c < column->categories; c++) {
            column->category[c] = cursor_text(in);
        }
    }
    for (size_t i = 0; !in->failed && i < out->classes; i++) {
        out->class_name[i] = cursor_text(in);
    }
}

static sv_err check_rows(const sv_training_set *set, sv_why *why) {
    for (uint32_t i = 0; i < set->rows; i++) {
        sv_training_row row;
        sv_training_row_get(set, i, &row);
        bool fine = isfinite(row.truth) && row.truth >= 0
                    && (row.group < set->groups || (set->groups == 0 && row.group == 0))
                    && (set->task == SV_MODEL_RUL || row.truth < set->classes);
        if (!fine) {
            return sv_fail(why, SV_ERR_INVALID, "row %u of the training set: machine %u, truth %g",
                           i + 1, row.group, row.truth);
        }
    }
    return SV_OK;
}

sv_err sv_training_set_read(sv_text bytes, sv_training_set *out, sv_why *why) {
    sv_cursor in = { .at = (const uint8_t *) bytes.at, .left = bytes.len };
    const uint8_t *magic = cursor_take(&in, sizeof MAGIC - 1);
    if (magic == NULL || memcmp(magic, MAGIC, sizeof MAGIC - 1) != 0
        || cursor_u16(&in) != TRAINING_VERSION) {
        return sv_fail(why, SV_ERR_INVALID,
                       "this is no training set of version %d; `selvedge model train` makes one "
                       "and calls this program",
                       TRAINING_VERSION);
    }
    *out = (sv_training_set){ .rows = 0 };
    head_from(&in, out);
    names_from(&in, out);
    if (in.failed || in.left != out->rows * row_bytes(out)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the training set is cut, or breaks its limits: %u rows of %u columns",
                       out->rows, out->columns);
    }
    out->data = in.at;
    return check_rows(out, why);
}

void sv_training_row_get(const sv_training_set *set, uint32_t index, sv_training_row *out) {
    assert(index < set->rows);
    sv_cursor in = { .at = set->data + index * row_bytes(set), .left = row_bytes(set) };
    out->group = cursor_u32(&in);
    out->truth = cursor_double(&in);
    for (size_t i = 0; i < set->columns; i++) {
        out->values[i] = cursor_double(&in);
    }
}
