#include "slots.h"

#include <base/fd.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/log.h>

// ---- keys ---------------------------------------------------------------------------------------

static sv_err read_key(const char *path, sv_boot_key *out, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SV_BOOT_KEY_TEXT_MAX);
    SV_TRY(sv_disk_read(path, &text, why));
    return sv_boot_key_read((const uint8_t *) text.at, text.len, out)
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "'%s' is no public key of the curve P-256", path);
}

static sv_err read_keys(updater_slots *slots, const updater_config *config, sv_why *why) {
    sv_boot_key revoked;
    for (size_t i = 0; i < config->keys.count; i++) {
        SV_TRY(read_key(config->keys.at[i], &slots->trusted[i], why));
    }
    for (size_t i = 0; i < config->revoked.count; i++) {
        SV_TRY(read_key(config->revoked.at[i], &revoked, why));
        memcpy(slots->revoked[i], revoked.id, sizeof revoked.id);
    }
    slots->keys =
        (sv_boot_keys){ .trusted = slots->trusted,
                        .trusted_count = config->keys.count,
                        .revoked = (const uint8_t(*)[SV_BOOT_KEY_ID_BYTES]) slots->revoked,
                        .revoked_count = config->revoked.count };
    return SV_OK;
}

// ---- where the slots are ------------------------------------------------------------------------

/// A device's own name, behind links that udev made, and the folder it is in.
static sv_err find_device(const char *path, char folder[SV_PATH_MAX],
                          char name[SV_SLOT_NAME_MAX + 1], sv_why *why) {
    char real[PATH_MAX];
    const char *slash = realpath(path, real) != NULL ? strrchr(real, '/') : NULL;
    if (slash == NULL) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "there is no block device '%s': %s", path,
                       sv_errno_text(errno));
    }
    size_t len = (size_t) (slash - real);
    return sv_text_copy((sv_text){ .at = real, .len = len }, folder, SV_PATH_MAX) == SV_OK
                   && sv_text_copy(sv_text_of(slash + 1), name, SV_SLOT_NAME_MAX + 1) == SV_OK
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "the name of '%s' is too long", path);
}

static sv_err find_slots(updater_slots *slots, const updater_slots_config *config,
                         char folder[SV_PATH_MAX], sv_why *why) {
    char other[SV_PATH_MAX];
    if (config->dir[0] != '\0') {
        (void) snprintf(slots->names[0], sizeof slots->names[0], "slot-a");
        (void) snprintf(slots->names[1], sizeof slots->names[1], "slot-b");
        return sv_text_copy(sv_text_of(config->dir), folder, SV_PATH_MAX);
    }
    SV_TRY(find_device(config->a, folder, slots->names[0], why));
    SV_TRY(find_device(config->b, other, slots->names[1], why));
    if (strcmp(folder, other) != 0 || strcmp(slots->names[0], slots->names[1]) == 0) {
        return sv_fail(why, SV_ERR_INVALID,
                       "'%s' and '%s' are not two devices of one folder: they are '%s/%s' and "
                       "'%s/%s'",
                       config->a, config->b, folder, slots->names[0], other, slots->names[1]);
    }
    return SV_OK;
}

static void wire_boot(updater_slots *slots, const updater_boot_config *config, unsigned running) {
    slots->boot_file = (sv_boot_file){ .disk = slots->state, .running = running };
    switch (config->kind) {
    case UPDATER_BOOT_UBOOT:
        slots->boot_uboot = (sv_boot_uboot){ .config = config->path, .running = running };
        slots->boot = sv_boot_uboot_control(&slots->boot_uboot);
        return;
    case UPDATER_BOOT_SCRIPT:
        slots->boot_script = (sv_boot_script){ .program = config->path,
                                               .names = { config->a, config->b },
                                               .file = slots->boot_file };
        slots->boot = sv_boot_script_control(&slots->boot_script);
        return;
    case UPDATER_BOOT_FILE:
        break;
    }
    slots->boot = sv_boot_file_control(&slots->boot_file);
}

/// Images are bundles of RAUC's, and slots and boot loader its own. The connection is made here:
/// later it could not be.
static sv_err wire_rauc(updater_slots *slots, const updater_config *config, sv_why *why) {
    const char *const names[SV_BOOT_SLOTS] = { config->rauc[0], config->rauc[1] };
    slots->rauc = (sv_rauc){ .native = slots->native,
                             .bundles = { slots->bundles[0], slots->bundles[1] },
                             .file = { .disk = slots->state },
                             .watch = &slots->watch };
    slots->rauc.native.apart = true;
    slots->rauc.native.image_max = (uint64_t) config->room;
    for (size_t i = 0; i < SV_BOOT_SLOTS; i++) {
        SV_TRY(sv_disk_join(slots->bundles[i], sizeof slots->bundles[i], config->slots.dir,
                            slots->names[i]));
    }
    SV_TRY(sv_rauc_link_open(names, &slots->rauc_link, why));
    slots->rauc.bus = sv_rauc_link_bus(slots->rauc_link);
    slots->installer = sv_rauc_installer(&slots->rauc);
    slots->boot = sv_rauc_control(&slots->rauc);
    return SV_OK;
}

static sv_err read_version(const char *path, char out[SV_SWUPDATE_VERSION_ROOM], sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SV_SWUPDATE_RELEASE_MAX);
    SV_TRY(sv_disk_read(path, &text, why));
    sv_swupdate_version(sv_textbuf_text(&text), out);
    if (out[0] == '\0') {
        SV_LOG(warn, "updater.swupdate",
               "'%s' has no IMAGE_VERSION: nobody knows what runs, and no release proves itself",
               path);
    }
    return SV_OK;
}

/// Does a release prove itself in the slot that runs? Where the boot loader has gone back from it
/// already, what is missing is no reason to start again.
static bool is_proving(const updater_slots *slots) {
    sv_engine engine = { .disk = slots->state };
    unsigned running = SV_BOOT_NO_SLOT;
    return updater_slots_await_proof(slots) && sv_engine_read(&engine, NULL) == SV_OK
           && (slots->boot.current(slots->boot.arg, &running, NULL) != SV_OK
               || running == engine.journal.trial.slot);
}

/// Images are .swu, kept in the state folder until SWUpdate's daemon has written the slot by them.
/// Where a release is to prove itself the daemon has to answer. [swupdate-7]
static sv_err wire_swupdate(updater_slots *slots, const updater_config *config, sv_why *why) {
    sv_why fault = { 0 };
    slots->swupdate_link.placing.watch = &slots->watch;
    SV_TRY(sv_text_copy(sv_text_of(config->swupdate.sockets), slots->swupdate_link.folder,
                        sizeof slots->swupdate_link.folder));
    slots->swupdate_daemon = sv_swupdate_link_daemon(&slots->swupdate_link);
    slots->swupdate = (sv_swupdate){ .native = { .disk = slots->state,
                                                 .names = { "swu-a", "swu-b" },
                                                 .apart = true,
                                                 .image_max = (uint64_t) config->room,
                                                 .file = -1 },
                                     .daemon = &slots->swupdate_daemon,
                                     .selections = { config->swupdate.selections[0],
                                                     config->swupdate.selections[1] },
                                     .boot = &slots->boot,
                                     .disk = slots->native.disk,
                                     .names = { slots->names[0], slots->names[1] },
                                     .devices = slots->native.devices };
    SV_TRY(read_version(config->swupdate.release, slots->swupdate.version, why));
    slots->installer = sv_swupdate_installer(&slots->swupdate);
    sv_err err = sv_swupdate_probe(&slots->swupdate_link, &fault);
    if (err != SV_OK && !is_proving(slots)) {
        SV_LOG(warn, "updater.swupdate", "%s", fault.text);
        err = SV_OK;
    }
    return err == SV_OK ? SV_OK : sv_fail(why, err, "%s", fault.text);
}

static void tell_of_tree(void *arg, const char *sentence) {
    (void) arg;
    SV_LOG(warn, "updater.tree", "%s", sentence);
}

/// Images are archives of trees.
static sv_err wire_files(updater_slots *slots, const updater_config *config, unsigned *running,
                         sv_why *why) {
    slots->native.apart = true;
    slots->native.image_max = (uint64_t) config->room;
    slots->files = (sv_files){ .installer = &slots->installer,
                               .bytes_max = (uint64_t) config->room,
                               .tell = tell_of_tree,
                               .folder = -1 };
    slots->placer = sv_files_placer(&slots->files);
    slots->installer.placer = &slots->placer;
    SV_TRY(sv_files_open(&slots->files, config->slots.dir, why));
    return *running < SV_BOOT_SLOTS ? SV_OK : sv_files_current(&slots->files, running, why);
}

// ---- the counter in the TPM ---------------------------------------------------------------------

static sv_err tpm_read(void *arg, uint32_t *out, sv_why *why) {
    const updater_slots *slots = arg;
    return slots->tpm != NULL
               ? sv_tpm_counter_read(slots->tpm, out, why)
               : sv_fail(why, slots->tpm_fault.code,
                         slots->tpm_fault.code == SV_ERR_UNAVAILABLE
                             ? "%.300s. It is asked again; until it answers no release is taken"
                             : "%s",
                         slots->tpm_fault.text);
}

static sv_err tpm_raise(void *arg, uint32_t to, sv_why *why) {
    const updater_slots *slots = arg;
    return slots->tpm != NULL ? sv_tpm_counter_raise(slots->tpm, to, &slots->tpm_pace, why)
                              : sv_fail(why, slots->tpm_fault.code, "%s", slots->tpm_fault.text);
}

/// A TPM that does not do what is asked stops nothing but new releases. [updater-30]
static sv_err open_counter(updater_slots *slots, const updater_config *config) {
    char secret[SV_PATH_MAX];
    if (config->counter_index == 0) {
        return SV_OK;
    }
    SV_TRY(sv_disk_join(secret, sizeof secret, config->state, "tpm-counter"));
    sv_err err = sv_tpm_counter_open(config->counter_index, secret, &slots->tpm, &slots->tpm_fault);
    if (err == SV_OK && sv_tpm_counter_warning(slots->tpm)->code != SV_OK) {
        SV_LOG(warn, "updater.counter", "%s", sv_tpm_counter_warning(slots->tpm)->text);
    }
    slots->tpm_fault.code = err;
    slots->counter = (sv_counter){ .arg = slots, .read = tpm_read, .raise = tpm_raise };
    slots->engine.counter = &slots->counter;
    return SV_OK;
}

static sv_err wire(updater_slots *slots, const updater_config *config, unsigned running,
                   sv_why *why) {
    slots->native = (sv_native){ .disk = sv_slot_folder_disk(slots->slot_folder),
                                 .names = { slots->names[0], slots->names[1] },
                                 .devices = config->slots.dir[0] == '\0',
                                 .file = -1 };
    slots->installer = sv_native_installer(&slots->native);
    if (config->installer == UPDATER_FILES) {
        SV_TRY(wire_files(slots, config, &running, why));
    }
    wire_boot(slots, &config->boot, running);
    if (config->installer == UPDATER_RAUC) {
        SV_TRY(wire_rauc(slots, config, why));
    } else if (config->installer == UPDATER_SWUPDATE) {
        SV_TRY(wire_swupdate(slots, config, why));
    }
    slots->engine = (sv_engine){
        .disk = slots->state,
        .boot = &slots->boot,
        .installer = &slots->installer,
        .keys = &slots->keys,
        .device = { .product = config->product, .hardware = config->hardware, .slot = config->slot }
    };
    return SV_OK;
}

sv_err updater_slots_open(updater_slots *slots, const updater_config *config, unsigned running,
                          sv_why *why) {
    char folder[SV_PATH_MAX] = "";
    char lock[SV_PATH_MAX];
    *slots = (updater_slots){ .lock = -1, .files = { .folder = -1 } };
    SV_TRY(sv_disk_make_folder(config->state, 0700, why));
    SV_TRY(sv_slot_folder_open(config->state, &slots->state_folder, why));
    slots->state = sv_slot_folder_disk(slots->state_folder);
    SV_TRY(sv_disk_join(lock, sizeof lock, config->state, "lock"));
    SV_TRY(sv_disk_lock(lock, &slots->lock, why));
    SV_TRY(read_keys(slots, config, why));
    SV_TRY(find_slots(slots, &config->slots, folder, why));
    SV_TRY(sv_slot_folder_open(folder, &slots->slot_folder, why));
    SV_TRY(wire(slots, config, running, why));
    return open_counter(slots, config);
}

bool updater_slots_await_proof(const updater_slots *slots) {
    sv_engine engine = { .disk = slots->state };
    return slots->state != NULL && sv_engine_read(&engine, NULL) == SV_OK
           && (engine.journal.trial.state == SV_TRIAL_INSTALLED
               || engine.journal.trial.state == SV_TRIAL_TRIAL);
}

void updater_slots_tick(updater_slots *slots, void (*tick)(void *arg), void *arg) {
    slots->native.tick = tick;
    slots->native.tick_arg = arg;
    slots->rauc.native.tick = tick;
    slots->rauc.native.tick_arg = arg;
    slots->swupdate.native.tick = tick;
    slots->swupdate.native.tick_arg = arg;
    slots->watch.tick = tick;
    slots->watch.tick_arg = arg;
    slots->files.tick = tick;
    slots->files.tick_arg = arg;
    slots->tpm_pace = (sv_tpm_pace){ .tick = tick, .arg = arg };
}

sv_err updater_slots_choose(updater_slots *slots, unsigned *slot, sv_why *why) {
    return sv_files_start(&slots->files, &slots->boot_file, &slots->keys, &slots->engine.device,
                          slot, why);
}

void updater_slots_drop(updater_slots *slots) {
    if (slots->engine.installer != NULL) {
        sv_engine_end(&slots->engine);
    }
    sv_rauc_link_drop(&slots->rauc_link);
    sv_files_drop(&slots->files);
    sv_tpm_counter_drop(&slots->tpm);
    sv_slot_folder_drop(&slots->slot_folder);
    sv_slot_folder_drop(&slots->state_folder);
    sv_fd_drop(&slots->lock);
}

unsigned updater_running_slot(sv_text command_line) {
    const sv_text key = SV_TEXT("selvedge.slot=");
    sv_text rest = sv_text_trim(command_line);
    unsigned found = SV_BOOT_NO_SLOT;
    while (rest.len > 0) {
        sv_text word = sv_text_cut(&rest, ' ');
        if (sv_text_starts(word, key)) { // as for the kernel, the last one counts
            sv_text slot = { .at = word.at + key.len, .len = word.len - key.len };
            found = sv_text_is(slot, "a") ? 0 : sv_text_is(slot, "b") ? 1 : SV_BOOT_NO_SLOT;
        }
    }
    return found;
}
