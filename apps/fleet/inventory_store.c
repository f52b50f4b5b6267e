#include "inventory.h"

#include <stdio.h>
#include <string.h>

// ---- groups -------------------------------------------------------------------------------------

static sv_err run_with(sv_db *db, const char *sql, sv_text first, const char *second, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, sql, &stmt, why));
    sv_stmt_bind_text(stmt, 1, first);
    if (second != NULL) {
        sv_stmt_bind_str(stmt, 2, second);
    }
    return sv_stmt_run(stmt, why);
}

static sv_err clear_members(sv_db *db, sv_text name, sv_why *why) {
    static const char SQL[] = "DELETE FROM device_group_member WHERE name = ?1";
    return run_with(db, SQL, name, NULL, why);
}

/// The row, with a query or, NULL, as a list.
static sv_err store_row(sv_fleet *fleet, sv_text name, const char *query, const char *user,
                        sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "INSERT INTO device_group (name, query, at_ms, user) VALUES (?1, ?2, ?3, ?4)"
                      " ON CONFLICT (name) DO UPDATE SET query = ?2, at_ms = ?3, user = ?4",
                      &stmt, why));
    sv_stmt_bind_text(stmt, 1, name);
    sv_stmt_bind_str(stmt, 2, query);
    sv_stmt_bind_int(stmt, 3, fleet->wall_us() / 1000);
    sv_stmt_bind_str(stmt, 4, user);
    return sv_stmt_run(stmt, why);
}

static sv_err check_room(const sv_fleet *fleet, sv_text name, sv_why *why) {
    SV_TRY(sv_id_check("group", name, why));
    if (sv_groups_know(fleet->inventory->groups, name)) {
        return SV_OK;
    }
    return sv_groups_count(fleet->inventory->groups) < SV_GROUPS_MAX
               ? SV_OK
               : sv_fail(why, SV_ERR_STATE, "there are %d groups already, no more are kept",
                         SV_GROUPS_MAX);
}

sv_err sv_group_store_query(sv_fleet *fleet, sv_text name, const sv_query *query, const char *user,
                            sv_why *why) {
    char room[SV_QUERY_BYTES_MAX + 1];
    sv_textbuf text = SV_TEXTBUF(room);
    SV_TRY(check_room(fleet, name, why));
    SV_TRY(sv_groups_check_query(fleet->inventory->groups, name, query, why));
    sv_query_format(query, &text);
    SV_TRY(sv_textbuf_end(&text));
    SV_TRY(clear_members(fleet->db, name, why));
    return store_row(fleet, name, room, user, why);
}

static sv_err add_member(sv_fleet *fleet, sv_text name, const sv_json *id, sv_why *why) {
    sv_text device = SV_TEXT("");
    char room[SV_ID_ROOM];
    (void) sv_json_text(id, &device);
    SV_TRY(sv_id_check("device", device, why));
    SV_TRY(sv_text_copy(device, room, sizeof room));
    static const char SQL[] = "INSERT INTO device_group_member (name, device) VALUES (?1, ?2)"
                              " ON CONFLICT DO NOTHING";
    return run_with(fleet->db, SQL, name, room, why);
}

sv_err sv_group_store_list(sv_fleet *fleet, sv_text name, const sv_json *ids, const char *user,
                           sv_why *why) {
    size_t count = sv_json_count(ids);
    SV_TRY(check_room(fleet, name, why));
    if (count > SV_GROUP_SENT_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "%zu devices are more than %d; make a query of it",
                       count, SV_GROUP_SENT_MAX);
    }
    SV_TRY(clear_members(fleet->db, name, why));
    for (size_t i = 0; i < count; i++) {
        SV_TRY(add_member(fleet, name, sv_json_at(ids, i), why));
    }
    return store_row(fleet, name, NULL, user, why);
}

sv_err sv_group_remove(sv_fleet *fleet, sv_text name, sv_why *why) {
    static const char SQL[] = "DELETE FROM device_group WHERE name = ?1";
    SV_TRY(sv_groups_may_remove(fleet->inventory->groups, name, why));
    SV_TRY(clear_members(fleet->db, name, why));
    return run_with(fleet->db, SQL, name, NULL, why);
}

// ---- showing them -------------------------------------------------------------------------------

static sv_err count_members(sv_fleet *fleet, sv_text name, int64_t *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db, "SELECT count(*) FROM device_group_member WHERE name = ?1", &row,
                      why));
    sv_stmt_bind_text(row, 1, name);
    SV_TRY(sv_stmt_next(row, why));
    *out = sv_stmt_int(row, 0);
    sv_stmt_reset(row);
    return SV_OK;
}

static sv_err write_members(sv_fleet *fleet, sv_text name, sv_json_out *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT device FROM device_group_member WHERE name = ?1 ORDER BY device"
                      " LIMIT ?2",
                      &row, why));
    sv_stmt_bind_text(row, 1, name);
    sv_stmt_bind_int(row, 2, SV_GROUP_SHOWN_MAX);
    sv_json_key(out, "devices");
    sv_json_open_array(out);
    sv_err err;
    while ((err = sv_stmt_next(row, why)) == SV_OK) {
        sv_json_put_text(out, sv_stmt_text(row, 0));
    }
    sv_json_close_array(out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

enum { AMONG_OTHERS = -1 }; ///< no members, and no count of whom a query means

static sv_err write_group(sv_fleet *fleet, sv_text name, int64_t fitting, sv_json_out *out,
                          sv_why *why) {
    int64_t count = fitting;
    if (sv_groups_query(fleet->inventory->groups, name) != NULL) {
        sv_json_add_null(out, "devices");
    } else {
        if (fitting != AMONG_OTHERS) {
            SV_TRY(write_members(fleet, name, out, why));
        }
        SV_TRY(count_members(fleet, name, &count, why));
    }
    if (count == AMONG_OTHERS) {
        sv_json_add_null(out, "count");
    } else {
        sv_json_add_int(out, "count", count);
    }
    return SV_OK;
}

/// The row that a statement stands at: name, query, at, user.
static sv_err write_row(sv_fleet *fleet, sv_stmt *row, int64_t fitting, sv_json_out *out,
                        sv_why *why) {
    char name[SV_ID_ROOM];
    SV_TRY(sv_text_copy(sv_stmt_text(row, 0), name, sizeof name));
    sv_json_open_object(out);
    sv_json_add_str(out, "name", name);
    if (sv_stmt_is_null(row, 1)) {
        sv_json_add_null(out, "query");
    } else {
        sv_json_add_text(out, "query", sv_stmt_text(row, 1));
    }
    sv_json_add_int(out, "at", sv_stmt_int(row, 2));
    sv_json_add_text(out, "by", sv_stmt_text(row, 3));
    SV_TRY(write_group(fleet, sv_text_of(name), fitting, out, why));
    sv_json_close_object(out);
    return SV_OK;
}

sv_err sv_group_write(sv_fleet *fleet, sv_text name, int64_t fitting, sv_json_out *out,
                      sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(
        fleet->db, "SELECT name, query, at_ms, user FROM device_group WHERE name = ?1", &row, why));
    sv_stmt_bind_text(row, 1, name);
    sv_err err = sv_stmt_next(row, why);
    if (err == SV_ERR_NOT_FOUND) {
        return sv_fail(why, err, "there is no group '" SV_TEXT_FMT "'", SV_TEXT_ARG(name));
    }
    err = err == SV_OK ? write_row(fleet, row, fitting, out, why) : err;
    sv_stmt_reset(row);
    return err;
}

sv_err sv_group_list(sv_fleet *fleet, sv_json_out *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db, "SELECT name, query, at_ms, user FROM device_group ORDER BY name",
                      &row, why));
    sv_json_open_object(out);
    sv_json_key(out, "items");
    sv_json_open_array(out);
    sv_err err;
    while ((err = sv_stmt_next(row, why)) == SV_OK) {
        SV_TRY(write_row(fleet, row, AMONG_OTHERS, out, why));
    }
    sv_json_close_array(out);
    sv_json_add_null(out, "next");
    sv_json_close_object(out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

// ---- tags ---------------------------------------------------------------------------------------

sv_err sv_tags_store(sv_fleet *fleet, const sv_device *device, const sv_json *tags, sv_why *why) {
    static const char CLEAR[] = "DELETE FROM device_tag WHERE device = ?1";
    static const char ADD[] = "INSERT INTO device_tag (device, tag) VALUES (?1, ?2)"
                              " ON CONFLICT DO NOTHING";
    size_t count = sv_json_count(tags);
    if (count > SV_TAGS_OF_DEVICE_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "%zu tags are more than the %d a device may have",
                       count, SV_TAGS_OF_DEVICE_MAX);
    }
    SV_TRY(run_with(fleet->db, CLEAR, sv_text_of(device->id), NULL, why));
    for (size_t i = 0; i < count; i++) {
        char tag[SV_ID_ROOM];
        sv_text text = SV_TEXT("");
        (void) sv_json_text(sv_json_at(tags, i), &text);
        SV_TRY(sv_id_check("tag", text, why));
        SV_TRY(sv_text_copy(text, tag, sizeof tag));
        if (!sv_groups_know(fleet->inventory->tags, text)
            && sv_groups_count(fleet->inventory->tags) >= SV_GROUPS_MAX) {
            return sv_fail(why, SV_ERR_STATE, "there are %d tags already", SV_GROUPS_MAX);
        }
        SV_TRY(run_with(fleet->db, ADD, sv_text_of(device->id), tag, why));
    }
    return SV_OK;
}

sv_err sv_tags_write(sv_fleet *fleet, const sv_device *device, sv_json_out *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db, "SELECT tag FROM device_tag WHERE device = ?1", &row, why));
    sv_stmt_bind_str(row, 1, device->id);
    sv_json_open_object(out);
    sv_json_key(out, "tags");
    sv_json_open_array(out);
    sv_err err;
    while ((err = sv_stmt_next(row, why)) == SV_OK) {
        sv_json_put_text(out, sv_stmt_text(row, 0));
    }
    sv_json_close_array(out);
    sv_json_close_object(out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}
