// What devices say of their actions, and what becomes of campaigns by it.
#include "campaigns_own.h"

#include <stdio.h>

// ---- actions ------------------------------------------------------------------------------------

sv_stage sv_campaign_place_of(const sv_action_stand *stand) {
    static const sv_stage OF[SV_ACTION_STATE__COUNT] = {
        [SV_ACTION_WAITING] = SV_STAGE_WAITING,         [SV_ACTION_NOTIFIED] = SV_STAGE_WAITING,
        [SV_ACTION_DOWNLOADING] = SV_STAGE_DOWNLOADING, [SV_ACTION_VERIFIED] = SV_STAGE_DOWNLOADING,
        [SV_ACTION_INSTALLED] = SV_STAGE_INSTALLED,     [SV_ACTION_TRIAL] = SV_STAGE_TRIAL,
        [SV_ACTION_CONFIRMED] = SV_STAGE_CONFIRMED,     [SV_ACTION_FAILED] = SV_STAGE_FAILED,
        [SV_ACTION_ROLLED_BACK] = SV_STAGE_ROLLED_BACK, [SV_ACTION_CANCELED] = SV_STAGE_CANCELED,
    };
    if (stand->state != SV_ACTION_FAILED) {
        return OF[stand->state];
    }
    return stand->class == SV_ACTION_BY_SILENCE    ? SV_STAGE_SILENT
           : stand->class == SV_ACTION_UNPROVED    ? SV_STAGE_UNPROVED
           : stand->class == SV_ACTION_BY_WORSE    ? SV_STAGE_WORSE
           : stand->class == SV_ACTION_BY_ROLLBACK ? SV_STAGE_ROLLED_BACK
                                                   : SV_STAGE_FAILED;
}

/// Where the campaign has the device of this action; SV_ERR_NOT_FOUND: it goes by another.
static sv_err find_member(sv_fleet *fleet, const sv_action *action, int *wave, sv_stage *place,
                          sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT wave, place FROM campaign_device"
                      " WHERE campaign = ?1 AND device = ?2 AND action = ?3",
                      &row, why));
    sv_stmt_bind_int(row, 1, action->campaign);
    sv_stmt_bind_str(row, 2, action->device);
    sv_stmt_bind_int(row, 3, action->id);
    SV_TRY(sv_stmt_next(row, why));
    *wave = (int) sv_stmt_int(row, 0);
    *place = (sv_stage) sv_stmt_int(row, 1);
    sv_stmt_reset(row);
    return SV_OK;
}

static sv_err move_member(sv_fleet *fleet, const sv_action *action, sv_stage to, sv_why *why) {
    sv_stmt *stmt;
    int64_t now_us = fleet->wall_us();
    SV_TRY(sv_db_stmt(fleet->db,
                      "UPDATE campaign_device SET place = ?3, updated_ms = ?4, why = ?5,"
                      " watch_ms = ?6 WHERE campaign = ?1 AND device = ?2",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, action->campaign);
    sv_stmt_bind_str(stmt, 2, action->device);
    sv_stmt_bind_int(stmt, 3, (int64_t) to);
    sv_stmt_bind_int(stmt, 4, now_us / 1000);
    sv_stmt_bind_str(stmt, 5, action->why);
    if (to == SV_STAGE_CONFIRMED) {
        sv_stmt_bind_int(stmt, 6, (now_us + SV_CAMPAIGN_WATCH_US) / 1000);
    } else {
        sv_stmt_bind_null(stmt, 6);
    }
    return sv_stmt_run(stmt, why);
}

/// One campaign that has ended goes by no rules any more.
static sv_err rules_of(sv_fleet *fleet, const sv_campaign_row *row, const sv_campaign_rules **out,
                       sv_why *why) {
    static const sv_campaign_rules NONE = { .success_percent = 100, .growth = 1 };
    sv_campaign_entry *entry = NULL;
    *out = &NONE;
    if (sv_campaign_has_ended(row->c.state)) {
        return SV_OK;
    }
    SV_TRY(sv_campaigns_entry(fleet, row->id, &entry, why));
    *out = &entry->plan->rules;
    return SV_OK;
}

/// One that was given its image ahead stays planned, until it starts it or comes to grief.
static sv_err count_word(sv_fleet *fleet, const sv_action *action, sv_why *why) {
    sv_campaign_row row;
    const sv_campaign_rules *rules = NULL;
    sv_stage from = SV_STAGE_PLANNED;
    int wave = 0;
    sv_err err = find_member(fleet, action, &wave, &from, why);
    sv_stage to = sv_campaign_place_of(&action->stand);
    if (err != SV_OK || from == to) {
        return err == SV_ERR_NOT_FOUND ? SV_OK : err;
    }
    if (from == SV_STAGE_PLANNED && to <= SV_STAGE_DOWNLOADING) {
        return sv_campaign_stage_heard(fleet, action, why);
    }
    if (from == SV_STAGE_PLANNED) {
        SV_TRY(sv_campaign_stage_set(fleet, action->campaign, action->device, SV_STAGED_OVER, why));
    }
    SV_TRY(move_member(fleet, action, to, why));
    SV_TRY(sv_campaign_row_load(fleet, action->campaign, &row, why));
    SV_TRY(rules_of(fleet, &row, &rules, why));
    sv_campaign_move(&row.c, rules, (size_t) wave, from, to);
    return sv_campaign_row_save(fleet, &row, wave, why);
}

/// In the transaction of the change: both are kept, or neither. [campaign-31]
static sv_err heard(void *arg, const sv_action *action, sv_action_state before, sv_why *why) {
    sv_fleet *fleet = arg;
    if (before == SV_ACTION_STATE__COUNT) { // a new one: whoever made it counts it
        return SV_OK;
    }
    if (action->campaign != 0) {
        SV_TRY(count_word(fleet, action, why));
    }
    bool ends = sv_action_has_ended(action->stand.state) && !sv_action_has_ended(before);
    return ends ? sv_campaigns_look_again(fleet, action->device, action->campaign, why) : SV_OK;
}

static sv_campaign_state state_of(sv_fleet *fleet, int64_t id) {
    sv_stmt *row;
    sv_campaign_state state = SV_CAMPAIGN_STOPPED;
    if (sv_db_stmt(fleet->db, "SELECT state FROM campaign WHERE id = ?1", &row, NULL) == SV_OK) {
        sv_stmt_bind_int(row, 1, id);
        state = sv_stmt_next(row, NULL) == SV_OK ? (sv_campaign_state) sv_stmt_int(row, 0) : state;
        sv_stmt_reset(row);
    }
    return state;
}

/// Its turn has not come: it has no more than the image.
static bool is_planned(sv_fleet *fleet, const sv_action *action) {
    sv_stage place = SV_STAGE_PLANNED;
    int wave = 0;
    return find_member(fleet, action, &wave, &place, NULL) == SV_OK && place == SV_STAGE_PLANNED;
}

/// Nobody begins while it is paused, or outside of its window. What may be fetched ahead is started
/// in the window alone, however far it is. [campaign-16] [campaign-21] [campaign-50]
static sv_action_offer gate(void *arg, const sv_action *action) {
    sv_fleet *fleet = arg;
    sv_campaign_entry *entry = NULL;
    bool goes = sv_campaigns_entry(fleet, action->campaign, &entry, NULL) == SV_OK;
    bool ahead = goes && entry->plan->prestage && sv_campaign_may_stage(fleet, action->device);
    if (action->stand.state > SV_ACTION_NOTIFIED && !ahead) {
        return SV_OFFER_NOW;
    }
    if (!goes || state_of(fleet, action->campaign) != SV_CAMPAIGN_RUNNING) {
        return SV_OFFER_LATER;
    }
    if (!entry->plan->has_window) {
        return SV_OFFER_NOW;
    }
    bool open = sv_campaign_in_window(fleet, entry->plan, action->device)
                && !(entry->plan->prestage && is_planned(fleet, action));
    return open ? SV_OFFER_IN_WINDOW : ahead ? SV_OFFER_AHEAD : SV_OFFER_LATER;
}

void sv_campaigns_join_actions(sv_fleet *fleet) {
    sv_actions_listen(fleet, heard, fleet);
    sv_actions_gate_with(fleet, gate, fleet);
}

// ---- whose health is worse ----------------------------------------------------------------------

typedef struct watched {
    int64_t campaign, action;
    char device[SV_ID_ROOM];
    sv_fleet_health before;
} watched;

static sv_err next_watched(sv_fleet *fleet, watched *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT campaign, device, action, health FROM campaign_device"
                      " WHERE watch_ms <= ?1 LIMIT 1",
                      &row, why));
    sv_stmt_bind_int(row, 1, fleet->wall_us() / 1000);
    SV_TRY(sv_stmt_next(row, why));
    out->campaign = sv_stmt_int(row, 0);
    out->action = sv_stmt_int(row, 2);
    out->before = (sv_fleet_health) sv_stmt_int(row, 3);
    sv_err err = sv_text_copy(sv_stmt_text(row, 1), out->device, sizeof out->device);
    sv_stmt_reset(row);
    return err;
}

static sv_err stop_watching(sv_fleet *fleet, const watched *w, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "UPDATE campaign_device SET watch_ms = NULL"
                      " WHERE campaign = ?1 AND device = ?2",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, w->campaign);
    sv_stmt_bind_str(stmt, 2, w->device);
    return sv_stmt_run(stmt, why);
}

/// A while after it was confirmed, by which time its alerts have been raised. [campaign-32]
static sv_err compare(sv_fleet *fleet, const watched *w, sv_why *why) {
    const sv_device *device = sv_registry_device(fleet->registry, sv_text_of(w->device));
    sv_fleet_health now = device != NULL ? sv_device_health(device) : SV_FLEET_UNKNOWN;
    char reason[SV_ACTION_WHY_ROOM];
    SV_TRY(stop_watching(fleet, w, why));
    if (now < SV_FLEET_WARNING || now <= w->before) {
        return SV_OK;
    }
    (void) snprintf(reason, sizeof reason, "its health was %s before, and is %s",
                    sv_fleet_health_name(w->before), sv_fleet_health_name(now));
    return sv_actions_fail(fleet, w->action, SV_ACTION_BY_WORSE, reason, why);
}

sv_err sv_campaigns_watch(sv_fleet *fleet, sv_why *why) {
    sv_err err = SV_OK;
    SV_TRY(sv_db_begin(fleet->db, why));
    for (int i = 0; err == SV_OK && i < SV_CAMPAIGN_ASSIGN_SLICE; i++) {
        watched w = { 0 };
        err = next_watched(fleet, &w, why);
        err = err == SV_OK ? compare(fleet, &w, why) : err;
    }
    return sv_push_commit(fleet, err == SV_ERR_NOT_FOUND ? SV_OK : err, why);
}
