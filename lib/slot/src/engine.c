#include "engine_own.h"

#include <slot/twin.h>
#include <string.h>

_Static_assert((size_t) SV_JOURNAL_BYTES <= (size_t) SV_TWIN_PAYLOAD_MAX, "a journal fits");

static sv_twin journal_of(const sv_engine *engine) {
    return (sv_twin){
        .disk = engine->disk, .name = "journal", .kind = "SvJn", .bytes = SV_JOURNAL_BYTES
    };
}

sv_err engine_keep(const sv_engine *engine, sv_why *why) {
    const sv_twin twin = journal_of(engine);
    uint8_t bytes[SV_JOURNAL_BYTES];
    sv_journal_write(&engine->journal, bytes);
    return sv_twin_write(&twin, bytes, why);
}

sv_err engine_keep_state(sv_engine *engine, sv_why *why) {
    sv_journal_note(&engine->journal);
    SV_TRY(engine_keep(engine, why));
    if (engine->noted != NULL) {
        engine->noted(engine->noted_arg,
                      &engine->journal.reports[engine->journal.report_count - 1]);
    }
    return SV_OK;
}

void engine_tell(const sv_engine *engine, sv_trial_act act, uint64_t done) {
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

void engine_release_of(const sv_boot_header *header, sv_trial_release *out) {
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
            engine_release_of(&header, out);
        }
    }
    return SV_OK;
}

/// After what it follows, and never in its way: what was confirmed is, and the next start tries
/// again.
static void raise_counter(sv_engine *engine, uint32_t to) {
    engine->counter_fault = (sv_why){ .code = SV_OK };
    if (engine->counter != NULL) {
        (void) engine->counter->raise(engine->counter->arg, to, &engine->counter_fault);
    }
}

sv_err sv_engine_floor(const sv_engine *engine, const sv_boot_state *boot, uint32_t *out,
                       sv_why *why) {
    uint32_t hard = 0;
    if (engine->counter != NULL) {
        SV_TRY(engine->counter->read(engine->counter->arg, &hard, why));
    }
    *out = hard > boot->counter ? hard : boot->counter;
    return SV_OK;
}

/// The boot control is changed first, the journal after it: cut between the two, the next wake
/// reads the one off the other.
static sv_err settle_verdict(sv_engine *engine, sv_why *why) {
    sv_trial *trial = &engine->journal.trial;
    sv_trial_act act = sv_trial_next(trial);
    engine_tell(engine, act, 0);
    if (act == SV_TRIAL_CONFIRM) {
        SV_TRY(engine->boot->confirm(engine->boot->arg, trial->slot, trial->release.counter, why));
        (void) sv_trial_confirmed(trial);
        raise_counter(engine, trial->release.counter);
    } else if (act == SV_TRIAL_GIVE_UP) {
        SV_TRY(engine->boot->fail(engine->boot->arg, trial->slot, why));
        (void) sv_trial_given_up(trial);
    }
    return engine_keep_state(engine, why);
}

/// A medium that does not give a slot back is said, and all else goes on. [slot-46]
static sv_err pass_unread(sv_engine *engine, unsigned slot, sv_err err, const char *fault,
                          sv_why *why) {
    if (err == SV_ERR_IO) {
        engine->unread.code = sv_fail(&engine->unread, err, "slot %s cannot be read: %s",
                                      sv_slot_letter(slot), fault);
        return SV_OK;
    }
    return err == SV_OK ? SV_OK : sv_fail(why, err, "%s", fault);
}

/// Of an installer that starts what lies in the slot: another header is another release. Bytes of
/// the image are not looked at, which a release that was started may have written to itself.
static sv_err holds_header(const sv_engine *engine, sv_why *why) {
    const sv_trial *trial = &engine->journal.trial;
    uint8_t bytes[SV_BOOT_HEADER_BYTES];
    sv_boot_header said;
    SV_TRY(engine->installer->header(engine->installer->arg, trial->slot, bytes, why));
    bool same = sv_boot_header_read(bytes, sizeof bytes, &said) == SV_BOOT_GOOD
                && memcmp(said.digest, trial->release.digest, sizeof said.digest) == 0;
    return same ? SV_OK
                : sv_fail(why, SV_ERR_UNTRUSTED, "somebody else has written over it in slot %s",
                          sv_slot_letter(trial->slot));
}

/// Of a trial that may be armed: is it still what lies there? [slot-43]
static sv_err look_at_armed(sv_engine *engine, const sv_boot_state *boot, sv_trial_found *found,
                            sv_why *said, sv_why *why) {
    const sv_placer *placer = engine->installer->placer;
    const sv_trial *trial = &engine->journal.trial;
    if (!sv_trial_is_armed(trial, boot, found->running)) {
        return SV_OK;
    }
    sv_err err = placer != NULL && placer->holds != NULL
                     ? placer->holds(placer->arg, trial->slot, trial->release.digest, said)
                     : holds_header(engine, said);
    if (err != SV_OK && err != SV_ERR_UNTRUSTED && err != SV_ERR_NOT_FOUND) {
        SV_TRY(pass_unread(engine, trial->slot, err, said->text, why));
    }
    found->why = err == SV_ERR_IO ? engine->unread.text : said->text;
    found->armed = err == SV_OK              ? SV_TRIAL_LIES_THERE
                   : err == SV_ERR_UNTRUSTED ? SV_TRIAL_LIES_ANOTHER
                   : err == SV_ERR_IO        ? SV_TRIAL_LIES_UNREAD
                                             : SV_TRIAL_LIES_UNKNOWN;
    return SV_OK;
}

static sv_err settle(sv_engine *engine, const sv_boot_state *boot, const sv_trial_found *found,
                     sv_why *why) {
    uint8_t before = engine->journal.trial.state;
    sv_trial_settle(&engine->journal.trial, boot, found);
    return engine->journal.trial.state != before ? engine_keep_state(engine, why) : SV_OK;
}

sv_err sv_engine_wake(sv_engine *engine, sv_why *why) {
    sv_boot_state boot;
    sv_trial_release there;
    sv_trial_found at_start = { .running = SV_BOOT_NO_SLOT };
    sv_why said = { 0 };
    sv_why fault = { 0 };
    bool found = false;
    engine->installer->end(engine->installer->arg);
    engine->writing = false;
    engine->unread = (sv_why){ .code = SV_OK };
    engine->has_header = false;
    SV_TRY(engine->boot->up(engine->boot->arg, why));
    const sv_twin twin = journal_of(engine);
    SV_TRY(sv_twin_flush(&twin, why));
    SV_TRY(sv_engine_read(engine, why));
    SV_TRY(engine->boot->state(engine->boot->arg, &boot, why));
    SV_TRY(engine->boot->current(engine->boot->arg, &at_start.running, why));
    sv_err err = release_in(engine, at_start.running, &there, &found, &fault);
    SV_TRY(pass_unread(engine, at_start.running, err, fault.text, why));
    at_start.there = found ? &there : NULL;
    SV_TRY(look_at_armed(engine, &boot, &at_start, &said, why));
    SV_TRY(settle(engine, &boot, &at_start, why));
    if (at_start.armed == SV_TRIAL_LIES_ANOTHER) { // which may be on trial itself
        SV_TRY(settle(engine, &boot, &at_start, why));
    }
    engine->at = engine->journal.trial.written;
    // A cut between the confirmation and the counter: what runs is confirmed and signed.
    if (found && boot.slots[at_start.running].state == SV_BOOT_SLOT_CONFIRMED) {
        raise_counter(engine, there.counter);
    }
    sv_trial_act act = sv_engine_next(engine);
    return act == SV_TRIAL_CONFIRM || act == SV_TRIAL_GIVE_UP ? settle_verdict(engine, why) : SV_OK;
}

sv_trial_act sv_engine_next(const sv_engine *engine) {
    return sv_trial_next(&engine->journal.trial);
}

sv_err sv_engine_fail(sv_engine *engine, const char *reason, sv_why *why) {
    const sv_trial *trial = &engine->journal.trial;
    if (trial->state == SV_TRIAL_VERIFIED) { // it may have been placed, and start next
        SV_TRY(engine->boot->release(engine->boot->arg, trial->slot, why));
    }
    if (!sv_trial_fail(&engine->journal.trial, reason)) {
        return sv_fail(why, SV_ERR_STATE, "no update is under way");
    }
    sv_engine_end(engine);
    return engine_keep_state(engine, why);
}

sv_err sv_engine_withdraw(sv_engine *engine, const char *reason, sv_why *why) {
    sv_trial *trial = &engine->journal.trial;
    unsigned running = SV_BOOT_NO_SLOT;
    if (trial->state != SV_TRIAL_INSTALLED) {
        return sv_engine_fail(engine, reason, why);
    }
    SV_TRY(engine->boot->current(engine->boot->arg, &running, why));
    if (running == trial->slot) {
        return sv_fail(why, SV_ERR_STATE, "%s %s runs already", trial->release.product,
                       trial->release.version);
    }
    SV_TRY(engine->boot->release(engine->boot->arg, trial->slot, why));
    (void) sv_trial_withdrawn(trial, reason);
    return engine_keep_state(engine, why);
}

sv_err sv_engine_rebooting(sv_engine *engine, sv_why *why) {
    if (!sv_trial_rebooting(&engine->journal.trial)) {
        return sv_fail(why, SV_ERR_STATE, "no update asks for a start");
    }
    return engine_keep(engine, why);
}

sv_err sv_engine_health(sv_engine *engine, bool healthy, const char *reason, sv_why *why) {
    if (healthy && engine->journal.trial.unread) {
        return sv_fail(why, SV_ERR_IO, "%s; until it can be, nothing in it is confirmed",
                       engine->unread.text);
    }
    if (!sv_trial_judged(&engine->journal.trial, healthy, reason)) {
        return sv_fail(why, SV_ERR_STATE, "nothing is on trial: the update is %s",
                       sv_trial_state_name((sv_trial_state) engine->journal.trial.state));
    }
    return settle_verdict(engine, why);
}

sv_err sv_engine_delivered(sv_engine *engine, uint64_t number, sv_why *why) {
    sv_journal_delivered(&engine->journal, number);
    return engine_keep(engine, why);
}

sv_err sv_engine_forgive(sv_engine *engine, const uint8_t digest[SV_BOOT_DIGEST_BYTES],
                         sv_why *why) {
    sv_journal_forget_bad(&engine->journal, digest);
    return engine_keep(engine, why);
}

void sv_engine_end(sv_engine *engine) {
    engine->installer->end(engine->installer->arg);
    engine->writing = false;
}
