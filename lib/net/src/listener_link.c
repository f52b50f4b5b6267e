#include "listener_internal.h"

#include <base/fd.h>
#include <base/mem.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <unistd.h>

static void readable(evutil_socket_t fd, short what, void *arg) {
    (void) fd;
    (void) what;
    sv_link *link = arg;
    sv_listener *listener = link->listener;
    sv_listener_enter(listener);
    if (link->state == SV_LINK_HALF_OPEN) {
        sv_handshake_ready(link);
    } else if (link->state == SV_LINK_UP) {
        sv_link_read_turn(link);
    } else if (link->state == SV_LINK_LEAVING) {
        sv_link_hear_out(link);
    }
    sv_listener_leave(listener);
}

static void writable(evutil_socket_t fd, short what, void *arg) {
    (void) fd;
    (void) what;
    sv_link *link = arg;
    sv_listener *listener = link->listener;
    sv_listener_enter(listener);
    link->blocked = false;
    if (link->state == SV_LINK_HALF_OPEN) {
        sv_handshake_ready(link);
    } else {
        sv_link_send_turn(link);
    }
    sv_listener_leave(listener);
}

static void watch(sv_link *link, short persist) {
    struct event_base *base = sv_loop_base(link->listener->loop);
    (void) event_del(&link->readable);
    if (event_assign(&link->readable, base, link->fd, (short) (EV_READ | persist), readable, link)
        != 0) {
        abort();
    }
    (void) event_add(&link->readable, NULL);
}

sv_link *sv_link_new(sv_listener *listener, int fd, const sv_place *from) {
    sv_link *link = sv_mem_new(sizeof *link);
    *link = (sv_link){ .listener = listener, .fd = fd, .since_us = sv_clock_monotonic_us() };
    sv_place_text(from, link->peer, sizeof link->peer);
    if (listener->tls != NULL) {
        sv_source_enter(link, from);
    }
    TAILQ_INSERT_TAIL(&listener->links[SV_LINK_HALF_OPEN], link, place);
    listener->count[SV_LINK_HALF_OPEN]++;
    struct event_base *base = sv_loop_base(listener->loop);
    if (event_assign(&link->readable, base, fd, EV_READ, readable, link) != 0
        || event_assign(&link->writable, base, fd, EV_WRITE, writable, link) != 0) {
        abort();
    }
    (void) event_add(&link->readable, NULL);
    return link;
}

void sv_link_move(sv_link *link, sv_link_state state) {
    sv_listener *listener = link->listener;
    if (link->state == SV_LINK_HALF_OPEN && listener->crowded) {
        listener->crowded = false;
        sv_timer_stop(listener->rest);
    }
    if (link->state == SV_LINK_HALF_OPEN) {
        sv_source_leave(link);
    }
    sv_review_forget(link);
    sv_link_rate_forget(link);
    TAILQ_REMOVE(&listener->links[link->state], link, place);
    listener->count[link->state]--;
    TAILQ_INSERT_TAIL(&listener->links[state], link, place);
    listener->count[state]++;
    link->state = state;
}

void sv_link_free(sv_link *link) {
    link_bytes_drop(&link->kept);
    free(link);
}

static void leave_queues(sv_link *link) {
    sv_listener *listener = link->listener;
    sv_handshake_forget(link);
    sv_link_read_no_more(link);
    if (link->dirty) {
        TAILQ_REMOVE(&listener->dirty, link, send);
        link->dirty = false;
    }
}

static void tell_parted(const sv_link *link) {
    const sv_listener *listener = link->listener;
    if (listener->events.parted != NULL && !listener->dropped) {
        listener->events.parted(listener->arg, link->peer, link->answered);
    }
}

/// What has arrived (`kept`) stays until the link is freed: its owner may be looking at it.
void sv_link_part(sv_link *link) {
    leave_queues(link);
    (void) event_del(&link->readable);
    (void) event_del(&link->writable);
    sv_handshake_orphan(link);
    SSL_free(link->ssl);
    link->ssl = NULL;
    sv_fd_drop(&link->fd);
    link_bytes_drop(&link->out);
    bool was_leaving = link->state == SV_LINK_LEAVING;
    sv_link_move(link, SV_LINK_GONE);
    if (was_leaving && link->owner != NULL) {
        tell_parted(link);
    }
}

void sv_link_linger(sv_link *link) {
    leave_queues(link);
    if (link->ssl != NULL && !link->mute) {
        ERR_clear_error();
        (void) SSL_shutdown(link->ssl);
    }
    SSL_free(link->ssl);
    link->ssl = NULL;
    (void) shutdown(link->fd, SHUT_WR);
    watch(link, EV_PERSIST);
}

static void start_leaving(sv_link *link) {
    sv_listener *listener = link->listener;
    if (listener->count[SV_LINK_LEAVING] >= listener->handshakes_max) {
        sv_link_part(TAILQ_FIRST(&listener->links[SV_LINK_LEAVING]));
    }
    link->since_us = sv_clock_monotonic_us();
    sv_link_move(link, SV_LINK_LEAVING);
    if (!sv_timer_is_set(listener->parting)) {
        sv_timer_once(listener->parting, SV_LISTENER_PARTING_US);
    }
}

void sv_links_parting(void *arg) {
    sv_listener *listener = arg;
    sv_listener_enter(listener);
    int64_t over_us = sv_clock_monotonic_us() - SV_LISTENER_PARTING_US;
    sv_link_list *leaving = &listener->links[SV_LINK_LEAVING];
    sv_link *oldest = TAILQ_FIRST(leaving);
    for (; oldest != NULL && oldest->since_us <= over_us; oldest = TAILQ_FIRST(leaving)) {
        sv_link_part(oldest);
    }
    if (oldest != NULL) {
        sv_timer_once(listener->parting, oldest->since_us - over_us);
    }
    sv_listener_leave(listener);
}

static void tell_refused(const sv_link *link, const sv_why *why) {
    const sv_listener *listener = link->listener;
    if (listener->events.refused != NULL && !listener->dropped) {
        listener->events.refused(listener->arg, link->peer, why);
    }
}

void sv_link_refuse(sv_link *link, const sv_why *why, bool was_answered) {
    link->listener->refused++;
    if (was_answered) {
        link->mute = true; // TLS has said what there is to say
        start_leaving(link);
        sv_link_linger(link);
    } else {
        sv_link_part(link);
    }
    tell_refused(link, why);
}

void sv_link_shed(sv_link *link, const sv_why *why) {
    link->listener->shed++;
    sv_link_part(link);
    tell_refused(link, why);
}

void sv_link_up(sv_link *link, const sv_identity *identity) {
    sv_listener *listener = link->listener;
    sv_link_move(link, SV_LINK_UP);
    watch(link, EV_PERSIST);
    void *owner = listener->events.up(listener->arg, link, identity);
    if (link->state != SV_LINK_UP) {
        return;
    }
    if (owner == NULL) {
        listener->shed++;
        sv_link_close(link, false);
        return;
    }
    link->owner = owner;
    sv_link_rate_begin(link);
    if (link->ssl != NULL && SSL_has_pending(link->ssl) == 1) {
        sv_link_read_again(link); // it came with the last of the handshake
    }
}

const char *sv_link_peer(const sv_link *link) {
    return link->peer;
}

static void close_now(sv_link *link) {
    if (link->ssl != NULL && !link->mute) {
        ERR_clear_error();
        (void) SSL_shutdown(link->ssl);
    }
    sv_link_part(link);
}

void sv_link_close(sv_link *link, bool flush) {
    sv_listener *listener = link->listener;
    if (link->state != SV_LINK_UP) {
        return;
    }
    sv_listener_enter(listener);
    if (!flush || link->mute) {
        close_now(link);
    } else {
        (void) event_del(&link->readable);
        start_leaving(link);
        if (link->out.len == 0) {
            sv_link_linger(link);
        }
    }
    sv_listener_leave(listener);
}
