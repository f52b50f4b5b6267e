#include "cache_name.h"

#include <codec/encode.h>
#include <stdio.h>
#include <string.h>

enum { DIGEST_BYTES = 32, DIGITS = 2 * DIGEST_BYTES, METADATA_NAME_MAX = 160 };

static const char INDEX[] = ".index";

/// As it is written everywhere: lower case.
static bool is_digest(sv_text text) {
    uint8_t bytes[DIGEST_BYTES];
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] >= 'A' && text.at[i] <= 'F') {
            return false;
        }
    }
    return text.len == DIGITS && sv_hex_parse(text, bytes, sizeof bytes) == SV_OK;
}

static bool cut_start(sv_text *text, const char *start) {
    size_t len = strlen(start);
    if (!sv_text_starts(*text, sv_text_of(start))) {
        return false;
    }
    text->at += len;
    text->len -= len;
    return true;
}

static bool cut_end(sv_text *text, const char *end) {
    size_t len = strlen(end);
    if (text->len < len || memcmp(text->at + text->len - len, end, len) != 0) {
        return false;
    }
    text->len -= len;
    return true;
}

static bool is_encoding(sv_text name) {
    sv_text from = name;
    return sv_text_is(name, "raw") || sv_text_is(name, "zstd")
           || (cut_start(&from, "delta-") && is_digest(from));
}

bool gw_cache_name_read(sv_text target, gw_cache_name *out) {
    sv_text rest = target;
    if (target.len >= GW_CACHE_PATH_ROOM || memchr(target.at, '?', target.len) != NULL
        || !cut_start(&rest, "/artifacts/")) {
        return false;
    }
    sv_text sha256 = sv_text_cut(&rest, '/');
    sv_text encoding = rest;
    bool is_index = cut_end(&encoding, INDEX);
    bool is_file = !is_encoding(encoding);
    if (!is_digest(sha256) || rest.len == 0 || memchr(rest.at, '/', rest.len) != NULL) {
        return false;
    }
    *out = (gw_cache_name){ .is_index = is_index && !is_file, .is_file = is_file };
    return sv_text_copy(sha256, out->sha256, sizeof out->sha256) == SV_OK
           && sv_text_copy(is_file ? SV_TEXT("file") : encoding, out->file, sizeof out->file)
                  == SV_OK;
}

static bool is_metadata_name(sv_text name) {
    for (size_t i = 0; i < name.len; i++) {
        char c = name.at[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                     || c == '.' || c == '-' || c == '_' || c == '%';
        if (!plain) {
            return false;
        }
    }
    return name.len > 0 && name.len <= METADATA_NAME_MAX && name.at[0] != '.';
}

bool gw_cache_metadata_name(sv_text target, const char *device, char *room, size_t room_bytes) {
    sv_text rest = target;
    int len = -1;
    if (cut_start(&rest, "/tuf/image/metadata/") && is_metadata_name(rest)) {
        len = snprintf(room, room_bytes, "image/" SV_TEXT_FMT, SV_TEXT_ARG(rest));
    } else if (rest.len == target.len && cut_start(&rest, "/tuf/director/")
               && sv_text_is(sv_text_cut(&rest, '/'), device)
               && (cut_start(&rest, "metadata/") || cut_start(&rest, "key/"))
               && is_metadata_name(rest)) {
        len = snprintf(room, room_bytes, "director/%s/" SV_TEXT_FMT, device, SV_TEXT_ARG(rest));
    }
    return len > 0 && (size_t) len < room_bytes;
}

bool gw_cache_metadata_is_versioned(const char *name) {
    static const char FOLDER[] = "image/";
    if (strncmp(name, FOLDER, sizeof FOLDER - 1) != 0) {
        return false;
    }
    const char *version = name + sizeof FOLDER - 1;
    size_t digits = strspn(version, "0123456789");
    return digits > 0 && version[digits] == '.';
}
