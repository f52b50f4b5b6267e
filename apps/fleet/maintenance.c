#include "maintenance.h"

#include "audit_keep.h"
#include <base/mem.h>
#include <inttypes.h>
#include <stdlib.h>
#include <store/json.h>
#include <string.h>
#include <sys/log.h>

static const char *device_of(sv_maintained what) {
    return what.device == NULL ? "" : what.device->id;
}

static const char *name_of(sv_maintained what) {
    return what.device == NULL ? what.site->name : what.device->id;
}

static sv_maintenance **place_of(sv_maintained what) {
    return what.device == NULL ? &what.site->maintenance : &what.device->maintenance;
}

static void remember(sv_maintained what, const sv_maintenance *now) {
    sv_maintenance **place = place_of(what);
    if (now == NULL) {
        free(*place);
        *place = NULL;
        return;
    }
    if (*place == NULL) {
        *place = sv_mem_new(sizeof **place);
    }
    **place = *now;
}

/// Live clients hear of the device, or that everything about the site is another.
static void tell_live(sv_fleet *fleet, sv_maintained what) {
    if (what.device != NULL) {
        sv_fleet_tell_device(fleet, what.device);
        return;
    }
    char room[SV_MAINTENANCE_BYTES_MAX + SV_ID_ROOM];
    sv_textbuf data = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&data);
    sv_json_open_object(&out);
    sv_json_add_str(&out, "site", what.site->name);
    sv_json_key(&out, "maintenance");
    sv_maintenance_write(what.site, NULL, &out);
    sv_json_close_object(&out);
    sv_live_send(fleet->live, what.site->name, "maintenance", sv_textbuf_text(&data));
}

bool sv_maintenance_is_on(const sv_site *site, const sv_device *device) {
    return site->maintenance != NULL || (device != NULL && device->maintenance != NULL);
}

// ---- on disk, and to the gateways ---------------------------------------------------------------

static sv_err close_row(sv_fleet *fleet, sv_maintained what, const char *user, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "UPDATE maintenance SET ended_ms = ?3, ended_user = ?4"
                      " WHERE site = ?1 AND device = ?2 AND ended_ms IS NULL",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, what.site->name);
    sv_stmt_bind_str(stmt, 2, device_of(what));
    sv_stmt_bind_int(stmt, 3, fleet->wall_us() / 1000);
    sv_stmt_bind_str(stmt, 4, user);
    return sv_stmt_run(stmt, why);
}

static sv_err add_row(sv_db *db, const sv_site *site, const sv_maintenance *now, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "INSERT INTO maintenance (site, device, since_ms, until_ms, user, why)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, site->name);
    sv_stmt_bind_str(stmt, 2, now->device);
    sv_stmt_bind_int(stmt, 3, now->since_ms);
    sv_stmt_bind_int(stmt, 4, now->until_ms);
    sv_stmt_bind_str(stmt, 5, now->by);
    sv_stmt_bind_str(stmt, 6, now->why);
    return sv_stmt_run(stmt, why);
}

/// A site may have no gateway for now.
static sv_err announce(sv_fleet *fleet, const sv_site *site, const sv_maintenance *now,
                       sv_why *why) {
    char room[SV_MAINTENANCE_BYTES_MAX];
    sv_textbuf data = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&data);
    sv_maintenance_format(now, &out);
    sv_err err = sv_push_add(fleet, (sv_push_to){ .site = site }, "maintenance",
                             sv_textbuf_text(&data), why);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err count_open(sv_db *db, const sv_site *site, int64_t *out, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "SELECT count(*) FROM maintenance WHERE site = ?1 AND device <> ''"
                      " AND ended_ms IS NULL",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, site->name);
    SV_TRY(sv_stmt_next(stmt, why));
    *out = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return SV_OK;
}

/// `now` NULL: it is over. What was there before is what is still remembered.
static sv_err note(sv_fleet *fleet, sv_maintained what, const char *user, const sv_maintenance *now,
                   sv_why *why) {
    char room[SV_MAINTENANCE_BYTES_MAX];
    char room_after[SV_MAINTENANCE_BYTES_MAX];
    sv_textbuf before = SV_TEXTBUF(room);
    sv_textbuf after = SV_TEXTBUF(room_after);
    sv_json_out was = SV_JSON_OUT(&before);
    sv_json_out is = SV_JSON_OUT(&after);
    if (*place_of(what) != NULL) {
        sv_maintenance_write(what.site, what.device, &was);
    }
    if (now != NULL) {
        sv_maintenance_format(now, &is);
    }
    return sv_audit_deed(
        fleet,
        &(sv_audit_event){ .who = user,
                           .what = now != NULL ? "maintenance.begin" : "maintenance.end",
                           .about = name_of(what),
                           .detail = what.device != NULL ? "of a device" : "of a site",
                           .before = sv_textbuf_text(&before),
                           .after = sv_textbuf_text(&after) },
        why);
}

static sv_err replace(sv_fleet *fleet, sv_maintained what, const sv_maintenance *now, sv_why *why) {
    int64_t count = 0;
    SV_TRY(sv_fleet_medium(close_row(fleet, what, now->by, why)));
    SV_TRY(sv_fleet_medium(count_open(fleet->db, what.site, &count, why)));
    if (what.device != NULL && count >= SV_MAINTENANCE_OF_SITE_MAX) {
        return sv_fail(why, SV_ERR_STATE,
                       "%" PRId64 " devices of site %s are being worked on; say it of the site",
                       count, what.site->name);
    }
    SV_TRY(sv_fleet_medium(add_row(fleet->db, what.site, now, why)));
    SV_TRY(sv_fleet_medium(note(fleet, what, now->by, now, why)));
    return sv_fleet_medium(announce(fleet, what.site, now, why));
}

static sv_err check_length(int64_t for_s, sv_why *why) {
    return for_s >= 1 && for_s <= SV_MAINTENANCE_LONGEST_MS / 1000
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID,
                         "for_s is %" PRId64 ", not 1 to %" PRId64 " (31 days)", for_s,
                         (int64_t) (SV_MAINTENANCE_LONGEST_MS / 1000));
}

sv_err sv_maintenance_begin(sv_fleet *fleet, sv_maintained what, int64_t for_s, const char *user,
                            sv_text reason, sv_why *why) {
    sv_maintenance now = { .since_ms = fleet->wall_us() / 1000 };
    SV_TRY(check_length(for_s, why));
    SV_TRY(sv_maintenance_check_why(reason, why));
    now.until_ms = now.since_ms + for_s * 1000;
    SV_TRY(sv_text_copy(reason, now.why, sizeof now.why));
    SV_TRY(sv_text_copy(sv_text_of(user), now.by, sizeof now.by));
    SV_TRY(sv_text_copy(sv_text_of(device_of(what)), now.device, sizeof now.device));
    SV_TRY(sv_fleet_medium(sv_db_begin(fleet->db, why)));
    SV_TRY(sv_push_commit(fleet, replace(fleet, what, &now, why), why));
    SV_LOG(info, "maintenance.began", "%s: %s, for %" PRId64 " s", name_of(what), user, for_s);
    remember(what, &now);
    tell_live(fleet, what);
    return SV_OK;
}

static sv_err finish(sv_fleet *fleet, sv_maintained what, const char *user, sv_why *why) {
    sv_maintenance over = { .since_ms = fleet->wall_us() / 1000 };
    SV_TRY(sv_text_copy(sv_text_of(user), over.by, sizeof over.by));
    SV_TRY(sv_text_copy(sv_text_of(device_of(what)), over.device, sizeof over.device));
    SV_TRY(sv_fleet_medium(close_row(fleet, what, user, why)));
    SV_TRY(sv_fleet_medium(note(fleet, what, user, NULL, why)));
    return sv_fleet_medium(announce(fleet, what.site, &over, why));
}

sv_err sv_maintenance_end(sv_fleet *fleet, sv_maintained what, const char *user, sv_why *why) {
    if (*place_of(what) == NULL) {
        bool whole = what.device != NULL && what.site->maintenance != NULL;
        return sv_fail(why, SV_ERR_NOT_FOUND, "nobody works on %s%s%s", name_of(what),
                       whole ? " alone: all of its site is worked on, " : "",
                       whole ? what.site->name : "");
    }
    SV_TRY(sv_fleet_medium(sv_db_begin(fleet->db, why)));
    SV_TRY(sv_push_commit(fleet, finish(fleet, what, user, why), why));
    SV_LOG(info, "maintenance.ended", "%s: by %s", name_of(what), user);
    remember(what, NULL);
    tell_live(fleet, what);
    return SV_OK;
}

// ---- when it is over ----------------------------------------------------------------------------

/// Of the next one whose time is over. SV_ERR_NOT_FOUND: there is none.
static sv_err next_over(sv_fleet *fleet, char site[SV_ID_ROOM], char device[SV_ID_ROOM],
                        sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT site, device FROM maintenance"
                      " WHERE ended_ms IS NULL AND until_ms <= ?1 LIMIT 1",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, fleet->wall_us() / 1000);
    SV_TRY(sv_stmt_next(stmt, why));
    sv_err err = sv_text_copy(sv_stmt_text(stmt, 0), site, SV_ID_ROOM);
    if (err == SV_OK) {
        err = sv_text_copy(sv_stmt_text(stmt, 1), device, SV_ID_ROOM);
    }
    sv_stmt_reset(stmt);
    return sv_fleet_medium(err);
}

static sv_err close_named(sv_fleet *fleet, const char *site, const char *device, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "UPDATE maintenance SET ended_ms = until_ms"
                      " WHERE site = ?1 AND device = ?2 AND ended_ms IS NULL",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, site);
    sv_stmt_bind_str(stmt, 2, device);
    return sv_stmt_run(stmt, why);
}

/// Nobody ended it: its line says so.
static sv_err close_in_time(sv_fleet *fleet, const char *site, const char *device, sv_why *why) {
    const sv_audit_event deed = { .who = "fleet",
                                  .what = "maintenance.end",
                                  .about = device[0] != '\0' ? device : site,
                                  .detail = "its time is over" };
    SV_TRY(sv_db_begin(fleet->db, why));
    sv_err err = close_named(fleet, site, device, why);
    err = err == SV_OK ? sv_audit_deed(fleet, &deed, why) : err;
    if (err != SV_OK) {
        sv_db_rollback(fleet->db);
        return err;
    }
    return sv_db_commit(fleet->db, why);
}

/// The site of one that was said long ago may be configured no more.
static bool find(const sv_registry *registry, const char *site, const char *device,
                 sv_maintained *out) {
    *out = (sv_maintained){ .site = sv_registry_site(registry, sv_text_of(site)) };
    if (device[0] != '\0') {
        out->device = sv_registry_device(registry, sv_text_of(device));
        return out->site != NULL && out->device != NULL;
    }
    return out->site != NULL;
}

static sv_err end_one(sv_fleet *fleet, sv_why *why) {
    char site[SV_ID_ROOM] = "";
    char device[SV_ID_ROOM] = "";
    sv_maintained what;
    SV_TRY(next_over(fleet, site, device, why));
    SV_TRY(sv_fleet_medium(close_in_time(fleet, site, device, why)));
    SV_LOG(info, "maintenance.ended", "%s: its time is over", device[0] != '\0' ? device : site);
    if (find(fleet->registry, site, device, &what)) {
        remember(what, NULL);
        tell_live(fleet, what);
    }
    return SV_OK;
}

void sv_maintenance_turn(sv_fleet *fleet) {
    sv_why why = { 0 };
    sv_err err = SV_OK;
    for (int i = 0; err == SV_OK && i < SV_MAINTENANCE_OF_SITE_MAX; i++) {
        err = end_one(fleet, &why);
    }
    if (err != SV_OK && err != SV_ERR_NOT_FOUND) {
        SV_LOG(error, "maintenance.failed", "%s", why.text);
    }
}

sv_err sv_maintenance_prune(sv_db *db, int64_t before_ms, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "DELETE FROM maintenance WHERE ended_ms < ?1", &stmt, why));
    sv_stmt_bind_int(stmt, 1, before_ms);
    return sv_stmt_run(stmt, why);
}

// ---- reading it ---------------------------------------------------------------------------------

static sv_err read_row(sv_stmt *row, sv_maintenance *out) {
    *out = (sv_maintenance){ .since_ms = sv_stmt_int(row, 1), .until_ms = sv_stmt_int(row, 2) };
    SV_TRY(sv_text_copy(sv_stmt_text(row, 0), out->device, sizeof out->device));
    SV_TRY(sv_text_copy(sv_stmt_text(row, 3), out->by, sizeof out->by));
    return sv_text_copy(sv_stmt_text(row, 4), out->why, sizeof out->why);
}

sv_err sv_maintenance_open(sv_db *db, sv_registry *registry, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(db,
                      "SELECT device, since_ms, until_ms, user, why, site FROM maintenance"
                      " WHERE ended_ms IS NULL",
                      &row, why));
    sv_err err = sv_stmt_next(row, why);
    for (; err == SV_OK; err = sv_stmt_next(row, why)) {
        sv_maintenance now;
        sv_maintained what;
        if (read_row(row, &now) == SV_OK
            && find(registry, sv_stmt_text(row, 5).at, now.device, &what)) {
            remember(what, &now);
        }
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

void sv_maintenance_write(const sv_site *site, const sv_device *device, sv_json_out *out) {
    const sv_maintenance *own = device == NULL ? NULL : device->maintenance;
    const sv_maintenance *all = site->maintenance;
    bool is_own = own != NULL && (all == NULL || own->until_ms >= all->until_ms);
    const sv_maintenance *shown = is_own ? own : all;
    if (shown == NULL) {
        sv_json_put_null(out);
        return;
    }
    sv_json_open_object(out);
    sv_json_add_str(out, "of", is_own ? "device" : "site");
    sv_json_add_int(out, "since", shown->since_ms);
    sv_json_add_int(out, "until", shown->until_ms);
    sv_json_add_str(out, "by", shown->by);
    sv_json_add_str(out, "why", shown->why);
    sv_json_close_object(out);
}

static void write_row(sv_stmt *row, sv_json_out *out) {
    sv_json_open_object(out);
    sv_json_add_str(out, "of", sv_stmt_text(row, 0).len > 0 ? "device" : "site");
    sv_json_add_int(out, "since", sv_stmt_int(row, 1));
    sv_json_add_int(out, "until", sv_stmt_int(row, 2));
    sv_json_add_text(out, "by", sv_stmt_text(row, 3));
    sv_json_add_text(out, "why", sv_stmt_text(row, 4));
    sv_stmt_add_int(row, 5, out, "ended");
    sv_stmt_add_text(row, 6, out, "ended_by");
    sv_json_close_object(out);
}

sv_err sv_maintenance_list(sv_db *db, sv_maintained what, sv_json_out *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(db,
                      "SELECT device, since_ms, until_ms, user, why, ended_ms, ended_user"
                      " FROM maintenance WHERE site = ?1 AND device IN ('', ?2)"
                      " ORDER BY id DESC LIMIT ?3",
                      &row, why));
    sv_stmt_bind_str(row, 1, what.site->name);
    sv_stmt_bind_str(row, 2, device_of(what));
    sv_stmt_bind_int(row, 3, SV_MAINTENANCE_LISTED);
    sv_json_open_array(out);
    sv_err err = sv_stmt_next(row, why);
    for (; err == SV_OK; err = sv_stmt_next(row, why)) {
        write_row(row, out);
    }
    sv_json_close_array(out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

sv_err sv_maintenance_give(sv_fleet *fleet, const sv_gateway *gateway, sv_json_out *out,
                           sv_why *why) {
    sv_stmt *row;
    int64_t after = 0;
    SV_TRY(sv_push_last(fleet, gateway, &after, why));
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT device, since_ms, until_ms, user, why FROM maintenance"
                      " WHERE site = ?1 AND ended_ms IS NULL AND until_ms > ?2",
                      &row, why));
    sv_stmt_bind_str(row, 1, gateway->site->name);
    sv_stmt_bind_int(row, 2, fleet->wall_us() / 1000);
    sv_json_open_object(out);
    sv_json_add_int(out, "after", after);
    sv_json_key(out, "items");
    sv_json_open_array(out);
    sv_err err = sv_stmt_next(row, why);
    for (; err == SV_OK; err = sv_stmt_next(row, why)) {
        sv_maintenance now;
        if (read_row(row, &now) == SV_OK) {
            sv_maintenance_format(&now, out);
        }
    }
    sv_json_close_array(out);
    sv_json_close_object(out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}
