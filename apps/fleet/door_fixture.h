// The operator door of a fleet server in this process, asked over a socket, for tests.
#ifndef SV_FLEET_DOOR_FIXTURE_H
#define SV_FLEET_DOOR_FIXTURE_H

#include "fleet_fixture.h"

#include "operator_door.h"
#include "users.h"

#include <codec/json.h>
#include <net/test.h>
#include <string.h>

enum { DOOR_ANSWER_MAX = 1 << 20, DOOR_HEAD_MAX = 4096 };
#define DOOR_PATIENCE_US (60 * SV_TIME_SECOND_US)

typedef struct door {
    fixture f;
    sv_loop *loop;
    sv_http_server *server;
    char token[SV_SECRET_ROOM]; ///< the server's own
    uint32_t from;              ///< last part of the address it is asked from, 127.0.0.<from>
    sv_textbuf answer;          ///< the last one, whole
} door;

static inline int door_setup(void **state) {
    door *d = sv_mem_new(sizeof *d);
    const sv_http_server_options options = { .bind = "127.0.0.1",
                                             .body_max = SV_OPERATOR_BODY_MAX,
                                             .connections_max = 16 };
    char room[SV_SECRET_ROOM + 2];
    sv_textbuf file = SV_TEXTBUF(room);
    (void) snprintf(d->f.dir, sizeof d->f.dir, "/tmp/selvedge-fleet-test-XXXXXX");
    assert_non_null(mkdtemp(d->f.dir));
    fixture_start(&d->f);
    assert_int_equal(sv_loop_open(&d->loop, NULL), SV_OK);
    d->f.fleet.loop = d->loop;
    assert_int_equal(sv_passwords_open(d->loop, &d->f.fleet.passwords, NULL), SV_OK);
    assert_int_equal(
        sv_http_server_open(d->loop, &options, sv_operator_door, &d->f.fleet, &d->server, NULL),
        SV_OK);
    assert_int_equal(sv_disk_read(d->f.fleet.config.admin_token_file, &file, NULL), SV_OK);
    assert_int_equal(sv_text_copy(sv_text_trim(sv_textbuf_text(&file)), d->token, sizeof d->token),
                     SV_OK);
    d->answer = SV_TEXTBUF_HEAP(DOOR_ANSWER_MAX);
    d->from = 1;
    *state = d;
    return 0;
}

static inline int door_teardown(void **state) {
    door *d = *state;
    sv_passwords_drop(&d->f.fleet.passwords);
    sv_live_drop(&d->f.fleet.live);
    sv_http_server_drop(&d->server);
    sv_fleet_drop(&d->f.fleet);
    sv_loop_drop(&d->loop);
    assert_int_equal(sv_disk_remove_tree(d->f.dir, NULL), SV_OK);
    sv_textbuf_drop(&d->answer);
    free(d);
    return 0;
}

static inline int door_connect(const door *d) {
    struct sockaddr_in from = sv_test_address((127u << 24) + d->from, 0);
    struct sockaddr_in to = sv_test_address(INADDR_LOOPBACK, sv_http_server_port(d->server));
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && bind(fd, (const struct sockaddr *) &from, sizeof from) == 0
                && connect(fd, (const struct sockaddr *) &to, sizeof to) == 0);
    return fd;
}

/// Whether a whole answer with its Content-Length is there: event streams never end.
static inline bool door_has_answer(const door *d) {
    sv_text text = sv_textbuf_text(&d->answer);
    const char *end = text.len > 0 ? memmem(text.at, text.len, "\r\n\r\n", 4) : NULL;
    return end != NULL && memmem(text.at, text.len, "text/event-stream", 17) != NULL;
}

/// `headers`: whole lines with \r\n, or "". The status.
static inline int door_ask(door *d, const char *method, const char *path, const char *headers,
                           const char *body) {
    SV_DEFER(sv_textbuf_drop)
    sv_textbuf request = SV_TEXTBUF_HEAP((size_t) 2 * SV_OPERATOR_BODY_MAX);
    SV_DEFER(sv_fd_drop) int fd = door_connect(d);
    int64_t end_us = sv_clock_monotonic_us() + DOOR_PATIENCE_US;
    sv_textbuf_addf(&request, "%s %s HTTP/1.1\r\nHost: fleet.test\r\nConnection: close\r\n%s",
                    method, path, headers);
    sv_textbuf_addf(&request, "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
    sv_text rest = sv_textbuf_text(&request);
    sv_textbuf_clear(&d->answer);
    do {
        sv_test_send(fd, &rest);
        sv_loop_turn(d->loop, 1000);
        assert_true(sv_clock_monotonic_us() < end_us);
    } while (sv_test_receive(fd, &d->answer) && !door_has_answer(d));
    assert_int_equal(sv_textbuf_end(&d->answer), SV_OK);
    assert_true(d->answer.len > 12);
    return (int) strtol(d->answer.at + 9, NULL, 10);
}

/// As the server's own token.
static inline int door_admin(door *d, const char *method, const char *path, const char *body) {
    char headers[DOOR_HEAD_MAX];
    (void) snprintf(headers, sizeof headers, "Authorization: Bearer %s\r\n", d->token);
    return door_ask(d, method, path, headers, body);
}

/// The last answer's body.
static inline const char *door_body(const door *d) {
    const char *end = strstr(d->answer.at, "\r\n\r\n");
    return end != NULL ? end + 4 : "";
}

/// What stands between `before` and `end` in the last answer.
static inline void door_cut(const door *d, const char *before, char end, char *out, size_t bytes) {
    const char *at = strstr(d->answer.at, before);
    assert_non_null(at);
    sv_text rest = sv_text_of(at + strlen(before));
    assert_int_equal(sv_text_copy(sv_text_cut(&rest, end), out, bytes), SV_OK);
}

/// `Cookie: …\r\nX-Selvedge: 1\r\n` of the session that has just begun.
static inline void door_keep_cookie(const door *d, char out[DOOR_HEAD_MAX]) {
    char session[SV_SECRET_ROOM];
    door_cut(d, "Set-Cookie: selvedge=", ';', session, sizeof session);
    (void) snprintf(out, DOOR_HEAD_MAX, "Cookie: selvedge=%s\r\nX-Selvedge: 1\r\n", session);
}

/// Come in with the link of the last answer's Location.
static inline void door_use_link(door *d, char cookie[DOOR_HEAD_MAX]) {
    char token[SV_SECRET_ROOM];
    char body[128];
    door_cut(d, "Location: /#login=", '\r', token, sizeof token);
    (void) snprintf(body, sizeof body, "{\"token\":\"%s\"}", token);
    assert_int_equal(door_ask(d, "POST", "/api/v1/session", "", body), 204);
    door_keep_cookie(d, cookie);
}

/// A new user, signed in. `sites`: "null" or an array.
static inline void door_user(door *d, const char *name, const char *role, const char *sites,
                             char cookie[DOOR_HEAD_MAX]) {
    char body[512];
    (void) snprintf(body, sizeof body, "{\"name\":\"%s\",\"role\":\"%s\",\"sites\":%s}", name, role,
                    sites);
    assert_int_equal(door_admin(d, "POST", "/api/v1/users", body), 201);
    door_use_link(d, cookie);
}

static inline bool door_says(const door *d, const char *what) {
    return strstr(d->answer.at, what) != NULL;
}

#endif
