#include "actions_own.h"

#include <base/time.h>

enum { FIRST_KEPT = 20 }; ///< lines that stay: how it began

/// As much of it as fits, ending where a character does.
static sv_text as_line(sv_text said, char room[SV_ACTION_LINE_MAX]) {
    size_t len = said.len < SV_ACTION_LINE_MAX ? said.len : SV_ACTION_LINE_MAX;
    while (len > 0 && len < said.len && ((unsigned char) said.at[len] & 0xC0) == 0x80) {
        len--;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char byte = (unsigned char) said.at[i];
        room[i] = byte < 0x20 || byte == 0x7F ? ' ' : said.at[i];
    }
    return sv_text_trim((sv_text){ .at = room, .len = len });
}

static sv_err last_number(sv_fleet *fleet, int64_t id, int64_t *out, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db, "SELECT coalesce(max(n), 0) FROM action_line WHERE action = ?1",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, id);
    SV_TRY(sv_stmt_next(stmt, why));
    *out = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return SV_OK;
}

static sv_err make_room(sv_fleet *fleet, int64_t id, int64_t last, sv_why *why) {
    sv_stmt *stmt;
    if (last <= SV_ACTION_LINES_MAX) {
        return SV_OK;
    }
    SV_TRY(sv_db_stmt(fleet->db, "DELETE FROM action_line WHERE action = ?1 AND n > ?2 AND n <= ?3",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, id);
    sv_stmt_bind_int(stmt, 2, FIRST_KEPT);
    sv_stmt_bind_int(stmt, 3, last - (SV_ACTION_LINES_MAX - FIRST_KEPT));
    return sv_stmt_run(stmt, why);
}

sv_err sv_actions_log(sv_fleet *fleet, int64_t id, sv_text said, sv_why *why) {
    char room[SV_ACTION_LINE_MAX];
    sv_stmt *stmt;
    int64_t last = 0;
    sv_text line = as_line(said, room);
    if (line.len == 0) {
        return SV_OK;
    }
    SV_TRY(last_number(fleet, id, &last, why));
    SV_TRY(sv_db_stmt(fleet->db,
                      "INSERT INTO action_line (action, n, at_us, line) VALUES (?1, ?2, ?3, ?4)",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, id);
    sv_stmt_bind_int(stmt, 2, last + 1);
    sv_stmt_bind_int(stmt, 3, fleet->wall_us());
    sv_stmt_bind_text(stmt, 4, line);
    SV_TRY(sv_stmt_run(stmt, why));
    return make_room(fleet, id, last + 1, why);
}

sv_err sv_actions_write_messages(sv_fleet *fleet, int64_t id, size_t most, sv_json_out *out,
                                 sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT line FROM action_line WHERE action = ?1 ORDER BY n DESC LIMIT ?2",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, id);
    sv_stmt_bind_int(stmt, 2, (int64_t) most);
    sv_err err;
    sv_json_open_array(out);
    while ((err = sv_stmt_next(stmt, why)) == SV_OK) {
        sv_json_put_text(out, sv_stmt_text(stmt, 0));
    }
    sv_json_close_array(out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err drop_before(sv_fleet *fleet, const char *sql, const char *device, int64_t id,
                          sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db, sql, &stmt, why));
    sv_stmt_bind_str(stmt, 1, device);
    sv_stmt_bind_int(stmt, 2, id);
    return sv_stmt_run(stmt, why);
}

sv_err sv_actions_trim(sv_fleet *fleet, const char *device, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT id FROM action WHERE device = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, device);
    sv_stmt_bind_int(stmt, 2, SV_ACTIONS_OF_DEVICE_MAX);
    sv_err err = sv_stmt_next(stmt, why);
    if (err != SV_OK) {
        return err == SV_ERR_NOT_FOUND ? SV_OK : err;
    }
    int64_t last = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    SV_TRY(drop_before(fleet,
                       "DELETE FROM action_line WHERE action IN"
                       " (SELECT id FROM action WHERE device = ?1 AND id <= ?2)",
                       device, last, why));
    return drop_before(fleet, "DELETE FROM action WHERE device = ?1 AND id <= ?2", device, last,
                       why);
}
