// What one row costs a machine at the edge: its features and a walk through all trees of a model.
//
//   bench.tree_cost MODEL [ROWS]      prints `walk_us: …`, `row_us: …`, `model_bytes: …`
#include <base/mem.h>
#include <base/prng.h>
#include <detect/model_file.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROWS_DEFAULT = 200000, SPREAD = 1024 };

static double cpu_s(void) {
    struct timespec now;
    (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

static sv_err load(const char *path, sv_textbuf *out, sv_model *model, sv_why *why) {
    static char room[SV_MODEL_BYTES_MAX];
    FILE *file = fopen(path, "rbe");
    size_t len = file == NULL ? 0 : fread(room, 1, sizeof room, file);
    if (file != NULL) {
        (void) fclose(file);
    }
    sv_textbuf_add(out, (sv_text){ .at = room, .len = len });
    return sv_model_read(sv_textbuf_text(out), model, why);
}

/// Features of a life that wanders, for as many rows as SPREAD: what a branch predictor would
/// learn by heart, were they fewer.
static float *features_of(const sv_model *model, size_t count, double *seconds) {
    sv_wear *wear = sv_mem_new(sizeof *wear);
    float *all = sv_mem_array(SPREAD * count, sizeof *all);
    double row[SV_RECIPE_COLUMNS_MAX] = { 0 };
    sv_prng prng = { .state = 1 };
    for (size_t i = 0; i < SPREAD; i++) {
        for (size_t c = 0; c < sv_recipe_columns(&model->recipe); c++) {
            double usual = (double) model->recipe.regime[0].mean[c];
            row[c] = usual + sv_prng_normal(&prng) * (double) model->recipe.regime[0].spread[c];
        }
        double before = cpu_s();
        sv_recipe_push(&model->recipe, wear, row, all + i * count);
        *seconds += cpu_s() - before;
    }
    free(wear);
    return all;
}

int main(int argc, char **argv) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_MODEL_BYTES_MAX + 1);
    SV_DEFER(sv_mem_drop) sv_model *model = sv_mem_new(sizeof *model);
    sv_why why = { 0 };
    if (argc < 2 || load(argv[1], &bytes, model, &why) != SV_OK || model->task != SV_MODEL_RUL) {
        (void) fprintf(stderr, "a model of remaining life is wanted: %s\n", why.text);
        return 2;
    }
    size_t rows = argc > 2 ? strtoul(argv[2], NULL, 10) : ROWS_DEFAULT;
    size_t count = sv_recipe_features(&model->recipe);
    double features_s = 0, sum = 0;
    SV_DEFER(sv_mem_drop) float *features = features_of(model, count, &features_s);
    double before = cpu_s();
    for (size_t i = 0; i < rows; i++) {
        sv_remaining remaining;
        sv_model_remaining(model, features + i % SPREAD * count, &remaining);
        sum += remaining.estimate;
    }
    double walk_us = (cpu_s() - before) * 1e6 / (double) rows;
    (void) printf("walk_us: %.3f\nrow_us: %.3f\nmodel_bytes: %zu\nstate_bytes: %zu\nmean: %.3f\n",
                  walk_us, walk_us + features_s * 1e6 / SPREAD, bytes.len,
                  model->recipe.sensors * sizeof(sv_wear_sensor) + sizeof(sv_wear)
                      - sizeof((sv_wear *) 0)->sensor,
                  sum / (double) rows);
    return 0;
}
