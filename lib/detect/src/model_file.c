#include "cursor.h"
#include <base/crc.h>
#include <detect/model_file.h>
#include <math.h>

// The head: magic, version (32 bits), length of the whole file (32), CRC-32 of all after the head.
enum { AT_VERSION = 8, AT_LENGTH = 12, AT_CRC = 16, HEAD_BYTES = 20 };
static const char MAGIC[] = "SVMODEL\n";

#define WITHIN_MAX 1e6F

const float sv_model_levels[SV_MODEL_LEVELS] = { 0.01F, 0.05F, 0.1F,  0.25F, 0.5F,
                                                 0.75F, 0.9F,  0.95F, 0.99F };

const char *sv_model_task_name(sv_model_task task) {
    return task == SV_MODEL_RUL ? "rul" : "class";
}

// ---- what a model must be, read or to be written ------------------------------------------------

static sv_err check_name(sv_text name, sv_why *why) {
    if (name.len < 1 || name.len > SV_MODEL_NAME_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "a name of %zu bytes; 1 to %d are right", name.len,
                       SV_MODEL_NAME_MAX);
    }
    for (size_t i = 0; i < name.len; i++) {
        if ((uint8_t) name.at[i] < ' ') {
            return sv_fail(why, SV_ERR_INVALID, "a name holds the byte %d", (uint8_t) name.at[i]);
        }
    }
    return SV_OK;
}

static sv_err check_columns(const sv_model *model, sv_why *why) {
    for (size_t i = 0; i < sv_recipe_columns(&model->recipe); i++) {
        const sv_model_column *column = &model->columns[i];
        SV_TRY(check_name(column->name, why));
        if (column->categories > SV_MODEL_CATEGORIES_MAX) {
            return sv_fail(why, SV_ERR_INVALID, "column %zu has %u categories, at most %d", i,
                           column->categories, SV_MODEL_CATEGORIES_MAX);
        }
        for (size_t c = 0; c < column->categories; c++) {
            SV_TRY(check_name(column->category[c], why));
        }
    }
    return SV_OK;
}

static sv_err check_life(const sv_model *model, sv_why *why) {
    if (model->recipe.kind != SV_RECIPE_LIFE || model->forest.outputs != 1 || !(model->cap > 0)
        || !isfinite(model->cap) || model->knots < 1 || model->knots > SV_MODEL_KNOTS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "a model of remaining life with %u knots up to %g",
                       model->knots, (double) model->cap);
    }
    for (size_t k = 0; k < model->knots; k++) {
        const sv_model_knot *knot = &model->knot[k];
        bool fine = isfinite(knot->at) && (k == 0 || knot->at > knot[-1].at);
        for (size_t i = 0; i < SV_MODEL_LEVELS; i++) {
            fine = fine && isfinite(knot->offset[i])
                   && (i == 0 || knot->offset[i] >= knot->offset[i - 1]);
        }
        if (!fine) {
            return sv_fail(why, SV_ERR_INVALID, "knot %zu of the interval is out of order", k);
        }
    }
    return SV_OK;
}

static sv_err check_classes(const sv_model *model, sv_why *why) {
    unsigned outputs = model->classes == 2 ? 1 : model->classes;
    bool of_lives = model->recipe.kind == SV_RECIPE_LIFE;
    bool within =
        of_lives ? model->within >= 1 && model->within <= WITHIN_MAX : !(fabsf(model->within) > 0);
    if (!within || model->classes < 2 || model->classes > SV_MODEL_CLASSES_MAX
        || model->forest.outputs != outputs || !(model->slope > 0) || !isfinite(model->slope)
        || !isfinite(model->shift) || !(model->threshold > 0 && model->threshold < 1)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "a model of %u classes with %u outputs, true within %g rows", model->classes,
                       model->forest.outputs, (double) model->within);
    }
    for (size_t i = 0; i < model->classes; i++) {
        SV_TRY(check_name(model->class_name[i], why));
    }
    return SV_OK;
}

static sv_err check(const sv_model *model, size_t forest_bytes, sv_why *why) {
    if (model->card.len > SV_MODEL_CARD_BYTES_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "a card of %zu bytes, at most %d", model->card.len,
                       SV_MODEL_CARD_BYTES_MAX);
    }
    if (model->group.len > 0) {
        SV_TRY(check_name(model->group, why));
    }
    SV_TRY(sv_recipe_check(&model->recipe, why));
    SV_TRY(check_columns(model, why));
    SV_TRY(sv_forest_check(&model->forest, forest_bytes, why));
    if (model->forest.features != sv_recipe_features(&model->recipe)) {
        return sv_fail(why, SV_ERR_INVALID, "trees of %u features, and %zu are made",
                       model->forest.features, sv_recipe_features(&model->recipe));
    }
    return model->task == SV_MODEL_RUL ? check_life(model, why) : check_classes(model, why);
}

// ---- part by part, read and written in the same order -------------------------------------------

static void floats_from(sv_cursor *in, float *out, size_t count) {
    for (size_t i = 0; i < count; i++) {
        out[i] = cursor_float(in);
    }
}

static void put_floats(sv_textbuf *out, const float *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        put_float(out, values[i]);
    }
}

/// Counts decide how much follows, so they are bounded before anything goes by them.
static unsigned count_from(sv_cursor *in, unsigned max) {
    unsigned count = cursor_u16(in);
    in->failed = in->failed || count > max;
    return in->failed ? 0 : count;
}

static void recipe_from(sv_cursor *in, sv_recipe *out) {
    out->kind = (sv_recipe_kind) count_from(in, SV_RECIPE__COUNT - 1);
    out->settings = (uint16_t) count_from(in, SV_RECIPE_SETTINGS_MAX);
    out->sensors = (uint16_t) count_from(in, SV_RECIPE_COLUMNS_MAX - out->settings);
    out->regimes = (uint16_t) count_from(in, SV_RECIPE_REGIMES_MAX);
    out->paired = (uint16_t) count_from(in, SV_RECIPE_PAIRED_MAX);
    floats_from(in, out->setting_scale, out->settings);
    for (size_t i = 0; i < out->regimes; i++) {
        floats_from(in, out->regime[i].centre, out->settings);
        floats_from(in, out->regime[i].mean, out->sensors);
        floats_from(in, out->regime[i].spread, out->sensors);
    }
}

static void put_recipe(sv_textbuf *out, const sv_recipe *recipe) {
    put_u16(out, (uint16_t) recipe->kind);
    put_u16(out, recipe->settings);
    put_u16(out, recipe->sensors);
    put_u16(out, recipe->regimes);
    put_u16(out, recipe->paired);
    put_floats(out, recipe->setting_scale, recipe->settings);
    for (size_t i = 0; i < recipe->regimes; i++) {
        put_floats(out, recipe->regime[i].centre, recipe->settings);
        put_floats(out, recipe->regime[i].mean, recipe->sensors);
        put_floats(out, recipe->regime[i].spread, recipe->sensors);
    }
}

static void columns_from(sv_cursor *in, sv_model *out) {
    out->group = cursor_text(in);
    for (size_t i = 0; i < sv_recipe_columns(&out->recipe); i++) {
        sv_model_column *column = &out->columns[i];
        column->name = cursor_text(in);
        column->categories = (uint8_t) count_from(in, SV_MODEL_CATEGORIES_MAX);
        for (size_t c = 0; c < column->categories; c++) {
            column->category[c] = cursor_text(in);
        }
    }
}

static void put_columns(sv_textbuf *out, const sv_model *model) {
    put_text(out, model->group);
    for (size_t i = 0; i < sv_recipe_columns(&model->recipe); i++) {
        const sv_model_column *column = &model->columns[i];
        put_text(out, column->name);
        put_u16(out, column->categories);
        for (size_t c = 0; c < column->categories; c++) {
            put_text(out, column->category[c]);
        }
    }
}

static void answer_from(sv_cursor *in, sv_model *out) {
    if (out->task == SV_MODEL_RUL) {
        out->cap = cursor_float(in);
        out->knots = (uint8_t) count_from(in, SV_MODEL_KNOTS_MAX);
        for (size_t i = 0; i < out->knots; i++) {
            out->knot[i].at = cursor_float(in);
            floats_from(in, out->knot[i].offset, SV_MODEL_LEVELS);
        }
        return;
    }
    out->slope = cursor_float(in);
    out->shift = cursor_float(in);
    out->threshold = cursor_float(in);
    out->within = out->recipe.kind == SV_RECIPE_LIFE ? cursor_float(in) : 0;
    out->classes = (uint8_t) count_from(in, SV_MODEL_CLASSES_MAX);
    for (size_t i = 0; i < out->classes; i++) {
        out->class_name[i] = cursor_text(in);
    }
}

static void put_answer(sv_textbuf *out, const sv_model *model) {
    if (model->task == SV_MODEL_RUL) {
        put_float(out, model->cap);
        put_u16(out, model->knots);
        for (size_t i = 0; i < model->knots; i++) {
            put_float(out, model->knot[i].at);
            put_floats(out, model->knot[i].offset, SV_MODEL_LEVELS);
        }
        return;
    }
    const float answer[] = { model->slope, model->shift, model->threshold };
    put_floats(out, answer, SV_COUNT(answer));
    if (model->recipe.kind == SV_RECIPE_LIFE) {
        put_float(out, model->within);
    }
    put_u16(out, model->classes);
    for (size_t i = 0; i < model->classes; i++) {
        put_text(out, model->class_name[i]);
    }
}

static void forest_from(sv_cursor *in, sv_forest *out, size_t *bytes) {
    out->count = cursor_u32(in);
    out->depth = cursor_u8(in);
    out->outputs = cursor_u8(in);
    out->features = cursor_u16(in);
    out->base = cursor_float(in);
    *bytes = in->left;
    out->trees = cursor_take(in, in->left);
}

static size_t put_forest(sv_textbuf *out, const sv_forest *forest) {
    bool sane = forest->depth >= 1 && forest->depth <= SV_FOREST_DEPTH_MAX
                && forest->count <= SV_FOREST_TREES_MAX;
    size_t bytes = sane ? forest->count * sv_tree_bytes(forest->depth) : 0;
    put_u32(out, forest->count);
    put_u8(out, forest->depth);
    put_u8(out, forest->outputs);
    put_u16(out, forest->features);
    put_float(out, forest->base);
    put_bytes(out, forest->trees, bytes);
    return bytes;
}

// ---- the file -----------------------------------------------------------------------------------

static sv_err check_head(sv_text bytes, sv_why *why) {
    const uint8_t *head = (const uint8_t *) bytes.at;
    if (bytes.len < HEAD_BYTES || memcmp(head, MAGIC, sizeof MAGIC - 1) != 0) {
        return sv_fail(why, SV_ERR_INVALID, "this is no model; `selvedge model train` makes one");
    }
    uint32_t version = le32_at(head + AT_VERSION);
    if (version != SV_MODEL_VERSION) {
        return sv_fail(why, SV_ERR_INVALID,
                       "a model of version %u; this program reads version %d, so train it again "
                       "or use the programs it was made with",
                       version, SV_MODEL_VERSION);
    }
    if (le32_at(head + AT_LENGTH) != bytes.len || bytes.len > SV_MODEL_BYTES_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "the model says it has %u bytes and has %zu",
                       le32_at(head + AT_LENGTH), bytes.len);
    }
    sv_text body = { .at = bytes.at + HEAD_BYTES, .len = bytes.len - HEAD_BYTES };
    if (sv_crc32(body) != le32_at(head + AT_CRC)) {
        return sv_fail(why, SV_ERR_INVALID, "the model is damaged: its checksum is another");
    }
    return SV_OK;
}

sv_err sv_model_read(sv_text bytes, sv_model *out, sv_why *why) {
    SV_TRY(check_head(bytes, why));
    sv_cursor in = { .at = (const uint8_t *) bytes.at + HEAD_BYTES,
                     .left = bytes.len - HEAD_BYTES };
    size_t forest_bytes = 0;
    *out = (sv_model){ .task = (sv_model_task) count_from(&in, SV_MODEL__COUNT - 1) };
    out->card = cursor_text(&in);
    recipe_from(&in, &out->recipe);
    columns_from(&in, out);
    answer_from(&in, out);
    forest_from(&in, &out->forest, &forest_bytes);
    sv_err err = in.failed ? sv_fail(why, SV_ERR_INVALID, "the model ends before its parts do")
                           : check(out, forest_bytes, why);
    if (err != SV_OK) {
        *out = (sv_model){ .task = SV_MODEL_RUL };
    }
    return err;
}

sv_err sv_model_write(const sv_model *model, sv_textbuf *out, sv_why *why) {
    SV_TRY(check(model, model->forest.count * sv_tree_bytes(model->forest.depth), why));
    size_t start = out->len;
    put_bytes(out, MAGIC, sizeof MAGIC - 1);
    put_u32(out, SV_MODEL_VERSION);
    put_u32(out, 0);
    put_u32(out, 0);
    put_u16(out, (uint16_t) model->task);
    put_text(out, model->card);
    put_recipe(out, &model->recipe);
    put_columns(out, model);
    put_answer(out, model);
    put_forest(out, &model->forest);
    if (out->overflowed || out->len - start > SV_MODEL_BYTES_MAX) {
        return sv_fail(why, SV_ERR_NO_SPACE, "the model does not fit into %d bytes",
                       SV_MODEL_BYTES_MAX);
    }
    sv_text body = { .at = out->at + start + HEAD_BYTES, .len = out->len - start - HEAD_BYTES };
    uint8_t *head = (uint8_t *) out->at + start;
    set_u32(head + AT_LENGTH, (uint32_t) (out->len - start));
    set_u32(head + AT_CRC, sv_crc32(body));
    return SV_OK;
}
