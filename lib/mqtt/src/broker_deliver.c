// From the broker to its clients: the queue of each session, what is in flight of it, and what is
// sent again.
#include "broker_internal.h"
#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

static void tell_dropped(sv_broker *broker, const sv_broker_session *session, sv_text topic,
                         const char *cause) {
    sv_broker_peer peer = sv_broker_peer_of(session);
    sv_text named = sv_broker_named(broker, topic);
    sv_why why;
    (void) sv_fail(&why, SV_ERR_NO_SPACE, "a message of '" SV_TEXT_FMT "' to '%s' was dropped: %s",
                   SV_TEXT_ARG(named), peer.client_id, cause);
    sv_broker_tell(broker, SV_BROKER_DROPPED, &peer, &why);
}

static void count_bytes(sv_broker *broker, sv_broker_session *session, sv_broker_delivery *delivery,
                        size_t bytes) {
    session->queued_bytes += bytes - delivery->bytes;
    broker->queued_bytes += bytes - delivery->bytes;
    delivery->bytes = bytes;
}

static void unlink_delivery(sv_broker *broker, sv_broker_session *session,
                            sv_broker_delivery *delivery) {
    if (session->unsent == delivery) {
        session->unsent = delivery->next;
    }
    *(delivery->previous != NULL ? &delivery->previous->next : &session->first) = delivery->next;
    *(delivery->next != NULL ? &delivery->next->previous : &session->last) = delivery->previous;
    delivery->previous = NULL;
    delivery->next = NULL;
    count_bytes(broker, session, delivery, 0);
    session->queued--;
    session->queued_0 -= delivery->qos == 0 ? 1 : 0;
    broker->queued--;
}

void sv_broker_delivery_drop(sv_broker *broker, sv_broker_session *session,
                             sv_broker_delivery *delivery) {
    unlink_delivery(broker, session, delivery);
    sv_broker_forget_delivery(broker, session, delivery);
    sv_broker_let_go(&delivery->held);
    if (delivery->share != NULL) {
        sv_broker_share_let_go(delivery->share);
    }
    free(delivery);
}

/// The receiver may hold the id of a QoS 2 delivery that was tried: that one is seen through.
static bool may_drop(const sv_broker_delivery *delivery) {
    return delivery->state == SV_BROKER_WAITING && (delivery->qos < 2 || !delivery->tried);
}

static bool fits(const sv_broker *broker, const sv_broker_session *session, size_t bytes) {
    return session->queued < broker->limits.queue_messages_max
           && bytes <= broker->limits.queue_bytes_max
           && session->queued_bytes <= broker->limits.queue_bytes_max - bytes;
}

static bool make_room(sv_broker *broker, sv_broker_session *session, size_t bytes) {
    sv_broker_delivery *oldest = session->unsent;
    while (!fits(broker, session, bytes)) {
        while (oldest != NULL && !may_drop(oldest)) {
            oldest = oldest->next;
        }
        if (oldest == NULL || bytes > broker->limits.queue_bytes_max) {
            return false;
        }
        sv_broker_delivery *next = oldest->next;
        tell_dropped(broker, session, sv_broker_held_topic(oldest->held),
                     "its queue is full and it was the oldest");
        sv_broker_delivery_drop(broker, session, oldest);
        oldest = next;
    }
    return true;
}

/// The next packet id, in rising order; 0 when the oldest delivery still holds it.
static uint16_t next_id(const sv_broker_session *session) {
    uint16_t id = session->last_id == UINT16_MAX ? 1 : (uint16_t) (session->last_id + 1);
    for (const sv_broker_delivery *oldest = session->first; oldest != NULL; oldest = oldest->next) {
        if (oldest->id != 0) {
            return oldest->id == id ? 0 : id;
        }
    }
    return id;
}

bool sv_broker_enqueue(sv_broker *broker, sv_broker_session *session, sv_broker_delivery *delivery,
                       bool at_cost) {
    size_t bytes = sizeof *delivery + delivery->id_count * sizeof delivery->ids[0];
    bytes += delivery->held == NULL ? 0
                                    : delivery->held->topic_len + delivery->held->payload_len
                                          + delivery->held->forwarded_len;
    if (at_cost ? !make_room(broker, session, bytes) : !fits(broker, session, bytes)) {
        return false;
    }
    delivery->previous = session->last;
    delivery->next = NULL;
    *(session->last != NULL ? &session->last->next : &session->first) = delivery;
    session->last = delivery;
    session->unsent = session->unsent == NULL ? delivery : session->unsent;
    delivery->bytes = 0;
    count_bytes(broker, session, delivery, bytes);
    session->queued++;
    session->queued_0 += delivery->qos == 0 ? 1 : 0;
    broker->queued++;
    return true;
}

static sv_broker_delivery *delivery_new(sv_broker_post *post, const sv_broker_terms *terms) {
    sv_broker_delivery *delivery =
        sv_mem_new(sizeof *delivery + terms->id_count * sizeof delivery->ids[0]);
    if (post->held == NULL) {
        post->held = sv_broker_hold(post->topic, post->payload, post->forwarded, post->expires_us);
    }
    post->held->holders++;
    delivery->held = post->held;
    delivery->qos = terms->qos;
    delivery->retain = terms->retain;
    delivery->share = terms->share;
    if (delivery->share != NULL) {
        delivery->share->holders++;
    }
    delivery->id_count = terms->id_count;
    if (terms->id_count > 0) {
        memcpy(delivery->ids, terms->ids, terms->id_count * sizeof delivery->ids[0]);
    }
    return delivery;
}

/// Takes the delivery over, wherever it was before; freed when there is no room.
static void queue_delivery(sv_broker *broker, sv_broker_session *session,
                           sv_broker_delivery *delivery) {
    delivery->id = delivery->qos > 0 ? next_id(session) : 0;
    if ((delivery->qos > 0 && delivery->id == 0)
        || !sv_broker_enqueue(broker, session, delivery, delivery->qos > 0)) {
        tell_dropped(broker, session, sv_broker_held_topic(delivery->held), "its queue is full");
        sv_broker_let_go(&delivery->held);
        if (delivery->share != NULL) {
            sv_broker_share_let_go(delivery->share);
        }
        free(delivery);
        return;
    }
    session->last_id = delivery->id != 0 ? delivery->id : session->last_id;
    delivery->number = session->next_number++;
    delivery->group = sv_broker_keep_delivery(broker, session, delivery);
}

static uint32_t seconds_left(const sv_broker *broker, int64_t expires_us) {
    int64_t left_us = expires_us - broker->now_us;
    return left_us <= 0 ? 0 : (uint32_t) ((left_us + 999999) / 1000000);
}

/// A topic gets a number while its place is free; a newcomer takes the place of whom it falls on,
/// and the number when it comes again.
static void use_alias(sv_broker *broker, sv_broker_client *client, sv_mqtt_publish *publish) {
    if (client->aliases_out == NULL) {
        client->aliases_out = sv_mem_array(client->aliases_out_max, sizeof *client->aliases_out);
    }
    uint64_t hash = sv_hash(broker->hash_key, publish->topic.at, publish->topic.len);
    size_t place = hash % client->aliases_out_max;
    sv_broker_alias *alias = &client->aliases_out[place];
    bool is_free = alias->topic == NULL;
    bool is_known =
        !is_free && sv_text_eq(publish->topic, (sv_text){ .at = alias->topic, .len = alias->len });
    if (!is_known) {
        free(alias->topic);
        *alias = (sv_broker_alias){
            .topic = sv_mem_copy_str(publish->topic.at, publish->topic.len),
            .len = publish->topic.len,
        };
    }
    if (!is_known && !is_free) {
        return;
    }
    publish->topic_alias = (uint16_t) (place + 1);
    if (alias->told) {
        publish->topic = SV_TEXT("");
    }
    alias->told = true;
}

/// False when it is larger than what the client takes.
static bool send_publish(sv_broker *broker, sv_broker_client *client, sv_mqtt_publish publish) {
    // With an alias told for the first time a packet is three bytes longer.
    size_t longer = client->aliases_out_max > 0 ? 3 : 0;
    if (client->packet_max < SV_MQTT_REMAINING_MAX
        && sv_mqtt_publish_bytes(client->version, &publish) + longer > client->packet_max) {
        return false;
    }
    if (client->aliases_out_max > 0) {
        use_alias(broker, client, &publish);
    }
    sv_textbuf_clear(&broker->packet);
    sv_mqtt_add_publish(&broker->packet, client->version, &publish);
    broker->counts.delivered++;
    sv_broker_send(broker, client, sv_textbuf_text(&broker->packet));
    return true;
}

/// QoS 0, without a queue.
static void send_now(sv_broker *broker, sv_broker_session *session, const sv_broker_post *post,
                     const sv_broker_terms *terms) {
    sv_mqtt_publish publish = {
        .topic = post->topic,
        .payload = post->payload,
        .retain = terms->retain,
        .has_expiry = post->expires_us != SV_BROKER_NEVER,
        .expiry_s = seconds_left(broker, post->expires_us),
        .subscription_ids = terms->ids,
        .subscription_id_count = terms->id_count,
        .forwarded = post->forwarded,
    };
    if (!send_publish(broker, session->client, publish)) {
        tell_dropped(broker, session, post->topic, "it is larger than the client takes");
    }
}

static bool is_backed_up(const sv_broker *broker, const sv_broker_client *client) {
    return broker->hooks.waiting(client->link) > broker->limits.waiting_max;
}

void sv_broker_deliver(sv_broker *broker, sv_broker_session *session, sv_broker_post *post,
                       const sv_broker_terms *terms) {
    if (terms->qos == 0) {
        sv_broker_client *client = session->client;
        if (client == NULL) {
            return;
        }
        // What waits already is older and goes first.
        bool waits = session->queued_0 > 0 || !client->greeted;
        if (!waits && !is_backed_up(broker, client)) {
            send_now(broker, session, post, terms);
            return;
        }
        if (!waits && !terms->patient) {
            tell_dropped(broker, session, post->topic, "the client reads too slowly");
            return;
        }
    }
    sv_broker_delivery *delivery = delivery_new(post, terms);
    queue_delivery(broker, session, delivery);
    post->group = session->last != NULL && session->last->group > post->group ? session->last->group
                                                                              : post->group;
    sv_broker_pump(broker, session);
}

static void send_release(sv_broker *broker, sv_broker_client *client, uint16_t id) {
    sv_textbuf_clear(&broker->packet);
    sv_mqtt_add_ack(&broker->packet, client->version, SV_MQTT_PUBREL, id, SV_MQTT_SUCCESS);
    sv_broker_send(broker, client, sv_textbuf_text(&broker->packet));
}

static bool send_delivery(sv_broker *broker, sv_broker_client *client,
                          const sv_broker_delivery *delivery) {
    sv_mqtt_publish publish = {
        .topic = sv_broker_held_topic(delivery->held),
        .payload = sv_broker_held_payload(delivery->held),
        .qos = delivery->qos,
        .retain = delivery->retain,
        .dup = delivery->tried && delivery->qos > 0,
        .id = delivery->id,
        .has_expiry = delivery->held->expires_us != SV_BROKER_NEVER,
        .expiry_s = seconds_left(broker, delivery->held->expires_us),
        .subscription_ids = delivery->ids,
        .subscription_id_count = delivery->id_count,
        .forwarded = sv_broker_held_forwarded(delivery->held),
    };
    return send_publish(broker, client, publish);
}

static bool is_expired(const sv_broker *broker, const sv_broker_delivery *delivery) {
    return may_drop(delivery) && delivery->held->expires_us <= broker->now_us;
}

/// One step of the pump: sends the delivery, or drops it.
static void advance(sv_broker *broker, sv_broker_session *session, sv_broker_delivery *delivery) {
    sv_broker_client *client = session->client;
    const char *cause = NULL;
    if (delivery->state == SV_BROKER_RELEASED) {
        send_release(broker, client, delivery->id);
    } else if (is_expired(broker, delivery)) {
        cause = "it has expired";
    } else if (!send_delivery(broker, client, delivery)) {
        cause = "it is larger than the client takes";
    }
    if (cause != NULL) {
        tell_dropped(broker, session, sv_broker_held_topic(delivery->held), cause);
        sv_broker_delivery_drop(broker, session, delivery);
        return;
    }
    if (delivery->qos == 0) {
        sv_broker_delivery_drop(broker, session, delivery);
        return;
    }
    session->unsent = delivery->next;
    session->inflight++;
    delivery->tried = true;
    if (delivery->state == SV_BROKER_WAITING) {
        delivery->state = SV_BROKER_SENT;
    }
}

static size_t window(const sv_broker *broker, const sv_broker_client *client) {
    return client->receive_max < broker->limits.inflight_max ? client->receive_max
                                                             : broker->limits.inflight_max;
}

void sv_broker_pump(sv_broker *broker, sv_broker_session *session) {
    sv_broker_client *client = session->client;
    if (client == NULL || !client->greeted) {
        return;
    }
    while (session->unsent != NULL && !is_backed_up(broker, client)) {
        sv_broker_delivery *delivery = session->unsent;
        if (delivery->qos > 0 && session->inflight >= window(broker, client)) {
            return;
        }
        // Exactly once needs the disk to know the id before the receiver does.
        if (delivery->qos == 2 && delivery->group > broker->settled) {
            sv_broker_mark_busy(broker, client);
            return;
        }
        advance(broker, session, delivery);
    }
}

static sv_broker_delivery *find_in_flight(const sv_broker_session *session, uint16_t id) {
    for (sv_broker_delivery *delivery = session->first;
         delivery != NULL && delivery != session->unsent; delivery = delivery->next) {
        if (delivery->id == id) {
            return delivery;
        }
    }
    return NULL;
}

static void finish(sv_broker *broker, sv_broker_session *session, sv_broker_delivery *delivery) {
    session->inflight--;
    sv_broker_delivery_drop(broker, session, delivery);
    sv_broker_pump(broker, session);
}

static void release(sv_broker *broker, sv_broker_session *session, sv_broker_delivery *delivery) {
    if (delivery->state != SV_BROKER_RELEASED) {
        delivery->state = SV_BROKER_RELEASED;
        sv_broker_let_go(&delivery->held);
        delivery->id_count = 0;
        count_bytes(broker, session, delivery, sizeof *delivery);
        delivery->group = sv_broker_keep_delivery(broker, session, delivery);
    }
    // Had the receiver our PUBREL before the disk has this state, a restart would send anew.
    sv_broker_push(
        broker, session->client,
        (sv_broker_ack){ .group = delivery->group, .type = SV_MQTT_PUBREL, .id = delivery->id });
}

static void take_received(sv_broker *broker, sv_broker_client *client, uint16_t id, uint8_t code) {
    sv_broker_delivery *delivery = find_in_flight(client->session, id);
    if (delivery == NULL) {
        sv_broker_push(
            broker, client,
            (sv_broker_ack){ .type = SV_MQTT_PUBREL, .id = id, .reason = SV_MQTT_ID_NOT_FOUND });
    } else if (code >= SV_MQTT_UNSPECIFIED) {
        finish(broker, client->session, delivery);
    } else {
        release(broker, client->session, delivery);
    }
}

sv_mqtt_reason sv_broker_take_ack(sv_broker *broker, sv_broker_client *client,
                                  const sv_mqtt_packet *packet, sv_why *why) {
    sv_broker_delivery *delivery = find_in_flight(client->session, packet->id);
    if (delivery != NULL && (packet->type == SV_MQTT_PUBACK) != (delivery->qos == 1)) {
        (void) sv_fail(why, SV_ERR_INVALID, "packet %u was answered as if it had another QoS",
                       packet->id);
        return SV_MQTT_PROTOCOL_ERROR;
    }
    if (packet->type == SV_MQTT_PUBREC) {
        take_received(broker, client, packet->id, packet->code);
    } else if (delivery != NULL
               && (packet->type == SV_MQTT_PUBACK || delivery->state == SV_BROKER_RELEASED)) {
        finish(broker, client->session, delivery);
    }
    return SV_MQTT_SUCCESS;
}

void sv_broker_rewind(sv_broker *broker, sv_broker_session *session) {
    for (sv_broker_delivery *next = session->first; next != NULL;) {
        sv_broker_delivery *delivery = next;
        next = delivery->next;
        if (delivery->qos == 0) {
            sv_broker_delivery_drop(broker, session, delivery);
        } else if (delivery->state == SV_BROKER_SENT) {
            delivery->state = SV_BROKER_WAITING;
        }
    }
    session->unsent = session->first;
    session->inflight = 0;
}

static void pass_one(sv_broker *broker, sv_broker_session *session, sv_broker_delivery *delivery,
                     const sv_broker_subscription *member) {
    unlink_delivery(broker, session, delivery);
    sv_broker_forget_delivery(broker, session, delivery);
    delivery->qos = member->qos < delivery->qos ? member->qos : delivery->qos;
    delivery->id_count = 0;
    delivery->tried = false;
    queue_delivery(broker, member->session, delivery);
    sv_broker_pump(broker, member->session);
}

void sv_broker_pass_on(sv_broker *broker, sv_broker_session *session, bool ends) {
    for (sv_broker_delivery *next = session->first; next != NULL;) {
        sv_broker_delivery *delivery = next;
        next = delivery->next;
        if (delivery->share == NULL || !may_drop(delivery)) {
            continue;
        }
        const sv_broker_subscription *member = sv_broker_share_next(delivery->share, session, true);
        if (member == NULL && ends) {
            member = sv_broker_share_next(delivery->share, session, false);
        }
        if (member != NULL) {
            pass_one(broker, session, delivery, member);
        }
    }
}

void sv_broker_sweep_queue(sv_broker *broker, sv_broker_session *session) {
    for (sv_broker_delivery *next = session->first; next != NULL;) {
        sv_broker_delivery *delivery = next;
        next = delivery->next;
        if (is_expired(broker, delivery)) {
            tell_dropped(broker, session, sv_broker_held_topic(delivery->held), "it has expired");
            sv_broker_delivery_drop(broker, session, delivery);
        }
    }
}
