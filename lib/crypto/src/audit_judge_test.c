#include "audit_fixture.h"

#include <base/prng.h>

static plant here, other;

static int make(void **state) {
    (void) state;
    plant_make(&here, SV_KEY_EC);
    plant_make(&other, SV_KEY_EC);
    return 0;
}

static int drop(void **state) {
    (void) state;
    plant_drop(&here);
    plant_drop(&other);
    return 0;
}

static void words_of(sv_prng *prng, char room[WORDS_MAX]) {
    size_t len = sv_prng_next(prng) % WORDS_MAX;
    for (size_t i = 0; i < len; i++) {
        room[i] = (char) (' ' + sv_prng_next(prng) % 95);
    }
    room[len] = '\0';
}

/// A log with pruned lines at its beginning and in its middle, and checkpoints here and there, the
/// last one at its end.
static log_book random_log(uint64_t seed) {
    static char words[LOG_MAX][WORDS_MAX];
    sv_prng prng = { .state = seed };
    log_book book = { .count = 0 };
    log_head(&book, 0);
    for (size_t i = 0; i < 12; i++) {
        words_of(&prng, words[i]);
        log_line(&book, sv_text_of(words[i]));
        uint64_t dice = sv_prng_next(&prng) % 6;
        if (i == 0 || (dice == 1 && i > 1)) {
            log_prune(&book, &here, 1);
        } else if (i == 1 || dice == 0) {
            log_checkpoint(&book, &here);
        }
    }
    log_line(&book, SV_TEXT("last"));
    log_checkpoint(&book, &here);
    log_end(&book);
    return book;
}

static void expect(const sv_audit_verdict *verdict, sv_audit_finding finding, int64_t seq) {
    if (verdict->finding != finding || verdict->seq != seq) {
        fail_msg("%s at %lld, expected %s at %lld: %s", sv_audit_finding_name(verdict->finding),
                 (long long) verdict->seq, sv_audit_finding_name(finding), (long long) seq,
                 verdict->why.text);
    }
}

// [audit-9]
static void an_honest_log_is_intact(void **state) {
    (void) state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        log_book book = random_log(seed);
        sv_audit_verdict verdict = judge_log(&here, &book);
        expect(&verdict, SV_AUDIT_INTACT, 0);
        assert_int_equal(verdict.last, 13);
        assert_int_equal(verdict.lines + verdict.pruned, 13);
        assert_int_equal(verdict.signed_to, 13);
        assert_true(verdict.checkpoints >= 2 && verdict.pruned >= 1);
    }
}

/// The line that record `index` is, or that has to come where it stands.
static int64_t line_at(const log_book *book, size_t index) {
    const sv_audit_record *record = &book->at[index];
    return record->kind == SV_AUDIT_LINE         ? record->line.seq
           : record->kind == SV_AUDIT_GAP        ? record->gap.first
           : record->kind == SV_AUDIT_CHECKPOINT ? record->checkpoint.seq
                                                 : book->last;
}

/// Every text of a byte's change, at that record.
static void change_bytes(const log_book *book, size_t index, sv_prng *prng) {
    sv_text lines[LOG_MAX] = { 0 };
    sv_textbuf rooms[LOG_MAX] = { 0 };
    for (size_t i = 0; i < book->count; i++) {
        rooms[i] = SV_TEXTBUF_HEAP(SV_AUDIT_RECORD_MAX);
        sv_audit_record_add(&rooms[i], &book->at[i]);
        lines[i] = sv_textbuf_text(&rooms[i]);
    }
    char *bytes = rooms[index].at;
    for (size_t at = sv_prng_next(prng) % 7; at < lines[index].len; at += 7) {
        char was = bytes[at];
        bytes[at] = (char) (was ^ (char) (1 + sv_prng_next(prng) % 127));
        sv_audit_verdict verdict = judge_texts(&here, lines, book->count);
        int64_t line = line_at(book, index);
        bool is_checkpoint = book->at[index].kind == SV_AUDIT_CHECKPOINT;
        if (verdict.finding == SV_AUDIT_INTACT || verdict.finding == SV_AUDIT_UNSIGNED
            || (!is_checkpoint && verdict.seq != line)) {
            fail_msg("byte %zu of record %zu (line %lld): %s at %lld: %s", at, index,
                     (long long) line, sv_audit_finding_name(verdict.finding),
                     (long long) verdict.seq, verdict.why.text);
        }
        bytes[at] = was;
    }
    for (size_t i = 0; i < book->count; i++) {
        sv_textbuf_drop(&rooms[i]);
    }
}

// [audit-9]
static void whatever_byte_is_changed_it_is_found_and_its_line_named(void **state) {
    (void) state;
    log_book book = random_log(3);
    sv_prng prng = { .state = 7 };
    for (size_t i = 1; i + 1 < book.count; i++) {
        change_bytes(&book, i, &prng);
    }
}

static log_book without(const log_book *book, size_t index) {
    log_book left = *book;
    left.count--;
    memmove(&left.at[index], &left.at[index + 1], (left.count - index) * sizeof left.at[0]);
    return left;
}

static bool is_numbered(const sv_audit_record *record) {
    return record->kind == SV_AUDIT_LINE || record->kind == SV_AUDIT_GAP;
}

// [audit-9]
static void whatever_record_is_taken_out_it_is_missed(void **state) {
    (void) state;
    for (uint64_t seed = 0; seed < 5; seed++) {
        log_book book = random_log(seed);
        for (size_t i = 1; i + 3 < book.count; i++) {
            log_book left = without(&book, i);
            sv_audit_verdict verdict = judge_log(&here, &left);
            if (is_numbered(&book.at[i])) {
                expect(&verdict, SV_AUDIT_REMOVED, line_at(&book, i));
            } else {
                expect(&verdict, SV_AUDIT_INTACT, 0); // a later one covers it
            }
        }
    }
}

// [audit-9]
static void two_lines_that_changed_places_are_found_in_the_wrong_order(void **state) {
    (void) state;
    for (uint64_t seed = 0; seed < 5; seed++) {
        log_book book = random_log(seed);
        for (size_t i = 1; i + 1 < book.count; i++) {
            for (size_t j = i + 1; j + 1 < book.count; j++) {
                log_book moved = book;
                moved.at[i] = book.at[j];
                moved.at[j] = book.at[i];
                sv_audit_verdict verdict = judge_log(&here, &moved);
                if (is_numbered(&book.at[i]) && is_numbered(&book.at[j])) {
                    expect(&verdict, SV_AUDIT_REORDERED, line_at(&book, i));
                }
            }
        }
    }
}

/// A line that says something else under the number, and is hashed as it has to be.
static sv_audit_record forged(const log_book *book, size_t index) {
    sv_audit_record record = book->at[index];
    record.line.who = SV_TEXT("eve");
    assert_int_equal(sv_audit_hash(&record.line, record.line.hash, NULL), SV_OK);
    return record;
}

// [audit-9]
static void a_line_that_was_put_in_or_replaced_with_a_good_hash_is_named(void **state) {
    (void) state;
    for (uint64_t seed = 0; seed < 5; seed++) {
        log_book book = random_log(seed);
        for (size_t i = 1; i + 1 < book.count; i++) {
            if (book.at[i].kind != SV_AUDIT_LINE) {
                continue;
            }
            log_book more = book;
            memmove(&more.at[i + 1], &more.at[i], (more.count - i) * sizeof more.at[0]);
            more.count++;
            sv_audit_verdict verdict = judge_log(&here, &more);
            expect(&verdict, SV_AUDIT_INSERTED, line_at(&book, i));
            log_book other_line = book;
            other_line.at[i] = forged(&book, i);
            verdict = judge_log(&here, &other_line);
            // A checkpoint of that very line knows only since when nothing was signed.
            bool is_signed = book.at[i + 1].kind == SV_AUDIT_CHECKPOINT;
            expect(&verdict, SV_AUDIT_CHANGED, is_signed ? verdict.seq : line_at(&book, i));
            assert_true(verdict.seq <= line_at(&book, i));
        }
    }
}

/// Every hash from record `index` on as it has to be; checkpoints stay what they were.
static void make_anew(log_book *book, size_t index) {
    uint8_t hash[SV_AUDIT_HASH_BYTES];
    memcpy(hash, book->at[index].line.prev, sizeof hash);
    for (size_t i = index; i < book->count; i++) {
        sv_audit_line *line = &book->at[i].line;
        if (book->at[i].kind == SV_AUDIT_LINE) {
            memcpy(line->prev, hash, sizeof hash);
            assert_int_equal(sv_audit_hash(line, line->hash, NULL), SV_OK);
            memcpy(hash, line->hash, sizeof hash);
        }
    }
}

// [audit-9]
static void a_chain_that_was_made_anew_is_found_by_the_next_checkpoint(void **state) {
    (void) state;
    log_book honest = { .count = 0 };
    log_head(&honest, 0);
    for (size_t i = 1; i <= 9; i++) {
        log_line(&honest, SV_TEXT("as it was"));
        if (i % 3 == 0) {
            log_checkpoint(&honest, &here);
        }
    }
    log_end(&honest);
    for (size_t i = 1; i + 1 < honest.count; i++) {
        log_book book = honest;
        if (book.at[i].kind != SV_AUDIT_LINE) {
            continue;
        }
        book.at[i].line.detail = SV_TEXT("otherwise");
        make_anew(&book, i);
        sv_audit_verdict verdict = judge_log(&here, &book);
        expect(&verdict, SV_AUDIT_CHANGED, (line_at(&honest, i) - 1) / 3 * 3 + 1);
    }
}

static sv_audit_verdict judge_with(const log_book *book, const sv_audit_checkpoint *elsewhere,
                                   bool whole) {
    SV_DEFER(sv_audit_judge_drop) sv_audit_judge *judge = sv_audit_judge_new(here.trust, 0);
    assert_int_equal(sv_audit_judge_expect(judge, elsewhere, NULL), SV_OK);
    for (size_t i = 0; i < book->count; i++) {
        const sv_audit_record *record = &book->at[i];
        if (record->kind == SV_AUDIT_LINE) {
            sv_audit_judge_line(judge, &record->line);
        } else if (record->kind == SV_AUDIT_GAP) {
            sv_audit_judge_gap(judge, &record->gap);
        } else if (record->kind == SV_AUDIT_CHECKPOINT) {
            sv_audit_judge_checkpoint(judge, &record->checkpoint);
        }
    }
    return sv_audit_judge_end(judge, 0, whole);
}

// [audit-9]
static void a_tail_that_was_cut_off_is_found_by_a_checkpoint_that_was_kept_elsewhere(void **state) {
    (void) state;
    log_book book = random_log(5);
    const sv_audit_checkpoint elsewhere = book.at[book.count - 2].checkpoint;
    sv_audit_verdict verdict = judge_with(&book, &elsewhere, true);
    expect(&verdict, SV_AUDIT_INTACT, 0);
    for (size_t count = book.count - 3; count > 4; count--) {
        log_book cut = book;
        cut.count = count;
        verdict = judge_with(&cut, &elsewhere, true);
        expect(&verdict, SV_AUDIT_TRUNCATED, verdict.last + 1);
        assert_true(verdict.last < 13);
        // A part of the log is not the log: what comes later does not belong to it.
        verdict = judge_with(&cut, &elsewhere, false);
        assert_int_not_equal(verdict.finding, SV_AUDIT_TRUNCATED);
    }
    // It says what line 13 was, whoever signs another one into the log.
    log_book again = book;
    again.count -= 3;
    again.last = 12;
    log_line(&again, SV_TEXT("another last"));
    log_checkpoint(&again, &here);
    verdict = judge_with(&again, &elsewhere, true);
    assert_true(verdict.finding == SV_AUDIT_CHANGED);
}

// [audit-9]
static void an_export_that_was_cut_anywhere_is_not_whole(void **state) {
    (void) state;
    log_book book = random_log(6);
    for (size_t count = 1; count < book.count; count++) {
        log_book cut = book;
        cut.count = count;
        sv_audit_verdict verdict = judge_log(&here, &cut);
        expect(&verdict, SV_AUDIT_TRUNCATED, verdict.last + 1);
    }
}

// [audit-9]
static void lines_that_nothing_signed_covers_are_not_proved(void **state) {
    (void) state;
    log_book book = { .count = 0 };
    log_head(&book, 0);
    log_line(&book, SV_TEXT("first"));
    log_end(&book);
    sv_audit_verdict verdict = judge_log(&here, &book);
    expect(&verdict, SV_AUDIT_UNSIGNED, 1);
    book.count--;
    log_checkpoint(&book, &here);
    log_line(&book, SV_TEXT("second"));
    log_line(&book, SV_TEXT("third"));
    log_end(&book);
    verdict = judge_log(&here, &book);
    expect(&verdict, SV_AUDIT_INTACT, 0); // they wait for the next checkpoint
    assert_int_equal(verdict.signed_to, 1);
    sv_audit_line *last = &book.at[book.count - 2].line;
    last->at_us += SV_AUDIT_UNSIGNED_US + SV_TIME_SECOND_US;
    assert_int_equal(sv_audit_hash(last, last->hash, NULL), SV_OK);
    verdict = judge_log(&here, &book);
    expect(&verdict, SV_AUDIT_UNSIGNED, 2);
}

// [audit-9]
static void pruned_lines_count_as_removed_unless_the_signer_says_so(void **state) {
    (void) state;
    log_book book = { .count = 0 };
    log_head(&book, 0);
    log_line(&book, SV_TEXT("first"));
    log_line(&book, SV_TEXT("second"));
    log_prune(&book, &other, 2);
    log_line(&book, SV_TEXT("third"));
    log_checkpoint(&book, &here);
    log_end(&book);
    sv_audit_verdict verdict = judge_log(&here, &book);
    expect(&verdict, SV_AUDIT_UNTRUSTED, 1);
}

// [audit-12]
static void what_is_no_export_or_a_filtered_one_is_refused_in_words(void **state) {
    (void) state;
    static const struct {
        const char *line, *sentence;
    } CASES[] = {
        { "", "this is no export of an audit log: " },
        { "{\"end\":1,\"more\":false}", "this is no export of an audit log" },
        { "{\"selvedge\":\"audit export 2\",\"server\":\"a\",\"after\":0,\"filter\":\"\"}",
          "this is no export of an audit log: it is not an \"audit export 1\"" },
        { "{\"selvedge\":\"audit export 1\",\"server\":\"a\",\"after\":-1,\"filter\":\"\"}",
          "an export cannot begin behind line -1" },
        { "{\"selvedge\":\"audit export 1\",\"server\":\"a\",\"after\":0,\"filter\":\"who=ada\"}",
          "this export holds only lines with who=ada, so nobody can say whether one is missing" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(sv_audit_export_drop) sv_audit_export *reading = sv_audit_export_new(here.trust);
        sv_why why = { 0 };
        assert_int_equal(sv_audit_export_line(reading, sv_text_of(CASES[i].line), &why),
                         SV_ERR_INVALID);
        if (strncmp(why.text, CASES[i].sentence, strlen(CASES[i].sentence)) != 0) {
            fail_msg("case %zu: %s", i, why.text);
        }
    }
}

// [audit-12]
static void a_part_of_the_log_is_judged_from_where_it_begins(void **state) {
    (void) state;
    log_book book = { .count = 0 };
    for (int i = 0; i < 3; i++) {
        log_line(&book, SV_TEXT("before"));
    }
    book.count = 0;
    log_head(&book, 3);
    log_line(&book, SV_TEXT("fourth"));
    log_line(&book, SV_TEXT("fifth"));
    log_checkpoint(&book, &here);
    log_end(&book);
    sv_audit_verdict verdict = judge_log(&here, &book);
    expect(&verdict, SV_AUDIT_INTACT, 0);
    assert_int_equal(verdict.first, 4);
    book = without(&book, 1);
    verdict = judge_log(&here, &book);
    expect(&verdict, SV_AUDIT_REMOVED, 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_honest_log_is_intact),
        cmocka_unit_test(whatever_byte_is_changed_it_is_found_and_its_line_named),
        cmocka_unit_test(whatever_record_is_taken_out_it_is_missed),
        cmocka_unit_test(two_lines_that_changed_places_are_found_in_the_wrong_order),
        cmocka_unit_test(a_line_that_was_put_in_or_replaced_with_a_good_hash_is_named),
        cmocka_unit_test(a_chain_that_was_made_anew_is_found_by_the_next_checkpoint),
        cmocka_unit_test(a_tail_that_was_cut_off_is_found_by_a_checkpoint_that_was_kept_elsewhere),
        cmocka_unit_test(an_export_that_was_cut_anywhere_is_not_whole),
        cmocka_unit_test(lines_that_nothing_signed_covers_are_not_proved),
        cmocka_unit_test(pruned_lines_count_as_removed_unless_the_signer_says_so),
        cmocka_unit_test(what_is_no_export_or_a_filtered_one_is_refused_in_words),
        cmocka_unit_test(a_part_of_the_log_is_judged_from_where_it_begins),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
