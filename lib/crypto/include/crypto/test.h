// For tests: certificates as nobody issues them. What a forgery leaves out is as it should be.
#ifndef SV_CRYPTO_TEST_H
#define SV_CRYPTO_TEST_H

#include <base/attr.h>
#include <base/test.h>
#include <openssl/conf.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/stat.h>

enum { SV_FORGED_EXTENSIONS = 16, SV_FORGED_DAY_S = 24 * 60 * 60 };

/// One extension in the language of OpenSSL's configuration ("critical,CA:FALSE").
typedef struct sv_forged_extension {
    int nid;
    const char *value;
} sv_forged_extension;

typedef struct sv_forgery {
    const char *cn;
    const char *other_cn;      ///< a second one
    const char *serial_number; ///< the subject's attribute
    long begin_s, end_s;       ///< from now; both 0: from yesterday to tomorrow
    bool v1;
    bool bare;            ///< without the two key identifiers
    const char *serial;   ///< hex; NULL: 16 random bytes
    const EVP_MD *digest; ///< NULL: SHA-256
    EVP_PKEY *key;        ///< NULL: a new one, P-256
    sv_forged_extension extensions[SV_FORGED_EXTENSIONS];
} sv_forgery;

/// Somebody who signs, or whose certificate is signed.
typedef struct sv_forged {
    X509 *certificate;
    EVP_PKEY *key;
} sv_forged;

static inline void sv_forged_drop(sv_forged *forged) {
    X509_free(forged->certificate);
    EVP_PKEY_free(forged->key);
    *forged = (sv_forged){ 0 };
}

static inline void sv_forge_name(X509_NAME *name, int nid, const char *value) {
    if (value != NULL) {
        assert_int_equal(X509_NAME_add_entry_by_NID(name, nid, MBSTRING_UTF8,
                                                    (const unsigned char *) value, -1, -1, 0),
                         1);
    }
}

static inline void sv_forge_serial(X509 *certificate, const char *hex) {
    unsigned char bytes[16];
    BIGNUM *number = NULL;
    if (hex != NULL) {
        assert_true(BN_hex2bn(&number, hex) > 0);
    } else {
        assert_int_equal(RAND_bytes(bytes, sizeof bytes), 1);
        bytes[0] = (bytes[0] & 0x7f) | 0x40;
        number = BN_bin2bn(bytes, sizeof bytes, NULL);
    }
    assert_non_null(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)));
    BN_free(number);
}

static inline void sv_forge_extend(X509 *certificate, X509 *issuer,
                                   const sv_forged_extension *wanted) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    CONF *none = NCONF_new(NULL); // some kinds ask for one
    X509V3_set_nconf(&context, none);
    X509_EXTENSION *extension = X509V3_EXT_nconf_nid(none, &context, wanted->nid, wanted->value);
    NCONF_free(none);
    if (extension == NULL) {
        fail_msg("no such extension: %s = %s", OBJ_nid2sn(wanted->nid), wanted->value);
    }
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/// As whoever receives it reads it; takes it.
static inline X509 *sv_forged_again(X509 *certificate) {
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);
    const unsigned char *at = der;
    X509 *read = d2i_X509(NULL, &at, len);
    assert_non_null(read);
    OPENSSL_free(der);
    X509_free(certificate);
    return read;
}

/// `by` signs; NULL: its own key does.
static inline sv_forged sv_forge(const sv_forgery *forgery, const sv_forged *by) {
    sv_forged made = { .certificate = X509_new(), .key = forgery->key };
    X509 *certificate = made.certificate;
    made.key = made.key != NULL ? made.key : EVP_EC_gen("P-256");
    const sv_forged *signer = by != NULL ? by : &made;
    bool usual = forgery->begin_s == 0 && forgery->end_s == 0;
    assert_int_equal(X509_set_version(certificate, forgery->v1 ? X509_VERSION_1 : X509_VERSION_3),
                     1);
    sv_forge_serial(certificate, forgery->serial);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate),
                                    usual ? -SV_FORGED_DAY_S : forgery->begin_s));
    assert_non_null(
        X509_gmtime_adj(X509_getm_notAfter(certificate), usual ? SV_FORGED_DAY_S : forgery->end_s));
    X509_NAME *name = X509_get_subject_name(certificate);
    sv_forge_name(name, NID_commonName, forgery->cn);
    sv_forge_name(name, NID_commonName, forgery->other_cn);
    sv_forge_name(name, NID_serialNumber, forgery->serial_number);
    assert_int_equal(X509_set_issuer_name(certificate, X509_get_subject_name(signer->certificate)),
                     1);
    assert_int_equal(X509_set_pubkey(certificate, made.key), 1);
    for (size_t i = 0; i < SV_FORGED_EXTENSIONS && forgery->extensions[i].value != NULL; i++) {
        sv_forge_extend(certificate, signer->certificate, &forgery->extensions[i]);
    }
    static const sv_forged_extension IDS[] = { { NID_subject_key_identifier, "hash" },
                                               { NID_authority_key_identifier, "keyid:always" } };
    for (size_t i = 0; i < SV_COUNT(IDS) && !forgery->v1 && !forgery->bare; i++) {
        sv_forge_extend(certificate, signer->certificate, &IDS[i]);
    }
    const EVP_MD *digest = forgery->digest != NULL ? forgery->digest : EVP_sha256();
    assert_true(X509_sign(certificate, signer->key, digest) > 0);
    made.certificate = sv_forged_again(certificate);
    return made;
}

static inline FILE *sv_forge_file(const char *path) {
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    return file;
}

static inline void sv_forged_write(const sv_forged *forged, const char *cert, const char *key) {
    FILE *out = sv_forge_file(cert);
    assert_int_equal(PEM_write_X509(out, forged->certificate), 1);
    assert_int_equal(fclose(out), 0);
    out = sv_forge_file(key);
    assert_int_equal(chmod(key, 0600), 0);
    assert_int_equal(PEM_write_PrivateKey(out, forged->key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(fclose(out), 0);
}

/// The first certificate of a file, and its key.
static inline sv_forged sv_forged_read(const char *cert, const char *key) {
    sv_forged read;
    BIO *in = BIO_new_file(cert, "r");
    read.certificate = PEM_read_bio_X509(in, NULL, NULL, NULL);
    BIO_free(in);
    in = BIO_new_file(key, "r");
    read.key = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
    BIO_free(in);
    assert_non_null(read.certificate);
    assert_non_null(read.key);
    return read;
}

/// The same certificate with other times, signed anew.
static inline void sv_forge_times(sv_forged *forged, long begin_s, long end_s,
                                  const sv_forged *by) {
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(forged->certificate), begin_s));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(forged->certificate), end_s));
    assert_true(X509_sign(forged->certificate, by->key, EVP_sha256()) > 0);
}

#endif
