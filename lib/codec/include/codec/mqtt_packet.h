// MQTT control packets, 3.1.1 (OASIS standard, 29 October 2014) and 5.0 (7 March 2019), as bytes
// and back, for both sides of a connection. No I/O, no memory of its own: parsed packets borrow
// from the bytes, written ones go to a sv_textbuf. What parses keeps every rule of its version that
// can be judged from one packet alone; the sentence of a refusal names the section, that of 5.0
// unless it says otherwise.
#ifndef SV_CODEC_MQTT_PACKET_H
#define SV_CODEC_MQTT_PACKET_H

#include <base/err.h>
#include <base/text.h>

typedef enum sv_mqtt_type {
    SV_MQTT_CONNECT = 1,
    SV_MQTT_CONNACK,
    SV_MQTT_PUBLISH,
    SV_MQTT_PUBACK,
    SV_MQTT_PUBREC,
    SV_MQTT_PUBREL,
    SV_MQTT_PUBCOMP,
    SV_MQTT_SUBSCRIBE,
    SV_MQTT_SUBACK,
    SV_MQTT_UNSUBSCRIBE,
    SV_MQTT_UNSUBACK,
    SV_MQTT_PINGREQ,
    SV_MQTT_PINGRESP,
    SV_MQTT_DISCONNECT,
    SV_MQTT_AUTH, ///< 5 only
} sv_mqtt_type;

typedef enum sv_mqtt_version { SV_MQTT_V311 = 4, SV_MQTT_V5 = 5 } sv_mqtt_version;

enum {
    SV_MQTT_HEADER_MAX = 5,
    SV_MQTT_REMAINING_MAX = 268435455, ///< §2.2.3 (3.1.1), §2.1.4 (5)
    SV_MQTT_LEVELS_MAX = 32,          ///< of a topic or filter; deeper ones are refused by a server
    SV_MQTT_USER_PROPERTIES_MAX = 64, ///< in one packet; more are SV_ERR_NO_SPACE
};

/// MQTT 5 reason codes [§2.4]; a 3.1.1 side sees the return code that comes nearest.
typedef enum sv_mqtt_reason {
    SV_MQTT_SUCCESS = 0x00,
    SV_MQTT_WITH_WILL = 0x04,
    SV_MQTT_NO_MATCHING_SUBSCRIBERS = 0x10,
    SV_MQTT_NO_SUBSCRIPTION_EXISTED = 0x11,
    SV_MQTT_UNSPECIFIED = 0x80,
    SV_MQTT_MALFORMED = 0x81,
    SV_MQTT_PROTOCOL_ERROR = 0x82,
    SV_MQTT_IMPLEMENTATION = 0x83,
    SV_MQTT_UNSUPPORTED_VERSION = 0x84,
    SV_MQTT_CLIENT_ID_INVALID = 0x85,
    SV_MQTT_BAD_LOGIN = 0x86,
    SV_MQTT_NOT_AUTHORIZED = 0x87,
    SV_MQTT_UNAVAILABLE = 0x88,
    SV_MQTT_BUSY = 0x89,
    SV_MQTT_BANNED = 0x8A,
    SV_MQTT_SHUTTING_DOWN = 0x8B,
    SV_MQTT_BAD_AUTH_METHOD = 0x8C,
    SV_MQTT_KEEP_ALIVE_TIMEOUT = 0x8D,
    SV_MQTT_TAKEN_OVER = 0x8E,
    SV_MQTT_FILTER_INVALID = 0x8F,
    SV_MQTT_TOPIC_INVALID = 0x90,
    SV_MQTT_ID_IN_USE = 0x91,
    SV_MQTT_ID_NOT_FOUND = 0x92,
    SV_MQTT_RECEIVE_MAX_EXCEEDED = 0x93,
    SV_MQTT_TOPIC_ALIAS_INVALID = 0x94,
    SV_MQTT_PACKET_TOO_LARGE = 0x95,
    SV_MQTT_RATE_TOO_HIGH = 0x96,
    SV_MQTT_QUOTA_EXCEEDED = 0x97,
    SV_MQTT_ADMINISTRATIVE = 0x98,
    SV_MQTT_PAYLOAD_FORMAT_INVALID = 0x99,
    SV_MQTT_RETAIN_UNSUPPORTED = 0x9A,
    SV_MQTT_QOS_UNSUPPORTED = 0x9B,
    SV_MQTT_SHARED_UNSUPPORTED = 0x9E,
    SV_MQTT_SUBSCRIPTION_IDS_UNSUPPORTED = 0xA1,
    SV_MQTT_WILDCARDS_UNSUPPORTED = 0xA2,
} sv_mqtt_reason;

/// Whole length of the packet at the start of `bytes`, once the fixed header is there: SV_OK with
/// *out_bytes, SV_ERR_STATE when more bytes are needed to tell, SV_ERR_INVALID for a length of five
/// bytes, reserved flags, a type of 0, QoS 3 [§2.2, §3.3.1.2]. AUTH passes; a 3.1.1 side refuses it
/// when it parses. Judges the first byte as soon as it is there.
sv_err sv_mqtt_packet_length(sv_text bytes, size_t *out_bytes);

/// MQTT 5 properties [§2.2.2.2]. Which ones a packet may hold, that none stands twice and that
/// values are in range has been checked. Absent ones have the value the standard gives them.
typedef struct sv_mqtt_properties {
    uint64_t present;        ///< bit `identifier` for every property that was there
    uint8_t payload_format;  ///< 1: UTF-8 text
    uint8_t request_problem; ///< default 1
    uint8_t request_response;
    uint8_t maximum_qos;                                           ///< default 2
    uint8_t retain_available, wildcards, subscription_ids, shared; ///< default 1
    uint16_t receive_max;                                          ///< default 65535; never 0
    uint16_t topic_alias_max;
    uint16_t topic_alias; ///< 0: none
    uint16_t server_keepalive_s;
    uint32_t message_expiry_s, will_delay_s;
    uint32_t session_expiry_s; ///< 0xFFFFFFFF: never
    uint32_t packet_max;       ///< default: no bound (0xFFFFFFFF); never 0
    uint32_t subscription_id;  ///< 0: none; of several in a PUBLISH the first
    sv_text content_type, response_topic, correlation;
    sv_text assigned_id, auth_method, auth_data, response_info, server_reference, reason;
    sv_text raw; ///< the block itself, without its length
} sv_mqtt_properties;

enum {
    SV_MQTT_P_PAYLOAD_FORMAT = 0x01,
    SV_MQTT_P_MESSAGE_EXPIRY = 0x02,
    SV_MQTT_P_CONTENT_TYPE = 0x03,
    SV_MQTT_P_RESPONSE_TOPIC = 0x08,
    SV_MQTT_P_CORRELATION = 0x09,
    SV_MQTT_P_SUBSCRIPTION_ID = 0x0B,
    SV_MQTT_P_SESSION_EXPIRY = 0x11,
    SV_MQTT_P_ASSIGNED_ID = 0x12,
    SV_MQTT_P_SERVER_KEEPALIVE = 0x13,
    SV_MQTT_P_AUTH_METHOD = 0x15,
    SV_MQTT_P_AUTH_DATA = 0x16,
    SV_MQTT_P_REQUEST_PROBLEM = 0x17,
    SV_MQTT_P_WILL_DELAY = 0x18,
    SV_MQTT_P_REQUEST_RESPONSE = 0x19,
    SV_MQTT_P_RESPONSE_INFO = 0x1A,
    SV_MQTT_P_SERVER_REFERENCE = 0x1C,
    SV_MQTT_P_REASON = 0x1F,
    SV_MQTT_P_RECEIVE_MAX = 0x21,
    SV_MQTT_P_TOPIC_ALIAS_MAX = 0x22,
    SV_MQTT_P_TOPIC_ALIAS = 0x23,
    SV_MQTT_P_MAXIMUM_QOS = 0x24,
    SV_MQTT_P_RETAIN_AVAILABLE = 0x25,
    SV_MQTT_P_USER = 0x26,
    SV_MQTT_P_PACKET_MAX = 0x27,
    SV_MQTT_P_WILDCARDS = 0x28,
    SV_MQTT_P_SUBSCRIPTION_IDS = 0x29,
    SV_MQTT_P_SHARED = 0x2A,
};

bool sv_mqtt_has(const sv_mqtt_properties *properties, unsigned identifier);

typedef struct sv_mqtt_connect {
    sv_mqtt_version version;
    sv_text client_id;  ///< may be empty
    bool clean_session; ///< Clean Start in 5
    uint16_t keepalive_s;
    bool has_will;
    sv_text will_topic;
    sv_text will_payload;
    uint8_t will_qos;
    bool will_retain;
    bool has_user, has_password;
    sv_text user, password;
    sv_mqtt_properties properties, will_properties; ///< 5 only
} sv_mqtt_connect;

typedef struct sv_mqtt_packet {
    sv_mqtt_type type;
    bool dup, retain;     ///< PUBLISH
    uint8_t qos;          ///< PUBLISH
    uint16_t id;          ///< PUBLISH with QoS > 0, *ACK, PUBREC.., SUBSCRIBE.., SUBACK..
    sv_text topic;        ///< PUBLISH; empty only in 5 with a topic alias
    sv_text payload;      ///< PUBLISH; the reason codes of SUBACK and UNSUBACK; the filters of
                          ///< SUBSCRIBE and UNSUBSCRIBE, to be walked with sv_mqtt_filter_next
    bool session_present; ///< CONNACK
    uint8_t code;         ///< reason (5) or return code of CONNACK, PUBACK.., DISCONNECT, AUTH
    sv_mqtt_properties properties; ///< 5 only
} sv_mqtt_packet;

/// The protocol version a CONNECT names, before anything else of it is judged. SV_ERR_INVALID when
/// `bytes` (one whole packet) is no CONNECT of MQTT or MQIsdp at all.
sv_err sv_mqtt_connect_version(sv_text bytes, unsigned *out, sv_why *why);
/// `bytes` is exactly one CONNECT of a version this codec knows. SV_ERR_NO_SPACE: too many user
/// properties.
sv_err sv_mqtt_connect_parse(sv_text bytes, sv_mqtt_connect *out, sv_why *why);

typedef enum sv_mqtt_side { SV_MQTT_FOR_CLIENT = 1, SV_MQTT_FOR_SERVER = 2 } sv_mqtt_side;

/// Any packet but CONNECT that `receiver` may be sent; `bytes` is exactly one packet. `*out_reason`
/// (may be NULL) says how a 5 side would name the fault: MALFORMED, PROTOCOL_ERROR or
/// TOPIC_INVALID, QUOTA_EXCEEDED, and SUCCESS when there is none. SV_ERR_NO_SPACE: too many user
/// properties. SV_ERR_INVALID otherwise. `*out` is to be read only after SV_OK; properties that
/// were absent, and all of 3.1.1, have their default values then.
sv_err sv_mqtt_packet_parse(sv_text bytes, sv_mqtt_version version, sv_mqtt_side receiver,
                            sv_mqtt_packet *out, sv_mqtt_reason *out_reason, sv_why *why);

typedef struct sv_mqtt_filter {
    sv_text filter;
    uint8_t qos;
    bool no_local, retain_as_published; ///< 5
    uint8_t retain_handling;            ///< 5: 0 always, 1 when new, 2 never
} sv_mqtt_filter;

/// The next filter of a parsed SUBSCRIBE or UNSUBSCRIBE (its options are zero then); false at the
/// end. Filters are valid UTF-8; whether their wildcards stand where they may says
/// sv_mqtt_filter_is_valid, because that costs one reason code, not the connection.
bool sv_mqtt_filter_next(sv_mqtt_type type, sv_text *rest, sv_mqtt_filter *out);
/// §4.7: `+` and `#` alone in their level, `#` last, not empty, at most SV_MQTT_LEVELS_MAX levels.
bool sv_mqtt_filter_is_valid(sv_text filter);
/// `$share/<name>/<filter>`: cuts it apart. False for any other filter; a `$share/` filter that is
/// broken [5 §4.8.2], or whose <filter> is not valid, gives true and an empty *out_filter.
bool sv_mqtt_filter_shared(sv_text filter, sv_text *out_name, sv_text *out_filter);

/// Walk user properties in their order; false at the end.
bool sv_mqtt_user_next(sv_text *raw, sv_text *out_name, sv_text *out_value);
/// Of a PUBLISH's or will's block, those that travel with the message to its receivers: payload
/// format, content type, response topic, correlation data, user properties, in their order.
void sv_mqtt_add_forwarded(sv_textbuf *out, sv_text raw);

// Writers. Version 3.1.1 leaves out what it does not know; `properties` may be NULL for none. A
// property is written when its bit is set in `present`; user properties and forwarded blocks are
// taken from `raw` as they stand.

void sv_mqtt_add_connect(sv_textbuf *out, const sv_mqtt_connect *connect);
void sv_mqtt_add_connack(sv_textbuf *out, sv_mqtt_version version, bool session_present,
                         sv_mqtt_reason reason, const sv_mqtt_properties *properties);

typedef struct sv_mqtt_publish {
    sv_text topic; ///< empty in 5 with an alias that was told before
    sv_text payload;
    uint8_t qos;
    bool retain, dup;
    uint16_t id;
    uint16_t topic_alias; ///< 0: none
    bool has_expiry;
    uint32_t expiry_s;
    const uint32_t *subscription_ids;
    size_t subscription_id_count;
    sv_text forwarded; ///< a block made by sv_mqtt_add_forwarded
} sv_mqtt_publish;

void sv_mqtt_add_publish(sv_textbuf *out, sv_mqtt_version version, const sv_mqtt_publish *publish);
/// How many bytes that packet takes.
size_t sv_mqtt_publish_bytes(sv_mqtt_version version, const sv_mqtt_publish *publish);
/// PUBACK, PUBREC, PUBREL, PUBCOMP; the reason is left out in 3.1.1 and where it is SUCCESS.
void sv_mqtt_add_ack(sv_textbuf *out, sv_mqtt_version version, sv_mqtt_type type, uint16_t id,
                     sv_mqtt_reason reason);
void sv_mqtt_add_subscribe(sv_textbuf *out, sv_mqtt_version version, uint16_t id, sv_text filter,
                           uint8_t options, uint32_t subscription_id);
void sv_mqtt_add_unsubscribe(sv_textbuf *out, sv_mqtt_version version, uint16_t id, sv_text filter);
/// SUBACK, UNSUBACK (3.1.1: without codes).
void sv_mqtt_add_codes(sv_textbuf *out, sv_mqtt_version version, sv_mqtt_type type, uint16_t id,
                       const uint8_t *codes, size_t count);
/// In 5 with the reason, and the sentence as reason string when `text` is not empty (and is UTF-8:
/// it may quote a peer). 3.1.1: the bare packet.
void sv_mqtt_add_disconnect(sv_textbuf *out, sv_mqtt_version version, sv_mqtt_reason reason,
                            sv_text text, const sv_mqtt_properties *properties);
/// PINGREQ, PINGRESP.
void sv_mqtt_add_empty(sv_textbuf *out, sv_mqtt_type type);

/// Is `topic` a name to publish on: UTF-8 without NUL, not empty, no wildcard, ≤ 65,535 bytes.
bool sv_mqtt_topic_is_valid(sv_text topic);
/// Does `topic` match the filter [§4.7]? `$`-topics are not matched by a leading wildcard.
bool sv_mqtt_topic_matches(sv_text filter, sv_text topic);

#endif
