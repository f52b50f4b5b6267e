// Whatever the bytes: a state that is taken in judges any row, and is written as it was read. The
// bytes are tried as they are and with a checksum of their own, which chance does not find.
#include "state.h"
#include <base/prng.h>
#include <base/test.h>
#include <detect/machine.h>
#include <stdlib.h>

enum { ROWS = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static union {
    sv_machine_detector d;
    uint8_t room[SV_MACHINE_BYTES_MAX];
} own;
static sv_machine_detector *const d = &own.d;

static void judge(uint64_t seed) {
    sv_prng prng = { .state = seed };
    for (unsigned i = 0; i < ROWS; i++) {
        double row[SV_MACHINE_SENSORS_MAX];
        for (size_t j = 0; j < d->sensors; j++) {
            uint64_t bits = sv_prng_next(&prng);
            memcpy(&row[j], &bits, sizeof row[j]);
            row[j] = i % 3 == 0 ? row[j] : sv_prng_normal(&prng);
        }
        sv_machine_verdict v = sv_machine_detector_take(d, row);
        if (!(v.score >= 0 && v.score <= 1) || v.top >= d->sensors) {
            abort();
        }
    }
}

static void take_in(const uint8_t *bytes, size_t len) {
    static uint8_t again[SV_MACHINE_SAVE_BYTES_MAX];
    if (sv_machine_detector_load(d, sizeof own, bytes, len, NULL) != SV_OK) {
        return;
    }
    size_t again_len = sv_machine_detector_save(d, again, sizeof again);
    if (again_len != len) {
        abort();
    }
    judge(len);
    sv_machine_detector_accept(d);
    judge(len + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t room[SV_MACHINE_SAVE_BYTES_MAX];
    take_in(data, size);
    if (size >= SV_STATE_SUM_BYTES && size <= sizeof room) {
        memcpy(room, data, size);
        sv_textbuf out = sv_state_room(room, size);
        out.len = size - SV_STATE_SUM_BYTES;
        take_in(room, sv_state_seal(&out));
    }
    return 0;
}
