// Strangers at a door that anybody may come to: connections that have not shown a certificate that
// counts, or not yet. They have places of their own. When all are taken, the oldest of the address
// that has most of them makes room for the next, so that who comes from elsewhere is not kept out.
#include "http_internal.h"
#include "place.h"

#include <event2/bufferevent.h>

static bool is_bounded(const sv_http_server *server) {
    return server->strangers.max > 0;
}

/// Addresses that share a bucket count as one; which do, nobody can choose.
static uint8_t bucket_of(const http_peer *peer) {
    char key[SV_PLACE_KEY_ROOM] = { 0 };
    sv_place from = { .any = { 0 } };
    socklen_t len = sizeof from;
    int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(peer->connection));
    size_t key_bytes = getpeername(fd, &from.head, &len) == 0 ? sv_place_key(&from, key) : 0;
    return (uint8_t) sv_hash(peer->server->strangers.key, key, key_bytes);
}

static uint8_t fullest_bucket(const sv_http_strangers *strangers) {
    size_t fullest = 0;
    for (size_t i = 1; i < HTTP_STRANGER_BUCKETS; i++) {
        fullest = strangers->from[i] > strangers->from[fullest] ? i : fullest;
    }
    return (uint8_t) fullest;
}

/// Who is being answered stays: that is bounded by whoever answers.
static bool may_go(const http_peer *peer, const http_peer *fresh) {
    return peer != fresh && peer->is_stranger && peer->request == NULL && peer->events == NULL;
}

static http_peer *find_for_shedding(const http_peer *fresh) {
    const sv_http_server *server = fresh->server;
    uint8_t bucket = fullest_bucket(&server->strangers);
    http_peer *oldest = NULL; // the newest is the first
    http_peer *peer = NULL;
    LIST_FOREACH(peer, &server->peers, link) {
        bool better = oldest == NULL || peer->bucket == bucket || oldest->bucket != bucket;
        oldest = may_go(peer, fresh) && better ? peer : oldest;
    }
    return oldest;
}

bool sv_http_stranger_came(http_peer *peer) {
    sv_http_server *server = peer->server;
    if (!is_bounded(server)) {
        return true;
    }
    peer->is_stranger = true;
    peer->bucket = bucket_of(peer);
    server->strangers.from[peer->bucket]++;
    if (++server->strangers.count <= server->strangers.max) {
        return true;
    }
    server->strangers.shed++;
    http_peer *oldest = find_for_shedding(peer);
    if (oldest != NULL) {
        evhttp_connection_free(oldest->connection);
    }
    return oldest != NULL;
}

void sv_http_stranger_gone(http_peer *peer) {
    if (peer->is_stranger) {
        peer->is_stranger = false;
        peer->server->strangers.from[peer->bucket]--;
        peer->server->strangers.count--;
    }
}

void sv_http_stranger_speaks(http_peer *peer) {
    sv_http_server *server = peer->server;
    const SSL *ssl = sv_http_peer_ssl(peer);
    sv_why why;
    if (!peer->is_stranger || peer->met || ssl == NULL) {
        return;
    }
    peer->met = sv_tls_meet(ssl, &peer->guest, &why) == SV_OK;
    if (peer->met && peer->guest.kind == SV_TLS_KNOWN) {
        sv_http_stranger_gone(peer);
    } else if (server->strangers.body_max > 0) {
        evhttp_connection_set_max_body_size(peer->connection,
                                            (ev_ssize_t) server->strangers.body_max);
    }
}
