#include "issue_internal.h"
#include "own.h"

#include <crypto/reissue.h>
#include <string.h>

static sv_err parse(sv_text der, X509 **out, sv_why *why) {
    const unsigned char *at = (const unsigned char *) der.at;
    *out = d2i_X509(NULL, &at, (long) der.len);
    return *out != NULL ? SV_OK
                        : sv_fail_ssl(why, SV_ERR_INVALID, "the old certificate cannot be read");
}

static bool is_text(const ASN1_STRING *value, const char *text) {
    unsigned char *utf8 = NULL;
    int len = ASN1_STRING_to_UTF8(&utf8, value);
    bool same =
        len >= 0 && sv_text_is((sv_text){ .at = (const char *) utf8, .len = (size_t) len }, text);
    OPENSSL_free(utf8);
    return same;
}

/// The texts of one kind, one by one.
static bool same_part(const sv_issue *issue, const X509_NAME *name, sv_subject_part part) {
    int nid = sv_subject_nid(part);
    int at = -1;
    for (uint32_t i = 0; i < issue->texts; i++) {
        if (issue->subject[i].part != (uint32_t) part) {
            continue;
        }
        at = X509_NAME_get_index_by_NID(name, nid, at);
        if (at < 0
            || !is_text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)),
                        issue->subject[i].text)) {
            return false;
        }
    }
    return X509_NAME_get_index_by_NID(name, nid, at) < 0;
}

sv_err sv_issue_same_subject(const sv_issue *issue, sv_text certificate, sv_why *why) {
    SV_DEFER(sv_x509_drop) X509 *old = NULL;
    char id[SV_ID_ROOM];
    SV_TRY(parse(certificate, &old, why));
    const X509_NAME *name = X509_get_subject_name(old);
    SV_TRY(sv_name_id(name, id, why));
    if (strcmp(id, issue->id) != 0) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "it asks for '%s'; the certificate is '%s'",
                       issue->id, id);
    }
    for (int part = 0; part < SV_SUBJECT__COUNT; part++) {
        if (!same_part(issue, name, (sv_subject_part) part)) {
            return sv_fail(why, SV_ERR_UNTRUSTED,
                           "%s in its subject is not what the certificate of %s has; the subject "
                           "stays as it is",
                           OBJ_nid2sn(sv_subject_nid((sv_subject_part) part)), id);
        }
    }
    return SV_OK;
}

sv_err sv_issue_keep_names(sv_issue *issue, sv_text certificate, sv_why *why) {
    SV_DEFER(sv_x509_drop) X509 *old = NULL;
    SV_TRY(parse(certificate, &old, why));
    return sv_issue_add_names_of(issue, old, why);
}
