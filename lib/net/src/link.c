#include "listener_internal.h"

#include <base/mem.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RECORD_BYTES = 16 * 1024, OUT_MAX = 1 << 30 };

static struct link_list *list_of(sv_listener *listener, link_state state) {
    switch (state) {
    case LINK_HANDSHAKE:
        return &listener->handshakes;
    case LINK_UP:
        return &listener->up;
    case LINK_CLOSING:
        break;
    }
    return &listener->closing;
}

static size_t *count_of(sv_listener *listener, link_state state) {
    return state == LINK_UP          ? &listener->counts.links
           : state == LINK_HANDSHAKE ? &listener->counts.handshakes
                                     : NULL;
}

static void leave(sv_link *link) {
    size_t *count = count_of(link->listener, link->state);
    TAILQ_REMOVE(list_of(link->listener, link->state), link, of_state);
    if (count != NULL) {
        (*count)--;
    }
}

void link_enter(sv_link *link, link_state state) {
    size_t *count = count_of(link->listener, state);
    link->state = state;
    link->since_us = sv_clock_monotonic_us();
    TAILQ_INSERT_TAIL(list_of(link->listener, state), link, of_state);
    if (count != NULL) {
        (*count)++;
    }
}

static void release(sv_link *link) {
    sv_textbuf_drop(&link->kept);
    sv_textbuf_drop(&link->out);
    free(link);
}

void link_destroy(sv_link *link) {
    if (link->gone) {
        return;
    }
    link->gone = true;
    leave(link);
    if (link->dirty) {
        TAILQ_REMOVE(&link->listener->dirty, link, of_dirty);
    }
    event_free(link->readable);
    if (link->writable != NULL) {
        event_free(link->writable);
    }
    if (link->ssl != NULL && !link->broken && SSL_is_init_finished(link->ssl) == 1) {
        (void) SSL_shutdown(link->ssl);
    }
    ERR_clear_error();
    SSL_free(link->ssl);
    (void) close(link->fd);
    if (!link->in_event) {
        release(link);
    }
}

bool link_leave_event(sv_link *link) {
    link->in_event = false;
    if (link->gone) {
        release(link);
        return false;
    }
    return true;
}

static void fail(sv_link *link, const sv_why *why) {
    if (link->state == LINK_UP) {
        link->in_event = true;
        link->listener->events.down(link->owner, why);
        if (!link_leave_event(link)) {
            return;
        }
    }
    link_destroy(link);
}

static void say_closed(sv_link *link, int number, sv_why *why) {
    link->broken = true;
    unsigned long code = link->ssl != NULL ? ERR_peek_last_error() : 0;
    if (code != 0 && sv_tls_fault(link->ssl, code, true, why)) {
        return;
    }
    (void) sv_fail(why, SV_ERR_UNAVAILABLE, "%s",
                   number != 0 ? sv_errno_text(number) : "the other side closed the connection");
}

typedef enum piece { PIECE_MORE, PIECE_WAIT, PIECE_END } piece;

/// What can be read now, into the listener's scratch.
static piece read_piece(sv_link *link, size_t *got, sv_why *why) {
    char *room = link->listener->scratch;
    ssize_t n = 0;
    errno = 0;
    if (link->ssl == NULL) {
        n = recv(link->fd, room, sizeof link->listener->scratch, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return PIECE_WAIT;
        }
    } else {
        ERR_clear_error();
        n = SSL_read(link->ssl, room, (int) sizeof link->listener->scratch);
        if (n <= 0) {
            int error = SSL_get_error(link->ssl, (int) n);
            if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
                return PIECE_WAIT;
            }
        }
    }
    if (n <= 0) {
        say_closed(link, n < 0 ? errno : 0, why);
        return PIECE_END;
    }
    *got = (size_t) n;
    return PIECE_MORE;
}

/// Shows the owner what is there; false when the link is not to be read on.
static bool show(sv_link *link, sv_text arrived, size_t *taken) {
    link->in_event = true;
    *taken = link->listener->events.bytes(link->owner, arrived);
    return link_leave_event(link) && link->state == LINK_UP;
}

/// Keeps what the owner has not taken.
static bool take(sv_link *link, size_t got) {
    sv_text fresh = { .at = link->listener->scratch, .len = got };
    size_t taken = 0;
    if (link->kept.len == 0) {
        if (!show(link, fresh, &taken)) {
            return false;
        }
        if (taken < got) {
            link->kept = SV_TEXTBUF_HEAP(link->listener->options.arrived_max);
            sv_textbuf_add(&link->kept, (sv_text){ fresh.at + taken, got - taken });
        }
    } else {
        sv_textbuf_add(&link->kept, fresh);
        if (!link->kept.overflowed) {
            if (!show(link, sv_textbuf_text(&link->kept), &taken)) {
                return false;
            }
            memmove(link->kept.at, link->kept.at + taken, link->kept.len - taken);
            link->kept.len -= taken;
        }
    }
    if (link->kept.overflowed) {
        sv_why why;
        (void) sv_fail(&why, SV_ERR_INVALID, "more than %zu bytes without a whole packet",
                       link->listener->options.arrived_max);
        fail(link, &why);
        return false;
    }
    if (link->kept.len == 0) {
        sv_textbuf_drop(&link->kept);
    }
    return true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg) {
    (void) fd;
    (void) what;
    sv_link *link = arg;
    sv_listener *listener = link->listener;
    for (size_t bytes = 0; bytes < SV_LISTENER_TURN_BYTES;) {
        sv_why why = { 0 };
        size_t got = 0;
        if (listener->held) {
            link->held = true;
            (void) event_del(link->readable);
            return;
        }
        piece read = read_piece(link, &got, &why);
        if (read == PIECE_END) {
            fail(link, &why);
            return;
        }
        if (read == PIECE_WAIT || !take(link, got)) {
            return;
        }
        bytes += got;
        // The kernel tells of what it has itself; only what OpenSSL has read ahead is ours to know.
        if (link->ssl == NULL || SSL_has_pending(link->ssl) == 0) {
            return;
        }
    }
    event_active(link->readable, EV_READ, 0);
}

void link_begin(sv_link *link) {
    struct event_base *base = sv_loop_base(link->listener->loop);
    event_free(link->readable);
    link->readable = event_new(base, link->fd, EV_READ | EV_PERSIST, on_readable, link);
    if (link->readable == NULL || event_add(link->readable, NULL) != 0) {
        abort();
    }
    // What came together with the end of the handshake is in OpenSSL's buffer already.
    event_active(link->readable, EV_READ, 0);
}

void link_held(sv_listener *listener, bool hold) {
    listener->held = hold;
    sv_link *link = NULL;
    if (hold) {
        return; // each link notices when there is something to read
    }
    TAILQ_FOREACH(link, &listener->up, of_state) {
        if (link->held) {
            link->held = false;
            (void) event_add(link->readable, NULL);
            event_active(link->readable, EV_READ, 0);
        }
    }
}

void link_await_writable(sv_link *link, event_callback_fn again) {
    if (link->writable == NULL) {
        link->writable =
            event_new(sv_loop_base(link->listener->loop), link->fd, EV_WRITE, again, link);
        if (link->writable == NULL) {
            abort();
        }
    }
    (void) event_add(link->writable, NULL);
}

/// How many bytes went; 0: none can go now; below 0: none ever will.
static ssize_t send_some(sv_link *link, sv_text bytes) {
    errno = 0;
    if (link->ssl == NULL) {
        ssize_t sent = send(link->fd, bytes.at, bytes.len, MSG_NOSIGNAL);
        return sent < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : sent;
    }
    ERR_clear_error();
    size_t len = bytes.len < RECORD_BYTES ? bytes.len : RECORD_BYTES;
    int sent = SSL_write(link->ssl, bytes.at, (int) len);
    if (sent > 0) {
        return sent;
    }
    int error = SSL_get_error(link->ssl, sent);
    return error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ ? 0 : -1;
}

/// False: the link has gone.
static bool send_out(sv_link *link);

static void on_writable(evutil_socket_t fd, short what, void *arg) {
    (void) fd;
    (void) what;
    sv_link *link = arg;
    if (!send_out(link) || link->out.len > 0 || link->state != LINK_UP || !link->was_full) {
        return;
    }
    link->was_full = false;
    if (link->listener->events.drained != NULL) {
        link->in_event = true;
        link->listener->events.drained(link->owner);
        (void) link_leave_event(link);
    }
}

static bool send_out(sv_link *link) {
    while (link->out_sent < link->out.len) {
        sv_text rest = { link->out.at + link->out_sent, link->out.len - link->out_sent };
        ssize_t sent = send_some(link, rest);
        if (sent < 0) {
            sv_why why = { 0 };
            say_closed(link, errno, &why);
            fail(link, &why);
            return false;
        }
        if (sent == 0) {
            link->was_full = true;
            link_await_writable(link, on_writable);
            return true;
        }
        link->out_sent += (size_t) sent;
    }
    sv_textbuf_drop(&link->out);
    link->out_sent = 0;
    if (link->state == LINK_CLOSING) {
        link_destroy(link);
        return false;
    }
    return true;
}

void link_flush(evutil_socket_t fd, short what, void *arg) {
    (void) fd;
    (void) what;
    sv_listener *listener = arg;
    sv_link *link = NULL;
    while ((link = TAILQ_FIRST(&listener->dirty)) != NULL) {
        TAILQ_REMOVE(&listener->dirty, link, of_dirty);
        link->dirty = false;
        (void) send_out(link);
    }
}

const char *sv_link_peer(const sv_link *link) {
    return link->peer;
}

void sv_link_write(sv_link *link, sv_text bytes) {
    if (bytes.len == 0 || link->gone || link->state == LINK_CLOSING) {
        return;
    }
    if (link->out.len == 0) {
        link->out = SV_TEXTBUF_HEAP(OUT_MAX);
    } else if (link->out_sent > link->out.len / 2) {
        // What has gone makes room, so that a link that never runs empty does not grow.
        memmove(link->out.at, link->out.at + link->out_sent, link->out.len - link->out_sent);
        link->out.len -= link->out_sent;
        link->out_sent = 0;
    }
    sv_textbuf_add(&link->out, bytes);
    if (!link->dirty && !link->was_full) {
        if (TAILQ_EMPTY(&link->listener->dirty)) {
            event_active(link->listener->flush, EV_TIMEOUT, 0);
        }
        TAILQ_INSERT_TAIL(&link->listener->dirty, link, of_dirty);
        link->dirty = true;
    }
}

size_t sv_link_waiting(const sv_link *link) {
    return link->out.len - link->out_sent;
}

void sv_link_close(sv_link *link, bool flush) {
    if (link->gone || link->state == LINK_CLOSING) {
        return;
    }
    if (!flush || sv_link_waiting(link) == 0) {
        link_destroy(link);
        return;
    }
    leave(link);
    link->owner = NULL;
    (void) event_del(link->readable);
    link_enter(link, LINK_CLOSING);
}
