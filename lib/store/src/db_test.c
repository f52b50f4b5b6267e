#include <base/num.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <store/test.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const sv_db_migration FIRST[] = {
    { "rows", "CREATE TABLE rows (id INTEGER PRIMARY KEY, name TEXT, value REAL)" },
};
static const sv_db_migration SECOND[] = {
    { "rows", "CREATE TABLE rows (id INTEGER PRIMARY KEY, name TEXT, value REAL)" },
    { "unit", "ALTER TABLE rows ADD COLUMN unit TEXT; CREATE INDEX by_name ON rows (name)" },
};
static char folder[64];
static char path[128];

static int make_folder(void **state) {
    (void) state;
    (void) snprintf(folder, sizeof folder, "/tmp/sv-db-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void) snprintf(path, sizeof path, "%s/test.db", folder);
    return 0;
}

static int remove_folder(void **state) {
    (void) state;
    return sv_disk_remove_tree(folder, NULL) == SV_OK ? 0 : -1;
}

static sv_err add(sv_db *db, const char *name, double value, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(db, "INSERT INTO rows (name, value) VALUES (?, ?)", &stmt, why));
    sv_stmt_bind_str(stmt, 1, name);
    sv_stmt_bind_number(stmt, 2, value);
    return sv_stmt_run(stmt, why);
}

static int64_t count(sv_db *db) {
    return sv_test_ask(db, "SELECT count(*) FROM rows");
}

static void a_new_file_is_private_and_migrated_once(void **state) {
    (void) state;
    SV_DEFER(sv_db_drop) sv_db *db = NULL;
    assert_int_equal(sv_db_open(path, FIRST, 1, &db, NULL), SV_OK);
    assert_int_equal(add(db, "a", 1.5, NULL), SV_OK);
    sv_db_drop(&db);

    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    for (unsigned again = 0; again < 2; again++) {
        assert_int_equal(sv_db_open(path, SECOND, 2, &db, NULL), SV_OK);
        assert_int_equal(count(db), 1);
        sv_db_drop(&db);
    }
}

static int64_t page_bytes(sv_db *db) {
    return sv_test_ask(db, "PRAGMA page_size");
}

static void a_new_file_takes_the_size_of_its_pages_and_keeps_it(void **state) {
    (void) state;
    SV_DEFER(sv_db_drop) sv_db *db = NULL;
    assert_int_equal(sv_db_open_paged(path, 1024, FIRST, 1, &db, NULL), SV_OK);
    assert_int_equal(add(db, "a", 1.5, NULL), SV_OK);
    assert_int_equal(page_bytes(db), 1024);
    sv_db_drop(&db);
    assert_int_equal(sv_db_open_paged(path, 2048, FIRST, 1, &db, NULL), SV_OK);
    assert_int_equal(page_bytes(db), 1024);
    assert_int_equal(count(db), 1);
}

static void something_else_is_called_no_database(void **state) {
    (void) state;
    SV_DEFER(sv_db_drop) sv_db *db = NULL;
    sv_why why = { 0 };
    char junk[4096];
    memset(junk, 'x', sizeof junk);
    assert_int_equal(sv_disk_replace(path, (sv_text){ junk, sizeof junk }, 0600, NULL), SV_OK);
    assert_int_equal(sv_db_open(path, FIRST, 1, &db, &why), SV_ERR_INVALID);
    assert_non_null(strstr(why.text, "is not a database"));
    assert_int_equal(sv_db_open(folder, FIRST, 1, &db, &why), SV_ERR_IO);
    assert_int_equal(sv_db_open("/nowhere/x.db", FIRST, 1, &db, &why), SV_ERR_IO);
    assert_null(db);
}

static void values_come_back_as_they_went_in(void **state) {
    (void) state;
    SV_DEFER(sv_db_drop) sv_db *db = NULL;
    assert_int_equal(sv_db_open(path, FIRST, 1, &db, NULL), SV_OK);
    assert_int_equal(add(db, "it's \"quoted\"", 91.2, NULL), SV_OK);
    assert_int_equal(add(db, "", SV_NAN, NULL), SV_OK);
    assert_int_equal(add(db, NULL, 0, NULL), SV_OK);

    sv_stmt *stmt = NULL;
    assert_int_equal(sv_db_stmt(db, "SELECT name, value FROM rows ORDER BY id", &stmt, NULL),
                     SV_OK);
    assert_int_equal(sv_stmt_next(stmt, NULL), SV_OK);
    assert_true(sv_text_is(sv_stmt_text(stmt, 0), "it's \"quoted\""));
    assert_true(sv_stmt_number(stmt, 1) == 91.2);
    assert_int_equal(sv_stmt_next(stmt, NULL), SV_OK);
    assert_false(sv_stmt_is_null(stmt, 0));
    assert_true(isnan(sv_stmt_number(stmt, 1)));
    assert_int_equal(sv_stmt_next(stmt, NULL), SV_OK);
    assert_true(sv_stmt_is_null(stmt, 0));
    assert_int_equal(sv_stmt_text(stmt, 0).len, 0);
    assert_int_equal(sv_stmt_next(stmt, NULL), SV_ERR_NOT_FOUND);
}

static void a_parameter_that_does_not_exist_is_a_failure(void **state) {
    (void) state;
    SV_DEFER(sv_db_drop) sv_db *db = NULL;
    assert_int_equal(sv_db_open(path, FIRST, 1, &db, NULL), SV_OK);
    static const char SQL[] = "INSERT INTO rows (name) VALUES (?)";
    sv_stmt *stmt = NULL;
    sv_stmt *same = NULL;
    assert_int_equal(sv_db_stmt(db, SQL, &stmt, NULL), SV_OK);
    sv_stmt_bind_int(stmt, 2, 1);
    assert_int_equal(sv_stmt_run(stmt, NULL), SV_ERR_INVALID);
    assert_int_equal(sv_db_stmt(db, SQL, &same, NULL), SV_OK);
    assert_ptr_equal(stmt, same);
    assert_int_equal(sv_stmt_run(same, NULL), SV_OK);
    assert_int_equal(sv_db_changes(db), 1);
}

static void a_rolled_back_row_is_gone(void **state) {
    (void) state;
    SV_DEFER(sv_db_drop) sv_db *db = NULL;
    assert_int_equal(sv_db_open(path, FIRST, 1, &db, NULL), SV_OK);
    assert_int_equal(sv_db_begin(db, NULL), SV_OK);
    assert_int_equal(add(db, "a", 1, NULL), SV_OK);
    sv_db_rollback(db);
    sv_db_rollback(db);
    assert_int_equal(count(db), 0);
}

static void a_full_database_says_so_and_works_again_with_room(void **state) {
    (void) state;
    SV_DEFER(sv_db_drop) sv_db *db = NULL;
    assert_int_equal(sv_db_open(path, FIRST, 1, &db, NULL), SV_OK);
    assert_int_equal(sv_db_exec(db, "PRAGMA max_page_count = 8", NULL), SV_OK);
    sv_why why = { 0 };
    sv_err err = SV_OK;
    char name[2000];
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    for (unsigned i = 0; i < 100 && err == SV_OK; i++) {
        err = add(db, name, 1, &why);
    }
    assert_int_equal(err, SV_ERR_NO_SPACE);
    assert_non_null(strstr(why.text, "full"));
    assert_int_equal(sv_db_exec(db, "PRAGMA max_page_count = 1000", NULL), SV_OK);
    assert_int_equal(add(db, name, 1, NULL), SV_OK);
}

// Writes for ever; after each commit its number goes down the pipe.
static void commit_until_killed(int report) {
    sv_db *db = NULL;
    if (sv_db_open(path, FIRST, 1, &db, NULL) != SV_OK) {
        _exit(1);
    }
    for (unsigned char done = 1; done < 255; done++) {
        if (sv_db_begin(db, NULL) != SV_OK || add(db, "a", done, NULL) != SV_OK
            || add(db, "b", done, NULL) != SV_OK || sv_db_commit(db, NULL) != SV_OK
            || write(report, &done, 1) != 1) {
            _exit(1);
        }
    }
    (void) pause();
}

static void a_killed_process_keeps_what_it_committed(void **state) {
    (void) state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        commit_until_killed(ends[1]);
    }
    (void) close(ends[1]);
    unsigned char last = 0;
    while (last < 20 && read(ends[0], &last, 1) == 1) {
    }
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    while (read(ends[0], &last, 1) == 1) {
    }
    (void) close(ends[0]);
    assert_true(last >= 20);

    SV_DEFER(sv_db_drop) sv_db *db = NULL;
    assert_int_equal(sv_db_open(path, FIRST, 1, &db, NULL), SV_OK);
    assert_true(count(db) >= 2 * (int64_t) last);
    assert_int_equal(count(db) % 2, 0);
}

static void one_that_is_only_looked_at_is_not_made_nor_changed(void **state) {
    (void) state;
    sv_why why = { 0 };
    SV_DEFER(sv_db_drop) sv_db *looks = NULL;
    assert_int_equal(sv_db_open_read(path, &looks, &why), SV_ERR_NOT_FOUND);
    assert_non_null(strstr(why.text, "there is no database '/tmp/"));
    assert_int_equal(access(path, F_OK), -1);
    SV_DEFER(sv_db_drop) sv_db *writes = NULL;
    assert_int_equal(sv_db_open(path, SECOND, 2, &writes, NULL), SV_OK);
    assert_int_equal(add(writes, "one", 1, NULL), SV_OK);
    assert_int_equal(sv_db_open_read(path, &looks, &why), SV_OK);
    assert_int_equal(count(looks), 1);
    assert_int_equal(add(writes, "two", 2, NULL), SV_OK);
    assert_int_equal(count(looks), 2);
    assert_int_equal(add(looks, "three", 3, NULL), SV_ERR_IO);
    assert_int_equal(count(writes), 2);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        EACH(a_new_file_is_private_and_migrated_once),
        EACH(a_new_file_takes_the_size_of_its_pages_and_keeps_it),
        EACH(something_else_is_called_no_database),
        EACH(one_that_is_only_looked_at_is_not_made_nor_changed),
        EACH(values_come_back_as_they_went_in),
        EACH(a_parameter_that_does_not_exist_is_a_failure),
        EACH(a_rolled_back_row_is_gone),
        EACH(a_full_database_says_so_and_works_again_with_room),
        EACH(a_killed_process_keeps_what_it_committed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
