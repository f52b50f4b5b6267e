// What lies in a detector's room, one after the other: for each sensor what is known of it and its
// share of the last score, then the factor of all together; behind that, while it learns, for each
// sensor the block that is being filled and the means and spreads of those that are full.
#ifndef SV_DETECT_MACHINE_ROOM_H
#define SV_DETECT_MACHINE_ROOM_H

#include "packed.h"
#include <detect/machine.h>

/// One sensor, in units of its own noise where nothing else is said.
typedef struct sv_machine_sensor {
    double centre, scale;   ///< in the sensor's unit; scale 0: was not there to be learnt
    double drift, noise;    ///< variance that a row adds to the level, and that a row has
    double level, doubt;    ///< what is usual now, and its variance
    double smooth, quick;   ///< the value, smoothed over one block and over half of one
    double deviation, peak; ///< how far off, in standard deviations, and at most of late
    double base, settled;   ///< the mean since the last change point, and the rows of this sensor
} sv_machine_sensor;

/// A sensor's rows, while they are learnt from.
typedef struct sv_machine_lesson {
    double rows, mean, squares;      ///< of the block that is being filled, squares about its mean
    double means[SV_MACHINE_BLOCKS]; ///< not-a-number: no rows
    double spreads[SV_MACHINE_BLOCKS]; ///< standard deviations
} sv_machine_lesson;

// Both are doubles alone, and lie in the room as such.
enum {
    SV_MACHINE_SENSOR_DOUBLES = sizeof(sv_machine_sensor) / sizeof(double),
    SV_MACHINE_LESSON_DOUBLES = sizeof(sv_machine_lesson) / sizeof(double),
};

static inline size_t sv_machine_shares_at(size_t sensors) {
    return sensors * SV_MACHINE_SENSOR_DOUBLES;
}

static inline size_t sv_machine_factor_at(size_t sensors) {
    return sv_machine_shares_at(sensors) + sensors;
}

static inline size_t sv_machine_lessons_at(size_t sensors) {
    return sv_machine_factor_at(sensors) + SV_PACKED_COUNT(sensors);
}

static inline sv_machine_sensor *sv_machine_sensors(sv_machine_detector *d) {
    return (sv_machine_sensor *) d->room;
}

static inline double *sv_machine_shares(sv_machine_detector *d) {
    return &d->room[sv_machine_shares_at(d->sensors)];
}

static inline double *sv_machine_factor(sv_machine_detector *d) {
    return &d->room[sv_machine_factor_at(d->sensors)];
}

/// Only while it learns.
static inline sv_machine_lesson *sv_machine_lessons(sv_machine_detector *d) {
    return (sv_machine_lesson *) &d->room[sv_machine_lessons_at(d->sensors)];
}

static inline const sv_machine_sensor *sv_machine_sensors_of(const sv_machine_detector *d) {
    return (const sv_machine_sensor *) d->room;
}

static inline const double *sv_machine_shares_of(const sv_machine_detector *d) {
    return &d->room[sv_machine_shares_at(d->sensors)];
}

static inline const double *sv_machine_factor_of(const sv_machine_detector *d) {
    return &d->room[sv_machine_factor_at(d->sensors)];
}

static inline const sv_machine_lesson *sv_machine_lessons_of(const sv_machine_detector *d) {
    return (const sv_machine_lesson *) &d->room[sv_machine_lessons_at(d->sensors)];
}

#endif
