#include "actions_own.h"

#include "actions_view.h"
#include "downlink.h"
#include "running.h"

#include <stdio.h>
#include <sys/log.h>

enum { DUE_A_TURN = 500 };

/// Of a configuration that does not say, the usual ones.
static sv_action_limits limits_of(const sv_fleet *fleet) {
    int64_t silent_us = fleet->config.ddi.silent_us;
    int64_t proof_us = fleet->config.ddi.proof_us;
    return (sv_action_limits){ .silent_us = silent_us > 0 ? silent_us : SV_ACTION_SILENT_US,
                               .proof_us = proof_us > 0 ? proof_us : SV_ACTION_PROOF_US };
}

static sv_action_target target_of(const sv_action *action) {
    return (sv_action_target){ .version = action->version, .sha256 = action->sha256 };
}

/// By what the device says it runs, if it has said anything.
static sv_err prove(sv_fleet *fleet, sv_action *action, sv_why *why) {
    sv_running running;
    const sv_action_target target = target_of(action);
    sv_err err = sv_running_of(fleet, action->device, &running, why);
    if (err != SV_OK) {
        return err == SV_ERR_NOT_FOUND ? SV_OK : err;
    }
    const sv_action_running runs = { .version = running.version,
                                     .sha256 = running.sha256,
                                     .at_us = running.at_us };
    action->stand = sv_action_prove(action->stand, &target, &runs);
    return SV_OK;
}

// ---- what a device says -------------------------------------------------------------------------

static sv_err log_lines(sv_fleet *fleet, int64_t id, const sv_action_word *word, sv_why *why) {
    for (size_t i = 0; i < word->line_count; i++) {
        SV_TRY(sv_actions_log(fleet, id, word->lines[i], why));
    }
    return SV_OK;
}

/// The sentence of a failure; one that says well is rid of it.
static void keep_why(sv_action *action, const sv_action_word *word) {
    if (word->why.len > 0) {
        (void) snprintf(
            action->why, sizeof action->why, "%.*s",
            (int) (word->why.len < sizeof action->why ? word->why.len : sizeof action->why - 1),
            word->why.at);
    } else if (action->stand.state == SV_ACTION_CONFIRMED) {
        action->why[0] = '\0';
    }
}

sv_err sv_actions_find_of(sv_fleet *fleet, const char *device, int64_t id, sv_action *out,
                          sv_why *why) {
    SV_TRY(sv_actions_find(fleet, id, out, why));
    return sv_text_is(sv_text_of(device), out->device)
               ? SV_OK
               : sv_fail(why, SV_ERR_NOT_FOUND, "there is no action %lld of %s", (long long) id,
                         device);
}

/// It works at something that has ended: it is to stop.
static bool works_on(const sv_action *action, sv_action_said said) {
    return sv_action_has_ended(action->stand.state) && !action->told
           && action->stand.success_us == 0
           && (said == SV_SAID_DOWNLOADING || said == SV_SAID_VERIFIED);
}

static sv_err hear(sv_fleet *fleet, const char *device, int64_t id, const sv_action_word *word,
                   sv_why *why) {
    sv_action before;
    SV_TRY(sv_actions_find_of(fleet, device, id, &before, why));
    sv_action after = before;
    const sv_action_limits limits = limits_of(fleet);
    after.stand = sv_action_hear(before.stand, word->said, word->by, fleet->wall_us(), &limits);
    after.stopping |= works_on(&before, word->said);
    if (word->bytes >= 0 && word->of >= word->bytes) {
        after.bytes = word->bytes;
        after.of = word->of;
    }
    SV_TRY(log_lines(fleet, id, word, why));
    SV_TRY(prove(fleet, &after, why));
    keep_why(&after, word);
    return sv_actions_change(fleet, &before, &after, why);
}

sv_err sv_actions_feedback(sv_fleet *fleet, const char *device, int64_t id,
                           const sv_action_word *word, sv_why *why) {
    bool own;
    SV_TRY(sv_actions_begin(fleet, &own, why));
    return sv_actions_end(fleet, own, hear(fleet, device, id, word, why), why);
}

static sv_err allow(sv_fleet *fleet, const char *device, int64_t id, sv_why *why) {
    sv_action before;
    SV_TRY(sv_actions_find_of(fleet, device, id, &before, why));
    sv_action after = before;
    after.asks = false;
    if (!before.asks) {
        return SV_OK;
    }
    SV_TRY(sv_actions_log(fleet, id, SV_TEXT("confirmed at the device"), why));
    return sv_actions_change(fleet, &before, &after, why);
}

sv_err sv_actions_allow(sv_fleet *fleet, const char *device, int64_t id, sv_why *why) {
    bool own;
    SV_TRY(sv_actions_begin(fleet, &own, why));
    return sv_actions_end(fleet, own, allow(fleet, device, id, why), why);
}

static sv_err stopped(sv_fleet *fleet, const char *device, int64_t id, sv_action_stop stop,
                      int64_t most, const sv_action_word *word, sv_why *why) {
    sv_action action;
    sv_stmt *stmt;
    SV_TRY(sv_actions_find_of(fleet, device, id, &action, why));
    SV_TRY(log_lines(fleet, id, word, why));
    SV_TRY(sv_db_stmt(fleet->db,
                      "UPDATE action SET stop_told = stop_told + 1, stop_us = CASE"
                      " WHEN ?2 = 2 THEN -1 WHEN ?2 = 1 OR stop_told + 1 >= ?3 THEN 0"
                      " ELSE stop_us END WHERE id = ?1 AND stop_us > 0",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, id);
    sv_stmt_bind_int(stmt, 2, (int64_t) stop);
    sv_stmt_bind_int(stmt, 3, most);
    return sv_stmt_run(stmt, why);
}

sv_err sv_actions_stopped(sv_fleet *fleet, const char *device, int64_t id, sv_action_stop stop,
                          int64_t most, const sv_action_word *word, sv_why *why) {
    bool own;
    SV_TRY(sv_actions_begin(fleet, &own, why));
    return sv_actions_end(fleet, own, stopped(fleet, device, id, stop, most, word, why), why);
}

// ---- what it runs -------------------------------------------------------------------------------

/// The newest action that waits for its proof, open or given up.
static sv_err find_unproved(sv_fleet *fleet, const char *device, int64_t *id, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT id FROM action WHERE device = ?1 AND success_us > 0 AND state <> 6"
                      " ORDER BY id DESC LIMIT 1",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, device);
    SV_TRY(sv_stmt_next(stmt, why));
    *id = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return SV_OK;
}

sv_err sv_actions_prove(sv_fleet *fleet, const char *device, sv_why *why) {
    int64_t id = 0;
    sv_action before;
    sv_err err = find_unproved(fleet, device, &id, why);
    if (err != SV_OK) {
        return err == SV_ERR_NOT_FOUND ? SV_OK : err;
    }
    SV_TRY(sv_actions_find(fleet, id, &before, why));
    sv_action after = before;
    SV_TRY(prove(fleet, &after, why));
    if (after.stand.state == before.stand.state) {
        return SV_OK;
    }
    after.why[0] = '\0';
    return sv_actions_change(fleet, &before, &after, why);
}

// ---- time ---------------------------------------------------------------------------------------

typedef struct due {
    int64_t us, id;
} due;

/// The one that comes after `last`, which becomes it.
static sv_err next_due(sv_fleet *fleet, int64_t now_us, due *last, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT due_us, id FROM action WHERE due_us <= ?1 AND (due_us, id) > (?2, ?3)"
                      " ORDER BY due_us, id LIMIT 1",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, now_us);
    sv_stmt_bind_int(stmt, 2, last->us);
    sv_stmt_bind_int(stmt, 3, last->id);
    SV_TRY(sv_stmt_next(stmt, why));
    *last = (due){ .us = sv_stmt_int(stmt, 0), .id = sv_stmt_int(stmt, 1) };
    sv_stmt_reset(stmt);
    return SV_OK;
}

static void say_why(sv_action *action) {
    if (action->stand.class == SV_ACTION_UNPROVED) {
        (void) snprintf(action->why, sizeof action->why,
                        "it said success, and has not said since that it runs %s", action->version);
    } else {
        (void) snprintf(action->why, sizeof action->why,
                        "it was to start %s, and there is no word of it since", action->version);
    }
}

static sv_err judge(sv_fleet *fleet, int64_t id, int64_t now_us, sv_why *why) {
    sv_action before;
    SV_TRY(sv_actions_find(fleet, id, &before, why));
    sv_action after = before;
    after.stand = sv_action_wait(before.stand, now_us);
    say_why(&after);
    SV_TRY(sv_actions_log(fleet, id, sv_text_of(after.why), why));
    return sv_actions_change(fleet, &before, &after, why);
}

/// Each in a transaction of its own: one that fails stops no other. [action-4]
static void judge_one(sv_fleet *fleet, int64_t id, int64_t now_us) {
    sv_why why = { 0 };
    bool own;
    sv_err err = sv_actions_begin(fleet, &own, &why);
    err = err == SV_OK ? sv_actions_end(fleet, own, judge(fleet, id, now_us, &why), &why) : err;
    if (err != SV_OK) {
        SV_LOG(error, "actions.failed", "action %lld: %s", (long long) id, why.text);
    }
}

static sv_err judge_due(sv_fleet *fleet, sv_why *why) {
    int64_t now_us = fleet->wall_us();
    due last = { .us = INT64_MIN };
    sv_err err = SV_OK;
    for (int i = 0; i < DUE_A_TURN && err == SV_OK; i++) {
        err = next_due(fleet, now_us, &last, why);
        if (err == SV_OK) {
            judge_one(fleet, last.id, now_us);
        }
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

// ---- telling
// --------------------------------------------------------------------------------------

static void tell_browsers(sv_fleet *fleet, const sv_action *action, const char *site) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf data = SV_TEXTBUF_HEAP(SV_LIVE_EVENT_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&data);
    sv_json_open_object(&out);
    sv_action_put(action, &out);
    sv_json_close_object(&out);
    if (!data.overflowed) {
        sv_live_send(fleet->live, site, "action", sv_textbuf_text(&data));
    }
}

static void tell_one(sv_fleet *fleet, const sv_actions_news *news) {
    const sv_device *device = sv_registry_device(fleet->registry, sv_text_of(news->device));
    sv_action action;
    bool wanted = news->look || sv_live_is_watched(fleet->live);
    if (device == NULL || !wanted || sv_actions_find(fleet, news->action, &action, NULL) != SV_OK) {
        return;
    }
    if (news->look) {
        sv_downlink_look(fleet, device, sv_text_of(action.version), sv_text_of(action.sha256));
    }
    if (sv_live_is_watched(fleet->live)) {
        tell_browsers(fleet, &action, device->site->name);
    }
}

void sv_actions_tell(sv_fleet *fleet) {
    sv_actions *a = fleet->actions;
    if (sv_db_is_in_transaction(fleet->db)) {
        return;
    }
    for (size_t i = 0; i < a->news_count; i++) {
        tell_one(fleet, &a->news[i]);
    }
    a->news_count = 0;
}

void sv_actions_turn(sv_fleet *fleet) {
    sv_why why = { 0 };
    sv_err err = judge_due(fleet, &why);
    err = err == SV_OK ? sv_actions_look_for_out(fleet, &why) : err;
    if (err != SV_OK) {
        SV_LOG(error, "actions.failed", "%s", why.text);
    }
    sv_actions_tell(fleet);
}
