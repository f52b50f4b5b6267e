#include "pki_internal.h"
#include <crypto/random.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SERIAL_BYTES = 16, DNS_NAME_MAX = 253 };

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

static bool is_dns_name(const char *name) {
    size_t len = strlen(name);
    return len > 0 && len <= DNS_NAME_MAX && name[0] != '.' && name[0] != '-'
           && strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._*")
                  == len;
}

static sv_err add_ia5(GENERAL_NAMES *names, int type, const char *value, sv_why *why) {
    ASN1_IA5STRING *text = ASN1_IA5STRING_new();
    GENERAL_NAME *name = GENERAL_NAME_new();
    if (text == NULL || name == NULL || ASN1_STRING_set(text, value, -1) != 1) {
        ASN1_IA5STRING_free(text);
        GENERAL_NAME_free(name);
        return sv_fail_ssl(why, SV_ERR_IO, "cannot add the name '%s'", value);
    }
    GENERAL_NAME_set0_value(name, type, text);
    if (sk_GENERAL_NAME_push(names, name) == 0) {
        GENERAL_NAME_free(name);
        return sv_fail_ssl(why, SV_ERR_IO, "cannot add the name '%s'", value);
    }
    return SV_OK;
}

static sv_err add_ip(GENERAL_NAMES *names, const char *value, sv_why *why) {
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(value);
    if (address == NULL) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "'%s' is not an IP address", value);
    }
    GENERAL_NAME *name = GENERAL_NAME_new();
    if (name == NULL) {
        ASN1_OCTET_STRING_free(address);
        return sv_fail_ssl(why, SV_ERR_IO, "cannot add the address '%s'", value);
    }
    GENERAL_NAME_set0_value(name, GEN_IPADD, address);
    if (sk_GENERAL_NAME_push(names, name) == 0) {
        GENERAL_NAME_free(name);
        return sv_fail_ssl(why, SV_ERR_IO, "cannot add the address '%s'", value);
    }
    return SV_OK;
}

static sv_err add_host_names(GENERAL_NAMES *names, const sv_pki_leaf *leaf, sv_why *why) {
    for (size_t i = 0; i < SV_PKI_DNS_MAX && leaf->dns[i] != NULL; i++) {
        if (!is_dns_name(leaf->dns[i])) {
            return sv_fail(why, SV_ERR_INVALID, "'%.64s' is not a DNS name", leaf->dns[i]);
        }
        SV_TRY(add_ia5(names, GEN_DNS, leaf->dns[i], why));
    }
    for (size_t i = 0; i < SV_PKI_DNS_MAX && leaf->ip[i] != NULL; i++) {
        SV_TRY(add_ip(names, leaf->ip[i], why));
    }
    return SV_OK;
}

static sv_err add_names(X509 *certificate, const char *domain, const sv_pki_leaf *leaf,
                        sv_why *why) {
    bool has_host = leaf->dns[0] != NULL || leaf->ip[0] != NULL;
    if (has_host && !sv_role_is_server(leaf->role)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "a %s has no DNS names or addresses; they are for servers and gateways",
                       sv_role_name(leaf->role));
    }
    SV_DEFER(sv_names_drop) GENERAL_NAMES *names = GENERAL_NAMES_new();
    if (names == NULL) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot add the names");
    }
    char uri[SV_PKI_DOMAIN_ROOM + SV_ID_ROOM + 32];
    sv_textbuf text = SV_TEXTBUF(uri);
    sv_textbuf_addf(&text, "spiffe://%s/%s/%s", domain, sv_role_name(leaf->role), leaf->id);
    SV_TRY(sv_textbuf_end(&text));
    SV_TRY(add_ia5(names, GEN_URI, uri, why));
    SV_TRY(add_host_names(names, leaf, why));
    if (sv_role_is_server(leaf->role) && !has_host) {
        SV_TRY(add_ia5(names, GEN_DNS, leaf->id, why));
    }
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

sv_err sv_pki_certify(sv_pki *pki, EVP_PKEY *key, X509_NAME *subject, const sv_pki_leaf *leaf,
                      X509 **out, sv_why *why) {
    int days = leaf->days == 0 ? SV_PKI_LEAF_DAYS : leaf->days;
    if (days < 1 || days > SV_PKI_DAYS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "%d days is not between 1 and %d", days,
                       SV_PKI_DAYS_MAX);
    }
    SV_TRY(wait_for_revocation(pki, leaf->id, why));
    SV_DEFER(sv_x509_drop) X509 *certificate = NULL;
    SV_TRY(sv_cert_begin(key, days, &certificate, why));
    if (X509_set_subject_name(certificate, subject) != 1
        || X509_set_issuer_name(certificate, X509_get_subject_name(pki->issuing)) != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot name a certificate");
    }
    SV_TRY(extend_leaf(certificate, pki->issuing, leaf->role, why));
    SV_TRY(add_names(certificate, pki->domain, leaf, why));
    SV_TRY(sv_cert_sign(certificate, pki->key, why));
    SV_TRY(sv_pki_index_add(pki->dir, leaf->id, leaf->role, certificate, why));
    *out = certificate;
    certificate = NULL;
    return SV_OK;
}

sv_err sv_pki_chain_add(sv_textbuf *out, const sv_pki *pki, const X509 *leaf, sv_why *why) {
    SV_TRY(sv_pem_cert_add(out, leaf, why));
    return sv_pem_cert_add(out, pki->issuing, why);
}
