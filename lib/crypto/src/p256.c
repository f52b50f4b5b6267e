#include "own.h"
#include <codec/encode.h>
#include <crypto/p256.h>
#include <crypto/random.h>
#include <openssl/ec.h>
#include <string.h>

enum { SCALAR_BYTES = 32, POINT_BYTES = 65, DER_MAX = 80 };

SV_OWN(sv_ecdsa_sig_drop, ECDSA_SIG, ECDSA_SIG_free)

static sv_err check_curve(const EVP_PKEY *key, sv_why *why) {
    char group[32] = "";
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC
        || EVP_PKEY_get_group_name(key, group, sizeof group, NULL) != 1
        || strcmp(group, "prime256v1") != 0) {
        return sv_fail(why, SV_ERR_INVALID,
                       "this is not a P-256 key; a boot loader takes no other");
    }
    return SV_OK;
}

sv_err sv_p256_spki(const EVP_PKEY *key, uint8_t out[SV_P256_SPKI_BYTES], sv_why *why) {
    // Written here, and not by OpenSSL, so that it does not matter in which form a key was read.
    static const uint8_t PREFIX[SV_P256_SPKI_BYTES - POINT_BYTES] = {
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
        0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
    };
    SV_TRY(check_curve(key, why));
    SV_DEFER(sv_bn_drop) BIGNUM *x = NULL;
    SV_DEFER(sv_bn_drop) BIGNUM *y = NULL;
    if (EVP_PKEY_get_bn_param(key, "qx", &x) != 1 || EVP_PKEY_get_bn_param(key, "qy", &y) != 1) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "a P-256 key does not give its point");
    }
    uint8_t *point = out + sizeof PREFIX;
    memcpy(out, PREFIX, sizeof PREFIX);
    point[0] = 4;
    if (BN_bn2binpad(x, point + 1, SCALAR_BYTES) != SCALAR_BYTES
        || BN_bn2binpad(y, point + 1 + SCALAR_BYTES, SCALAR_BYTES) != SCALAR_BYTES) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "a P-256 key gives no point");
    }
    return SV_OK;
}

static bool split(const uint8_t *der, size_t len, uint8_t out[SV_P256_SIGNATURE_BYTES]) {
    SV_DEFER(sv_ecdsa_sig_drop) ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &der, (long) len);
    return signature != NULL
           && BN_bn2binpad(ECDSA_SIG_get0_r(signature), out, SCALAR_BYTES) == SCALAR_BYTES
           && BN_bn2binpad(ECDSA_SIG_get0_s(signature), out + SCALAR_BYTES, SCALAR_BYTES)
                  == SCALAR_BYTES;
}

sv_err sv_p256_sign(EVP_PKEY *key, sv_text message, uint8_t out[SV_P256_SIGNATURE_BYTES],
                    sv_why *why) {
    SV_TRY(check_curve(key, why));
    uint8_t digest[SV_DIGEST_BYTES];
    sv_sha256(message, digest);
    SV_DEFER(sv_pkey_ctx_drop) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    uint8_t der[DER_MAX];
    size_t len = sizeof der;
    if (ctx == NULL || EVP_PKEY_sign_init(ctx) != 1 || !sv_pkey_scheme(ctx, key, 0)
        || EVP_PKEY_sign(ctx, der, &len, digest, sizeof digest) != 1 || !split(der, len, out)) {
        return sv_fail_ssl(why, SV_ERR_IO, "a P-256 key does not sign");
    }
    return SV_OK;
}
