#include "machine_learn.h"
#include "machine_room.h"
#include <base/num.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = SV_MACHINE_BLOCKS, LAGS = 6, BLOCKS_NEEDED = SV_MACHINE_BLOCKS / 2 };

/// The median of a squared standard normal.
#define MEDIAN_OF_SQUARE 0.455
/// Even a level that never moved in training may, by this part of its noise and block.
#define DRIFT_AT_LEAST 0.001
/// Correlations are drawn towards independence by this part at least, and the more, the more
/// sensors there are for so few steps: of 64 sensors 39 steps alone say little that is true.
#define SHRINK 0.3
/// Steps between blocks count for the correlations up to here, in standard deviations.
#define STEP_REACH 3.0

double sv_machine_within(double value, double limit) {
    return fmin(fmax(value, -limit), limit);
}

static int by_size(const void *a, const void *b) {
    double left = *(const double *) a;
    double right = *(const double *) b;
    return (left > right) - (left < right);
}

static double median(double *values, size_t count) {
    if (count == 0) {
        return SV_NAN;
    }
    qsort(values, count, sizeof *values, by_size);
    double upper = values[count / 2];
    return count % 2 == 1 ? upper : values[count / 2 - 1] / 2 + upper / 2;
}

static size_t present(const double *from, double *out) {
    size_t count = 0;
    for (size_t i = 0; i < BLOCKS; i++) {
        if (isfinite(from[i])) {
            out[count++] = from[i];
        }
    }
    return count;
}

static double deviation(const double *values, size_t count) {
    double mean = 0;
    double squares = 0;
    for (size_t i = 0; i < count; i++) {
        mean += values[i] / (double) count;
    }
    for (size_t i = 0; i < count; i++) {
        squares += (values[i] - mean) * (values[i] - mean) / (double) count;
    }
    return sqrt(squares);
}

/// The scale is the noise within a block. Where there is none, a sensor of few digits perhaps, what
/// its level did, and what its digits can tell apart, are the least it can be.
static bool scale(sv_machine_sensor *sensor, const double *mean, const double *spread) {
    double room[BLOCKS];
    size_t count = present(mean, room);
    if (count < BLOCKS_NEEDED) {
        return false;
    }
    double least = deviation(room, count) / 1000;
    sensor->centre = median(room, count);
    count = present(spread, room);
    sensor->scale = fmax(fmax(median(room, count), least), fabs(sensor->centre) * 1e-6);
    sensor->scale = fmax(sensor->scale, 1e-300);
    return true;
}

static void to_units(const sv_machine_sensor *sensor, const double *mean, double *blocks) {
    for (size_t i = 0; i < BLOCKS; i++) {
        double value = (mean[i] - sensor->centre) / sensor->scale;
        blocks[i] = isfinite(mean[i]) ? sv_machine_within(value, SV_MACHINE_REACH) : SV_NAN;
    }
}

/// The usual squared step between blocks that lie `lag` apart; a few that moved much, as while a
/// machine starts, do not count.
static double step(const double *blocks, size_t lag) {
    double squares[BLOCKS];
    size_t count = 0;
    for (size_t i = lag; i < BLOCKS; i++) {
        double moved = blocks[i] - blocks[i - lag];
        if (isfinite(moved)) {
            squares[count++] = moved * moved;
        }
    }
    return median(squares, count) / MEDIAN_OF_SQUARE;
}

/// Noise makes steps that are alike however far apart the blocks are, drift makes them grow.
static void noise_and_drift(sv_machine_sensor *sensor, const double *blocks, double block_rows) {
    double first = step(blocks, 1);
    double rise = 0;
    double run = 0;
    for (size_t lag = 2; lag <= LAGS; lag++) {
        double more = step(blocks, lag) - first;
        if (isfinite(more)) {
            rise += (double) (lag - 1) * more;
            run += (double) ((lag - 1) * (lag - 1));
        }
    }
    double drift = run > 0 ? fmax(rise / run, 0) : 0; // of a block
    sensor->noise = fmax((first - drift) / 2 * block_rows, 1);
    if (!isfinite(sensor->noise)) {
        sensor->noise = 1;
    }
    sensor->drift = drift / block_rows + DRIFT_AT_LEAST * sensor->noise / (block_rows * block_rows);
}

/// Where the level was at the end, by a Kalman filter over the blocks.
static void settle(sv_machine_sensor *sensor, const double *blocks, double block_rows) {
    double noise = sensor->noise / block_rows;
    double doubt = noise;
    bool begun = false;
    for (size_t i = 0; i < BLOCKS; i++) {
        doubt += begun ? sensor->drift * block_rows : 0;
        if (isfinite(blocks[i])) {
            double gain = begun ? doubt / (doubt + noise) : 1;
            sensor->level += gain * (blocks[i] - sensor->level);
            doubt *= begun ? 1 - gain : 1;
            sensor->smooth = sensor->quick = blocks[i];
            begun = true;
        }
    }
    sensor->base = sensor->level;
    sensor->settled = SV_MACHINE_TRAIN_ROWS_MAX; // it was measured while it was learnt
}

/// How the sensors' steps from block to block go together.
static void correlate(sv_machine_detector *d) {
    const sv_machine_sensor *sensors = sv_machine_sensors(d);
    const sv_machine_lesson *lessons = sv_machine_lessons(d);
    double *factor = sv_machine_factor(d);
    double steps[SV_MACHINE_SENSORS_MAX];
    memset(factor, 0, SV_PACKED_COUNT(d->sensors) * sizeof *factor);
    for (size_t i = 1; i < BLOCKS; i++) {
        for (size_t j = 0; j < d->sensors; j++) {
            const sv_machine_sensor *sensor = &sensors[j];
            const double *means = lessons[j].means;
            double usual = sqrt(2 * sensor->noise / d->block_rows + sensor->drift * d->block_rows);
            double moved = (means[i] - means[i - 1]) / sensor->scale / usual;
            steps[j] = isfinite(moved) ? sv_machine_within(moved, STEP_REACH) : 0;
            for (size_t k = 0; k <= j; k++) {
                factor[sv_packed_at(j, k)] += steps[j] * steps[k];
            }
        }
    }
    double count = (double) d->sensors;
    sv_packed_factor(factor, d->sensors, fmax(SHRINK, count / (count + BLOCKS - 1)));
}

void sv_machine_learn(sv_machine_detector *d) {
    for (size_t j = 0; j < d->sensors; j++) {
        double blocks[BLOCKS];
        const sv_machine_lesson *lesson = &sv_machine_lessons(d)[j];
        sv_machine_sensor *sensor = &sv_machine_sensors(d)[j];
        *sensor = (sv_machine_sensor){ 0 };
        if (scale(sensor, lesson->means, lesson->spreads)) {
            to_units(sensor, lesson->means, blocks);
            noise_and_drift(sensor, blocks, d->block_rows);
            settle(sensor, blocks, d->block_rows);
        }
    }
    correlate(d);
}
