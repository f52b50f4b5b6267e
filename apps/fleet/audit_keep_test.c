#include "fleet_fixture.h"

#include "audit_door.h"
#include "audit_keep.h"
#include "audit_keep_own.h"

#include <crypto/audit_judge.h>
#include <crypto/authority.h>
#include <inttypes.h>
#include <sys/clock.h>

/// A signer in this process, over a PKI folder of its own.
static struct {
    char dir[40], ca[64];
    sv_authority *authority;
    sv_audit_trust *trust;
    int asked;
    bool away;
    sv_signer_statement last;
} signer;

static int make(void **state) {
    (void) state;
    (void) snprintf(signer.dir, sizeof signer.dir, "/tmp/selvedge-audit-pki-XXXXXX");
    assert_non_null(mkdtemp(signer.dir));
    sv_why why = { 0 };
    if (sv_pki_init(&(sv_pki_setup){ .dir = signer.dir, .domain = "plant.example" }, &why) != SV_OK
        || sv_authority_open(signer.dir, NULL, &signer.authority, &why) != SV_OK
        || sv_disk_join(signer.ca, sizeof signer.ca, signer.dir, "ca.crt") != SV_OK
        || sv_audit_trust_open(signer.ca, &signer.trust, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    // What is signed is signed while the CA is valid.
    fixture_now_us = sv_clock_wall_us() + SV_TIME_HOUR_US;
    return 0;
}

static int drop(void **state) {
    (void) state;
    sv_audit_trust_drop(&signer.trust);
    sv_authority_drop(&signer.authority);
    return sv_disk_remove_tree(signer.dir, NULL) == SV_OK ? 0 : -1;
}

static sv_err sign(sv_signer *line, const sv_signer_statement *statement, sv_signer_done *done,
                   void *arg, sv_why *why) {
    (void) line;
    char room[SV_AUDIT_SEALED_MAX];
    sv_textbuf answer = SV_TEXTBUF(room);
    sv_audit_checkpoint checkpoint = { .seq = statement->last,
                                       .seal = { .at_us = statement->at_us } };
    sv_audit_gap gap = { .first = statement->first,
                         .last = statement->last,
                         .seal = { .at_us = statement->at_us } };
    signer.asked++;
    signer.last = *statement;
    if (signer.away) {
        return sv_fail(why, SV_ERR_UNAVAILABLE, "no signer is there");
    }
    memcpy(checkpoint.hash, statement->hash, sizeof checkpoint.hash);
    memcpy(gap.hash, statement->hash, sizeof gap.hash);
    memcpy(gap.prev, statement->prev, sizeof gap.prev);
    bool is_gap = statement->first > 0;
    assert_int_equal(is_gap ? sv_authority_gap(signer.authority, &gap, NULL)
                            : sv_authority_checkpoint(signer.authority, &checkpoint, NULL),
                     SV_OK);
    const sv_audit_seal *seal = is_gap ? &gap.seal : &checkpoint.seal;
    sv_textbuf_addf(&answer, "%s\n", seal->domain);
    sv_textbuf_add(&answer, (sv_text){ (const char *) seal->signature, seal->signature_bytes });
    done(arg, SV_OK, sv_textbuf_text(&answer), NULL);
    return SV_OK;
}

static int begin(void **state) {
    int err = fixture_setup(state);
    fixture *f = *state;
    f->fleet.audit->sign = sign;
    signer.asked = 0;
    signer.away = false;
    return err;
}

static void add(fixture *f, const char *what, sv_audit_outcome outcome, int64_t at_us) {
    const sv_audit_event event = { .at_us = at_us, .who = "ada", .what = what, .outcome = outcome };
    sv_why why = { 0 };
    if (sv_audit_add(f->fleet.db, &event, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

static sv_err show(void *arg, const sv_audit_record *record) {
    sv_audit_judge *judge = arg;
    if (record->kind == SV_AUDIT_LINE) {
        sv_audit_judge_line(judge, &record->line);
    } else if (record->kind == SV_AUDIT_GAP) {
        sv_audit_judge_gap(judge, &record->gap);
    } else {
        sv_audit_judge_checkpoint(judge, &record->checkpoint);
    }
    return SV_OK;
}

static sv_audit_verdict judged(fixture *f) {
    SV_DEFER(sv_audit_judge_drop) sv_audit_judge *judge = sv_audit_judge_new(signer.trust, 0);
    const sv_audit_span all = { .after = 0 };
    sv_audit_end end;
    assert_int_equal(sv_audit_walk(f->fleet.db, &all, show, judge, &end, NULL), SV_OK);
    assert_false(end.more);
    return sv_audit_judge_end(judge, end.last, true);
}

static void expect_intact(fixture *f, int64_t signed_to) {
    sv_audit_verdict verdict = judged(f);
    if (verdict.finding != SV_AUDIT_INTACT) {
        fail_msg("line %" PRId64 ": %s", verdict.seq, verdict.why.text);
    }
    assert_int_equal(verdict.signed_to, signed_to);
}

// [audit-13]
static void the_signer_vouches_for_a_thousand_lines_or_ten_minutes(void **state) {
    fixture *f = *state;
    sv_audit_turn(&f->fleet); // the beginning, at once
    expect_intact(f, 1);
    for (int i = 0; i < SV_AUDIT_CHECKPOINT_LINES - 1; i++) {
        add(f, "a.b", SV_AUDIT_DONE, fixture_now_us);
    }
    sv_audit_turn(&f->fleet);
    assert_int_equal(signer.asked, 1);
    add(f, "a.b", SV_AUDIT_DONE, fixture_now_us);
    sv_audit_turn(&f->fleet);
    expect_intact(f, 1 + SV_AUDIT_CHECKPOINT_LINES);
    add(f, "a.b", SV_AUDIT_DONE, fixture_now_us);
    sv_audit_turn(&f->fleet);
    fixture_now_us += SV_AUDIT_CHECKPOINT_US - 1;
    sv_audit_turn(&f->fleet);
    assert_int_equal(signer.asked, 2);
    fixture_now_us += 1;
    sv_audit_turn(&f->fleet);
    expect_intact(f, 2 + SV_AUDIT_CHECKPOINT_LINES);
    fixture_now_us += 10 * SV_AUDIT_CHECKPOINT_US; // without a line nothing is to be signed
    sv_audit_turn(&f->fleet);
    assert_int_equal(signer.asked, 3);
}

// [audit-13]
static void a_signer_that_is_away_is_asked_again(void **state) {
    fixture *f = *state;
    signer.away = true;
    sv_audit_turn(&f->fleet);
    sv_audit_turn(&f->fleet);
    assert_int_equal(signer.asked, 1);
    assert_int_equal(sv_audit_signed_to(&f->fleet), 0);
    signer.away = false;
    fixture_now_us += SV_AUDIT_RETRY_US;
    sv_audit_turn(&f->fleet);
    expect_intact(f, 1);
}

// [audit-13]
static void each_checkpoint_stands_in_a_file_beside_the_database_too(void **state) {
    fixture *f = *state;
    char path[SV_PATH_MAX];
    sv_audit_turn(&f->fleet);
    add(f, "a.b", SV_AUDIT_DONE, fixture_now_us);
    fixture_now_us += SV_AUDIT_CHECKPOINT_US;
    sv_audit_turn(&f->fleet);
    fixture_now_us += SV_AUDIT_CHECKPOINT_US;
    sv_audit_turn(&f->fleet);
    SV_DEFER(sv_textbuf_drop) sv_textbuf file = SV_TEXTBUF_HEAP(65536);
    assert_int_equal(sv_disk_join(path, sizeof path, f->dir, "fleet.db" SV_AUDIT_FILE_ENDING),
                     SV_OK);
    assert_int_equal(sv_disk_read(path, &file, NULL), SV_OK);
    sv_text rest = sv_textbuf_text(&file);
    for (int64_t seq = 1; seq <= 2; seq++) {
        SV_DEFER(sv_json_drop) sv_json *root = NULL;
        sv_audit_record record;
        assert_int_equal(sv_audit_record_parse(sv_text_cut(&rest, '\n'), &root, &record, NULL),
                         SV_OK);
        assert_int_equal(record.kind, SV_AUDIT_CHECKPOINT);
        assert_int_equal(record.checkpoint.seq, seq);
        assert_int_equal(sv_audit_checkpoint_verify(signer.trust, &record.checkpoint, NULL), SV_OK);
    }
    assert_int_equal(rest.len, 0);
}

// [audit-3] [audit-10]
static void what_is_old_goes_and_a_signed_record_says_so(void **state) {
    fixture *f = *state;
    int64_t start_us = fixture_now_us;
    for (int i = 0; i < 5; i++) {
        add(f, "old.line", SV_AUDIT_DONE, fixture_now_us);
    }
    sv_audit_turn(&f->fleet);
    fixture_now_us += SV_TIME_DAY_US;
    add(f, "young.line", SV_AUDIT_DONE, fixture_now_us);
    // A day's slack: nothing goes until the oldest is a day too old, then all that is too old does.
    fixture_now_us = start_us + SV_AUDIT_KEPT_US + SV_TIME_HOUR_US;
    sv_audit_prune(&f->fleet);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM event_log"), 7);
    fixture_now_us = start_us + SV_AUDIT_KEPT_US + SV_TIME_DAY_US;
    signer.away = true;
    sv_audit_prune(&f->fleet);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM event_log"), 7);
    signer.away = false;
    sv_audit_prune(&f->fleet);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM event_log"), 1);
    assert_int_equal(
        fixture_count(f, "SELECT count(*) FROM event_pruned WHERE \"first\" = 1 AND \"last\" = 6"),
        1);
    sv_audit_turn(&f->fleet);
    fixture_now_us += SV_AUDIT_CHECKPOINT_US;
    sv_audit_turn(&f->fleet);
    expect_intact(f, 7);
    // The newest line stays however old it is: the chain goes on from it.
    fixture_now_us += SV_AUDIT_KEPT_US;
    sv_audit_prune(&f->fleet);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM event_log"), 1);
    add(f, "next.line", SV_AUDIT_DONE, fixture_now_us);
    expect_intact(f, 7);
    fixture_now_us = start_us;
}

/// How many lines hold that text, page by page; a page looks at a bounded number of lines and may
/// be empty.
static size_t found(fixture *f, const char *text, size_t pages_least) {
    char cursor[32] = "";
    size_t count = 0;
    size_t pages = 0;
    for (bool more = true; more; pages++) {
        SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(65536);
        SV_DEFER(sv_json_drop) sv_json *root = NULL;
        sv_audit_query query = {
            .filter = SV_AUDIT_FILTER_NONE, .cursor = cursor, .limit = 10, .look_max = 100
        };
        query.filter.text = text;
        sv_json_out out = SV_JSON_OUT(&json);
        sv_text next = SV_TEXT("");
        assert_int_equal(sv_audit_list(f->fleet.db, &query, &out, NULL), SV_OK);
        assert_int_equal(sv_json_parse(sv_textbuf_text(&json), &root, NULL, NULL), SV_OK);
        count += sv_json_count(sv_json_get(root, "items"));
        more = sv_json_text(sv_json_get(root, "next"), &next);
        assert_int_equal(sv_text_copy(next, cursor, sizeof cursor), SV_OK);
    }
    assert_true(pages >= pages_least);
    return count;
}

// [audit-3] [audit-4] [audit-10]
static void refusals_are_bounded_and_other_lines_between_them_stay(void **state) {
    fixture *f = *state;
    enum { REFUSED_MAX = 3000 };
    f->fleet.audit->refused_max = REFUSED_MAX;
    assert_int_equal(sv_db_begin(f->fleet.db, NULL), SV_OK);
    for (int i = 0; i < REFUSED_MAX + SV_AUDIT_REFUSED_SLACK; i++) {
        if (i % 500 == 7 && i < 1500) {
            add(f, "deed.done", SV_AUDIT_DONE, fixture_now_us);
        }
        add(f, "guess", SV_AUDIT_REFUSED, fixture_now_us);
    }
    assert_int_equal(sv_db_commit(f->fleet.db, NULL), SV_OK);
    sv_audit_prune(&f->fleet);
    assert_int_equal(signer.asked, 0); // one more is too many
    add(f, "guess", SV_AUDIT_REFUSED, fixture_now_us);
    sv_audit_prune(&f->fleet);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM event_log WHERE outcome = 'refused'"),
                     REFUSED_MAX);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM event_log WHERE what = 'deed.done'"),
                     3);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM event_pruned"), 3);
    sv_audit_turn(&f->fleet);
    sv_audit_verdict verdict = judged(f);
    assert_int_equal(verdict.finding, SV_AUDIT_INTACT);
    assert_int_equal(verdict.pruned, SV_AUDIT_REFUSED_SLACK + 1);
    assert_int_equal(found(f, "DEED.done", 10), 3);
}

// [audit-10]
static void without_a_signer_the_log_is_bounded_too_and_nobody_vouches(void **state) {
    fixture *f = *state;
    int64_t start_us = fixture_now_us;
    f->fleet.audit->sign = NULL;
    add(f, "old.line", SV_AUDIT_DONE, fixture_now_us);
    fixture_now_us += SV_AUDIT_KEPT_US + SV_TIME_DAY_US + SV_TIME_HOUR_US;
    add(f, "young.line", SV_AUDIT_DONE, fixture_now_us);
    sv_audit_turn(&f->fleet);
    sv_audit_prune(&f->fleet);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM event_log"), 1);
    sv_audit_verdict verdict = judged(f);
    assert_int_equal(verdict.finding, SV_AUDIT_UNTRUSTED);
    assert_int_equal(verdict.seq, 1);
    fixture_now_us = start_us;
}

static int64_t open_alerts(fixture *f) {
    return fixture_count(f, "SELECT count(*) FROM alert WHERE type = 'HEALTH' AND state < 2"
                            " AND severity = 'critical' AND rule = 'audit-room'");
}

// [audit-14]
static void what_cannot_be_written_is_counted_alarmed_and_told_later(void **state) {
    fixture *f = *state;
    const sv_audit_event event = { .at_us = fixture_now_us,
                                   .who = "eve",
                                   .what = "session.refuse",
                                   .about = "ada",
                                   .outcome = SV_AUDIT_REFUSED };
    sv_audit_turn(&f->fleet);
    assert_int_equal(open_alerts(f), 0);
    assert_int_equal(sv_db_exec(f->fleet.db, "ALTER TABLE event_log RENAME TO away", NULL), SV_OK);
    for (int i = 0; i < 3; i++) {
        sv_audit_note(&f->fleet, &event);
    }
    sv_audit_turn(&f->fleet);
    sv_audit_turn(&f->fleet);
    assert_int_equal(sv_audit_unwritten_ever(&f->fleet), 3);
    assert_int_equal(open_alerts(f), 1);
    assert_int_equal(sv_db_exec(f->fleet.db, "ALTER TABLE away RENAME TO event_log", NULL), SV_OK);
    sv_audit_turn(&f->fleet);
    sv_audit_turn(&f->fleet);
    assert_int_equal(open_alerts(f), 0);
    assert_int_equal(
        fixture_count(f, "SELECT count(*) FROM event_log WHERE what = 'audit.unwritten' AND detail"
                         " LIKE '3 lines between % could not be written, the first:"
                         " session.refuse ada'"),
        1);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM event_log"), 2);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_signer_vouches_for_a_thousand_lines_or_ten_minutes),
        TEST(a_signer_that_is_away_is_asked_again),
        TEST(each_checkpoint_stands_in_a_file_beside_the_database_too),
        TEST(what_is_old_goes_and_a_signed_record_says_so),
        TEST(refusals_are_bounded_and_other_lines_between_them_stay),
        TEST(what_cannot_be_written_is_counted_alarmed_and_told_later),
        TEST(without_a_signer_the_log_is_bounded_too_and_nobody_vouches),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
