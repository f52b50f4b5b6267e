#include <base/little.h>
#include <slot/boot_control.h>
#include <slot/twin.h>
#include <string.h>

// Payload: of each slot state and tries (1 byte each), primary, 3 zeros, u32 counter.

static sv_twin twin_of(const sv_boot_file *file) {
    return (sv_twin){
        .disk = file->disk, .name = "boot-state", .kind = "SvBs", .bytes = SV_BOOT_FILE_BYTES
    };
}

const char *sv_slot_letter(unsigned slot) {
    return slot == 0 ? "a" : slot == 1 ? "b" : "none";
}

sv_err sv_boot_file_read(const sv_boot_file *file, sv_boot_state *out, bool *damaged, sv_why *why) {
    const sv_twin twin = twin_of(file);
    uint8_t bytes[SV_BOOT_FILE_BYTES] = { 0 };
    sv_why fault = { 0 };
    sv_err err = sv_twin_read(&twin, bytes, &fault);
    if (err != SV_OK && err != SV_ERR_NOT_FOUND && err != SV_ERR_INVALID) {
        return sv_fail(why, err, "%s", fault.text);
    }
    if (damaged != NULL) {
        *damaged = err == SV_ERR_INVALID;
    }
    *out = (sv_boot_state){
        .slots = { { bytes[0], bytes[1] }, { bytes[2], bytes[3] } },
        .primary = bytes[4],
        .counter = (uint32_t) sv_little_get((const char *) bytes + 8, 4),
    };
    return SV_OK;
}

static void encode(const sv_boot_state *state, uint8_t out[SV_BOOT_FILE_BYTES]) {
    memset(out, 0, SV_BOOT_FILE_BYTES);
    for (size_t i = 0; i < SV_BOOT_SLOTS; i++) {
        out[2 * i] = state->slots[i].state;
        out[2 * i + 1] = state->slots[i].tries_left;
    }
    out[4] = state->primary;
    sv_little_put(state->counter, 4, (char *) out + 8);
}

sv_err sv_boot_file_flush(const sv_boot_file *file, sv_why *why) {
    const sv_twin twin = twin_of(file);
    return sv_twin_flush(&twin, why);
}

sv_err sv_boot_file_keep(sv_boot_file *file, const sv_boot_state *state, sv_why *why) {
    const sv_twin twin = twin_of(file);
    uint8_t bytes[SV_BOOT_FILE_BYTES];
    encode(state, bytes);
    return sv_twin_write(&twin, bytes, why);
}

static sv_err current(void *arg, unsigned *slot, sv_why *why) {
    const sv_boot_file *file = arg;
    (void) why;
    *slot = file->running;
    return SV_OK;
}

static sv_err read_state(void *arg, sv_boot_state *out, sv_why *why) {
    return sv_boot_file_read(arg, out, NULL, why);
}

static sv_err up(void *arg, sv_why *why) {
    return sv_boot_file_flush(arg, why);
}

/// Written only when it differs, and flushed: it may be what a write that failed has left.
static sv_err keep(sv_boot_file *file, bool allowed, const sv_boot_state *before,
                   const sv_boot_state *after, const char *what, unsigned slot, sv_why *why) {
    if (!allowed) {
        return sv_fail(why, SV_ERR_STATE, "slot %s cannot be %s: %s", sv_slot_letter(slot), what,
                       slot == before->primary
                           ? "it is the one that was confirmed last, the way back"
                           : "it is not on trial");
    }
    uint8_t was[SV_BOOT_FILE_BYTES];
    uint8_t is[SV_BOOT_FILE_BYTES];
    encode(before, was);
    encode(after, is);
    return memcmp(was, is, sizeof is) == 0 ? sv_boot_file_flush(file, why)
                                           : sv_boot_file_keep(file, after, why);
}

static sv_err release(void *arg, unsigned slot, sv_why *why) {
    sv_boot_state before;
    SV_TRY(read_state(arg, &before, why));
    sv_boot_state after = before;
    bool allowed = sv_boot_release(&after, slot);
    return keep(arg, allowed, &before, &after, "given up", slot, why);
}

static sv_err arm(void *arg, unsigned slot, unsigned tries, sv_why *why) {
    sv_boot_state before;
    SV_TRY(read_state(arg, &before, why));
    sv_boot_state after = before;
    bool allowed = sv_boot_arm(&after, slot, tries);
    return keep(arg, allowed, &before, &after, "armed", slot, why);
}

static sv_err confirm(void *arg, unsigned slot, uint32_t counter, sv_why *why) {
    sv_boot_state before;
    SV_TRY(read_state(arg, &before, why));
    sv_boot_state after = before;
    bool allowed = sv_boot_confirm(&after, slot, counter);
    return keep(arg, allowed, &before, &after, "confirmed", slot, why);
}

static sv_err fail(void *arg, unsigned slot, sv_why *why) {
    sv_boot_state before;
    SV_TRY(read_state(arg, &before, why));
    sv_boot_state after = before;
    bool allowed = sv_boot_fail(&after, slot);
    return keep(arg, allowed, &before, &after, "called bad", slot, why);
}

sv_boot_control sv_boot_file_control(sv_boot_file *file) {
    return (sv_boot_control){ .arg = file,
                              .current = current,
                              .state = read_state,
                              .up = up,
                              .release = release,
                              .arm = arm,
                              .confirm = confirm,
                              .fail = fail };
}
