#include "inbox.h"

#include "timeline.h"

#include <base/time.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STATE_OPEN, STATE_ACKNOWLEDGED, STATE_CLEARED };

static const char *const STATE_NAMES[] = {
    [STATE_OPEN] = "open",
    [STATE_ACKNOWLEDGED] = "acknowledged",
    [STATE_CLEARED] = "cleared",
};

// ---- taking in ----------------------------------------------------------------------------------

static int64_t when_ms(const sv_alert *alert) {
    return alert->at_us > 0 ? alert->at_us / 1000 : 0;
}

/// The id of the alert that is active for the same cause, or "".
static sv_err find_predecessor(sv_db *db, const sv_alert *alert, const char *site,
                               char out[SV_ALERT_ID_MAX + 1], sv_why *why) {
    sv_stmt *stmt;
    out[0] = '\0';
    SV_TRY(sv_db_stmt(db,
                      "SELECT id FROM alert WHERE device = ?1 AND sensor = ?2 AND type = ?3"
                      " AND id <> ?4 AND state < 2 AND site = ?5 AND rule = ?6",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, alert->device_id);
    sv_stmt_bind_str(stmt, 2, alert->sensor);
    sv_stmt_bind_str(stmt, 3, sv_alert_type_name(alert->type));
    sv_stmt_bind_str(stmt, 4, alert->id);
    sv_stmt_bind_str(stmt, 5, site);
    sv_stmt_bind_str(stmt, 6, alert->rule);
    sv_err err = sv_stmt_next(stmt, why);
    if (err == SV_OK) {
        err = sv_text_copy(sv_stmt_text(stmt, 0), out, SV_ALERT_ID_MAX + 1);
    }
    sv_stmt_reset(stmt);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

// A gateway that lost its memory raises what is open already under a new id: the old one ends.
static sv_err clear_predecessor(sv_db *db, const sv_alert *alert, const char *site, sv_why *why) {
    sv_stmt *stmt;
    char id[SV_ALERT_ID_MAX + 1];
    SV_TRY(find_predecessor(db, alert, site, id, why));
    if (id[0] == '\0') {
        return SV_OK;
    }
    SV_TRY(sv_db_stmt(db,
                      "UPDATE alert SET state = 2, cleared_ms = ?1, updated_ms = ?1 WHERE id = ?2",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, when_ms(alert));
    sv_stmt_bind_str(stmt, 2, id);
    SV_TRY(sv_stmt_run(stmt, why));
    return sv_timeline_add(db, sv_text_of(id), SV_HAPPENED_CLEARED, when_ms(alert), NULL, why);
}

static void bind_cleared(sv_stmt *stmt, int index, const sv_alert *alert) {
    if (alert->event == SV_ALERT_CLEARED) {
        sv_stmt_bind_int(stmt, index, when_ms(alert));
    } else {
        sv_stmt_bind_null(stmt, index);
    }
}

static void bind_content(sv_stmt *stmt, const sv_alert *alert, const char *site, const char *unit) {
    sv_stmt_bind_str(stmt, 1, alert->id);
    sv_stmt_bind_str(stmt, 2, alert->device_id);
    sv_stmt_bind_str(stmt, 3, site);
    sv_stmt_bind_str(stmt, 4, sv_severity_name(alert->severity));
    sv_stmt_bind_str(stmt, 5, alert->message);
    sv_stmt_bind_number(stmt, 6, alert->value);
    sv_stmt_bind_number(stmt, 7, alert->raw);
    sv_stmt_bind_str(stmt, 8, unit != NULL && unit[0] != '\0' ? unit : NULL);
    sv_stmt_bind_int(stmt, 9, alert->event == SV_ALERT_CLEARED ? STATE_CLEARED : STATE_OPEN);
    sv_stmt_bind_int(stmt, 10, when_ms(alert));
    bind_cleared(stmt, 11, alert);
}

static sv_err add_alert(sv_db *db, const sv_alert *alert, const char *site, const char *unit,
                        sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "INSERT INTO alert (id, device, site, severity, message, value, raw, unit,"
                      " state, raised_ms, updated_ms, cleared_ms, sensor, type, rule)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?11, ?12, ?13, ?14)",
                      &stmt, why));
    bind_content(stmt, alert, site, unit);
    sv_stmt_bind_str(stmt, 12, alert->sensor);
    sv_stmt_bind_str(stmt, 13, sv_alert_type_name(alert->type));
    sv_stmt_bind_str(stmt, 14, alert->rule);
    return sv_stmt_run(stmt, why);
}

// `state < 2`: cleared is final. Device, sensor, type and rule never change, and nobody updates
// what another site's gateway raised.
static sv_err update_alert(sv_db *db, const sv_alert *alert, const char *site, const char *unit,
                           sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "UPDATE alert SET severity = ?4, message = ?5, value = coalesce(?6, value),"
                      " raw = coalesce(?7, raw), unit = coalesce(?8, unit),"
                      " state = CASE WHEN ?9 = 2 THEN 2 ELSE state END,"
                      " updated_ms = ?10, cleared_ms = ?11"
                      " WHERE id = ?1 AND device = ?2 AND site = ?3 AND state < 2",
                      &stmt, why));
    bind_content(stmt, alert, site, unit);
    return sv_stmt_run(stmt, why);
}

/// SV_ERR_NOT_FOUND when the id is new.
static sv_err severity_of(sv_db *db, const char *id, sv_severity *out, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "SELECT severity FROM alert WHERE id = ?1", &stmt, why));
    sv_stmt_bind_str(stmt, 1, id);
    SV_TRY(sv_stmt_next(stmt, why));
    *out = sv_inbox_severity(sv_stmt_text(stmt, 0));
    sv_stmt_reset(stmt);
    return SV_OK;
}

sv_severity sv_inbox_severity(sv_text name) {
    int severity = SV_SEVERITY__COUNT - 1;
    while (severity > 0 && !sv_text_is(name, sv_severity_name((sv_severity) severity))) {
        severity--;
    }
    return (sv_severity) severity;
}

static sv_err note(sv_db *db, const sv_alert *alert, sv_happening what, sv_why *why) {
    return sv_timeline_add(db, sv_text_of(alert->id), what, when_ms(alert), NULL, why);
}

static sv_err take_known(sv_db *db, const sv_alert *alert, const char *site, const char *unit,
                         sv_severity before, sv_why *why) {
    SV_TRY(update_alert(db, alert, site, unit, why));
    if (sv_db_changes(db) == 0) {
        return SV_OK; // it is over, or not this site's
    }
    if (alert->event == SV_ALERT_CLEARED) {
        return note(db, alert, SV_HAPPENED_CLEARED, why);
    }
    if (alert->severity > before) {
        return note(db, alert, SV_HAPPENED_WORSE, why);
    }
    // A gateway that got no answer says again that it raised it.
    return alert->event == SV_ALERT_RAISED ? SV_OK : note(db, alert, SV_HAPPENED_UPDATED, why);
}

static sv_err take_new(sv_db *db, const sv_alert *alert, const char *site, const char *unit,
                       sv_why *why) {
    bool over = alert->event == SV_ALERT_CLEARED;
    if (!over) {
        SV_TRY(clear_predecessor(db, alert, site, why));
    }
    SV_TRY(add_alert(db, alert, site, unit, why));
    return note(db, alert, over ? SV_HAPPENED_CLEARED : SV_HAPPENED_RAISED, why);
}

sv_err sv_inbox_take(sv_db *db, const sv_alert *alert, const char *site, const char *unit,
                     sv_why *why) {
    sv_severity before = SV_SEVERITY_INFO;
    sv_err err = severity_of(db, alert->id, &before, why);
    if (err == SV_ERR_NOT_FOUND) {
        return take_new(db, alert, site, unit, why);
    }
    return err == SV_OK ? take_known(db, alert, site, unit, before, why) : err;
}

// ---- acknowledging ------------------------------------------------------------------------------

/// By the site's clock, which may be ahead of ours, but not of now.
static int64_t acknowledged_ms(const sv_alert *alert, int64_t now_ms) {
    int64_t at_us = 0;
    if (sv_time_parse(sv_text_of(alert->timestamp), &at_us) != SV_OK || at_us < 0) {
        return now_ms;
    }
    return at_us / 1000 < now_ms ? at_us / 1000 : now_ms;
}

static sv_err acknowledge_earlier(sv_db *db, const sv_alert *alert, const sv_gateway *gateway,
                                  int64_t now_ms, sv_why *why) {
    sv_stmt *stmt;
    char room[2 * SV_ID_ROOM + 8];
    sv_textbuf by = SV_TEXTBUF(room);
    sv_textbuf_addf(&by, "%s at %s", alert->by, gateway->id);
    SV_TRY(sv_textbuf_end(&by));
    SV_TRY(sv_db_stmt(db,
                      "UPDATE alert SET state = max(state, 1), acknowledged_ms = ?4,"
                      " acknowledged_by = ?5, updated_ms = max(updated_ms, ?6)"
                      " WHERE id = ?1 AND device = ?2 AND site = ?3"
                      " AND (acknowledged_ms IS NULL OR acknowledged_ms > ?4)"
                      " AND (undone_ms IS NULL OR undone_ms < ?4)",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, alert->id);
    sv_stmt_bind_str(stmt, 2, alert->device_id);
    sv_stmt_bind_str(stmt, 3, gateway->site->name);
    sv_stmt_bind_int(stmt, 4, acknowledged_ms(alert, now_ms));
    sv_stmt_bind_str(stmt, 5, room);
    sv_stmt_bind_int(stmt, 6, now_ms);
    SV_TRY(sv_stmt_run(stmt, why));
    return sv_db_changes(db) == 0
               ? SV_OK
               : sv_timeline_add(db, sv_text_of(alert->id), SV_HAPPENED_ACKNOWLEDGED,
                                 acknowledged_ms(alert, now_ms), room, why);
}

sv_err sv_inbox_take_acknowledged(sv_db *db, const sv_alert *alert, const sv_gateway *gateway,
                                  int64_t now_ms, sv_why *why) {
    sv_severity before = SV_SEVERITY_INFO;
    sv_err err = severity_of(db, alert->id, &before, why);
    if (err == SV_ERR_NOT_FOUND) {
        // Its beginning was lost with a database.
        err = sv_inbox_take(db, alert, gateway->site->name, NULL, why);
    }
    SV_TRY(err);
    return acknowledge_earlier(db, alert, gateway, now_ms, why);
}

static sv_err require_state(sv_db *db, sv_text id, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "SELECT state FROM alert WHERE id = ?1", &stmt, why));
    sv_stmt_bind_text(stmt, 1, id);
    sv_err err = sv_stmt_next(stmt, why);
    int64_t state = err == SV_OK ? sv_stmt_int(stmt, 0) : STATE_OPEN;
    sv_stmt_reset(stmt);
    if (err == SV_ERR_NOT_FOUND) {
        return sv_fail(why, err, "there is no alert " SV_TEXT_FMT, SV_TEXT_ARG(id));
    }
    if (err == SV_OK && state == STATE_CLEARED) {
        return sv_fail(why, SV_ERR_STATE, "alert " SV_TEXT_FMT " is cleared already",
                       SV_TEXT_ARG(id));
    }
    return err;
}

sv_err sv_inbox_acknowledge(sv_db *db, sv_text id, const char *user, int64_t now_ms, sv_why *why) {
    SV_TRY(require_state(db, id, why));
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "UPDATE alert SET state = 1, acknowledged_ms = ?2, acknowledged_by = ?3,"
                      " updated_ms = ?2 WHERE id = ?1 AND state = 0",
                      &stmt, why));
    sv_stmt_bind_text(stmt, 1, id);
    sv_stmt_bind_int(stmt, 2, now_ms);
    sv_stmt_bind_str(stmt, 3, user);
    SV_TRY(sv_stmt_run(stmt, why));
    return sv_db_changes(db) == 0
               ? SV_OK
               : sv_timeline_add(db, id, SV_HAPPENED_ACKNOWLEDGED, now_ms, user, why);
}

sv_err sv_inbox_unacknowledge(sv_db *db, sv_text id, const char *user, int64_t now_ms,
                              sv_why *why) {
    SV_TRY(require_state(db, id, why));
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "UPDATE alert SET state = 0, acknowledged_ms = NULL, acknowledged_by = NULL,"
                      " undone_ms = ?2, updated_ms = ?2 WHERE id = ?1 AND state = 1",
                      &stmt, why));
    sv_stmt_bind_text(stmt, 1, id);
    sv_stmt_bind_int(stmt, 2, now_ms);
    SV_TRY(sv_stmt_run(stmt, why));
    return sv_db_changes(db) == 0
               ? SV_OK
               : sv_timeline_add(db, id, SV_HAPPENED_UNACKNOWLEDGED, now_ms, user, why);
}

// ---- reading ------------------------------------------------------------------------------------

#define COLUMNS                                                                                    \
    "id, device, site, sensor, type, severity, message, value, raw, unit, state, raised_ms,"       \
    " updated_ms, cleared_ms, acknowledged_ms, acknowledged_by, nullif(rule, '')"

static void put_text(sv_json_out *out, const char *key, sv_stmt *stmt, int column) {
    if (sv_stmt_is_null(stmt, column)) {
        sv_json_add_null(out, key);
    } else {
        sv_json_add_text(out, key, sv_stmt_text(stmt, column));
    }
}

static void put_int(sv_json_out *out, const char *key, sv_stmt *stmt, int column) {
    if (sv_stmt_is_null(stmt, column)) {
        sv_json_add_null(out, key);
    } else {
        sv_json_add_int(out, key, sv_stmt_int(stmt, column));
    }
}

static void put_alert(sv_json_out *out, sv_stmt *stmt) {
    sv_json_open_object(out);
    sv_json_add_text(out, "id", sv_stmt_text(stmt, 0));
    sv_json_add_text(out, "device", sv_stmt_text(stmt, 1));
    sv_json_add_text(out, "site", sv_stmt_text(stmt, 2));
    sv_json_add_text(out, "sensor", sv_stmt_text(stmt, 3));
    sv_json_add_text(out, "type", sv_stmt_text(stmt, 4));
    put_text(out, "rule", stmt, 16);
    sv_json_add_text(out, "severity", sv_stmt_text(stmt, 5));
    sv_json_add_text(out, "message", sv_stmt_text(stmt, 6));
    sv_json_add_number(out, "value", sv_stmt_number(stmt, 7));
    sv_json_add_number(out, "raw", sv_stmt_number(stmt, 8));
    put_text(out, "unit", stmt, 9);
    sv_json_add_str(out, "state", STATE_NAMES[sv_stmt_int(stmt, 10) % 3]);
    put_int(out, "raised_at", stmt, 11);
    put_int(out, "updated_at", stmt, 12);
    put_int(out, "cleared_at", stmt, 13);
    put_int(out, "acknowledged_at", stmt, 14);
    put_text(out, "acknowledged_by", stmt, 15);
    sv_json_close_object(out);
}

sv_err sv_inbox_write(sv_db *db, sv_text id, sv_json_out *out, char device[SV_ID_ROOM],
                      sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "SELECT " COLUMNS " FROM alert WHERE id = ?1", &stmt, why));
    sv_stmt_bind_text(stmt, 1, id);
    sv_err err = sv_stmt_next(stmt, why);
    if (err == SV_OK) {
        put_alert(out, stmt);
        if (device != NULL) {
            err = sv_text_copy(sv_stmt_text(stmt, 1), device, SV_ID_ROOM);
        }
    } else if (err == SV_ERR_NOT_FOUND) {
        err = sv_fail(why, err, "there is no alert " SV_TEXT_FMT, SV_TEXT_ARG(id));
    }
    sv_stmt_reset(stmt);
    return err;
}

#define LIST(extra)                                                                                \
    "SELECT " COLUMNS " FROM alert WHERE " extra "((1 << state) & ?1) <> 0"                        \
    " AND (?2 IS NULL OR severity = ?2) AND (?3 IS NULL OR site = ?3)"                             \
    " AND (?4 IS NULL OR device = ?4) AND (raised_ms, id) < (?5, ?6)"                              \
    " ORDER BY raised_ms DESC, id DESC LIMIT ?7"

static sv_err read_cursor(const char *cursor, int64_t *raised_ms, sv_text *id, sv_why *why) {
    sv_text rest = sv_text_of(cursor);
    sv_text number = sv_text_cut(&rest, '.');
    uint64_t at;
    if (sv_text_u64(number, INT64_MAX, &at) != SV_OK || !sv_id_is_valid(rest)) {
        return sv_fail(why, SV_ERR_INVALID, "cursor '%s' is not one of ours", cursor);
    }
    *raised_ms = (int64_t) at;
    *id = rest;
    return SV_OK;
}

sv_err sv_inbox_list(sv_db *db, const sv_inbox_query *query, sv_json_out *out,
                     char next[SV_INBOX_CURSOR_MAX], sv_why *why) {
    int64_t raised_ms = INT64_MAX;
    sv_text id = SV_TEXT("~");
    if (query->cursor != NULL) {
        SV_TRY(read_cursor(query->cursor, &raised_ms, &id, why));
    }
    sv_stmt *stmt;
    // What is active is a small part, with an index of its own.
    if ((query->states & SV_INBOX_CLEARED) == 0) {
        SV_TRY(sv_db_stmt(db, LIST("state < 2 AND "), &stmt, why));
    } else {
        SV_TRY(sv_db_stmt(db, LIST(""), &stmt, why));
    }
    sv_stmt_bind_int(stmt, 1, query->states);
    sv_stmt_bind_str(stmt, 2, query->severity);
    sv_stmt_bind_str(stmt, 3, query->site);
    sv_stmt_bind_str(stmt, 4, query->device);
    sv_stmt_bind_int(stmt, 5, raised_ms);
    sv_stmt_bind_text(stmt, 6, id);
    sv_stmt_bind_int(stmt, 7, (int64_t) query->limit + 1);
    sv_json_open_array(out);
    sv_textbuf cursor = { .at = next, .cap = SV_INBOX_CURSOR_MAX };
    bool more = false;
    sv_err err = SV_OK;
    for (size_t i = 0; !more && (err = sv_stmt_next(stmt, why)) == SV_OK; i++) {
        more = i == query->limit;
        if (!more) {
            put_alert(out, stmt);
            sv_textbuf_clear(&cursor);
            sv_textbuf_addf(&cursor, "%lld." SV_TEXT_FMT, (long long) sv_stmt_int(stmt, 11),
                            SV_TEXT_ARG(sv_stmt_text(stmt, 0)));
        }
    }
    sv_stmt_reset(stmt);
    sv_json_close_array(out);
    if (!more) {
        sv_textbuf_clear(&cursor);
    }
    SV_TRY(sv_textbuf_end(&cursor));
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

#define COUNTS                                                                                     \
    "count(CASE state WHEN 0 THEN 1 END), count(CASE state WHEN 1 THEN 1 END),"                    \
    " count(CASE WHEN state = 0 AND severity = 'critical' THEN 1 END),"                            \
    " max(CASE severity WHEN 'critical' THEN 2 WHEN 'warning' THEN 1 ELSE 0 END)"

static sv_alert_count read_count(sv_stmt *stmt) {
    static const sv_fleet_health WORST[] = { SV_FLEET_UNKNOWN, SV_FLEET_WARNING,
                                             SV_FLEET_CRITICAL };
    return (sv_alert_count){ .open = sv_stmt_int(stmt, 0),
                             .acknowledged = sv_stmt_int(stmt, 1),
                             .critical = sv_stmt_int(stmt, 2),
                             .worst = WORST[sv_stmt_int(stmt, 3) % 3] };
}

sv_err sv_inbox_counts(sv_db *db, const char *site, const char *device, sv_alert_count *out) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "SELECT " COUNTS " FROM alert WHERE state < 2"
                      " AND (?1 IS NULL OR site = ?1) AND (?2 IS NULL OR device = ?2)",
                      &stmt, NULL));
    sv_stmt_bind_str(stmt, 1, site);
    sv_stmt_bind_str(stmt, 2, device);
    SV_TRY(sv_stmt_next(stmt, NULL));
    *out = read_count(stmt);
    sv_stmt_reset(stmt);
    return SV_OK;
}

sv_err sv_inbox_count_devices(sv_db *db, const sv_registry *registry, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "SELECT " COUNTS ", device FROM alert WHERE state < 2 GROUP BY device",
                      &stmt, why));
    sv_err err;
    while ((err = sv_stmt_next(stmt, why)) == SV_OK) {
        sv_device *device = sv_registry_device(registry, sv_stmt_text(stmt, 4));
        if (device != NULL) {
            device->alerts = read_count(stmt);
        }
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

sv_err sv_inbox_prune(sv_db *db, int64_t before_ms, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "DELETE FROM alert_event WHERE fresh = 0 AND alert IN"
                      " (SELECT id FROM alert WHERE state = 2 AND cleared_ms < ?1)",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, before_ms);
    SV_TRY(sv_stmt_run(stmt, why));
    SV_TRY(sv_db_stmt(db, "DELETE FROM alert WHERE state = 2 AND cleared_ms < ?1", &stmt, why));
    sv_stmt_bind_int(stmt, 1, before_ms);
    return sv_stmt_run(stmt, why);
}
