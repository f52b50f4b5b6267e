#include "firmware_slots.h"
#include <base/fd.h>
#include <base/mem.h>
#include <crypto/key_store.h>
#include <crypto/p256.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { JUDGE_BYTES = 64 * 1024, MIB = 1024 * 1024, JSON_MAX = 8192 };

static void say_power(const firmware_power *power) {
    if (power->gone) {
        (void) fprintf(stderr,
                       "the power is gone at event %" PRIu64
                       ": of what was not flushed %u kept, %u "
                       "lost, %u torn%s\n",
                       power->events, power->kept, power->lost, power->torn,
                       power->broken ? " (and some of it could not be taken back)" : "");
    }
}

static void tell(void *arg, sv_trial_act act, uint64_t done, uint64_t all) {
    static const char *const STEPS[SV_TRIAL_ACT__COUNT] = {
        [SV_TRIAL_RELEASE] = "give up slot %s: nothing in it counts any more",
        [SV_TRIAL_WRITE] = "write the image to slot %s",
        [SV_TRIAL_SEAL] = "write the boot header of slot %s behind it",
        [SV_TRIAL_READ_BACK] = "read slot %s back",
        [SV_TRIAL_ARM] = "arm slot %s: the next start is its, on trial",
        [SV_TRIAL_CONFIRM] = "confirm slot %s, and raise the release counter",
        [SV_TRIAL_GIVE_UP] = "slot %s is bad: it is not started again",
    };
    firmware_slots *slots = arg;
    if (act != slots->told && STEPS[act] != NULL) {
        update_progress_end(&slots->progress);
        const char *slot = sv_slot_letter(slots->engine.journal.trial.slot);
        const char *mark = strstr(STEPS[act], "%s");
        (void) fprintf(stderr, "%.*s%s%s\n", (int) (mark - STEPS[act]), STEPS[act], slot, mark + 2);
        update_progress_begin(&slots->progress, slots->dir);
        slots->told = act;
    }
    update_progress_tell(&slots->progress, done, all);
}

static sv_err add_key(firmware_keys *keys, const uint8_t *bytes, size_t len, bool *taken,
                      sv_why *why) {
    sv_boot_key key;
    *taken = sv_boot_key_read(bytes, len, &key);
    if (*taken && keys->count == SV_BOOT_KEYS_MAX) {
        return sv_fail(why, SV_ERR_NO_SPACE, "more than %d keys are trusted", SV_BOOT_KEYS_MAX);
    }
    if (*taken) {
        keys->keys[keys->count++] = key;
    }
    return SV_OK;
}

static sv_err add_key_file(firmware_keys *keys, const char *path, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SV_KEY_FILE_MAX);
    bool taken = false;
    if (keys->file_count == SV_BOOT_KEYS_MAX) {
        return sv_fail(why, SV_ERR_NO_SPACE, "more than %d keys are trusted", SV_BOOT_KEYS_MAX);
    }
    SV_TRY(sv_disk_read(path, &text, why));
    SV_TRY(add_key(keys, (const uint8_t *) text.at, text.len, &taken, why));
    (void) snprintf(keys->files[keys->file_count++], SV_PATH_MAX, "%s", path);
    return SV_OK;
}

static int is_shown(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

/// All files of DIR/keys, by name.
static sv_err read_keys(firmware_slots *slots, sv_why *why) {
    char folder[SV_PATH_MAX];
    char path[SV_PATH_MAX];
    struct dirent **names = NULL;
    SV_TRY(sv_disk_join(folder, sizeof folder, slots->dir, "keys"));
    int count = scandir(folder, &names, is_shown, alphasort);
    sv_err err = SV_OK;
    for (int i = 0; i < count; i++) {
        if (err == SV_OK) {
            err = sv_disk_join(path, sizeof path, folder, names[i]->d_name);
        }
        if (err == SV_OK) {
            err = add_key_file(&slots->keys, path, why);
        }
        free(names[i]);
    }
    free(names);
    return err;
}

/// A key that is named on the command line is kept where none is trusted yet; otherwise it has to
/// be one of those.
static sv_err trust(firmware_slots *slots, const char *key, sv_why *why) {
    char path[SV_PATH_MAX];
    SV_DEFER(sv_textbuf_drop) sv_textbuf given = SV_TEXTBUF_HEAP(SV_KEY_FILE_MAX);
    SV_TRY(sv_disk_read(key, &given, why));
    for (size_t i = 0; i < slots->keys.file_count; i++) {
        SV_DEFER(sv_textbuf_drop) sv_textbuf known = SV_TEXTBUF_HEAP(SV_KEY_FILE_MAX);
        SV_TRY(sv_disk_read(slots->keys.files[i], &known, why));
        if (sv_text_eq(sv_textbuf_text(&given), sv_textbuf_text(&known))) {
            return SV_OK;
        }
    }
    SV_TRY(sv_disk_join(path, sizeof path, slots->dir, "keys"));
    if (slots->keys.file_count > 0) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "'%s' trusts other keys than '%s'; put it there if it is to count", path,
                       key);
    }
    SV_TRY(sv_disk_make_folder(path, 0755, why));
    SV_TRY(sv_disk_join(path, sizeof path, slots->dir, "keys/given.pub"));
    SV_TRY(sv_disk_replace(path, sv_textbuf_text(&given), 0644, why));
    (void) fprintf(stderr, "%s trusts this key from now on: %s\n", slots->dir, path);
    return add_key_file(&slots->keys, path, why);
}

static sv_err own_key_path(const firmware_slots *slots, char out[SV_PATH_MAX]) {
    return sv_disk_join(out, SV_PATH_MAX, slots->dir, "try.key");
}

static sv_err trust_own(firmware_slots *slots, struct evp_pkey_st *key, sv_why *why) {
    uint8_t spki[SV_P256_SPKI_BYTES];
    bool taken = false;
    SV_TRY(sv_p256_spki(key, spki, why));
    return add_key(&slots->keys, spki, sizeof spki, &taken, why);
}

/// What DIR/keys has counts for installing; the folder's own key for what it has signed before.
static sv_err gather_keys(firmware_slots *slots, const char *key, sv_why *why) {
    firmware_keys *keys = &slots->keys;
    char own[SV_PATH_MAX];
    SV_TRY(read_keys(slots, why));
    if (key != NULL) {
        SV_TRY(trust(slots, key, why));
    }
    size_t given = keys->count;
    SV_TRY(own_key_path(slots, own));
    if (sv_disk_exists(own)) {
        SV_DEFER(sv_key_drop) struct evp_pkey_st *open = NULL;
        SV_TRY(sv_key_open(own, &open, why));
        SV_TRY(trust_own(slots, open, why));
    }
    keys->starting = (sv_boot_keys){ .trusted = keys->keys, .trusted_count = keys->count };
    keys->installing = (sv_boot_keys){ .trusted = keys->keys, .trusted_count = given };
    return SV_OK;
}

sv_err firmware_slots_own_key(firmware_slots *slots, struct evp_pkey_st **out, sv_why *why) {
    firmware_keys *keys = &slots->keys;
    char own[SV_PATH_MAX];
    SV_TRY(own_key_path(slots, own));
    if (sv_disk_exists(own)) {
        SV_TRY(sv_key_open(own, out, why));
    } else {
        SV_TRY(sv_key_make(own, SV_KEY_EC, out, why));
        SV_TRY(trust_own(slots, *out, why));
        (void) fprintf(
            stderr,
            slots->keys.file_count > 0
                ? "%s: what its keys have signed gets a boot header by a key made here, %s\n"
                : "no key is trusted in %s: one was made for it, %s\n",
            slots->dir, own);
    }
    keys->starting.trusted_count = keys->count;
    keys->installing = keys->starting;
    return SV_OK;
}

static void wire(firmware_slots *slots) {
    const sv_slot_disk *disk = &slots->power.disk;
    slots->boot_file = (sv_boot_file){ .disk = disk, .running = SV_BOOT_NO_SLOT };
    slots->boot = sv_boot_file_control(&slots->boot_file);
    slots->native = (sv_native){ .disk = disk, .names = { "slot-a", "slot-b" }, .file = -1 };
    slots->installer = sv_native_installer(&slots->native);
    slots->engine = (sv_engine){ .disk = disk,
                                 .boot = &slots->boot,
                                 .installer = &slots->installer,
                                 .keys = &slots->keys.installing,
                                 .tell = tell,
                                 .tell_arg = slots };
}

sv_err firmware_slots_open(firmware_slots *slots, const char *dir, bool make, const char *key,
                           uint64_t cut_after, uint64_t seed, sv_why *why) {
    char lock[SV_PATH_MAX];
    *slots = (firmware_slots){ .dir = dir, .lock = -1, .told = SV_TRIAL_WAIT };
    if (!make && !sv_disk_exists(dir)) {
        return sv_fail(
            why, SV_ERR_NOT_FOUND,
            "there is no folder '%s'; `selvedge firmware install IMAGE --slots %s` makes "
            "it",
            dir, dir);
    }
    SV_TRY(sv_disk_make_folder(dir, 0755, why));
    SV_TRY(sv_slot_folder_open(dir, &slots->folder, why));
    SV_TRY(sv_disk_join(lock, sizeof lock, dir, "lock"));
    SV_TRY(sv_disk_lock(lock, &slots->lock, why));
    SV_TRY(gather_keys(slots, key, why));
    firmware_power_begin(&slots->power, sv_slot_folder_disk(slots->folder), cut_after, seed);
    wire(slots);
    return SV_OK;
}

void firmware_slots_drop(firmware_slots *slots) {
    update_progress_end(&slots->progress);
    firmware_power_drop(&slots->power);
    sv_slot_folder_drop(&slots->folder);
    sv_fd_drop(&slots->lock);
}

sv_err firmware_slots_make(firmware_slots *slots, uint64_t image_bytes, sv_why *why) {
    // A quarter more, so that the next release may be larger.
    uint64_t bytes = image_bytes + image_bytes / 4 + SV_BOOT_TRAILER_BYTES;
    bytes = (bytes + MIB - 1) / MIB * MIB;
    for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
        SV_TRY(sv_native_make(&slots->power.disk, slots->native.names[i], bytes, why));
    }
    return SV_OK;
}

/// A slot as a boot loader reads it: past the storage that may lose power.
typedef struct slot_view {
    const sv_slot_disk *disk;
    int file;
    uint64_t bytes;
    uint8_t header[SV_BOOT_HEADER_BYTES];
    bool readable;
    sv_why *fault; ///< of the first byte that is not given back
} slot_view;

static bool is_good(const slot_view *view, sv_err err, const sv_why *why) {
    if (err != SV_OK && err != SV_ERR_NOT_FOUND && view->fault->code == SV_OK) {
        *view->fault = *why;
    }
    return err == SV_OK;
}

static bool view_read(void *arg, uint64_t offset, uint8_t *out, size_t len) {
    const slot_view *view = arg;
    sv_why why = { .code = SV_OK };
    sv_err err = view->disk->read(view->disk->arg, view->file, offset, out, len, &why);
    return is_good(view, err, &why);
}

static void view_open(slot_view *view, const sv_slot_disk *disk, const char *name, sv_why *fault) {
    *view = (slot_view){ .disk = disk, .file = -1, .fault = fault };
    sv_why why = { .code = SV_OK };
    view->readable =
        is_good(view, disk->open(disk->arg, name, 0, &view->file, &why), &why)
        && is_good(view, disk->length(disk->arg, view->file, &view->bytes, &why), &why)
        && view->bytes >= SV_BOOT_TRAILER_BYTES
        && view_read(view, view->bytes - SV_BOOT_TRAILER_BYTES, view->header, sizeof view->header);
}

static void view_close(const slot_view *view) {
    if (view->file >= 0) {
        view->disk->close(view->disk->arg, view->file);
    }
}

sv_err firmware_slots_next(firmware_slots *slots, bool can_keep, firmware_next *out, sv_why *why) {
    static uint8_t block[JUDGE_BYTES];
    const sv_slot_disk *disk = sv_slot_folder_disk(slots->folder);
    const sv_boot_file file = { .disk = disk };
    const sv_boot_device anybody = { .counter = 0 };
    slot_view views[SV_BOOT_SLOTS];
    sv_boot_place places[SV_BOOT_SLOTS];
    *out = (firmware_next){ .choice = { .slot = SV_BOOT_NO_SLOT } };
    SV_TRY(sv_boot_file_read(&file, &out->state, NULL, why));
    for (size_t i = 0; i < SV_BOOT_SLOTS; i++) {
        view_open(&views[i], disk, slots->native.names[i], &out->unread[i]);
        places[i] = (sv_boot_place){
            views[i].readable ? views[i].header : NULL,
            views[i].readable ? views[i].bytes - SV_BOOT_TRAILER_BYTES : 0,
            { &views[i], view_read },
        };
        out->has_header[i] =
            views[i].readable
            && sv_boot_header_judge(views[i].header, SV_BOOT_HEADER_BYTES, &slots->keys.starting,
                                    &anybody, &out->headers[i])
                   == SV_BOOT_GOOD;
    }
    sv_boot_pick(&out->state, places, &slots->keys.starting, &anybody, can_keep, block,
                 sizeof block, &out->choice);
    for (size_t i = 0; i < SV_BOOT_SLOTS; i++) {
        view_close(&views[i]);
    }
    return SV_OK;
}

static const char *state_name(const sv_boot_slot *slot) {
    static const char *const NAMES[] = { "idle", "trial", "confirmed", "bad" };
    return slot->state < SV_COUNT(NAMES) ? NAMES[slot->state] : "unknown";
}

static void show(const firmware_slots *slots, const firmware_next *next) {
    const sv_trial *trial = &slots->engine.journal.trial;
    for (size_t i = 0; i < SV_BOOT_SLOTS; i++) {
        const sv_boot_slot *slot = &next->state.slots[i];
        (void) printf("slot %s: %s", sv_slot_letter((unsigned) i), state_name(slot));
        if (slot->state == SV_BOOT_SLOT_TRIAL) {
            (void) printf(", %u %s left", slot->tries_left,
                          slot->tries_left == 1 ? "start" : "starts");
        }
        if (next->has_header[i]) {
            (void) printf(", %s %s (release counter %" PRIu32 ")", next->headers[i].product,
                          next->headers[i].version, next->headers[i].counter);
        } else if (next->unread[i].code == SV_OK) {
            (void) printf(", no signed image");
        }
        (void) printf("\n");
        if (next->unread[i].code != SV_OK) {
            (void) printf("        cannot be read: %s\n"
                          "        look after its disk (`dmesg`); the next update writes a slot "
                          "anew that does not run\n",
                          next->unread[i].text);
        }
    }
    (void) printf("update: %s%s%s\n", sv_trial_state_name((sv_trial_state) trial->state),
                  trial->why[0] != '\0' ? ", " : "", trial->why);
    if (next->choice.slot == SV_BOOT_NO_SLOT) {
        (void) printf("next start: nothing may be started\n");
    } else {
        (void) printf("next start: slot %s, %s %s%s\n", sv_slot_letter(next->choice.slot),
                      next->headers[next->choice.slot].product,
                      next->headers[next->choice.slot].version,
                      next->choice.trial ? ", on trial" : "");
    }
}

static void slot_json(const firmware_next *next, size_t i, sv_json_out *out) {
    sv_json_key(out, sv_slot_letter((unsigned) i));
    sv_json_open_object(out);
    sv_json_add_str(out, "state", state_name(&next->state.slots[i]));
    sv_json_add_int(out, "tries_left", next->state.slots[i].tries_left);
    if (next->has_header[i]) {
        sv_json_add_str(out, "product", next->headers[i].product);
        sv_json_add_str(out, "version", next->headers[i].version);
        sv_json_add_int(out, "counter", next->headers[i].counter);
    }
    if (next->unread[i].code != SV_OK) {
        sv_json_add_str(out, "unread", next->unread[i].text);
    }
    sv_json_close_object(out);
}

static void update_json(const sv_trial *trial, sv_json_out *out) {
    sv_json_key(out, "update");
    sv_json_open_object(out);
    sv_json_add_str(out, "state", sv_trial_state_name((sv_trial_state) trial->state));
    sv_json_add_str(out, "slot", sv_slot_letter(trial->slot));
    sv_json_add_str(out, "version", trial->release.version);
    sv_json_add_int(out, "counter", trial->release.counter);
    sv_json_add_int(out, "written", (int64_t) trial->written);
    sv_json_add_str(out, "why", trial->why);
    sv_json_close_object(out);
}

static void show_json(const firmware_slots *slots, const firmware_next *next, sv_textbuf *text) {
    sv_json_out out = SV_JSON_OUT(text);
    sv_json_open_object(&out);
    sv_json_key(&out, "slots");
    sv_json_open_object(&out);
    for (size_t i = 0; i < SV_BOOT_SLOTS; i++) {
        slot_json(next, i, &out);
    }
    sv_json_close_object(&out);
    sv_json_add_int(&out, "counter", next->state.counter);
    update_json(&slots->engine.journal.trial, &out);
    sv_json_key(&out, "next");
    sv_json_open_object(&out);
    sv_json_add_str(&out, "slot", sv_slot_letter(next->choice.slot));
    sv_json_add_bool(&out, "trial", next->choice.trial);
    sv_json_close_object(&out);
    sv_json_add_int(&out, "events", (int64_t) slots->power.events);
    sv_json_add_bool(&out, "power_cut", slots->power.gone);
    sv_json_close_object(&out);
}

sv_err firmware_slots_report(firmware_slots *slots, bool json, sv_why *why) {
    SV_DEFER(sv_mem_drop) firmware_next *next = sv_mem_new(sizeof *next);
    update_progress_end(&slots->progress);
    say_power(&slots->power);
    slots->engine.disk = sv_slot_folder_disk(slots->folder);
    SV_TRY(sv_engine_read(&slots->engine, why));
    SV_TRY(firmware_slots_next(slots, true, next, why));
    if (!json) {
        show(slots, next);
        return SV_OK;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(JSON_MAX);
    show_json(slots, next, &text);
    SV_TRY(sv_textbuf_end(&text));
    (void) printf("%s\n", text.at);
    return SV_OK;
}
