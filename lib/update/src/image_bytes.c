#include <crypto/digest.h>
#include <string.h>
#include <update/image.h>

enum { PIECE_BYTES = 16 * 1024 };

sv_err sv_image_digest(const sv_image_bytes *image, uint8_t out[SV_TARGET_HASH_BYTES],
                       sv_why *why) {
    SV_DEFER(sv_digest_drop) sv_digest *digest = sv_digest_new(SV_DIGEST_SHA256);
    uint8_t piece[PIECE_BYTES];
    for (uint64_t at = 0; at < image->length;) {
        uint64_t left = image->length - at;
        size_t bytes = left < sizeof piece ? (size_t) left : sizeof piece;
        SV_TRY(image->read(image->arg, at, piece, bytes, why));
        sv_digest_add(digest, (sv_text){ .at = (const char *) piece, .len = bytes });
        at += bytes;
    }
    sv_digest_end(digest, out);
    return SV_OK;
}

sv_err sv_image_check(const sv_image_bytes *image, const sv_target *target, sv_why *why) {
    uint8_t digest[SV_TARGET_HASH_BYTES];
    if (image->length != target->length) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "the image has %llu bytes instead of %llu",
                       (unsigned long long) image->length, (unsigned long long) target->length);
    }
    SV_TRY(sv_image_digest(image, digest, why));
    return memcmp(digest, target->digest, sizeof digest) == 0
               ? SV_OK
               : sv_fail(why, SV_ERR_UNTRUSTED, "the image is not the one that was signed");
}
