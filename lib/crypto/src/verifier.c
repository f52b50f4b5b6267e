#include "own.h"
#include <base/mem.h>
#include <codec/encode.h>
#include <crypto/random.h>
#include <crypto/verifier.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

enum { ED25519_BYTES = 32, PEM_MAX = 16 * 1024, SPKI_MAX = 2048 };

struct sv_verifier {
    EVP_PKEY *key;
};

static bool is_p256(const EVP_PKEY *key) {
    char group[32] = "";
    return EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1
           && strcmp(group, "prime256v1") == 0;
}

static sv_err read_pem(sv_text pem, EVP_PKEY **out, sv_why *why) {
    if (pem.len > PEM_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "a public key of %zu bytes is no key", pem.len);
    }
    SV_DEFER(sv_bio_drop) BIO *bio = BIO_new_mem_buf(pem.at, (int) pem.len);
    EVP_PKEY *key = bio == NULL ? NULL : PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    if (key == NULL) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "a public key is not PEM");
    }
    *out = key;
    return SV_OK;
}

static sv_err read_ed25519(sv_text hex, EVP_PKEY **out, sv_why *why) {
    uint8_t bytes[ED25519_BYTES];
    if (sv_hex_parse(hex, bytes, sizeof bytes) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "an Ed25519 key is %d bytes in hexadecimal",
                       ED25519_BYTES);
    }
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, bytes, sizeof bytes);
    if (key == NULL) {
        return sv_fail_ssl(why, SV_ERR_INVALID, "these are not the bytes of an Ed25519 key");
    }
    *out = key;
    return SV_OK;
}

static bool fits(sv_text scheme, const EVP_PKEY *key) {
    if (sv_text_is(scheme, "rsassa-pss-sha256")) {
        return EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;
    }
    if (sv_text_is(scheme, "ecdsa-sha2-nistp256")) {
        return EVP_PKEY_get_base_id(key) == EVP_PKEY_EC && is_p256(key);
    }
    return sv_text_is(scheme, "ed25519") && EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519;
}

sv_err sv_verifier_open(sv_text scheme, sv_text text, sv_verifier **out, sv_why *why) {
    SV_DEFER(sv_pkey_drop) EVP_PKEY *key = NULL;
    SV_TRY(sv_text_is(scheme, "ed25519") ? read_ed25519(text, &key, why)
                                         : read_pem(text, &key, why));
    if (!fits(scheme, key)) {
        return sv_fail(why, SV_ERR_INVALID, "scheme \"" SV_TEXT_FMT "\" is not one for this key",
                       SV_TEXT_ARG(scheme));
    }
    SV_TRY(sv_pkey_check(key, why));
    sv_verifier *made = sv_mem_new(sizeof *made);
    made->key = key;
    key = NULL;
    *out = made;
    return SV_OK;
}

void sv_verifier_drop(sv_verifier **verifier) {
    if (*verifier != NULL) {
        EVP_PKEY_free((*verifier)->key);
        free(*verifier);
        *verifier = NULL;
    }
}

/// The SubjectPublicKeyInfo of an Ed25519 key: always the same bytes, then the key. OpenSSL's
/// encoder gives the same and takes as long for it as a signature does.
static bool write_ed25519(EVP_PKEY *key, sv_textbuf *out) {
    static const char BEFORE[] = "\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21";
    uint8_t bytes[ED25519_BYTES];
    size_t len = sizeof bytes;
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_ED25519
        || EVP_PKEY_get_raw_public_key(key, bytes, &len) != 1 || len != sizeof bytes) {
        return false;
    }
    sv_textbuf_add(out, (sv_text){ .at = BEFORE, .len = sizeof BEFORE }); // ends with a zero byte
    sv_textbuf_add(out, (sv_text){ .at = (const char *) bytes, .len = sizeof bytes });
    return true;
}

void sv_verifier_hash(const sv_verifier *verifier, uint8_t out[SV_VERIFIER_HASH_BYTES]) {
    char room[SPKI_MAX];
    sv_textbuf text = SV_TEXTBUF(room);
    if (!write_ed25519(verifier->key, &text)) {
        uint8_t *whole = NULL;
        int len = i2d_PUBKEY(verifier->key, &whole);
        sv_textbuf_add(&text, (sv_text){ .at = (const char *) whole,
                                         .len = len > 0 && len < SPKI_MAX ? (size_t) len : 0 });
        OPENSSL_free(whole);
    }
    sv_sha256(sv_textbuf_text(&text), out);
}

static sv_err check_whole(EVP_PKEY *key, sv_text message, sv_text signature, sv_why *why) {
    SV_DEFER(sv_md_ctx_drop) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (ctx == NULL || EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) != 1
        || EVP_DigestVerify(ctx, (const uint8_t *) signature.at, signature.len,
                            (const uint8_t *) message.at, message.len)
               != 1) {
        return sv_fail_ssl(why, SV_ERR_UNTRUSTED, "the signature is not this Ed25519 key's");
    }
    return SV_OK;
}

sv_err sv_verifier_check(const sv_verifier *verifier, sv_text message, sv_text signature,
                         sv_why *why) {
    if (sv_pkey_digest(verifier->key) == NULL) {
        return check_whole(verifier->key, message, signature, why);
    }
    uint8_t digest[SV_DIGEST_BYTES];
    sv_sha256(message, digest);
    return sv_pkey_check_digest(verifier->key, digest, signature, why);
}
