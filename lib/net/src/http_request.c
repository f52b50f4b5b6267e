#include "http_internal.h"

#include <base/mem.h>
#include <codec/compress.h>
#include <codec/encode.h>
#include <codec/json.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PROBLEM_MAX = 4096, NUMBER_ROOM = 24 };

struct sv_http_events {
    struct evhttp_request *raw; ///< NULL when it went with its connection
    http_peer *peer;            ///< NULL when the connection has gone
    sv_loop_fn *closed;
    void *arg;
};

static const char *raw_path(const struct evhttp_uri *uri) {
    const char *path = uri != NULL ? evhttp_uri_get_path(uri) : NULL;
    return path != NULL && path[0] != '\0' ? path : "/";
}

/// "//host/path" is no request target (RFC 9112 §3.2); libevent would take its path.
static bool names_host_alone(const struct evhttp_uri *uri) {
    return uri != NULL && evhttp_uri_get_scheme(uri) == NULL && evhttp_uri_get_host(uri) != NULL;
}

static void decode_path(const struct evhttp_request *raw, sv_textbuf *out) {
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(raw);
    const char *path = raw_path(uri);
    if (names_host_alone(uri) || path[0] != '/'
        || sv_percent_decode(sv_text_of(path), false, out) != SV_OK
        || sv_textbuf_end(out) != SV_OK) {
        out->overflowed = true;
    }
}

sv_http_request *sv_http_request_new(http_peer *peer, struct evhttp_request *raw) {
    sv_http_request *request = sv_mem_new(sizeof *request);
    *request = (sv_http_request){ .raw = raw,
                                  .peer = peer,
                                  .loop = peer->server->loop,
                                  .path = SV_TEXTBUF_HEAP(SV_HTTP_HEADERS_MAX + 1) };
    peer->request = request;
    decode_path(raw, &request->path);
    char *address = NULL;
    ev_uint16_t port = 0;
    evhttp_connection_get_peer(peer->connection, &address, &port);
    (void) snprintf(request->address, sizeof request->address, "%s",
                    address != NULL ? address : "");
    return request;
}

struct evhttp_request *sv_http_survivor(struct evhttp_request *raw) {
    return evhttp_request_get_connection(raw) == NULL ? raw : NULL;
}

void sv_http_request_lost(sv_http_request *request) {
    request->peer = NULL;
    request->raw = sv_http_survivor(request->raw);
}

void sv_http_request_free(sv_http_request *request) {
    if (request->peer != NULL) {
        request->peer->request = NULL;
    }
    sv_textbuf_drop(&request->path);
    sv_textbuf_drop(&request->plain);
    free(request);
}

const char *sv_http_method(const sv_http_request *request) {
    static const struct {
        enum evhttp_cmd_type type;
        const char *name;
    } methods[] = {
        { EVHTTP_REQ_GET, "GET" },         { EVHTTP_REQ_POST, "POST" },
        { EVHTTP_REQ_PUT, "PUT" },         { EVHTTP_REQ_DELETE, "DELETE" },
        { EVHTTP_REQ_HEAD, "HEAD" },       { EVHTTP_REQ_PATCH, "PATCH" },
        { EVHTTP_REQ_OPTIONS, "OPTIONS" },
    };
    for (size_t i = 0; request->raw != NULL && i < SV_COUNT(methods); i++) {
        if (methods[i].type == evhttp_request_get_command(request->raw)) {
            return methods[i].name;
        }
    }
    return "";
}

sv_text sv_http_path(const sv_http_request *request) {
    return sv_textbuf_text(&request->path);
}

static const struct evhttp_uri *uri_of(const sv_http_request *request) {
    return request->raw != NULL ? evhttp_request_get_evhttp_uri(request->raw) : NULL;
}

sv_text sv_http_raw_path(const sv_http_request *request) {
    return sv_text_of(raw_path(uri_of(request)));
}

sv_text sv_http_raw_query(const sv_http_request *request) {
    const struct evhttp_uri *uri = uri_of(request);
    return sv_text_of(uri != NULL ? evhttp_uri_get_query(uri) : NULL);
}

static bool is_parameter(sv_text encoded, const char *name) {
    char decoded[128];
    sv_textbuf buf = SV_TEXTBUF(decoded);
    return sv_percent_decode(encoded, true, &buf) == SV_OK && !buf.overflowed
           && sv_text_is(sv_textbuf_text(&buf), name);
}

sv_err sv_http_query(const sv_http_request *request, const char *name, char *room,
                     size_t room_bytes) {
    sv_text rest = sv_http_raw_query(request);
    while (rest.len > 0) {
        sv_text value = sv_text_cut(&rest, '&');
        sv_text key = sv_text_cut(&value, '=');
        if (!is_parameter(key, name)) {
            continue;
        }
        sv_textbuf buf = { .at = room, .cap = room_bytes };
        if (sv_percent_decode(value, true, &buf) != SV_OK || sv_textbuf_end(&buf) != SV_OK) {
            return SV_ERR_INVALID;
        }
        return SV_OK;
    }
    return SV_ERR_NOT_FOUND;
}

const char *sv_http_header(const sv_http_request *request, const char *name) {
    return request->raw != NULL
               ? evhttp_find_header(evhttp_request_get_input_headers(request->raw), name)
               : NULL;
}

size_t sv_http_header_count(const sv_http_request *request, const char *name) {
    return request->raw != NULL
               ? sv_http_count_header(evhttp_request_get_input_headers(request->raw), name)
               : 0;
}

sv_err sv_http_certificate(const sv_http_request *request, sv_textbuf *der) {
    const SSL *ssl = request->peer != NULL ? sv_http_peer_ssl(request->peer) : NULL;
    const X509 *certificate = ssl != NULL ? SSL_get0_peer_certificate(ssl) : NULL;
    if (certificate == NULL) {
        return SV_ERR_NOT_FOUND;
    }
    int len = i2d_X509(certificate, NULL);
    char *at = len > 0 ? sv_textbuf_grow(der, (size_t) len) : NULL;
    if (at == NULL) {
        return SV_ERR_NO_SPACE;
    }
    unsigned char *end = (unsigned char *) at;
    return i2d_X509(certificate, &end) == len ? SV_OK : SV_ERR_STATE;
}

bool sv_http_request_unpack(sv_http_request *request, size_t body_max) {
    const char *encoding = sv_http_header(request, "Content-Encoding");
    if (encoding == NULL || strcasecmp(encoding, "identity") == 0) {
        return true;
    }
    if (strcasecmp(encoding, "zstd") != 0) {
        sv_http_reply_header(request, "Accept-Encoding", "zstd, identity");
        sv_http_problem(request, 415, "Unknown encoding", "bodies come plain or as zstd");
        return false;
    }
    sv_why why = { 0 };
    request->plain = SV_TEXTBUF_HEAP(body_max);
    sv_err err = sv_expand(sv_http_body(request), &request->plain, &why);
    if (err != SV_OK) {
        sv_http_problem(request, err == SV_ERR_NO_SPACE ? 413 : 400, "Bad body", "%s", why.text);
        return false;
    }
    request->was_packed = true;
    return true;
}

sv_text sv_http_body(const sv_http_request *request) {
    if (request->was_packed) {
        return sv_textbuf_text(&request->plain);
    }
    if (request->raw == NULL) {
        return SV_TEXT("");
    }
    struct evbuffer *input = evhttp_request_get_input_buffer(request->raw);
    size_t len = evbuffer_get_length(input);
    const unsigned char *at = len > 0 ? evbuffer_pullup(input, -1) : NULL;
    return at != NULL ? (sv_text){ .at = (const char *) at, .len = len } : SV_TEXT("");
}

const char *sv_http_peer(const sv_http_request *request) {
    return request->address;
}

bool sv_http_is_gone(const sv_http_request *request) {
    return request->peer == NULL;
}

const sv_identity *sv_http_identity(const sv_http_request *request) {
    return request->peer != NULL && request->peer->guest.kind == SV_TLS_KNOWN
               ? &request->peer->guest.identity
               : NULL;
}

const sv_newcomer *sv_http_newcomer(const sv_http_request *request) {
    return request->peer != NULL && request->peer->guest.kind == SV_TLS_NEWCOMER
               ? &request->peer->guest.newcomer
               : NULL;
}

static void set_header(struct evhttp_request *raw, const char *name, const char *value) {
    struct evkeyvalq *headers = evhttp_request_get_output_headers(raw);
    (void) evhttp_add_header(headers, name, value);
}

void sv_http_reply_header(sv_http_request *request, const char *name, const char *value) {
    if (request->raw != NULL) {
        set_header(request->raw, name, value);
    }
}

/// The reply has left; whoever stays connected has the usual time for the next request.
static void reply_sent(struct evhttp_request *raw, void *arg) {
    (void) raw;
    sv_http_peer_replied(arg, 0);
}

static void send_reply(struct evhttp_request *raw, int status, sv_text body) {
    char length[NUMBER_ROOM];
    (void) snprintf(length, sizeof length, "%zu", body.len);
    bool to_head = evhttp_request_get_command(raw) == EVHTTP_REQ_HEAD;
    struct evkeyvalq *headers = evhttp_request_get_output_headers(raw);
    if (!to_head) {
        (void) evhttp_remove_header(headers, "Content-Length");
    }
    if (status != 204 && status != 304 && evhttp_find_header(headers, "Content-Length") == NULL) {
        set_header(raw, "Content-Length", length);
    }
    struct evbuffer *content = evhttp_request_get_output_buffer(raw);
    if (!to_head && body.len > 0) {
        (void) evbuffer_add(content, body.at, body.len);
    }
    evhttp_send_reply(raw, status, NULL, NULL);
}

void sv_http_set_defaults(struct evhttp_request *raw) {
    struct evkeyvalq *headers = evhttp_request_get_output_headers(raw);
    set_header(raw, "X-Content-Type-Options", "nosniff");
    if (evhttp_find_header(headers, "Content-Security-Policy") == NULL) {
        set_header(raw, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    }
}

void sv_http_reply(sv_http_request *request, int status, const char *content_type, sv_text body) {
    struct evhttp_request *raw = request->raw;
    http_peer *peer = request->peer;
    if (raw != NULL) {
        sv_http_set_defaults(raw);
        if (content_type != NULL) {
            set_header(raw, "Content-Type", content_type);
        }
        if (peer != NULL) {
            sv_http_peer_replied(peer, body.len);
            evhttp_request_set_on_complete_cb(raw, reply_sent, peer);
        }
        send_reply(raw, status, body);
    }
    sv_http_request_free(request);
}

void sv_http_problem(sv_http_request *request, int status, const char *title, const char *fmt,
                     ...) {
    char detail[PROBLEM_MAX / 8];
    va_list args;
    va_start(args, fmt);
    (void) vsnprintf(detail, sizeof detail, fmt, args);
    va_end(args);
    char room[PROBLEM_MAX];
    sv_textbuf body = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&body);
    sv_json_open_object(&out);
    sv_json_add_str(&out, "type", "about:blank");
    sv_json_add_str(&out, "title", title);
    sv_json_add_int(&out, "status", status);
    sv_json_add_str(&out, "detail", detail);
    sv_json_close_object(&out);
    sv_http_reply(request, status, "application/problem+json", sv_textbuf_text(&body));
}

sv_http_events *sv_http_events_start(sv_http_request *request, sv_loop_fn *closed, void *arg) {
    sv_http_events *events = sv_mem_new(sizeof *events);
    *events = (sv_http_events){
        .raw = request->raw, .peer = request->peer, .closed = closed, .arg = arg
    };
    if (events->raw != NULL) {
        set_header(events->raw, "Content-Type", "text/event-stream");
        set_header(events->raw, "Cache-Control", "no-store");
        set_header(events->raw, "X-Content-Type-Options", "nosniff");
        set_header(events->raw, "Connection", "close");
        evhttp_send_reply_start(events->raw, HTTP_OK, NULL);
    }
    if (events->peer != NULL) {
        events->peer->events = events;
        sv_http_peer_streams(events->peer);
    }
    sv_http_request_free(request);
    return events;
}

void sv_http_events_lost(sv_http_events *events) {
    events->peer = NULL;
    events->raw = sv_http_survivor(events->raw);
    events->closed(events->arg);
}

static sv_err send_chunk(sv_http_events *events, sv_text text) {
    struct bufferevent *stream = evhttp_connection_get_bufferevent(events->peer->connection);
    struct evbuffer *waiting = bufferevent_get_output(stream);
    if (evbuffer_get_length(waiting) + text.len > SV_HTTP_STREAM_QUEUE_MAX) {
        return SV_ERR_NO_SPACE;
    }
    struct evbuffer *chunk = evbuffer_new();
    if (chunk == NULL) {
        return SV_ERR_NO_SPACE;
    }
    (void) evbuffer_add(chunk, text.at, text.len);
    evhttp_send_reply_chunk(events->raw, chunk);
    evbuffer_free(chunk);
    return SV_OK;
}

sv_err sv_http_events_send(sv_http_events *events, const char *name, uint64_t id, sv_text data) {
    if (events->peer == NULL) {
        return SV_ERR_STATE;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf event = SV_TEXTBUF_HEAP(SV_HTTP_STREAM_QUEUE_MAX);
    if (id > 0) {
        sv_textbuf_addf(&event, "id: %" PRIu64 "\n", id);
    }
    if (name != NULL) {
        sv_textbuf_addf(&event, "event: %s\n", name);
    }
    sv_textbuf_add_str(&event, "data: ");
    sv_textbuf_add(&event, data);
    sv_textbuf_add_str(&event, "\n\n");
    if (event.overflowed) {
        return SV_ERR_NO_SPACE;
    }
    return send_chunk(events, sv_textbuf_text(&event));
}

void sv_http_events_ping(sv_http_events *events) {
    if (events->peer != NULL) {
        // A full queue needs no sign of life.
        if (send_chunk(events, SV_TEXT(": ping\n\n")) != SV_OK) {
            return;
        }
    }
}

void sv_http_events_drop(sv_http_events **events) {
    sv_http_events *gone = *events;
    if (gone == NULL) {
        return;
    }
    *events = NULL;
    if (gone->peer != NULL) {
        gone->peer->events = NULL;
        // Who reads too slowly does not get to keep the connection by going on so.
        sv_http_peer_replied(gone->peer, 0);
    }
    if (gone->raw != NULL) {
        evhttp_send_reply_end(gone->raw);
    }
    free(gone);
}
