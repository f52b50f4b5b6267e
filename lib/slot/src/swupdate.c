#include <slot/swupdate.h>
#include <stdio.h>
#include <string.h>

void sv_swupdate_version(sv_text os_release, char out[SV_SWUPDATE_VERSION_ROOM]) {
    const sv_text key = SV_TEXT("IMAGE_VERSION=");
    out[0] = '\0';
    while (os_release.len > 0) {
        sv_text line = sv_text_trim(sv_text_cut(&os_release, '\n'));
        if (sv_text_starts(line, key)) { // as for a shell, the last one counts
            sv_text value = { .at = line.at + key.len, .len = line.len - key.len };
            bool quoted = value.len >= 2 && (value.at[0] == '"' || value.at[0] == '\'')
                          && value.at[value.len - 1] == value.at[0];
            value = quoted ? (sv_text){ .at = value.at + 1, .len = value.len - 2 } : value;
            (void) (sv_text_copy(value, out, SV_SWUPDATE_VERSION_ROOM) == SV_OK);
        }
    }
}

/// What runs is what it says it is, or nobody knows: SWUpdate keeps no account of its slots, and
/// somebody may have written one by hand. Of the other slot nothing is said here. [swupdate-6]
static sv_err header(void *arg, unsigned slot, uint8_t out[SV_BOOT_HEADER_BYTES], sv_why *why) {
    sv_swupdate *swupdate = arg;
    const sv_installer staged = sv_native_installer(&swupdate->native);
    unsigned running = SV_BOOT_NO_SLOT;
    sv_boot_header read;
    SV_TRY(staged.header(staged.arg, slot, out, why));
    if (sv_boot_header_read(out, SV_BOOT_HEADER_BYTES, &read) != SV_BOOT_GOOD) {
        return SV_OK;
    }
    SV_TRY(swupdate->boot->current(swupdate->boot->arg, &running, why));
    if (running == slot && strcmp(read.version, swupdate->version) != 0) {
        memset(out, 0, SV_BOOT_HEADER_BYTES);
    }
    return SV_OK;
}

// ---- what SWUpdate wrote ------------------------------------------------------------------------

/// A slot that is open, to be hashed.
typedef struct open_slot {
    const sv_swupdate *swupdate;
    int file;
} open_slot;

static sv_err read_slot(void *arg, uint64_t at, uint8_t *out, size_t bytes, sv_why *why) {
    const open_slot *slot = arg;
    const sv_native *native = &slot->swupdate->native;
    if (native->tick != NULL) {
        native->tick(native->tick_arg);
    }
    return slot->swupdate->disk->read(slot->swupdate->disk->arg, slot->file, at, out, bytes, why);
}

/// As it is in memory, where SWUpdate has judged and left it; flushed; as it is on the medium.
static sv_err compare(const open_slot *slot, const char *name, sv_why *why) {
    const sv_slot_disk *disk = slot->swupdate->disk;
    uint8_t memory[SV_BOOT_DIGEST_BYTES];
    uint8_t medium[SV_BOOT_DIGEST_BYTES];
    open_slot there = *slot;
    sv_image_bytes bytes = { .arg = &there, .read = read_slot };
    SV_TRY(disk->length(disk->arg, slot->file, &bytes.length, why));
    SV_TRY(sv_image_digest(&bytes, memory, why));
    SV_TRY(disk->sync(disk->arg, slot->file, why));
    SV_TRY(disk->forget(disk->arg, slot->file, why));
    SV_TRY(sv_image_digest(&bytes, medium, why));
    return memcmp(memory, medium, sizeof memory) == 0
               ? SV_OK
               : sv_fail(why, SV_ERR_UNTRUSTED,
                         "'%s' gives back other bytes than SWUpdate wrote to it", name);
}

/// SWUpdate neither flushes nor reads back. [swupdate-4]
static sv_err read_back(const sv_swupdate *swupdate, unsigned slot, sv_why *why) {
    open_slot there = { .swupdate = swupdate, .file = -1 };
    const char *name = swupdate->names[slot];
    SV_TRY(swupdate->disk->open(swupdate->disk->arg, name, swupdate->devices ? SV_SLOT_DEVICE : 0,
                                &there.file, why));
    sv_err err = compare(&there, name, why);
    swupdate->disk->close(swupdate->disk->arg, there.file);
    return err;
}

// ---- the placer ---------------------------------------------------------------------------------

/// Nothing in the slot counts while it is written, whatever somebody has made of that since.
static sv_err state_before(const sv_swupdate *swupdate, unsigned slot, sv_boot_state *out,
                           sv_why *why) {
    const sv_boot_control *boot = swupdate->boot;
    unsigned running = SV_BOOT_NO_SLOT;
    SV_TRY(boot->current(boot->arg, &running, why));
    if (running == slot) {
        return sv_fail(why, SV_ERR_STATE, "slot %s runs: it is not written", sv_slot_letter(slot));
    }
    SV_TRY(boot->state(boot->arg, out, why));
    if (out->slots[slot].state != SV_BOOT_SLOT_IDLE) {
        SV_TRY(boot->release(boot->arg, slot, why));
        SV_TRY(boot->state(boot->arg, out, why));
    }
    return SV_OK;
}

/// What starts next is not changed by an installation; where it is, that is undone when the update
/// has failed. [swupdate-5]
static sv_err check_state(const sv_swupdate *swupdate, const sv_boot_state *before, sv_why *why) {
    sv_boot_state after;
    SV_TRY(swupdate->boot->state(swupdate->boot->arg, &after, why));
    bool same = memcmp(after.slots, before->slots, sizeof after.slots) == 0
                && after.primary == before->primary && after.counter == before->counter;
    return same ? SV_OK
                : sv_fail(why, SV_ERR_UNTRUSTED,
                          "the installation has changed which slot starts: take selvedge_… out of "
                          "the bootenv and scripts of the .swu, or start swupdate with -B none");
}

/// [swupdate-3]
static sv_err place(void *arg, unsigned slot, const sv_boot_header *said,
                    const sv_image_bytes *image, sv_why *why) {
    const sv_swupdate *swupdate = arg;
    sv_boot_state before;
    char mark[SV_BOOT_DIGEST_BYTES * 2 + 16];
    size_t len = (size_t) snprintf(mark, sizeof mark, "selvedge ");
    SV_TRY(sv_placing_judge(said, image, "SWUpdate", "image", why));
    SV_TRY(state_before(swupdate, slot, &before, why));
    for (size_t i = 0; i < SV_BOOT_DIGEST_BYTES; i++) {
        len += (size_t) snprintf(mark + len, sizeof mark - len, "%02x", said->digest[i]);
    }
    SV_TRY(swupdate->daemon->install(swupdate->daemon->arg, swupdate->selections[slot], mark, image,
                                     why));
    SV_TRY(check_state(swupdate, &before, why));
    return read_back(swupdate, slot, why);
}

/// Its system may have written to it: what it is, it says when it runs, on trial. [swupdate-8]
static sv_err check(void *arg, unsigned slot, const sv_boot_header *said, sv_why *why) {
    (void) arg;
    (void) slot;
    (void) said;
    (void) why;
    return SV_OK;
}

/// The header beside it says what was placed, and the system that runs, what it is. [swupdate-6]
static sv_err holds(void *arg, unsigned slot, const uint8_t digest[SV_BOOT_DIGEST_BYTES],
                    sv_why *why) {
    sv_swupdate *swupdate = arg;
    const sv_installer staged = sv_native_installer(&swupdate->native);
    unsigned running = SV_BOOT_NO_SLOT;
    uint8_t bytes[SV_BOOT_HEADER_BYTES];
    sv_boot_header said;
    SV_TRY(staged.header(staged.arg, slot, bytes, why));
    SV_TRY(swupdate->boot->current(swupdate->boot->arg, &running, why));
    if (sv_boot_header_read(bytes, sizeof bytes, &said) != SV_BOOT_GOOD
        || memcmp(said.digest, digest, sizeof said.digest) != 0) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "its boot header in slot %s is gone",
                       sv_slot_letter(slot));
    }
    if (running != slot || strcmp(said.version, swupdate->version) == 0) {
        return SV_OK;
    }
    return swupdate->version[0] == '\0'
               ? sv_fail(why, SV_ERR_NOT_FOUND,
                         "the system in slot %s says no IMAGE_VERSION in its os-release",
                         sv_slot_letter(slot))
               : sv_fail(why, SV_ERR_UNTRUSTED, "the system in slot %s says that it is %s, not %s",
                         sv_slot_letter(slot), swupdate->version, said.version);
}

sv_installer sv_swupdate_installer(sv_swupdate *swupdate) {
    sv_installer installer = sv_native_installer(&swupdate->native);
    swupdate->placer =
        (sv_placer){ .arg = swupdate, .place = place, .check = check, .holds = holds };
    installer.arg = swupdate; // its first member is what the others of the table take
    installer.header = header;
    installer.placer = &swupdate->placer;
    return installer;
}

_Static_assert(offsetof(sv_swupdate, native) == 0, "the table of `native` is lent");
