// Every packet but CONNECT, written.
#include "mqtt_wire.h"

#include <assert.h>

static void add_header(sv_textbuf *out, unsigned first, size_t remaining) {
    sv_mqtt_add_byte(out, first);
    sv_mqtt_add_varint(out, remaining);
}

/// A block of `bytes` with its length, in 5.
static size_t block_bytes(sv_mqtt_version version, size_t bytes) {
    return version == SV_MQTT_V5 ? sv_mqtt_varint_bytes(bytes) + bytes : 0;
}

static unsigned bit_if(bool set, unsigned bit) {
    return set ? bit : 0U;
}

void sv_mqtt_add_connack(sv_textbuf *out, sv_mqtt_version version, bool session_present,
                         sv_mqtt_reason reason, const sv_mqtt_properties *properties) {
    size_t bytes = sv_mqtt_properties_bytes(properties);
    add_header(out, SV_MQTT_CONNACK << 4, 2 + block_bytes(version, bytes));
    // A refusal tells of no session [§3.2.2.1.1].
    sv_mqtt_add_byte(out, session_present && reason == SV_MQTT_SUCCESS ? 1U : 0U);
    if (version != SV_MQTT_V5) {
        sv_mqtt_add_byte(out, sv_mqtt_return_code(reason));
        return;
    }
    sv_mqtt_add_byte(out, (unsigned) reason);
    sv_mqtt_add_varint(out, bytes);
    sv_mqtt_add_properties(out, properties, SV_MQTT_CONNACK);
}

static size_t publish_block_bytes(const sv_mqtt_publish *publish) {
    size_t bytes = publish->forwarded.len;
    bytes += publish->topic_alias != 0 ? 3U : 0U;
    bytes += publish->has_expiry ? 5U : 0U;
    for (size_t i = 0; i < publish->subscription_id_count; i++) {
        bytes += 1 + sv_mqtt_varint_bytes(publish->subscription_ids[i]);
    }
    return bytes;
}

static size_t publish_remaining(sv_mqtt_version version, const sv_mqtt_publish *publish) {
    size_t block = version == SV_MQTT_V5 ? publish_block_bytes(publish) : 0;
    return 2 + publish->topic.len + (publish->qos > 0 ? 2U : 0U) + block_bytes(version, block)
           + publish->payload.len;
}

size_t sv_mqtt_publish_bytes(sv_mqtt_version version, const sv_mqtt_publish *publish) {
    size_t remaining = publish_remaining(version, publish);
    return 1 + sv_mqtt_varint_bytes(remaining) + remaining;
}

static void add_publish_block(sv_textbuf *out, const sv_mqtt_publish *publish) {
    sv_mqtt_add_varint(out, publish_block_bytes(publish));
    if (publish->topic_alias != 0) {
        sv_mqtt_add_byte(out, SV_MQTT_P_TOPIC_ALIAS);
        sv_mqtt_add_u16(out, publish->topic_alias);
    }
    if (publish->has_expiry) {
        sv_mqtt_add_byte(out, SV_MQTT_P_MESSAGE_EXPIRY);
        sv_mqtt_add_u32(out, publish->expiry_s);
    }
    for (size_t i = 0; i < publish->subscription_id_count; i++) {
        sv_mqtt_add_byte(out, SV_MQTT_P_SUBSCRIPTION_ID);
        sv_mqtt_add_varint(out, publish->subscription_ids[i]);
    }
    sv_textbuf_add(out, publish->forwarded);
}

void sv_mqtt_add_publish(sv_textbuf *out, sv_mqtt_version version, const sv_mqtt_publish *publish) {
    assert(publish->qos <= 2 && (publish->qos == 0 || publish->id != 0)
           && !(publish->qos == 0 && publish->dup));
    unsigned flags =
        bit_if(publish->dup, 8U) | (unsigned) publish->qos << 1 | bit_if(publish->retain, 1U);
    add_header(out, SV_MQTT_PUBLISH << 4 | flags, publish_remaining(version, publish));
    sv_mqtt_add_text(out, publish->topic);
    if (publish->qos > 0) {
        sv_mqtt_add_u16(out, publish->id);
    }
    if (version == SV_MQTT_V5) {
        add_publish_block(out, publish);
    }
    sv_textbuf_add(out, publish->payload);
}

void sv_mqtt_add_ack(sv_textbuf *out, sv_mqtt_version version, sv_mqtt_type type, uint16_t id,
                     sv_mqtt_reason reason) {
    bool tell = version == SV_MQTT_V5 && reason != SV_MQTT_SUCCESS;
    add_header(out, (unsigned) type << 4 | bit_if(type == SV_MQTT_PUBREL, 2U), tell ? 3 : 2);
    sv_mqtt_add_u16(out, id);
    if (tell) {
        sv_mqtt_add_byte(out, (unsigned) reason);
    }
}

void sv_mqtt_add_subscribe(sv_textbuf *out, sv_mqtt_version version, uint16_t id, sv_text filter,
                           uint8_t options, uint32_t subscription_id) {
    size_t block = subscription_id != 0 ? 1 + sv_mqtt_varint_bytes(subscription_id) : 0;
    add_header(out, SV_MQTT_SUBSCRIBE << 4 | 2U,
               2 + block_bytes(version, block) + 2 + filter.len + 1);
    sv_mqtt_add_u16(out, id);
    if (version == SV_MQTT_V5) {
        sv_mqtt_add_varint(out, block);
        if (subscription_id != 0) {
            sv_mqtt_add_byte(out, SV_MQTT_P_SUBSCRIPTION_ID);
            sv_mqtt_add_varint(out, subscription_id);
        }
    }
    sv_mqtt_add_text(out, filter);
    sv_mqtt_add_byte(out, version == SV_MQTT_V5 ? options : options & 3U);
}

void sv_mqtt_add_unsubscribe(sv_textbuf *out, sv_mqtt_version version, uint16_t id,
                             sv_text filter) {
    add_header(out, SV_MQTT_UNSUBSCRIBE << 4 | 2U, 2 + block_bytes(version, 0) + 2 + filter.len);
    sv_mqtt_add_u16(out, id);
    if (version == SV_MQTT_V5) {
        sv_mqtt_add_varint(out, 0);
    }
    sv_mqtt_add_text(out, filter);
}

void sv_mqtt_add_codes(sv_textbuf *out, sv_mqtt_version version, sv_mqtt_type type, uint16_t id,
                       const uint8_t *codes, size_t count) {
    bool none = version != SV_MQTT_V5 && type == SV_MQTT_UNSUBACK;
    size_t told = none ? 0 : count;
    add_header(out, (unsigned) type << 4, 2 + block_bytes(version, 0) + told);
    sv_mqtt_add_u16(out, id);
    if (version == SV_MQTT_V5) {
        sv_mqtt_add_varint(out, 0);
    }
    for (size_t i = 0; i < told; i++) {
        bool failed = codes[i] >= SV_MQTT_UNSPECIFIED;
        sv_mqtt_add_byte(out, version != SV_MQTT_V5 && failed ? SV_MQTT_UNSPECIFIED : codes[i]);
    }
}

void sv_mqtt_add_disconnect(sv_textbuf *out, sv_mqtt_version version, sv_mqtt_reason reason,
                            sv_text text, const sv_mqtt_properties *properties) {
    if (version != SV_MQTT_V5) {
        add_header(out, SV_MQTT_DISCONNECT << 4, 0);
        return;
    }
    sv_mqtt_properties all = properties == NULL ? SV_MQTT_NO_PROPERTIES : *properties;
    // A sentence may quote what a peer sent; one that is no UTF-8 string stays here.
    if (text.len > 0 && sv_mqtt_text_judge(text) != SV_MQTT_TEXT_BROKEN) {
        all.present |= UINT64_C(1) << SV_MQTT_P_REASON;
        all.reason = text;
    }
    size_t block = sv_mqtt_properties_bytes(&all);
    size_t code = reason != SV_MQTT_SUCCESS || block > 0 ? 1 : 0;
    add_header(out, SV_MQTT_DISCONNECT << 4, code + (block > 0 ? block_bytes(version, block) : 0));
    if (code > 0) {
        sv_mqtt_add_byte(out, (unsigned) reason);
    }
    if (block > 0) {
        sv_mqtt_add_varint(out, block);
        sv_mqtt_add_properties(out, &all, SV_MQTT_DISCONNECT);
    }
}

void sv_mqtt_add_empty(sv_textbuf *out, sv_mqtt_type type) {
    add_header(out, (unsigned) type << 4, 0);
}
