// Modes of operation: levels at which the stream has stayed and which it has left by a jump, as a
// machine does that changes its product or rests at weekends. One that it comes back to is no news.
#include "stream_own.h"
#include <math.h>

static const float JUMP = 3.5F;        // of what is usual between readings, that leaves a level
static const float STEP_SHARE = 0.3F;  // of the stream's steps, that count as usual there
static const float STAY = 2;           // shortest means, for which it stays at a level at least
static const float STAY_READINGS = 5;  // and so many more
static const float MODE_MARGIN = 2;    // how far beside a level is still at it
static const float MODE_NEWS = 0.2F;   // what of the course and the hour is news at a known level
static const float MODE_SHARE = 0.3F;  // of the age, after which being there is as usual as ever
static const float DEVIATION_TIME = 4; // shortest means, that the deviation is over
enum { YOUNG = 20 };                   // readings

/// To the front, where that is which was left last.
static void put_first(sv_stream_detector *d, size_t from, sv_stream_record mode) {
    for (size_t i = from; i > 0; i--) {
        d->modes[i] = d->modes[i - 1];
    }
    d->modes[0] = mode;
}

/// The level that is left; together with one that it touches.
static void remember(sv_stream_detector *d, float margin) {
    sv_stream_record left = d->stay;
    for (size_t i = 0; i < d->mode_count; i++) {
        sv_stream_record mode = d->modes[i];
        if (left.low <= mode.high + margin && left.high >= mode.low - margin) {
            mode.low = sv_least(mode.low, left.low);
            mode.high = sv_most(mode.high, left.high);
            put_first(d, i, mode);
            return;
        }
    }
    if (d->mode_count < SV_STREAM_MODES) {
        d->mode_count++;
    }
    put_first(d, d->mode_count - 1U, left);
}

/// Not counting the level that was left last.
static bool is_known(const sv_stream_detector *d, float value, float margin) {
    for (size_t i = 1; i < d->mode_count; i++) {
        if (value >= d->modes[i].low - margin && value <= d->modes[i].high + margin) {
            return true;
        }
    }
    return false;
}

static void leave(sv_stream_detector *d, float value, float over_us) {
    float margin = MODE_MARGIN * d->stay_off;
    if (d->stay_us > STAY * over_us + STAY_READINGS * d->interval_us) {
        remember(d, margin);
    }
    d->at_mode = is_known(d, value, margin);
    d->stay_mean = value;
    d->stay = (sv_stream_record){ .high = value, .low = value };
    d->stay_us = 0;
}

static void stay(sv_stream_detector *d, float off, float passed_us, float over_us) {
    d->stay_us = sv_least(SV_STREAM_US_MAX, d->stay_us + passed_us);
    d->stay_mean += passed_us / (over_us + passed_us + 1) * off;
    d->stay_off +=
        passed_us / (DEVIATION_TIME * over_us + passed_us + 1) * (fabsf(off) - d->stay_off);
    d->stay.low = sv_least(d->stay.low, d->stay_mean);
    d->stay.high = sv_most(d->stay.high, d->stay_mean);
}

float sv_stream_mode_take(sv_stream_detector *d, float value, float passed_us, float over_us,
                          float age_us) {
    float off = value - d->stay_mean;
    float usual = d->stay_off + STEP_SHARE * d->step;
    if (d->seen > YOUNG && fabsf(off) > JUMP * usual + SV_STREAM_SPREAD_LEAST) {
        leave(d, value, over_us);
    } else {
        stay(d, off, passed_us, over_us);
    }
    return d->at_mode && d->stay_us < MODE_SHARE * age_us ? MODE_NEWS : 1;
}

void sv_stream_modes_move(sv_stream_detector *d, float factor, float offset) {
    for (size_t i = 0; i < d->mode_count; i++) {
        sv_stream_move_record(&d->modes[i], factor, offset);
    }
    sv_stream_move_record(&d->stay, factor, offset);
    d->stay_mean = sv_stream_moved(d->stay_mean, factor, offset);
    d->stay_off = sv_stream_moved(d->stay_off, factor, 0);
}
