// An answer whose length is known and whose bytes come piece by piece. libevent holds one piece at
// a time, and says when it has left.
#include "http_internal.h"

#include <base/mem.h>
#include <event2/buffer.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct sv_http_flow {
    struct evhttp_request *raw; ///< NULL when it went with its connection
    http_peer *peer;            ///< NULL when the connection has gone
    uint64_t due;               ///< bytes that are to be added still
    bool leaving;               ///< a piece is on its way
    bool ended;                 ///< by its owner, while the last piece was
    sv_timer *unheard;          ///< it began when the connection had gone already
    const sv_http_flow_calls *calls;
    void *arg;
};

static void set_header(struct evhttp_request *raw, const char *name, const char *value) {
    (void) evhttp_add_header(evhttp_request_get_output_headers(raw), name, value);
}

static void tell_unheard(void *arg) {
    sv_http_flow *flow = arg;
    flow->calls->closed(flow->arg);
}

sv_http_flow *sv_http_flow_start(sv_http_request *request, int status, const char *content_type,
                                 uint64_t bytes, const sv_http_flow_calls *calls, void *arg) {
    sv_http_flow *flow = sv_mem_new(sizeof *flow);
    char length[24];
    *flow = (sv_http_flow){
        .raw = request->raw, .peer = request->peer, .due = bytes, .calls = calls, .arg = arg
    };
    (void) snprintf(length, sizeof length, "%" PRIu64, bytes);
    if (flow->raw != NULL) {
        sv_http_set_defaults(flow->raw);
        set_header(flow->raw, "Content-Length", length); // so that it is not chunked
        if (content_type != NULL) {
            set_header(flow->raw, "Content-Type", content_type);
        }
        evhttp_send_reply_start(flow->raw, status, NULL);
    }
    if (flow->peer != NULL) {
        flow->peer->flow = flow;
    } else { // no connection will tell; the owner does not know its flow yet
        flow->unheard = sv_timer_new(request->loop, tell_unheard, flow);
        sv_timer_once(flow->unheard, 0);
    }
    sv_http_request_free(request);
    return flow;
}

/// The connection is left to whoever asks next.
static void leave(sv_http_flow *flow) {
    struct evhttp_request *raw = flow->raw;
    if (flow->peer != NULL) {
        flow->peer->flow = NULL;
        sv_http_peer_replied(flow->peer, 0);
    }
    sv_timer_drop(&flow->unheard);
    free(flow);
    if (raw != NULL) {
        evhttp_send_reply_end(raw);
    }
}

static void piece_left(struct evhttp_connection *connection, void *arg) {
    sv_http_flow *flow = arg;
    (void) connection;
    flow->leaving = false;
    if (flow->ended) {
        leave(flow);
    } else if (flow->due > 0) {
        // Whoever has read all that there is waits as long as it takes.
        sv_timer_stop(flow->peer->deadline);
        flow->calls->empty(flow->arg);
    }
}

void sv_http_flow_add(sv_http_flow *flow, sv_text piece) {
    size_t bytes = piece.len < flow->due ? piece.len : (size_t) flow->due;
    struct evbuffer *chunk = evbuffer_new();
    if (chunk == NULL) {
        abort();
    }
    flow->due -= bytes;
    if (flow->peer != NULL && bytes > 0) {
        flow->leaving = true;
        (void) evbuffer_add(chunk, piece.at, bytes);
        sv_http_peer_replied(flow->peer, bytes);
        evhttp_send_reply_chunk_with_cb(flow->raw, chunk, piece_left, flow);
    }
    evbuffer_free(chunk);
}

void sv_http_flow_lost(sv_http_flow *flow) {
    flow->peer = NULL;
    flow->raw = sv_http_survivor(flow->raw);
    if (flow->ended) {
        leave(flow);
    } else {
        flow->calls->closed(flow->arg);
    }
}

void sv_http_flow_end(sv_http_flow **flow) {
    sv_http_flow *gone = *flow;
    if (gone == NULL) {
        return;
    }
    *flow = NULL;
    gone->ended = true;
    if (gone->peer == NULL || (gone->due == 0 && !gone->leaving)) {
        leave(gone);
    } else if (gone->due > 0) {
        evhttp_connection_free(gone->peer->connection); // and what is on its way goes with it
    }
}
