// The bodies of EST (RFC 7030, RFC 8951): bytes as base64 in whatever form it comes, and
// certificates as a PKCS#7 that signs nothing and carries them (certs-only). Both ends use it; what
// is in the certificates is for others to judge.
#ifndef SV_CRYPTO_EST_H
#define SV_CRYPTO_EST_H

#include <base/err.h>
#include <base/text.h>

struct x509_st;

enum {
    SV_EST_BODY_MAX = 64 * 1024, ///< of a request or an answer, as it travels
    SV_EST_CERTS_MAX = 16,       ///< in one answer
};

/// Certificates, owned.
typedef struct sv_certs {
    struct x509_st *at[SV_EST_CERTS_MAX];
    size_t count;
} sv_certs;
void sv_certs_drop(sv_certs *certs);

/// Base64 with its padding, in lines of any length with any line ends, or in one; white space is
/// passed over. SV_ERR_INVALID for anything else, for none, and for more than SV_EST_BODY_MAX.
sv_err sv_est_base64_parse(sv_text body, sv_textbuf *out, sv_why *why); ///< [est-1]
/// For requests: in lines of 64, as libest wants it.
void sv_est_base64_add(sv_textbuf *out, sv_text bytes); ///< [est-1]

/// The body of an answer with these certificates, in one line, as strongSwan wants it. [est-1]
sv_err sv_est_certs_add(sv_textbuf *out, struct x509_st *const *certs, size_t count, sv_why *why);
/// So, with every certificate of a PEM file, in its order. SV_ERR_INVALID when it holds none, or
/// more than SV_EST_CERTS_MAX.
sv_err sv_est_certs_of_file(const char *path, sv_textbuf *out, sv_why *why);
/// The certificates of such a body, in its order. SV_ERR_INVALID when it is none, holds none, or
/// more than SV_EST_CERTS_MAX.
sv_err sv_est_certs_parse(sv_text body, sv_certs *out, sv_why *why);

#endif
