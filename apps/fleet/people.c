#include "people.h"

#include <codec/encode.h>
#include <crypto/random.h>
#include <stdio.h>
#include <string.h>
#include <sys/disk.h>

enum { HASH_ROOM = 65 };

static const char *const ROLE_NAMES[SV_PERSON_ROLE__COUNT] = {
    [SV_PERSON_VIEWER] = "viewer",
    [SV_PERSON_OPERATOR] = "operator",
    [SV_PERSON_RELEASE] = "release",
    [SV_PERSON_ADMIN] = "admin",
};

const char *sv_person_role_name(sv_person_role role) {
    return ROLE_NAMES[role];
}

static void hash_of(sv_text secret, char out[HASH_ROOM]) {
    uint8_t digest[32];
    sv_sha256(secret, digest);
    sv_textbuf hex = { .at = out, .cap = HASH_ROOM };
    sv_hex_add(&hex, digest, sizeof digest);
    (void) sv_textbuf_end(&hex);
}

static sv_err refused(sv_why *why, const char *what) {
    return sv_fail(why, SV_ERR_UNTRUSTED, "%s", what);
}

// Columns 0 and 1 of the row are user and role.
static sv_err read_person(sv_stmt *stmt, sv_person *out, const char *otherwise, sv_why *why) {
    sv_err err = sv_stmt_next(stmt, why);
    if (err == SV_OK) {
        err = sv_text_copy(sv_stmt_text(stmt, 0), out->user, sizeof out->user);
        int64_t role = sv_stmt_int(stmt, 1);
        out->role =
            role >= 0 && role < SV_PERSON_ROLE__COUNT ? (sv_person_role) role : SV_PERSON_VIEWER;
    }
    sv_stmt_reset(stmt);
    return err == SV_ERR_NOT_FOUND ? refused(why, otherwise) : err;
}

sv_err sv_people_make_link(sv_db *db, const sv_person *person, int64_t now_us,
                           char token[SV_SECRET_ROOM], sv_why *why) {
    char hash[HASH_ROOM];
    sv_random_token(token);
    hash_of(sv_text_of(token), hash);
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "INSERT INTO login_link (hash, user, role, expires_us)"
                      " VALUES (?1, ?2, ?3, ?4)",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, hash);
    sv_stmt_bind_str(stmt, 2, person->user);
    sv_stmt_bind_int(stmt, 3, person->role);
    sv_stmt_bind_int(stmt, 4, now_us + SV_LOGIN_LINK_US);
    return sv_stmt_run(stmt, why);
}

static sv_err begin_session(sv_db *db, const sv_person *person, int64_t now_us,
                            char session[SV_SECRET_ROOM], sv_why *why) {
    char hash[HASH_ROOM];
    sv_random_token(session);
    hash_of(sv_text_of(session), hash);
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "INSERT INTO session (hash, user, role, created_us, used_us)"
                      " VALUES (?1, ?2, ?3, ?4, ?4)",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, hash);
    sv_stmt_bind_str(stmt, 2, person->user);
    sv_stmt_bind_int(stmt, 3, person->role);
    sv_stmt_bind_int(stmt, 4, now_us);
    return sv_stmt_run(stmt, why);
}

static sv_err use_link(sv_db *db, const char *hash, int64_t now_us, sv_person *out, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "SELECT user, role FROM login_link WHERE hash = ?1 AND expires_us > ?2",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, hash);
    sv_stmt_bind_int(stmt, 2, now_us);
    SV_TRY(read_person(stmt, out, "this login link is wrong, used or expired; ask for a new one",
                       why));
    SV_TRY(sv_db_stmt(db, "DELETE FROM login_link WHERE hash = ?1", &stmt, why));
    sv_stmt_bind_str(stmt, 1, hash);
    return sv_stmt_run(stmt, why);
}

sv_err sv_people_login(sv_db *db, sv_text token, int64_t now_us, char session[SV_SECRET_ROOM],
                       sv_person *out, sv_why *why) {
    char hash[HASH_ROOM];
    sv_person person = { 0 };
    hash_of(token, hash);
    SV_TRY(sv_db_begin(db, why));
    sv_err err = use_link(db, hash, now_us, &person, why);
    if (err == SV_OK) {
        err = begin_session(db, &person, now_us, session, why);
    }
    if (err != SV_OK) {
        sv_db_rollback(db);
        return err;
    }
    SV_TRY(sv_db_commit(db, why));
    *out = person;
    return SV_OK;
}

static sv_err touch_session(sv_db *db, const char *hash, int64_t now_us, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "UPDATE session SET used_us = ?2 WHERE hash = ?1 AND used_us < ?3", &stmt,
                      why));
    sv_stmt_bind_str(stmt, 1, hash);
    sv_stmt_bind_int(stmt, 2, now_us);
    sv_stmt_bind_int(stmt, 3, now_us - SV_SESSION_TOUCH_US);
    return sv_stmt_run(stmt, why);
}

sv_err sv_people_session(sv_db *db, sv_text session, int64_t now_us, sv_person *out, sv_why *why) {
    char hash[HASH_ROOM];
    hash_of(session, hash);
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "SELECT user, role FROM session"
                      " WHERE hash = ?1 AND used_us > ?2 AND created_us > ?3",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, hash);
    sv_stmt_bind_int(stmt, 2, now_us - SV_SESSION_IDLE_US);
    sv_stmt_bind_int(stmt, 3, now_us - SV_SESSION_LIFE_US);
    SV_TRY(read_person(stmt, out, "this session has ended; sign in again", why));
    return touch_session(db, hash, now_us, why);
}

sv_err sv_people_logout(sv_db *db, sv_text session, sv_why *why) {
    char hash[HASH_ROOM];
    hash_of(session, hash);
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "DELETE FROM session WHERE hash = ?1", &stmt, why));
    sv_stmt_bind_str(stmt, 1, hash);
    return sv_stmt_run(stmt, why);
}

sv_err sv_people_token(sv_db *db, sv_text token, sv_person *out, sv_why *why) {
    char hash[HASH_ROOM];
    hash_of(token, hash);
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "SELECT user, role FROM api_token WHERE hash = ?1", &stmt, why));
    sv_stmt_bind_str(stmt, 1, hash);
    return read_person(stmt, out, "this API token is not valid", why);
}

// ---- the first token ----------------------------------------------------------------------------

static sv_err make_token_file(const char *path, sv_textbuf *out, sv_why *why) {
    char token[SV_SECRET_ROOM];
    sv_random_token(token);
    sv_textbuf_addf(out, "%s\n", token);
    SV_TRY(sv_textbuf_end(out));
    return sv_disk_replace(path, sv_textbuf_text(out), 0600, why);
}

sv_err sv_people_admin_token(sv_db *db, const char *path, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf file = SV_TEXTBUF_HEAP(4096);
    sv_err err = sv_disk_read(path, &file, why);
    if (err == SV_ERR_NOT_FOUND) {
        sv_textbuf_clear(&file);
        err = make_token_file(path, &file, why);
    }
    SV_TRY(err);
    sv_text token = sv_text_trim(sv_textbuf_text(&file));
    if (token.len < SV_SECRET_LEN) {
        return sv_fail(why, SV_ERR_INVALID,
                       "'%s' holds no token of %d characters; remove the file to get a new one",
                       path, SV_SECRET_LEN);
    }
    char hash[HASH_ROOM];
    hash_of(token, hash);
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "INSERT INTO api_token (hash, user, role) VALUES (?1, 'admin', ?2)"
                      " ON CONFLICT (user) DO UPDATE SET hash = ?1",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, hash);
    sv_stmt_bind_int(stmt, 2, SV_PERSON_ADMIN);
    return sv_stmt_run(stmt, why);
}

sv_err sv_people_prune(sv_db *db, int64_t now_us, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "DELETE FROM login_link WHERE expires_us <= ?1", &stmt, why));
    sv_stmt_bind_int(stmt, 1, now_us);
    SV_TRY(sv_stmt_run(stmt, why));
    SV_TRY(
        sv_db_stmt(db, "DELETE FROM session WHERE used_us <= ?1 OR created_us <= ?2", &stmt, why));
    sv_stmt_bind_int(stmt, 1, now_us - SV_SESSION_IDLE_US);
    sv_stmt_bind_int(stmt, 2, now_us - SV_SESSION_LIFE_US);
    return sv_stmt_run(stmt, why);
}

// ---- throttle -----------------------------------------------------------------------------------

bool sv_throttle_allows(const sv_throttle *throttle, const char *peer, int64_t mono_us) {
    for (size_t i = 0; i < SV_THROTTLE_PEERS; i++) {
        if (strcmp(throttle->peers[i].peer, peer) == 0) {
            return throttle->peers[i].failures < SV_THROTTLE_FAILURES
                   || mono_us - throttle->peers[i].since_us > SV_TIME_MINUTE_US;
        }
    }
    return true;
}

void sv_throttle_failed(sv_throttle *throttle, const char *peer, int64_t mono_us) {
    size_t place = 0; // of this peer, else of the oldest
    for (size_t i = 0; i < SV_THROTTLE_PEERS; i++) {
        if (strcmp(throttle->peers[i].peer, peer) == 0) {
            place = i;
            break;
        }
        place = throttle->peers[i].since_us < throttle->peers[place].since_us ? i : place;
    }
    bool same = strcmp(throttle->peers[place].peer, peer) == 0;
    if (!same || mono_us - throttle->peers[place].since_us > SV_TIME_MINUTE_US) {
        (void) snprintf(throttle->peers[place].peer, sizeof throttle->peers[place].peer, "%s",
                        peer);
        throttle->peers[place].since_us = mono_us;
        throttle->peers[place].failures = 0;
    }
    throttle->peers[place].failures++;
}
