// Files as answers, asked with bare sockets.
#include <arpa/inet.h>
#include <base/fd.h>
#include <base/mem.h>
#include <base/test.h>
#include <fcntl.h>
#include <net/http_file.h>
#include <net/test.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BYTES = 1000 * 1000, ANSWER_MAX = 2 * BYTES, TURN_US = 300 };
#define PATIENCE_US INT64_C(20000000)

typedef struct site {
    sv_loop *loop;
    sv_http_server *server;
    char path[32];
    uint64_t length; ///< that the file is said to have
    bool no_etag;
    bool keeps; ///< requests are not answered
    sv_http_request *kept;
    unsigned told; ///< how often
    uint64_t sent;
    sv_textbuf answer;
} site;

static char byte_at(size_t at) {
    return (char) ('a' + (at * 31 + at / 1000) % 26);
}

static void on_sent(void *arg, int64_t number, uint64_t bytes) {
    site *s = arg;
    assert_int_equal(number, 5);
    s->told++;
    s->sent += bytes;
}

/// The descriptor that it is read by.
static int reply(site *s, sv_http_request *request) {
    const sv_http_file file = { .fd = open(s->path, O_RDONLY | O_CLOEXEC),
                                .length = s->length,
                                .etag = s->no_etag ? NULL : "\"one\"",
                                .sent = on_sent,
                                .arg = s,
                                .number = 5 };
    sv_http_reply_file(request, &file);
    return file.fd;
}

static void handle(sv_http_request *request, void *arg) {
    site *s = arg;
    if (s->keeps) {
        s->kept = request;
    } else {
        (void) reply(s, request);
    }
}

static int setup(void **state) {
    site *s = sv_mem_new(sizeof *s);
    const sv_http_server_options options = { .bind = "127.0.0.1", .connections_max = 4 };
    (void) snprintf(s->path, sizeof s->path, "/tmp/sv-http-file-XXXXXX");
    SV_DEFER(sv_fd_drop) int fd = mkstemp(s->path);
    SV_DEFER(sv_mem_drop) char *bytes = sv_mem_new(BYTES);
    for (size_t i = 0; i < BYTES; i++) {
        bytes[i] = byte_at(i);
    }
    assert_int_equal(write(fd, bytes, BYTES), BYTES);
    s->length = BYTES;
    s->answer = SV_TEXTBUF_HEAP(ANSWER_MAX);
    assert_int_equal(sv_loop_open(&s->loop, NULL), SV_OK);
    assert_int_equal(sv_http_server_open(s->loop, &options, handle, s, &s->server, NULL), SV_OK);
    *state = s;
    return 0;
}

static int teardown(void **state) {
    site *s = *state;
    sv_http_server_drop(&s->server);
    sv_loop_drop(&s->loop);
    sv_textbuf_drop(&s->answer);
    (void) unlink(s->path);
    free(s);
    return 0;
}

/// The status; headers are whole lines.
static int ask(site *s, const char *method, const char *headers) {
    char request[512];
    struct sockaddr_in to = sv_test_address(INADDR_LOOPBACK, sv_http_server_port(s->server));
    SV_DEFER(sv_fd_drop) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    assert_int_equal(connect(fd, (const struct sockaddr *) &to, sizeof to), 0);
    (void) snprintf(request, sizeof request,
                    "%s /f HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%s\r\n", method, headers);
    sv_text rest = sv_text_of(request);
    sv_textbuf_clear(&s->answer);
    do {
        sv_test_send(fd, &rest);
        sv_loop_turn(s->loop, TURN_US);
        assert_true(sv_clock_monotonic_us() < end_us);
    } while (sv_test_receive(fd, &s->answer));
    assert_int_equal(sv_textbuf_end(&s->answer), SV_OK);
    assert_true(s->answer.len > 12);
    return (int) strtol(s->answer.at + 9, NULL, 10);
}

static bool says(const site *s, const char *header) {
    const char *end = strstr(s->answer.at, "\r\n\r\n");
    const char *at = strstr(s->answer.at, header);
    return at != NULL && at < end;
}

static void check_body(const site *s, size_t from, size_t bytes) {
    const char *body = strstr(s->answer.at, "\r\n\r\n");
    assert_non_null(body);
    body += 4;
    assert_int_equal(s->answer.len - (size_t) (body - s->answer.at), bytes);
    for (size_t i = 0; i < bytes; i++) {
        if (body[i] != byte_at(from + i)) {
            fail_msg("byte %zu is wrong", i);
        }
    }
}

static void the_whole_comes_in_pieces(void **state) {
    site *s = *state;
    assert_int_equal(ask(s, "GET", ""), 200);
    assert_true(says(s, "Content-Length: 1000000\r\n") && says(s, "ETag: \"one\"\r\n")
                && says(s, "Accept-Ranges: bytes\r\n") && !says(s, "Content-Range"));
    check_body(s, 0, BYTES);
}

/// Not when it is over: it may take hours. [campaign-41]
static void what_goes_out_is_told_piece_by_piece(void **state) {
    site *s = *state;
    assert_int_equal(ask(s, "GET", ""), 200);
    assert_true(s->told == 4 && s->sent == BYTES);
    assert_int_equal(ask(s, "GET", "Range: bytes=300000-699999\r\n"), 206);
    assert_true(s->told == 6 && s->sent == UINT64_C(1400000));
    assert_int_equal(ask(s, "HEAD", ""), 200);
    assert_int_equal(ask(s, "GET", "If-None-Match: \"one\"\r\n"), 304);
    assert_true(s->told == 6);
    s->length = UINT64_C(2) * BYTES; // there is less than was said
    assert_int_equal(ask(s, "GET", ""), 200);
    assert_true(s->told == 10 && s->sent == UINT64_C(2400000));
}

static void a_range_is_that_range_alone(void **state) {
    site *s = *state;
    assert_int_equal(ask(s, "GET", "Range: bytes=300000-699999\r\n"), 206);
    assert_true(says(s, "Content-Range: bytes 300000-699999/1000000\r\n"));
    assert_true(says(s, "Content-Length: 400000\r\n"));
    check_body(s, 300000, 400000);
    assert_int_equal(ask(s, "GET", "Range: bytes=999999-\r\n"), 206);
    check_body(s, 999999, 1);
    assert_int_equal(ask(s, "GET", "Range: bytes=-5\r\n"), 206);
    check_body(s, BYTES - 5, 5);
    assert_int_equal(ask(s, "GET", "Range: bytes=0-4,9-12\r\n"), 200);
    assert_int_equal(ask(s, "GET", "Range: bytes=1000000-\r\n"), 416);
    assert_true(says(s, "Content-Range: bytes */1000000\r\n"));
}

static void a_range_of_something_else_is_the_whole(void **state) {
    site *s = *state;
    assert_int_equal(ask(s, "GET", "Range: bytes=0-9\r\nIf-Range: \"one\"\r\n"), 206);
    assert_int_equal(ask(s, "GET", "Range: bytes=0-9\r\nIf-Range: \"two\"\r\n"), 200);
    check_body(s, 0, BYTES);
    s->no_etag = true;
    assert_int_equal(ask(s, "GET", "Range: bytes=0-9\r\nIf-Range: \"one\"\r\n"), 200);
}

static void who_has_it_gets_nothing_and_a_head_no_body(void **state) {
    site *s = *state;
    assert_int_equal(ask(s, "GET", "If-None-Match: \"one\"\r\n"), 304);
    check_body(s, 0, 0);
    assert_int_equal(ask(s, "HEAD", ""), 200);
    assert_true(says(s, "Content-Length: 1000000\r\n"));
    check_body(s, 0, 0);
    assert_int_equal(ask(s, "HEAD", "Range: bytes=5-9\r\n"), 206);
    assert_true(says(s, "Content-Length: 5\r\n"));
    check_body(s, 0, 0);
}

static void a_file_that_ends_too_soon_ends_the_connection(void **state) {
    site *s = *state;
    s->length = BYTES + 10;
    assert_int_equal(ask(s, "GET", ""), 200);
    assert_true(says(s, "Content-Length: 1000010\r\n"));
    const char *body = strstr(s->answer.at, "\r\n\r\n") + 4;
    assert_true(s->answer.len - (size_t) (body - s->answer.at) < BYTES + 10);
    s->length = 0;
    assert_int_equal(ask(s, "GET", ""), 200);
    check_body(s, 0, 0);
}

/// Who goes away in the middle leaves nothing behind (the sanitizers would say so).
static void who_goes_away_is_let_go(void **state) {
    site *s = *state;
    struct sockaddr_in to = sv_test_address(INADDR_LOOPBACK, sv_http_server_port(s->server));
    for (int i = 0; i < 5; i++) {
        SV_DEFER(sv_fd_drop) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sv_text rest = SV_TEXT("GET /f HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_int_equal(connect(fd, (const struct sockaddr *) &to, sizeof to), 0);
        sv_test_send(fd, &rest);
        for (int turn = 0; turn < i; turn++) {
            sv_loop_turn(s->loop, TURN_US);
        }
    }
    for (int turn = 0; turn < 5; turn++) {
        sv_loop_turn(s->loop, TURN_US);
    }
    assert_int_equal(ask(s, "GET", "Range: bytes=0-0\r\n"), 206);
}

static void who_went_away_before_the_answer_is_let_go(void **state) {
    site *s = *state;
    struct sockaddr_in to = sv_test_address(INADDR_LOOPBACK, sv_http_server_port(s->server));
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    SV_DEFER(sv_fd_drop) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sv_text rest = SV_TEXT("GET /f HTTP/1.1\r\nHost: x\r\n\r\n");
    s->keeps = true;
    assert_int_equal(connect(fd, (const struct sockaddr *) &to, sizeof to), 0);
    sv_test_send(fd, &rest);
    while (s->kept == NULL && sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(s->loop, TURN_US);
    }
    assert_non_null(s->kept);
    sv_http_server_drop(&s->server); // and each connection
    assert_true(sv_http_is_gone(s->kept));
    int read_by = reply(s, s->kept);
    assert_true(fcntl(read_by, F_GETFD) >= 0);
    while (fcntl(read_by, F_GETFD) >= 0 && sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(s->loop, TURN_US);
    }
    assert_int_equal(fcntl(read_by, F_GETFD), -1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_whole_comes_in_pieces),
        TEST(what_goes_out_is_told_piece_by_piece),
        TEST(a_range_is_that_range_alone),
        TEST(a_range_of_something_else_is_the_whole),
        TEST(who_has_it_gets_nothing_and_a_head_no_body),
        TEST(a_file_that_ends_too_soon_ends_the_connection),
        TEST(who_goes_away_is_let_go),
        TEST(who_went_away_before_the_answer_is_let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
