#include "key_token_uri.h"
#include <string.h>

static int hex(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// Percent-decoding; false when it is broken or does not fit.
static bool decode(sv_text text, uint8_t *room, size_t room_bytes, size_t *len) {
    *len = 0;
    for (size_t i = 0; i < text.len; i++) {
        int value = (unsigned char) text.at[i];
        if (value == '%') {
            int high = text.len - i > 2 ? hex(text.at[i + 1]) : -1;
            int low = text.len - i > 2 ? hex(text.at[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            value = high * 16 + low;
            i += 2;
        }
        if (*len == room_bytes) {
            return false;
        }
        room[(*len)++] = (uint8_t) value;
    }
    return true;
}

static bool decode_text(sv_text text, char *room, size_t room_bytes) {
    size_t len = 0;
    if (!decode(text, (uint8_t *) room, room_bytes - 1, &len) || len == 0
        || memchr(room, '\0', len) != NULL) {
        return false;
    }
    room[len] = '\0';
    return true;
}

typedef enum value_kind { TEXT, ID, PIN_FILE, ONLY_PRIVATE, NO_PIN } value_kind;

typedef struct attribute {
    const char *name;
    value_kind kind;
    bool is_query;
    size_t offset, room; ///< of a text
} attribute;

#define MEMBER(member) offsetof(sv_token_uri, member), sizeof((sv_token_uri *) 0)->member

static const attribute ATTRIBUTES[] = {
    { "token", TEXT, false, MEMBER(token) },
    { "serial", TEXT, false, MEMBER(serial) },
    { "object", TEXT, false, MEMBER(object) },
    { "id", ID, false, MEMBER(id) },
    { "type", ONLY_PRIVATE, false, 0, 0 },
    { "module-path", TEXT, true, MEMBER(module) },
    { "pin-source", PIN_FILE, true, MEMBER(pin_file) },
    { "pin-value", NO_PIN, true, 0, 0 },
};

static const attribute *attribute_of(sv_text name, bool is_query) {
    for (size_t i = 0; i < SV_COUNT(ATTRIBUTES); i++) {
        if (ATTRIBUTES[i].is_query == is_query && sv_text_is(name, ATTRIBUTES[i].name)) {
            return &ATTRIBUTES[i];
        }
    }
    return NULL;
}

static bool take(const attribute *at, sv_text value, sv_token_uri *out) {
    static const sv_text FILE_SCHEME = { "file:", 5 };
    switch (at->kind) {
    case ID:
        return decode(value, out->id, sizeof out->id, &out->id_len) && out->id_len > 0;
    case ONLY_PRIVATE:
        return sv_text_is(value, "private");
    case PIN_FILE:
        if (sv_text_starts(value, FILE_SCHEME)) {
            value = (sv_text){ value.at + FILE_SCHEME.len, value.len - FILE_SCHEME.len };
        }
        return sv_text_starts(value, SV_TEXT("/"))
               && decode_text(value, (char *) out + at->offset, at->room);
    case TEXT:
        return decode_text(value, (char *) out + at->offset, at->room);
    case NO_PIN:
    default:
        return false;
    }
}

static sv_err fail_value(const attribute *at, sv_text value, sv_why *why) {
    switch (at->kind) {
    case NO_PIN: // whose value stays unsaid
        return sv_fail(why, SV_ERR_INVALID,
                       "pkcs11: a PIN has no place here; put it into a file (0600) and write "
                       "pin-source=file:/PATH");
    case PIN_FILE:
        return sv_fail(why, SV_ERR_INVALID,
                       "pkcs11: pin-source is '" SV_TEXT_FMT "'; write pin-source=file:/PATH",
                       SV_TEXT_ARG(value));
    case TEXT:
    case ID:
    case ONLY_PRIVATE:
    default:
        return sv_fail(why, SV_ERR_INVALID,
                       "pkcs11: %s is '" SV_TEXT_FMT "'; %s, with %% and two hexadecimal digits "
                       "for what is no plain character",
                       at->name, SV_TEXT_ARG(value),
                       at->kind == ONLY_PRIVATE ? "only 'private' is a key that signs"
                                                : "give 1 to 64 bytes (511 of a path)");
    }
}

static sv_err take_part(sv_text part, bool is_query, unsigned *seen, sv_token_uri *out,
                        sv_why *why) {
    sv_text value = part;
    sv_text name = sv_text_cut(&value, '=');
    const attribute *at = attribute_of(name, is_query);
    if (at == NULL) {
        return sv_fail(why, SV_ERR_INVALID,
                       "pkcs11: '" SV_TEXT_FMT "' is not known here; there are token, serial, "
                       "object, id, type, and behind '?' module-path and pin-source, with '&' "
                       "between them",
                       SV_TEXT_ARG(name));
    }
    unsigned bit = 1U << (at - ATTRIBUTES);
    if ((*seen & bit) != 0) {
        return sv_fail(why, SV_ERR_INVALID, "pkcs11: %s is given twice", at->name);
    }
    *seen |= bit;
    return take(at, value, out) ? SV_OK : fail_value(at, value, why);
}

sv_err sv_token_uri_parse(sv_text text, sv_token_uri *out, sv_why *why) {
    sv_token_uri uri = { 0 };
    unsigned seen = 0;
    sv_text query = text;
    sv_text path = sv_text_cut(&query, '?');
    while (path.len > 0) {
        SV_TRY(take_part(sv_text_cut(&path, ';'), false, &seen, &uri, why));
    }
    while (query.len > 0) {
        SV_TRY(take_part(sv_text_cut(&query, '&'), true, &seen, &uri, why));
    }
    if (uri.object[0] == '\0' && uri.id_len == 0) {
        return sv_fail(why, SV_ERR_INVALID, "pkcs11: which key? Give object=NAME or id=%%01");
    }
    if (uri.module[0] == '\0') {
        return sv_fail(
            why, SV_ERR_INVALID,
            "pkcs11: which token's software? Give ?module-path=/usr/lib/…/libsofthsm2.so "
            "or that of your maker");
    }
    *out = uri;
    return SV_OK;
}
