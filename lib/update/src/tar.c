#include "tar.h"
#include <stdio.h>
#include <string.h>

/// Where what stands in a header.
enum {
    NAME_AT = 0,
    NAME_BYTES = 100,
    MODE_AT = 100,
    UID_AT = 108,
    GID_AT = 116,
    SIZE_AT = 124,
    SIZE_BYTES = 12,
    MTIME_AT = 136,
    SUM_AT = 148,
    SUM_BYTES = 8,
    TYPE_AT = 156,
    MAGIC_AT = 257,
    MAGIC_BYTES = 8,
    PREFIX_AT = 345,
    PREFIX_BYTES = 155,
    NUMBER_BYTES = 8,
};

static const char MAGIC[MAGIC_BYTES + 1] = "ustar\00000";

size_t sv_tar_padding(uint64_t bytes) {
    return (SV_TAR_BLOCK_BYTES - (size_t) (bytes % SV_TAR_BLOCK_BYTES)) % SV_TAR_BLOCK_BYTES;
}

/// Without its NUL; the block is zeroes already.
static void put(uint8_t *block, size_t at, sv_text text) {
    memcpy(block + at, text.at, text.len);
}

/// A long name is cut at its last slash.
static bool put_name(uint8_t *block, const char *name) {
    sv_text whole = sv_text_of(name);
    const char *slash = strrchr(name, '/');
    if (whole.len > 0 && whole.len <= NAME_BYTES) {
        put(block, NAME_AT, whole);
        return true;
    }
    if (slash == NULL) {
        return false;
    }
    sv_text front = { .at = name, .len = (size_t) (slash - name) };
    sv_text back = sv_text_of(slash + 1);
    if (front.len == 0 || front.len > PREFIX_BYTES || back.len == 0 || back.len > NAME_BYTES) {
        return false;
    }
    put(block, PREFIX_AT, front);
    put(block, NAME_AT, back);
    return true;
}

static unsigned sum_of(const uint8_t *block) {
    unsigned sum = 0;
    for (size_t i = 0; i < SV_TAR_BLOCK_BYTES; i++) {
        bool own = i >= SUM_AT && i < SUM_AT + SUM_BYTES;
        sum += own ? ' ' : block[i];
    }
    return sum;
}

sv_err sv_tar_write(const sv_tar_member *member, uint8_t out[SV_TAR_BLOCK_BYTES], sv_why *why) {
    uint8_t block[SV_TAR_BLOCK_BYTES] = { 0 };
    char number[SIZE_BYTES + 12];
    if (!put_name(block, member->name)) {
        return sv_fail(why, SV_ERR_INVALID, "the name '%.120s' does not fit into a bundle",
                       member->name);
    }
    if (member->bytes > SV_TAR_FILE_MAX) {
        return sv_fail(why, SV_ERR_INVALID,
                       "'%.160s' has %llu bytes; a file of a bundle has at most %llu", member->name,
                       (unsigned long long) member->bytes, (unsigned long long) SV_TAR_FILE_MAX);
    }
    (void) snprintf(number, sizeof number, "%011llo", (unsigned long long) member->bytes);
    put(block, MODE_AT, SV_TEXT("0000644"));
    put(block, UID_AT, SV_TEXT("0000000"));
    put(block, GID_AT, SV_TEXT("0000000"));
    put(block, SIZE_AT, sv_text_of(number));
    put(block, MTIME_AT, SV_TEXT("00000000000"));
    block[TYPE_AT] = '0';
    memcpy(block + MAGIC_AT, MAGIC, MAGIC_BYTES);
    (void) snprintf(number, sizeof number, "%06o", sum_of(block));
    put(block, SUM_AT, sv_text_of(number));
    block[SUM_AT + SUM_BYTES - 1] = ' ';
    memcpy(out, block, sizeof block);
    return SV_OK;
}

// ---- reading ------------------------------------------------------------------------------------

static const char *what_is(uint8_t type) {
    switch (type) {
    case '1':
        return "a hard link";
    case '2':
        return "a symbolic link";
    case '3':
    case '4':
        return "a device";
    case '5':
        return "a folder";
    case '6':
        return "a pipe";
    default:
        return "no plain file";
    }
}

static sv_err read_octal(const uint8_t *at, size_t digits, uint64_t *out) {
    uint64_t number = 0;
    for (size_t i = 0; i < digits; i++) {
        if (at[i] < '0' || at[i] > '7') {
            return SV_ERR_INVALID;
        }
        number = number * 8 + (uint64_t) (at[i] - '0');
    }
    *out = number;
    return SV_OK;
}

static void read_name(const uint8_t *block, char out[SV_TAR_NAME_ROOM]) {
    const char *prefix = (const char *) block + PREFIX_AT;
    const char *name = (const char *) block + NAME_AT;
    (void) snprintf(out, SV_TAR_NAME_ROOM, "%.*s%s%.*s", PREFIX_BYTES, prefix,
                    prefix[0] != '\0' ? "/" : "", NAME_BYTES, name);
}

/// For the sentence: what strangers wrote is not to reach a terminal.
static void clean(char *text) {
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char) *text;
        *text = c < 0x20 || c > 0x7e ? '?' : *text;
    }
}

sv_err sv_tar_read(const uint8_t block[SV_TAR_BLOCK_BYTES], sv_tar_member *out, sv_why *why) {
    uint8_t again[SV_TAR_BLOCK_BYTES];
    char shown[SV_TAR_NAME_ROOM];
    sv_tar_member member;
    read_name(block, member.name);
    (void) snprintf(shown, sizeof shown, "%s", member.name);
    clean(shown);
    if (memcmp(block + MAGIC_AT, MAGIC, MAGIC_BYTES) != 0) {
        return sv_fail(why, SV_ERR_INVALID, "it is no ustar archive");
    }
    if (block[TYPE_AT] != '0') {
        return sv_fail(why, SV_ERR_INVALID, "'%.160s' is %s; a bundle has plain files alone", shown,
                       what_is(block[TYPE_AT]));
    }
    if (memcmp(block + MODE_AT, "0000644", NUMBER_BYTES) != 0) {
        return sv_fail(why, SV_ERR_INVALID, "'%.160s' has another mode than 0644", shown);
    }
    if (read_octal(block + SIZE_AT, SIZE_BYTES - 1, &member.bytes) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "the size of '%.160s' is no octal number", shown);
    }
    if (sv_tar_write(&member, again, NULL) != SV_OK || memcmp(again, block, sizeof again) != 0) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the header of '%.160s' is not as bundles have it: owner, time, checksum or "
                       "an extension",
                       shown);
    }
    *out = member;
    return SV_OK;
}
