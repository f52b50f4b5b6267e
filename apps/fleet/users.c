#include "users.h"

#include <string.h>
#include <strings.h>

static sv_err read_user(sv_stmt *row, sv_user *out) {
    sv_user user = { .disabled = sv_stmt_int(row, 3) != 0, .totp = sv_stmt_int(row, 5) != 0 };
    int64_t role = sv_stmt_int(row, 1);
    user.role =
        role >= 0 && role < SV_PERSON_ROLE__COUNT ? (sv_person_role) role : SV_PERSON_VIEWER;
    SV_TRY(sv_text_copy(sv_stmt_text(row, 0), user.name, sizeof user.name));
    SV_TRY(sv_text_copy(sv_stmt_text(row, 2), user.sites, sizeof user.sites));
    SV_TRY(sv_text_copy(sv_stmt_text(row, 4), user.password, sizeof user.password));
    *out = user;
    return SV_OK;
}

sv_err sv_user_find(sv_db *db, sv_text name, sv_user *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(db,
                      "SELECT name, role, coalesce(sites, ''), disabled, coalesce(password, ''),"
                      " totp_secret IS NOT NULL FROM user WHERE name = ?1",
                      &row, why));
    sv_stmt_bind_text(row, 1, name);
    sv_err err = sv_stmt_next(row, why);
    if (err == SV_ERR_NOT_FOUND) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "there is no user '%.*s'",
                       (int) (name.len < SV_ID_MAX ? name.len : SV_ID_MAX), name.at);
    }
    SV_TRY(err);
    err = read_user(row, out);
    sv_stmt_reset(row);
    return err;
}

sv_err sv_user_count(sv_db *db, int64_t *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(db, "SELECT count(*) FROM user", &row, why));
    SV_TRY(sv_stmt_next(row, why));
    *out = sv_stmt_int(row, 0);
    sv_stmt_reset(row);
    return SV_OK;
}

sv_err sv_user_wants_admin(sv_db *db, bool *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(db, "SELECT count(*) FROM user WHERE role = ?1 OR name = ?2", &row, why));
    sv_stmt_bind_int(row, 1, SV_PERSON_ADMIN);
    sv_stmt_bind_str(row, 2, SV_FIRST_ADMIN);
    SV_TRY(sv_stmt_next(row, why));
    *out = sv_stmt_int(row, 0) == 0;
    sv_stmt_reset(row);
    return SV_OK;
}

// ---- changes ------------------------------------------------------------------------------------

static void bind_sites(sv_stmt *stmt, int index, const char *sites) {
    sv_stmt_bind_str(stmt, index, sites[0] != '\0' ? sites : NULL);
}

/// Whoever may change everything sees everything: there is no admin of one site.
static sv_err check_user(const sv_user *user, sv_why *why) {
    SV_TRY(sv_id_check("user", sv_text_of(user->name), why));
    return user->role == SV_PERSON_ADMIN && user->sites[0] != '\0'
               ? sv_fail(why, SV_ERR_INVALID, "an admin is for all sites: leave sites out")
               : SV_OK;
}

/// In the audit log these are the server itself and whoever has its database at hand.
static sv_err check_name(const char *name, sv_why *why) {
    return strcasecmp(name, "fleet") == 0 || strcasecmp(name, "console") == 0
               ? sv_fail(why, SV_ERR_INVALID,
                         "'%s' is what the audit log calls the server itself; take another name",
                         name)
               : SV_OK;
}

sv_err sv_user_add(sv_db *db, const sv_user *user, const char *by, int64_t now_us, sv_why *why) {
    sv_stmt *stmt;
    sv_user other;
    int64_t count = 0;
    SV_TRY(check_user(user, why));
    SV_TRY(check_name(user->name, why));
    sv_err err = sv_user_find(db, sv_text_of(user->name), &other, why);
    if (err == SV_OK) {
        return sv_fail(why, SV_ERR_STATE, "there is a user '%s' already", user->name);
    }
    if (err != SV_ERR_NOT_FOUND) {
        return err;
    }
    SV_TRY(sv_user_count(db, &count, why));
    if (count >= SV_USERS_MAX) {
        return sv_fail(why, SV_ERR_STATE, "there are %d users already; remove one first",
                       SV_USERS_MAX);
    }
    SV_TRY(sv_db_stmt(db,
                      "INSERT INTO user (name, role, sites, created_us, created_by)"
                      " VALUES (?1, ?2, ?3, ?4, ?5)",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, user->name);
    sv_stmt_bind_int(stmt, 2, user->role);
    bind_sites(stmt, 3, user->sites);
    sv_stmt_bind_int(stmt, 4, now_us);
    sv_stmt_bind_str(stmt, 5, by);
    return sv_stmt_run(stmt, why);
}

/// Whether another admin could still come in. [people-4]
static sv_err check_other_admin(sv_db *db, const sv_user *user, sv_why *why) {
    sv_stmt *row;
    if (user->role != SV_PERSON_ADMIN || user->disabled) {
        return SV_OK;
    }
    SV_TRY(sv_db_stmt(db,
                      "SELECT count(*) FROM user u WHERE u.role = ?1 AND u.disabled = 0"
                      " AND u.name <> ?2 AND (u.password IS NOT NULL"
                      " OR EXISTS (SELECT 1 FROM session s WHERE s.user = u.name))",
                      &row, why));
    sv_stmt_bind_int(row, 1, SV_PERSON_ADMIN);
    sv_stmt_bind_str(row, 2, user->name);
    SV_TRY(sv_stmt_next(row, why));
    int64_t others = sv_stmt_int(row, 0);
    sv_stmt_reset(row);
    return others > 0 ? SV_OK
                      : sv_fail(why, SV_ERR_STATE,
                                "%s is the last admin who can sign in: make another one first",
                                user->name);
}

static sv_err forget(sv_db *db, const char *sql, const char *user, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, sql, &stmt, why));
    sv_stmt_bind_str(stmt, 1, user);
    return sv_stmt_run(stmt, why);
}

static sv_err end_all(sv_db *db, const char *name, sv_why *why) {
    SV_TRY(sv_session_end_all(db, name, 0, why));
    return forget(db, "DELETE FROM user_link WHERE user = ?1", name, why);
}

sv_err sv_user_change(sv_db *db, const sv_user *user, sv_why *why) {
    sv_stmt *stmt;
    sv_user before;
    SV_TRY(check_user(user, why));
    SV_TRY(sv_user_find(db, sv_text_of(user->name), &before, why));
    if (before.role == user->role && before.disabled == user->disabled
        && strcmp(before.sites, user->sites) == 0) {
        return SV_OK;
    }
    if (user->role != SV_PERSON_ADMIN || user->disabled) {
        SV_TRY(check_other_admin(db, &before, why));
    }
    SV_TRY(sv_db_stmt(db, "UPDATE user SET role = ?2, sites = ?3, disabled = ?4 WHERE name = ?1",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, user->name);
    sv_stmt_bind_int(stmt, 2, user->role);
    bind_sites(stmt, 3, user->sites);
    sv_stmt_bind_int(stmt, 4, user->disabled);
    SV_TRY(sv_stmt_run(stmt, why));
    return end_all(db, user->name, why);
}

sv_err sv_user_remove(sv_db *db, const char *name, sv_why *why) {
    sv_user user;
    SV_TRY(sv_user_find(db, sv_text_of(name), &user, why));
    SV_TRY(check_other_admin(db, &user, why));
    SV_TRY(end_all(db, name, why));
    SV_TRY(forget(db, "DELETE FROM api_token WHERE user = ?1 AND name <> '" SV_OWN_TOKEN "'", name,
                  why));
    return forget(db, "DELETE FROM user WHERE name = ?1", name, why);
}

sv_err sv_user_set_password(sv_db *db, const char *name, const char *hash, int64_t now_us,
                            sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "UPDATE user SET password = ?2, password_us = ?3 WHERE name = ?1", &stmt,
                      why));
    sv_stmt_bind_str(stmt, 1, name);
    sv_stmt_bind_str(stmt, 2, hash[0] != '\0' ? hash : NULL);
    sv_stmt_bind_int(stmt, 3, now_us);
    SV_TRY(sv_stmt_run(stmt, why));
    return end_all(db, name, why);
}

sv_err sv_user_forget_factor(sv_db *db, const char *name, sv_why *why) {
    return forget(db,
                  "UPDATE user SET totp_secret = NULL, totp_new = NULL, totp_last_step = 0"
                  " WHERE name = ?1",
                  name, why);
}

// ---- answers ------------------------------------------------------------------------------------

#define COLUMNS                                                                                    \
    "SELECT u.name, u.role, coalesce(u.sites, ''), u.password IS NOT NULL,"                        \
    " u.totp_secret IS NOT NULL, u.disabled, u.created_us, u.created_by,"                          \
    " (SELECT max(used_us) FROM session s WHERE s.user = u.name),"                                 \
    " (SELECT count(*) FROM session s WHERE s.user = u.name),"                                     \
    " (SELECT count(*) FROM api_token t WHERE t.user = u.name AND t.name <> '" SV_OWN_TOKEN        \
    "') FROM user u"

static void put_user(sv_stmt *row, sv_json_out *out) {
    char sites[SV_SITES_ROOM];
    int64_t role = sv_stmt_int(row, 1);
    sv_json_open_object(out);
    sv_json_add_text(out, "name", sv_stmt_text(row, 0));
    sv_json_add_str(out, "role",
                    role >= 0 && role < SV_PERSON_ROLE__COUNT
                        ? sv_person_role_name((sv_person_role) role)
                        : "viewer");
    sv_json_key(out, "sites");
    sv_sites_put(out,
                 sv_text_copy(sv_stmt_text(row, 2), sites, sizeof sites) == SV_OK ? sites : "[]");
    sv_json_add_bool(out, "password", sv_stmt_int(row, 3) != 0);
    sv_json_add_bool(out, "totp", sv_stmt_int(row, 4) != 0);
    sv_json_add_bool(out, "disabled", sv_stmt_int(row, 5) != 0);
    sv_json_add_int(out, "created", sv_stmt_int(row, 6) / 1000);
    sv_json_add_text(out, "created_by", sv_stmt_text(row, 7));
    sv_json_key(out, "used");
    if (sv_stmt_is_null(row, 8)) {
        sv_json_put_null(out);
    } else {
        sv_json_put_int(out, sv_stmt_int(row, 8) / 1000);
    }
    sv_json_add_int(out, "sessions", sv_stmt_int(row, 9));
    sv_json_add_int(out, "tokens", sv_stmt_int(row, 10));
    sv_json_close_object(out);
}

sv_err sv_user_write(sv_db *db, sv_text name, sv_json_out *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(db, COLUMNS " WHERE u.name = ?1", &row, why));
    sv_stmt_bind_text(row, 1, name);
    sv_err err = sv_stmt_next(row, why);
    if (err == SV_ERR_NOT_FOUND) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "there is no user '%.*s'",
                       (int) (name.len < SV_ID_MAX ? name.len : SV_ID_MAX), name.at);
    }
    SV_TRY(err);
    put_user(row, out);
    sv_stmt_reset(row);
    return SV_OK;
}

sv_err sv_user_list(sv_db *db, const char *cursor, size_t limit, sv_json_out *out, sv_why *why) {
    sv_stmt *row;
    char last[SV_ID_ROOM] = "";
    size_t count = 0;
    SV_TRY(sv_db_stmt(db, COLUMNS " WHERE u.name > ?1 ORDER BY u.name LIMIT ?2", &row, why));
    sv_stmt_bind_str(row, 1, cursor);
    sv_stmt_bind_int(row, 2, (int64_t) limit + 1);
    sv_json_open_object(out);
    sv_json_key(out, "items");
    sv_json_open_array(out);
    sv_err err = sv_stmt_next(row, why);
    for (; err == SV_OK && count < limit; err = sv_stmt_next(row, why), count++) {
        (void) sv_text_copy(sv_stmt_text(row, 0), last, sizeof last);
        put_user(row, out);
    }
    sv_stmt_reset(row);
    sv_json_close_array(out);
    sv_json_add_str(out, "next", err == SV_OK ? last : NULL);
    sv_json_close_object(out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}
