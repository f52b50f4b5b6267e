#include "campaigns_own.h"

#include <base/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/log.h>
#include <sys/zone.h>

// ---- what is kept in memory ---------------------------------------------------------------------

sv_campaigns *sv_campaigns_new(sv_fleet *fleet) {
    sv_campaigns *campaigns = sv_mem_new(sizeof *campaigns);
    campaigns->fleet = fleet;
    campaigns->zones = sv_map_new(1024, NULL);
    return campaigns;
}

void sv_campaigns_drop(sv_campaigns **campaigns) {
    if (*campaigns == NULL) {
        return;
    }
    sv_campaigns_end_surveys(*campaigns);
    sv_timer_drop(&(*campaigns)->timer);
    for (size_t i = 0; i < (*campaigns)->entry_count; i++) {
        sv_campaign_plan_drop(&(*campaigns)->entries[i].plan);
    }
    for (size_t i = 0; i < sv_map_count((*campaigns)->zones); i++) {
        sv_zone *zone = sv_map_at((*campaigns)->zones, i, NULL);
        sv_zone_drop(&zone);
    }
    sv_map_drop(&(*campaigns)->zones);
    free(*campaigns);
    *campaigns = NULL;
}

void sv_campaigns_note(sv_fleet *fleet, int64_t id) {
    sv_campaigns *campaigns = fleet->campaigns;
    for (size_t i = 0; i < campaigns->changed_count; i++) {
        if (campaigns->changed[i] == id) {
            return;
        }
    }
    if (campaigns->changed_count < SV_CAMPAIGNS_OPEN_MAX) {
        campaigns->changed[campaigns->changed_count++] = id;
    }
}

static sv_err load_plan(sv_fleet *fleet, int64_t id, sv_campaign_plan **out, sv_why *why) {
    sv_stmt *row;
    SV_DEFER(sv_json_drop) sv_json *body = NULL;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT plan FROM campaign WHERE id = ?1 AND (state < 4 OR closing > 0)",
                      &row, why));
    sv_stmt_bind_int(row, 1, id);
    SV_TRY(sv_stmt_next(row, why));
    sv_err err = sv_json_parse(sv_stmt_text(row, 0), &body, NULL, why);
    sv_stmt_reset(row);
    err = err == SV_OK ? sv_campaign_plan_parse(body, out, why) : err;
    return sv_fleet_medium(err);
}

sv_err sv_campaigns_entry(sv_fleet *fleet, int64_t id, sv_campaign_entry **out, sv_why *why) {
    sv_campaigns *campaigns = fleet->campaigns;
    for (size_t i = 0; i < campaigns->entry_count; i++) {
        if (campaigns->entries[i].id == id) {
            *out = &campaigns->entries[i];
            return SV_OK;
        }
    }
    if (campaigns->entry_count == SV_CAMPAIGNS_OPEN_MAX) {
        return sv_fail(why, SV_ERR_STATE, "more than %d campaigns are open", SV_CAMPAIGNS_OPEN_MAX);
    }
    sv_campaign_entry entry = { .id = id, .credit = 1 };
    SV_TRY(load_plan(fleet, id, &entry.plan, why));
    campaigns->entries[campaigns->entry_count] = entry;
    *out = &campaigns->entries[campaigns->entry_count++];
    return SV_OK;
}

static void forget(sv_campaigns *campaigns, size_t i) {
    sv_campaign_plan_drop(&campaigns->entries[i].plan);
    campaigns->entries[i] = campaigns->entries[--campaigns->entry_count];
}

// ---- windows ------------------------------------------------------------------------------------

/// NULL, which is UTC, for what this machine does not know. Its name is kept with it.
static const sv_zone *find_zone(sv_fleet *fleet, const char *name) {
    sv_campaigns *campaigns = fleet->campaigns;
    sv_text text = sv_text_of(name);
    sv_zone *zone = sv_map_get(campaigns->zones, text);
    if (zone == NULL && text.len > 0 && sv_zone_open(text, &zone, NULL) == SV_OK && zone != NULL
        && sv_map_put(campaigns->zones, text, zone) != SV_OK) {
        sv_zone_drop(&zone);
    }
    return zone;
}

const char *sv_campaign_zone_known(sv_fleet *fleet, const char *name) {
    return find_zone(fleet, name) != NULL ? name : "";
}

const char *sv_campaign_zone_key(sv_fleet *fleet, const sv_campaign_plan *plan, const char *zone) {
    bool by_zone = plan->has_window && plan->zone[0] == '\0';
    return by_zone ? sv_campaign_zone_known(fleet, zone) : "";
}

bool sv_campaign_is_open(sv_fleet *fleet, const sv_campaign_plan *plan, const char *key) {
    int64_t now_us = fleet->wall_us();
    const sv_zone *zone = find_zone(fleet, plan->zone[0] != '\0' ? plan->zone : key);
    return !plan->has_window || sv_hours_begin_us(&plan->hours, plan->days, zone, now_us) == now_us;
}

void sv_campaign_key_of(sv_fleet *fleet, const sv_campaign_plan *plan, const char *device,
                        char key[SV_RUNNING_WORD_ROOM]) {
    sv_running running = { 0 };
    bool by_zone = plan->has_window && plan->zone[0] == '\0';
    if (!by_zone || sv_running_of(fleet, device, &running, NULL) != SV_OK) {
        running.timezone[0] = '\0';
    }
    (void) snprintf(key, SV_RUNNING_WORD_ROOM, "%s",
                    sv_campaign_zone_key(fleet, plan, running.timezone));
}

bool sv_campaign_in_window(sv_fleet *fleet, const sv_campaign_plan *plan, const char *device) {
    char key[SV_RUNNING_WORD_ROOM];
    sv_campaign_key_of(fleet, plan, device, key);
    return sv_campaign_is_open(fleet, plan, key);
}

// ---- turns --------------------------------------------------------------------------------------

static sv_err begin(sv_fleet *fleet, sv_campaign_entry *entry, sv_campaign_row *row, bool *more,
                    sv_why *why) {
    if (row->gathers || row->start_ms > fleet->wall_us() / 1000) {
        return SV_OK;
    }
    *more = true;
    SV_TRY(sv_db_begin(fleet->db, why));
    sv_campaign_begin(&row->c, &entry->plan->rules, fleet->mono_us());
    return sv_push_commit(fleet, sv_campaign_row_save(fleet, row, SV_ALL_WAVES, why), why);
}

static sv_err turn_one(sv_fleet *fleet, sv_campaign_entry *entry, bool second, bool *more,
                       sv_why *why) {
    sv_campaign_row row;
    SV_TRY(sv_campaign_row_load(fleet, entry->id, &row, why));
    if (row.gathers && row.closing != SV_CAMPAIGN_TAKES_BACK) {
        return sv_campaign_gather(fleet, entry, more, why);
    }
    if (row.c.state == SV_CAMPAIGN_SCHEDULED) {
        return begin(fleet, entry, &row, more, why);
    }
    if (row.closing == SV_CAMPAIGN_TAKES_BACK) {
        return sv_campaign_take_back(fleet, row.id, more, why);
    }
    if (row.retries) {
        return sv_campaign_retry_on(fleet, entry, more, why);
    }
    if (second && entry->plan->newcomers) {
        SV_TRY(sv_campaign_gather_newcomers(fleet, entry, why));
    }
    if (row.c.state == SV_CAMPAIGN_RUNNING) {
        SV_TRY(sv_campaign_hand_out(fleet, entry, more, why));
    }
    return entry->plan->prestage ? sv_campaign_stage(fleet, entry, more, why) : SV_OK;
}

/// The ids of those that are open, those first that matter more.
static sv_err open_ids(sv_fleet *fleet, int64_t ids[SV_CAMPAIGNS_OPEN_MAX], size_t *count,
                       sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT id FROM campaign WHERE state < 4 OR closing > 0"
                      " ORDER BY priority DESC, id LIMIT ?1",
                      &row, why));
    sv_stmt_bind_int(row, 1, SV_CAMPAIGNS_OPEN_MAX);
    *count = 0;
    sv_err err;
    while ((err = sv_stmt_next(row, why)) == SV_OK) {
        ids[(*count)++] = sv_stmt_int(row, 0);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static bool is_among(int64_t id, const int64_t *ids, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return false;
}

/// One that cannot go on now keeps no other from it. [campaign-37]
static bool turn_named(sv_fleet *fleet, int64_t id, bool second, bool *more) {
    sv_campaign_entry *entry = NULL;
    sv_why why = { 0 };
    sv_err err = sv_campaigns_entry(fleet, id, &entry, &why);
    err = err == SV_OK ? turn_one(fleet, entry, second, more, &why) : err;
    if (err != SV_OK) {
        SV_LOG(error, "campaign.failed", "campaign %lld: %s", (long long) id, why.text);
    }
    return err == SV_OK;
}

/// Of many that have something to do each has its turn, by priority; what there is no time left for
/// comes first in the next, with what is due once a second. False: one failed.
static bool turn_some(sv_fleet *fleet, const int64_t *ids, size_t count, bool *more) {
    sv_campaigns *campaigns = fleet->campaigns;
    int64_t end_us = fleet->mono_us() + SV_CAMPAIGN_TURN_US;
    size_t from = campaigns->turn_next < count ? campaigns->turn_next : 0;
    bool fine = true;
    campaigns->turn_next = 0;
    for (size_t i = 0; i < count; i++) {
        bool second = campaigns->second_left > 0;
        campaigns->second_left -= second;
        fine &= turn_named(fleet, ids[(from + i) % count], second, more);
        if (i + 1 < count && fleet->mono_us() >= end_us) {
            campaigns->turn_next = (from + i + 1) % count;
            *more = true;
            break;
        }
    }
    return fine;
}

static bool turn_all(sv_fleet *fleet, bool second) {
    sv_campaigns *campaigns = fleet->campaigns;
    int64_t ids[SV_CAMPAIGNS_OPEN_MAX];
    size_t count = 0;
    bool more = false;
    sv_why why = { 0 };
    sv_err err = open_ids(fleet, ids, &count, &why);
    for (size_t i = campaigns->entry_count; err == SV_OK && i > 0; i--) {
        if (!is_among(campaigns->entries[i - 1].id, ids, count)) {
            forget(campaigns, i - 1);
        }
    }
    if (err == SV_OK && second) {
        campaigns->second_left = count;
        err = sv_campaigns_watch(fleet, &why);
    }
    bool all = err == SV_OK && turn_some(fleet, ids, count, &more);
    if (err != SV_OK) {
        SV_LOG(error, "campaign.failed", "%s", why.text);
    }
    return more && all;
}

bool sv_campaigns_turn(sv_fleet *fleet) {
    sv_campaigns *campaigns = fleet->campaigns;
    int64_t now_us = fleet->mono_us();
    bool second = now_us - campaigns->second_us >= SV_TIME_SECOND_US;
    if (second) {
        campaigns->second_us = now_us;
    }
    bool more = turn_all(fleet, second);
    if (second) {
        sv_campaigns_tell(fleet);
    }
    return more;
}

static void on_time(void *arg) {
    sv_campaigns *campaigns = arg;
    bool more = sv_campaigns_turn(campaigns->fleet);
    sv_timer_once(campaigns->timer, more ? SV_CAMPAIGN_SOON_US : SV_TIME_SECOND_US / 4);
}

void sv_campaigns_run(sv_fleet *fleet) {
    fleet->campaigns->timer = sv_timer_new(fleet->loop, on_time, fleet->campaigns);
    sv_timer_once(fleet->campaigns->timer, SV_CAMPAIGN_SOON_US);
}
