// Which of two slots to start, and what to remember about it before it is started. Pure functions
// of what is remembered and what lies in the slots: whoever keeps the state (a boot loader's
// environment, two copies in a file) keeps it somewhere else.
//
//                 arm                    confirm
//   idle, bad ──────────▶ trial ────────────────────▶ confirmed
//                           │ no try left and something else to start, not good, fail
//                           ▼
//                          bad
//
// A trial is started at most as often as it was armed for, as long as there is anything else to
// start; else it has its tries again, so that a new device that is switched off and on before it
// has proved itself still starts. A slot that was never armed is started only where nothing else
// can be, and then as a trial. What is bad, unsigned, damaged or older than the highest confirmed
// release is never started.
#ifndef SV_BOOT_CHOOSE_H
#define SV_BOOT_CHOOSE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    SV_BOOT_SLOTS = 2,
    SV_BOOT_NO_SLOT = SV_BOOT_SLOTS, ///< nothing may be started: recovery
    SV_BOOT_TRIES = 3,               ///< of a slot that nobody armed
    SV_BOOT_TRIES_MAX = 15,
};

typedef enum sv_boot_slot_state {
    SV_BOOT_SLOT_IDLE,      ///< not armed: empty, being written, written
    SV_BOOT_SLOT_TRIAL,     ///< armed, has not proved itself
    SV_BOOT_SLOT_CONFIRMED, ///< has proved itself
    SV_BOOT_SLOT_BAD,       ///< had its tries, or was found wrong
} sv_boot_slot_state;

typedef struct sv_boot_slot {
    uint8_t state;      ///< sv_boot_slot_state; another value counts as bad
    uint8_t tries_left; ///< of a trial; more than SV_BOOT_TRIES_MAX count as so many
} sv_boot_slot;

/// What is remembered from one start to the next. All zero is a device that remembers nothing.
typedef struct sv_boot_state {
    sv_boot_slot slots[SV_BOOT_SLOTS];
    uint8_t primary;  ///< the slot that was confirmed last
    uint32_t counter; ///< of the highest release that was confirmed
} sv_boot_state;

/// What lies in a slot.
typedef struct sv_boot_candidate {
    bool good;        ///< signed, for this device, undamaged, as far as was looked at
    uint32_t counter; ///< of its release
} sv_boot_candidate;

typedef struct sv_boot_choice {
    unsigned slot;       ///< or SV_BOOT_NO_SLOT
    bool trial;          ///< to be started only after `after` has been kept
    sv_boot_state after; ///< to be kept when it differs from what was remembered
} sv_boot_choice;

/// Which slot to start. `can_keep`: may `after` be kept? Where not, nothing that needs its tries
/// counted is started. [boot-8] [boot-9] [boot-10]
void sv_boot_choose(const sv_boot_state *state, const sv_boot_candidate slots[SV_BOOT_SLOTS],
                    bool can_keep, sv_boot_choice *out);

/// The slot is about to be written: nothing in it counts any more. False, and nothing changes, for
/// the primary slot while it is confirmed: it is what the device falls back to. [boot-11]
bool sv_boot_release(sv_boot_state *state, unsigned slot);
/// Start it at most `tries` (1 … SV_BOOT_TRIES_MAX) times. False like sv_boot_release. [boot-11]
bool sv_boot_arm(sv_boot_state *state, unsigned slot, unsigned tries);
/// It has proved itself, with a release of this counter. False unless it is on trial or confirmed.
/// [boot-11]
bool sv_boot_confirm(sv_boot_state *state, unsigned slot, uint32_t counter);
/// It is not to be started again. False like sv_boot_release. [boot-11]
bool sv_boot_fail(sv_boot_state *state, unsigned slot);

#endif
