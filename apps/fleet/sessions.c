// Sessions: the part of people.h that a cookie stands for.
#include "people.h"

#include <codec/encode.h>
#include <crypto/random.h>

static sv_err drop_old_sessions(sv_db *db, const char *user, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "DELETE FROM session WHERE n IN (SELECT n FROM session WHERE user = ?1"
                      " ORDER BY used_us DESC, n DESC LIMIT -1 OFFSET ?2)",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, user);
    sv_stmt_bind_int(stmt, 2, SV_SESSIONS_MAX - 1);
    return sv_stmt_run(stmt, why);
}

/// What a stranger says, cut to `room_bytes`, with no half character at its end.
static sv_text bounded(const char *said, size_t bytes_max) {
    sv_text text = sv_text_of(said);
    text.len = text.len < bytes_max ? text.len : bytes_max;
    while (text.len > 0 && !sv_utf8_is_valid(text)) {
        text.len--;
    }
    return text;
}

sv_err sv_session_begin(sv_db *db, const char *user, const char *how, const sv_visitor *visitor,
                        int64_t now_us, char session[SV_SECRET_ROOM], sv_why *why) {
    char hash[SV_SECRET_HASH_ROOM];
    sv_stmt *stmt;
    sv_random_token(session);
    sv_secret_hash(sv_text_of(session), hash);
    SV_TRY(drop_old_sessions(db, user, why));
    SV_TRY(sv_db_stmt(db,
                      "INSERT INTO session (hash, user, how, created_us, used_us, \"from\", agent)"
                      " VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6)",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, hash);
    sv_stmt_bind_str(stmt, 2, user);
    sv_stmt_bind_str(stmt, 3, how);
    sv_stmt_bind_int(stmt, 4, now_us);
    sv_stmt_bind_text(stmt, 5, bounded(visitor->from, SV_SESSION_FROM_MAX));
    sv_stmt_bind_text(stmt, 6, bounded(visitor->agent, SV_SESSION_AGENT_MAX));
    return sv_stmt_run(stmt, why);
}

static sv_err touch(sv_db *db, const char *hash, int64_t now_us, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "UPDATE session SET used_us = ?2 WHERE hash = ?1 AND used_us < ?3", &stmt,
                      why));
    sv_stmt_bind_str(stmt, 1, hash);
    sv_stmt_bind_int(stmt, 2, now_us);
    sv_stmt_bind_int(stmt, 3, now_us - SV_SESSION_TOUCH_US);
    return sv_stmt_run(stmt, why);
}

static sv_err read_person(sv_stmt *row, sv_person *out) {
    sv_person person = { .scopes = SV_SCOPE_ALL, .session = sv_stmt_int(row, 3) };
    int64_t role = sv_stmt_int(row, 1);
    person.role =
        role >= 0 && role < SV_PERSON_ROLE__COUNT ? (sv_person_role) role : SV_PERSON_VIEWER;
    SV_TRY(sv_text_copy(sv_stmt_text(row, 0), person.user, sizeof person.user));
    SV_TRY(sv_text_copy(sv_stmt_text(row, 2), person.sites, sizeof person.sites));
    *out = person;
    return SV_OK;
}

#define PERSON                                                                                     \
    "SELECT u.name, u.role, coalesce(u.sites, ''), s.n FROM session s"                             \
    " JOIN user u ON u.name = s.user"                                                              \
    " WHERE s.used_us > ?2 AND s.created_us > ?3 AND u.disabled = 0 AND "

/// The first parameter is bound.
static sv_err find_person(sv_stmt *row, int64_t now_us, sv_person *out, sv_why *why) {
    sv_stmt_bind_int(row, 2, now_us - SV_SESSION_IDLE_US);
    sv_stmt_bind_int(row, 3, now_us - SV_SESSION_LIFE_US);
    sv_err err = sv_stmt_next(row, why);
    if (err == SV_ERR_NOT_FOUND) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "this session has ended; sign in again");
    }
    SV_TRY(err);
    err = read_person(row, out);
    sv_stmt_reset(row);
    return err;
}

sv_err sv_people_session(sv_db *db, sv_text session, int64_t now_us, sv_person *out, sv_why *why) {
    char hash[SV_SECRET_HASH_ROOM];
    sv_stmt *row;
    sv_secret_hash(session, hash);
    SV_TRY(sv_db_stmt(db, PERSON "s.hash = ?1", &row, why));
    sv_stmt_bind_str(row, 1, hash);
    SV_TRY(find_person(row, now_us, out, why));
    return touch(db, hash, now_us, why);
}

sv_err sv_session_person(sv_db *db, int64_t n, int64_t now_us, sv_person *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(db, PERSON "s.n = ?1", &row, why));
    sv_stmt_bind_int(row, 1, n);
    return find_person(row, now_us, out, why);
}

// ---- ends ---------------------------------------------------------------------------------------

sv_err sv_people_logout(sv_db *db, sv_text session, sv_why *why) {
    char hash[SV_SECRET_HASH_ROOM];
    sv_secret_hash(session, hash);
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "DELETE FROM session WHERE hash = ?1", &stmt, why));
    sv_stmt_bind_str(stmt, 1, hash);
    return sv_stmt_run(stmt, why);
}

sv_err sv_session_end(sv_db *db, const char *user, int64_t n, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "DELETE FROM session WHERE user = ?1 AND n = ?2", &stmt, why));
    sv_stmt_bind_str(stmt, 1, user);
    sv_stmt_bind_int(stmt, 2, n);
    SV_TRY(sv_stmt_run(stmt, why));
    return sv_db_changes(db) > 0
               ? SV_OK
               : sv_fail(why, SV_ERR_NOT_FOUND, "%s has no session %lld", user, (long long) n);
}

sv_err sv_session_end_all(sv_db *db, const char *user, int64_t except, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "DELETE FROM session WHERE user = ?1 AND n <> ?2", &stmt, why));
    sv_stmt_bind_str(stmt, 1, user);
    sv_stmt_bind_int(stmt, 2, except);
    return sv_stmt_run(stmt, why);
}

// ---- the list -----------------------------------------------------------------------------------

static void put_session(sv_stmt *row, int64_t current, sv_json_out *out) {
    static const char *const WORDS[] = { "how", "from", "agent" };
    int64_t n = sv_stmt_int(row, 0);
    sv_json_open_object(out);
    sv_json_add_int(out, "n", n);
    sv_json_add_int(out, "created", sv_stmt_int(row, 1) / 1000);
    sv_json_add_int(out, "used", sv_stmt_int(row, 2) / 1000);
    for (size_t i = 0; i < SV_COUNT(WORDS); i++) {
        sv_json_add_text(out, WORDS[i], sv_stmt_text(row, (int) i + 3));
    }
    sv_json_add_bool(out, "current", n == current);
    sv_json_close_object(out);
}

sv_err sv_session_list(sv_db *db, const char *user, int64_t current, int64_t now_us,
                       sv_json_out *out, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(db,
                      "SELECT n, created_us, used_us, how, \"from\", agent FROM session"
                      " WHERE user = ?1 AND used_us > ?2 AND created_us > ?3"
                      " ORDER BY used_us DESC, n DESC",
                      &row, why));
    sv_stmt_bind_str(row, 1, user);
    sv_stmt_bind_int(row, 2, now_us - SV_SESSION_IDLE_US);
    sv_stmt_bind_int(row, 3, now_us - SV_SESSION_LIFE_US);
    sv_json_open_object(out);
    sv_json_key(out, "items");
    sv_json_open_array(out);
    sv_err err;
    while ((err = sv_stmt_next(row, why)) == SV_OK) {
        put_session(row, current, out);
    }
    sv_json_close_array(out);
    sv_json_add_null(out, "next");
    sv_json_close_object(out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}
