#include "target_token.h"

#include "ddi_token_door.h"
#include "standing.h"

#include <crypto/random.h>
#include <string.h>

sv_err sv_target_token_make(sv_fleet *fleet, const char *device, const char *user,
                            char token[SV_SECRET_ROOM], sv_why *why) {
    char hash[SV_SECRET_HASH_ROOM];
    sv_stmt *stmt;
    sv_random_token(token);
    sv_secret_hash(sv_text_of(token), hash);
    SV_TRY(sv_db_stmt(fleet->db,
                      "INSERT INTO target_token (device, hash, user, created_us)"
                      " VALUES (?1, ?2, ?3, ?4)"
                      " ON CONFLICT (device) DO UPDATE SET hash = ?2, user = ?3, created_us = ?4",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, device);
    sv_stmt_bind_str(stmt, 2, hash);
    sv_stmt_bind_str(stmt, 3, user);
    sv_stmt_bind_int(stmt, 4, fleet->wall_us());
    return sv_stmt_run(stmt, why);
}

sv_err sv_target_token_remove(sv_fleet *fleet, const char *device, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db, "DELETE FROM target_token WHERE device = ?1", &stmt, why));
    sv_stmt_bind_str(stmt, 1, device);
    SV_TRY(sv_stmt_run(stmt, why));
    return sv_db_changes(fleet->db) > 0
               ? SV_OK
               : sv_fail(why, SV_ERR_NOT_FOUND, "device %s has no target token", device);
}

sv_err sv_target_token_judge(const sv_fleet *fleet, sv_text token, sv_asker *out, sv_why *why) {
    char hash[SV_SECRET_HASH_ROOM];
    sv_stmt *stmt;
    *out = (sv_asker){ .who = { .role = SV_ROLE_DEVICE } };
    sv_secret_hash(token, hash);
    SV_TRY(sv_db_stmt(fleet->db, "SELECT device, created_us FROM target_token WHERE hash = ?1",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, hash);
    sv_err err = sv_stmt_next(stmt, why);
    if (err == SV_OK) {
        err = sv_text_copy(sv_stmt_text(stmt, 0), out->who.id, sizeof out->who.id);
        out->who.not_before_us = sv_stmt_int(stmt, 1);
        sv_stmt_reset(stmt);
    }
    if (err != SV_OK) {
        return err == SV_ERR_NOT_FOUND
                   ? sv_fail(why, SV_ERR_UNTRUSTED, "the target token is no device's")
                   : err;
    }
    const sv_device *device = sv_registry_device(fleet->registry, sv_text_of(out->who.id));
    out->site = device != NULL ? device->site : NULL;
    return sv_standing_allows(fleet->standing, out->who.id, out->who.not_before_us, why);
}

// ---- for operators ------------------------------------------------------------------------------

static const sv_ddi_token_kind KIND = { .key = "device",
                                        .make_deed = "target-token.make",
                                        .remove_deed = "target-token.remove",
                                        .make = sv_target_token_make,
                                        .remove = sv_target_token_remove };

void sv_target_token_door_make(sv_visit *v) {
    const sv_device *device = sv_visit_device(v);
    if (device != NULL) {
        sv_ddi_token_make(v, &KIND, device->id, v->fleet->config.ddi.target_tokens);
    }
}

void sv_target_token_door_remove(sv_visit *v) {
    const sv_device *device = sv_visit_device(v);
    if (device != NULL) {
        sv_ddi_token_remove(v, &KIND, device->id);
    }
}
