// The first byte chooses version and side, the rest is one packet. What parses is written, where
// there is a writer, and parses to the same again.
#include <codec/mqtt_packet.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM_MAX = 1 << 20 };

static void must(bool holds) {
    if (!holds) {
        abort();
    }
}

static void write_publish(sv_textbuf *out, sv_mqtt_version version, const sv_mqtt_packet *packet) {
    const sv_mqtt_properties *properties = &packet->properties;
    SV_DEFER(sv_textbuf_drop) sv_textbuf forwarded = SV_TEXTBUF_HEAP(ROOM_MAX);
    sv_mqtt_add_forwarded(&forwarded, properties->raw);
    sv_mqtt_publish publish = {
        .topic = packet->topic,
        .payload = packet->payload,
        .qos = packet->qos,
        .retain = packet->retain,
        .dup = packet->dup,
        .id = packet->id,
        .topic_alias = properties->topic_alias,
        .has_expiry = sv_mqtt_has(properties, SV_MQTT_P_MESSAGE_EXPIRY),
        .expiry_s = properties->message_expiry_s,
        .subscription_ids = &properties->subscription_id,
        .subscription_id_count = properties->subscription_id != 0 ? 1 : 0,
        .forwarded = sv_textbuf_text(&forwarded),
    };
    sv_mqtt_add_publish(out, version, &publish);
    must(out->overflowed || out->len == sv_mqtt_publish_bytes(version, &publish));
}

/// 3.1.1: the reason whose return code this is.
static sv_mqtt_reason reason_of(sv_mqtt_version version, uint8_t code) {
    static const sv_mqtt_reason REASONS[] = {
        SV_MQTT_SUCCESS,     SV_MQTT_UNSUPPORTED_VERSION, SV_MQTT_CLIENT_ID_INVALID,
        SV_MQTT_UNAVAILABLE, SV_MQTT_BAD_LOGIN,           SV_MQTT_NOT_AUTHORIZED,
    };
    return version == SV_MQTT_V5 ? (sv_mqtt_reason) code : REASONS[code];
}

static void write_first_filter(sv_textbuf *out, sv_mqtt_version version,
                               const sv_mqtt_packet *packet) {
    sv_text rest = packet->payload;
    sv_mqtt_filter filter;
    must(sv_mqtt_filter_next(packet->type, &rest, &filter));
    unsigned options = filter.qos | (filter.no_local ? 4U : 0U)
                       | (filter.retain_as_published ? 8U : 0U)
                       | (unsigned) filter.retain_handling << 4;
    if (packet->type == SV_MQTT_SUBSCRIBE) {
        sv_mqtt_add_subscribe(out, version, packet->id, filter.filter, (uint8_t) options,
                              packet->properties.subscription_id);
    } else {
        sv_mqtt_add_unsubscribe(out, version, packet->id, filter.filter);
    }
    must(sv_text_starts(packet->payload,
                        (sv_text){ .at = out->at + out->len - (packet->payload.len - rest.len),
                                   .len = packet->payload.len - rest.len }));
}

static bool write_again(sv_textbuf *out, sv_mqtt_version version, const sv_mqtt_packet *packet) {
    switch (packet->type) {
    case SV_MQTT_CONNACK:
        sv_mqtt_add_connack(out, version, packet->session_present, reason_of(version, packet->code),
                            &packet->properties);
        return true;
    case SV_MQTT_PUBLISH:
        write_publish(out, version, packet);
        return true;
    case SV_MQTT_PUBACK:
    case SV_MQTT_PUBREC:
    case SV_MQTT_PUBREL:
    case SV_MQTT_PUBCOMP:
        sv_mqtt_add_ack(out, version, packet->type, packet->id, (sv_mqtt_reason) packet->code);
        return true;
    case SV_MQTT_SUBSCRIBE:
    case SV_MQTT_UNSUBSCRIBE:
        write_first_filter(out, version, packet);
        return true;
    case SV_MQTT_SUBACK:
    case SV_MQTT_UNSUBACK:
        sv_mqtt_add_codes(out, version, packet->type, packet->id,
                          (const uint8_t *) packet->payload.at, packet->payload.len);
        return true;
    case SV_MQTT_PINGREQ:
    case SV_MQTT_PINGRESP:
        sv_mqtt_add_empty(out, packet->type);
        return true;
    case SV_MQTT_DISCONNECT:
        sv_mqtt_add_disconnect(out, version, (sv_mqtt_reason) packet->code, SV_TEXT(""),
                               &packet->properties);
        return true;
    case SV_MQTT_CONNECT:
    case SV_MQTT_AUTH:
        break;
    }
    return false;
}

static void must_be_same_properties(const sv_mqtt_properties *a, const sv_mqtt_properties *b) {
    must(a->present == b->present && a->payload_format == b->payload_format
         && a->message_expiry_s == b->message_expiry_s && a->topic_alias == b->topic_alias
         && a->subscription_id == b->subscription_id && a->receive_max == b->receive_max
         && a->packet_max == b->packet_max && a->session_expiry_s == b->session_expiry_s
         && a->maximum_qos == b->maximum_qos && a->topic_alias_max == b->topic_alias_max
         && a->server_keepalive_s == b->server_keepalive_s && a->shared == b->shared
         && a->wildcards == b->wildcards && a->retain_available == b->retain_available
         && a->subscription_ids == b->subscription_ids);
    must(sv_text_eq(a->content_type, b->content_type) && sv_text_eq(a->correlation, b->correlation)
         && sv_text_eq(a->response_topic, b->response_topic) && sv_text_eq(a->reason, b->reason)
         && sv_text_eq(a->assigned_id, b->assigned_id) && sv_text_eq(a->auth_data, b->auth_data)
         && sv_text_eq(a->auth_method, b->auth_method)
         && sv_text_eq(a->response_info, b->response_info)
         && sv_text_eq(a->server_reference, b->server_reference));
    sv_text left = a->raw;
    sv_text right = b->raw;
    sv_text name[2];
    sv_text value[2];
    while (sv_mqtt_user_next(&left, &name[0], &value[0])) {
        must(sv_mqtt_user_next(&right, &name[1], &value[1]));
        must(sv_text_eq(name[0], name[1]) && sv_text_eq(value[0], value[1]));
    }
    must(!sv_mqtt_user_next(&right, &name[1], &value[1]));
}

static void must_be_same(const sv_mqtt_packet *a, const sv_mqtt_packet *b) {
    must(a->type == b->type && a->dup == b->dup && a->retain == b->retain && a->qos == b->qos
         && a->id == b->id && a->code == b->code && a->session_present == b->session_present
         && sv_text_eq(a->topic, b->topic));
    bool filters = a->type == SV_MQTT_SUBSCRIBE || a->type == SV_MQTT_UNSUBSCRIBE;
    must(filters || sv_text_eq(a->payload, b->payload));
    // Acknowledgements, filters and codes are written without the properties they came with.
    if (a->type == SV_MQTT_CONNACK || a->type == SV_MQTT_PUBLISH || a->type == SV_MQTT_DISCONNECT) {
        must_be_same_properties(&a->properties, &b->properties);
    }
}

static void check(sv_text bytes, sv_mqtt_version version, sv_mqtt_side side) {
    sv_mqtt_packet packet;
    sv_mqtt_reason reason = SV_MQTT_SUCCESS;
    sv_err err = sv_mqtt_packet_parse(bytes, version, side, &packet, &reason, NULL);
    must((err == SV_OK) == (reason == SV_MQTT_SUCCESS));
    size_t len = 0;
    must(err != SV_OK || (sv_mqtt_packet_length(bytes, &len) == SV_OK && len == bytes.len));
    SV_DEFER(sv_textbuf_drop) sv_textbuf out = SV_TEXTBUF_HEAP(ROOM_MAX);
    if (err != SV_OK || !write_again(&out, version, &packet) || out.overflowed) {
        return;
    }
    sv_mqtt_packet again;
    must(sv_mqtt_packet_parse(sv_textbuf_text(&out), version, side, &again, NULL, NULL) == SV_OK);
    must_be_same(&packet, &again);
}

/// Whatever is said of the beginning of a packet holds for the whole of it.
static void check_length(sv_text bytes) {
    size_t whole = 0;
    sv_err last = sv_mqtt_packet_length(bytes, &whole);
    for (size_t len = 0; len < bytes.len && len <= SV_MQTT_HEADER_MAX; len++) {
        size_t said = 0;
        sv_err err = sv_mqtt_packet_length((sv_text){ .at = bytes.at, .len = len }, &said);
        must(err == SV_ERR_STATE ? len < SV_MQTT_HEADER_MAX : err == last && said == whole);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) {
        return 0;
    }
    sv_text bytes = { .at = (const char *) data + 1, .len = size - 1 };
    check_length(bytes);
    check(bytes, (data[0] & 1U) != 0 ? SV_MQTT_V5 : SV_MQTT_V311,
          (data[0] & 2U) != 0 ? SV_MQTT_FOR_SERVER : SV_MQTT_FOR_CLIENT);
    return 0;
}
