// The places that a stream has been at: what its value was, together with its means over ever
// longer times. A reading near one of them is nothing new.
#include "stream_own.h"
#include <float.h>
#include <math.h>
#include <string.h>

static const float PLACE_RADIUS = 0.49F; // what lies nearer is the same place
static const float PLACE_MEMORY = 0.39F; // in ages
static const float KEPT_LEAST = 1e-3F;   // of the weights, whatever time has passed
static const float UNIT_MAX = 1e9F;      // of the weights, which then begin anew at 1
enum { STEPS_PER_UNIT = 1024, KEPT_WEIGHT = 10000, LANES = 4 };

static int16_t coded(float sight) {
    float steps = rintf(sight * STEPS_PER_UNIT);
    return (int16_t) sv_most(-INT16_MAX, sv_least(INT16_MAX, steps));
}

static void put_place(sv_stream_detector *d, size_t at, const int16_t place[SV_STREAM_SIGHTS]) {
    for (size_t i = 0; i < SV_STREAM_SIGHTS; i++) {
        d->places[i][at] = place[i];
    }
}

static float weight_of(const sv_stream_detector *d, size_t at) {
    uint32_t bits = (uint32_t) d->weights[at] << 16;
    float weight = 0;
    memcpy(&weight, &bits, sizeof weight);
    return weight;
}

/// Rounded; a weight that is 256 times as large as what is added stays as it is, which is enough to
/// tell those that are seen least.
static void weigh(sv_stream_detector *d, size_t at, float weight) {
    d->weights[at] = sv_stream_weight_code(weight);
}

/// What was seen counts less and less: what is seen now counts more and more.
static void fade(sv_stream_detector *d, float share) {
    float kept = sv_most(KEPT_LEAST, 1 - share / PLACE_MEMORY);
    d->weight_unit /= kept;
    if (d->weight_unit < UNIT_MAX) {
        return;
    }
    for (size_t at = 0; at < SV_STREAM_PLACES; at++) {
        weigh(d, at, weight_of(d, at) / UNIT_MAX);
    }
    d->weight_unit /= UNIT_MAX;
}

/// Several at once, so that none waits for the one before it.
static float least_of(const float squares[SV_STREAM_PLACES]) {
    float least[LANES];
    memcpy(least, squares, sizeof least);
    for (size_t at = LANES; at < SV_STREAM_PLACES; at += LANES) {
        for (size_t k = 0; k < LANES; k++) {
            least[k] = sv_least(squares[at + k], least[k]);
        }
    }
    return sv_least(sv_least(least[0], least[1]), sv_least(least[2], least[3]));
}

/// Squares of distances, in steps; each fits into an int64 with room.
static size_t nearest(const sv_stream_detector *d, const int16_t place[SV_STREAM_SIGHTS],
                      float *distance) {
    float squares[SV_STREAM_PLACES] = { 0 };
    for (size_t i = 0; i < SV_STREAM_SIGHTS; i++) {
        for (size_t at = 0; at < SV_STREAM_PLACES; at++) {
            float away = (float) (place[i] - d->places[i][at]);
            squares[at] += away * away;
        }
    }
    for (size_t at = d->place_count; at < SV_STREAM_PLACES; at++) {
        squares[at] = FLT_MAX;
    }
    float best = least_of(squares);
    size_t at = 0;
    while (squares[at] > best) {
        at++;
    }
    *distance = sqrtf(best) / STEPS_PER_UNIT;
    return at;
}

/// A free place, or that which was seen least.
static size_t place_for_new(sv_stream_detector *d) {
    if (d->place_count < SV_STREAM_PLACES) {
        return d->place_count++;
    }
    size_t least = 0;
    for (size_t at = 1; at < SV_STREAM_PLACES; at++) {
        least = d->weights[at] < d->weights[least] ? at : least; // as the floats are ordered
    }
    return least;
}

float sv_stream_place_take(sv_stream_detector *d, const float sights[SV_STREAM_SIGHTS],
                           float share) {
    int16_t place[SV_STREAM_SIGHTS];
    for (size_t i = 0; i < SV_STREAM_SIGHTS; i++) {
        place[i] = coded(sights[i]);
    }
    float distance = 0;
    size_t at = d->place_count > 0 ? nearest(d, place, &distance) : 0;
    fade(d, share);
    if (d->place_count > 0 && distance < PLACE_RADIUS) {
        weigh(d, at, weight_of(d, at) + d->weight_unit);
        return distance;
    }
    at = place_for_new(d);
    put_place(d, at, place);
    weigh(d, at, d->weight_unit);
    return distance;
}

void sv_stream_places_move(sv_stream_detector *d, float factor, float offset) {
    for (size_t i = 0; i < SV_STREAM_SIGHTS; i++) {
        for (size_t at = 0; at < d->place_count; at++) {
            float value = sinhf((float) d->places[i][at] / STEPS_PER_UNIT);
            d->places[i][at] = coded(sv_asinh(value * factor + offset));
        }
        float odd = sinhf((float) d->odd_place[i] / STEPS_PER_UNIT);
        d->odd_place[i] = coded(sv_asinh(odd * factor + offset));
    }
}

void sv_stream_place_mark_odd(sv_stream_detector *d, const float sights[SV_STREAM_SIGHTS]) {
    for (size_t i = 0; i < SV_STREAM_SIGHTS; i++) {
        d->odd_place[i] = coded(sights[i]);
    }
    d->has_episode = true;
}

void sv_stream_place_keep_odd(sv_stream_detector *d, float values[SV_STREAM_SIGHTS]) {
    float distance = 0;
    size_t at = d->place_count > 0 ? nearest(d, d->odd_place, &distance) : 0;
    if (d->place_count == 0 || distance >= PLACE_RADIUS / 2) {
        at = place_for_new(d);
    }
    put_place(d, at, d->odd_place);
    weigh(d, at, KEPT_WEIGHT * d->weight_unit);
    for (size_t i = 0; i < SV_STREAM_SIGHTS; i++) {
        values[i] = sinhf((float) d->odd_place[i] / STEPS_PER_UNIT);
    }
}
