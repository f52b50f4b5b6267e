#include "gateway.h"
#include <codec/json.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>

enum { CONNECTIONS_MAX = 64 };

static const char *const STATE_NAMES[GW_STATE__COUNT] = { "presence", "health" };

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

static void head(sv_textbuf *out, const char *name, const char *kind, const char *help) {
    sv_textbuf_addf(out, "# HELP selvedge_gateway_%s %s\n# TYPE selvedge_gateway_%s %s\n", name,
                    help, name, kind);
}

static void put_plain(const gw *g, sv_textbuf *out) {
    const struct {
        const char *name, *kind, *help;
        double value;
    } plain[] = {
        { "readings_total", "counter", "Readings that arrived and could be read.",
          (double) g->readings },
        { "readings_stored_total", "counter", "Readings on disk.", (double) g->stored },
        { "clocks_wrong_total", "counter",
          "Readings whose own time was before 2020 or more than a day ahead.",
          (double) g->clocks_wrong },
        { "bytes_in_total", "counter", "Payload bytes from devices.", (double) g->bytes_in },
        { "bytes_up_total", "counter", "Body bytes sent up.", (double) g->bytes_up },
        { "uplink_sent_total", "counter", "Averages and summaries the fleet server has on disk.",
          (double) g->sent },
        { "uplink_refused_total", "counter", "What was sent up and refused for good.",
          (double) g->uplink_refused },
        { "uplink_dropped_total", "counter", "What was dropped because the spool was full.",
          (double) g->outbox_dropped },
        { "uplink_spool", "gauge", "Averages and summaries that wait to go up.",
          (double) gw_outbox_rows(g) },
        { "alerts_open", "gauge", "Alerts raised and not cleared.", (double) g->alerts_open },
        { "devices", "gauge", "Devices that have spoken.", (double) sv_map_count(g->devices) },
        { "devices_online", "gauge", "Devices that say they are online.",
          (double) g->devices_online },
        { "streams", "gauge", "Sensors of devices.", (double) sv_map_count(g->streams) },
        { "front_up", "gauge", "1 while devices can be heard.", gw_front_is_up(g) ? 1 : 0 },
        { "available_ratio", "gauge", "Share of the last 30 days in which devices were served.",
          gw_availability_share(&g->availability, GW_AVAILABILITY_DAYS, sv_clock_wall_us()) },
        { "store_full", "gauge", "1 while the disk is full and nothing is acknowledged.",
          g->full ? 1 : 0 },
        { "uplink_up", "gauge", "1 while the fleet server answers.", g->fleet.up ? 1 : 0 },
    };
    for (size_t i = 0; i < SV_COUNT(plain); i++) {
        head(out, plain[i].name, plain[i].kind, plain[i].help);
        sv_textbuf_addf(out, "selvedge_gateway_%s %.17g\n", plain[i].name, plain[i].value);
    }
}

static void put_reason(sv_textbuf *out, const char *reason, uint64_t count) {
    sv_textbuf_addf(out, "selvedge_gateway_refused_total{reason=\"%s\"} %llu\n", reason,
                    (unsigned long long) count);
}

static void put_metrics(const gw *g, sv_textbuf *out) {
    put_plain(g, out);
    head(out, "refused_total", "counter", "What arrived and was refused, by reason.");
    put_reason(out, "full", g->refused[SV_READING_FINE]);
    for (unsigned i = SV_READING_FINE + 1; i < SV_READING_FAULT__COUNT; i++) {
        put_reason(out, sv_reading_fault_name((sv_reading_fault) i), g->refused[i]);
    }
    for (unsigned i = 0; i < GW_STATE__COUNT; i++) {
        put_reason(out, STATE_NAMES[i], g->states_refused[i]);
    }
    head(out, "alerts_total", "counter", "What happened to alerts.");
    sv_textbuf_addf(out,
                    "selvedge_gateway_alerts_total{event=\"raised\"} %llu\n"
                    "selvedge_gateway_alerts_total{event=\"cleared\"} %llu\n",
                    (unsigned long long) g->raised, (unsigned long long) g->cleared);
}

static void show_metrics(gw *g, sv_http_request *request) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(GW_LOCAL_MAX);
    put_metrics(g, &text);
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
        if (s->count > 0 && (device[0] == '\0' || strcmp(device, s->device) == 0)) {
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
} PAGES[] = {
    { "/metrics", show_metrics },
    { "/healthz", show_health },
    { "/v1/status", show_status },
    { "/v1/streams", show_streams },
};

static void answer(sv_http_request *request, void *arg) {
    for (size_t i = 0; i < SV_COUNT(PAGES); i++) {
        if (!sv_text_is(sv_http_path(request), PAGES[i].path)) {
            continue;
        }
        if (strcmp(sv_http_method(request), "GET") != 0) {
            sv_http_reply_header(request, "Allow", "GET");
            sv_http_problem(request, 405, "Method not allowed", "use GET");
            return;
        }
        PAGES[i].show(arg, request);
        return;
    }
    sv_http_problem(request, 404, "Not found",
                    "there are /metrics, /healthz, /v1/status and /v1/streams");
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
