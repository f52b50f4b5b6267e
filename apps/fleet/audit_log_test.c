#include "fleet_fixture.h"

#include "audit_log.h"

#include <crypto/audit_judge.h>
#include <string.h>

static void add(fixture *f, const sv_audit_event *event) {
    sv_why why = { 0 };
    if (sv_audit_add(f->fleet.db, event, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

/// The one value that `sql` gives.
static void expect(fixture *f, const char *sql, const char *value) {
    sv_stmt *stmt;
    char room[SV_AUDIT_DETAIL_MAX + 1];
    assert_int_equal(sv_db_stmt(f->fleet.db, sql, &stmt, NULL), SV_OK);
    assert_int_equal(sv_stmt_next(stmt, NULL), SV_OK);
    assert_int_equal(sv_text_copy(sv_stmt_text(stmt, 0), room, sizeof room), SV_OK);
    sv_stmt_reset(stmt);
    assert_string_equal(room, value);
}

// [audit-1]
static void a_line_says_who_did_what_about_whom_from_where(void **state) {
    fixture *f = *state;
    add(f, &(sv_audit_event){ .at_us = fixture_now_us,
                              .who = "ada",
                              .from = "192.0.2.7",
                              .what = "enrolment.add",
                              .about = "press-17",
                              .detail = "for site pune" });
    add(f, &(sv_audit_event){
               .at_us = fixture_now_us, .what = "enrolment.use", .outcome = SV_AUDIT_REFUSED });
    expect(f,
           "SELECT at_us || ' ' || who || ' ' || \"from\" || ' ' || what || ' ' || about || ' ' ||"
           " outcome || ' ' || detail FROM event_log WHERE seq > 1 ORDER BY seq",
           "1800000000000000 ada 192.0.2.7 enrolment.add press-17 done for site pune");
    expect(f, "SELECT who || \"from\" || outcome || detail FROM event_log ORDER BY seq DESC",
           "refused");
}

// [audit-1]
static void a_deed_that_was_rolled_back_leaves_no_line(void **state) {
    fixture *f = *state;
    assert_int_equal(sv_db_begin(f->fleet.db, NULL), SV_OK);
    add(f, &(sv_audit_event){ .what = "enrolment.add" });
    sv_db_rollback(f->fleet.db);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM event_log"), 1); // the beginning
}

// [audit-2]
static void what_strangers_send_stays_one_line_of_bounded_length(void **state) {
    fixture *f = *state;
    static const struct {
        const char *said, *kept;
    } CASES[] = {
        { "a\r\nb\x1b[31mc\x7f", "a??b?[31mc?" },
        { "'; DROP TABLE event_log; --", "'; DROP TABLE event_log; --" },
        { "<script>", "<script>" },
        { "Pr\xc3\xa4zision \xe2\x82\xac \xf0\x9f\x94\xa7",
          "Pr\xc3\xa4zision \xe2\x82\xac \xf0\x9f\x94\xa7" },
        { "\xc2\x9bx \xff \xc3", "??x ? ?" },
        { "\xed\xa0\x80", "???" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        add(f, &(sv_audit_event){ .who = CASES[i].said, .what = "x", .detail = CASES[i].said });
        expect(f, "SELECT who FROM event_log ORDER BY seq DESC", CASES[i].kept);
        expect(f, "SELECT detail FROM event_log ORDER BY seq DESC", CASES[i].kept);
    }
    char longest[2 * SV_AUDIT_DETAIL_MAX + 2] = "x";
    for (size_t i = 0; i < SV_AUDIT_DETAIL_MAX; i++) {
        memcpy(longest + 1 + 2 * i, "\xc3\xa4", 3);
    }
    add(f, &(sv_audit_event){ .who = longest, .about = longest, .detail = longest });
    // No character is cut in two.
    expect(f, "SELECT length(CAST(who AS BLOB)) FROM event_log ORDER BY seq DESC", "127");
    expect(f, "SELECT length(CAST(detail AS BLOB)) FROM event_log ORDER BY seq DESC", "399");
}

/// Every line of the log, one after the other, as the judge has to take them.
static sv_audit_verdict judged(fixture *f) {
    SV_DEFER(sv_audit_judge_drop) sv_audit_judge *judge = sv_audit_judge_new(NULL, 0);
    sv_stmt *row;
    sv_audit_line line;
    assert_int_equal(sv_db_stmt(f->fleet.db,
                                "SELECT " SV_AUDIT_COLUMNS " FROM event_log ORDER BY seq", &row,
                                NULL),
                     SV_OK);
    while (sv_stmt_next(row, NULL) == SV_OK) {
        sv_audit_row(row, &line);
        sv_audit_judge_line(judge, &line);
    }
    return sv_audit_judge_end(judge, 0, true);
}

// [audit-6] [audit-11]
static void each_line_is_hashed_onto_the_one_before_it(void **state) {
    fixture *f = *state;
    expect(f, "SELECT who || ' ' || what || ' ' || hex(prev) FROM event_log",
           "fleet audit.genesis "
           "0000000000000000000000000000000000000000000000000000000000000000");
    for (int i = 0; i < 5; i++) {
        add(f, &(sv_audit_event){ .at_us = i, .who = "ada", .what = "x", .before = SV_TEXT("1") });
    }
    sv_audit_verdict verdict = judged(f);
    assert_int_equal(verdict.finding, SV_AUDIT_UNSIGNED); // nothing worse
    assert_int_equal(verdict.last, 6);
    assert_int_equal(
        sv_db_exec(f->fleet.db, "UPDATE event_log SET who = 'eve' WHERE seq = 4", NULL), SV_OK);
    verdict = judged(f);
    assert_int_equal(verdict.finding, SV_AUDIT_CHANGED);
    assert_int_equal(verdict.seq, 4);
}

// [audit-11]
static void lines_of_before_are_chained_once_and_a_line_says_so(void **state) {
    fixture *f = *state;
    sv_why why = { 0 };
    // As a database of before: no hashes, numbers with gaps.
    if (sv_db_exec(f->fleet.db,
                   "DELETE FROM event_log;"
                   "INSERT INTO event_log (seq, at_us, who, \"from\", what, about, outcome, detail)"
                   " VALUES (3, 1, 'ada', '', 'a.b', 'x', 'done', ''),"
                   " (4, 2, 'ada', '', 'a.b', 'y', 'done', ''),"
                   " (9, 3, 'ada', '', 'a.b', 'z', 'done', '')",
                   &why)
        != SV_OK) {
        fail_msg("%s", why.text);
    }
    for (int i = 0; i < 2; i++) { // the second time nothing is left to do
        assert_int_equal(sv_audit_begin(f->fleet.db, "hq", fixture_now_us, NULL), SV_OK);
        sv_audit_verdict verdict = judged(f);
        assert_int_equal(verdict.finding, SV_AUDIT_UNSIGNED);
        assert_int_equal(verdict.last, 4);
    }
    expect(f, "SELECT about || what || ': ' || detail FROM event_log ORDER BY seq DESC",
           "hqaudit.chain: the 3 lines before this one were written before there was a chain, and "
           "were chained now");
    expect(f, "SELECT seq FROM sqlite_sequence WHERE name = 'event_log'", "4");
}

// [audit-5]
static void a_change_says_what_was_there_and_what_is(void **state) {
    fixture *f = *state;
    static char large[5000];
    memset(large, 'x', sizeof large);
    add(f, &(sv_audit_event){ .what = "rules.put",
                              .before = SV_TEXT("a: 1\r\nb: \x1b[31m2\n"),
                              .after = { large, sizeof large } });
    expect(f, "SELECT \"before\" FROM event_log ORDER BY seq DESC", "a: 1?\\nb: ?[31m2\\n");
    expect(f,
           "SELECT length(\"after\") <= 1024 AND \"after\" LIKE 'xxxxx%' FROM event_log ORDER BY"
           " seq DESC",
           "1");
    // printf 'x%.0s' $(seq 5000) | sha256sum
    expect(f, "SELECT substr(\"after\", instr(\"after\", '...')) FROM event_log ORDER BY seq DESC",
           "... (5000 bytes, SHA-256 "
           "c59d3c0480cc2d71d8f646e735e92da65450311eec46e81a5db8c7e6e8a92054)");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_line_says_who_did_what_about_whom_from_where),
        TEST(a_deed_that_was_rolled_back_leaves_no_line),
        TEST(what_strangers_send_stays_one_line_of_bounded_length),
        TEST(each_line_is_hashed_onto_the_one_before_it),
        TEST(lines_of_before_are_chained_once_and_a_line_says_so),
        TEST(a_change_says_what_was_there_and_what_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
