// The part of tokens.h that makes, shows and takes them away.
#include "tokens.h"

#include "users.h"

#include <crypto/random.h>
#include <stdio.h>
#include <string.h>

// ---- making -------------------------------------------------------------------------------------

sv_err sv_api_token_judge(const sv_api_token *token, const sv_person *maker, int64_t now_us,
                          sv_why *why) {
    SV_TRY(sv_id_check("name", sv_text_of(token->name), why));
    if (token->role > maker->role) {
        return sv_fail(why, SV_ERR_INVALID, "role %s is more than %s has, which is %s",
                       sv_person_role_name(token->role), maker->user,
                       sv_person_role_name(maker->role));
    }
    for (unsigned scope = 1; scope < SV_SCOPE_ALL; scope <<= 1) {
        bool wanted = (token->scopes & scope) != 0;
        if (wanted && (maker->scopes & scope) == 0) {
            return sv_fail(why, SV_ERR_INVALID, "the API token %s has not the scope %s itself",
                           maker->token, sv_scope_name((sv_scope) scope));
        }
        if (wanted && sv_scope_least((sv_scope) scope) > token->role) {
            return sv_fail(why, SV_ERR_INVALID, "scope %s needs the role %s, not %s",
                           sv_scope_name((sv_scope) scope),
                           sv_person_role_name(sv_scope_least((sv_scope) scope)),
                           sv_person_role_name(token->role));
        }
    }
    if (!sv_sites_within(token->sites, maker->sites)) {
        return sv_fail(why, SV_ERR_INVALID, "sites: more than %s sees", maker->user);
    }
    if (token->expires_us <= now_us
        || token->expires_us > now_us + SV_TOKEN_DAYS_MAX * SV_TIME_DAY_US) {
        return sv_fail(why, SV_ERR_INVALID, "a token lasts 1 to %d days", SV_TOKEN_DAYS_MAX);
    }
    return maker->ends_us == 0 || token->expires_us <= maker->ends_us
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "the API token %s ends before that itself",
                         maker->token);
}

static sv_err count_of(sv_db *db, const char *name, int64_t *all, int64_t *same, sv_why *why) {
    sv_stmt *row;
    SV_TRY(
        sv_db_stmt(db, "SELECT count(*), coalesce(sum(name = ?1), 0) FROM api_token", &row, why));
    sv_stmt_bind_str(row, 1, name);
    SV_TRY(sv_stmt_next(row, why));
    *all = sv_stmt_int(row, 0);
    *same = sv_stmt_int(row, 1);
    sv_stmt_reset(row);
    return SV_OK;
}

static sv_err check_room(sv_db *db, const sv_api_token *token, const char *owner, sv_why *why) {
    sv_user user;
    int64_t all = 0;
    int64_t same = 0;
    sv_err err = sv_user_find(db, sv_text_of(owner), &user, why);
    if (err == SV_ERR_NOT_FOUND) {
        return sv_fail(why, SV_ERR_STATE,
                       "a token belongs to a user, and there is none named %s: use the link of the "
                       "first admin, or ask with the token of somebody there is",
                       owner);
    }
    SV_TRY(err);
    SV_TRY(count_of(db, token->name, &all, &same, why));
    if (same > 0 || strcmp(token->name, SV_OWN_TOKEN) == 0) {
        return sv_fail(why, SV_ERR_STATE, "there is a token '%s' already", token->name);
    }
    return all < SV_TOKENS_MAX
               ? SV_OK
               : sv_fail(why, SV_ERR_STATE, "there are %d tokens already; remove one first",
                         SV_TOKENS_MAX);
}

sv_err sv_api_token_add(sv_db *db, const sv_api_token *token, const char *owner, int64_t now_us,
                        char out[SV_TOKEN_ROOM], sv_why *why) {
    char secret[SV_SECRET_ROOM];
    char hash[SV_SECRET_HASH_ROOM];
    sv_stmt *stmt;
    SV_TRY(check_room(db, token, owner, why));
    sv_random_token(secret);
    (void) snprintf(out, SV_TOKEN_ROOM, "svt_%s", secret);
    explicit_bzero(secret, sizeof secret);
    sv_secret_hash(sv_text_of(out), hash);
    SV_TRY(sv_db_stmt(db,
                      "INSERT INTO api_token (name, hash, user, role, sites, scopes, created_us,"
                      " expires_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, token->name);
    sv_stmt_bind_str(stmt, 2, hash);
    sv_stmt_bind_str(stmt, 3, owner);
    sv_stmt_bind_int(stmt, 4, token->role);
    sv_stmt_bind_str(stmt, 5, token->sites[0] != '\0' ? token->sites : NULL);
    sv_stmt_bind_int(stmt, 6, token->scopes);
    sv_stmt_bind_int(stmt, 7, now_us);
    sv_stmt_bind_int(stmt, 8, token->expires_us);
    return sv_stmt_run(stmt, why);
}

sv_err sv_api_token_remove(sv_db *db, sv_text name, const char *owner, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "DELETE FROM api_token WHERE name = ?1 AND (?2 IS NULL OR user = ?2)"
                      " AND name <> '" SV_OWN_TOKEN "'",
                      &stmt, why));
    sv_stmt_bind_text(stmt, 1, name);
    sv_stmt_bind_str(stmt, 2, owner);
    SV_TRY(sv_stmt_run(stmt, why));
    return sv_db_changes(db) > 0
               ? SV_OK
               : sv_fail(why, SV_ERR_NOT_FOUND, "there is no token '%.*s'",
                         (int) (name.len < SV_ID_MAX ? name.len : SV_ID_MAX), name.at);
}

// ---- answers ------------------------------------------------------------------------------------

#define COLUMNS                                                                                    \
    "SELECT name, user, role, coalesce(sites, ''), scopes, created_us, expires_us, used_us,"       \
    " used_from FROM api_token WHERE name <> '" SV_OWN_TOKEN "' AND "

static void put_time(sv_stmt *row, int column, const char *key, sv_json_out *out) {
    sv_json_key(out, key);
    if (sv_stmt_is_null(row, column)) {
        sv_json_put_null(out);
    } else {
        sv_json_put_int(out, sv_stmt_int(row, column) / 1000);
    }
}

static void put_token(sv_stmt *row, const char *secret, sv_json_out *out) {
    char sites[SV_SITES_ROOM];
    int64_t role = sv_stmt_int(row, 2);
    bool good = sv_text_copy(sv_stmt_text(row, 3), sites, sizeof sites) == SV_OK;
    sv_json_open_object(out);
    sv_json_add_text(out, "name", sv_stmt_text(row, 0));
    if (secret != NULL) {
        sv_json_add_str(out, "token", secret);
    }
    sv_json_add_text(out, "user", sv_stmt_text(row, 1));
    sv_json_add_str(out, "role",
                    sv_person_role_name(role >= 0 && role < SV_PERSON_ROLE__COUNT
                                            ? (sv_person_role) role
                                            : SV_PERSON_VIEWER));
    sv_json_key(out, "sites");
    sv_sites_put(out, good ? sites : "[]");
    sv_json_key(out, "scopes");
    sv_scopes_put(out, (unsigned) sv_stmt_int(row, 4));
    put_time(row, 5, "created", out);
    put_time(row, 6, "expires", out);
    put_time(row, 7, "used", out);
    sv_json_key(out, "used_from");
    if (sv_stmt_is_null(row, 8)) {
        sv_json_put_null(out);
    } else {
        sv_json_put_text(out, sv_stmt_text(row, 8));
    }
    sv_json_close_object(out);
}

sv_err sv_api_token_write(sv_db *db, const char *name, const char *secret, sv_json_out *out,
                          sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(db, COLUMNS "name = ?1", &row, why));
    sv_stmt_bind_str(row, 1, name);
    SV_TRY(sv_stmt_next(row, why));
    put_token(row, secret, out);
    sv_stmt_reset(row);
    return SV_OK;
}

sv_err sv_api_token_list(sv_db *db, const char *owner, const char *cursor, size_t limit,
                         sv_json_out *out, sv_why *why) {
    sv_stmt *row;
    char last[SV_ID_ROOM] = "";
    size_t count = 0;
    SV_TRY(sv_db_stmt(db, COLUMNS "name > ?1 AND (?2 IS NULL OR user = ?2) ORDER BY name LIMIT ?3",
                      &row, why));
    sv_stmt_bind_str(row, 1, cursor);
    sv_stmt_bind_str(row, 2, owner);
    sv_stmt_bind_int(row, 3, (int64_t) limit + 1);
    sv_json_open_object(out);
    sv_json_key(out, "items");
    sv_json_open_array(out);
    sv_err err = sv_stmt_next(row, why);
    for (; err == SV_OK && count < limit; err = sv_stmt_next(row, why), count++) {
        (void) sv_text_copy(sv_stmt_text(row, 0), last, sizeof last);
        put_token(row, NULL, out);
    }
    sv_stmt_reset(row);
    sv_json_close_array(out);
    sv_json_add_str(out, "next", err == SV_OK ? last : NULL);
    sv_json_close_object(out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}
