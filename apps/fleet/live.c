#include "live.h"

#include <base/mem.h>
#include <codec/json.h>
#include <stdlib.h>
#include <string.h>

typedef struct client {
    sv_live *live;
    sv_http_events *events; ///< NULL: a free place
    sv_person who;
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

void sv_live_join(sv_live *live, sv_http_request *request, const sv_person *who) {
    for (size_t i = 0; i < SV_LIVE_CLIENTS_MAX; i++) {
        client *place = &live->clients[i];
        if (place->events == NULL) {
            place->events = sv_http_events_start(request, on_closed, place);
            live->client_count += place->events != NULL;
            place->who = *who;
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

static void end(sv_live *live, client *one) {
    sv_http_events_drop(&one->events);
    live->client_count--;
}

static void give(sv_live *live, client *to, const char *name, sv_text data) {
    if (sv_http_events_send(to->events, name, live->event_id, data) != SV_OK) {
        end(live, to);
    }
}

void sv_live_send(sv_live *live, const char *site, const char *name, sv_text data) {
    live->event_id += live->client_count > 0;
    for (size_t i = 0; i < SV_LIVE_CLIENTS_MAX; i++) {
        client *to = &live->clients[i];
        if (to->events != NULL
            && (site != NULL ? sv_person_sees(&to->who, sv_text_of(site))
                             : sv_person_sees_all(&to->who))) {
            give(live, to, name, data);
        }
    }
}

size_t sv_live_views(const sv_live *live, const char *views[SV_LIVE_CLIENTS_MAX]) {
    size_t count = 0;
    for (size_t i = 0; i < SV_LIVE_CLIENTS_MAX; i++) {
        const client *one = &live->clients[i];
        bool known = one->events == NULL;
        for (size_t have = 0; !known && have < count; have++) {
            known = strcmp(views[have], one->who.sites) == 0;
        }
        if (!known) {
            views[count++] = one->who.sites;
        }
    }
    return count;
}

void sv_live_send_view(sv_live *live, const char *view, const char *name, sv_text data) {
    live->event_id++;
    for (size_t i = 0; i < SV_LIVE_CLIENTS_MAX; i++) {
        client *to = &live->clients[i];
        if (to->events != NULL && strcmp(to->who.sites, view) == 0) {
            give(live, to, name, data);
        }
    }
}

void sv_live_review(sv_live *live, sv_live_may *may, void *arg) {
    for (size_t i = 0; i < SV_LIVE_CLIENTS_MAX; i++) {
        client *one = &live->clients[i];
        if (one->events != NULL && !may(arg, &one->who)) {
            end(live, one);
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

/// The points of one stream that nobody of these sites is told.
static size_t skip_stream(const waiting_point *points, size_t count) {
    size_t used = 1;
    while (used < count && points[used].stream == points[0].stream) {
        used++;
    }
    return used;
}

static void flush_view(sv_live *live, const char *view, size_t count) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf data = SV_TEXTBUF_HEAP(SV_HTTP_STREAM_QUEUE_MAX);
    for (size_t i = 0; i < count && live->client_count > 0;) {
        size_t empty;
        sv_textbuf_clear(&data);
        sv_json_out out = SV_JSON_OUT(&data);
        sv_json_open_array(&out);
        empty = data.len;
        while (i < count && data.len < SV_LIVE_EVENT_BYTES_MAX) {
            const waiting_point *next = live->points + i;
            bool seen = sv_sites_have(view, sv_text_of(next->stream->device->site->name));
            i += seen ? put_stream(&out, next, count - i) : skip_stream(next, count - i);
        }
        bool any = data.len > empty;
        sv_json_close_array(&out);
        if (any && !data.overflowed) {
            sv_live_send_view(live, view, "points", sv_textbuf_text(&data));
        }
    }
}

void sv_live_flush(sv_live *live) {
    char view[SV_SITES_ROOM];
    const char *views[SV_LIVE_CLIENTS_MAX] = { NULL };
    size_t count = live->point_count;
    size_t view_count = count > 0 ? sv_live_views(live, views) : 0;
    live->point_count = 0;
    qsort(live->points, count, sizeof *live->points, by_stream);
    for (size_t i = 0; i < view_count; i++) {
        memcpy(view, views[i], sizeof view); // whose client may go meanwhile
        flush_view(live, view, count);
    }
}
