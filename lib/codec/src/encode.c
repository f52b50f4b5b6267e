#include <codec/encode.h>
#include <string.h>

static const char HEX_DIGITS[] = "0123456789abcdef";
static const char BASE64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char BASE64URL[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void sv_hex_add(sv_textbuf *buf, const uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < len; i++) {
        sv_textbuf_add_char(buf, HEX_DIGITS[bytes[i] >> 4]);
        sv_textbuf_add_char(buf, HEX_DIGITS[bytes[i] & 15]);
    }
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char) (c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

sv_err sv_hex_parse(sv_text text, uint8_t *bytes, size_t len) {
    if (text.len != 2 * len) {
        return SV_ERR_INVALID;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (hex_value(text.at[i]) < 0) {
            return SV_ERR_INVALID;
        }
    }
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t) (hex_value(text.at[2 * i]) * 16 + hex_value(text.at[2 * i + 1]));
    }
    return SV_OK;
}

static void base64_add(sv_textbuf *buf, const char *alphabet, const uint8_t *bytes, size_t len) {
    for (size_t i = 0; i < len; i += 3) {
        size_t left = len - i;
        uint32_t group = (uint32_t) bytes[i] << 16 | (left > 1 ? (uint32_t) bytes[i + 1] << 8 : 0)
                         | (left > 2 ? bytes[i + 2] : 0U);
        size_t digits = left > 2 ? 4 : left + 1;
        for (size_t digit = 0; digit < digits; digit++) {
            sv_textbuf_add_char(buf, alphabet[(group >> (18 - 6 * digit)) & 63]);
        }
    }
}

void sv_base64url_add(sv_textbuf *buf, const uint8_t *bytes, size_t len) {
    base64_add(buf, BASE64URL, bytes, len);
}

void sv_base64_add(sv_textbuf *buf, sv_text bytes) {
    static const char *const PADDING[] = { "", "==", "=" };
    base64_add(buf, BASE64, (const uint8_t *) bytes.at, bytes.len);
    sv_textbuf_add_str(buf, PADDING[bytes.len % 3]);
}

void sv_field_bytes_add(sv_textbuf *buf, sv_text bytes) {
    sv_textbuf_add_char(buf, ':');
    sv_base64_add(buf, bytes);
    sv_textbuf_add_char(buf, ':');
}

/// Four digits, of which the last `padding` are '='; false when they are no base64.
static bool base64_group(const char *digits, size_t padding, sv_textbuf *out) {
    uint32_t group = 0;
    for (size_t i = 0; i < 4; i++) {
        bool is_padding = i >= 4 - padding;
        const char *at = digits[i] != '\0' ? strchr(BASE64, digits[i]) : NULL;
        if (is_padding ? digits[i] != '=' : at == NULL) {
            return false;
        }
        group = group << 6 | (is_padding ? 0 : (uint32_t) (at - BASE64));
    }
    for (size_t i = 0; i < 3 - padding; i++) {
        sv_textbuf_add_char(out, (char) (group >> (16 - 8 * i) & 255));
    }
    return padding == 0 || (group & ((1U << (8 * padding)) - 1)) == 0;
}

sv_err sv_base64_parse(sv_text text, sv_textbuf *out) {
    if (text.len % 4 != 0) {
        return SV_ERR_INVALID;
    }
    for (size_t i = 0; i < text.len; i += 4) {
        const char *group = text.at + i;
        bool is_last = i + 4 == text.len;
        size_t padding = is_last ? (size_t) (group[3] == '=') + (size_t) (group[2] == '=') : 0;
        if (!base64_group(group, padding, out)) {
            return SV_ERR_INVALID;
        }
    }
    return out->overflowed ? SV_ERR_NO_SPACE : SV_OK;
}

sv_err sv_field_bytes_parse(sv_text field, sv_textbuf *out) {
    if (field.len < 2 || field.at[0] != ':' || field.at[field.len - 1] != ':') {
        return SV_ERR_INVALID;
    }
    return sv_base64_parse((sv_text){ .at = field.at + 1, .len = field.len - 2 }, out);
}

static bool is_unreserved(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'
           || c == '.' || c == '_' || c == '~';
}

void sv_percent_add(sv_textbuf *buf, sv_text text) {
    for (size_t i = 0; i < text.len; i++) {
        if (is_unreserved(text.at[i])) {
            sv_textbuf_add_char(buf, text.at[i]);
        } else {
            // RFC 3986 §2.1 wants capitals, so that equal texts give equal addresses.
            sv_textbuf_addf(buf, "%%%02X", (unsigned) (unsigned char) text.at[i]);
        }
    }
}

sv_err sv_percent_decode(sv_text text, bool plus_is_space, sv_textbuf *out) {
    size_t start = out->len;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.at[i];
        if (c == '%') {
            uint8_t byte = 0;
            if (text.len - i < 3
                || sv_hex_parse((sv_text){ text.at + i + 1, 2 }, &byte, 1) != SV_OK) {
                return SV_ERR_INVALID;
            }
            c = (char) byte;
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (c == '\0') {
            return SV_ERR_INVALID;
        }
        sv_textbuf_add_char(out, c);
    }
    SV_TRY(sv_textbuf_end(out));
    return sv_utf8_is_valid((sv_text){ out->at + start, out->len - start }) ? SV_OK
                                                                            : SV_ERR_INVALID;
}

/// Bytes of the sequence at `at`, 0 when it is not valid (RFC 3629 §4).
static size_t sequence_length(const unsigned char *at, size_t left) {
    if (at[0] < 0x80) {
        return 1;
    }
    size_t len = at[0] >= 0xf0 ? 4 : at[0] >= 0xe0 ? 3 : 2;
    if (at[0] < 0xc2 || at[0] > 0xf4 || left < len) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
    bool beyond = (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf4 && at[1] > 0x8f);
    return overlong || beyond ? 0 : len;
}

bool sv_utf8_is_valid(sv_text text) {
    for (size_t i = 0; i < text.len;) {
        size_t len = sequence_length((const unsigned char *) text.at + i, text.len - i);
        if (len == 0) {
            return false;
        }
        i += len;
    }
    return true;
}
