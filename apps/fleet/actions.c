#include "actions_own.h"

#include "director.h"
#include "divergence.h"

#include <base/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { IDS_FROM_S = 1577836800 }; ///< 2020-01-01

sv_actions *sv_actions_new(void) {
    return sv_mem_new(sizeof(sv_actions));
}

void sv_actions_drop(sv_actions **actions) {
    free(*actions);
    *actions = NULL;
}

void sv_actions_listen(sv_fleet *fleet, sv_actions_heard *heard, void *arg) {
    sv_actions *a = fleet->actions;
    if (a->listener_count < SV_ACTIONS_LISTENERS_MAX) {
        a->listeners[a->listener_count++] = (sv_actions_listener){ .heard = heard, .arg = arg };
    }
}

void sv_actions_gate_with(sv_fleet *fleet, sv_actions_gate *gate, void *arg) {
    fleet->actions->gate = gate;
    fleet->actions->gate_arg = arg;
}

sv_action_offer sv_actions_may_begin(sv_fleet *fleet, const sv_action *action) {
    const sv_actions *a = fleet->actions;
    bool is_asked = action->stand.state <= SV_ACTION_VERIFIED;
    return is_asked && action->campaign > 0 && a->gate != NULL ? a->gate(a->gate_arg, action)
                                                               : SV_OFFER_NOW;
}

// ---- a transaction of its own, where there is none ----------------------------------------------

sv_err sv_actions_begin(sv_fleet *fleet, bool *own, sv_why *why) {
    *own = !sv_db_is_in_transaction(fleet->db);
    return *own ? sv_db_begin(fleet->db, why) : SV_OK;
}

sv_err sv_actions_end(sv_fleet *fleet, bool own, sv_err err, sv_why *why) {
    if (!own) {
        return err;
    }
    if (err == SV_OK) {
        return sv_db_commit(fleet->db, why);
    }
    sv_db_rollback(fleet->db);
    return err;
}

// ---- rows ---------------------------------------------------------------------------------------

#define COLUMNS                                                                                    \
    "id, device, path, version, sha256, campaign, state, class, success_us, due_us, stop_us, why," \
    " attempt, forced, asks, created_us, updated_us, bytes, \"of\", user, encoding,"               \
    " fetched, fetched_told"

static sv_err read_texts(sv_stmt *stmt, sv_action *out) {
    SV_TRY(sv_text_copy(sv_stmt_text(stmt, 1), out->device, sizeof out->device));
    SV_TRY(sv_text_copy(sv_stmt_text(stmt, 2), out->path, sizeof out->path));
    SV_TRY(sv_text_copy(sv_stmt_text(stmt, 3), out->version, sizeof out->version));
    SV_TRY(sv_text_copy(sv_stmt_text(stmt, 4), out->sha256, sizeof out->sha256));
    (void) sv_text_copy(sv_stmt_text(stmt, 19), out->user, sizeof out->user);
    (void) sv_text_copy(sv_stmt_text(stmt, 20), out->encoding, sizeof out->encoding);
    return sv_text_copy(sv_stmt_text(stmt, 11), out->why, sizeof out->why);
}

static sv_err read_row(sv_stmt *stmt, sv_action *out, sv_why *why) {
    int64_t state = sv_stmt_int(stmt, 6);
    int64_t class = sv_stmt_int(stmt, 7);
    *out = (sv_action){ .id = sv_stmt_int(stmt, 0),
                        .campaign = sv_stmt_int(stmt, 5),
                        .stopping = sv_stmt_int(stmt, 10) > 0,
                        .told = !sv_stmt_is_null(stmt, 10),
                        .goes_on = sv_stmt_int(stmt, 10) < 0,
                        .attempt = sv_stmt_int(stmt, 12),
                        .forced = sv_stmt_int(stmt, 13) != 0,
                        .asks = sv_stmt_int(stmt, 14) != 0,
                        .created_us = sv_stmt_int(stmt, 15),
                        .updated_us = sv_stmt_int(stmt, 16),
                        .bytes = sv_stmt_int(stmt, 17),
                        .of = sv_stmt_int(stmt, 18),
                        .fetched = sv_stmt_int(stmt, 21),
                        .fetched_told = sv_stmt_int(stmt, 22),
                        .stand = { .state = (sv_action_state) state,
                                   .class = (sv_action_class) class,
                                   .success_us = sv_stmt_int(stmt, 8),
                                   .due_us = sv_stmt_int(stmt, 9) } };
    bool fine = state >= 0 && state < SV_ACTION_STATE__COUNT && class >= 0
                && class < SV_ACTION_CLASS__COUNT && read_texts(stmt, out) == SV_OK;
    return fine ? SV_OK : sv_fail(why, SV_ERR_IO, "action %lld is damaged", (long long) out->id);
}

/// The one row of a statement that is bound.
static sv_err read_one(sv_stmt *stmt, sv_action *out, sv_why *why) {
    sv_err err = sv_stmt_next(stmt, why);
    if (err == SV_OK) {
        err = read_row(stmt, out, why);
        sv_stmt_reset(stmt);
    }
    return err;
}

sv_err sv_actions_find(sv_fleet *fleet, int64_t id, sv_action *out, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db, "SELECT " COLUMNS " FROM action WHERE id = ?1", &stmt, why));
    sv_stmt_bind_int(stmt, 1, id);
    sv_err err = read_one(stmt, out, why);
    return err == SV_ERR_NOT_FOUND ? sv_fail(why, err, "there is no action %lld", (long long) id)
                                   : err;
}

/// The newest row of the device for which `where` holds.
static sv_err newest(sv_fleet *fleet, const char *sql, const char *device, sv_action *out,
                     sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db, sql, &stmt, why));
    sv_stmt_bind_str(stmt, 1, device);
    return read_one(stmt, out, why);
}

sv_err sv_actions_open_of(sv_fleet *fleet, const char *device, sv_action *out, sv_why *why) {
    static const char SQL[] = "SELECT " COLUMNS " FROM action WHERE device = ?1 AND state < 6";
    return newest(fleet, SQL, device, out, why);
}

sv_err sv_actions_stopping_of(sv_fleet *fleet, const char *device, sv_action *out, sv_why *why) {
    static const char SQL[] = "SELECT " COLUMNS " FROM action WHERE device = ?1 AND stop_us > 0"
                              " ORDER BY stop_us DESC, id DESC LIMIT 1";
    return newest(fleet, SQL, device, out, why);
}

sv_err sv_actions_lost_of(sv_fleet *fleet, const char *device, sv_action *out, sv_why *why) {
    static const char SQL[] = "SELECT " COLUMNS " FROM action WHERE device = ?1"
                              " ORDER BY id DESC LIMIT 1";
    SV_TRY(newest(fleet, SQL, device, out, why));
    if (out->stand.success_us > 0) {
        return SV_ERR_NOT_FOUND;
    }
    bool lost = out->stand.class == SV_ACTION_BY_SILENCE;
    bool goes_on = out->goes_on && out->stand.state == SV_ACTION_CANCELED;
    return (lost && !out->told) || goes_on ? SV_OK : SV_ERR_NOT_FOUND;
}

sv_err sv_actions_confirmed_of(sv_fleet *fleet, const char *device, sv_action *out, sv_why *why) {
    static const char SQL[] = "SELECT " COLUMNS " FROM action WHERE device = ?1 AND state = 6"
                              " ORDER BY id DESC LIMIT 1";
    return newest(fleet, SQL, device, out, why);
}

sv_err sv_actions_is_known_bad(sv_fleet *fleet, const char *device, sv_text path, bool *out,
                               sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT state FROM action WHERE device = ?1 AND path = ?2 AND state <> 9"
                      " ORDER BY id DESC LIMIT 1",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, device);
    sv_stmt_bind_text(stmt, 2, path);
    sv_err err = sv_stmt_next(stmt, why);
    bool found = err == SV_OK;
    *out = found && sv_action_went_wrong((sv_action_state) sv_stmt_int(stmt, 0));
    sv_stmt_reset(stmt);
    return found || err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static void bind_due(sv_stmt *stmt, int index, int64_t due_us) {
    if (due_us > 0) {
        sv_stmt_bind_int(stmt, index, due_us);
    } else {
        sv_stmt_bind_null(stmt, index);
    }
}

static sv_err store(sv_fleet *fleet, const sv_action *action, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "UPDATE action SET state = ?2, class = ?3, success_us = ?4, due_us = ?5,"
                      " why = ?6, asks = ?7, updated_us = ?8, bytes = ?9, \"of\" = ?10,"
                      " stop_us = CASE WHEN ?11 THEN coalesce(stop_us, ?8) ELSE stop_us END"
                      " WHERE id = ?1",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, action->id);
    sv_stmt_bind_int(stmt, 2, (int64_t) action->stand.state);
    sv_stmt_bind_int(stmt, 3, (int64_t) action->stand.class);
    sv_stmt_bind_int(stmt, 4, action->stand.success_us);
    bind_due(stmt, 5, action->stand.due_us);
    sv_stmt_bind_str(stmt, 6, action->why);
    sv_stmt_bind_int(stmt, 7, action->asks);
    sv_stmt_bind_int(stmt, 8, action->updated_us);
    sv_stmt_bind_int(stmt, 9, action->bytes);
    sv_stmt_bind_int(stmt, 10, action->of);
    sv_stmt_bind_int(stmt, 11, action->stopping);
    return sv_stmt_run(stmt, why);
}

// ---- changes ------------------------------------------------------------------------------------

static void note_news(sv_actions *a, const char *device, int64_t action, bool look) {
    for (size_t i = a->news_count; i > 0 && i + 8 > a->news_count; i--) { // often the last ones
        if (a->news[i - 1].action == action) {
            a->news[i - 1].look |= look;
            return;
        }
    }
    if (a->news_count < SV_ACTIONS_NEWS_MAX) {
        sv_actions_news *news = &a->news[a->news_count++];
        news->action = action;
        news->look = look;
        (void) sv_text_copy(sv_text_of(device), news->device, sizeof news->device);
    }
}

static sv_err tell(sv_fleet *fleet, const sv_action *action, sv_action_state before, sv_why *why) {
    const sv_actions *a = fleet->actions;
    for (size_t i = 0; i < a->listener_count; i++) {
        SV_TRY(a->listeners[i].heard(a->listeners[i].arg, action, before, why));
    }
    return SV_OK;
}

sv_err sv_actions_change(sv_fleet *fleet, const sv_action *before, sv_action *after, sv_why *why) {
    bool moved =
        before->stand.state != after->stand.state || before->stand.class != after->stand.class;
    after->updated_us = fleet->wall_us();
    SV_TRY(store(fleet, after, why));
    note_news(fleet->actions, after->device, after->id, after->stopping && !before->stopping);
    bool ended =
        sv_action_has_ended(before->stand.state) != sv_action_has_ended(after->stand.state);
    if (ended) {
        SV_TRY(sv_director_changed(fleet, after->device, why));
    }
    if (moved && sv_action_has_ended(after->stand.state)) {
        SV_TRY(sv_divergence_note(fleet, after->device, why));
    }
    return moved ? tell(fleet, after, before->stand.state, why) : SV_OK;
}

sv_err sv_actions_end_as_canceled(sv_fleet *fleet, const sv_action *action, const char *reason,
                                  sv_why *why) {
    sv_action after = *action;
    after.stand = (sv_action_stand){ .state = SV_ACTION_CANCELED };
    after.stopping = action->stand.state != SV_ACTION_WAITING;
    after.asks = false;
    (void) snprintf(after.why, sizeof after.why, "%s", reason);
    SV_TRY(sv_actions_log(fleet, action->id, sv_text_of(reason), why));
    return sv_actions_change(fleet, action, &after, why);
}

sv_err sv_actions_let_go(sv_fleet *fleet, const sv_action *action, sv_text line, sv_why *why) {
    note_news(fleet->actions, action->device, action->id, true);
    return sv_actions_log(fleet, action->id, line, why);
}

// ---- assigning ----------------------------------------------------------------------------------

/// Ids rise, and are not below the clock: a database that was lost, or is older than it was, gives
/// none twice.
static sv_err next_id(sv_fleet *fleet, int64_t *out, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db, "SELECT coalesce(max(id), 0) + 1 FROM action", &stmt, why));
    SV_TRY(sv_stmt_next(stmt, why));
    int64_t next = sv_stmt_int(stmt, 0);
    int64_t clock = fleet->wall_us() / SV_TIME_SECOND_US - IDS_FROM_S;
    sv_stmt_reset(stmt);
    *out = next > clock ? next : clock;
    return *out <= SV_ACTION_ID_MAX ? SV_OK
                                    : sv_fail(why, SV_ERR_NO_SPACE, "there are no action ids left");
}

/// Which attempt of the device at this image it is.
static sv_err count_attempts(sv_fleet *fleet, const sv_action_order *order, int64_t *out,
                             sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT coalesce(max(attempt), 0) + 1 FROM action"
                      " WHERE device = ?1 AND path = ?2",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, order->device->id);
    sv_stmt_bind_text(stmt, 2, order->path);
    SV_TRY(sv_stmt_next(stmt, why));
    *out = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return SV_OK;
}

static sv_err insert(sv_fleet *fleet, const sv_action *action, const char *user, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "INSERT INTO action (id, device, path, version, sha256, campaign, state,"
                      " attempt, forced, asks, user, created_us, updated_us)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, nullif(?6, 0), 0, ?7, ?8, ?9, ?10, ?11, ?11)",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, action->id);
    sv_stmt_bind_str(stmt, 2, action->device);
    sv_stmt_bind_str(stmt, 3, action->path);
    sv_stmt_bind_str(stmt, 4, action->version);
    sv_stmt_bind_str(stmt, 5, action->sha256);
    sv_stmt_bind_int(stmt, 6, action->campaign);
    sv_stmt_bind_int(stmt, 7, action->attempt);
    sv_stmt_bind_int(stmt, 8, action->forced);
    sv_stmt_bind_int(stmt, 9, action->asks);
    sv_stmt_bind_str(stmt, 10, user);
    sv_stmt_bind_int(stmt, 11, action->created_us);
    return sv_stmt_run(stmt, why);
}

static sv_err name_image(const sv_action_order *order, sv_action *action, sv_why *why) {
    if (order->path.len == 0
        || sv_text_copy(order->path, action->path, sizeof action->path) != SV_OK
        || sv_text_copy(order->version, action->version, sizeof action->version) != SV_OK
        || sv_text_copy(order->sha256, action->sha256, sizeof action->sha256) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "the image's path, version or SHA-256 is too long");
    }
    return sv_text_copy(sv_text_of(order->device->id), action->device, sizeof action->device);
}

static sv_err refuse_bad(sv_fleet *fleet, const sv_action_order *order, sv_why *why) {
    bool bad = false;
    SV_TRY(sv_actions_is_known_bad(fleet, order->device->id, order->path, &bad, why));
    return !bad || order->again ? SV_OK
                                : sv_fail(why, SV_ERR_STATE,
                                          "%s has failed with '" SV_TEXT_FMT
                                          "' before; ask for a retry to try again",
                                          order->device->id, SV_TEXT_ARG(order->path));
}

static sv_err supersede(sv_fleet *fleet, const char *device, int64_t by, sv_why *why) {
    sv_action open;
    char reason[SV_ACTION_WHY_ROOM];
    sv_err err = sv_actions_open_of(fleet, device, &open, why);
    if (err != SV_OK) {
        return err == SV_ERR_NOT_FOUND ? SV_OK : err;
    }
    (void) snprintf(reason, sizeof reason, "superseded by action %lld", (long long) by);
    return sv_actions_end_as_canceled(fleet, &open, reason, why);
}

static sv_err assign(sv_fleet *fleet, const sv_action_order *order, sv_action *action,
                     sv_why *why) {
    SV_TRY(refuse_bad(fleet, order, why));
    SV_TRY(next_id(fleet, &action->id, why));
    SV_TRY(count_attempts(fleet, order, &action->attempt, why));
    SV_TRY(supersede(fleet, action->device, action->id, why));
    SV_TRY(insert(fleet, action, order->user, why));
    SV_TRY(sv_actions_trim(fleet, action->device, why));
    SV_TRY(sv_director_changed(fleet, action->device, why));
    note_news(fleet->actions, action->device, action->id, true);
    return tell(fleet, action, SV_ACTION_STATE__COUNT, why);
}

sv_err sv_actions_assign(sv_fleet *fleet, const sv_action_order *order, int64_t *id, sv_why *why) {
    bool own;
    sv_action action = { .campaign = order->campaign,
                         .forced = order->forced,
                         .asks = order->asks,
                         .created_us = fleet->wall_us() };
    action.updated_us = action.created_us;
    SV_TRY(name_image(order, &action, why));
    SV_TRY(sv_actions_begin(fleet, &own, why));
    SV_TRY(sv_actions_end(fleet, own, assign(fleet, order, &action, why), why));
    *id = action.id;
    return SV_OK;
}

// ---- ending by somebody's word ------------------------------------------------------------------

static sv_err cancel(sv_fleet *fleet, int64_t id, const char *by, sv_why *why) {
    sv_action action;
    char reason[SV_ACTION_WHY_ROOM];
    SV_TRY(sv_actions_find(fleet, id, &action, why));
    if (sv_action_has_ended(action.stand.state)) {
        return sv_fail(why, SV_ERR_STATE, "action %lld has ended: it is %s", (long long) id,
                       sv_action_state_name(action.stand.state));
    }
    (void) snprintf(reason, sizeof reason, "canceled by %s", by);
    return sv_actions_end_as_canceled(fleet, &action, reason, why);
}

sv_err sv_actions_cancel(sv_fleet *fleet, int64_t id, const char *by, sv_why *why) {
    bool own;
    SV_TRY(sv_actions_begin(fleet, &own, why));
    return sv_actions_end(fleet, own, cancel(fleet, id, by, why), why);
}

static sv_err give_up(sv_fleet *fleet, int64_t id, sv_action_class class, const char *reason,
                      sv_why *why) {
    sv_action before;
    SV_TRY(sv_actions_find(fleet, id, &before, why));
    sv_action after = before;
    after.stand = (sv_action_stand){ .state = SV_ACTION_FAILED, .class = class };
    after.stopping |=
        !sv_action_has_ended(before.stand.state) && before.stand.state != SV_ACTION_WAITING;
    (void) snprintf(after.why, sizeof after.why, "%s", reason);
    SV_TRY(sv_actions_log(fleet, id, sv_text_of(reason), why));
    return sv_actions_change(fleet, &before, &after, why);
}

sv_err sv_actions_fail(sv_fleet *fleet, int64_t id, sv_action_class class, const char *reason,
                       sv_why *why) {
    bool own;
    SV_TRY(sv_actions_begin(fleet, &own, why));
    return sv_actions_end(fleet, own, give_up(fleet, id, class, reason, why), why);
}
