// A device door that answers as a test tells it to, also wrongly: over plain TCP, on the loop of
// whoever asks. Each connection gets one request and one answer.
#ifndef SV_DDI_TEST_H
#define SV_DDI_TEST_H

#include <arpa/inet.h>
#include <base/fd.h>
#include <base/test.h>
#include <base/text.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/clock.h>
#include <sys/loop.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DOOR_LINES_MAX = 64, DOOR_ASK_MAX = 8192 };

#define DOOR_PATIENCE_US INT64_C(10000000)

typedef struct door door;

/// What came is NUL-terminated in `d->ask`; what is written is all of the answer.
typedef void door_answer(door *d);

struct door {
    sv_loop *loop;
    int listener, peer;
    uint16_t port;
    sv_watch *at_listener, *at_peer;
    sv_timer *push;
    sv_textbuf out; ///< of the answer
    size_t sent;    ///< of it
    door_answer *answer;
    void *arg;
    char ask[DOOR_ASK_MAX];
    size_t ask_bytes;
    int asked; ///< requests so far
    char origin[64];
};

static inline void door_hang_up(door *d) {
    sv_watch_drop(&d->at_peer);
    sv_fd_drop(&d->peer);
    sv_timer_stop(d->push);
    sv_textbuf_clear(&d->out);
    d->sent = 0;
}

/// What the socket takes; the end hangs up.
static inline void door_push(void *arg) {
    door *d = arg;
    ssize_t n = 1;
    while (d->sent < d->out.len && n > 0) {
        n = send(d->peer, d->out.at + d->sent, d->out.len - d->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        d->sent += n > 0 ? (size_t) n : 0;
    }
    if (d->sent == d->out.len || (n < 0 && errno != EAGAIN)) {
        door_hang_up(d);
    } else {
        sv_timer_once(d->push, 1000);
    }
}

static inline bool door_is_whole(const door *d) {
    const char *end = strstr(d->ask, "\r\n\r\n");
    const char *length = strstr(d->ask, "Content-Length: ");
    size_t body =
        length != NULL && end != NULL && length < end ? strtoul(length + 16, NULL, 10) : 0;
    return end != NULL && d->ask_bytes >= (size_t) (end - d->ask) + 4 + body;
}

static inline void door_heard(void *arg) {
    door *d = arg;
    ssize_t got = recv(d->peer, d->ask + d->ask_bytes, sizeof d->ask - 1 - d->ask_bytes, 0);
    if (got <= 0) {
        door_hang_up(d);
        return;
    }
    d->ask_bytes += (size_t) got;
    d->ask[d->ask_bytes] = '\0';
    if (door_is_whole(d)) {
        d->asked++;
        d->answer(d);
        door_push(d);
    }
}

static inline void door_opened(void *arg) {
    door *d = arg;
    door_hang_up(d);
    d->peer = accept4(d->listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(d->peer >= 0);
    d->ask_bytes = 0;
    d->ask[0] = '\0';
    d->at_peer = sv_watch_readable(d->loop, d->peer, door_heard, d);
}

static inline void door_open(door *d, sv_loop *loop, door_answer *answer, void *arg) {
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t bytes = sizeof at;
    *d = (door){ .loop = loop, .peer = -1, .answer = answer, .arg = arg };
    d->out = SV_TEXTBUF_HEAP(16 << 20);
    d->push = sv_timer_new(loop, door_push, d);
    d->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(d->listener, (const struct sockaddr *) &at, sizeof at), 0);
    assert_int_equal(listen(d->listener, 8), 0);
    assert_int_equal(getsockname(d->listener, (struct sockaddr *) &at, &bytes), 0);
    d->port = ntohs(at.sin_port);
    (void) snprintf(d->origin, sizeof d->origin, "http://127.0.0.1:%u", d->port);
    d->at_listener = sv_watch_readable(loop, d->listener, door_opened, d);
}

static inline void door_close(door *d) {
    door_hang_up(d);
    sv_watch_drop(&d->at_listener);
    sv_fd_drop(&d->listener);
    sv_timer_drop(&d->push);
    sv_textbuf_drop(&d->out);
}

/// A whole answer, of which only the first `sent` bytes of the body go out.
static inline void door_reply(door *d, int status, const char *head, const char *body, size_t len,
                              size_t sent) {
    sv_textbuf_addf(&d->out, "HTTP/1.1 %d x\r\n%sContent-Length: %zu\r\n\r\n", status, head, len);
    sv_textbuf_add(&d->out, (sv_text){ .at = body, .len = sent });
}

static inline void door_say(door *d, int status, const char *body) {
    door_reply(d, status, "", body, strlen(body), strlen(body));
}

static inline void turn_until(sv_loop *loop, const bool *done) {
    int64_t end_us = sv_clock_monotonic_us() + DOOR_PATIENCE_US;
    while (!*done && sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(loop, 20000);
    }
    assert_true(*done);
}

#endif
