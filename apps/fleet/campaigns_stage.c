// Images that devices have before their window opens: they get their assignment as one that they
// may fetch and write, and not start. To the rules of the campaign they are planned, until their
// turn comes: nothing is at risk. [campaign-50]
#include "campaigns_own.h"
#include "running.h"

#include <string.h>

#define AGENT "selvedge-agent"

typedef struct member {
    char device[SV_ID_ROOM];
    int64_t attempt;
} member;

typedef struct staging {
    sv_fleet *fleet;
    sv_campaign_row *row;
    sv_campaign_entry *entry;
    sv_campaign_aim aim;
    member members[SV_CAMPAIGN_ASSIGN_SLICE];
    int64_t count;
} staging;

bool sv_campaign_may_stage(sv_fleet *fleet, const char *device) {
    sv_running running = { 0 };
    return sv_running_of(fleet, device, &running, NULL) == SV_OK
           && strcmp(running.client, AGENT) == 0;
}

// ---- what is kept of each -----------------------------------------------------------------------

static sv_err count_ready(sv_fleet *fleet, int64_t campaign, const char *device, bool is_ready,
                          sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "UPDATE campaign SET ready = ready + ?3 - coalesce((SELECT staged = 2 FROM"
                      " campaign_device WHERE campaign = ?1 AND device = ?2), 0) WHERE id = ?1",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, campaign);
    sv_stmt_bind_str(stmt, 2, device);
    sv_stmt_bind_int(stmt, 3, is_ready);
    return sv_stmt_run(stmt, why);
}

sv_err sv_campaign_stage_set(sv_fleet *fleet, int64_t campaign, const char *device,
                             sv_campaign_staged to, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(count_ready(fleet, campaign, device, to == SV_STAGED_READY, why));
    SV_TRY(sv_db_stmt(fleet->db,
                      "UPDATE campaign_device SET staged = CASE WHEN ?3 < 4 THEN ?3 END"
                      " WHERE campaign = ?1 AND device = ?2",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, campaign);
    sv_stmt_bind_str(stmt, 2, device);
    sv_stmt_bind_int(stmt, 3, (int64_t) to);
    sv_campaigns_note(fleet, campaign);
    return sv_stmt_run(stmt, why);
}

sv_err sv_campaign_stage_heard(sv_fleet *fleet, const sv_action *action, sv_why *why) {
    bool is_whole = action->stand.state == SV_ACTION_VERIFIED;
    return sv_campaign_stage_set(fleet, action->campaign, action->device,
                                 is_whole ? SV_STAGED_READY : SV_STAGED_LOADS, why);
}

// ---- who is next --------------------------------------------------------------------------------

static sv_err read_members(staging *s, sv_stmt *row, sv_why *why) {
    sv_err err;
    while ((err = sv_stmt_next(row, why)) == SV_OK) {
        member *m = &s->members[s->count++];
        m->attempt = sv_stmt_int(row, 1);
        (void) sv_text_copy(sv_stmt_text(row, 0), m->device, sizeof m->device);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err next_of_all(staging *s, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(s->fleet->db,
                      "SELECT device, attempt FROM campaign_device INDEXED BY campaign_staged"
                      " WHERE campaign = ?1 AND staged = 0 LIMIT ?2",
                      &row, why));
    sv_stmt_bind_int(row, 1, s->row->id);
    sv_stmt_bind_int(row, 2, SV_CAMPAIGN_ASSIGN_SLICE);
    return read_members(s, row, why);
}

static sv_err next_of_site(staging *s, size_t wave, const char *site, int64_t room, sv_why *why) {
    sv_stmt *row;
    int64_t left = SV_CAMPAIGN_ASSIGN_SLICE - s->count;
    SV_TRY(sv_db_stmt(s->fleet->db,
                      "SELECT device, attempt FROM campaign_device INDEXED BY campaign_staged"
                      " WHERE campaign = ?1 AND staged = 0 AND wave = ?2 AND site = ?3 LIMIT ?4",
                      &row, why));
    sv_stmt_bind_int(row, 1, s->row->id);
    sv_stmt_bind_int(row, 2, (int64_t) wave);
    sv_stmt_bind_str(row, 3, site);
    sv_stmt_bind_int(row, 4, room < left ? room : left);
    return read_members(s, row, why);
}

/// The site after `site`, of any wave, where somebody has nothing yet; SV_ERR_NOT_FOUND.
static sv_err next_site(const staging *s, char site[SV_ID_ROOM], sv_why *why) {
    char next[SV_ID_ROOM] = "";
    for (size_t wave = 0; wave < s->row->c.wave_count; wave++) {
        sv_stmt *row;
        SV_TRY(sv_db_stmt(s->fleet->db,
                          "SELECT site FROM campaign_device INDEXED BY campaign_staged"
                          " WHERE campaign = ?1 AND staged = 0 AND wave = ?2 AND site > ?3"
                          " ORDER BY site LIMIT 1",
                          &row, why));
        sv_stmt_bind_int(row, 1, s->row->id);
        sv_stmt_bind_int(row, 2, (int64_t) wave);
        sv_stmt_bind_str(row, 3, site);
        sv_err err = sv_stmt_next(row, why);
        if (err == SV_OK) {
            char found[SV_ID_ROOM] = "";
            (void) sv_text_copy(sv_stmt_text(row, 0), found, sizeof found);
            sv_stmt_reset(row);
            if (next[0] == '\0' || strcmp(found, next) < 0) {
                memcpy(next, found, sizeof next);
            }
        } else if (err != SV_ERR_NOT_FOUND) {
            return err;
        }
    }
    memcpy(site, next, sizeof next);
    return next[0] == '\0' ? SV_ERR_NOT_FOUND : SV_OK;
}

/// No more of a site at once than its line can bear. [campaign-33]
static sv_err next_of_sites(staging *s, sv_why *why) {
    char site[SV_ID_ROOM] = "";
    sv_err err;
    while ((err = next_site(s, site, why)) == SV_OK) {
        int64_t loading = 0;
        SV_TRY(sv_campaign_count_loading(s->fleet, s->row->id, site, &loading, why));
        int64_t room = s->entry->plan->site_loads - loading;
        for (size_t wave = 0; wave < s->row->c.wave_count && room > 0; wave++) {
            int64_t had = s->count;
            if (s->count == SV_CAMPAIGN_ASSIGN_SLICE) {
                return SV_OK;
            }
            SV_TRY(next_of_site(s, wave, site, room, why));
            room -= s->count - had;
        }
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

/// Mostly nobody is: until the window opens there is nothing to write then.
static sv_err is_anybody_next(sv_fleet *fleet, int64_t campaign, bool *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT 1 FROM campaign_device INDEXED BY campaign_staged"
                      " WHERE campaign = ?1 AND staged = 0 LIMIT 1",
                      &row, why));
    sv_stmt_bind_int(row, 1, campaign);
    sv_err err = sv_stmt_next(row, why);
    *out = err == SV_OK;
    sv_stmt_reset(row);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

// ---- one of them --------------------------------------------------------------------------------

/// What else it is at goes on, whatever matters more: to take it over is for its turn.
static sv_err is_at_something(const staging *s, const char *device, bool *out, sv_why *why) {
    sv_action open;
    sv_err err = sv_actions_open_of(s->fleet, device, &open, why);
    *out = err == SV_OK && open.campaign != s->row->id;
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err may_have(const staging *s, const member *m, sv_device *device, bool *out,
                       sv_why *why) {
    bool busy = false;
    sv_inventory_device d = { 0 };
    sv_meant meant = SV_MEANT_NOT;
    *out = false;
    if (device == NULL || sv_standing_is_out(s->fleet->standing, sv_text_of(m->device))
        || !sv_campaign_may_stage(s->fleet, m->device)) {
        return SV_OK;
    }
    SV_TRY(is_at_something(s, m->device, &busy, why));
    SV_TRY(sv_inventory_of(s->fleet, device, &d, why));
    SV_TRY(sv_campaign_means(s->fleet, &s->aim, &d, &meant, why));
    *out = !busy && (meant == SV_MEANT || (meant == SV_MEANT_KNOWN_BAD && m->attempt > 0));
    return SV_OK;
}

static sv_err note_action(const staging *s, const member *m, int64_t action, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(s->fleet->db,
                      "UPDATE campaign_device SET action = ?3, updated_ms = ?4"
                      " WHERE campaign = ?1 AND device = ?2",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, s->row->id);
    sv_stmt_bind_str(stmt, 2, m->device);
    sv_stmt_bind_int(stmt, 3, action);
    sv_stmt_bind_int(stmt, 4, s->fleet->wall_us() / 1000);
    return sv_stmt_run(stmt, why);
}

static sv_err stage_one(const staging *s, const member *m, sv_why *why) {
    const sv_campaign_row *row = s->row;
    sv_device *device = sv_registry_device(s->fleet->registry, sv_text_of(m->device));
    int64_t action = 0;
    bool may = false;
    SV_TRY(may_have(s, m, device, &may, why));
    if (!may) { // what is the matter with it is said when its turn comes
        return sv_campaign_stage_set(s->fleet, row->id, m->device, SV_STAGED_NEVER, why);
    }
    const sv_action_order order = { .device = device,
                                    .path = sv_text_of(row->image),
                                    .version = sv_text_of(row->version),
                                    .sha256 = sv_text_of(row->sha256),
                                    .campaign = row->id,
                                    .forced = s->entry->plan->forced,
                                    .again = m->attempt > 0,
                                    .user = row->user };
    SV_TRY(sv_actions_assign(s->fleet, &order, &action, why));
    SV_TRY(note_action(s, m, action, why));
    return sv_campaign_stage_set(s->fleet, row->id, m->device, SV_STAGED_LOADS, why);
}

static sv_err stage(staging *s, sv_why *why) {
    bool goes = false;
    SV_TRY(sv_campaign_aim_of(s->fleet, s->entry, s->row, &s->aim, &goes, why));
    if (!goes) {
        return SV_OK;
    }
    SV_TRY(s->entry->plan->site_loads > 0 ? next_of_sites(s, why) : next_of_all(s, why));
    for (int64_t i = 0; i < s->count; i++) {
        SV_TRY(stage_one(s, &s->members[i], why));
    }
    return SV_OK;
}

sv_err sv_campaign_stage(sv_fleet *fleet, sv_campaign_entry *entry, bool *more, sv_why *why) {
    staging s = { .fleet = fleet, .entry = entry };
    sv_campaign_row row;
    SV_TRY(sv_campaign_row_load(fleet, entry->id, &row, why));
    s.row = &row;
    bool any = false;
    if (row.c.state != SV_CAMPAIGN_RUNNING) {
        return SV_OK;
    }
    SV_TRY(is_anybody_next(fleet, entry->id, &any, why));
    if (!any) {
        return SV_OK;
    }
    SV_TRY(sv_db_begin(fleet->db, why));
    SV_TRY(sv_push_commit(fleet, stage(&s, why), why));
    *more |= s.count == SV_CAMPAIGN_ASSIGN_SLICE;
    return SV_OK;
}

// ---- when something has changed -----------------------------------------------------------------

sv_err sv_campaigns_look_again(sv_fleet *fleet, const char *device, int64_t but, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "UPDATE campaign_device SET hold_ms = 0,"
                      " staged = CASE staged WHEN 3 THEN 0 ELSE staged END"
                      " WHERE device = ?1 AND place = 0 AND (hold_ms > 0 OR staged = 3)"
                      " AND campaign IN (SELECT id FROM campaign WHERE (state < 4 OR closing > 0)"
                      " AND id <> ?2)",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, device);
    sv_stmt_bind_int(stmt, 2, but);
    return sv_stmt_run(stmt, why);
}

sv_err sv_campaigns_moved(sv_fleet *fleet, const char *device, const char *zone, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "UPDATE campaign_device SET zone = ?2 WHERE device = ?1 AND campaign IN"
                      " (SELECT id FROM campaign WHERE (state < 4 OR closing > 0) AND by_zone = 1)",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, device);
    sv_stmt_bind_str(stmt, 2, sv_campaign_zone_known(fleet, zone));
    return sv_stmt_run(stmt, why);
}
