// The parts of the HTTP server: connections (http_server.c), what happens on one of them, requests
// and event streams (http_request.c), answers in pieces (http_flow.c), who may be there
// (http_welcome.c), and how many of those whom nobody knows (http_stranger.c).
#ifndef SV_NET_HTTP_INTERNAL_H
#define SV_NET_HTTP_INTERNAL_H

#include "tls_internal.h"

#include <base/map.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <net/http_server.h>
#include <sys/queue.h>

enum { HTTP_ADDRESS_MAX = 64, HTTP_STRANGER_BUCKETS = 256 };

typedef struct sv_http_strangers {
    size_t max; ///< 0: they have no bound of their own
    size_t body_max;
    size_t count;
    size_t from[HTTP_STRANGER_BUCKETS]; ///< by a hash of their address
    uint8_t key[16];                    ///< of that hash
    uint64_t shed;
} sv_http_strangers;

typedef struct http_peer {
    LIST_ENTRY(http_peer) link;
    sv_http_server *server;
    struct bufferevent *stream; ///< held until `connection` is known
    struct evhttp_connection *connection;
    struct event *arrival;
    sv_timer *deadline;
    sv_http_request *request; ///< not answered yet
    sv_http_events *events;   ///< or this, when it has become a stream
    sv_http_flow *flow;       ///< or this, while it is answered in pieces
    size_t coming;            ///< bytes of the request that is on its way
    sv_tls_guest guest;       ///< who it is, once `met`
    bool met;
    bool welcomed;  ///< `welcome` has let it in
    unsigned round; ///< of the context that has judged it
    bool is_stranger;
    uint8_t bucket; ///< of a stranger
} http_peer;

struct sv_http_server {
    sv_loop *loop;
    struct evhttp *http;
    sv_tls *tls;
    sv_http_handler *handler;
    void *arg;
    uint16_t port;
    size_t body_max;
    size_t room_max; ///< 0: no bound of its own
    size_t coming;   ///< of all peers
    size_t peers_max;
    size_t peer_count;
    sv_http_strangers strangers;
    void (*unwelcome)(void *arg, const char *peer, const sv_why *why);
    void (*unfinished)(void *arg, const char *peer, size_t bytes);
    sv_err (*welcome)(void *arg, const char *peer, const sv_identity *identity, sv_why *why);
    unsigned round;   ///< one more with each new context
    sv_timer *review; ///< of open streams
    struct evconnlistener *listener;
    sv_timer *rest; ///< until more handshakes may begin
    size_t fresh;   ///< begun since
    LIST_HEAD(http_peer_list, http_peer) peers;
};

struct sv_http_request {
    struct evhttp_request *raw; ///< NULL when it went with its connection
    http_peer *peer;            ///< NULL when the connection has gone
    sv_loop *loop;              ///< of its server
    sv_textbuf plain;           ///< the body, when it came compressed
    bool was_packed;
    sv_textbuf path; ///< decoded; `overflowed` when it could not be
    char address[HTTP_ADDRESS_MAX];
};

/// Finds out who it is and whether it may be here; who need not be anybody may.
sv_err sv_http_peer_judge(http_peer *peer, sv_why *why);
/// NULL: it speaks plainly.
SSL *sv_http_peer_ssl(const http_peer *peer);
/// Tells the owner of one that was let in once and is not welcome any more.
void sv_http_peer_unwelcome(const http_peer *peer, const sv_why *why);
/// Tells the owner when what is `coming` never became a request.
void sv_http_peer_unfinished(const http_peer *peer);
/// Its certificate may end before its stream does.
void sv_http_peer_streams(http_peer *peer);
void sv_http_peer_look_again(http_peer *peer);
/// `arg` is the server: those of open streams who no longer may are sent away.
void sv_http_review(void *arg);

/// It has come, and somebody may have had to go for it; false: it has to go itself.
bool sv_http_stranger_came(http_peer *peer);
/// Its first bytes are there, so that its handshake is done: who is it?
void sv_http_stranger_speaks(http_peer *peer);
void sv_http_stranger_gone(http_peer *peer);

/// Everybody who reads these headers sees the request end at the same place.
bool sv_http_framing_is_plain(const struct evkeyvalq *headers);
size_t sv_http_count_header(const struct evkeyvalq *headers, const char *name);

sv_http_request *sv_http_request_new(http_peer *peer, struct evhttp_request *raw);
/// Unpacks a compressed body. False, with the request answered, when that cannot be done.
bool sv_http_request_unpack(sv_http_request *request, size_t body_max);
/// The connection is being freed, its request not answered yet. What the owner does with it from
/// here on has no effect.
void sv_http_request_lost(sv_http_request *request);
void sv_http_events_lost(sv_http_events *events);
void sv_http_flow_lost(sv_http_flow *flow);
/// libevent takes a request off its connection, and leaves it to us, when the other side went away;
/// it frees both when the server closes: NULL.
struct evhttp_request *sv_http_survivor(struct evhttp_request *raw);
/// It has become something else: its room is given back.
void sv_http_request_free(sv_http_request *request);
/// What nobody set: an answer is no page that may do anything.
void sv_http_set_defaults(struct evhttp_request *raw);
/// From now on the next request is awaited, once a reply of so many bytes has been sent.
void sv_http_peer_replied(http_peer *peer, size_t reply_bytes);

#endif
