#include "listener_internal.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/err.h>
#include <sys/clock.h>

void sv_link_read_no_more(sv_link *link) {
    if (link->again) {
        TAILQ_REMOVE(&link->listener->again, link, turn);
        link->listener->again_count--;
        link->again = false;
    }
}

void sv_link_read_again(sv_link *link) {
    sv_listener *listener = link->listener;
    if (link->again) {
        return;
    }
    link->again = true;
    listener->again_count++;
    TAILQ_INSERT_TAIL(&listener->again, link, turn);
    if (!sv_timer_is_set(listener->more)) {
        sv_timer_once(listener->more, 0); // after whatever else can be read by then
    }
}

void sv_link_down(sv_link *link, const sv_why *why) {
    void *owner = link->owner;
    sv_link_part(link);
    link->listener->events.down(owner, why);
}

static void say_errno(int number, sv_why *why) {
    const char *sentence = number != 0 ? sv_errno_text(number) : "connection lost";
    (void) sv_fail(why, SV_ERR_UNAVAILABLE, "%c%s", tolower((unsigned char) sentence[0]),
                   sentence + 1);
}

static void say_closed(sv_why *why) {
    (void) sv_fail(why, SV_ERR_UNAVAILABLE, "closed by the other side");
}

/// Bytes read; 0: nothing for now; -1: the end, with the sentence.
static ssize_t receive_tls(sv_link *link, char *room, size_t room_bytes, sv_why *why) {
    size_t len = 0;
    ERR_clear_error();
    errno = 0;
    int result = SSL_read_ex(link->ssl, room, room_bytes, &len);
    int number = errno;
    if (result == 1) {
        return (ssize_t) len;
    }
    int fault = SSL_get_error(link->ssl, result);
    if (fault == SSL_ERROR_WANT_READ || fault == SSL_ERROR_WANT_WRITE) {
        return 0;
    }
    if (fault == SSL_ERROR_ZERO_RETURN) {
        say_closed(why);
    } else if (!sv_tls_fault(link->ssl, ERR_get_error(), true, why)) {
        say_errno(number, why);
    }
    return -1;
}

static ssize_t receive_plain(const sv_link *link, char *room, size_t room_bytes, sv_why *why) {
    ssize_t len = recv(link->fd, room, room_bytes, 0);
    if (len > 0) {
        return len;
    }
    if (len == 0) {
        say_closed(why);
        return -1;
    }
    if (errno == EAGAIN || errno == EINTR) {
        return 0;
    }
    say_errno(errno, why);
    return -1;
}

/// One system call where it can be: TLS reads ahead, so what one fetched is taken whole, and the
/// socket says itself when there is more. False: the end, with the sentence.
static bool fill_scratch(sv_link *link, size_t *len, sv_why *why) {
    char *room = link->listener->scratch;
    size_t room_bytes = sizeof link->listener->scratch;
    if (link->ssl == NULL) {
        ssize_t got = receive_plain(link, room, room_bytes, why);
        *len = got > 0 ? (size_t) got : 0;
        return got >= 0;
    }
    do {
        ssize_t got = receive_tls(link, room + *len, room_bytes - *len, why);
        if (got <= 0) {
            return got == 0;
        }
        *len += (size_t) got;
    } while (*len < room_bytes && SSL_has_pending(link->ssl) == 1);
    return true;
}

/// How much of it the owner takes.
static size_t show(sv_link *link, sv_text arrived) {
    const sv_listener *listener = link->listener;
    size_t taken = 0;
    while (taken < arrived.len && link->state == SV_LINK_UP && !listener->held) {
        sv_text rest = { .at = arrived.at + taken, .len = arrived.len - taken };
        size_t took = listener->events.bytes(link->owner, rest);
        taken += took < rest.len ? took : rest.len;
        if (took == 0) {
            break;
        }
    }
    return taken;
}

static void hand_over(sv_link *link, size_t len) {
    sv_text fresh = { .at = link->listener->scratch, .len = len };
    bool keeps = link->kept.len > 0;
    if (keeps) {
        link_bytes_add(&link->kept, fresh);
    }
    size_t took = show(link, keeps ? link_bytes_text(&link->kept) : fresh);
    if (link->state != SV_LINK_UP) {
        return;
    }
    if (keeps) {
        link_bytes_take(&link->kept, took);
    } else {
        link_bytes_add(&link->kept, (sv_text){ .at = fresh.at + took, .len = len - took });
    }
}

static void pause_reading(sv_link *link) {
    (void) event_del(&link->readable);
    link->paused = true;
}

static void too_much(sv_link *link) {
    sv_why why;
    (void) sv_fail(&why, SV_ERR_NO_SPACE, "%zu bytes came without an end, more than %zu",
                   link->kept.len, link->listener->arrived_max);
    sv_link_down(link, &why);
}

void sv_link_read_turn(sv_link *link) {
    const sv_listener *listener = link->listener;
    if (listener->held) {
        pause_reading(link);
        return;
    }
    sv_why why;
    size_t len = 0;
    bool open = fill_scratch(link, &len, &why);
    hand_over(link, len);
    if (link->state != SV_LINK_UP) {
        return;
    }
    if (listener->held) {
        pause_reading(link); // the end, if this was it, is met again
    } else if (!open) {
        sv_link_down(link, &why);
    } else if (link->kept.len > listener->arrived_max) {
        too_much(link);
    } else if (sv_link_rate_spend(link, len)) {
        return; // the rest waits in the network
    } else if (len == sizeof listener->scratch) {
        sv_link_read_again(link); // TLS may hold what the socket will not tell of
    }
}

void sv_links_more(void *arg) {
    sv_listener *listener = arg;
    sv_listener_enter(listener);
    // Whoever has more even then comes after the others' next turn.
    for (size_t left = listener->again_count; left > 0 && listener->again_count > 0; left--) {
        sv_link *link = TAILQ_FIRST(&listener->again);
        sv_link_read_no_more(link);
        sv_link_read_turn(link);
    }
    if (!TAILQ_EMPTY(&listener->again)) {
        sv_timer_once(listener->more, 0);
    }
    sv_listener_leave(listener);
}

void sv_link_hear_out(sv_link *link) {
    ssize_t len = recv(link->fd, link->listener->scratch, sizeof link->listener->scratch, 0);
    link->answered = link->answered || len >= 0;
    if (len == 0 || (len < 0 && errno != EAGAIN && errno != EINTR)) {
        sv_link_part(link);
    }
}

/// Bytes sent; 0: the kernel takes none for now; -1: it never will.
static ssize_t send_once(sv_link *link, sv_text bytes) {
    if (link->ssl == NULL) {
        ssize_t len = send(link->fd, bytes.at, bytes.len, MSG_NOSIGNAL);
        return len < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : len;
    }
    size_t len = 0;
    ERR_clear_error();
    int result = SSL_write_ex(link->ssl, bytes.at, bytes.len, &len);
    if (result == 1) {
        return (ssize_t) len;
    }
    int fault = SSL_get_error(link->ssl, result);
    return fault == SSL_ERROR_WANT_WRITE || fault == SSL_ERROR_WANT_READ ? 0 : -1;
}

/// False: sending has come to its end.
static bool send_some(sv_link *link) {
    for (size_t sent = 0; link->out.len > 0 && sent < SV_LISTENER_TURN_BYTES;) {
        ssize_t len = send_once(link, link_bytes_text(&link->out));
        if (len <= 0) {
            return len == 0;
        }
        link_bytes_take(&link->out, (size_t) len);
        sent += (size_t) len;
    }
    return true;
}

/// What the other side sent before it went is still ours to read; the end comes after it.
static void fall_mute(sv_link *link) {
    link_bytes_drop(&link->out);
    if (link->state == SV_LINK_LEAVING) {
        sv_link_part(link);
        return;
    }
    link->mute = true;
    (void) shutdown(link->fd, SHUT_RDWR);
}

void sv_link_send_turn(sv_link *link) {
    bool waited = link->waited;
    if (!send_some(link)) {
        fall_mute(link);
    } else if (link->out.len > 0) {
        link->blocked = true;
        link->waited = true;
        (void) event_add(&link->writable, NULL);
    } else if (link->state == SV_LINK_LEAVING) {
        sv_link_linger(link);
    } else if (waited) {
        link->waited = false;
        if (link->listener->events.drained != NULL) {
            link->listener->events.drained(link->owner);
        }
    }
}

void sv_links_flush(sv_listener *listener) {
    sv_listener_enter(listener);
    for (sv_link *link = TAILQ_FIRST(&listener->dirty); link != NULL;
         link = TAILQ_FIRST(&listener->dirty)) {
        TAILQ_REMOVE(&listener->dirty, link, send);
        link->dirty = false;
        sv_link_send_turn(link);
    }
    sv_listener_leave(listener);
}

void sv_link_last_try(sv_link *link) {
    if (link->state == SV_LINK_HALF_OPEN || link->mute || link->out.len == 0) {
        return;
    }
    link->mute = !send_some(link);
}

void sv_listener_hold(sv_listener *listener, bool hold) {
    if (listener->held == hold) {
        return;
    }
    listener->held = hold;
    sv_link *link = NULL;
    TAILQ_FOREACH(link, &listener->links[SV_LINK_UP], place) {
        if (!hold && link->paused) {
            link->paused = false;
            (void) event_add(&link->readable, NULL);
            sv_link_read_again(link);
        }
    }
}

void sv_link_write(sv_link *link, sv_text bytes) {
    if (link->state != SV_LINK_UP || link->mute || bytes.len == 0) {
        return;
    }
    sv_listener *listener = link->listener;
    link_bytes_add(&link->out, bytes);
    if (link->dirty || link->blocked) {
        return;
    }
    if (TAILQ_EMPTY(&listener->dirty)) {
        event_active(&listener->flush, EV_TIMEOUT, 0);
    }
    link->dirty = true;
    TAILQ_INSERT_TAIL(&listener->dirty, link, send);
}

size_t sv_link_waiting(const sv_link *link) {
    return link->out.len;
}
