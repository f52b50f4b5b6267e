#include "images_name.h"

#include <string.h>

enum { DIGITS_MAX = 15, ROLE_MAX = 64, FILE_MAX = 128, SHA256_DIGITS = 64 };

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_word(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// Takes the ending off.
static bool cut_ending(sv_text *name, const char *ending) {
    size_t len = strlen(ending);
    bool has = name->len > len && memcmp(name->at + name->len - len, ending, len) == 0;
    name->len -= has ? len : 0;
    return has;
}

static bool is_role(sv_text role) {
    bool sound = role.len > 0 && role.len <= ROLE_MAX && is_word(role.at[0]);
    for (size_t i = 0; sound && i < role.len; i++) {
        sound = is_word(role.at[i]) || role.at[i] == '_' || role.at[i] == '-';
    }
    return sound;
}

bool sv_images_is_metadata(sv_text name) {
    if (sv_text_is(name, "timestamp.json")) {
        return true;
    }
    if (!cut_ending(&name, ".json")) {
        return false;
    }
    sv_text role = name;
    sv_text number = sv_text_cut(&role, '.');
    bool sound = number.len > 0 && number.len <= DIGITS_MAX && number.at[0] != '0';
    for (size_t i = 0; sound && i < number.len; i++) {
        sound = is_digit(number.at[i]);
    }
    return sound && is_role(role);
}

bool sv_images_is_sha256(sv_text name) {
    bool sound = name.len == SHA256_DIGITS;
    for (size_t i = 0; sound && i < name.len; i++) {
        sound = is_digit(name.at[i]) || (name.at[i] >= 'a' && name.at[i] <= 'f');
    }
    return sound;
}

bool sv_images_is_encoding(sv_text name) {
    static const sv_text DELTA = { .at = "delta-", .len = sizeof "delta-" - 1 };
    if (!sv_text_starts(name, DELTA)) {
        return sv_text_is(name, "raw") || sv_text_is(name, "zstd");
    }
    return sv_images_is_sha256((sv_text){ .at = name.at + DELTA.len, .len = name.len - DELTA.len });
}

bool sv_images_is_artifact(sv_text name) {
    (void) cut_ending(&name, ".index");
    return sv_images_is_encoding(name);
}

bool sv_images_is_file(sv_text name) {
    sv_text bare = name;
    bool sound = name.len > 0 && name.len <= FILE_MAX && is_word(name.at[0])
                 && memchr(name.at, '.', name.len) != NULL && !cut_ending(&bare, ".index")
                 && !cut_ending(&bare, ".part");
    for (size_t i = 0; sound && i < name.len; i++) {
        sound = is_word(name.at[i]) || (name.at[i] != '\0' && strchr("._+~-", name.at[i]) != NULL);
    }
    return sound;
}
