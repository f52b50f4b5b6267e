#include "mqtt_wire.h"

enum {
    RESERVED = 0x01,
    CLEAN = 0x02,
    WILL = 0x04,
    WILL_QOS_SHIFT = 3,
    WILL_RETAIN = 0x20,
    PASSWORD = 0x40,
    USER = 0x80,
};

static sv_err take_version(sv_mqtt_reader *reader, sv_text *name, uint8_t *out) {
    SV_TRY(sv_mqtt_take_string(reader, "protocol name", name));
    if (!sv_text_is(*name, "MQTT") && !sv_text_is(*name, "MQIsdp")) {
        return sv_fail(reader->why, SV_ERR_INVALID,
                       "CONNECT has another protocol name than MQTT [§3.1.2.1]");
    }
    return sv_mqtt_take_byte(reader, out);
}

static sv_err open_connect(sv_mqtt_reader *reader, sv_text bytes) {
    SV_TRY(sv_mqtt_reader_open(reader, bytes));
    if ((uint8_t) bytes.at[0] >> 4 != SV_MQTT_CONNECT) {
        return sv_fail(reader->why, SV_ERR_INVALID,
                       "the first MQTT packet of a client is no CONNECT [§3.1]");
    }
    return SV_OK;
}

sv_err sv_mqtt_connect_version(sv_text bytes, unsigned *out, sv_why *why) {
    sv_mqtt_reader reader = { .receiver = SV_MQTT_FOR_SERVER, .why = why };
    sv_text name;
    uint8_t version = 0;
    SV_TRY(open_connect(&reader, bytes));
    SV_TRY(take_version(&reader, &name, &version));
    *out = version;
    return SV_OK;
}

static sv_err check_flags(sv_mqtt_reader *reader, unsigned flags) {
    unsigned will_qos = flags >> WILL_QOS_SHIFT & 3U;
    if ((flags & RESERVED) != 0) {
        return sv_fail(reader->why, SV_ERR_INVALID,
                       "MQTT CONNECT sets the reserved flag [§3.1.2.3]");
    }
    if (will_qos == 3) {
        return sv_fail(reader->why, SV_ERR_INVALID, "MQTT CONNECT has a will of QoS 3 [§3.1.2.6]");
    }
    if ((flags & WILL) == 0 && (will_qos != 0 || (flags & WILL_RETAIN) != 0)) {
        return sv_fail(reader->why, SV_ERR_INVALID,
                       "MQTT CONNECT has no will, but QoS or retain of one [§3.1.2.6, §3.1.2.7]");
    }
    if (reader->version == SV_MQTT_V311 && (flags & PASSWORD) != 0 && (flags & USER) == 0) {
        return sv_fail(reader->why, SV_ERR_INVALID,
                       "MQTT CONNECT has a password and no user [3.1.1 §3.1.2.9]");
    }
    return SV_OK;
}

static void set_flags(sv_mqtt_connect *connect, unsigned flags) {
    connect->clean_session = (flags & CLEAN) != 0;
    connect->has_will = (flags & WILL) != 0;
    connect->will_qos = (uint8_t) (flags >> WILL_QOS_SHIFT & 3U);
    connect->will_retain = (flags & WILL_RETAIN) != 0;
    connect->has_password = (flags & PASSWORD) != 0;
    connect->has_user = (flags & USER) != 0;
}

static sv_err take_head(sv_mqtt_reader *reader, sv_mqtt_connect *connect) {
    sv_text name;
    uint8_t version = 0;
    SV_TRY(take_version(reader, &name, &version));
    if (!sv_text_is(name, "MQTT") || (version != SV_MQTT_V311 && version != SV_MQTT_V5)) {
        return sv_fail(reader->why, SV_ERR_INVALID,
                       "MQTT CONNECT asks for version %u, not for 4 (3.1.1) or 5 [§3.1.2.2]",
                       version);
    }
    reader->version = (sv_mqtt_version) version;
    connect->version = reader->version;
    uint8_t flags = 0;
    SV_TRY(sv_mqtt_take_byte(reader, &flags));
    SV_TRY(check_flags(reader, flags));
    set_flags(connect, flags);
    SV_TRY(sv_mqtt_take_u16(reader, &connect->keepalive_s));
    return version == SV_MQTT_V5
               ? sv_mqtt_take_properties(reader, SV_MQTT_CONNECT, &connect->properties)
               : SV_OK;
}

static sv_err take_will(sv_mqtt_reader *reader, sv_mqtt_connect *connect) {
    if (reader->version == SV_MQTT_V5) {
        SV_TRY(sv_mqtt_take_properties(reader, SV_MQTT_WILL, &connect->will_properties));
    }
    SV_TRY(sv_mqtt_take_name(reader, "will topic", &connect->will_topic));
    if (connect->will_topic.len == 0) {
        return sv_fail(reader->why, SV_ERR_INVALID, "MQTT will topic is empty [§4.7.3]");
    }
    return sv_mqtt_take_binary(reader, &connect->will_payload);
}

static sv_err take_payload(sv_mqtt_reader *reader, sv_mqtt_connect *connect) {
    SV_TRY(sv_mqtt_take_string(reader, "client id", &connect->client_id));
    if (connect->has_will) {
        SV_TRY(take_will(reader, connect));
    }
    if (connect->has_user) {
        SV_TRY(sv_mqtt_take_string(reader, "user name", &connect->user));
    }
    if (connect->has_password) {
        SV_TRY(sv_mqtt_take_binary(reader, &connect->password));
    }
    return sv_mqtt_take_end(reader);
}

sv_err sv_mqtt_connect_parse(sv_text bytes, sv_mqtt_connect *out, sv_why *why) {
    sv_mqtt_reader reader = { .receiver = SV_MQTT_FOR_SERVER, .why = why };
    sv_mqtt_connect connect = {
        .properties = SV_MQTT_NO_PROPERTIES,
        .will_properties = SV_MQTT_NO_PROPERTIES,
    };
    SV_TRY(open_connect(&reader, bytes));
    SV_TRY(take_head(&reader, &connect));
    SV_TRY(take_payload(&reader, &connect));
    *out = connect;
    return SV_OK;
}

static unsigned bit_if(bool set, unsigned bit) {
    return set ? bit : 0U;
}

static unsigned flags_of(const sv_mqtt_connect *connect) {
    unsigned will = 0;
    if (connect->has_will) {
        will = WILL | (unsigned) connect->will_qos << WILL_QOS_SHIFT
               | bit_if(connect->will_retain, WILL_RETAIN);
    }
    return will | bit_if(connect->clean_session, CLEAN) | bit_if(connect->has_user, USER)
           | bit_if(connect->has_password, PASSWORD);
}

/// A block of properties with its length, in 5.
static size_t block_bytes(sv_mqtt_version version, const sv_mqtt_properties *properties) {
    if (version != SV_MQTT_V5) {
        return 0;
    }
    size_t bytes = sv_mqtt_properties_bytes(properties);
    return sv_mqtt_varint_bytes(bytes) + bytes;
}

static void add_block(sv_textbuf *out, const sv_mqtt_connect *connect,
                      const sv_mqtt_properties *properties, unsigned type) {
    if (connect->version == SV_MQTT_V5) {
        sv_mqtt_add_varint(out, sv_mqtt_properties_bytes(properties));
        sv_mqtt_add_properties(out, properties, type);
    }
}

static size_t connect_bytes(const sv_mqtt_connect *connect) {
    size_t bytes = 10 + block_bytes(connect->version, &connect->properties);
    bytes += 2 + connect->client_id.len;
    if (connect->has_will) {
        bytes += block_bytes(connect->version, &connect->will_properties);
        bytes += 4 + connect->will_topic.len + connect->will_payload.len;
    }
    bytes += connect->has_user ? 2 + connect->user.len : 0;
    return bytes + (connect->has_password ? 2 + connect->password.len : 0);
}

void sv_mqtt_add_connect(sv_textbuf *out, const sv_mqtt_connect *connect) {
    sv_mqtt_add_byte(out, SV_MQTT_CONNECT << 4);
    sv_mqtt_add_varint(out, connect_bytes(connect));
    sv_mqtt_add_text(out, SV_TEXT("MQTT"));
    sv_mqtt_add_byte(out, (unsigned) connect->version);
    sv_mqtt_add_byte(out, flags_of(connect));
    sv_mqtt_add_u16(out, connect->keepalive_s);
    add_block(out, connect, &connect->properties, SV_MQTT_CONNECT);
    sv_mqtt_add_text(out, connect->client_id);
    if (connect->has_will) {
        add_block(out, connect, &connect->will_properties, SV_MQTT_WILL);
        sv_mqtt_add_text(out, connect->will_topic);
        sv_mqtt_add_text(out, connect->will_payload);
    }
    if (connect->has_user) {
        sv_mqtt_add_text(out, connect->user);
    }
    if (connect->has_password) {
        sv_mqtt_add_text(out, connect->password);
    }
}
