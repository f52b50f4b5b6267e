// How the chunks of one encoding of one image are encrypted: AES-256-GCM with a key that no other
// encoding and no other image has, the chunk's index as nonce, and image, index and count bound in.
#ifndef SV_UPDATE_IMAGE_SEAL_H
#define SV_UPDATE_IMAGE_SEAL_H

#include <crypto/aead.h>
#include <update/image.h>

typedef struct sv_image_seal {
    sv_aead *aead;
    uint8_t digest[SV_TARGET_HASH_BYTES];
    uint64_t count; ///< chunks of the image
} sv_image_seal;

/// The key of an encoding.
void sv_image_seal_key(const uint8_t content_key[SV_IMAGE_CONTENT_KEY_BYTES],
                       const sv_encoding *encoding, const uint8_t digest[SV_TARGET_HASH_BYTES],
                       uint8_t out[SV_AEAD_KEY_BYTES]);
/// The nonce of a chunk.
void sv_image_seal_nonce(uint64_t chunk, uint8_t out[SV_AEAD_NONCE_BYTES]);

void sv_image_seal_begin(sv_image_seal *seal, const uint8_t content_key[SV_IMAGE_CONTENT_KEY_BYTES],
                         const sv_encoding *encoding, const uint8_t digest[SV_TARGET_HASH_BYTES],
                         uint64_t count);
/// Wiped; empty is fine.
void sv_image_seal_end(sv_image_seal *seal);

/// `out` has SV_CHUNK_TAG_BYTES more than `plain`.
void sv_image_seal_close(const sv_image_seal *seal, uint64_t chunk, sv_text plain, uint8_t *out);
/// `out` has SV_CHUNK_TAG_BYTES fewer than `sealed`.
sv_err sv_image_seal_open(const sv_image_seal *seal, uint64_t chunk, sv_text sealed, uint8_t *out,
                          sv_why *why);

#endif
