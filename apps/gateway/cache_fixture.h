// A cache between devices, which say who they are in a header, and a fleet server that does what
// the test wants: one image in one encoding, and one file of somebody else's.
#ifndef SELVEDGE_GATEWAY_CACHE_FIXTURE_H
#define SELVEDGE_GATEWAY_CACHE_FIXTURE_H

#include "cache_own.h"

#include <base/mem.h>
#include <base/test.h>
#include <codec/encode.h>
#include <crypto/random.h>
#include <fcntl.h>
#include <net/http_client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>
#include <unistd.h>

enum {
    CHUNKS = 40,
    DEVICES_MAX = 24,
    BODY_ROOM = 4 * 1024 * 1024,
    TURN_US = 5000,
    PATIENCE_US = 20 * 1000000,
};

#define IMAGE "1111111111111111111111111111111111111111111111111111111111111111"
#define RAW "/artifacts/" IMAGE "/raw"

/// What the fleet server has, what goes wrong there, and what it was asked.
typedef struct upstream {
    sv_http_server *server;
    uint16_t port;
    sv_textbuf body; ///< of the encoding, and of the file
    gw_cache_index index;
    char sha256[GW_CACHE_HEX_ROOM]; ///< of the body
    bool bad_index;                 ///< once: another index than there is
    int bad_chunks;                 ///< so many answers to come have a wrong byte in the middle
    int cuts;                       ///< so many answers to come end half-way
    sv_http_flow *cut_flow;
    bool gone;                    ///< 404
    bool busy;                    ///< 503
    const char *name;             ///< NULL: none; paths that end so are answered `name_status`
    int name_status, name_pieces; ///< once so many pieces were given
    int asks, indexes, pieces;
    uint64_t bytes; ///< of pieces
} upstream;

typedef struct fixture {
    char dir[64];
    sv_loop *loop;
    upstream up;
    gw_cache *cache;
    sv_http_server *door;
    gw_cache_options options;
    char fleet_url[64];
} fixture;

/// A device and the answer to its last request.
typedef struct device {
    char id[SV_ID_ROOM];
    sv_http_client *http;
    sv_textbuf body;
    bool done;
    int status;
    char etag[256], range[80], length[32];
} device;

// ---- the fleet server ---------------------------------------------------------------------------

static inline void cut_now(void *arg) {
    sv_http_flow_end(&((upstream *) arg)->cut_flow);
}

/// Half of it, and when that has left the connection ends.
static inline void cut(upstream *up, sv_http_request *request, sv_text body) {
    static const sv_http_flow_calls CALLS = { .empty = cut_now, .closed = cut_now };
    up->cut_flow = sv_http_flow_start(request, 206, NULL, body.len, &CALLS, up);
    sv_http_flow_add(up->cut_flow, (sv_text){ .at = body.at, .len = body.len / 2 });
}

static inline void up_give(upstream *up, sv_http_request *request, sv_text whole) {
    char room[SV_HTTP_CONTENT_RANGE_ROOM];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_http_range range;
    SV_DEFER(sv_textbuf_drop) sv_textbuf copy = SV_TEXTBUF_HEAP(BODY_ROOM);
    sv_http_range_kind kind =
        sv_http_range_read(sv_http_header(request, "Range"), whole.len, &range);
    assert_int_not_equal(kind, SV_HTTP_RANGE_NONE);
    sv_textbuf_add(&copy, (sv_text){ .at = whole.at + range.from, .len = range.to - range.from });
    if (kind == SV_HTTP_RANGE_PART) {
        sv_http_content_range_add(&text, &range, whole.len);
        assert_int_equal(sv_textbuf_end(&text), SV_OK);
        sv_http_reply_header(request, "Content-Range", room);
    }
    bool is_piece = copy.len > 1;
    up->pieces += is_piece;
    up->bytes += is_piece ? copy.len : 0;
    if (is_piece && up->bad_chunks > 0) {
        up->bad_chunks--;
        copy.at[copy.len / 2] ^= 1;
    }
    if (is_piece && up->cuts > 0) {
        up->cuts--;
        up->bytes -= copy.len - copy.len / 2;
        cut(up, request, sv_textbuf_text(&copy));
        return;
    }
    sv_http_reply(request, kind == SV_HTTP_RANGE_PART ? 206 : 200, NULL, sv_textbuf_text(&copy));
}

static inline void up_give_index(upstream *up, sv_http_request *request) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf copy = SV_TEXTBUF_HEAP(GW_CACHE_INDEX_MAX);
    sv_textbuf_add(&copy, (sv_text){ .at = (const char *) up->index.bytes, .len = up->index.len });
    if (up->bad_index) {
        up->bad_index = false;
        copy.at[copy.len - 1] ^= 1; // the hash of the last chunk
    }
    up->indexes++;
    sv_http_reply(request, 200, NULL, sv_textbuf_text(&copy));
}

static inline bool is_named(const upstream *up, sv_text path) {
    size_t len = up->name == NULL ? 0 : strlen(up->name);
    return up->name != NULL && up->pieces >= up->name_pieces && path.len >= len
           && memcmp(path.at + path.len - len, up->name, len) == 0;
}

static inline void up_handle(sv_http_request *request, void *arg) {
    upstream *up = arg;
    const char *certificate = sv_http_header(request, "Client-Cert");
    sv_text path = sv_http_path(request);
    if (is_named(up, path)) {
        sv_http_problem(request, up->name_status, "No", "no");
    } else if (up->busy || up->gone) {
        sv_http_problem(request, up->busy ? 503 : 404, "No", "no");
    } else if (certificate != NULL && strcmp(certificate, ":eve:") == 0) {
        up->asks++;
        sv_http_problem(request, 403, "No", "not for eve");
    } else if (certificate != NULL) {
        up->asks++;
        up_give(up, request, SV_TEXT("x"));
    } else if (memcmp(path.at + path.len - 6, ".index", 6) == 0) {
        up_give_index(up, request);
    } else {
        up_give(up, request, sv_textbuf_text(&up->body));
    }
}

/// Chunks of every length, so that none lies where 64 KiB would put it.
static inline void up_fill(upstream *up) {
    SV_DEFER(sv_digest_drop) sv_digest *digest = sv_digest_new(SV_DIGEST_SHA256);
    uint8_t hash[GW_CACHE_HASH_BYTES];
    sv_textbuf hex = SV_TEXTBUF(up->sha256);
    up->body = SV_TEXTBUF_HEAP(BODY_ROOM);
    assert_int_equal(gw_cache_index_make(CHUNKS, 1, &up->index), SV_OK);
    for (uint64_t i = 0; i < CHUNKS; i++) {
        size_t bytes = 1 + (i * 7919 + 60000) % GW_CACHE_STORED_MAX;
        char *at = sv_textbuf_grow(&up->body, bytes);
        assert_non_null(at);
        sv_random(at, bytes);
        up->index.at[i + 1] = up->index.at[i] + bytes;
        uint8_t *length = up->index.bytes + 16 + i * 36;
        length[0] = (uint8_t) bytes;
        length[1] = (uint8_t) (bytes >> 8);
        length[2] = (uint8_t) (bytes >> 16);
        gw_cache_index_set(&up->index, i, (sv_text){ .at = at, .len = bytes }, digest);
    }
    up->index.length = up->body.len;
    sv_sha256(sv_textbuf_text(&up->body), hash);
    sv_hex_add(&hex, hash, sizeof hash);
    assert_int_equal(sv_textbuf_end(&hex), SV_OK);
}

static inline void up_start(fixture *f) {
    const sv_http_server_options options = { .bind = "127.0.0.1",
                                             .port = f->up.port,
                                             .connections_max = 32 };
    assert_int_equal(sv_http_server_open(f->loop, &options, up_handle, &f->up, &f->up.server, NULL),
                     SV_OK);
    f->up.port = sv_http_server_port(f->up.server);
}

/// The link is cut.
static inline void up_stop(fixture *f) {
    sv_http_server_drop(&f->up.server);
}

// ---- the gateway --------------------------------------------------------------------------------

static inline void door_handle(sv_http_request *request, void *arg) {
    fixture *f = arg;
    char certificate[SV_ID_ROOM + 2];
    const char *id = sv_http_header(request, "X-Device");
    (void) snprintf(certificate, sizeof certificate, ":%s:", id);
    const gw_cache_asker asker = { .device = id, .certificate = certificate };
    if (!gw_cache_take(f->cache, request, sv_http_raw_path(request), &asker)) {
        sv_http_reply(request, 204, NULL, SV_TEXT(""));
    }
}

static inline void cache_start(fixture *f) {
    sv_why why = { 0 };
    if (gw_cache_open(f->loop, &f->options, &f->cache, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

/// As after a kill: nothing is written at the end that was not written before.
static inline void cache_restart(fixture *f) {
    gw_cache_drop(&f->cache);
    cache_start(f);
}

static inline int setup(void **state) {
    fixture *f = sv_mem_new(sizeof *f);
    sv_log_open("test", SV_LOG_error);
    (void) snprintf(f->dir, sizeof f->dir, "/tmp/selvedge-cache-test-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(sv_loop_open(&f->loop, NULL), SV_OK);
    up_fill(&f->up);
    up_start(f);
    const sv_http_server_options door = { .bind = "127.0.0.1", .connections_max = 64 };
    assert_int_equal(sv_http_server_open(f->loop, &door, door_handle, f, &f->door, NULL), SV_OK);
    (void) snprintf(f->fleet_url, sizeof f->fleet_url, "http://127.0.0.1:%u", f->up.port);
    f->options = (gw_cache_options){
        .dir = f->dir, .bytes = 64 << 20, .fleet_url = f->fleet_url, .reserve = 1
    };
    cache_start(f);
    *state = f;
    return 0;
}

static inline int teardown(void **state) {
    fixture *f = *state;
    sv_http_server_drop(&f->door);
    gw_cache_drop(&f->cache);
    sv_http_server_drop(&f->up.server);
    gw_cache_index_drop(&f->up.index);
    sv_textbuf_drop(&f->up.body);
    sv_loop_drop(&f->loop);
    assert_int_equal(sv_disk_remove_tree(f->dir, NULL), SV_OK);
    free(f);
    return 0;
}

// ---- devices ------------------------------------------------------------------------------------

static inline sv_err device_takes(void *arg, sv_text part, sv_why *why) {
    device *d = arg;
    (void) why;
    sv_textbuf_add(&d->body, part);
    assert_false(d->body.overflowed);
    return SV_OK;
}

static inline void header_of(const sv_http_reply_view *reply, const char *name, char *room,
                             size_t room_bytes) {
    if (sv_http_reply_field(reply, name, room, room_bytes) != SV_OK) {
        room[0] = '\0';
    }
}

static inline void device_hears(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    device *d = arg;
    (void) why;
    d->done = true;
    d->status = reply->status;
    header_of(reply, "ETag", d->etag, sizeof d->etag);
    header_of(reply, "Content-Range", d->range, sizeof d->range);
    header_of(reply, "Content-Length", d->length, sizeof d->length);
}

static inline void device_open(const fixture *f, const char *id, device *d) {
    char origin[64];
    *d = (device){ .body = SV_TEXTBUF_HEAP(BODY_ROOM) };
    (void) snprintf(d->id, sizeof d->id, "%s", id);
    (void) snprintf(origin, sizeof origin, "http://127.0.0.1:%u", sv_http_server_port(f->door));
    assert_int_equal(sv_http_client_open(f->loop, origin, NULL, PATIENCE_US, &d->http, NULL),
                     SV_OK);
}

static inline void device_drop(device *d) {
    sv_http_client_drop(&d->http);
    sv_textbuf_drop(&d->body);
}

static inline void device_asks(device *d, const char *method, const char *path, const char *range,
                               const char *if_range) {
    const sv_http_field fields[] = { { "X-Device", d->id },
                                     { "Range", range },
                                     { "If-Range", if_range } };
    const sv_http_errand errand = { .method = method,
                                    .path = path,
                                    .fields = fields,
                                    .field_count = SV_COUNT(fields),
                                    .part = device_takes };
    d->done = false;
    sv_textbuf_clear(&d->body);
    assert_int_equal(sv_http_client_ask(d->http, &errand, device_hears, d), SV_OK);
}

#define TURN_UNTIL(f, condition)                                                                   \
    do {                                                                                           \
        int64_t end_us_ = sv_clock_monotonic_us() + PATIENCE_US;                                   \
        while (!(condition) && sv_clock_monotonic_us() < end_us_) {                                \
            sv_loop_turn((f)->loop, TURN_US);                                                      \
        }                                                                                          \
        assert_true(condition);                                                                    \
    } while (0)

/// One device's request, to its end: the status.
static inline int fetch(fixture *f, const char *id, const char *path, device *d) {
    device_open(f, id, d);
    device_asks(d, "GET", path, NULL, NULL);
    TURN_UNTIL(f, d->done);
    return d->status;
}

static inline bool is_body(const fixture *f, const device *d) {
    return sv_text_eq(sv_textbuf_text(&d->body), sv_textbuf_text(&f->up.body));
}

/// It gets all of it, right.
static inline void fetch_well(fixture *f, const char *id, const char *path) {
    device d;
    int status = fetch(f, id, path, &d);
    bool right = is_body(f, &d);
    device_drop(&d);
    assert_int_equal(status, 200);
    assert_true(right);
}

static inline int fetch_status(fixture *f, const char *id, const char *path) {
    device d;
    int status = fetch(f, id, path, &d);
    device_drop(&d);
    return status;
}

#endif
