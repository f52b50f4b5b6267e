// What the files of the stream detector share.
#ifndef SV_DETECT_STREAM_OWN_H
#define SV_DETECT_STREAM_OWN_H

#include <detect/stream.h>
#include <math.h>

/// No value, in frame units, lies further from the centre; lengths may be twice this.
#define SV_STREAM_FRAME_LIMIT 1e9F
/// What stands in `hours` until the hour has been seen.
#define SV_STREAM_HOUR_UNSEEN 3e9F

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

/// What of the novelty is news: all of it where an episode begins, what exceeds an open one by
/// far, nothing else. Opens, prolongs and ends episodes.
float sv_stream_episode_take(sv_stream_detector *d, float novelty);

#endif
