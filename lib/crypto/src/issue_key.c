#include "own.h"
#include <crypto/issue.h>
#include <crypto/random.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <string.h>

SV_OWN(key_ctx_drop, EVP_PKEY_CTX, EVP_PKEY_CTX_free)
SV_OWN(params_drop, OSSL_PARAM, OSSL_PARAM_free)
SV_OWN(builder_drop, OSSL_PARAM_BLD, OSSL_PARAM_BLD_free)

enum { P256_BYTES = 32, P384_BYTES = 48, ED25519_BYTES = 32, UNCOMPRESSED = 4 };

static bool is_p384(const EVP_PKEY *key) {
    return EVP_PKEY_get_bits(key) == 384;
}

/// The point from its coordinates, so that it is written in one form only.
static sv_err ec_numbers(const EVP_PKEY *key, sv_public_key *out, sv_why *why) {
    size_t bytes = is_p384(key) ? P384_BYTES : P256_BYTES;
    SV_DEFER(sv_bn_drop) BIGNUM *x = NULL;
    SV_DEFER(sv_bn_drop) BIGNUM *y = NULL;
    out->kind = is_p384(key) ? SV_PUBLIC_P384 : SV_PUBLIC_P256;
    out->bytes = (uint32_t) (1 + 2 * bytes);
    out->raw[0] = UNCOMPRESSED;
    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &x) != 1
        || EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &y) != 1
        || BN_bn2binpad(x, out->raw + 1, (int) bytes) < 0
        || BN_bn2binpad(y, out->raw + 1 + bytes, (int) bytes) < 0) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "the key's point cannot be read");
    }
    return SV_OK;
}

static sv_err rsa_numbers(const EVP_PKEY *key, sv_public_key *out, sv_why *why) {
    SV_DEFER(sv_bn_drop) BIGNUM *modulus = NULL;
    SV_DEFER(sv_bn_drop) BIGNUM *exponent = NULL;
    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &modulus) != 1
        || EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &exponent) != 1
        || BN_num_bytes(modulus) > SV_PUBLIC_KEY_MAX) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "the RSA key cannot be read");
    }
    if (BN_num_bits(exponent) > 32) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the RSA key's exponent has %d bits; at most 32 are accepted (65537 is what "
                       "everybody uses)",
                       BN_num_bits(exponent));
    }
    out->kind = SV_PUBLIC_RSA;
    out->bytes = (uint32_t) BN_bn2bin(modulus, out->raw);
    out->exponent = (uint32_t) BN_get_word(exponent);
    return SV_OK;
}

sv_err sv_public_key_of(const EVP_PKEY *key, sv_public_key *out, sv_why *why) {
    sv_public_key numbers = { 0 };
    SV_TRY(sv_pkey_check(key, why));
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_EC:
        SV_TRY(ec_numbers(key, &numbers, why));
        break;
    case EVP_PKEY_RSA:
        SV_TRY(rsa_numbers(key, &numbers, why));
        break;
    default: {
        size_t bytes = ED25519_BYTES;
        if (EVP_PKEY_get_raw_public_key(key, numbers.raw, &bytes) != 1) {
            return sv_fail_ssl(why, SV_ERR_INVALID, "the Ed25519 key cannot be read");
        }
        numbers.kind = SV_PUBLIC_ED25519;
        numbers.bytes = ED25519_BYTES;
    }
    }
    *out = numbers;
    return SV_OK;
}

static sv_err from_params(const char *type, OSSL_PARAM_BLD *builder, EVP_PKEY **out, sv_why *why) {
    SV_DEFER(params_drop) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    SV_DEFER(key_ctx_drop) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    if (params == NULL || context == NULL || EVP_PKEY_fromdata_init(context) != 1
        || EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "the %s key's numbers make no key", type);
    }
    *out = key;
    key = NULL;
    return SV_OK;
}

static sv_err build_ec(const sv_public_key *numbers, EVP_PKEY **out, sv_why *why) {
    bool p384 = numbers->kind == SV_PUBLIC_P384;
    uint32_t bytes = 1 + 2 * (p384 ? P384_BYTES : P256_BYTES);
    if (numbers->bytes != bytes || numbers->exponent != 0 || numbers->raw[0] != UNCOMPRESSED) {
        return sv_fail(why, SV_ERR_INVALID, "the key is not an uncompressed point of %u bytes",
                       bytes);
    }
    SV_DEFER(builder_drop) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    if (builder == NULL
        || OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME,
                                           p384 ? "P-384" : "P-256", 0)
               != 1
        || OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, numbers->raw,
                                            numbers->bytes)
               != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot build a key");
    }
    SV_TRY(from_params("EC", builder, &key, why));
    // The group's order is prime: what lies on the curve is of that order.
    SV_DEFER(key_ctx_drop) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    if (context == NULL || EVP_PKEY_public_check_quick(context) != 1) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "the key's point is not on its curve");
    }
    *out = key;
    key = NULL;
    return SV_OK;
}

/// Keys made by a library of Infineon's chips (CVE-2017-15361) can be factored: modulo every small
/// prime their modulus is a power of 65537. Of other moduli about one in 2^150 is.
static bool has_infineon_pattern(const BIGNUM *modulus) {
    static const uint8_t primes[] = { 3,   5,   7,   11,  13,  17,  19,  23,  29,  31,
                                      37,  41,  43,  47,  53,  59,  61,  67,  71,  73,
                                      79,  83,  89,  97,  101, 103, 107, 109, 113, 127,
                                      131, 137, 139, 149, 151, 157, 163, 167 };
    for (size_t i = 0; i < SV_COUNT(primes); i++) {
        unsigned prime = primes[i];
        unsigned wanted = (unsigned) BN_mod_word(modulus, prime);
        unsigned power = 1;
        unsigned tried = 0;
        while (power != wanted && tried < prime) {
            power = power * (SV_PUBLIC_EXPONENT_MIN % prime) % prime;
            tried++;
        }
        if (power != wanted) {
            return false;
        }
    }
    return true;
}

static sv_err check_rsa(const sv_public_key *numbers, const BIGNUM *modulus, sv_why *why) {
    if (BN_num_bits(modulus) < 2048 || numbers->raw[0] == 0) {
        return sv_fail(why, SV_ERR_INVALID, "the RSA key has %d bits; 2048 to 4096 are accepted",
                       BN_num_bits(modulus));
    }
    if (numbers->exponent < SV_PUBLIC_EXPONENT_MIN || numbers->exponent % 2 == 0) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the RSA key's exponent %u is weak; use an odd one from %d (which is what "
                       "everybody uses)",
                       numbers->exponent, SV_PUBLIC_EXPONENT_MIN);
    }
    if (has_infineon_pattern(modulus)) {
        return sv_fail(why, SV_ERR_INVALID,
                       "the RSA key was made by a chip whose keys can be broken (CVE-2017-15361); "
                       "make it elsewhere");
    }
    return SV_OK;
}

static sv_err build_rsa(const sv_public_key *numbers, EVP_PKEY **out, sv_why *why) {
    if (numbers->bytes > SV_PUBLIC_KEY_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "the RSA key has %u bytes; at most %d are accepted",
                       numbers->bytes, SV_PUBLIC_KEY_MAX);
    }
    SV_DEFER(sv_bn_drop) BIGNUM *modulus = BN_bin2bn(numbers->raw, (int) numbers->bytes, NULL);
    SV_DEFER(sv_bn_drop) BIGNUM *exponent = BN_new();
    SV_DEFER(builder_drop) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    if (modulus == NULL || exponent == NULL || builder == NULL
        || BN_set_word(exponent, numbers->exponent) != 1
        || OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) != 1
        || OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent) != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot build a key");
    }
    SV_TRY(check_rsa(numbers, modulus, why));
    SV_TRY(from_params("RSA", builder, &key, why));
    // Odd, without small factors, no prime and no power of one.
    SV_DEFER(key_ctx_drop) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    if (context == NULL || EVP_PKEY_public_check(context) != 1) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "the RSA key's modulus is weak");
    }
    *out = key;
    key = NULL;
    return SV_OK;
}

/// Points of order 1, 2, 4 and 8, without the sign bit: anybody can sign for them.
static bool is_small_order(const uint8_t point[ED25519_BYTES]) {
    static const uint8_t weak[][ED25519_BYTES] = {
        { 0 },
        { 1 },
        { 0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4,
          0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6,
          0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05 },
        { 0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b,
          0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39,
          0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a },
    };
    uint8_t y[ED25519_BYTES];
    memcpy(y, point, sizeof y);
    y[ED25519_BYTES - 1] &= 0x7F;
    for (size_t i = 0; i < SV_COUNT(weak); i++) {
        if (memcmp(y, weak[i], sizeof y) == 0) {
            return true;
        }
    }
    // p - 1 and what lies beyond it, which only a forger writes: ec..ff ff..ff 7f to ff..ff 7f.
    for (size_t i = 1; i < ED25519_BYTES - 1; i++) {
        if (y[i] != 0xFF) {
            return false;
        }
    }
    return y[0] >= 0xEC && y[ED25519_BYTES - 1] == 0x7F;
}

static sv_err build_ed25519(const sv_public_key *numbers, EVP_PKEY **out, sv_why *why) {
    if (numbers->bytes != ED25519_BYTES || numbers->exponent != 0) {
        return sv_fail(why, SV_ERR_INVALID, "an Ed25519 key has %d bytes", ED25519_BYTES);
    }
    if (is_small_order(numbers->raw)) {
        return sv_fail(why, SV_ERR_INVALID, "the Ed25519 key is weak: anybody can sign for it");
    }
    EVP_PKEY *key =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, numbers->raw, ED25519_BYTES);
    if (key == NULL) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "the Ed25519 key's bytes make no key");
    }
    *out = key;
    return SV_OK;
}

sv_err sv_public_key_build(const sv_public_key *key, EVP_PKEY **out, sv_why *why) {
    switch (key->kind) {
    case SV_PUBLIC_P256:
    case SV_PUBLIC_P384:
        return build_ec(key, out, why);
    case SV_PUBLIC_RSA:
        return build_rsa(key, out, why);
    case SV_PUBLIC_ED25519:
        return build_ed25519(key, out, why);
    default:
        return sv_fail(why, SV_ERR_INVALID, "%u is no kind of key", key->kind);
    }
}

sv_err sv_public_key_hash(const sv_public_key *key, uint8_t out[32], sv_why *why) {
    SV_DEFER(sv_pkey_drop) EVP_PKEY *built = NULL;
    SV_TRY(sv_public_key_build(key, &built, why));
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(built, &der);
    if (len <= 0) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot write a public key");
    }
    sv_sha256((sv_text){ .at = (const char *) der, .len = (size_t) len }, out);
    OPENSSL_free(der);
    return SV_OK;
}
