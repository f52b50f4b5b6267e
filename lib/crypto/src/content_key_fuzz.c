// CMS that somebody sends to a device. Whatever it is, it ends, and a key comes out of nothing that
// was not wrapped for this device: of the corpus, the one file `wrapped`.
#include "own.h"
#include <crypto/content_key.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PEM_ROOM = 2048, POINT_ROOM = 65 };

static EVP_PKEY *key;
static char pem_room[PEM_ROOM];
static sv_text pem;

static void must(bool done) {
    if (!done) {
        abort();
    }
}

/// The private key 7: nobody's secret.
static EVP_PKEY *key_of_seven(void) {
    EVP_PKEY *made = NULL;
    uint8_t point[POINT_ROOM];
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *open = EC_POINT_new(group);
    BIGNUM *seven = BN_new();
    must(BN_set_word(seven, 7) == 1 && EC_POINT_mul(group, open, seven, NULL, NULL, NULL) == 1);
    size_t len =
        EC_POINT_point2oct(group, open, POINT_CONVERSION_UNCOMPRESSED, point, sizeof point, NULL);
    OSSL_PARAM_BLD *parts = OSSL_PARAM_BLD_new();
    must(OSSL_PARAM_BLD_push_utf8_string(parts, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1
         && OSSL_PARAM_BLD_push_BN(parts, OSSL_PKEY_PARAM_PRIV_KEY, seven) == 1
         && OSSL_PARAM_BLD_push_octet_string(parts, OSSL_PKEY_PARAM_PUB_KEY, point, len) == 1);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(parts);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    must(EVP_PKEY_fromdata_init(ctx) == 1
         && EVP_PKEY_fromdata(ctx, &made, EVP_PKEY_KEYPAIR, params) == 1);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(parts);
    BN_free(seven);
    EC_POINT_free(open);
    EC_GROUP_free(group);
    return made;
}

/// A receiver is named by issuer and serial number, so both are the same each time.
static void make_device(void) {
    SV_DEFER(sv_x509_drop) X509 *certificate = X509_new();
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new(BIO_s_mem());
    key = key_of_seven();
    X509_NAME *name = X509_get_issuer_name(certificate);
    must(X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                    (const unsigned char *) "issuing", -1, -1, 0)
             == 1
         && X509_set_subject_name(certificate, name) == 1
         && ASN1_INTEGER_set(X509_get_serialNumber(certificate), 7) == 1
         && X509_gmtime_adj(X509_getm_notBefore(certificate), 0) != NULL
         && X509_gmtime_adj(X509_getm_notAfter(certificate), 1) != NULL
         && X509_set_pubkey(certificate, key) == 1 && X509_sign(certificate, key, EVP_sha256()) > 0
         && PEM_write_bio_X509(bio, certificate) == 1);
    int len = BIO_read(bio, pem_room, sizeof pem_room);
    must(len > 0);
    pem = (sv_text){ .at = pem_room, .len = (size_t) len };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t WRAPPED[SV_CONTENT_KEY_BYTES] = { 23, 5 };
    uint8_t out[SV_CONTENT_KEY_BYTES] = { 0 };
    sv_why why = { 0 };
    if (key == NULL) {
        make_device();
    }
    sv_text cms = { .at = (const char *) data, .len = size };
    sv_err err = sv_content_unwrap(cms, pem, key, out, &why);
    must(err == SV_OK ? memcmp(out, WRAPPED, sizeof out) == 0
                      : why.code == err && why.text[0] != '\0');
    return 0;
}
