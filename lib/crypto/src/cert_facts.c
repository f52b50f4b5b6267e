#include "own.h"

#include <codec/encode.h>
#include <crypto/cert_facts.h>
#include <crypto/random.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

typedef struct der_bytes {
    unsigned char *at;
    int len;
} der_bytes;

static void der_drop(der_bytes *der) {
    OPENSSL_free(der->at);
}

static void hash_text(const der_bytes *der, sv_textbuf *out) {
    uint8_t digest[32];
    sv_sha256((sv_text){ .at = (const char *) der->at, .len = (size_t) der->len }, digest);
    sv_hex_add(out, digest, sizeof digest);
}

// ---- facts --------------------------------------------------------------------------------------

static void read_serial(const X509 *certificate, char out[SV_SERIAL_ROOM]) {
    SV_DEFER(sv_bn_drop)
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    char *hex = number != NULL ? BN_bn2hex(number) : NULL;
    out[0] = '\0';
    if (hex != NULL) {
        (void) sv_text_copy(sv_text_of(hex), out, SV_SERIAL_ROOM);
    }
    OPENSSL_free(hex);
}

/// For people: its CN as far as it fits and is text.
static void read_issuer(const X509 *certificate, char out[SV_ISSUER_ROOM]) {
    int len = X509_NAME_get_text_by_NID(X509_get_issuer_name(certificate), NID_commonName, out,
                                        SV_ISSUER_ROOM);
    if (len <= 0 || !sv_utf8_is_valid(sv_text_of(out))) {
        out[0] = '\0';
    }
    ERR_clear_error();
}

static sv_err read_key_hash(const X509 *certificate, char out[SV_KEY_HASH_ROOM], sv_why *why) {
    SV_DEFER(der_drop) der_bytes der = { 0 };
    sv_textbuf text = { .at = out, .cap = SV_KEY_HASH_ROOM };
    der.len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der.at);
    if (der.len <= 0) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "the certificate's key cannot be read");
    }
    hash_text(&der, &text);
    return sv_textbuf_end(&text);
}

void sv_cert_times_of(const X509 *certificate, int64_t *from_us, int64_t *until_us) {
    *from_us = sv_asn1_time_us(X509_get0_notBefore(certificate));
    *until_us = sv_asn1_time_us(X509_get0_notAfter(certificate));
}

sv_err sv_cert_facts_of(const X509 *certificate, sv_cert_facts *out, sv_why *why) {
    sv_cert_facts facts = { 0 };
    SV_TRY(sv_name_id(X509_get_subject_name(certificate), facts.id, why));
    SV_TRY(read_key_hash(certificate, facts.key_hash, why));
    read_serial(certificate, facts.serial);
    read_issuer(certificate, facts.issuer);
    sv_cert_times_of(certificate, &facts.not_before_us, &facts.not_after_us);
    *out = facts;
    return SV_OK;
}

static X509 *parse_der(sv_text der) {
    const unsigned char *at = (const unsigned char *) der.at;
    X509 *certificate = d2i_X509(NULL, &at, (long) der.len);
    if (certificate != NULL && (const char *) at != der.at + der.len) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

sv_err sv_cert_facts_of_der(sv_text der, sv_cert_facts *out, sv_why *why) {
    SV_DEFER(sv_x509_drop) X509 *certificate = parse_der(der);
    return certificate != NULL
               ? sv_cert_facts_of(certificate, out, why)
               : sv_fail_ssl(why, SV_ERR_INVALID, "what came is no certificate in DER");
}

sv_err sv_cert_der(const X509 *certificate, sv_textbuf *der, sv_why *why) {
    SV_DEFER(der_drop) der_bytes bytes = { 0 };
    bytes.len = i2d_X509(certificate, &bytes.at);
    if (bytes.len <= 0) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "the certificate cannot be written");
    }
    sv_textbuf_add(der, (sv_text){ .at = (const char *) bytes.at, .len = (size_t) bytes.len });
    return der->overflowed ? sv_fail(why, SV_ERR_NO_SPACE, "the certificate is too long") : SV_OK;
}

// ---- several ------------------------------------------------------------------------------------

sv_err sv_certs_push_der(sv_certs *certs, sv_text der, sv_why *why) {
    if (certs->count == SV_EST_CERTS_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "more than %d certificates", SV_EST_CERTS_MAX);
    }
    X509 *certificate = parse_der(der);
    if (certificate == NULL) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "what came is no certificate in DER");
    }
    certs->at[certs->count++] = certificate;
    return SV_OK;
}

sv_err sv_certs_read(const char *path, sv_certs *out, sv_why *why) {
    SV_DEFER(sv_bio_drop) BIO *file = NULL;
    SV_DEFER(sv_certs_drop) sv_certs certs = { 0 };
    SV_TRY(sv_bio_open(path, &file, why));
    X509 *one = NULL;
    while ((one = PEM_read_bio_X509(file, NULL, NULL, NULL)) != NULL) {
        if (certs.count == SV_EST_CERTS_MAX) {
            X509_free(one);
            return sv_fail(why, SV_ERR_INVALID, "'%s' holds more than %d certificates", path,
                           SV_EST_CERTS_MAX);
        }
        certs.at[certs.count++] = one;
    }
    unsigned long last = ERR_peek_last_error();
    bool at_end = ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
    if (!at_end || certs.count == 0) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "'%s' does not hold certificates in PEM", path);
    }
    ERR_clear_error();
    *out = certs;
    certs = (sv_certs){ 0 };
    return SV_OK;
}

sv_err sv_certs_pin(const sv_certs *certs, char out[SV_PIN_TEXT_ROOM], sv_why *why) {
    for (size_t i = 0; i < certs->count; i++) {
        if (X509_self_signed(certs->at[i], 1) != 1) {
            continue;
        }
        SV_DEFER(der_drop) der_bytes der = { 0 };
        sv_textbuf text = { .at = out, .cap = SV_PIN_TEXT_ROOM };
        der.len = i2d_X509(certs->at[i], &der.at);
        if (der.len <= 0) {
            break;
        }
        sv_textbuf_add_str(&text, "sha256:");
        hash_text(&der, &text);
        return sv_textbuf_end(&text);
    }
    ERR_clear_error();
    return sv_fail(why, SV_ERR_NOT_FOUND, "no root (a certificate that signed itself) among %zu",
                   certs->count);
}
