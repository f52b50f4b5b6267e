#include "minutes.h"

#include "series.h"

#include <math.h>
#include <string.h>

enum { MEAN_DIGITS = 2 };

void gw_minutes_clear(gw_minutes *minutes) {
    minutes->count = 0;
    minutes->last = 0;
    minutes->digits = 0;
}

static int64_t minute_of(int64_t at_us) {
    int64_t into = at_us % SV_TIME_MINUTE_US;
    return at_us - (into < 0 ? into + SV_TIME_MINUTE_US : into);
}

/// Where the minute is, or belongs.
static size_t find(const gw_minutes *minutes, int64_t start_us) {
    if (minutes->count > 0 && minutes->start_us[minutes->last] == start_us) {
        return minutes->last;
    }
    size_t low = 0;
    size_t high = minutes->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (minutes->start_us[middle] < start_us) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool gw_minutes_is_full_for(gw_minutes *minutes, int64_t at_us) {
    int64_t start_us = minute_of(at_us);
    size_t at = find(minutes, start_us);
    bool known = at < minutes->count && minutes->start_us[at] == start_us;
    return !known && minutes->count == SV_BLOCK_SAMPLES_MAX;
}

static void open_minute(gw_minutes *minutes, size_t at, int64_t start_us, double value) {
    size_t after = minutes->count - at;
    memmove(&minutes->start_us[at + 1], &minutes->start_us[at], after * sizeof *minutes->start_us);
    memmove(&minutes->of[at + 1], &minutes->of[at], after * sizeof *minutes->of);
    minutes->start_us[at] = start_us;
    minutes->of[at].count = 0;
    minutes->of[at].min = value;
    minutes->of[at].max = value;
    minutes->of[at].sum = 0;
    minutes->count++;
}

void gw_minutes_take(gw_minutes *minutes, int64_t at_us, double value, int digits) {
    int64_t start_us = minute_of(at_us);
    size_t at = find(minutes, start_us);
    if (at == minutes->count || minutes->start_us[at] != start_us) {
        open_minute(minutes, at, start_us, value);
    }
    minutes->last = at;
    minutes->of[at].count++;
    minutes->of[at].min = fmin(minutes->of[at].min, value);
    minutes->of[at].max = fmax(minutes->of[at].max, value);
    minutes->of[at].sum += value;
    bool decimals = digits >= 0 && minutes->digits >= 0;
    minutes->digits = !decimals ? -1 : digits > minutes->digits ? digits : minutes->digits;
}

/// Finite and between the extremes, also where the sum was not.
static double mean_of(const gw_minutes *minutes, size_t i) {
    double mean = minutes->of[i].sum / (double) minutes->of[i].count;
    if (minutes->digits >= 0) {
        double ten = pow(10, minutes->digits + MEAN_DIGITS);
        mean = round(mean * ten) / ten;
    }
    mean = isfinite(mean) ? mean : minutes->of[i].min / 2 + minutes->of[i].max / 2;
    return fmax(minutes->of[i].min, fmin(minutes->of[i].max, mean));
}

void gw_minutes_block(const gw_minutes *minutes, sv_block *out) {
    out->count = minutes->count;
    out->columns = GW_MINUTE_COLUMNS;
    for (size_t i = 0; i < minutes->count; i++) {
        out->at_us[i] = minutes->start_us[i];
        out->values[GW_MINUTE_COUNT][i] = (double) minutes->of[i].count;
        out->values[GW_MINUTE_MIN][i] = minutes->of[i].min;
        out->values[GW_MINUTE_MEAN][i] = mean_of(minutes, i);
        out->values[GW_MINUTE_MAX][i] = minutes->of[i].max;
    }
}
