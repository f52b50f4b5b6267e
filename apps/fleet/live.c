#include "live.h"

#include <base/mem.h>
#include <codec/json.h>
#include <stdlib.h>

typedef struct client {
    sv_live *live;
    sv_http_events *events; ///< NULL: a free place
} client;

typedef struct waiting_point {
    const sv_stream *stream;
    int64_t at_ms;
    double value;
    size_t order;
} waiting_point;

struct sv_live {
    client clients[SV_LIVE_CLIENTS_MAX];
    size_t client_count;
    uint64_t event_id;
    waiting_point *points;
    size_t point_count;
};

sv_live *sv_live_new(void) {
    sv_live *live = sv_mem_new(sizeof *live);
    live->points = sv_mem_array(SV_LIVE_POINTS_MAX, sizeof *live->points);
    for (size_t i = 0; i < SV_LIVE_CLIENTS_MAX; i++) {
        live->clients[i].live = live;
    }
    return live;
}

void sv_live_drop(sv_live **live) {
    sv_live *old = *live;
    *live = NULL;
    if (old == NULL) {
        return;
    }
    for (size_t i = 0; i < SV_LIVE_CLIENTS_MAX; i++) {
        if (old->clients[i].events != NULL) {
            sv_http_events_drop(&old->clients[i].events);
        }
    }
    free(old->points);
    free(old);
}

static void on_closed(void *arg) {
    client *gone = arg;
    sv_http_events_drop(&gone->events);
    gone->live->client_count--;
}

void sv_live_join(sv_live *live, sv_http_request *request) {
    for (size_t i = 0; i < SV_LIVE_CLIENTS_MAX; i++) {
        client *place = &live->clients[i];
        if (place->events == NULL) {
            place->events = sv_http_events_start(request, on_closed, place);
            live->client_count += place->events != NULL;
            return;
        }
    }
    sv_http_reply_header(request, "Retry-After", "30");
    sv_http_problem(request, 503, "Too many live clients",
                    "%d event streams are open already; close a window or try again later",
                    SV_LIVE_CLIENTS_MAX);
}

bool sv_live_is_watched(const sv_live *live) {
    return live->client_count > 0;
}

size_t sv_live_clients(const sv_live *live) {
    return live->client_count;
}

void sv_live_send(sv_live *live, const char *name, sv_text data) {
    if (live->client_count == 0) {
        return;
    }
    live->event_id++;
    for (size_t i = 0; i < SV_LIVE_CLIENTS_MAX; i++) {
        client *to = &live->clients[i];
        if (to->events != NULL
            && sv_http_events_send(to->events, name, live->event_id, data) != SV_OK) {
            sv_http_events_drop(&to->events);
            to->events = NULL;
            live->client_count--;
        }
    }
}

void sv_live_ping(sv_live *live) {
    for (size_t i = 0; i < SV_LIVE_CLIENTS_MAX; i++) {
        if (live->clients[i].events != NULL) {
            sv_http_events_ping(live->clients[i].events);
        }
    }
}

void sv_live_point(sv_live *live, const sv_stream *stream, int64_t at_ms, double value) {
    if (live->client_count == 0 || live->point_count == SV_LIVE_POINTS_MAX) {
        return;
    }
    live->points[live->point_count] = (waiting_point){
        .stream = stream, .at_ms = at_ms, .value = value, .order = live->point_count
    };
    live->point_count++;
}

static int by_stream(const void *left, const void *right) {
    const waiting_point *a = left;
    const waiting_point *b = right;
    if (a->stream->id != b->stream->id) {
        return a->stream->id < b->stream->id ? -1 : 1;
    }
    return (a->order > b->order) - (a->order < b->order);
}

static size_t put_stream(sv_json_out *out, const waiting_point *points, size_t count) {
    const sv_stream *stream = points[0].stream;
    size_t used = 0;
    sv_json_open_object(out);
    sv_json_add_str(out, "d", stream->device->id);
    sv_json_add_str(out, "s", stream->sensor);
    sv_json_key(out, "p");
    sv_json_open_array(out);
    for (; used < count && points[used].stream == stream; used++) {
        sv_json_open_array(out);
        sv_json_put_int(out, points[used].at_ms);
        sv_json_put_number(out, points[used].value);
        sv_json_close_array(out);
    }
    sv_json_close_array(out);
    sv_json_close_object(out);
    return used;
}

void sv_live_flush(sv_live *live) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf data = SV_TEXTBUF_HEAP(SV_HTTP_STREAM_QUEUE_MAX);
    size_t count = live->point_count;
    live->point_count = 0;
    qsort(live->points, count, sizeof *live->points, by_stream);
    for (size_t i = 0; i < count && live->client_count > 0;) {
        sv_textbuf_clear(&data);
        sv_json_out out = SV_JSON_OUT(&data);
        sv_json_open_array(&out);
        while (i < count && data.len < SV_LIVE_EVENT_BYTES_MAX) {
            i += put_stream(&out, live->points + i, count - i);
        }
        sv_json_close_array(&out);
        if (!data.overflowed) {
            sv_live_send(live, "points", sv_textbuf_text(&data));
        }
    }
}
