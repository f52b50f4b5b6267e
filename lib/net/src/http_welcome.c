// Who may be here: at every request and while a stream is open, since the certificates and the
// revocation list may have been read again meanwhile, and a certificate ends.
#include "http_internal.h"

#include <event2/bufferevent_ssl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/clock.h>

enum { LOOK_AGAIN_MAX_S = 24 * 3600 };

SSL *sv_http_peer_ssl(const http_peer *peer) {
    return peer->server->tls == NULL
               ? NULL
               : bufferevent_openssl_get_ssl(evhttp_connection_get_bufferevent(peer->connection));
}

static void write_address(const http_peer *peer, char room[HTTP_ADDRESS_MAX + 8]) {
    char *address = NULL;
    uint16_t port = 0;
    evhttp_connection_get_peer(peer->connection, &address, &port);
    (void) snprintf(room, HTTP_ADDRESS_MAX + 8, "%.*s:%u", HTTP_ADDRESS_MAX, address, port);
}

static sv_err ask_owner(const http_peer *peer, sv_why *why) {
    const sv_http_server *server = peer->server;
    if (server->welcome == NULL || peer->guest.kind != SV_TLS_KNOWN) {
        return SV_OK;
    }
    char address[HTTP_ADDRESS_MAX + 8];
    write_address(peer, address);
    return server->welcome(server->arg, address, &peer->guest.identity, why);
}

sv_err sv_http_peer_judge(http_peer *peer, sv_why *why) {
    const sv_http_server *server = peer->server;
    const SSL *ssl = sv_http_peer_ssl(peer);
    if (ssl == NULL) {
        return SV_OK; // it is nobody
    }
    sv_tls_guest *guest = &peer->guest;
    if (!peer->met) {
        SV_TRY(sv_tls_meet(ssl, guest, why));
        peer->met = true;
    }
    if (peer->round != server->round) {
        SV_TRY(sv_tls_stays(server->tls->ctx, ssl, guest, why));
        peer->round = server->round;
    }
    if (guest->kind == SV_TLS_KNOWN && guest->identity.not_after_us <= sv_clock_believed_us()) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "certificate has expired (%s)", guest->identity.id);
    }
    if (!peer->welcomed) {
        SV_TRY(ask_owner(peer, why));
        peer->welcomed = true;
    }
    return SV_OK;
}

void sv_http_peer_unwelcome(const http_peer *peer, const sv_why *why) {
    const sv_http_server *server = peer->server;
    if (server->unwelcome != NULL) {
        char address[HTTP_ADDRESS_MAX + 8];
        write_address(peer, address);
        server->unwelcome(server->arg, address, why);
    }
}

void sv_http_peer_unfinished(const http_peer *peer) {
    const sv_http_server *server = peer->server;
    if (server->unfinished != NULL && peer->coming > 0) {
        char address[HTTP_ADDRESS_MAX + 8];
        write_address(peer, address);
        server->unfinished(server->arg, address, peer->coming);
    }
}

/// False: the stream has ended, and the peer is gone.
static bool review(http_peer *peer) {
    sv_why why;
    if (sv_http_peer_judge(peer, &why) == SV_OK) {
        return true;
    }
    sv_http_peer_unwelcome(peer, &why);
    evhttp_connection_free(peer->connection);
    return false;
}

void sv_http_peer_streams(http_peer *peer) {
    if (peer->guest.kind != SV_TLS_KNOWN) {
        return;
    }
    int64_t left_us = peer->guest.identity.not_after_us - sv_clock_believed_us();
    int64_t longest_us = INT64_C(1000000) * LOOK_AGAIN_MAX_S; // clocks are set meanwhile
    left_us = left_us < 0 ? 0 : left_us;
    sv_timer_once(peer->deadline, left_us < longest_us ? left_us : longest_us);
}

void sv_http_peer_look_again(http_peer *peer) {
    if (review(peer)) {
        sv_http_peer_streams(peer);
    }
}

/// Who has sent nothing yet is looked at as well: its certificate is there since the handshake.
static bool is_of(http_peer *peer, sv_text id) {
    const SSL *ssl = peer->connection == NULL || peer->met ? NULL : sv_http_peer_ssl(peer);
    if (ssl != NULL && SSL_is_init_finished(ssl) == 1) {
        peer->met = sv_tls_meet(ssl, &peer->guest, NULL) == SV_OK;
    }
    const char *own = peer->guest.identity.id;
    return peer->met && peer->guest.kind == SV_TLS_KNOWN && strlen(own) == id.len
           && strncasecmp(id.at, own, id.len) == 0; // one id, however it is written
}

size_t sv_http_server_review(sv_http_server *server, sv_text id) {
    size_t closed = 0;
    http_peer *next = NULL;
    for (http_peer *peer = LIST_FIRST(&server->peers); peer != NULL; peer = next) {
        next = LIST_NEXT(peer, link);
        if (is_of(peer, id)) {
            peer->welcomed = false;
            closed += review(peer) ? 0 : 1;
        }
    }
    return closed;
}

/// Of all streams one in a turn of the loop. Requests are judged when they come.
void sv_http_review(void *arg) {
    sv_http_server *server = arg;
    http_peer *peer = NULL;
    LIST_FOREACH(peer, &server->peers, link) {
        if (peer->events != NULL && peer->met && peer->round != server->round) {
            sv_timer_once(server->review, 0);
            (void) review(peer);
            return;
        }
    }
}
