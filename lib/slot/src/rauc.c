#include <base/little.h>
#include <slot/rauc.h>
#include <slot/twin.h>
#include <stdio.h>
#include <string.h>

// ---- which bundle lies in which slot ------------------------------------------------------------

/// Kept before RAUC is asked, and again when it is done: so it is known what runs after a cut too.
typedef enum note_state { NOTE_NONE, NOTE_BEGUN, NOTE_PLACED } note_state;

typedef struct note {
    uint8_t state;
    uint8_t bundle[SV_BOOT_DIGEST_BYTES];
    uint32_t count; ///< begun: of installations before; placed: with this one
    char at[SV_RAUC_TIME_ROOM];
    char digest[SV_RAUC_DIGEST_ROOM];
} note;

enum {
    STATE = 0,
    BUNDLE = 4,
    COUNT = BUNDLE + SV_BOOT_DIGEST_BYTES,
    AT = COUNT + 4,
    DIGEST = AT + SV_RAUC_TIME_ROOM,
    NOTE_BYTES = DIGEST + SV_RAUC_DIGEST_ROOM,
};

static sv_twin twin_of(const sv_rauc *rauc, unsigned slot) {
    static const char *const NAMES[SV_BOOT_SLOTS] = { "rauc-a", "rauc-b" };
    return (sv_twin){
        .disk = rauc->file.disk, .name = NAMES[slot], .kind = "SvRa", .bytes = NOTE_BYTES
    };
}

/// One that was never written, or of which nothing is left, says nothing.
static sv_err read_note(const sv_rauc *rauc, unsigned slot, note *out, sv_why *why) {
    const sv_twin twin = twin_of(rauc, slot);
    uint8_t bytes[NOTE_BYTES];
    sv_why fault = { 0 };
    *out = (note){ .state = NOTE_NONE };
    sv_err err = sv_twin_read(&twin, bytes, &fault);
    if (err == SV_ERR_NOT_FOUND || err == SV_ERR_INVALID) {
        return SV_OK;
    }
    if (err != SV_OK) {
        return sv_fail(why, err, "%s", fault.text);
    }
    out->state = bytes[STATE] <= NOTE_PLACED ? bytes[STATE] : (uint8_t) NOTE_NONE;
    out->count = (uint32_t) sv_little_get((const char *) bytes + COUNT, 4);
    memcpy(out->bundle, bytes + BUNDLE, sizeof out->bundle);
    memcpy(out->at, bytes + AT, sizeof out->at - 1);
    memcpy(out->digest, bytes + DIGEST, sizeof out->digest - 1);
    return SV_OK;
}

static sv_err keep_note(const sv_rauc *rauc, unsigned slot, const note *said, sv_why *why) {
    const sv_twin twin = twin_of(rauc, slot);
    uint8_t bytes[NOTE_BYTES] = { 0 };
    bytes[STATE] = said->state;
    sv_little_put(said->count, 4, (char *) bytes + COUNT);
    memcpy(bytes + BUNDLE, said->bundle, sizeof said->bundle);
    memcpy(bytes + AT, said->at, sizeof said->at);
    memcpy(bytes + DIGEST, said->digest, sizeof said->digest);
    return sv_twin_write(&twin, bytes, why);
}

/// Is what RAUC installed last in a slot what was noted? One that was begun, and of which nobody
/// saw the end, was the next installation.
static bool is_noted(const note *said, const sv_rauc_slot *slot) {
    switch ((note_state) said->state) {
    case NOTE_BEGUN:
        return slot->whole && slot->count == said->count + 1;
    case NOTE_PLACED:
        return slot->whole && slot->count == said->count && strcmp(slot->at, said->at) == 0
               && strcmp(slot->digest, said->digest) == 0;
    case NOTE_NONE:
        break;
    }
    return false;
}

/// RAUC says nothing of a slot in which it has installed something: where it has no statusfile it
/// knows of that until it starts again, and no longer. [rauc-9]
static bool is_forgotten(const note *said, const sv_rauc_slot *slot) {
    return said->state != NOTE_NONE && slot->count == 0 && slot->at[0] == '\0'
           && slot->digest[0] == '\0';
}

// ---- the installer ------------------------------------------------------------------------------

/// What runs is the bundle that is noted, or what the device was made with, if RAUC has installed
/// nothing there. Of the other slot nothing is said here: its header is that of what is to come.
static sv_err header(void *arg, unsigned slot, uint8_t out[SV_BOOT_HEADER_BYTES], sv_why *why) {
    sv_rauc *rauc = arg;
    sv_rauc_slot slots[SV_BOOT_SLOTS];
    note said;
    sv_boot_header read;
    const sv_installer staged = sv_native_installer(&rauc->native);
    SV_TRY(staged.header(staged.arg, slot, out, why));
    if (sv_boot_header_read(out, SV_BOOT_HEADER_BYTES, &read) != SV_BOOT_GOOD) {
        return SV_OK;
    }
    SV_TRY(rauc->bus->slots(rauc->bus->arg, slots, why));
    if (!slots[slot].booted) {
        return SV_OK;
    }
    SV_TRY(read_note(rauc, slot, &said, why));
    bool factory = said.state == NOTE_NONE && slots[slot].count == 0;
    bool ours =
        is_noted(&said, &slots[slot]) && memcmp(said.bundle, read.digest, sizeof said.bundle) == 0;
    if (!factory && !ours) {
        memset(out, 0, SV_BOOT_HEADER_BYTES);
    }
    return SV_OK;
}

/// RAUC says that it is done: is that slot another one than before?
static sv_err check_written(unsigned slot, const sv_rauc_slot *before, const sv_rauc_slot *after,
                            sv_why *why) {
    return after->whole && after->count != before->count
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID,
                         "RAUC has installed the bundle and does not say that slot %s was "
                         "written: is an image of its class in the bundle, and does RAUC's "
                         "system.conf have a statusfile or data-directory?",
                         sv_slot_letter(slot));
}

/// One whose end nobody saw lies there, and RAUC starts it next: to begin anew would call it, until
/// RAUC writes, something that nobody noted. Where the other slot starts next it is begun anew.
static sv_err is_placed(const sv_rauc *rauc, unsigned slot, const sv_boot_header *header,
                        const sv_rauc_slot *now, bool *out, sv_why *why) {
    unsigned primary = SV_BOOT_NO_SLOT;
    note said;
    SV_TRY(read_note(rauc, slot, &said, why));
    SV_TRY(rauc->bus->primary(rauc->bus->arg, &primary, why));
    *out = primary == slot && is_noted(&said, now)
           && memcmp(said.bundle, header->digest, sizeof said.bundle) == 0;
    return SV_OK;
}

/// What came of it is not ours. Where RAUC has made the slot active nevertheless (without a word of
/// what it wrote, or before its last handler failed), it is not started.
static sv_err disown(const sv_rauc *rauc, unsigned slot, sv_why *why) {
    const note none = { .state = NOTE_NONE };
    unsigned primary = SV_BOOT_NO_SLOT;
    SV_TRY(rauc->bus->primary(rauc->bus->arg, &primary, why));
    if (primary == slot) {
        SV_TRY(rauc->bus->mark(rauc->bus->arg, slot, SV_RAUC_BAD, why));
        SV_TRY(rauc->bus->mark(rauc->bus->arg, 1 - slot, SV_RAUC_ACTIVE, why));
    }
    return keep_note(rauc, slot, &none, why);
}

/// By RAUC; `after` is how its slots are then.
static sv_err install(const sv_rauc *rauc, unsigned slot, const sv_boot_header *header,
                      const sv_rauc_slot *before, sv_rauc_slot after[SV_BOOT_SLOTS], sv_why *why) {
    note said = { .state = NOTE_BEGUN, .count = before->count };
    memcpy(said.bundle, header->digest, sizeof said.bundle);
    SV_TRY(keep_note(rauc, slot, &said, why));
    SV_TRY(rauc->bus->install(rauc->bus->arg, rauc->bundles[slot], why));
    SV_TRY(rauc->bus->slots(rauc->bus->arg, after, why));
    return check_written(slot, before, &after[slot], why);
}

/// [rauc-1] [rauc-2]
static sv_err place(void *arg, unsigned slot, const sv_boot_header *header,
                    const sv_image_bytes *image, sv_why *why) {
    sv_rauc *rauc = arg;
    sv_rauc_slot before[SV_BOOT_SLOTS];
    sv_rauc_slot after[SV_BOOT_SLOTS];
    bool placed = false;
    sv_why fault = { 0 };
    SV_TRY(sv_placing_judge(header, image, "RAUC", "bundle", why));
    SV_TRY(rauc->bus->slots(rauc->bus->arg, before, why));
    if (before[slot].booted) {
        return sv_fail(why, SV_ERR_STATE, "RAUC says that slot %s runs: it is not written",
                       sv_slot_letter(slot));
    }
    SV_TRY(is_placed(rauc, slot, header, &before[slot], &placed, why));
    after[slot] = before[slot];
    sv_err err = placed ? SV_OK : install(rauc, slot, header, &before[slot], after, &fault);
    if (err == SV_ERR_UNTRUSTED || err == SV_ERR_INVALID) {
        SV_TRY(disown(rauc, slot, why));
    }
    if (err != SV_OK) {
        return sv_fail(why, err, "%s", fault.text);
    }
    note said = { .state = NOTE_PLACED, .count = after[slot].count };
    memcpy(said.bundle, header->digest, sizeof said.bundle);
    memcpy(said.at, after[slot].at, sizeof said.at);
    memcpy(said.digest, after[slot].digest, sizeof said.digest);
    return keep_note(rauc, slot, &said, why);
}

/// [rauc-4] [rauc-9]
static sv_err holds(void *arg, unsigned slot, const uint8_t digest[SV_BOOT_DIGEST_BYTES],
                    sv_why *why) {
    const sv_rauc *rauc = arg;
    sv_rauc_slot slots[SV_BOOT_SLOTS];
    note said;
    SV_TRY(rauc->bus->slots(rauc->bus->arg, slots, why));
    SV_TRY(read_note(rauc, slot, &said, why));
    bool same = memcmp(said.bundle, digest, sizeof said.bundle) == 0;
    if ((same && is_noted(&said, &slots[slot]))
        || (said.state == NOTE_NONE && slots[slot].count == 0)) { // gone back to, by hand
        return SV_OK;
    }
    return same && is_forgotten(&said, &slots[slot])
               ? sv_fail(why, SV_ERR_NOT_FOUND,
                         "RAUC does not remember what it installed in slot %s: its system.conf "
                         "needs a statusfile or data-directory",
                         sv_slot_letter(slot))
               : sv_fail(why, SV_ERR_UNTRUSTED, "somebody else has installed over it in slot %s",
                         sv_slot_letter(slot));
}

/// [rauc-6]
static sv_err check(void *arg, unsigned slot, const sv_boot_header *header, sv_why *why) {
    sv_rauc *rauc = arg;
    sv_rauc_slot slots[SV_BOOT_SLOTS];
    note said;
    SV_TRY(rauc->bus->slots(rauc->bus->arg, slots, why));
    SV_TRY(read_note(rauc, slot, &said, why));
    bool factory = said.state == NOTE_NONE && slots[slot].count == 0;
    bool ours = is_noted(&said, &slots[slot])
                && memcmp(said.bundle, header->digest, sizeof said.bundle) == 0;
    return (factory || ours) && slots[slot].good
               ? SV_OK
               : sv_fail(why, SV_ERR_UNTRUSTED,
                         "what RAUC has in slot %s is not %s %s any more, or is bad",
                         sv_slot_letter(slot), header->product, header->version);
}

sv_installer sv_rauc_installer(sv_rauc *rauc) {
    sv_installer installer = sv_native_installer(&rauc->native);
    rauc->placer = (sv_placer){ .arg = rauc, .place = place, .check = check, .holds = holds };
    rauc->bus->watch(rauc->bus->arg, rauc->watch);
    installer.arg = rauc; // its first member is what the others of the table take
    installer.header = header;
    installer.placer = &rauc->placer;
    return installer;
}

_Static_assert(offsetof(sv_rauc, native) == 0, "the table of `native` is lent");

// ---- boot control -------------------------------------------------------------------------------

static sv_err ask(void *arg, sv_boot_said *out, sv_why *why) {
    const sv_rauc *rauc = arg;
    sv_rauc_slot slots[SV_BOOT_SLOTS];
    *out = (sv_boot_said){ .running = SV_BOOT_NO_SLOT };
    SV_TRY(rauc->bus->slots(rauc->bus->arg, slots, why));
    SV_TRY(rauc->bus->primary(rauc->bus->arg, &out->primary, why));
    for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
        out->good[i] = slots[i].good;
        out->running = slots[i].booted ? i : out->running;
    }
    return SV_OK;
}

static sv_err set_good(void *arg, unsigned slot, bool good, sv_why *why) {
    const sv_rauc *rauc = arg;
    return rauc->bus->mark(rauc->bus->arg, slot, good ? SV_RAUC_GOOD : SV_RAUC_BAD, why);
}

static sv_err set_primary(void *arg, unsigned slot, sv_why *why) {
    const sv_rauc *rauc = arg;
    return rauc->bus->mark(rauc->bus->arg, slot, SV_RAUC_ACTIVE, why);
}

/// A bundle of ours, that RAUC has made primary before that was noted, is on trial. What the device
/// was made with, or somebody installed by hand, is what there is to go back to. [rauc-5]
static sv_err unnoted(void *arg, unsigned slot, sv_boot_slot *out, sv_why *why) {
    const sv_rauc *rauc = arg;
    sv_rauc_slot slots[SV_BOOT_SLOTS];
    note said;
    SV_TRY(rauc->bus->slots(rauc->bus->arg, slots, why));
    SV_TRY(read_note(rauc, slot, &said, why));
    bool ours = is_noted(&said, &slots[slot]) || is_forgotten(&said, &slots[slot]);
    *out = (sv_boot_slot){ .state = ours ? SV_BOOT_SLOT_TRIAL : SV_BOOT_SLOT_CONFIRMED };
    return SV_OK;
}

/// What was armed without being noted here was gone back to: the device was made with it.
static sv_err armed(void *arg, unsigned slot, bool *out, sv_why *why) {
    const sv_rauc *rauc = arg;
    sv_rauc_slot slots[SV_BOOT_SLOTS];
    note said;
    SV_TRY(rauc->bus->slots(rauc->bus->arg, slots, why));
    SV_TRY(read_note(rauc, slot, &said, why));
    *out = is_noted(&said, &slots[slot]) || is_forgotten(&said, &slots[slot])
           || (said.state == NOTE_NONE && slots[slot].count == 0);
    return SV_OK;
}

static sv_err current(void *arg, unsigned *slot, sv_why *why) {
    sv_boot_said said;
    SV_TRY(ask(arg, &said, why));
    *slot = said.running;
    return SV_OK;
}

sv_boot_control sv_rauc_control(sv_rauc *rauc) {
    rauc->verbs = (sv_boot_verbs){ .arg = rauc,
                                   .file = &rauc->file,
                                   .current = current,
                                   .ask = ask,
                                   .set_good = set_good,
                                   .set_primary = set_primary,
                                   .unnoted = unnoted,
                                   .armed = armed,
                                   .spoils_itself = true };
    return sv_boot_verbs_control(&rauc->verbs);
}
