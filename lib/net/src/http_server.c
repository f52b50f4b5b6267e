#include "http_internal.h"
#include "place.h"

#include <base/mem.h>
#include <crypto/random.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BACKLOG = 4096, ///< who waits for its handshake, or has not said a word, waits in the kernel
    SLOWEST_READER_BYTES_PER_S = 32 * 1024, ///< a reply that takes longer is given up
    REST_US = 100 * 1000,
};

/// Its request is whole, or will never be.
static void end_of_coming(http_peer *peer) {
    peer->server->coming -= peer->coming;
    peer->coming = 0;
}

static void forget_peer(http_peer *peer) {
    end_of_coming(peer);
    sv_http_stranger_gone(peer);
    LIST_REMOVE(peer, link);
    peer->server->peer_count--;
    sv_timer_drop(&peer->deadline);
    event_free(peer->arrival);
    if (peer->stream != NULL) {
        bufferevent_decref(peer->stream);
    }
    free(peer);
}

/// libevent is about to free the connection, for whatever reason.
static void peer_gone(struct evhttp_connection *connection, void *arg) {
    (void) connection;
    http_peer *peer = arg;
    sv_http_request *request = peer->request;
    sv_http_events *events = peer->events;
    sv_http_flow *flow = peer->flow;
    sv_http_peer_unfinished(peer);
    forget_peer(peer);
    if (request != NULL) {
        sv_http_request_lost(request);
    }
    if (events != NULL) {
        sv_http_events_lost(events);
    }
    if (flow != NULL) {
        sv_http_flow_lost(flow);
    }
}

static bool is_over_room(const sv_http_server *server) {
    return server->room_max > 0 && server->coming > server->room_max;
}

static void deadline_over(void *arg) {
    http_peer *peer = arg;
    if (peer->events != NULL && !is_over_room(peer->server)) {
        sv_http_peer_look_again(peer);
    } else {
        evhttp_connection_free(peer->connection);
    }
}

/// The connection must not go inside of this call: its time is up in the next turn of the loop.
static void bytes_came(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg) {
    (void) input;
    http_peer *peer = arg;
    sv_http_stranger_speaks(peer);
    peer->coming += info->n_added;
    peer->server->coming += info->n_added;
    if (is_over_room(peer->server)) {
        sv_timer_once(peer->deadline, 0);
    }
}

static void rested(void *arg) {
    sv_http_server *server = arg;
    server->fresh = 0;
    (void) evconnlistener_enable(server->listener);
}

/// A handshake is dear: so many begin in a while, and who comes later waits in the kernel's queue.
static void count_handshake(sv_http_server *server) {
    if (++server->fresh == 1) {
        sv_timer_once(server->rest, REST_US);
    }
    if (server->fresh >= SV_HTTP_HANDSHAKES) {
        (void) evconnlistener_disable(server->listener);
    }
}

/// The kernel hands over who has said something, or that there are more than it keeps apart: of
/// those who have said nothing, and of those who have gone, no handshake begins.
static bool has_spoken(const http_peer *peer, struct bufferevent *stream) {
    sv_http_server *server = peer->server;
    char byte = 0;
    if (server->tls == NULL
        || recv(bufferevent_getfd(stream), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1) {
        return true;
    }
    server->fresh -= server->fresh > 0;
    (void) evconnlistener_enable(server->listener);
    return false;
}

/// Runs once libevent has wrapped the new stream into a connection and before it reads from it.
/// That connection is the argument of the stream's callbacks; evhttp offers no other way to it
/// before a whole request has come, and a deadline is about those that never send one.
static void peer_arrived(evutil_socket_t fd, short what, void *arg) {
    (void) fd;
    (void) what;
    http_peer *peer = arg;
    struct bufferevent *stream = peer->stream;
    void *connection = NULL;
    bufferevent_getcb(stream, NULL, NULL, NULL, &connection);
    if (connection == NULL) {
        forget_peer(peer);
        return;
    }
    peer->stream = NULL;
    bufferevent_decref(stream);
    peer->connection = connection;
    evhttp_connection_set_closecb(peer->connection, peer_gone, peer);
    if (evbuffer_add_cb(bufferevent_get_input(stream), bytes_came, peer) == NULL) {
        abort();
    }
    if (!has_spoken(peer, stream) || peer->server->peer_count > peer->server->peers_max
        || !sv_http_stranger_came(peer)) {
        evhttp_connection_free(peer->connection);
        return;
    }
    sv_timer_once(peer->deadline, SV_HTTP_DEADLINE_US);
}

static struct bufferevent *make_stream(struct event_base *base, const sv_tls *tls) {
    if (tls == NULL) {
        return bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    }
    SSL *ssl = sv_tls_server_ssl(tls);
    if (ssl == NULL) {
        return NULL;
    }
    struct bufferevent *stream = bufferevent_openssl_socket_new(
        base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    if (stream == NULL) {
        SSL_free(ssl);
    }
    return stream;
}

static struct bufferevent *accept_peer(struct event_base *base, void *arg) {
    sv_http_server *server = arg;
    struct bufferevent *stream = make_stream(base, server->tls);
    if (stream == NULL) {
        abort(); // NULL would make evhttp speak plain HTTP on a TLS door
    }
    http_peer *peer = sv_mem_new(sizeof *peer);
    *peer = (http_peer){ .server = server, .stream = stream, .round = server->round };
    if (server->tls != NULL) {
        count_handshake(server);
    }
    bufferevent_incref(stream);
    peer->deadline = sv_timer_new(server->loop, deadline_over, peer);
    peer->arrival = event_new(base, -1, 0, peer_arrived, peer);
    if (peer->arrival == NULL) {
        abort();
    }
    LIST_INSERT_HEAD(&server->peers, peer, link);
    server->peer_count++;
    event_active(peer->arrival, EV_TIMEOUT, 0);
    return stream;
}

static http_peer *peer_of(sv_http_server *server, const struct evhttp_connection *connection) {
    http_peer *peer = NULL;
    LIST_FOREACH(peer, &server->peers, link) {
        if (peer->connection == connection) {
            return peer;
        }
    }
    return NULL;
}

/// False, with the request answered, when TLS let somebody in who is nobody, or not welcome any
/// more.
static bool knows_peer(http_peer *peer, sv_http_request *request) {
    sv_why why;
    bool was_in = peer->welcomed;
    if (sv_http_peer_judge(peer, &why) == SV_OK) {
        return true;
    }
    if (was_in) {
        sv_http_peer_unwelcome(peer, &why);
        sv_http_reply_header(request, "Connection", "close");
    }
    sv_http_problem(request, 403, was_in ? "Not welcome any more" : "Unknown identity", "%s",
                    why.text);
    return false;
}

/// What a body unpacks to is bounded as the plain one is. [relay-14]
static size_t unpacked_max(const http_peer *peer) {
    const sv_http_server *server = peer->server;
    bool less = peer->is_stranger && server->strangers.body_max > 0;
    return less ? server->strangers.body_max : server->body_max;
}

static void request_came(struct evhttp_request *raw, void *arg) {
    sv_http_server *server = arg;
    http_peer *peer = peer_of(server, evhttp_request_get_connection(raw));
    if (peer == NULL) {
        evhttp_send_error(raw, HTTP_INTERNAL, NULL);
        return;
    }
    sv_timer_stop(peer->deadline);
    end_of_coming(peer);
    sv_http_request *request = sv_http_request_new(peer, raw);
    if (!sv_http_framing_is_plain(evhttp_request_get_input_headers(raw))) {
        sv_http_reply_header(request, "Connection", "close");
        sv_http_problem(
            request, 400, "Bad framing",
            "one Content-Length, or Transfer-Encoding: chunked, and plain header names");
    } else if (request->path.overflowed) {
        sv_http_problem(request, 400, "Bad path", "the path is no valid percent-encoded UTF-8");
    } else if (knows_peer(peer, request) && sv_http_request_unpack(request, unpacked_max(peer))) {
        server->handler(request, server->arg);
    }
}

void sv_http_peer_replied(http_peer *peer, size_t reply_bytes) {
    int64_t extra_us = (int64_t) reply_bytes * 1000000 / SLOWEST_READER_BYTES_PER_S;
    sv_timer_once(peer->deadline, SV_HTTP_DEADLINE_US + extra_us);
}

static sv_err make_listener(struct event_base *base, const sv_http_server_options *options,
                            struct evconnlistener **out, sv_why *why) {
    sv_place at;
    socklen_t len = 0;
    SV_TRY(sv_place_parse(options->bind, options->port, &at, &len, why));
    unsigned flags = LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE;
    *out = evconnlistener_new_bind(base, NULL, NULL, flags, BACKLOG, &at.head, (int) len);
    if (*out == NULL) {
        return sv_place_refused(options->bind, options->port, errno, why);
    }
    // Accepted sockets inherit it.
    int on = 1;
    (void) setsockopt(evconnlistener_get_fd(*out), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (options->tls != NULL) {
        // Who says nothing costs no place and keeps nobody from a handshake.
        int silent_s = SV_HTTP_DEADLINE_US / 1000000;
        (void) setsockopt(evconnlistener_get_fd(*out), IPPROTO_TCP, TCP_DEFER_ACCEPT, &silent_s,
                          sizeof silent_s);
    }
    return SV_OK;
}

static void set_up(sv_http_server *server, size_t body_max) {
    evhttp_set_max_headers_size(server->http, SV_HTTP_HEADERS_MAX);
    server->body_max = body_max;
    evhttp_set_max_body_size(server->http, (ev_ssize_t) body_max);
    evhttp_set_allowed_methods(server->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT
                                                 | EVHTTP_REQ_DELETE | EVHTTP_REQ_HEAD
                                                 | EVHTTP_REQ_PATCH | EVHTTP_REQ_OPTIONS);
    evhttp_set_default_content_type(server->http, NULL);
    (void) evhttp_set_flags(server->http, EVHTTP_SERVER_LINGERING_CLOSE);
    evhttp_set_gencb(server->http, request_came, server);
    evhttp_set_bevcb(server->http, accept_peer, server);
}

sv_err sv_http_server_open(sv_loop *loop, const sv_http_server_options *options,
                           sv_http_handler *handler, void *arg, sv_http_server **out, sv_why *why) {
    struct evconnlistener *listener = NULL;
    SV_TRY(make_listener(sv_loop_base(loop), options, &listener, why));
    struct evhttp *http = evhttp_new(sv_loop_base(loop));
    if (http == NULL || evhttp_bind_listener(http, listener) == NULL) {
        evconnlistener_free(listener);
        if (http != NULL) {
            evhttp_free(http);
        }
        return sv_fail(why, SV_ERR_IO, "cannot serve HTTP on %s:%u", options->bind, options->port);
    }
    sv_http_server *server = sv_mem_new(sizeof *server);
    *server = (sv_http_server){ .loop = loop,
                                .http = http,
                                .tls = options->tls,
                                .handler = handler,
                                .arg = arg,
                                .port = sv_place_port(evconnlistener_get_fd(listener)),
                                .room_max = options->room_max,
                                .peers_max = options->connections_max,
                                .strangers = { .max = options->strangers_max,
                                               .body_max = options->stranger_body_max },
                                .unwelcome = options->unwelcome,
                                .unfinished = options->unfinished,
                                .welcome = options->welcome,
                                .listener = listener };
    sv_random(server->strangers.key, sizeof server->strangers.key);
    LIST_INIT(&server->peers);
    server->rest = sv_timer_new(loop, rested, server);
    server->review = sv_timer_new(loop, sv_http_review, server);
    set_up(server, options->body_max);
    *out = server;
    return SV_OK;
}

void sv_http_server_tls(sv_http_server *server, sv_tls *tls) {
    server->tls = tls;
    server->round++;
    sv_timer_once(server->review, 0);
}

uint64_t sv_http_server_shed(const sv_http_server *server) {
    return server->strangers.shed;
}

uint16_t sv_http_server_port(const sv_http_server *server) {
    return server->port;
}

void sv_http_server_drop(sv_http_server **server) {
    if (*server == NULL) {
        return;
    }
    evhttp_free((*server)->http);
    sv_timer_drop(&(*server)->rest);
    sv_timer_drop(&(*server)->review);
    http_peer *next = NULL;
    for (http_peer *peer = LIST_FIRST(&(*server)->peers); peer != NULL; peer = next) {
        next = LIST_NEXT(peer, link);
        forget_peer(peer);
    }
    free(*server);
    *server = NULL;
}
