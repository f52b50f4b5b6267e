#include "mqtt_wire.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

typedef enum kind { BYTE, U16, U32, VARINT, STRING, NAME, BINARY, PAIR } kind;

/// One property of 5 [§2.2.2.2]: reader and writer know nothing else about it.
typedef struct property_rule {
    const char *name;
    uint8_t kind;
    uint16_t types;  ///< bit per type of packet that may hold it, bit SV_MQTT_WILL for wills
    uint16_t offset; ///< in sv_mqtt_properties
    uint32_t min, max;
} property_rule;

enum {
    MESSAGE = SV_MQTT_BIT(SV_MQTT_PUBLISH) | SV_MQTT_BIT(SV_MQTT_WILL),
    BOTH_CONNECTS = SV_MQTT_BIT(SV_MQTT_CONNECT) | SV_MQTT_BIT(SV_MQTT_CONNACK),
    ACKS = SV_MQTT_BIT(SV_MQTT_PUBACK) | SV_MQTT_BIT(SV_MQTT_PUBREC) | SV_MQTT_BIT(SV_MQTT_PUBREL)
           | SV_MQTT_BIT(SV_MQTT_PUBCOMP) | SV_MQTT_BIT(SV_MQTT_SUBACK)
           | SV_MQTT_BIT(SV_MQTT_UNSUBACK),
    ENDS = SV_MQTT_BIT(SV_MQTT_DISCONNECT) | SV_MQTT_BIT(SV_MQTT_AUTH),
    ALL = MESSAGE | BOTH_CONNECTS | ACKS | ENDS | SV_MQTT_BIT(SV_MQTT_SUBSCRIBE)
          | SV_MQTT_BIT(SV_MQTT_UNSUBSCRIBE),
    RULES = SV_MQTT_P_SHARED + 1,
};

#define AT(member) offsetof(sv_mqtt_properties, member)

static const property_rule RULE[RULES] = {
    [SV_MQTT_P_PAYLOAD_FORMAT] = { "payload format indicator", BYTE, MESSAGE, AT(payload_format), 0,
                                   1 },
    [SV_MQTT_P_MESSAGE_EXPIRY] = { "message expiry interval", U32, MESSAGE, AT(message_expiry_s), 0,
                                   UINT32_MAX },
    [SV_MQTT_P_CONTENT_TYPE] = { "content type", STRING, MESSAGE, AT(content_type), 0, 0 },
    [SV_MQTT_P_RESPONSE_TOPIC] = { "response topic", NAME, MESSAGE, AT(response_topic), 0, 0 },
    [SV_MQTT_P_CORRELATION] = { "correlation data", BINARY, MESSAGE, AT(correlation), 0, 0 },
    [SV_MQTT_P_SUBSCRIPTION_ID] = { "subscription identifier", VARINT,
                                    SV_MQTT_BIT(SV_MQTT_PUBLISH) | SV_MQTT_BIT(SV_MQTT_SUBSCRIBE),
                                    AT(subscription_id), 1, SV_MQTT_REMAINING_MAX },
    [SV_MQTT_P_SESSION_EXPIRY] = { "session expiry interval", U32,
                                   BOTH_CONNECTS | SV_MQTT_BIT(SV_MQTT_DISCONNECT),
                                   AT(session_expiry_s), 0, UINT32_MAX },
    [SV_MQTT_P_ASSIGNED_ID] = { "assigned client identifier", STRING, SV_MQTT_BIT(SV_MQTT_CONNACK),
                                AT(assigned_id), 0, 0 },
    [SV_MQTT_P_SERVER_KEEPALIVE] = { "server keep alive", U16, SV_MQTT_BIT(SV_MQTT_CONNACK),
                                     AT(server_keepalive_s), 0, UINT16_MAX },
    [SV_MQTT_P_AUTH_METHOD] = { "authentication method", STRING,
                                BOTH_CONNECTS | SV_MQTT_BIT(SV_MQTT_AUTH), AT(auth_method), 0, 0 },
    [SV_MQTT_P_AUTH_DATA] = { "authentication data", BINARY,
                              BOTH_CONNECTS | SV_MQTT_BIT(SV_MQTT_AUTH), AT(auth_data), 0, 0 },
    [SV_MQTT_P_REQUEST_PROBLEM] = { "request problem information", BYTE,
                                    SV_MQTT_BIT(SV_MQTT_CONNECT), AT(request_problem), 0, 1 },
    [SV_MQTT_P_WILL_DELAY] = { "will delay interval", U32, SV_MQTT_BIT(SV_MQTT_WILL),
                               AT(will_delay_s), 0, UINT32_MAX },
    [SV_MQTT_P_REQUEST_RESPONSE] = { "request response information", BYTE,
                                     SV_MQTT_BIT(SV_MQTT_CONNECT), AT(request_response), 0, 1 },
    [SV_MQTT_P_RESPONSE_INFO] = { "response information", STRING, SV_MQTT_BIT(SV_MQTT_CONNACK),
                                  AT(response_info), 0, 0 },
    [SV_MQTT_P_SERVER_REFERENCE] = { "server reference", STRING,
                                     SV_MQTT_BIT(SV_MQTT_CONNACK) | SV_MQTT_BIT(SV_MQTT_DISCONNECT),
                                     AT(server_reference), 0, 0 },
    [SV_MQTT_P_REASON] = { "reason string", STRING, SV_MQTT_BIT(SV_MQTT_CONNACK) | ACKS | ENDS,
                           AT(reason), 0, 0 },
    [SV_MQTT_P_RECEIVE_MAX] = { "receive maximum", U16, BOTH_CONNECTS, AT(receive_max), 1,
                                UINT16_MAX },
    [SV_MQTT_P_TOPIC_ALIAS_MAX] = { "topic alias maximum", U16, BOTH_CONNECTS, AT(topic_alias_max),
                                    0, UINT16_MAX },
    [SV_MQTT_P_TOPIC_ALIAS] = { "topic alias", U16, SV_MQTT_BIT(SV_MQTT_PUBLISH), AT(topic_alias),
                                1, UINT16_MAX },
    [SV_MQTT_P_MAXIMUM_QOS] = { "maximum QoS", BYTE, SV_MQTT_BIT(SV_MQTT_CONNACK), AT(maximum_qos),
                                0, 1 },
    [SV_MQTT_P_RETAIN_AVAILABLE] = { "retain available", BYTE, SV_MQTT_BIT(SV_MQTT_CONNACK),
                                     AT(retain_available), 0, 1 },
    [SV_MQTT_P_USER] = { "user property", PAIR, ALL, 0, 0, 0 },
    [SV_MQTT_P_PACKET_MAX] = { "maximum packet size", U32, BOTH_CONNECTS, AT(packet_max), 1,
                               UINT32_MAX },
    [SV_MQTT_P_WILDCARDS] = { "wildcard subscription available", BYTE, SV_MQTT_BIT(SV_MQTT_CONNACK),
                              AT(wildcards), 0, 1 },
    [SV_MQTT_P_SUBSCRIPTION_IDS] = { "subscription identifiers available", BYTE,
                                     SV_MQTT_BIT(SV_MQTT_CONNACK), AT(subscription_ids), 0, 1 },
    [SV_MQTT_P_SHARED] = { "shared subscription available", BYTE, SV_MQTT_BIT(SV_MQTT_CONNACK),
                           AT(shared), 0, 1 },
};

const sv_mqtt_properties SV_MQTT_NO_PROPERTIES = {
    .request_problem = 1,
    .maximum_qos = 2,
    .retain_available = 1,
    .wildcards = 1,
    .subscription_ids = 1,
    .shared = 1,
    .receive_max = UINT16_MAX,
    .packet_max = UINT32_MAX,
    .content_type = { .at = "" },
    .response_topic = { .at = "" },
    .correlation = { .at = "" },
    .assigned_id = { .at = "" },
    .auth_method = { .at = "" },
    .auth_data = { .at = "" },
    .response_info = { .at = "" },
    .server_reference = { .at = "" },
    .reason = { .at = "" },
    .raw = { .at = "" },
};

/// One property as it stood.
typedef struct property_value {
    uint32_t identifier;
    uint32_t number;
    sv_text text;  ///< a pair's name
    sv_text value; ///< a pair's value
    sv_text whole; ///< with its identifier
} property_value;

bool sv_mqtt_has(const sv_mqtt_properties *properties, unsigned identifier) {
    return (properties->present >> identifier & 1U) != 0;
}

static const property_rule *rule_of(uint32_t identifier) {
    return identifier < RULES && RULE[identifier].name != NULL ? &RULE[identifier] : NULL;
}

static sv_err take_byte_as_number(sv_mqtt_reader *reader, uint32_t *out) {
    uint8_t byte = 0;
    SV_TRY(sv_mqtt_take_byte(reader, &byte));
    *out = byte;
    return SV_OK;
}

static sv_err take_u16_as_number(sv_mqtt_reader *reader, uint32_t *out) {
    uint16_t value = 0;
    SV_TRY(sv_mqtt_take_u16(reader, &value));
    *out = value;
    return SV_OK;
}

static sv_err take_value(sv_mqtt_reader *reader, const property_rule *rule, property_value *out) {
    switch ((kind) rule->kind) {
    case BYTE:
        return take_byte_as_number(reader, &out->number);
    case U16:
        return take_u16_as_number(reader, &out->number);
    case U32:
        return sv_mqtt_take_u32(reader, &out->number);
    case VARINT:
        return sv_mqtt_take_varint(reader, &out->number);
    case STRING:
        return sv_mqtt_take_string(reader, rule->name, &out->text);
    case NAME:
        return sv_mqtt_take_name(reader, rule->name, &out->text);
    case BINARY:
        return sv_mqtt_take_binary(reader, &out->text);
    case PAIR:
        break;
    }
    SV_TRY(sv_mqtt_take_string(reader, "user property's name", &out->text));
    return sv_mqtt_take_string(reader, "user property's value", &out->value);
}

/// Whether this property may stand in that packet is not judged here.
static sv_err take_property(sv_mqtt_reader *reader, property_value *out) {
    const char *start = reader->rest.at;
    SV_TRY(sv_mqtt_take_varint(reader, &out->identifier));
    const property_rule *rule = rule_of(out->identifier);
    if (rule == NULL) {
        return sv_fail(reader->why, SV_ERR_INVALID, "MQTT property 0x%02x is not known [§2.2.2.2]",
                       out->identifier);
    }
    SV_TRY(take_value(reader, rule, out));
    out->whole = (sv_text){ .at = start, .len = (size_t) (reader->rest.at - start) };
    return SV_OK;
}

static bool is_number(const property_rule *rule) {
    return rule->kind <= VARINT;
}

static bool may_repeat(uint32_t identifier, unsigned type) {
    return identifier == SV_MQTT_P_USER
           || (identifier == SV_MQTT_P_SUBSCRIPTION_ID && type == SV_MQTT_PUBLISH);
}

static sv_err check_property(sv_mqtt_reader *reader, unsigned type, const property_value *property,
                             uint64_t present) {
    const property_rule *rule = rule_of(property->identifier);
    if ((rule->types & SV_MQTT_BIT(type)) == 0) {
        return sv_fail(sv_mqtt_blame(reader, SV_MQTT_PROTOCOL_ERROR), SV_ERR_INVALID,
                       "MQTT %s may not stand in this packet [§2.2.2.2]", rule->name);
    }
    if ((present >> property->identifier & 1U) != 0 && !may_repeat(property->identifier, type)) {
        return sv_fail(sv_mqtt_blame(reader, SV_MQTT_PROTOCOL_ERROR), SV_ERR_INVALID,
                       "MQTT %s stands twice in a packet [§2.2.2.2]", rule->name);
    }
    if (is_number(rule) && (property->number < rule->min || property->number > rule->max)) {
        return sv_fail(sv_mqtt_blame(reader, SV_MQTT_PROTOCOL_ERROR), SV_ERR_INVALID,
                       "MQTT %s is %u, out of its range [§2.2.2.2]", rule->name, property->number);
    }
    if (rule->kind == NAME && property->text.len == 0) {
        return sv_fail(sv_mqtt_blame(reader, SV_MQTT_PROTOCOL_ERROR), SV_ERR_INVALID,
                       "MQTT %s is empty [§4.7.3]", rule->name);
    }
    return SV_OK;
}

static void store(sv_mqtt_properties *properties, const property_value *property) {
    const property_rule *rule = rule_of(property->identifier);
    bool first = !sv_mqtt_has(properties, property->identifier);
    char *at = (char *) properties + rule->offset;
    properties->present |= UINT64_C(1) << property->identifier;
    uint8_t byte = (uint8_t) property->number;
    uint16_t half = (uint16_t) property->number;
    switch ((kind) rule->kind) {
    case BYTE:
        memcpy(at, &byte, sizeof byte);
        break;
    case U16:
        memcpy(at, &half, sizeof half);
        break;
    case U32:
    case VARINT:
        if (first) {
            memcpy(at, &property->number, sizeof property->number);
        }
        break;
    case STRING:
    case NAME:
    case BINARY:
        memcpy(at, &property->text, sizeof property->text);
        break;
    case PAIR:
        break;
    }
}

static sv_err check_auth(sv_mqtt_reader *reader, const sv_mqtt_properties *properties) {
    if (sv_mqtt_has(properties, SV_MQTT_P_AUTH_DATA)
        && !sv_mqtt_has(properties, SV_MQTT_P_AUTH_METHOD)) {
        return sv_fail(sv_mqtt_blame(reader, SV_MQTT_PROTOCOL_ERROR), SV_ERR_INVALID,
                       "MQTT authentication data has no authentication method [§3.1.2.11.10]");
    }
    return SV_OK;
}

/// All of `reader`, which reads the block alone.
static sv_err take_block(sv_mqtt_reader *reader, unsigned type, sv_mqtt_properties *out) {
    size_t users = 0;
    while (reader->rest.len > 0) {
        property_value property = { 0 };
        SV_TRY(take_property(reader, &property));
        SV_TRY(check_property(reader, type, &property, out->present));
        users += property.identifier == SV_MQTT_P_USER;
        if (users > SV_MQTT_USER_PROPERTIES_MAX) {
            return sv_fail(sv_mqtt_blame(reader, SV_MQTT_QUOTA_EXCEEDED), SV_ERR_NO_SPACE,
                           "MQTT packet has more than %d user properties",
                           SV_MQTT_USER_PROPERTIES_MAX);
        }
        store(out, &property);
    }
    return check_auth(reader, out);
}

sv_err sv_mqtt_take_properties(sv_mqtt_reader *reader, unsigned type, sv_mqtt_properties *out) {
    uint32_t len = 0;
    SV_TRY(sv_mqtt_take_varint(reader, &len));
    if (len == 0) {
        return SV_OK;
    }
    if (len > reader->rest.len) {
        return sv_fail(reader->why, SV_ERR_INVALID,
                       "MQTT properties of %u bytes do not fit their packet [§2.2.2.1]", len);
    }
    sv_mqtt_reader block = *reader;
    SV_TRY(sv_mqtt_take_bytes(reader, len, &block.rest));
    out->raw = block.rest;
    sv_err err = take_block(&block, type, out);
    reader->reason = block.reason;
    return err;
}

bool sv_mqtt_user_next(sv_text *raw, sv_text *out_name, sv_text *out_value) {
    sv_mqtt_reader reader = { .rest = *raw };
    property_value property = { 0 };
    while (reader.rest.len > 0 && take_property(&reader, &property) == SV_OK) {
        if (property.identifier == SV_MQTT_P_USER) {
            *out_name = property.text;
            *out_value = property.value;
            *raw = reader.rest;
            return true;
        }
    }
    raw->len = 0;
    return false;
}

enum { FORWARDED_COUNT = 5 };

static bool is_forwarded(uint32_t identifier) {
    static const uint8_t FORWARDED[FORWARDED_COUNT] = {
        SV_MQTT_P_PAYLOAD_FORMAT, SV_MQTT_P_CONTENT_TYPE, SV_MQTT_P_RESPONSE_TOPIC,
        SV_MQTT_P_CORRELATION,    SV_MQTT_P_USER,
    };
    return memchr(FORWARDED, (int) identifier, sizeof FORWARDED) != NULL;
}

void sv_mqtt_add_forwarded(sv_textbuf *out, sv_text raw) {
    sv_mqtt_reader reader = { .rest = raw };
    property_value property = { 0 };
    while (reader.rest.len > 0 && take_property(&reader, &property) == SV_OK) {
        if (is_forwarded(property.identifier)) {
            sv_textbuf_add(out, property.whole);
        }
    }
}

/// What stands in the struct under `identifier`.
static property_value load(const sv_mqtt_properties *properties, uint32_t identifier) {
    const property_rule *rule = &RULE[identifier];
    const char *at = (const char *) properties + rule->offset;
    property_value loaded = { .identifier = identifier };
    uint16_t half = 0;
    switch ((kind) rule->kind) {
    case BYTE:
        loaded.number = (uint8_t) *at;
        break;
    case U16:
        memcpy(&half, at, sizeof half);
        loaded.number = half;
        break;
    case U32:
    case VARINT:
        memcpy(&loaded.number, at, sizeof loaded.number);
        break;
    case STRING:
    case NAME:
    case BINARY:
        memcpy(&loaded.text, at, sizeof loaded.text);
        break;
    case PAIR:
        break;
    }
    return loaded;
}

static size_t value_bytes(const property_value *property) {
    switch ((kind) RULE[property->identifier].kind) {
    case BYTE:
        return 1;
    case U16:
        return 2;
    case U32:
        return 4;
    case VARINT:
        return sv_mqtt_varint_bytes(property->number);
    case STRING:
    case NAME:
    case BINARY:
    case PAIR:
        break;
    }
    return 2 + property->text.len;
}

static void add_value(sv_textbuf *out, const property_value *property) {
    switch ((kind) RULE[property->identifier].kind) {
    case BYTE:
        sv_mqtt_add_byte(out, property->number);
        return;
    case U16:
        sv_mqtt_add_u16(out, property->number);
        return;
    case U32:
        sv_mqtt_add_u32(out, property->number);
        return;
    case VARINT:
        sv_mqtt_add_varint(out, property->number);
        return;
    case STRING:
    case NAME:
    case BINARY:
    case PAIR:
        sv_mqtt_add_text(out, property->text);
        return;
    }
}

/// User properties stay as they came: from `raw`. `out` may be NULL. Returns their bytes.
static size_t add_users(sv_textbuf *out, sv_text raw) {
    sv_mqtt_reader reader = { .rest = raw };
    property_value property = { 0 };
    size_t bytes = 0;
    while (reader.rest.len > 0 && take_property(&reader, &property) == SV_OK) {
        if (property.identifier == SV_MQTT_P_USER) {
            bytes += property.whole.len;
            if (out != NULL) {
                sv_textbuf_add(out, property.whole);
            }
        }
    }
    return bytes;
}

static bool is_written_from_its_member(const sv_mqtt_properties *properties, uint32_t identifier) {
    return identifier != SV_MQTT_P_USER && sv_mqtt_has(properties, identifier)
           && rule_of(identifier) != NULL;
}

size_t sv_mqtt_properties_bytes(const sv_mqtt_properties *properties) {
    if (properties == NULL || properties->present == 0) {
        return 0;
    }
    size_t bytes = sv_mqtt_has(properties, SV_MQTT_P_USER) ? add_users(NULL, properties->raw) : 0;
    for (uint32_t i = 0; i < RULES; i++) {
        if (is_written_from_its_member(properties, i)) {
            property_value property = load(properties, i);
            bytes += 1 + value_bytes(&property);
        }
    }
    return bytes;
}

void sv_mqtt_add_properties(sv_textbuf *out, const sv_mqtt_properties *properties, unsigned type) {
    (void) type; // only asserted
    if (properties == NULL || properties->present == 0) {
        return;
    }
    for (uint32_t i = 0; i < RULES; i++) {
        if (is_written_from_its_member(properties, i)) {
            assert((RULE[i].types & SV_MQTT_BIT(type)) != 0);
            property_value property = load(properties, i);
            sv_mqtt_add_byte(out, i);
            add_value(out, &property);
        }
    }
    if (sv_mqtt_has(properties, SV_MQTT_P_USER)) {
        (void) add_users(out, properties->raw);
    }
}
