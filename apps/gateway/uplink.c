#include "gateway.h"
#include <base/prng.h>
#include <codec/json.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>

enum { BATCH_BYTES = 1024 * 1024, TIMEOUT_US = 10 * 1000000, BACKOFF_US = 1000000 };

static void answered(gw *g, const sv_http_reply_view *reply, const sv_why *why) {
    bool up = reply->status == 200;
    if (up != g->fleet_up) {
        SV_LOG(info, up ? "uplink.up" : "uplink.down", "status %d %s", reply->status,
               reply->status == 0 && why != NULL ? why->text : "");
    }
    if (up && !g->fleet_up) {
        for (size_t i = 0; i < sv_map_count(g->devices); i++) {
            ((gw_device *) sv_map_at(g->devices, i, NULL))->changed = true;
        }
    }
    g->fleet_up = up;
    if (up) {
        g->backoff_us = 0;
        return;
    }
    sv_prng prng = { .state = (uint64_t) sv_clock_monotonic_us() };
    g->backoff_us = g->backoff_us == 0 ? BACKOFF_US : g->backoff_us * 2;
    g->backoff_us = g->backoff_us > 60 * BACKOFF_US ? 60 * BACKOFF_US : g->backoff_us;
    double jitter = 0.5 + sv_prng_unit(&prng);
    g->retry_at_us = sv_clock_monotonic_us() + (int64_t) ((double) g->backoff_us * jitter);
}

static void forget(gw *g, const char *sql, int64_t up_to) {
    gw_group_begin(g);
    sv_stmt *stmt = NULL;
    sv_why why = { 0 };
    sv_err err = sv_db_stmt(g->db, sql, &stmt, &why);
    if (err == SV_OK) {
        sv_stmt_bind_int(stmt, 1, up_to);
        err = sv_stmt_run(stmt, &why);
    }
    if (err != SV_OK) {
        gw_store_failed(g, &why);
    }
}

static void batch_done(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    gw *g = arg;
    g->batch_under_way = false;
    answered(g, reply, why);
    if (reply->status == 200) {
        forget(g, "DELETE FROM outbox WHERE seq <= ?", g->batch_last_seq);
        gw_group_commit(g);
    }
}

static void alert_done(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    gw *g = arg;
    g->alert_under_way = false;
    answered(g, reply, why);
    if (reply->status == 200) {
        forget(g, "DELETE FROM alert_post WHERE id <= ?", g->alert_last_id);
        gw_group_commit(g);
    }
}

static void health_done(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    gw *g = arg;
    g->health_under_way = false;
    answered(g, reply, why);
}

static bool post(gw *g, sv_http_client *peer, const char *path, const sv_textbuf *body,
                 sv_http_done *done) {
    g->bytes_up += body->len;
    return !body->overflowed
           && sv_http_client_send(peer, "POST", path, NULL, "application/json",
                                  sv_textbuf_text(body), done, g)
                  == SV_OK;
}

static sv_err send_alert(gw *g, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db, "SELECT id, body FROM alert_post ORDER BY id LIMIT 1", &stmt, why));
    SV_TRY(sv_stmt_next(stmt, why));
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(SV_ALERT_BYTES_MAX);
    g->alert_last_id = sv_stmt_int(stmt, 0);
    sv_textbuf_add(&body, sv_stmt_text(stmt, 1));
    sv_stmt_reset(stmt);
    // An address of one's own is posted to as it stands: its path, or / without one.
    const char *path = "/v1/alerts";
    if (g->config.alerts_url[0] != '\0') {
        const char *slash = strchr(g->config.alerts_url + sizeof "https://" - 1, '/');
        path = slash == NULL ? "/" : slash;
    }
    g->alert_under_way = post(g, g->alert_peer, path, &body, alert_done);
    return SV_OK;
}

static sv_err send_batch(gw *g, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db, "SELECT seq, body FROM outbox ORDER BY seq LIMIT ?", &stmt, why));
    sv_stmt_bind_int(stmt, 1, GW_BATCH_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(BATCH_BYTES);
    sv_textbuf_addf(&body, "{\"epoch\":\"%s\",\"items\":[", g->epoch);
    size_t items = 0;
    sv_err err = sv_stmt_next(stmt, why);
    for (; err == SV_OK; err = sv_stmt_next(stmt, why)) {
        g->batch_last_seq = sv_stmt_int(stmt, 0);
        sv_textbuf_addf(&body, "%s{\"seq\":%lld,", items == 0 ? "" : ",",
                        (long long) g->batch_last_seq);
        sv_textbuf_add(&body, sv_stmt_text(stmt, 1));
        sv_textbuf_add_char(&body, '}');
        items++;
    }
    if (err != SV_ERR_NOT_FOUND || items == 0) {
        return err;
    }
    sv_textbuf_add_str(&body, "]}");
    g->batch_under_way = post(g, g->fleet, "/v1/readings", &body, batch_done);
    g->sent += items;
    return SV_OK;
}

void gw_uplink_turn(gw *g) {
    // Only what is committed may leave: inside a group the commit comes here by itself.
    if (g->in_group || g->exit_code != 0 || sv_clock_monotonic_us() < g->retry_at_us) {
        return;
    }
    sv_why why = { 0 };
    sv_err alert = SV_OK;
    sv_err batch = SV_OK;
    if (g->alert_peer != NULL && !g->alert_under_way) {
        alert = send_alert(g, &why);
    }
    if (g->fleet != NULL && !g->batch_under_way) {
        batch = send_batch(g, &why);
    }
    if ((alert != SV_OK && alert != SV_ERR_NOT_FOUND)
        || (batch != SV_OK && batch != SV_ERR_NOT_FOUND)) {
        gw_store_failed(g, &why);
    }
}

static void put_device(sv_json_out *out, const gw_device *device) {
    sv_json_open_object(out);
    sv_json_add_str(out, "device_id", device->id);
    sv_json_add_bool(out, "online", device->online);
    sv_json_add_int(out, "since", device->since_us);
    sv_json_add_int(out, "last_seen", device->last_seen_us);
    if (device->report != NULL) {
        sv_json_key(out, "report");
        sv_json_put_raw(out, sv_text_of(device->report));
    }
    sv_json_close_object(out);
}

static uint64_t refused(const gw *g) {
    uint64_t sum = 0;
    for (size_t i = 0; i < SV_COUNT(g->refused); i++) {
        sum += g->refused[i];
    }
    return sum;
}

static int64_t spool(gw *g) {
    sv_stmt *stmt = NULL;
    int64_t rows = 0;
    if (sv_db_stmt(g->db, "SELECT count(*) FROM outbox", &stmt, NULL) == SV_OK
        && sv_stmt_next(stmt, NULL) == SV_OK) {
        rows = sv_stmt_int(stmt, 0);
        sv_stmt_reset(stmt);
    }
    return rows;
}

void gw_uplink_beat(gw *g) {
    if (g->fleet == NULL || g->health_under_way || sv_clock_monotonic_us() < g->retry_at_us) {
        return;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(BATCH_BYTES * 8);
    sv_json_out out = SV_JSON_OUT(&body);
    sv_json_open_object(&out);
    sv_json_key(&out, "gateway");
    sv_json_open_object(&out);
    sv_json_add_str(&out, "version", SV_VERSION);
    sv_json_add_int(&out, "uptime_s", (sv_clock_monotonic_us() - g->started_us) / 1000000);
    sv_json_add_int(&out, "readings_in", (int64_t) g->readings);
    sv_json_add_number(&out, "readings_per_s", g->readings_per_s);
    sv_json_add_int(&out, "bytes_in", (int64_t) g->bytes_in);
    sv_json_add_int(&out, "bytes_up", (int64_t) g->bytes_up);
    sv_json_add_int(&out, "refused", (int64_t) refused(g));
    sv_json_add_int(&out, "spool", spool(g));
    sv_json_close_object(&out);
    sv_json_key(&out, "devices");
    sv_json_open_array(&out);
    for (size_t i = 0; i < sv_map_count(g->devices); i++) {
        gw_device *device = sv_map_at(g->devices, i, NULL);
        // Room for one more report; the others follow with the next beat.
        if (device->changed && body.len < BATCH_BYTES / 2) {
            put_device(&out, device);
            device->changed = false;
        }
    }
    sv_json_close_array(&out);
    sv_json_close_object(&out);
    g->health_under_way = post(g, g->fleet, "/v1/health", &body, health_done);
}

sv_err gw_uplink_open(gw *g, sv_why *why) {
    if (g->config.fleet_url[0] != '\0') {
        SV_TRY(
            sv_http_client_open(g->loop, g->config.fleet_url, g->tls, TIMEOUT_US, &g->fleet, why));
    }
    const char *alerts =
        g->config.alerts_url[0] != '\0' ? g->config.alerts_url : g->config.fleet_url;
    return alerts[0] == '\0'
               ? SV_OK
               : sv_http_client_open(g->loop, alerts, g->tls, TIMEOUT_US, &g->alert_peer, why);
}

void gw_uplink_close(gw *g) {
    sv_http_client_drop(&g->fleet);
    sv_http_client_drop(&g->alert_peer);
}
