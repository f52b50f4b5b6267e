#include <base/num.h>
#include <detect/grid.h>
#include <math.h>

enum { BACK_ROWS = 60 }; ///< farther back than that, a clock was set

void sv_grid_start(sv_grid *grid, int64_t step_us, sv_grid_sensor *sensor, size_t room) {
    *grid = (sv_grid){ .step_us = step_us, .row = -1, .room = (uint32_t) room, .sensor = sensor };
}

size_t sv_grid_sensor_of(sv_grid *grid, sv_text name) {
    for (size_t i = 0; i < grid->sensors; i++) {
        if (sv_text_is(name, grid->sensor[i].name)) {
            return i;
        }
    }
    if (grid->sensors == grid->room) {
        return SV_GRID_SENSORS_MAX;
    }
    sv_grid_sensor *fresh = &grid->sensor[grid->sensors];
    *fresh = (sv_grid_sensor){ .age = SV_GRID_HELD_ROWS + 1 };
    if (sv_text_copy(name, fresh->name, sizeof fresh->name) != SV_OK) {
        return SV_GRID_SENSORS_MAX;
    }
    return grid->sensors++;
}

static void grow_older(sv_grid_sensor *sensor, uint64_t rows) {
    uint64_t age = sensor->age + rows;
    sensor->age = age > SV_GRID_HELD_ROWS ? SV_GRID_HELD_ROWS + 1 : (uint32_t) age;
}

/// The open row is over; `ahead` rows later is the next one.
static void close_row(sv_grid *grid, int64_t ahead, double *row) {
    for (size_t i = 0; i < grid->sensors; i++) {
        sv_grid_sensor *sensor = &grid->sensor[i];
        if (sensor->count > 0) {
            sensor->held = sensor->sum / sensor->count;
            sensor->age = 0;
        }
        row[i] = sensor->age <= SV_GRID_HELD_ROWS ? sensor->held : SV_NAN;
        sensor->heard += isfinite(row[i]) ? 1 : 0;
        sensor->sum = 0;
        sensor->count = 0;
        grow_older(sensor, (uint64_t) ahead);
    }
}

static void forget_row(sv_grid *grid) {
    for (size_t i = 0; i < grid->sensors; i++) {
        grid->sensor[i].sum = 0;
        grid->sensor[i].count = 0;
        grid->sensor[i].age = SV_GRID_HELD_ROWS + 1;
    }
}

bool sv_grid_take(sv_grid *grid, size_t sensor, double value, int64_t at_us,
                  double row[SV_GRID_SENSORS_MAX]) {
    int64_t now = at_us < 0 ? 0 : at_us / grid->step_us;
    bool over = grid->row >= 0 && now > grid->row;
    if (over) {
        close_row(grid, now - grid->row, row);
    } else if (grid->row >= 0 && now < grid->row - BACK_ROWS) {
        forget_row(grid);
        grid->row = now;
    }
    grid->row = grid->row < now ? now : grid->row;
    grid->sensor[sensor].sum += value;
    grid->sensor[sensor].count++;
    return over;
}
