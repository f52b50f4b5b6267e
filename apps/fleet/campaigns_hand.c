// Handing out assignments, and taking back those of a campaign that was stopped.
#include "campaigns_own.h"

#include <stdio.h>
#include <string.h>

typedef struct member {
    char device[SV_ID_ROOM];
    int wave;
    int64_t attempt;
    int64_t action; ///< with which it has fetched the image ahead; 0: none
} member;

typedef struct handing {
    sv_fleet *fleet;
    sv_campaign_row *row;
    sv_campaign_entry *entry;
    sv_campaign_aim aim;
    int64_t may;    ///< devices that may begin in this slice
    int64_t given;  ///< that do
    int64_t looked; ///< that were looked at one by one
    member members[SV_CAMPAIGN_ASSIGN_SLICE];
} handing;

/// Some of a wave: who is in one time zone, or of these at one site.
typedef struct group {
    size_t wave;
    char zone[SV_RUNNING_WORD_ROOM];
    char site[SV_ID_ROOM]; ///< "": all
    bool ahead;            ///< of the site only who has begun to fetch it before its turn
} group;

// ---- who is next --------------------------------------------------------------------------------

static sv_err open_members(const handing *h, const group *g, int64_t most, sv_stmt **row,
                           sv_why *why) {
    static const char ALL[] = "SELECT device, wave, attempt, action FROM campaign_device"
                              " INDEXED BY campaign_ready WHERE campaign = ?1 AND wave = ?2"
                              " AND zone = ?3 AND place = 0 AND hold_ms = 0 LIMIT ?4";
    static const char OF_SITE[] =
        "SELECT device, wave, attempt, action FROM campaign_device INDEXED BY campaign_ready"
        " WHERE campaign = ?1 AND wave = ?2 AND zone = ?3 AND site = ?5 AND place = 0"
        " AND hold_ms = 0 LIMIT ?4";
    static const char AHEAD[] =
        "SELECT device, wave, attempt, action FROM campaign_device INDEXED BY campaign_staged"
        " WHERE campaign = ?1 AND staged IN (1, 2) AND wave = ?2 AND site = ?5 AND zone = ?3"
        " AND place = 0 AND hold_ms = 0 LIMIT ?4";
    const char *sql = g->site[0] == '\0' ? ALL : OF_SITE;
    SV_TRY(sv_db_stmt(h->fleet->db, g->ahead ? AHEAD : sql, row, why));
    sv_stmt_bind_int(*row, 1, h->row->id);
    sv_stmt_bind_int(*row, 2, (int64_t) g->wave);
    sv_stmt_bind_str(*row, 3, g->zone);
    sv_stmt_bind_int(*row, 4, most);
    if (g->site[0] != '\0') {
        sv_stmt_bind_str(*row, 5, g->site);
    }
    return SV_OK;
}

static sv_err read_members(handing *h, const group *g, int64_t most, int64_t *count, sv_why *why) {
    sv_stmt *row;
    sv_err err;
    SV_TRY(open_members(h, g, most, &row, why));
    *count = 0;
    while ((err = sv_stmt_next(row, why)) == SV_OK) {
        member *m = &h->members[(*count)++];
        m->wave = (int) sv_stmt_int(row, 1);
        m->attempt = sv_stmt_int(row, 2);
        m->action = sv_stmt_int(row, 3);
        (void) sv_text_copy(sv_stmt_text(row, 0), m->device, sizeof m->device);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

/// The time zone after the group's in its wave in which somebody waits; SV_ERR_NOT_FOUND.
static sv_err next_zone(const handing *h, group *g, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(h->fleet->db,
                      "SELECT zone FROM campaign_device INDEXED BY campaign_ready"
                      " WHERE campaign = ?1 AND wave = ?2 AND zone > ?3 AND place = 0"
                      " AND hold_ms = 0 ORDER BY zone LIMIT 1",
                      &row, why));
    sv_stmt_bind_int(row, 1, h->row->id);
    sv_stmt_bind_int(row, 2, (int64_t) g->wave);
    sv_stmt_bind_str(row, 3, g->zone);
    SV_TRY(sv_stmt_next(row, why));
    sv_err err = sv_text_copy(sv_stmt_text(row, 0), g->zone, sizeof g->zone);
    sv_stmt_reset(row);
    return err;
}

/// And the site after the group's in its time zone.
static sv_err next_site(const handing *h, group *g, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(h->fleet->db,
                      "SELECT site FROM campaign_device INDEXED BY campaign_ready"
                      " WHERE campaign = ?1 AND wave = ?2 AND zone = ?3 AND site > ?4 AND place = 0"
                      " AND hold_ms = 0 ORDER BY site LIMIT 1",
                      &row, why));
    sv_stmt_bind_int(row, 1, h->row->id);
    sv_stmt_bind_int(row, 2, (int64_t) g->wave);
    sv_stmt_bind_str(row, 3, g->zone);
    sv_stmt_bind_str(row, 4, g->site);
    SV_TRY(sv_stmt_next(row, why));
    sv_err err = sv_text_copy(sv_stmt_text(row, 0), g->site, sizeof g->site);
    sv_stmt_reset(row);
    return err;
}

sv_err sv_campaign_count_loading(sv_fleet *fleet, int64_t campaign, const char *site, int64_t *out,
                                 sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT count(*) FROM campaign_device d INDEXED BY campaign_loading"
                      " JOIN action a ON a.id = d.action AND a.state < 3" // not verified
                      " WHERE d.campaign = ?1 AND d.site = ?2"
                      " AND (d.place IN (1, 2) OR d.staged = 1)",
                      &row, why));
    sv_stmt_bind_int(row, 1, campaign);
    sv_stmt_bind_str(row, 2, site);
    SV_TRY(sv_stmt_next(row, why));
    *out = sv_stmt_int(row, 0);
    sv_stmt_reset(row);
    return SV_OK;
}

// ---- one of them --------------------------------------------------------------------------------

static sv_err hold(const handing *h, const member *m, int64_t until_us, const char *reason,
                   sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(h->fleet->db,
                      "UPDATE campaign_device SET hold_ms = ?3, why = ?4"
                      " WHERE campaign = ?1 AND device = ?2",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, h->row->id);
    sv_stmt_bind_str(stmt, 2, m->device);
    sv_stmt_bind_int(stmt, 3, until_us / 1000 + 1);
    sv_stmt_bind_str(stmt, 4, reason);
    return sv_stmt_run(stmt, why);
}

static sv_err place(const handing *h, const member *m, sv_stage stage, int64_t action,
                    sv_fleet_health health, const char *reason, sv_why *why) {
    sv_stmt *stmt;
    if (h->entry->plan->prestage) {
        SV_TRY(sv_campaign_stage_set(h->fleet, h->row->id, m->device, SV_STAGED_OVER, why));
    }
    SV_TRY(sv_db_stmt(h->fleet->db,
                      "UPDATE campaign_device SET place = ?3, action = nullif(?4, 0), health = ?5,"
                      " why = ?6, updated_ms = ?7 WHERE campaign = ?1 AND device = ?2",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, h->row->id);
    sv_stmt_bind_str(stmt, 2, m->device);
    sv_stmt_bind_int(stmt, 3, (int64_t) stage);
    sv_stmt_bind_int(stmt, 4, action);
    sv_stmt_bind_int(stmt, 5, (int64_t) health);
    sv_stmt_bind_str(stmt, 6, reason);
    sv_stmt_bind_int(stmt, 7, h->fleet->wall_us() / 1000);
    SV_TRY(sv_stmt_run(stmt, why));
    sv_campaign_move(&h->row->c, &h->entry->plan->rules, (size_t) m->wave, SV_STAGE_PLANNED, stage);
    return SV_OK;
}

static sv_err priority_of(sv_fleet *fleet, int64_t campaign, int *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db, "SELECT priority FROM campaign WHERE id = ?1", &row, why));
    sv_stmt_bind_int(row, 1, campaign);
    sv_err err = sv_stmt_next(row, why);
    *out = err == SV_OK ? (int) sv_stmt_int(row, 0) : -1;
    sv_stmt_reset(row);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

/// Is it at something that goes first? What somebody asked of it alone does, and so do a campaign
/// that matters as much, and whatever is in a slot already. [campaign-34]
sv_err sv_campaign_is_busy(sv_fleet *fleet, const sv_campaign_row *row, const char *device,
                           char reason[SV_ACTION_WHY_ROOM], bool *out, sv_why *why) {
    sv_action open;
    int priority = 0;
    *out = false;
    sv_err err = sv_actions_open_of(fleet, device, &open, why);
    if (err != SV_OK || open.campaign == row->id) { // of its own it has fetched the image ahead
        return err == SV_ERR_NOT_FOUND ? SV_OK : err;
    }
    if (open.campaign != 0) {
        SV_TRY(priority_of(fleet, open.campaign, &priority, why));
    }
    *out =
        open.campaign == 0 || priority >= row->priority || open.stand.state >= SV_ACTION_INSTALLED;
    if (open.campaign == 0) {
        (void) snprintf(reason, SV_ACTION_WHY_ROOM, "waits: somebody gave it %.200s", open.path);
    } else {
        (void) snprintf(reason, SV_ACTION_WHY_ROOM, "waits for campaign %lld",
                        (long long) open.campaign);
    }
    return SV_OK;
}

/// What it has fetched it may start now.
static sv_err let_go(const handing *h, const member *m, const sv_device *device, sv_why *why) {
    sv_action action;
    SV_TRY(sv_actions_find(h->fleet, m->action, &action, why));
    SV_TRY(sv_actions_let_go(h->fleet, &action, SV_TEXT("its window is open: it may start"), why));
    return place(h, m, sv_campaign_place_of(&action.stand), action.id, sv_device_health(device), "",
                 why);
}

static sv_err take_out(const handing *h, const member *m, const char *reason, sv_why *why) {
    SV_TRY(place(h, m, SV_STAGE_CANCELED, 0, SV_FLEET_UNKNOWN, reason, why));
    return m->action != 0 ? sv_actions_cancel(h->fleet, m->action, "its campaign", why) : SV_OK;
}

static sv_err assign(const handing *h, const member *m, const sv_device *device, sv_why *why) {
    const sv_campaign_row *row = h->row;
    int64_t action = 0;
    sv_why refused = { 0 };
    const sv_action_order order = { .device = device,
                                    .path = sv_text_of(row->image),
                                    .version = sv_text_of(row->version),
                                    .sha256 = sv_text_of(row->sha256),
                                    .campaign = row->id,
                                    .forced = h->entry->plan->forced,
                                    .again = m->attempt > 0,
                                    .user = row->user };
    sv_err err = sv_actions_assign(h->fleet, &order, &action, &refused);
    if (err == SV_ERR_STATE) { // known to be bad with it
        return place(h, m, SV_STAGE_CANCELED, 0, SV_FLEET_UNKNOWN, refused.text, why);
    }
    if (err != SV_OK) {
        return sv_fail(why, err, "%s", refused.text);
    }
    return place(h, m, SV_STAGE_WAITING, action, sv_device_health(device), "", why);
}

/// Is it still meant? Weeks may have gone by since it was gathered. What it failed with before is
/// judged when it is assigned, for a retry may. [campaign-38]
static sv_err assign_if_meant(const handing *h, const member *m, sv_device *device, sv_why *why) {
    sv_inventory_device d = { 0 };
    sv_meant meant = SV_MEANT_NOT;
    SV_TRY(sv_inventory_of(h->fleet, device, &d, why));
    SV_TRY(sv_campaign_means(h->fleet, &h->aim, &d, &meant, why));
    if (meant != SV_MEANT && meant != SV_MEANT_KNOWN_BAD) {
        return take_out(h, m, sv_campaign_meant_why(meant), why);
    }
    return m->action != 0 ? let_go(h, m, device, why) : assign(h, m, device, why);
}

/// It is elsewhere than it was when it was gathered.
static sv_err note_zone(const handing *h, const member *m, sv_why *why) {
    sv_stmt *stmt;
    char key[SV_RUNNING_WORD_ROOM];
    sv_campaign_key_of(h->fleet, h->entry->plan, m->device, key);
    SV_TRY(sv_db_stmt(h->fleet->db,
                      "UPDATE campaign_device SET zone = ?3 WHERE campaign = ?1 AND device = ?2",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, h->row->id);
    sv_stmt_bind_str(stmt, 2, m->device);
    sv_stmt_bind_str(stmt, 3, key);
    return sv_stmt_run(stmt, why);
}

static sv_err hand_to(const handing *h, const member *m, sv_why *why) {
    sv_text id = sv_text_of(m->device);
    sv_device *device = sv_registry_device(h->fleet->registry, id);
    char reason[SV_ACTION_WHY_ROOM] = "";
    bool busy = false;
    if (device == NULL || sv_standing_is_out(h->fleet->standing, id)) {
        return place(h, m, SV_STAGE_CANCELED, 0, SV_FLEET_UNKNOWN, "revoked, retired or gone", why);
    }
    if (!sv_campaign_in_window(h->fleet, h->entry->plan, m->device)) {
        return note_zone(h, m, why);
    }
    SV_TRY(sv_campaign_is_busy(h->fleet, h->row, m->device, reason, &busy, why));
    return busy ? hold(h, m, h->fleet->wall_us() + SV_CAMPAIGN_BUSY_US, reason, why)
                : assign_if_meant(h, m, device, why);
}

/// Those whose time to wait is over.
static sv_err release(const handing *h, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(h->fleet->db,
                      "UPDATE campaign_device SET hold_ms = 0, why = '' WHERE campaign = ?1"
                      " AND device IN (SELECT device FROM campaign_device INDEXED BY campaign_held"
                      " WHERE campaign = ?1 AND place = 0 AND hold_ms > 0 AND hold_ms <= ?2"
                      " LIMIT ?3)",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, h->row->id);
    sv_stmt_bind_int(stmt, 2, h->fleet->wall_us() / 1000);
    sv_stmt_bind_int(stmt, 3, SV_CAMPAIGN_HOLD_SLICE);
    return sv_stmt_run(stmt, why);
}

static bool may_go_on(const handing *h) {
    return h->given < h->may && h->looked < SV_CAMPAIGN_ASSIGN_SLICE
           && h->row->c.state == SV_CAMPAIGN_RUNNING;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/// Who is busy or is taken out leaves the room to the next.
static sv_err hand_to_group(handing *h, const group *g, int64_t room, sv_why *why) {
    bool all = false;
    while (!all && room > 0 && may_go_on(h)) {
        int64_t most = least(least(room, h->may - h->given), SV_CAMPAIGN_ASSIGN_SLICE - h->looked);
        int64_t given = h->given;
        int64_t count = 0;
        SV_TRY(read_members(h, g, most, &count, why));
        for (int64_t i = 0; i < count && h->row->c.state == SV_CAMPAIGN_RUNNING; i++) {
            int64_t at_risk = sv_campaign_at_risk(&h->row->c);
            SV_TRY(hand_to(h, &h->members[i], why));
            h->given += sv_campaign_at_risk(&h->row->c) > at_risk;
            h->looked++;
        }
        room -= h->given - given;
        all = count < most;
    }
    return SV_OK;
}

/// Who fetches it ahead is among those who load already, and who has all of it loads nothing: their
/// turn costs the line nothing.
static sv_err hand_to_ahead(handing *h, const group *g, sv_why *why) {
    group ahead = *g;
    ahead.ahead = true;
    return h->entry->plan->prestage ? hand_to_group(h, &ahead, h->may, why) : SV_OK;
}

/// No more of a site at once than its line can bear. [campaign-33]
static sv_err hand_by_site(handing *h, group *g, sv_why *why) {
    sv_err err = SV_OK;
    g->site[0] = '\0';
    while (err == SV_OK && may_go_on(h)) {
        int64_t loading = 0;
        err = next_site(h, g, why);
        if (err == SV_OK) {
            SV_TRY(hand_to_ahead(h, g, why));
            SV_TRY(sv_campaign_count_loading(h->fleet, h->row->id, g->site, &loading, why));
            err = hand_to_group(h, g, h->entry->plan->site_loads - loading, why);
        }
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

/// Only where it is open: the others, however many, are not looked at. [campaign-53]
static sv_err hand_to_wave(handing *h, size_t wave, sv_why *why) {
    group g = { .wave = wave };
    sv_err err = SV_OK;
    while (err == SV_OK && may_go_on(h)) {
        if (sv_campaign_is_open(h->fleet, h->entry->plan, g.zone)) {
            SV_TRY(h->entry->plan->site_loads > 0 ? hand_by_site(h, &g, why)
                                                  : hand_to_group(h, &g, h->may, why));
            g.site[0] = '\0';
        }
        err = next_zone(h, &g, why);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err hand_out(handing *h, sv_why *why) {
    bool goes = false;
    SV_TRY(sv_campaign_aim_of(h->fleet, h->entry, h->row, &h->aim, &goes, why));
    if (!goes) {
        return SV_OK;
    }
    SV_TRY(release(h, why));
    for (size_t wave = 0; wave < h->row->c.open && may_go_on(h); wave++) {
        if (h->row->c.waves[wave].count[SV_STAGE_PLANNED] > 0) {
            SV_TRY(hand_to_wave(h, wave, why));
        }
    }
    sv_campaign_judge(&h->row->c, &h->entry->plan->rules);
    return h->looked > 0 ? sv_campaign_row_save(h->fleet, h->row, SV_ALL_WAVES, why) : SV_OK;
}

sv_err sv_campaign_hand_out(sv_fleet *fleet, sv_campaign_entry *entry, bool *more, sv_why *why) {
    handing h = { .fleet = fleet, .entry = entry };
    sv_campaign_row row;
    SV_TRY(sv_campaign_row_load(fleet, entry->id, &row, why));
    h.row = &row;
    row.c.credit = entry->credit;
    row.c.credit_us = entry->credit_us;
    h.may = sv_campaign_allowance(&row.c, &entry->plan->rules, fleet->mono_us());
    if (h.may > 0) {
        h.may = h.may < SV_CAMPAIGN_ASSIGN_SLICE ? h.may : SV_CAMPAIGN_ASSIGN_SLICE;
        SV_TRY(sv_db_begin(fleet->db, why));
        SV_TRY(sv_push_commit(fleet, hand_out(&h, why), why));
        *more |= h.looked == SV_CAMPAIGN_ASSIGN_SLICE;
    }
    entry->credit = row.c.credit;
    entry->credit_us = row.c.credit_us;
    return SV_OK;
}

// ---- taking back --------------------------------------------------------------------------------

static sv_err find_actions(sv_fleet *fleet, const char *sql, int64_t id,
                           int64_t actions[SV_CAMPAIGN_ASSIGN_SLICE], size_t *count, sv_why *why) {
    sv_stmt *stmt;
    sv_err err;
    SV_TRY(sv_db_stmt(fleet->db, sql, &stmt, why));
    sv_stmt_bind_int(stmt, 1, id);
    sv_stmt_bind_int(stmt, 2, (int64_t) (SV_CAMPAIGN_ASSIGN_SLICE - *count));
    while ((err = sv_stmt_next(stmt, why)) == SV_OK) {
        actions[(*count)++] = sv_stmt_int(stmt, 0);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

/// Also of those who have fetched it ahead.
static sv_err take_back(sv_fleet *fleet, int64_t id, size_t *count, sv_why *why) {
    int64_t actions[SV_CAMPAIGN_ASSIGN_SLICE];
    sv_stmt *stmt;
    SV_TRY(find_actions(fleet,
                        "SELECT action FROM campaign_device INDEXED BY campaign_at"
                        " WHERE campaign = ?1 AND place IN (1, 2) LIMIT ?2",
                        id, actions, count, why));
    SV_TRY(find_actions(fleet,
                        "SELECT action FROM campaign_device INDEXED BY campaign_staged"
                        " WHERE campaign = ?1 AND staged IN (1, 2) LIMIT ?2",
                        id, actions, count, why));
    for (size_t i = 0; i < *count; i++) {
        SV_TRY(sv_actions_cancel(fleet, actions[i], "its campaign, which was stopped", why));
    }
    if (*count > 0) {
        return SV_OK;
    }
    SV_TRY(sv_db_stmt(fleet->db, "UPDATE campaign SET closing = 0 WHERE id = ?1", &stmt, why));
    sv_stmt_bind_int(stmt, 1, id);
    return sv_stmt_run(stmt, why);
}

sv_err sv_campaign_take_back(sv_fleet *fleet, int64_t id, bool *more, sv_why *why) {
    size_t count = 0;
    SV_TRY(sv_db_begin(fleet->db, why));
    SV_TRY(sv_push_commit(fleet, take_back(fleet, id, &count, why), why));
    *more |= count > 0;
    return SV_OK;
}
