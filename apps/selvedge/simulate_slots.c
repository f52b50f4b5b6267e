#include "simulate_slots.h"

#include "firmware_slots.h"

#include <base/mem.h>
#include <stdio.h>
#include <string.h>

static void drop_slots(firmware_slots **slots) {
    if (*slots != NULL) {
        firmware_slots_drop(*slots);
        sv_mem_drop(slots);
    }
}

/// Without a word to the terminal.
static sv_err open_slots(const char *machine, bool make, firmware_slots **out, sv_why *why) {
    SV_DEFER(drop_slots) firmware_slots *slots = sv_mem_new(sizeof *slots);
    slots->lock = -1;
    SV_TRY(firmware_slots_open(slots, machine, make, NULL, 0, 0, why));
    slots->engine.tell = NULL;
    *out = slots;
    slots = NULL;
    return SV_OK;
}

static sv_err read_file(const char *folder, const char *name, sv_textbuf *out, sv_why *why) {
    char path[SV_PATH_MAX];
    SV_TRY(sv_disk_join(path, sizeof path, folder, name));
    return sv_disk_read(path, out, why);
}

/// The key that boot headers are signed with, where firmware_slots looks for it.
static sv_err trust_key(const char *machine, const char *folder, sv_why *why) {
    char keys[SV_PATH_MAX];
    char path[SV_PATH_MAX];
    SV_DEFER(sv_textbuf_drop) sv_textbuf key = SV_TEXTBUF_HEAP(SIM_FIRMWARE_IMAGE_MAX);
    SV_TRY(read_file(folder, SIM_FIRMWARE_KEY, &key, why));
    SV_TRY(sv_disk_join(keys, sizeof keys, machine, "keys"));
    SV_TRY(sv_disk_make_folder(keys, 0700, why));
    SV_TRY(sv_disk_join(path, sizeof path, keys, SIM_FIRMWARE_KEY));
    return sv_disk_replace(path, sv_textbuf_text(&key), 0600, why);
}

/// Keep what the boot loader chooses; the slot that starts.
static sv_err choose(firmware_slots *slots, unsigned *out, sv_why *why) {
    SV_DEFER(sv_mem_drop) firmware_next *next = sv_mem_new(sizeof *next);
    SV_TRY(firmware_slots_next(slots, true, next, why));
    if (next->choice.slot == SV_BOOT_NO_SLOT) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "nothing in %s may be started", slots->dir);
    }
    if (memcmp(next->choice.after.slots, next->state.slots, sizeof next->state.slots) != 0) {
        SV_TRY(sv_boot_file_keep(&slots->boot_file, &next->choice.after, why));
    }
    slots->boot_file.running = next->choice.slot;
    *out = next->choice.slot;
    return SV_OK;
}

static sv_err install(firmware_slots *slots, sv_text header, sv_text image, sv_why *why) {
    sv_engine *engine = &slots->engine;
    unsigned slot = 0;
    SV_TRY(firmware_slots_make(slots, image.len, why));
    SV_TRY(sv_engine_wake(engine, why));
    SV_TRY(sv_engine_offer(engine, (const uint8_t *) header.at, header.len, "", why));
    SV_TRY(sv_engine_write(engine, (const uint8_t *) image.at, image.len, why));
    SV_TRY(sv_engine_install(engine, why));
    SV_TRY(choose(slots, &slot, why));
    SV_TRY(sv_engine_wake(engine, why)); // as the only one there is it is confirmed
    return sv_engine_delivered(engine, engine->journal.report_next, why); // nobody's business
}

/// A release was confirmed there, which is the last thing that the factory does.
static sv_err is_made(const char *machine, bool *out, sv_why *why) {
    char path[SV_PATH_MAX];
    SV_TRY(sv_disk_join(path, sizeof path, machine, "boot-state"));
    *out = false;
    if (sv_disk_exists(path)) {
        SV_DEFER(drop_slots) firmware_slots *slots = NULL;
        sv_boot_state state;
        SV_TRY(open_slots(machine, false, &slots, why));
        SV_TRY(sv_boot_file_read(&slots->boot_file, &state, NULL, why));
        for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
            *out = *out || state.slots[i].state == SV_BOOT_SLOT_CONFIRMED;
        }
    }
    return SV_OK;
}

/// What a factory that was cut has left.
static sv_err clear(const char *machine, sv_why *why) {
    static const char *const NAMES[] = { "boot-state", "journal", "slot-a", "slot-b" };
    for (size_t i = 0; i < SV_COUNT(NAMES); i++) {
        char path[SV_PATH_MAX];
        SV_TRY(sv_disk_join(path, sizeof path, machine, NAMES[i]));
        SV_TRY(sv_disk_remove_tree(path, why));
    }
    return SV_OK;
}

sv_err sim_slots_prepare(const char *machine, const char *folder, sv_why *why) {
    bool made = false;
    SV_TRY(is_made(machine, &made, why));
    if (made) {
        return SV_OK;
    }
    SV_TRY(clear(machine, why));
    SV_DEFER(sv_textbuf_drop) sv_textbuf image = SV_TEXTBUF_HEAP(SIM_FIRMWARE_IMAGE_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf header = SV_TEXTBUF_HEAP(SIM_FIRMWARE_IMAGE_MAX);
    SV_DEFER(drop_slots) firmware_slots *slots = NULL;
    SV_TRY(read_file(folder, SIM_FIRMWARE_IMAGE, &image, why));
    SV_TRY(read_file(folder, SIM_FIRMWARE_HEADER, &header, why));
    SV_TRY(trust_key(machine, folder, why));
    SV_TRY(open_slots(machine, true, &slots, why));
    return install(slots, sv_textbuf_text(&header), sv_textbuf_text(&image), why);
}

static sv_err read_image(const firmware_slots *slots, unsigned slot, sim_image *out, sv_why *why) {
    char text[SIM_FIRMWARE_IMAGE_MAX];
    SV_DEFER(sv_slot_image_drop) sv_slot_image image = { 0 };
    SV_TRY(slots->installer.image(slots->installer.arg, slot, &image, why));
    if (image.bytes.length > sizeof text) {
        return sv_fail(why, SV_ERR_INVALID, "the image has more than %zu bytes", sizeof text);
    }
    size_t len = (size_t) image.bytes.length;
    SV_TRY(image.bytes.read(image.bytes.arg, 0, (uint8_t *) text, len, why));
    return sim_image_read((sv_text){ .at = text, .len = len }, out, why);
}

sv_err sim_slots_choose(const char *machine, unsigned *slot, sim_image *out, sv_why *why) {
    SV_DEFER(drop_slots) firmware_slots *slots = NULL;
    SV_TRY(open_slots(machine, false, &slots, why));
    SV_TRY(choose(slots, slot, why));
    return read_image(slots, *slot, out, why);
}
