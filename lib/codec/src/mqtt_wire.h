// The pieces of MQTT's wire format, shared by the files of the codec: a reader that takes values
// from the front of a packet, and the writing of the same values. Sections are those of 5.0.
#ifndef SV_CODEC_MQTT_WIRE_H
#define SV_CODEC_MQTT_WIRE_H

#include <codec/mqtt_packet.h>

enum {
    SV_MQTT_TEXT_MAX = 65535,     ///< §1.5.4
    SV_MQTT_VARINT_BYTES_MAX = 4, ///< §1.5.5
    SV_MQTT_WILL = 0,             ///< a will's properties, where a type of packet is asked for
};

/// A place for a type of packet in a set of them.
#define SV_MQTT_BIT(type) (1U << (type))

typedef struct sv_mqtt_reader {
    sv_text rest;
    sv_mqtt_version version;
    sv_mqtt_side receiver;
    sv_mqtt_reason reason; ///< of the failure; MALFORMED unless somebody says otherwise
    sv_why *why;
} sv_mqtt_reader;

/// Name the reason of a failure; returns where its sentence goes.
sv_why *sv_mqtt_blame(sv_mqtt_reader *reader, sv_mqtt_reason reason);

/// Fixed header: the bytes it takes itself and how many follow. Errors as sv_mqtt_packet_length.
sv_err sv_mqtt_header_parse(sv_text bytes, size_t *out_header, size_t *out_remaining);
/// A reader of what follows the header of exactly one packet.
sv_err sv_mqtt_reader_open(sv_mqtt_reader *reader, sv_text bytes);

sv_err sv_mqtt_take_byte(sv_mqtt_reader *reader, uint8_t *out);
sv_err sv_mqtt_take_u16(sv_mqtt_reader *reader, uint16_t *out);
sv_err sv_mqtt_take_u32(sv_mqtt_reader *reader, uint32_t *out);
/// A variable byte integer [§1.5.5]; one that could be shorter is taken all the same.
sv_err sv_mqtt_take_varint(sv_mqtt_reader *reader, uint32_t *out);
sv_err sv_mqtt_take_bytes(sv_mqtt_reader *reader, size_t len, sv_text *out);
/// Two bytes of length and as many of data [§1.5.6].
sv_err sv_mqtt_take_binary(sv_mqtt_reader *reader, sv_text *out);
/// The same, as UTF-8 without NUL [§1.5.4]. `what` names it in the sentence of a refusal.
sv_err sv_mqtt_take_string(sv_mqtt_reader *reader, const char *what, sv_text *out);
/// The same, as the name of a topic [§4.7]; it may be empty.
sv_err sv_mqtt_take_name(sv_mqtt_reader *reader, const char *what, sv_text *out);
/// A packet id, which is never 0 [§2.2.1].
sv_err sv_mqtt_take_id(sv_mqtt_reader *reader, uint16_t *out);
/// Nothing may follow.
sv_err sv_mqtt_take_end(sv_mqtt_reader *reader);

typedef enum sv_mqtt_text_kind {
    SV_MQTT_TEXT_PLAIN,
    SV_MQTT_TEXT_WILD,   ///< holds `+` or `#`
    SV_MQTT_TEXT_BROKEN, ///< no UTF-8, or with a NUL
} sv_mqtt_text_kind;

sv_mqtt_text_kind sv_mqtt_text_judge(sv_text text);

/// Every property absent.
extern const sv_mqtt_properties SV_MQTT_NO_PROPERTIES;
/// Length and block of the properties of a packet of `type`, or of a will, into `*out`, which
/// holds SV_MQTT_NO_PROPERTIES.
sv_err sv_mqtt_take_properties(sv_mqtt_reader *reader, unsigned type, sv_mqtt_properties *out);
/// Their block without its length: how many bytes, and those bytes. NULL is an empty block.
size_t sv_mqtt_properties_bytes(const sv_mqtt_properties *properties);
void sv_mqtt_add_properties(sv_textbuf *out, const sv_mqtt_properties *properties, unsigned type);

/// May a packet of `type` carry this reason or return code [5 §2.4; 3.1.1 §3.2.2.3, §3.9.3]?
bool sv_mqtt_code_is_known(sv_mqtt_version version, sv_mqtt_type type, uint8_t code);
/// What a 3.1.1 client is told in CONNACK for a reason of 5.
uint8_t sv_mqtt_return_code(sv_mqtt_reason reason);

void sv_mqtt_add_byte(sv_textbuf *out, unsigned byte);
void sv_mqtt_add_u16(sv_textbuf *out, unsigned value);
void sv_mqtt_add_u32(sv_textbuf *out, uint32_t value);
void sv_mqtt_add_varint(sv_textbuf *out, size_t value);
size_t sv_mqtt_varint_bytes(size_t value);
/// With its two bytes of length.
void sv_mqtt_add_text(sv_textbuf *out, sv_text text);

#endif
