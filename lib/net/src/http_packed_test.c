// Bodies that travel compressed.
#include <base/mem.h>
#include <base/test.h>
#include <codec/compress.h>
#include <net/http_client.h>
#include <net/http_server.h>
#include <net/test.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>

enum { BODY_MAX = 4096, PATIENCE_US = 5000000, TURN_US = 20000 };

typedef struct site {
    sv_loop *loop;
    sv_http_server *server;
    sv_http_client *client;
    size_t seen_bytes; ///< of the last body that reached the handler
    int status;
    uint64_t sent_bytes;
    bool done;
    char reply[BODY_MAX];
} site;

static void handle(sv_http_request *request, void *arg) {
    site *s = arg;
    s->seen_bytes = sv_http_body(request).len;
    sv_http_reply(request, 200, "text/plain", sv_http_body(request));
}

static void answered(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    site *s = arg;
    (void) why;
    s->status = reply->status;
    s->sent_bytes = reply->sent;
    s->done = true;
    (void) (sv_text_copy(reply->body, s->reply, sizeof s->reply) == SV_OK);
}

static int open_site(void **state) {
    site *s = sv_mem_new(sizeof *s);
    const sv_http_server_options options = { .bind = "127.0.0.1",
                                             .body_max = BODY_MAX,
                                             .connections_max = 4 };
    char origin[64];
    assert_int_equal(sv_loop_open(&s->loop, NULL), SV_OK);
    assert_int_equal(sv_http_server_open(s->loop, &options, handle, s, &s->server, NULL), SV_OK);
    (void) snprintf(origin, sizeof origin, "http://127.0.0.1:%u", sv_http_server_port(s->server));
    assert_int_equal(sv_http_client_open(s->loop, origin, NULL, PATIENCE_US, &s->client, NULL),
                     SV_OK);
    sv_http_client_compress(s->client, 100, sv_compress);
    *state = s;
    return 0;
}

static int close_site(void **state) {
    site *s = *state;
    sv_http_client_drop(&s->client);
    sv_http_server_drop(&s->server);
    sv_loop_drop(&s->loop);
    free(s);
    return 0;
}

static void turn_until_done(site *s) {
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    while (!s->done && sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(s->loop, TURN_US);
    }
    assert_true(s->done);
}

static uint64_t post(site *s, sv_text body) {
    uint64_t before = sv_http_client_body_bytes(s->client);
    s->done = false;
    assert_int_equal(
        sv_http_client_send(s->client, "POST", "/", NULL, "text/plain", body, answered, s), SV_OK);
    turn_until_done(s);
    return sv_http_client_body_bytes(s->client) - before;
}

static void the_handler_sees_what_was_meant(void **state) {
    site *s = *state;
    char body[BODY_MAX - 1];
    for (size_t i = 0; i < sizeof body; i++) {
        body[i] = (char) ('a' + i % 23);
    }
    uint64_t sent = post(s, (sv_text){ .at = body, .len = sizeof body });
    assert_int_equal(s->status, 200);
    assert_true(sent < sizeof body / 10);
    assert_int_equal(s->sent_bytes, sent);
    assert_int_equal(s->seen_bytes, sizeof body);
    assert_memory_equal(s->reply, body, sizeof body);
    assert_true(post(s, SV_TEXT("short ones go as they are")) == 25);
    assert_string_equal(s->reply, "short ones go as they are");
}

static void nothing_counts_as_sent_that_found_no_connection(void **state) {
    site *s = *state;
    sv_http_server_drop(&s->server);
    assert_int_equal(post(s, SV_TEXT("nobody hears this")), 0);
    assert_int_equal(s->status, 0);
    assert_int_equal(s->sent_bytes, 0);
}

static void what_unpacks_to_more_than_the_limit_is_refused(void **state) {
    site *s = *state;
    static char body[BODY_MAX * 8];
    memset(body, 'x', sizeof body);
    s->seen_bytes = 0;
    assert_true(post(s, (sv_text){ .at = body, .len = sizeof body }) < 200);
    assert_int_equal(s->status, 413);
    assert_int_equal(s->seen_bytes, 0);
}

/// The status of a request written by hand.
static int raw(site *s, const char *encoding, const char *body) {
    char room[1024];
    sv_textbuf request = SV_TEXTBUF(room);
    SV_DEFER(sv_textbuf_drop) sv_textbuf answer = SV_TEXTBUF_HEAP(65536);
    sv_textbuf_addf(&request,
                    "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Encoding: %s\r\n"
                    "Content-Length: %zu\r\n\r\n%s",
                    encoding, strlen(body), body);
    sv_test_talk(s->loop, sv_http_server_port(s->server), sv_textbuf_text(&request), &answer);
    assert_int_equal(sv_textbuf_end(&answer), SV_OK);
    assert_true(sv_text_starts(sv_textbuf_text(&answer), SV_TEXT("HTTP/1.1 ")));
    return (int) strtol(answer.at + 9, NULL, 10);
}

static void encodings_nobody_knows_and_broken_frames_are_refused(void **state) {
    site *s = *state;
    s->seen_bytes = 0;
    assert_int_equal(raw(s, "gzip", "hello"), 415);
    assert_int_equal(raw(s, "zstd", "hello"), 400);
    assert_int_equal(raw(s, "zstd", ""), 400);
    assert_int_equal(s->seen_bytes, 0);
    assert_int_equal(raw(s, "identity", "hello"), 200);
    assert_int_equal(s->seen_bytes, 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_handler_sees_what_was_meant, open_site, close_site),
        cmocka_unit_test_setup_teardown(nothing_counts_as_sent_that_found_no_connection, open_site,
                                        close_site),
        cmocka_unit_test_setup_teardown(what_unpacks_to_more_than_the_limit_is_refused, open_site,
                                        close_site),
        cmocka_unit_test_setup_teardown(encodings_nobody_knows_and_broken_frames_are_refused,
                                        open_site, close_site),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
