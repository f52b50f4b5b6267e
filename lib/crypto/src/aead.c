#include "own.h"
#include <assert.h>
#include <base/mem.h>
#include <crypto/aead.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdlib.h>
#include <string.h>

/// The key is set once, in both directions.
struct sv_aead {
    EVP_CIPHER_CTX *seal, *open;
};

/// What fails here fails for want of memory alone.
static void must(bool done) {
    if (!done) {
        abort();
    }
}

static EVP_CIPHER_CTX *keyed(const uint8_t key[SV_AEAD_KEY_BYTES], int seal) {
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    must(ctx != NULL && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, NULL, seal) == 1);
    return ctx;
}

sv_aead *sv_aead_new(const uint8_t key[SV_AEAD_KEY_BYTES]) {
    sv_aead *aead = sv_mem_new(sizeof *aead);
    aead->seal = keyed(key, 1);
    aead->open = keyed(key, 0);
    return aead;
}

void sv_aead_drop(sv_aead **aead) {
    if (*aead != NULL) {
        EVP_CIPHER_CTX_free((*aead)->seal); // which wipe what they held
        EVP_CIPHER_CTX_free((*aead)->open);
        free(*aead);
        *aead = NULL;
    }
}

/// Nonce, then what is authenticated but not encrypted, then the text.
static bool run(EVP_CIPHER_CTX *ctx, int seal, const uint8_t *nonce, sv_text extra, sv_text in,
                uint8_t *out) {
    int len = 0;
    assert(in.len <= SV_AEAD_BYTES_MAX && extra.len <= SV_AEAD_BYTES_MAX);
    return EVP_CipherInit_ex(ctx, NULL, NULL, NULL, nonce, seal) == 1
           && (extra.len == 0
               || EVP_CipherUpdate(ctx, NULL, &len, (const uint8_t *) extra.at, (int) extra.len)
                      == 1)
           && (in.len == 0
               || EVP_CipherUpdate(ctx, out, &len, (const uint8_t *) in.at, (int) in.len) == 1);
}

void sv_aead_seal(sv_aead *aead, const uint8_t nonce[SV_AEAD_NONCE_BYTES], sv_text extra,
                  sv_text plain, uint8_t *out) {
    int len = 0;
    must(run(aead->seal, 1, nonce, extra, plain, out)
         && EVP_CipherFinal_ex(aead->seal, out + plain.len, &len) == 1
         && EVP_CIPHER_CTX_ctrl(aead->seal, EVP_CTRL_AEAD_GET_TAG, SV_AEAD_TAG_BYTES,
                                out + plain.len)
                == 1);
}

sv_err sv_aead_open(sv_aead *aead, const uint8_t nonce[SV_AEAD_NONCE_BYTES], sv_text extra,
                    sv_text sealed, uint8_t *out, sv_why *why) {
    uint8_t tag[SV_AEAD_TAG_BYTES];
    uint8_t end[EVP_MAX_BLOCK_LENGTH];
    int len = 0;
    if (sealed.len < sizeof tag) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "%zu bytes are too few to be encrypted ones",
                       sealed.len);
    }
    sv_text inner = { .at = sealed.at, .len = sealed.len - sizeof tag };
    memcpy(tag, sealed.at + inner.len, sizeof tag);
    if (!run(aead->open, 0, nonce, extra, inner, out)
        || EVP_CIPHER_CTX_ctrl(aead->open, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) != 1
        || EVP_CipherFinal_ex(aead->open, end, &len) != 1) {
        OPENSSL_cleanse(out, inner.len);
        return sv_fail(why, SV_ERR_UNTRUSTED, "it was not encrypted with this key for this place");
    }
    return SV_OK;
}

void sv_hkdf_sha256(sv_text secret, sv_text salt, sv_text info, uint8_t *out, size_t bytes) {
    char digest[] = "SHA256";
    uint8_t none = 0;
    assert(bytes > 0 && bytes <= SV_HKDF_BYTES_MAX);
    // OpenSSL takes pointers to what it only reads.
    const OSSL_PARAM settings[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY,
                                          secret.len > 0 ? (void *) (uintptr_t) secret.at : &none,
                                          secret.len),
        OSSL_PARAM_construct_octet_string(
            OSSL_KDF_PARAM_SALT, salt.len > 0 ? (void *) (uintptr_t) salt.at : &none, salt.len),
        OSSL_PARAM_construct_octet_string(
            OSSL_KDF_PARAM_INFO, info.len > 0 ? (void *) (uintptr_t) info.at : &none, info.len),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
    must(ctx != NULL && EVP_KDF_derive(ctx, out, bytes, settings) == 1);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
}
