#include "packed.h"
#include "state.h"
#include <detect/vibration.h>
#include <math.h>
#include <string.h>

enum {
    FEATURES = SV_VIBRATION_FEATURES,
    VERSION = 0x31565653, // "SVV1"
    CHANNEL_FIELDS = sizeof(sv_vibration_channel) / sizeof(double),
};

/// A fault begins where the features together are this much farther off than is usual, or one of
/// them alone is off by so many standard deviations.
#define FAULT_TOGETHER 3.5
#define FAULT_ALONE 8.0
#define SHRINK 0.2
/// Features are logarithms: a fifth more or less is within what a healthy machine does at another
/// load, and so are two fifths of the strength, however alike the windows were that were learnt.
#define SPREAD_LEAST 0.2
#define SPREAD_LEAST_RMS 0.4
#define REACH 100.0

sv_err sv_vibration_detector_start(sv_vibration_detector *d, size_t channels, sv_why *why) {
    if (channels == 0 || channels > SV_VIBRATION_CHANNELS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "there are 1 to %d channels of vibration, not %zu",
                       SV_VIBRATION_CHANNELS_MAX, channels);
    }
    memset(d, 0, sizeof *d);
    d->channels = (uint32_t) channels;
    return SV_OK;
}

void sv_vibration_detector_learn(sv_vibration_detector *d, size_t channel, const double *features) {
    sv_vibration_channel *c = &d->channel[channel];
    double before[FEATURES];
    double after[FEATURES];
    c->windows += 1;
    for (size_t i = 0; i < FEATURES; i++) {
        before[i] = features[i] - c->mean[i];
        c->mean[i] += before[i] / c->windows;
        after[i] = features[i] - c->mean[i];
        for (size_t k = 0; k <= i; k++) {
            c->pairs[sv_packed_at(i, k)] += before[i] * after[k];
        }
    }
}

static void settle(sv_vibration_channel *c) {
    for (size_t i = 0; i < FEATURES; i++) {
        double least = i == SV_VIBRATION_RMS ? SPREAD_LEAST_RMS : SPREAD_LEAST;
        c->spread[i] = hypot(sqrt(fmax(c->pairs[sv_packed_at(i, i)], 0) / c->windows), least);
    }
    sv_packed_factor(c->pairs, FEATURES, SHRINK);
}

sv_err sv_vibration_detector_settle(sv_vibration_detector *d, sv_why *why) {
    for (size_t i = 0; i < d->channels; i++) {
        if (d->channel[i].windows < SV_VIBRATION_WINDOWS_MIN) {
            return sv_fail(why, SV_ERR_STATE,
                           "channel %zu has %.0f healthy windows of %d samples to learn from; at "
                           "least %d are needed",
                           i + 1, d->channel[i].windows, SV_VIBRATION_WINDOW,
                           SV_VIBRATION_WINDOWS_MIN);
        }
    }
    for (size_t i = 0; i < d->channels; i++) {
        settle(&d->channel[i]);
    }
    d->learnt = true;
    return SV_OK;
}

static sv_vibration_verdict judge(const sv_vibration_channel *c, const double *features) {
    double x[FEATURES];
    double solved[FEATURES];
    sv_vibration_verdict v = { 0 };
    for (size_t i = 0; i < FEATURES; i++) {
        double off = (features[i] - c->mean[i]) / c->spread[i];
        x[i] = isnan(off) ? 0 : fmin(fmax(off, -REACH), REACH);
        if (fabs(x[i]) > fabs(v.deviation)) {
            v.feature = i;
            v.deviation = x[i];
        }
    }
    double together = sqrt(sv_packed_distance(c->pairs, FEATURES, x, solved) / FEATURES);
    v.far = fmax(together / FAULT_TOGETHER, fabs(v.deviation) / FAULT_ALONE);
    return v;
}

sv_vibration_verdict
sv_vibration_detector_judge(const sv_vibration_detector *d,
                            const double *features[SV_VIBRATION_CHANNELS_MAX]) {
    sv_vibration_verdict worst = { 0 };
    for (size_t i = 0; d->learnt && i < d->channels; i++) {
        if (features[i] == NULL) {
            continue;
        }
        sv_vibration_verdict v = judge(&d->channel[i], features[i]);
        v.channel = i;
        if (v.far > worst.far) {
            worst = v;
        }
    }
    worst.score = worst.far > 0 ? 1 - 1 / (1 + worst.far) : 0;
    worst.fault = worst.far >= 1;
    return worst;
}

// ---- save and load ------------------------------------------------------------------------------

_Static_assert(CHANNEL_FIELDS == 1 + 2 * FEATURES + SV_VIBRATION_PAIRS,
               "a new field needs a new version");

size_t sv_vibration_detector_save(const sv_vibration_detector *d, uint8_t *room,
                                  size_t room_bytes) {
    sv_textbuf out = sv_state_room(room, room_bytes);
    put_u32(&out, VERSION);
    put_u32(&out, d->channels);
    put_u32(&out, d->learnt);
    for (size_t i = 0; i < d->channels; i++) {
        const sv_vibration_channel *c = &d->channel[i];
        sv_state_put(&out, &c->windows, 1);
        sv_state_put(&out, c->mean, FEATURES);
        sv_state_put(&out, c->spread, FEATURES);
        sv_state_put(&out, c->pairs, SV_VIBRATION_PAIRS);
    }
    return sv_state_seal(&out);
}

static void get_channel(sv_cursor *in, sv_vibration_channel *c, bool learnt) {
    sv_state_get(in, &c->windows, 1);
    sv_state_get(in, c->mean, FEATURES);
    sv_state_get(in, c->spread, FEATURES);
    sv_state_get(in, c->pairs, SV_VIBRATION_PAIRS);
    in->failed |= c->windows < 0;
    for (size_t i = 0; i < FEATURES; i++) {
        in->failed |= learnt && (c->spread[i] <= 0 || c->pairs[sv_packed_at(i, i)] <= 0);
    }
}

sv_err sv_vibration_detector_load(sv_vibration_detector *d, const uint8_t *bytes, size_t len,
                                  sv_why *why) {
    static const sv_vibration_detector EMPTY;
    sv_vibration_detector read = EMPTY;
    sv_cursor in = { .at = NULL };
    SV_TRY(sv_state_open(bytes, len, VERSION, "vibration", &in, why));
    read.channels = cursor_u32(&in);
    read.learnt = cursor_u32(&in) != 0;
    in.failed |= read.channels == 0 || read.channels > SV_VIBRATION_CHANNELS_MAX;
    for (size_t i = 0; i < read.channels && !in.failed; i++) {
        get_channel(&in, &read.channel[i], read.learnt);
    }
    SV_TRY(sv_state_close(&in, "vibration", why));
    *d = read;
    return SV_OK;
}
