// AES-256-GCM (NIST SP 800-38D) with nonces of 96 bits and tags of 128, and HKDF-SHA-256
// (RFC 5869). Who seals sees to it that no nonce is used twice with one key.
#ifndef SV_CRYPTO_AEAD_H
#define SV_CRYPTO_AEAD_H

#include <base/text.h>

enum {
    SV_AEAD_KEY_BYTES = 32,
    SV_AEAD_NONCE_BYTES = 12,
    SV_AEAD_TAG_BYTES = 16,
    SV_AEAD_BYTES_MAX = 1 << 30, ///< of one message
    SV_HKDF_BYTES_MAX = 255 * 32,
};

typedef struct sv_aead sv_aead;

SV_NOT_NULL sv_aead *sv_aead_new(const uint8_t key[SV_AEAD_KEY_BYTES]);
/// Its memory is wiped.
void sv_aead_drop(sv_aead **aead);

/// Writes `plain` encrypted, and the tag over it and `extra` behind it: 16 bytes more than `plain`.
void sv_aead_seal(sv_aead *aead, const uint8_t nonce[SV_AEAD_NONCE_BYTES], sv_text extra,
                  sv_text plain, uint8_t *out);
/// The inverse: 16 bytes fewer than `sealed`. SV_ERR_UNTRUSTED when it was not sealed with this
/// key, nonce and `extra`, and `out` is then zeroes.
sv_err sv_aead_open(sv_aead *aead, const uint8_t nonce[SV_AEAD_NONCE_BYTES], sv_text extra,
                    sv_text sealed, uint8_t *out, sv_why *why);

/// `bytes` (at most SV_HKDF_BYTES_MAX) of key from a secret; `info` says what for.
void sv_hkdf_sha256(sv_text secret, sv_text salt, sv_text info, uint8_t *out, size_t bytes);

#endif
