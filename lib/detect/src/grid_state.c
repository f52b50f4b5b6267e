#include "grid_state.h"

void sv_grid_put(sv_textbuf *out, const sv_grid *grid) {
    put_u64(out, (uint64_t) grid->row);
    put_u32(out, grid->sensors);
    for (size_t i = 0; i < grid->sensors; i++) {
        const sv_grid_sensor *sensor = &grid->sensor[i];
        double values[] = { sensor->sum, sensor->held };
        put_text(out, sv_text_of(sensor->name));
        put_u32(out, sensor->count);
        put_u32(out, sensor->age);
        sv_state_put(out, values, SV_COUNT(values));
    }
}

void sv_grid_get(sv_cursor *in, sv_grid *grid) {
    grid->row = (int64_t) cursor_u64(in);
    grid->row = grid->row < 0 ? -1 : grid->row;
    uint32_t sensors = cursor_u32(in);
    in->failed = in->failed || sensors > grid->room;
    for (uint32_t i = 0; i < sensors && !in->failed; i++) {
        double values[2];
        sv_text name = cursor_text(in);
        bool known = !in->failed && sv_grid_sensor_of(grid, name) != i;
        in->failed = in->failed || known || !sv_id_is_valid(name);
        if (in->failed) {
            return;
        }
        sv_grid_sensor *sensor = &grid->sensor[i];
        sensor->count = cursor_u32(in);
        sensor->age = cursor_u32(in);
        sv_state_get(in, values, SV_COUNT(values));
        sensor->sum = values[0];
        sensor->held = values[1];
        in->failed = in->failed || sensor->age > SV_GRID_HELD_ROWS + 1;
    }
}
