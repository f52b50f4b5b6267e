#include <base/num.h>
#include <detect/stream.h>
#include <math.h>

enum { BAND_READINGS_MIN = 16 };
static const double BAND_SPREADS = 4;       // half the expected band
static const double HALF_SCORE = 1;         // the exceedance that is scored a half
static const double MEMORY_US = 14 * 864e8; // what was seen longer ago counts less
static const double ALERT_SCORES[SV_SENSITIVITY__COUNT] = {
    [SV_SENSITIVITY_LOW] = 0.5,
    [SV_SENSITIVITY_NORMAL] = 0.4,
    [SV_SENSITIVITY_HIGH] = 0.25,
};

bool sv_sensitivity_parse(sv_text text, sv_sensitivity *out) {
    static const char *const NAMES[SV_SENSITIVITY__COUNT] = {
        [SV_SENSITIVITY_LOW] = "low",
        [SV_SENSITIVITY_NORMAL] = "normal",
        [SV_SENSITIVITY_HIGH] = "high",
    };
    for (unsigned i = 0; i < SV_SENSITIVITY__COUNT; i++) {
        if (sv_text_is(text, NAMES[i])) {
            *out = (sv_sensitivity) i;
            return true;
        }
    }
    return false;
}

void sv_stream_detector_begin(sv_stream_detector *detector) {
    *detector = (sv_stream_detector){ .seen = 0 };
}

static void begin_with(sv_stream_detector *d, int64_t at_us, double value) {
    *d = (sv_stream_detector){ .centre = value, .first_us = at_us, .at_us = at_us, .seen = 1 };
}

static double bounded(double value, double bound) {
    return fmax(-bound, fmin(bound, value));
}

/// How much of what was learnt the time since the last reading replaces.
static double gain_of(sv_stream_detector *d, int64_t at_us) {
    double passed_us = (double) (at_us - d->at_us);
    d->interval_us = d->interval_us <= 0 ? passed_us : d->interval_us;
    passed_us = fmin(passed_us, 4 * d->interval_us);
    d->interval_us += bounded(passed_us - d->interval_us, 0.02 * d->interval_us);
    double age_us = fmin((double) (at_us - d->first_us), MEMORY_US);
    return age_us > 0 ? fmin(1, passed_us / (age_us / 2 + d->interval_us)) : 1;
}

static void learn(sv_stream_detector *d, double from_centre, double place, double gain) {
    d->above = place > d->above ? place : d->above - gain / 2 * d->above;
    d->below = place < d->below ? place : d->below - gain / 2 * d->below;
    double bound = d->spread > 0 ? d->spread : fabs(from_centre);
    d->centre += gain * bounded(from_centre, 3 * bound);
    d->spread += gain * (fmin(fabs(from_centre), 5 * bound) - d->spread);
}

void sv_stream_detector_take(sv_stream_detector *d, int64_t at_us, double value,
                             sv_sensitivity sensitivity, sv_stream_verdict *out) {
    *out = (sv_stream_verdict){ .low = SV_NAN, .high = SV_NAN };
    if (!isfinite(value) || (d->seen > 0 && at_us < d->at_us)) {
        return;
    }
    if (d->seen == 0) {
        begin_with(d, at_us, value);
        return;
    }
    double from_centre = value / 2 - d->centre / 2; // halves, so that nothing overflows
    double place = d->spread > 0 ? asinh(2 * (from_centre / d->spread)) : 0;
    if (d->seen > BAND_READINGS_MIN) {
        out->low = d->centre - BAND_SPREADS * d->spread;
        out->high = d->centre + BAND_SPREADS * d->spread;
        double beyond = fmax(0, fmax(place - d->above, d->below - place));
        out->score = beyond / (beyond + HALF_SCORE);
        out->alert = out->score >= ALERT_SCORES[sensitivity];
    }
    double gain = gain_of(d, at_us);
    learn(d, bounded(2 * from_centre, 1e308), place, gain);
    d->at_us = at_us;
    d->seen++;
}

void sv_stream_reason_add(sv_textbuf *out, const sv_stream_verdict *verdict, double value) {
    if (verdict->score <= 0) {
        return;
    }
    sv_textbuf_addf(out, "value %.6g beyond all before; %.6g to %.6g is usual", value, verdict->low,
                    verdict->high);
}
