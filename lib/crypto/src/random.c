#include <codec/encode.h>
#include <crypto/random.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

void sv_random(void *out, size_t bytes) {
    uint8_t *at = out;
    while (bytes > 0) {
        int step = bytes < 4096 ? (int) bytes : 4096;
        if (RAND_bytes(at, step) != 1) {
            (void) fprintf(stderr, "selvedge: the system gives no random bytes\n");
            abort();
        }
        at += step;
        bytes -= (size_t) step;
    }
}

void sv_random_hex(char out[33]) {
    uint8_t bytes[16];
    sv_random(bytes, sizeof bytes);
    sv_textbuf text = { .at = out, .cap = 33 };
    sv_hex_add(&text, bytes, sizeof bytes);
    (void) sv_textbuf_end(&text);
}

void sv_random_token(char out[44]) {
    uint8_t bytes[32];
    sv_random(bytes, sizeof bytes);
    sv_textbuf text = { .at = out, .cap = 44 };
    sv_base64url_add(&text, bytes, sizeof bytes);
    (void) sv_textbuf_end(&text);
    OPENSSL_cleanse(bytes, sizeof bytes);
}

void sv_sha256(sv_text data, uint8_t out[32]) {
    if (EVP_Digest(data.at, data.len, out, NULL, EVP_sha256(), NULL) != 1) {
        (void) fprintf(stderr, "selvedge: SHA-256 is not available\n");
        abort();
    }
}

bool sv_same_secret(const void *left, const void *right, size_t bytes) {
    return CRYPTO_memcmp(left, right, bytes) == 0;
}
