#include "machine_past.h"

#include "views.h"

static sv_err forget_old(sv_fleet *fleet, const sv_device *device, sv_why *why) {
    sv_stmt *stmt;
    int64_t before_us = fleet->believed_us() - fleet->config.store.retention_us;
    SV_TRY(sv_db_stmt(fleet->db, "DELETE FROM machine_past WHERE device = ?1 AND at_ms < ?2", &stmt,
                      why));
    sv_stmt_bind_str(stmt, 1, device->id);
    sv_stmt_bind_int(stmt, 2, before_us / 1000);
    return sv_stmt_run(stmt, why);
}

sv_err sv_machine_past_add(sv_fleet *fleet, const sv_device *device, int health, sv_why *why) {
    sv_stmt *stmt;
    int64_t now_ms = fleet->wall_us() / 1000;
    SV_TRY(sv_db_stmt(fleet->db,
                      "INSERT INTO machine_past (device, at_ms, health) VALUES (?1, ?2, ?3)"
                      " ON CONFLICT (device, at_ms) DO UPDATE SET"
                      " health = CASE WHEN ?3 < health THEN ?3 ELSE health END",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, device->id);
    sv_stmt_bind_int(stmt, 2, now_ms - now_ms % SV_MACHINE_PAST_MS);
    sv_stmt_bind_int(stmt, 3, health);
    SV_TRY(sv_stmt_run(stmt, why));
    return forget_old(fleet, device, why);
}

// ---- what is shown ------------------------------------------------------------------------------

/// The part of the range that is being read: its lowest value, which is written when it ends.
typedef struct part {
    int64_t number; ///< -1: none yet
    int64_t at_ms, health;
} part;

static void put_part(const part *of, sv_json_out *out) {
    if (of->number >= 0) {
        sv_json_open_array(out);
        sv_json_put_int(out, of->at_ms);
        sv_json_put_int(out, of->health);
        sv_json_close_array(out);
    }
}

static int64_t number_of(const sv_series_range *range, int64_t at_ms) {
    double width = (double) (range->to_ms - range->from_ms) + 1;
    double share = (double) (at_ms - range->from_ms) / width;
    return share <= 0 ? 0 : (int64_t) (share * (double) range->points);
}

static void take(part *open, const sv_series_range *range, int64_t at_ms, int64_t health,
                 sv_json_out *out) {
    int64_t number = number_of(range, at_ms);
    if (number != open->number) {
        put_part(open, out);
        *open = (part){ .number = number, .at_ms = at_ms, .health = health };
    } else if (health < open->health) {
        open->at_ms = at_ms;
        open->health = health;
    }
}

sv_err sv_machine_past_write(sv_fleet *fleet, const sv_device *device, const sv_series_range *range,
                             sv_json_out *out, sv_why *why) {
    sv_stmt *stmt;
    sv_err err;
    part open = { .number = -1 };
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT at_ms, health FROM machine_past WHERE device = ?1 AND at_ms BETWEEN"
                      " ?2 AND ?3 ORDER BY at_ms",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, device->id);
    sv_stmt_bind_int(stmt, 2, range->from_ms - SV_MACHINE_PAST_HOLDS_MS);
    sv_stmt_bind_int(stmt, 3, range->to_ms);
    sv_json_key(out, "health");
    sv_json_open_array(out);
    while ((err = sv_stmt_next(stmt, why)) == SV_OK) {
        take(&open, range, sv_stmt_int(stmt, 0), sv_stmt_int(stmt, 1), out);
    }
    put_part(&open, out);
    sv_json_close_array(out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

void sv_machine_past_door(sv_visit *v) {
    const sv_device *device = sv_visit_device(v);
    int64_t to = v->fleet->wall_us() / 1000;
    int64_t from = -1;
    int64_t points = SV_SERIES_POINTS_DEFAULT;
    if (device == NULL || !sv_visit_number(v, "to", INT64_MAX / 2, &to)
        || !sv_visit_number(v, "from", INT64_MAX / 2, &from)
        || !sv_visit_number(v, "points", SV_SERIES_POINTS_MAX, &points)) {
        return;
    }
    from = from >= 0 ? from : to - 7 * SV_TIME_DAY_US / 1000; // the last week, unless asked
    if (from > to) {
        sv_http_problem(v->request, 400, "Bad request", "from is later than to");
        return;
    }
    const sv_series_range range = { .from_ms = from,
                                    .to_ms = to,
                                    .points = points > 0 ? (size_t) points : 1 };
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_json_open_object(&out);
    sv_err err = sv_machine_past_write(v->fleet, device, &range, &out, &why);
    sv_json_close_object(&out);
    sv_visit_json(v, err, &json, &why);
}
