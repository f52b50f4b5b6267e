// Certificate requests (PKCS#10) for keys of our own, in DER. What becomes of one is for the
// authority to decide; the id is the CN.
#ifndef SV_CRYPTO_REQUEST_H
#define SV_CRYPTO_REQUEST_H

#include <base/err.h>
#include <base/text.h>
#include <model/id.h>

struct evp_pkey_st;

typedef struct sv_applicant {
    const char *id;
    const char *org, *unit; ///< O and OU; NULL: none
} sv_applicant;

/// A first request.
sv_err sv_request_new(struct evp_pkey_st *key, const sv_applicant *applicant, sv_textbuf *der,
                      sv_why *why);
/// One to follow the certificate in a PEM file: the same subject, and the same role URI, as RFC
/// 7030 §4.2.2 wants it. `old`, that certificate's key, vouches for another `key` in an attribute
/// of the request (crypto/reissue.h); NULL: nothing does. [renewal-7]
sv_err sv_request_follow(struct evp_pkey_st *key, struct evp_pkey_st *old, const char *cert_path,
                         sv_textbuf *der, sv_why *why);

/// A request (PEM) at `out_path` by the key at `where`, which is made when there is none: P-256.
/// [keys-9]
sv_err sv_request_write(const char *where, const sv_applicant *applicant, const char *out_path,
                        sv_why *why);

#endif
