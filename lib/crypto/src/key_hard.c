// OpenSSL 3 keeps EC_KEY_METHOD for 1.1.1's sake; it is what works in a TLS client without a
// provider that holds TPM objects open.
#define OPENSSL_API_COMPAT 0x10101000L
#include "key_hard.h"
#include <base/mem.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

typedef struct hard_key {
    const sv_hard_kind *kind;
    void *key;
    atomic_uint owners; ///< OpenSSL copies keys
} hard_key;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static EC_KEY_METHOD *method; // of the process: EC_KEYs point at it
static int key_index = -1;
static int fault_library;

enum { FAULT_NOT_DONE = 1 };

static void release(hard_key *hard) {
    if (atomic_fetch_sub(&hard->owners, 1) == 1) {
        hard->kind->drop(hard->key);
        free(hard);
    }
}

static void on_free(void *parent, void *kept, CRYPTO_EX_DATA *all, int index, long number,
                    void *arg) {
    (void) parent, (void) all, (void) index, (void) number, (void) arg;
    if (kept != NULL) {
        release(kept);
    }
}

static int on_copy(CRYPTO_EX_DATA *to, const CRYPTO_EX_DATA *from, void **kept, int index,
                   long number, void *arg) {
    (void) to, (void) from, (void) index, (void) number, (void) arg;
    hard_key *hard = *kept;
    if (hard != NULL) {
        (void) atomic_fetch_add(&hard->owners, 1);
    }
    return 1;
}

/// ECDSA signs the digest's leftmost 256 bits as a number: so does hardware that takes 32 bytes.
static void fit(const unsigned char *digest, int len, uint8_t out[SV_P256_BYTES]) {
    size_t bytes = len > SV_P256_BYTES ? SV_P256_BYTES : (size_t) len;
    memset(out, 0, SV_P256_BYTES - bytes);
    memcpy(out + SV_P256_BYTES - bytes, digest, bytes);
}

static ECDSA_SIG *signature_of(const sv_p256_pair *pair) {
    ECDSA_SIG *signature = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(pair->first, SV_P256_BYTES, NULL);
    BIGNUM *s = BN_bin2bn(pair->second, SV_P256_BYTES, NULL);
    if (signature == NULL || r == NULL || s == NULL || ECDSA_SIG_set0(signature, r, s) != 1) {
        BN_free(r);
        BN_free(s);
        ECDSA_SIG_free(signature);
        return NULL;
    }
    return signature;
}

static ECDSA_SIG *on_sign(const unsigned char *digest, int len, const BIGNUM *kinv,
                          const BIGNUM *chosen_r, EC_KEY *ec) {
    (void) kinv, (void) chosen_r;
    hard_key *hard = EC_KEY_get_ex_data(ec, key_index);
    uint8_t fitted[SV_P256_BYTES];
    sv_p256_pair pair;
    sv_why why = { 0 };
    if (hard == NULL || len < 0) {
        return NULL;
    }
    fit(digest, len, fitted);
    if (hard->kind->sign(hard->key, fitted, &pair, &why) != SV_OK) {
        ERR_raise_data(fault_library, FAULT_NOT_DONE, "%s: %s", hard->kind->name, why.text);
        return NULL;
    }
    return signature_of(&pair);
}

static bool point_of(const EC_POINT *point, const EC_KEY *ec, sv_p256_pair *out) {
    uint8_t bytes[1 + 2 * SV_P256_BYTES];
    if (EC_POINT_point2oct(EC_KEY_get0_group(ec), point, POINT_CONVERSION_UNCOMPRESSED, bytes,
                           sizeof bytes, NULL)
        != sizeof bytes) {
        return false;
    }
    memcpy(out->first, bytes + 1, SV_P256_BYTES);
    memcpy(out->second, bytes + 1 + SV_P256_BYTES, SV_P256_BYTES);
    return true;
}

static int on_agree(unsigned char **secret, size_t *secret_len, const EC_POINT *with,
                    const EC_KEY *ec) {
    hard_key *hard = EC_KEY_get_ex_data(ec, key_index);
    sv_p256_pair point;
    sv_why why = { 0 };
    unsigned char *made = OPENSSL_malloc(SV_P256_BYTES);
    if (made == NULL || hard == NULL || !point_of(with, ec, &point)) {
        OPENSSL_free(made);
        return 0;
    }
    if (hard->kind->agree(hard->key, &point, made, &why) != SV_OK) {
        ERR_raise_data(fault_library, FAULT_NOT_DONE, "%s: %s", hard->kind->name, why.text);
        OPENSSL_clear_free(made, SV_P256_BYTES);
        return 0;
    }
    *secret = made;
    *secret_len = SV_P256_BYTES;
    return 1;
}

static void prepare(void) {
    static ERR_STRING_DATA words[] = {
        { FAULT_NOT_DONE, "the TPM or token that holds the key did not do it" },
        { 0, NULL },
    };
    fault_library = ERR_get_next_error_library();
    (void) ERR_load_strings(fault_library, words);
    key_index = EC_KEY_get_ex_new_index(0, NULL, NULL, on_copy, on_free);
    method = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
    if (method != NULL) {
        int (*sign)(int, const unsigned char *, int, unsigned char *, unsigned int *,
                    const BIGNUM *, const BIGNUM *, EC_KEY *) = NULL;
        EC_KEY_METHOD_get_sign(method, &sign, NULL, NULL);
        EC_KEY_METHOD_set_sign(method, sign, NULL, on_sign);
        EC_KEY_METHOD_set_compute_key(method, on_agree);
    }
}

SV_OWN(ec_drop, EC_KEY, EC_KEY_free)

static bool set_point(EC_KEY *ec, const sv_p256_pair *point) {
    SV_DEFER(sv_bn_drop) BIGNUM *x = BN_bin2bn(point->first, SV_P256_BYTES, NULL);
    SV_DEFER(sv_bn_drop) BIGNUM *y = BN_bin2bn(point->second, SV_P256_BYTES, NULL);
    return x != NULL && y != NULL && EC_KEY_set_public_key_affine_coordinates(ec, x, y) == 1;
}

/// Hands `hard` to the key: from then on it ends with it.
static sv_err wrap(hard_key *hard, const sv_p256_pair *point, EVP_PKEY **out, sv_why *why) {
    SV_DEFER(ec_drop) EC_KEY *ec = EC_KEY_new_by_curve_name(NID_X9_62_prime256v1);
    if (ec == NULL || !set_point(ec, point)) {
        const char *name = hard->kind->name;
        release(hard);
        return sv_fail_ssl(why, SV_ERR_INVALID, "%s: the key is no point of P-256", name);
    }
    if (method == NULL || key_index < 0 || EC_KEY_set_method(ec, method) != 1
        || EC_KEY_set_ex_data(ec, key_index, hard) != 1) {
        release(hard);
        return sv_fail_ssl(why, SV_ERR_STATE, "OpenSSL takes no key of its users");
    }
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = EVP_PKEY_new();
    if (key == NULL || EVP_PKEY_set1_EC_KEY(key, ec) != 1) {
        return sv_fail_ssl(why, SV_ERR_STATE, "OpenSSL takes no key of its users");
    }
    *out = key;
    key = NULL;
    return SV_OK;
}

sv_err sv_hard_key(const sv_hard_kind *kind, void *key, const sv_p256_pair *point, EVP_PKEY **out,
                   sv_why *why) {
    (void) pthread_once(&once, prepare);
    hard_key *hard = sv_mem_new(sizeof *hard);
    hard->kind = kind;
    hard->key = key;
    atomic_init(&hard->owners, 1);
    return wrap(hard, point, out, why);
}

bool sv_hard_is_fault(unsigned long code) {
    (void) pthread_once(&once, prepare);
    return ERR_GET_LIB(code) == fault_library && ERR_GET_REASON(code) == FAULT_NOT_DONE;
}
