// From a client to the broker: PUBLISH with its checks, and the ids of QoS 2 until their PUBREL.
#include "broker_internal.h"
#include <assert.h>
#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

size_t sv_broker_levels(sv_text topic) {
    size_t levels = 1;
    const char *end = topic.at + topic.len;
    for (const char *at = topic.at; at < end && levels <= SV_MQTT_LEVELS_MAX; at++, levels++) {
        at = memchr(at, '/', (size_t) (end - at));
        if (at == NULL) {
            break;
        }
    }
    return levels;
}

bool sv_broker_is_received(const sv_broker_session *session, uint16_t id) {
    return session->received_count > 0 && (session->received[id / 8] >> id % 8 & 1) != 0;
}

void sv_broker_set_received(sv_broker_session *session, uint16_t id) {
    if (session->received == NULL) {
        session->received = sv_mem_new(SV_BROKER_RECEIVED_BYTES);
    }
    session->received_count += sv_broker_is_received(session, id) ? 0 : 1;
    session->received[id / 8] = (uint8_t) (session->received[id / 8] | 1U << id % 8);
}

static void clear_received(sv_broker_session *session, uint16_t id) {
    session->received[id / 8] = (uint8_t) (session->received[id / 8] & ~(1U << id % 8));
    session->received_count--;
}

static uint64_t later(uint64_t left, uint64_t right) {
    return left > right ? left : right;
}

void sv_broker_take_release(sv_broker *broker, sv_broker_client *client, uint16_t id) {
    sv_broker_session *session = client->session;
    sv_mqtt_reason reason = SV_MQTT_ID_NOT_FOUND;
    if (sv_broker_is_received(session, id)) {
        clear_received(session, id);
        reason = SV_MQTT_SUCCESS;
        session->received_group =
            later(session->received_group, sv_broker_keep_received(broker, session, id, false));
    }
    // The client uses the id anew after PUBCOMP: the disk must have forgotten the old use by then.
    sv_broker_push(broker, client,
                   (sv_broker_ack){ .group = session->received_group,
                                    .type = SV_MQTT_PUBCOMP,
                                    .id = id,
                                    .reason = (uint8_t) reason });
}

static sv_text alias_topic(const sv_broker_client *client, uint16_t alias) {
    if (client->aliases_in == NULL || client->aliases_in[alias - 1].topic == NULL) {
        return SV_TEXT("");
    }
    return (sv_text){ .at = client->aliases_in[alias - 1].topic,
                      .len = client->aliases_in[alias - 1].len };
}

static void set_alias(const sv_broker *broker, sv_broker_client *client, uint16_t number,
                      sv_text topic) {
    if (client->aliases_in == NULL) {
        client->aliases_in =
            sv_mem_array(broker->limits.topic_alias_max, sizeof *client->aliases_in);
    }
    sv_broker_alias *alias = &client->aliases_in[number - 1];
    free(alias->topic);
    *alias = (sv_broker_alias){ .topic = sv_mem_copy_str(topic.at, topic.len), .len = topic.len };
}

static sv_mqtt_reason resolve_alias(const sv_broker *broker, sv_broker_client *client,
                                    const sv_mqtt_packet *packet, sv_text *topic, sv_why *why) {
    uint16_t alias = packet->properties.topic_alias;
    *topic = packet->topic;
    if (alias == 0) {
        return SV_MQTT_SUCCESS;
    }
    if (alias > broker->limits.topic_alias_max) {
        (void) sv_fail(why, SV_ERR_INVALID, "topic alias %u is above the maximum of %u", alias,
                       broker->limits.topic_alias_max);
        return SV_MQTT_TOPIC_ALIAS_INVALID;
    }
    if (packet->topic.len > 0) {
        set_alias(broker, client, alias, packet->topic);
        return SV_MQTT_SUCCESS;
    }
    *topic = alias_topic(client, alias);
    if (topic->len == 0) {
        (void) sv_fail(why, SV_ERR_INVALID, "topic alias %u has not been told", alias);
        return SV_MQTT_PROTOCOL_ERROR;
    }
    return SV_MQTT_SUCCESS;
}

static void deny(sv_broker *broker, const sv_broker_client *client, const char *what,
                 sv_text topic) {
    sv_text named = sv_broker_named(broker, topic);
    sv_why why;
    (void) sv_fail(&why, SV_ERR_UNTRUSTED, "'%s' may not %s '" SV_TEXT_FMT "'",
                   client->peer.client_id, what, SV_TEXT_ARG(named));
    sv_broker_tell(broker, SV_BROKER_DENIED, &client->peer, &why);
}

/// What is wrong with this one message; the connection goes on.
static sv_mqtt_reason judge(sv_broker *broker, const sv_broker_client *client,
                            const sv_mqtt_packet *packet, const sv_broker_post *post) {
    if (sv_broker_levels(post->topic) > SV_MQTT_LEVELS_MAX) {
        return SV_MQTT_TOPIC_INVALID;
    }
    if (!broker->hooks.may_publish(broker->arg, &client->peer, post->topic)) {
        deny(broker, client, "publish to", post->topic);
        return SV_MQTT_NOT_AUTHORIZED;
    }
    sv_text reply = packet->properties.response_topic;
    if (sv_mqtt_has(&packet->properties, SV_MQTT_P_RESPONSE_TOPIC)
        && (!sv_mqtt_topic_is_valid(reply)
            || !broker->hooks.may_publish(broker->arg, &client->peer, reply))) {
        deny(broker, client, "have answers sent to", reply);
        return SV_MQTT_NOT_AUTHORIZED;
    }
    if (post->retain && client->version == SV_MQTT_V5 && packet->qos > 0
        && !sv_broker_retained_fits(broker, post)) {
        return SV_MQTT_QUOTA_EXCEEDED;
    }
    return SV_MQTT_SUCCESS;
}

static void answer(sv_broker *broker, sv_broker_client *client, const sv_mqtt_packet *packet,
                   uint64_t group, sv_mqtt_reason reason) {
    if (packet->qos == 0) {
        return;
    }
    bool refused = reason != SV_MQTT_SUCCESS;
    sv_broker_session *session = client->session;
    if (packet->qos == 2 && (!refused || client->version != SV_MQTT_V5)) {
        sv_broker_set_received(session, packet->id);
        session->received_group = later(session->received_group, group);
    }
    sv_broker_push(broker, client,
                   (sv_broker_ack){ .group = group,
                                    .type = packet->qos == 1 ? SV_MQTT_PUBACK : SV_MQTT_PUBREC,
                                    .id = packet->id,
                                    .reason = (uint8_t) reason });
}

static void store_retained(sv_broker *broker, const sv_broker_client *client,
                           sv_broker_post *post) {
    if (sv_broker_retained_fits(broker, post)) {
        sv_broker_retain(broker, post);
        return;
    }
    sv_text named = sv_broker_named(broker, post->topic);
    sv_why why;
    (void) sv_fail(&why, SV_ERR_NO_SPACE, "there is no room to retain '" SV_TEXT_FMT "'",
                   SV_TEXT_ARG(named));
    sv_broker_tell(broker, SV_BROKER_DROPPED, &client->peer, &why);
}

bool sv_broker_passes_on(sv_broker *broker, const sv_broker_message *message) {
    return broker->hooks.passes_on == NULL || broker->hooks.passes_on(broker->arg, message);
}

/// Everything that a message with the right to be one sets going; the group to wait for.
static uint64_t accept(sv_broker *broker, const sv_broker_client *client,
                       const sv_mqtt_packet *packet, sv_broker_post *post) {
    const sv_broker_message told = { .topic = post->topic,
                                     .payload = post->payload,
                                     .qos = packet->qos,
                                     .retain = packet->retain,
                                     .dup = packet->dup,
                                     .from = &client->peer };
    post->group = broker->hooks.message(broker->arg, &told);
    if (packet->qos == 2) {
        post->group =
            later(post->group, sv_broker_keep_received(broker, client->session, packet->id, true));
    }
    bool passes_on = sv_broker_passes_on(broker, &told);
    if (passes_on && post->retain) {
        store_retained(broker, client, post);
    }
    if (passes_on) {
        sv_broker_route(broker, post);
    }
    sv_broker_post_drop(post);
    return post->group;
}

static bool is_answer_due(const sv_broker_client *client, uint8_t type, uint16_t id) {
    for (size_t i = 0; i < client->ack_count; i++) {
        const sv_broker_ack *ack = &client->acks[(client->ack_first + i) & (client->ack_cap - 1)];
        if (ack->type == type && ack->id == id) {
            return true;
        }
    }
    return false;
}

/// A packet id that comes again, or that something else has. True: answered.
static bool answer_known_id(sv_broker *broker, sv_broker_client *client,
                            const sv_mqtt_packet *packet) {
    const sv_broker_session *session = client->session;
    if (packet->qos == 2 && sv_broker_is_received(session, packet->id)) {
        sv_broker_push(broker, client,
                       (sv_broker_ack){ .group = session->received_group,
                                        .type = SV_MQTT_PUBREC,
                                        .id = packet->id });
        return true;
    }
    if (packet->qos == 1 && sv_broker_is_received(session, packet->id)) {
        sv_broker_push(broker, client,
                       (sv_broker_ack){
                           .type = SV_MQTT_PUBACK, .id = packet->id, .reason = SV_MQTT_ID_IN_USE });
        return true;
    }
    if (packet->qos == 2 && is_answer_due(client, SV_MQTT_PUBACK, packet->id)) {
        sv_broker_push(broker, client,
                       (sv_broker_ack){
                           .type = SV_MQTT_PUBREC, .id = packet->id, .reason = SV_MQTT_ID_IN_USE });
        return true;
    }
    return false;
}

static sv_mqtt_reason count_open(const sv_broker *broker, sv_broker_client *client,
                                 const sv_mqtt_packet *packet, sv_why *why) {
    if (packet->qos == 0) {
        return SV_MQTT_SUCCESS;
    }
    if (client->version == SV_MQTT_V5 && client->open >= broker->limits.receive_max) {
        (void) sv_fail(why, SV_ERR_INVALID, "more than %u publishes were sent unacknowledged",
                       broker->limits.receive_max);
        return SV_MQTT_RECEIVE_MAX_EXCEEDED;
    }
    client->open++;
    return SV_MQTT_SUCCESS;
}

sv_mqtt_reason sv_broker_take_publish(sv_broker *broker, sv_broker_client *client,
                                      const sv_mqtt_packet *packet, sv_why *why) {
    sv_broker_post post = {
        .payload = packet->payload,
        .expires_us = SV_BROKER_NEVER,
        .qos = packet->qos,
        .retain = packet->retain,
        .from = client->session,
    };
    broker->counts.received++;
    sv_mqtt_reason reason = resolve_alias(broker, client, packet, &post.topic, why);
    if (reason == SV_MQTT_SUCCESS) {
        reason = count_open(broker, client, packet, why);
    }
    if (reason != SV_MQTT_SUCCESS || (packet->qos > 0 && answer_known_id(broker, client, packet))) {
        return reason;
    }
    if (packet->properties.raw.len > 0) {
        sv_textbuf_clear(&broker->block);
        sv_mqtt_add_forwarded(&broker->block, packet->properties.raw);
        post.forwarded = sv_textbuf_text(&broker->block);
    }
    if (sv_mqtt_has(&packet->properties, SV_MQTT_P_MESSAGE_EXPIRY)) {
        post.expires_us = sv_broker_after(broker->now_us, packet->properties.message_expiry_s);
    }
    reason = judge(broker, client, packet, &post);
    uint64_t group = reason == SV_MQTT_SUCCESS ? accept(broker, client, packet, &post) : 0;
    answer(broker, client, packet, group, reason);
    return SV_MQTT_SUCCESS;
}

uint64_t sv_broker_publish(sv_broker *broker, sv_text topic, sv_text payload, uint8_t qos,
                           bool retain, int64_t now_us) {
    assert(qos <= 2);
    broker->now_us = now_us;
    if (!sv_mqtt_topic_is_valid(topic) || sv_broker_levels(topic) > SV_MQTT_LEVELS_MAX) {
        return 0;
    }
    sv_broker_post post = { .topic = topic,
                            .payload = payload,
                            .expires_us = SV_BROKER_NEVER,
                            .qos = qos,
                            .retain = retain };
    if (retain && sv_broker_retained_fits(broker, &post)) {
        sv_broker_retain(broker, &post);
    }
    sv_broker_route(broker, &post);
    sv_broker_post_drop(&post);
    return post.group;
}
