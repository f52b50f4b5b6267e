#include "inbox.h"

#include "audit_log.h"
#include "timeline.h"

#include <base/time.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATE_OPEN, STATE_ACKNOWLEDGED, STATE_CLEARED };

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
    bool banded = alert->expected_low < alert->expected_high;
    sv_stmt_bind_number(stmt, 12, alert->score > 0 ? alert->score : SV_NAN);
    sv_stmt_bind_number(stmt, 13, banded ? alert->expected_low : SV_NAN);
    sv_stmt_bind_number(stmt, 14, banded ? alert->expected_high : SV_NAN);
}

static sv_err add_alert(sv_db *db, const sv_alert *alert, const char *site, const char *unit,
                        sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(
        sv_db_stmt(db,
                   "INSERT INTO alert (id, device, site, severity, message, value, raw, unit,"
                   " state, raised_ms, updated_ms, cleared_ms, score, expected_low, expected_high,"
                   " sensor, type, rule)"
                   " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?11, ?12, ?13, ?14,"
                   " ?15, ?16, ?17)",
                   &stmt, why));
    bind_content(stmt, alert, site, unit);
    sv_stmt_bind_str(stmt, 15, alert->sensor);
    sv_stmt_bind_str(stmt, 16, sv_alert_type_name(alert->type));
    sv_stmt_bind_str(stmt, 17, alert->rule);
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
                      " updated_ms = ?10, cleared_ms = ?11, score = coalesce(?12, score),"
                      " expected_low = coalesce(?13, expected_low),"
                      " expected_high = coalesce(?14, expected_high)"
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

/// Somebody did so at the gateway's own page.
static sv_err note_acknowledged(sv_db *db, const sv_alert *alert, const sv_gateway *gateway,
                                int64_t now_ms, sv_why *why) {
    char detail[SV_AUDIT_DETAIL_MAX];
    (void) snprintf(detail, sizeof detail, "alert %s: at the gateway's page", alert->id);
    return sv_audit_add(db,
                        &(sv_audit_event){ .at_us = now_ms * 1000,
                                           .who = alert->by,
                                           .from = gateway->id,
                                           .what = "alert.acknowledge",
                                           .about = alert->device_id,
                                           .detail = detail },
                        why);
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
    if (sv_db_changes(db) == 0) {
        return SV_OK;
    }
    SV_TRY(note_acknowledged(db, alert, gateway, now_ms, why));
    return sv_timeline_add(db, sv_text_of(alert->id), SV_HAPPENED_ACKNOWLEDGED,
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

// ---- what was normal ----------------------------------------------------------------------------

static sv_err require_unusual(sv_db *db, sv_text id, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "SELECT rule IN ('unusual', '" SV_RULE_TOGETHER
                      "') AND type = 'ANOMALY' FROM alert WHERE id = ?1",
                      &stmt, why));
    sv_stmt_bind_text(stmt, 1, id);
    sv_err err = sv_stmt_next(stmt, why);
    bool unusual = err == SV_OK && sv_stmt_int(stmt, 0) != 0;
    sv_stmt_reset(stmt);
    if (err == SV_ERR_NOT_FOUND) {
        return sv_fail(why, err, "there is no alert " SV_TEXT_FMT, SV_TEXT_ARG(id));
    }
    return err != SV_OK || unusual
               ? err
               : sv_fail(why, SV_ERR_STATE,
                         "alert " SV_TEXT_FMT
                         " is not about what is unusual: change its rule if it is too strict",
                         SV_TEXT_ARG(id));
}

sv_err sv_inbox_normal(sv_db *db, sv_text id, const char *user, int64_t now_ms, sv_why *why) {
    SV_TRY(require_unusual(db, id, why));
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "UPDATE alert SET normal_ms = ?2, normal_by = ?3, updated_ms = ?2"
                      " WHERE id = ?1 AND normal_ms IS NULL",
                      &stmt, why));
    sv_stmt_bind_text(stmt, 1, id);
    sv_stmt_bind_int(stmt, 2, now_ms);
    sv_stmt_bind_str(stmt, 3, user);
    SV_TRY(sv_stmt_run(stmt, why));
    return sv_db_changes(db) == 0 ? SV_OK
                                  : sv_timeline_add(db, id, SV_HAPPENED_NORMAL, now_ms, user, why);
}

// ---- forgetting ---------------------------------------------------------------------------------

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
