// What a boot loader wants of a P-256 key, for whom DER is too much: a signature as r and s.
#ifndef SV_CRYPTO_P256_H
#define SV_CRYPTO_P256_H

#include <base/err.h>
#include <base/text.h>

struct evp_pkey_st; ///< OpenSSL's EVP_PKEY

enum { SV_P256_SIGNATURE_BYTES = 64, SV_P256_SPKI_BYTES = 91 };

/// The public half as SubjectPublicKeyInfo in DER, its point uncompressed. SV_ERR_INVALID when it
/// is no P-256 key.
sv_err sv_p256_spki(const struct evp_pkey_st *key, uint8_t out[SV_P256_SPKI_BYTES], sv_why *why);

/// ECDSA over the SHA-256 of `message`: r and s, 32 bytes each, big-endian. Works with keys of
/// every key store. SV_ERR_INVALID when it is no P-256 key, SV_ERR_IO when it does not sign.
sv_err sv_p256_sign(struct evp_pkey_st *key, sv_text message, uint8_t out[SV_P256_SIGNATURE_BYTES],
                    sv_why *why);

#endif
