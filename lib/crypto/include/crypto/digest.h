// SHA-256 and SHA-512 of what comes piece by piece; SHA-1 and MD5 as well, which prove nothing to
// anybody and which update protocols of others ask for. What lies in memory whole: crypto/random.h.
#ifndef SV_CRYPTO_DIGEST_H
#define SV_CRYPTO_DIGEST_H

#include <base/text.h>

typedef enum sv_digest_kind {
    SV_DIGEST_SHA256,
    SV_DIGEST_SHA512,
    SV_DIGEST_SHA1,
    SV_DIGEST_MD5
} sv_digest_kind;

typedef struct sv_digest sv_digest;

SV_NOT_NULL sv_digest *sv_digest_new(sv_digest_kind kind);
void sv_digest_drop(sv_digest **digest);

void sv_digest_add(sv_digest *digest, sv_text piece);
/// The 32, 64, 20 or 16 bytes of all pieces so far; the next piece begins another one.
void sv_digest_end(sv_digest *digest, uint8_t *out);

#endif
