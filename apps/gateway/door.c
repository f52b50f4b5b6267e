// The gateway's own front door: its devices' MQTT server. A PUBACK means that the message's group
// is on disk; sessions, queues and retained messages are kept in the same store, with the same
// commits.
#include "door_watch.h"
#include "gateway.h"
#include "rights.h"
#include <malloc.h>
#include <sys/clock.h>
#include <sys/descriptors.h>
#include <sys/log.h>

enum {
    HANDSHAKES_MAX = 2048,
    RECEIVE_MAX = 1000,
    TRIM_LINKS = 256, ///< so many that ended leave memory worth giving back
};

/// Of who is here already and may have lost that right. [standing-22]
static sv_err welcome(void *arg, const sv_broker_peer *who, sv_why *why) {
    return gw_standing_admit(arg, &who->identity, why);
}

/// Whoever does not count any more may still have said that it is gone: its will. [standing-22]
static bool counts(const gw *g, const sv_broker_peer *who, sv_text topic) {
    return gw_standing_judge(g, &who->identity, NULL) == SV_OK
           || sv_text_starts(topic, SV_TEXT("presence/"));
}

static bool may_publish(void *arg, const sv_broker_peer *who, sv_text topic) {
    const gw *g = arg;
    if (!who->local && !counts(g, who, topic)) {
        return false;
    }
    return gw_may_publish(&g->config, who->local ? NULL : &who->identity, topic);
}

static bool may_subscribe(void *arg, const sv_broker_peer *who, sv_text filter) {
    const gw *g = arg;
    return gw_may_subscribe(&g->config, who->local ? NULL : &who->identity, filter);
}

/// A sensor that stays on the site is not even named: a log may be collected elsewhere. [spool-6]
static sv_text named(void *arg, sv_text topic) {
    const gw *g = arg;
    sv_stream_rules rules = { .uplink = SV_UPLINK_NEVER };
    sv_text rest = topic;
    bool reading = sv_text_is(sv_text_cut(&rest, '/'), "sensors");
    sv_text device = sv_text_cut(&rest, '/');
    if (!reading) {
        return topic;
    }
    bool one = sv_id_is_valid(device) && sv_id_is_valid(rest);
    if (one) {
        sv_rules_for(g->config.rules, device, rest, &rules);
    }
    bool known = rules.uplink != SV_UPLINK_NEVER;
    return known ? topic : (sv_text){ .at = topic.at, .len = topic.len - rest.len };
}

static bool is_for_ingest(sv_text topic) {
    sv_text root = sv_text_cut(&topic, '/');
    return sv_text_is(root, "sensors") || sv_text_is(root, "health") || sv_text_is(root, "presence")
           || sv_text_is(root, "results");
}

/// Who sends faster than the disk takes waits in the network, not in memory.
static void hold_while_behind(gw *g) {
    if (g->full || sv_writer_is_behind(g->writer)) {
        sv_mqtt_server_hold(g->door, true);
    }
}

static uint64_t on_message(void *arg, const sv_broker_message *message) {
    gw *g = arg;
    if (!is_for_ingest(message->topic)) {
        return 0;
    }
    uint64_t group = gw_ingest_message(g, message->topic, message->payload);
    hold_while_behind(g);
    return group;
}

/// What a quarantined device measures reaches nobody. [standing-23]
static bool passes_on(void *arg, const sv_broker_message *message) {
    const gw *g = arg;
    sv_text rest = message->topic;
    return !sv_text_is(sv_text_cut(&rest, '/'), "sensors")
           || !gw_standing_is_quarantined(g, sv_text_cut(&rest, '/'));
}

static uint64_t on_keep(void *arg, sv_broker_kind kind, sv_text key, sv_text value) {
    gw *g = arg;
    if (g->exit_code != 0) {
        return UINT64_MAX;
    }
    sv_writer_add(g->writer, value.at == NULL ? "DELETE FROM mqtt WHERE kind = ? AND key = ?"
                                              : "INSERT OR REPLACE INTO mqtt VALUES (?, ?, ?)");
    sv_writer_int(g->writer, (int64_t) kind);
    sv_writer_bytes(g->writer, key);
    if (value.at != NULL) {
        sv_writer_bytes(g->writer, value);
    }
    hold_while_behind(g);
    return sv_writer_last(g->writer);
}

static void on_event(void *arg, sv_broker_event event, const sv_broker_peer *who,
                     const sv_why *why) {
    static const struct {
        const char *name;
        sv_log_level level;
    } EVENTS[SV_BROKER_EVENT__COUNT] = {
        [SV_BROKER_CONNECTED] = { "client.up", SV_LOG_debug },
        [SV_BROKER_DISCONNECTED] = { "client.down", SV_LOG_debug },
        [SV_BROKER_TAKEN_OVER] = { "client.taken-over", SV_LOG_info },
        [SV_BROKER_REFUSED] = { "client.refused", SV_LOG_warn },
        [SV_BROKER_DENIED] = { "client.denied", SV_LOG_warn },
        [SV_BROKER_EXPELLED] = { "client.expelled", SV_LOG_warn },
        [SV_BROKER_BROKEN] = { "client.broken", SV_LOG_warn },
        [SV_BROKER_DROPPED] = { "message.dropped", SV_LOG_warn },
    };
    gw_door_watch(arg, event, who, why);
    const char *id = who->client_id[0] != '\0' ? who->client_id : who->identity.id;
    sv_log_write(EVENTS[event].level, EVENTS[event].name, "%s %s: %s",
                 who->local ? "local" : who->address, id, why == NULL ? "" : why->text);
}

/// [mqtt-25]
static void on_slowed(void *arg, const sv_broker_peer *who) {
    const gw *g = arg;
    SV_LOG(warn, "client.slowed",
           "%s sends more than %lld KiB a second (listen.rate) and is read from more slowly",
           who->identity.id, (long long) (g->config.listen.rate_bytes / 1024));
}

static void on_refused(void *arg, const sv_why *why) {
    (void) arg;
    SV_LOG(warn, "link.refused", "%s", why->text);
}

static sv_broker_limits limits_of(const gw_config *config) {
    sv_broker_limits limits = SV_BROKER_DEFAULTS;
    limits.packet_max = (size_t) config->listen.packet_bytes;
    limits.keepalive_max_s = (uint16_t) (config->listen.keepalive_us / SV_TIME_SECOND_US);
    limits.receive_max = RECEIVE_MAX;
    limits.session_expiry_max_s = (uint32_t) (config->listen.session_us / SV_TIME_SECOND_US);
    limits.queue_messages_max = (size_t) config->listen.queue_messages;
    limits.queue_bytes_max = (size_t) config->listen.queue_bytes;
    return limits;
}

static sv_err restore(gw *g, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db, "SELECT kind, key, value FROM mqtt ORDER BY kind, key", &stmt, why));
    sv_err err = sv_stmt_next(stmt, why);
    for (; err == SV_OK; err = sv_stmt_next(stmt, why)) {
        sv_why fault = { 0 };
        if (sv_mqtt_server_restore(g->door, (sv_broker_kind) sv_stmt_int(stmt, 0),
                                   sv_stmt_bytes(stmt, 1), sv_stmt_bytes(stmt, 2), &fault)
            != SV_OK) {
            SV_LOG(error, "session.damaged", "a kept record was left out: %s", fault.text);
        }
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err open_tls(const gw *g, sv_tls **out, sv_why *why) {
    const gw_config *c = &g->config;
    const sv_tls_files files = { .ca = c->tls.ca,
                                 .cert = c->tls.cert,
                                 .key = c->tls.key,
                                 .crl = c->tls.crl[0] == '\0' ? NULL : c->tls.crl };
    return sv_tls_server(&files, SV_TLS_CLIENTS_TRUSTED, c->listen.classic == GW_CLASSIC_ALLOW, out,
                         why);
}

/// Devices never take the descriptors that the store and what goes up need.
static sv_err set_room(const gw_config *config, sv_mqtt_server_options *options, sv_why *why) {
    uint64_t files = sv_descriptors_raise();
    if (files < GW_FILES_MIN) {
        return sv_fail(why, SV_ERR_STATE,
                       "the gateway may have %llu files open and needs %d (ulimit -Hn, or "
                       "LimitNOFILE= in a systemd unit)",
                       (unsigned long long) files, GW_FILES_MIN);
    }
    uint64_t handshakes = files / 4 < HANDSHAKES_MAX ? files / 4 : HANDSHAKES_MAX;
    uint64_t links = files - handshakes - GW_FILES_BESIDE;
    if (links < (uint64_t) config->listen.connections) {
        SV_LOG(warn, "door.narrow",
               "there is room for %llu devices, not for the %lld of listen.connections: this "
               "process may have %llu files open (LimitNOFILE= in its systemd unit)",
               (unsigned long long) links, (long long) config->listen.connections,
               (unsigned long long) files);
    }
    options->handshakes_max = (size_t) handshakes;
    options->links_max = links < (uint64_t) config->listen.connections
                             ? (size_t) links
                             : (size_t) config->listen.connections;
    return SV_OK;
}

sv_err gw_door_open(gw *g, sv_why *why) {
    static const sv_mqtt_server_hooks HOOKS = { .welcome = welcome,
                                                .may_publish = may_publish,
                                                .may_subscribe = may_subscribe,
                                                .message = on_message,
                                                .passes_on = passes_on,
                                                .keep = on_keep,
                                                .named = named,
                                                .event = on_event,
                                                .refused = on_refused,
                                                .slowed = on_slowed,
                                                .parted = gw_door_parted };
    const gw_config *c = &g->config;
    SV_TRY(open_tls(g, &g->door_tls, why));
    sv_mqtt_server_options options = {
        .bind = c->listen.bind,
        .port = (uint16_t) c->listen.port,
        .tls = g->door_tls,
        .path = c->listen.socket[0] == '\0' ? NULL : c->listen.socket,
        .loopback_port = (uint16_t) c->listen.loopback,
        .limits = limits_of(c),
        .bytes_per_s = (size_t) c->listen.rate_bytes,
    };
    SV_TRY(set_room(c, &options, why));
    SV_TRY(sv_mqtt_server_open(g->loop, &options, &HOOKS, g, &g->door, why));
    SV_TRY(restore(g, why));
    SV_TRY(sv_mqtt_server_start(g->door, why));
    SV_LOG(info, "door.open", "devices are served on %s:%u", c->listen.bind,
           sv_mqtt_server_port(g->door));
    if (c->listen.loopback != 0) {
        SV_LOG(warn, "door.loopback",
               "programs of this machine are served on 127.0.0.1:%lld without TLS: whoever may log "
               "in here may hear all",
               (long long) c->listen.loopback);
    }
    return SV_OK;
}

void gw_door_settled(gw *g, uint64_t group) {
    sv_mqtt_server_settled(g->door, group);
    if (!sv_writer_is_behind(g->writer)) {
        sv_mqtt_server_hold(g->door, false);
    }
}

void gw_door_beat(gw *g) {
    const sv_listener_counts now = sv_mqtt_server_count(g->door).tls;
    gw_clones_sweep(&g->clones, sv_clock_monotonic_us());
    gw_denials_sweep(g, sv_clock_monotonic_us());
    uint64_t ended = now.accepted - now.links - now.handshakes;
    if (ended >= g->door_trimmed + TRIM_LINKS) {
        (void) malloc_trim(0);
        g->door_trimmed = ended;
    }
    if (now.shed > g->door_shed) {
        SV_LOG(warn, "door.shed",
               "%llu connections were closed for want of room; %zu devices are connected, %zu "
               "are at their handshake",
               (unsigned long long) (now.shed - g->door_shed), now.links, now.handshakes);
        g->door_shed = now.shed;
    }
}

void gw_door_reload(gw *g) {
    sv_tls *fresh = NULL;
    sv_why why = { 0 };
    if (open_tls(g, &fresh, &why) != SV_OK) {
        SV_LOG(error, "tls.refused", "%s; the old certificates stay", why.text);
        return;
    }
    sv_mqtt_server_tls(g->door, fresh);
    sv_tls_drop(&g->door_tls);
    g->door_tls = fresh;
}

void gw_door_close(gw *g) {
    sv_mqtt_server_drop(&g->door);
    sv_tls_drop(&g->door_tls);
}
