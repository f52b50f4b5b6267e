#include "gateway.h"
#include "local_guard.h"
#include <codec/json.h>
#include <string.h>

enum { CONNECTIONS_MAX = 64 };

uint64_t gw_refused(const gw *g) {
    uint64_t sum = 0;
    for (size_t i = 0; i < SV_COUNT(g->refused); i++) {
        sum += g->refused[i];
    }
    for (size_t i = 0; i < SV_COUNT(g->states_refused); i++) {
        sum += g->states_refused[i];
    }
    return sum;
}

static void show_metrics(gw *g, sv_http_request *request) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(GW_LOCAL_MAX);
    gw_local_metrics(g, &text);
    sv_http_reply(request, 200, "text/plain; version=0.0.4; charset=utf-8", sv_textbuf_text(&text));
}

static void show_health(gw *g, sv_http_request *request) {
    if (g->full) {
        sv_http_problem(request, 503, "Not ready",
                        "the disk that holds '%s' is full: nothing is acknowledged until there is "
                        "room",
                        g->config.store.path);
        return;
    }
    if (!gw_front_is_up(g)) {
        sv_http_problem(request, 503, "Not ready", "the broker at %s:%lld is not connected",
                        g->config.broker.host, (long long) g->config.broker.port);
        return;
    }
    sv_http_reply(request, 200, "text/plain; charset=utf-8", SV_TEXT("ok\n"));
}

static void show_status(gw *g, sv_http_request *request) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(GW_LOCAL_MAX);
    gw_local_status(g, &text);
    sv_http_reply(request, 200, "application/json", sv_textbuf_text(&text));
}

static void put_stream(sv_json_out *out, const gw_stream *s) {
    sv_json_open_object(out);
    sv_json_add_str(out, "device", s->device);
    sv_json_add_str(out, "sensor", s->sensor);
    sv_json_add_str(out, "unit", s->unit);
    sv_json_add_int(out, "count", (int64_t) s->count);
    sv_json_add_number(out, "value", s->last.value);
    sv_json_add_number(out, "average", s->last.average);
    sv_json_add_int(out, "at", s->last.at_us / 1000);
    gw_usual_write(s, out);
    sv_json_add_str(out, "uplink", sv_uplink_name(s->rules.uplink));
    sv_json_add_int(out, "bytes_in", (int64_t) s->traffic.bytes[GW_WAY_IN]);
    sv_json_add_int(out, "bytes_up", (int64_t) s->traffic.bytes[GW_WAY_UP]);
    sv_json_close_object(out);
}

static void show_streams(gw *g, sv_http_request *request) {
    char device[SV_ID_ROOM] = "";
    sv_err err = sv_http_query(request, "device", device, sizeof device);
    if (err != SV_OK && err != SV_ERR_NOT_FOUND) {
        sv_http_problem(request, 400, "Bad request", "device is no device id");
        return;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(GW_LOCAL_MAX);
    sv_json_out out = SV_JSON_OUT(&text);
    sv_json_open_array(&out);
    for (size_t i = 0; i < sv_map_count(g->streams); i++) {
        const gw_stream *s = sv_map_at(g->streams, i, NULL);
        bool spoke = s->count > 0 || s->traffic.bytes[GW_WAY_UP] > 0;
        if (spoke && (device[0] == '\0' || strcmp(device, s->device) == 0)) {
            put_stream(&out, s);
        }
    }
    sv_json_close_array(&out);
    if (sv_textbuf_end(&text) != SV_OK) {
        sv_http_problem(request, 507, "Too large",
                        "the answer is larger than %d bytes; ask for one device=", GW_LOCAL_MAX);
        return;
    }
    sv_http_reply(request, 200, "application/json", sv_textbuf_text(&text));
}

static const struct {
    const char *path;
    void (*show)(gw *g, sv_http_request *request);
    bool scraped; ///< asked for by machines, under whatever name they know this one
} PAGES[] = {
    { "/metrics", show_metrics, true },         { "/healthz", show_health, true },
    { "/v1/status", show_status, false },       { "/v1/streams", show_streams, false },
    { "/v1/series", gw_local_series, false },   { "/v1/commands", gw_act_local, false },
    { "/v1/devices", gw_local_devices, false }, { "/v1/alerts", gw_seen_list, false },
    { "/v1/set-aside", gw_aside_show, false },
};

/// What can be changed: `<before><id>/<verb>`.
static const struct {
    const char *before, *verb;
    void (*change)(gw *g, sv_http_request *request, sv_text id);
} CHANGES[] = {
    { "/v1/alerts/", "acknowledge", gw_seen_acknowledge },
    { "/v1/devices/", "release", gw_standing_answer_release },
};

/// SV_COUNT(CHANGES): it is none of these.
static size_t find_change(sv_text path, sv_text *id) {
    size_t i = 0;
    for (; i < SV_COUNT(CHANGES); i++) {
        sv_text before = sv_text_of(CHANGES[i].before);
        sv_text rest = { .at = path.at + before.len, .len = path.len - before.len };
        if (sv_text_starts(path, before)) {
            *id = sv_text_cut(&rest, '/');
            if (sv_text_is(rest, CHANGES[i].verb) && sv_id_is_valid(*id)) {
                break;
            }
        }
    }
    return i;
}

static bool is_method(sv_http_request *request, const char *method) {
    if (strcmp(sv_http_method(request), method) == 0) {
        return true;
    }
    sv_http_reply_header(request, "Allow", method);
    sv_http_problem(request, 405, "Method not allowed", "use %s", method);
    return false;
}

/// What changes something comes from this page, or from a program that says so.
bool gw_local_is_meant(sv_http_request *request) {
    const char *mark = sv_http_header(request, "X-Selvedge");
    if (mark == NULL || strcmp(mark, "1") != 0
        || !gw_origin_is_same(sv_http_header(request, "Origin"), sv_http_header(request, "Host"))) {
        sv_http_problem(request, 403, "Forbidden",
                        "a change must carry the header X-Selvedge: 1, and come from no other "
                        "site's page");
        return false;
    }
    return true;
}

static bool is_for_this_machine(sv_http_request *request, gw_asked_from from) {
    if (from == GW_ASKED_FROM_AFAR || gw_host_is_loopback(sv_http_header(request, "Host"))) {
        return true;
    }
    sv_http_problem(request, 421, "Misdirected", "ask for 127.0.0.1 or localhost");
    return false;
}

static void change(gw *g, sv_http_request *request, size_t which, sv_text id, gw_asked_from from) {
    if (is_method(request, "POST") && is_for_this_machine(request, from)
        && gw_local_is_meant(request)) {
        CHANGES[which].change(g, request, id);
    }
}

void gw_local_answer(gw *g, sv_http_request *request, gw_asked_from from) {
    sv_text path = sv_http_path(request);
    sv_text id;
    for (size_t i = 0; i < SV_COUNT(PAGES); i++) {
        if (sv_text_is(path, PAGES[i].path)) {
            if (is_method(request, "GET")
                && (PAGES[i].scraped || is_for_this_machine(request, from))) {
                PAGES[i].show(g, request);
            }
            return;
        }
    }
    size_t which = find_change(path, &id);
    if (which < SV_COUNT(CHANGES)) {
        change(g, request, which, id, from);
    } else if (!gw_local_page_has(path)) {
        sv_http_problem(request, 404, "Not found",
                        "there are /, /metrics, /healthz, /v1/status, /v1/alerts, /v1/devices, "
                        "/v1/streams, /v1/series, /v1/commands and /v1/set-aside");
    } else if (is_method(request, "GET") && is_for_this_machine(request, from)) {
        gw_local_page(request);
    }
}

static void answer(sv_http_request *request, void *arg) {
    gw_local_answer(arg, request, GW_ASKED_HERE);
}

sv_err gw_local_open(gw *g, sv_why *why) {
    if (g->config.http.port == 0) {
        return SV_OK;
    }
    const sv_http_server_options options = { .bind = "127.0.0.1",
                                             .port = (uint16_t) g->config.http.port,
                                             .body_max = 1024,
                                             .connections_max = CONNECTIONS_MAX };
    return sv_http_server_open(g->loop, &options, answer, g, &g->local, why);
}
