// Whatever the bytes: a model that reads writes the same bytes again, and its trees, its features
// and its verdict can be had without going astray. Length and checksum are put right first, or
// hardly an input would come further. The same bytes are a state of wear, too.
#include "cursor.h"
#include <base/crc.h>
#include <base/mem.h>
#include <detect/model_file.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { AT_LENGTH = 12, AT_CRC = 16, HEAD_BYTES = 20 };

static void must(bool is_so) {
    if (!is_so) {
        abort();
    }
}

static void use(const sv_model *model) {
    static float features[SV_RECIPE_FEATURES_MAX];
    const double row[SV_RECIPE_COLUMNS_MAX] = { 0 };
    SV_DEFER(sv_mem_drop) sv_wear *wear = sv_mem_new(sizeof *wear);
    sv_recipe_push(&model->recipe, wear, row, features);
    if (model->task == SV_MODEL_RUL) {
        sv_remaining remaining;
        sv_model_remaining(model, features, &remaining);
        must(remaining.low <= remaining.estimate && remaining.estimate <= remaining.high);
        must(sv_remaining_fails_within(&remaining, 10) >= 0);
        return;
    }
    double probability[SV_MODEL_CLASSES_MAX];
    must(sv_model_classify(model, features, probability) < model->classes);
}

static void load_wear(sv_text bytes) {
    static const sv_recipe RECIPE = { .kind = SV_RECIPE_LIFE, .sensors = 2 };
    SV_DEFER(sv_mem_drop) sv_wear *wear = sv_mem_new(sizeof *wear);
    SV_DEFER(sv_textbuf_drop) sv_textbuf again = SV_TEXTBUF_HEAP(SV_MODEL_BYTES_MAX);
    if (sv_wear_load(bytes, &RECIPE, wear, NULL) == SV_OK) {
        sv_wear_save(wear, &RECIPE, &again);
        must(sv_text_eq(sv_textbuf_text(&again), bytes));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(size + 1);
    SV_DEFER(sv_textbuf_drop) sv_textbuf again = SV_TEXTBUF_HEAP(SV_MODEL_BYTES_MAX + 1);
    SV_DEFER(sv_mem_drop) sv_model *model = sv_mem_new(sizeof *model);
    put_bytes(&bytes, data, size);
    load_wear(sv_textbuf_text(&bytes));
    if (size >= HEAD_BYTES) {
        uint8_t *head = (uint8_t *) bytes.at;
        sv_text body = { .at = bytes.at + HEAD_BYTES, .len = size - HEAD_BYTES };
        set_u32(head + AT_LENGTH, (uint32_t) size);
        set_u32(head + AT_CRC, sv_crc32(body));
    }
    if (sv_model_read(sv_textbuf_text(&bytes), model, NULL) == SV_OK) {
        must(sv_model_write(model, &again, NULL) == SV_OK);
        must(sv_text_eq(sv_textbuf_text(&again), sv_textbuf_text(&bytes)));
        use(model);
    }
    return 0;
}
