// A P-256 key that nobody can read: it lies in hardware, which signs with it and agrees on secrets.
// This makes an EVP_PKEY of one, for TLS, requests, certificates and wrapped keys alike (OpenSSL's
// EC_KEY_METHOD).
#ifndef SV_CRYPTO_KEY_HARD_H
#define SV_CRYPTO_KEY_HARD_H

#include "own.h"
#include <stdbool.h>
#include <stdint.h>

enum { SV_P256_BYTES = 32 };

/// r and s of a signature, or x and y of a point.
typedef struct sv_p256_pair {
    uint8_t first[SV_P256_BYTES], second[SV_P256_BYTES];
} sv_p256_pair;

/// One kind of hardware. `key` is whatever it remembers of one key; any thread may call, several at
/// once.
typedef struct sv_hard_kind {
    const char *name; ///< "TPM"
    sv_err (*sign)(void *key, const uint8_t digest[SV_P256_BYTES], sv_p256_pair *out, sv_why *why);
    /// ECDH with the point of somebody else: x of the shared one. The owner wipes `out`.
    sv_err (*agree)(void *key, const sv_p256_pair *with, uint8_t out[SV_P256_BYTES], sv_why *why);
    void (*drop)(void *key);
} sv_hard_kind;

/// Owns `key` from here on, also when it fails. SV_ERR_INVALID when `point` is not on the curve.
sv_err sv_hard_key(const sv_hard_kind *kind, void *key, const sv_p256_pair *point, EVP_PKEY **out,
                   sv_why *why);

/// Is it OpenSSL's error for a TPM or token that did not do it? Its data is the sentence.
bool sv_hard_is_fault(unsigned long code);

#endif
