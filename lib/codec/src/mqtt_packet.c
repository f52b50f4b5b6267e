#include "mqtt_wire.h"

enum { SUBSCRIBE_RESERVED = 0xC0, OPTIONS_OF_311 = 0x03 };

static sv_err refuse(sv_mqtt_reader *reader, const char *sentence) {
    return sv_fail(sv_mqtt_blame(reader, SV_MQTT_PROTOCOL_ERROR), SV_ERR_INVALID, "%s", sentence);
}

static sv_err take_code(sv_mqtt_reader *reader, sv_mqtt_type type, uint8_t *out) {
    SV_TRY(sv_mqtt_take_byte(reader, out));
    if (!sv_mqtt_code_is_known(reader->version, type, *out)) {
        return sv_fail(sv_mqtt_blame(reader, SV_MQTT_PROTOCOL_ERROR), SV_ERR_INVALID,
                       "MQTT packet of type %d has the reason code 0x%02x [§2.4]", (int) type,
                       *out);
    }
    return SV_OK;
}

/// Nothing in 3.1.1.
static sv_err take_properties(sv_mqtt_reader *reader, sv_mqtt_packet *packet) {
    return reader->version == SV_MQTT_V5
               ? sv_mqtt_take_properties(reader, packet->type, &packet->properties)
               : SV_OK;
}

static sv_err parse_connack(sv_mqtt_reader *reader, sv_mqtt_packet *packet) {
    uint8_t flags = 0;
    SV_TRY(sv_mqtt_take_byte(reader, &flags));
    if (flags > 1) {
        return sv_fail(reader->why, SV_ERR_INVALID, "MQTT CONNACK has the flags 0x%02x [§3.2.2.1]",
                       flags);
    }
    packet->session_present = flags == 1;
    SV_TRY(take_code(reader, SV_MQTT_CONNACK, &packet->code));
    if (packet->session_present && packet->code != 0) {
        return refuse(reader, "MQTT CONNACK refuses and tells of a session [§3.2.2.1.1]");
    }
    SV_TRY(take_properties(reader, packet));
    return sv_mqtt_take_end(reader);
}

static sv_err check_publish(sv_mqtt_reader *reader, const sv_mqtt_packet *packet) {
    if (packet->topic.len == 0 && packet->properties.topic_alias == 0) {
        return refuse(reader, "MQTT PUBLISH has neither topic nor alias [§3.3.2.1]");
    }
    if (reader->receiver == SV_MQTT_FOR_SERVER && packet->properties.subscription_id != 0) {
        return refuse(reader, "MQTT PUBLISH of a client has a subscription identifier [§3.3.4]");
    }
    return SV_OK;
}

static sv_err parse_publish(sv_mqtt_reader *reader, uint8_t flags, sv_mqtt_packet *packet) {
    packet->dup = (flags & 8U) != 0;
    packet->retain = (flags & 1U) != 0;
    packet->qos = (uint8_t) ((flags >> 1) & 3U);
    SV_TRY(sv_mqtt_take_name(reader, "topic", &packet->topic));
    if (packet->qos > 0) {
        SV_TRY(sv_mqtt_take_id(reader, &packet->id));
    }
    SV_TRY(take_properties(reader, packet));
    SV_TRY(check_publish(reader, packet));
    packet->payload = reader->rest;
    return SV_OK;
}

/// PUBACK and its like: in 5 reason and properties may be missing from the end [§3.4.2.1].
static sv_err parse_ack(sv_mqtt_reader *reader, sv_mqtt_packet *packet) {
    SV_TRY(sv_mqtt_take_id(reader, &packet->id));
    if (reader->version == SV_MQTT_V5 && reader->rest.len > 0) {
        SV_TRY(take_code(reader, packet->type, &packet->code));
        if (reader->rest.len > 0) {
            SV_TRY(take_properties(reader, packet));
        }
    }
    return sv_mqtt_take_end(reader);
}

static sv_err parse_codes(sv_mqtt_reader *reader, sv_mqtt_packet *packet) {
    SV_TRY(sv_mqtt_take_id(reader, &packet->id));
    if (reader->version != SV_MQTT_V5 && packet->type == SV_MQTT_UNSUBACK) {
        return sv_mqtt_take_end(reader);
    }
    SV_TRY(take_properties(reader, packet));
    packet->payload = reader->rest;
    if (reader->rest.len == 0) {
        return refuse(reader, "MQTT SUBACK or UNSUBACK has no reason code [§3.9.3]");
    }
    while (reader->rest.len > 0) {
        uint8_t code = 0;
        SV_TRY(take_code(reader, packet->type, &code));
    }
    return SV_OK;
}

static sv_err check_options(sv_mqtt_reader *reader, sv_text filter, uint8_t options) {
    unsigned reserved =
        reader->version == SV_MQTT_V5 ? SUBSCRIBE_RESERVED : (unsigned) (uint8_t) ~OPTIONS_OF_311;
    if ((options & reserved) != 0) {
        return sv_fail(reader->why, SV_ERR_INVALID,
                       "MQTT SUBSCRIBE has the options 0x%02x, which are reserved [§3.8.3.1]",
                       options);
    }
    if ((options & 3U) == 3) {
        return refuse(reader, "MQTT SUBSCRIBE asks for QoS 3 [§3.8.3.1]");
    }
    if ((options >> 4 & 3U) == 3) {
        return refuse(reader, "MQTT SUBSCRIBE has the retain handling 3 [§3.8.3.1]");
    }
    if ((options & 4U) != 0 && sv_text_starts(filter, SV_TEXT("$share/"))) {
        return refuse(reader, "MQTT SUBSCRIBE wants No Local of a shared filter [§3.8.3.1]");
    }
    return SV_OK;
}

static sv_err parse_filters(sv_mqtt_reader *reader, sv_mqtt_packet *packet) {
    SV_TRY(sv_mqtt_take_id(reader, &packet->id));
    SV_TRY(take_properties(reader, packet));
    packet->payload = reader->rest;
    if (reader->rest.len == 0) {
        return refuse(reader,
                      "MQTT SUBSCRIBE or UNSUBSCRIBE has no topic filter [§3.8.3, §3.10.3]");
    }
    while (reader->rest.len > 0) {
        sv_text filter;
        uint8_t options = 0;
        SV_TRY(sv_mqtt_take_string(reader, "topic filter", &filter));
        if (packet->type == SV_MQTT_SUBSCRIBE) {
            SV_TRY(sv_mqtt_take_byte(reader, &options));
            SV_TRY(check_options(reader, filter, options));
        }
    }
    return SV_OK;
}

/// DISCONNECT and AUTH: in 5 everything may be missing from the end [§3.14.2.1, §3.15.2.1].
static sv_err parse_ending(sv_mqtt_reader *reader, sv_mqtt_packet *packet) {
    if (reader->version != SV_MQTT_V5 || reader->rest.len == 0) {
        return sv_mqtt_take_end(reader);
    }
    SV_TRY(take_code(reader, packet->type, &packet->code));
    if (reader->rest.len > 0) {
        SV_TRY(take_properties(reader, packet));
    }
    if (packet->type == SV_MQTT_AUTH && !sv_mqtt_has(&packet->properties, SV_MQTT_P_AUTH_METHOD)) {
        return refuse(reader, "MQTT AUTH has no authentication method [§3.15.2.2.2]");
    }
    if (reader->receiver == SV_MQTT_FOR_CLIENT
        && sv_mqtt_has(&packet->properties, SV_MQTT_P_SESSION_EXPIRY)) {
        return refuse(reader, "MQTT DISCONNECT of a server has a session expiry [§3.14.2.2.2]");
    }
    return sv_mqtt_take_end(reader);
}

enum { CLIENT = SV_MQTT_FOR_CLIENT, SERVER = SV_MQTT_FOR_SERVER, BOTH = CLIENT | SERVER };

/// Who may be sent a packet of this type after CONNECT [§2.1.2; 3.1.1 §2.2.1].
static unsigned receivers_of(sv_mqtt_type type, sv_mqtt_version version) {
    static const uint8_t RECEIVERS[] = {
        [SV_MQTT_CONNACK] = CLIENT,   [SV_MQTT_PUBLISH] = BOTH,   [SV_MQTT_PUBACK] = BOTH,
        [SV_MQTT_PUBREC] = BOTH,      [SV_MQTT_PUBREL] = BOTH,    [SV_MQTT_PUBCOMP] = BOTH,
        [SV_MQTT_SUBSCRIBE] = SERVER, [SV_MQTT_SUBACK] = CLIENT,  [SV_MQTT_UNSUBSCRIBE] = SERVER,
        [SV_MQTT_UNSUBACK] = CLIENT,  [SV_MQTT_PINGREQ] = SERVER, [SV_MQTT_PINGRESP] = CLIENT,
        [SV_MQTT_DISCONNECT] = BOTH,  [SV_MQTT_AUTH] = BOTH,
    };
    if (version != SV_MQTT_V5 && type >= SV_MQTT_DISCONNECT) {
        return type == SV_MQTT_DISCONNECT ? SERVER : 0;
    }
    return RECEIVERS[type];
}

static sv_err parse_body(sv_mqtt_reader *reader, uint8_t flags, sv_mqtt_packet *packet) {
    switch (packet->type) {
    case SV_MQTT_CONNACK:
        return parse_connack(reader, packet);
    case SV_MQTT_PUBLISH:
        return parse_publish(reader, flags, packet);
    case SV_MQTT_PUBACK:
    case SV_MQTT_PUBREC:
    case SV_MQTT_PUBREL:
    case SV_MQTT_PUBCOMP:
        return parse_ack(reader, packet);
    case SV_MQTT_SUBACK:
    case SV_MQTT_UNSUBACK:
        return parse_codes(reader, packet);
    case SV_MQTT_SUBSCRIBE:
    case SV_MQTT_UNSUBSCRIBE:
        return parse_filters(reader, packet);
    case SV_MQTT_DISCONNECT:
    case SV_MQTT_AUTH:
        return parse_ending(reader, packet);
    case SV_MQTT_PINGREQ:
    case SV_MQTT_PINGRESP:
    case SV_MQTT_CONNECT:
        break;
    }
    return sv_mqtt_take_end(reader);
}

/// Member by member: `*out` is large, and a PUBLISH should write each part of it once.
static void reset(sv_mqtt_packet *out, sv_mqtt_type type) {
    out->type = type;
    out->dup = false;
    out->retain = false;
    out->qos = 0;
    out->id = 0;
    out->topic = SV_TEXT("");
    out->payload = SV_TEXT("");
    out->session_present = false;
    out->code = 0;
    out->properties = SV_MQTT_NO_PROPERTIES;
}

static sv_err parse_packet(sv_mqtt_reader *reader, sv_text bytes, sv_mqtt_packet *out) {
    SV_TRY(sv_mqtt_reader_open(reader, bytes));
    uint8_t first = (uint8_t) bytes.at[0];
    reset(out, (sv_mqtt_type) (first >> 4));
    if ((receivers_of(out->type, reader->version) & (unsigned) reader->receiver) == 0) {
        return sv_fail(sv_mqtt_blame(reader, SV_MQTT_PROTOCOL_ERROR), SV_ERR_INVALID,
                       "MQTT packet of type %d is not for a %s here [§2.1.2]", (int) out->type,
                       reader->receiver == SV_MQTT_FOR_SERVER ? "server" : "client");
    }
    return parse_body(reader, first & 0x0FU, out);
}

sv_err sv_mqtt_packet_parse(sv_text bytes, sv_mqtt_version version, sv_mqtt_side receiver,
                            sv_mqtt_packet *out, sv_mqtt_reason *out_reason, sv_why *why) {
    sv_mqtt_reader reader = { .version = version, .receiver = receiver, .why = why };
    sv_err err = parse_packet(&reader, bytes, out);
    if (out_reason != NULL) {
        *out_reason = err == SV_OK ? SV_MQTT_SUCCESS : reader.reason;
    }
    return err;
}
