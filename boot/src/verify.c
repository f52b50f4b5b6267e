#include "bytes.h"
#include <boot/verify.h>

static bool is_revoked(const sv_boot_keys *keys, const uint8_t *id) {
    for (size_t i = 0; i < keys->revoked_count; i++) {
        if (sv_boot_same(keys->revoked[i], id, SV_BOOT_KEY_ID_BYTES)) {
            return true;
        }
    }
    return false;
}

static const sv_boot_key *find_key(const sv_boot_keys *keys, const uint8_t *id) {
    for (size_t i = 0; i < keys->trusted_count; i++) {
        if (sv_boot_same(keys->trusted[i].id, id, SV_BOOT_KEY_ID_BYTES)) {
            return &keys->trusted[i];
        }
    }
    return NULL;
}

static sv_boot_verdict judge_signature(const uint8_t bytes[SV_BOOT_HEADER_BYTES],
                                       const sv_boot_keys *keys) {
    const uint8_t *id = bytes + SV_BOOT_SIGNED_BYTES - SV_BOOT_KEY_ID_BYTES;
    const sv_boot_key *key = find_key(keys, id);
    if (is_revoked(keys, id)) {
        return SV_BOOT_REVOKED_KEY;
    }
    if (key == NULL) {
        return SV_BOOT_UNKNOWN_KEY;
    }
    return sv_boot_key_signed(key, bytes, SV_BOOT_SIGNED_BYTES, bytes + SV_BOOT_SIGNED_BYTES)
               ? SV_BOOT_GOOD
               : SV_BOOT_WRONG_SIGNATURE;
}

static bool differs(const char *asked, const char *said) {
    return asked != NULL && !sv_boot_text_same(asked, said);
}

static bool runs_on(const sv_boot_header *header, const char *hardware) {
    for (unsigned i = 0; i < header->hardware_count; i++) {
        if (!differs(hardware, header->hardware[i])) {
            return true;
        }
    }
    return false;
}

static sv_boot_verdict judge_fit(const sv_boot_header *header, const sv_boot_device *device) {
    if (differs(device->product, header->product)) {
        return SV_BOOT_OTHER_PRODUCT;
    }
    if (!runs_on(header, device->hardware)) {
        return SV_BOOT_OTHER_HARDWARE;
    }
    if (differs(device->slot, header->slot)) {
        return SV_BOOT_OTHER_SLOT;
    }
    if (differs(device->version, header->version)) {
        return SV_BOOT_OTHER_VERSION;
    }
    return header->counter < device->counter ? SV_BOOT_OLDER : SV_BOOT_GOOD;
}

sv_boot_verdict sv_boot_header_judge(const uint8_t *bytes, size_t len, const sv_boot_keys *keys,
                                     const sv_boot_device *device, sv_boot_header *out) {
    sv_boot_verdict verdict = sv_boot_header_look(bytes, len);
    if (verdict == SV_BOOT_GOOD) {
        verdict = judge_signature(bytes, keys);
    }
    if (verdict == SV_BOOT_GOOD) {
        verdict = sv_boot_header_read(bytes, len, out);
    }
    return verdict == SV_BOOT_GOOD ? judge_fit(out, device) : verdict;
}

sv_boot_verdict sv_boot_image_judge(const sv_boot_header *header, const sv_boot_source *source,
                                    uint8_t *block, size_t block_bytes) {
    sv_boot_digest digest;
    sv_boot_digest_begin(&digest);
    for (uint64_t at = 0; at < header->image_bytes;) {
        uint64_t left = header->image_bytes - at;
        size_t len = left < block_bytes ? (size_t) left : block_bytes;
        if (len == 0 || !source->read(source->arg, at, block, len)) {
            return SV_BOOT_UNREADABLE;
        }
        sv_boot_digest_add(&digest, block, len);
        at += len;
    }
    uint8_t is[SV_BOOT_DIGEST_BYTES];
    sv_boot_digest_end(&digest, is);
    return sv_boot_same(is, header->digest, sizeof is) ? SV_BOOT_GOOD : SV_BOOT_OTHER_DIGEST;
}
