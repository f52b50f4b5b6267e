#include "timeline.h"

static const char *const NAMES[SV_HAPPENED__COUNT] = {
    [SV_HAPPENED_RAISED] = "raised",
    [SV_HAPPENED_WORSE] = "worse",
    [SV_HAPPENED_UPDATED] = "updated",
    [SV_HAPPENED_ACKNOWLEDGED] = "acknowledged",
    [SV_HAPPENED_UNACKNOWLEDGED] = "unacknowledged",
    [SV_HAPPENED_NORMAL] = "normal",
    [SV_HAPPENED_CLEARED] = "cleared",
};

const char *sv_happening_name(sv_happening what) {
    return NAMES[what];
}

bool sv_happening_parse(sv_text name, sv_happening *out) {
    for (int i = 0; i < SV_HAPPENED__COUNT; i++) {
        if (sv_text_is(name, NAMES[i])) {
            *out = (sv_happening) i;
            return true;
        }
    }
    return false;
}

// ---- writing ------------------------------------------------------------------------------------

/// A machine that stays hot updates its alert with every reading: that is one line.
static sv_err count_update(sv_db *db, sv_text alert, int64_t at_ms, bool *counted, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "UPDATE alert_event SET at_ms = ?2, count = count + 1,"
                      " message = (SELECT message FROM alert WHERE id = ?1)"
                      " WHERE seq = (SELECT max(seq) FROM alert_event WHERE alert = ?1)"
                      " AND event = 'updated'",
                      &stmt, why));
    sv_stmt_bind_text(stmt, 1, alert);
    sv_stmt_bind_int(stmt, 2, at_ms);
    SV_TRY(sv_stmt_run(stmt, why));
    *counted = sv_db_changes(db) > 0;
    return SV_OK;
}

static bool somebody_is_told(sv_happening what) {
    return what == SV_HAPPENED_RAISED || what == SV_HAPPENED_WORSE || what == SV_HAPPENED_CLEARED;
}

sv_err sv_timeline_add(sv_db *db, sv_text alert, sv_happening what, int64_t at_ms, const char *who,
                       sv_why *why) {
    bool counted = false;
    if (what == SV_HAPPENED_UPDATED) {
        SV_TRY(count_update(db, alert, at_ms, &counted, why));
    }
    if (counted) {
        return SV_OK;
    }
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "INSERT INTO alert_event (alert, at_ms, event, severity, message, who, fresh)"
                      " SELECT id, ?2, ?3, severity, message, ?4, ?5 FROM alert WHERE id = ?1",
                      &stmt, why));
    sv_stmt_bind_text(stmt, 1, alert);
    sv_stmt_bind_int(stmt, 2, at_ms);
    sv_stmt_bind_str(stmt, 3, NAMES[what]);
    sv_stmt_bind_str(stmt, 4, who);
    sv_stmt_bind_int(stmt, 5, somebody_is_told(what));
    return sv_stmt_run(stmt, why);
}

// ---- reading ------------------------------------------------------------------------------------

static sv_err check_known(sv_db *db, sv_text alert, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "SELECT id FROM alert WHERE id = ?1", &stmt, why));
    sv_stmt_bind_text(stmt, 1, alert);
    sv_err err = sv_stmt_next(stmt, why);
    sv_stmt_reset(stmt);
    return err == SV_ERR_NOT_FOUND
               ? sv_fail(why, err, "there is no alert " SV_TEXT_FMT, SV_TEXT_ARG(alert))
               : err;
}

static void put_optional(sv_json_out *out, const char *key, sv_stmt *stmt, int column) {
    if (!sv_stmt_is_null(stmt, column)) {
        sv_json_add_text(out, key, sv_stmt_text(stmt, column));
    }
}

static void put_line(sv_json_out *out, sv_stmt *stmt) {
    sv_json_open_object(out);
    sv_json_add_int(out, "at", sv_stmt_int(stmt, 0));
    sv_json_add_text(out, "event", sv_stmt_text(stmt, 1));
    put_optional(out, "severity", stmt, 2);
    put_optional(out, "message", stmt, 3);
    put_optional(out, "by", stmt, 4);
    if (sv_stmt_int(stmt, 5) > 1) {
        sv_json_add_int(out, "count", sv_stmt_int(stmt, 5));
    }
    put_optional(out, "channel", stmt, 6);
    put_optional(out, "notification", stmt, 7);
    put_optional(out, "about", stmt, 8);
    put_optional(out, "error", stmt, 9);
    if (!sv_stmt_is_null(stmt, 10)) {
        sv_json_add_int(out, "tries", sv_stmt_int(stmt, 10));
    }
    sv_json_close_object(out);
}

// A notification stands where its fate was decided: sent or given up; until then at its last try,
// or where it was made.
#define LINES                                                                                      \
    "SELECT at_ms, event, severity, message, who, count, NULL, NULL, NULL, NULL, NULL, 0, seq"     \
    " FROM alert_event WHERE alert = ?1 UNION ALL"                                                 \
    " SELECT coalesce(n.done_ms, n.made_ms), CASE n.state WHEN 2 THEN 'notified'"                  \
    " WHEN 3 THEN 'failed' ELSE CASE WHEN n.tries > 0 THEN 'retrying' ELSE 'waiting' END END,"     \
    " NULL, NULL, NULL, 1, n.channel, n.id, t.event, n.error, n.tries, 1, n.seq"                   \
    " FROM notice_alert t JOIN notice n ON n.seq = t.notice WHERE t.alert = ?1"                    \
    " ORDER BY 1, 12, 13 LIMIT ?2"

sv_err sv_timeline_write(sv_db *db, sv_text alert, sv_json_out *out, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(check_known(db, alert, why));
    SV_TRY(sv_db_stmt(db, LINES, &stmt, why));
    sv_stmt_bind_text(stmt, 1, alert);
    sv_stmt_bind_int(stmt, 2, SV_TIMELINE_MAX);
    sv_json_open_array(out);
    sv_err err;
    while ((err = sv_stmt_next(stmt, why)) == SV_OK) {
        put_line(out, stmt);
    }
    sv_json_close_array(out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}
