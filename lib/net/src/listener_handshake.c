#include "listener_internal.h"
#include "tls_refusal.h"

#include <crypto/identity.h>
#include <errno.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/clock.h>

void sv_handshake_ready(sv_link *link) {
    sv_listener *listener = link->listener;
    if (link->ready) {
        return;
    }
    link->ready = true;
    TAILQ_INSERT_TAIL(&listener->ready, link, turn);
    listener->ready_count++;
    if (!sv_timer_is_set(listener->work)) {
        sv_timer_once(listener->work, 0);
    }
}

void sv_handshake_forget(sv_link *link) {
    if (link->ready) {
        TAILQ_REMOVE(&link->listener->ready, link, turn);
        link->listener->ready_count--;
        link->ready = false;
    }
}

bool sv_handshake_room(sv_listener *listener) {
    sv_link *oldest = TAILQ_FIRST(&listener->links[SV_LINK_HALF_OPEN]);
    int64_t age_us = sv_clock_monotonic_us() - oldest->since_us;
    if (oldest->ready || age_us < SV_LISTENER_GRACE_US) {
        // A storm of honest clients: shedding would only make them come again. Accepting goes on
        // when one of them is through.
        listener->crowded = true;
        sv_timer_once(listener->rest,
                      oldest->ready ? SV_LISTENER_GRACE_US : SV_LISTENER_GRACE_US - age_us);
        return false;
    }
    sv_why why;
    (void) sv_fail(&why, SV_ERR_NO_SPACE,
                   "TLS: handshake not finished when its place was needed for the next");
    sv_link_shed(oldest, &why);
    return !listener->dropped;
}

/// OpenSSL keeps no certificate that it refuses: its name is noted while it is judged.
static int note_refused(int good, X509_STORE_CTX *judged) {
    const SSL *ssl = X509_STORE_CTX_get_ex_data(judged, SSL_get_ex_data_X509_STORE_CTX_idx());
    char *shown = SSL_get_ex_data(ssl, 0);
    if (good == 0 && shown != NULL) {
        sv_tls_shown(X509_STORE_CTX_get0_cert(judged), shown, SV_LISTENER_SHOWN_ROOM);
    }
    return good;
}

static SSL *make_ssl(sv_link *link) {
    sv_listener *listener = link->listener;
    SSL *ssl = sv_tls_server_ssl(listener->tls);
    if (ssl == NULL || SSL_set_fd(ssl, link->fd) != 1
        || SSL_set_ex_data(ssl, 0, listener->shown) != 1) {
        SSL_free(ssl);
        return NULL;
    }
    SSL_set_read_ahead(ssl, 1);
    (void) SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_set_verify(ssl, SSL_get_verify_mode(ssl), note_refused);
    link->allow_classic = listener->tls->allow_classic;
    return ssl;
}

static void drop_all(STACK_OF(X509) * certificates) {
    while (sk_X509_num(certificates) > 0) {
        X509_free(sk_X509_pop(certificates));
    }
}

/// The stacks stay OpenSSL's; the certificates in them have been judged and would be carried along,
/// parsed, as long as the link lives.
static void forget_chains(const SSL *ssl) {
    drop_all(SSL_get_peer_cert_chain(ssl));
    drop_all(SSL_get0_verified_chain(ssl));
}

static void finish(sv_link *link) {
    const sv_listener *listener = link->listener;
    sv_why why;
    sv_identity identity;
    sv_err err = sv_tls_peer_identity(link->ssl, link->allow_classic, &identity, &why);
    forget_chains(link->ssl);
    if (err != SV_OK) {
        sv_link_refuse(link, &why, true);
    } else if (listener->count[SV_LINK_UP] >= listener->links_max) {
        (void) sv_fail(&why, SV_ERR_NO_SPACE, "%zu links are up, the most there may be (%s)",
                       listener->count[SV_LINK_UP], identity.id);
        sv_link_shed(link, &why);
    } else {
        sv_link_up(link, &identity);
    }
}

static void step(sv_link *link) {
    sv_listener *listener = link->listener;
    if (link->ssl == NULL) {
        link->ssl = make_ssl(link);
    }
    if (link->ssl == NULL) {
        sv_why why;
        (void) sv_fail(&why, SV_ERR_NO_SPACE, "TLS: no memory for another link");
        sv_link_shed(link, &why);
        return;
    }
    listener->shown[0] = '\0';
    ERR_clear_error();
    errno = 0;
    int result = SSL_accept(link->ssl);
    int number = errno;
    int fault = SSL_get_error(link->ssl, result);
    if (result == 1) {
        finish(link);
    } else if (fault == SSL_ERROR_WANT_READ) {
        (void) event_add(&link->readable, NULL);
    } else if (fault == SSL_ERROR_WANT_WRITE) {
        (void) event_add(&link->writable, NULL);
    } else {
        sv_why why;
        sv_tls_refusal(link->ssl, fault, number, listener->shown, &why);
        sv_link_refuse(link, &why, fault == SSL_ERROR_SSL);
    }
}

/// One step of one handshake in a turn of the loop: between two of them everybody who is in has
/// been heard. Libevent's priorities would not do: whoever has the lower one waits for a turn in
/// which nobody else has anything, and on a busy loop that turn does not come.
void sv_handshake_work(void *arg) {
    sv_listener *listener = arg;
    sv_listener_enter(listener);
    sv_links_flush(listener);
    sv_link *link = TAILQ_FIRST(&listener->ready);
    if (link != NULL) {
        sv_handshake_forget(link);
        step(link);
    }
    if (!TAILQ_EMPTY(&listener->ready)) {
        sv_timer_once(listener->work, 0);
    }
    sv_listener_leave(listener);
}

void sv_handshake_deadline(void *arg) {
    sv_listener *listener = arg;
    sv_listener_enter(listener);
    int64_t over_us = sv_clock_monotonic_us() - listener->handshake_us;
    sv_link_list *half_open = &listener->links[SV_LINK_HALF_OPEN];
    sv_link *oldest = TAILQ_FIRST(half_open);
    for (; oldest != NULL && oldest->since_us <= over_us; oldest = TAILQ_FIRST(half_open)) {
        sv_why why;
        (void) sv_fail(&why, SV_ERR_UNAVAILABLE, "TLS: handshake not finished within %.3g s",
                       (double) listener->handshake_us / 1e6);
        sv_link_refuse(oldest, &why, false);
    }
    if (oldest != NULL) {
        sv_timer_once(listener->deadline, oldest->since_us - over_us);
    }
    sv_listener_leave(listener);
}
