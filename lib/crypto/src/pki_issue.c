#include "pki_internal.h"
#include <crypto/key_store.h>
#include <openssl/pem.h>
#include <string.h>
#include <strings.h>
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

static sv_err check_id(const char *id, sv_why *why) {
    SV_TRY(sv_id_check("id", sv_text_of(id), why));
    if (strcasecmp(id, "ca") == 0) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the id '%s' would overwrite the CA's own files; choose another", id);
    }
    return SV_OK;
}

static sv_err subject_of(const char *id, const X509_NAME *issuer, X509_NAME **out, sv_why *why) {
    SV_DEFER(sv_name_drop) X509_NAME *name = X509_NAME_new();
    int at = X509_NAME_get_index_by_NID(issuer, NID_organizationName, -1);
    if (name == NULL
        || (at >= 0 && X509_NAME_add_entry(name, X509_NAME_get_entry(issuer, at), -1, 0) != 1)) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot name a certificate");
    }
    SV_TRY(sv_name_put(name, NID_commonName, sv_text_of(id), why));
    *out = name;
    name = NULL;
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
    SV_DEFER(sv_name_drop) X509_NAME *subject = NULL;
    SV_DEFER(sv_x509_drop) X509 *certificate = NULL;
    char path[PATH_MAX];
    SV_TRY(subject_of(leaf->id, X509_get_subject_name(pki->issuing), &subject, why));
    SV_TRY(sv_pki_certify(pki, key, subject, leaf, &certificate, why));
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
        SV_TRY(check_id(ids[i], why));
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

sv_err sv_request_parse(sv_text bytes, const char *path, X509_REQ **out, sv_why *why) {
    SV_DEFER(sv_req_drop) X509_REQ *request = NULL;
    if (sv_text_starts(bytes, SV_TEXT("-----BEGIN"))) {
        SV_DEFER(sv_bio_drop) BIO *bio = BIO_new_mem_buf(bytes.at, (int) bytes.len);
        request = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
    } else {
        const unsigned char *at = (const unsigned char *) bytes.at;
        request = d2i_X509_REQ(NULL, &at, (long) bytes.len);
        if (request != NULL && (const char *) at != bytes.at + bytes.len) {
            return sv_fail(why, SV_ERR_INVALID, "'%s' holds more than a request", path);
        }
    }
    if (request == NULL) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "'%s' is not a certificate request (PEM or DER)",
                           path);
    }
    *out = request;
    request = NULL;
    return SV_OK;
}

sv_err sv_request_key(X509_REQ *request, EVP_PKEY **out, sv_why *why) {
    EVP_PKEY *key = X509_REQ_get0_pubkey(request);
    if (key == NULL) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "the request holds no key we can read");
    }
    SV_TRY(sv_pkey_check(key, why));
    if (X509_REQ_verify(request, key) != 1) {
        return sv_fail_ssl(why, SV_ERR_UNTRUSTED,
                           "the request is not signed with its own key (proof of possession)");
    }
    *out = key;
    return SV_OK;
}

static sv_err copy_entry(X509_NAME *to, int nid, const ASN1_STRING *value, sv_why *why) {
    unsigned char *utf8 = NULL;
    int len = ASN1_STRING_to_UTF8(&utf8, value);
    if (len < 0) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "%s in the subject is not text", OBJ_nid2sn(nid));
    }
    sv_text text = { .at = (const char *) utf8, .len = (size_t) len };
    sv_err err = SV_OK;
    for (size_t i = 0; i < text.len && err == SV_OK; i++) {
        if (utf8[i] < 0x20 || utf8[i] == 0x7F) {
            err = sv_fail(why, SV_ERR_INVALID, "%s in the subject holds control characters",
                          OBJ_nid2sn(nid));
        }
    }
    if (err == SV_OK) {
        err = sv_name_put(to, nid, text, why);
    }
    OPENSSL_free(utf8);
    return err;
}

static sv_err subject_from(const X509_NAME *from, const char *id, X509_NAME **out, sv_why *why) {
    static const int kept[] = { NID_countryName, NID_stateOrProvinceName, NID_localityName,
                                NID_organizationName, NID_organizationalUnitName };
    SV_DEFER(sv_name_drop) X509_NAME *name = X509_NAME_new();
    for (size_t i = 0; i < SV_COUNT(kept); i++) {
        int at = -1;
        while ((at = X509_NAME_get_index_by_NID(from, kept[i], at)) >= 0) {
            const X509_NAME_ENTRY *entry = X509_NAME_get_entry(from, at);
            SV_TRY(copy_entry(name, kept[i], X509_NAME_ENTRY_get_data(entry), why));
        }
    }
    SV_TRY(sv_name_put(name, NID_commonName, sv_text_of(id), why));
    *out = name;
    name = NULL;
    return SV_OK;
}

sv_err sv_request_subject(const X509_REQ *request, char id[SV_ID_ROOM], X509_NAME **out,
                          sv_why *why) {
    const X509_NAME *asked = X509_REQ_get_subject_name(request);
    SV_TRY(sv_name_id(asked, id, why));
    return subject_from(asked, id, out, why);
}

sv_err sv_pki_sign(const char *dir, const char *csr_path, const char *out_path, int days,
                   sv_why *why) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf bytes = SV_TEXTBUF_HEAP(SV_PKI_CSR_MAX);
    SV_TRY(sv_disk_read(csr_path, &bytes, why));
    SV_DEFER(sv_req_drop) X509_REQ *request = NULL;
    SV_TRY(sv_request_parse(sv_textbuf_text(&bytes), csr_path, &request, why));
    EVP_PKEY *key = NULL;
    SV_TRY(sv_request_key(request, &key, why));

    char id[SV_ID_ROOM];
    SV_DEFER(sv_name_drop) X509_NAME *subject = NULL;
    SV_TRY(sv_request_subject(request, id, &subject, why));

    SV_DEFER(sv_pki_drop) sv_pki pki = SV_PKI_CLOSED;
    SV_TRY(sv_pki_open(dir, &pki, why));
    SV_DEFER(sv_x509_drop) X509 *certificate = NULL;
    const sv_pki_leaf leaf = { .id = id, .role = SV_ROLE_DEVICE, .days = days };
    SV_TRY(sv_pki_index_check(dir, &leaf.id, 1, leaf.role, why));
    SV_TRY(sv_pki_certify(&pki, key, subject, &leaf, &certificate, why));
    return write_chain(out_path, &pki, certificate, why);
}
