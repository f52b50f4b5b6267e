// The content key of a release on its way to one device: CMS (RFC 5652) that the device's key alone
// opens. AES-256-GCM as content encryption makes it AuthEnvelopedData (RFC 5083): what was changed
// on the way is told from what was not, whoever asks the device about it, and how often. The key
// goes by the certificate's: P-256 or P-384 by ECDH (X9.63 KDF with SHA-256, AES-256 key wrap), RSA
// by OAEP with SHA-256. [image-15]
#ifndef SV_CRYPTO_CONTENT_KEY_H
#define SV_CRYPTO_CONTENT_KEY_H

#include <base/err.h>
#include <base/text.h>

struct evp_pkey_st; ///< OpenSSL's EVP_PKEY

enum {
    SV_CONTENT_KEY_BYTES = 32,
    SV_CONTENT_CMS_MAX = 8 * 1024, ///< DER
};

/// Appends DER. `certificate` is PEM, its first one counts. SV_ERR_INVALID with a sentence when the
/// certificate's key cannot receive a key (Ed25519).
sv_err sv_content_wrap(const uint8_t key[SV_CONTENT_KEY_BYTES], sv_text certificate,
                       sv_textbuf *cms, sv_why *why);

/// With the private key of that certificate, wherever it is kept (key_store.h). SV_ERR_INVALID when
/// it was not made by sv_content_wrap, SV_ERR_NOT_FOUND when it is for another certificate,
/// SV_ERR_UNTRUSTED when it was changed or the key does not open it, SV_ERR_UNAVAILABLE when a TPM
/// or token does not answer, or may not (keys made for signing alone). The owner wipes `out`.
sv_err sv_content_unwrap(sv_text cms, sv_text certificate, struct evp_pkey_st *key,
                         uint8_t out[SV_CONTENT_KEY_BYTES], sv_why *why);

#endif
