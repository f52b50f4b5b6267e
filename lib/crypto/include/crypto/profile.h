// The private-PKI profile (docs/spec/profile.md): what certificates of our own CAs must be beyond
// what OpenSSL asks for. Applied to a whole chain as soon as OpenSSL has verified it: in every
// handshake, when a certificate is judged again, and by `selvedge pki verify`.
#ifndef SV_CRYPTO_PROFILE_H
#define SV_CRYPTO_PROFILE_H

#include <base/err.h>
#include <stdbool.h>

struct stack_st_X509;
struct x509_store_ctx_st;
struct X509_crl_st;

enum { SV_PROFILE_EXTENSIONS_MAX = 32 }; ///< of one certificate

/// What the leaf is shown for.
typedef enum sv_profile_use {
    SV_PROFILE_CLIENT, ///< needs clientAuth
    SV_PROFILE_SERVER, ///< needs serverAuth
    SV_PROFILE_ROLE,   ///< needs one of the two; which one its role URI says
    SV_PROFILE_PATH,   ///< needs neither: a manufacturer's device
} sv_profile_use;

typedef struct sv_profile {
    sv_profile_use use;
    bool allow_classic; ///< the leaf may be X.509 v1 without extensions, as `openssl x509 -req`
                        ///< makes it; for clients and roles
} sv_profile;

/// `chain` is verified: leaf first, trust anchor last. SV_ERR_UNTRUSTED with the certificate, what
/// was found and what is wanted.
sv_err sv_profile_check(const struct stack_st_X509 *chain, const sv_profile *profile, sv_why *why);

/// X509_verify_cert, then the profile (NULL: none is asked for). The context's error says what
/// OpenSSL found, and X509_V_ERR_CERT_REJECTED when it was the profile; `why` has a sentence for
/// both.
sv_err sv_profile_verify(struct x509_store_ctx_st *context, const sv_profile *profile, sv_why *why);

/// Whether this revocation list names all that is revoked. A delta names what is new since another
/// one, and OpenSSL takes it for a whole one before 3.0.22. [profile-6]
bool sv_profile_list_is_whole(const struct X509_crl_st *list);

#endif
