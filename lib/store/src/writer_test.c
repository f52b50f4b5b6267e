#include <base/num.h>
#include <base/test.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <store/writer.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/disk.h>

static const sv_db_migration SCHEMA[] = {
    { "rows", "CREATE TABLE rows (id INTEGER PRIMARY KEY, number INTEGER, name TEXT, value REAL, "
              "bytes BLOB)" },
};

static char folder[64];
static char path[128];

typedef struct site {
    sv_loop *loop;
    sv_writer *writer;
    sv_db *reader;
    uint64_t committed;
    unsigned failures;
    sv_why why;
} site;

static void committed(void *arg, uint64_t group) {
    site *s = arg;
    assert_true(group == s->committed + 1);
    s->committed = group;
}

static void failed(void *arg, const sv_why *why) {
    site *s = arg;
    s->failures++;
    s->why = *why;
}

static void open_site(site *s, size_t messages_max, int64_t wait_us) {
    static const sv_writer_events EVENTS = { .committed = committed, .failed = failed };
    const sv_writer_options options = { .messages_max = messages_max,
                                        .wait_us = wait_us,
                                        .behind_bytes = 4096 };
    (void) snprintf(folder, sizeof folder, "/tmp/sv-writer-XXXXXX");
    assert_non_null(mkdtemp(folder));
    (void) snprintf(path, sizeof path, "%s/test.db", folder);
    sv_db *db = NULL;
    assert_int_equal(sv_loop_open(&s->loop, NULL), SV_OK);
    assert_int_equal(sv_db_open(path, SCHEMA, 1, &db, NULL), SV_OK);
    assert_int_equal(sv_db_open(path, SCHEMA, 1, &s->reader, NULL), SV_OK);
    assert_int_equal(sv_writer_open(s->loop, &db, &options, &EVENTS, s, &s->writer, NULL), SV_OK);
    assert_null(db);
}

static void close_site(site *s) {
    sv_writer_drop(&s->writer);
    sv_db_drop(&s->reader);
    sv_loop_drop(&s->loop);
    assert_int_equal(sv_disk_remove_tree(folder, NULL), SV_OK);
}

static int64_t ask(site *s, const char *sql) {
    sv_stmt *stmt = NULL;
    assert_int_equal(sv_db_stmt(s->reader, sql, &stmt, NULL), SV_OK);
    assert_int_equal(sv_stmt_next(stmt, NULL), SV_OK);
    int64_t answer = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return answer;
}

static int64_t rows(site *s) {
    return ask(s, "SELECT count(*) FROM rows");
}

static void add(site *s, int64_t number) {
    sv_writer_add(s->writer, "INSERT INTO rows (number) VALUES (?)");
    sv_writer_int(s->writer, number);
}

static void add_text(site *s, sv_text name) {
    sv_writer_add(s->writer, "INSERT INTO rows (name) VALUES (?)");
    sv_writer_text(s->writer, name);
}

static void turn_until(site *s, uint64_t group) {
    int64_t end_us = sv_clock_monotonic_us() + 10000000;
    while (s->committed < group && sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(s->loop, 10000);
    }
    assert_true(s->committed >= group);
}

static void every_kind_of_value_arrives_as_it_was(void **state) {
    (void) state;
    site s = { 0 };
    open_site(&s, 100, 1000);
    sv_writer_add(s.writer, "INSERT INTO rows (number, name, value, bytes) VALUES (?, ?, ?, ?)");
    sv_writer_int(s.writer, INT64_MIN);
    sv_writer_str(s.writer, "press");
    sv_writer_number(s.writer, -0.5);
    sv_writer_bytes(s.writer, (sv_text){ .at = "a\0b", .len = 3 });
    sv_writer_add(s.writer, "INSERT INTO rows (number, name, value, bytes) VALUES (?, ?, ?, ?)");
    sv_writer_null(s.writer);
    sv_writer_text(s.writer, SV_TEXT(""));
    sv_writer_number(s.writer, SV_NAN);
    sv_writer_bytes(s.writer, SV_TEXT(""));
    turn_until(&s, 1);

    assert_int_equal(ask(&s,
                         "SELECT count(*) FROM rows WHERE number = -9223372036854775807 - 1 AND "
                         "name = 'press' AND value = -0.5 AND bytes = x'610062'"),
                     1);
    assert_int_equal(ask(&s, "SELECT count(*) FROM rows WHERE number IS NULL AND name = '' AND "
                             "value IS NULL AND bytes = x''"),
                     1);
    close_site(&s);
}

static void a_group_is_seen_whole_or_not_at_all(void **state) {
    (void) state;
    site s = { 0 };
    open_site(&s, 1000000, 2000);
    int64_t added = 0;
    for (unsigned group = 0; group < 50; group++) {
        uint64_t number = sv_writer_group(s.writer);
        for (unsigned i = 0; i < 20; i++) {
            add(&s, added++);
            sv_writer_message(s.writer);
        }
        assert_true(sv_writer_group(s.writer) == number);
        while (s.committed < number) {
            assert_int_equal(rows(&s) % 20, 0);
            sv_loop_turn(s.loop, 1000);
        }
        assert_int_equal(rows(&s), added);
    }
    assert_int_equal(ask(&s, "SELECT count(*) FROM rows WHERE number <> id - 1"), 0);
    close_site(&s);
}

static void a_full_group_does_not_wait(void **state) {
    (void) state;
    site s = { 0 };
    open_site(&s, 3, INT64_C(3600000000));
    for (unsigned i = 0; i < 3; i++) {
        add(&s, i);
        sv_writer_message(s.writer);
    }
    turn_until(&s, 1);
    assert_true(sv_writer_group(s.writer) == 2);
    close_site(&s);
}

static void one_event_of_the_loop_is_one_group(void **state) {
    (void) state;
    site s = { 0 };
    open_site(&s, 1, INT64_C(3600000000));
    for (unsigned i = 0; i < 20; i++) {
        add(&s, i);
        sv_writer_message(s.writer);
        assert_true(sv_writer_last(s.writer) == 1);
    }
    turn_until(&s, 1);
    assert_int_equal(rows(&s), 20);
    close_site(&s);
}

static void hurry_never_cuts_a_message_in_two(void **state) {
    (void) state;
    site s = { 0 };
    open_site(&s, 1000, INT64_C(3600000000));
    add(&s, 1);
    sv_writer_hurry(s.writer);
    add(&s, 2);
    sv_writer_message(s.writer);
    assert_true(sv_writer_group(s.writer) == 1);
    assert_true(sv_writer_last(s.writer) == 1);
    turn_until(&s, 1);
    assert_true(sv_writer_last(s.writer) == 1);
    assert_int_equal(rows(&s), 2);
    close_site(&s);
}

static void what_comes_while_the_disk_works_is_one_group(void **state) {
    (void) state;
    site s = { 0 };
    open_site(&s, 1, INT64_C(3600000000));
    add(&s, -1);
    sv_writer_message(s.writer);
    while (sv_writer_group(s.writer) == 1) {
        sv_loop_turn(s.loop, 1000);
    }
    // Under way; many turns of the loop later the second group is still one.
    for (unsigned i = 0; i < 499 && s.committed == 0; i++) {
        add(&s, i);
        sv_writer_message(s.writer);
        assert_true(sv_writer_last(s.writer) == 2);
    }
    int64_t recorded = rows(&s);
    turn_until(&s, 2);
    assert_true(rows(&s) > recorded);
    close_site(&s);
}

static void waiting_commits_all_that_was_recorded(void **state) {
    (void) state;
    site s = { 0 };
    open_site(&s, 1000, INT64_C(3600000000));
    sv_writer_wait(s.writer);
    add(&s, 1);
    sv_writer_wait(s.writer);
    assert_int_equal(rows(&s), 1);
    assert_true(s.committed == 1);
    add(&s, 2);
    sv_writer_hurry(s.writer);
    add(&s, 3);
    sv_writer_wait(s.writer);
    assert_int_equal(rows(&s), 3);
    close_site(&s);
}

static void what_is_recorded_at_the_end_is_written(void **state) {
    (void) state;
    site s = { 0 };
    open_site(&s, 1000, INT64_C(3600000000));
    add(&s, 1);
    sv_writer_drop(&s.writer);
    assert_int_equal(rows(&s), 1);
    assert_true(s.committed == 1);
    close_site(&s);
}

static void changes_are_counted_when_they_are_on_disk(void **state) {
    (void) state;
    site s = { 0 };
    open_site(&s, 1000, 1000);
    int64_t changed = 0;
    for (unsigned i = 0; i < 7; i++) {
        add(&s, i);
    }
    sv_writer_add(s.writer, "DELETE FROM rows WHERE number < ?");
    sv_writer_int(s.writer, 4);
    sv_writer_tally(s.writer, &changed);
    assert_int_equal(changed, 0);
    turn_until(&s, 1);
    assert_int_equal(changed, 4);
    assert_int_equal(rows(&s), 3);
    close_site(&s);
}

static void a_full_disk_is_told_once_and_waited_for(void **state) {
    (void) state;
    static char large[8192];
    memset(large, 'x', sizeof large);
    site s = { 0 };
    open_site(&s, 1000, 1000);
    for (unsigned i = 0; i < 4; i++) {
        add_text(&s, (sv_text){ .at = large, .len = sizeof large });
    }
    // As large as it is now and no larger.
    sv_writer_add(s.writer, "PRAGMA max_page_count = 1");
    turn_until(&s, 1);
    add_text(&s, (sv_text){ .at = large, .len = sizeof large });
    add(&s, 5);
    for (unsigned i = 0; i < 300 && s.failures == 0; i++) {
        sv_loop_turn(s.loop, 10000);
    }
    assert_int_equal(s.why.code, SV_ERR_NO_SPACE);
    assert_true(sv_writer_is_full(s.writer));
    add(&s, 6);
    sv_writer_wait(s.writer);
    assert_true(s.committed == 1);

    assert_int_equal(sv_db_exec(s.reader, "DELETE FROM rows", NULL), SV_OK);
    turn_until(&s, 3);
    assert_int_equal(s.failures, 1);
    assert_false(sv_writer_is_full(s.writer));
    assert_int_equal(rows(&s), 3);
    close_site(&s);
}

static void a_statement_that_cannot_run_ends_all_writing(void **state) {
    (void) state;
    site s = { 0 };
    open_site(&s, 1000, 1000);
    add(&s, 1);
    sv_writer_add(s.writer, "INSERT INTO nowhere VALUES (?)");
    sv_writer_int(s.writer, 1);
    sv_writer_wait(s.writer);
    assert_int_equal(s.failures, 1);
    assert_non_null(strstr(s.why.text, "nowhere"));
    add(&s, 2);
    sv_writer_hurry(s.writer);
    for (unsigned i = 0; i < 5; i++) {
        sv_loop_turn(s.loop, 1000);
    }
    assert_int_equal(rows(&s), 0);
    assert_true(s.committed == 0);
    close_site(&s);
}

static void being_behind_is_seen(void **state) {
    (void) state;
    site s = { 0 };
    open_site(&s, 1000000, INT64_C(3600000000));
    assert_false(sv_writer_is_behind(s.writer));
    for (unsigned i = 0; i < 1000; i++) {
        add(&s, i);
    }
    assert_true(sv_writer_is_behind(s.writer));
    sv_writer_wait(s.writer);
    assert_false(sv_writer_is_behind(s.writer));
    close_site(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_value_arrives_as_it_was),
        cmocka_unit_test(a_group_is_seen_whole_or_not_at_all),
        cmocka_unit_test(a_full_group_does_not_wait),
        cmocka_unit_test(one_event_of_the_loop_is_one_group),
        cmocka_unit_test(hurry_never_cuts_a_message_in_two),
        cmocka_unit_test(what_comes_while_the_disk_works_is_one_group),
        cmocka_unit_test(waiting_commits_all_that_was_recorded),
        cmocka_unit_test(what_is_recorded_at_the_end_is_written),
        cmocka_unit_test(changes_are_counted_when_they_are_on_disk),
        cmocka_unit_test(a_full_disk_is_told_once_and_waited_for),
        cmocka_unit_test(a_statement_that_cannot_run_ends_all_writing),
        cmocka_unit_test(being_behind_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
