// What the sums of a forest mean: remaining life with its interval, or the probability of a class.
#include <detect/model_file.h>
#include <math.h>
#include <string.h>
#include <strings.h>

/// The offsets between the knots on both sides of `estimate`; beyond the ends those of the end.
static void offsets_at(const sv_model *model, double estimate, double out[SV_MODEL_LEVELS]) {
    size_t next = 0;
    while (next < model->knots && (double) model->knot[next].at <= estimate) {
        next++;
    }
    const sv_model_knot *left = &model->knot[next > 0 ? next - 1 : 0];
    const sv_model_knot *right = &model->knot[next < model->knots ? next : model->knots - 1U];
    double width = (double) right->at - (double) left->at;
    double share = width > 0 ? (estimate - (double) left->at) / width : 0;
    for (size_t i = 0; i < SV_MODEL_LEVELS; i++) {
        out[i] = (1 - share) * (double) left->offset[i] + share * (double) right->offset[i];
    }
}

void sv_model_remaining_at(const sv_model *model, double estimate, sv_remaining *out) {
    double offsets[SV_MODEL_LEVELS];
    offsets_at(model, estimate, offsets);
    *out = (sv_remaining){ .estimate = estimate };
    for (size_t i = 0; i < SV_MODEL_LEVELS; i++) {
        out->share[i] = fmax(0, estimate + offsets[i]);
    }
    out->low = fmin(estimate, out->share[1]);
    out->high = fmax(estimate, out->share[SV_MODEL_LEVELS - 2]);
}

void sv_model_remaining(const sv_model *model, const float *features, sv_remaining *out) {
    float sum = 0;
    sv_forest_sums(&model->forest, features, &sum);
    sv_model_remaining_at(model, fmax(0, fmin((double) model->cap, (double) sum)), out);
}

double sv_remaining_fails_within(const sv_remaining *remaining, double rows) {
    if (rows < remaining->share[0]) {
        return rows <= 0 ? 0 : (double) sv_model_levels[0] * rows / remaining->share[0];
    }
    for (size_t i = 1; i < SV_MODEL_LEVELS; i++) {
        double from = remaining->share[i - 1];
        double to = remaining->share[i];
        if (rows < to) {
            double level = (double) sv_model_levels[i - 1];
            return level + ((double) sv_model_levels[i] - level) * (rows - from) / (to - from);
        }
    }
    return (double) sv_model_levels[SV_MODEL_LEVELS - 1];
}

static unsigned of_two(const sv_model *model, double sum, double *probability) {
    double logit = (double) model->slope * sum + (double) model->shift;
    probability[1] = 1 / (1 + exp(-logit));
    probability[0] = 1 - probability[1];
    return probability[1] > (double) model->threshold ? 1 : 0;
}

static unsigned of_many(const sv_model *model, const float *sums, double *probability) {
    unsigned most = 0;
    double total = 0;
    for (unsigned i = 1; i < model->classes; i++) {
        most = sums[i] > sums[most] ? i : most;
    }
    for (unsigned i = 0; i < model->classes; i++) {
        probability[i] = exp((double) model->slope * ((double) sums[i] - (double) sums[most]));
        total += probability[i];
    }
    for (unsigned i = 0; i < model->classes; i++) {
        probability[i] /= total;
    }
    return most;
}

unsigned sv_model_classify(const sv_model *model, const float *features,
                           double probability[SV_MODEL_CLASSES_MAX]) {
    float sums[SV_FOREST_OUTPUTS_MAX] = { 0 };
    sv_forest_sums(&model->forest, features, sums);
    return model->classes == 2 ? of_two(model, (double) sums[0], probability)
                               : of_many(model, sums, probability);
}

bool sv_model_is_fine_name(sv_text name) {
    static const char *const FINE[] = { "healthy", "normal", "ok",    "good",
                                        "no",      "none",   "false", "fine" };
    for (size_t i = 0; i < SV_COUNT(FINE); i++) {
        if (name.len == strlen(FINE[i]) && strncasecmp(name.at, FINE[i], name.len) == 0) {
            return true;
        }
    }
    return false;
}

unsigned sv_model_fine_class(const sv_model *model) {
    unsigned at = 0;
    while (model->classes > 2 && at < model->classes
           && !sv_model_is_fine_name(model->class_name[at])) {
        at++;
    }
    return at;
}
