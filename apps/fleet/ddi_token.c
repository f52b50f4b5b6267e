#include "ddi_token.h"

#include <crypto/random.h>

sv_err sv_ddi_token_store(const sv_fleet *fleet, const sv_ddi_token_kind *kind, const char *owner,
                          const char *user, char token[SV_SECRET_ROOM], sv_why *why) {
    char hash[SV_SECRET_HASH_ROOM];
    sv_stmt *stmt;
    sv_random_token(token);
    sv_secret_hash(sv_text_of(token), hash);
    SV_TRY(sv_db_stmt(fleet->db, kind->store, &stmt, why));
    sv_stmt_bind_str(stmt, 1, owner);
    sv_stmt_bind_str(stmt, 2, hash);
    sv_stmt_bind_str(stmt, 3, user);
    sv_stmt_bind_int(stmt, 4, fleet->wall_us());
    return sv_stmt_run(stmt, why);
}

sv_err sv_ddi_token_drop(const sv_fleet *fleet, const sv_ddi_token_kind *kind, const char *owner,
                         sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db, kind->drop, &stmt, why));
    sv_stmt_bind_str(stmt, 1, owner);
    SV_TRY(sv_stmt_run(stmt, why));
    return sv_db_changes(fleet->db) > 0
               ? SV_OK
               : sv_fail(why, SV_ERR_NOT_FOUND, "%s %s has no %s", kind->owner, owner, kind->name);
}

sv_err sv_ddi_token_find(const sv_fleet *fleet, const sv_ddi_token_kind *kind, sv_text token,
                         char owner[SV_ID_ROOM], int64_t *since_us, sv_why *why) {
    char hash[SV_SECRET_HASH_ROOM];
    sv_stmt *stmt;
    sv_secret_hash(token, hash);
    SV_TRY(sv_db_stmt(fleet->db, kind->find, &stmt, why));
    sv_stmt_bind_str(stmt, 1, hash);
    sv_err err = sv_stmt_next(stmt, why);
    if (err == SV_OK) {
        err = sv_text_copy(sv_stmt_text(stmt, 0), owner, SV_ID_ROOM);
        *since_us = sv_stmt_int(stmt, 1);
        sv_stmt_reset(stmt);
    }
    return err == SV_ERR_NOT_FOUND
               ? sv_fail(why, SV_ERR_UNTRUSTED, "the %s is no %s's", kind->name, kind->owner)
               : err;
}
