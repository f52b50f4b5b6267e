#include "updater.h"

#include <base/time.h>
#include <stdio.h>
#include <string.h>
#include <sys/log.h>

enum { US_PER_MS = 1000 };

// ---- what is seen of the slots ------------------------------------------------------------------

/// The release in a slot, where one of the device's keys has signed its header.
static sv_err look_into(const updater *u, unsigned slot, sv_updater_release *out, sv_why *why) {
    const sv_engine *engine = u->engine;
    const sv_boot_device anybody = { .counter = 0 };
    uint8_t bytes[SV_BOOT_HEADER_BYTES];
    sv_boot_header header;
    *out = (sv_updater_release){ .known = false };
    SV_TRY(engine->installer->header(engine->installer->arg, slot, bytes, why));
    if (sv_boot_header_judge(bytes, sizeof bytes, engine->keys, &anybody, &header)
        == SV_BOOT_GOOD) {
        *out = (sv_updater_release){ .known = true,
                                     .counter = header.counter,
                                     .image_bytes = header.image_bytes };
        memcpy(out->digest, header.digest, sizeof out->digest);
        memcpy(out->product, header.product, sizeof out->product);
        memcpy(out->version, header.version, sizeof out->version);
    }
    return SV_OK;
}

/// What cannot be read is said when that begins, and with it what helps. [updater-47]
static void tell_unread(const updater *u, const updater_seen *seen, unsigned slot) {
    if (seen->unread[slot].code != SV_OK && u->seen.unread[slot].code == SV_OK) {
        SV_LOG(
            warn, "updater.unread", "slot %s cannot be read: %s; %s", sv_slot_letter(slot),
            seen->unread[slot].text,
            seen->running == slot
                ? "nothing in it is confirmed until it can be. Look after its disk (`dmesg`), or "
                  "bring an update to the other slot"
                : "the next update writes it anew. Where that fails too, its disk is at its end "
                  "(`dmesg`)");
    }
}

static sv_err look(updater *u, sv_why *why) {
    const sv_boot_control *boot = u->engine->boot;
    updater_seen seen = { .running = SV_BOOT_NO_SLOT };
    SV_TRY(boot->state(boot->arg, &seen.boot, why));
    SV_TRY(boot->current(boot->arg, &seen.running, why));
    for (unsigned i = 0; i < SV_BOOT_SLOTS; i++) {
        sv_err err = look_into(u, i, &seen.slots[i], &seen.unread[i]);
        seen.unread[i].code = err;
        if (err != SV_OK && err != SV_ERR_IO) {
            return sv_fail(why, err, "%s", seen.unread[i].text);
        }
        tell_unread(u, &seen, i);
    }
    u->seen = seen;
    return SV_OK;
}

/// What an update came to, kept beside the journal. Whether that works changes nothing else.
static void note_in_history(void *arg, const sv_journal_report *report) {
    const updater *u = arg;
    const sv_slot_history history = { .disk = u->state };
    sv_why why = { 0 };
    if (sv_slot_history_note(&history, report, u->believed_us(), &why) != SV_OK) {
        SV_LOG(warn, "updater.history", "%s", why.text);
    }
}

/// What the hardware's counter says of what runs, where it says something else. [updater-30]
static void compare_counter(const updater *u) {
    const sv_why *fault = &u->engine->counter_fault;
    const updater_seen *seen = &u->seen;
    uint32_t floor = 0;
    sv_why why = { 0 };
    if (fault->code != SV_OK) {
        SV_LOG(warn, "updater.counter", "%s", fault->text);
        return;
    }
    sv_err err = sv_engine_floor(u->engine, &seen->boot, &floor, &why);
    if (err != SV_OK) {
        SV_LOG(warn, "updater.counter", "no release is taken: %s", why.text);
    } else if (seen->running < SV_BOOT_SLOTS && seen->slots[seen->running].known
               && seen->slots[seen->running].counter < floor) {
        SV_LOG(warn, "updater.counter",
               "%s %s runs, with release counter %u, and %u was confirmed on this device: somebody "
               "has put it back, or the TPM has counted for others",
               seen->slots[seen->running].product, seen->slots[seen->running].version,
               seen->slots[seen->running].counter, floor);
    }
}

sv_err updater_wake(updater *u, sv_why *why) {
    u->engine->noted = note_in_history;
    u->engine->noted_arg = u;
    SV_TRY(sv_engine_wake(u->engine, why));
    for (size_t i = 0; i < u->engine->journal.report_count; i++) { // what a cut kept from it
        note_in_history(u, &u->engine->journal.reports[i]);
    }
    if (u->engine->journal_damaged) {
        SV_LOG(warn, "updater.journal",
               "both copies of the journal were damaged; what is known "
               "begins anew with what the boot loader remembers");
    }
    SV_TRY(look(u, why));
    compare_counter(u);
    return SV_OK;
}

void updater_wait_for_health(updater *u, int64_t now_us) {
    sv_trial_act next = sv_engine_next(u->engine);
    // One that was given up and still runs is left in the same time: a start at once might be one
    // of many.
    bool waits =
        u->unread || next == SV_TRIAL_ASK_HEALTH
        || (next == SV_TRIAL_REBOOT && u->engine->journal.trial.state == SV_TRIAL_ROLLED_BACK);
    u->health_until_us = waits ? now_us + u->config->trial_deadline_us : 0;
}

// ---- what is told -------------------------------------------------------------------------------

static uint8_t boot_state_of(const sv_boot_slot *slot) {
    return slot->state <= SV_BOOT_SLOT_BAD ? slot->state : (uint8_t) SV_BOOT_SLOT_BAD;
}

static void status_of_update(const updater *u, sv_updater_status *out) {
    const sv_journal *journal = &u->engine->journal;
    const sv_trial *trial = &journal->trial;
    const sv_trial_release *release = &trial->release;
    out->state = trial->state;
    out->next = (uint8_t) sv_engine_next(u->engine);
    out->slot = trial->slot;
    out->action = release->action;
    out->update = (sv_updater_release){ .known = trial->state != SV_TRIAL_IDLE,
                                        .counter = release->counter,
                                        .image_bytes = release->image_bytes };
    memcpy(out->update.digest, release->digest, sizeof release->digest);
    memcpy(out->update.product, release->product, sizeof release->product);
    memcpy(out->update.version, release->version, sizeof release->version);
    memcpy(out->encoding, release->encoding, sizeof release->encoding);
    memcpy(out->why, trial->why, sizeof trial->why);
    if (trial->unread) {
        (void) snprintf(out->why, sizeof out->why, "%.*s", SV_TRIAL_WHY_ROOM - 1,
                        u->engine->unread.text);
    }
    out->written = trial->written;
    if (sv_engine_next(u->engine) == SV_TRIAL_WRITE && u->engine->writing) {
        out->written = sv_engine_wanted(u->engine);
    }
    out->reports_lost = journal->reports_lost;
    out->report_count = journal->report_count;
    memcpy(out->reports, journal->reports, sizeof journal->reports);
    out->bad_count = journal->bad_count;
    memcpy(out->bad, journal->bad, sizeof journal->bad);
}

void updater_status(const updater *u, int64_t now_us, sv_updater_status *out) {
    const updater_config *config = u->config;
    const updater_seen *seen = &u->seen;
    *out = (sv_updater_status){ .running = (uint8_t) seen->running,
                                .counter = seen->boot.counter,
                                .busy = u->peer != NULL };
    memcpy(out->id, config->id, sizeof config->id);
    memcpy(out->product, config->product, sizeof config->product);
    memcpy(out->hardware, config->hardware, sizeof config->hardware);
    memcpy(out->slot_class, config->slot, sizeof config->slot);
    for (size_t i = 0; i < SV_BOOT_SLOTS; i++) {
        out->boot[i] = boot_state_of(&seen->boot.slots[i]);
    }
    if (seen->running < SV_BOOT_SLOTS) {
        unsigned other = 1 - seen->running;
        out->runs = seen->slots[seen->running];
        if (seen->boot.slots[other].state == SV_BOOT_SLOT_CONFIRMED) {
            out->other = seen->slots[other];
        }
    }
    status_of_update(u, out);
    int64_t since_ms = (now_us - u->started_us) / US_PER_MS;
    out->start = u->start;
    out->start_ms = since_ms < UINT32_MAX ? (uint32_t) since_ms : UINT32_MAX;
    if (u->health_until_us != 0 && sv_engine_next(u->engine) == SV_TRIAL_ASK_HEALTH) {
        int64_t left_ms = (u->health_until_us - now_us) / US_PER_MS;
        out->health_ms = left_ms > 0 ? (uint32_t) left_ms : 1;
    }
}

// ---- what is done -------------------------------------------------------------------------------

static void refuse(sv_updater_message *answer, sv_err err, const sv_why *why) {
    answer->verb = SV_UPDATER_REFUSED;
    answer->refused = (sv_updater_refused){ .err = (uint8_t) err };
    (void) snprintf(answer->refused.why, sizeof answer->refused.why, "%s", why->text);
}

void updater_history(updater *u, sv_updater_message *answer) {
    const sv_slot_history history = { .disk = u->state };
    sv_why why = { 0 };
    size_t count = 0;
    sv_err err = sv_slot_history_read(&history, u->entries, &count, &why);
    if (err != SV_OK) {
        refuse(answer, err, &why);
        return;
    }
    answer->verb = SV_UPDATER_ENTRIES;
    answer->entries = (sv_updater_entries){ .count = count, .bytes = u->entries[0] };
}

static void answer_status(const updater *u, int64_t now_us, sv_updater_message *answer) {
    answer->verb = SV_UPDATER_STATUS;
    updater_status(u, now_us, &answer->status);
}

/// A verdict: confirmed, or gone back from, which takes a start.
static sv_err judge(updater *u, bool healthy, const char *reason, sv_updater_message *answer,
                    sv_why *why) {
    const sv_trial_release *release = &u->engine->journal.trial.release;
    SV_TRY(sv_engine_health(u->engine, healthy, reason, why));
    u->health_until_us = 0;
    if (u->engine->counter_fault.code != SV_OK) {
        SV_LOG(warn, "updater.counter", "%s", u->engine->counter_fault.text);
    }
    SV_LOG(info, healthy ? "updater.confirmed" : "updater.given_up", "%s %s%s%s", release->product,
           release->version, reason[0] != '\0' && !healthy ? ": " : "", healthy ? "" : reason);
    if (sv_engine_next(u->engine) == SV_TRIAL_REBOOT) {
        answer->verb = SV_UPDATER_REBOOT;
    }
    return SV_OK;
}

/// After something failed: what is remembered is read again. Until that is done nothing is decided
/// by it. A trial that is found only now has its time; another one keeps its own.
static sv_err remember(updater *u, int64_t now_us, sv_why *why) {
    int64_t until_us = u->health_until_us;
    sv_err err = sv_engine_wake(u->engine, why);
    u->unread = err != SV_OK;
    if (err == SV_OK) {
        updater_wait_for_health(u, now_us);
        u->health_until_us =
            until_us != 0 && u->health_until_us != 0 ? until_us : u->health_until_us;
    }
    return err;
}

/// A slot may be read again, that could not be. [updater-47]
static bool is_a_slot_unread(const updater *u) {
    return u->engine->unread.code != SV_OK || u->seen.unread[0].code != SV_OK
           || u->seen.unread[1].code != SV_OK;
}

/// `only_asks`: nothing is to be decided.
static sv_err recall(updater *u, bool only_asks, int64_t now_us, sv_why *why) {
    if (!u->unread && (only_asks || !is_a_slot_unread(u))) {
        return SV_OK;
    }
    SV_TRY(remember(u, now_us, why));
    return look(u, why);
}

static void remember_again(updater *u, int64_t now_us) {
    sv_why why = { 0 };
    if (remember(u, now_us, &why) != SV_OK) {
        SV_LOG(error, "updater.state", "%s", why.text);
    }
}

sv_err updater_give_up(updater *u, sv_why *why) {
    sv_updater_message answer = { .verb = SV_UPDATER_STATUS };
    char reason[SV_TRIAL_WHY_ROOM];
    int64_t now_us = u->health_until_us;
    SV_TRY(recall(u, false, now_us, why));
    if (sv_engine_next(u->engine) == SV_TRIAL_REBOOT) {
        return SV_OK;
    }
    if (u->engine->journal.trial.unread) {
        (void) snprintf(reason, sizeof reason, "%.*s", SV_TRIAL_WHY_ROOM - 1,
                        u->engine->unread.text);
    } else {
        (void) snprintf(reason, sizeof reason, "nobody said within %lld s that it is healthy",
                        (long long) (u->config->trial_deadline_us / SV_TIME_SECOND_US));
    }
    sv_err err = judge(u, false, reason, &answer, why);
    if (err != SV_OK) {
        remember_again(u, now_us);
    }
    return err;
}

/// SV_OK: `answer` has its verb when it is another one than STATUS.
static sv_err act(updater *u, const sv_updater_message *asked, sv_updater_message *answer,
                  sv_why *why) {
    switch ((int) asked->verb) {
    case SV_UPDATER_ASK:
        return SV_OK;
    case SV_UPDATER_CHECK:
        return updater_check(u, &asked->check, answer, why);
    case SV_UPDATER_HEALTH:
        return judge(u, asked->health.healthy,
                     asked->health.why[0] != '\0' ? asked->health.why : "it is not healthy", answer,
                     why);
    case SV_UPDATER_DELIVERED:
        return sv_engine_delivered(u->engine, asked->delivered, why);
    case SV_UPDATER_FORGIVE:
        return sv_engine_forgive(u->engine, asked->forgive, why);
    case SV_UPDATER_HISTORY:
        updater_history(u, answer);
        return SV_OK;
    case SV_UPDATER_WITHDRAW:
        return sv_engine_withdraw(u->engine, "it was canceled before it was started", why);
    case SV_UPDATER_ROLLBACK:
        SV_TRY(updater_back(u, why));
        answer->verb = SV_UPDATER_REBOOT;
        return SV_OK;
    default:
        u->broken = true;
        return sv_fail(why, SV_ERR_INVALID, "%s comes as an answer to want alone",
                       sv_updater_verb_name(asked->verb));
    }
}

/// That was not settled, whatever the reason: with one in memory nothing is on trial any more.
static bool has_verdict(const updater *u) {
    sv_trial_act next = sv_engine_next(u->engine);
    return next == SV_TRIAL_CONFIRM || next == SV_TRIAL_GIVE_UP;
}

void updater_do(updater *u, const sv_updater_message *asked, int64_t now_us, updater_peer *peer,
                sv_updater_message *answer) {
    sv_why why = { 0 };
    bool only_asks = asked->verb == SV_UPDATER_ASK || asked->verb == SV_UPDATER_HISTORY;
    u->peer = asked->verb == SV_UPDATER_CHECK ? peer : NULL;
    u->broken = false;
    u->fetched = 0;
    *answer = (sv_updater_message){ .verb = SV_UPDATER_STATUS, .number = asked->number };
    sv_err err = recall(u, only_asks, now_us, &why);
    err = err == SV_OK ? act(u, asked, answer, &why) : err;
    u->peer = NULL;
    if (err == SV_OK && answer->verb == SV_UPDATER_REBOOT
        && sv_engine_next(u->engine) == SV_TRIAL_REBOOT) {
        err = sv_engine_rebooting(u->engine, &why);
    }
    bool is_half_done = err == SV_ERR_IO || err == SV_ERR_NO_SPACE || has_verdict(u);
    if (err != SV_OK && is_half_done && !u->unread) {
        remember_again(u, now_us);
    }
    sv_why seen = { 0 };
    if (!only_asks && look(u, &seen) != SV_OK) {
        SV_LOG(error, "updater.slots", "%s", seen.text);
    }
    if (err != SV_OK) {
        SV_LOG(warn, "updater.refused", "%s: %s", sv_updater_verb_name(asked->verb), why.text);
        refuse(answer, err, &why);
    } else if (answer->verb == SV_UPDATER_STATUS) {
        answer_status(u, now_us, answer);
    }
}
