#include <codec/encode.h>
#include <crypto/random.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

void sv_random(void *out, size_t bytes) {
    if (RAND_bytes(out, (int) bytes) != 1) {
        (void) fputs("the system gives no random bytes\n", stderr);
        abort();
    }
}

void sv_random_hex(char out[33]) {
    uint8_t bytes[16];
    sv_random(bytes, sizeof bytes);
    sv_textbuf text = { .at = out, .cap = 33 };
    sv_hex_add(&text, bytes, sizeof bytes);
}

void sv_random_token(char out[44]) {
    uint8_t bytes[32];
    sv_random(bytes, sizeof bytes);
    sv_textbuf text = { .at = out, .cap = 44 };
    sv_base64url_add(&text, bytes, sizeof bytes);
    OPENSSL_cleanse(bytes, sizeof bytes);
}

static void digest(const EVP_MD *kind, sv_text data, uint8_t *out) {
    if (EVP_Digest(data.at == NULL ? "" : data.at, data.len, out, NULL, kind, NULL) != 1) {
        abort();
    }
}

void sv_sha256(sv_text data, uint8_t out[32]) {
    digest(EVP_sha256(), data, out);
}

void sv_sha512(sv_text data, uint8_t out[64]) {
    digest(EVP_sha512(), data, out);
}

void sv_hmac_sha256(sv_text key, const sv_text *parts, size_t count, uint8_t out[32]) {
    char digest[] = "SHA256";
    const OSSL_PARAM settings[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest,
                                                                     0),
                                    OSSL_PARAM_construct_end() };
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *made = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;
    const unsigned char *key_at = (const unsigned char *) (key.len > 0 ? key.at : "");
    size_t len = 0;
    bool good = made != NULL && EVP_MAC_init(made, key_at, key.len, settings) == 1;
    for (size_t i = 0; good && i < count; i++) {
        good = EVP_MAC_update(made, (const unsigned char *) parts[i].at, parts[i].len) == 1;
    }
    if (!good || EVP_MAC_final(made, out, &len, 32) != 1 || len != 32) {
        abort();
    }
    EVP_MAC_CTX_free(made);
    EVP_MAC_free(mac);
}

bool sv_same_secret(const void *left, const void *right, size_t bytes) {
    return CRYPTO_memcmp(left, right, bytes) == 0;
}
