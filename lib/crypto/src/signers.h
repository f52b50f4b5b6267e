// The CA certificates whose signatures count for statements of the signer, read from a PEM file.
#ifndef SV_CRYPTO_SIGNERS_H
#define SV_CRYPTO_SIGNERS_H

#include "own.h"

enum { SV_SIGNERS_MAX = 16 };

typedef struct sv_signers {
    X509 *list[SV_SIGNERS_MAX];
    size_t count;
} sv_signers;

sv_err sv_signers_read(const char *path, sv_signers *out, sv_why *why);
void sv_signers_drop(sv_signers *signers);

/// Sign with an issuing key of any kind; `room` bytes at `signature`, how many in `*bytes`.
sv_err sv_signers_sign(EVP_PKEY *key, sv_text message, uint8_t *signature, size_t room,
                       size_t *bytes, const char *what, sv_why *why);
/// Has one of them, that had not ended at `at_us`, signed it? One that began after `since_us` does
/// not count.
bool sv_signers_verify(const sv_signers *signers, sv_text message, sv_text signature, int64_t at_us,
                       int64_t since_us);

#endif
