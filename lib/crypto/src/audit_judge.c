#include <base/mem.h>
#include <crypto/audit_judge.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sv_audit_judge {
    const sv_audit_trust *trust;
    int64_t after;
    int64_t next;                      ///< the line that has to come
    uint8_t hash[SV_AUDIT_HASH_BYTES]; ///< of the one before
    bool knows_hash;                   ///< not before the first record of a part
    bool looks;          ///< for line `next`, which is missing: it may stand further down
    sv_why missing;      ///< what is said when it does not
    int64_t unsigned_us; ///< when the first line behind the last checkpoint was written
    int64_t last_us;
    sv_audit_checkpoint *expected;
    size_t expected_count, expected_room, expected_at;
    sv_audit_verdict verdict;
};

const char *sv_audit_finding_name(sv_audit_finding finding) {
    static const char *const NAMES[SV_AUDIT_FINDING__COUNT] = {
        [SV_AUDIT_INTACT] = "intact",       [SV_AUDIT_CHANGED] = "changed",
        [SV_AUDIT_REMOVED] = "removed",     [SV_AUDIT_REORDERED] = "reordered",
        [SV_AUDIT_INSERTED] = "inserted",   [SV_AUDIT_TRUNCATED] = "truncated",
        [SV_AUDIT_UNTRUSTED] = "untrusted", [SV_AUDIT_UNSIGNED] = "unsigned",
    };
    return (unsigned) finding < SV_AUDIT_FINDING__COUNT ? NAMES[finding] : "unknown";
}

sv_audit_judge *sv_audit_judge_new(const sv_audit_trust *trust, int64_t after) {
    sv_audit_judge *judge = sv_mem_new(sizeof *judge);
    *judge = (sv_audit_judge){ .trust = trust,
                               .after = after,
                               .next = after + 1,
                               .knows_hash = after == 0,
                               .verdict = { .first = after + 1, .last = after } };
    return judge;
}

void sv_audit_judge_drop(sv_audit_judge **judge) {
    if (*judge != NULL) {
        free((*judge)->expected);
        free(*judge);
        *judge = NULL;
    }
}

/// The first finding is the one that counts.
SV_PRINTF(4, 5)
static void find(sv_audit_judge *judge, sv_audit_finding finding, int64_t seq, const char *fmt,
                 ...) {
    va_list args;
    if (judge->verdict.finding != SV_AUDIT_INTACT) {
        return;
    }
    judge->verdict.finding = finding;
    judge->verdict.seq = seq;
    va_start(args, fmt);
    (void) vsnprintf(judge->verdict.why.text, sizeof judge->verdict.why.text, fmt, args);
    va_end(args);
}

static bool is_settled(const sv_audit_judge *judge) {
    return judge->verdict.finding != SV_AUDIT_INTACT;
}

// ---- checkpoints --------------------------------------------------------------------------------

static int by_seq(const void *left, const void *right) {
    const sv_audit_checkpoint *a = left;
    const sv_audit_checkpoint *b = right;
    return (a->seq > b->seq) - (a->seq < b->seq);
}

/// They are kept in order.
static sv_err expect(sv_audit_judge *judge, const sv_audit_checkpoint *checkpoint, sv_why *why) {
    if (judge->expected_count == SV_AUDIT_EXPECTED_MAX) {
        return sv_fail(why, SV_ERR_NO_SPACE, "there are more than %d checkpoints",
                       SV_AUDIT_EXPECTED_MAX);
    }
    if (judge->expected_count == judge->expected_room) {
        judge->expected_room = judge->expected_room > 0 ? 2 * judge->expected_room : 64;
        judge->expected =
            sv_mem_resize(judge->expected, judge->expected_room * sizeof *judge->expected);
    }
    judge->expected[judge->expected_count++] = *checkpoint;
    size_t open = judge->expected_count - judge->expected_at;
    if (open > 1 && checkpoint->seq < judge->expected[judge->expected_count - 2].seq) {
        qsort(judge->expected + judge->expected_at, open, sizeof *judge->expected, by_seq);
    }
    return SV_OK;
}

sv_err sv_audit_judge_expect(sv_audit_judge *judge, const sv_audit_checkpoint *checkpoint,
                             sv_why *why) {
    SV_TRY(sv_audit_checkpoint_verify(judge->trust, checkpoint, why));
    return expect(judge, checkpoint, why);
}

/// Of the line that was judged last; its signature is good.
static void compare(sv_audit_judge *judge, const sv_audit_checkpoint *checkpoint) {
    sv_audit_verdict *v = &judge->verdict;
    if (memcmp(checkpoint->hash, judge->hash, sizeof judge->hash) != 0) {
        int64_t from = v->signed_to >= v->first ? v->signed_to + 1 : v->first;
        find(judge, SV_AUDIT_CHANGED, from,
             "the signed checkpoint at line %" PRId64 " does not fit: one of the lines %" PRId64
             " to %" PRId64 " was changed, and the hashes behind it made anew",
             checkpoint->seq, from, checkpoint->seq);
        return;
    }
    v->checkpoints++;
    v->signed_to = checkpoint->seq;
    v->signed_us = checkpoint->seal.at_us;
    judge->unsigned_us = 0;
}

/// Those from elsewhere up to the last line that was judged. Over pruned lines nothing can be
/// compared but the last.
static void compare_expected(sv_audit_judge *judge) {
    int64_t reached = judge->next - 1;
    for (; judge->expected_at < judge->expected_count
           && judge->expected[judge->expected_at].seq <= reached;
         judge->expected_at++) {
        const sv_audit_checkpoint *checkpoint = &judge->expected[judge->expected_at];
        if (checkpoint->seq == reached && checkpoint->seq > judge->after) {
            compare(judge, checkpoint);
        }
    }
}

void sv_audit_judge_checkpoint(sv_audit_judge *judge, const sv_audit_checkpoint *checkpoint) {
    sv_why why = { 0 };
    if (is_settled(judge) || judge->looks) {
        return;
    }
    if (sv_audit_checkpoint_verify(judge->trust, checkpoint, &why) != SV_OK) {
        find(judge, SV_AUDIT_UNTRUSTED, checkpoint->seq, "%s", why.text);
    } else if (checkpoint->seq == judge->next - 1) {
        compare(judge, checkpoint);
    } else if (checkpoint->seq < judge->next) {
        find(judge, SV_AUDIT_REORDERED, checkpoint->seq,
             "the checkpoint at line %" PRId64 " stands behind line %" PRId64, checkpoint->seq,
             judge->next - 1);
    } else if (expect(judge, checkpoint, &why) != SV_OK) { // else its line may still come
        find(judge, SV_AUDIT_REORDERED, checkpoint->seq, "%s", why.text);
    }
}

// ---- lines --------------------------------------------------------------------------------------

/// Line `next` is missing here; it may stand further down.
static void miss(sv_audit_judge *judge, int64_t found) {
    sv_textbuf text = { .at = judge->missing.text, .cap = sizeof judge->missing.text };
    judge->looks = true;
    sv_textbuf_addf(&text, "line %" PRId64, judge->next);
    if (found - 1 > judge->next) {
        sv_textbuf_addf(&text, " and all to line %" PRId64, found - 1);
    }
    sv_textbuf_add_str(&text, " is missing, and no signed record says that it was pruned");
    (void) (sv_textbuf_end(&text) == SV_OK); // the numbers fit
}

/// What is shown while line `next` is looked for.
static void look(sv_audit_judge *judge, int64_t seq) {
    if (seq == judge->next) {
        judge->looks = false;
        find(judge, SV_AUDIT_REORDERED, seq,
             "line %" PRId64 " stands further down than behind line %" PRId64, seq, seq - 1);
    }
}

static void accept(sv_audit_judge *judge, int64_t last, const uint8_t hash[SV_AUDIT_HASH_BYTES]) {
    memcpy(judge->hash, hash, sizeof judge->hash);
    judge->knows_hash = true;
    judge->next = last + 1;
    judge->verdict.last = last;
    compare_expected(judge);
}

static bool follows(const sv_audit_judge *judge, const uint8_t prev[SV_AUDIT_HASH_BYTES]) {
    return !judge->knows_hash || memcmp(prev, judge->hash, sizeof judge->hash) == 0;
}

static void find_break(sv_audit_judge *judge) {
    int64_t before = judge->next - 1;
    if (before < judge->verdict.first) {
        find(judge, SV_AUDIT_CHANGED, judge->next, "line %" PRId64 " is not what a log begins with",
             judge->next);
        return;
    }
    find(judge, SV_AUDIT_CHANGED, before,
         "line %" PRId64 " does not continue line %" PRId64
         " as it stands here: that one was replaced",
         judge->next, before);
}

void sv_audit_judge_line(sv_audit_judge *judge, const sv_audit_line *line) {
    uint8_t own[SV_AUDIT_HASH_BYTES];
    if (is_settled(judge)) {
        return;
    }
    bool is_own =
        sv_audit_hash(line, own, NULL) == SV_OK && memcmp(own, line->hash, sizeof own) == 0;
    if (judge->looks) {
        look(judge, line->seq);
    } else if (!is_own) {
        find(judge, SV_AUDIT_CHANGED, judge->next,
             "line %" PRId64 " is not what its hash was made of", judge->next);
    } else if (line->seq > judge->next) {
        miss(judge, line->seq);
    } else if (line->seq < judge->next) {
        find(judge, SV_AUDIT_INSERTED, line->seq,
             "a second line %" PRId64 " stands behind line %" PRId64, line->seq, judge->next - 1);
    } else if (!follows(judge, line->prev)) {
        find_break(judge);
    } else {
        judge->verdict.lines++;
        judge->last_us = line->at_us;
        judge->unsigned_us = judge->unsigned_us != 0 ? judge->unsigned_us : line->at_us;
        accept(judge, line->seq, line->hash);
    }
}

void sv_audit_judge_gap(sv_audit_judge *judge, const sv_audit_gap *gap) {
    sv_why why = { 0 };
    if (is_settled(judge)) {
        return;
    }
    if (judge->looks) {
        look(judge, gap->first);
    } else if (sv_audit_gap_verify(judge->trust, gap, &why) != SV_OK) {
        find(judge, SV_AUDIT_UNTRUSTED, judge->next, "%s", why.text);
    } else if (gap->first > judge->next) {
        miss(judge, gap->first);
    } else if (gap->first < judge->next || gap->last < gap->first) {
        find(judge, SV_AUDIT_INSERTED, gap->first,
             "the pruning of lines %" PRId64 " to %" PRId64 " stands behind line %" PRId64,
             gap->first, gap->last, judge->next - 1);
    } else if (!follows(judge, gap->prev)) {
        find_break(judge);
    } else {
        judge->verdict.pruned += gap->last - gap->first + 1;
        accept(judge, gap->last, gap->hash);
    }
}

void sv_audit_judge_broken(sv_audit_judge *judge, const char *sentence) {
    find(judge, SV_AUDIT_CHANGED, judge->next, "what stands in place of line %" PRId64 ": %s",
         judge->next, sentence);
}

// ---- the end ------------------------------------------------------------------------------------

static void check_cut(sv_audit_judge *judge, int64_t claimed, bool whole) {
    int64_t furthest = claimed;
    bool is_signed = false;
    if (whole && judge->expected_count > 0
        && judge->expected[judge->expected_count - 1].seq > judge->verdict.last) {
        furthest = judge->expected[judge->expected_count - 1].seq;
        is_signed = true;
    }
    if (furthest > judge->verdict.last) {
        find(judge, SV_AUDIT_TRUNCATED, judge->verdict.last + 1,
             "the log ends at line %" PRId64 ", and %s that it went on to line %" PRId64,
             judge->verdict.last,
             is_signed ? "a signed checkpoint says" : "what stands beside it says", furthest);
    }
}

static void check_signed(sv_audit_judge *judge) {
    sv_audit_verdict *v = &judge->verdict;
    int64_t count = v->last - (v->signed_to >= v->first ? v->signed_to : v->first - 1);
    if (v->signed_to == 0) {
        find(judge, SV_AUDIT_UNSIGNED, v->first, "no signed checkpoint covers any of its lines");
    } else if (count > SV_AUDIT_UNSIGNED_MAX
               || (judge->unsigned_us != 0
                   && judge->last_us - judge->unsigned_us > SV_AUDIT_UNSIGNED_US)) {
        find(judge, SV_AUDIT_UNSIGNED, v->signed_to + 1,
             "no signed checkpoint covers the lines from %" PRId64 " on: %" PRId64
             " lines, more than wait for one",
             v->signed_to + 1, count);
    }
}

sv_audit_verdict sv_audit_judge_end(sv_audit_judge *judge, int64_t claimed, bool whole) {
    if (judge->looks) {
        find(judge, SV_AUDIT_REMOVED, judge->next, "%s", judge->missing.text);
    }
    check_cut(judge, claimed, whole);
    check_signed(judge);
    return judge->verdict;
}
