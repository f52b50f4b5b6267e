#include "regimes.h"
#include <base/mem.h>
#include <math.h>

enum { TURNS_MAX = 50 };
/// Within regimes the settings may vary by this share of their whole variance.
static const double WITHIN_MAX = 0.001;
/// Fewer rows are no condition a fleet runs in.
static const double ROWS_SHARE_MIN = 0.01;
/// A sensor that varies by less, as a share of its mean, is constant but for rounding.
static const double VARIES_MIN = 1e-9;

typedef struct points {
    const sv_training_set *set;
    size_t settings;
    double mean[SV_RECIPE_SETTINGS_MAX], scale[SV_RECIPE_SETTINGS_MAX];
} points;

/// Count, mean and squared deviation of one column, missing values aside.
typedef struct moments {
    double count, mean, square;
} moments;

static void add(moments *to, double value) {
    if (isfinite(value)) {
        double step = value - to->mean;
        to->count++;
        to->mean += step / to->count;
        to->square += step * (value - to->mean);
    }
}

static double spread_of(const moments *of) {
    return of->count > 0 ? sqrt(of->square / of->count) : 0;
}

static points points_of(const sv_training_set *set) {
    points p = { .set = set, .settings = set->settings };
    moments column[SV_RECIPE_SETTINGS_MAX] = { { 0 } };
    for (uint32_t i = 0; i < set->rows; i++) {
        sv_training_row row;
        sv_training_row_get(set, i, &row);
        for (size_t s = 0; s < p.settings; s++) {
            add(&column[s], row.values[s]);
        }
    }
    for (size_t s = 0; s < p.settings; s++) {
        double spread = spread_of(&column[s]);
        p.mean[s] = column[s].mean;
        p.scale[s] = spread > VARIES_MIN * fabs(p.mean[s]) ? spread : 1;
    }
    return p;
}

static double distance(const sv_recipe *recipe, unsigned regime, const double *row) {
    double far = 0;
    for (size_t s = 0; s < recipe->settings; s++) {
        double step = (row[s] - (double) recipe->regime[regime].centre[s])
                      / (double) recipe->setting_scale[s];
        far += isfinite(step) ? step * step : 0;
    }
    return far;
}

/// One more centre, where the settings are farthest from all there are.
static void add_centre(const sv_training_set *set, sv_recipe *recipe) {
    double most = -1;
    sv_training_row row, farthest = { .group = 0 };
    for (uint32_t i = 0; i < set->rows; i++) {
        sv_training_row_get(set, i, &row);
        double far = distance(recipe, sv_recipe_regime(recipe, row.values), row.values);
        if (far > most) {
            most = far;
            farthest = row;
        }
    }
    for (size_t s = 0; s < recipe->settings; s++) {
        double at = farthest.values[s];
        recipe->regime[recipe->regimes].centre[s] = (float) (isfinite(at) ? at : 0);
    }
    recipe->regimes++;
}

/// Moves every centre to the mean of its rows; gives the share of the variance that is left within
/// regimes, and the rows of the smallest.
static double move_centres(const points *p, sv_recipe *recipe, double *rows_least) {
    moments at[SV_RECIPE_REGIMES_MAX][SV_RECIPE_SETTINGS_MAX] = { { { 0 } } };
    double count[SV_RECIPE_REGIMES_MAX] = { 0 };
    double within = 0, whole = 0;
    for (uint32_t i = 0; i < p->set->rows; i++) {
        sv_training_row row;
        sv_training_row_get(p->set, i, &row);
        unsigned regime = sv_recipe_regime(recipe, row.values);
        count[regime]++;
        within += distance(recipe, regime, row.values);
        for (size_t s = 0; s < p->settings; s++) {
            double step = (row.values[s] - p->mean[s]) / p->scale[s];
            whole += isfinite(step) ? step * step : 0;
            add(&at[regime][s], row.values[s]);
        }
    }
    *rows_least = HUGE_VAL;
    for (unsigned r = 0; r < recipe->regimes; r++) {
        *rows_least = fmin(*rows_least, count[r]);
        for (size_t s = 0; count[r] > 0 && s < p->settings; s++) {
            recipe->regime[r].centre[s] = (float) at[r][s].mean;
        }
    }
    return whole > 0 ? within / whole : 1;
}

/// True where so many regimes tell the settings apart.
static bool settle(const points *p, sv_recipe *recipe) {
    double within = 2, before = 3, rows_least = 0;
    for (unsigned turn = 0; turn < TURNS_MAX && within < before; turn++) {
        before = within;
        within = move_centres(p, recipe, &rows_least);
    }
    return within <= WITHIN_MAX && rows_least >= ROWS_SHARE_MIN * p->set->rows;
}

static void find_centres(const sv_training_set *set, sv_recipe *recipe) {
    const points p = points_of(set);
    recipe->settings = set->settings;
    recipe->regimes = 1;
    for (size_t s = 0; s < p.settings; s++) {
        recipe->setting_scale[s] = (float) p.scale[s];
        recipe->regime[0].centre[s] = (float) p.mean[s];
    }
    if (recipe->settings > 0) {
        // The first is what lies farthest from the mean; the mean itself may lie in no condition.
        add_centre(set, recipe);
        recipe->regime[0] = recipe->regime[1];
        recipe->regimes = 1;
    }
    while (recipe->settings > 0 && recipe->regimes < SV_RECIPE_REGIMES_MAX) {
        add_centre(set, recipe);
        sv_recipe settled = *recipe;
        if (settle(&p, &settled)) {
            *recipe = settled;
            return;
        }
    }
    recipe->settings = 0;
    recipe->regimes = 1;
}

/// All sensors' moments by regime.
static moments *measure(const sv_training_set *set, const sv_recipe *recipe) {
    moments *of = sv_mem_array((size_t) recipe->regimes * set->columns, sizeof *of);
    for (uint32_t i = 0; i < set->rows; i++) {
        sv_training_row row;
        sv_training_row_get(set, i, &row);
        size_t regime = sv_recipe_regime(recipe, row.values);
        for (size_t c = 0; c < set->columns; c++) {
            add(&of[regime * set->columns + c], row.values[c]);
        }
    }
    return of;
}

sv_err regimes_find(const sv_training_set *set, sv_recipe *recipe, picked *columns, sv_why *why) {
    find_centres(set, recipe);
    *columns = (picked){ .count = recipe->settings };
    for (uint16_t s = 0; s < recipe->settings; s++) {
        columns->column[s] = s;
    }
    SV_DEFER(sv_mem_drop) moments *of = measure(set, recipe);
    for (uint16_t c = set->settings; c < set->columns; c++) {
        bool varies = true;
        for (size_t r = 0; r < recipe->regimes; r++) {
            const moments *m = &of[r * set->columns + c];
            float spread = (float) spread_of(m);
            recipe->regime[r].mean[recipe->sensors] = (float) m->mean;
            recipe->regime[r].spread[recipe->sensors] = spread;
            varies = varies && (double) spread > VARIES_MIN * fabs(m->mean) && spread > 0;
        }
        if (varies) {
            columns->column[columns->count++] = c;
            recipe->sensors++;
        }
    }
    return recipe->sensors > 0 ? SV_OK
                               : sv_fail(why, SV_ERR_INVALID,
                                         "none of the %d sensors varies: nothing can be learnt",
                                         set->columns - set->settings);
}
