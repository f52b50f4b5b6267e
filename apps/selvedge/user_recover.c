#include "user_recover.h"

#include "command.h"
#include "typed.h"
#include <base/fd.h>
#include <base/time.h>
#include <codec/encode.h>
#include <crypto/password.h>
#include <crypto/random.h>
#include <model/id.h>
#include <stdio.h>
#include <store/db.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/stat.h>
#include <unistd.h>

// As apps/fleet/people.h has them.
enum { LINK_RECOVER = 2, TOKEN_ROOM = 44, HASH_ROOM = 65, NAMES_SHOWN = 8 };
#define LINK_US (24 * SV_TIME_HOUR_US)

typedef struct asked {
    const char *plain[2], *db, *password_file;
    bool password;
} asked;

/// The database's files must go on being the server's: root becomes whose it is.
static sv_err become_owner(const char *path, sv_why *why) {
    struct stat info;
    if (stat(path, &info) != 0) {
        return sv_fail(why, SV_ERR_INVALID, "there is no database '%s'", path);
    }
    if (geteuid() != 0 || info.st_uid == 0) {
        return SV_OK;
    }
    return setegid(info.st_gid) == 0 && seteuid(info.st_uid) == 0
               ? SV_OK
               : sv_fail(why, SV_ERR_IO, "cannot become the owner of '%s': %m", path);
}

static sv_err open_db(const char *path, sv_db **out, sv_why *why) {
    SV_TRY(become_owner(path, why));
    if (access(path, R_OK | W_OK) != 0) {
        return sv_fail(why, SV_ERR_IO, "'%s' can only be recovered by whom it belongs to: %m",
                       path);
    }
    return sv_db_open_write(path, out, why);
}

/// Who there is, for who has misspelt a name.
static sv_err no_such_user(sv_db *db, const char *name, sv_why *why) {
    char room[128] = "";
    sv_textbuf names = SV_TEXTBUF(room);
    sv_stmt *row;
    SV_TRY(sv_db_stmt(db, "SELECT name FROM user ORDER BY role DESC, name LIMIT 8", &row, why));
    while (sv_stmt_next(row, why) == SV_OK) {
        sv_textbuf_addf(&names, "%s" SV_TEXT_FMT, names.len > 0 ? ", " : "",
                        SV_TEXT_ARG(sv_stmt_text(row, 0)));
    }
    sv_stmt_reset(row);
    if (names.len == 0) {
        return sv_fail(
            why, SV_ERR_NOT_FOUND,
            "there is nobody yet: the file first-admin.link beside the database lets the "
            "first admin in");
    }
    return sv_fail(why, SV_ERR_NOT_FOUND, "there is no user '%s'; there are: %.*s", name,
                   (int) names.len, room);
}

static sv_err check_user(sv_db *db, const char *name, sv_why *why) {
    sv_stmt *row;
    SV_TRY(sv_db_stmt(db, "SELECT 1 FROM user WHERE name = ?1", &row, why));
    sv_stmt_bind_str(row, 1, name);
    sv_err err = sv_stmt_next(row, why);
    sv_stmt_reset(row);
    return err == SV_ERR_NOT_FOUND ? no_such_user(db, name, why) : err;
}

/// The server sees the row within a minute, and writes the line of the event log. [people-5]
static sv_err add_link(sv_db *db, const char *name, const char *token, int64_t until_us,
                       sv_why *why) {
    uint8_t digest[32];
    char room[HASH_ROOM];
    sv_textbuf hash = SV_TEXTBUF(room);
    sv_stmt *stmt;
    sv_sha256(sv_text_of(token), digest);
    sv_hex_add(&hash, digest, sizeof digest);
    SV_TRY(sv_textbuf_end(&hash));
    SV_TRY(sv_db_stmt(db,
                      "INSERT INTO user_link (hash, user, kind, expires_us, made_by, told)"
                      " VALUES (?1, ?2, ?3, ?4, 'console', 0)",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, room);
    sv_stmt_bind_str(stmt, 2, name);
    sv_stmt_bind_int(stmt, 3, LINK_RECOVER);
    sv_stmt_bind_int(stmt, 4, until_us);
    return sv_stmt_run(stmt, why);
}

static sv_err run_for(sv_db *db, const char *sql, const char *name, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, sql, &stmt, why));
    sv_stmt_bind_str(stmt, 1, name);
    return sv_stmt_run(stmt, why);
}

static sv_err set_password(sv_db *db, const char *name, const char *hash, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(run_for(db, "DELETE FROM session WHERE user = ?1", name, why));
    SV_TRY(run_for(db, "UPDATE user_link SET expires_us = 0 WHERE user = ?1", name, why));
    SV_TRY(sv_db_stmt(db,
                      "UPDATE user SET password = ?2, password_us = ?3, totp_secret = NULL,"
                      " totp_new = NULL, totp_last_step = 0, disabled = 0 WHERE name = ?1",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, name);
    sv_stmt_bind_str(stmt, 2, hash);
    sv_stmt_bind_int(stmt, 3, sv_clock_wall_us());
    return sv_stmt_run(stmt, why);
}

/// `hash` "": a link; else the password is set at once, and the row only tells of it.
static sv_err store(sv_db *db, const char *name, const char *token, const char *hash, sv_why *why) {
    int64_t now_us = sv_clock_wall_us();
    SV_TRY(sv_db_begin(db, why));
    sv_err err = check_user(db, name, why);
    if (err == SV_OK && hash[0] != '\0') {
        err = set_password(db, name, hash, why);
    }
    if (err == SV_OK) {
        err = add_link(db, name, token, hash[0] != '\0' ? now_us : now_us + LINK_US, why);
    }
    if (err != SV_OK) {
        sv_db_rollback(db);
        return err;
    }
    return sv_db_commit(db, why);
}

static sv_err ask_password(const asked *a, char hash[SV_PASSWORD_HASH_ROOM], sv_why *why) {
    char password[SV_TYPED_MAX + 1];
    hash[0] = '\0';
    if (!a->password && a->password_file == NULL) {
        return SV_OK;
    }
    sv_err err = a->password_file != NULL ? sv_typed_from_file(a->password_file, password, why)
                                          : sv_typed_unseen("password", password, why);
    err =
        err == SV_OK ? sv_password_judge(sv_text_of(password), sv_text_of(a->plain[0]), why) : err;
    err = err == SV_OK ? sv_password_hash(sv_text_of(password), hash, why) : err;
    explicit_bzero(password, sizeof password);
    return err;
}

static sv_err recover(const asked *a, sv_why *why) {
    SV_DEFER(sv_db_drop) sv_db *db = NULL;
    char token[TOKEN_ROOM];
    char hash[SV_PASSWORD_HASH_ROOM];
    SV_TRY(sv_id_check("name", sv_text_of(a->plain[0]), why));
    SV_TRY(open_db(a->db, &db, why));
    SV_TRY(ask_password(a, hash, why));
    sv_random_token(token);
    SV_TRY(store(db, a->plain[0], token, hash, why));
    if (hash[0] != '\0') {
        (void) fprintf(stderr,
                       "%s has this password now; the second factor and all sessions are "
                       "gone\n",
                       a->plain[0]);
        return SV_OK;
    }
    (void) fprintf(stderr,
                   "lets %s in, once, within 24 hours, behind the address of the fleet server's "
                   "page; password and second\nfactor are forgotten and all sessions end with its "
                   "use:\n",
                   a->plain[0]);
    (void) printf("/#login=%s\n", token);
    explicit_bzero(token, sizeof token);
    return SV_OK;
}

static sv_err check(const asked *a, sv_why *why) {
    if (a->plain[0] == NULL) {
        return sv_fail(
            why, SV_ERR_INVALID,
            "name somebody: selvedge user recover --db /var/lib/selvedge/fleet.db admin");
    }
    return !a->password || a->password_file == NULL
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "--password and --password-file: say one of them");
}

int cmd_user_recover(int argc, char **argv) {
    asked a = { .db = NULL };
    const sv_option options[] = {
        { .name = "db",
          .value = "FILE",
          .kind = SV_OPTION_TEXT,
          .target = &a.db,
          .required = true,
          .help = "the fleet server's database; it may be running" },
        { .name = "password",
          .kind = SV_OPTION_FLAG,
          .target = &a.password,
          .help = "ask for a new password here, unseen, instead of making a link" },
        { .name = "password-file",
          .value = "FILE",
          .kind = SV_OPTION_TEXT,
          .target = &a.password_file,
          .help = "or take it from this file's first line" },
    };
    sv_why why = { .text = "" };
    sv_err err = sv_options_parse(argc, argv, options, SV_COUNT(options), a.plain, 1, &why);
    if (err == SV_ERR_STATE) {
        sv_options_help("selvedge user recover --db FILE NAME [--password | --password-file FILE]",
                        "On the server's console, for who cannot come in any more: a link that "
                        "works once, or a new password. It\nenables the user if it was disabled, "
                        "and the event log has a line of it. Whoever can write the database\nmay "
                        "do this, and nobody else. Exit 2: there is nobody of that name; 5: the "
                        "file may not be written.\n\n"
                        "  sudo selvedge user recover --db /var/lib/selvedge/fleet.db admin",
                        options, SV_COUNT(options));
        return SV_EXIT_DONE;
    }
    err = err == SV_OK ? check(&a, &why) : err;
    err = err == SV_OK ? recover(&a, &why) : err;
    return err == SV_OK ? SV_EXIT_DONE : sv_exit_with(err, &why);
}
