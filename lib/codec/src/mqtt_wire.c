#include "mqtt_wire.h"

#include <assert.h>
#include <codec/encode.h>
#include <string.h>

static uint8_t byte_at(sv_text text, size_t index) {
    return (uint8_t) text.at[index];
}

static void skip(sv_text *text, size_t bytes) {
    text->at += bytes;
    text->len -= bytes;
}

sv_why *sv_mqtt_blame(sv_mqtt_reader *reader, sv_mqtt_reason reason) {
    reader->reason = reason;
    return reader->why;
}

static sv_err too_short(sv_mqtt_reader *reader, size_t wanted) {
    return sv_fail(reader->why, SV_ERR_INVALID,
                   "MQTT packet ends too early: %zu bytes wanted, %zu left [§2.1.4]", wanted,
                   reader->rest.len);
}

sv_err sv_mqtt_take_byte(sv_mqtt_reader *reader, uint8_t *out) {
    if (reader->rest.len < 1) {
        return too_short(reader, 1);
    }
    *out = byte_at(reader->rest, 0);
    skip(&reader->rest, 1);
    return SV_OK;
}

sv_err sv_mqtt_take_u16(sv_mqtt_reader *reader, uint16_t *out) {
    if (reader->rest.len < 2) {
        return too_short(reader, 2);
    }
    *out = (uint16_t) (byte_at(reader->rest, 0) << 8 | byte_at(reader->rest, 1));
    skip(&reader->rest, 2);
    return SV_OK;
}

sv_err sv_mqtt_take_u32(sv_mqtt_reader *reader, uint32_t *out) {
    if (reader->rest.len < 4) {
        return too_short(reader, 4);
    }
    uint32_t value = 0;
    for (size_t i = 0; i < 4; i++) {
        value = value << 8 | byte_at(reader->rest, i);
    }
    skip(&reader->rest, 4);
    *out = value;
    return SV_OK;
}

/// SV_ERR_STATE: more bytes are needed.
static sv_err varint_parse(sv_text bytes, size_t *out_bytes, uint32_t *out) {
    uint32_t value = 0;
    for (size_t i = 0; i < SV_MQTT_VARINT_BYTES_MAX; i++) {
        if (i >= bytes.len) {
            return SV_ERR_STATE;
        }
        uint8_t digit = byte_at(bytes, i);
        value |= (uint32_t) (digit & 0x7FU) << (7 * i);
        if ((digit & 0x80U) == 0) {
            *out_bytes = i + 1;
            *out = value;
            return SV_OK;
        }
    }
    return SV_ERR_INVALID;
}

sv_err sv_mqtt_take_varint(sv_mqtt_reader *reader, uint32_t *out) {
    size_t bytes = 0;
    sv_err err = varint_parse(reader->rest, &bytes, out);
    if (err == SV_ERR_STATE) {
        return too_short(reader, reader->rest.len + 1);
    }
    if (err != SV_OK) {
        return sv_fail(reader->why, SV_ERR_INVALID,
                       "MQTT variable byte integer has more than 4 bytes [§1.5.5]");
    }
    skip(&reader->rest, bytes);
    return SV_OK;
}

sv_err sv_mqtt_take_bytes(sv_mqtt_reader *reader, size_t len, sv_text *out) {
    if (len > reader->rest.len) {
        return too_short(reader, len);
    }
    *out = (sv_text){ .at = reader->rest.at, .len = len };
    skip(&reader->rest, len);
    return SV_OK;
}

sv_err sv_mqtt_take_binary(sv_mqtt_reader *reader, sv_text *out) {
    uint16_t len = 0;
    SV_TRY(sv_mqtt_take_u16(reader, &len));
    return sv_mqtt_take_bytes(reader, len, out);
}

static sv_err not_utf8(sv_mqtt_reader *reader, const char *what) {
    return sv_fail(reader->why, SV_ERR_INVALID,
                   "MQTT %s is not UTF-8 or holds a NUL character [§1.5.4]", what);
}

sv_err sv_mqtt_take_string(sv_mqtt_reader *reader, const char *what, sv_text *out) {
    SV_TRY(sv_mqtt_take_binary(reader, out));
    return sv_mqtt_text_judge(*out) == SV_MQTT_TEXT_BROKEN ? not_utf8(reader, what) : SV_OK;
}

sv_err sv_mqtt_take_name(sv_mqtt_reader *reader, const char *what, sv_text *out) {
    SV_TRY(sv_mqtt_take_binary(reader, out));
    switch (sv_mqtt_text_judge(*out)) {
    case SV_MQTT_TEXT_PLAIN:
        return SV_OK;
    case SV_MQTT_TEXT_WILD:
        return sv_fail(sv_mqtt_blame(reader, SV_MQTT_TOPIC_INVALID), SV_ERR_INVALID,
                       "MQTT %s holds a wildcard [§4.7.1]", what);
    case SV_MQTT_TEXT_BROKEN:
        break;
    }
    return not_utf8(reader, what);
}

sv_err sv_mqtt_take_id(sv_mqtt_reader *reader, uint16_t *out) {
    SV_TRY(sv_mqtt_take_u16(reader, out));
    if (*out == 0) {
        return sv_fail(sv_mqtt_blame(reader, SV_MQTT_PROTOCOL_ERROR), SV_ERR_INVALID,
                       "MQTT packet id is 0 [§2.2.1]");
    }
    return SV_OK;
}

sv_err sv_mqtt_take_end(sv_mqtt_reader *reader) {
    if (reader->rest.len != 0) {
        return sv_fail(reader->why, SV_ERR_INVALID, "MQTT packet has %zu bytes too many [§2.1.4]",
                       reader->rest.len);
    }
    return SV_OK;
}

/// Flags are fixed for every type but PUBLISH [§2.1.3].
static bool first_byte_is_fine(uint8_t first) {
    unsigned type = first >> 4;
    unsigned flags = first & 0x0FU;
    if (type == SV_MQTT_PUBLISH) {
        unsigned qos = (flags >> 1) & 3U;
        return qos != 3 && !(qos == 0 && (flags & 8U) != 0);
    }
    bool two = type == SV_MQTT_PUBREL || type == SV_MQTT_SUBSCRIBE || type == SV_MQTT_UNSUBSCRIBE;
    return type != 0 && flags == (two ? 2U : 0U);
}

sv_err sv_mqtt_header_parse(sv_text bytes, size_t *out_header, size_t *out_remaining) {
    if (bytes.len == 0) {
        return SV_ERR_STATE;
    }
    if (!first_byte_is_fine(byte_at(bytes, 0))) {
        return SV_ERR_INVALID;
    }
    size_t length_bytes = 0;
    uint32_t remaining = 0;
    sv_text after = { .at = bytes.at + 1, .len = bytes.len - 1 };
    SV_TRY(varint_parse(after, &length_bytes, &remaining));
    *out_header = 1 + length_bytes;
    *out_remaining = remaining;
    return SV_OK;
}

sv_err sv_mqtt_packet_length(sv_text bytes, size_t *out_bytes) {
    size_t header = 0;
    size_t remaining = 0;
    SV_TRY(sv_mqtt_header_parse(bytes, &header, &remaining));
    *out_bytes = header + remaining;
    return SV_OK;
}

sv_err sv_mqtt_reader_open(sv_mqtt_reader *reader, sv_text bytes) {
    size_t header = 0;
    size_t remaining = 0;
    reader->reason = SV_MQTT_MALFORMED;
    if (sv_mqtt_header_parse(bytes, &header, &remaining) != SV_OK) {
        return sv_fail(reader->why, SV_ERR_INVALID, "MQTT packet has a broken header [§2.1]");
    }
    if (header + remaining != bytes.len) {
        return sv_fail(reader->why, SV_ERR_INVALID,
                       "MQTT packet of %zu bytes says it has %zu [§2.1.4]", bytes.len,
                       header + remaining);
    }
    reader->rest = (sv_text){ .at = bytes.at + header, .len = remaining };
    return SV_OK;
}

void sv_mqtt_add_byte(sv_textbuf *out, unsigned byte) {
    sv_textbuf_add_char(out, (char) (uint8_t) byte);
}

void sv_mqtt_add_u16(sv_textbuf *out, unsigned value) {
    sv_mqtt_add_byte(out, value >> 8 & 0xFFU);
    sv_mqtt_add_byte(out, value & 0xFFU);
}

void sv_mqtt_add_u32(sv_textbuf *out, uint32_t value) {
    sv_mqtt_add_u16(out, value >> 16);
    sv_mqtt_add_u16(out, value & 0xFFFFU);
}

void sv_mqtt_add_varint(sv_textbuf *out, size_t value) {
    assert(value <= SV_MQTT_REMAINING_MAX);
    do {
        unsigned digit = value & 0x7FU;
        value >>= 7;
        sv_mqtt_add_byte(out, value > 0 ? digit | 0x80U : digit);
    } while (value > 0);
}

size_t sv_mqtt_varint_bytes(size_t value) {
    size_t bytes = 1;
    for (size_t rest = value >> 7; rest > 0; rest >>= 7) {
        bytes++;
    }
    return bytes;
}

void sv_mqtt_add_text(sv_textbuf *out, sv_text text) {
    assert(text.len <= SV_MQTT_TEXT_MAX);
    sv_mqtt_add_u16(out, (unsigned) text.len);
    sv_textbuf_add(out, text);
}

enum { WORD = sizeof(uint64_t) };

static bool has_zero_byte(uint64_t word) {
    return ((word - UINT64_C(0x0101010101010101)) & ~word & UINT64_C(0x8080808080808080)) != 0;
}

static bool has_byte(uint64_t word, uint8_t byte) {
    return has_zero_byte(word ^ UINT64_C(0x0101010101010101) * byte);
}

/// Eight bytes at a time while they are ASCII: where that ends; *wild when `+` or `#` was met.
static size_t ascii_bytes(sv_text text, bool *wild) {
    size_t i = 0;
    for (; text.len - i >= WORD; i += WORD) {
        uint64_t word = 0;
        memcpy(&word, text.at + i, WORD);
        if ((word & UINT64_C(0x8080808080808080)) != 0 || has_zero_byte(word)) {
            return i;
        }
        *wild = *wild || has_byte(word, '+') || has_byte(word, '#');
    }
    for (; i < text.len && byte_at(text, i) - 1U < 0x7FU; i++) {
        *wild = *wild || text.at[i] == '+' || text.at[i] == '#';
    }
    return i;
}

sv_mqtt_text_kind sv_mqtt_text_judge(sv_text text) {
    bool wild = false;
    size_t plain = ascii_bytes(text, &wild);
    if (plain < text.len) {
        sv_text rest = { .at = text.at + plain, .len = text.len - plain };
        if (memchr(rest.at, 0, rest.len) != NULL || !sv_utf8_is_valid(rest)) {
            return SV_MQTT_TEXT_BROKEN;
        }
        wild = wild || memchr(rest.at, '+', rest.len) != NULL
               || memchr(rest.at, '#', rest.len) != NULL;
    }
    return wild ? SV_MQTT_TEXT_WILD : SV_MQTT_TEXT_PLAIN;
}
