#include "stream_own.h"
#include <base/num.h>
#include <base/time.h>
#include <float.h>
#include <math.h>

// ---- constants ----------------------------------------------------------------------------------
// One setting for every stream. Lengths of time are parts of the stream's age, which counts up to
// MEMORY_DAYS: a stream that is a day old is judged by hours, one of a month by days.

static const float MEMORY_DAYS = 13;     // what lies further back counts less and less
static const float RECORD_MEMORY = 3.1F; // how long records last, in ages
static const float RECORD_RISE = 0.72F;  // the most that one reading raises a record by
static const float MEAN_SHARE = 0.0042F; // of the age, that the shortest mean is over
static const float MEAN_RATIO = 3.5F;    // of each mean's time to that of the one before
static const float CENTRE_BOUND = 4.6F;  // what moves the centre, at most, in spreads
static const float OUTLIER = 3.8F;       // what teaches a spread, at most, in spreads
static const float HOUR_DAYS = 7.5F;     // that an hour's mean is over
static const float FRAME_TOLERANCE = 0.1F;
static const float ENVELOPE_HOURS = 41;    // that a peak of the distance is held for
static const float ENVELOPE_SHARE = 0.37F; // of the age, while that is less
static const float ENVELOPE_FLOOR = 0.14F; // least spread of the peaks, in asinh of spreads
static const float ENVELOPE_BOUND = 10;    // what teaches the envelope, at most, in its spreads
static const float ENVELOPE_GAIN = 2;
static const float VALUE_WEIGHT = 0.52F, HOUR_WEIGHT = 1.5F, LEVEL_WEIGHT = 8.2F, NOISE_WEIGHT = 4;
static const float STUCK_WEIGHT = 2;

static const double AGE_US_MAX = (double) SV_STREAM_US_MAX;
enum { GAP_INTERVALS = 4, YOUNG_DAYS = 2, NORMAL_MARGIN = 2 };

static const float HALF_SCORE = 0.35F; // the novelty that is scored a half

static const sv_aim_scores ALERT_SCORES = {
    .of = { [SV_SENSITIVITY_NORMAL] = 0.5,
            [SV_SENSITIVITY_LOW] = 0.8,
            [SV_SENSITIVITY_HIGH] = 0.4 },
    .highest = 0.985,
};

static const double YOUNG_ALERT_SCORE = 0.95; // before two days can be compared

/// What one reading is judged with.
typedef struct moment {
    float passed_us;    ///< since the last reading; a gap counts as a few intervals
    float age_us;       ///< of the stream, at most MEMORY_DAYS
    float gain, forget; ///< parts that this reading replaces, of means and of records
    float sights[SV_STREAM_SIGHTS];
    unsigned hour;                  ///< of the day
    float expected, off;            ///< at this hour, and how far the value is from there
    float parts[SV_STREAM__CAUSES]; ///< of the novelty, by cause
} moment;

// ---- time ---------------------------------------------------------------------------------------

static void pass_time(sv_stream_detector *d, int64_t at_us, moment *now) {
    double passed_us = fmax(0, fmin(AGE_US_MAX, (double) at_us - (double) d->at_us));
    d->at_us = at_us;
    d->age_us = fmin(AGE_US_MAX, d->age_us + passed_us);
    if (passed_us > 0) {
        float us = (float) passed_us;
        d->interval_us = d->interval_us > 0 ? d->interval_us : us;
        d->interval_us += us > d->interval_us ? 0.02F * d->interval_us : -0.02F * d->interval_us;
        passed_us = fmin(passed_us, (double) (GAP_INTERVALS * d->interval_us));
    }
    float interval_us = sv_most(1, d->interval_us);
    now->passed_us = (float) passed_us;
    now->age_us =
        sv_most(interval_us, sv_least((float) d->age_us, MEMORY_DAYS * (float) SV_TIME_DAY_US));
    now->gain = sv_least(1, now->passed_us / (now->age_us + interval_us));
    now->forget = sv_least(1, now->passed_us / (now->age_us * RECORD_MEMORY + interval_us));
}

// ---- the frame: everything is counted in spreads from the centre
// ----------------------------------

static float to_frame(const sv_stream_detector *d, double value) {
    // Halves, so that nothing overflows.
    double in = (value / 2 - d->frame_centre / 2) / (d->frame_spread / 2);
    return (float) fmax((double) -SV_STREAM_FRAME_LIMIT, fmin((double) SV_STREAM_FRAME_LIMIT, in));
}

static double from_frame(const sv_stream_detector *d, float value) {
    return d->frame_centre + d->frame_spread * (double) value;
}

static void move_frame(sv_stream_detector *d) {
    float factor = 1 / d->spread;
    float offset = -d->centre * factor;
    double centre = from_frame(d, d->centre);
    double spread = d->frame_spread * (double) d->spread;
    d->frame_centre = fmax(-DBL_MAX, fmin(DBL_MAX, centre));
    d->frame_spread = fmax(DBL_MIN * 1e9, fmin(DBL_MAX, spread));
    d->value = sv_stream_moved(d->value, factor, offset);
    for (size_t i = 0; i < SV_COUNT(d->means); i++) {
        d->means[i] = sv_stream_moved(d->means[i], factor, offset);
    }
    for (size_t i = 0; i < SV_STREAM_HOURS; i++) {
        bool seen = d->hours[i] < SV_STREAM_HOUR_UNSEEN;
        d->hours[i] = seen ? sv_stream_moved(d->hours[i], factor, offset) : SV_STREAM_HOUR_UNSEEN;
    }
    d->step = sv_stream_moved(d->step, factor, 0);
    d->step_now = sv_stream_moved(d->step_now, factor, 0);
    d->off_hour = sv_stream_moved(d->off_hour, factor, 0);
    sv_stream_move_record(&d->hour_record, factor, 0);
    sv_stream_move_record(&d->value_record, factor, offset);
    sv_stream_move_record(&d->level_record, factor, offset);
    bool by_hour = d->alert_middle >= SV_STREAM_HOUR_UNSEEN;
    d->alert_middle = by_hour ? d->alert_middle : sv_stream_moved(d->alert_middle, factor, offset);
    d->alert_half = sv_stream_moved(d->alert_half, factor, 0);
    sv_stream_modes_move(d, factor, offset);
    sv_stream_places_move(d, factor, offset);
    d->centre = 0;
    d->spread = 1;
}

/// Small changes wait, so that what is remembered is not rounded with every reading.
static void keep_frame(sv_stream_detector *d) {
    bool fits = d->spread < 1 + FRAME_TOLERANCE && d->spread > 1 / (1 + FRAME_TOLERANCE)
                && fabsf(d->centre) < FRAME_TOLERANCE * d->spread;
    if (!fits && d->spread > SV_STREAM_SPREAD_LEAST) {
        move_frame(d);
    }
}

// ---- records ------------------------------------------------------------------------------------

/// How far `value` lies beyond the record, in asinh of spreads; then the record follows, by no more
/// than RECORD_RISE, or falls back towards 0.
static float beyond(float *record, float value, float centre, float spread, float sign,
                    const moment *now) {
    spread = sv_most(spread, SV_STREAM_SPREAD_LEAST);
    float away = sign * (*record - centre);
    float best = sv_asinh(away / spread);
    if (sign * (value - *record) <= 0) {
        if (best > 0) {
            *record -=
                sign * sv_least(away, now->forget * best * sqrtf(spread * spread + away * away));
        }
        return 0;
    }
    float over = sv_asinh(sign * (value - centre) / spread) - best;
    *record = over > RECORD_RISE ? centre + sign * spread * sinhf(best + RECORD_RISE) : value;
    return sv_most(0, over);
}

static float beyond_both(sv_stream_record *record, float value, float centre, float spread,
                         const moment *now) {
    float above = beyond(&record->high, value, centre, spread, 1, now);
    float below = beyond(&record->low, value, centre, spread, -1, now);
    return sv_most(above, below);
}

/// A mean goes beyond its record in many small steps, or in a few large ones where the sensor is
/// read seldom. What counts is how far it has gone in all, over the time of the shortest mean.
static float gone_beyond(float *gone, float step, const moment *now) {
    float over_us = MEAN_SHARE * now->age_us;
    *gone = *gone * over_us / (over_us + now->passed_us + 1) + step;
    return step > 0 ? *gone : 0;
}

// ---- one look at the reading after the other
// ------------------------------------------------------

static void look_at_steps(sv_stream_detector *d, float value, moment *now) {
    float step = fabsf(value - d->value);
    float counted = d->step > 0 ? sv_least(step, OUTLIER * d->step) : step;
    d->step += now->gain * (counted - d->step);
    float over_us = 2 * MEAN_SHARE * now->age_us;
    d->step_now += now->passed_us / (over_us + now->passed_us + 1) * (counted - d->step_now);
    float noise = sv_stream_noise(d);
    float step_beyond = beyond_both(&d->noise_record, noise, 0, 1, now);
    now->parts[SV_STREAM_NOISE] = NOISE_WEIGHT * gone_beyond(&d->noise_beyond, step_beyond, now);
}

/// Between the means of the two hours.
static float usual_at(const sv_stream_detector *d, unsigned hour, float into) {
    float first = d->hours[hour];
    float second = d->hours[(hour + 1) % SV_STREAM_HOURS];
    first = first >= SV_STREAM_HOUR_UNSEEN ? d->centre : first;
    second = second >= SV_STREAM_HOUR_UNSEEN ? d->centre : second;
    return first * (1 - into) + second * into;
}

static void expect(const sv_stream_detector *d, moment *now) {
    int64_t of_day_us = d->at_us % SV_TIME_DAY_US;
    of_day_us += of_day_us < 0 ? SV_TIME_DAY_US : 0;
    now->hour = (unsigned) (of_day_us / SV_TIME_HOUR_US);
    float into = (float) (of_day_us % SV_TIME_HOUR_US) / (float) SV_TIME_HOUR_US;
    now->expected = usual_at(d, now->hour, into);
}

static void look_at_hour(sv_stream_detector *d, float value, moment *now) {
    now->off = value - now->expected;
    float usual = d->off_hour > 0 ? d->off_hour : d->spread;
    now->parts[SV_STREAM_HOUR] =
        HOUR_WEIGHT
        * beyond_both(&d->hour_record, now->off, 0, sv_most(usual, SV_STREAM_SPREAD_LEAST), now);
    float counted = fabsf(now->off);
    counted = d->off_hour > 0 ? sv_least(counted, OUTLIER * d->off_hour) : counted;
    d->off_hour += now->gain * (counted - d->off_hour);
    float *mean = &d->hours[now->hour];
    if (*mean >= SV_STREAM_HOUR_UNSEEN) {
        *mean = value;
        return;
    }
    float days = sv_most(1, sv_least(HOUR_DAYS, (float) (d->age_us / (double) SV_TIME_DAY_US)));
    float part = sv_least(1, now->passed_us / ((float) SV_TIME_HOUR_US * days));
    *mean += part * sv_stream_bounded(value - *mean, 3 * d->spread);
}

static void look_at_means(sv_stream_detector *d, float value, moment *now) {
    float over_us = MEAN_SHARE * now->age_us;
    now->parts[SV_STREAM_VALUE] =
        VALUE_WEIGHT * beyond_both(&d->value_record, value, d->centre, d->spread, now);
    now->sights[0] = sv_asinh(value);
    for (size_t i = 0; i < SV_COUNT(d->means); i++) {
        float part = 1 - expf(-now->passed_us / (over_us + 1));
        part = sv_most(part, 1 / ((float) d->seen + 1));
        d->means[i] += part * (value - d->means[i]);
        now->sights[i + 1] = sv_asinh(d->means[i]);
        over_us *= MEAN_RATIO;
    }
    float step = beyond_both(&d->level_record, d->means[1], d->centre, d->spread, now);
    now->parts[SV_STREAM_LEVEL] = LEVEL_WEIGHT * gone_beyond(&d->level_beyond, step, now);
}

/// How far the distance to what is remembered lies above the peaks that it usually has.
static void look_at_course(sv_stream_detector *d, moment *now) {
    float distance = sv_stream_place_take(d, now->sights, now->gain);
    float scale = d->envelope_spread + ENVELOPE_FLOOR;
    float most = d->envelope_mean + ENVELOPE_BOUND * scale;
    if (distance > d->envelope && distance > d->envelope_mean) {
        now->parts[SV_STREAM_COURSE] = (distance - d->envelope_mean) / scale;
    }
    float counted = d->seen > 20 ? sv_least(distance, most) : distance;
    float holds_us =
        sv_least(ENVELOPE_HOURS * (float) SV_TIME_HOUR_US, ENVELOPE_SHARE * (float) d->age_us);
    float kept = expf(-now->passed_us / (holds_us + d->interval_us + 1));
    d->envelope = sv_most(counted, counted + (d->envelope - counted) * kept);
    float part = sv_least(1, ENVELOPE_GAIN * now->gain);
    d->envelope_mean += part * (d->envelope - d->envelope_mean);
    d->envelope_spread += part * (fabsf(d->envelope - d->envelope_mean) - d->envelope_spread);
}

static void look_at_sameness(sv_stream_detector *d, float value, moment *now) {
    if (value != d->value) { // a value that came back is the same to the bit
        d->same_record_us = sv_most(d->same_record_us, d->same_us);
        d->same_us = 0;
        return;
    }
    float before_us = d->same_us;
    d->same_us = sv_least(SV_STREAM_US_MAX, d->same_us + now->passed_us);
    float bar_us = sv_stream_stuck_us(d);
    if (before_us <= bar_us && d->same_us > bar_us && d->step > 0) {
        now->parts[SV_STREAM_STUCK] = STUCK_WEIGHT;
    }
}

/// A change of product is no news when there has been one like it.
static void look_at_mode(sv_stream_detector *d, float value, moment *now) {
    float news =
        sv_stream_mode_take(d, value, now->passed_us, MEAN_SHARE * now->age_us, now->age_us);
    now->parts[SV_STREAM_COURSE] *= news;
    now->parts[SV_STREAM_HOUR] *= news;
}

static void learn_frame(sv_stream_detector *d, float value, const moment *now) {
    float off = value - d->centre;
    float bound = d->spread > 0 ? d->spread : fabsf(off);
    d->spread += now->gain * (sv_least(fabsf(off), OUTLIER * bound) - d->spread);
    d->centre += now->gain * sv_stream_bounded(off, CENTRE_BOUND * bound);
}

// ---- the verdict --------------------------------------------------------------------------------

/// What a reading is expected to be: around the hour's mean, where that tells more than the centre.
static void tell_band(const sv_stream_detector *d, const moment *now, sv_stream_verdict *out) {
    bool by_hour = d->off_hour < d->spread;
    float middle = by_hour ? now->expected : d->centre;
    float half = SV_STREAM_BAND_SPREADS * (by_hour ? d->off_hour : d->spread);
    out->low = from_frame(d, middle - half);
    out->high = from_frame(d, middle + half);
}

static float add_up(const moment *now, sv_stream_cause *cause) {
    float sum = 0;
    *cause = SV_STREAM_NOTHING;
    for (unsigned i = 0; i < SV_STREAM__CAUSES; i++) {
        sum += now->parts[i];
        *cause = now->parts[i] > now->parts[*cause] ? (sv_stream_cause) i : *cause;
    }
    return sum;
}

static void tell_figures(const sv_stream_detector *d, const moment *now, sv_stream_verdict *out) {
    double known_us = fmin(d->age_us, (double) now->age_us);
    switch (out->cause) {
    case SV_STREAM_LEVEL:
        out->amount = d->frame_spread * (double) (d->means[1] - d->means[3]);
        out->span_us = (double) (MEAN_SHARE * MEAN_RATIO * now->age_us);
        break;
    case SV_STREAM_NOISE:
        out->amount = d->step > 0 ? (double) (d->step_now / d->step) : 1;
        out->span_us = (double) (2 * MEAN_SHARE * now->age_us);
        break;
    case SV_STREAM_STUCK:
        out->span_us = (double) d->same_us;
        break;
    case SV_STREAM_VALUE:
    case SV_STREAM_COURSE:
    case SV_STREAM_HOUR:
    case SV_STREAM_NOTHING:
    case SV_STREAM__CAUSES:
    default:
        out->span_us = known_us;
        break;
    }
}

static double score_of(float novelty) {
    return (double) (novelty / (novelty + HALF_SCORE));
}

static void give_verdict(sv_stream_detector *d, const moment *now, sv_aim aim,
                         sv_stream_verdict *out) {
    float novelty = add_up(now, &out->cause);
    out->novelty = score_of(novelty);
    float news = sv_stream_episode_take(d, novelty);
    out->score = score_of(news);
    sv_stream_alert_take(d, d->value, now->expected, now->passed_us);
    double bar = sv_aim_bar(aim, &ALERT_SCORES, (double) now->passed_us, &d->bar_shift);
    if (news > 0 && !d->alerted) {
        sv_stream_place_mark_odd(d, now->sights);
        bool young = d->age_us < YOUNG_DAYS * (double) SV_TIME_DAY_US;
        out->alert = out->score >= (young ? fmax(bar, YOUNG_ALERT_SCORE) : bar);
    }
    if (out->alert) {
        sv_stream_alert_open(d, d->value, now->expected, out->cause);
        sv_aim_raised(aim, &ALERT_SCORES, &d->bar_shift);
    }
    out->open = d->alerted;
}

// ---- readings -----------------------------------------------------------------------------------

void sv_stream_detector_begin(sv_stream_detector *d) {
    *d = (sv_stream_detector){ .weight_unit = 1 };
    for (size_t i = 0; i < SV_STREAM_HOURS; i++) {
        d->hours[i] = SV_STREAM_HOUR_UNSEEN;
    }
}

static void take_first(sv_stream_detector *d, int64_t at_us, double value) {
    d->frame_centre = value;
    d->at_us = at_us;
    d->seen = 1;
}

/// Until the first value that differs there is no spread: that one's distance is the first.
static void take_same(sv_stream_detector *d, int64_t at_us) {
    moment now = { .gain = 0 };
    pass_time(d, at_us, &now);
    d->seen += d->seen < UINT32_MAX ? 1 : 0;
    d->same_us = sv_least(SV_STREAM_US_MAX, d->same_us + now.passed_us);
}

static void begin_frame(sv_stream_detector *d, double value) {
    d->frame_spread = fmax(DBL_MIN * 1e9, fmin(DBL_MAX, fabs(value / 2 - d->frame_centre / 2) * 2));
    d->spread = 1;
}

void sv_stream_detector_take(sv_stream_detector *d, int64_t at_us, double value, sv_aim aim,
                             sv_stream_verdict *out) {
    *out = (sv_stream_verdict){ .low = SV_NAN, .high = SV_NAN, .value = value };
    if (!isfinite(value)) {
        return;
    }
    if (d->seen == 0) {
        take_first(d, at_us, value);
        return;
    }
    if (d->frame_spread <= 0) {
        if (value == d->frame_centre) {
            take_same(d, at_us);
            return;
        }
        begin_frame(d, value);
    }
    moment now = { .gain = 0 };
    pass_time(d, at_us, &now);
    keep_frame(d);
    float in = to_frame(d, value);
    expect(d, &now);
    sv_stream_verdict band = *out;
    tell_band(d, &now, &band);
    look_at_sameness(d, in, &now);
    look_at_steps(d, in, &now);
    look_at_hour(d, in, &now);
    look_at_means(d, in, &now);
    look_at_course(d, &now);
    look_at_mode(d, in, &now);
    d->value = in;
    if (d->seen > SV_STREAM_LEARN_MIN) {
        *out = band;
        give_verdict(d, &now, aim, out);
        tell_figures(d, &now, out);
    }
    learn_frame(d, in, &now);
    d->seen += d->seen < UINT32_MAX ? 1 : 0;
}

/// Records fade: what a person called normal is remembered with a margin.
static void widen(sv_stream_record *record, float value) {
    value = sv_stream_bounded(value, SV_STREAM_FRAME_LIMIT);
    record->high = sv_most(record->high, value);
    record->low = sv_least(record->low, value);
}

bool sv_stream_detector_normal(sv_stream_detector *d) {
    if (!d->has_episode) {
        return false;
    }
    float odd[SV_STREAM_SIGHTS];
    sv_stream_place_keep_odd(d, odd);
    widen(&d->value_record, NORMAL_MARGIN * odd[0]);
    widen(&d->hour_record, NORMAL_MARGIN * (odd[0] - d->centre));
    widen(&d->level_record, NORMAL_MARGIN * odd[2]);
    d->level_beyond = 0;
    d->noise_beyond = 0;
    d->alerted = false;
    return true;
}
