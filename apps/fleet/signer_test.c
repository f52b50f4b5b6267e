#include "signer.h"

#include <base/fd.h>
#include <base/test.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int64_t clock_us = 1000000;

static int64_t test_clock(void) {
    return clock_us;
}

/// A signer whose answers the test writes.
typedef struct fake {
    char dir[32], path[64];
    sv_loop *loop;
    int listener, peer;
} fake;

typedef struct heard {
    int times;
    sv_err err;
    size_t bytes;
    char first, sentence[SV_WHY_MAX];
} heard;

static void note(void *arg, sv_err err, sv_text bytes, const sv_why *why) {
    heard *h = arg;
    h->times++;
    h->err = err;
    h->bytes = bytes.len;
    h->first = '\0';
    if (bytes.len > 0) {
        h->first = bytes.at[0];
    }
    (void) snprintf(h->sentence, sizeof h->sentence, "%s", why != NULL ? why->text : "");
}

static void listen_again(fake *f) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    (void) snprintf(address.sun_path, sizeof address.sun_path, "%s", f->path);
    f->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(f->listener, (const struct sockaddr *) &address, sizeof address), 0);
    assert_int_equal(listen(f->listener, 4), 0);
}

static void go_away(fake *f) {
    sv_fd_drop(&f->listener);
    sv_fd_drop(&f->peer);
    f->listener = f->peer = -1;
    (void) unlink(f->path);
}

static void begin(fake *f) {
    *f = (fake){ .dir = "/tmp/sv-signer-XXXXXX", .listener = -1, .peer = -1 };
    assert_non_null(mkdtemp(f->dir));
    (void) snprintf(f->path, sizeof f->path, "%s/s", f->dir);
    assert_int_equal(sv_loop_open(&f->loop, NULL), SV_OK);
}

static void finish(fake *f) {
    go_away(f);
    sv_loop_drop(&f->loop);
    assert_int_equal(rmdir(f->dir), 0);
}

/// The next request; the loop runs until it is there.
static sv_signer_request next(fake *f) {
    sv_signer_request request;
    for (int i = 0; i < 1000; i++) {
        if (f->peer < 0) {
            f->peer = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
        }
        ssize_t got = f->peer < 0 ? -1 : recv(f->peer, &request, sizeof request, MSG_DONTWAIT);
        if (got >= 0) {
            sv_signer_request whole;
            assert_int_equal(sv_signer_request_read(&request, (size_t) got, &whole, NULL), SV_OK);
            return whole;
        }
        sv_loop_turn(f->loop, 10000);
    }
    fail_msg("no request came");
    return (sv_signer_request){ 0 };
}

static bool is_asked(const fake *f) {
    char byte = 0;
    return recv(f->peer, &byte, 1, MSG_DONTWAIT | MSG_PEEK) > 0;
}

static void answer(const fake *f, const sv_signer_request *to, sv_err err, char fill,
                   uint32_t bytes, uint64_t total) {
    sv_signer_answer out = { .head = to->head, .err = err, .bytes = bytes, .total = total };
    memset(out.data, fill, bytes);
    (void) snprintf(out.sentence, sizeof out.sentence, "%s", err != SV_OK ? "not for you" : "");
    assert_int_equal(send(f->peer, &out, sizeof out, 0), sizeof out);
}

static void turn_until(fake *f, const int *times, int wanted) {
    for (int i = 0; i < 1000 && *times < wanted; i++) {
        sv_loop_turn(f->loop, 10000);
    }
    assert_int_equal(*times, wanted);
}

static sv_issue some(const char *id) {
    sv_issue issue = { .lifetime_s = 60 };
    (void) snprintf(issue.id, sizeof issue.id, "%s", id);
    return issue;
}

// [signer-1]
static void each_question_is_answered_once_and_a_standing_goes_first(void **state) {
    (void) state;
    fake f;
    begin(&f);
    listen_again(&f);
    sv_signer *signer = sv_signer_open(f.loop, f.path, test_clock);
    assert_true(sv_signer_is_up(signer));
    heard a = { 0 }, b = { 0 }, s = { 0 };
    const sv_issue first = some("a"), second = some("b");
    const uint8_t hash[SV_STANDING_HASH_BYTES] = { 7 };
    assert_int_equal(sv_signer_issue(signer, &first, note, &a, NULL), SV_OK);
    assert_int_equal(sv_signer_issue(signer, &second, note, &b, NULL), SV_OK);
    assert_int_equal(sv_signer_standing(signer, 3, hash, 5, note, &s, NULL), SV_OK);
    assert_int_equal(a.times + b.times + s.times, 0);

    sv_signer_request standing = next(&f), to_a = next(&f), to_b = next(&f);
    assert_int_equal(standing.head.verb, SV_SIGNER_STANDING);
    assert_true(standing.standing.version == 3 && standing.standing.at_us == 5);
    assert_memory_equal(standing.standing.hash, hash, sizeof hash);
    assert_string_equal(to_a.issue.id, "a");
    assert_string_equal(to_b.issue.id, "b");
    answer(&f, &to_b, SV_OK, 'B', 10, 10);
    answer(&f, &to_a, SV_ERR_INVALID, 0, 0, 0);
    answer(&f, &standing, SV_OK, 'S', 64, 64);
    turn_until(&f, &s.times, 1);
    assert_true(a.times == 1 && a.err == SV_ERR_INVALID);
    assert_string_equal(a.sentence, "not for you");
    assert_true(b.times == 1 && b.err == SV_OK && b.first == 'B' && b.bytes == 10);
    assert_true(s.err == SV_OK && s.first == 'S');
    sv_signer_drop(&signer);
    finish(&f);
}

// [signer-8]
static void a_signer_that_goes_away_ends_its_questions_and_is_found_again(void **state) {
    (void) state;
    fake f;
    begin(&f);
    sv_signer *signer = sv_signer_open(f.loop, f.path, test_clock);
    heard h = { 0 };
    sv_why why = { 0 };
    const sv_issue issue = some("a");
    assert_int_equal(sv_signer_issue(signer, &issue, note, &h, &why), SV_ERR_UNAVAILABLE);
    assert_non_null(strstr(why.text, "start selvedge-signer"));
    assert_int_equal(sv_signer_issue(NULL, &issue, note, &h, &why), SV_ERR_UNAVAILABLE);
    assert_non_null(strstr(why.text, "signer: {socket: PATH}"));

    for (int round = 1; round <= 3; round++) {
        listen_again(&f);
        assert_int_equal(sv_signer_issue(signer, &issue, note, &h, NULL), SV_OK);
        (void) next(&f);
        assert_int_equal(h.times, round - 1);
        go_away(&f);
        turn_until(&f, &h.times, round);
        assert_int_equal(h.err, SV_ERR_UNAVAILABLE);
        assert_non_null(strstr(h.sentence, "went away before it answered; nothing was issued"));
        assert_false(sv_signer_is_up(signer));
    }
    listen_again(&f);
    assert_int_equal(sv_signer_issue(signer, &issue, note, &h, NULL), SV_OK);
    sv_signer_request request = next(&f);
    sv_signer_drop(&signer);
    assert_int_equal(h.times, 4);
    assert_non_null(strstr(h.sentence, "is ending"));
    assert_string_equal(request.issue.id, "a");
    finish(&f);
}

// [signer-8]
static void a_signer_that_says_nothing_is_given_up(void **state) {
    (void) state;
    fake f;
    begin(&f);
    listen_again(&f);
    sv_signer *signer = sv_signer_open(f.loop, f.path, test_clock);
    heard h = { 0 };
    const sv_issue issue = some("a");
    assert_int_equal(sv_signer_issue(signer, &issue, note, &h, NULL), SV_OK);
    (void) next(&f);
    clock_us += SV_SIGNER_WAIT_US;
    sv_loop_turn(f.loop, SV_SIGNER_RETRY_US + 100000); // a tick: not yet
    assert_int_equal(h.times, 0);
    clock_us += 1;
    turn_until(&f, &h.times, 1);
    assert_int_equal(h.err, SV_ERR_UNAVAILABLE);
    assert_non_null(strstr(h.sentence, "said nothing for 15 seconds"));
    sv_signer_drop(&signer);
    finish(&f);
}

// [signer-2]
static void an_answer_that_is_none_cuts_the_line(void **state) {
    (void) state;
    fake f;
    begin(&f);
    listen_again(&f);
    sv_signer *signer = sv_signer_open(f.loop, f.path, test_clock);
    const sv_issue issue = some("a");
    for (int kind = 0; kind < 6; kind++) {
        heard h = { 0 };
        assert_int_equal(sv_signer_issue(signer, &issue, note, &h, NULL), SV_OK);
        sv_signer_request request = next(&f);
        sv_signer_answer out = { .head = request.head };
        out.head.number += kind == 0;
        out.head.verb = kind == 1 ? SV_SIGNER_STANDING : out.head.verb;
        out.head.version = kind == 2 ? 2 : out.head.version;
        out.err = kind == 3 ? SV_ERR__COUNT : 0;
        out.bytes = kind == 4 ? SV_SIGNER_PART_MAX + 1 : 0;
        size_t size = kind == 5 ? sizeof out - 1 : sizeof out;
        assert_int_equal(send(f.peer, &out, size, 0), size);
        turn_until(&f, &h.times, 1);
        assert_int_equal(h.err, SV_ERR_UNAVAILABLE);
        assert_false(sv_signer_is_up(signer));
        sv_fd_drop(&f.peer);
        f.peer = -1;
    }
    sv_signer_drop(&signer);
    finish(&f);
}

static void no_more_than_a_window_is_under_way_and_the_queue_has_an_end(void **state) {
    (void) state;
    fake f;
    begin(&f);
    listen_again(&f);
    sv_signer *signer = sv_signer_open(f.loop, f.path, test_clock);
    heard h = { 0 }, gone = { 0 };
    sv_why why = { 0 };
    const sv_issue issue = some("a");
    for (int i = 0; i < SV_SIGNER_QUEUE_MAX; i++) {
        assert_int_equal(sv_signer_issue(signer, &issue, note, i % 2 == 0 ? &h : &gone, NULL),
                         SV_OK);
    }
    assert_int_equal(sv_signer_issue(signer, &issue, note, &h, &why), SV_ERR_UNAVAILABLE);
    assert_non_null(strstr(why.text, "512 questions wait"));
    sv_signer_forget(signer, &gone);
    for (int answered = 0; answered < SV_SIGNER_QUEUE_MAX; answered += SV_SIGNER_WINDOW) {
        sv_signer_request window[SV_SIGNER_WINDOW];
        for (int i = 0; i < SV_SIGNER_WINDOW; i++) {
            window[i] = next(&f);
        }
        sv_loop_turn(f.loop, 0);
        assert_false(is_asked(&f));
        for (int i = 0; i < SV_SIGNER_WINDOW; i++) {
            answer(&f, &window[i], SV_OK, 'x', 1, 1);
        }
    }
    turn_until(&f, &h.times, SV_SIGNER_QUEUE_MAX / 2);
    assert_int_equal(gone.times, 0);
    sv_signer_drop(&signer);
    finish(&f);
}

// [signer-7]
static void a_crl_goes_and_comes_in_parts(void **state) {
    (void) state;
    fake f;
    begin(&f);
    listen_again(&f);
    sv_signer *signer = sv_signer_open(f.loop, f.path, test_clock);
    enum { COUNT = SV_SIGNER_RECORDS_MAX + 1 };
    static sv_signer_record records[COUNT];
    records[COUNT - 1].revoked_at_s = 77;
    heard h = { 0 }, other = { 0 };
    assert_int_equal(sv_signer_crl(signer, records, SV_SIGNER_CRL_MAX + 1, note, &h, NULL),
                     SV_ERR_INVALID);
    for (int round = 1; round <= 2; round++) {
        assert_int_equal(sv_signer_crl(signer, records, COUNT, note, &h, NULL), SV_OK);
        assert_int_equal(sv_signer_crl(signer, records, COUNT, note, &other, NULL), SV_ERR_STATE);
        static const int verbs[] = { SV_SIGNER_CRL_BEGIN, SV_SIGNER_CRL_RECORDS,
                                     SV_SIGNER_CRL_RECORDS, SV_SIGNER_CRL_END, SV_SIGNER_CRL_PART };
        for (size_t i = 0; i < SV_COUNT(verbs); i++) {
            sv_signer_request request = next(&f);
            assert_int_equal(request.head.verb, verbs[i]);
            if (i == 1 || i == 2) {
                assert_int_equal(request.records.count, i == 1 ? SV_SIGNER_RECORDS_MAX : 1);
                assert_int_equal(request.records.at[0].revoked_at_s, i == 1 ? 0 : 77);
            }
            assert_true(i != 4 || request.offset == SV_SIGNER_PART_MAX);
            const uint64_t total = SV_SIGNER_PART_MAX + 5;
            answer(&f, &request, SV_OK, 'C',
                   i == 3   ? SV_SIGNER_PART_MAX
                   : i == 4 ? 5
                            : 0,
                   i >= 3 ? total : 0);
        }
        turn_until(&f, &h.times, round);
        assert_int_equal(h.err, SV_OK);
        assert_int_equal(h.bytes, SV_SIGNER_PART_MAX + 5);
    }
    sv_signer_drop(&signer);
    finish(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_question_is_answered_once_and_a_standing_goes_first),
        cmocka_unit_test(a_signer_that_goes_away_ends_its_questions_and_is_found_again),
        cmocka_unit_test(a_signer_that_says_nothing_is_given_up),
        cmocka_unit_test(an_answer_that_is_none_cuts_the_line),
        cmocka_unit_test(no_more_than_a_window_is_under_way_and_the_queue_has_an_end),
        cmocka_unit_test(a_crl_goes_and_comes_in_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
