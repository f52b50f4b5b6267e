// Whatever the bytes: as a state they are refused, or judge any window and are written as they were
// read (with a checksum of their own too, which chance does not find); as samples they have
// features that are numbers.
#include "state.h"
#include <base/test.h>
#include <detect/vibration.h>
#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static sv_vibration_workspace w;
static sv_vibration_detector d;

static void judge(const uint8_t *data, size_t size) {
    double samples[SV_VIBRATION_WINDOW];
    double features[SV_VIBRATION_FEATURES];
    const double *rows[SV_VIBRATION_CHANNELS_MAX];
    for (size_t i = 0; i < SV_VIBRATION_WINDOW; i++) {
        uint8_t bytes[sizeof(double)];
        for (size_t k = 0; k < sizeof bytes; k++) {
            bytes[k] = size > 0 ? data[(i * sizeof bytes + k) % size] : 0;
        }
        memcpy(&samples[i], bytes, sizeof bytes);
    }
    bool any = sv_vibration_features(&w, samples, features);
    for (size_t i = 0; any && i < SV_VIBRATION_FEATURES; i++) {
        if (!isfinite(features[i])) {
            abort();
        }
    }
    for (size_t i = 0; i < SV_VIBRATION_CHANNELS_MAX; i++) {
        rows[i] = any ? features : NULL;
    }
    sv_vibration_verdict v = sv_vibration_detector_judge(&d, rows);
    if (!(v.score >= 0 && v.score <= 1)) {
        abort();
    }
}

static void take_in(const uint8_t *bytes, size_t len) {
    static uint8_t again[SV_VIBRATION_SAVE_BYTES_MAX];
    if (sv_vibration_detector_load(&d, bytes, len, NULL) == SV_OK
        && sv_vibration_detector_save(&d, again, sizeof again) != len) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t room[SV_VIBRATION_SAVE_BYTES_MAX];
    sv_vibration_workspace_begin(&w);
    if (sv_vibration_detector_start(&d, 1, NULL) != SV_OK) {
        abort();
    }
    take_in(data, size);
    if (size >= SV_STATE_SUM_BYTES && size <= sizeof room) {
        memcpy(room, data, size);
        sv_textbuf out = sv_state_room(room, size);
        out.len = size - SV_STATE_SUM_BYTES;
        take_in(room, sv_state_seal(&out));
    }
    judge(data, size);
    return 0;
}
