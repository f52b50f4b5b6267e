// An HTTP/1.1 server on the loop (libevent's evhttp), plain or TLS, with a deadline per request,
// bounded headers and bodies, and event streams (SSE) whose queues are bounded. A request whose end
// two readers could see at different places (RFC 9112 §6.3) is refused, and its connection closed.
// All on the loop's thread.
#ifndef SV_NET_HTTP_SERVER_H
#define SV_NET_HTTP_SERVER_H

#include <base/err.h>
#include <base/text.h>
#include <model/id.h>
#include <net/tls.h>
#include <sys/loop.h>

enum {
    SV_HTTP_HEADERS_MAX = 16 * 1024,
    SV_HTTP_DEADLINE_US = 10 * 1000000, ///< from accept (or the last reply) to a whole request
    SV_HTTP_STREAM_QUEUE_MAX = 1024 * 1024,
    SV_HTTP_HANDSHAKES = 30, ///< TLS handshakes that begin in a tenth of a second, so that a flood
                             ///< of them leaves the loop to others; who comes later waits
};

typedef struct sv_http_server sv_http_server;
typedef struct sv_http_request sv_http_request;
typedef struct sv_http_events sv_http_events;
typedef struct sv_http_flow sv_http_flow;

/// Must reply, start an event stream, or keep the request and reply later; once. A kept request
/// stays valid until it is answered, whatever becomes of its connection or the server.
typedef void sv_http_handler(sv_http_request *request, void *arg);

typedef struct sv_http_server_options {
    const char *bind; ///< an address, e.g. "127.0.0.1"
    uint16_t port;    ///< 0: any free one
    sv_tls *tls;      ///< NULL: plain HTTP
    size_t body_max;
    size_t room_max; ///< bytes of all requests that are on their way; whose next byte would be one
                     ///< too many is hung up on. 0: connections_max bodies
    size_t connections_max;
    /// Of them by strangers: who is at its handshake, has not sent a byte since, or is a newcomer.
    /// When there is one too many, the oldest of the address that has most of them is closed. 0: no
    /// bound of their own. [relay-14]
    size_t strangers_max;
    size_t stranger_body_max; ///< of a newcomer's request; 0: body_max
    /// Somebody who was let in is sent away: its certificate has been revoked or has expired, or is
    /// of no CA that is trusted now. `arg` is the handler's; `peer` "192.0.2.7:50123", `why`
    /// "certificate is revoked (gateway-1)". May be NULL.
    void (*unwelcome)(void *arg, const char *peer, const sv_why *why);
    /// A connection has ended before the request whose `bytes` had come was taken: it was half, no
    /// HTTP, or larger than is allowed. `peer` as above. May be NULL. [enrol-25]
    void (*unfinished)(void *arg, const char *peer, size_t bytes);
    /// Whether somebody whose certificate counts may be here: asked about the first request of a
    /// connection and by sv_http_server_review; a refusal is answered 403. NULL: everybody.
    sv_err (*welcome)(void *arg, const char *peer, const sv_identity *identity, sv_why *why);
} sv_http_server_options;

/// SV_ERR_STATE when the port is taken (the sentence names address and port).
sv_err sv_http_server_open(sv_loop *loop, const sv_http_server_options *options,
                           sv_http_handler *handler, void *arg, sv_http_server **out, sv_why *why);
/// New connections use `tls` from now on, and the context from before may be dropped; the one in
/// use must outlive the server. Those that are there are judged again, streams at once and others
/// when their next request comes, by their leaf alone; what is wrong with the revocation list
/// itself (it has ended) sends nobody away.
void sv_http_server_tls(sv_http_server *server, sv_tls *tls);
/// Something was decided about `id`: `welcome` is asked about its connections, and those that may
/// not stay are closed at once, whatever they are at; `unwelcome` hears of each. How many.
size_t sv_http_server_review(sv_http_server *server, sv_text id);
uint16_t sv_http_server_port(const sv_http_server *server);
/// How many connections were closed because there was one stranger too many.
uint64_t sv_http_server_shed(const sv_http_server *server);
void sv_http_server_drop(sv_http_server **server);

const char *sv_http_method(const sv_http_request *request); ///< "GET", "POST", ...
sv_text sv_http_path(const sv_http_request *request);       ///< decoded, no query; starts with '/'
/// Path and query as they were sent, for whoever passes them on. The query is "" when there is
/// none.
sv_text sv_http_raw_path(const sv_http_request *request);
sv_text sv_http_raw_query(const sv_http_request *request);
/// Decoded query parameter into `room`; SV_ERR_NOT_FOUND when absent, SV_ERR_INVALID when broken or
/// too long.
sv_err sv_http_query(const sv_http_request *request, const char *name, char *room,
                     size_t room_bytes);
/// NULL when absent; names are compared without case.
const char *sv_http_header(const sv_http_request *request, const char *name);
/// How often the header is there: a list that was sent in parts counts its parts.
size_t sv_http_header_count(const sv_http_request *request, const char *name);
/// A body that came compressed (Content-Encoding: zstd) is shown as it was before; `body_max` holds
/// for both.
sv_text sv_http_body(const sv_http_request *request);
const char *sv_http_peer(const sv_http_request *request); ///< address of the other side
/// Who the client certificate says; NULL without one, and for a newcomer. A certificate that TLS
/// accepts but that has no valid identity is answered 403 by the server itself.
const sv_identity *sv_http_identity(const sv_http_request *request);
/// At a door for newcomers (SV_TLS_CLIENTS_NEWCOMERS): which of them this is; NULL for who is
/// trusted, and when the connection has gone. One whose certificate ends while it is connected is
/// sent away; it may come again as one that has expired.
const sv_newcomer *sv_http_newcomer(const sv_http_request *request);
/// The client certificate itself, a newcomer's too, in DER, after what is in `der` already.
/// SV_ERR_NOT_FOUND without one, or when the connection has gone.
sv_err sv_http_certificate(const sv_http_request *request, sv_textbuf *der);

/// Nobody hears the answer any more: its connection has gone.
bool sv_http_is_gone(const sv_http_request *request);

/// A Content-Length set here stands in the answer to a HEAD; otherwise the body's own does.
void sv_http_reply_header(sv_http_request *request, const char *name, const char *value);
/// `body` is copied. Adds X-Content-Type-Options: nosniff and Content-Length always, and a
/// Content-Security-Policy that allows nothing where none was set.
void sv_http_reply(sv_http_request *request, int status, const char *content_type, sv_text body);
/// RFC 9457: {"type":"about:blank","title","status","detail"}.
SV_PRINTF(4, 5)
void sv_http_problem(sv_http_request *request, int status, const char *title, const char *fmt, ...);

typedef struct sv_http_flow_calls {
    void (*empty)(void *arg);  ///< all that was added has left: time for more
    void (*closed)(void *arg); ///< the client has gone, or read too slowly; once
} sv_http_flow_calls;

/// Answer with exactly `bytes` (one at least), which come piece by piece, so that no answer has to
/// be in memory whole. Not for a HEAD. The flow is empty at first; `empty` is called when it is so
/// again, as long as bytes are due, `closed` when nobody hears them any more (not after
/// sv_http_flow_end; in the next turn of the loop when the request was gone before). The owner ends
/// the flow then, there or later.
sv_http_flow *sv_http_flow_start(sv_http_request *request, int status, const char *content_type,
                                 uint64_t bytes, const sv_http_flow_calls *calls, void *arg);
/// The next piece, which is copied; what is more than `bytes` in all is left out. Once it is empty:
/// one piece at a time is what a client that reads slowly costs.
void sv_http_flow_add(sv_http_flow *flow, sv_text piece);
/// When all is added the connection stays for the next request; else it is closed, so that the
/// client sees that it has not got the whole.
void sv_http_flow_end(sv_http_flow **flow);

/// Answer with an event stream. `closed` is called once when the client has gone or the server was
/// dropped (not after sv_http_events_drop); the owner drops the stream then as well, there or
/// later.
sv_http_events *sv_http_events_start(sv_http_request *request, sv_loop_fn *closed, void *arg);
/// One event; `name` may be NULL; `id` 0: it has none; `data` is one line. SV_ERR_NO_SPACE when the
/// client reads too slowly: the owner should drop it then.
sv_err sv_http_events_send(sv_http_events *events, const char *name, uint64_t id, sv_text data);
/// ": ping" so that proxies and browsers see a live stream.
void sv_http_events_ping(sv_http_events *events);
void sv_http_events_drop(sv_http_events **events);

#endif
