// What the files that make a leaf share.
#ifndef SV_CRYPTO_ISSUE_INTERNAL_H
#define SV_CRYPTO_ISSUE_INTERNAL_H

#include "own.h"
#include <crypto/issue.h>

/// The id grammar, and not "ca". [pki-3]
sv_err sv_issue_check_id(sv_text id, sv_why *why);
/// Printable UTF-8 for a subject, not empty. [pki-8]
sv_err sv_issue_check_text(const char *what, sv_text text, sv_why *why);
bool sv_issue_is_dns_name(sv_text name);
/// OpenSSL's number for a part of the subject.
int sv_subject_nid(sv_subject_part part);

/// What a parsed request says, its extensions unread; lifetime and role are the caller's.
sv_err sv_issue_from_request(X509_REQ *request, sv_issue *out, sv_why *why);
/// SV_ERR_INVALID when the request asks for more than a leaf of its own name. [pki-11]
sv_err sv_request_check_asked(X509_REQ *request, const char *id, sv_why *why);

#endif
