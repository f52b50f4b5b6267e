#include "machine_room.h"
#include "state.h"
#include <base/num.h>
#include <math.h>
#include <string.h>

enum { VERSION = 0x314d5653, BLOCK_DOUBLES = 3 }; // "SVM1"

_Static_assert(SV_MACHINE_SENSOR_DOUBLES == 12
                   && SV_MACHINE_LESSON_DOUBLES == BLOCK_DOUBLES + 2 * SV_MACHINE_BLOCKS,
               "a new field needs a new version");
_Static_assert(sizeof(sv_machine_detector)
                       + (SV_MACHINE_SENSORS_MAX
                              * (SV_MACHINE_SENSOR_DOUBLES + 1 + SV_MACHINE_LESSON_DOUBLES)
                          + SV_MACHINE_PAIRS_MAX)
                             * sizeof(double)
                   <= SV_MACHINE_BYTES_MAX,
               "a detector of the most sensors has its bytes");

static size_t full_blocks(const sv_machine_detector *d) {
    uint64_t full = d->rows / d->block_rows;
    return full < SV_MACHINE_BLOCKS ? (size_t) full : SV_MACHINE_BLOCKS;
}

/// A block without rows has no mean; the state holds numbers alone, and there a spread below 0.
static void put_lesson(sv_textbuf *out, const sv_machine_lesson *lesson, size_t full) {
    sv_state_put(out, &lesson->rows, BLOCK_DOUBLES);
    for (size_t i = 0; i < full; i++) {
        bool any = isfinite(lesson->means[i]);
        double block[2] = { any ? lesson->means[i] : 0, any ? lesson->spreads[i] : -1 };
        sv_state_put(out, block, SV_COUNT(block));
    }
}

static void get_lesson(sv_cursor *in, sv_machine_lesson *lesson, size_t full) {
    sv_state_get(in, &lesson->rows, BLOCK_DOUBLES);
    in->failed |= lesson->rows < 0 || lesson->squares < 0;
    for (size_t i = 0; i < full; i++) {
        double block[2];
        sv_state_get(in, block, SV_COUNT(block));
        lesson->means[i] = block[1] < 0 ? SV_NAN : block[0];
        lesson->spreads[i] = block[1] < 0 ? SV_NAN : block[1];
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
    bool learnt = sv_machine_detector_has_learnt(d);
    for (size_t j = 0; j < d->sensors; j++) {
        if (learnt) {
            sv_state_put(&out, &sv_machine_sensors_of(d)[j].centre, SV_MACHINE_SENSOR_DOUBLES);
        } else {
            put_lesson(&out, &sv_machine_lessons_of(d)[j], full_blocks(d));
        }
    }
    if (learnt) {
        sv_state_put(&out, sv_machine_factor_of(d), SV_PACKED_COUNT(d->sensors));
    }
    return sv_state_seal(&out);
}

static void get_sensor(sv_cursor *in, sv_machine_sensor *sensor) {
    sv_state_get(in, &sensor->centre, SV_MACHINE_SENSOR_DOUBLES);
    bool known = sensor->noise > 0 && sensor->drift >= 0 && sensor->doubt >= 0 && sensor->peak >= 0
                 && sensor->settled >= 0;
    in->failed |= sensor->scale < 0 || (sensor->scale > 0 && !known);
}

static void get_factor(sv_cursor *in, double *factor, size_t sensors) {
    sv_state_get(in, factor, SV_PACKED_COUNT(sensors));
    for (size_t j = 0; j < sensors; j++) {
        in->failed |= !(factor[sv_packed_at(j, j)] > 0);
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

static void get_rest(sv_cursor *in, sv_machine_detector *d) {
    bool learnt = sv_machine_detector_has_learnt(d);
    for (size_t j = 0; j < d->sensors && !in->failed; j++) {
        if (learnt) {
            get_sensor(in, &sv_machine_sensors(d)[j]);
        } else {
            get_lesson(in, &sv_machine_lessons(d)[j], full_blocks(d));
        }
    }
    if (learnt && !in->failed) {
        get_factor(in, sv_machine_factor(d), d->sensors);
    }
}

sv_err sv_machine_detector_load(sv_machine_detector *d, size_t d_bytes, const uint8_t *bytes,
                                size_t len, sv_why *why) {
    union {
        sv_machine_detector d;
        uint8_t room[SV_MACHINE_BYTES_MAX];
    } read = { .room = { 0 } };
    sv_cursor in = { .at = NULL };
    SV_TRY(sv_state_open(bytes, len, VERSION, "machine", &in, why));
    get_head(&in, &read.d);
    if (!in.failed) {
        get_rest(&in, &read.d);
    }
    SV_TRY(sv_state_close(&in, "machine", why));
    size_t needed = sv_machine_detector_has_learnt(&read.d)
                        ? sv_machine_detector_learnt_bytes(read.d.sensors)
                        : sv_machine_detector_bytes(read.d.sensors);
    if (needed > d_bytes) {
        return sv_fail(why, SV_ERR_INVALID, "the state of a machine of %u sensors does not fit",
                       read.d.sensors);
    }
    memcpy(d, &read, needed);
    return SV_OK;
}
