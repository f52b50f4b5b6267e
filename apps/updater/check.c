#include "updater.h"

#include <base/mem.h>
#include <string.h>
#include <sys/log.h>
#include <update/boot_header.h>

/// What comes before an update: true when the CHECK ends with `answer`.
static bool is_something_first(updater *u, const sv_updater_check *check,
                               sv_updater_message *answer) {
    switch ((int) sv_engine_next(u->engine)) {
    case SV_TRIAL_ASK_HEALTH:
        answer->verb = SV_UPDATER_REFUSED;
        answer->refused = (sv_updater_refused){
            .err = SV_ERR_STATE,
            .why = "the release that runs is on trial; say first whether it is healthy",
        };
        return true;
    case SV_TRIAL_REBOOT:
        if (check->hold && u->engine->journal.trial.state == SV_TRIAL_INSTALLED) {
            answer->verb = SV_UPDATER_IDLE;
            answer->idle = SV_UPDATER_HELD;
        } else {
            answer->verb = SV_UPDATER_REBOOT;
        }
        return true;
    default:
        return false;
    }
}

/// The update that is under way is not the one that is assigned any more.
static sv_err withdraw(updater *u, const char *reason, sv_why *why) {
    const sv_trial *trial = &u->engine->journal.trial;
    if (trial->state >= SV_TRIAL_NOTIFIED && trial->state <= SV_TRIAL_VERIFIED) {
        SV_LOG(info, "updater.withdrawn", "%s %s: %s", trial->release.product,
               trial->release.version, reason);
        return sv_engine_fail(u->engine, reason, why);
    }
    return SV_OK;
}

static sv_err withdraw_another(updater *u, const sv_target *target, sv_why *why) {
    const uint8_t *digest = u->engine->journal.trial.release.digest;
    return memcmp(digest, target->digest, sizeof target->digest) == 0
               ? SV_OK
               : withdraw(u, "another one is assigned instead", why);
}

static sv_err end_idle(sv_updater_message *answer, sv_updater_idle_reason reason) {
    answer->verb = SV_UPDATER_IDLE;
    answer->idle = (uint8_t) reason;
    return SV_OK;
}

static bool runs_already(const updater *u, const sv_target *target) {
    const updater_seen *seen = &u->seen;
    return seen->running < SV_BOOT_SLOTS && seen->slots[seen->running].known
           && seen->boot.slots[seen->running].state != SV_BOOT_SLOT_BAD
           && memcmp(seen->slots[seen->running].digest, target->digest, sizeof target->digest) == 0;
}

/// Its boot header says the same as its entry, and who may sign it has signed it: the engine asks
/// the latter before it changes anything.
static sv_err check_header(const sv_target *target, sv_why *why) {
    sv_boot_header said;
    sv_err err = sv_boot_header_of(target, &said, why);
    return err == SV_ERR_NOT_FOUND ? sv_fail(why, SV_ERR_INVALID,
                                             "%s %s has no boot header, without which no slot is "
                                             "written",
                                             target->product, target->version)
                                   : err;
}

/// Written, sealed and read back; written again when other bytes are read than were signed, as
/// often as the engine does that.
static sv_err prepare(updater *u, const sv_target *target, sv_why *why) {
    for (;;) {
        SV_TRY(updater_pull(u, target, why));
        sv_err err = sv_engine_prepare(u->engine, why);
        if (err == SV_OK) {
            return SV_OK;
        }
        if (err != SV_ERR_UNTRUSTED || sv_engine_next(u->engine) != SV_TRIAL_WRITE) {
            return err;
        }
        SV_LOG(warn, "updater.again", "%s", why != NULL ? why->text : "");
    }
}

/// Armed last, and only for who still wants it: to read a slot back and to place what is in it take
/// long, and a connection that was closed meanwhile is a cancel. [updater-2]
static sv_err install(updater *u, const sv_target *target, bool hold, sv_updater_message *answer,
                      sv_why *why) {
    SV_TRY(prepare(u, target, why));
    if (hold && u->engine->journal.trial.state < SV_TRIAL_INSTALLED) {
        return end_idle(answer, SV_UPDATER_HELD);
    }
    SV_TRY(u->peer->is_there(u->peer->arg, why));
    u->engine->wanted = u->peer->is_there;
    u->engine->wanted_arg = u->peer->arg;
    sv_err err = sv_engine_install(u->engine, why);
    u->engine->wanted = NULL;
    SV_TRY(err);
    answer->verb = SV_UPDATER_REBOOT;
    return SV_OK;
}

/// A compromised agent may say what it likes: later than it is ends this CHECK at worst, and
/// earlier changes nothing. [updater-9]
static int64_t session_now(const updater *u, const sv_updater_check *check) {
    int64_t believed_us = u->believed_us();
    return check->now_us > believed_us ? check->now_us : believed_us;
}

sv_err updater_check(updater *u, const sv_updater_check *check, sv_updater_message *answer,
                     sv_why *why) {
    SV_DEFER(sv_mem_drop) sv_target *target = sv_mem_new(sizeof *target);
    bool found = false;
    if (is_something_first(u, check, answer)) {
        return SV_OK;
    }
    SV_TRY(updater_follow(u, session_now(u, check), target, &found, why));
    if (!found) {
        SV_TRY(withdraw(u, "it is not assigned any more", why));
        return end_idle(answer, SV_UPDATER_NOTHING);
    }
    if (runs_already(u, target)) {
        SV_TRY(withdraw(u, "the release that runs was assigned instead", why));
        return end_idle(answer, SV_UPDATER_CURRENT);
    }
    SV_TRY(withdraw_another(u, target, why));
    SV_TRY(check_header(target, why));
    u->engine->action = check->action;
    return install(u, target, check->hold, answer, why);
}
