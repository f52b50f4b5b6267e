#include "http_answer.h"

#include <base/test.h>
#include <stdio.h>

enum { BODY_MAX = 64 };

/// Feeds `text` in pieces of `piece` bytes, showing again what was not taken.
static sv_err feed(http_answer *answer, const char *text, size_t piece, sv_why *why) {
    sv_text all = sv_text_of(text);
    size_t from = 0;
    for (size_t shown = piece; from < all.len; shown += piece) {
        size_t until = shown < all.len ? shown : all.len;
        size_t took = 0;
        SV_TRY(http_answer_read(answer, (sv_text){ .at = all.at + from, .len = until - from },
                                &took, why));
        from += took;
        if (answer->step == HTTP_ANSWER_DONE || (until == all.len && took == 0)) {
            break;
        }
    }
    return SV_OK;
}

typedef struct good_case {
    const char *text;
    bool to_head;
    int status;
    const char *body;
    bool keeps;
} good_case;

static const good_case good[] = {
    { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, 200, "hello", true },
    { "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nConnection: close\r\n\r\nhello", false, 200, "hello",
      false },
    { "HTTP/1.1 204 No Content\r\n\r\n", false, 204, "", true },
    { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true, 200, "", true },
    { "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n", false, 201,
      "", true },
    { "HTTP/1.1 200 OK\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n"
      "Trailer: t\r\n\r\n",
      false, 200, "abc0123456789", true },
};

static void answers_are_read_whole_however_they_are_cut(void **state) {
    (void) state;
    for (size_t i = 0; i < SV_COUNT(good); i++) {
        for (size_t piece = 1; piece < 200; piece++) {
            SV_DEFER(http_answer_drop) http_answer answer;
            http_answer_start(&answer, good[i].to_head, BODY_MAX);
            assert_int_equal(feed(&answer, good[i].text, piece, NULL), SV_OK);
            assert_int_equal(answer.step, HTTP_ANSWER_DONE);
            assert_int_equal(answer.status, good[i].status);
            assert_true(sv_text_is(sv_textbuf_text(&answer.body), good[i].body));
            assert_int_equal(answer.keeps, good[i].keeps);
        }
    }
}

static void an_answer_without_length_ends_with_the_connection(void **state) {
    (void) state;
    SV_DEFER(http_answer_drop) http_answer answer;
    http_answer_start(&answer, false, BODY_MAX);
    assert_int_equal(feed(&answer, "HTTP/1.0 200 OK\r\n\r\nall of it", 7, NULL), SV_OK);
    assert_true(http_answer_end(&answer));
    assert_true(sv_text_is(sv_textbuf_text(&answer.body), "all of it"));
}

static void a_cut_answer_is_not_whole(void **state) {
    (void) state;
    static const char whole[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    for (size_t len = 1; len + 1 < sizeof whole; len++) {
        char cut[sizeof whole] = { 0 };
        memcpy(cut, whole, len);
        SV_DEFER(http_answer_drop) http_answer answer;
        http_answer_start(&answer, false, BODY_MAX);
        assert_int_equal(feed(&answer, cut, 200, NULL), SV_OK);
        assert_false(http_answer_end(&answer));
    }
}

static void what_is_no_answer_is_refused_by_its_fault(void **state) {
    (void) state;
    static const struct {
        const char *text;
        const char *fault;
    } bad[] = {
        { "SSH-2.0-OpenSSH\r\n", "what came back is no HTTP/1.1 answer" },
        { "HTTP/1.1 42 Hm\r\n", "what came back is no HTTP/1.1 answer" },
        { "HTTP/1.1 200 OK\r\nno colon\r\n", "the answer has a broken header" },
        { "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n", "the answer has a broken Content-Length" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
          "the answer has a broken Content-Length" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 65\r\n\r\n", "the answer is larger than 64 bytes" },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n",
          "the answer has an unknown Transfer-Encoding" },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
          "the answer has a broken chunk size" },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n",
          "the answer has a broken chunk size" },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
          "the answer is larger than 64 bytes" },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
          "a chunk of the answer does not end" },
        { "HTTP/1.1 101 Switching\r\n\r\n", "the server wants to switch protocols" },
    };
    for (size_t i = 0; i < SV_COUNT(bad); i++) {
        SV_DEFER(http_answer_drop) http_answer answer;
        http_answer_start(&answer, false, BODY_MAX);
        sv_why why = { .code = SV_OK };
        assert_int_not_equal(feed(&answer, bad[i].text, 200, &why), SV_OK);
        assert_string_equal(why.text, bad[i].fault);
    }
}

static void a_body_of_just_the_limit_is_read_and_one_byte_more_refused(void **state) {
    (void) state;
    static const struct {
        const char *fits, *does_not, *tail;
    } framings[] = {
        { "HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 65\r\n\r\n", "" },
        { "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n41\r\n", "\r\n0\r\n\r\n" },
        { "HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\n", "" },
    };
    char body[BODY_MAX + 2] = { 0 };
    memset(body, 'x', BODY_MAX + 1);
    for (size_t i = 0; i < SV_COUNT(framings); i++) {
        char fits[4 * BODY_MAX];
        char does_not[4 * BODY_MAX];
        (void) snprintf(fits, sizeof fits, "%s%s%s", framings[i].fits, body + 1, framings[i].tail);
        (void) snprintf(does_not, sizeof does_not, "%s%s%s", framings[i].does_not, body,
                        framings[i].tail);
        for (size_t piece = 1; piece < 200; piece++) {
            SV_DEFER(http_answer_drop) http_answer whole;
            SV_DEFER(http_answer_drop) http_answer refused;
            http_answer_start(&whole, false, BODY_MAX);
            http_answer_start(&refused, false, BODY_MAX);
            assert_int_equal(feed(&whole, fits, piece, NULL), SV_OK);
            assert_true(http_answer_end(&whole));
            assert_true(sv_text_is(sv_textbuf_text(&whole.body), body + 1));
            assert_int_equal(feed(&refused, does_not, piece, NULL), SV_ERR_NO_SPACE);
        }
    }
}

static void headers_without_end_are_given_up(void **state) {
    (void) state;
    SV_DEFER(http_answer_drop) http_answer answer;
    http_answer_start(&answer, false, BODY_MAX);
    size_t took = 0;
    assert_int_equal(http_answer_read(&answer, SV_TEXT("HTTP/1.1 200 OK\r\n"), &took, NULL), SV_OK);
    sv_err err = SV_OK;
    for (int i = 0; i < HTTP_ANSWER_HEAD_MAX && err == SV_OK; i++) {
        err = http_answer_read(&answer, SV_TEXT("a: b\r\n"), &took, NULL);
    }
    assert_int_equal(err, SV_ERR_INVALID);
}

static void the_headers_are_kept_but_not_those_of_an_interim_answer(void **state) {
    (void) state;
    SV_DEFER(http_answer_drop) http_answer answer;
    http_answer_start(&answer, false, BODY_MAX);
    assert_int_equal(feed(&answer,
                          "HTTP/1.1 103 Early Hints\r\nLink: a\r\nLocation: /early\r\n\r\n"
                          "HTTP/1.1 204 No Content\r\nETag: \"1\"\r\nX:y\r\n\r\n",
                          7, NULL),
                     SV_OK);
    assert_true(sv_text_is(sv_textbuf_text(&answer.head), "ETag: \"1\"\nX:y\n"));
    assert_false(answer.has_location);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_read_whole_however_they_are_cut),
        cmocka_unit_test(the_headers_are_kept_but_not_those_of_an_interim_answer),
        cmocka_unit_test(an_answer_without_length_ends_with_the_connection),
        cmocka_unit_test(a_cut_answer_is_not_whole),
        cmocka_unit_test(what_is_no_answer_is_refused_by_its_fault),
        cmocka_unit_test(a_body_of_just_the_limit_is_read_and_one_byte_more_refused),
        cmocka_unit_test(headers_without_end_are_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
