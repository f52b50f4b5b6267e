// The broker as a whole: its life, its clock, its counts.
#include "broker_internal.h"
#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

const sv_broker_limits SV_BROKER_DEFAULTS = {
    .packet_max = (size_t) 256 * 1024,
    .keepalive_max_s = 600,
    .receive_max = 1000,
    .inflight_max = 100,
    .topic_alias_max = 32,
    .session_expiry_max_s = UINT32_C(7) * 24 * 3600,
    .queue_messages_max = 2000,
    .queue_bytes_max = 4 << 20,
    .subscriptions_max = 256,
    .waiting_max = 1 << 20,
    .retained_max = 20000,
    .retained_bytes_max = 32 << 20,
    .connections_max = 16,
};

int64_t sv_broker_wall(const sv_broker *broker, int64_t at_us) {
    int64_t wall_us = 0;
    if (at_us == SV_BROKER_NEVER
        || __builtin_add_overflow(broker->wall_us, at_us - broker->wall_at_us, &wall_us)) {
        return SV_BROKER_NEVER;
    }
    return wall_us;
}

int64_t sv_broker_after(int64_t now_us, uint32_t seconds) {
    return seconds == UINT32_MAX ? SV_BROKER_NEVER : now_us + (int64_t) seconds * 1000000;
}

sv_text sv_broker_named(const sv_broker *broker, sv_text topic) {
    sv_text named = topic;
    if (broker->hooks.named != NULL) {
        named = broker->hooks.named(broker->arg, topic);
    }
    named.len = named.len < SV_BROKER_NAMED_MAX ? named.len : SV_BROKER_NAMED_MAX;
    return named;
}

void sv_broker_tell(sv_broker *broker, sv_broker_event event, const sv_broker_peer *who,
                    const sv_why *why) {
    broker->counts.events[event]++;
    if (broker->hooks.event != NULL) {
        broker->hooks.event(broker->arg, event, who, why);
    }
}

sv_broker_peer sv_broker_peer_of(const sv_broker_session *session) {
    return (sv_broker_peer){
        .identity = session->identity,
        .local = session->local,
        .client_id = session->key + 2,
        .address = session->client != NULL ? session->client->address : "",
    };
}

sv_broker *sv_broker_new(const sv_broker_limits *limits, const sv_broker_hooks *hooks, void *arg,
                         const uint8_t hash_key[16], int64_t now_us, int64_t wall_us) {
    sv_broker *broker = sv_mem_new(sizeof *broker);
    broker->limits = *limits;
    broker->hooks = *hooks;
    broker->arg = arg;
    memcpy(broker->hash_key, hash_key, sizeof broker->hash_key);
    broker->now_us = now_us;
    broker->wall_at_us = now_us;
    broker->wall_us = wall_us;
    broker->sessions = sv_map_new(SV_BROKER_SESSIONS_MAX, hash_key);
    broker->people = sv_map_new((size_t) 2 * SV_BROKER_SESSIONS_MAX, hash_key);
    broker->root = sv_broker_node_new();
    broker->packet = SV_TEXTBUF_HEAP(2 * (size_t) SV_MQTT_REMAINING_MAX);
    broker->record = SV_TEXTBUF_HEAP(2 * (size_t) SV_MQTT_REMAINING_MAX);
    broker->block = SV_TEXTBUF_HEAP(2 * (size_t) SV_MQTT_REMAINING_MAX);
    return broker;
}

void sv_broker_drop(sv_broker **broker) {
    sv_broker *gone = *broker;
    if (gone == NULL) {
        return;
    }
    gone->hooks.keep = NULL;
    gone->hooks.event = NULL;
    while (gone->clients != NULL) {
        sv_broker_part(gone, gone->clients, SV_BROKER_PART_PAUSE, NULL);
    }
    while (sv_map_count(gone->sessions) > 0) {
        sv_broker_session_free(gone, sv_map_at(gone->sessions, 0, NULL));
    }
    while (gone->retained != NULL) {
        sv_broker_retained_drop(gone, gone->retained);
    }
    sv_broker_tree_drop(&gone->root);
    sv_map_drop(&gone->sessions);
    sv_map_drop(&gone->people);
    sv_textbuf_drop(&gone->packet);
    sv_textbuf_drop(&gone->record);
    sv_textbuf_drop(&gone->block);
    free(gone->ids);
    free(gone);
    *broker = NULL;
}

sv_broker_client *sv_broker_open_client(sv_broker *broker, void *link, const sv_identity *identity,
                                        const char *address, int64_t now_us) {
    broker->now_us = now_us;
    if (broker->client_count >= SV_BROKER_SESSIONS_MAX) {
        return NULL;
    }
    sv_broker_client *client = sv_mem_new(sizeof *client);
    client->link = link;
    client->peer.local = identity == NULL;
    if (identity != NULL) {
        client->peer.identity = *identity;
    }
    sv_textbuf text = SV_TEXTBUF(client->address);
    sv_textbuf_addf(&text, "%.*s", SV_BROKER_ADDRESS_ROOM - 1, address);
    client->peer.address = client->address;
    client->peer.client_id = "";
    client->packet_max = UINT32_MAX;
    client->heard_us = now_us;
    client->next = broker->clients;
    if (broker->clients != NULL) {
        broker->clients->previous = client;
    }
    broker->clients = client;
    broker->client_count++;
    sv_broker_person_meet(broker, client);
    return client;
}

void sv_broker_drained(sv_broker *broker, sv_broker_client *client, int64_t now_us) {
    broker->now_us = now_us;
    if (client->session != NULL) {
        sv_broker_pump(broker, client->session);
    }
}

void sv_broker_client_gone(sv_broker *broker, sv_broker_client *client, const sv_why *why,
                           int64_t now_us) {
    broker->now_us = now_us;
    sv_broker_part(broker, client, SV_BROKER_PART_LOST, why);
}

void sv_broker_settled(sv_broker *broker, uint64_t group) {
    broker->settled = group > broker->settled ? group : broker->settled;
    for (sv_broker_client *next = broker->busy; next != NULL;) {
        sv_broker_client *client = next;
        next = client->busy_next;
        sv_broker_flush(broker, client);
    }
}

/// Why the connection may not go on: keep alive, CONNECT that does not come, certificate.
static sv_mqtt_reason check_clock(const sv_broker *broker, const sv_broker_client *client,
                                  sv_why *why) {
    int64_t quiet_us = broker->now_us - client->heard_us;
    if (client->session == NULL && quiet_us >= SV_BROKER_CONNECT_US) {
        (void) sv_fail(why, SV_ERR_INVALID, "no CONNECT came within %d s",
                       SV_BROKER_CONNECT_US / 1000000);
        return SV_MQTT_KEEP_ALIVE_TIMEOUT;
    }
    if (client->session != NULL && client->quiet_max_us > 0 && quiet_us > client->quiet_max_us) {
        (void) sv_fail(why, SV_ERR_UNAVAILABLE, "nothing was heard for %lld s",
                       (long long) (quiet_us / 1000000));
        return SV_MQTT_KEEP_ALIVE_TIMEOUT;
    }
    if (!client->peer.local && client->peer.identity.not_after_us <= broker->wall_us) {
        (void) sv_fail(why, SV_ERR_UNTRUSTED, "the certificate of '%s' has ended",
                       client->peer.identity.id);
        return SV_MQTT_NOT_AUTHORIZED;
    }
    return SV_MQTT_SUCCESS;
}

void sv_broker_send_away(sv_broker *broker, sv_broker_client *client, sv_mqtt_reason reason,
                         const sv_why *why) {
    sv_broker_tell(broker, client->session == NULL ? SV_BROKER_REFUSED : SV_BROKER_EXPELLED,
                   &client->peer, why);
    sv_broker_cut(broker, client, reason, SV_BROKER_PART_LOST, why);
}

void sv_broker_expel(sv_broker *broker, sv_broker_client *client, const sv_why *why,
                     int64_t now_us) {
    broker->now_us = now_us;
    sv_broker_send_away(broker, client, SV_MQTT_NOT_AUTHORIZED, why);
}

static void tick_clients(sv_broker *broker) {
    for (sv_broker_client *next = broker->clients; next != NULL;) {
        sv_broker_client *client = next;
        next = client->next;
        sv_why why;
        sv_mqtt_reason reason = check_clock(broker, client, &why);
        if (reason == SV_MQTT_NOT_AUTHORIZED) {
            sv_broker_send_away(broker, client, reason, &why);
        } else if (reason != SV_MQTT_SUCCESS) {
            if (client->session == NULL) {
                sv_broker_tell(broker, SV_BROKER_REFUSED, &client->peer, &why);
            }
            sv_broker_cut(broker, client, reason, SV_BROKER_PART_LOST, &why);
        }
    }
}

static void tick_session(sv_broker *broker, sv_broker_session *session) {
    if (session->client != NULL) {
        return;
    }
    bool expired = session->expires_us <= broker->now_us;
    if (session->will != NULL && (expired || session->will_due_us <= broker->now_us)) {
        sv_broker_will_publish(broker, session);
        if (!expired) {
            (void) sv_broker_keep_session(broker, session);
        }
    }
    if (expired) {
        sv_broker_session_end(broker, session);
    }
}

void sv_broker_tick(sv_broker *broker, int64_t now_us, int64_t wall_us) {
    broker->now_us = now_us;
    broker->wall_at_us = now_us;
    broker->wall_us = wall_us;
    broker->ticks++;
    tick_clients(broker);
    // Backwards: the last one takes the place of one that ends.
    for (size_t i = sv_map_count(broker->sessions); i-- > 0;) {
        sv_broker_session *session = sv_map_at(broker->sessions, i, NULL);
        if ((broker->ticks + i) % SV_BROKER_SWEEP_TICKS == 0) {
            sv_broker_sweep_queue(broker, session);
        }
        tick_session(broker, session);
    }
    if (broker->ticks % SV_BROKER_SWEEP_TICKS == 0) {
        sv_broker_sweep_retained(broker);
    }
}

void sv_broker_shut(sv_broker *broker, int64_t now_us) {
    broker->now_us = now_us;
    sv_why why;
    (void) sv_fail(&why, SV_ERR_UNAVAILABLE, "the server is shutting down");
    while (broker->clients != NULL) {
        sv_broker_cut(broker, broker->clients, SV_MQTT_SHUTTING_DOWN, SV_BROKER_PART_PAUSE, &why);
    }
}

sv_broker_counts sv_broker_count(const sv_broker *broker) {
    sv_broker_counts counts = broker->counts;
    counts.clients = broker->client_count;
    counts.sessions = sv_map_count(broker->sessions);
    counts.subscriptions = broker->subscription_count;
    counts.retained = broker->retained_count;
    counts.queued = broker->queued;
    counts.queued_bytes = broker->queued_bytes;
    return counts;
}
