#include "pki_internal.h"
#include <base/time.h>
#include <crypto/random.h>
#include <time.h>
#include <unistd.h>

enum { SERIAL_BYTES = 16 };

static sv_err set_serial(X509 *certificate, sv_why *why) {
    uint8_t bytes[SERIAL_BYTES];
    sv_random(bytes, sizeof bytes);
    // The top bits make it positive and never shorter than 16 bytes.
    bytes[0] = (uint8_t) ((bytes[0] & 0x7F) | 0x40);
    SV_DEFER(sv_bn_drop) BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    if (number == NULL || BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) == NULL) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot make a serial number");
    }
    return SV_OK;
}

sv_err sv_cert_begin(EVP_PKEY *key, int days, X509 **out, sv_why *why) {
    SV_DEFER(sv_x509_drop) X509 *certificate = X509_new();
    if (certificate == NULL || X509_set_version(certificate, X509_VERSION_3) != 1
        || X509_set_pubkey(certificate, key) != 1
        || X509_gmtime_adj(X509_getm_notBefore(certificate), 0) == NULL
        || X509_time_adj_ex(X509_getm_notAfter(certificate), days, 0, NULL) == NULL) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot begin a certificate");
    }
    SV_TRY(set_serial(certificate, why));
    *out = certificate;
    certificate = NULL;
    return SV_OK;
}

sv_err sv_cert_extend(X509 *certificate, X509 *issuer, int nid, const char *value, sv_why *why) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    SV_DEFER(sv_extension_drop)
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    if (extension == NULL || X509_add_ext(certificate, extension, -1) != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot add the extension '%s'", value);
    }
    return SV_OK;
}

sv_err sv_cert_sign(X509 *certificate, EVP_PKEY *key, sv_why *why) {
    if (X509_sign(certificate, key, sv_pkey_digest(key)) <= 0) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot sign a certificate");
    }
    return SV_OK;
}

sv_err sv_name_put(X509_NAME *name, int nid, sv_text value, sv_why *why) {
    if (X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8, (const unsigned char *) value.at,
                                   (int) value.len, -1, 0)
        != 1) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "'" SV_TEXT_FMT "' does not fit into a name",
                           SV_TEXT_ARG(value));
    }
    return SV_OK;
}

/// Who was revoked a moment ago gets a certificate that begins after that moment, or it would be
/// revoked with the others.
static sv_err wait_for_revocation(sv_pki *pki, const char *id, sv_why *why) {
    if (pki->revoked == NULL) {
        SV_TRY(sv_pki_revoked_load(pki->dir, &pki->revoked, why));
    }
    int64_t before_us = sv_pki_revoked_before_us(pki->revoked, id);
    for (int i = 0; i < 200 && (int64_t) time(NULL) * 1000000 < before_us; i++) {
        (void) usleep(10000);
    }
    if ((int64_t) time(NULL) * 1000000 < before_us) {
        return sv_fail(why, SV_ERR_STATE,
                       "'%s' is revoked until a moment that this clock has not reached; check the "
                       "clock",
                       id);
    }
    return SV_OK;
}

sv_err sv_pki_certify(sv_pki *pki, const sv_issue *issue, X509 **out, sv_why *why) {
    SV_TRY(sv_issue_check(issue, why));
    SV_TRY(wait_for_revocation(pki, issue->id, why));
    const sv_issuer issuer = { .certificate = pki->issuing,
                               .key = pki->key,
                               .domain = pki->domain };
    SV_DEFER(sv_x509_drop) X509 *certificate = NULL;
    SV_TRY(sv_issue_certify(&issuer, issue, (int64_t) time(NULL) * SV_TIME_SECOND_US, &certificate,
                            why));
    SV_TRY(sv_pki_index_add(pki->dir, issue->id, (sv_role) issue->role, certificate, why));
    *out = certificate;
    certificate = NULL;
    return SV_OK;
}

sv_err sv_pki_chain_add(sv_textbuf *out, const sv_pki *pki, const X509 *leaf, sv_why *why) {
    SV_TRY(sv_pem_cert_add(out, leaf, why));
    return sv_pem_cert_add(out, pki->issuing, why);
}
