#include "pki_internal.h"
#include <base/mem.h>
#include <crypto/audit.h>
#include <crypto/authority.h>
#include <crypto/standing.h>
#include <stdlib.h>
#include <string.h>

struct sv_authority {
    sv_pki pki; ///< not locked
};

sv_err sv_authority_open(const char *dir, const char *key, sv_authority **out, sv_why *why) {
    SV_DEFER(sv_pki_drop) sv_pki pki = SV_PKI_CLOSED;
    SV_TRY(sv_pki_load(dir, key, &pki, why));
    sv_authority *authority = sv_mem_new(sizeof *authority);
    authority->pki = pki;
    authority->pki.dir = NULL; // the caller's
    pki = SV_PKI_CLOSED;
    *out = authority;
    return SV_OK;
}

void sv_authority_drop(sv_authority **authority) {
    if (*authority != NULL) {
        sv_pki_drop(&(*authority)->pki);
        free(*authority);
        *authority = NULL;
    }
}

const char *sv_authority_domain(const sv_authority *authority) {
    return authority->pki.domain;
}

static sv_issuer issuer_of(const sv_authority *authority) {
    return (sv_issuer){ .certificate = authority->pki.issuing,
                        .key = authority->pki.key,
                        .domain = authority->pki.domain };
}

sv_err sv_authority_issue(const sv_authority *authority, const sv_issue *issue, int64_t now_us,
                          sv_textbuf *der, sv_pki_record *record, sv_why *why) {
    const sv_issuer issuer = issuer_of(authority);
    SV_DEFER(sv_x509_drop) X509 *certificate = NULL;
    SV_TRY(sv_issue_certify(&issuer, issue, now_us, &certificate, why));
    SV_TRY(sv_pki_record_of(issue->id, (sv_role) issue->role, certificate, record, why));
    unsigned char *bytes = NULL;
    int len = i2d_X509(certificate, &bytes);
    if (len <= 0) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot write a certificate");
    }
    sv_textbuf_add(der, (sv_text){ .at = (const char *) bytes, .len = (size_t) len });
    OPENSSL_free(bytes);
    return der->overflowed ? sv_fail(why, SV_ERR_NO_SPACE,
                                     "the certificate would have %d bytes, more than an answer "
                                     "holds; give it fewer names",
                                     len)
                           : SV_OK;
}

sv_err sv_authority_standing(const sv_authority *authority, sv_standing_head *head, sv_why *why) {
    return sv_standing_sign(authority->pki.key, authority->pki.domain, head, why);
}

_Static_assert((int) SV_PKI_DOMAIN_ROOM == (int) SV_AUDIT_DOMAIN_ROOM, "one domain");

sv_err sv_authority_checkpoint(const sv_authority *authority, sv_audit_checkpoint *checkpoint,
                               sv_why *why) {
    memcpy(checkpoint->seal.domain, authority->pki.domain, sizeof checkpoint->seal.domain);
    return sv_audit_checkpoint_sign(authority->pki.key, checkpoint, why);
}

sv_err sv_authority_gap(const sv_authority *authority, sv_audit_gap *gap, sv_why *why) {
    memcpy(gap->seal.domain, authority->pki.domain, sizeof gap->seal.domain);
    return sv_audit_gap_sign(authority->pki.key, gap, why);
}

sv_err sv_authority_crl(const sv_authority *authority, const sv_crl_frame *frame, sv_text records,
                        sv_textbuf *der, sv_why *why) {
    const sv_issuer issuer = issuer_of(authority);
    return sv_crl_sign(&issuer, frame, records, der, why);
}
