// What the files of the stream detector share.
#ifndef SV_DETECT_STREAM_OWN_H
#define SV_DETECT_STREAM_OWN_H

#include <detect/stream.h>
#include <math.h>
#include <string.h>

/// No value, in frame units, lies further from the centre; lengths may be twice this.
#define SV_STREAM_FRAME_LIMIT 1e9F
/// What stands in `hours` until the hour has been seen.
#define SV_STREAM_HOUR_UNSEEN 3e9F
/// A frame is left for at once.
#define SV_STREAM_SPREAD_LEAST 1e-20F

/// No length of time is longer; thirty thousand years.
#define SV_STREAM_US_MAX 1e18F

enum { SV_STREAM_BAND_SPREADS = 4 };

// libm's fminf, fmaxf and asinhf are calls that mind what cannot be here, and half of the time.

static inline float sv_least(float a, float b) {
    return a < b ? a : b;
}

static inline float sv_most(float a, float b) {
    return a > b ? a : b;
}

/// To a millionth; nothing here is larger than a square that fits into a float.
static inline float sv_asinh(float x) {
    float size = sv_least(fabsf(x), 1e18F);
    return copysignf(logf(size + sqrtf(size * size + 1)), x);
}

/// The distance from `sights` (asinh of frame units) to the nearest place that is remembered, which
/// is then drawn nearer, or joined by a new one. `share` is the part of the age that has passed.
float sv_stream_place_take(sv_stream_detector *d, const float sights[SV_STREAM_SIGHTS],
                           float share);
/// The frame has changed: x becomes x × factor + offset.
void sv_stream_places_move(sv_stream_detector *d, float factor, float offset);
/// Where the episode is, or was, which begins here.
void sv_stream_place_mark_odd(sv_stream_detector *d, const float sights[SV_STREAM_SIGHTS]);
/// Remember the odd place as if it had been seen often; `values` are its value and means.
void sv_stream_place_keep_odd(sv_stream_detector *d, float values[SV_STREAM_SIGHTS]);

/// The upper half of a float that is not below 0, rounded.
static inline uint16_t sv_stream_weight_code(float weight) {
    uint32_t bits = 0;
    memcpy(&bits, &weight, sizeof bits);
    return (uint16_t) ((bits + 0x8000U) >> 16);
}

/// Which part of what is unusual about the course and the hour is news: little of it where the
/// stream has come, by a jump, to a level at which it has stayed before. `over_us` is the time of
/// the shortest mean.
float sv_stream_mode_take(sv_stream_detector *d, float value, float passed_us, float over_us,
                          float age_us);
/// The frame has changed: x becomes x × factor + offset.
void sv_stream_modes_move(sv_stream_detector *d, float factor, float offset);

static inline float sv_stream_bounded(float value, float bound) {
    return sv_most(-bound, sv_least(bound, value));
}

/// In another frame.
static inline float sv_stream_moved(float value, float factor, float offset) {
    return sv_stream_bounded(value * factor + offset, SV_STREAM_FRAME_LIMIT);
}

static inline void sv_stream_move_record(sv_stream_record *record, float factor, float offset) {
    record->high = sv_stream_moved(record->high, factor, offset);
    record->low = sv_stream_moved(record->low, factor, offset);
}

/// How much readings differ from their neighbours lately, by the logarithm: 0 is as usual.
static inline float sv_stream_noise(const sv_stream_detector *d) {
    float little = 0.1F * d->step + SV_STREAM_SPREAD_LEAST;
    return logf((d->step_now + little) / (d->step + little));
}

/// A value that stays the same for longer is stuck.
static inline float sv_stream_stuck_us(const sv_stream_detector *d) {
    enum { STUCK_READINGS = 30, STUCK_TIMES = 3 };
    return sv_most(STUCK_READINGS * d->interval_us, STUCK_TIMES * d->same_record_us);
}

/// What of the novelty is news: all of it where an episode begins, what exceeds an open one by
/// far, nothing else. Opens, prolongs and ends episodes.
float sv_stream_episode_take(sv_stream_detector *d, float novelty);

/// An alert is raised, or goes on: what it was raised for is over when the value has been in the
/// band again that it was in before, noise and sameness as well, for a settled while.
void sv_stream_alert_open(sv_stream_detector *d, float value, float expected,
                          sv_stream_cause cause);
/// Ends the open alert when that is so, or when two days were enough to get used to it.
void sv_stream_alert_take(sv_stream_detector *d, float value, float expected, float passed_us);

#endif
