#include "updater.h"

#include <string.h>
#include <sys/log.h>

/// Why the release in the other slot cannot be started again; SV_OK: it can.
static sv_err check_other(const updater *u, unsigned slot, sv_why *why) {
    const updater_seen *seen = &u->seen;
    uint32_t floor = 0;
    const sv_updater_release *release = &seen->slots[slot];
    if (seen->boot.slots[slot].state != SV_BOOT_SLOT_CONFIRMED) {
        return sv_fail(why, SV_ERR_STATE,
                       "what lies in slot %s has not proved itself here, or is written over",
                       sv_slot_letter(slot));
    }
    if (seen->unread[slot].code != SV_OK) {
        return sv_fail(why, SV_ERR_IO, "slot %s cannot be read: %s", sv_slot_letter(slot),
                       seen->unread[slot].text);
    }
    if (!release->known) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "no release that was signed for this device lies in "
                       "slot %s",
                       sv_slot_letter(slot));
    }
    SV_TRY(sv_engine_floor(u->engine, &seen->boot, &floor, why));
    if (release->counter < floor) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "%s %s has release counter %u, and %u was confirmed: it is not started "
                       "again. Publish it anew with a counter that is not below that",
                       release->product, release->version, release->counter, floor);
    }
    return SV_OK;
}

/// The bytes that were signed, where they are kept.
static sv_err check_bytes(const updater *u, unsigned slot, sv_why *why) {
    SV_DEFER(sv_slot_image_drop) sv_slot_image image = { .disk = NULL };
    const sv_installer *installer = u->engine->installer;
    uint8_t digest[SV_TARGET_HASH_BYTES];
    const sv_updater_release *release = &u->seen.slots[slot];
    SV_TRY(installer->image(installer->arg, slot, &image, why));
    SV_TRY(sv_image_digest(&image.bytes, digest, why));
    return memcmp(digest, release->digest, sizeof digest) == 0
               ? SV_OK
               : sv_fail(why, SV_ERR_UNTRUSTED,
                         "what lies in slot %s is not %s %s any more: its bytes are others",
                         sv_slot_letter(slot), release->product, release->version);
}

/// And what was made of them.
static sv_err check_image(const updater *u, unsigned slot, sv_why *why) {
    const sv_installer *installer = u->engine->installer;
    const sv_placer *placer = installer->placer;
    uint8_t bytes[SV_BOOT_HEADER_BYTES];
    sv_boot_header said;
    if (placer == NULL || placer->keeps_image) {
        SV_TRY(check_bytes(u, slot, why));
    }
    if (placer == NULL) {
        return SV_OK;
    }
    SV_TRY(installer->header(installer->arg, slot, bytes, why));
    return sv_boot_header_read(bytes, sizeof bytes, &said) == SV_BOOT_GOOD
               ? placer->check(placer->arg, slot, &said, why)
               : sv_fail(why, SV_ERR_UNTRUSTED, "the header in slot %s is gone",
                         sv_slot_letter(slot));
}

sv_err updater_back(updater *u, sv_why *why) {
    const updater_seen *seen = &u->seen;
    const sv_trial *trial = &u->engine->journal.trial;
    const sv_boot_control *boot = u->engine->boot;
    if (trial->state == SV_TRIAL_TRIAL) { // the other one is the way back: it is given up
        SV_TRY(sv_engine_health(u->engine, false, "somebody wants the release before", why));
        u->health_until_us = 0;
        return SV_OK;
    }
    if (seen->running >= SV_BOOT_SLOTS) {
        return sv_fail(why, SV_ERR_STATE, "nobody knows which slot runs");
    }
    unsigned other = 1 - seen->running;
    if (trial->state >= SV_TRIAL_NOTIFIED && trial->state <= SV_TRIAL_INSTALLED) {
        return sv_fail(why, SV_ERR_STATE,
                       "%s %s is on its way into slot %s: there is no release "
                       "before any more",
                       trial->release.product, trial->release.version, sv_slot_letter(other));
    }
    SV_TRY(check_other(u, other, why));
    SV_TRY(check_image(u, other, why));
    SV_TRY(boot->arm(boot->arg, other, SV_TRIAL_TRIES, why));
    SV_LOG(info, "updater.back", "slot %s, %s %s, is started again, on trial",
           sv_slot_letter(other), seen->slots[other].product, seen->slots[other].version);
    return SV_OK;
}
