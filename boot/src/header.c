#include "bytes.h"
#include <boot/header.h>

/// Where things stand, docs/spec/boot.md. [boot-1]
enum {
    AT_MAGIC = 0,
    AT_FORMAT = 4,
    AT_HEADER_BYTES = 8,
    AT_FLAGS = 12,
    AT_IMAGE_BYTES = 16,
    AT_COUNTER = 24,
    AT_HARDWARE_COUNT = 28,
    AT_DIGEST = 32,
    AT_PRODUCT = 64,
    AT_VERSION = 128,
    AT_SLOT = 192,
    AT_HARDWARE = 256,
    AT_NOTHING = AT_HARDWARE + SV_BOOT_HARDWARE_MAX * SV_BOOT_NAME_MAX,
    AT_KEY_ID = SV_BOOT_SIGNED_BYTES - SV_BOOT_KEY_ID_BYTES,
};

static const uint8_t MAGIC[4] = { 'S', 'v', 'B', 't' };

static uint32_t get_u32(const uint8_t *at) {
    return (uint32_t) at[0] | (uint32_t) at[1] << 8 | (uint32_t) at[2] << 16
           | (uint32_t) at[3] << 24;
}

static uint64_t get_u64(const uint8_t *at) {
    return get_u32(at) | (uint64_t) get_u32(at + 4) << 32;
}

static void put_u32(uint8_t *at, uint32_t value) {
    for (unsigned i = 0; i < 4; i++) {
        at[i] = (uint8_t) (value >> 8 * i);
    }
}

static void put_u64(uint8_t *at, uint64_t value) {
    put_u32(at, (uint32_t) value);
    put_u32(at + 4, (uint32_t) (value >> 32));
}

static bool is_alnum(char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_one_of(char c, const char *more) {
    for (; *more != '\0'; more++) {
        if (c == *more) {
            return true;
        }
    }
    return false;
}

/// How long a name is; 0 when it is none. It ends with NUL, or fills its `room`.
static size_t name_len(const char *name, size_t room, const char *more) {
    size_t len = 0;
    while (len < room && name[len] != '\0') {
        if (!is_alnum(name[len]) && (len == 0 || !is_one_of(name[len], more))) {
            return 0;
        }
        len++;
    }
    return len <= SV_BOOT_NAME_MAX ? len : 0;
}

static const char NAME[] = "._-";
static const char VERSION[] = "._-+~";

/// A stored name is followed by nothing but NUL.
static bool get_name(const uint8_t *at, const char *more, char out[SV_BOOT_NAME_ROOM]) {
    sv_boot_copy(out, at, SV_BOOT_NAME_MAX);
    out[SV_BOOT_NAME_MAX] = '\0';
    size_t len = name_len(out, SV_BOOT_NAME_MAX, more);
    return len > 0 && sv_boot_is_zero(at + len, SV_BOOT_NAME_MAX - len);
}

static bool put_name(const char *name, const char *more, uint8_t *at) {
    size_t len = name_len(name, SV_BOOT_NAME_ROOM, more);
    sv_boot_copy(at, name, len);
    return len > 0;
}

static bool get_hardware(const uint8_t *bytes, sv_boot_header *out) {
    out->hardware_count = get_u32(bytes + AT_HARDWARE_COUNT);
    if (out->hardware_count < 1 || out->hardware_count > SV_BOOT_HARDWARE_MAX) {
        return false;
    }
    const uint8_t *at = bytes + AT_HARDWARE;
    for (unsigned i = 0; i < out->hardware_count; i++) {
        if (!get_name(at, NAME, out->hardware[i])) {
            return false;
        }
        at += SV_BOOT_NAME_MAX;
    }
    // What is left of the rooms, and of the header up to the key id, is kept for later formats.
    return sv_boot_is_zero(at, (size_t) (bytes + AT_KEY_ID - at));
}

static bool put_hardware(const sv_boot_header *header, uint8_t *bytes) {
    if (header->hardware_count < 1 || header->hardware_count > SV_BOOT_HARDWARE_MAX) {
        return false;
    }
    put_u32(bytes + AT_HARDWARE_COUNT, header->hardware_count);
    uint8_t *at = bytes + AT_HARDWARE;
    for (unsigned i = 0; i < header->hardware_count; i++) {
        if (!put_name(header->hardware[i], NAME, at)) {
            return false;
        }
        at += SV_BOOT_NAME_MAX;
    }
    return true;
}

static bool is_sane(const sv_boot_header *header) {
    return header->counter >= 1 && header->image_bytes >= 1
           && header->image_bytes <= SV_BOOT_IMAGE_MAX;
}

sv_boot_verdict sv_boot_header_look(const uint8_t *bytes, size_t len) {
    if (len != SV_BOOT_HEADER_BYTES || !sv_boot_same(bytes + AT_MAGIC, MAGIC, sizeof MAGIC)) {
        return SV_BOOT_NO_HEADER;
    }
    return get_u32(bytes + AT_FORMAT) == SV_BOOT_FORMAT
                   && get_u32(bytes + AT_HEADER_BYTES) == SV_BOOT_HEADER_BYTES
               ? SV_BOOT_GOOD
               : SV_BOOT_OTHER_FORMAT;
}

sv_boot_verdict sv_boot_header_read(const uint8_t *bytes, size_t len, sv_boot_header *out) {
    sv_boot_verdict look = sv_boot_header_look(bytes, len);
    if (look != SV_BOOT_GOOD) {
        return look;
    }
    sv_boot_header header;
    sv_boot_clear(&header, sizeof header);
    header.image_bytes = get_u64(bytes + AT_IMAGE_BYTES);
    header.counter = get_u32(bytes + AT_COUNTER);
    sv_boot_copy(header.digest, bytes + AT_DIGEST, sizeof header.digest);
    sv_boot_copy(header.key_id, bytes + AT_KEY_ID, sizeof header.key_id);
    sv_boot_copy(header.signature, bytes + SV_BOOT_SIGNED_BYTES, sizeof header.signature);
    if (get_u32(bytes + AT_FLAGS) != 0 || !is_sane(&header)
        || !get_name(bytes + AT_PRODUCT, NAME, header.product)
        || !get_name(bytes + AT_VERSION, VERSION, header.version)
        || !get_name(bytes + AT_SLOT, NAME, header.slot) || !get_hardware(bytes, &header)) {
        return SV_BOOT_MALFORMED;
    }
    *out = header;
    return SV_BOOT_GOOD;
}

sv_boot_verdict sv_boot_header_write(const sv_boot_header *header,
                                     uint8_t out[SV_BOOT_HEADER_BYTES]) {
    sv_boot_clear(out, SV_BOOT_HEADER_BYTES);
    sv_boot_copy(out + AT_MAGIC, MAGIC, sizeof MAGIC);
    put_u32(out + AT_FORMAT, SV_BOOT_FORMAT);
    put_u32(out + AT_HEADER_BYTES, SV_BOOT_HEADER_BYTES);
    put_u64(out + AT_IMAGE_BYTES, header->image_bytes);
    put_u32(out + AT_COUNTER, header->counter);
    sv_boot_copy(out + AT_DIGEST, header->digest, sizeof header->digest);
    sv_boot_copy(out + AT_KEY_ID, header->key_id, sizeof header->key_id);
    sv_boot_copy(out + SV_BOOT_SIGNED_BYTES, header->signature, sizeof header->signature);
    return is_sane(header) && put_name(header->product, NAME, out + AT_PRODUCT)
                   && put_name(header->version, VERSION, out + AT_VERSION)
                   && put_name(header->slot, NAME, out + AT_SLOT) && put_hardware(header, out)
               ? SV_BOOT_GOOD
               : SV_BOOT_MALFORMED;
}
