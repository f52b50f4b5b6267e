// What a server and whoever passes its requests on must understand alike.
#include <base/mem.h>
#include <base/test.h>
#include <net/http_client.h>
#include <net/http_server.h>
#include <net/test.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_MAX = 4096, ANSWERS_MAX = 1 << 16, TALK_US = 200000 };

typedef struct site {
    sv_loop *loop;
    sv_http_server *server;
    size_t handled;
    char seen[512];
} site;

static void handle(sv_http_request *request, void *arg) {
    site *s = arg;
    s->handled++;
    (void) snprintf(s->seen, sizeof s->seen, SV_TEXT_FMT " " SV_TEXT_FMT " %zu %zu",
                    SV_TEXT_ARG(sv_http_raw_path(request)), SV_TEXT_ARG(sv_http_raw_query(request)),
                    sv_http_header_count(request, "x-part"), sv_http_body(request).len);
    sv_http_reply_header(request, "Content-Length", "77");
    sv_http_reply_header(request, "X-One", "1");
    sv_http_reply(request, 200, NULL, SV_TEXT("ok"));
}

static site *site_open(void) {
    site *s = sv_mem_new(sizeof *s);
    const sv_http_server_options options = { .bind = "127.0.0.1",
                                             .body_max = BODY_MAX,
                                             .connections_max = 4 };
    assert_int_equal(sv_loop_open(&s->loop, NULL), SV_OK);
    assert_int_equal(sv_http_server_open(s->loop, &options, handle, s, &s->server, NULL), SV_OK);
    return s;
}

static void site_drop(site **s) {
    sv_http_server_drop(&(*s)->server);
    sv_loop_drop(&(*s)->loop);
    free(*s);
}

static size_t count(const char *text, const char *part) {
    size_t found = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part)) {
        found++;
    }
    return found;
}

/// Until the server closes or has nothing more to say. This side stays open: what follows a request
/// would not be looked at otherwise.
static void talk(site *s, const char *text, sv_textbuf *answers) {
    SV_DEFER(sv_fd_drop) int fd = sv_test_connect(sv_http_server_port(s->server));
    sv_text rest = sv_text_of(text);
    int64_t end_us = sv_clock_monotonic_us() + TALK_US;
    while (sv_clock_monotonic_us() < end_us) {
        sv_test_send(fd, &rest);
        sv_loop_turn(s->loop, 1000);
        if (!sv_test_receive(fd, answers)) {
            break;
        }
    }
    assert_int_equal(sv_textbuf_end(answers), SV_OK);
}

#define INNER "GET /inner HTTP/1.1\r\nHost: x\r\n\r\n"

static void a_request_that_may_end_at_two_places_is_the_last_one(void **state) {
    (void) state;
    static const char *const HEADS[] = {
        "Content-Length: 0\r\nContent-Length: 35\r\n\r\n",
        "Content-Length: 0\r\ncontent-length: 0\r\n\r\n",
        "Content-Length: 40\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: gzip, chunked\r\n\r\n",
        "Transfer-Encoding: identity\r\n\r\n",
        "Transfer-Encoding : chunked\r\n\r\n",
        "Content-Length : 4\r\n\r\n",
        "Content-Length: +0\r\n\r\n",
        "Content-Length: 0000000000000000000000\r\n\r\n",
        "X\tY: 0\r\n\r\n",
    };
    for (size_t i = 0; i < SV_COUNT(HEADS); i++) {
        SV_DEFER(site_drop) site *s = site_open();
        SV_DEFER(sv_textbuf_drop) sv_textbuf answers = SV_TEXTBUF_HEAP(ANSWERS_MAX);
        char text[512];
        (void) snprintf(text, sizeof text, "POST /outer HTTP/1.1\r\nHost: x\r\n%s" INNER, HEADS[i]);
        talk(s, text, &answers);
        if (s->handled != 0 || count(answers.at, "HTTP/1.1 ") != 1
            || count(answers.at, "HTTP/1.1 4") != 1) {
            fail_msg("%s: %s", HEADS[i], answers.at);
        }
    }
}

static void plain_requests_follow_each_other(void **state) {
    (void) state;
    static const char *const HEADS[] = {
        "\r\n",
        "Content-Length: 2\r\n\r\nab",
        "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n",
    };
    for (size_t i = 0; i < SV_COUNT(HEADS); i++) {
        SV_DEFER(site_drop) site *s = site_open();
        SV_DEFER(sv_textbuf_drop) sv_textbuf answers = SV_TEXTBUF_HEAP(ANSWERS_MAX);
        char text[512];
        (void) snprintf(text, sizeof text, "POST /outer HTTP/1.1\r\nHost: x\r\n%s" INNER, HEADS[i]);
        talk(s, text, &answers);
        assert_int_equal(s->handled, 2);
        assert_int_equal(count(answers.at, "HTTP/1.1 200"), 2);
    }
}

static void the_target_is_shown_as_it_was_sent(void **state) {
    (void) state;
    static const char *const CASES[][2] = {
        { "/a%2fb/../c?d=%20&e", "/a%2fb/../c d=%20&e 3 0" },
        { "/", "/  3 0" },
        { "http://else.example/f?g", "/f g 3 0" },
    };
    static const char *const BROKEN[] = { "//else.example/f", "//f", "/a%00", "/%zz" };
    char text[512];
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(site_drop) site *s = site_open();
        SV_DEFER(sv_textbuf_drop) sv_textbuf answers = SV_TEXTBUF_HEAP(ANSWERS_MAX);
        (void) snprintf(text, sizeof text,
                        "GET %s HTTP/1.1\r\nHost: x\r\nX-Part: 1\r\nx-part: 2\r\nX-PART:\r\n\r\n",
                        CASES[i][0]);
        talk(s, text, &answers);
        assert_string_equal(s->seen, CASES[i][1]);
    }
    for (size_t i = 0; i < SV_COUNT(BROKEN); i++) {
        SV_DEFER(site_drop) site *s = site_open();
        SV_DEFER(sv_textbuf_drop) sv_textbuf answers = SV_TEXTBUF_HEAP(ANSWERS_MAX);
        (void) snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", BROKEN[i]);
        talk(s, text, &answers);
        assert_int_equal(s->handled, 0);
        assert_int_equal(count(answers.at, "HTTP/1.1 400"), 1);
    }
}

static void only_an_answer_to_head_tells_another_length(void **state) {
    (void) state;
    static const char *const METHODS[] = { "HEAD", "GET" };
    static const char *const LENGTHS[] = { "Content-Length: 77\r\n", "Content-Length: 2\r\n" };
    for (size_t i = 0; i < SV_COUNT(METHODS); i++) {
        SV_DEFER(site_drop) site *s = site_open();
        SV_DEFER(sv_textbuf_drop) sv_textbuf answers = SV_TEXTBUF_HEAP(ANSWERS_MAX);
        char text[128];
        (void) snprintf(text, sizeof text, "%s / HTTP/1.1\r\nHost: x\r\n\r\n", METHODS[i]);
        talk(s, text, &answers);
        assert_int_equal(count(answers.at, "Content-Length"), 1);
        assert_int_equal(count(answers.at, LENGTHS[i]), 1);
    }
}

static void never(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    (void) arg;
    (void) reply;
    (void) why;
    fail();
}

static void a_header_of_ours_holds_no_second_one_and_has_its_bound(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    SV_DEFER(sv_http_client_drop) sv_http_client *client = NULL;
    assert_int_equal(
        sv_http_client_open(s->loop, "http://127.0.0.1:1", NULL, 1000000, &client, NULL), SV_OK);
    char large[SV_HTTP_ASK_HEAD_MAX + 1];
    memset(large, 'a', sizeof large);
    large[SV_HTTP_ASK_HEAD_MAX] = '\0';
    const char *const values[] = { "x\r\nY: z", "x\nY: z", "\r", large };
    for (size_t i = 0; i < SV_COUNT(values); i++) {
        const sv_http_field field = { "X", values[i] };
        const sv_http_errand errand = {
            .method = "GET", .path = "/", .fields = &field, .field_count = 1, .body = SV_TEXT("")
        };
        assert_int_equal(sv_http_client_ask(client, &errand, never, NULL), SV_ERR_INVALID);
    }
}

static void a_field_of_an_answer_is_found_whatever_its_case(void **state) {
    (void) state;
    const sv_http_reply_view reply = {
        .status = 200, .head = SV_TEXT("ETag: \"1\"\nX: \nx-long: 12345678\nETAG: \"2\"\nN: a\0b\n")
    };
    char room[8];
    assert_int_equal(sv_http_reply_field(&reply, "etag", room, sizeof room), SV_OK);
    assert_string_equal(room, "\"1\"");
    assert_int_equal(sv_http_reply_field(&reply, "x", room, sizeof room), SV_OK);
    assert_string_equal(room, "");
    assert_int_equal(sv_http_reply_field(&reply, "X-Long", room, sizeof room), SV_ERR_NO_SPACE);
    assert_int_equal(sv_http_reply_field(&reply, "N", room, sizeof room), SV_ERR_INVALID);
    assert_int_equal(sv_http_reply_field(&reply, "et", room, sizeof room), SV_ERR_NOT_FOUND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_that_may_end_at_two_places_is_the_last_one),
        cmocka_unit_test(plain_requests_follow_each_other),
        cmocka_unit_test(the_target_is_shown_as_it_was_sent),
        cmocka_unit_test(only_an_answer_to_head_tells_another_length),
        cmocka_unit_test(a_header_of_ours_holds_no_second_one_and_has_its_bound),
        cmocka_unit_test(a_field_of_an_answer_is_found_whatever_its_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
