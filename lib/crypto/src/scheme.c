#include "own.h"
#include <openssl/rsa.h>

bool sv_pkey_scheme(EVP_PKEY_CTX *ctx, const EVP_PKEY *key, int salt) {
    if (EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) != 1) {
        return false;
    }
    return EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA
           || (EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1
               && EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, EVP_sha256()) == 1
               && EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, salt) == 1);
}

static bool digest_matches(EVP_PKEY *key, const uint8_t digest[SV_DIGEST_BYTES], sv_text signature,
                           int salt) {
    SV_DEFER(sv_pkey_ctx_drop) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    return ctx != NULL && EVP_PKEY_verify_init(ctx) == 1 && sv_pkey_scheme(ctx, key, salt)
           && EVP_PKEY_verify(ctx, (const uint8_t *) signature.at, signature.len, digest,
                              SV_DIGEST_BYTES)
                  == 1;
}

static sv_err check_rsa(EVP_PKEY *key, const uint8_t digest[SV_DIGEST_BYTES], sv_text signature,
                        sv_why *why) {
    if (signature.len != (size_t) EVP_PKEY_get_size(key)) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "the signature has %zu bytes; one by this RSA key has %d", signature.len,
                       EVP_PKEY_get_size(key));
    }
    if (digest_matches(key, digest, signature, RSA_PSS_SALTLEN_MAX)
        || digest_matches(key, digest, signature, SV_DIGEST_BYTES)) {
        return SV_OK;
    }
    return sv_fail_ssl(why, SV_ERR_UNTRUSTED,
                       "the signature is not this key's (RSA-PSS, SHA-256, salt largest or %d "
                       "bytes; no other salt is accepted)",
                       SV_DIGEST_BYTES);
}

sv_err sv_pkey_check_digest(EVP_PKEY *key, const uint8_t digest[SV_DIGEST_BYTES], sv_text signature,
                            sv_why *why) {
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
        return check_rsa(key, digest, signature, why);
    }
    return digest_matches(key, digest, signature, 0)
               ? SV_OK
               : sv_fail_ssl(why, SV_ERR_UNTRUSTED, "the signature is not this EC key's");
}
