// One connection: bytes in, answers out in their order, and its end.
#include "broker_internal.h"
#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

enum { ACKS_FIRST = 16, BATCH_BYTES = 4096 };

void sv_broker_send(sv_broker *broker, sv_broker_client *client, sv_text bytes) {
    broker->counts.bytes_out += bytes.len;
    broker->hooks.send(client->link, bytes);
}

void sv_broker_mark_busy(sv_broker *broker, sv_broker_client *client) {
    if (client->busy) {
        return;
    }
    client->busy = true;
    client->busy_previous = NULL;
    client->busy_next = broker->busy;
    if (broker->busy != NULL) {
        broker->busy->busy_previous = client;
    }
    broker->busy = client;
}

static void unmark_busy(sv_broker *broker, sv_broker_client *client) {
    if (!client->busy) {
        return;
    }
    client->busy = false;
    *(client->busy_previous != NULL ? &client->busy_previous->busy_next : &broker->busy) =
        client->busy_next;
    if (client->busy_next != NULL) {
        client->busy_next->busy_previous = client->busy_previous;
    }
}

static void grow_acks(sv_broker_client *client) {
    size_t cap = client->ack_cap == 0 ? ACKS_FIRST : client->ack_cap * 2;
    sv_broker_ack *acks = sv_mem_array(cap, sizeof *acks);
    for (size_t i = 0; i < client->ack_count; i++) {
        acks[i] = client->acks[(client->ack_first + i) & (client->ack_cap - 1)];
    }
    free(client->acks);
    client->acks = acks;
    client->ack_cap = cap;
    client->ack_first = 0;
}

void sv_broker_push(sv_broker *broker, sv_broker_client *client, sv_broker_ack ack) {
    if (client->ack_count == client->ack_cap) {
        grow_acks(client);
    }
    client->acks[(client->ack_first + client->ack_count) & (client->ack_cap - 1)] = ack;
    client->ack_count++;
    sv_broker_mark_busy(broker, client);
}

/// One PUBLISH of the client less is open.
static void note_answered(sv_broker_client *client, const sv_broker_ack *ack) {
    bool ends = ack->type == SV_MQTT_PUBACK || ack->type == SV_MQTT_PUBCOMP
                || (ack->type == SV_MQTT_PUBREC && ack->reason >= SV_MQTT_UNSPECIFIED);
    client->open -= ends && client->open > 0 ? 1 : 0;
}

static void add_answer(sv_textbuf *out, const sv_broker_client *client, const sv_broker_ack *ack) {
    if (ack->bytes != NULL) {
        sv_textbuf_add(out, (sv_text){ .at = ack->bytes, .len = ack->len });
    } else if (ack->type == SV_MQTT_PINGRESP) {
        sv_mqtt_add_empty(out, SV_MQTT_PINGRESP);
    } else {
        sv_mqtt_add_ack(out, client->version, (sv_mqtt_type) ack->type, ack->id,
                        (sv_mqtt_reason) ack->reason);
    }
}

/// What is larger than the client takes is not sent [5 §3.1.2.11.4].
static void add_fitting(sv_textbuf *out, const sv_broker_client *client, const sv_broker_ack *ack) {
    size_t before = out->len;
    add_answer(out, client, ack);
    if (out->len - before > client->packet_max) {
        out->len = before;
    }
}

static void send_batch(sv_broker *broker, sv_broker_client *client) {
    if (broker->packet.len > 0) {
        sv_broker_send(broker, client, sv_textbuf_text(&broker->packet));
    }
    sv_textbuf_clear(&broker->packet);
}

static void send_answers(sv_broker *broker, sv_broker_client *client) {
    sv_textbuf_clear(&broker->packet);
    while (client->ack_count > 0) {
        sv_broker_ack *ack = &client->acks[client->ack_first];
        if (ack->group > broker->settled) {
            break;
        }
        add_fitting(&broker->packet, client, ack);
        note_answered(client, ack);
        client->greeted = client->greeted || ack->type == SV_MQTT_CONNACK;
        free(ack->bytes);
        ack->bytes = NULL;
        client->ack_first = (client->ack_first + 1) & (client->ack_cap - 1);
        client->ack_count--;
        if (broker->packet.len >= BATCH_BYTES) {
            send_batch(broker, client);
        }
    }
    send_batch(broker, client);
}

void sv_broker_flush(sv_broker *broker, sv_broker_client *client) {
    send_answers(broker, client);
    if (client->ack_count == 0) {
        unmark_busy(broker, client);
    }
    if (client->session != NULL && client->session->unsent != NULL) {
        sv_broker_pump(broker, client->session);
    }
}

static void drop_aliases(sv_broker_alias **aliases, size_t count) {
    for (size_t i = 0; *aliases != NULL && i < count; i++) {
        free((*aliases)[i].topic);
    }
    free(*aliases);
    *aliases = NULL;
}

static void client_free(sv_broker *broker, sv_broker_client *client) {
    unmark_busy(broker, client);
    *(client->previous != NULL ? &client->previous->next : &broker->clients) = client->next;
    if (client->next != NULL) {
        client->next->previous = client->previous;
    }
    broker->client_count--;
    sv_broker_person_leave(broker, client);
    for (size_t i = 0; i < client->ack_count; i++) {
        free(client->acks[(client->ack_first + i) & (client->ack_cap - 1)].bytes);
    }
    free(client->acks);
    drop_aliases(&client->aliases_in, broker->limits.topic_alias_max);
    drop_aliases(&client->aliases_out, client->aliases_out_max);
    free(client);
}

/// After the connection: the will at once or later, the session for as long as it was asked for.
static void leave(sv_broker *broker, sv_broker_session *session) {
    bool persists = sv_broker_session_persists(session);
    session->expires_us = sv_broker_after(broker->now_us, session->expiry_s);
    if (session->will != NULL) {
        int64_t due_us = sv_broker_after(broker->now_us, session->will->delay_s);
        session->will_due_us = due_us < session->expires_us ? due_us : session->expires_us;
        if (session->will_due_us <= broker->now_us) {
            sv_broker_will_publish(broker, session);
        }
    }
    if (persists) {
        sv_broker_pass_on(broker, session, false);
        (void) sv_broker_keep_session(broker, session);
    } else {
        sv_broker_session_end(broker, session);
    }
}

void sv_broker_part(sv_broker *broker, sv_broker_client *client, sv_broker_parting parting,
                    const sv_why *why) {
    sv_broker_session *session = client->session;
    if (session != NULL) {
        session->client = NULL;
        sv_broker_tell(broker, SV_BROKER_DISCONNECTED, &client->peer, why);
    }
    client_free(broker, client);
    if (session == NULL) {
        return;
    }
    sv_broker_rewind(broker, session);
    if (parting == SV_BROKER_PART_PAUSE) {
        session->up_before = true;
        return;
    }
    if (parting == SV_BROKER_PART_GOODBYE) {
        sv_broker_will_drop(&session->will);
    }
    leave(broker, session);
}

/// A reason of a server's DISCONNECT [5 §3.14.2.1]; the sentence where it fits.
static void say_goodbye(sv_broker *broker, sv_broker_client *client, sv_mqtt_reason reason,
                        const sv_why *why) {
    sv_text sentence = why == NULL ? SV_TEXT("") : sv_text_of(why->text);
    sv_textbuf_clear(&broker->packet);
    sv_mqtt_add_disconnect(&broker->packet, client->version, reason, sentence, NULL);
    if (broker->packet.len > client->packet_max) {
        sv_textbuf_clear(&broker->packet);
        sv_mqtt_add_disconnect(&broker->packet, client->version, reason, SV_TEXT(""), NULL);
    }
    if (broker->packet.len <= client->packet_max) {
        sv_broker_send(broker, client, sv_textbuf_text(&broker->packet));
    }
}

void sv_broker_cut(sv_broker *broker, sv_broker_client *client, sv_mqtt_reason reason,
                   sv_broker_parting parting, const sv_why *why) {
    if (client->session != NULL) {
        send_answers(broker, client);
        if (client->greeted && client->version == SV_MQTT_V5) {
            say_goodbye(broker, client, reason, why);
        }
    }
    broker->hooks.close(client->link);
    sv_broker_part(broker, client, parting, why);
}

static sv_mqtt_reason take_disconnect(sv_broker *broker, sv_broker_client *client,
                                      const sv_mqtt_packet *packet, sv_why *why) {
    sv_broker_session *session = client->session;
    if (sv_mqtt_has(&packet->properties, SV_MQTT_P_SESSION_EXPIRY)) {
        uint32_t asked = packet->properties.session_expiry_s;
        if (asked > 0 && session->expiry_s == 0) {
            (void) sv_fail(why, SV_ERR_INVALID,
                           "DISCONNECT gives a session an expiry that CONNECT did not");
            return SV_MQTT_PROTOCOL_ERROR;
        }
        uint32_t longest = broker->limits.session_expiry_max_s;
        session->expiry_s = asked < longest ? asked : longest;
    }
    send_answers(broker, client);
    bool goodbye = packet->code == SV_MQTT_SUCCESS;
    (void) sv_fail(why, SV_OK, "the client said goodbye (0x%02x)", packet->code);
    broker->hooks.close(client->link);
    sv_broker_part(broker, client, goodbye ? SV_BROKER_PART_GOODBYE : SV_BROKER_PART_LOST, why);
    return SV_MQTT_SUCCESS;
}

static sv_mqtt_reason take_packet(sv_broker *broker, sv_broker_client *client,
                                  const sv_mqtt_packet *packet, sv_why *why) {
    switch (packet->type) {
    case SV_MQTT_PUBLISH:
        return sv_broker_take_publish(broker, client, packet, why);
    case SV_MQTT_PUBACK:
    case SV_MQTT_PUBREC:
    case SV_MQTT_PUBCOMP:
        return sv_broker_take_ack(broker, client, packet, why);
    case SV_MQTT_PUBREL:
        sv_broker_take_release(broker, client, packet->id);
        return SV_MQTT_SUCCESS;
    case SV_MQTT_SUBSCRIBE:
        sv_broker_take_subscribe(broker, client, packet);
        return SV_MQTT_SUCCESS;
    case SV_MQTT_UNSUBSCRIBE:
        sv_broker_take_unsubscribe(broker, client, packet);
        return SV_MQTT_SUCCESS;
    case SV_MQTT_PINGREQ:
        sv_broker_push(broker, client, (sv_broker_ack){ .type = SV_MQTT_PINGRESP });
        return SV_MQTT_SUCCESS;
    case SV_MQTT_CONNECT:
    case SV_MQTT_CONNACK:
    case SV_MQTT_SUBACK:
    case SV_MQTT_UNSUBACK:
    case SV_MQTT_PINGRESP:
    case SV_MQTT_DISCONNECT:
    case SV_MQTT_AUTH:
        break;
    }
    (void) sv_fail(why, SV_ERR_INVALID, "a packet of type %d has no place here",
                   (int) packet->type);
    return SV_MQTT_PROTOCOL_ERROR;
}

/// Answers a broken packet; the client is gone then.
static void end_broken(sv_broker *broker, sv_broker_client *client, sv_mqtt_reason reason,
                       const sv_why *why) {
    sv_broker_tell(broker, client->session == NULL ? SV_BROKER_REFUSED : SV_BROKER_BROKEN,
                   &client->peer, why);
    sv_broker_cut(broker, client, reason, SV_BROKER_PART_LOST, why);
}

/// One whole packet. False: the client is gone.
static bool take_one(sv_broker *broker, sv_broker_client *client, sv_text bytes) {
    sv_why why = { .text = "" };
    sv_mqtt_packet packet;
    sv_mqtt_reason reason = SV_MQTT_SUCCESS;
    if (client->session == NULL) {
        reason = sv_broker_connect(broker, client, bytes, &why);
    } else if (sv_mqtt_packet_parse(bytes, client->version, SV_MQTT_FOR_SERVER, &packet, &reason,
                                    &why)
               == SV_OK) {
        if (packet.type == SV_MQTT_DISCONNECT) {
            reason = take_disconnect(broker, client, &packet, &why);
            if (reason == SV_MQTT_SUCCESS) {
                return false;
            }
        } else {
            reason = take_packet(broker, client, &packet, &why);
        }
    }
    if (reason != SV_MQTT_SUCCESS) {
        end_broken(broker, client, reason, &why);
        return false;
    }
    return true;
}

/// What the fixed header alone says: *out_len is the whole packet's length, 0 when it has not come.
static sv_mqtt_reason look_ahead(const sv_broker *broker, const sv_broker_client *client,
                                 sv_text bytes, size_t *out_len, sv_why *why) {
    size_t len = 0;
    *out_len = 0;
    if (client->session == NULL && bytes.len > 0 && (uint8_t) bytes.at[0] >> 4 != SV_MQTT_CONNECT) {
        (void) sv_fail(why, SV_ERR_INVALID, "the first packet is no CONNECT");
        return SV_MQTT_PROTOCOL_ERROR;
    }
    sv_err err = sv_mqtt_packet_length(bytes, &len);
    if (err == SV_ERR_STATE) {
        return SV_MQTT_SUCCESS;
    }
    if (err != SV_OK) {
        (void) sv_fail(why, SV_ERR_INVALID, "a packet begins with 0x%02x, which is not one of MQTT",
                       (unsigned) (uint8_t) bytes.at[0]);
        return SV_MQTT_MALFORMED;
    }
    if (len > broker->limits.packet_max) {
        (void) sv_fail(why, SV_ERR_NO_SPACE, "a packet of %zu bytes is larger than the %zu allowed",
                       len, broker->limits.packet_max);
        return SV_MQTT_PACKET_TOO_LARGE;
    }
    *out_len = len <= bytes.len ? len : 0;
    return SV_MQTT_SUCCESS;
}

static bool is_unread(const sv_broker *broker, const sv_broker_client *client) {
    return broker->hooks.waiting(client->link) > broker->limits.waiting_max + SV_BROKER_BACKLOG_MAX
           || client->ack_count > SV_BROKER_ACKS_MAX;
}

/// Whether the client may go on after a packet, and for what reason not.
static sv_mqtt_reason check_client(sv_broker *broker, const sv_broker_client *client, sv_why *why) {
    if (is_unread(broker, client)) {
        (void) sv_fail(why, SV_ERR_NO_SPACE, "the client sends and does not read the answers");
        return SV_MQTT_QUOTA_EXCEEDED;
    }
    return SV_MQTT_SUCCESS;
}

const sv_broker_peer *sv_broker_who(const sv_broker_client *client) {
    return &client->peer;
}

size_t sv_broker_bytes(sv_broker *broker, sv_broker_client *client, sv_text arrived, int64_t now_us,
                       bool *out_closed) {
    size_t taken = 0;
    sv_why why = { .text = "" };
    broker->now_us = now_us;
    *out_closed = false;
    sv_mqtt_reason reason = check_client(broker, client, &why);
    while (reason == SV_MQTT_SUCCESS) {
        sv_text rest = { .at = arrived.at + taken, .len = arrived.len - taken };
        size_t len = 0;
        reason = look_ahead(broker, client, rest, &len, &why);
        if (reason != SV_MQTT_SUCCESS || len == 0) {
            break;
        }
        client->heard_us = now_us;
        broker->counts.bytes_in += len;
        taken += len;
        if (!take_one(broker, client, (sv_text){ .at = rest.at, .len = len })) {
            *out_closed = true;
            return taken;
        }
        if (client->ack_count > SV_BROKER_ACKS_MAX) {
            reason = check_client(broker, client, &why);
        }
    }
    if (reason != SV_MQTT_SUCCESS) {
        end_broken(broker, client, reason, &why);
        *out_closed = true;
        return taken;
    }
    sv_broker_flush(broker, client);
    return taken;
}
