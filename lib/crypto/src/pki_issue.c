#include "issue_internal.h"
#include "pki_internal.h"
#include <crypto/key_store.h>
#include <sys/disk.h>
#include <unistd.h>

static sv_err out_path(char room[PATH_MAX], const sv_pki_leaf *leaf, const char *suffix,
                       sv_why *why) {
    char name[SV_ID_ROOM + 8];
    sv_textbuf text = SV_TEXTBUF(name);
    sv_textbuf_addf(&text, "%s%s", leaf->id, suffix);
    SV_TRY(sv_textbuf_end(&text));
    return sv_pki_path(room, leaf->out, name, why);
}

/// The organisation of the issuing certificate: its leaves belong to it.
static sv_err take_organisation(const sv_pki *pki, sv_issue *issue, sv_why *why) {
    const X509_NAME *issuer = X509_get_subject_name(pki->issuing);
    int at = X509_NAME_get_index_by_NID(issuer, NID_organizationName, -1);
    if (at < 0) {
        return SV_OK;
    }
    unsigned char *utf8 = NULL;
    int len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(issuer, at)));
    if (len < 0) {
        return sv_fail_ssl(why, SV_ERR_INVALID,
                           "the issuing certificate's organisation is no text");
    }
    sv_text text = { .at = (const char *) utf8, .len = (size_t) len };
    sv_err err = sv_issue_add_text(issue, SV_SUBJECT_O, text, why);
    OPENSSL_free(utf8);
    return err;
}

static sv_err lifetime_of(int days, int64_t *out_s, sv_why *why) {
    days = days == 0 ? SV_PKI_LEAF_DAYS : days;
    if (days < 1 || days > SV_PKI_DAYS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "%d days is not between 1 and %d", days,
                       SV_PKI_DAYS_MAX);
    }
    *out_s = INT64_C(86400) * days;
    return SV_OK;
}

/// What the leaf of a fresh key is to say.
static sv_err issue_of(const sv_pki *pki, const sv_pki_leaf *leaf, const EVP_PKEY *key,
                       sv_issue *out, sv_why *why) {
    sv_issue issue = { .role = leaf->role };
    SV_TRY(sv_text_copy(sv_text_of(leaf->id), issue.id, sizeof issue.id));
    SV_TRY(lifetime_of(leaf->days, &issue.lifetime_s, why));
    SV_TRY(sv_public_key_of(key, &issue.key, why));
    SV_TRY(take_organisation(pki, &issue, why));
    for (size_t i = 0; i < SV_PKI_DNS_MAX && leaf->dns[i] != NULL; i++) {
        SV_TRY(sv_issue_add_dns(&issue, sv_text_of(leaf->dns[i]), why));
    }
    for (size_t i = 0; i < SV_PKI_DNS_MAX && leaf->ip[i] != NULL; i++) {
        SV_TRY(sv_issue_add_ip(&issue, sv_text_of(leaf->ip[i]), why));
    }
    *out = issue;
    return SV_OK;
}

static sv_err write_chain(const char *path, const sv_pki *pki, const X509 *leaf, sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(SV_PKI_FILE_MAX);
    SV_TRY(sv_pki_chain_add(&pem, pki, leaf, why));
    return sv_disk_replace(path, sv_textbuf_text(&pem), 0644, why);
}

static sv_err copy_ca(const char *dir, const char *out, sv_why *why) {
    char from[PATH_MAX];
    char to[PATH_MAX];
    SV_TRY(sv_pki_path(from, dir, "ca.crt", why));
    SV_TRY(sv_pki_path(to, out, "ca.crt", why));
    SV_DEFER(sv_textbuf_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(SV_PKI_FILE_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf there = SV_TEXTBUF_HEAP(SV_PKI_FILE_MAX);
    SV_TRY(sv_disk_read(from, &pem, why));
    bool same = sv_disk_read(to, &there, NULL) == SV_OK
                && sv_text_eq(sv_textbuf_text(&there), sv_textbuf_text(&pem));
    return same ? SV_OK : sv_disk_replace(to, sv_textbuf_text(&pem), 0644, why);
}

static sv_err certify_new(sv_pki *pki, const sv_pki_leaf *leaf, EVP_PKEY *key, sv_why *why) {
    SV_DEFER(sv_x509_drop) X509 *certificate = NULL;
    char path[PATH_MAX];
    sv_issue issue;
    SV_TRY(issue_of(pki, leaf, key, &issue, why));
    SV_TRY(sv_pki_certify(pki, &issue, &certificate, why));
    SV_TRY(out_path(path, leaf, ".crt", why));
    SV_TRY(write_chain(path, pki, certificate, why));
    return copy_ca(pki->dir, leaf->out, why);
}

static sv_err issue_one(sv_pki *pki, const sv_pki_leaf *leaf, sv_why *why) {
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    char path[PATH_MAX];
    SV_TRY(out_path(path, leaf, ".key", why));
    SV_TRY(sv_key_make(path, leaf->key, &key, why));
    sv_err err = certify_new(pki, leaf, key, why);
    if (err != SV_OK) {
        (void) unlink(path);
    }
    return err;
}

sv_err sv_pki_issue_many(const char *dir, const sv_pki_leaf *like, const char *const *ids,
                         size_t count, sv_why *why) {
    if (count > SV_PKI_MANY_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "%zu leaves are more than %d at once", count,
                       SV_PKI_MANY_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        SV_TRY(sv_issue_check_id(sv_text_of(ids[i]), why));
    }
    SV_DEFER(sv_pki_drop) sv_pki pki = SV_PKI_CLOSED;
    SV_TRY(sv_pki_open(dir, &pki, why));
    SV_TRY(sv_pki_index_check(dir, ids, count, like->role, why));
    SV_TRY(sv_disk_make_folder(like->out, 0755, why));
    for (size_t i = 0; i < count; i++) {
        sv_pki_leaf leaf = *like;
        leaf.id = ids[i];
        SV_TRY(issue_one(&pki, &leaf, why));
    }
    return SV_OK;
}

sv_err sv_pki_issue(const char *dir, const sv_pki_leaf *leaf, sv_why *why) {
    return sv_pki_issue_many(dir, leaf, &leaf->id, 1, why);
}

sv_err sv_pki_sign(const char *dir, const char *csr_path, const char *out_path, int days,
                   sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_PKI_CSR_MAX);
    SV_TRY(sv_disk_read(csr_path, &bytes, why));
    SV_DEFER(sv_req_drop) X509_REQ *request = NULL;
    SV_TRY(sv_request_parse(sv_textbuf_text(&bytes), csr_path, &request, why));
    sv_issue issue;
    SV_TRY(sv_issue_from_request(request, &issue, why));
    SV_TRY(lifetime_of(days, &issue.lifetime_s, why));

    SV_DEFER(sv_pki_drop) sv_pki pki = SV_PKI_CLOSED;
    SV_TRY(sv_pki_open(dir, &pki, why));
    SV_DEFER(sv_x509_drop) X509 *certificate = NULL;
    const char *id = issue.id;
    SV_TRY(sv_pki_index_check(dir, &id, 1, SV_ROLE_DEVICE, why));
    SV_TRY(sv_pki_certify(&pki, &issue, &certificate, why));
    return write_chain(out_path, &pki, certificate, why);
}
