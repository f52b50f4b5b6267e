// From the readings of a machine to the features that trees ask for: one recipe, computed here and
// nowhere else, for training and at the edge alike. What a machine has shown so far is kept in a
// plain struct of fixed size, so a feature never looks ahead.
//
// Rows by themselves (SV_RECIPE_ROWS) are handed on as they are, where there are few columns with
// their differences and products. The course of a machine's life (SV_RECIPE_LIFE) is told, per
// sensor, by averages over different spans, slopes over different spans, and how far it has come
// from the machine's own first rows; a sensor's value counts as deviations from what is usual in
// the operating condition the machine is in.
#ifndef SV_DETECT_RECIPE_H
#define SV_DETECT_RECIPE_H

#include <base/err.h>
#include <base/text.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    SV_RECIPE_COLUMNS_MAX = 128,
    SV_RECIPE_SETTINGS_MAX = 8,
    SV_RECIPE_REGIMES_MAX = 8,
    SV_RECIPE_PAIRED_MAX = 8, ///< columns whose differences and products are features too
    SV_RECIPE_SPANS = 3,      ///< how far averages and slopes look back: about 10, 25, 70 rows
    SV_RECIPE_SENSOR_FEATURES = 2 * SV_RECIPE_SPANS + 1,
    SV_RECIPE_FEATURES_MAX = SV_RECIPE_COLUMNS_MAX * SV_RECIPE_SENSOR_FEATURES + 1,
};

typedef enum sv_recipe_kind { SV_RECIPE_ROWS, SV_RECIPE_LIFE, SV_RECIPE__COUNT } sv_recipe_kind;

/// What is usual in one operating condition.
typedef struct sv_regime {
    float centre[SV_RECIPE_SETTINGS_MAX]; ///< where its settings lie
    float mean[SV_RECIPE_COLUMNS_MAX];
    float spread[SV_RECIPE_COLUMNS_MAX]; ///< above 0
} sv_regime;

typedef struct sv_recipe {
    sv_recipe_kind kind;
    uint16_t sensors;  ///< the columns of a row, after the settings
    uint16_t settings; ///< the first columns of a row; they say which regime it is
    uint16_t regimes;  ///< 1 without settings; 0 for SV_RECIPE_ROWS
    uint16_t paired;   ///< SV_RECIPE_ROWS: the first so many columns are paired
    float setting_scale[SV_RECIPE_SETTINGS_MAX]; ///< above 0
    sv_regime regime[SV_RECIPE_REGIMES_MAX];
} sv_recipe;

/// Counts within their limits, scales above 0, all of it finite.
sv_err sv_recipe_check(const sv_recipe *recipe, sv_why *why);
/// How many values a row has, and how many features come of it.
size_t sv_recipe_columns(const sv_recipe *recipe);
size_t sv_recipe_features(const sv_recipe *recipe);
/// The regime whose settings are nearest; a setting that is missing has no say.
unsigned sv_recipe_regime(const sv_recipe *recipe, const double *row);

/// What one sensor has shown: sums that decay from row to row, one pair per span.
typedef struct sv_wear_sensor {
    double last;                    ///< taken again where a value is missing
    double first;                   ///< sum of the first rows
    double sum[SV_RECIPE_SPANS];    ///< of the values
    double moment[SV_RECIPE_SPANS]; ///< of the values times their age in rows
} sv_wear_sensor;

/// The same sums of 1, of the age and of its square, which all sensors have in common.
typedef struct sv_wear_span {
    double weight, age, age_squared;
} sv_wear_span;

/// One machine's life so far. All zero at its first row.
typedef struct sv_wear {
    uint32_t rows;
    sv_wear_span span[SV_RECIPE_SPANS];
    sv_wear_sensor sensor[SV_RECIPE_COLUMNS_MAX];
} sv_wear;

/// Take the next row of a machine and write sv_recipe_features() values. `wear` is NULL for
/// SV_RECIPE_ROWS. A value that is not finite is missing: a row by itself says so to the trees, a
/// life goes on with the sensor's last. [model-3]
void sv_recipe_push(const sv_recipe *recipe, sv_wear *wear, const double *row, float *features);

/// What the features of a life would be if this sensor still were as in the machine's first rows.
void sv_wear_as_first(const sv_wear *wear, size_t sensor, float *features);

/// The state as bytes, little-endian and with a version, and back: what follows is the same to the
/// last bit. [model-4]
void sv_wear_save(const sv_wear *wear, const sv_recipe *recipe, sv_textbuf *out);
/// SV_ERR_INVALID where the bytes are no such state, or one of another number of sensors.
sv_err sv_wear_load(sv_text bytes, const sv_recipe *recipe, sv_wear *out, sv_why *why);

#endif
