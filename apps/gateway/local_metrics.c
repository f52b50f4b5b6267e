// `GET /metrics`: what is counted, as Prometheus reads it.
#include "gateway.h"
#include <sys/clock.h>
#include <sys/sandbox.h>

static const char *const STATE_NAMES[GW_STATE__COUNT] = { "presence", "health" };

static void head(sv_textbuf *out, const char *name, const char *kind, const char *help) {
    sv_textbuf_addf(out, "# HELP selvedge_gateway_%s %s\n# TYPE selvedge_gateway_%s %s\n", name,
                    help, name, kind);
}

typedef struct metric {
    const char *name, *kind, *help;
    double value;
} metric;

static void put_plain(const metric *metrics, size_t count, sv_textbuf *out) {
    for (size_t i = 0; i < count; i++) {
        head(out, metrics[i].name, metrics[i].kind, metrics[i].help);
        sv_textbuf_addf(out, "selvedge_gateway_%s %.17g\n", metrics[i].name, metrics[i].value);
    }
}

static void put_gateway(const gw *g, sv_textbuf *out) {
    const metric metrics[] = {
        { "sandbox_files", "gauge", "1: the kernel keeps other programs' files from this one.",
          sv_sandbox_is_confined() ? 1 : 0 },
        { "readings_total", "counter", "Readings that arrived and could be read.",
          (double) g->readings },
        { "readings_stored_total", "counter", "Readings on disk.", (double) g->stored },
        { "clocks_wrong_total", "counter",
          "Readings that count as taken at another time than they say.", (double) g->clocks_wrong },
        { "clocks_corrected_total", "counter",
          "Readings of clocks in doubt that were placed by their machine's start.",
          (double) g->clocks_corrected },
        { "clock_steps_total", "counter", "How often this machine's own clock was set.",
          (double) g->clock.steps },
        { "devices_clock_far", "gauge",
          "Devices whose clock is more than five seconds from this one's.",
          (double) gw_clocks_far(g) },
        { "bytes_in_total", "counter", "Payload bytes from devices.", (double) g->bytes_in },
        { "bytes_up_total", "counter", "Body bytes sent up.", (double) gw_uplink_bytes(g) },
        { "uplink_sent_total", "counter", "Averages and summaries the fleet server has on disk.",
          (double) g->sent },
        { "uplink_refused_total", "counter", "What was sent up and refused for good.",
          (double) g->uplink_refused },
        { "uplink_spool", "gauge", "Averages and summaries that wait to go up.",
          (double) gw_outbox_rows(g) },
        { "uplink_spool_alerts", "gauge", "Alerts that wait to go up.",
          (double) g->outbox.rows[GW_ITEM_ALERT] },
        { "uplink_spool_bytes", "gauge", "Bytes of all that waits to go up.",
          (double) g->outbox.bytes },
        { "uplink_spool_fill_ratio", "gauge",
          "How full the spool is, by bytes or by age; at 1 something goes.", gw_outbox_fill(g) },
        { "alerts_open", "gauge", "Alerts raised and not cleared.", (double) g->alerts_open },
        { "local_alerts_waiting", "gauge", "Alerts that local subscribers are still to be told.",
          (double) (g->local_alerts.last - g->local_alerts.settled) },
        { "local_alerts_dropped_total", "counter",
          "Alerts that the broker was away for too long to be told.",
          (double) g->local_alerts.dropped },
        { "devices", "gauge", "Devices that have spoken.", (double) sv_map_count(g->devices) },
        { "devices_online", "gauge", "Devices that say they are online.",
          (double) g->devices_online },
        { "streams", "gauge", "Sensors of devices.", (double) sv_map_count(g->streams) },
        { "front_up", "gauge", "1 while devices can be heard.", gw_front_is_up(g) ? 1 : 0 },
        { "available_ratio", "gauge", "Share of the last 30 days in which devices were served.",
          gw_availability_share(&g->availability, GW_AVAILABILITY_DAYS, gw_now_us()) },
        { "store_damaged_total", "counter", "Blocks of readings that could not be read.",
          (double) g->series.damaged },
        { "store_full", "gauge", "1 while the disk is full and nothing is acknowledged.",
          g->full ? 1 : 0 },
        { "store_waits_total", "counter", "Messages whose wait for the disk was measured.",
          (double) g->waits.count },
        { "store_wait_seconds_total", "counter", "How long they waited, together.",
          (double) g->waits.sum_us / SV_TIME_SECOND_US },
        { "uplink_stuck", "gauge",
          "1 while the fleet server answers and settles nothing of what it is sent.",
          g->batches.up || g->fleet.http == NULL ? 0 : 1 },
        { "uplink_up", "gauge", "1 while the fleet server answers.", g->fleet.up ? 1 : 0 },
    };
    put_plain(metrics, SV_COUNT(metrics), out);
}

static void put_relay(const gw *g, sv_textbuf *out) {
    const gw_relay_counts relay =
        g->relay != NULL ? gw_relay_count(g->relay) : (gw_relay_counts){ 0 };
    const metric metrics[] = {
        { "relayed_total", "counter", "Requests of devices that the fleet server answered.",
          (double) relay.relayed },
        { "relay_refused_total", "counter", "Requests of devices that were refused here.",
          (double) relay.refused },
        { "relay_failed_total", "counter", "Requests that the fleet server did not answer.",
          (double) relay.failed },
        { "relay_shed_total", "counter",
          "Connections of strangers to the device door that made room for the next.",
          (double) relay.shed },
    };
    put_plain(metrics, SV_COUNT(metrics), out);
}

static void put_cache(const gw *g, sv_textbuf *out) {
    const gw_cache_counts cache =
        g->cache != NULL ? gw_cache_count(g->cache) : (gw_cache_counts){ 0 };
    const metric metrics[] = {
        { "cache_bytes", "gauge", "Bytes of artifacts on the disk.", (double) cache.bytes },
        { "cache_images", "gauge", "Images that they are of.", (double) cache.images },
        { "cache_served_bytes_total", "counter", "Bytes of artifacts that devices got.",
          (double) cache.served_bytes },
        { "cache_up_bytes_total", "counter", "Bytes of artifacts that came from the fleet server.",
          (double) cache.up_bytes },
        { "cache_hits_total", "counter", "Chunks that were there when a device came for them.",
          (double) cache.hits },
        { "cache_misses_total", "counter", "Chunks that a device had to wait for.",
          (double) cache.misses },
        { "cache_wrong_total", "counter",
          "Chunks, files and indexes that came and were not what they had to be.",
          (double) cache.poisoned },
        { "cache_rotten_total", "counter", "Chunks on the disk that were not what was written.",
          (double) cache.rotten },
        { "cache_unstored_total", "counter", "Chunks that were handed on and found no room.",
          (double) cache.unstored },
        { "cache_evicted_total", "counter", "Images that made room for others.",
          (double) cache.evicted },
        { "cache_failed_total", "counter", "Requests for artifacts that could not be answered.",
          (double) cache.failed },
        { "cache_stale_total", "counter",
          "Update metadata that was answered while the fleet server was away.",
          (double) cache.stale },
        { "looks_total", "counter", "Devices that were told to look for their update.",
          (double) g->looks.told },
    };
    put_plain(metrics, SV_COUNT(metrics), out);
}

static void put_standing(const gw *g, sv_textbuf *out) {
    const gw_standing *s = &g->standing;
    const metric metrics[] = {
        { "standing_version", "gauge", "How far the fleet server's log of who counts was followed.",
          (double) s->version },
        { "standing_old", "gauge", "1 while that was not heard of for longer than it may be.",
          gw_standing_is_old(g) ? 1 : 0 },
        { "standing_turned_away_total", "counter",
          "Handshakes and requests of who does not count, or was never seen.",
          (double) s->turned_away },
        { "standing_ended_total", "counter", "Connections that ended by a change.",
          (double) s->ended },
        { "standing_dropped_total", "counter",
          "Messages of revoked devices behind an external broker.", (double) s->dropped },
        { "clones_total", "counter", "Times that one key was seen at two places.",
          (double) g->clones_found },
        { "denied_devices", "gauge", "Who has asked for what it may not, since the start.",
          (double) sv_map_count(g->denials.of) },
        { "quarantined_here", "gauge", "Devices that this gateway has quarantined by itself.",
          (double) sv_map_count(s->held) },
        { "set_aside", "gauge", "Messages of quarantined devices that are kept.",
          (double) g->aside.rows },
        { "set_aside_dropped_total", "counter", "Those that had to go.",
          (double) g->aside.dropped },
    };
    put_plain(metrics, SV_COUNT(metrics), out);
    head(out, "standing_pages_total", "counter",
         "What the fleet server said of who counts, by what became of it.");
    for (unsigned i = 0; i < GW_PAGE_END__COUNT; i++) {
        sv_textbuf_addf(out, "selvedge_gateway_standing_pages_total{end=\"%s\"} %llu\n",
                        gw_page_end_name((gw_page_end) i), (unsigned long long) s->ends[i]);
    }
}

static void put_labelled(sv_textbuf *out, const char *name, const char *label, const char *value,
                         uint64_t count) {
    sv_textbuf_addf(out, "selvedge_gateway_%s{%s=\"%s\"} %llu\n", name, label, value,
                    (unsigned long long) count);
}

static void put_push(const gw *g, sv_textbuf *out) {
    const metric metrics[] = {
        { "uplink_stream_up", "gauge", "1 while the fleet server's stream of events is open.",
          g->push.up ? 1 : 0 },
        { "uplink_event_last", "gauge", "Id of the last event that was taken.",
          (double) g->push.taken },
        { "uplink_resets_total", "counter", "How often events were gone before they were taken.",
          (double) g->push.resets },
    };
    put_plain(metrics, SV_COUNT(metrics), out);
    head(out, "uplink_events_total", "counter",
         "Events of the fleet server, by what became of them.");
    for (unsigned i = 0; i < GW_EVENT_END__COUNT; i++) {
        put_labelled(out, "uplink_events_total", "end", gw_event_end_name((gw_event_end) i),
                     g->push.ends[i]);
    }
}

static void put_door_now(const sv_mqtt_server_counts *counts, sv_textbuf *out) {
    const metric metrics[] = {
        { "door_clients", "gauge", "MQTT connections, before their CONNECT too.",
          (double) counts->broker.clients },
        { "door_sessions", "gauge", "MQTT sessions, of those who are away too.",
          (double) counts->broker.sessions },
        { "door_subscriptions", "gauge", "Subscriptions of all sessions.",
          (double) counts->broker.subscriptions },
        { "door_retained", "gauge", "Retained messages.", (double) counts->broker.retained },
        { "door_queued", "gauge", "Messages that wait for sessions, unacknowledged ones included.",
          (double) counts->broker.queued },
        { "door_queued_bytes", "gauge", "Their bytes.", (double) counts->broker.queued_bytes },
        { "door_handshakes", "gauge", "TLS handshakes under way.",
          (double) counts->tls.handshakes },
        { "door_slowed", "gauge",
          "Clients that are not read from now, for they have sent too much.",
          (double) counts->tls.slowed },
        { "door_slowed_total", "counter", "How often that began.",
          (double) counts->tls.slowed_total },
    };
    put_plain(metrics, SV_COUNT(metrics), out);
}

static void put_door_links(const sv_mqtt_server_counts *counts, sv_textbuf *out) {
    head(out, "door_links", "gauge", "Links that are up.");
    put_labelled(out, "door_links", "side", "tls", counts->tls.links);
    put_labelled(out, "door_links", "side", "local", counts->local.links);
    head(out, "door_accepted_total", "counter", "Links that were accepted.");
    put_labelled(out, "door_accepted_total", "side", "tls", counts->tls.accepted);
    put_labelled(out, "door_accepted_total", "side", "local", counts->local.accepted);
    head(out, "door_refused_total", "counter",
         "Links that ended before they were up: certificate, handshake, deadline.");
    put_labelled(out, "door_refused_total", "side", "tls", counts->tls.refused);
    put_labelled(out, "door_refused_total", "side", "local", counts->local.refused);
    head(out, "door_shed_total", "counter", "Links that were closed for want of room.");
    put_labelled(out, "door_shed_total", "side", "tls", counts->tls.shed);
    put_labelled(out, "door_shed_total", "side", "local", counts->local.shed);
}

static void put_door(const gw *g, sv_textbuf *out) {
    static const char *const KINDS[SV_BROKER_EVENT__COUNT] = {
        [SV_BROKER_CONNECTED] = "connected",   [SV_BROKER_DISCONNECTED] = "disconnected",
        [SV_BROKER_TAKEN_OVER] = "taken_over", [SV_BROKER_REFUSED] = "refused",
        [SV_BROKER_EXPELLED] = "expelled",     [SV_BROKER_DENIED] = "denied",
        [SV_BROKER_BROKEN] = "broken",         [SV_BROKER_DROPPED] = "dropped",
    };
    const sv_mqtt_server_counts counts = sv_mqtt_server_count(g->door);
    put_door_now(&counts, out);
    put_door_links(&counts, out);
    head(out, "door_events_total", "counter", "What happened to MQTT clients and their messages.");
    for (size_t i = 0; i < SV_COUNT(KINDS); i++) {
        put_labelled(out, "door_events_total", "kind", KINDS[i], counts.broker.events[i]);
    }
    head(out, "door_publishes_total", "counter", "PUBLISH packets.");
    put_labelled(out, "door_publishes_total", "way", "in", counts.broker.received);
    put_labelled(out, "door_publishes_total", "way", "out", counts.broker.delivered);
    head(out, "door_bytes_total", "counter", "Bytes of MQTT packets.");
    put_labelled(out, "door_bytes_total", "way", "in", counts.broker.bytes_in);
    put_labelled(out, "door_bytes_total", "way", "out", counts.broker.bytes_out);
}

static void put_spool_dropped(const gw *g, sv_textbuf *out) {
    head(out, "uplink_dropped_total", "counter",
         "What had to go before the fleet server had it, since the database was made.");
    for (unsigned item = 0; item < GW_ITEM__COUNT; item++) {
        for (unsigned loss = 0; loss < GW_LOSS__COUNT; loss++) {
            sv_textbuf_addf(
                out, "selvedge_gateway_uplink_dropped_total{kind=\"%s\",reason=\"%s\"} %lld\n",
                gw_item_name((gw_item) item), gw_loss_name((gw_loss) loss),
                (long long) g->outbox.dropped[item][loss]);
        }
    }
}

static void put_dropped(const gw *g, sv_textbuf *out) {
    head(out, "store_dropped_total", "counter",
         "What had to go: samples, whose minutes stay, and minutes.");
    for (unsigned kind = 0; kind < GW_KIND__COUNT; kind++) {
        for (unsigned reason = 0; reason < GW_DROP__COUNT; reason++) {
            sv_textbuf_addf(
                out, "selvedge_gateway_store_dropped_total{kind=\"%s\",reason=\"%s\"} %lld\n",
                gw_kind_name((gw_kind) kind), gw_drop_reason_name((gw_drop_reason) reason),
                (long long) g->series.dropped[kind][reason]);
        }
    }
}

void gw_local_metrics(const gw *g, sv_textbuf *out) {
    put_gateway(g, out);
    put_relay(g, out);
    put_cache(g, out);
    put_standing(g, out);
    head(out, "refused_total", "counter", "What arrived and was refused, by reason.");
    put_labelled(out, "refused_total", "reason", "full", g->refused[SV_READING_FINE]);
    for (unsigned i = SV_READING_FINE + 1; i < SV_READING_FAULT__COUNT; i++) {
        put_labelled(out, "refused_total", "reason", sv_reading_fault_name((sv_reading_fault) i),
                     g->refused[i]);
    }
    for (unsigned i = 0; i < GW_STATE__COUNT; i++) {
        put_labelled(out, "refused_total", "reason", STATE_NAMES[i], g->states_refused[i]);
    }
    head(out, "alerts_total", "counter", "What happened to alerts.");
    sv_textbuf_addf(out,
                    "selvedge_gateway_alerts_total{event=\"raised\"} %llu\n"
                    "selvedge_gateway_alerts_total{event=\"cleared\"} %llu\n",
                    (unsigned long long) g->raised, (unsigned long long) g->cleared);
    gw_traffic_metrics(g, out);
    put_spool_dropped(g, out);
    put_dropped(g, out);
    put_push(g, out);
    gw_act_metrics(g, out);
    if (g->door != NULL) {
        put_door(g, out);
    }
}
