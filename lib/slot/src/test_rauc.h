// For tests: a device whose slots are RAUC's. RAUC itself is one in memory here, that does what the
// real one was seen to do (tests/scenario/rauc.sh asks the real one).
#ifndef SV_SLOT_TEST_RAUC_H
#define SV_SLOT_TEST_RAUC_H

#include "test_device.h"
#include <slot/rauc.h>

static release R[4];
static medium M;
static device D;
static sv_rauc RAUC;

/// RAUC, its boot loader and its slots.
typedef struct other_side {
    sv_rauc_slot slots[SV_BOOT_SLOTS];
    unsigned primary;
    bool gone;           ///< it does not answer
    sv_err says;         ///< of the next installation
    bool dies;           ///< in its middle: everything is written and active, nobody hears of it
    bool writes_nothing; ///< that it says, and is done: the slot is active all the same
    bool refuses_late;   ///< when everything is written and active: its last handler fails
    bool marks_nothing;  ///< it does not answer when it is to
    unsigned called_good;
    unsigned installs;
    const sv_placing_watch *watch;
    char bundle[64]; ///< the last that was given
} other_side;

static other_side O;

static inline sv_err answers(sv_why *why) {
    return O.gone ? sv_fail(why, SV_ERR_UNAVAILABLE, "RAUC does not answer") : SV_OK;
}

static inline sv_err say_slots(void *arg, sv_rauc_slot out[SV_BOOT_SLOTS], sv_why *why) {
    (void) arg;
    SV_TRY(answers(why));
    memcpy(out, O.slots, sizeof O.slots);
    return SV_OK;
}

static inline sv_err say_primary(void *arg, unsigned *slot, sv_why *why) {
    (void) arg;
    SV_TRY(answers(why));
    *slot = O.primary;
    return SV_OK;
}

static inline sv_err mark(void *arg, unsigned slot, sv_rauc_mark how, sv_why *why) {
    (void) arg;
    SV_TRY(answers(why));
    if (O.marks_nothing) {
        return sv_fail(why, SV_ERR_UNAVAILABLE, "RAUC does not answer");
    }
    O.called_good += how == SV_RAUC_GOOD;
    O.slots[slot].good = how != SV_RAUC_BAD;
    O.primary = how == SV_RAUC_ACTIVE ? slot : O.primary;
    return SV_OK;
}

static inline void by_hand(unsigned slot) {
    O.slots[slot] = (sv_rauc_slot){ .good = true, .whole = true, .count = O.slots[slot].count + 1 };
    (void) snprintf(O.slots[slot].at, sizeof O.slots[slot].at, "at %u", O.slots[slot].count);
    (void) snprintf(O.slots[slot].digest, sizeof O.slots[slot].digest, "%u", O.installs);
    O.primary = slot;
}

static inline void set_watch(void *arg, const sv_placing_watch *watch) {
    (void) arg;
    O.watch = watch;
}

static inline sv_err take_bundle(void *arg, const char *bundle, sv_why *why) {
    unsigned slot = O.slots[0].booted ? 1 : 0;
    (void) arg;
    O.watch->progress(O.watch->progress_arg, 40, "Verifying signature done.");
    SV_TRY(answers(why));
    O.installs++;
    (void) snprintf(O.bundle, sizeof O.bundle, "%s", bundle);
    if (O.says != SV_OK) {
        return sv_fail(why, O.says, "RAUC does not install the bundle: signature is not valid");
    }
    if (O.writes_nothing) {
        O.slots[slot].good = true;
        O.primary = slot;
    } else {
        by_hand(slot);
    }
    if (O.refuses_late) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "RAUC does not install the bundle: its handler");
    }
    return O.dies ? sv_fail(why, SV_ERR_UNAVAILABLE, "RAUC ended in the middle") : SV_OK;
}

static const sv_rauc_bus BUS = { .slots = say_slots,
                                 .primary = say_primary,
                                 .mark = mark,
                                 .install = take_bundle,
                                 .watch = set_watch };

static int last_percent;

static inline void note_progress(void *arg, int percent, const char *says) {
    (void) arg;
    (void) says;
    last_percent = percent;
}

static const sv_placing_watch WATCH = { .progress = note_progress };

static inline void wire(void) {
    device_on(&D, &M);
    RAUC = (sv_rauc){ .native = D.native,
                      .bus = &BUS,
                      .bundles = { "/staging/slot-a", "/staging/slot-b" },
                      .file = { .disk = &M.disk },
                      .watch = &WATCH };
    RAUC.native.apart = true;
    RAUC.native.image_max = IMAGE_BYTES;
    D.installer = sv_rauc_installer(&RAUC);
    D.boot = sv_rauc_control(&RAUC);
}

static inline void wake(void) {
    sv_why why = { 0 };
    if (sv_engine_wake(&D.engine, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

/// Slot a runs, as the device was made: RAUC has installed nothing, and knows that it is good.
static inline void factory_device(void) {
    static platter empty;
    medium_begin(&M, &empty);
    O = (other_side){ .slots = { { .booted = true, .good = true }, { .good = true } } };
    wire();
    wake();
}

/// The program and the machine start, with what RAUC's boot loader chooses.
static inline void start(unsigned slot) {
    for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
        O.slots[i].booted = i == slot;
    }
    wire();
    wake();
}

static inline sv_boot_state state_now(void) {
    sv_boot_state state;
    assert_int_equal(D.boot.state(D.boot.arg, &state, NULL), SV_OK);
    return state;
}

static inline bool is_header_of(unsigned slot, const release *r) {
    uint8_t header[SV_BOOT_HEADER_BYTES];
    assert_int_equal(D.installer.header(D.installer.arg, slot, header, NULL), SV_OK);
    return memcmp(header, r->header, sizeof header) == 0;
}

/// Of a group of tests, before it.
static inline int make_releases(void **state) {
    (void) state;
    struct evp_pkey_st *key = make_boot_key();
    for (uint32_t i = 1; i < SV_COUNT(R); i++) {
        make_release(key, i, &R[i]);
    }
    sv_key_drop(&key);
    return 0;
}

#endif
