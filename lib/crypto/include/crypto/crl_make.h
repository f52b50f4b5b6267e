// A revocation list written record by record: a million of them are forty megabytes and nothing
// else.
#ifndef SV_CRYPTO_CRL_MAKE_H
#define SV_CRYPTO_CRL_MAKE_H

#include <crypto/issue.h>

enum { SV_CRL_RECORDS_MAX = 1000000, SV_CRL_RECORD_MAX = 48, SV_CRL_HEAD_MAX = 16 * 1024 };
enum { SV_CRL_MADE_MAX = SV_CRL_RECORDS_MAX * SV_CRL_RECORD_MAX + SV_CRL_HEAD_MAX };

/// Append one record (DER) to `records`. SV_ERR_INVALID for a serial number of 0 or over 20 bytes,
/// and for a moment before 1970 or after 9999.
sv_err sv_crl_add(sv_textbuf *records, const uint8_t *serial, size_t bytes, int64_t at_s,
                  sv_why *why);

typedef struct sv_crl_frame {
    uint64_t number;
    int64_t from_us, until_us;
} sv_crl_frame;

/// The list (DER) that `issuer` signs over `records`.
sv_err sv_crl_sign(const sv_issuer *issuer, const sv_crl_frame *frame, sv_text records,
                   sv_textbuf *der, sv_why *why);

#endif
