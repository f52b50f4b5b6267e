#include "schema.h"

#include <assert.h>
#include <sys/clock.h>

#define NEWER "it was written by a newer version; start that one, or restore a copy of before"

typedef struct history {
    sv_db *db;
    const char *path;
    const sv_db_migration *steps;
    size_t count;
} history;

static sv_err ask_int(sv_db *db, const char *sql, int64_t *out, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(db, sql, &stmt, why));
    SV_TRY(sv_stmt_next(stmt, why));
    *out = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return SV_OK;
}

/// How many it has had; an older program, which knows no names, goes by this.
static sv_err counted(sv_db *db, int64_t *out, sv_why *why) {
    return ask_int(db, "PRAGMA user_version", out, why);
}

static sv_err count_them(sv_db *db, sv_why *why) {
    char mark[64];
    int64_t had = 0;
    int64_t named = 0;
    sv_textbuf text = SV_TEXTBUF(mark);
    SV_TRY(counted(db, &had, why));
    SV_TRY(ask_int(db, "SELECT count(*) FROM schema_step", &named, why));
    if (had == named) {
        return SV_OK;
    }
    sv_textbuf_addf(&text, "PRAGMA user_version = %lld", (long long) named);
    SV_TRY(sv_textbuf_end(&text));
    return sv_db_exec(db, mark, why);
}

/// `at_us` 0: when is not known.
static sv_err note(sv_db *db, const char *name, int64_t at_us, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(db, "INSERT INTO schema_step VALUES (?, nullif(?, 0))", &stmt, why));
    sv_stmt_bind_str(stmt, 1, name);
    sv_stmt_bind_int(stmt, 2, at_us);
    return sv_stmt_run(stmt, why);
}

/// A new database, or one of a program that counted: it has had the first of the steps.
static sv_err begin_names(const history *h, sv_why *why) {
    int64_t had = 0;
    SV_TRY(counted(h->db, &had, why));
    if (had < 0 || (uint64_t) had > h->count) {
        return sv_fail(why, SV_ERR_STATE,
                       "'%s' has had %lld schema steps, this program knows %zu: " NEWER, h->path,
                       (long long) had, h->count);
    }
    SV_TRY(sv_db_exec(h->db,
                      "CREATE TABLE schema_step (name TEXT PRIMARY KEY, applied_us INTEGER) "
                      "WITHOUT ROWID",
                      why));
    for (size_t i = 0; i < (size_t) had; i++) {
        SV_TRY(note(h->db, h->steps[i].name, 0, why));
    }
    return SV_OK;
}

static bool knows(const history *h, sv_text name) {
    for (size_t i = 0; i < h->count; i++) {
        if (sv_text_is(name, h->steps[i].name)) {
            return true;
        }
    }
    return false;
}

static sv_err refuse_unknown(const history *h, sv_why *why) {
    sv_stmt *stmt = NULL;
    sv_err err = SV_OK;
    int64_t had = 0;
    int64_t named = 0;
    SV_TRY(sv_db_stmt(h->db, "SELECT name FROM schema_step", &stmt, why));
    while ((err = sv_stmt_next(stmt, why)) == SV_OK) {
        sv_text name = sv_stmt_text(stmt, 0);
        if (!knows(h, name)) {
            err = sv_fail(
                why, SV_ERR_STATE,
                "'%s' has had the schema step '%.*s', which this program does not know: " NEWER,
                h->path, (int) name.len, name.at);
            sv_stmt_reset(stmt);
            return err;
        }
        named++;
    }
    if (err != SV_ERR_NOT_FOUND) {
        return err;
    }
    SV_TRY(counted(h->db, &had, why));
    if (had > named) {
        return sv_fail(
            why, SV_ERR_STATE,
            "'%s' has had %lld schema steps, and says the names of %lld: an older program has "
            "changed it since; restore a copy of before",
            h->path, (long long) had, (long long) named);
    }
    return SV_OK;
}

static sv_err apply_missing(const history *h, sv_why *why) {
    sv_stmt *stmt = NULL;
    for (size_t i = 0; i < h->count; i++) {
        SV_TRY(sv_db_stmt(h->db, "SELECT 1 FROM schema_step WHERE name = ?", &stmt, why));
        sv_stmt_bind_str(stmt, 1, h->steps[i].name);
        sv_err err = sv_stmt_next(stmt, why);
        sv_stmt_reset(stmt);
        if (err == SV_OK) {
            continue;
        }
        if (err != SV_ERR_NOT_FOUND) {
            return err;
        }
        SV_TRY(sv_db_exec(h->db, h->steps[i].sql, why));
        SV_TRY(note(h->db, h->steps[i].name, sv_clock_wall_us(), why));
    }
    return count_them(h->db, why);
}

static sv_err bring(const history *h, sv_why *why) {
    int64_t has_names = 0;
    SV_TRY(ask_int(h->db, "SELECT count(*) FROM sqlite_master WHERE name = 'schema_step'",
                   &has_names, why));
    if (has_names == 0) {
        SV_TRY(begin_names(h, why));
    }
    SV_TRY(refuse_unknown(h, why));
    return apply_missing(h, why);
}

sv_err sv_schema_bring(sv_db *db, const char *path, const sv_db_migration *steps, size_t count,
                       sv_why *why) {
    const history h = { .db = db, .path = path, .steps = steps, .count = count };
    for (size_t i = 0; i < count; i++) { // of two with one name the second would never be applied
        assert(!knows(&(history){ .steps = steps, .count = i }, sv_text_of(steps[i].name)));
    }
    SV_TRY(sv_db_begin(db, why));
    sv_err err = bring(&h, why);
    if (err != SV_OK) {
        sv_db_rollback(db);
        return err;
    }
    return sv_db_commit(db, why);
}
