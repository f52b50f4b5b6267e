#include "seen.h"
#include "alerts_own.h"
#include <codec/encode.h>
#include <string.h>
#include <sys/log.h>

// ---- who has --------------------------------------------------------------------------------

/// By what is recorded and not on disk yet, else by the store. SV_ERR_NOT_FOUND: nobody that is
/// known by name.
static sv_err find_seen(gw *g, const char *alert, gw_seen_by *out, sv_why *why) {
    for (size_t i = g->seen.count; i > 0; i--) {
        if (strcmp(g->seen.fresh[i - 1].alert, alert) == 0) {
            *out = g->seen.fresh[i - 1].by;
            return SV_OK;
        }
    }
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db, "SELECT who, at, here FROM seen WHERE alert = ?", &stmt, why));
    sv_stmt_bind_str(stmt, 1, alert);
    SV_TRY(sv_stmt_next(stmt, why));
    *out = (gw_seen_by){ .at_us = sv_stmt_int(stmt, 1), .here = sv_stmt_int(stmt, 2) != 0 };
    (void) (sv_text_copy(sv_stmt_text(stmt, 0), out->who, sizeof out->who) == SV_OK);
    sv_stmt_reset(stmt);
    return SV_OK;
}

/// Also by what is recorded and not on disk yet. `mark`: it is acknowledged now.
static bool is_open_still(gw *g, const sv_alert *alert, bool mark) {
    if (gw_spool_alert_is(alert)) {
        return g->spool_alert.open && strcmp(g->spool_alert.id, alert->id) == 0;
    }
    if (gw_notice_is(alert)) {
        return gw_notice_has(g, alert);
    }
    if (alert->type == SV_ALERT_HEALTH) {
        const gw_device *device = gw_device_of(g, sv_text_of(alert->device_id));
        return device != NULL && device->health.open
               && strcmp(device->health.alert_id, alert->id) == 0;
    }
    sv_condition *condition = gw_cause_of(g, alert);
    if (condition == NULL || !condition->open || strcmp(condition->alert_id, alert->id) != 0) {
        return false;
    }
    condition->acknowledged = condition->acknowledged || mark;
    return true;
}

static void keep(gw *g, const sv_alert *alert, const gw_seen_by *by) {
    (void) is_open_still(g, alert, true);
    sv_writer_add(g->writer, "UPDATE open_alert SET acknowledged = 1 WHERE id = ?");
    sv_writer_str(g->writer, alert->id);
    sv_writer_add(g->writer,
                  "INSERT INTO seen VALUES (?1, ?2, ?3, ?4) ON CONFLICT (alert) DO UPDATE "
                  "SET who = ?2, at = ?3, here = ?4");
    sv_writer_str(g->writer, alert->id);
    sv_writer_str(g->writer, by->who);
    sv_writer_int(g->writer, by->at_us);
    sv_writer_int(g->writer, by->here);
}

void gw_seen_forget(gw *g, const char *alert) {
    sv_writer_add(g->writer, "DELETE FROM seen WHERE alert = ?");
    sv_writer_str(g->writer, alert);
}

/// The alert as it was told last, as an event that says who has seen it.
static sv_err put_event(const sv_alert *kept, const gw_seen_by *by, sv_textbuf *out) {
    sv_alert alert = *kept;
    sv_textbuf when = { .at = alert.timestamp, .cap = sizeof alert.timestamp };
    alert.event = SV_ALERT_ACKNOWLEDGED;
    memcpy(alert.by, by->who, sizeof alert.by);
    sv_time_add(&when, by->at_us);
    SV_TRY(sv_textbuf_end(&when));
    sv_alert_format(&alert, out);
    return sv_textbuf_end(out);
}

// ---- at the fleet server ------------------------------------------------------------------------

static bool publish(gw *g, const sv_alert *alert, sv_text event_json, int64_t event) {
    char room[SV_ID_ROOM + 8];
    sv_textbuf topic = SV_TEXTBUF(room);
    sv_textbuf_addf(&topic, "alerts/%s", alert->device_id);
    return gw_publish(g, sv_textbuf_text(&topic), event_json, event);
}

/// The site has heard that it is acknowledged; who did it first is kept.
static gw_event_end merge(gw *g, const sv_alert *alert, const gw_seen_by *known,
                          const gw_seen_by *by) {
    if (by->at_us < known->at_us) {
        keep(g, alert, by);
    }
    return GW_EVENT_IDLE;
}

gw_event_end gw_alert_acknowledge(gw *g, sv_text id, sv_text by, int64_t at_us, int64_t event) {
    gw_kept_alert kept;
    gw_seen_by known = { .here = false };
    gw_seen_by fresh = { .at_us = at_us };
    char room[SV_ALERT_BYTES_MAX];
    sv_textbuf body = SV_TEXTBUF(room);
    sv_why why = { 0 };
    sv_err err = gw_alert_find_open(g, id, &kept, &why);
    sv_err seen = err == SV_OK ? find_seen(g, kept.alert.id, &known, &why) : SV_ERR_NOT_FOUND;
    if ((err != SV_OK && err != SV_ERR_NOT_FOUND) || (seen != SV_OK && seen != SV_ERR_NOT_FOUND)) {
        gw_store_failed(g, &why);
        return GW_EVENT_LATER;
    }
    if (err == SV_ERR_NOT_FOUND || !is_open_still(g, &kept.alert, false)) {
        return GW_EVENT_IDLE;
    }
    if (sv_text_copy(by, fresh.who, sizeof fresh.who) != SV_OK
        || put_event(&kept.alert, &fresh, &body) != SV_OK) {
        return GW_EVENT_REFUSED;
    }
    if (known.here) {
        return merge(g, &kept.alert, &known, &fresh);
    }
    if (!publish(g, &kept.alert, sv_textbuf_text(&body), event)) {
        return GW_EVENT_LATER;
    }
    keep(g, &kept.alert, &fresh);
    return GW_EVENT_DONE;
}

// ---- here ---------------------------------------------------------------------------------------

static void put_seen(sv_json_out *out, const gw_seen_by *by) {
    sv_json_add_str(out, "by", by->who[0] != '\0' ? by->who : NULL);
    sv_json_add_int(out, "at", by->at_us / 1000);
    sv_json_add_bool(out, "here", by->here);
}

static void answer(sv_http_request *request, const char *alert, const gw_seen_by *by) {
    char room[512];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&text);
    sv_json_open_object(&out);
    sv_json_add_str(&out, "alert", alert);
    put_seen(&out, by);
    sv_json_close_object(&out);
    sv_http_reply(request, 200, "application/json", sv_textbuf_text(&text));
}

void gw_seen_turn(gw *g) {
    gw_seen *s = &g->seen;
    size_t left = 0;
    for (size_t i = 0; i < s->count; i++) {
        gw_seen_fresh one = s->fresh[i];
        if (one.group > g->committed) {
            s->fresh[left++] = one;
        } else if (one.request != NULL) {
            answer(one.request, one.alert, &one.by);
        }
    }
    s->count = left;
}

void gw_seen_close(gw *g) {
    gw_seen_turn(g);
    for (size_t i = 0; i < g->seen.count; i++) {
        if (g->seen.fresh[i].request != NULL) {
            sv_http_problem(g->seen.fresh[i].request, 503, "Not available",
                            "the gateway ends before this is on disk");
        }
    }
    g->seen.count = 0;
}

bool gw_seen_read_name(sv_text body, char who[SV_ID_ROOM]) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_text name;
    if (sv_json_parse(body, &root, NULL, NULL) != SV_OK
        || !sv_json_text(sv_json_get(root, "by"), &name)) {
        return false;
    }
    name = sv_text_trim(name);
    for (size_t i = 0; i < name.len; i++) {
        if ((unsigned char) name.at[i] < 0x20 || name.at[i] == 0x7F) {
            return false;
        }
    }
    return name.len > 0 && sv_utf8_is_valid(name) && sv_text_copy(name, who, SV_ID_ROOM) == SV_OK;
}

static void wait_for(gw *g, sv_http_request *request, const char *alert, const gw_seen_by *by,
                     uint64_t group) {
    gw_seen_fresh *fresh = &g->seen.fresh[g->seen.count++];
    *fresh = (gw_seen_fresh){ .by = *by, .group = group, .request = request };
    memcpy(fresh->alert, alert, sizeof fresh->alert);
}

/// The group that holds the alert's acknowledgement when somebody asked for the same a moment ago;
/// 0: it is on disk.
static uint64_t group_of(const gw *g, const char *alert) {
    for (size_t i = 0; i < g->seen.count; i++) {
        if (strcmp(g->seen.fresh[i].alert, alert) == 0) {
            return g->seen.fresh[i].group;
        }
    }
    return 0;
}

static void record(gw *g, sv_http_request *request, const gw_kept_alert *kept,
                   const gw_seen_by *by) {
    char room[SV_ALERT_BYTES_MAX];
    sv_textbuf body = SV_TEXTBUF(room);
    if (put_event(&kept->alert, by, &body) != SV_OK) {
        sv_http_problem(request, 503, "Not available", "the alert does not fit %d bytes",
                        SV_ALERT_BYTES_MAX);
        return;
    }
    keep(g, &kept->alert, by);
    gw_local_alert_put(g, kept->alert.device_id, sv_textbuf_text(&body));
    if (!kept->stays) {
        gw_outbox_alert(g, sv_textbuf_text(&body));
    }
    sv_writer_hurry(g->writer);
    wait_for(g, request, kept->alert.id, by, sv_writer_group(g->writer));
    SV_LOG(info, "alert.acknowledged", "%s of %s by %s, at this gateway", kept->alert.id,
           kept->alert.device_id, by->who);
}

/// Somebody has already, or is about to: the first one counts.
static void join(gw *g, sv_http_request *request, const char *alert, const gw_seen_by *known) {
    uint64_t group = group_of(g, alert);
    if (group == 0) {
        answer(request, alert, known);
    } else {
        wait_for(g, request, alert, known, group);
    }
}

void gw_seen_acknowledge(gw *g, sv_http_request *request, sv_text id) {
    gw_kept_alert kept;
    gw_seen_by known;
    gw_seen_by by = { .at_us = gw_wall_us(g), .here = true };
    sv_why why = { 0 };
    if (!gw_seen_read_name(sv_http_body(request), by.who)) {
        sv_http_problem(request, 400, "Bad request",
                        "say who acknowledges: {\"by\":\"<name>\"}, 1 to %d bytes", SV_ID_ROOM - 1);
        return;
    }
    if (g->exit_code != 0 || g->full || g->seen.count == GW_SEEN_WAITING_MAX) {
        sv_http_problem(request, 503, "Not available",
                        g->full ? "the disk is full" : "too many wait for the disk; try again");
        return;
    }
    sv_err err = gw_alert_find_open(g, id, &kept, &why);
    if (err == SV_ERR_NOT_FOUND || (err == SV_OK && !is_open_still(g, &kept.alert, false))) {
        sv_http_problem(request, 404, "Not found", "no alert of this id is open");
        return;
    }
    sv_err seen = err == SV_OK ? find_seen(g, kept.alert.id, &known, &why) : err;
    if (seen == SV_OK) {
        join(g, request, kept.alert.id, &known);
    } else if (seen == SV_ERR_NOT_FOUND) {
        record(g, request, &kept, &by);
    } else {
        sv_http_problem(request, 503, "Not available", "%s", why.text);
    }
}

// ---- showing ------------------------------------------------------------------------------------

static void put_words(sv_json_out *out, const char *key, sv_text text) {
    if (text.len > 0) {
        sv_json_add_text(out, key, text);
    } else {
        sv_json_add_null(out, key);
    }
}

static void put_row(sv_json_out *out, sv_stmt *row) {
    sv_json_open_object(out);
    sv_json_add_text(out, "id", sv_stmt_text(row, 0));
    sv_json_add_text(out, "device", sv_stmt_text(row, 1));
    put_words(out, "sensor", sv_stmt_text(row, 2));
    sv_json_add_str(out, "type", sv_alert_type_name((sv_alert_type) sv_stmt_int(row, 3)));
    put_words(out, "rule", sv_stmt_text(row, 4));
    sv_json_add_str(out, "severity", sv_severity_name((sv_severity) sv_stmt_int(row, 5)));
    sv_json_add_text(out, "message", sv_stmt_text(row, 6));
    sv_json_add_int(out, "raised", sv_stmt_int(row, 7) / 1000);
    sv_json_key(out, "acknowledged");
    if (sv_stmt_int(row, 8) == 0) {
        sv_json_put_null(out);
    } else {
        gw_seen_by by = { .at_us = sv_stmt_int(row, 10), .here = sv_stmt_int(row, 11) != 0 };
        (void) (sv_text_copy(sv_stmt_text(row, 9), by.who, sizeof by.who) == SV_OK);
        sv_json_open_object(out);
        put_seen(out, &by);
        sv_json_close_object(out);
    }
    sv_json_close_object(out);
}

static sv_err put_rows(gw *g, sv_json_out *out, sv_why *why) {
    sv_stmt *row = NULL;
    SV_TRY(sv_db_stmt(g->db,
                      "SELECT id, device, sensor, type, rule, severity, message, raised, "
                      "acknowledged, who, at, here FROM open_alert LEFT JOIN seen ON alert = id "
                      "ORDER BY acknowledged, raised DESC LIMIT ?",
                      &row, why));
    sv_stmt_bind_int(row, 1, GW_SEEN_SHOWN);
    sv_json_open_array(out);
    sv_err err = sv_stmt_next(row, why);
    for (; err == SV_OK; err = sv_stmt_next(row, why)) {
        put_row(out, row);
    }
    sv_json_close_array(out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

void gw_seen_list(gw *g, sv_http_request *request) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(GW_LOCAL_MAX);
    sv_json_out out = SV_JSON_OUT(&text);
    sv_why why = { 0 };
    sv_json_open_object(&out);
    sv_json_add_int(&out, "open", g->alerts_open);
    sv_json_key(&out, "items");
    if (put_rows(g, &out, &why) != SV_OK) {
        sv_http_problem(request, 503, "Not available", "%s", why.text);
        return;
    }
    sv_json_close_object(&out);
    sv_http_reply(request, 200, "application/json", sv_textbuf_text(&text));
}
