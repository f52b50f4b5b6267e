#include <codec/encode.h>
#include <crypto/random.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
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

void sv_sha256(sv_text data, uint8_t out[32]) {
    if (EVP_Digest(data.at == NULL ? "" : data.at, data.len, out, NULL, EVP_sha256(), NULL) != 1) {
        abort();
    }
}

bool sv_same_secret(const void *left, const void *right, size_t bytes) {
    return CRYPTO_memcmp(left, right, bytes) == 0;
}
