#include "listener_internal.h"

#include "listen_socket.h"

#include <arpa/inet.h>
#include <base/fd.h>
#include <base/mem.h>
#include <crypto/identity.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <unistd.h>

enum {
    BACKLOG = 1024,
    ACCEPTS_PER_TURN = 8,
    REST_US = 100000, ///< without a free descriptor
    SWEEP_US = 250000,
};

static void tell_refused(sv_listener *listener, const char *peer, const sv_why *why) {
    listener->counts.refused++;
    if (listener->events.refused != NULL) {
        listener->events.refused(listener->arg, peer, why);
    }
}

/// "192.0.2.7:50123: <sentence>", with the CN of the certificate when one was shown.
static void refuse(sv_link *link, const sv_why *cause) {
    sv_why why;
    const char *open = link->subject[0] != '\0' ? " (certificate of '" : "";
    const char *close_ = link->subject[0] != '\0' ? "')" : "";
    (void) sv_fail(&why, cause->code, "%s: %.200s%s%s%s", link->peer, cause->text, open,
                   link->subject, close_);
    sv_listener *listener = link->listener;
    char peer[SV_LISTENER_PEER_ROOM];
    (void) snprintf(peer, sizeof peer, "%s", link->peer);
    link_destroy(link);
    tell_refused(listener, peer, &why);
}

/// Which certificate was judged, for the sentence: when it is refused it is gone afterwards.
static int note_subject(int ok, X509_STORE_CTX *ctx) {
    const SSL *ssl = X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    sv_link *link = ssl == NULL ? NULL : SSL_get_app_data(ssl);
    const X509 *leaf = X509_STORE_CTX_get0_cert(ctx);
    if (link != NULL && leaf != NULL && link->subject[0] == '\0') {
        (void) X509_NAME_get_text_by_NID(X509_get_subject_name(leaf), NID_commonName, link->subject,
                                         (int) sizeof link->subject);
    }
    return ok;
}

static void bring_up(sv_link *link, const sv_identity *identity) {
    sv_listener *listener = link->listener;
    TAILQ_REMOVE(&listener->handshakes, link, of_state);
    listener->counts.handshakes--;
    link_enter(link, LINK_UP);
    link->in_event = true;
    void *owner = listener->events.up(listener->arg, link, identity);
    if (!link_leave_event(link)) {
        return;
    }
    if (owner == NULL) {
        listener->counts.shed++;
        link_destroy(link);
    } else if (link->state == LINK_UP) {
        link->owner = owner;
        link_begin(link);
    }
}

static void handshake_done(sv_link *link) {
    const X509 *certificate = SSL_get0_peer_certificate(link->ssl);
    sv_identity identity;
    sv_why why = { 0 };
    if (certificate == NULL) {
        (void) sv_fail(&why, SV_ERR_UNTRUSTED, "no certificate was shown");
        refuse(link, &why);
    } else if (sv_identity_of(certificate, link->listener->options.tls->allow_classic, &identity,
                              &why)
               != SV_OK) {
        refuse(link, &why);
    } else {
        bring_up(link, &identity);
    }
}

static void say_handshake_failed(const sv_link *link, int error, int number, sv_why *why) {
    unsigned long code = ERR_peek_last_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
    bool plain =
        reason != NULL
        && (strcmp(reason, "http request") == 0 || strcmp(reason, "wrong version number") == 0);
    if (plain) {
        (void) sv_fail(why, SV_ERR_UNTRUSTED, "TLS: %s: the other side does not speak TLS", reason);
    } else if (error == SSL_ERROR_SYSCALL || !sv_tls_fault(link->ssl, code, false, why)) {
        (void) sv_fail(why, SV_ERR_UNAVAILABLE, "closed before the TLS handshake was done%s%s",
                       number != 0 ? ": " : "", number != 0 ? sv_errno_text(number) : "");
    }
}

static void on_handshake(evutil_socket_t fd, short what, void *arg) {
    (void) fd;
    (void) what;
    sv_link *link = arg;
    ERR_clear_error();
    errno = 0;
    int done = SSL_do_handshake(link->ssl);
    int number = errno;
    if (done == 1) {
        handshake_done(link);
        return;
    }
    int error = SSL_get_error(link->ssl, done);
    if (error == SSL_ERROR_WANT_READ) {
        return;
    }
    if (error == SSL_ERROR_WANT_WRITE) {
        link_await_writable(link, on_handshake);
        return;
    }
    sv_why why = { 0 };
    link->broken = true;
    say_handshake_failed(link, error, number, &why);
    refuse(link, &why);
}

static void name_peer(const net_place *from, char room[SV_LISTENER_PEER_ROOM]) {
    char address[INET6_ADDRSTRLEN] = "?";
    if (from->head.sa_family == AF_INET) {
        (void) inet_ntop(AF_INET, &from->v4.sin_addr, address, sizeof address);
        (void) snprintf(room, SV_LISTENER_PEER_ROOM, "%s:%u", address, ntohs(from->v4.sin_port));
    } else if (from->head.sa_family == AF_INET6) {
        (void) inet_ntop(AF_INET6, &from->v6.sin6_addr, address, sizeof address);
        (void) snprintf(room, SV_LISTENER_PEER_ROOM, "[%s]:%u", address, ntohs(from->v6.sin6_port));
    } else {
        (void) snprintf(room, SV_LISTENER_PEER_ROOM, "local");
    }
}

static void shed_oldest(sv_listener *listener) {
    sv_link *oldest = TAILQ_FIRST(&listener->handshakes);
    if (oldest != NULL) {
        listener->counts.shed++;
        link_destroy(oldest);
    }
}

static SSL *new_ssl(sv_listener *listener, sv_link *link) {
    SSL *ssl = sv_tls_server_ssl(listener->options.tls);
    if (ssl == NULL || SSL_set_fd(ssl, link->fd) != 1) {
        SSL_free(ssl);
        return NULL;
    }
    SSL_set_app_data(ssl, link);
    SSL_set_verify(ssl, SSL_get_verify_mode(ssl), note_subject);
    (void) SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_set_read_ahead(ssl, 1);
    SSL_set_accept_state(ssl);
    return ssl;
}

static void start_handshake(sv_link *link) {
    sv_listener *listener = link->listener;
    link->ssl = new_ssl(listener, link);
    link->readable =
        event_new(sv_loop_base(listener->loop), link->fd, EV_READ | EV_PERSIST, on_handshake, link);
    if (link->ssl == NULL || link->readable == NULL
        || event_priority_set(link->readable, SV_LOOP_BACKGROUND) != 0
        || event_add(link->readable, NULL) != 0) {
        abort();
    }
}

static void welcome(sv_listener *listener, int fd, const net_place *from) {
    if (listener->counts.links >= listener->options.links_max) {
        listener->counts.shed++;
        (void) close(fd);
        return;
    }
    if (listener->counts.handshakes >= listener->options.handshakes_max) {
        shed_oldest(listener);
    }
    listener->counts.accepted++;
    sv_link *link = sv_mem_new(sizeof *link);
    link->listener = listener;
    link->fd = fd;
    name_peer(from, link->peer);
    link_enter(link, LINK_HANDSHAKE);
    if (listener->options.tls != NULL) {
        start_handshake(link);
        return;
    }
    link->readable = event_new(sv_loop_base(listener->loop), fd, EV_READ, on_handshake, link);
    if (link->readable == NULL) {
        abort();
    }
    bring_up(link, NULL);
}

static void on_rested(void *arg) {
    sv_listener *listener = arg;
    listener->resting = false;
    (void) event_add(listener->acceptable, NULL);
}

/// Without a descriptor the one who waits would wait for ever: the spare one lets him in and out.
static void out_of_descriptors(sv_listener *listener, int number) {
    sv_why why;
    sv_fd_drop(&listener->spare_fd);
    SV_DEFER(sv_fd_drop) int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
    listener->counts.shed += fd >= 0 ? 1 : 0;
    sv_fd_drop(&fd);
    listener->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void) event_del(listener->acceptable);
    sv_timer_once(listener->rest, REST_US);
    if (!listener->resting) {
        listener->resting = true;
        (void) sv_fail(&why, SV_ERR_NO_SPACE, "connections are turned away: %s (raise LimitNOFILE)",
                       sv_errno_text(number));
        tell_refused(listener, "", &why);
    }
}

static void on_acceptable(evutil_socket_t listening, short what, void *arg) {
    (void) what;
    sv_listener *listener = arg;
    for (unsigned i = 0; i < ACCEPTS_PER_TURN; i++) {
        net_place from = { .any = { 0 } };
        socklen_t len = sizeof from;
        int fd = accept4(listening, &from.head, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                out_of_descriptors(listener, errno);
            }
            return;
        }
        welcome(listener, fd, &from);
    }
}

static void on_sweep(void *arg) {
    sv_listener *listener = arg;
    int64_t now_us = sv_clock_monotonic_us();
    sv_link *link = NULL;
    while ((link = TAILQ_FIRST(&listener->handshakes)) != NULL
           && now_us - link->since_us >= SV_LISTENER_HANDSHAKE_US) {
        sv_why why;
        (void) sv_fail(&why, SV_ERR_UNAVAILABLE, "the TLS handshake was not done within %d s",
                       SV_LISTENER_HANDSHAKE_US / 1000000);
        refuse(link, &why);
    }
    while ((link = TAILQ_FIRST(&listener->closing)) != NULL
           && now_us - link->since_us >= LISTENER_FLUSH_US) {
        link_destroy(link);
    }
}

static sv_err open_socket(const sv_listener_options *options, int *out_fd, sv_why *why) {
    return options->bind != NULL
               ? net_listen_tcp(options->bind, options->port, BACKLOG, out_fd, why)
               : net_listen_local(options->path, BACKLOG, out_fd, why);
}

sv_err sv_listener_open(sv_loop *loop, const sv_listener_options *options,
                        const sv_listener_events *events, void *arg, sv_listener **out,
                        sv_why *why) {
    SV_DEFER(sv_fd_drop) int fd = -1;
    SV_TRY(open_socket(options, &fd, why));
    sv_listener *listener = sv_mem_new(sizeof *listener);
    listener->loop = loop;
    listener->options = *options;
    listener->events = *events;
    listener->arg = arg;
    listener->port = net_port_of(fd);
    listener->fd = sv_fd_take(&fd);
    listener->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    TAILQ_INIT(&listener->handshakes);
    TAILQ_INIT(&listener->up);
    TAILQ_INIT(&listener->closing);
    TAILQ_INIT(&listener->dirty);
    struct event_base *base = sv_loop_base(loop);
    listener->acceptable =
        event_new(base, listener->fd, EV_READ | EV_PERSIST, on_acceptable, listener);
    listener->flush = event_new(base, -1, EV_PERSIST, link_flush, listener);
    listener->rest = sv_timer_new(loop, on_rested, listener);
    listener->sweep = sv_timer_new(loop, on_sweep, listener);
    if (listener->acceptable == NULL || listener->flush == NULL
        || event_priority_set(listener->acceptable, SV_LOOP_BACKGROUND) != 0
        || event_add(listener->acceptable, NULL) != 0) {
        abort();
    }
    sv_timer_every(listener->sweep, SWEEP_US);
    *out = listener;
    return SV_OK;
}

uint16_t sv_listener_port(const sv_listener *listener) {
    return listener->port;
}

void sv_listener_tls(sv_listener *listener, sv_tls *tls) {
    listener->options.tls = tls;
}

sv_listener_counts sv_listener_count(const sv_listener *listener) {
    return listener->counts;
}

void sv_listener_hold(sv_listener *listener, bool hold) {
    if (listener->held != hold) {
        link_held(listener, hold);
    }
}

static void close_list(struct link_list *list) {
    sv_link *link = NULL;
    while ((link = TAILQ_FIRST(list)) != NULL) {
        link_destroy(link);
    }
}

void sv_listener_drop(sv_listener **slot) {
    sv_listener *listener = *slot;
    if (listener == NULL) {
        return;
    }
    close_list(&listener->handshakes);
    close_list(&listener->up);
    close_list(&listener->closing);
    event_free(listener->acceptable);
    event_free(listener->flush);
    sv_timer_drop(&listener->rest);
    sv_timer_drop(&listener->sweep);
    sv_fd_drop(&listener->fd);
    sv_fd_drop(&listener->spare_fd);
    if (listener->options.path != NULL) {
        (void) unlink(listener->options.path);
    }
    free(listener);
    *slot = NULL;
}
