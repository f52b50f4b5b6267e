#include "cursor.h"
#include <assert.h>
#include <detect/recipe.h>
#include <math.h>

enum {
    FIRST_ROWS = 20, ///< what a machine is compared with later
    TREND_ROWS = 5,  ///< fewer have no slope
    WEAR_VERSION = 1,
};

/// What each span remembers from one row to the next.
static const double KEEP[SV_RECIPE_SPANS] = { 0.9, 0.96, 0.985 };
/// A deviation that says "far off" as well as any larger one.
static const double DEVIATION_MAX = 8;

// ---- what it must be ----------------------------------------------------------------------------

static bool are_finite(const float *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(values[i])) {
            return false;
        }
    }
    return true;
}

static bool are_above_zero(const float *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!(values[i] > 0) || !isfinite(values[i])) {
            return false;
        }
    }
    return true;
}

static sv_err check_life(const sv_recipe *recipe, sv_why *why) {
    if (recipe->regimes < 1 || recipe->regimes > SV_RECIPE_REGIMES_MAX || recipe->paired != 0
        || (recipe->settings == 0 && recipe->regimes != 1)) {
        return sv_fail(why, SV_ERR_INVALID, "%u regimes of %u settings", recipe->regimes,
                       recipe->settings);
    }
    bool fine = are_above_zero(recipe->setting_scale, recipe->settings);
    for (unsigned i = 0; i < recipe->regimes; i++) {
        const sv_regime *regime = &recipe->regime[i];
        fine = fine && are_finite(regime->centre, recipe->settings)
               && are_finite(regime->mean, recipe->sensors)
               && are_above_zero(regime->spread, recipe->sensors);
    }
    return fine ? SV_OK : sv_fail(why, SV_ERR_INVALID, "a regime's numbers are none, or no spread");
}

sv_err sv_recipe_check(const sv_recipe *recipe, sv_why *why) {
    if (recipe->kind >= SV_RECIPE__COUNT) {
        return sv_fail(why, SV_ERR_INVALID, "features of kind %d are not known", recipe->kind);
    }
    if (recipe->sensors < 1 || recipe->settings > SV_RECIPE_SETTINGS_MAX
        || recipe->sensors + recipe->settings > SV_RECIPE_COLUMNS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "%u sensors and %u settings; at most %d columns",
                       recipe->sensors, recipe->settings, SV_RECIPE_COLUMNS_MAX);
    }
    if (recipe->kind == SV_RECIPE_LIFE) {
        return check_life(recipe, why);
    }
    if (recipe->settings != 0 || recipe->regimes != 0 || recipe->paired > SV_RECIPE_PAIRED_MAX
        || recipe->paired > recipe->sensors) {
        return sv_fail(why, SV_ERR_INVALID, "rows with %u regimes, %u settings and %u in pairs",
                       recipe->regimes, recipe->settings, recipe->paired);
    }
    return SV_OK;
}

size_t sv_recipe_columns(const sv_recipe *recipe) {
    return (size_t) recipe->settings + recipe->sensors;
}

size_t sv_recipe_features(const sv_recipe *recipe) {
    if (recipe->kind == SV_RECIPE_LIFE) {
        return (size_t) recipe->sensors * SV_RECIPE_SENSOR_FEATURES + 1;
    }
    size_t paired = recipe->paired;
    return recipe->sensors + (paired == 0 ? 0 : paired * (paired - 1));
}

// ---- a row by itself ----------------------------------------------------------------------------

static void push_row(const sv_recipe *recipe, const double *row, float *features) {
    size_t at = 0;
    for (; at < recipe->sensors; at++) {
        features[at] = isfinite(row[at]) ? (float) row[at] : (float) NAN;
    }
    for (size_t i = 0; i < recipe->paired; i++) {
        for (size_t j = i + 1; j < recipe->paired; j++) {
            features[at++] = (float) (row[i] * row[j]);
            features[at++] = (float) (row[i] - row[j]);
        }
    }
    for (size_t i = recipe->sensors; i < at; i++) {
        features[i] = isfinite(features[i]) ? features[i] : (float) NAN;
    }
}

// ---- a life -------------------------------------------------------------------------------------

unsigned sv_recipe_regime(const sv_recipe *recipe, const double *row) {
    unsigned nearest = 0;
    double least = HUGE_VAL;
    for (unsigned i = 0; i < recipe->regimes; i++) {
        double far = 0;
        for (size_t s = 0; s < recipe->settings; s++) {
            double step =
                (row[s] - (double) recipe->regime[i].centre[s]) / (double) recipe->setting_scale[s];
            far += isfinite(step) ? step * step : 0;
        }
        if (far < least) {
            least = far;
            nearest = i;
        }
    }
    return nearest;
}

static void span_push(sv_wear_span *span, double keep) {
    span->age_squared = keep * (span->age_squared + 2 * span->age + span->weight);
    span->age = keep * (span->age + span->weight);
    span->weight = keep * span->weight + 1;
}

/// By how much a value grows per row: least squares, the past counting less and less.
static double slope_of(const sv_wear_span *span, double sum, double moment) {
    double width = span->weight * span->age_squared - span->age * span->age;
    return width > 0 ? (span->age * sum - span->weight * moment) / width : 0;
}

static void sensor_push(sv_wear_sensor *of, double value, bool is_first) {
    of->last = value;
    of->first += is_first ? value : 0;
    for (size_t i = 0; i < SV_RECIPE_SPANS; i++) {
        of->moment[i] = KEEP[i] * (of->moment[i] + of->sum[i]);
        of->sum[i] = KEEP[i] * of->sum[i] + value;
    }
}

static void sensor_tell(const sv_wear *wear, const sv_wear_sensor *of, float *out) {
    for (size_t i = 0; i < SV_RECIPE_SPANS; i++) {
        const sv_wear_span *span = &wear->span[i];
        out[2 * i] = (float) (of->sum[i] / span->weight);
        out[2 * i + 1] =
            wear->rows < TREND_ROWS ? 0 : (float) slope_of(span, of->sum[i], of->moment[i]);
    }
    double firsts = wear->rows < FIRST_ROWS ? wear->rows : FIRST_ROWS;
    out[(size_t) 2 * SV_RECIPE_SPANS] =
        (float) (of->sum[0] / wear->span[0].weight - of->first / firsts);
}

static double deviation_of(const sv_regime *regime, size_t sensor, double value) {
    double deviation = (value - (double) regime->mean[sensor]) / (double) regime->spread[sensor];
    return fmax(-DEVIATION_MAX, fmin(DEVIATION_MAX, deviation));
}

static void push_life(const sv_recipe *recipe, sv_wear *wear, const double *row, float *features) {
    const sv_regime *regime = &recipe->regime[sv_recipe_regime(recipe, row)];
    bool is_first = wear->rows < FIRST_ROWS;
    wear->rows += wear->rows < UINT32_MAX ? 1 : 0;
    for (size_t i = 0; i < SV_RECIPE_SPANS; i++) {
        span_push(&wear->span[i], KEEP[i]);
    }
    for (size_t i = 0; i < recipe->sensors; i++) {
        sv_wear_sensor *of = &wear->sensor[i];
        double value = row[recipe->settings + i];
        sensor_push(of, isfinite(value) ? deviation_of(regime, i, value) : of->last, is_first);
        sensor_tell(wear, of, features + i * SV_RECIPE_SENSOR_FEATURES);
    }
    features[(size_t) recipe->sensors * SV_RECIPE_SENSOR_FEATURES] = (float) wear->rows;
}

void sv_recipe_push(const sv_recipe *recipe, sv_wear *wear, const double *row, float *features) {
    if (recipe->kind == SV_RECIPE_LIFE) {
        assert(wear != NULL);
        push_life(recipe, wear, row, features);
    } else {
        push_row(recipe, row, features);
    }
}

void sv_wear_as_first(const sv_wear *wear, size_t sensor, float *features) {
    double firsts = wear->rows < FIRST_ROWS ? fmax(wear->rows, 1) : FIRST_ROWS;
    float *of = features + sensor * SV_RECIPE_SENSOR_FEATURES;
    for (size_t i = 0; i < SV_RECIPE_SPANS; i++) {
        of[2 * i] = (float) (wear->sensor[sensor].first / firsts);
        of[2 * i + 1] = 0;
    }
    of[(size_t) 2 * SV_RECIPE_SPANS] = 0;
}

// ---- kept over a restart ------------------------------------------------------------------------

static const char MAGIC[] = "SVWEAR";

static double finite_from(sv_cursor *in) {
    double value = cursor_double(in);
    in->failed = in->failed || !isfinite(value);
    return value;
}

void sv_wear_save(const sv_wear *wear, const sv_recipe *recipe, sv_textbuf *out) {
    put_bytes(out, MAGIC, sizeof MAGIC - 1);
    put_u16(out, WEAR_VERSION);
    put_u16(out, recipe->sensors);
    put_u32(out, wear->rows);
    for (size_t i = 0; i < SV_RECIPE_SPANS; i++) {
        put_double(out, wear->span[i].weight);
        put_double(out, wear->span[i].age);
        put_double(out, wear->span[i].age_squared);
    }
    for (size_t s = 0; s < recipe->sensors; s++) {
        const sv_wear_sensor *of = &wear->sensor[s];
        put_double(out, of->last);
        put_double(out, of->first);
        for (size_t i = 0; i < SV_RECIPE_SPANS; i++) {
            put_double(out, of->sum[i]);
            put_double(out, of->moment[i]);
        }
    }
}

static void numbers_from(sv_cursor *in, size_t sensors, sv_wear *out) {
    for (size_t i = 0; i < SV_RECIPE_SPANS; i++) {
        out->span[i].weight = finite_from(in);
        out->span[i].age = finite_from(in);
        out->span[i].age_squared = finite_from(in);
    }
    for (size_t s = 0; s < sensors; s++) {
        sv_wear_sensor *of = &out->sensor[s];
        of->last = finite_from(in);
        of->first = finite_from(in);
        for (size_t i = 0; i < SV_RECIPE_SPANS; i++) {
            of->sum[i] = finite_from(in);
            of->moment[i] = finite_from(in);
        }
    }
}

sv_err sv_wear_load(sv_text bytes, const sv_recipe *recipe, sv_wear *out, sv_why *why) {
    sv_cursor in = { .at = (const uint8_t *) bytes.at, .left = bytes.len };
    const uint8_t *magic = cursor_take(&in, sizeof MAGIC - 1);
    unsigned version = cursor_u16(&in);
    unsigned sensors = cursor_u16(&in);
    if (magic == NULL || memcmp(magic, MAGIC, sizeof MAGIC - 1) != 0 || version != WEAR_VERSION) {
        return sv_fail(why, SV_ERR_INVALID, "no state of a machine's wear, version %d",
                       WEAR_VERSION);
    }
    if (sensors != recipe->sensors) {
        return sv_fail(why, SV_ERR_INVALID, "the state is of %u sensors, the model of %u", sensors,
                       recipe->sensors);
    }
    sv_wear wear = { .rows = cursor_u32(&in) };
    numbers_from(&in, recipe->sensors, &wear);
    if (in.failed || in.left != 0) {
        return sv_fail(why, SV_ERR_INVALID, "the state of a machine's wear is damaged");
    }
    *out = wear;
    return SV_OK;
}
