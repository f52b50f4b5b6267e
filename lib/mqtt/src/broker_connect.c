// CONNECT: who it is, which session that gives, what is agreed on.
#include "broker_internal.h"
#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_ROOM = SV_BROKER_KEY_MAX + 1 };

/// CONNACK with a reason, at once: nothing that came of this client waits.
static void refuse(sv_broker *broker, sv_broker_client *client, sv_mqtt_version version,
                   sv_mqtt_reason reason) {
    sv_textbuf_clear(&broker->packet);
    sv_mqtt_add_connack(&broker->packet, version, false, reason, NULL);
    if (broker->packet.len <= client->packet_max) {
        sv_broker_send(broker, client, sv_textbuf_text(&broker->packet));
    }
}

static sv_mqtt_reason check_version(sv_broker *broker, sv_broker_client *client, sv_text bytes,
                                    sv_why *why) {
    unsigned version = 0;
    if (sv_mqtt_connect_version(bytes, &version, why) != SV_OK) {
        return SV_MQTT_MALFORMED;
    }
    if (version != SV_MQTT_V311 && version != SV_MQTT_V5) {
        (void) sv_fail(why, SV_ERR_INVALID,
                       "the client speaks version %u of MQTT, not 4 (3.1.1) or 5", version);
        refuse(broker, client, version > SV_MQTT_V5 ? SV_MQTT_V5 : SV_MQTT_V311,
               SV_MQTT_UNSUPPORTED_VERSION);
        return SV_MQTT_UNSUPPORTED_VERSION;
    }
    client->version = (sv_mqtt_version) version;
    return SV_MQTT_SUCCESS;
}

static bool is_local_id(sv_text id) {
    for (size_t i = 0; i < id.len; i++) {
        uint8_t byte = (uint8_t) id.at[i];
        if (byte < 0x20 || byte == 0x7F || byte == '+' || byte == '#') {
            return false;
        }
    }
    return id.len <= SV_BROKER_CLIENT_ID_MAX;
}

/// The certificate's id; an app may add `.` and a word.
static bool is_id_of(const sv_identity *identity, sv_text id) {
    sv_text own = sv_text_of(identity->id);
    if (!sv_text_starts(id, own) || id.len > SV_BROKER_CLIENT_ID_MAX) {
        return false;
    }
    sv_text rest = { .at = id.at + own.len, .len = id.len - own.len };
    if (rest.len == 0) {
        return true;
    }
    sv_text word = { .at = rest.at + 1, .len = rest.len - 1 };
    return identity->role == SV_ROLE_APP && rest.at[0] == '.' && sv_id_is_valid(word);
}

/// Writes the session's key; the client id is what follows its first two bytes.
static sv_mqtt_reason name_client(sv_broker *broker, const sv_broker_client *client,
                                  const sv_mqtt_connect *connect, sv_textbuf *key, sv_why *why) {
    bool local = client->peer.local;
    sv_text id = connect->client_id;
    sv_textbuf_add_str(key, local ? "l/" : "c/");
    if (id.len == 0) {
        if (connect->version == SV_MQTT_V311 && !connect->clean_session) {
            (void) sv_fail(why, SV_ERR_INVALID, "no client id, and no clean session [§3.1.3.1]");
            return SV_MQTT_CLIENT_ID_INVALID;
        }
        uint64_t name = sv_hash(broker->hash_key, &broker->names_made, sizeof broker->names_made);
        broker->names_made++;
        if (local) {
            sv_textbuf_addf(key, "local-%016llx", (unsigned long long) name);
        } else {
            sv_textbuf_add_str(key, client->peer.identity.id);
        }
        return SV_MQTT_SUCCESS;
    }
    if (local ? !is_local_id(id) : !is_id_of(&client->peer.identity, id)) {
        (void) sv_fail(why, SV_ERR_UNTRUSTED, "client id '" SV_TEXT_FMT "' is not for '%s'",
                       (int) (id.len < 128 ? id.len : 128), id.at,
                       local ? "a local program" : client->peer.identity.id);
        return SV_MQTT_CLIENT_ID_INVALID;
    }
    sv_textbuf_add(key, id);
    return SV_MQTT_SUCCESS;
}

static sv_mqtt_reason check_peer(const sv_broker *broker, const sv_broker_client *client,
                                 const sv_mqtt_connect *connect, sv_why *why) {
    const sv_broker_peer *peer = &client->peer;
    if (sv_mqtt_has(&connect->properties, SV_MQTT_P_AUTH_METHOD)) {
        (void) sv_fail(why, SV_ERR_INVALID, "there is no authentication but the certificate");
        return SV_MQTT_BAD_AUTH_METHOD;
    }
    if (!peer->local && peer->identity.not_after_us <= sv_broker_wall(broker, broker->now_us)) {
        (void) sv_fail(why, SV_ERR_UNTRUSTED, "the certificate of '%s' has ended",
                       peer->identity.id);
        return SV_MQTT_NOT_AUTHORIZED;
    }
    return SV_MQTT_SUCCESS;
}

static sv_mqtt_reason check_will(sv_broker *broker, const sv_broker_client *client,
                                 const sv_mqtt_connect *connect, sv_why *why) {
    if (!connect->has_will) {
        return SV_MQTT_SUCCESS;
    }
    sv_text topic = connect->will_topic;
    sv_text answer = connect->will_properties.response_topic;
    if (!sv_mqtt_topic_is_valid(topic) || sv_broker_levels(topic) > SV_MQTT_LEVELS_MAX) {
        (void) sv_fail(why, SV_ERR_INVALID, "the topic of the will is not one");
        return SV_MQTT_TOPIC_INVALID;
    }
    bool may = broker->hooks.may_publish(broker->arg, &client->peer, topic)
               && (!sv_mqtt_has(&connect->will_properties, SV_MQTT_P_RESPONSE_TOPIC)
                   || (sv_mqtt_topic_is_valid(answer)
                       && broker->hooks.may_publish(broker->arg, &client->peer, answer)));
    if (!may) {
        sv_text named = sv_broker_named(broker, topic);
        (void) sv_fail(why, SV_ERR_UNTRUSTED, "'%s' may not have a will for '" SV_TEXT_FMT "'",
                       client->peer.client_id, SV_TEXT_ARG(named));
        sv_broker_tell(broker, SV_BROKER_DENIED, &client->peer, why);
        return SV_MQTT_NOT_AUTHORIZED;
    }
    return SV_MQTT_SUCCESS;
}

static sv_mqtt_reason check_room(const sv_broker *broker, const sv_broker_client *client,
                                 sv_text key, sv_why *why) {
    size_t sessions = sv_map_count(broker->sessions);
    const sv_identity *identity = &client->peer.identity;
    if (sv_map_get(broker->sessions, key) != NULL) {
        return SV_MQTT_SUCCESS;
    }
    size_t own = client->person == NULL ? 0 : client->person->session_count;
    if (sessions >= SV_BROKER_SESSIONS_MAX || own >= broker->limits.connections_max) {
        (void) sv_fail(why, SV_ERR_NO_SPACE, "there are %zu sessions already, %zu of '%s'",
                       sessions, own, identity->id);
        return SV_MQTT_QUOTA_EXCEEDED;
    }
    return SV_MQTT_SUCCESS;
}

/// The one who has the session now makes room.
static void take_over(sv_broker *broker, sv_broker_session *session) {
    sv_why why;
    sv_broker_peer peer = sv_broker_peer_of(session);
    (void) sv_fail(&why, SV_ERR_STATE, "'%s' has connected again", peer.client_id);
    sv_broker_tell(broker, SV_BROKER_TAKEN_OVER, &session->client->peer, &why);
    sv_broker_cut(broker, session->client, SV_MQTT_TAKEN_OVER, SV_BROKER_PART_LOST, &why);
}

/// What there is of the session before goes on, or ends here. NULL: nothing goes on.
static sv_broker_session *find_session(sv_broker *broker, sv_text key, bool clean) {
    sv_broker_session *session = sv_map_get(broker->sessions, key);
    if (session != NULL && session->client != NULL) {
        take_over(broker, session);
        session = sv_map_get(broker->sessions, key);
    }
    if (session == NULL || (!clean && sv_broker_session_persists(session))) {
        return session;
    }
    // The session ends, and with it the wait of its will; but who was torn away by our own restart
    // and is back has not died.
    if (session->will != NULL && !session->up_before) {
        sv_broker_will_publish(broker, session);
    }
    sv_broker_session_end(broker, session);
    return NULL;
}

static sv_broker_will *will_of(sv_broker *broker, const sv_mqtt_connect *connect) {
    if (!connect->has_will) {
        return NULL;
    }
    const sv_mqtt_properties *properties = &connect->will_properties;
    sv_broker_will *will = sv_mem_new(sizeof *will);
    sv_textbuf_clear(&broker->block);
    sv_mqtt_add_forwarded(&broker->block, properties->raw);
    will->held = sv_broker_hold(connect->will_topic, connect->will_payload,
                                sv_textbuf_text(&broker->block), SV_BROKER_NEVER);
    will->qos = connect->will_qos;
    will->retain = connect->will_retain;
    will->has_expiry = sv_mqtt_has(properties, SV_MQTT_P_MESSAGE_EXPIRY);
    will->expiry_s = will->has_expiry ? properties->message_expiry_s : 0;
    will->delay_s = properties->will_delay_s;
    return will;
}

static uint32_t expiry_of(const sv_broker *broker, const sv_mqtt_connect *connect) {
    uint32_t longest = broker->limits.session_expiry_max_s;
    if (connect->version == SV_MQTT_V311) {
        return connect->clean_session ? 0 : longest;
    }
    uint32_t asked = sv_mqtt_has(&connect->properties, SV_MQTT_P_SESSION_EXPIRY)
                         ? connect->properties.session_expiry_s
                         : 0;
    return asked < longest ? asked : longest;
}

/// 5: none, or one that is too long, becomes ours. 3.1.1 cannot be told, so its own word counts.
static uint16_t keepalive_of(const sv_broker *broker, const sv_mqtt_connect *connect) {
    uint16_t longest = broker->limits.keepalive_max_s;
    bool ours = connect->version == SV_MQTT_V5
                && (connect->keepalive_s == 0 || connect->keepalive_s > longest);
    return ours ? longest : connect->keepalive_s;
}

static void settle_session(sv_broker *broker, sv_broker_client *client, sv_broker_session *session,
                           const sv_mqtt_connect *connect) {
    session->local = client->peer.local;
    session->identity = client->peer.identity;
    sv_broker_person_own(broker, session);
    session->client = client;
    session->up_before = false;
    session->expires_us = SV_BROKER_NEVER;
    session->will_due_us = SV_BROKER_NEVER;
    session->expiry_s = expiry_of(broker, connect);
    sv_broker_will_drop(&session->will);
    session->will = will_of(broker, connect);
    if (!sv_broker_session_persists(session)) {
        sv_broker_forget_queue(broker, session);
    }
    client->session = session;
    client->peer.client_id = session->key + 2;
}

static void settle_client(const sv_broker *broker, sv_broker_client *client,
                          const sv_mqtt_connect *connect) {
    const sv_mqtt_properties *asked = &connect->properties;
    uint16_t keepalive_s = keepalive_of(broker, connect);
    client->quiet_max_us = (int64_t) keepalive_s * 1500000;
    client->receive_max = UINT16_MAX;
    if (connect->version == SV_MQTT_V5) {
        client->receive_max = asked->receive_max;
        client->aliases_out_max = asked->topic_alias_max < broker->limits.topic_alias_max
                                      ? asked->topic_alias_max
                                      : broker->limits.topic_alias_max;
    }
}

static uint64_t bit(unsigned identifier) {
    return UINT64_C(1) << identifier;
}

/// What was decided differently from what was asked for, and our own bounds.
static sv_mqtt_properties agreed(const sv_broker *broker, const sv_broker_client *client,
                                 const sv_mqtt_connect *connect) {
    uint16_t keepalive_s = keepalive_of(broker, connect);
    sv_mqtt_properties told = {
        .present =
            bit(SV_MQTT_P_RECEIVE_MAX) | bit(SV_MQTT_P_PACKET_MAX) | bit(SV_MQTT_P_TOPIC_ALIAS_MAX),
        .receive_max = broker->limits.receive_max,
        .packet_max = (uint32_t) broker->limits.packet_max,
        .topic_alias_max = broker->limits.topic_alias_max,
        .session_expiry_s = expiry_of(broker, connect),
        .server_keepalive_s = keepalive_s,
        .assigned_id = sv_text_of(client->peer.client_id),
    };
    if (sv_mqtt_has(&connect->properties, SV_MQTT_P_SESSION_EXPIRY)
        && connect->properties.session_expiry_s != told.session_expiry_s) {
        told.present |= bit(SV_MQTT_P_SESSION_EXPIRY);
    }
    told.present |= keepalive_s != connect->keepalive_s ? bit(SV_MQTT_P_SERVER_KEEPALIVE) : 0;
    told.present |= connect->client_id.len == 0 ? bit(SV_MQTT_P_ASSIGNED_ID) : 0;
    return told;
}

static void write_welcome(sv_broker *broker, const sv_broker_client *client,
                          const sv_mqtt_connect *connect, bool present) {
    sv_mqtt_properties told = agreed(broker, client, connect);
    sv_textbuf_clear(&broker->packet);
    sv_mqtt_add_connack(&broker->packet, client->version, present, SV_MQTT_SUCCESS, &told);
}

static void welcome(sv_broker *broker, sv_broker_client *client, const sv_mqtt_connect *connect,
                    bool present, uint64_t group) {
    write_welcome(broker, client, connect, present);
    sv_text bytes = sv_textbuf_text(&broker->packet);
    sv_broker_push(broker, client,
                   (sv_broker_ack){ .group = group,
                                    .type = SV_MQTT_CONNACK,
                                    .bytes = sv_mem_copy_str(bytes.at, bytes.len),
                                    .len = (uint32_t) bytes.len });
    sv_broker_tell(broker, SV_BROKER_CONNECTED, &client->peer, NULL);
}

/// Who cannot be told that it is in would wait for it.
static sv_mqtt_reason check_welcome(sv_broker *broker, const sv_broker_client *client,
                                    const sv_mqtt_connect *connect, sv_why *why) {
    write_welcome(broker, client, connect, true);
    if (broker->packet.len <= client->packet_max) {
        return SV_MQTT_SUCCESS;
    }
    (void) sv_fail(why, SV_ERR_INVALID,
                   "CONNACK takes %zu bytes, and the client takes no packet above %u",
                   broker->packet.len, client->packet_max);
    return SV_MQTT_PACKET_TOO_LARGE;
}

static sv_mqtt_reason check(sv_broker *broker, sv_broker_client *client,
                            const sv_mqtt_connect *connect, sv_textbuf *key, sv_why *why) {
    sv_mqtt_reason reason = check_peer(broker, client, connect, why);
    if (reason != SV_MQTT_SUCCESS) {
        return reason;
    }
    reason = name_client(broker, client, connect, key, why);
    if (reason != SV_MQTT_SUCCESS) {
        return reason;
    }
    client->peer.client_id = key->at + 2;
    reason = check_will(broker, client, connect, why);
    if (reason == SV_MQTT_SUCCESS) {
        reason = check_welcome(broker, client, connect, why);
    }
    if (reason == SV_MQTT_SUCCESS) {
        reason = check_room(broker, client, sv_textbuf_text(key), why);
    }
    client->peer.client_id = "";
    return reason;
}

sv_mqtt_reason sv_broker_connect(sv_broker *broker, sv_broker_client *client, sv_text bytes,
                                 sv_why *why) {
    sv_mqtt_connect connect;
    char room[KEY_ROOM];
    sv_textbuf key = SV_TEXTBUF(room);
    sv_mqtt_reason reason = check_version(broker, client, bytes, why);
    if (reason != SV_MQTT_SUCCESS) {
        return reason;
    }
    sv_err err = sv_mqtt_connect_parse(bytes, &connect, why);
    if (err != SV_OK) {
        reason = err == SV_ERR_NO_SPACE ? SV_MQTT_QUOTA_EXCEEDED : SV_MQTT_MALFORMED;
        if (client->version == SV_MQTT_V5) {
            refuse(broker, client, client->version, reason);
        }
        return reason;
    }
    client->packet_max = connect.properties.packet_max;
    reason = check(broker, client, &connect, &key, why);
    if (reason != SV_MQTT_SUCCESS) {
        refuse(broker, client, client->version, reason);
        return reason;
    }
    sv_text name = sv_textbuf_text(&key);
    sv_broker_session *session = find_session(broker, name, connect.clean_session);
    bool present = session != NULL;
    if (session == NULL) {
        session = sv_broker_session_new(broker, name);
    }
    settle_session(broker, client, session, &connect);
    sv_broker_recheck(broker, session);
    settle_client(broker, client, &connect);
    // A session that ended for this one has to be gone from the disk, too.
    uint64_t group = sv_broker_keep_session(broker, session);
    welcome(broker, client, &connect, present, group > broker->ended ? group : broker->ended);
    return SV_MQTT_SUCCESS;
}
