// Sending up: alerts at once, averages and summaries in batches, health with every beat. Two peers,
// each with a connection and a backoff of its own, so that one that is down holds up nobody else.
#include "gateway.h"
#include <base/prng.h>
#include <codec/compress.h>
#include <codec/json.h>
#include <codec/url.h>
#include <stdio.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>

enum {
    BODY_BYTES = 1024 * 1024,
    TIMEOUT_US = 10 * 1000000,
    COMPRESS_FROM = 256, ///< bytes; smaller bodies gain nothing
    PAUSE_MAX_MS = 10000,
    BACKOFF_US = 1000000,
    REPORT_US = 15 * 1000000, ///< a health report that says nothing new goes up so seldom
};

static bool is_due(const gw_peer *peer) {
    return peer->http != NULL && sv_clock_monotonic_us() >= peer->retry_at_us;
}

/// Decorrelated jitter: somewhere between the least and three times the last pause, so that many
/// gateways do not come back in step.
static void back_off(const gw *g, gw_peer *peer) {
    int64_t longest_us = g->config.fleet.retry_us;
    sv_prng prng = { .state = (uint64_t) sv_clock_monotonic_us() };
    int64_t last_us = peer->backoff_us < BACKOFF_US ? BACKOFF_US : peer->backoff_us;
    double spread = (double) (3 * last_us - BACKOFF_US) * sv_prng_unit(&prng);
    peer->backoff_us = BACKOFF_US + (int64_t) spread;
    peer->backoff_us = peer->backoff_us > longest_us ? longest_us : peer->backoff_us;
    peer->retry_at_us = sv_clock_monotonic_us() + peer->backoff_us;
}

bool gw_uplink_is_refused(int status) {
    return status == 400 || status == 413 || status == 415 || status == 422;
}

static void all_devices_changed(gw *g) {
    for (size_t i = 0; i < sv_map_count(g->devices); i++) {
        gw_device *device = sv_map_at(g->devices, i, NULL);
        device->changed = true;
        device->report_changed = true;
    }
    gw_machines_untold(g);
    gw_lives_untold(g);
}

/// Notes that the peer answered, or not; true when it took the request.
static bool answered(gw *g, gw_peer *peer, const sv_http_reply_view *reply, const sv_why *why) {
    bool took = reply->status >= 200 && reply->status < 300;
    bool up = took || gw_uplink_is_refused(reply->status);
    bool back = up && !peer->up && peer == &g->fleet;
    if (back) {
        all_devices_changed(g);
        g->outbox.split_due = true;
    }
    if (up != peer->up || (!up && peer->backoff_us == 0)) {
        const char *detail = reply->status == 0 && why != NULL ? why->text : "";
        SV_LOG(info, up ? "uplink.up" : "uplink.down", "%s: status %d %s", peer->name,
               reply->status, detail);
    }
    peer->up = up;
    if (up) {
        peer->backoff_us = 0;
        peer->retry_at_us = 0;
    } else {
        back_off(g, peer);
    }
    if (back) {
        gw_fleet_is_back(g);
    }
    return took;
}

/// The highest number of the batch that the fleet server says is settled; 0: it says nothing.
static int64_t settled_seq(gw *g, const sv_http_reply_view *reply) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    int64_t seq = 0;
    int64_t refused = 0;
    int64_t pause_ms = 0;
    if (sv_json_parse(reply->body, &root, NULL, NULL) != SV_OK
        || !sv_json_int(sv_json_get(root, "seq"), &seq)) {
        return 0;
    }
    if (sv_json_int(sv_json_get(root, "refused"), &refused) && refused > 0) {
        g->uplink_refused += (uint64_t) refused;
        SV_LOG(warn, "uplink.refused", "the fleet server refused %lld items of a batch",
               (long long) refused);
    }
    if (sv_json_int(sv_json_get(root, "pause_ms"), &pause_ms) && pause_ms > 0) {
        int64_t pause_us = (pause_ms > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause_ms) * 1000;
        g->backfill_at_us = sv_clock_monotonic_us() + pause_us;
        sv_timer_once(g->backfill_timer, pause_us);
    }
    return seq;
}

/// A batch that is refused whole is cut down until the one item at fault stands alone.
static void batch_refused(gw *g, int status) {
    if (g->batch.items > 1) {
        g->batch_max = g->batch.items / 2;
        gw_uplink_turn(g);
        return;
    }
    SV_LOG(error, "uplink.refused", "the fleet server refused item %lld for good (status %d)",
           (long long) g->batch.last, status);
    g->uplink_refused++;
    gw_outbox_drop_batch(g, &g->batch);
}

/// The fleet server has taken a batch and does not say that any of it is on disk: sending it again
/// at once would keep both busy for nothing.
static bool is_settled(gw *g, int64_t up_to) {
    gw_peer *batches = &g->batches;
    batches->up = up_to >= g->batch.last;
    if (batches->up) {
        batches->backoff_us = 0;
        return true;
    }
    if (batches->backoff_us == 0) {
        SV_LOG(warn, "uplink.stuck",
               "the fleet server answers and does not say that it has item %lld; it is sent again",
               (long long) g->batch.last);
    }
    back_off(g, batches);
    return false;
}

static void batch_done(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    gw *g = arg;
    g->batch_under_way = false;
    gw_traffic_share(g, GW_WAY_UP, reply->sent);
    if (g->exit_code != 0) {
        return; // the front door says goodbye, and the store is closed: it is sent again
    }
    if (answered(g, &g->fleet, reply, why)) {
        if (!is_settled(g, settled_seq(g, reply))) {
            return;
        }
        g->sent += (uint64_t) g->batch.items;
        g->batch_max = g->batch_max * 2 > GW_BATCH_MAX ? GW_BATCH_MAX : g->batch_max * 2;
        gw_outbox_forget_batch(g, &g->batch);
        gw_uplink_turn(g);
    } else if (gw_uplink_is_refused(reply->status)) {
        batch_refused(g, reply->status);
    }
}

static void alert_done(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    gw *g = arg;
    g->alert_under_way = false;
    gw_traffic_add(g, GW_WAY_UP, g->alert_of, reply->sent);
    if (g->exit_code != 0) {
        return; // as with a batch
    }
    bool took = answered(g, &g->alert_peer, reply, why);
    if (!took && gw_uplink_is_refused(reply->status)) {
        SV_LOG(error, "alert.refused", "%s refused an alert for good (status %d)",
               g->alert_peer.name, reply->status);
        g->uplink_refused++;
    }
    if (took || gw_uplink_is_refused(reply->status)) {
        gw_outbox_forget_alert(g, g->alert_last_id, g->alert_bytes);
        gw_uplink_turn(g);
    }
}

static void health_done(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    gw *g = arg;
    g->health_under_way = false;
    (void) answered(g, &g->fleet, reply, why);
}

static bool post(gw *g, gw_peer *peer, const char *path, const sv_textbuf *body,
                 sv_http_done *done) {
    return !body->overflowed
           && sv_http_client_send(peer->http, "POST", path, NULL, "application/json",
                                  sv_textbuf_text(body), done, g)
                  == SV_OK;
}

uint64_t gw_uplink_bytes(const gw *g) {
    uint64_t bytes = g->fleet.http == NULL ? 0 : sv_http_client_body_bytes(g->fleet.http);
    return g->alert_peer.http == NULL ? bytes
                                      : bytes + sv_http_client_body_bytes(g->alert_peer.http);
}

bool gw_uplink_post(gw *g, const char *path, const sv_textbuf *body, sv_http_done *done) {
    return is_due(&g->fleet) && post(g, &g->fleet, path, body, done);
}

bool gw_uplink_get(gw *g, const char *path, sv_http_done *done) {
    return is_due(&g->fleet)
           && sv_http_client_send(g->fleet.http, "GET", path, NULL, NULL, SV_TEXT(""), done, g)
                  == SV_OK;
}

void gw_uplink_hurry(gw *g) {
    g->fleet.retry_at_us = 0;
    if (g->config.alerts.url[0] == '\0') {
        g->alert_peer.retry_at_us = 0;
    }
}

bool gw_uplink_answered(gw *g, const sv_http_reply_view *reply, const sv_why *why) {
    return answered(g, &g->fleet, reply, why);
}

static sv_err send_alert(gw *g, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(SV_ALERT_BYTES_MAX);
    SV_TRY(gw_outbox_next_alert(g, &g->alert_last_id, &g->alert_of, &body, why));
    g->alert_bytes = body.len;
    g->alert_under_way = post(g, &g->alert_peer, g->alert_path, &body, alert_done);
    return SV_OK;
}

static sv_err send_batch(gw *g, gw_part *of, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(BODY_BYTES);
    bool whole = of == &g->outbox.backfill && g->batch_max == GW_BATCH_MAX;
    SV_TRY(gw_outbox_next_batch(g, of, whole ? GW_BACKFILL_BATCH : g->batch_max, &g->batch, &body,
                                why));
    if (g->batch.items == 0) {
        gw_outbox_drop_batch(g, &g->batch);
        return SV_OK;
    }
    g->batch_under_way = post(g, &g->fleet, "/v1/readings", &body, batch_done);
    if (!g->batch_under_way) {
        gw_traffic_share(g, GW_WAY_UP, 0);
    }
    return SV_OK;
}

/// What is new first, when enough of it is there or its time has come; then what has waited, at the
/// server's pace.
static sv_err send_next(gw *g, sv_why *why) {
    gw_outbox *o = &g->outbox;
    int64_t rows = gw_outbox_rows(g);
    sv_err err = SV_ERR_NOT_FOUND;
    if (o->split_due && !gw_outbox_split(g)) {
        return err;
    }
    bool waits = o->backfill.settled < o->backfill.last;
    if (rows > 0 && (g->batch_due || (!waits && rows >= GW_BATCH_MAX))) {
        g->batch_due = false;
        err = send_batch(g, &o->live, why);
    }
    if (err == SV_ERR_NOT_FOUND && waits && sv_clock_monotonic_us() >= g->backfill_at_us) {
        err = send_batch(g, &o->backfill, why);
        if (err == SV_ERR_NOT_FOUND) {
            gw_outbox_end_backfill(g);
        }
    }
    return err;
}

void gw_uplink_turn(gw *g) {
    if (g->exit_code != 0) {
        return;
    }
    sv_why why = { 0 };
    sv_err alert = SV_OK;
    sv_err batch = SV_OK;
    bool trimming = gw_outbox_trim(g);
    if (is_due(&g->alert_peer) && !g->alert_under_way && g->outbox.gap <= g->committed) {
        alert = send_alert(g, &why);
    }
    if (is_due(&g->fleet) && is_due(&g->batches) && !g->batch_under_way && !trimming) {
        batch = send_next(g, &why);
    }
    gw_ledger_turn(g);
    gw_act_tell(g);
    if ((alert != SV_OK && alert != SV_ERR_NOT_FOUND)
        || (batch != SV_OK && batch != SV_ERR_NOT_FOUND)) {
        gw_store_failed(g, &why);
    }
}

static void on_backfill_due(void *arg) {
    gw_uplink_turn(arg);
}

static void on_batch_due(void *arg) {
    gw *g = arg;
    g->batch_due = true;
    gw_uplink_turn(g);
}

static void put_device(gw *g, sv_json_out *out, gw_device *device, int64_t now_us) {
    sv_json_open_object(out);
    sv_json_add_str(out, "device_id", device->id);
    sv_json_add_bool(out, "online", device->online);
    sv_json_add_int(out, "since", device->since_us);
    sv_json_add_int(out, "last_seen", device->last_seen_us);
    if (device->type[0] != '\0') {
        sv_json_add_str(out, "type", device->type);
    }
    if (gw_offset_is_far(&device->clock)) {
        sv_json_add_int(out, "clock_ahead", device->clock.offset_us);
    }
    if (device->report != NULL && device->report_changed) {
        sv_json_key(out, "report");
        sv_json_put_raw(out, sv_text_of(device->report));
        device->report_told_us = now_us;
        device->report_changed = false;
    }
    gw_machine_tell(g, device->id, now_us, out);
    gw_life_tell(g, device->id, now_us, out);
    sv_json_close_object(out);
    device->changed = false;
    device->told_seen_us = device->last_seen_us;
    device->told_us = now_us;
}

static void put_devices(gw *g, sv_json_out *out) {
    int64_t now_us = sv_clock_monotonic_us();
    sv_json_key(out, "devices");
    sv_json_open_array(out);
    for (size_t i = 0; i < sv_map_count(g->devices); i++) {
        gw_device *device = sv_map_at(g->devices, i, NULL);
        bool seen = gw_device_is_heard_again(device, now_us);
        bool report = device->report_changed && now_us - device->report_told_us >= REPORT_US;
        // Room for one more report; the others follow with the next beat.
        bool machine =
            gw_machine_is_news(g, device->id, now_us) || gw_life_is_news(g, device->id, now_us);
        if ((device->changed || report || seen || machine)
            && out->buf->len < BODY_BYTES - 2 * SV_HEALTH_BYTES_MAX) {
            put_device(g, out, device, now_us);
        }
    }
    sv_json_close_array(out);
}

static void put_dropped(const gw *g, sv_json_out *out) {
    sv_json_key(out, "dropped");
    sv_json_open_object(out);
    for (unsigned item = 0; item < GW_ITEM__COUNT; item++) {
        sv_json_add_int(out, gw_item_name((gw_item) item), gw_outbox_lost(g, (gw_item) item));
    }
    sv_json_close_object(out);
}

static void put_gateway(const gw *g, sv_json_out *out) {
    sv_json_key(out, "gateway");
    sv_json_open_object(out);
    sv_json_add_str(out, "version", SV_VERSION);
    sv_json_add_int(out, "uptime_s", (sv_clock_monotonic_us() - g->started_us) / 1000000);
    sv_json_add_int(out, "readings_in", (int64_t) g->readings);
    sv_json_add_number(out, "readings_per_s", g->readings_per_s);
    sv_json_add_int(out, "bytes_in", (int64_t) g->bytes_in);
    sv_json_add_int(out, "bytes_up", (int64_t) gw_uplink_bytes(g));
    sv_json_add_int(out, "refused", (int64_t) gw_refused(g));
    sv_json_add_int(out, "spool", gw_outbox_rows(g));
    sv_json_add_number(out, "spool_fill", gw_outbox_fill(g));
    put_dropped(g, out);
    sv_json_add_bool(out, "full", g->full);
    sv_json_add_number(out, "available",
                       gw_availability_share(&g->availability, GW_AVAILABILITY_DAYS, gw_now_us()));
    sv_json_key(out, "rules");
    gw_site_rules_write(g, out);
    if (gw_models_told(g)) {
        sv_json_key(out, "models");
        gw_models_write(g, out);
    }
    sv_json_close_object(out);
}

void gw_uplink_beat(gw *g) {
    if (!is_due(&g->fleet) || g->health_under_way) {
        return;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(BODY_BYTES);
    sv_json_out out = SV_JSON_OUT(&body);
    sv_json_open_object(&out);
    put_gateway(g, &out);
    put_devices(g, &out);
    sv_json_close_object(&out);
    g->health_under_way = post(g, &g->fleet, "/v1/health", &body, health_done);
}

/// An address of one's own is posted to as it stands, trusted by the system's store or `alerts.ca`
/// and without the site's certificate, which is nobody else's business.
static sv_err open_alert_peer(gw *g, sv_why *why) {
    const gw_config *c = &g->config;
    if (c->alerts.url[0] == '\0') {
        g->alert_peer.name = "the fleet server (alerts)";
        memcpy(g->alert_path, "/v1/alerts", sizeof "/v1/alerts");
        return c->fleet.url[0] == '\0' ? SV_OK
                                       : sv_http_client_open(g->loop, c->fleet.url, g->tls,
                                                             TIMEOUT_US, &g->alert_peer.http, why);
    }
    sv_url url;
    SV_TRY(sv_url_parse(sv_text_of(c->alerts.url), &url, why));
    SV_TRY(sv_text_copy(sv_text_of(url.path), g->alert_path, sizeof g->alert_path));
    const sv_tls_files files = { .ca = c->alerts.ca[0] == '\0' ? NULL : c->alerts.ca,
                                 .foreign = true };
    SV_TRY(sv_tls_client(&files, &g->alert_tls, why));
    // Not the address itself: its path may be a secret.
    (void) snprintf(g->alert_name, sizeof g->alert_name, "alerts to %s:%u", url.host, url.port);
    g->alert_peer.name = g->alert_name;
    return sv_http_client_open(g->loop, c->alerts.url, g->alert_tls, TIMEOUT_US,
                               &g->alert_peer.http, why);
}

sv_err gw_uplink_open(gw *g, sv_why *why) {
    g->fleet.name = "the fleet server";
    g->batch_max = GW_BATCH_MAX;
    if (g->config.fleet.url[0] != '\0') {
        SV_TRY(sv_http_client_open(g->loop, g->config.fleet.url, g->tls, TIMEOUT_US, &g->fleet.http,
                                   why));
        sv_http_client_compress(g->fleet.http, COMPRESS_FROM, sv_compress);
    }
    g->batches = (gw_peer){ .name = g->fleet.name, .http = g->fleet.http, .up = true };
    SV_TRY(open_alert_peer(g, why));
    SV_TRY(gw_outbox_open(g, why));
    g->batch_timer = sv_timer_new(g->loop, on_batch_due, g);
    g->backfill_timer = sv_timer_new(g->loop, on_backfill_due, g);
    sv_timer_every(g->batch_timer, g->config.fleet.every_us);
    return SV_OK;
}

void gw_uplink_close(gw *g) {
    sv_timer_drop(&g->batch_timer);
    sv_timer_drop(&g->backfill_timer);
    sv_http_client_drop(&g->fleet.http);
    sv_http_client_drop(&g->alert_peer.http);
    sv_tls_drop(&g->alert_tls);
}
