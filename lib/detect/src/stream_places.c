// The places that a stream has been at: what its value was, together with its means over ever
// longer times. A reading near one of them is nothing new.
#include "stream_own.h"
#include <math.h>

static const float PLACE_RADIUS = 0.5F; // what lies nearer is the same place
static const float PLACE_MEMORY = 0.5F; // in ages
enum { STEPS_PER_UNIT = 1024, KEPT_WEIGHT = 10000 };

static int16_t coded(float sight) {
    float steps = rintf(sight * STEPS_PER_UNIT);
    return (int16_t) sv_most(-INT16_MAX, sv_least(INT16_MAX, steps));
}

static void put_place(sv_stream_detector *d, size_t at, const int16_t place[SV_STREAM_SIGHTS]) {
    for (size_t i = 0; i < SV_STREAM_SIGHTS; i++) {
        d->places[i][at] = place[i];
    }
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
    size_t best = 0;
    for (size_t at = 1; at < d->place_count; at++) {
        best = squares[at] < squares[best] ? at : best;
    }
    *distance = sqrtf(squares[best]) / STEPS_PER_UNIT;
    return best;
}

/// A free place, or that which was seen least.
static size_t place_for_new(sv_stream_detector *d) {
    if (d->place_count < SV_STREAM_PLACES) {
        return d->place_count++;
    }
    size_t least = 0;
    for (size_t at = 1; at < SV_STREAM_PLACES; at++) {
        least = d->weights[at] < d->weights[least] ? at : least;
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
    float kept = sv_most(0, 1 - share / PLACE_MEMORY);
    for (size_t i = 0; i < SV_STREAM_PLACES; i++) {
        d->weights[i] *= kept;
    }
    if (d->place_count > 0 && distance < PLACE_RADIUS) {
        d->weights[at] += 1;
        return distance;
    }
    at = place_for_new(d);
    put_place(d, at, place);
    d->weights[at] = 1;
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
    d->weights[at] = KEPT_WEIGHT;
    for (size_t i = 0; i < SV_STREAM_SIGHTS; i++) {
        values[i] = sinhf((float) d->odd_place[i] / STEPS_PER_UNIT);
    }
}
