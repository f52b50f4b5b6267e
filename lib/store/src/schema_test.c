#include <base/num.h>
#include <signal.h>
#include <stdlib.h>
#include <store/test.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WITHOUT_NAMES_MAX = 3, LOG_BYTES = 4 * 1024 * 1024 };

// Each says that it was applied.
#define BASE                                                                                       \
    { .name = "base", .sql = "CREATE TABLE had (name TEXT); INSERT INTO had VALUES ('base')" }
#define ROWS                                                                                       \
    {                                                                                              \
        .name = "rows",                                                                            \
        .sql =                                                                                     \
            "CREATE TABLE rows (id INTEGER PRIMARY KEY); INSERT INTO had (name) VALUES ('rows')"   \
    }
#define UNIT                                                                                       \
    {                                                                                              \
        .name = "unit",                                                                            \
        .sql = "ALTER TABLE had ADD COLUMN unit TEXT; INSERT INTO had (name) VALUES ('unit')"      \
    }
#define INDEX                                                                                      \
    {                                                                                              \
        .name = "index",                                                                           \
        .sql = "CREATE INDEX by_name ON had (name); INSERT INTO had (name) VALUES ('index')"       \
    }

static char folder[64];
static char path[128];

static int make_folder(void **state) {
    (void) state;
    (void) snprintf(folder, sizeof folder, "/tmp/sv-schema-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void) snprintf(path, sizeof path, "%s/test.db", folder);
    return 0;
}

static int remove_folder(void **state) {
    (void) state;
    return sv_disk_remove_tree(folder, NULL) == SV_OK ? 0 : -1;
}

static void remove_database(void) {
    char beside[160];
    (void) unlink(path);
    (void) snprintf(beside, sizeof beside, "%s-wal", path);
    (void) unlink(beside);
    (void) snprintf(beside, sizeof beside, "%s-shm", path);
    (void) unlink(beside);
}

static void open_with(const sv_db_migration *steps, size_t count) {
    SV_DEFER(sv_db_drop) sv_db *db = NULL;
    sv_why why = { 0 };
    if (sv_db_open(path, steps, count, &db, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

static void refused_with(const sv_db_migration *steps, size_t count, const char *said) {
    SV_DEFER(sv_db_drop) sv_db *db = NULL;
    sv_why why = { 0 };
    assert_int_equal(sv_db_open(path, steps, count, &db, &why), SV_ERR_STATE);
    assert_null(db);
    if (strstr(why.text, said) == NULL) {
        fail_msg("'%s' is not in: %s", said, why.text);
    }
}

static void look(char *out, size_t room) {
    SV_DEFER(sv_db_drop) sv_db *db = NULL;
    assert_int_equal(sv_db_open_read(path, &db, NULL), SV_OK);
    sv_test_schema(db, out, room);
}

// ---- by name ------------------------------------------------------------------------------------

/// Whatever a database has had of three steps, and wherever the list has each.
static void a_step_is_applied_once_wherever_it_stands(void **state) {
    (void) state;
    static const sv_db_migration NEW[] = { ROWS, UNIT, INDEX };
    static const size_t ORDERS[][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
                                        { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
    for (unsigned had = 0; had < 8; had++) {
        for (size_t order = 0; order < SV_COUNT(ORDERS); order++) {
            sv_db_migration before[4] = { BASE };
            sv_db_migration after[4] = { BASE };
            size_t count = 1;
            for (size_t i = 0; i < 3; i++) {
                after[i + 1] = NEW[ORDERS[order][i]];
                if ((had >> i & 1) != 0) {
                    before[count++] = NEW[i];
                }
            }
            remove_database();
            open_with(before, count);
            for (unsigned again = 0; again < 2; again++) {
                SV_DEFER(sv_db_drop) sv_db *db = NULL;
                assert_int_equal(sv_db_open(path, after, SV_COUNT(after), &db, NULL), SV_OK);
                assert_int_equal(sv_test_ask(db, "SELECT count(*) FROM had"), 4);
                assert_int_equal(sv_test_ask(db, "SELECT count(DISTINCT name) FROM had"), 4);
                assert_int_equal(
                    sv_test_ask(db, "SELECT count(*) FROM schema_step JOIN had USING (name) "
                                    "WHERE applied_us > 1600000000000000"),
                    4);
                assert_int_equal(sv_test_ask(db, "PRAGMA user_version"), 4);
            }
        }
    }
}

static void what_has_had_a_step_that_is_not_known_is_refused_as_it_is(void **state) {
    (void) state;
    static const sv_db_migration THEIRS[] = { BASE, ROWS };
    static const sv_db_migration OURS[] = { BASE, UNIT, INDEX }; // more of them, but not that one
    static char before[4096];
    static char after[4096];
    open_with(THEIRS, SV_COUNT(THEIRS));
    look(before, sizeof before);
    refused_with(OURS, SV_COUNT(OURS),
                 "the schema step 'rows', which this program does not know: "
                 "it was written by a newer version; start that one");
    refused_with(OURS, 1, "the schema step 'rows'");
    look(after, sizeof after);
    assert_string_equal(after, before);
    open_with(THEIRS, SV_COUNT(THEIRS));
}

// ---- databases of programs that counted ---------------------------------------------------------

static void one_of_a_program_that_counted_is_taken_over(void **state) {
    (void) state;
    static const sv_db_migration STEPS[] = { BASE, ROWS, UNIT, INDEX };
    sv_test_takes_over(folder, STEPS, SV_COUNT(STEPS), WITHOUT_NAMES_MAX);
}

static void one_that_counted_further_is_refused_as_it_is(void **state) {
    (void) state;
    static const sv_db_migration STEPS[] = { BASE, ROWS, UNIT };
    static char before[4096];
    static char after[4096];
    sv_test_counted(path, STEPS, SV_COUNT(STEPS));
    look(before, sizeof before);
    refused_with(STEPS, 2,
                 "has had 3 schema steps, this program knows 2: it was written by a "
                 "newer version; start that one");
    look(after, sizeof after);
    assert_string_equal(after, before);
}

/// It knows no table with names, and would count on.
static void what_a_counting_program_changed_since_is_refused(void **state) {
    (void) state;
    static const sv_db_migration STEPS[] = { BASE, ROWS, UNIT };
    SV_DEFER(sv_db_drop) sv_db *db = NULL;
    open_with(STEPS, 2);
    assert_int_equal(sv_db_open_write(path, &db, NULL), SV_OK);
    assert_int_equal(sv_db_exec(db, STEPS[2].sql, NULL), SV_OK);
    assert_int_equal(sv_db_exec(db, "PRAGMA user_version = 3", NULL), SV_OK);
    sv_db_drop(&db);
    refused_with(STEPS, 3, "has had 3 schema steps, and says the names of 2");
}

// ---- stopped in the middle ----------------------------------------------------------------------

typedef enum start { NO_FILE, HAS_NAMES, WAS_COUNTED, STARTS } start;

static void make_start(start at, char *schema, size_t room) {
    static const sv_db_migration STEPS[] = { BASE };
    remove_database();
    if (at == NO_FILE) {
        (void) snprintf(schema, room, "0");
        return;
    }
    if (at == HAS_NAMES) {
        open_with(STEPS, 1);
    } else {
        sv_test_counted(path, STEPS, 1);
    }
    look(schema, room);
}

/// Where the step stands that cannot be ended: in the beginning, between two, at the end.
static void put_at(size_t place, const sv_db_migration *bad, sv_db_migration out[4]) {
    const sv_db_migration good[] = { BASE, ROWS, UNIT };
    size_t from = 0;
    for (size_t i = 0; i < 4; i++) {
        out[i] = i == place ? *bad : good[from++];
    }
}

static void a_step_that_fails_leaves_all_as_it_was(void **state) {
    (void) state;
    static const struct {
        sv_db_migration bad;
        sv_err err;
    } CASES[] = {
        { { "broken", "CREATE TABLE other (id INTEGER); CREATE NONSENSE" }, SV_ERR_IO },
        { { "full", "CREATE TABLE other (id INTEGER, x BLOB); PRAGMA max_page_count = 40;"
                    "INSERT INTO other VALUES (1, randomblob(1000000))" },
          SV_ERR_NO_SPACE },
    };
    static char before[4096];
    static char after[4096];
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        for (start at = NO_FILE; at < STARTS; at++) {
            for (size_t place = 1; place < 4; place++) {
                SV_DEFER(sv_db_drop) sv_db *db = NULL;
                sv_db_migration steps[4];
                put_at(place, &CASES[i].bad, steps);
                make_start(at, before, sizeof before);
                assert_int_equal(sv_db_open(path, steps, 4, &db, NULL), CASES[i].err);
                assert_null(db);
                look(after, sizeof after);
                assert_string_equal(after, before);
                const sv_db_migration mended[] = { BASE, ROWS, UNIT };
                open_with(mended, SV_COUNT(mended));
            }
        }
    }
}

/// Its changes have come to the log, of which nothing was committed.
static void kill_while_it_writes(const sv_db_migration steps[4]) {
    char log[160];
    struct stat info = { 0 };
    (void) snprintf(log, sizeof log, "%s-wal", path);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        sv_db *db = NULL;
        (void) sv_db_open(path, steps, 4, &db, NULL);
        _exit(1);
    }
    while (stat(log, &info) != 0 || info.st_size < LOG_BYTES) {
        assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
        (void) usleep(1000);
    }
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void a_program_that_is_killed_leaves_all_as_it_was(void **state) {
    (void) state;
    static const sv_db_migration LONG = {
        "long", "CREATE TABLE other (x BLOB); WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL "
                "SELECT i + 1 FROM n WHERE i < 4000000) INSERT INTO other SELECT zeroblob(1000) "
                "FROM n"
    };
    static char before[4096];
    static char after[4096];
    for (start at = NO_FILE; at < STARTS; at++) {
        for (size_t place = 1; place < 4; place++) {
            sv_db_migration steps[4];
            put_at(place, &LONG, steps);
            make_start(at, before, sizeof before);
            kill_while_it_writes(steps);
            look(after, sizeof after);
            assert_string_equal(after, before);
            const sv_db_migration mended[] = { BASE, ROWS, UNIT };
            open_with(mended, SV_COUNT(mended));
        }
    }
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        EACH(a_step_is_applied_once_wherever_it_stands),
        EACH(what_has_had_a_step_that_is_not_known_is_refused_as_it_is),
        EACH(one_of_a_program_that_counted_is_taken_over),
        EACH(one_that_counted_further_is_refused_as_it_is),
        EACH(what_a_counting_program_changed_since_is_refused),
        EACH(a_step_that_fails_leaves_all_as_it_was),
        EACH(a_program_that_is_killed_leaves_all_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
