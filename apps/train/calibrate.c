#include "calibrate.h"
#include <base/mem.h>
#include <math.h>
#include <stdlib.h>

enum { STEPS_MAX = 100 };
/// Classes that lie wide apart would ask for an endless slope.
static const double SLOPE_MAX = 4, SLOPE_MIN = 0.05;

static double probability_of(const sv_model *model, double sum) {
    return 1 / (1 + exp(-((double) model->slope * sum + (double) model->shift)));
}

/// Platt's targets keep what is certain a little away from 0 and 1.
static void fit_logit(const table *rows, const float *sums, sv_model *model) {
    double ones = 0, count = (double) rows->rows;
    for (size_t i = 0; i < rows->rows; i++) {
        ones += rows->truth[i];
    }
    double target_one = (ones + 1) / (ones + 2), target_none = 1 / (count - ones + 2);
    double slope = 1, shift = 0;
    for (unsigned step = 0; step < STEPS_MAX; step++) {
        double ga = 0, gb = 0, haa = 1e-9, hab = 0, hbb = 1e-9;
        for (size_t i = 0; i < rows->rows; i++) {
            double sum = (double) sums[i];
            double p = 1 / (1 + exp(-(slope * sum + shift)));
            double wrong = p - (rows->truth[i] > 0 ? target_one : target_none);
            double weight = fmax(p * (1 - p), 1e-9);
            ga += wrong * sum;
            gb += wrong;
            haa += weight * sum * sum;
            hab += weight * sum;
            hbb += weight;
        }
        double det = haa * hbb - hab * hab;
        double da = (hbb * ga - hab * gb) / det, db = (haa * gb - hab * ga) / det;
        slope = fmax(SLOPE_MIN, fmin(SLOPE_MAX, slope - da));
        shift -= db;
        if (fabs(da) < 1e-9 && fabs(db) < 1e-9) {
            break;
        }
    }
    model->slope = (float) slope;
    model->shift = (float) shift;
}

typedef struct judged {
    double probability;
    bool is_one;
} judged;

static int by_probability(const void *a, const void *b) {
    double left = ((const judged *) a)->probability, right = ((const judged *) b)->probability;
    return (left < right) - (left > right);
}

/// The rows, the most probable first.
static judged *sorted(const table *rows, const float *sums, const sv_model *model, double *ones) {
    judged *all = sv_mem_array(rows->rows, sizeof *all);
    *ones = 0;
    for (size_t i = 0; i < rows->rows; i++) {
        all[i] = (judged){ .probability = probability_of(model, (double) sums[i]),
                           .is_one = rows->truth[i] > 0 };
        *ones += all[i].is_one ? 1 : 0;
    }
    qsort(all, rows->rows, sizeof *all, by_probability);
    return all;
}

static void find_threshold(const table *rows, const float *sums, sv_model *model) {
    double ones = 0, found = 0, best = -1, at = 0.5;
    SV_DEFER(sv_mem_drop) judged *all = sorted(rows, sums, model, &ones);
    for (size_t i = 0; i + 1 < rows->rows; i++) {
        found += all[i].is_one ? 1 : 0;
        if (!(all[i].probability > all[i + 1].probability)) {
            continue;
        }
        double f1 = 2 * found / ((double) (i + 1) + ones);
        double middle = (all[i].probability + all[i + 1].probability) / 2;
        if (f1 > best || (f1 == best && fabs(middle - 0.5) < fabs(at - 0.5))) {
            best = f1;
            at = middle;
        }
    }
    model->threshold = (float) fmax(1e-6, fmin(1 - 1e-6, at));
}

void calibrate_two(const table *rows, const float *sums, sv_model *model) {
    fit_logit(rows, sums, model);
    find_threshold(rows, sums, model);
}

/// The share of pairs of one of each class that stand in the right order; ties count half.
static double area(const judged *all, size_t count, double ones) {
    double above = 0, pairs = 0;
    for (size_t i = 0; i < count;) {
        double here_ones = 0, here_none = 0;
        size_t next = i;
        for (; next < count && all[next].probability >= all[i].probability; next++) {
            here_ones += all[next].is_one ? 1 : 0;
            here_none += all[next].is_one ? 0 : 1;
        }
        pairs += here_none * (above + here_ones / 2);
        above += here_ones;
        i = next;
    }
    double none = (double) count - ones;
    return ones > 0 && none > 0 ? pairs / (ones * none) : 0;
}

calibration_score calibrate_score(const table *rows, const float *sums, const sv_model *model) {
    double ones = 0, found = 0, named = 0, squares = 0, count = (double) rows->rows;
    SV_DEFER(sv_mem_drop) judged *all = sorted(rows, sums, model, &ones);
    for (size_t i = 0; i < rows->rows; i++) {
        bool is_named = all[i].probability > (double) model->threshold;
        named += is_named ? 1 : 0;
        found += is_named && all[i].is_one ? 1 : 0;
        double wrong = all[i].probability - (all[i].is_one ? 1 : 0);
        squares += wrong * wrong;
    }
    double missed = ones - found, false_ones = named - found;
    return (calibration_score){ .f1 = 2 * found / fmax(1, named + ones),
                                .precision = found / fmax(1, named),
                                .recall = found / fmax(1, ones),
                                .accuracy = (count - missed - false_ones) / count,
                                .auc = area(all, rows->rows, ones),
                                .brier = squares / count };
}

static double log_loss(const table *rows, const float *sums, unsigned classes, double slope) {
    double loss = 0;
    for (size_t i = 0; i < rows->rows; i++) {
        const float *row = sums + i * classes;
        double most = -HUGE_VAL, total = 0;
        for (size_t c = 0; c < classes; c++) {
            most = fmax(most, slope * (double) row[c]);
        }
        for (size_t c = 0; c < classes; c++) {
            total += exp(slope * (double) row[c] - most);
        }
        loss += log(fmax(total, 1)) + most - slope * (double) row[(size_t) rows->truth[i]];
    }
    return loss;
}

void calibrate_many(const table *rows, const float *sums, sv_model *model) {
    // The loss has one valley over the slope: thirds close in on it.
    double low = SLOPE_MIN, high = SLOPE_MAX;
    for (unsigned step = 0; step < STEPS_MAX; step++) {
        double one = low + (high - low) / 3, other = high - (high - low) / 3;
        if (log_loss(rows, sums, model->classes, one)
            < log_loss(rows, sums, model->classes, other)) {
            high = other;
        } else {
            low = one;
        }
    }
    model->slope = (float) ((low + high) / 2);
    model->shift = 0;
    model->threshold = 0.5F;
}
