// What the inbox holds, one, in pages, and counted.
#include "inbox.h"

#include <math.h>
#include <store/json.h>

static const char *const STATE_NAMES[] = { "open", "acknowledged", "cleared" };

#define COLUMNS                                                                                    \
    "id, device, site, sensor, type, severity, message, value, raw, unit, state, raised_ms,"       \
    " updated_ms, cleared_ms, acknowledged_ms, acknowledged_by, nullif(rule, ''), score,"          \
    " expected_low, expected_high, normal_ms, normal_by"

/// Where nobody has said how unusual it is, it has none of this.
static void put_unusual(sv_json_out *out, sv_stmt *stmt) {
    double low = sv_stmt_number(stmt, 18);
    double high = sv_stmt_number(stmt, 19);
    if (!isfinite(sv_stmt_number(stmt, 17))) {
        return;
    }
    sv_json_add_int(out, "score", sv_stmt_int(stmt, 17));
    sv_json_key(out, "expected");
    if (low < high) {
        sv_json_open_array(out);
        sv_json_put_number(out, low);
        sv_json_put_number(out, high);
        sv_json_close_array(out);
    } else {
        sv_json_put_null(out);
    }
    sv_stmt_add_int(stmt, 20, out, "normal_at");
    sv_stmt_add_text(stmt, 21, out, "normal_by");
}

static void put_alert(sv_json_out *out, sv_stmt *stmt) {
    sv_json_open_object(out);
    sv_json_add_text(out, "id", sv_stmt_text(stmt, 0));
    sv_json_add_text(out, "device", sv_stmt_text(stmt, 1));
    sv_json_add_text(out, "site", sv_stmt_text(stmt, 2));
    sv_json_add_text(out, "sensor", sv_stmt_text(stmt, 3));
    sv_json_add_text(out, "type", sv_stmt_text(stmt, 4));
    sv_stmt_add_text(stmt, 16, out, "rule");
    sv_json_add_text(out, "severity", sv_stmt_text(stmt, 5));
    sv_json_add_text(out, "message", sv_stmt_text(stmt, 6));
    sv_json_add_number(out, "value", sv_stmt_number(stmt, 7));
    sv_json_add_number(out, "raw", sv_stmt_number(stmt, 8));
    sv_stmt_add_text(stmt, 9, out, "unit");
    sv_json_add_str(out, "state", STATE_NAMES[sv_stmt_int(stmt, 10) % 3]);
    sv_stmt_add_int(stmt, 11, out, "raised_at");
    sv_stmt_add_int(stmt, 12, out, "updated_at");
    sv_stmt_add_int(stmt, 13, out, "cleared_at");
    sv_stmt_add_int(stmt, 14, out, "acknowledged_at");
    sv_stmt_add_text(stmt, 15, out, "acknowledged_by");
    put_unusual(out, stmt);
    sv_json_close_object(out);
}

sv_err sv_inbox_write(sv_db *db, sv_text id, sv_json_out *out, char device[SV_ID_ROOM],
                      char site[SV_ID_ROOM], sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "SELECT " COLUMNS " FROM alert WHERE id = ?1", &stmt, why));
    sv_stmt_bind_text(stmt, 1, id);
    sv_err err = sv_stmt_next(stmt, why);
    if (err == SV_OK) {
        put_alert(out, stmt);
        if (device != NULL) {
            err = sv_text_copy(sv_stmt_text(stmt, 1), device, SV_ID_ROOM);
        }
        if (err == SV_OK && site != NULL) {
            err = sv_text_copy(sv_stmt_text(stmt, 2), site, SV_ID_ROOM);
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
    " AND (?8 = '' OR instr(?8, '\"' || site || '\"') > 0)"                                        \
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
    sv_stmt_bind_str(stmt, 8, query->sites != NULL ? query->sites : "");
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
