// What people do with campaigns.
#include "campaigns_own.h"

#include <stdio.h>
#include <string.h>

// ---- starting -----------------------------------------------------------------------------------

static sv_err count_open(sv_fleet *fleet, int64_t *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db, "SELECT count(*) FROM campaign WHERE state < 4 OR closing > 0",
                      &row, why));
    SV_TRY(sv_stmt_next(row, why));
    *out = sv_stmt_int(row, 0);
    sv_stmt_reset(row);
    return SV_OK;
}

static sv_err check_room(sv_fleet *fleet, sv_why *why) {
    int64_t open = 0;
    SV_TRY(count_open(fleet, &open, why));
    return open < SV_CAMPAIGNS_OPEN_MAX
               ? SV_OK
               : sv_fail(why, SV_ERR_STATE, "%d campaigns have not ended; no more are taken",
                         SV_CAMPAIGNS_OPEN_MAX);
}

static sv_err check_start(sv_fleet *fleet, const sv_campaign_plan *plan,
                          const sv_campaign_survey *survey, const sv_image_row *image,
                          sv_why *why) {
    SV_TRY(check_room(fleet, why));
    if (!image->complete) {
        return sv_fail(why, SV_ERR_STATE, "image '%s' is not whole here; upload the rest of it",
                       plan->image);
    }
    if (survey->devices == 0 && !plan->newcomers) {
        return sv_fail(why, SV_ERR_STATE, "it would be for no device: %lld run the image already",
                       (long long) survey->already);
    }
    return SV_OK;
}

static sv_err insert(sv_fleet *fleet, const sv_campaign_plan *plan, const sv_image_row *image,
                     sv_text text, const char *sites, const char *user, sv_why *why) {
    sv_stmt *stmt;
    char name[SV_PLAN_NAME_ROOM + 70];
    (void) snprintf(name, sizeof name, "%s", plan->name);
    if (name[0] == '\0') {
        (void) snprintf(name, sizeof name, "%.60s %.60s", image->product, image->version);
    }
    SV_TRY(
        sv_db_stmt(fleet->db,
                   "INSERT INTO campaign (name, image, product, version, sha256, plan, sites,"
                   " priority, state, after, closing, user, created_ms, start_ms, prestage,"
                   " by_zone)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, '', ?10, ?11, ?12, ?13, ?14, ?15)",
                   &stmt, why));
    sv_stmt_bind_str(stmt, 1, name);
    sv_stmt_bind_str(stmt, 2, plan->image);
    sv_stmt_bind_str(stmt, 3, image->product);
    sv_stmt_bind_str(stmt, 4, image->version);
    sv_stmt_bind_str(stmt, 5, image->sha256);
    sv_stmt_bind_text(stmt, 6, text);
    sv_stmt_bind_str(stmt, 7, sites);
    sv_stmt_bind_int(stmt, 8, plan->priority);
    sv_stmt_bind_int(stmt, 9,
                     plan->rules.approvals > 0 ? SV_CAMPAIGN_APPROVAL : SV_CAMPAIGN_SCHEDULED);
    sv_stmt_bind_int(stmt, 10, plan->newcomers ? SV_CAMPAIGN_STAYS : SV_CAMPAIGN_RESTS);
    sv_stmt_bind_str(stmt, 11, user);
    sv_stmt_bind_int(stmt, 12, fleet->wall_us() / 1000);
    sv_stmt_bind_int(stmt, 13, plan->start_ms);
    sv_stmt_bind_int(stmt, 14, plan->prestage);
    sv_stmt_bind_int(stmt, 15, plan->has_window && plan->zone[0] == '\0');
    return sv_stmt_run(stmt, why);
}

static sv_err newest_id(sv_fleet *fleet, int64_t *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db, "SELECT max(id) FROM campaign", &row, why));
    SV_TRY(sv_stmt_next(row, why));
    *out = sv_stmt_int(row, 0);
    sv_stmt_reset(row);
    return SV_OK;
}

sv_err sv_campaigns_start(sv_fleet *fleet, const sv_campaign_plan *plan,
                          const sv_campaign_survey *survey, sv_text text, const char *sites,
                          const char *user, int64_t *id, sv_why *why) {
    sv_image_row image;
    sv_campaign_row row = { .gathers = true };
    SV_TRY(sv_images_find(fleet, sv_text_of(plan->image), &image, why));
    SV_TRY(check_start(fleet, plan, survey, &image, why));
    SV_TRY(insert(fleet, plan, &image, text, sites, user, why));
    SV_TRY(newest_id(fleet, &row.id, why));
    row.closing = plan->newcomers ? SV_CAMPAIGN_STAYS : SV_CAMPAIGN_RESTS;
    sv_campaign_open(&row.c, &plan->rules, survey->wave_count);
    for (size_t i = 0; i < survey->wave_count; i++) {
        bool by_query = i < plan->wave_count && plan->waves[i].kind == SV_WAVE_QUERY;
        row.places[i] = by_query ? 0 : survey->waves[i];
    }
    *id = row.id;
    return sv_campaign_row_save(fleet, &row, SV_ALL_WAVES, why);
}

// ---- retry --------------------------------------------------------------------------------------

typedef struct bad {
    char device[SV_ID_ROOM];
    int wave;
    sv_stage place;
} bad;

static sv_err plan_again(sv_fleet *fleet, sv_campaign_row *row, const bad *b, sv_why *why) {
    static const sv_campaign_rules NONE = { .success_percent = 100, .growth = 1 };
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "UPDATE campaign_device SET place = 0, action = NULL, hold_ms = 0, why = '',"
                      " attempt = attempt + 1, watch_ms = NULL, updated_ms = ?3,"
                      " staged = CASE WHEN ?4 THEN 0 END WHERE campaign = ?1 AND device = ?2",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, row->id);
    sv_stmt_bind_str(stmt, 2, b->device);
    sv_stmt_bind_int(stmt, 3, fleet->wall_us() / 1000);
    sv_stmt_bind_int(stmt, 4, row->prestage);
    SV_TRY(sv_stmt_run(stmt, why));
    sv_campaign_move(&row->c, &NONE, (size_t) b->wave, b->place, SV_STAGE_PLANNED);
    return SV_OK;
}

/// One that is named may also have been taken out.
static sv_err find_named(sv_fleet *fleet, int64_t id, const sv_json *value, bad *out, sv_why *why) {
    sv_stmt *row;
    sv_text device = SV_TEXT("");
    (void) sv_json_text(value, &device);
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT device, wave, place FROM campaign_device"
                      " WHERE campaign = ?1 AND device = ?2 AND place >= 6",
                      &row, why));
    sv_stmt_bind_int(row, 1, id);
    sv_stmt_bind_text(row, 2, device);
    sv_err err = sv_stmt_next(row, why);
    if (err == SV_ERR_NOT_FOUND) {
        return sv_fail(why, SV_ERR_STATE,
                       "'%.*s' is not in this campaign, or has nothing to try again",
                       (int) (device.len < SV_ID_MAX ? device.len : SV_ID_MAX), device.at);
    }
    SV_TRY(err);
    out->wave = (int) sv_stmt_int(row, 1);
    out->place = (sv_stage) sv_stmt_int(row, 2);
    err = sv_text_copy(sv_stmt_text(row, 0), out->device, sizeof out->device);
    sv_stmt_reset(row);
    return err;
}

static sv_err retry_named(sv_fleet *fleet, sv_campaign_row *row, const sv_json *devices,
                          sv_why *why) {
    size_t count = sv_json_count(devices);
    if (!sv_json_is_array(devices) || count == 0 || count > SV_CAMPAIGN_RETRY_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "devices must be an array of 1 to %d ids",
                       SV_CAMPAIGN_RETRY_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        bad b = { 0 };
        SV_TRY(find_named(fleet, row->id, sv_json_at(devices, i), &b, why));
        SV_TRY(plan_again(fleet, row, &b, why));
    }
    return SV_OK;
}

static sv_err next_bad(sv_fleet *fleet, int64_t id, bad *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT device, wave, place FROM campaign_device INDEXED BY campaign_at"
                      " WHERE campaign = ?1 AND place BETWEEN 6 AND 10 LIMIT 1",
                      &row, why));
    sv_stmt_bind_int(row, 1, id);
    SV_TRY(sv_stmt_next(row, why));
    out->wave = (int) sv_stmt_int(row, 1);
    out->place = (sv_stage) sv_stmt_int(row, 2);
    sv_err err = sv_text_copy(sv_stmt_text(row, 0), out->device, sizeof out->device);
    sv_stmt_reset(row);
    return err;
}

/// It stays closed until all are planned again: a wave with nobody left to begin would be over.
static sv_err retry_some(sv_fleet *fleet, sv_campaign_row *row, const sv_campaign_rules *rules,
                         sv_why *why) {
    sv_err err = SV_OK;
    row->retries = false;
    for (int i = 0; i < SV_CAMPAIGN_RETRY_SLICE; i++) {
        bad b = { 0 };
        err = next_bad(fleet, row->id, &b, why);
        if (err == SV_ERR_NOT_FOUND) {
            return sv_campaign_resume(&row->c, rules, why);
        }
        SV_TRY(err);
        SV_TRY(plan_again(fleet, row, &b, why));
    }
    row->retries = true;
    return SV_OK;
}

static sv_err retry_all(sv_fleet *fleet, sv_campaign_row *row, const sv_campaign_rules *rules,
                        sv_why *why) {
    bad b = { 0 };
    sv_err err = next_bad(fleet, row->id, &b, why);
    if (err == SV_ERR_NOT_FOUND) {
        return sv_fail(why, SV_ERR_STATE, "no device of it has come to grief");
    }
    return err == SV_OK ? retry_some(fleet, row, rules, why) : err;
}

static sv_err retry(sv_fleet *fleet, sv_campaign_row *row, const sv_campaign_rules *rules,
                    const sv_json *devices, sv_why *why) {
    SV_TRY(sv_campaign_may_retry(&row->c, why));
    if (row->c.state == SV_CAMPAIGN_DONE && row->closing == SV_CAMPAIGN_RESTS) {
        SV_TRY(check_room(fleet, why)); // it is open again
    }
    sv_campaign_reopen(&row->c);
    if (devices == NULL) {
        return retry_all(fleet, row, rules, why);
    }
    SV_TRY(retry_named(fleet, row, devices, why));
    return row->retries ? SV_OK : sv_campaign_resume(&row->c, rules, why);
}

static sv_err go_on(sv_fleet *fleet, const sv_campaign_entry *entry, sv_why *why) {
    sv_campaign_row row;
    SV_TRY(sv_campaign_row_load(fleet, entry->id, &row, why));
    SV_TRY(retry_some(fleet, &row, &entry->plan->rules, why));
    return sv_campaign_row_save(fleet, &row, SV_ALL_WAVES, why);
}

sv_err sv_campaign_retry_on(sv_fleet *fleet, const sv_campaign_entry *entry, bool *more,
                            sv_why *why) {
    *more = true; // the rest, or what is to be handed out
    SV_TRY(sv_db_begin(fleet->db, why));
    return sv_push_commit(fleet, go_on(fleet, entry, why), why);
}

// ---- verbs --------------------------------------------------------------------------------------

/// n of m: of as many as may, so many others than who started it. [campaign-17]
static sv_err approve(sv_fleet *fleet, sv_campaign_row *row, const sv_campaign_rules *rules,
                      const char *user, sv_why *why) {
    sv_stmt *stmt;
    if (strcmp(row->user, user) == 0) {
        return sv_fail(why, SV_ERR_STATE, "%s started it; somebody else has to say yes", user);
    }
    SV_TRY(sv_campaign_approve(&row->c, rules, why));
    SV_TRY(sv_db_stmt(fleet->db,
                      "INSERT INTO campaign_approval (campaign, user, at_ms) VALUES (?1, ?2, ?3)"
                      " ON CONFLICT DO NOTHING",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, row->id);
    sv_stmt_bind_str(stmt, 2, user);
    sv_stmt_bind_int(stmt, 3, fleet->wall_us() / 1000);
    SV_TRY(sv_stmt_run(stmt, why));
    return sv_db_changes(fleet->db) > 0
               ? SV_OK
               : sv_fail(why, SV_ERR_STATE, "%s has said yes already; it needs %d different people",
                         user, rules->approvals);
}

/// The rules also of one that has ended, for a retry.
static sv_err rules_of(sv_fleet *fleet, int64_t id, sv_campaign_rules *out, sv_why *why) {
    sv_stmt *row;
    sv_campaign_plan *plan = NULL;
    SV_DEFER(sv_json_drop) sv_json *body = NULL;
    SV_TRY(sv_db_stmt(fleet->db, "SELECT plan FROM campaign WHERE id = ?1", &row, why));
    sv_stmt_bind_int(row, 1, id);
    SV_TRY(sv_stmt_next(row, why));
    sv_err err = sv_json_parse(sv_stmt_text(row, 0), &body, NULL, why);
    sv_stmt_reset(row);
    err = err == SV_OK ? sv_campaign_plan_parse(body, &plan, why) : err;
    if (err == SV_OK) {
        *out = plan->rules;
        sv_campaign_plan_drop(&plan);
    }
    return sv_fleet_medium(err);
}

static sv_err act(sv_fleet *fleet, sv_campaign_row *row, sv_campaign_verb verb, const char *user,
                  const sv_json *devices, sv_why *why) {
    sv_campaign_rules rules = { 0 };
    SV_TRY(rules_of(fleet, row->id, &rules, why));
    switch (verb) {
    case SV_CAMPAIGN_DO_PAUSE:
        return sv_campaign_pause(&row->c, user, why);
    case SV_CAMPAIGN_DO_RESUME:
        return row->retries ? SV_OK : sv_campaign_resume(&row->c, &rules, why); // it will go on
    case SV_CAMPAIGN_DO_STOP:
        row->retries = false;
        row->closing = SV_CAMPAIGN_TAKES_BACK;
        return sv_campaign_stop(&row->c, user, why);
    case SV_CAMPAIGN_DO_APPROVE:
        return approve(fleet, row, &rules, user, why);
    case SV_CAMPAIGN_DO_RETRY:
        return retry(fleet, row, &rules, devices, why);
    case SV_CAMPAIGN_VERB__COUNT:
        break;
    }
    return SV_ERR_INVALID;
}

sv_err sv_campaigns_do(sv_fleet *fleet, int64_t id, sv_campaign_verb verb, const char *user,
                       const sv_json *devices, sv_why *why) {
    sv_campaign_row row;
    SV_TRY(sv_campaign_row_load(fleet, id, &row, why));
    SV_TRY(act(fleet, &row, verb, user, devices, why));
    return sv_campaign_row_save(fleet, &row, SV_ALL_WAVES, why);
}
