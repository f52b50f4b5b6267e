// The two halves of a listener: who comes in (listener.c), and what happens on a link that is up
// (link.c).
#ifndef SV_NET_LISTENER_INTERNAL_H
#define SV_NET_LISTENER_INTERNAL_H

#include "tls_internal.h"

#include <event2/event.h>
#include <net/listener.h>
#include <sys/queue.h>

enum {
    LISTENER_SUBJECT_ROOM = 72,
    LISTENER_FLUSH_US = 1000000, ///< for a link that closes to send what was written
};

typedef enum link_state {
    LINK_HANDSHAKE,
    LINK_UP,
    LINK_CLOSING, ///< its owner has let go; what was written still goes out
} link_state;

struct sv_link {
    TAILQ_ENTRY(sv_link) of_state; ///< in the list of its state, the oldest first
    TAILQ_ENTRY(sv_link) of_dirty;
    sv_listener *listener;
    int fd;
    SSL *ssl;                          ///< NULL on a unix socket
    struct event *readable, *writable; ///< `writable` only while it is waited for
    link_state state;
    void *owner;
    int64_t since_us; ///< of the state, monotonic
    sv_textbuf kept;  ///< arrived, and not taken by the owner
    sv_textbuf out;
    size_t out_sent;
    bool dirty, in_event, gone, held, was_full;
    bool broken; ///< TLS has failed: no good-bye
    char peer[SV_LISTENER_PEER_ROOM];
    char subject[LISTENER_SUBJECT_ROOM]; ///< CN of a certificate that was refused
};

TAILQ_HEAD(link_list, sv_link);

struct sv_listener {
    sv_loop *loop;
    sv_listener_options options;
    sv_listener_events events;
    void *arg;
    int fd, spare_fd;
    uint16_t port;
    struct event *acceptable, *flush;
    sv_timer *rest, *sweep;
    struct link_list handshakes, up, closing, dirty;
    bool held, resting;
    sv_listener_counts counts;
    char scratch[SV_LISTENER_TURN_BYTES];
};

/// Puts the link into the list of `state`.
void link_enter(sv_link *link, link_state state);
/// Frees it, now or when it leaves its event.
void link_destroy(sv_link *link);
/// An event of the owner has returned; false: the link has gone meanwhile.
bool link_leave_event(sv_link *link);
/// It is up and has an owner: from now on it is read.
void link_begin(sv_link *link);
void link_held(sv_listener *listener, bool hold);
/// One event of the listener: everything that was written in this turn.
void link_flush(evutil_socket_t fd, short what, void *listener);
/// Waits for the socket to take more; `again` runs then.
void link_await_writable(sv_link *link, event_callback_fn again);

#endif
