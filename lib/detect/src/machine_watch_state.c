// A watch as bytes (state.h); the detector's own bytes are within, sealed by themselves.
#include "grid_state.h"
#include "machine_watch_room.h"
#include <base/mem.h>
#include <base/time.h>
#include <detect/machine_watch.h>
#include <math.h>
#include <stdlib.h>

enum {
    VERSION = 0x32485653,   // "SVH2"
    VERSION_1 = 0x31485653, // "SVH1": without what was found for a number of alerts
};
/// From this score on an episode was worth an alert then.
#define VERSION_1_SCORE (2.0 / 3)

#define LEARN_MAX_US (400 * SV_TIME_DAY_US)

/// The verdict of the last row is kept as far as anybody asks for it.
static void put_rest(sv_textbuf *out, const sv_mwatch *watch) {
    double values[] = { watch->last.score, watch->worst };
    put_u32(out, watch->rows);
    for (size_t i = 0; i < watch->grid.sensors; i++) {
        put_u32(out, watch->grid.sensor[i].heard);
    }
    put_u32(out, watch->members);
    put_bytes(out, watch->member, watch->members);
    put_u8(out, watch->last.learning);
    put_u8(out, watch->last.anomaly);
    put_u32(out, watch->off_rows);
    sv_state_put(out, values, SV_COUNT(values));
    put_u8(out, watch->alarmed);
    sv_state_put(out, &watch->bar_shift, 1);
}

static void get_alarm(sv_cursor *in, uint32_t version, sv_mwatch *watch) {
    if (version == VERSION_1) {
        watch->alarmed = watch->last.anomaly && watch->worst >= VERSION_1_SCORE;
        return;
    }
    watch->alarmed = cursor_u8(in) != 0;
    sv_state_get(in, &watch->bar_shift, 1);
    in->failed = in->failed || !(fabs(watch->bar_shift) <= SV_AIM_SHIFT_MAX);
}

static void get_rest(sv_cursor *in, uint32_t version, sv_mwatch *watch) {
    double values[2] = { 0 };
    watch->rows = cursor_u32(in);
    for (size_t i = 0; i < watch->grid.sensors; i++) {
        watch->grid.sensor[i].heard = cursor_u32(in);
    }
    uint32_t members = cursor_u32(in);
    const uint8_t *places = members > watch->grid.sensors ? NULL : cursor_take(in, members);
    in->failed = in->failed || places == NULL;
    for (uint32_t i = 0; i < members && !in->failed; i++) {
        watch->member[i] = places[i];
        in->failed = places[i] >= watch->grid.sensors;
    }
    watch->members = in->failed ? 0 : members;
    watch->last.learning = cursor_u8(in) != 0;
    watch->last.anomaly = cursor_u8(in) != 0;
    watch->off_rows = cursor_u32(in);
    sv_state_get(in, values, SV_COUNT(values));
    watch->last.score = values[0];
    watch->worst = values[1];
    bool scores = values[0] >= 0 && values[0] <= 1 && values[1] >= 0 && values[1] <= 1;
    in->failed = in->failed || !scores;
    get_alarm(in, version, watch);
}

size_t sv_mwatch_save(const sv_mwatch *watch, uint8_t *room, size_t room_bytes) {
    sv_textbuf out = sv_state_room(room, room_bytes);
    put_u32(&out, VERSION);
    put_u64(&out, (uint64_t) watch->learn_us);
    sv_grid_put(&out, &watch->grid);
    put_rest(&out, watch);
    size_t left = room_bytes - out.len;
    if (watch->detector != NULL && !out.overflowed) {
        size_t bytes = sv_machine_detector_save(watch->detector, room + out.len, left);
        if (bytes == 0) {
            return 0;
        }
        out.len += bytes;
    }
    return sv_state_seal(&out);
}

/// What is left, up to the checksum, is the detector.
static sv_err get_detector(sv_cursor *in, sv_mwatch *watch, sv_why *why) {
    if (in->failed || (watch->members == 0) != (in->left == 0)) {
        return sv_fail(why, SV_ERR_INVALID, "the state of a machine's sensors makes no sense");
    }
    if (watch->members == 0) {
        return SV_OK;
    }
    size_t bytes = sv_machine_detector_bytes(watch->members);
    watch->detector = sv_mem_new(bytes);
    SV_TRY(sv_machine_detector_load(watch->detector, bytes, in->at, in->left, why));
    if (watch->detector->sensors != watch->members) {
        return sv_fail(why, SV_ERR_INVALID, "the state of a machine is of %u sensors, not of %u",
                       watch->detector->sensors, watch->members);
    }
    if (sv_machine_detector_has_learnt(watch->detector)) {
        sv_mwatch_let_go(watch);
    }
    return SV_OK;
}

sv_err sv_mwatch_load(const uint8_t *bytes, size_t len, sv_mwatch **out, sv_why *why) {
    sv_cursor in;
    bool before = len >= sizeof(uint32_t) && le32_at(bytes) == VERSION_1;
    uint32_t version = before ? VERSION_1 : VERSION;
    SV_TRY(sv_state_open(bytes, len, version, "machine's sensors", &in, why));
    int64_t learn_us = (int64_t) cursor_u64(&in);
    if (in.failed || learn_us < 0 || learn_us > LEARN_MAX_US) {
        return sv_fail(why, SV_ERR_INVALID, "the state of a machine's sensors makes no sense");
    }
    SV_DEFER(sv_mwatch_drop) sv_mwatch *watch = sv_mwatch_new(learn_us);
    sv_mwatch_make_room(watch, SV_GRID_SENSORS_MAX);
    sv_grid_get(&in, &watch->grid);
    get_rest(&in, version, watch);
    SV_TRY(get_detector(&in, watch, why));
    if (watch->grid.sensors > 0) {
        sv_mwatch_make_room(watch, watch->grid.sensors);
    }
    *out = watch;
    watch = NULL;
    return SV_OK;
}
