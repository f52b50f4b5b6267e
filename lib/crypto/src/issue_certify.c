#include "issue_internal.h"
#include "pki_internal.h"
#include <base/time.h>
#include <string.h>

static sv_err set_subject(X509 *certificate, const sv_issue *issue, sv_why *why) {
    X509_NAME *name = X509_get_subject_name(certificate);
    for (size_t i = 0; i < issue->texts; i++) {
        const sv_issue_text *text = &issue->subject[i];
        SV_TRY(sv_name_put(name, sv_subject_nid((sv_subject_part) text->part),
                           sv_text_of(text->text), why));
    }
    return sv_name_put(name, NID_commonName, sv_text_of(issue->id), why);
}

static sv_err add_name(GENERAL_NAMES *names, int type, const void *at, size_t bytes, sv_why *why) {
    ASN1_STRING *value =
        ASN1_STRING_type_new(type == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
    GENERAL_NAME *name = GENERAL_NAME_new();
    if (value == NULL || name == NULL || ASN1_STRING_set(value, at, (int) bytes) != 1) {
        ASN1_STRING_free(value);
        GENERAL_NAME_free(name);
        return sv_fail_ssl(why, SV_ERR_IO, "cannot add a name");
    }
    GENERAL_NAME_set0_value(name, type, value);
    if (sk_GENERAL_NAME_push(names, name) == 0) {
        GENERAL_NAME_free(name);
        return sv_fail_ssl(why, SV_ERR_IO, "cannot add a name");
    }
    return SV_OK;
}

static sv_err add_host_names(GENERAL_NAMES *names, const sv_issue *issue, sv_why *why) {
    for (size_t i = 0; i < issue->dns_names; i++) {
        SV_TRY(add_name(names, GEN_DNS, issue->dns[i], strlen(issue->dns[i]), why));
    }
    for (size_t i = 0; i < issue->ips; i++) {
        SV_TRY(add_name(names, GEN_IPADD, issue->ip[i].raw, issue->ip[i].bytes, why));
    }
    if (sv_role_is_server((sv_role) issue->role) && issue->dns_names == 0 && issue->ips == 0) {
        SV_TRY(add_name(names, GEN_DNS, issue->id, strlen(issue->id), why));
    }
    return SV_OK;
}

static sv_err add_names(X509 *certificate, const char *domain, const sv_issue *issue, sv_why *why) {
    SV_DEFER(sv_names_drop) GENERAL_NAMES *names = GENERAL_NAMES_new();
    if (names == NULL) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot add the names");
    }
    char uri[SV_PKI_DOMAIN_ROOM + SV_ID_ROOM + 32];
    sv_textbuf text = SV_TEXTBUF(uri);
    sv_textbuf_addf(&text, "spiffe://%s/%s/%s", domain, sv_role_name((sv_role) issue->role),
                    issue->id);
    SV_TRY(sv_textbuf_end(&text));
    SV_TRY(add_name(names, GEN_URI, uri, text.len, why));
    SV_TRY(add_host_names(names, issue, why));
    if (X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, 0) != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot add the names");
    }
    return SV_OK;
}

static sv_err extend_leaf(X509 *certificate, X509 *issuer, sv_role role, sv_why *why) {
    bool rsa = EVP_PKEY_get_base_id(X509_get0_pubkey(certificate)) == EVP_PKEY_RSA;
    const char *usage = sv_role_is_client(role) && sv_role_is_server(role) ? "clientAuth,serverAuth"
                        : sv_role_is_server(role)                          ? "serverAuth"
                                                                           : "clientAuth";
    SV_TRY(sv_cert_extend(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE", why));
    SV_TRY(sv_cert_extend(
        certificate, issuer, NID_key_usage,
        rsa ? "critical,digitalSignature,keyEncipherment" : "critical,digitalSignature", why));
    SV_TRY(sv_cert_extend(certificate, issuer, NID_ext_key_usage, usage, why));
    SV_TRY(sv_cert_extend(certificate, issuer, NID_subject_key_identifier, "hash", why));
    return sv_cert_extend(certificate, issuer, NID_authority_key_identifier, "keyid:always", why);
}

/// Whole seconds, as certificates count: not before now or the wanted beginning, not after the
/// issuing certificate.
static sv_err set_times(X509 *certificate, const X509 *issuer, const sv_issue *issue,
                        int64_t now_us, sv_why *why) {
    const int64_t second = SV_TIME_SECOND_US;
    int64_t from_s = now_us / second;
    int64_t wanted_s = issue->not_before_us / second + (issue->not_before_us % second > 0);
    int64_t issuer_from_s = sv_asn1_time_us(X509_get0_notBefore(issuer)) / second;
    int64_t issuer_until_s = sv_asn1_time_us(X509_get0_notAfter(issuer)) / second;
    if (from_s < issuer_from_s || from_s >= issuer_until_s) {
        return sv_fail(
            why, SV_ERR_STATE,
            from_s < issuer_from_s
                ? "this clock is before the issuing certificate's beginning; set it"
                : "the issuing certificate has ended (or the clock is wrong); make a new "
                  "one with: selvedge pki rotate");
    }
    if (wanted_s > from_s + SV_ISSUE_AHEAD_MAX_S) {
        return sv_fail(why, SV_ERR_STATE,
                       "'%s' is revoked until a moment that this clock has not reached; check the "
                       "clock",
                       issue->id);
    }
    from_s = wanted_s > from_s ? wanted_s : from_s;
    int64_t until_s = from_s + issue->lifetime_s;
    until_s = until_s < issuer_until_s ? until_s : issuer_until_s;
    if (ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t) from_s) == NULL
        || ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t) until_s) == NULL) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot set a certificate's time");
    }
    return SV_OK;
}

sv_err sv_issue_certify(const sv_issuer *issuer, const sv_issue *issue, int64_t now_us, X509 **out,
                        sv_why *why) {
    SV_TRY(sv_issue_check(issue, why));
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    SV_TRY(sv_public_key_build(&issue->key, &key, why));
    SV_DEFER(sv_x509_drop) X509 *certificate = NULL;
    SV_TRY(sv_cert_begin(key, 1, &certificate, why));
    SV_TRY(set_times(certificate, issuer->certificate, issue, now_us, why));
    SV_TRY(set_subject(certificate, issue, why));
    if (X509_set_issuer_name(certificate, X509_get_subject_name(issuer->certificate)) != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot name a certificate");
    }
    SV_TRY(extend_leaf(certificate, issuer->certificate, (sv_role) issue->role, why));
    SV_TRY(add_names(certificate, issuer->domain, issue, why));
    SV_TRY(sv_cert_sign(certificate, issuer->key, why));
    *out = certificate;
    certificate = NULL;
    return SV_OK;
}
