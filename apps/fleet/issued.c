#include "issued.h"

#include "standing.h"

#include <string.h>
#include <strings.h>

static sv_err replace_others(sv_db *db, const sv_cert_facts *facts, int64_t now_us, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "UPDATE certificate SET replaced_us = ?3 WHERE id = ?1 COLLATE NOCASE"
                      " AND serial <> ?2 AND replaced_us IS NULL AND not_before_us <= ?4",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, facts->id);
    sv_stmt_bind_str(stmt, 2, facts->serial);
    sv_stmt_bind_int(stmt, 3, now_us);
    sv_stmt_bind_int(stmt, 4, facts->not_before_us);
    return sv_stmt_run(stmt, why);
}

sv_err sv_issued_add(sv_db *db, const sv_issued *one, int64_t now_us, sv_why *why) {
    sv_stmt *stmt;
    const sv_cert_facts *facts = one->facts;
    SV_TRY(replace_others(db, facts, now_us, why));
    SV_TRY(sv_db_stmt(db,
                      "INSERT INTO certificate (serial, id, role, key_hash, issuer, not_before_us,"
                      " not_after_us, how, issued_us, revoked, proved, replaced_us)"
                      " SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,"
                      " (SELECT ?9 FROM certificate WHERE id = ?2 COLLATE NOCASE AND serial <> ?1"
                      " AND not_before_us > ?6 LIMIT 1) WHERE true"
                      " ON CONFLICT (serial) DO UPDATE SET how = ?8, key_hash = ?4, issuer = ?5",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, facts->serial);
    sv_stmt_bind_str(stmt, 2, facts->id);
    sv_stmt_bind_str(stmt, 3, sv_role_name(one->role));
    sv_stmt_bind_str(stmt, 4, facts->key_hash);
    sv_stmt_bind_str(stmt, 5, facts->issuer);
    sv_stmt_bind_int(stmt, 6, facts->not_before_us);
    sv_stmt_bind_int(stmt, 7, facts->not_after_us);
    sv_stmt_bind_str(stmt, 8, one->how);
    sv_stmt_bind_int(stmt, 9, now_us);
    sv_stmt_bind_int(stmt, 10, one->revoked);
    sv_stmt_bind_int(stmt, 11, one->proved);
    return sv_stmt_run(stmt, why);
}

/// A row with the key: whose it is and whether it counts still.
static sv_err judge_row(const sv_fleet *fleet, sv_stmt *row, const char *id, sv_why *why) {
    char owner[SV_ID_ROOM];
    SV_TRY(sv_text_copy(sv_stmt_text(row, 0), owner, sizeof owner));
    if (strcasecmp(owner, id) != 0) {
        return sv_fail(why, SV_ERR_STATE,
                       "this key belongs to another certificate already; make a new one, a key is "
                       "for one id");
    }
    bool revoked =
        sv_stmt_int(row, 2) != 0
        || sv_standing_allows(fleet->standing, owner, sv_stmt_int(row, 1), NULL) != SV_OK;
    return revoked ? sv_fail(why, SV_ERR_STATE,
                             "this key was revoked with a certificate of %s; make a new one", id)
                   : SV_OK;
}

static sv_err next_row(sv_stmt *row, sv_why *why) {
    return sv_fleet_medium(sv_stmt_next(row, why));
}

sv_err sv_issued_check_key(const sv_fleet *fleet, const char *id, const char *key_hash,
                           sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_fleet_medium(sv_db_stmt(
        fleet->db, "SELECT id, not_before_us, revoked FROM certificate WHERE key_hash = ?1", &row,
        why)));
    sv_stmt_bind_str(row, 1, key_hash);
    sv_err err = next_row(row, why);
    while (err == SV_OK) {
        err = judge_row(fleet, row, id, why);
        if (err != SV_OK) {
            sv_stmt_reset(row);
            return err;
        }
        err = next_row(row, why);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

sv_err sv_issued_check_spelling(const sv_fleet *fleet, const char *id, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_fleet_medium(sv_db_stmt(fleet->db,
                                      "SELECT id FROM certificate WHERE id = ?1 COLLATE NOCASE"
                                      " AND id <> ?1 LIMIT 1",
                                      &row, why)));
    sv_stmt_bind_str(row, 1, id);
    sv_err err = next_row(row, why);
    if (err == SV_OK) {
        err = sv_fail(why, SV_ERR_STATE,
                      "'%s' is there already, as '" SV_TEXT_FMT
                      "': ids that differ in upper and lower case alone are one",
                      id, SV_TEXT_ARG(sv_stmt_text(row, 0)));
    }
    sv_stmt_reset(row);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

sv_err sv_issued_is_newest(sv_db *db, const char *id, int64_t not_before_us, bool *out,
                           sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(db,
                      "SELECT 1 FROM certificate WHERE id = ?1 COLLATE NOCASE"
                      " AND not_before_us > ?2 LIMIT 1",
                      &row, why));
    sv_stmt_bind_str(row, 1, id);
    sv_stmt_bind_int(row, 2, not_before_us);
    sv_err err = sv_stmt_next(row, why);
    sv_stmt_reset(row);
    *out = err == SV_ERR_NOT_FOUND;
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

sv_err sv_issued_has_proved(sv_db *db, const char *id, bool *out, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "SELECT 1 FROM certificate WHERE id = ?1 COLLATE NOCASE AND proved = 1"
                      " LIMIT 1",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, id);
    sv_err err = sv_stmt_next(stmt, why);
    sv_stmt_reset(stmt);
    *out = err == SV_OK;
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

bool sv_issued_renews_itself(const char *how) {
    return strcmp(how, "imported") != 0;
}

bool sv_issued_is_ending(int64_t not_before_us, int64_t not_after_us, int64_t now_us) {
    return now_us >= not_after_us - (not_after_us - not_before_us) / SV_ISSUED_LAST_PART;
}

sv_err sv_issued_find_newest(const sv_fleet *fleet, const char *id, sv_issued_newest *out,
                             sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT serial, not_before_us, not_after_us, revoked FROM certificate"
                      " WHERE id = ?1 COLLATE NOCASE ORDER BY not_before_us DESC, issued_us DESC"
                      " LIMIT 1",
                      &row, why));
    sv_stmt_bind_str(row, 1, id);
    SV_TRY(sv_stmt_next(row, why));
    sv_err err = sv_text_copy(sv_stmt_text(row, 0), out->serial, sizeof out->serial);
    out->not_before_us = sv_stmt_int(row, 1);
    out->not_after_us = sv_stmt_int(row, 2);
    out->revoked = sv_stmt_int(row, 3) != 0
                   || sv_standing_allows(fleet->standing, id, out->not_before_us, NULL) != SV_OK;
    sv_stmt_reset(row);
    return err;
}
