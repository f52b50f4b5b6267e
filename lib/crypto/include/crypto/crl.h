// A certificate revocation list (RFC 5280) that came from elsewhere: is it of an authority that we
// trust, does it count now, and is it newer than the one we have? For brokers that read such lists
// from a file; a gateway itself goes by the fleet server's signed word (docs/spec/standing.md).
#ifndef SV_CRYPTO_CRL_H
#define SV_CRYPTO_CRL_H

#include <base/err.h>
#include <base/text.h>
#include <stdint.h>

enum { SV_CRL_BYTES_MAX = 8 * 1024 * 1024 }; ///< in DER: some 200,000 serial numbers

typedef struct sv_crl_facts {
    uint64_t issuer; ///< a hash of its name
    int64_t number;  ///< rises by one with each list of this issuer
    int64_t made_us, ends_us;
    size_t count; ///< serial numbers in it
} sv_crl_facts;

/// One list in DER and nothing behind it, as `file` of trusted certificates (PEM) judges it.
/// SV_ERR_INVALID: it is none, or has no number or end. SV_ERR_UNTRUSTED: signed by nobody in the
/// file, or it has ended at `now_us`. `pem` (may be NULL) gets it as PEM. [broker-2]
sv_err sv_crl_read(sv_text der, const char *file, int64_t now_us, sv_crl_facts *out,
                   sv_textbuf *pem, sv_why *why);
/// The facts of the list in a PEM file of ours, whoever signed it. SV_ERR_NOT_FOUND: no such file.
sv_err sv_crl_facts_of(const char *path, sv_crl_facts *out, sv_why *why);

#endif
