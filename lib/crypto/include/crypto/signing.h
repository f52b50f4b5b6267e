// Signatures of update metadata: the other half of verifier.h. The scheme goes by the key's own
// kind; the key may be in any key store (key_store.h).
#ifndef SV_CRYPTO_SIGNING_H
#define SV_CRYPTO_SIGNING_H

#include <base/err.h>
#include <base/text.h>

struct evp_pkey_st; ///< OpenSSL's EVP_PKEY

enum { SV_SIGNING_BYTES_MAX = 512 }; ///< of a signature: RSA 4096

/// A scheme of TUF metadata (TUF specification 1.0, §4.2).
typedef struct sv_signing_scheme {
    const char *type; ///< "ed25519", "ecdsa", "rsa"
    const char *name; ///< "ed25519", "ecdsa-sha2-nistp256", "rsassa-pss-sha256"
} sv_signing_scheme;

/// Of Ed25519, P-256 and RSA 2048-4096; SV_ERR_INVALID for any other key.
sv_err sv_signing_scheme_of(const struct evp_pkey_st *key, sv_signing_scheme *out, sv_why *why);

/// Appends the public half as sv_verifier_open reads it: a PEM public key, or of Ed25519 its 32
/// bytes in hexadecimal.
sv_err sv_signing_public_add(struct evp_pkey_st *key, sv_textbuf *out, sv_why *why);

/// Appends the signature over `message` in hexadecimal: RSA-PSS with MGF1-SHA-256 and a salt of 32
/// bytes, ECDSA in DER, Ed25519. It is checked before it is given away.
sv_err sv_signing_add(struct evp_pkey_st *key, sv_text message, sv_textbuf *out, sv_why *why);

#endif
