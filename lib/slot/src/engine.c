#include <slot/engine.h>
#include <slot/twin.h>
#include <stdio.h>
#include <string.h>

_Static_assert((size_t) SV_JOURNAL_BYTES <= (size_t) SV_TWIN_PAYLOAD_MAX, "a journal fits");

static sv_twin journal_of(const sv_engine *engine) {
    return (sv_twin){
        .disk = engine->disk, .name = "journal", .kind = "SvJn", .bytes = SV_JOURNAL_BYTES
    };
}

static sv_err keep(const sv_engine *engine, sv_why *why) {
    const sv_twin twin = journal_of(engine);
    uint8_t bytes[SV_JOURNAL_BYTES];
    sv_journal_write(&engine->journal, bytes);
    return sv_twin_write(&twin, bytes, why);
}

/// Its state is another one than before: to be reported.
static sv_err keep_state(sv_engine *engine, sv_why *why) {
    sv_journal_note(&engine->journal);
    return keep(engine, why);
}

static void tell(const sv_engine *engine, sv_trial_act act, uint64_t done) {
    if (engine->tell != NULL) {
        engine->tell(engine->tell_arg, act, done, engine->journal.trial.release.image_bytes);
    }
}

sv_err sv_engine_read(sv_engine *engine, sv_why *why) {
    const sv_twin twin = journal_of(engine);
    uint8_t bytes[SV_JOURNAL_BYTES];
    sv_why fault = { 0 };
    engine->journal = (sv_journal){ 0 };
    sv_err err = sv_twin_read(&twin, bytes, &fault);
    if (err == SV_OK) {
        err = sv_journal_read(bytes, &engine->journal, &fault);
    }
    engine->journal_damaged = err == SV_ERR_INVALID;
    return err == SV_OK || err == SV_ERR_NOT_FOUND || err == SV_ERR_INVALID
               ? SV_OK
               : sv_fail(why, err, "%s", fault.text);
}

static void release_of(const sv_boot_header *header, sv_trial_release *out) {
    *out = (sv_trial_release){ .image_bytes = header->image_bytes, .counter = header->counter };
    memcpy(out->digest, header->digest, sizeof out->digest);
    memcpy(out->product, header->product, sizeof out->product);
    memcpy(out->version, header->version, sizeof out->version);
}

/// The release in a slot, as its header says. False: no header that counts.
static sv_err release_in(const sv_engine *engine, unsigned slot, sv_trial_release *out, bool *found,
                         sv_why *why) {
    uint8_t bytes[SV_BOOT_HEADER_BYTES];
    sv_boot_header header;
    const sv_boot_device anybody = { .counter = 0 };
    *found = false;
    if (slot < SV_BOOT_SLOTS) {
        SV_TRY(engine->installer->header(engine->installer->arg, slot, bytes, why));
        *found = sv_boot_header_judge(bytes, sizeof bytes, engine->keys, &anybody, &header)
                 == SV_BOOT_GOOD;
        if (*found) {
            release_of(&header, out);
        }
    }
    return SV_OK;
}

/// The boot control is changed first, the journal after it: cut between the two, the next wake
/// reads the one off the other.
static sv_err settle_verdict(sv_engine *engine, sv_why *why) {
    sv_trial *trial = &engine->journal.trial;
    sv_trial_act act = sv_trial_next(trial);
    tell(engine, act, 0);
    if (act == SV_TRIAL_CONFIRM) {
        SV_TRY(engine->boot->confirm(engine->boot->arg, trial->slot, trial->release.counter, why));
        (void) sv_trial_confirmed(trial);
    } else if (act == SV_TRIAL_GIVE_UP) {
        SV_TRY(engine->boot->fail(engine->boot->arg, trial->slot, why));
        (void) sv_trial_given_up(trial);
    }
    return keep_state(engine, why);
}

sv_err sv_engine_wake(sv_engine *engine, sv_why *why) {
    sv_boot_state boot;
    unsigned running = SV_BOOT_NO_SLOT;
    sv_trial_release there;
    bool found = false;
    engine->installer->end(engine->installer->arg);
    engine->writing = false;
    engine->has_header = false;
    SV_TRY(sv_engine_read(engine, why));
    SV_TRY(engine->boot->state(engine->boot->arg, &boot, why));
    SV_TRY(engine->boot->current(engine->boot->arg, &running, why));
    SV_TRY(release_in(engine, running, &there, &found, why));
    sv_trial_state before = (sv_trial_state) engine->journal.trial.state;
    sv_trial_settle(&engine->journal.trial, &boot, running, found ? &there : NULL);
    engine->at = engine->journal.trial.written;
    if ((sv_trial_state) engine->journal.trial.state != before) {
        SV_TRY(keep_state(engine, why));
    }
    sv_trial_act act = sv_engine_next(engine);
    return act == SV_TRIAL_CONFIRM || act == SV_TRIAL_GIVE_UP ? settle_verdict(engine, why) : SV_OK;
}

sv_trial_act sv_engine_next(const sv_engine *engine) {
    return sv_trial_next(&engine->journal.trial);
}

/// The slot to write: never the one that runs, nor the one that is the way back.
static sv_err free_slot(const sv_engine *engine, const sv_boot_state *boot, unsigned *out,
                        sv_why *why) {
    unsigned running = SV_BOOT_NO_SLOT;
    SV_TRY(engine->boot->current(engine->boot->arg, &running, why));
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
    device.counter = boot->counter > device.counter ? boot->counter : device.counter;
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

/// From notified to being written; also after a cut between the two.
static sv_err release_slot(sv_engine *engine, sv_why *why) {
    sv_trial *trial = &engine->journal.trial;
    if (sv_trial_next(trial) == SV_TRIAL_RELEASE) {
        tell(engine, SV_TRIAL_RELEASE, 0);
        SV_TRY(engine->boot->release(engine->boot->arg, trial->slot, why));
        (void) sv_trial_released(trial);
        SV_TRY(keep_state(engine, why));
    }
    return SV_OK;
}

static sv_err begin_writing(sv_engine *engine, sv_why *why) {
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
    release_of(&said, &release);
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
        err = begin_writing(engine, why);
        err =
            err != SV_OK || before.trial.state == SV_TRIAL_NOTIFIED ? err : keep_state(engine, why);
    }
    if (err != SV_OK) {
        engine->journal = before;
        return err;
    }
    SV_TRY(release_slot(engine, why));
    return engine->journal.trial.state == SV_TRIAL_DOWNLOADING ? begin_writing(engine, why) : SV_OK;
}

uint64_t sv_engine_wanted(const sv_engine *engine) {
    const sv_trial *trial = &engine->journal.trial;
    return sv_trial_next(trial) == SV_TRIAL_WRITE ? engine->at : trial->release.image_bytes;
}

static sv_err flush_and_note(sv_engine *engine, sv_why *why) {
    SV_TRY(engine->installer->flush(engine->installer->arg, why));
    (void) sv_trial_wrote(&engine->journal.trial, engine->at);
    return keep(engine, why);
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
    return begin_writing(engine, why);
}

/// They are in the slot: flushed and noted now and then, and at the end.
static sv_err advance(sv_engine *engine, uint64_t bytes, sv_why *why) {
    const sv_trial *trial = &engine->journal.trial;
    uint64_t flush_bytes =
        engine->flush_bytes == 0 ? (uint64_t) SV_ENGINE_FLUSH_BYTES : engine->flush_bytes;
    engine->at += bytes;
    tell(engine, SV_TRIAL_WRITE, engine->at);
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

static sv_err seal(sv_engine *engine, sv_why *why) {
    tell(engine, SV_TRIAL_SEAL, 0);
    SV_TRY(begin_writing(engine, why));
    SV_TRY(engine->installer->seal(engine->installer->arg, engine->header, why));
    (void) sv_trial_sealed(&engine->journal.trial);
    return keep(engine, why);
}

static sv_err read_back(sv_engine *engine, sv_why *why) {
    tell(engine, SV_TRIAL_READ_BACK, 0);
    sv_why fault = { 0 };
    SV_TRY(begin_writing(engine, why));
    sv_err err = engine->installer->read_back(engine->installer->arg, engine->header, &fault);
    if (err != SV_OK && err != SV_ERR_UNTRUSTED) {
        return sv_fail(why, err, "%s", fault.text);
    }
    (void) sv_trial_was_read_back(&engine->journal.trial, err == SV_OK);
    engine->at = engine->journal.trial.written;
    SV_TRY(keep_state(engine, why));
    return err == SV_OK ? SV_OK : sv_fail(why, err, "%s", fault.text);
}

static sv_err arm(sv_engine *engine, sv_why *why) {
    const sv_trial *trial = &engine->journal.trial;
    tell(engine, SV_TRIAL_ARM, 0);
    SV_TRY(engine->boot->arm(engine->boot->arg, trial->slot, SV_TRIAL_TRIES, why));
    (void) sv_trial_armed(&engine->journal.trial);
    return keep_state(engine, why);
}

/// As long as the next act is one of these.
static sv_err install_step(sv_engine *engine, sv_trial_act act, sv_why *why) {
    switch ((int) act) {
    case SV_TRIAL_RELEASE:
        return release_slot(engine, why);
    case SV_TRIAL_SEAL:
        return seal(engine, why);
    case SV_TRIAL_READ_BACK:
        return read_back(engine, why);
    case SV_TRIAL_ARM:
        return arm(engine, why);
    default:
        return sv_fail(why, SV_ERR_STATE, "nothing can be installed now: the update is %s",
                       sv_trial_state_name((sv_trial_state) engine->journal.trial.state));
    }
}

sv_err sv_engine_install(sv_engine *engine, sv_why *why) {
    while (engine->journal.trial.state != SV_TRIAL_INSTALLED) {
        sv_trial_act act = sv_engine_next(engine);
        if (act != SV_TRIAL_ARM && !engine->has_header) {
            return sv_fail(why, SV_ERR_STATE, "its boot header is to be offered first");
        }
        SV_TRY(install_step(engine, act, why));
    }
    sv_engine_end(engine);
    return SV_OK;
}

sv_err sv_engine_fail(sv_engine *engine, const char *reason, sv_why *why) {
    if (!sv_trial_fail(&engine->journal.trial, reason)) {
        return sv_fail(why, SV_ERR_STATE, "no update is under way");
    }
    sv_engine_end(engine);
    return keep_state(engine, why);
}

sv_err sv_engine_rebooting(sv_engine *engine, sv_why *why) {
    if (!sv_trial_rebooting(&engine->journal.trial)) {
        return sv_fail(why, SV_ERR_STATE, "no update asks for a start");
    }
    return keep(engine, why);
}

sv_err sv_engine_health(sv_engine *engine, bool healthy, const char *reason, sv_why *why) {
    if (!sv_trial_judged(&engine->journal.trial, healthy, reason)) {
        return sv_fail(why, SV_ERR_STATE, "nothing is on trial: the update is %s",
                       sv_trial_state_name((sv_trial_state) engine->journal.trial.state));
    }
    return settle_verdict(engine, why);
}

sv_err sv_engine_delivered(sv_engine *engine, uint64_t number, sv_why *why) {
    sv_journal_delivered(&engine->journal, number);
    return keep(engine, why);
}

sv_err sv_engine_forgive(sv_engine *engine, const uint8_t digest[SV_BOOT_DIGEST_BYTES],
                         sv_why *why) {
    sv_journal_forget_bad(&engine->journal, digest);
    return keep(engine, why);
}

void sv_engine_end(sv_engine *engine) {
    engine->installer->end(engine->installer->arg);
    engine->writing = false;
}
