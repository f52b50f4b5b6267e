// A server that answers some paths, and a client that asks it; connections that do as they like.
#ifndef SV_HTTP_FIXTURE_H
#define SV_HTTP_FIXTURE_H

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

static inline void stream_closed(void *arg) {
    site *s = arg;
    s->closed++;
}

static inline void echo(sv_http_request *request) {
    sv_http_reply_header(request, "Location", "/elsewhere");
    sv_http_reply(request, 201, "text/plain", sv_http_body(request));
}

static inline void tell_query(site *s, sv_http_request *request) {
    char room[16];
    sv_err err = sv_http_query(request, "q", room, sizeof room);
    (void) snprintf(s->seen, sizeof s->seen, "%s:%s", sv_err_name(err), err == SV_OK ? room : "");
    sv_http_reply(request, 204, NULL, SV_TEXT(""));
}

static inline void handle(sv_http_request *request, void *arg) {
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

static inline void serve(site *s, uint16_t port) {
    sv_http_server_options options = {
        .bind = "127.0.0.1",
        .port = port,
        .body_max = BODY_MAX,
        .room_max = ROOM_MAX,
        .connections_max = 4,
    };
    assert_int_equal(sv_http_server_open(s->loop, &options, handle, s, &s->server, NULL), SV_OK);
}

static inline void call(site *s, int64_t timeout_us) {
    char origin[64];
    (void) snprintf(origin, sizeof origin, "http://127.0.0.1:%u", sv_http_server_port(s->server));
    assert_int_equal(sv_http_client_open(s->loop, origin, NULL, timeout_us, &s->client, NULL),
                     SV_OK);
}

static inline site *site_open(void) {
    site *s = sv_mem_new(sizeof *s);
    assert_int_equal(sv_loop_open(&s->loop, NULL), SV_OK);
    serve(s, 0);
    call(s, PATIENCE_US);
    return s;
}

static inline void site_drop(site **s) {
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

static inline void answered(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
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

static inline void turn_until(site *s, const bool *done) {
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US * INT64_C(2);
    while (!*done && sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(s->loop, TURN_US);
    }
    assert_true(*done);
}

static inline void turn_for(site *s, int64_t us) {
    int64_t end_us = sv_clock_monotonic_us() + us;
    while (sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(s->loop, TURN_US);
    }
}

static inline void ask(site *s, const char *method, const char *path, sv_text body, answer *a) {
    *a = (answer){ 0 };
    assert_int_equal(
        sv_http_client_send(s->client, method, path, NULL, "text/plain", body, answered, a), SV_OK);
}

static inline answer fetch(site *s, const char *method, const char *path, sv_text body) {
    answer a;
    ask(s, method, path, body, &a);
    turn_until(s, &a.done);
    return a;
}

/// A bare socket, to say what no client of ours would.
static inline int dial(const site *s) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in place = { .sin_family = AF_INET,
                                 .sin_port = htons(sv_http_server_port(s->server)),
                                 .sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) } };
    assert_int_equal(connect(fd, (const struct sockaddr *) &place, sizeof place), 0);
    return fd;
}

static inline void say(int fd, const char *words) {
    (void) send(fd, words, strlen(words), MSG_NOSIGNAL);
}

/// Appends what has come to `room`; false at the end of the connection.
static inline bool listen_to(int fd, char *room, size_t room_bytes) {
    size_t have = strlen(room);
    ssize_t got = recv(fd, room + have, room_bytes - have - 1, MSG_DONTWAIT);
    if (got > 0) {
        room[have + (size_t) got] = '\0';
    }
    return got > 0 || (got < 0 && errno == EAGAIN);
}

#endif
