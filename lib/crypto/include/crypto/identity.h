// From a certificate that TLS has verified to who the peer is: the id grammar, the role URI and the
// EKU must agree. [pki-10]
#ifndef SV_CRYPTO_IDENTITY_H
#define SV_CRYPTO_IDENTITY_H

#include <base/err.h>
#include <model/id.h>

struct x509_st;

/// `allow_classic`: a v1 leaf without extensions counts as a device. SV_ERR_UNTRUSTED with the
/// reason.
sv_err sv_identity_of(const struct x509_st *certificate, bool allow_classic, sv_identity *out,
                      sv_why *why);

/// The domain of its one role URI (spiffe://<domain>/...). SV_ERR_UNTRUSTED when it has none.
sv_err sv_identity_domain(const struct x509_st *certificate, char *out, size_t room, sv_why *why);

/// The CN of the first certificate of a PEM file, through the id grammar. Nothing else about the
/// certificate is judged: it is for saying early what a server would say later.
sv_err sv_identity_cn_of_file(const char *path, char out[SV_ID_ROOM], sv_why *why);

/// Is the first certificate of a PEM file an authority's, which speaks for no device?
sv_err sv_identity_is_authority(const char *path, bool *out, sv_why *why);

/// From when and until when a certificate counts.
typedef struct sv_validity {
    int64_t begin_us, end_us;
} sv_validity;
/// Of the first certificate of a PEM file, whose signature is not looked at.
sv_err sv_validity_of_file(const char *path, sv_validity *out, sv_why *why);

#endif
