#include "own.h"
#include <codec/encode.h>
#include <crypto/random.h>
#include <crypto/signing.h>
#include <crypto/verifier.h>
#include <openssl/pem.h>

enum { ED25519_BYTES = 32, PUBLIC_MAX = 2048 };

sv_err sv_signing_scheme_of(const EVP_PKEY *key, sv_signing_scheme *out, sv_why *why) {
    SV_TRY(sv_pkey_check(key, why));
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_ED25519:
        *out = (sv_signing_scheme){ "ed25519", "ed25519" };
        return SV_OK;
    case EVP_PKEY_RSA:
        *out = (sv_signing_scheme){ "rsa", "rsassa-pss-sha256" };
        return SV_OK;
    default:
        break;
    }
    if (EVP_PKEY_get_bits(key) != 256) {
        return sv_fail(why, SV_ERR_INVALID,
                       "an EC key of %d bits does not sign updates; P-256 (256 bits) does",
                       EVP_PKEY_get_bits(key));
    }
    *out = (sv_signing_scheme){ "ecdsa", "ecdsa-sha2-nistp256" };
    return SV_OK;
}

static sv_err add_ed25519(const EVP_PKEY *key, sv_textbuf *out, sv_why *why) {
    uint8_t bytes[ED25519_BYTES];
    size_t len = sizeof bytes;
    if (EVP_PKEY_get_raw_public_key(key, bytes, &len) != 1 || len != sizeof bytes) {
        return sv_fail_ssl(why, SV_ERR_IO, "the public half of an Ed25519 key cannot be had");
    }
    sv_hex_add(out, bytes, len);
    return SV_OK;
}

sv_err sv_signing_public_add(EVP_PKEY *key, sv_textbuf *out, sv_why *why) {
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519) {
        return add_ed25519(key, out, why);
    }
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new(BIO_s_mem());
    if (bio == NULL || PEM_write_bio_PUBKEY(bio, key) != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "cannot write a public key as PEM");
    }
    char *at = NULL;
    long len = BIO_get_mem_data(bio, &at);
    sv_textbuf_add(out, (sv_text){ .at = at, .len = (size_t) len });
    return SV_OK;
}

static sv_err sign_digest(EVP_PKEY *key, sv_text message, uint8_t *signature, size_t *len,
                          sv_why *why) {
    uint8_t digest[SV_DIGEST_BYTES];
    sv_sha256(message, digest);
    SV_DEFER(sv_pkey_ctx_drop) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    if (ctx == NULL || EVP_PKEY_sign_init(ctx) != 1 || !sv_pkey_scheme(ctx, key, SV_DIGEST_BYTES)
        || EVP_PKEY_sign(ctx, signature, len, digest, sizeof digest) != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "a key does not sign");
    }
    return SV_OK;
}

static sv_err sign_whole(EVP_PKEY *key, sv_text message, uint8_t *signature, size_t *len,
                         sv_why *why) {
    SV_DEFER(sv_md_ctx_drop) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx == NULL || EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) != 1
        || EVP_DigestSign(ctx, signature, len, (const uint8_t *) message.at, message.len) != 1) {
        return sv_fail_ssl(why, SV_ERR_IO, "a key does not sign");
    }
    return SV_OK;
}

/// With hardware, and with a key file that somebody has mended by hand, the halves may differ.
static sv_err check(EVP_PKEY *key, sv_text message, sv_text signature, sv_why *why) {
    char room[PUBLIC_MAX];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_signing_scheme scheme;
    SV_DEFER(sv_verifier_drop) sv_verifier *verifier = NULL;
    SV_TRY(sv_signing_scheme_of(key, &scheme, why));
    SV_TRY(sv_signing_public_add(key, &text, why));
    SV_TRY(sv_verifier_open(sv_text_of(scheme.name), sv_textbuf_text(&text), &verifier, why));
    if (sv_verifier_check(verifier, message, signature, NULL) != SV_OK) {
        return sv_fail(why, SV_ERR_IO,
                       "a key made a signature that its own public half does not accept");
    }
    return SV_OK;
}

sv_err sv_signing_add(EVP_PKEY *key, sv_text message, sv_textbuf *out, sv_why *why) {
    uint8_t signature[SV_SIGNING_BYTES_MAX];
    size_t len = sizeof signature;
    sv_signing_scheme scheme;
    SV_TRY(sv_signing_scheme_of(key, &scheme, why));
    SV_TRY(sv_pkey_digest(key) == NULL ? sign_whole(key, message, signature, &len, why)
                                       : sign_digest(key, message, signature, &len, why));
    SV_TRY(check(key, message, (sv_text){ .at = (const char *) signature, .len = len }, why));
    sv_hex_add(out, signature, len);
    return SV_OK;
}
