// A client for tests and fuzz targets: raw bytes to a server of this process on 127.0.0.1, and
// whatever it answers. Both ends run on the caller's thread.
#ifndef SV_NET_TEST_H
#define SV_NET_TEST_H

#include <arpa/inet.h>
#include <base/fd.h>
#include <base/text.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/clock.h>
#include <sys/loop.h>
#include <sys/socket.h>
#include <unistd.h>

#define SV_TEST_PATIENCE_US INT64_C(5000000)

enum {
    SV_TEST_ADDRESSES = 1 << 16, ///< of 127.0.0.0/8, taken in turn
};

static inline struct sockaddr_in sv_test_address(uint32_t host, uint16_t port) {
    return (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_port = htons(port),
                                 .sin_addr.s_addr = htonl(host) };
}

/// Aborts when that fails. Every connection comes from another address: the ports of one would all
/// be waiting for stray packets after a few seconds of fuzzing.
static inline int sv_test_connect(uint16_t port) {
    static uint32_t connections;
    struct sockaddr_in from =
        sv_test_address(INADDR_LOOPBACK + connections++ % SV_TEST_ADDRESSES, 0);
    struct sockaddr_in to = sv_test_address(INADDR_LOOPBACK, port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *) &from, sizeof from) != 0
        || connect(fd, (const struct sockaddr *) &to, sizeof to) != 0) {
        abort();
    }
    return fd;
}

/// As much as the socket takes.
static inline void sv_test_send(int fd, sv_text *bytes) {
    ssize_t wrote = send(fd, bytes->at, bytes->len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (wrote > 0) {
        *bytes = (sv_text){ .at = bytes->at + wrote, .len = bytes->len - (size_t) wrote };
    }
}

/// What has come, into `answers`; false: the server has closed.
static inline bool sv_test_receive(int fd, sv_textbuf *answers) {
    char room[4096];
    ssize_t got = recv(fd, room, sizeof room, MSG_DONTWAIT);
    if (got > 0) {
        sv_textbuf_add(answers, (sv_text){ .at = room, .len = (size_t) got });
    }
    return got > 0 || (got < 0 && errno == EAGAIN);
}

/// Write all of it, end this side, and collect what is answered until the server closes; the loop
/// runs in between. Aborts when the server keeps the connection open.
static inline void sv_test_talk(sv_loop *loop, uint16_t port, sv_text bytes, sv_textbuf *answers) {
    SV_DEFER(sv_fd_drop) int fd = sv_test_connect(port);
    int64_t end_us = sv_clock_monotonic_us() + SV_TEST_PATIENCE_US;
    do {
        if (bytes.len > 0) {
            sv_test_send(fd, &bytes);
        } else {
            (void) shutdown(fd, SHUT_WR);
        }
        sv_loop_turn(loop, 0);
        if (sv_clock_monotonic_us() > end_us) {
            abort();
        }
    } while (sv_test_receive(fd, answers));
}

#endif
