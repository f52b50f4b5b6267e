#include "interval.h"
#include <base/mem.h>
#include <math.h>
#include <stdlib.h>

enum { BINS = 12, ROWS_MIN = 30 };

typedef struct pair {
    float estimate, offset;
} pair;

static int by_estimate(const void *a, const void *b) {
    float left = ((const pair *) a)->estimate, right = ((const pair *) b)->estimate;
    return (left > right) - (left < right);
}

static int by_offset(const void *a, const void *b) {
    float left = ((const pair *) a)->offset, right = ((const pair *) b)->offset;
    return (left > right) - (left < right);
}

/// Between the two values that the share falls between.
static double quantile(const pair *sorted, size_t count, double share) {
    double at = fmax(0, fmin(1, share)) * (double) (count - 1);
    size_t below = (size_t) at;
    size_t above = below + 1 < count ? below + 1 : below;
    double part = at - (double) below;
    return (1 - part) * (double) sorted[below].offset + part * (double) sorted[above].offset;
}

/// One knot of one bin's pairs, which are left sorted by offset. Of n machines the interval is
/// taken (n + 1) / n as wide in shares: a new machine is one more.
static sv_model_knot knot_of(pair *pairs, size_t count, double machines) {
    sv_model_knot knot = { .at = 0 };
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        sum += (double) pairs[i].estimate;
    }
    knot.at = (float) (sum / (double) count);
    qsort(pairs, count, sizeof *pairs, by_offset);
    for (size_t i = 0; i < SV_MODEL_LEVELS; i++) {
        double share = 0.5 + ((double) sv_model_levels[i] - 0.5) * (machines + 1) / machines;
        knot.offset[i] = (float) quantile(pairs, count, share);
    }
    return knot;
}

static size_t collect(const table *rows, const float *estimate, const bool *use, pair *out) {
    size_t count = 0;
    for (size_t i = 0; i < rows->rows; i++) {
        if (use == NULL || use[i]) {
            out[count++] = (pair){ .estimate = estimate[i],
                                   .offset = (float) (rows->truth[i] - (double) estimate[i]) };
        }
    }
    qsort(out, count, sizeof *out, by_estimate);
    return count;
}

void interval_knots(const table *rows, const float *estimate, double cap, const bool *use,
                    sv_model *model) {
    SV_DEFER(sv_mem_drop) pair *pairs = sv_mem_array(rows->rows, sizeof *pairs);
    size_t count = collect(rows, estimate, use, pairs);
    size_t from = 0;
    model->knots = 0;
    for (unsigned bin = 1; bin <= BINS; bin++) {
        size_t to = from;
        while (to < count && (bin == BINS || (double) pairs[to].estimate < cap * bin / BINS)) {
            to++;
        }
        // A bin of few rows goes on into the next one.
        if (to - from >= ROWS_MIN || (bin == BINS && model->knots == 0)) {
            model->knot[model->knots++] = knot_of(pairs + from, to - from, rows->groups);
            from = to;
        }
    }
}

double interval_coverage(const table *rows, const float *estimate, double cap) {
    SV_DEFER(sv_mem_drop) bool *use = sv_mem_array(rows->rows, sizeof *use);
    SV_DEFER(sv_mem_drop) sv_model *model = sv_mem_new(sizeof *model);
    size_t covered = 0;
    for (uint32_t fold = 0; fold < FOLDS; fold++) {
        for (size_t i = 0; i < rows->rows; i++) {
            use[i] = rows->fold[i] != fold;
        }
        interval_knots(rows, estimate, cap, use, model);
        model->cap = (float) cap;
        for (size_t i = 0; i < rows->rows; i++) {
            sv_remaining around;
            if (!use[i]) {
                sv_model_remaining_at(model, (double) estimate[i], &around);
                covered += rows->truth[i] >= around.low && rows->truth[i] <= around.high ? 1 : 0;
            }
        }
    }
    return (double) covered / (double) rows->rows;
}
