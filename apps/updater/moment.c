#include "moment.h"

#include <base/little.h>
#include <slot/twin.h>
#include <sys/clock.h>
#include <sys/log.h>

enum { MEMBER_BYTES = 8, BELIEVED = 0, SIGNED = 8, DOUBTED = 16, MOMENT_BYTES = 24 };

static int64_t signed_us;
static const sv_slot_disk *kept_in; ///< NULL until it was resumed

static sv_twin twin_of(const sv_slot_disk *state) {
    return (sv_twin){ .disk = state, .name = "clock", .kind = "SvCk", .bytes = MOMENT_BYTES };
}

static int64_t get(const uint8_t *at) {
    uint64_t value = sv_little_get((const char *) at, MEMBER_BYTES);
    return value <= INT64_MAX ? (int64_t) value : 0;
}

static void put(int64_t value, uint8_t *at) {
    sv_little_put(value > 0 ? (uint64_t) value : 0, MEMBER_BYTES, (char *) at);
}

sv_err moment_resume(const sv_slot_disk *state, sv_why *why) {
    const sv_twin twin = twin_of(state);
    uint8_t bytes[MOMENT_BYTES] = { 0 };
    sv_why inner = { 0 };
    kept_in = state;
    sv_err err = sv_twin_read(&twin, bytes, &inner);
    if (err == SV_ERR_NOT_FOUND || err == SV_ERR_INVALID) { // never kept, or nothing is left of it
        return SV_OK;
    }
    if (err != SV_OK) {
        return sv_fail(why, err, "%s", inner.text);
    }
    signed_us = get(bytes + SIGNED);
    sv_clock_resume(get(bytes + BELIEVED), signed_us);
    sv_clock_carry(get(bytes + DOUBTED));
    return SV_OK;
}

void moment_signed(int64_t at_us) {
    sv_clock_signed(at_us);
    // Ahead of a clock that is believed it tells nothing, neither now nor at the next start.
    if (at_us > signed_us && at_us <= sv_clock_believed_us()) {
        signed_us = at_us;
        sv_why why = { 0 };
        if (kept_in != NULL && moment_keep(kept_in, &why) != SV_OK) {
            SV_LOG(warn, "updater.clock", "%s", why.text);
        }
    }
}

sv_err moment_keep(const sv_slot_disk *state, sv_why *why) {
    const sv_twin twin = twin_of(state);
    uint8_t bytes[MOMENT_BYTES];
    put(sv_clock_believed_us(), bytes + BELIEVED);
    put(signed_us, bytes + SIGNED);
    put(sv_clock_doubted_for_us(), bytes + DOUBTED);
    return sv_twin_write(&twin, bytes, why);
}
