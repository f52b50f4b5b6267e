// MQTT 3.1.1 control packets (OASIS standard, 29 October 2014), as bytes and back. No I/O, no
// memory of its own: parsed packets borrow from the bytes, written ones go to a sv_textbuf.
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
} sv_mqtt_type;

enum {
    SV_MQTT_HEADER_MAX = 5,
    SV_MQTT_REMAINING_MAX = 268435455, ///< §2.2.3
};

/// Whole length of the packet at the start of `bytes`, once the fixed header is there:
/// SV_OK with *out_bytes, SV_ERR_STATE when more bytes are needed to tell, SV_ERR_INVALID for a
/// length of five bytes, reserved flags, a type of 0 or 15, QoS 3 [§2.2, §3.3.1.2].
sv_err sv_mqtt_packet_length(sv_text bytes, size_t *out_bytes);

typedef struct sv_mqtt_packet {
    sv_mqtt_type type;
    bool dup, retain;     ///< PUBLISH
    uint8_t qos;          ///< PUBLISH
    uint16_t id;          ///< PUBLISH with QoS > 0, *ACK, PUBREC.., SUBACK
    sv_text topic;        ///< PUBLISH
    sv_text payload;      ///< PUBLISH; the return codes of a SUBACK
    bool session_present; ///< CONNACK
    uint8_t code;         ///< CONNACK return code [§3.2.2.3]
} sv_mqtt_packet;

/// What a client receives: CONNACK, PUBLISH, the acknowledgements, SUBACK, UNSUBACK, PINGRESP;
/// `bytes` is exactly one packet. Topics must be valid UTF-8 without NUL and wildcards;
/// SV_ERR_INVALID otherwise.
sv_err sv_mqtt_packet_parse(sv_text bytes, sv_mqtt_packet *out, sv_why *why);

typedef struct sv_mqtt_connect {
    sv_text client_id;
    bool clean_session;
    uint16_t keepalive_s;
    sv_text will_topic; ///< empty: no will
    sv_text will_payload;
    uint8_t will_qos;
    bool will_retain;
} sv_mqtt_connect;

void sv_mqtt_add_connect(sv_textbuf *out, const sv_mqtt_connect *connect);
void sv_mqtt_add_publish(sv_textbuf *out, sv_text topic, sv_text payload, uint8_t qos, bool retain,
                         bool dup, uint16_t id);
/// PUBACK, PUBREC, PUBREL, PUBCOMP.
void sv_mqtt_add_ack(sv_textbuf *out, sv_mqtt_type type, uint16_t id);
void sv_mqtt_add_subscribe(sv_textbuf *out, uint16_t id, sv_text filter, uint8_t qos);
/// PINGREQ, DISCONNECT.
void sv_mqtt_add_empty(sv_textbuf *out, sv_mqtt_type type);

/// Does `topic` match the filter [§4.7]? `$`-topics are not matched by a leading wildcard.
bool sv_mqtt_topic_matches(sv_text filter, sv_text topic);

#endif
