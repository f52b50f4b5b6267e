// The readings of one device's sensors as rows: one per step of the readings' own time, each
// sensor's mean of it. What a sensor said last counts for SV_GRID_HELD_ROWS more rows, so that
// sensors of different rates have rows together. A reading older than the open row is counted into
// it. No I/O, no heap; the sensors lie in the owner's memory, who may move them to a larger one.
#ifndef SV_DETECT_GRID_H
#define SV_DETECT_GRID_H

#include <base/text.h>
#include <model/id.h>
#include <stdbool.h>
#include <stdint.h>

enum { SV_GRID_SENSORS_MAX = 64, SV_GRID_HELD_ROWS = 10 };

typedef struct sv_grid_sensor {
    double sum; ///< of the open row
    double held;
    uint32_t count; ///< values of the open row
    uint32_t age;   ///< full rows since `held` was said; more than SV_GRID_HELD_ROWS: too old
    uint32_t heard; ///< rows with a value since the owner last set it to 0
    char name[SV_ID_ROOM];
} sv_grid_sensor;

typedef struct sv_grid {
    int64_t step_us;
    int64_t row;            ///< the open row's number since 1970; below 0: none is
    uint32_t sensors, room; ///< there are, and there may be
    sv_grid_sensor *sensor; ///< `room` of them, the owner's
} sv_grid;

/// `step_us` is above 0, `room` at most SV_GRID_SENSORS_MAX.
void sv_grid_start(sv_grid *grid, int64_t step_us, sv_grid_sensor *sensor, size_t room);
/// Its place, which it keeps; SV_GRID_SENSORS_MAX: there is no room for another one.
size_t sv_grid_sensor_of(sv_grid *grid, sv_text name);
/// A reading, finite. True: it is of a later row, and `row` is the one that was open until then, a
/// value per sensor, not-a-number where it has been silent for too long. Rows without any reading
/// are skipped. A reading from long before the open row begins anew: its clock was set.
bool sv_grid_take(sv_grid *grid, size_t sensor, double value, int64_t at_us,
                  double row[SV_GRID_SENSORS_MAX]);

#endif
