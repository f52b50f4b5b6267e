#include "packed.h"
#include "state.h"
#include <base/num.h>
#include <detect/machine.h>
#include <math.h>

enum {
    VERSION = 0x314d5653, // "SVM1"
    SENSOR_FIELDS = sizeof(sv_machine_sensor) / sizeof(double),
    BLOCK_FIELDS = sizeof(sv_machine_block) / sizeof(double),
};

// Both structs are doubles alone, and are written as such.
_Static_assert(SENSOR_FIELDS == 12 && BLOCK_FIELDS == 3, "a new field needs a new version");

static size_t full_blocks(const sv_machine_detector *d) {
    uint64_t full = d->rows / d->block_rows;
    return full < SV_MACHINE_BLOCKS ? (size_t) full : SV_MACHINE_BLOCKS;
}

static bool learning(const sv_machine_detector *d) {
    return full_blocks(d) < SV_MACHINE_BLOCKS;
}

/// A block without rows has no mean; the state holds numbers alone, and there a spread below 0.
static void put_blocks(sv_textbuf *out, const sv_machine_detector *d, size_t sensor) {
    for (size_t i = 0; i < full_blocks(d); i++) {
        bool any = isfinite(d->mean[sensor][i]);
        double block[2] = { any ? d->mean[sensor][i] : 0, any ? d->spread[sensor][i] : -1 };
        sv_state_put(out, block, SV_COUNT(block));
    }
}

static void get_blocks(sv_cursor *in, sv_machine_detector *d, size_t sensor) {
    for (size_t i = 0; i < full_blocks(d); i++) {
        double block[2];
        sv_state_get(in, block, SV_COUNT(block));
        d->mean[sensor][i] = block[1] < 0 ? SV_NAN : block[0];
        d->spread[sensor][i] = block[1] < 0 ? SV_NAN : block[1];
    }
}

size_t sv_machine_detector_save(const sv_machine_detector *d, uint8_t *room, size_t room_bytes) {
    sv_textbuf out = sv_state_room(room, room_bytes);
    put_u32(&out, VERSION);
    put_u32(&out, d->sensors);
    put_u32(&out, d->block_rows);
    put_u64(&out, d->rows);
    put_u32(&out, d->over);
    put_u32(&out, d->under);
    put_u32(&out, d->anomaly);
    for (size_t j = 0; j < d->sensors; j++) {
        if (learning(d)) {
            sv_state_put(&out, &d->filling[j].rows, BLOCK_FIELDS);
            put_blocks(&out, d, j);
        } else {
            sv_state_put(&out, &d->sensor[j].centre, SENSOR_FIELDS);
        }
    }
    if (!learning(d)) {
        sv_state_put(&out, d->factor, SV_PACKED_COUNT(d->sensors));
    }
    return sv_state_seal(&out);
}

static void get_sensor(sv_cursor *in, sv_machine_sensor *sensor) {
    sv_state_get(in, &sensor->centre, SENSOR_FIELDS);
    bool known = sensor->noise > 0 && sensor->drift >= 0 && sensor->doubt >= 0 && sensor->peak >= 0
                 && sensor->settled >= 0;
    in->failed |= sensor->scale < 0 || (sensor->scale > 0 && !known);
}

static void get_factor(sv_cursor *in, sv_machine_detector *d) {
    sv_state_get(in, d->factor, SV_PACKED_COUNT(d->sensors));
    for (size_t j = 0; j < d->sensors; j++) {
        in->failed |= !(d->factor[sv_packed_at(j, j)] > 0);
    }
}

static void get_head(sv_cursor *in, sv_machine_detector *d) {
    d->sensors = cursor_u32(in);
    d->block_rows = cursor_u32(in);
    d->rows = cursor_u64(in);
    d->over = cursor_u32(in);
    d->under = cursor_u32(in);
    d->anomaly = cursor_u32(in) != 0;
    in->failed |= d->sensors == 0 || d->sensors > SV_MACHINE_SENSORS_MAX || d->block_rows < 2
                  || d->block_rows > SV_MACHINE_TRAIN_ROWS_MAX / SV_MACHINE_BLOCKS;
}

sv_err sv_machine_detector_load(sv_machine_detector *d, const uint8_t *bytes, size_t len,
                                sv_why *why) {
    static const sv_machine_detector EMPTY;
    sv_machine_detector read = EMPTY;
    sv_cursor in = { .at = NULL };
    SV_TRY(sv_state_open(bytes, len, VERSION, "machine", &in, why));
    get_head(&in, &read);
    for (size_t j = 0; j < read.sensors && !in.failed; j++) {
        if (learning(&read)) {
            sv_state_get(&in, &read.filling[j].rows, BLOCK_FIELDS);
            in.failed |= read.filling[j].rows < 0 || read.filling[j].squares < 0;
            get_blocks(&in, &read, j);
        } else {
            get_sensor(&in, &read.sensor[j]);
        }
    }
    if (!in.failed && !learning(&read)) {
        get_factor(&in, &read);
    }
    SV_TRY(sv_state_close(&in, "machine", why));
    *d = read;
    return SV_OK;
}
