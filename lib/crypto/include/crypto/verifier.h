// A public key and the one way in which its signatures are judged: the schemes of TUF metadata
// (TUF specification 1.0, §4.2) by their names there.
#ifndef SV_CRYPTO_VERIFIER_H
#define SV_CRYPTO_VERIFIER_H

#include <base/err.h>
#include <base/text.h>

enum { SV_VERIFIER_HASH_BYTES = 32 };

typedef struct sv_verifier sv_verifier;

/// `scheme` is "rsassa-pss-sha256" (RSA 2048-4096), "ecdsa-sha2-nistp256" or "ed25519"; `text` is
/// a PEM public key, or of Ed25519 its 32 bytes in hexadecimal. SV_ERR_INVALID for another scheme,
/// a key that is not one of that scheme, and weak keys.
sv_err sv_verifier_open(sv_text scheme, sv_text text, sv_verifier **out, sv_why *why);
void sv_verifier_drop(sv_verifier **verifier);

/// SHA-256 of the key itself (its SubjectPublicKeyInfo): the same for one key, however it was
/// written.
void sv_verifier_hash(const sv_verifier *verifier, uint8_t out[SV_VERIFIER_HASH_BYTES]);

/// SV_ERR_UNTRUSTED unless `signature` is this key's over `message`. RSA-PSS with MGF1-SHA-256 and
/// a salt of 32 bytes or as long as it fits, no other. ECDSA in DER.
sv_err sv_verifier_check(const sv_verifier *verifier, sv_text message, sv_text signature,
                         sv_why *why);

#endif
