#include "pki_internal.h"
#include "vouch.h"
#include <crypto/key_store.h>
#include <crypto/request.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/disk.h>

static void extensions_drop(X509_EXTENSIONS **extensions) {
    sk_X509_EXTENSION_pop_free(*extensions, X509_EXTENSION_free);
}

static sv_err finish(X509_REQ *request, EVP_PKEY *key, sv_textbuf *der, sv_why *why) {
    unsigned char *bytes = NULL;
    if (X509_REQ_set_version(request, X509_REQ_VERSION_1) != 1
        || X509_REQ_set_pubkey(request, key) != 1
        || X509_REQ_sign(request, key, sv_pkey_digest(key)) <= 0) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot sign a certificate request");
    }
    int len = i2d_X509_REQ(request, &bytes);
    if (len < 0) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot write a certificate request");
    }
    sv_textbuf_add(der, (sv_text){ (const char *) bytes, (size_t) len });
    OPENSSL_free(bytes);
    return der->overflowed ? sv_fail(why, SV_ERR_NO_SPACE, "the request has %d bytes", len) : SV_OK;
}

static sv_err put(X509_NAME *name, int nid, const char *value, sv_why *why) {
    return value == NULL ? SV_OK : sv_name_put(name, nid, sv_text_of(value), why);
}

sv_err sv_request_new(EVP_PKEY *key, const sv_applicant *applicant, sv_textbuf *der, sv_why *why) {
    SV_TRY(sv_id_check("id", sv_text_of(applicant->id), why));
    SV_DEFER(sv_req_drop) X509_REQ *request = X509_REQ_new();
    if (request == NULL) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot begin a certificate request");
    }
    X509_NAME *name = X509_REQ_get_subject_name(request);
    SV_TRY(put(name, NID_organizationName, applicant->org, why));
    SV_TRY(put(name, NID_organizationalUnitName, applicant->unit, why));
    SV_TRY(put(name, NID_commonName, applicant->id, why));
    return finish(request, key, der, why);
}

/// DNS names and addresses are not a device's to ask for: the authority knows them.
static void keep_uris(GENERAL_NAMES *names) {
    for (int i = sk_GENERAL_NAME_num(names) - 1; i >= 0; i--) {
        if (sk_GENERAL_NAME_value(names, i)->type != GEN_URI) {
            GENERAL_NAME_free(sk_GENERAL_NAME_delete(names, i));
        }
    }
}

static sv_err follow_names(X509_REQ *request, const X509 *current, sv_why *why) {
    SV_DEFER(sv_names_drop)
    GENERAL_NAMES *names = X509_get_ext_d2i(current, NID_subject_alt_name, NULL, NULL);
    keep_uris(names);
    if (sk_GENERAL_NAME_num(names) <= 0) {
        return SV_OK;
    }
    SV_DEFER(extensions_drop) X509_EXTENSIONS *extensions = NULL;
    if (X509V3_add1_i2d(&extensions, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) != 1
        || X509_REQ_add_extensions(request, extensions) != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot add the names to a certificate request");
    }
    return SV_OK;
}

sv_err sv_request_follow(EVP_PKEY *key, EVP_PKEY *old, const char *cert_path, sv_textbuf *der,
                         sv_why *why) {
    SV_DEFER(sv_x509_drop) X509 *current = NULL;
    SV_TRY(sv_cert_of_file(cert_path, &current, why));
    SV_DEFER(sv_req_drop) X509_REQ *request = X509_REQ_new();
    if (request == NULL
        || X509_REQ_set_subject_name(request, X509_get_subject_name(current)) != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot begin a certificate request");
    }
    SV_TRY(follow_names(request, current, why));
    if (old != NULL && EVP_PKEY_eq(old, key) != 1) {
        SV_TRY(sv_vouch(request, key, old, current, why));
    }
    return finish(request, key, der, why);
}

static sv_err open_or_make(const char *where, EVP_PKEY **out, sv_why *why) {
    sv_err err = sv_key_make(where, SV_KEY_EC, out, why);
    return err == SV_ERR_STATE ? sv_key_open(where, out, why) : err;
}

sv_err sv_request_write(const char *where, const sv_applicant *applicant, const char *out_path,
                        sv_why *why) {
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf der = SV_TEXTBUF_HEAP(SV_PKI_CSR_MAX);
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new(BIO_s_mem());
    SV_TRY(sv_id_check("id", sv_text_of(applicant->id), why));
    SV_TRY(open_or_make(where, &key, why));
    SV_TRY(sv_request_new(key, applicant, &der, why));
    if (bio == NULL
        || PEM_write_bio(bio, PEM_STRING_X509_REQ, "", (const unsigned char *) der.at,
                         (long) der.len)
               <= 0) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot write a certificate request");
    }
    char *at = NULL;
    long len = BIO_get_mem_data(bio, &at);
    return sv_disk_replace(out_path, (sv_text){ .at = at, .len = (size_t) len }, 0644, why);
}
