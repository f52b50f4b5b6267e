// Campaigns as they are shown.
#include "campaigns_own.h"
#include "savings.h"
#include "views.h"

#include <stdio.h>
#include <store/json.h>
#include <string.h>

// ---- counts -------------------------------------------------------------------------------------

/// `failed` is whatever failed but fell silent; `unproved` and `worse` say how much of it did so.
static void add_counts(const int64_t count[SV_STAGE__COUNT], sv_json_out *out) {
    int64_t devices = 0;
    for (int i = 0; i < SV_STAGE__COUNT; i++) {
        devices += count[i];
    }
    sv_json_add_int(out, "devices", devices);
    for (int i = 0; i < SV_STAGE__COUNT; i++) {
        int64_t failed =
            i == SV_STAGE_FAILED ? count[SV_STAGE_UNPROVED] + count[SV_STAGE_WORSE] : 0;
        sv_json_add_int(out, sv_stage_name((sv_stage) i), count[i] + failed);
    }
}

static void put_wave(const sv_campaign *c, size_t i, sv_json_out *out) {
    const sv_campaign_wave *wave = &c->waves[i];
    int64_t going = 0;
    for (int s = SV_STAGE_PLANNED; s <= SV_STAGE_TRIAL; s++) {
        going += wave->count[s];
    }
    sv_json_open_object(out);
    sv_json_add_int(out, "number", (int64_t) i + 1);
    add_counts(wave->count, out);
    sv_json_add_str(out, "state", i >= c->open ? "waiting" : going > 0 ? "running" : "done");
    sv_json_close_object(out);
}

static void add_waves(const sv_campaign *c, sv_json_out *out) {
    int64_t all[SV_STAGE__COUNT];
    sv_json_key(out, "waves");
    sv_json_open_array(out);
    for (size_t i = 0; i < c->wave_count; i++) {
        put_wave(c, i, out);
    }
    sv_json_close_array(out);
    for (int s = 0; s < SV_STAGE__COUNT; s++) {
        all[s] = sv_campaign_total(c, (sv_stage) s);
    }
    sv_json_key(out, "counts");
    sv_json_open_object(out);
    add_counts(all, out);
    sv_json_close_object(out);
}

// ---- one ----------------------------------------------------------------------------------------

/// Ten thousand ids have no place in a list, nor in an event.
static void put_short_target(const sv_json *target, sv_json_out *out) {
    static const char *const SHOWN[] = { "site", "group", "query" };
    sv_json_open_object(out);
    for (size_t i = 0; i < SV_COUNT(SHOWN); i++) {
        const sv_json *value = sv_json_get(target, SHOWN[i]);
        if (value != NULL) {
            sv_json_key(out, SHOWN[i]);
            sv_json_put_value(out, value);
        }
    }
    sv_json_add_null(out, "devices");
    sv_json_add_int(out, "devices_count", (int64_t) sv_json_count(sv_json_get(target, "devices")));
    sv_json_close_object(out);
}

static void add_target(const sv_json *target, bool whole, sv_json_out *out) {
    bool names = sv_json_is_array(sv_json_get(target, "devices"));
    sv_json_key(out, "target");
    if (names && !whole) {
        put_short_target(target, out);
    } else if (target != NULL) {
        sv_json_put_value(out, target);
    } else {
        sv_json_put_null(out);
    }
}

/// What was asked for, as far as people are shown it.
static sv_err add_plan(sv_text text, bool whole, sv_json_out *out, sv_why *why) {
    static const char *const SHOWN[] = { "success",   "rate",     "window",        "forced",
                                         "newcomers", "requires", "pause_between", "approvals",
                                         "priority",  "start",    "prestage" };
    SV_DEFER(sv_json_drop) sv_json *plan = NULL;
    SV_TRY(sv_json_parse(text, &plan, NULL, why));
    add_target(sv_json_get(plan, "target"), whole, out);
    for (size_t i = 0; i < SV_COUNT(SHOWN); i++) {
        const sv_json *value = sv_json_get(plan, SHOWN[i]);
        sv_json_key(out, SHOWN[i]);
        if (value != NULL) {
            sv_json_put_value(out, value);
        } else {
            sv_json_put_null(out);
        }
    }
    sv_json_key(out, "stop");
    if (sv_json_get(plan, "stop") != NULL && !sv_json_is_null(sv_json_get(plan, "stop"))) {
        sv_json_put_value(out, sv_json_get(plan, "stop"));
    } else {
        sv_json_put_raw(out, SV_TEXT("{\"any\":{\"percent\":5}}"));
    }
    return SV_OK;
}

static sv_err add_approvals(sv_fleet *fleet, int64_t id, sv_json_out *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(
        fleet->db, "SELECT user, at_ms FROM campaign_approval WHERE campaign = ?1 ORDER BY at_ms",
        &row, why));
    sv_stmt_bind_int(row, 1, id);
    sv_json_key(out, "approved");
    sv_json_open_array(out);
    sv_err err;
    while ((err = sv_stmt_next(row, why)) == SV_OK) {
        sv_json_open_object(out);
        sv_json_add_text(out, "by", sv_stmt_text(row, 0));
        sv_json_add_int(out, "at", sv_stmt_int(row, 1));
        sv_json_close_object(out);
    }
    sv_json_close_array(out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

/// name, user, created, started, ended, plan
static sv_err add_row(sv_fleet *fleet, const sv_campaign_row *c, bool whole, sv_json_out *out,
                      sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT name, user, created_ms, started_ms, ended_ms, plan FROM campaign"
                      " WHERE id = ?1",
                      &row, why));
    sv_stmt_bind_int(row, 1, c->id);
    SV_TRY(sv_stmt_next(row, why));
    sv_json_add_text(out, "name", sv_stmt_text(row, 0));
    sv_json_add_text(out, "created_by", sv_stmt_text(row, 1));
    sv_json_add_int(out, "created", sv_stmt_int(row, 2));
    sv_stmt_add_int(row, 3, out, "started");
    sv_stmt_add_int(row, 4, out, "ended");
    sv_err err = add_plan(sv_stmt_text(row, 5), whole, out, why);
    sv_stmt_reset(row);
    return sv_fleet_medium(err);
}

static void add_why(const sv_campaign_row *c, sv_json_out *out) {
    if (c->c.why[0] == '\0' && c->gathers) {
        sv_json_add_str(out, "why", "gathers its devices");
    } else if (c->retries) {
        sv_json_add_str(out, "why", "plans again who came to grief");
    } else {
        sv_json_add_str(out, "why", c->c.why[0] != '\0' ? c->c.why : NULL);
    }
}

sv_err sv_campaign_write(sv_fleet *fleet, int64_t id, bool whole, sv_json_out *out, sv_why *why) {
    sv_campaign_row row;
    SV_TRY(sv_campaign_row_load(fleet, id, &row, why));
    sv_json_open_object(out);
    sv_json_add_int(out, "id", id);
    sv_json_add_str(out, "image", row.image);
    sv_json_add_str(out, "product", row.product);
    sv_json_add_str(out, "version", row.version);
    sv_json_add_str(out, "state",
                    sv_campaign_state_name(row.retries ? SV_CAMPAIGN_RUNNING : row.c.state));
    add_why(&row, out);
    sv_json_key(out, "sites");
    sv_sites_put(out, row.sites);
    add_waves(&row.c, out);
    sv_json_add_int(out, "ready", row.ready);
    SV_TRY(add_row(fleet, &row, whole, out, why));
    SV_TRY(add_approvals(fleet, id, out, why));
    sv_json_key(out, "traffic");
    SV_TRY(sv_savings_write(fleet, id, out, why));
    sv_json_close_object(out);
    return SV_OK;
}

// ---- lists --------------------------------------------------------------------------------------

static sv_err list_ids(sv_fleet *fleet, const sv_campaigns_query *query, int64_t *ids,
                       size_t *count, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT id, sites FROM campaign WHERE (?1 = 0 OR id < ?1)"
                      " AND (?2 < 0 OR state = ?2) ORDER BY id DESC",
                      &row, why));
    sv_stmt_bind_int(row, 1, query->before);
    sv_stmt_bind_int(row, 2, query->state);
    sv_err err = SV_OK;
    while ((int64_t) *count <= query->limit && (err = sv_stmt_next(row, why)) == SV_OK) {
        char sites[SV_SITES_ROOM];
        if (sv_text_copy(sv_stmt_text(row, 1), sites, sizeof sites) == SV_OK
            && sv_sites_within(sites, query->sites)) {
            ids[(*count)++] = sv_stmt_int(row, 0);
        }
    }
    sv_stmt_reset(row);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

sv_err sv_campaigns_list(sv_fleet *fleet, const sv_campaigns_query *query, sv_json_out *out,
                         sv_why *why) {
    int64_t ids[SV_CAMPAIGNS_LIMIT_MAX + 1] = { 0 };
    size_t count = 0;
    SV_TRY(list_ids(fleet, query, ids, &count, why));
    size_t shown = (int64_t) count > query->limit ? (size_t) query->limit : count;
    sv_json_open_object(out);
    sv_json_key(out, "items");
    sv_json_open_array(out);
    for (size_t i = 0; i < shown; i++) {
        SV_TRY(sv_campaign_write(fleet, ids[i], false, out, why));
    }
    sv_json_close_array(out);
    if (count > shown && shown > 0) {
        char next[32];
        (void) snprintf(next, sizeof next, "%lld", (long long) ids[shown - 1]);
        sv_json_add_str(out, "next", next);
    } else {
        sv_json_add_null(out, "next");
    }
    sv_json_key(out, "traffic");
    SV_TRY(sv_savings_write_all(fleet, query->sites, out, why));
    sv_json_close_object(out);
    return SV_OK;
}

/// `failed` is asked for as it is counted.
static sv_err open_devices(sv_fleet *fleet, const sv_campaign_devices_query *query, sv_stmt **out,
                           sv_why *why) {
    static const char ALL[] =
        "SELECT d.device, d.site, d.wave, d.place, d.why, d.updated_ms, d.attempt, a.state,"
        " a.class, a.bytes, a.\"of\", d.staged, d.zone FROM campaign_device d"
        " LEFT JOIN action a ON a.id = d.action"
        " WHERE d.campaign = ?1 AND d.device > ?2 AND (?3 = 0 OR d.wave = ?3 - 1)"
        " ORDER BY d.device LIMIT ?4";
    static const char SOME[] =
        "SELECT d.device, d.site, d.wave, d.place, d.why, d.updated_ms, d.attempt, a.state,"
        " a.class, a.bytes, a.\"of\", d.staged, d.zone FROM campaign_device d"
        " INDEXED BY campaign_at"
        " LEFT JOIN action a ON a.id = d.action"
        " WHERE d.campaign = ?1 AND d.device > ?2 AND (?3 = 0 OR d.wave = ?3 - 1)"
        " AND d.place IN (?5, ?6, ?7) ORDER BY d.device LIMIT ?4";
    bool failed = query->place == SV_STAGE_FAILED;
    SV_TRY(sv_db_stmt(fleet->db, query->place < 0 ? ALL : SOME, out, why));
    sv_stmt_bind_int(*out, 1, query->campaign);
    sv_stmt_bind_str(*out, 2, query->after);
    sv_stmt_bind_int(*out, 3, query->wave);
    sv_stmt_bind_int(*out, 4, query->limit + 1);
    if (query->place >= 0) {
        sv_stmt_bind_int(*out, 5, query->place);
        sv_stmt_bind_int(*out, 6, failed ? SV_STAGE_UNPROVED : query->place);
        sv_stmt_bind_int(*out, 7, failed ? SV_STAGE_WORSE : query->place);
    }
    return SV_OK;
}

/// Who is planned may begin, but for the hour.
static bool waits_for_window(sv_fleet *fleet, const sv_campaign_plan *plan, sv_stmt *row) {
    char zone[SV_RUNNING_WORD_ROOM];
    return plan != NULL && sv_stmt_int(row, 3) == SV_STAGE_PLANNED
           && sv_text_copy(sv_stmt_text(row, 12), zone, sizeof zone) == SV_OK
           && !sv_campaign_is_open(fleet, plan, zone);
}

/// `plan`: NULL when the campaign has ended.
static void put_device(sv_fleet *fleet, const sv_campaign_plan *plan, sv_stmt *row,
                       sv_json_out *out) {
    bool acts = !sv_stmt_is_null(row, 7);
    int64_t class = acts ? sv_stmt_int(row, 8) : 0;
    const char *name = class > 0 && class < SV_ACTION_CLASS__COUNT
                           ? sv_action_class_name((sv_action_class) class)
                           : NULL;
    sv_json_open_object(out);
    sv_json_add_text(out, "device", sv_stmt_text(row, 0));
    sv_json_add_text(out, "site", sv_stmt_text(row, 1));
    sv_json_add_int(out, "wave", sv_stmt_int(row, 2) + 1);
    sv_json_add_str(out, "state", sv_stage_name((sv_stage) sv_stmt_int(row, 3)));
    sv_json_add_bool(out, "ready", sv_stmt_int(row, 11) == SV_STAGED_READY);
    sv_json_add_str(out, "class", name);
    if (sv_stmt_text(row, 4).len > 0) {
        sv_json_add_text(out, "why", sv_stmt_text(row, 4));
    } else {
        bool waits = waits_for_window(fleet, plan, row);
        sv_json_add_str(out, "why", waits ? "waits for its window" : NULL);
    }
    sv_json_key(out, "progress");
    if (acts && sv_stmt_int(row, 10) > 0) {
        sv_json_open_object(out);
        sv_json_add_int(out, "bytes", sv_stmt_int(row, 9));
        sv_json_add_int(out, "of", sv_stmt_int(row, 10));
        sv_json_close_object(out);
    } else {
        sv_json_put_null(out);
    }
    sv_json_add_int(out, "updated", sv_stmt_int(row, 5));
    sv_json_add_int(out, "attempt", sv_stmt_int(row, 6) + 1);
    sv_json_close_object(out);
}

sv_err sv_campaign_devices(sv_fleet *fleet, const sv_campaign_devices_query *query,
                           sv_json_out *out, sv_why *why) {
    sv_stmt *row;
    char last[SV_ID_ROOM] = "";
    int64_t count = 0;
    sv_campaign_entry *entry = NULL;
    (void) (sv_campaigns_entry(fleet, query->campaign, &entry, NULL) == SV_OK); // or it has ended
    SV_TRY(open_devices(fleet, query, &row, why));
    sv_json_open_object(out);
    sv_json_key(out, "items");
    sv_json_open_array(out);
    sv_err err;
    while ((err = sv_stmt_next(row, why)) == SV_OK && count < query->limit) {
        put_device(fleet, entry != NULL ? entry->plan : NULL, row, out);
        (void) sv_text_copy(sv_stmt_text(row, 0), last, sizeof last);
        count++;
    }
    sv_stmt_reset(row);
    sv_json_close_array(out);
    sv_json_add_str(out, "next", err == SV_OK ? last : NULL);
    sv_json_close_object(out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

// ---- live ---------------------------------------------------------------------------------------

/// To those who see all of it.
static void tell(sv_fleet *fleet, int64_t id, const char *sites, sv_text data) {
    const char *views[SV_LIVE_CLIENTS_MAX] = { NULL };
    size_t count = sv_live_views(fleet->live, views);
    (void) id;
    for (size_t i = 0; i < count; i++) {
        char view[SV_SITES_ROOM];
        (void) snprintf(view, sizeof view, "%s", views[i]); // whose client may go meanwhile
        if (sv_sites_within(sites, view)) {
            sv_live_send_view(fleet->live, view, "update", data);
        }
    }
}

void sv_campaigns_tell(sv_fleet *fleet) {
    sv_campaigns *campaigns = fleet->campaigns;
    SV_DEFER(sv_textbuf_drop) sv_textbuf data = SV_TEXTBUF_HEAP(SV_LIVE_EVENT_BYTES_MAX);
    for (size_t i = 0; sv_live_is_watched(fleet->live) && i < campaigns->changed_count; i++) {
        char sites[SV_SITES_ROOM];
        sv_json_out out = SV_JSON_OUT(&data);
        sv_textbuf_clear(&data);
        if (sv_campaigns_sites(fleet, campaigns->changed[i], sites, NULL) == SV_OK
            && sv_campaign_write(fleet, campaigns->changed[i], false, &out, NULL) == SV_OK
            && !data.overflowed) {
            tell(fleet, campaigns->changed[i], sites, sv_textbuf_text(&data));
        }
    }
    campaigns->changed_count = 0;
}
