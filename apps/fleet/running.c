#include "running.h"

#include "actions.h"
#include "campaigns.h"
#include "divergence.h"

#include <string.h>

#define COLUMNS "product, version, sha256, hardware, slot, timezone, boot, client, counter, at_us"

static void read_row(sv_stmt *stmt, int from, sv_running *out) {
    *out = (sv_running){ .counter = sv_stmt_int(stmt, from + 8),
                         .at_us = sv_stmt_int(stmt, from + 9) };
    char *const words[] = { out->product, out->version,  out->sha256, out->hardware,
                            out->slot,    out->timezone, out->boot,   out->client };
    for (int i = 0; i < (int) SV_COUNT(words); i++) { // each has the same room
        (void) sv_text_copy(sv_stmt_text(stmt, from + i), words[i], SV_RUNNING_WORD_ROOM);
    }
}

_Static_assert(SV_RUNNING_SHA256_ROOM == SV_RUNNING_WORD_ROOM, "texts of a row have one room");

sv_err sv_running_of(sv_fleet *fleet, const char *device, sv_running *out, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db, "SELECT " COLUMNS " FROM running WHERE device = ?1 AND at_us > 0",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, device);
    SV_TRY(sv_stmt_next(stmt, why));
    read_row(stmt, 0, out);
    sv_stmt_reset(stmt);
    return SV_OK;
}

static sv_err upsert(sv_fleet *fleet, const char *device, const sv_running *r, sv_why *why) {
    sv_stmt *stmt;
    const char *const words[] = { r->product, r->version,  r->sha256, r->hardware,
                                  r->slot,    r->timezone, r->boot,   r->client };
    SV_TRY(sv_db_stmt(fleet->db,
                      "INSERT INTO running (device, " COLUMNS ")"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
                      " ON CONFLICT (device) DO UPDATE SET product = ?2, version = ?3, sha256 = ?4,"
                      " hardware = ?5, slot = ?6, timezone = ?7, boot = ?8, client = ?9,"
                      " counter = ?10, at_us = ?11, asked = 0",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, device);
    for (int i = 0; i < (int) SV_COUNT(words); i++) {
        sv_stmt_bind_str(stmt, 2 + i, words[i]);
    }
    sv_stmt_bind_int(stmt, 10, r->counter);
    sv_stmt_bind_int(stmt, 11, r->at_us);
    return sv_stmt_run(stmt, why);
}

/// Lists show it.
static sv_err note_in_registry(void *arg, const char *device, const sv_running *running,
                               sv_why *why) {
    const sv_fleet *fleet = arg;
    sv_device *known = sv_registry_device(fleet->registry, sv_text_of(device));
    (void) why;
    if (known != NULL) {
        (void) sv_text_copy(sv_text_of(running->version), known->runs, sizeof known->runs);
        known->kind = 0;
    }
    return SV_OK;
}

sv_err sv_running_load(sv_fleet *fleet, sv_why *why) {
    return sv_running_each(fleet, note_in_registry, fleet, why);
}

sv_err sv_running_store(sv_fleet *fleet, const char *device, const sv_running *running,
                        sv_why *why) {
    sv_running before = { 0 };
    sv_err err = sv_running_of(fleet, device, &before, why);
    if (err != SV_OK && err != SV_ERR_NOT_FOUND) {
        return err;
    }
    SV_TRY(upsert(fleet, device, running, why));
    SV_TRY(note_in_registry(fleet, device, running, why));
    if (strcmp(before.timezone, running->timezone) != 0) {
        SV_TRY(sv_campaigns_moved(fleet, device, running->timezone, why));
    }
    if (strcmp(before.client, running->client) != 0) {
        SV_TRY(sv_campaigns_look_again(fleet, device, 0, why));
    }
    SV_TRY(sv_actions_prove(fleet, device, why));
    return sv_divergence_note(fleet, device, why);
}

// ---- what else is known of it
// ---------------------------------------------------------------------

static sv_err set_flag(sv_fleet *fleet, const char *sql, const char *device, bool value,
                       sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db, sql, &stmt, why));
    sv_stmt_bind_str(stmt, 1, device);
    sv_stmt_bind_int(stmt, 2, value);
    return sv_stmt_run(stmt, why);
}

/// `unknown`: of a device without a row.
static sv_err read_flag(sv_fleet *fleet, const char *sql, const char *device, bool unknown,
                        bool *out, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db, sql, &stmt, why));
    sv_stmt_bind_str(stmt, 1, device);
    sv_err err = sv_stmt_next(stmt, why);
    *out = err == SV_OK ? sv_stmt_int(stmt, 0) != 0 : unknown;
    sv_stmt_reset(stmt);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

sv_err sv_running_ask(sv_fleet *fleet, const char *device, sv_why *why) {
    return set_flag(fleet,
                    "INSERT INTO running (device, asked) VALUES (?1, ?2)"
                    " ON CONFLICT (device) DO UPDATE SET asked = ?2",
                    device, true, why);
}

sv_err sv_running_is_asked(sv_fleet *fleet, const char *device, bool *out, sv_why *why) {
    return read_flag(fleet, "SELECT asked = 1 OR at_us = 0 FROM running WHERE device = ?1", device,
                     true, out, why);
}

sv_err sv_running_say_yes(sv_fleet *fleet, const char *device, bool by_itself, sv_why *why) {
    return set_flag(fleet,
                    "INSERT INTO running (device, auto) VALUES (?1, ?2)"
                    " ON CONFLICT (device) DO UPDATE SET auto = ?2",
                    device, by_itself, why);
}

sv_err sv_running_says_yes(sv_fleet *fleet, const char *device, bool *out, sv_why *why) {
    return read_flag(fleet, "SELECT auto FROM running WHERE device = ?1", device, false, out, why);
}

// ---- reading
// --------------------------------------------------------------------------------------

sv_err sv_running_each(sv_fleet *fleet, sv_running_each_fn *each, void *arg, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT device, " COLUMNS " FROM running WHERE at_us > 0 ORDER BY device",
                      &stmt, why));
    sv_err err = SV_OK;
    while (err == SV_OK) {
        err = sv_stmt_next(stmt, why);
        if (err == SV_OK) {
            char device[SV_ID_ROOM];
            sv_running running;
            (void) sv_text_copy(sv_stmt_text(stmt, 0), device, sizeof device);
            read_row(stmt, 1, &running);
            err = each(arg, device, &running, why);
        }
    }
    sv_stmt_reset(stmt);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static void put_word(sv_json_out *out, const char *key, const char *word) {
    sv_json_add_str(out, key, word[0] != '\0' ? word : NULL);
}

sv_err sv_running_write(sv_fleet *fleet, const char *device, sv_json_out *out, sv_why *why) {
    sv_running r;
    sv_err err = sv_running_of(fleet, device, &r, why);
    if (err == SV_ERR_NOT_FOUND) {
        sv_json_put_null(out);
        return SV_OK;
    }
    SV_TRY(err);
    sv_json_open_object(out);
    put_word(out, "product", r.product);
    put_word(out, "version", r.version);
    put_word(out, "sha256", r.sha256);
    put_word(out, "hardware", r.hardware);
    put_word(out, "slot", r.slot);
    put_word(out, "timezone", r.timezone);
    put_word(out, "boot", r.boot);
    put_word(out, "client", r.client);
    sv_json_add_int(out, "counter", r.counter);
    sv_json_add_int(out, "at", r.at_us / 1000);
    sv_json_close_object(out);
    return SV_OK;
}
