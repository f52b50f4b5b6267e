// A folder with two slots for trying an update by hand, as a device has them: slot-a, slot-b,
// boot-state, journal; keys/ with the public keys that are trusted there, and try.key where there
// are none.
#ifndef SELVEDGE_FIRMWARE_SLOTS_H
#define SELVEDGE_FIRMWARE_SLOTS_H

#include "firmware_power.h"
#include "update_progress.h"
#include <boot/pick.h>
#include <codec/json.h>
#include <slot/engine.h>
#include <sys/disk.h>

struct evp_pkey_st; ///< OpenSSL's EVP_PKEY

/// Who is trusted there.
typedef struct firmware_keys {
    sv_boot_key keys[SV_BOOT_KEYS_MAX]; ///< that an image may be started with: also try.key's
    size_t count;
    sv_boot_keys starting;   ///< all of them
    sv_boot_keys installing; ///< those of keys/, or try.key's where there are none
    char files[SV_BOOT_KEYS_MAX][SV_PATH_MAX]; ///< of keys/, P-256 or not
    size_t file_count;
} firmware_keys;

typedef struct firmware_slots {
    const char *dir;
    int lock;
    sv_slot_folder *folder;
    firmware_power power;
    firmware_keys keys;
    sv_boot_file boot_file;
    sv_boot_control boot;
    sv_native native;
    sv_installer installer;
    sv_engine engine;
    update_progress progress;
    sv_trial_act told; ///< the step that was said last
} firmware_slots;

/// What would be started.
typedef struct firmware_next {
    sv_boot_state state;
    sv_boot_choice choice;
    sv_boot_header headers[SV_BOOT_SLOTS];
    bool has_header[SV_BOOT_SLOTS]; ///< signed by somebody who is trusted there
    sv_why unread[SV_BOOT_SLOTS];   ///< why a slot cannot be read; SV_OK: it can be
} firmware_next;

/// Made when it is absent, unless `make` is false: SV_ERR_NOT_FOUND then. `slots` must not move.
/// `key` is a public key that is to be trusted there, or NULL. `cut_after` 0: the power stays.
sv_err firmware_slots_open(firmware_slots *slots, const char *dir, bool make, const char *key,
                           uint64_t cut_after, uint64_t seed, sv_why *why);
void firmware_slots_drop(firmware_slots *slots);

/// Both slots are there, with room for an image of so many bytes when they are made now.
sv_err firmware_slots_make(firmware_slots *slots, uint64_t image_bytes, sv_why *why);

/// The key made for this folder; made now if need be.
sv_err firmware_slots_own_key(firmware_slots *slots, struct evp_pkey_st **out, sv_why *why);

/// By what lies in the files, whatever is remembered elsewhere. Changes nothing.
sv_err firmware_slots_next(firmware_slots *slots, bool can_keep, firmware_next *out, sv_why *why);

/// What lies there now and what would start, to stdout.
sv_err firmware_slots_report(firmware_slots *slots, bool json, sv_why *why);

#endif
