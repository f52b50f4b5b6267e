// An offer, and its bytes on their way into the slot that does not run.
#include "engine_own.h"

#include <stdio.h>
#include <string.h>

/// The slot to write: never the one that runs, nor the one that is the way back.
static sv_err free_slot(const sv_engine *engine, const sv_boot_state *boot, unsigned *out,
                        sv_why *why) {
    unsigned running = SV_BOOT_NO_SLOT;
    SV_TRY(engine->boot->current(engine->boot->arg, &running, why));
    if (running < SV_BOOT_SLOTS && engine->unread.code != SV_OK
        && boot->slots[running].state != SV_BOOT_SLOT_CONFIRMED) {
        return sv_fail(why, SV_ERR_IO, "%s; what runs has not proved itself, and cannot until then",
                       engine->unread.text);
    }
    bool has_way_back =
        boot->primary < SV_BOOT_SLOTS && boot->slots[boot->primary].state == SV_BOOT_SLOT_CONFIRMED;
    unsigned kept = running < SV_BOOT_SLOTS ? running : has_way_back ? boot->primary : 1;
    if (has_way_back && kept != boot->primary) {
        return sv_fail(why, SV_ERR_STATE,
                       "slot %s runs and has not proved itself, and slot %s is the way back: "
                       "confirm or fail the trial first",
                       sv_slot_letter(kept), sv_slot_letter(boot->primary));
    }
    *out = 1 - kept;
    return SV_OK;
}

static sv_err judge_offer(const sv_engine *engine, const uint8_t *header, size_t len,
                          const sv_boot_state *boot, sv_boot_header *out, sv_why *why) {
    sv_boot_device device = engine->device;
    uint32_t floor = 0;
    SV_TRY(sv_engine_floor(engine, boot, &floor, why));
    device.counter = floor > device.counter ? floor : device.counter;
    sv_boot_verdict verdict = sv_boot_header_judge(header, len, engine->keys, &device, out);
    if (verdict == SV_BOOT_OLDER) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "%s %s has release counter %u, and %u was confirmed already: older releases "
                       "are not installed",
                       out->product, out->version, out->counter, device.counter);
    }
    if (verdict != SV_BOOT_GOOD) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "the image's boot header is refused: %s",
                       sv_boot_verdict_text(verdict));
    }
    if (sv_journal_is_bad(&engine->journal, out->digest)) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "%s %s was tried here and did not prove itself; install another release",
                       out->product, out->version);
    }
    return SV_OK;
}

sv_err engine_release_slot(sv_engine *engine, sv_why *why) {
    sv_trial *trial = &engine->journal.trial;
    if (sv_trial_next(trial) == SV_TRIAL_RELEASE) {
        engine_tell(engine, SV_TRIAL_RELEASE, 0);
        SV_TRY(engine->boot->release(engine->boot->arg, trial->slot, why));
        (void) sv_trial_released(trial);
        SV_TRY(engine_keep_state(engine, why));
    }
    return SV_OK;
}

sv_err engine_begin_writing(sv_engine *engine, sv_why *why) {
    const sv_trial *trial = &engine->journal.trial;
    if (!engine->writing) {
        SV_TRY(engine->installer->begin(engine->installer->arg, trial->slot,
                                        trial->release.image_bytes, why));
        engine->writing = true;
        engine->at = trial->written;
    }
    return SV_OK;
}

sv_err sv_engine_offer(sv_engine *engine, const uint8_t *header, size_t len, const char *encoding,
                       sv_why *why) {
    sv_boot_state boot;
    sv_boot_header said;
    sv_trial_release release;
    unsigned slot = 0;
    SV_TRY(engine->boot->state(engine->boot->arg, &boot, why));
    SV_TRY(judge_offer(engine, header, len, &boot, &said, why));
    SV_TRY(free_slot(engine, &boot, &slot, why));
    engine_release_of(&said, &release);
    release.action = engine->action;
    (void) snprintf(release.encoding, sizeof release.encoding, "%s", encoding);
    sv_journal before = engine->journal;
    if (!sv_trial_offer(&engine->journal.trial, &release, slot)) {
        return sv_fail(why, SV_ERR_STATE, "%s %s is on trial: confirm or fail it first",
                       before.trial.release.product, before.trial.release.version);
    }
    memcpy(engine->header, header, sizeof engine->header);
    engine->has_header = true;
    sv_err err = SV_OK;
    if (engine->journal.trial.state == SV_TRIAL_NOTIFIED) {
        // Whether it fits is asked before the slot is given up.
        engine->installer->end(engine->installer->arg);
        engine->writing = false;
        err = engine_begin_writing(engine, why);
        err = err != SV_OK || before.trial.state == SV_TRIAL_NOTIFIED
                  ? err
                  : engine_keep_state(engine, why);
    }
    if (err != SV_OK) {
        engine->journal = before;
        return err;
    }
    SV_TRY(engine_release_slot(engine, why));
    return engine->journal.trial.state == SV_TRIAL_DOWNLOADING ? engine_begin_writing(engine, why)
                                                               : SV_OK;
}

uint64_t sv_engine_wanted(const sv_engine *engine) {
    const sv_trial *trial = &engine->journal.trial;
    return sv_trial_next(trial) == SV_TRIAL_WRITE ? engine->at : trial->release.image_bytes;
}

static sv_err flush_and_note(sv_engine *engine, sv_why *why) {
    SV_TRY(engine->installer->flush(engine->installer->arg, why));
    (void) sv_trial_wrote(&engine->journal.trial, engine->at);
    return engine_keep(engine, why);
}

/// Are so many bytes wanted, and is the slot open?
static sv_err expect_bytes(sv_engine *engine, uint64_t bytes, sv_why *why) {
    const sv_trial *trial = &engine->journal.trial;
    if (sv_trial_next(trial) != SV_TRIAL_WRITE || !engine->has_header) {
        return sv_fail(why, SV_ERR_STATE, "no bytes are wanted now: the update is %s",
                       sv_trial_state_name((sv_trial_state) trial->state));
    }
    if (bytes > trial->release.image_bytes - engine->at) {
        return sv_fail(why, SV_ERR_INVALID, "more bytes than the image has");
    }
    return engine_begin_writing(engine, why);
}

/// They are in the slot: flushed and noted now and then, and at the end.
static sv_err advance(sv_engine *engine, uint64_t bytes, sv_why *why) {
    const sv_trial *trial = &engine->journal.trial;
    uint64_t flush_bytes =
        engine->flush_bytes == 0 ? (uint64_t) SV_ENGINE_FLUSH_BYTES : engine->flush_bytes;
    engine->at += bytes;
    engine_tell(engine, SV_TRIAL_WRITE, engine->at);
    return engine->at - trial->written >= flush_bytes || engine->at == trial->release.image_bytes
               ? flush_and_note(engine, why)
               : SV_OK;
}

sv_err sv_engine_write(sv_engine *engine, const uint8_t *bytes, size_t len, sv_why *why) {
    SV_TRY(expect_bytes(engine, len, why));
    SV_TRY(engine->installer->write(engine->installer->arg, engine->at, bytes, len, why));
    return advance(engine, len, why);
}

sv_err sv_engine_skip(sv_engine *engine, uint64_t bytes, sv_why *why) {
    SV_TRY(expect_bytes(engine, bytes, why));
    return advance(engine, bytes, why);
}

sv_err sv_engine_there(sv_engine *engine, uint64_t at, uint8_t *out, size_t bytes, sv_why *why) {
    uint64_t image_bytes = engine->journal.trial.release.image_bytes;
    SV_TRY(expect_bytes(engine, 0, why));
    if (at > image_bytes || bytes > image_bytes - at) {
        return sv_fail(why, SV_ERR_INVALID, "the image has no such bytes");
    }
    return engine->installer->read(engine->installer->arg, at, out, bytes, why);
}
