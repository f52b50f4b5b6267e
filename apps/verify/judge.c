#include "judge.h"
#include "medium.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { BLOCK_BYTES = 64 * 1024 };

typedef struct keyring {
    sv_boot_key trusted[SV_BOOT_KEYS_MAX];
    uint8_t revoked[SV_BOOT_KEYS_MAX][SV_BOOT_KEY_ID_BYTES];
} keyring;

static sv_err read_key(const char *path, sv_boot_key *out, sv_why *why) {
    uint8_t bytes[SV_BOOT_KEY_TEXT_MAX + 1];
    size_t len = 0;
    SV_TRY(verify_medium_small(path, bytes, sizeof bytes, &len, why));
    if (!sv_boot_key_read(bytes, len, out)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "'%.200s' is not a P-256 public key (PEM, DER or its point of 65 bytes)",
                       path);
    }
    return SV_OK;
}

static sv_err read_keys(const verify_ask *ask, keyring *ring, sv_why *why) {
    for (size_t i = 0; i < ask->key_count; i++) {
        SV_TRY(read_key(ask->keys[i], &ring->trusted[i], why));
    }
    for (size_t i = 0; i < ask->revoked_count; i++) {
        sv_boot_key key;
        SV_TRY(read_key(ask->revoked[i], &key, why));
        memcpy(ring->revoked[i], key.id, sizeof key.id);
    }
    return SV_OK;
}

/// One byte more than a header has is enough to see that it is none.
static sv_err read_header(const verify_ask *ask, verify_medium *image,
                          uint8_t out[SV_BOOT_HEADER_BYTES + 1], size_t *len, sv_why *why) {
    if (!ask->trailer) {
        return verify_medium_small(ask->header, out, SV_BOOT_HEADER_BYTES + 1, len, why);
    }
    *len = 0;
    if (image->bytes < SV_BOOT_TRAILER_BYTES) {
        return SV_OK;
    }
    *len = SV_BOOT_HEADER_BYTES;
    return verify_medium_read(image, image->bytes - SV_BOOT_TRAILER_BYTES, out, *len)
               ? SV_OK
               : sv_fail(why, SV_ERR_IO, "cannot read the trailer of '%.200s': %s", image->path,
                         sv_errno_text(image->failed));
}

static void hex_of(const uint8_t id[SV_BOOT_KEY_ID_BYTES], char out[2 * SV_BOOT_KEY_ID_BYTES + 1]) {
    for (size_t i = 0; i < SV_BOOT_KEY_ID_BYTES; i++) {
        (void) snprintf(out + 2 * i, 3, "%02x", id[i]);
    }
}

static void list_hardware(const sv_boot_header *header, char *out, size_t room) {
    size_t at = 0;
    for (unsigned i = 0; i < header->hardware_count; i++) {
        int more = snprintf(out + at, room - at, "%s%s", i == 0 ? "" : ", ", header->hardware[i]);
        at += more > 0 ? (size_t) more : 0;
    }
}

/// No, with what was signed and what was asked. `header` is filled where its signature was good.
static sv_err refuse(sv_boot_verdict verdict, const uint8_t *bytes, const sv_boot_header *header,
                     const sv_boot_device *device, sv_why *why) {
    char hardware[SV_BOOT_HARDWARE_MAX * (SV_BOOT_NAME_MAX + 2) + 1] = "";
    char id[2 * SV_BOOT_KEY_ID_BYTES + 1];
    switch ((int) verdict) {
    case SV_BOOT_UNKNOWN_KEY:
    case SV_BOOT_REVOKED_KEY:
        hex_of(bytes + SV_BOOT_SIGNED_BYTES - SV_BOOT_KEY_ID_BYTES, id);
        return sv_fail(why, SV_ERR_UNTRUSTED, "%s: %s", sv_boot_verdict_text(verdict), id);
    case SV_BOOT_OTHER_PRODUCT:
        return sv_fail(why, SV_ERR_UNTRUSTED, "the image is for product %s, not for %.64s",
                       header->product, device->product);
    case SV_BOOT_OTHER_HARDWARE:
        list_hardware(header, hardware, sizeof hardware);
        return sv_fail(why, SV_ERR_UNTRUSTED, "the image is for hardware %.200s, not for %.64s",
                       hardware, device->hardware);
    case SV_BOOT_OTHER_SLOT:
        return sv_fail(why, SV_ERR_UNTRUSTED, "the image is for a slot of class %s, not %.64s",
                       header->slot, device->slot);
    case SV_BOOT_OTHER_VERSION:
        return sv_fail(why, SV_ERR_UNTRUSTED, "the image is version %s, not %.64s", header->version,
                       device->version);
    case SV_BOOT_OLDER:
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "the image's release counter is %" PRIu32 ", and %" PRIu32
                       " was confirmed already",
                       header->counter, device->counter);
    default:
        return sv_fail(why, SV_ERR_UNTRUSTED, "%s", sv_boot_verdict_text(verdict));
    }
}

/// A file is as long as the header says; a slot or block device has room for it.
static sv_err check_length(const verify_ask *ask, const verify_medium *image,
                           const sv_boot_header *header, sv_why *why) {
    uint64_t room = image->bytes - (ask->trailer ? SV_BOOT_TRAILER_BYTES : 0);
    bool exactly = !ask->trailer && !image->device;
    if (exactly ? header->image_bytes != room : header->image_bytes > room) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "the image has %" PRIu64
                       " bytes as it was signed, and '%.200s' has %s%" PRIu64,
                       header->image_bytes, image->path, exactly ? "" : "room for ", room);
    }
    return SV_OK;
}

static sv_err judge_image(const verify_ask *ask, verify_medium *image, const sv_boot_header *header,
                          sv_why *why) {
    static uint8_t block[BLOCK_BYTES];
    SV_TRY(check_length(ask, image, header, why));
    const sv_boot_source source = { .arg = image, .read = verify_medium_read };
    switch ((int) sv_boot_image_judge(header, &source, block, sizeof block)) {
    case SV_BOOT_GOOD:
        return SV_OK;
    case SV_BOOT_UNREADABLE:
        return sv_fail(why, SV_ERR_IO, "cannot read '%.200s': %s", image->path,
                       sv_errno_text(image->failed));
    default:
        return sv_fail(why, SV_ERR_UNTRUSTED, "'%.200s' is not the image that was signed",
                       image->path);
    }
}

sv_err verify_judge(const verify_ask *ask, sv_boot_header *header, sv_why *why) {
    SV_DEFER(verify_medium_drop) verify_medium image = VERIFY_MEDIUM_NONE;
    static keyring ring;
    uint8_t bytes[SV_BOOT_HEADER_BYTES + 1] = { 0 };
    size_t len = 0;
    SV_TRY(read_keys(ask, &ring, why));
    SV_TRY(verify_medium_open(ask->image, &image, why));
    SV_TRY(read_header(ask, &image, bytes, &len, why));
    const sv_boot_keys keys = { ring.trusted, ask->key_count,
                                (const uint8_t(*)[SV_BOOT_KEY_ID_BYTES]) ring.revoked,
                                ask->revoked_count };
    sv_boot_verdict verdict = sv_boot_header_judge(bytes, len, &keys, &ask->device, header);
    if (verdict != SV_BOOT_GOOD) {
        return refuse(verdict, bytes, header, &ask->device, why);
    }
    return judge_image(ask, &image, header, why);
}
