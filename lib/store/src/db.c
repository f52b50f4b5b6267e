#include "schema.h"

#include <assert.h>
#include <base/mem.h>
#include <base/num.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <store/db.h>
#include <string.h>
#include <unistd.h>

enum { BUSY_MS = 5000, STATEMENTS_MAX = 512, LOG_BYTES = 4 * 1024 * 1024 };

struct sv_stmt {
    sv_stmt *next;
    const char *sql;
    sqlite3_stmt *handle;
    sv_db *db;
    int bind_fault; ///< the first parameter that could not be bound
};

struct sv_db {
    sqlite3 *handle;
    char *path;
    sv_stmt *statements;
    size_t statement_count;
};

static sv_err fail_with(const sv_db *db, int code, sv_why *why) {
    switch (code & 0xFF) {
    case SQLITE_FULL:
        return sv_fail(why, SV_ERR_NO_SPACE, "the disk that holds '%s' is full: free some space",
                       db->path);
    case SQLITE_NOTADB:
        return sv_fail(why, SV_ERR_INVALID,
                       "'%s' is not a database: move it away or name another file", db->path);
    case SQLITE_CORRUPT:
        return sv_fail(why, SV_ERR_INVALID,
                       "the database '%s' is damaged: restore a copy or move it away", db->path);
    default:
        return sv_fail(why, SV_ERR_IO, "database '%s': %s", db->path, sqlite3_errmsg(db->handle));
    }
}

// SQLite would create the file with the umask's rights; its -wal and -shm copy those of the file.
static sv_err create_private(const char *path, sv_why *why) {
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        sv_err err = errno == ENOSPC ? SV_ERR_NO_SPACE : SV_ERR_IO;
        return sv_fail(why, err, "cannot open the database '%s': %m", path);
    }
    (void) close(fd);
    return SV_OK;
}

sv_err sv_db_open(const char *path, const sv_db_migration *migrations, size_t count, sv_db **out,
                  sv_why *why) {
    return sv_db_open_paged(path, 0, migrations, count, out, why);
}

/// Only an empty file takes it. The log is as long as ever before it is copied into the file.
static sv_err set_page_bytes(sv_db *db, size_t page_bytes, sv_why *why) {
    char room[96];
    sv_textbuf text = SV_TEXTBUF(room);
    if (page_bytes == 0) {
        return SV_OK;
    }
    sv_textbuf_addf(&text, "PRAGMA page_size = %zu; PRAGMA wal_autocheckpoint = %zu", page_bytes,
                    LOG_BYTES / page_bytes);
    SV_TRY(sv_textbuf_end(&text));
    return sv_db_exec(db, room, why);
}

sv_err sv_db_open_paged(const char *path, size_t page_bytes, const sv_db_migration *migrations,
                        size_t count, sv_db **out, sv_why *why) {
    SV_TRY(create_private(path, why));
    SV_DEFER(sv_db_drop) sv_db *db = sv_mem_new(sizeof *db);
    db->path = sv_mem_copy_str(path, strlen(path));
    int code =
        sqlite3_open_v2(path, &db->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) {
        return fail_with(db, code, why);
    }
    (void) sqlite3_busy_timeout(db->handle, BUSY_MS);
    // Debian's SQLite would fill pages that become free with zeroes.
    SV_TRY(set_page_bytes(db, page_bytes, why));
    SV_TRY(sv_db_exec(db,
                      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                      "PRAGMA foreign_keys = ON; PRAGMA secure_delete = FAST",
                      why));
    SV_TRY(sv_schema_bring(db, path, migrations, count, why));
    *out = db;
    db = NULL;
    return SV_OK;
}

void sv_db_temporary_beside(const char *path) {
    const char *slash = strrchr(path, '/');
    sqlite3_free(sqlite3_temp_directory);
    sqlite3_temp_directory =
        slash == NULL ? sqlite3_mprintf(".")
                      : sqlite3_mprintf("%.*s", slash == path ? 1 : (int) (slash - path), path);
}

static sv_err open_present(const char *path, int mode, sv_db **out, sv_why *why) {
    if (access(path, F_OK) != 0) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "there is no database '%s'", path);
    }
    SV_DEFER(sv_db_drop) sv_db *db = sv_mem_new(sizeof *db);
    db->path = sv_mem_copy_str(path, strlen(path));
    int code = sqlite3_open_v2(path, &db->handle, mode | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) {
        return fail_with(db, code, why);
    }
    (void) sqlite3_busy_timeout(db->handle, BUSY_MS);
    // Fails where it is no database.
    SV_TRY(sv_db_exec(db, "SELECT 1 FROM sqlite_master", why));
    *out = db;
    db = NULL;
    return SV_OK;
}

sv_err sv_db_open_read(const char *path, sv_db **out, sv_why *why) {
    return open_present(path, SQLITE_OPEN_READONLY, out, why);
}

sv_err sv_db_open_write(const char *path, sv_db **out, sv_why *why) {
    return open_present(path, SQLITE_OPEN_READWRITE, out, why);
}

void sv_db_drop(sv_db **db) {
    if (*db == NULL) {
        return;
    }
    for (sv_stmt *stmt = (*db)->statements; stmt != NULL;) {
        sv_stmt *next = stmt->next;
        (void) sqlite3_finalize(stmt->handle);
        free(stmt);
        stmt = next;
    }
    (void) sqlite3_close_v2((*db)->handle);
    free((*db)->path);
    free(*db);
    *db = NULL;
}

sv_err sv_db_begin(sv_db *db, sv_why *why) {
    // A question that nobody closed keeps this connection at what it saw then: as soon as somebody
    // else has written, it could write nothing more.
    assert(sqlite3_txn_state(db->handle, NULL) != SQLITE_TXN_READ);
    return sv_db_exec(db, "BEGIN IMMEDIATE", why);
}

sv_err sv_db_commit(sv_db *db, sv_why *why) {
    sv_err err = sv_db_exec(db, "COMMIT", why);
    if (err != SV_OK) {
        sv_db_rollback(db);
    }
    return err;
}

bool sv_db_is_in_transaction(const sv_db *db) {
    return sqlite3_get_autocommit(db->handle) == 0;
}

void sv_db_rollback(sv_db *db) {
    // A full disk may have ended the transaction already.
    if (sv_db_is_in_transaction(db)) {
        (void) sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    }
}

sv_err sv_db_exec(sv_db *db, const char *sql, sv_why *why) {
    int code = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? SV_OK : fail_with(db, code, why);
}

static sv_stmt *find_statement(const sv_db *db, const char *sql) {
    for (sv_stmt *stmt = db->statements; stmt != NULL; stmt = stmt->next) {
        if (stmt->sql == sql) {
            return stmt;
        }
    }
    return NULL;
}

sv_err sv_db_stmt(sv_db *db, const char *sql, sv_stmt **out, sv_why *why) {
    sv_stmt *known = find_statement(db, sql);
    if (known != NULL) {
        sv_stmt_reset(known);
        (void) sqlite3_clear_bindings(known->handle);
        known->bind_fault = SQLITE_OK;
        *out = known;
        return SV_OK;
    }
    if (db->statement_count == STATEMENTS_MAX) {
        return sv_fail(why, SV_ERR_NO_SPACE, "database '%s': more than %d statements", db->path,
                       STATEMENTS_MAX);
    }
    sqlite3_stmt *handle = NULL;
    int code = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &handle, NULL);
    if (code != SQLITE_OK) {
        return fail_with(db, code, why);
    }
    sv_stmt *stmt = sv_mem_new(sizeof *stmt);
    *stmt = (sv_stmt){ .next = db->statements, .sql = sql, .handle = handle, .db = db };
    db->statements = stmt;
    db->statement_count++;
    *out = stmt;
    return SV_OK;
}

static void note_bind(sv_stmt *stmt, int code) {
    if (code != SQLITE_OK && stmt->bind_fault == SQLITE_OK) {
        stmt->bind_fault = code;
    }
}

void sv_stmt_bind_text(sv_stmt *stmt, int index, sv_text value) {
    if (value.len > INT_MAX) {
        note_bind(stmt, SQLITE_TOOBIG);
        return;
    }
    const char *at = value.at == NULL ? "" : value.at;
    note_bind(stmt, sqlite3_bind_text(stmt->handle, index, at, (int) value.len, SQLITE_TRANSIENT));
}

void sv_stmt_bind_bytes(sv_stmt *stmt, int index, sv_text value) {
    if (value.len > INT_MAX) {
        note_bind(stmt, SQLITE_TOOBIG);
        return;
    }
    const char *at = value.at == NULL ? "" : value.at;
    note_bind(stmt, sqlite3_bind_blob(stmt->handle, index, at, (int) value.len, SQLITE_TRANSIENT));
}

void sv_stmt_bind_str(sv_stmt *stmt, int index, const char *value) {
    if (value == NULL) {
        sv_stmt_bind_null(stmt, index);
        return;
    }
    sv_stmt_bind_text(stmt, index, sv_text_of(value));
}

void sv_stmt_bind_int(sv_stmt *stmt, int index, int64_t value) {
    note_bind(stmt, sqlite3_bind_int64(stmt->handle, index, value));
}

void sv_stmt_bind_number(sv_stmt *stmt, int index, double value) {
    note_bind(stmt, isfinite(value) ? sqlite3_bind_double(stmt->handle, index, value)
                                    : sqlite3_bind_null(stmt->handle, index));
}

void sv_stmt_bind_null(sv_stmt *stmt, int index) {
    note_bind(stmt, sqlite3_bind_null(stmt->handle, index));
}

sv_err sv_stmt_run(sv_stmt *stmt, sv_why *why) {
    sv_err err = SV_OK;
    while (err == SV_OK) {
        err = sv_stmt_next(stmt, why);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

sv_err sv_stmt_next(sv_stmt *stmt, sv_why *why) {
    if (stmt->bind_fault != SQLITE_OK) {
        return sv_fail(why, SV_ERR_INVALID, "database '%s': a value cannot be stored: %s",
                       stmt->db->path, sqlite3_errstr(stmt->bind_fault));
    }
    int code = sqlite3_step(stmt->handle);
    if (code == SQLITE_ROW) {
        return SV_OK;
    }
    sv_err err = code == SQLITE_DONE ? SV_ERR_NOT_FOUND : fail_with(stmt->db, code, why);
    sv_stmt_reset(stmt);
    return err;
}

void sv_stmt_reset(sv_stmt *stmt) {
    (void) sqlite3_reset(stmt->handle);
}

sv_text sv_stmt_text(sv_stmt *stmt, int column) {
    // The length is valid only after the text was asked for.
    const char *at = (const char *) sqlite3_column_text(stmt->handle, column);
    int len = sqlite3_column_bytes(stmt->handle, column);
    return at == NULL ? SV_TEXT("") : (sv_text){ .at = at, .len = (size_t) len };
}

sv_text sv_stmt_bytes(sv_stmt *stmt, int column) {
    const char *at = sqlite3_column_blob(stmt->handle, column);
    int len = sqlite3_column_bytes(stmt->handle, column);
    return at == NULL ? SV_TEXT("") : (sv_text){ .at = at, .len = (size_t) len };
}

int64_t sv_stmt_int(sv_stmt *stmt, int column) {
    return sqlite3_column_int64(stmt->handle, column);
}

double sv_stmt_number(sv_stmt *stmt, int column) {
    return sv_stmt_is_null(stmt, column) ? SV_NAN : sqlite3_column_double(stmt->handle, column);
}

bool sv_stmt_is_null(sv_stmt *stmt, int column) {
    return sqlite3_column_type(stmt->handle, column) == SQLITE_NULL;
}

int64_t sv_db_changes(const sv_db *db) {
    return sqlite3_changes64(db->handle);
}
