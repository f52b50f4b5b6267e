// How long an alert is open: as long as what it was raised for. What is usual is kept as it was
// when the alert was raised, for what goes on is learnt from.
#include "stream_own.h"
#include <base/time.h>
#include <math.h>

static const float SETTLE_SHARE = 0.02F;    // of the age, that is looked back over
static const float SETTLE_HOURS = 1;        // but no longer than this
static const float SETTLE_READINGS = 4;     // more than that
static const float UNUSUAL_SHARE = 0.2F;    // of that while; less is over
static const float BACK_SHARE = 0.1F;       // of the way that is left is as good as back
static const float NOISE_BACK_SHARE = 0.5F; // the same, of noise that an alert was raised for
static const float NOISE_MARGIN = 0.7F;     // for other causes: a way back is noise, too
static const float ACCEPT_DAYS = 2;         // after which it is the new usual

static float age_days(const sv_stream_detector *d) {
    return (float) (d->age_us / (double) SV_TIME_DAY_US);
}

static float distance(const sv_stream_detector *d, float value, float expected) {
    bool by_hour = d->alert_middle >= SV_STREAM_HOUR_UNSEEN;
    return fabsf(value - (by_hour ? expected : d->alert_middle));
}

void sv_stream_alert_open(sv_stream_detector *d, float value, float expected,
                          sv_stream_cause cause) {
    bool by_hour = d->off_hour < d->spread;
    d->alerted = true;
    d->alert_days = age_days(d);
    d->alert_share = 1;
    d->alert_middle = by_hour ? SV_STREAM_HOUR_UNSEEN : d->centre;
    d->alert_half = sv_most(SV_STREAM_BAND_SPREADS * (by_hour ? d->off_hour : d->spread),
                            BACK_SHARE * distance(d, value, expected));
    float noise = sv_stream_noise(d);
    d->alert_noise.high = d->noise_record.high + NOISE_MARGIN;
    d->alert_noise.low = d->noise_record.low;
    if (cause == SV_STREAM_NOISE) {
        float *bound = noise > 0 ? &d->alert_noise.high : &d->alert_noise.low;
        *bound = NOISE_BACK_SHARE * noise;
    }
}

static bool is_usual(const sv_stream_detector *d, float value, float expected) {
    float noise = sv_stream_noise(d);
    return distance(d, value, expected) <= d->alert_half && noise <= d->alert_noise.high
           && noise >= d->alert_noise.low && d->same_us <= sv_stream_stuck_us(d);
}

void sv_stream_alert_take(sv_stream_detector *d, float value, float expected, float passed_us) {
    if (!d->alerted) {
        return;
    }
    float over_us =
        sv_least(SETTLE_SHARE * (float) d->age_us, SETTLE_HOURS * (float) SV_TIME_HOUR_US)
        + SETTLE_READINGS * d->interval_us;
    float unusual = is_usual(d, value, expected) ? 0 : 1;
    d->alert_share += (1 - expf(-passed_us / (over_us + 1))) * (unusual - d->alert_share);
    d->alerted = d->alert_share >= UNUSUAL_SHARE && age_days(d) - d->alert_days <= ACCEPT_DAYS;
}
