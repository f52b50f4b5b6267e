#include <fleet/action.h>

#include <string.h>

static const char *const STATE_NAMES[SV_ACTION_STATE__COUNT] = {
    "waiting", "notified",  "downloading", "verified",    "installed",
    "trial",   "confirmed", "failed",      "rolled-back", "canceled",
};

static const char *const CLASS_NAMES[SV_ACTION_CLASS__COUNT] = {
    "", "download", "install", "rolled-back", "silent", "refused", "unproved", "worse",
};

const char *sv_action_state_name(sv_action_state state) {
    return STATE_NAMES[state];
}

sv_err sv_action_state_parse(sv_text name, sv_action_state *out, sv_why *why) {
    for (int i = 0; i < SV_ACTION_STATE__COUNT; i++) {
        if (sv_text_is(name, STATE_NAMES[i])) {
            *out = (sv_action_state) i;
            return SV_OK;
        }
    }
    return sv_fail(why, SV_ERR_INVALID, "an action is never '" SV_TEXT_FMT "'", SV_TEXT_ARG(name));
}

const char *sv_action_class_name(sv_action_class class) {
    return CLASS_NAMES[class];
}

bool sv_action_has_ended(sv_action_state state) {
    return state >= SV_ACTION_CONFIRMED;
}

bool sv_action_went_wrong(sv_action_state state) {
    return state == SV_ACTION_FAILED || state == SV_ACTION_ROLLED_BACK;
}

static sv_action_stand ended(sv_action_state state, sv_action_class class) {
    return (sv_action_stand){ .state = state, .class = class };
}

static bool is_to_start(sv_action_state state) {
    return state == SV_ACTION_INSTALLED || state == SV_ACTION_TRIAL;
}

/// It is on its way, and says how far it has come.
static sv_action_stand go(sv_action_stand stand, sv_action_state state, int64_t now_us,
                          const sv_action_limits *limits) {
    if (sv_action_has_ended(stand.state) || stand.success_us > 0) {
        return stand;
    }
    stand.state = state;
    stand.due_us = is_to_start(state) ? now_us + limits->silent_us : 0;
    return stand;
}

/// Nothing that the device says changes it: another action tells the rest of the story.
static bool is_settled(sv_action_stand stand) {
    return stand.state == SV_ACTION_CONFIRMED || stand.class == SV_ACTION_BY_WORSE;
}

/// It was given up by the clock, with the image in its slot.
static bool was_lost(sv_action_stand stand) {
    return stand.class == SV_ACTION_BY_SILENCE || stand.class == SV_ACTION_UNPROVED;
}

static sv_action_stand fail(sv_action_stand stand, sv_action_class by) {
    if (sv_action_has_ended(stand.state) && !was_lost(stand)) {
        return stand;
    }
    if (by != SV_ACTION_FINE) {
        return ended(SV_ACTION_FAILED, by);
    }
    // It runs again, and not what it was to start.
    return is_to_start(stand.state) || was_lost(stand)
               ? ended(SV_ACTION_ROLLED_BACK, SV_ACTION_BY_ROLLBACK)
               : ended(SV_ACTION_FAILED, SV_ACTION_BY_INSTALL);
}

static sv_action_stand succeed(sv_action_stand stand, int64_t now_us,
                               const sv_action_limits *limits) {
    if (is_settled(stand) || stand.success_us > 0) {
        return stand;
    }
    stand.success_us = now_us;
    if (!sv_action_has_ended(stand.state)) {
        stand.state = SV_ACTION_TRIAL;
        stand.due_us = now_us + limits->proof_us;
    }
    return stand;
}

sv_action_stand sv_action_hear(sv_action_stand stand, sv_action_said said, sv_action_class by,
                               int64_t now_us, const sv_action_limits *limits) {
    switch (said) {
    case SV_SAID_SEEN:
        return stand.state == SV_ACTION_WAITING ? go(stand, SV_ACTION_NOTIFIED, now_us, limits)
                                                : stand;
    case SV_SAID_DOWNLOADING:
        return go(stand, SV_ACTION_DOWNLOADING, now_us, limits);
    case SV_SAID_VERIFIED:
        return go(stand, SV_ACTION_VERIFIED, now_us, limits);
    case SV_SAID_INSTALLED:
        return go(stand, SV_ACTION_INSTALLED, now_us, limits);
    case SV_SAID_TRIAL:
        return go(stand, SV_ACTION_TRIAL, now_us, limits);
    case SV_SAID_SUCCESS:
        return succeed(stand, now_us, limits);
    case SV_SAID_FAILURE:
        return fail(stand, by);
    case SV_SAID_ROLLED_BACK:
        return is_settled(stand) ? stand : ended(SV_ACTION_ROLLED_BACK, SV_ACTION_BY_ROLLBACK);
    case SV_SAID_REFUSED:
        return fail(stand, SV_ACTION_BY_REFUSAL);
    case SV_SAID_NOTHING:
    case SV_SAID__COUNT:
    default: // it is alive
        return is_to_start(stand.state) && stand.success_us == 0
                   ? go(stand, stand.state, now_us, limits)
                   : stand;
    }
}

bool sv_action_is_running(const sv_action_target *target, const sv_action_running *running) {
    if (target->sha256[0] != '\0' && running->sha256[0] != '\0') {
        return strcmp(target->sha256, running->sha256) == 0;
    }
    return target->version[0] != '\0' && strcmp(target->version, running->version) == 0;
}

sv_action_stand sv_action_prove(sv_action_stand stand, const sv_action_target *target,
                                const sv_action_running *running) {
    bool said = !is_settled(stand) && stand.success_us > 0;
    bool later = running->at_us >= stand.success_us;
    return said && later && sv_action_is_running(target, running)
               ? ended(SV_ACTION_CONFIRMED, SV_ACTION_FINE)
               : stand;
}

sv_action_stand sv_action_wait(sv_action_stand stand, int64_t now_us) {
    if (stand.due_us == 0 || now_us < stand.due_us) {
        return stand;
    }
    const sv_action_stand over = { .state = SV_ACTION_FAILED,
                                   .class = stand.success_us > 0 ? SV_ACTION_UNPROVED
                                                                 : SV_ACTION_BY_SILENCE,
                                   .success_us = stand.success_us };
    return over;
}
