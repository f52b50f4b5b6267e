// A certificate that takes the place of another: what of the old one has to be in the new one.
#ifndef SV_CRYPTO_REISSUE_H
#define SV_CRYPTO_REISSUE_H

#include <crypto/issue.h>

/// Does the request name the subject of the certificate (DER): the CN, and O, OU, L, ST and C, text
/// by text, in whatever order of the kinds? SV_ERR_UNTRUSTED with what differs. [enrol-17]
sv_err sv_issue_same_subject(const sv_issue *issue, sv_text certificate, sv_why *why);

/// The DNS names and addresses of a gateway's certificate (DER) stay with it.
sv_err sv_issue_keep_names(sv_issue *issue, sv_text certificate, sv_why *why);

#endif
