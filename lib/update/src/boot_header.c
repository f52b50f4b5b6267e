#include <boot/verify.h>
#include <crypto/p256.h>
#include <inttypes.h>
#include <string.h>
#include <update/boot_header.h>

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
