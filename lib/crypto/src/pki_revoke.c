#include "pki_internal.h"
#include <base/time.h>
#include <codec/json.h>
#include <openssl/pem.h>
#include <string.h>
#include <sys/disk.h>
#include <time.h>

enum { CRL_DAYS = 30 };

sv_err sv_pki_revoke(const char *dir, const char *id, sv_why *why) {
    SV_TRY(sv_id_check("id", sv_text_of(id), why));
    SV_DEFER(sv_pki_drop) sv_pki pki = SV_PKI_CLOSED;
    SV_TRY(sv_pki_open(dir, &pki, why));
    char path[PATH_MAX];
    SV_TRY(sv_pki_path(path, dir, "revoked.ndjson", why));

    // Certificates count in whole seconds: the bound is the next one, so that what was issued in
    // this second is covered too.
    char moment[40];
    sv_textbuf before = SV_TEXTBUF(moment);
    sv_time_add(&before, ((int64_t) time(NULL) + 1) * SV_TIME_SECOND_US);
    char room[256];
    sv_textbuf line = SV_TEXTBUF(room);
    sv_json_out json = SV_JSON_OUT(&line);
    sv_json_open_object(&json);
    sv_json_add_str(&json, "id", id);
    sv_json_add_text(&json, "before", sv_textbuf_text(&before));
    sv_json_close_object(&json);
    sv_textbuf_add_char(&line, '\n');
    SV_TRY(sv_textbuf_end(&line));
    return sv_disk_append(path, sv_textbuf_text(&line), 0644, why);
}

/// The number after that of the newest CRL in the folder; 1 when there is none.
static sv_err next_number(const char *newest, ASN1_INTEGER **out, sv_why *why) {
    SV_DEFER(sv_bn_drop) BIGNUM *number = BN_new();
    if (sv_disk_exists(newest)) {
        SV_DEFER(sv_bio_drop) BIO *bio = BIO_new_file(newest, "r");
        SV_DEFER(sv_crl_drop)
        X509_CRL *crl = bio != NULL ? PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL) : NULL;
        SV_DEFER(sv_asn1_integer_drop)
        ASN1_INTEGER *last =
            crl != NULL ? X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL) : NULL;
        if (last == NULL || ASN1_INTEGER_to_BN(last, number) == NULL) {
            return sv_fail_ssl(why, SV_ERR_INVALID, "'%s' is not a CRL of ours", newest);
        }
    }
    if (number == NULL || BN_add_word(number, 1) != 1
        || (*out = BN_to_ASN1_INTEGER(number, NULL)) == NULL) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot number a CRL");
    }
    return SV_OK;
}

typedef struct crl_build {
    X509_CRL *crl;
    sv_err err;
} crl_build;

static sv_err add_revoked(X509_CRL *crl, const sv_pki_record *record) {
    SV_DEFER(sv_bn_drop) BIGNUM *number = NULL;
    SV_DEFER(sv_asn1_integer_drop) ASN1_INTEGER *serial = NULL;
    SV_DEFER(sv_asn1_time_drop) ASN1_TIME *at = ASN1_TIME_set(NULL, time(NULL));
    SV_DEFER(sv_revoked_drop) X509_REVOKED *revoked = X509_REVOKED_new();
    if (BN_hex2bn(&number, record->serial) == 0
        || (serial = BN_to_ASN1_INTEGER(number, NULL)) == NULL || at == NULL || revoked == NULL
        || X509_REVOKED_set_serialNumber(revoked, serial) != 1
        || X509_REVOKED_set_revocationDate(revoked, at) != 1
        || X509_CRL_add0_revoked(crl, revoked) != 1) {
        return SV_ERR_IO;
    }
    revoked = NULL;
    return SV_OK;
}

static void visit(void *arg, const sv_pki_record *record) {
    crl_build *build = arg;
    if (record->revoked && build->err == SV_OK) {
        build->err = add_revoked(build->crl, record);
    }
}

static sv_err extend(X509_CRL *crl, X509 *issuer, ASN1_INTEGER *number, sv_why *why) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, NULL, NULL, crl, 0);
    SV_DEFER(sv_extension_drop)
    X509_EXTENSION *authority =
        X509V3_EXT_conf_nid(NULL, &context, NID_authority_key_identifier, "keyid:always");
    if (authority == NULL || X509_CRL_add_ext(crl, authority, -1) != 1
        || X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0) != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot extend a CRL");
    }
    return SV_OK;
}

static sv_err build(const sv_pki *pki, ASN1_INTEGER *number, X509_CRL **out, sv_why *why) {
    SV_DEFER(sv_crl_drop) X509_CRL *crl = X509_CRL_new();
    SV_DEFER(sv_asn1_time_drop) ASN1_TIME *from = ASN1_TIME_set(NULL, time(NULL));
    SV_DEFER(sv_asn1_time_drop)
    ASN1_TIME *until = ASN1_TIME_adj(NULL, time(NULL), CRL_DAYS, 0);
    if (crl == NULL || from == NULL || until == NULL
        || X509_CRL_set_version(crl, X509_CRL_VERSION_2) != 1
        || X509_CRL_set_issuer_name(crl, X509_get_subject_name(pki->issuing)) != 1
        || X509_CRL_set1_lastUpdate(crl, from) != 1 || X509_CRL_set1_nextUpdate(crl, until) != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot begin a CRL");
    }
    crl_build state = { .crl = crl };
    SV_TRY(sv_pki_list(pki->dir, visit, &state, why));
    if (state.err != SV_OK) {
        return sv_fail_ssl(why, state.err, "cannot add a serial number to the CRL");
    }
    SV_TRY(extend(crl, pki->issuing, number, why));
    if (X509_CRL_sort(crl) != 1 || X509_CRL_sign(crl, pki->key, sv_pkey_digest(pki->key)) <= 0) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot sign the CRL");
    }
    *out = crl;
    crl = NULL;
    return SV_OK;
}

sv_err sv_pki_crl(const char *dir, const char *out_path, sv_why *why) {
    SV_DEFER(sv_pki_drop) sv_pki pki = SV_PKI_CLOSED;
    SV_TRY(sv_pki_open(dir, &pki, why));
    char newest[PATH_MAX];
    SV_TRY(sv_pki_path(newest, dir, "crl.pem", why));
    SV_DEFER(sv_asn1_integer_drop) ASN1_INTEGER *number = NULL;
    SV_TRY(next_number(newest, &number, why));
    SV_DEFER(sv_crl_drop) X509_CRL *crl = NULL;
    SV_TRY(build(&pki, number, &crl, why));

    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL || PEM_write_bio_X509_CRL(bio, crl) != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot write the CRL as PEM");
    }
    char *at = NULL;
    long len = BIO_get_mem_data(bio, &at);
    sv_text pem = { .at = at, .len = (size_t) len };
    SV_TRY(sv_disk_replace(newest, pem, 0644, why));
    return sv_disk_replace(out_path, pem, 0644, why);
}
