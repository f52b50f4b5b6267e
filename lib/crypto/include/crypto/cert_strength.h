// How hard a certificate's key and its issuer's signature are to break, in bits as NIST SP 800-57
// counts them: RSA 2048 has 112, P-256 and Ed25519 128, a signature over SHA-1 63. It says what is;
// what is enough is for who asks to judge.
#ifndef SV_CRYPTO_CERT_STRENGTH_H
#define SV_CRYPTO_CERT_STRENGTH_H

#include <base/err.h>
#include <stdbool.h>

struct x509_st;

enum { SV_CERT_STRENGTH_ROOM = 32 };

typedef struct sv_cert_strength {
    char key[SV_CERT_STRENGTH_ROOM];       ///< "RSA 2048", "EC 256", "ED25519 256"
    char signature[SV_CERT_STRENGTH_ROOM]; ///< what it is signed with: "ecdsa-with-SHA256"
    int key_bits;                          ///< of security
    int signature_bits;                    ///< of security
    bool authority;                        ///< it may issue others
} sv_cert_strength;

/// SV_ERR_INVALID for a key or a signature of a kind that OpenSSL does not know.
sv_err sv_cert_strength_of(struct x509_st *certificate, sv_cert_strength *out, sv_why *why);

#endif
