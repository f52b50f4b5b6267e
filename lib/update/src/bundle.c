#include "tar.h"
#include <base/mem.h>
#include <codec/encode.h>
#include <model/id.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <update/bundle.h>

_Static_assert((int) SV_BUNDLE_BLOCK_BYTES == (int) SV_TAR_BLOCK_BYTES, "a header is a block");
_Static_assert((int) SV_BUNDLE_NAME_ROOM == (int) SV_TAR_NAME_ROOM, "a name is a member's");

enum {
    DIGEST_DIGITS = 2 * SV_TARGET_HASH_BYTES,
    END_BYTES = 2 * SV_TAR_BLOCK_BYTES,
    NUMBER_DIGITS_MAX = 15,
};

/// In the order in which they stand.
typedef enum part {
    PART_TARGET,
    PART_ROOT,
    PART_TIMESTAMP,
    PART_SNAPSHOT,
    PART_TARGETS,
    PART_INDEX,
    PART_IMAGE,
    PART_KEY,
    PART__COUNT
} part;

typedef struct entry {
    sv_tar_member member;
    part part;
    uint64_t at;
} entry;

struct sv_bundle {
    const sv_image_bytes *file;
    entry entries[SV_BUNDLE_FILES_MAX];
    size_t count;
    char target[SV_BUNDLE_PATH_ROOM];
};

// ---- names --------------------------------------------------------------------------------------

static bool is_hex(sv_text text, size_t digits) {
    bool hex = text.len == digits;
    for (size_t i = 0; hex && i < text.len; i++) {
        hex = (text.at[i] >= '0' && text.at[i] <= '9') || (text.at[i] >= 'a' && text.at[i] <= 'f');
    }
    return hex;
}

static bool is_number(sv_text text) {
    uint64_t number = 0;
    return text.len > 0 && text.len <= NUMBER_DIGITS_MAX && text.at[0] != '0'
           && sv_text_u64(text, INT64_MAX, &number) == SV_OK;
}

static bool cut_end(sv_text *text, const char *end) {
    size_t len = strlen(end);
    if (text->len <= len || memcmp(text->at + text->len - len, end, len) != 0) {
        return false;
    }
    text->len -= len;
    return true;
}

/// As roles are written in file names.
static bool is_role(sv_text text) {
    bool sound = text.len > 0 && text.at[0] != '.';
    for (size_t i = 0; sound && i < text.len; i++) {
        char c = text.at[i];
        sound = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')
                || c == '-' || c == '.' || c == '_' || c == '~' || c == '%';
    }
    return sound;
}

static bool metadata_part(sv_text rest, part *out) {
    if (sv_text_is(rest, "timestamp.json")) {
        *out = PART_TIMESTAMP;
        return true;
    }
    if (!cut_end(&rest, ".json") || !is_number(sv_text_cut(&rest, '.'))) {
        return false;
    }
    *out = sv_text_is(rest, "root")       ? PART_ROOT
           : sv_text_is(rest, "snapshot") ? PART_SNAPSHOT
                                          : PART_TARGETS;
    return is_role(rest) && !sv_text_is(rest, "timestamp");
}

static bool artifact_part(sv_text rest, part *out) {
    if (!is_hex(sv_text_cut(&rest, '/'), DIGEST_DIGITS)) {
        return false;
    }
    *out = cut_end(&rest, ".index") ? PART_INDEX : PART_IMAGE;
    if (sv_text_starts(rest, SV_TEXT("delta-"))) {
        rest.at += 6;
        rest.len -= 6;
        return is_hex(rest, DIGEST_DIGITS);
    }
    return sv_text_is(rest, "raw") || sv_text_is(rest, "zstd");
}

static bool key_part(sv_text rest, part *out) {
    *out = PART_KEY;
    return cut_end(&rest, ".cms") && sv_id_is_valid(rest);
}

/// Every name that a bundle can have; nothing else is looked at any further.
static bool part_of(const char *name, part *out) {
    sv_text rest = sv_text_of(name);
    if (sv_text_is(rest, "target")) {
        *out = PART_TARGET;
        return true;
    }
    sv_text folder = sv_text_cut(&rest, '/');
    return (sv_text_is(folder, "metadata") && metadata_part(rest, out))
           || (sv_text_is(folder, "artifacts") && artifact_part(rest, out))
           || (sv_text_is(folder, "keys") && key_part(rest, out));
}

static uint64_t most_of(part of) {
    static const uint64_t MOST[PART__COUNT] = {
        [PART_TARGET] = SV_BUNDLE_PATH_ROOM - 1, [PART_ROOT] = SV_TUF_ROOT_MAX,
        [PART_TIMESTAMP] = SV_TUF_TIMESTAMP_MAX, [PART_SNAPSHOT] = SV_TUF_SNAPSHOT_MAX,
        [PART_TARGETS] = SV_TUF_TARGETS_MAX,     [PART_INDEX] = SV_TAR_FILE_MAX,
        [PART_IMAGE] = SV_TAR_FILE_MAX,          [PART_KEY] = SV_BUNDLE_KEY_MAX,
    };
    return MOST[of];
}

sv_err sv_bundle_head(const char *name, uint64_t bytes, uint8_t out[SV_BUNDLE_BLOCK_BYTES],
                      size_t *padding, sv_why *why) {
    sv_tar_member member = { .bytes = bytes };
    part unused = PART_TARGET;
    if (!part_of(name, &unused)
        || sv_text_copy(sv_text_of(name), member.name, sizeof member.name)) {
        return sv_fail(why, SV_ERR_INVALID, "'%.160s' has no place in a bundle", name);
    }
    *padding = sv_tar_padding(bytes);
    return sv_tar_write(&member, out, why);
}

// ---- the list -----------------------------------------------------------------------------------

static sv_err cut_short(const char *where, sv_why *why) {
    return sv_fail(why, SV_ERR_UNAVAILABLE,
                   "the bundle ends in the middle of '%.160s': it is not whole, copy it again",
                   where);
}

static const entry *find(const sv_bundle *bundle, const char *name) {
    for (size_t i = 0; i < bundle->count; i++) {
        if (strcmp(bundle->entries[i].member.name, name) == 0) {
            return &bundle->entries[i];
        }
    }
    return NULL;
}

/// Of most parts there is one; roots follow each other.
static sv_err check_place(const sv_bundle *bundle, const entry *fresh, sv_why *why) {
    const entry *last = bundle->count > 0 ? &bundle->entries[bundle->count - 1] : NULL;
    static const bool many[PART__COUNT] = {
        [PART_ROOT] = true, [PART_TARGETS] = true, [PART_KEY] = true
    };
    const char *name = fresh->member.name;
    if (find(bundle, name) != NULL) {
        return sv_fail(why, SV_ERR_INVALID, "'%.160s' stands in the bundle twice", name);
    }
    if (last == NULL
            ? fresh->part != PART_TARGET
            : fresh->part < last->part || (fresh->part == last->part && !many[last->part])) {
        return sv_fail(why, SV_ERR_INVALID, "'%.160s' does not stand in its place in the bundle",
                       name);
    }
    if (fresh->member.bytes == 0 || fresh->member.bytes > most_of(fresh->part)) {
        return sv_fail(why, SV_ERR_INVALID, "'%.160s' has %llu bytes; it may have 1 to %llu", name,
                       (unsigned long long) fresh->member.bytes,
                       (unsigned long long) most_of(fresh->part));
    }
    return bundle->count < SV_BUNDLE_FILES_MAX
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "a bundle has at most %d files", SV_BUNDLE_FILES_MAX);
}

static sv_err check_zeroes(const sv_bundle *bundle, uint64_t at, size_t bytes, const char *where,
                           sv_why *why) {
    uint8_t room[END_BYTES];
    SV_TRY(bundle->file->read(bundle->file->arg, at, room, bytes, why));
    for (size_t i = 0; i < bytes; i++) {
        if (room[i] != 0) {
            return sv_fail(why, SV_ERR_INVALID, "something stands behind '%.160s'", where);
        }
    }
    return SV_OK;
}

static sv_err take_entry(sv_bundle *bundle, const uint8_t block[SV_TAR_BLOCK_BYTES], uint64_t *at,
                         sv_why *why) {
    entry fresh = { .at = *at };
    SV_TRY(sv_tar_read(block, &fresh.member, why));
    if (!part_of(fresh.member.name, &fresh.part)) {
        return sv_fail(why, SV_ERR_INVALID, "'%.160s' has no place in a bundle", fresh.member.name);
    }
    SV_TRY(check_place(bundle, &fresh, why));
    size_t padding = sv_tar_padding(fresh.member.bytes);
    if (fresh.member.bytes + padding > bundle->file->length - *at) {
        return cut_short(fresh.member.name, why);
    }
    SV_TRY(check_zeroes(bundle, *at + fresh.member.bytes, padding, fresh.member.name, why));
    *at += fresh.member.bytes + padding;
    bundle->entries[bundle->count++] = fresh;
    return SV_OK;
}

/// Exactly two blocks of zeroes, and nothing behind them.
static sv_err check_end(const sv_bundle *bundle, uint64_t at, sv_why *why) {
    uint64_t left = bundle->file->length - at;
    if (left < END_BYTES) {
        return cut_short("its end", why);
    }
    SV_TRY(check_zeroes(bundle, at, END_BYTES, "its end", why));
    return left == END_BYTES
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "%llu bytes stand behind the bundle's end",
                         (unsigned long long) (left - END_BYTES));
}

static sv_err read_list(sv_bundle *bundle, sv_why *why) {
    static const uint8_t END[SV_TAR_BLOCK_BYTES] = { 0 };
    const sv_image_bytes *file = bundle->file;
    for (uint64_t at = 0;;) {
        uint8_t block[SV_TAR_BLOCK_BYTES];
        if (file->length - at < sizeof block) {
            return cut_short("its end", why);
        }
        SV_TRY(file->read(file->arg, at, block, sizeof block, why));
        if (memcmp(block, END, sizeof block) == 0 && bundle->count > 0) {
            return check_end(bundle, at, why);
        }
        at += sizeof block;
        SV_TRY(take_entry(bundle, block, &at, why));
    }
}

static sv_err read_entry(const sv_bundle *bundle, const entry *of, sv_textbuf *out, sv_why *why) {
    size_t bytes = (size_t) of->member.bytes;
    char *room = sv_textbuf_grow(out, bytes);
    if (room == NULL) {
        return sv_fail(why, SV_ERR_NO_SPACE, "'%.160s' has %zu bytes, too many here",
                       of->member.name, bytes);
    }
    return bundle->file->read(bundle->file->arg, of->at, (uint8_t *) room, bytes, why);
}

static sv_err read_target(sv_bundle *bundle, sv_why *why) {
    char room[SV_BUNDLE_PATH_ROOM] = "";
    sv_textbuf text = SV_TEXTBUF(room);
    SV_TRY(read_entry(bundle, &bundle->entries[0], &text, why));
    bool plain = true;
    for (size_t i = 0; i < text.len; i++) {
        plain = plain && (unsigned char) room[i] >= 0x20 && room[i] != 0x7f;
    }
    if (!plain || !sv_utf8_is_valid(sv_textbuf_text(&text))) {
        return sv_fail(why, SV_ERR_INVALID, "the bundle's target is no path");
    }
    return sv_text_copy(sv_textbuf_text(&text), bundle->target, sizeof bundle->target);
}

sv_err sv_bundle_open(const sv_image_bytes *file, sv_bundle **out, sv_why *why) {
    SV_DEFER(sv_bundle_drop) sv_bundle *bundle = sv_mem_new(sizeof *bundle);
    bundle->file = file;
    SV_TRY(read_list(bundle, why));
    SV_TRY(read_target(bundle, why));
    *out = bundle;
    bundle = NULL;
    return SV_OK;
}

void sv_bundle_drop(sv_bundle **bundle) {
    free(*bundle);
    *bundle = NULL;
}

// ---- what is in it ------------------------------------------------------------------------------

const char *sv_bundle_target(const sv_bundle *bundle) {
    return bundle->target;
}

sv_err sv_bundle_fetch(void *bundle, const char *name, size_t bytes_max, sv_textbuf *out,
                       sv_why *why) {
    char path[SV_BUNDLE_NAME_ROOM];
    int len = snprintf(path, sizeof path, "metadata/%s", name);
    const entry *of = len > 0 && (size_t) len < sizeof path ? find(bundle, path) : NULL;
    if (of == NULL) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "the bundle has no %.160s", name);
    }
    if (of->member.bytes > bytes_max) {
        return sv_fail(why, SV_ERR_INVALID, "it has more than %zu bytes", bytes_max);
    }
    return read_entry(bundle, of, out, why);
}

static const entry *entry_of(const sv_bundle *bundle, part of) {
    for (size_t i = 0; i < bundle->count; i++) {
        if (bundle->entries[i].part == of) {
            return &bundle->entries[i];
        }
    }
    return NULL;
}

/// `artifacts/<sha256>/<file>`, with what is behind it.
static bool is_named(const entry *of, const sv_target *target, const sv_encoding *encoding,
                     const char *end) {
    char path[SV_BUNDLE_NAME_ROOM] = "";
    char file[SV_ENCODING_NAME_ROOM];
    sv_textbuf name = SV_TEXTBUF(path);
    sv_encoding_file(encoding, file);
    sv_textbuf_add_str(&name, "artifacts/");
    sv_hex_add(&name, target->digest, sizeof target->digest);
    sv_textbuf_addf(&name, "/%s%s", file, end);
    return sv_textbuf_end(&name) == SV_OK && strcmp(of->member.name, path) == 0;
}

static sv_err check_bytes(const entry *of, uint64_t said, sv_why *why) {
    return of->member.bytes == said
               ? SV_OK
               : sv_fail(why, SV_ERR_UNTRUSTED, "'%.160s' has %llu bytes where %llu are announced",
                         of->member.name, (unsigned long long) of->member.bytes,
                         (unsigned long long) said);
}

sv_err sv_bundle_image_of(const sv_bundle *bundle, const sv_target *target, sv_bundle_image *out,
                          sv_textbuf *index, sv_why *why) {
    const entry *list = entry_of(bundle, PART_INDEX);
    const entry *image = entry_of(bundle, PART_IMAGE);
    if (list == NULL || image == NULL) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "the bundle holds no image");
    }
    for (size_t i = 0; i < target->encoding_count; i++) {
        const sv_encoding *encoding = &target->encodings[i];
        if (is_named(image, target, encoding, "") && is_named(list, target, encoding, ".index")) {
            SV_TRY(check_bytes(image, encoding->length, why));
            SV_TRY(check_bytes(list, sv_image_index_bytes(target->length), why));
            SV_TRY(read_entry(bundle, list, index, why));
            *out = (sv_bundle_image){ .encoding = encoding, .at = image->at };
            return SV_OK;
        }
    }
    return sv_fail(why, SV_ERR_UNTRUSTED, "the bundle holds '%.160s', which is nothing of %s %s",
                   image->member.name, target->product, target->version);
}

sv_err sv_bundle_key(const sv_bundle *bundle, const char *device, sv_textbuf *out, sv_why *why) {
    char path[SV_BUNDLE_NAME_ROOM];
    (void) snprintf(path, sizeof path, "keys/%.64s.cms", device);
    const entry *of = find(bundle, path);
    if (of == NULL) {
        return sv_fail(
            why, SV_ERR_NOT_FOUND,
            "the bundle has no content key for %.64s: make it with --for its certificate", device);
    }
    return read_entry(bundle, of, out, why);
}

size_t sv_bundle_key_count(const sv_bundle *bundle) {
    size_t count = 0;
    for (size_t i = 0; i < bundle->count; i++) {
        count += bundle->entries[i].part == PART_KEY ? 1 : 0;
    }
    return count;
}
