// For tests: databases as programs left them that counted the steps of a schema.
#ifndef SV_STORE_TEST_H
#define SV_STORE_TEST_H

#include <base/test.h>
#include <stdio.h>
#include <store/db.h>
#include <sys/disk.h>

static inline int64_t sv_test_ask(sv_db *db, const char *sql) {
    sv_stmt *stmt = NULL;
    assert_int_equal(sv_db_stmt(db, sql, &stmt, NULL), SV_OK);
    assert_int_equal(sv_stmt_next(stmt, NULL), SV_OK);
    int64_t value = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return value;
}

/// It has had the first `count` of these, each in a transaction with its number.
static inline void sv_test_counted(const char *path, const sv_db_migration *steps, size_t count) {
    SV_DEFER(sv_db_drop) sv_db *db = NULL;
    assert_int_equal(sv_disk_replace(path, SV_TEXT(""), 0600, NULL), SV_OK);
    assert_int_equal(sv_db_open_write(path, &db, NULL), SV_OK);
    assert_int_equal(sv_db_exec(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF", NULL),
                     SV_OK);
    for (size_t i = 0; i < count; i++) {
        char mark[64];
        (void) snprintf(mark, sizeof mark, "PRAGMA user_version = %zu", i + 1);
        assert_int_equal(sv_db_begin(db, NULL), SV_OK);
        assert_int_equal(sv_db_exec(db, steps[i].sql, NULL), SV_OK);
        assert_int_equal(sv_db_exec(db, mark, NULL), SV_OK);
        assert_int_equal(sv_db_commit(db, NULL), SV_OK);
    }
}

/// Everything that is in its schema, and how many steps it says it has had.
static inline void sv_test_schema(sv_db *db, char *out, size_t room) {
    static const char ALL[] = "SELECT type || ' ' || name || ': ' || coalesce(sql, '') "
                              "FROM sqlite_master ORDER BY type, name";
    sv_textbuf text = { .at = out, .cap = room };
    sv_stmt *stmt = NULL;
    assert_int_equal(sv_db_stmt(db, ALL, &stmt, NULL), SV_OK);
    while (sv_stmt_next(stmt, NULL) == SV_OK) {
        sv_textbuf_add(&text, sv_stmt_text(stmt, 0));
        sv_textbuf_add(&text, SV_TEXT("\n"));
    }
    sv_textbuf_addf(&text, "%lld", (long long) sv_test_ask(db, "PRAGMA user_version"));
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
}

/// A database of before has no names: how many steps it has had stands for the first `counted` of
/// these, which are called so, each with a comma behind it.
static inline void sv_test_counted_are(const sv_db_migration *steps, size_t counted,
                                       const char *names) {
    char room[1024];
    sv_textbuf text = SV_TEXTBUF(room);
    for (size_t i = 0; i < counted; i++) {
        sv_textbuf_addf(&text, "%s,", steps[i].name);
    }
    assert_int_equal(sv_textbuf_end(&text), SV_OK);
    assert_string_equal(room, names);
}

/// However many of these a database had had when programs counted, this makes what a new one is.
static inline void sv_test_takes_over(const char *dir, const sv_db_migration *steps, size_t count,
                                      size_t counted) {
    static char fresh[256 * 1024];
    static char taken[256 * 1024];
    char path[128];
    (void) snprintf(path, sizeof path, "%s/new.db", dir);
    SV_DEFER(sv_db_drop) sv_db *new = NULL;
    assert_int_equal(sv_db_open(path, steps, count, &new, NULL), SV_OK);
    sv_test_schema(new, fresh, sizeof fresh);
    for (size_t had = 1; had <= counted; had++) {
        sv_why why = { 0 };
        SV_DEFER(sv_db_drop) sv_db *old = NULL;
        (void) snprintf(path, sizeof path, "%s/%zu.db", dir, had);
        sv_test_counted(path, steps, had);
        if (sv_db_open(path, steps, count, &old, &why) != SV_OK) {
            fail_msg("one that has had %zu steps: %s", had, why.text);
        }
        sv_test_schema(old, taken, sizeof taken);
        assert_string_equal(taken, fresh);
        assert_int_equal(
            sv_test_ask(old, "SELECT count(*) FROM schema_step WHERE applied_us IS NULL"), had);
    }
}

#endif
