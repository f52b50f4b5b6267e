#include "people.h"

#include "users.h"

#include <codec/encode.h>
#include <crypto/random.h>
#include <string.h>

static const char *const KINDS[SV_LINK_KIND__COUNT] = {
    [SV_LINK_FIRST] = "first",
    [SV_LINK_INVITE] = "invite",
    [SV_LINK_RECOVER] = "recover",
    [SV_LINK_OPEN] = "open",
};

static const char WRONG_LINK[] = "this login link is wrong, used or expired; ask for a new one";

const char *sv_link_kind_name(sv_link_kind kind) {
    return KINDS[kind];
}

void sv_secret_hash(sv_text secret, char out[SV_SECRET_HASH_ROOM]) {
    uint8_t digest[32];
    sv_sha256(secret, digest);
    sv_textbuf hex = { .at = out, .cap = SV_SECRET_HASH_ROOM };
    sv_hex_add(&hex, digest, sizeof digest);
    (void) sv_textbuf_end(&hex);
}

sv_err sv_people_beside(const char *store, const char *name, char path[SV_PATH_MAX], sv_why *why) {
    const char *slash = strrchr(store, '/');
    sv_textbuf text = { .at = path, .cap = SV_PATH_MAX };
    sv_textbuf_add(
        &text, (sv_text){ .at = store, .len = slash != NULL ? (size_t) (slash - store) + 1 : 0 });
    sv_textbuf_add_str(&text, name);
    return sv_textbuf_end(&text) == SV_OK
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "the path of %s is too long", name);
}

// ---- links --------------------------------------------------------------------------------------

/// Room for one more: what ends first goes.
static sv_err drop_old_links(sv_db *db, const char *user, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "DELETE FROM user_link WHERE hash IN (SELECT hash FROM user_link"
                      " WHERE user = ?1 ORDER BY expires_us DESC, hash LIMIT -1 OFFSET ?2)",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, user);
    sv_stmt_bind_int(stmt, 2, SV_LINKS_MAX - 1);
    return sv_stmt_run(stmt, why);
}

sv_err sv_people_make_link(sv_db *db, const sv_link *link, int64_t now_us,
                           char token[SV_SECRET_ROOM], sv_why *why) {
    char hash[SV_SECRET_HASH_ROOM];
    sv_stmt *stmt;
    sv_random_token(token);
    sv_secret_hash(sv_text_of(token), hash);
    SV_TRY(drop_old_links(db, link->user, why));
    SV_TRY(sv_db_stmt(db,
                      "INSERT INTO user_link (hash, user, kind, expires_us, made_by)"
                      " VALUES (?1, ?2, ?3, ?4, ?5)",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, hash);
    sv_stmt_bind_str(stmt, 2, link->user);
    sv_stmt_bind_int(stmt, 3, link->kind);
    sv_stmt_bind_int(stmt, 4, now_us + SV_LOGIN_LINK_US);
    sv_stmt_bind_str(stmt, 5, link->made_by);
    return sv_stmt_run(stmt, why);
}

typedef struct found_link {
    char user[SV_ID_ROOM];
    sv_link_kind kind;
    bool by_console;
} found_link;

/// It is gone when this returns.
static sv_err take_link(sv_db *db, const char *hash, int64_t now_us, found_link *out, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "SELECT user, kind, made_by = 'console' FROM user_link"
                      " WHERE hash = ?1 AND expires_us > ?2",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, hash);
    sv_stmt_bind_int(stmt, 2, now_us);
    sv_err err = sv_stmt_next(stmt, why);
    if (err == SV_ERR_NOT_FOUND) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "%s", WRONG_LINK);
    }
    SV_TRY(err);
    int64_t kind = sv_stmt_int(stmt, 1);
    err = sv_text_copy(sv_stmt_text(stmt, 0), out->user, sizeof out->user);
    out->kind = kind >= 0 && kind < SV_LINK_KIND__COUNT ? (sv_link_kind) kind : SV_LINK_OPEN;
    out->by_console = sv_stmt_int(stmt, 2) != 0;
    sv_stmt_reset(stmt);
    SV_TRY(err);
    SV_TRY(sv_db_stmt(db, "DELETE FROM user_link WHERE hash = ?1", &stmt, why));
    sv_stmt_bind_str(stmt, 1, hash);
    return sv_stmt_run(stmt, why);
}

static sv_err make_first_admin(sv_db *db, const char *name, int64_t now_us, sv_why *why) {
    sv_user user = { .role = SV_PERSON_ADMIN };
    sv_stmt *stmt;
    bool wanted = false;
    SV_TRY(sv_user_wants_admin(db, &wanted, why));
    if (!wanted) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "%s", WRONG_LINK);
    }
    SV_TRY(sv_text_copy(sv_text_of(name), user.name, sizeof user.name));
    SV_TRY(sv_user_add(db, &user, "first link", now_us, why));
    SV_TRY(sv_db_stmt(db, "DELETE FROM user_link WHERE kind = ?1", &stmt, why));
    sv_stmt_bind_int(stmt, 1, SV_LINK_FIRST);
    return sv_stmt_run(stmt, why);
}

static sv_err enable(sv_db *db, const char *user, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "UPDATE user SET disabled = 0 WHERE name = ?1", &stmt, why));
    sv_stmt_bind_str(stmt, 1, user);
    return sv_stmt_run(stmt, why);
}

/// What the kind of the link does to its user, who is there afterwards.
static sv_err apply_link(sv_db *db, const found_link *link, int64_t now_us, sv_why *why) {
    if (link->kind == SV_LINK_FIRST) {
        return make_first_admin(db, link->user, now_us, why);
    }
    sv_user user;
    sv_err err = sv_user_find(db, sv_text_of(link->user), &user, why);
    bool let_in = err == SV_OK && (!user.disabled || link->by_console);
    if (err != SV_OK && err != SV_ERR_NOT_FOUND) {
        return err;
    }
    if (!let_in || (link->kind == SV_LINK_INVITE && user.password[0] != '\0')) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "%s", WRONG_LINK);
    }
    if (link->kind != SV_LINK_RECOVER) {
        return SV_OK;
    }
    if (link->by_console) {
        SV_TRY(enable(db, link->user, why));
    }
    SV_TRY(sv_user_forget_factor(db, link->user, why));
    return sv_user_set_password(db, link->user, "", now_us, why);
}

static sv_err use_link(sv_db *db, sv_text token, const sv_visitor *visitor, int64_t now_us,
                       char session[SV_SECRET_ROOM], found_link *link, sv_why *why) {
    char hash[SV_SECRET_HASH_ROOM];
    sv_secret_hash(token, hash);
    SV_TRY(take_link(db, hash, now_us, link, why));
    SV_TRY(apply_link(db, link, now_us, why));
    return sv_session_begin(db, link->user, "link", visitor, now_us, session, why);
}

sv_err sv_people_login(sv_db *db, sv_text token, const sv_visitor *visitor, int64_t now_us,
                       char session[SV_SECRET_ROOM], sv_person *out, sv_link_kind *kind,
                       sv_why *why) {
    found_link link = { .kind = SV_LINK_OPEN };
    bool alone = !sv_db_is_in_transaction(db);
    if (alone) {
        SV_TRY(sv_db_begin(db, why));
    }
    sv_err err = use_link(db, token, visitor, now_us, session, &link, why);
    if (err == SV_OK) {
        err = sv_people_session(db, sv_text_of(session), now_us, out, why);
    }
    if (err != SV_OK) {
        if (alone) {
            sv_db_rollback(db);
        }
        return err;
    }
    if (kind != NULL) {
        *kind = link.kind;
    }
    return alone ? sv_db_commit(db, why) : SV_OK;
}

// ---- the server's own token ---------------------------------------------------------------------

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
    char hash[SV_SECRET_HASH_ROOM];
    sv_secret_hash(token, hash);
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "INSERT INTO api_token (name, hash, user, role, scopes, created_us)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, 0)"
                      " ON CONFLICT (name) DO UPDATE SET hash = ?2",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, SV_OWN_TOKEN);
    sv_stmt_bind_str(stmt, 2, hash);
    sv_stmt_bind_str(stmt, 3, SV_FIRST_ADMIN);
    sv_stmt_bind_int(stmt, 4, SV_PERSON_ADMIN);
    sv_stmt_bind_int(stmt, 5, SV_SCOPE_ALL);
    return sv_stmt_run(stmt, why);
}

sv_err sv_people_prune(sv_db *db, int64_t now_us, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "DELETE FROM user_link WHERE expires_us <= ?1", &stmt, why));
    sv_stmt_bind_int(stmt, 1, now_us);
    SV_TRY(sv_stmt_run(stmt, why));
    SV_TRY(
        sv_db_stmt(db, "DELETE FROM session WHERE used_us <= ?1 OR created_us <= ?2", &stmt, why));
    sv_stmt_bind_int(stmt, 1, now_us - SV_SESSION_IDLE_US);
    sv_stmt_bind_int(stmt, 2, now_us - SV_SESSION_LIFE_US);
    return sv_stmt_run(stmt, why);
}
