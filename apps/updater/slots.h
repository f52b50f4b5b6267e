// The device's slots, its boot loader and what is remembered, opened as the configuration says:
// what lib/slot's engine works on.
#ifndef SV_UPDATER_SLOTS_H
#define SV_UPDATER_SLOTS_H

#include "config.h"

#include <crypto/tpm_counter.h>
#include <slot/engine.h>
#include <slot/files.h>
#include <slot/rauc.h>
#include <slot/swupdate.h>

typedef struct updater_slots {
    int lock; ///< one updater for a state folder
    sv_slot_folder *state_folder, *slot_folder;
    const sv_slot_disk *state; ///< the state folder
    sv_boot_key trusted[SV_BOOT_KEYS_MAX];
    uint8_t revoked[SV_BOOT_KEYS_MAX][SV_BOOT_KEY_ID_BYTES];
    sv_boot_keys keys;
    sv_boot_file boot_file;
    sv_boot_uboot boot_uboot;
    sv_boot_script boot_script;
    sv_boot_control boot;
    char names[2][SV_SLOT_NAME_MAX + 1]; ///< of the slots in their folder
    sv_native native;
    sv_installer installer;
    sv_rauc rauc;
    sv_rauc_link *rauc_link; ///< NULL: it is not RAUC's
    char bundles[SV_BOOT_SLOTS][SV_PATH_MAX];
    sv_swupdate swupdate;
    sv_swupdate_link swupdate_link;
    sv_swupdate_daemon swupdate_daemon;
    sv_placing_watch watch; ///< of an image that somebody else's program places
    sv_files files;
    sv_placer placer;
    sv_tpm_counter *tpm; ///< NULL: it is not asked for, or not there …
    sv_why tpm_fault;    ///< … for this reason
    sv_tpm_pace tpm_pace;
    sv_counter counter;
    sv_engine engine;
} updater_slots;

/// `running`: the slot that runs, SV_BOOT_NO_SLOT: nobody has said; a boot script knows by itself,
/// and of trees it is the one that the link leads to. It must not move until it is dropped.
sv_err updater_slots_open(updater_slots *slots, const updater_config *config, unsigned running,
                          sv_why *why);
void updater_slots_drop(updater_slots *slots);
/// Is a release armed or on trial, as the journal says? Also when the slots could not be opened.
bool updater_slots_await_proof(const updater_slots *slots);
/// Called before each piece of what takes long.
void updater_slots_tick(updater_slots *slots, void (*tick)(void *arg), void *arg);

/// With trees: what a boot loader is to slots. The one to start, behind the link from now on.
sv_err updater_slots_choose(updater_slots *slots, unsigned *slot, sv_why *why);

/// The slot that the kernel's command line names (`selvedge.slot=a`); SV_BOOT_NO_SLOT: none.
/// [updater-12]
unsigned updater_running_slot(sv_text command_line);

#endif
