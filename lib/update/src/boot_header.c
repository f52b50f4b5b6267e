#include <boot/verify.h>
#include <crypto/p256.h>
#include <inttypes.h>
#include <string.h>
#include <update/boot_header.h>

_Static_assert((int) SV_TARGET_HARDWARE_MAX == (int) SV_BOOT_HARDWARE_MAX, "as many ids");
_Static_assert((int) SV_P256_SIGNATURE_BYTES == (int) SV_BOOT_SIGNATURE_BYTES, "r and s");

/// Which member it is that no header can have.
static sv_err say_malformed(const sv_boot_header *header, sv_why *why) {
    if (header->counter < 1) {
        return sv_fail(why, SV_ERR_INVALID, "a release counter begins at 1");
    }
    if (header->image_bytes < 1 || header->image_bytes > SV_BOOT_IMAGE_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "an image of %" PRIu64 " bytes has no boot header",
                       header->image_bytes);
    }
    if (header->hardware_count < 1 || header->hardware_count > SV_BOOT_HARDWARE_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "an image is for 1 to %d hardware ids, not for %u",
                       SV_BOOT_HARDWARE_MAX, header->hardware_count);
    }
    return sv_fail(why, SV_ERR_INVALID,
                   "product \"%s\", version \"%s\", slot class \"%s\" or a hardware id is no name "
                   "(letters, digits and ._-, in versions +~ too; at most %d)",
                   header->product, header->version, header->slot, SV_BOOT_NAME_MAX);
}

sv_err sv_boot_header_sign(sv_boot_header *header, struct evp_pkey_st *key,
                           uint8_t out[SV_BOOT_HEADER_BYTES], sv_why *why) {
    uint8_t spki[SV_P256_SPKI_BYTES];
    SV_TRY(sv_p256_spki(key, spki, why));
    sv_boot_key own;
    if (!sv_boot_key_read(spki, sizeof spki, &own)) {
        return sv_fail(why, SV_ERR_INVALID, "the key's point is not on the curve");
    }
    sv_boot_header made = *header;
    memcpy(made.key_id, own.id, sizeof made.key_id);
    if (sv_boot_header_write(&made, out) != SV_BOOT_GOOD) {
        return say_malformed(&made, why);
    }
    sv_text message = { .at = (const char *) out, .len = SV_BOOT_SIGNED_BYTES };
    SV_TRY(sv_p256_sign(key, message, out + SV_BOOT_SIGNED_BYTES, why));
    const sv_boot_keys keys = { .trusted = &own, .trusted_count = 1 };
    sv_boot_verdict verdict =
        sv_boot_header_judge(out, SV_BOOT_HEADER_BYTES, &keys, &(sv_boot_device){ 0 }, header);
    if (verdict != SV_BOOT_GOOD) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "a boot loader would not take this header: %s",
                       sv_boot_verdict_text(verdict));
    }
    return SV_OK;
}

static bool same_hardware(const sv_target *target, const sv_boot_header *header) {
    if (target->hardware_count != header->hardware_count) {
        return false;
    }
    for (size_t i = 0; i < target->hardware_count; i++) {
        if (strcmp(target->hardware[i], header->hardware[i]) != 0) {
            return false;
        }
    }
    return true;
}

sv_err sv_boot_header_of(const sv_target *target, sv_boot_header *out, sv_why *why) {
    sv_boot_header header;
    if (target->boot_len == 0) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "%s %s has no boot header", target->product,
                       target->version);
    }
    sv_boot_verdict verdict = sv_boot_header_read(target->boot, target->boot_len, &header);
    if (verdict != SV_BOOT_GOOD) {
        return sv_fail(why, SV_ERR_INVALID, "%s %s: %s", target->product, target->version,
                       sv_boot_verdict_text(verdict));
    }
    const struct {
        const char *what;
        bool same;
    } members[] = {
        { "length", header.image_bytes == target->length },
        { "digest", memcmp(header.digest, target->digest, sizeof header.digest) == 0 },
        { "product", strcmp(header.product, target->product) == 0 },
        { "version", strcmp(header.version, target->version) == 0 },
        { "hardware", same_hardware(target, &header) },
        { "slot class", strcmp(header.slot, target->slot) == 0 },
        { "counter", header.counter == target->counter },
    };
    for (size_t i = 0; i < SV_COUNT(members); i++) {
        if (!members[i].same) {
            return sv_fail(why, SV_ERR_INVALID,
                           "%s %s: its boot header says another %s than its target entry",
                           target->product, target->version, members[i].what);
        }
    }
    *out = header;
    return SV_OK;
}
