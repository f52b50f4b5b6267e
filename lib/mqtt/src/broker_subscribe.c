// SUBSCRIBE and UNSUBSCRIBE.
#include "broker_internal.h"
#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

static uint8_t refusal(const sv_broker_client *client, sv_mqtt_reason reason) {
    return (uint8_t) (client->version == SV_MQTT_V5 ? reason : SV_MQTT_UNSPECIFIED);
}

static void deny(sv_broker *broker, const sv_broker_peer *peer, sv_text filter, const char *verb) {
    sv_text named = sv_broker_named(broker, filter);
    sv_why why;
    (void) sv_fail(&why, SV_ERR_UNTRUSTED, "'%s' %s '" SV_TEXT_FMT "'", peer->client_id, verb,
                   SV_TEXT_ARG(named));
    sv_broker_tell(broker, SV_BROKER_DENIED, peer, &why);
}

/// What waits was let in by a right that may be gone; what is released has been heard already.
static void recheck_queue(sv_broker *broker, sv_broker_session *session,
                          const sv_broker_peer *peer) {
    for (sv_broker_delivery *next = session->first; next != NULL;) {
        sv_broker_delivery *delivery = next;
        next = delivery->next;
        if (delivery->state != SV_BROKER_RELEASED
            && !broker->hooks.may_subscribe(broker->arg, peer,
                                            sv_broker_held_topic(delivery->held))) {
            sv_broker_delivery_drop(broker, session, delivery);
        }
    }
}

void sv_broker_recheck(sv_broker *broker, sv_broker_session *session) {
    sv_broker_peer peer = sv_broker_peer_of(session);
    // Backwards: the last one takes the place of one that ends; with the last one the map goes.
    for (size_t i = session->subscriptions == NULL ? 0 : sv_map_count(session->subscriptions);
         i-- > 0;) {
        sv_broker_subscription *subscription = sv_map_at(session->subscriptions, i, NULL);
        sv_text name = SV_TEXT("");
        sv_text inner = { .at = subscription->filter, .len = subscription->filter_len };
        (void) sv_mqtt_filter_shared(inner, &name, &inner);
        if (!broker->hooks.may_subscribe(broker->arg, &peer, inner)) {
            deny(broker, &peer, inner, "may not go on listening to");
            sv_broker_subscription_drop(broker, subscription);
        }
    }
    recheck_queue(broker, session, &peer);
}

static sv_mqtt_reason judge(sv_broker *broker, const sv_broker_client *client, sv_text filter) {
    sv_text name = SV_TEXT("");
    sv_text inner = filter;
    (void) sv_mqtt_filter_shared(filter, &name, &inner);
    if (!sv_mqtt_filter_is_valid(inner) || name.len > SV_BROKER_SHARE_NAME_MAX) {
        return SV_MQTT_FILTER_INVALID;
    }
    if (!broker->hooks.may_subscribe(broker->arg, &client->peer, inner)) {
        deny(broker, &client->peer, inner, "may not subscribe to");
        // A local program has no identity to be authorized: what it is denied is denied to all.
        return client->peer.local ? SV_MQTT_UNSPECIFIED : SV_MQTT_NOT_AUTHORIZED;
    }
    const sv_map *has = client->session->subscriptions;
    if (has != NULL && sv_map_count(has) >= broker->limits.subscriptions_max
        && sv_map_get(has, filter) == NULL) {
        return SV_MQTT_QUOTA_EXCEEDED;
    }
    return SV_MQTT_SUCCESS;
}

/// The code for SUBACK. `*is_new`: it was not there before.
static uint8_t subscribe_one(sv_broker *broker, sv_broker_client *client,
                             const sv_mqtt_filter *wants, uint32_t id, bool *is_new) {
    sv_broker_session *session = client->session;
    sv_mqtt_reason reason = judge(broker, client, wants->filter);
    if (reason != SV_MQTT_SUCCESS) {
        return refusal(client, reason);
    }
    sv_broker_subscription *subscription = sv_broker_subscribed(session, wants->filter);
    *is_new = subscription == NULL;
    if (subscription == NULL) {
        subscription = sv_broker_subscription_add(broker, session, wants->filter);
    }
    subscription->qos = wants->qos;
    subscription->no_local = wants->no_local;
    subscription->retain_as_published = wants->retain_as_published;
    subscription->id = id;
    return wants->qos;
}

/// Retained messages that the subscription asks for [5 §3.3.1.3]; a shared one gets none.
static void send_retained(sv_broker *broker, const sv_broker_client *client,
                          const sv_mqtt_filter *wants, bool is_new) {
    const sv_broker_subscription *subscription =
        sv_broker_subscribed(client->session, wants->filter);
    bool wanted = wants->retain_handling == 0 || (wants->retain_handling == 1 && is_new);
    if (wanted && subscription != NULL && subscription->share == NULL) {
        sv_broker_send_retained(broker, subscription);
    }
}

static size_t count_filters(const sv_mqtt_packet *packet) {
    size_t count = 0;
    sv_text rest = packet->payload;
    sv_mqtt_filter filter;
    while (sv_mqtt_filter_next(packet->type, &rest, &filter)) {
        count++;
    }
    return count;
}

static void push_codes(sv_broker *broker, sv_broker_client *client, const sv_mqtt_packet *packet,
                       const uint8_t *codes, size_t count, uint64_t group) {
    sv_mqtt_type type = packet->type == SV_MQTT_SUBSCRIBE ? SV_MQTT_SUBACK : SV_MQTT_UNSUBACK;
    sv_textbuf_clear(&broker->packet);
    sv_mqtt_add_codes(&broker->packet, client->version, type, packet->id, codes, count);
    sv_text bytes = sv_textbuf_text(&broker->packet);
    sv_broker_push(broker, client,
                   (sv_broker_ack){ .group = group,
                                    .type = (uint8_t) type,
                                    .id = packet->id,
                                    .bytes = sv_mem_copy_str(bytes.at, bytes.len),
                                    .len = (uint32_t) bytes.len });
}

/// A packet id of an unfinished QoS 2 publish is not free for this.
static bool answer_id_in_use(sv_broker *broker, sv_broker_client *client,
                             const sv_mqtt_packet *packet, uint8_t *codes, size_t count) {
    if (!sv_broker_is_received(client->session, packet->id)) {
        return false;
    }
    memset(codes, refusal(client, SV_MQTT_ID_IN_USE), count);
    push_codes(broker, client, packet, codes, count, 0);
    return true;
}

enum { GRANTED_MAX = 2, IS_NEW = 0x40 };

void sv_broker_take_subscribe(sv_broker *broker, sv_broker_client *client,
                              const sv_mqtt_packet *packet) {
    size_t count = count_filters(packet);
    SV_DEFER(sv_mem_drop) uint8_t *codes = sv_mem_array(count, 1);
    SV_DEFER(sv_mem_drop) bool *is_new = sv_mem_array(count, sizeof *is_new);
    if (answer_id_in_use(broker, client, packet, codes, count)) {
        return;
    }
    sv_text rest = packet->payload;
    sv_mqtt_filter wants;
    uint32_t id = packet->properties.subscription_id;
    for (size_t i = 0; i < count && sv_mqtt_filter_next(packet->type, &rest, &wants); i++) {
        codes[i] = subscribe_one(broker, client, &wants, id, &is_new[i]);
    }
    uint64_t group = sv_broker_session_persists(client->session)
                         ? sv_broker_keep_session(broker, client->session)
                         : 0;
    push_codes(broker, client, packet, codes, count, group);
    rest = packet->payload;
    for (size_t i = 0; i < count && sv_mqtt_filter_next(packet->type, &rest, &wants); i++) {
        if (codes[i] <= GRANTED_MAX) {
            send_retained(broker, client, &wants, is_new[i]);
        }
    }
}

static sv_mqtt_reason unsubscribe_one(sv_broker *broker, sv_broker_session *session,
                                      sv_text filter) {
    sv_text name = SV_TEXT("");
    sv_text inner = filter;
    (void) sv_mqtt_filter_shared(filter, &name, &inner);
    if (!sv_mqtt_filter_is_valid(inner)) {
        return SV_MQTT_FILTER_INVALID;
    }
    sv_broker_subscription *subscription = sv_broker_subscribed(session, filter);
    if (subscription == NULL) {
        return SV_MQTT_NO_SUBSCRIPTION_EXISTED;
    }
    sv_broker_subscription_drop(broker, subscription);
    return SV_MQTT_SUCCESS;
}

void sv_broker_take_unsubscribe(sv_broker *broker, sv_broker_client *client,
                                const sv_mqtt_packet *packet) {
    size_t count = count_filters(packet);
    SV_DEFER(sv_mem_drop) uint8_t *codes = sv_mem_array(count, 1);
    if (answer_id_in_use(broker, client, packet, codes, count)) {
        return;
    }
    sv_text rest = packet->payload;
    sv_mqtt_filter wants;
    for (size_t i = 0; i < count && sv_mqtt_filter_next(packet->type, &rest, &wants); i++) {
        codes[i] = (uint8_t) unsubscribe_one(broker, client->session, wants.filter);
    }
    uint64_t group = sv_broker_session_persists(client->session)
                         ? sv_broker_keep_session(broker, client->session)
                         : 0;
    push_codes(broker, client, packet, codes, count, group);
}
