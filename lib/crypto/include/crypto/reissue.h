// A certificate that takes the place of another: what of the old one has to be in the new one.
#ifndef SV_CRYPTO_REISSUE_H
#define SV_CRYPTO_REISSUE_H

#include <crypto/issue.h>

/// Does the request name the subject of the certificate (DER): the CN, and O, OU, L, ST and C, text
/// by text, in whatever order of the kinds? SV_ERR_UNTRUSTED with what differs. [enrol-17]
sv_err sv_issue_same_subject(const sv_issue *issue, sv_text certificate, sv_why *why);

/// What says that whoever holds the old certificate's key wants this request's key certified: more
/// than its TLS connection does, of which only who took it can know. [renewal-7]
typedef enum sv_vouched {
    SV_VOUCHED_NOT,
    SV_VOUCHED_SAME,   ///< it is that key, and the request is signed with it
    SV_VOUCHED_SIGNED, ///< that key has signed for it in an attribute of the request
} sv_vouched;

/// Of a request (PEM or DER) that sv_issue_from_csr has taken, for the certificate (DER).
/// SV_ERR_UNTRUSTED: there is an attribute, and it is not that key's or for another key.
sv_err sv_request_vouched(sv_text request, sv_text certificate, sv_vouched *out, sv_why *why);

/// The DNS names and addresses of a gateway's certificate (DER) stay with it.
sv_err sv_issue_keep_names(sv_issue *issue, sv_text certificate, sv_why *why);

#endif
