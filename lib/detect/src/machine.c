#include "machine_learn.h"
#include "machine_room.h"
#include <base/num.h>
#include <detect/machine.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

/// Standard deviations at which a sensor is off, and at which all of them together are.
#define OFF 4.5
/// The level follows with this part of the drift that was learnt: a fault that grows slowly must
/// not pass as drift.
#define FOLLOW 0.2
/// A row moves the level by what so many standard deviations would: a jump shows in the smoothed
/// value before the level has followed it.
#define SURPRISE 3.0
/// After an episode a sensor is off again from this part of the farthest that it was on: what comes
/// back to nearly what it was is back. The farthest fades by this a row of a block of ten.
#define BACK 0.1
#define FADE 0.01
/// Of one sensor's deviation, in the distance of all together.
#define TOGETHER_REACH (10 * OFF)

/// Rows that must be off before it is an anomaly, in rows; the rest is in blocks.
enum { CONFIRM_ROWS = 2, CLEAR_BLOCKS = 1, CHANGE_BLOCKS = 3, BASE_BLOCKS = 4 * CHANGE_BLOCKS };
/// A shift of the mean, in standard deviations, that is a change point.
#define SHIFT 4.0

static size_t bytes_of(size_t doubles) {
    return sizeof(sv_machine_detector) + doubles * sizeof(double);
}

size_t sv_machine_detector_bytes(size_t sensors) {
    return bytes_of(sv_machine_lessons_at(sensors) + sensors * SV_MACHINE_LESSON_DOUBLES);
}

size_t sv_machine_detector_learnt_bytes(size_t sensors) {
    return bytes_of(sv_machine_lessons_at(sensors));
}

bool sv_machine_detector_has_learnt(const sv_machine_detector *d) {
    return d->rows >= (uint64_t) d->block_rows * SV_MACHINE_BLOCKS;
}

sv_err sv_machine_detector_start(sv_machine_detector *d, size_t sensors, uint64_t train_rows,
                                 sv_why *why) {
    if (sensors == 0 || sensors > SV_MACHINE_SENSORS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "a machine has 1 to %d sensors, not %zu",
                       SV_MACHINE_SENSORS_MAX, sensors);
    }
    if (train_rows < SV_MACHINE_TRAIN_ROWS_MIN || train_rows > SV_MACHINE_TRAIN_ROWS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "it learns from %d to %d rows, not from %" PRIu64,
                       SV_MACHINE_TRAIN_ROWS_MIN, SV_MACHINE_TRAIN_ROWS_MAX, train_rows);
    }
    memset(d, 0, sv_machine_detector_bytes(sensors));
    d->sensors = (uint32_t) sensors;
    d->block_rows = (uint32_t) (train_rows / SV_MACHINE_BLOCKS);
    return SV_OK;
}

// ---- the rows learnt from -----------------------------------------------------------------------

/// Beyond this, squares of what a double holds are beyond it.
#define VALUE_MAX 1e150

static void fill(sv_machine_lesson *lesson, double value) {
    double before = value - lesson->mean;
    lesson->rows += 1;
    lesson->mean += before / lesson->rows;
    lesson->squares += before * (value - lesson->mean);
}

static void end_block(sv_machine_lesson *lesson, size_t block) {
    bool any = lesson->rows > 0;
    lesson->means[block] = any ? lesson->mean : SV_NAN;
    lesson->spreads[block] = any ? sqrt(lesson->squares / lesson->rows) : SV_NAN;
    lesson->rows = lesson->mean = lesson->squares = 0;
}

static void learn(sv_machine_detector *d, const double *values) {
    sv_machine_lesson *lessons = sv_machine_lessons(d);
    size_t block = (size_t) (d->rows / d->block_rows);
    for (size_t j = 0; j < d->sensors; j++) {
        if (isfinite(values[j])) {
            fill(&lessons[j], sv_machine_within(values[j], VALUE_MAX));
        }
    }
    d->rows++;
    if (d->rows % d->block_rows != 0) {
        return;
    }
    for (size_t j = 0; j < d->sensors; j++) {
        end_block(&lessons[j], block);
    }
    if (sv_machine_detector_has_learnt(d)) {
        sv_machine_learn(d);
    }
}

// ---- one sensor ---------------------------------------------------------------------------------

static double in_units(const sv_machine_sensor *sensor, double value) {
    return sv_machine_within((value - sensor->centre) / sensor->scale, SV_MACHINE_REACH);
}

/// The variance that a mean over the last 1/`weight` rows has of itself.
static double smoothed_noise(const sv_machine_sensor *sensor, double weight) {
    return sensor->noise * weight / (2 - weight);
}

static double limit(const sv_machine_sensor *sensor) {
    return fmax(OFF, BACK * sensor->peak);
}

/// How far off the sensor is, as a multiple of what is allowed.
static double judge(sv_machine_sensor *sensor, double value, double weight) {
    sensor->smooth += weight * (value - sensor->smooth);
    sensor->doubt += FOLLOW * sensor->drift;
    double usual = sqrt(sensor->doubt + smoothed_noise(sensor, weight));
    sensor->deviation = (sensor->smooth - sensor->level) / usual;
    double far = fabs(sensor->deviation);
    double allowed = limit(sensor);
    sensor->peak = fmax(sensor->peak * (1 - FADE * weight), far);
    if (far < allowed) { // a Kalman filter's step; what is off is not followed
        double gain = sensor->doubt / (sensor->doubt + sensor->noise);
        double reach = SURPRISE * sqrt(sensor->doubt + sensor->noise);
        sensor->level += gain * sv_machine_within(value - sensor->level, reach);
        sensor->doubt *= 1 - gain;
    }
    return far / allowed;
}

// ---- all of them --------------------------------------------------------------------------------

/// The distance of all deviations together as standard deviations of a normal variable (Wilson and
/// Hilferty's cube root), as a multiple of what is allowed.
static double judge_together(const sv_machine_detector *d, const double *x, double *solved) {
    double n = d->sensors;
    double distance = sv_packed_distance(sv_machine_factor_of(d), d->sensors, x, solved);
    double spread = 2 / (9 * n);
    return (cbrt(distance / n) - (1 - spread)) / sqrt(spread) / OFF;
}

static void set_shares(sv_machine_detector *d, const double *x, const double *solved) {
    double *shares = sv_machine_shares(d);
    double sum = 0;
    for (size_t j = 0; j < d->sensors; j++) {
        shares[j] = fmax(x[j] * solved[j], 0);
        sum += shares[j];
    }
    for (size_t j = 0; j < d->sensors; j++) {
        shares[j] = sum > 0 && isfinite(sum) ? shares[j] / sum : 0;
    }
}

static size_t top(const sv_machine_detector *d) {
    const double *shares = sv_machine_shares_of(d);
    size_t best = 0;
    for (size_t j = 1; j < d->sensors; j++) {
        best = shares[j] > shares[best] ? j : best;
    }
    return best;
}

/// How far off the row is, as a multiple of what is allowed.
static double judge_row(sv_machine_detector *d, const double *values) {
    double x[SV_MACHINE_SENSORS_MAX] = { 0 };
    double solved[SV_MACHINE_SENSORS_MAX];
    double far = 0;
    for (size_t j = 0; j < d->sensors; j++) {
        sv_machine_sensor *sensor = &sv_machine_sensors(d)[j];
        if (sensor->scale > 0 && isfinite(values[j])) {
            double off = judge(sensor, in_units(sensor, values[j]), 1.0 / d->block_rows);
            far = fmax(far, off);
            x[j] = copysign(fmin(off * OFF, TOGETHER_REACH), sensor->deviation);
        }
    }
    double together = judge_together(d, x, solved);
    set_shares(d, x, solved);
    return fmax(far, together);
}

/// An episode begins when a few rows on end are off, and ends a block after the last that is.
static bool episode(sv_machine_detector *d, bool off) {
    d->over = off ? d->over + (d->over < CONFIRM_ROWS) : 0;
    d->under = off ? 0 : d->under + (d->under <= CLEAR_BLOCKS * d->block_rows);
    if (d->over >= CONFIRM_ROWS) {
        d->anomaly = true;
    } else if (d->under > CLEAR_BLOCKS * d->block_rows) {
        d->anomaly = false;
    }
    return d->anomaly;
}

// ---- change points ------------------------------------------------------------------------------

/// After a change the new mean is measured first, over CHANGE_BLOCKS; then it follows slowly.
static bool shifted(sv_machine_sensor *sensor, double value, double rows) {
    double measured = CHANGE_BLOCKS * rows;
    double weight = 2 / rows;
    sensor->quick += weight * (value - sensor->quick);
    sensor->settled += 1;
    if (sensor->settled <= measured) {
        sensor->base += (value - sensor->base) / sensor->settled;
        return false;
    }
    double usual =
        sqrt(smoothed_noise(sensor, weight) + sensor->noise / measured + sensor->drift * measured);
    bool shift = fabs(sensor->quick - sensor->base) > SHIFT * usual;
    sensor->base += (value - sensor->base) / (BASE_BLOCKS * rows);
    return shift;
}

static bool change(sv_machine_detector *d, const double *values) {
    bool any = false;
    for (size_t j = 0; j < d->sensors; j++) {
        sv_machine_sensor *sensor = &sv_machine_sensors(d)[j];
        if (sensor->scale > 0 && isfinite(values[j])) {
            any |= shifted(sensor, in_units(sensor, values[j]), d->block_rows);
        }
    }
    for (size_t j = 0; any && j < d->sensors; j++) {
        sv_machine_sensors(d)[j].settled = 0;
    }
    return any;
}

// ---- for all to call ----------------------------------------------------------------------------

sv_machine_verdict sv_machine_detector_take(sv_machine_detector *d, const double *values) {
    if (!sv_machine_detector_has_learnt(d)) {
        learn(d, values);
        return (sv_machine_verdict){ .learning = true };
    }
    d->rows++;
    double far = judge_row(d, values);
    return (sv_machine_verdict){
        .score = far > 0 ? 1 - 1 / (1 + far) : 0,
        .anomaly = episode(d, far > 1),
        .changepoint = change(d, values),
        .top = top(d),
    };
}

double sv_machine_detector_share(const sv_machine_detector *d, size_t sensor) {
    return sensor < d->sensors ? sv_machine_shares_of(d)[sensor] : 0;
}

double sv_machine_detector_deviation(const sv_machine_detector *d, size_t sensor) {
    return sensor < d->sensors ? sv_machine_sensors_of(d)[sensor].deviation : 0;
}

void sv_machine_detector_accept(sv_machine_detector *d) {
    for (size_t j = 0; j < d->sensors; j++) {
        sv_machine_sensor *sensor = &sv_machine_sensors(d)[j];
        sensor->level = sensor->smooth;
        sensor->deviation = sensor->peak = 0;
        sensor->doubt = sensor->noise; // it may be on its way still
    }
    d->over = 0;
    d->anomaly = false;
}
