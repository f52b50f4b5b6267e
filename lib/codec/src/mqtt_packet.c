#include <assert.h>
#include <codec/encode.h>
#include <codec/mqtt_packet.h>
#include <string.h>

enum { TEXT_MAX = 65535, LENGTH_BYTES_MAX = 4, SUBACK_REFUSED = 0x80 };

static uint8_t byte_at(sv_text text, size_t index) {
    return (uint8_t) text.at[index];
}

/// Flags are fixed for every type but PUBLISH [§2.2.2].
static bool first_byte_is_fine(uint8_t first) {
    unsigned type = first >> 4;
    unsigned flags = first & 0x0FU;
    if (type == 0 || type > SV_MQTT_DISCONNECT) {
        return false;
    }
    if (type == SV_MQTT_PUBLISH) {
        unsigned qos = (flags >> 1) & 3U;
        return qos != 3 && !(qos == 0 && (flags & 8U) != 0);
    }
    bool two = type == SV_MQTT_PUBREL || type == SV_MQTT_SUBSCRIBE || type == SV_MQTT_UNSUBSCRIBE;
    return flags == (two ? 2U : 0U);
}

/// Fixed header: the bytes it takes itself and how many follow.
static sv_err header_parse(sv_text bytes, size_t *header, size_t *remaining) {
    if (bytes.len == 0) {
        return SV_ERR_STATE;
    }
    if (!first_byte_is_fine(byte_at(bytes, 0))) {
        return SV_ERR_INVALID;
    }
    size_t length = 0;
    for (size_t i = 0; i < LENGTH_BYTES_MAX; i++) {
        if (i + 1 >= bytes.len) {
            return SV_ERR_STATE;
        }
        uint8_t digit = byte_at(bytes, i + 1);
        length |= (size_t) (digit & 0x7FU) << (7 * i);
        if ((digit & 0x80U) == 0) {
            *header = i + 2;
            *remaining = length;
            return SV_OK;
        }
    }
    return SV_ERR_INVALID;
}

sv_err sv_mqtt_packet_length(sv_text bytes, size_t *out_bytes) {
    size_t header = 0;
    size_t remaining = 0;
    SV_TRY(header_parse(bytes, &header, &remaining));
    *out_bytes = header + remaining;
    return SV_OK;
}

static sv_err take_u16(sv_text *body, uint16_t *out, sv_why *why) {
    if (body->len < 2) {
        return sv_fail(why, SV_ERR_INVALID, "MQTT packet ends too early");
    }
    *out = (uint16_t) (byte_at(*body, 0) << 8 | byte_at(*body, 1));
    body->at += 2;
    body->len -= 2;
    return SV_OK;
}

static sv_err take_id(sv_text *body, uint16_t *out, sv_why *why) {
    SV_TRY(take_u16(body, out, why));
    if (*out == 0) {
        return sv_fail(why, SV_ERR_INVALID, "MQTT packet id is 0");
    }
    return SV_OK;
}

static sv_err take_topic(sv_text *body, sv_text *out, sv_why *why) {
    uint16_t len = 0;
    SV_TRY(take_u16(body, &len, why));
    if (len == 0 || len > body->len) {
        return sv_fail(why, SV_ERR_INVALID, "MQTT topic of %u bytes does not fit its packet", len);
    }
    sv_text topic = { .at = body->at, .len = len };
    bool odd = memchr(topic.at, 0, len) != NULL || memchr(topic.at, '+', len) != NULL
               || memchr(topic.at, '#', len) != NULL;
    if (odd || !sv_utf8_is_valid(topic)) {
        return sv_fail(why, SV_ERR_INVALID, "MQTT topic is not UTF-8 or holds a wildcard");
    }
    body->at += len;
    body->len -= len;
    *out = topic;
    return SV_OK;
}

static sv_err end_of(sv_text body, sv_why *why) {
    if (body.len != 0) {
        return sv_fail(why, SV_ERR_INVALID, "MQTT packet has %zu bytes too many", body.len);
    }
    return SV_OK;
}

static sv_err parse_connack(sv_text body, sv_mqtt_packet *packet, sv_why *why) {
    if (body.len != 2 || byte_at(body, 0) > 1) {
        return sv_fail(why, SV_ERR_INVALID, "MQTT CONNACK is broken");
    }
    packet->session_present = byte_at(body, 0) == 1;
    packet->code = byte_at(body, 1);
    return SV_OK;
}

static sv_err parse_publish(uint8_t flags, sv_text body, sv_mqtt_packet *packet, sv_why *why) {
    packet->dup = (flags & 8U) != 0;
    packet->retain = (flags & 1U) != 0;
    packet->qos = (uint8_t) ((flags >> 1) & 3U);
    SV_TRY(take_topic(&body, &packet->topic, why));
    if (packet->qos > 0) {
        SV_TRY(take_id(&body, &packet->id, why));
    }
    packet->payload = body;
    return SV_OK;
}

static sv_err parse_suback(sv_text body, sv_mqtt_packet *packet, sv_why *why) {
    SV_TRY(take_id(&body, &packet->id, why));
    for (size_t i = 0; i < body.len; i++) {
        uint8_t code = byte_at(body, i);
        if (code > 2 && code != SUBACK_REFUSED) {
            return sv_fail(why, SV_ERR_INVALID, "MQTT SUBACK has the return code %u", code);
        }
    }
    if (body.len == 0) {
        return sv_fail(why, SV_ERR_INVALID, "MQTT SUBACK has no return code");
    }
    packet->payload = body;
    return SV_OK;
}

static sv_err parse_body(uint8_t flags, sv_text body, sv_mqtt_packet *packet, sv_why *why) {
    switch (packet->type) {
    case SV_MQTT_CONNACK:
        return parse_connack(body, packet, why);
    case SV_MQTT_PUBLISH:
        return parse_publish(flags, body, packet, why);
    case SV_MQTT_SUBACK:
        return parse_suback(body, packet, why);
    case SV_MQTT_PUBACK:
    case SV_MQTT_PUBREC:
    case SV_MQTT_PUBREL:
    case SV_MQTT_PUBCOMP:
    case SV_MQTT_UNSUBACK:
        SV_TRY(take_id(&body, &packet->id, why));
        return end_of(body, why);
    case SV_MQTT_PINGRESP:
        return end_of(body, why);
    case SV_MQTT_CONNECT:
    case SV_MQTT_SUBSCRIBE:
    case SV_MQTT_UNSUBSCRIBE:
    case SV_MQTT_PINGREQ:
    case SV_MQTT_DISCONNECT:
        break;
    }
    return sv_fail(why, SV_ERR_INVALID, "MQTT packet of type %d is not for a client",
                   (int) packet->type);
}

sv_err sv_mqtt_packet_parse(sv_text bytes, sv_mqtt_packet *out, sv_why *why) {
    size_t header = 0;
    size_t remaining = 0;
    if (header_parse(bytes, &header, &remaining) != SV_OK || header + remaining != bytes.len) {
        return sv_fail(why, SV_ERR_INVALID, "MQTT packet has a broken header");
    }
    uint8_t first = byte_at(bytes, 0);
    sv_mqtt_packet packet = { .type = (sv_mqtt_type) (first >> 4) };
    sv_text body = { .at = bytes.at + header, .len = remaining };
    SV_TRY(parse_body(first & 0x0FU, body, &packet, why));
    *out = packet;
    return SV_OK;
}

static void add_byte(sv_textbuf *out, unsigned byte) {
    char c = (char) (uint8_t) byte;
    sv_textbuf_add(out, (sv_text){ .at = &c, .len = 1 });
}

static void add_u16(sv_textbuf *out, unsigned value) {
    add_byte(out, value >> 8 & 0xFFU);
    add_byte(out, value & 0xFFU);
}

static void add_text(sv_textbuf *out, sv_text text) {
    assert(text.len <= TEXT_MAX);
    add_u16(out, (unsigned) text.len);
    sv_textbuf_add(out, text);
}

static void add_header(sv_textbuf *out, unsigned first, size_t remaining) {
    assert(remaining <= SV_MQTT_REMAINING_MAX);
    add_byte(out, first);
    do {
        unsigned digit = remaining & 0x7FU;
        remaining >>= 7;
        add_byte(out, remaining > 0 ? digit | 0x80U : digit);
    } while (remaining > 0);
}

static unsigned bit_if(bool set, unsigned bit) {
    return set ? bit : 0U;
}

void sv_mqtt_add_connect(sv_textbuf *out, const sv_mqtt_connect *connect) {
    bool will = connect->will_topic.len > 0;
    unsigned flags = bit_if(connect->clean_session, 2U);
    size_t remaining = 10 + 2 + connect->client_id.len;
    if (will) {
        flags |= 4U | (unsigned) connect->will_qos << 3 | bit_if(connect->will_retain, 0x20U);
        remaining += 4 + connect->will_topic.len + connect->will_payload.len;
    }
    add_header(out, SV_MQTT_CONNECT << 4, remaining);
    add_text(out, SV_TEXT("MQTT"));
    add_byte(out, 4);
    add_byte(out, flags);
    add_u16(out, connect->keepalive_s);
    add_text(out, connect->client_id);
    if (will) {
        add_text(out, connect->will_topic);
        add_text(out, connect->will_payload);
    }
}

void sv_mqtt_add_publish(sv_textbuf *out, sv_text topic, sv_text payload, uint8_t qos, bool retain,
                         bool dup, uint16_t id) {
    assert(qos <= 2 && (qos == 0 || id != 0) && !(qos == 0 && dup));
    unsigned flags = bit_if(dup, 8U) | (unsigned) qos << 1 | bit_if(retain, 1U);
    size_t remaining = 2 + topic.len + (qos > 0 ? 2U : 0U) + payload.len;
    add_header(out, SV_MQTT_PUBLISH << 4 | flags, remaining);
    add_text(out, topic);
    if (qos > 0) {
        add_u16(out, id);
    }
    sv_textbuf_add(out, payload);
}

void sv_mqtt_add_ack(sv_textbuf *out, sv_mqtt_type type, uint16_t id) {
    add_header(out, (unsigned) type << 4 | (type == SV_MQTT_PUBREL ? 2U : 0U), 2);
    add_u16(out, id);
}

void sv_mqtt_add_subscribe(sv_textbuf *out, uint16_t id, sv_text filter, uint8_t qos) {
    add_header(out, SV_MQTT_SUBSCRIBE << 4 | 2U, 2 + 2 + filter.len + 1);
    add_u16(out, id);
    add_text(out, filter);
    add_byte(out, qos);
}

void sv_mqtt_add_empty(sv_textbuf *out, sv_mqtt_type type) {
    add_header(out, (unsigned) type << 4, 0);
}

bool sv_mqtt_topic_matches(sv_text filter, sv_text topic) {
    bool system = topic.len > 0 && topic.at[0] == '$';
    bool wild = filter.len > 0 && (filter.at[0] == '+' || filter.at[0] == '#');
    if (filter.len == 0 || topic.len == 0 || (system && wild)) {
        return false;
    }
    for (;;) {
        bool filter_goes_on = memchr(filter.at, '/', filter.len) != NULL;
        bool topic_goes_on = memchr(topic.at, '/', topic.len) != NULL;
        sv_text want = sv_text_cut(&filter, '/');
        if (sv_text_is(want, "#")) {
            return true;
        }
        sv_text have = sv_text_cut(&topic, '/');
        if (!sv_text_is(want, "+") && !sv_text_eq(want, have)) {
            return false;
        }
        if (!topic_goes_on) {
            // "a/#" matches "a" as well [§4.7.1.2].
            return !filter_goes_on || sv_text_is(filter, "#");
        }
        if (!filter_goes_on) {
            return false;
        }
    }
}
