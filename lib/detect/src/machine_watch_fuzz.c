// Whatever the bytes: a watch that is taken in takes any readings, and is written as it was read.
// The bytes are tried as they are and with a checksum of their own, which chance does not find.
#include "state.h"
#include <base/prng.h>
#include <base/test.h>
#include <base/time.h>
#include <detect/machine_watch.h>
#include <stdlib.h>

enum { READINGS = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hear(sv_mwatch *watch, uint64_t seed) {
    sv_prng prng = { .state = seed };
    sv_mwatch_part parts[SV_MWATCH_PARTS];
    for (unsigned i = 0; i < READINGS; i++) {
        uint64_t bits = sv_prng_next(&prng);
        double value = 0;
        memcpy(&value, &bits, sizeof value);
        size_t which = (size_t) (sv_prng_next(&prng) % (watch->grid.sensors + 1));
        sv_text name = which < watch->grid.sensors ? sv_text_of(watch->grid.sensor[which].name)
                                                   : SV_TEXT("another");
        (void) sv_mwatch_take(watch, name, value, (int64_t) (sv_prng_next(&prng) >> (i % 32 + 1)));
        int health = sv_mwatch_health(watch);
        if (health < -1 || health > 100 || sv_mwatch_parts(watch, parts) > SV_MWATCH_PARTS) {
            abort();
        }
    }
}

static void take_in(const uint8_t *bytes, size_t len) {
    static uint8_t again[SV_MWATCH_SAVE_BYTES_MAX];
    SV_DEFER(sv_mwatch_drop) sv_mwatch *watch = NULL;
    if (sv_mwatch_load(bytes, len, &watch, NULL) != SV_OK) {
        return;
    }
    // What an earlier version saved is taken, and saved as by this one.
    size_t saved = sv_mwatch_save(watch, again, sizeof again);
    sv_mwatch_drop(&watch);
    if (saved < len || sv_mwatch_load(again, saved, &watch, NULL) != SV_OK
        || sv_mwatch_save(watch, again, sizeof again) != saved) {
        abort();
    }
    hear(watch, len);
    (void) sv_mwatch_accept(watch);
    hear(watch, len + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t room[SV_MWATCH_SAVE_BYTES_MAX];
    take_in(data, size);
    if (size >= SV_STATE_SUM_BYTES && size <= sizeof room) {
        memcpy(room, data, size);
        sv_textbuf out = sv_state_room(room, size);
        out.len = size - SV_STATE_SUM_BYTES;
        take_in(room, sv_state_seal(&out));
    }
    return 0;
}
