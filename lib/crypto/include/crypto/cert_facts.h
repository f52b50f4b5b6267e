// What a certificate says of itself, as plain texts and numbers for tables and lists, and the
// certificates of a PEM file. Nothing here judges whether to believe it.
#ifndef SV_CRYPTO_CERT_FACTS_H
#define SV_CRYPTO_CERT_FACTS_H

#include <base/err.h>
#include <crypto/est.h>
#include <model/id.h>

struct x509_st;

enum {
    SV_SERIAL_ROOM = 41,
    SV_KEY_HASH_ROOM = 65,             ///< hexadecimal SHA-256
    SV_ISSUER_ROOM = 129,              ///< the CN of who issued it, cut
    SV_PIN_TEXT_ROOM = 7 + 2 * 32 + 1, ///< "sha256:" and hexadecimal
};

typedef struct sv_cert_facts {
    char serial[SV_SERIAL_ROOM]; ///< upper-case hexadecimal, as the PKI's folder writes it
    char id[SV_ID_ROOM];
    char issuer[SV_ISSUER_ROOM];
    char key_hash[SV_KEY_HASH_ROOM]; ///< of the SubjectPublicKeyInfo
    int64_t not_before_us, not_after_us;
} sv_cert_facts;

/// SV_ERR_INVALID when its CN is no id.
sv_err sv_cert_facts_of(const struct x509_st *certificate, sv_cert_facts *out, sv_why *why);
sv_err sv_cert_facts_of_der(sv_text der, sv_cert_facts *out, sv_why *why);

/// From when until when it counts, whatever it is called.
void sv_cert_times_of(const struct x509_st *certificate, int64_t *from_us, int64_t *until_us);

/// The certificate in DER, after what is in `der` already.
sv_err sv_cert_der(const struct x509_st *certificate, sv_textbuf *der, sv_why *why);

/// All certificates of a PEM file, in its order. SV_ERR_INVALID when it holds none or more than
/// SV_EST_CERTS_MAX, SV_ERR_NOT_FOUND when it cannot be opened.
sv_err sv_certs_read(const char *path, sv_certs *out, sv_why *why);
/// Take one in DER behind those that are there.
sv_err sv_certs_push_der(sv_certs *certs, sv_text der, sv_why *why);

/// "sha256:<hex>" of the first that has signed itself (DER): what an operator gives a device to
/// know the right authority by. SV_ERR_NOT_FOUND when none has. [enrol-4]
sv_err sv_certs_pin(const sv_certs *certs, char out[SV_PIN_TEXT_ROOM], sv_why *why);

#endif
