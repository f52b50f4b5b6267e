#include <arpa/inet.h>
#include <base/mem.h>
#include <base/test.h>
#include <codec/json.h>
#include <errno.h>
#include <net/conn.h>
#include <net/http_client.h>
#include <net/http_server.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/clock.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BODY_MAX = 4096, ROOM_MAX = 8192, PATIENCE_US = 5000000, TURN_US = 20000 };

/// A server whose handler answers by path, and what the tests learn from it.
typedef struct site {
    sv_loop *loop;
    sv_http_server *server;
    sv_http_client *client;
    sv_http_request *kept;
    sv_http_events *events;
    int closed;
    int requests;
    char seen[256];
} site;

static void stream_closed(void *arg) {
    site *s = arg;
    s->closed++;
}

static void echo(sv_http_request *request) {
    sv_http_reply_header(request, "Location", "/elsewhere");
    sv_http_reply(request, 201, "text/plain", sv_http_body(request));
}

static void tell_query(site *s, sv_http_request *request) {
    char room[16];
    sv_err err = sv_http_query(request, "q", room, sizeof room);
    (void) snprintf(s->seen, sizeof s->seen, "%s:%s", sv_err_name(err), err == SV_OK ? room : "");
    sv_http_reply(request, 204, NULL, SV_TEXT(""));
}

static void handle(sv_http_request *request, void *arg) {
    site *s = arg;
    s->requests++;
    sv_text path = sv_http_path(request);
    if (sv_text_is(path, "/echo")) {
        echo(request);
    } else if (sv_text_is(path, "/query")) {
        tell_query(s, request);
    } else if (sv_text_is(path, "/keep")) {
        s->kept = request;
    } else if (sv_text_is(path, "/events")) {
        s->events = sv_http_events_start(request, stream_closed, s);
    } else if (sv_text_is(path, "/who")) {
        (void) snprintf(s->seen, sizeof s->seen, "%s %s %s", sv_http_method(request),
                        sv_http_peer(request),
                        sv_http_identity(request) == NULL ? "nobody" : "somebody");
        sv_http_reply(request, 200, "text/plain", SV_TEXT("you"));
    } else {
        sv_http_problem(request, 404, "Not found", "there is no \"" SV_TEXT_FMT "\"",
                        SV_TEXT_ARG(path));
    }
}

static void serve(site *s, uint16_t port) {
    sv_http_server_options options = {
        .bind = "127.0.0.1",
        .port = port,
        .body_max = BODY_MAX,
        .room_max = ROOM_MAX,
        .connections_max = 4,
    };
    assert_int_equal(sv_http_server_open(s->loop, &options, handle, s, &s->server, NULL), SV_OK);
}

static void call(site *s, int64_t timeout_us) {
    char origin[64];
    (void) snprintf(origin, sizeof origin, "http://127.0.0.1:%u", sv_http_server_port(s->server));
    assert_int_equal(sv_http_client_open(s->loop, origin, NULL, timeout_us, &s->client, NULL),
                     SV_OK);
}

static site *site_open(void) {
    site *s = sv_mem_new(sizeof *s);
    assert_int_equal(sv_loop_open(&s->loop, NULL), SV_OK);
    serve(s, 0);
    call(s, PATIENCE_US);
    return s;
}

static void site_drop(site **s) {
    sv_http_client_drop(&(*s)->client);
    sv_http_server_drop(&(*s)->server);
    sv_http_events_drop(&(*s)->events);
    sv_loop_drop(&(*s)->loop);
    free(*s);
}

typedef struct answer {
    int status;
    bool done;
    char body[BODY_MAX + 1];
    char location[64];
    char why[SV_WHY_MAX];
} answer;

static void answered(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    answer *a = arg;
    assert_false(a->done);
    a->done = true;
    a->status = reply->status;
    assert_int_equal(sv_text_copy(reply->body, a->body, sizeof a->body), SV_OK);
    (void) snprintf(a->location, sizeof a->location, "%s",
                    reply->location != NULL ? reply->location : "");
    if (why != NULL) {
        (void) snprintf(a->why, sizeof a->why, "%s", why->text);
    }
}

static void turn_until(site *s, const bool *done) {
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US * INT64_C(2);
    while (!*done && sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(s->loop, TURN_US);
    }
    assert_true(*done);
}

static void turn_for(site *s, int64_t us) {
    int64_t end_us = sv_clock_monotonic_us() + us;
    while (sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(s->loop, TURN_US);
    }
}

static void ask(site *s, const char *method, const char *path, sv_text body, answer *a) {
    *a = (answer){ 0 };
    assert_int_equal(
        sv_http_client_send(s->client, method, path, NULL, "text/plain", body, answered, a), SV_OK);
}

static answer fetch(site *s, const char *method, const char *path, sv_text body) {
    answer a;
    ask(s, method, path, body, &a);
    turn_until(s, &a.done);
    return a;
}

static void bodies_travel_both_ways(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    answer a = fetch(s, "POST", "/echo", SV_TEXT("hello"));
    assert_int_equal(a.status, 201);
    assert_string_equal(a.body, "hello");
    assert_string_equal(a.location, "/elsewhere");
    a = fetch(s, "PUT", "/echo", SV_TEXT(""));
    assert_int_equal(a.status, 201);
    assert_string_equal(a.body, "");
}

static void every_method_arrives_and_head_has_no_body(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    static const char *const methods[] = { "GET",  "POST",  "PUT",    "DELETE",
                                           "HEAD", "PATCH", "OPTIONS" };
    for (size_t i = 0; i < SV_COUNT(methods); i++) {
        answer a = fetch(s, methods[i], "/who", SV_TEXT(""));
        assert_int_equal(a.status, 200);
        assert_string_equal(a.body, strcmp(methods[i], "HEAD") == 0 ? "" : "you");
        char expected[64];
        (void) snprintf(expected, sizeof expected, "%s 127.0.0.1 nobody", methods[i]);
        assert_string_equal(s->seen, expected);
    }
    answer a = fetch(s, "BREW", "/who", SV_TEXT(""));
    assert_int_equal(a.status, 501);
}

static void a_body_beyond_the_limit_is_answered_413(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    static char large[BODY_MAX + 1];
    memset(large, 'x', sizeof large);
    answer a = fetch(s, "POST", "/echo", (sv_text){ .at = large, .len = sizeof large });
    assert_int_equal(a.status, 413);
    assert_int_equal(s->requests, 0);
    a = fetch(s, "POST", "/echo", (sv_text){ .at = large, .len = BODY_MAX });
    assert_int_equal(a.status, 201);
    assert_int_equal(strlen(a.body), BODY_MAX);
}

static void queries_are_decoded_and_bounded(void **state) {
    (void) state;
    static const struct {
        const char *path;
        const char *seen;
    } cases[] = {
        { "/query", "not-found:" },
        { "/query?p=1&qq=2", "not-found:" },
        { "/query?a=1&q=two+words%21&q=3", "ok:two words!" },
        { "/query?q", "ok:" },
        { "/query?%71=x", "ok:x" },
        { "/query?q=%00", "invalid:" },
        { "/query?q=%ff", "invalid:" },
        { "/query?q=0123456789abcdef", "invalid:" },
        { "/que%72y?q=1", "ok:1" },
    };
    SV_DEFER(site_drop) site *s = site_open();
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        answer a = fetch(s, "GET", cases[i].path, SV_TEXT(""));
        assert_int_equal(a.status, 204);
        assert_string_equal(s->seen, cases[i].seen);
    }
    assert_int_equal(fetch(s, "GET", "/bad%00path", SV_TEXT("")).status, 400);
}

static void problems_are_documents(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    answer a = fetch(s, "GET", "/%22gone%22", SV_TEXT(""));
    assert_int_equal(a.status, 404);
    assert_string_equal(a.body, "{\"type\":\"about:blank\",\"title\":\"Not found\",\"status\":404,"
                                "\"detail\":\"there is no \\\"/\\\"gone\\\"\\\"\"}");
}

static void one_connection_serves_request_after_request(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    answer all[16];
    for (size_t i = 0; i < SV_COUNT(all); i++) {
        ask(s, "POST", "/echo", SV_TEXT("again"), &all[i]);
    }
    for (size_t i = 0; i < SV_COUNT(all); i++) {
        turn_until(s, &all[i].done);
        assert_string_equal(all[i].body, "again");
    }
    assert_int_equal(sv_http_client_waiting(s->client), 0);
}

static void a_restarted_server_is_found_again(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    assert_int_equal(fetch(s, "GET", "/who", SV_TEXT("")).status, 200);
    uint16_t port = sv_http_server_port(s->server);
    sv_http_server_drop(&s->server);
    answer a = fetch(s, "GET", "/who", SV_TEXT(""));
    assert_int_equal(a.status, 0);
    char expected[64];
    (void) snprintf(expected, sizeof expected, "connection refused (127.0.0.1:%u)", port);
    assert_string_equal(a.why, expected);
    serve(s, port);
    assert_int_equal(fetch(s, "GET", "/who", SV_TEXT("")).status, 200);
    // The kept connection dies and the question is asked in the same moment.
    sv_http_server_drop(&s->server);
    serve(s, port);
    assert_int_equal(fetch(s, "GET", "/who", SV_TEXT("")).status, 200);
}

static void a_taken_port_is_named(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    sv_http_server_options options = { .bind = "127.0.0.1",
                                       .port = sv_http_server_port(s->server) };
    sv_http_server *second = NULL;
    sv_why why;
    assert_int_equal(sv_http_server_open(s->loop, &options, handle, s, &second, &why),
                     SV_ERR_STATE);
    assert_non_null(strstr(why.text, "the port is taken"));
    options.bind = "nowhere";
    assert_int_equal(sv_http_server_open(s->loop, &options, handle, s, &second, &why),
                     SV_ERR_INVALID);
}

static void a_request_may_be_answered_later(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    answer a;
    ask(s, "GET", "/keep", SV_TEXT(""), &a);
    while (s->kept == NULL) {
        sv_loop_turn(s->loop, TURN_US);
    }
    turn_for(s, 50000);
    assert_false(a.done);
    sv_http_reply(s->kept, 200, "text/plain", SV_TEXT("late"));
    turn_until(s, &a.done);
    assert_string_equal(a.body, "late");
}

static void a_kept_request_outlives_its_connection(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    answer a;
    ask(s, "GET", "/keep", SV_TEXT(""), &a);
    while (s->kept == NULL) {
        sv_loop_turn(s->loop, TURN_US);
    }
    sv_http_client_drop(&s->client);
    assert_true(a.done);
    assert_int_equal(a.status, 0);
    turn_for(s, 50000);
    assert_true(sv_text_is(sv_http_path(s->kept), "/keep"));
    sv_http_reply(s->kept, 200, "text/plain", SV_TEXT("nobody reads this"));
}

static void a_kept_request_outlives_its_server(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    answer a;
    ask(s, "GET", "/keep", SV_TEXT(""), &a);
    while (s->kept == NULL) {
        sv_loop_turn(s->loop, TURN_US);
    }
    sv_http_server_drop(&s->server);
    assert_null(sv_http_header(s->kept, "Host"));
    sv_http_problem(s->kept, 503, "Closing", "bye");
    turn_until(s, &a.done);
    assert_int_equal(a.status, 0);
    assert_non_null(strstr(a.why, "closed by the other side"));
}

static void an_answer_that_does_not_come_is_given_up(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    sv_http_client_drop(&s->client);
    call(s, 100000);
    answer a = fetch(s, "GET", "/keep", SV_TEXT(""));
    assert_int_equal(a.status, 0);
    assert_non_null(strstr(a.why, "no whole answer within 100 ms"));
    turn_for(s, 50000);
    sv_http_reply(s->kept, 204, NULL, SV_TEXT(""));
}

static void a_full_queue_refuses(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    static answer all[SV_HTTP_CLIENT_QUEUE_MAX];
    for (size_t i = 0; i < SV_COUNT(all); i++) {
        ask(s, "GET", "/who", SV_TEXT(""), &all[i]);
    }
    answer more = { 0 };
    assert_int_equal(
        sv_http_client_send(s->client, "GET", "/", NULL, NULL, SV_TEXT(""), answered, &more),
        SV_ERR_NO_SPACE);
    sv_http_client_drop(&s->client);
    for (size_t i = 0; i < SV_COUNT(all); i++) {
        assert_true(all[i].done);
    }
}

static void drop_client(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    (void) why;
    site *s = arg;
    s->closed += reply->status;
    sv_http_client_drop(&s->client);
}

static void a_client_may_be_dropped_by_its_answer(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    answer second = { 0 };
    assert_int_equal(
        sv_http_client_send(s->client, "GET", "/who", NULL, NULL, SV_TEXT(""), drop_client, s),
        SV_OK);
    ask(s, "GET", "/who", SV_TEXT(""), &second);
    turn_until(s, &second.done);
    assert_int_equal(s->closed, 200);
    assert_int_equal(second.status, 0);
}

static void line_breaks_cannot_smuggle_headers(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    answer a = { 0 };
    assert_int_equal(
        sv_http_client_send(s->client, "GET", "/a\r\nX: y", NULL, NULL, SV_TEXT(""), answered, &a),
        SV_ERR_INVALID);
    assert_int_equal(sv_http_client_send(s->client, "GET", "/", "Bearer x\nY: z", NULL, SV_TEXT(""),
                                         answered, &a),
                     SV_ERR_INVALID);
}

/// A bare socket, to say what no client of ours would.
static int dial(const site *s) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in place = { .sin_family = AF_INET,
                                 .sin_port = htons(sv_http_server_port(s->server)),
                                 .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) } };
    assert_int_equal(connect(fd, (const struct sockaddr *) &place, sizeof place), 0);
    return fd;
}

static void say(int fd, const char *words) {
    (void) send(fd, words, strlen(words), MSG_NOSIGNAL);
}

/// Appends what has come to `room`; false at the end of the connection.
static bool listen_to(int fd, char *room, size_t room_bytes) {
    size_t have = strlen(room);
    ssize_t got = recv(fd, room + have, room_bytes - have - 1, MSG_DONTWAIT);
    if (got > 0) {
        room[have + (size_t) got] = '\0';
    }
    return got > 0 || (got < 0 && errno == EAGAIN);
}

static void who_dribbles_a_request_is_cut_off_at_the_deadline(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    int fd = dial(s);
    int64_t start_us = sv_clock_monotonic_us();
    char room[64] = "";
    say(fd, "GET /who HTTP/1.1\r\nX: ");
    while (listen_to(fd, room, sizeof room)
           && sv_clock_monotonic_us() - start_us < 2 * (int64_t) SV_HTTP_DEADLINE_US) {
        say(fd, "y");
        turn_for(s, 100000);
    }
    int64_t took_us = sv_clock_monotonic_us() - start_us;
    assert_in_range(took_us, SV_HTTP_DEADLINE_US - 500000, SV_HTTP_DEADLINE_US + 1000000);
    (void) close(fd);
}

static void connections_beyond_the_limit_are_closed(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    int fds[5];
    char room[64] = "";
    for (size_t i = 0; i < SV_COUNT(fds); i++) {
        fds[i] = dial(s);
        turn_for(s, 20000);
        assert_int_equal(listen_to(fds[i], room, sizeof room), i < 4);
    }
    for (size_t i = 0; i < SV_COUNT(fds); i++) {
        (void) close(fds[i]);
    }
    turn_for(s, 20000);
    assert_int_equal(fetch(s, "GET", "/who", SV_TEXT("")).status, 200);
}

/// A quarter of what a request may have is missing.
static void begin_post(int fd) {
    char body[3 * BODY_MAX / 4 + 1];
    memset(body, 'x', sizeof body - 1);
    body[sizeof body - 1] = '\0';
    say(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4096\r\n\r\n");
    say(fd, body);
}

static void half_requests_take_no_more_room_than_there_is(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    int fds[3];
    char room[8192] = "";
    for (size_t i = 0; i < SV_COUNT(fds); i++) {
        fds[i] = dial(s);
        begin_post(fds[i]);
        turn_for(s, 50000);
        assert_int_equal(listen_to(fds[i], room, sizeof room), i < 2);
    }
    char rest[BODY_MAX / 4 + 1];
    memset(rest, 'y', sizeof rest - 1);
    rest[sizeof rest - 1] = '\0';
    say(fds[0], rest);
    turn_for(s, 50000);
    assert_true(listen_to(fds[0], room, sizeof room));
    assert_int_equal(strncmp(room, "HTTP/1.1 201", 12), 0);
    assert_int_equal(s->requests, 1);
    int again = dial(s); // what the first one took is free
    begin_post(again);
    turn_for(s, 50000);
    assert_true(listen_to(again, room, sizeof room));
    for (size_t i = 0; i < SV_COUNT(fds); i++) {
        (void) close(fds[i]);
    }
    (void) close(again);
    turn_for(s, 20000);
}

static void start_stream(site *s, int fd) {
    say(fd, "GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
    for (int i = 0; i < 100 && s->events == NULL; i++) {
        sv_loop_turn(s->loop, TURN_US);
    }
    assert_non_null(s->events);
}

static void events_arrive_as_they_are_sent(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    int fd = dial(s);
    start_stream(s, fd);
    assert_int_equal(sv_http_events_send(s->events, "reading", 7, SV_TEXT("{\"a\":1}")), SV_OK);
    sv_http_events_ping(s->events);
    assert_int_equal(sv_http_events_send(s->events, NULL, 8, SV_TEXT("x")), SV_OK);
    turn_for(s, 50000);
    char room[2048] = "";
    assert_true(listen_to(fd, room, sizeof room));
    assert_non_null(strstr(room, "Content-Type: text/event-stream\r\n"));
    assert_non_null(strstr(room, "Cache-Control: no-store\r\n"));
    assert_non_null(strstr(room, "id: 7\nevent: reading\ndata: {\"a\":1}\n\n"));
    assert_non_null(strstr(room, ": ping\n\n"));
    assert_non_null(strstr(room, "id: 8\ndata: x\n\n"));
    sv_http_events_drop(&s->events);
    turn_for(s, 50000);
    while (listen_to(fd, room, sizeof room)) {
        turn_for(s, 10000);
    }
    assert_int_equal(s->closed, 0);
    (void) close(fd);
}

static void a_stream_learns_that_its_reader_went_away(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    int fd = dial(s);
    start_stream(s, fd);
    (void) close(fd);
    turn_for(s, 50000);
    assert_int_equal(s->closed, 1);
    assert_int_equal(sv_http_events_send(s->events, NULL, 1, SV_TEXT("x")), SV_ERR_STATE);
    sv_http_events_ping(s->events);
}

static void who_does_not_read_fills_a_bounded_queue(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    int fd = dial(s);
    start_stream(s, fd);
    static char line[8192];
    memset(line, 'x', sizeof line);
    sv_err err = SV_OK;
    int sent = 0;
    for (; sent < 4096 && err == SV_OK; sent++) {
        err = sv_http_events_send(s->events, NULL, 1, (sv_text){ .at = line, .len = sizeof line });
        sv_loop_turn(s->loop, 0);
    }
    assert_int_equal(err, SV_ERR_NO_SPACE);
    assert_true(sent > SV_HTTP_STREAM_QUEUE_MAX / (int) sizeof line / 2);
    sv_http_events_drop(&s->events);
    (void) close(fd);
    turn_for(s, 50000);
}

static void a_server_that_closes_ends_its_streams(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    int fd = dial(s);
    start_stream(s, fd);
    sv_http_server_drop(&s->server);
    assert_int_equal(s->closed, 1);
    sv_http_events_drop(&s->events);
    (void) close(fd);
}

static void went_up(void *arg) {
    (void) arg;
}

static size_t took_none(void *arg, sv_text arrived) {
    (void) arg;
    return arrived.len;
}

static void went_down(void *arg, const sv_why *why) {
    (void) snprintf(arg, SV_WHY_MAX, "%s", why->text);
}

static void a_name_nobody_knows_is_told_apart(void **state) {
    (void) state;
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    assert_int_equal(sv_loop_open(&loop, NULL), SV_OK);
    static const sv_conn_events events = { .up = went_up, .bytes = took_none, .down = went_down };
    char sentence[SV_WHY_MAX] = "";
    sv_conn *conn = NULL;
    sv_why why;
    sv_err err = sv_conn_open(loop, "no-such-host.invalid", 1, NULL, 1000000, &events, sentence,
                              &conn, &why);
    if (err != SV_OK) {
        assert_non_null(strstr(why.text, "cannot resolve"));
        return;
    }
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    while (sentence[0] == '\0' && sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(loop, TURN_US);
    }
    assert_true(strstr(sentence, "no-such-host.invalid") != NULL);
    sv_conn_drop(&conn);
    for (int i = 0; i < 5; i++) {
        sv_loop_turn(loop, 1000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_travel_both_ways),
        cmocka_unit_test(every_method_arrives_and_head_has_no_body),
        cmocka_unit_test(a_body_beyond_the_limit_is_answered_413),
        cmocka_unit_test(queries_are_decoded_and_bounded),
        cmocka_unit_test(problems_are_documents),
        cmocka_unit_test(one_connection_serves_request_after_request),
        cmocka_unit_test(a_restarted_server_is_found_again),
        cmocka_unit_test(a_taken_port_is_named),
        cmocka_unit_test(a_request_may_be_answered_later),
        cmocka_unit_test(a_kept_request_outlives_its_connection),
        cmocka_unit_test(a_kept_request_outlives_its_server),
        cmocka_unit_test(an_answer_that_does_not_come_is_given_up),
        cmocka_unit_test(a_full_queue_refuses),
        cmocka_unit_test(a_client_may_be_dropped_by_its_answer),
        cmocka_unit_test(line_breaks_cannot_smuggle_headers),
        cmocka_unit_test(who_dribbles_a_request_is_cut_off_at_the_deadline),
        cmocka_unit_test(connections_beyond_the_limit_are_closed),
        cmocka_unit_test(half_requests_take_no_more_room_than_there_is),
        cmocka_unit_test(events_arrive_as_they_are_sent),
        cmocka_unit_test(a_stream_learns_that_its_reader_went_away),
        cmocka_unit_test(who_does_not_read_fills_a_bounded_queue),
        cmocka_unit_test(a_server_that_closes_ends_its_streams),
        cmocka_unit_test(a_name_nobody_knows_is_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
