#include "tokens.h"

static const char INVALID[] = "this API token is not valid";

/// When it was used last, and from where: once a minute.
static sv_err touch(sv_db *db, const char *hash, const char *from, int64_t now_us, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "UPDATE api_token SET used_us = ?2, used_from = ?3"
                      " WHERE hash = ?1 AND coalesce(used_us, 0) < ?4",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, hash);
    sv_stmt_bind_int(stmt, 2, now_us);
    sv_stmt_bind_str(stmt, 3, from);
    sv_stmt_bind_int(stmt, 4, now_us - SV_SESSION_TOUCH_US);
    return sv_stmt_run(stmt, why);
}

static sv_person_role role_of(int64_t number) {
    return number >= 0 && number < SV_PERSON_ROLE__COUNT ? (sv_person_role) number
                                                         : SV_PERSON_VIEWER;
}

static sv_err read_person(sv_stmt *row, sv_person *out) {
    char sites[SV_SITES_ROOM];
    char owners[SV_SITES_ROOM];
    sv_person person = { .scopes = (unsigned) sv_stmt_int(row, 4) & SV_SCOPE_ALL,
                         .ends_us = sv_stmt_int(row, 7) };
    sv_person_role mine = role_of(sv_stmt_int(row, 2));
    sv_person_role owner = role_of(sv_stmt_int(row, 5));
    person.role = mine < owner ? mine : owner;
    SV_TRY(sv_text_copy(sv_stmt_text(row, 0), person.token, sizeof person.token));
    SV_TRY(sv_text_copy(sv_stmt_text(row, 1), person.user, sizeof person.user));
    SV_TRY(sv_text_copy(sv_stmt_text(row, 3), sites, sizeof sites));
    SV_TRY(sv_text_copy(sv_stmt_text(row, 6), owners, sizeof owners));
    sv_sites_both(sites, owners, person.sites);
    *out = person;
    return SV_OK;
}

// The server's own token stands for itself, whatever becomes of the user of its name.
#define PERSON                                                                                     \
    "SELECT t.name, t.user, t.role, coalesce(t.sites, ''), t.scopes,"                              \
    " CASE WHEN t.name = '" SV_OWN_TOKEN "' THEN t.role ELSE u.role END,"                          \
    " CASE WHEN t.name = '" SV_OWN_TOKEN "' THEN '' ELSE coalesce(u.sites, '') END,"               \
    " coalesce(t.expires_us, 0)"                                                                   \
    " FROM api_token t LEFT JOIN user u ON u.name = t.user"                                        \
    " WHERE (t.expires_us IS NULL OR t.expires_us > ?2)"                                           \
    " AND (t.name = '" SV_OWN_TOKEN "' OR u.disabled = 0) AND "

/// The first parameter is bound.
static sv_err find_person(sv_stmt *row, int64_t now_us, sv_person *out, sv_why *why) {
    sv_stmt_bind_int(row, 2, now_us);
    sv_err err = sv_stmt_next(row, why);
    if (err == SV_ERR_NOT_FOUND) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "%s", INVALID);
    }
    SV_TRY(err);
    err = read_person(row, out);
    sv_stmt_reset(row);
    return err;
}

sv_err sv_people_token(sv_db *db, sv_text token, const char *from, int64_t now_us, sv_person *out,
                       sv_why *why) {
    char hash[SV_SECRET_HASH_ROOM];
    sv_stmt *row;
    sv_secret_hash(token, hash);
    SV_TRY(sv_db_stmt(db, PERSON "t.hash = ?1", &row, why));
    sv_stmt_bind_str(row, 1, hash);
    SV_TRY(find_person(row, now_us, out, why));
    return touch(db, hash, from, now_us, why);
}

sv_err sv_api_token_person(sv_db *db, const char *name, int64_t now_us, sv_person *out,
                           sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(db, PERSON "t.name = ?1", &row, why));
    sv_stmt_bind_str(row, 1, name);
    return find_person(row, now_us, out, why);
}
