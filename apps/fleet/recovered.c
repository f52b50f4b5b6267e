#include "recovered.h"

#include "audit_log.h"
#include "reach.h"

#include <sys/log.h>

/// One that nobody has told of yet; SV_ERR_NOT_FOUND when there is none.
static sv_err next(sv_db *db, char hash[SV_SECRET_HASH_ROOM], char user[SV_ID_ROOM], sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(db, "SELECT hash, user FROM user_link WHERE told = 0 LIMIT 1", &row, why));
    SV_TRY(sv_stmt_next(row, why));
    sv_err err = sv_text_copy(sv_stmt_text(row, 0), hash, SV_SECRET_HASH_ROOM);
    err = err == SV_OK ? sv_text_copy(sv_stmt_text(row, 1), user, SV_ID_ROOM) : err;
    sv_stmt_reset(row);
    return err == SV_OK ? SV_OK : sv_fail(why, SV_ERR_IO, "a link made on the console is damaged");
}

static sv_err mark(sv_db *db, const char *hash, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "UPDATE user_link SET told = 1 WHERE hash = ?1", &stmt, why));
    sv_stmt_bind_str(stmt, 1, hash);
    return sv_stmt_run(stmt, why);
}

static sv_err tell(sv_fleet *fleet, const char *hash, const char *user, sv_why *why) {
    const sv_audit_event event = { .at_us = fleet->wall_us(),
                                   .who = "console",
                                   .from = "console",
                                   .what = "user.recover",
                                   .about = user,
                                   .detail = "a way in was made with the database at hand" };
    SV_TRY(sv_db_begin(fleet->db, why));
    sv_err err = mark(fleet->db, hash, why);
    err = err == SV_OK ? sv_audit_add(fleet->db, &event, why) : err;
    if (err != SV_OK) {
        sv_db_rollback(fleet->db);
        return err;
    }
    return sv_db_commit(fleet->db, why);
}

void sv_recovered_turn(sv_fleet *fleet) {
    char hash[SV_SECRET_HASH_ROOM];
    char user[SV_ID_ROOM];
    sv_why why = { 0 };
    sv_err err;
    bool any = false;
    while ((err = next(fleet->db, hash, user, &why)) == SV_OK
           && (err = tell(fleet, hash, user, &why)) == SV_OK) {
        SV_LOG(warn, "people.recovered", "%s was let in on the console", user);
        any = true;
    }
    if (err != SV_ERR_NOT_FOUND) {
        SV_LOG(error, "people.recovered", "%s", why.text);
    }
    if (any) {
        sv_reach_review(fleet);
    }
}
