// OpenSSL's objects as owned values for SV_DEFER (NULL is empty), and what several files of this
// module ask of them.
#ifndef SV_CRYPTO_OWN_H
#define SV_CRYPTO_OWN_H

#include <base/err.h>
#include <base/text.h>
#include <crypto/pki.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#define SV_OWN(name, type, free_it)                                                                \
    static inline void name(typeof(type) **owned) {                                                \
        free_it(*owned);                                                                           \
    }

SV_OWN(sv_x509_drop, X509, X509_free)
SV_OWN(sv_req_drop, X509_REQ, X509_REQ_free)
SV_OWN(sv_pkey_drop, EVP_PKEY, EVP_PKEY_free)
SV_OWN(sv_pkey_ctx_drop, EVP_PKEY_CTX, EVP_PKEY_CTX_free)
SV_OWN(sv_bio_drop, BIO, BIO_free_all)
SV_OWN(sv_md_ctx_drop, EVP_MD_CTX, EVP_MD_CTX_free)
SV_OWN(sv_name_drop, X509_NAME, X509_NAME_free)
SV_OWN(sv_names_drop, GENERAL_NAMES, GENERAL_NAMES_free)
SV_OWN(sv_eku_drop, EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free)
SV_OWN(sv_constraints_drop, BASIC_CONSTRAINTS, BASIC_CONSTRAINTS_free)
SV_OWN(sv_extension_drop, X509_EXTENSION, X509_EXTENSION_free)
SV_OWN(sv_bn_drop, BIGNUM, BN_free)
SV_OWN(sv_asn1_integer_drop, ASN1_INTEGER, ASN1_INTEGER_free)
SV_OWN(sv_asn1_time_drop, ASN1_TIME, ASN1_TIME_free)
SV_OWN(sv_crl_drop, X509_CRL, X509_CRL_free)
SV_OWN(sv_revoked_drop, X509_REVOKED, X509_REVOKED_free)
SV_OWN(sv_trust_drop, X509_STORE, X509_STORE_free)
SV_OWN(sv_trust_ctx_drop, X509_STORE_CTX, X509_STORE_CTX_free)

/// As sv_fail, with OpenSSL's newest reason behind the sentence; empties its error queue.
SV_PRINTF(3, 4) sv_err sv_fail_ssl(sv_why *why, sv_err code, const char *fmt, ...);
#ifdef SV_FAIL_AS
#define sv_fail_ssl(why, code, ...) SV_FAIL_AS((sv_fail_ssl), why, code, __VA_ARGS__)
#endif

/// A file that is read. SV_ERR_NOT_FOUND where there is none, SV_ERR_IO where it cannot be read.
sv_err sv_bio_open(const char *path, BIO **out, sv_why *why);

/// The sentence of a TPM or token that did not do it, where that is the cause; empties OpenSSL's
/// error queue.
bool sv_ssl_hard_reason(char room[SV_WHY_MAX]);

/// The first certificate of a PEM file.
sv_err sv_cert_of_file(const char *path, X509 **out, sv_why *why);
/// The one CN of a name, through the id grammar.
sv_err sv_name_id(const X509_NAME *name, char out[SV_ID_ROOM], sv_why *why);
/// End or begin of a certificate in microseconds since 1970.
int64_t sv_asn1_time_us(const ASN1_TIME *time);

/// Which extended key usages a role's certificate carries.
bool sv_role_is_client(sv_role role);
bool sv_role_is_server(sv_role role);

/// SV_ERR_INVALID unless RSA 2048-4096, P-256, P-384 or Ed25519.
sv_err sv_pkey_check(const EVP_PKEY *key, sv_why *why);
/// A fresh key; RSA has 3072 bits.
sv_err sv_pkey_make(sv_key_kind kind, EVP_PKEY **out, sv_why *why);
/// The digest that signatures by `key` use: NULL for Ed25519.
const EVP_MD *sv_pkey_digest(const EVP_PKEY *key);

enum { SV_DIGEST_BYTES = 32 }; ///< of SHA-256

/// Ready a context for signing or checking with `key`: SHA-256, and for RSA PSS with MGF1-SHA-256
/// and that salt.
bool sv_pkey_scheme(EVP_PKEY_CTX *ctx, const EVP_PKEY *key, int salt);
/// SV_ERR_UNTRUSTED unless `signature` is this RSA or EC key's over the digest. The salt of RSA-PSS
/// is as long as it fits, or 32 bytes.
sv_err sv_pkey_check_digest(EVP_PKEY *key, const uint8_t digest[SV_DIGEST_BYTES], sv_text signature,
                            sv_why *why);

#endif
