// The issuing certificate of a PKI folder with its key, for a program that does nothing but sign.
// What is signed is made here from numbers and checked texts; nothing that came from outside is
// parsed.
#ifndef SV_CRYPTO_AUTHORITY_H
#define SV_CRYPTO_AUTHORITY_H

#include <crypto/crl_make.h>
#include <crypto/issue.h>
#include <crypto/pki.h>
#include <model/audit.h>
#include <model/standing.h>

typedef struct sv_authority sv_authority;

/// `key` as sv_key_open takes it; NULL: `dir`/ca.key.
sv_err sv_authority_open(const char *dir, const char *key, sv_authority **out, sv_why *why);
void sv_authority_drop(sv_authority **authority);
/// The domain of its identities.
const char *sv_authority_domain(const sv_authority *authority);

/// Certify; `der` gets the certificate, `record` what is to be kept about it.
sv_err sv_authority_issue(const sv_authority *authority, const sv_issue *issue, int64_t now_us,
                          sv_textbuf *der, sv_pki_record *record, sv_why *why);
/// Sign a head of the log of standing. [standing-5]
sv_err sv_authority_standing(const sv_authority *authority, sv_standing_head *head, sv_why *why);

/// Sign how far the audit log has come, or what was forgotten of it; the domain becomes this one.
/// [audit-7]
sv_err sv_authority_checkpoint(const sv_authority *authority, sv_audit_checkpoint *checkpoint,
                               sv_why *why);
sv_err sv_authority_gap(const sv_authority *authority, sv_audit_gap *gap, sv_why *why);

/// The revocation list (DER) over `records`, which sv_crl_add wrote.
sv_err sv_authority_crl(const sv_authority *authority, const sv_crl_frame *frame, sv_text records,
                        sv_textbuf *der, sv_why *why);

#endif
