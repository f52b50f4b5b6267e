// Little-endian numbers out of and into bytes. A cursor that runs over the end stays there and
// gives zeroes: a reader checks once, at the end.
#ifndef SV_DETECT_CURSOR_H
#define SV_DETECT_CURSOR_H

#include <base/text.h>
#include <endian.h>
#include <string.h>

typedef struct sv_cursor {
    const uint8_t *at;
    size_t left;
    bool failed; ///< more was asked for than there was
} sv_cursor;

static inline const uint8_t *cursor_take(sv_cursor *in, size_t bytes) {
    if (in->failed || bytes > in->left) {
        in->failed = true;
        return NULL;
    }
    const uint8_t *at = in->at;
    in->at += bytes;
    in->left -= bytes;
    return at;
}

static inline uint32_t le32_at(const uint8_t *at) {
    uint32_t raw = 0;
    memcpy(&raw, at, sizeof raw);
    return le32toh(raw);
}

static inline uint16_t le16_at(const uint8_t *at) {
    uint16_t raw = 0;
    memcpy(&raw, at, sizeof raw);
    return le16toh(raw);
}

static inline float float_at(const uint8_t *at) {
    uint32_t bits = le32_at(at);
    float value = 0;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t cursor_u32(sv_cursor *in) {
    const uint8_t *at = cursor_take(in, sizeof(uint32_t));
    return at == NULL ? 0 : le32_at(at);
}

static inline uint64_t cursor_u64(sv_cursor *in) {
    const uint8_t *at = cursor_take(in, sizeof(uint64_t));
    uint64_t raw = 0;
    if (at != NULL) {
        memcpy(&raw, at, sizeof raw);
    }
    return le64toh(raw);
}

static inline uint16_t cursor_u16(sv_cursor *in) {
    const uint8_t *at = cursor_take(in, sizeof(uint16_t));
    return at == NULL ? 0 : le16_at(at);
}

static inline uint8_t cursor_u8(sv_cursor *in) {
    const uint8_t *at = cursor_take(in, 1);
    return at == NULL ? 0 : *at;
}

static inline float cursor_float(sv_cursor *in) {
    const uint8_t *at = cursor_take(in, sizeof(float));
    return at == NULL ? 0 : float_at(at);
}

static inline double cursor_double(sv_cursor *in) {
    uint64_t bits = cursor_u64(in);
    double value = 0;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/// A length of 16 bits and as many bytes, borrowed.
static inline sv_text cursor_text(sv_cursor *in) {
    size_t len = cursor_u16(in);
    const uint8_t *at = cursor_take(in, len);
    sv_text text = { .at = (const char *) at, .len = at == NULL ? 0 : len };
    return text;
}

static inline void put_bytes(sv_textbuf *out, const void *at, size_t len) {
    sv_textbuf_add(out, (sv_text){ .at = at, .len = len });
}

static inline void set_u32(uint8_t *at, uint32_t value) {
    value = htole32(value);
    memcpy(at, &value, sizeof value);
}

static inline void set_u16(uint8_t *at, uint16_t value) {
    value = htole16(value);
    memcpy(at, &value, sizeof value);
}

static inline void set_float(uint8_t *at, float value) {
    uint32_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    set_u32(at, bits);
}

static inline void put_u32(sv_textbuf *out, uint32_t value) {
    value = htole32(value);
    put_bytes(out, &value, sizeof value);
}

static inline void put_u16(sv_textbuf *out, uint16_t value) {
    value = htole16(value);
    put_bytes(out, &value, sizeof value);
}

static inline void put_u8(sv_textbuf *out, uint8_t value) {
    put_bytes(out, &value, 1);
}

static inline void put_float(sv_textbuf *out, float value) {
    uint32_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    put_u32(out, bits);
}

static inline void put_u64(sv_textbuf *out, uint64_t value) {
    value = htole64(value);
    put_bytes(out, &value, sizeof value);
}

static inline void put_double(sv_textbuf *out, double value) {
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    put_u64(out, bits);
}

static inline void put_text(sv_textbuf *out, sv_text text) {
    put_u16(out, (uint16_t) text.len);
    sv_textbuf_add(out, text);
}

#endif
