#include "image_seal.h"
#include <string.h>

_Static_assert((int) SV_CHUNK_TAG_BYTES == (int) SV_AEAD_TAG_BYTES, "one tag, two lengths");

enum { EXTRA_BYTES = SV_TARGET_HASH_BYTES + 8 + 8 };

static void put_big(uint64_t value, uint8_t out[8]) {
    for (unsigned i = 0; i < 8; i++) {
        out[i] = (uint8_t) (value >> (56 - 8 * i));
    }
}

void sv_image_seal_key(const uint8_t content_key[SV_IMAGE_CONTENT_KEY_BYTES],
                       const sv_encoding *encoding, const uint8_t digest[SV_TARGET_HASH_BYTES],
                       uint8_t out[SV_AEAD_KEY_BYTES]) {
    char room[128];
    char name[SV_ENCODING_NAME_ROOM];
    sv_textbuf info = SV_TEXTBUF(room);
    sv_encoding_name(encoding, name);
    sv_textbuf_addf(&info, "selvedge image 1\n%s\n", name);
    sv_textbuf_add(&info, (sv_text){ .at = (const char *) digest, .len = SV_TARGET_HASH_BYTES });
    sv_text secret = { .at = (const char *) content_key, .len = SV_IMAGE_CONTENT_KEY_BYTES };
    sv_hkdf_sha256(secret, (sv_text){ 0 }, sv_textbuf_text(&info), out, SV_AEAD_KEY_BYTES);
}

void sv_image_seal_nonce(uint64_t chunk, uint8_t out[SV_AEAD_NONCE_BYTES]) {
    memset(out, 0, SV_AEAD_NONCE_BYTES - 8);
    put_big(chunk, out + SV_AEAD_NONCE_BYTES - 8);
}

void sv_image_seal_begin(sv_image_seal *seal, const uint8_t content_key[SV_IMAGE_CONTENT_KEY_BYTES],
                         const sv_encoding *encoding, const uint8_t digest[SV_TARGET_HASH_BYTES],
                         uint64_t count) {
    uint8_t key[SV_AEAD_KEY_BYTES];
    sv_image_seal_key(content_key, encoding, digest, key);
    seal->aead = sv_aead_new(key);
    explicit_bzero(key, sizeof key);
    memcpy(seal->digest, digest, sizeof seal->digest);
    seal->count = count;
}

void sv_image_seal_end(sv_image_seal *seal) {
    sv_aead_drop(&seal->aead);
}

static sv_text extra_of(const sv_image_seal *seal, uint64_t chunk, uint8_t room[EXTRA_BYTES]) {
    memcpy(room, seal->digest, SV_TARGET_HASH_BYTES);
    put_big(chunk, room + SV_TARGET_HASH_BYTES);
    put_big(seal->count, room + SV_TARGET_HASH_BYTES + 8);
    return (sv_text){ .at = (const char *) room, .len = EXTRA_BYTES };
}

void sv_image_seal_close(const sv_image_seal *seal, uint64_t chunk, sv_text plain, uint8_t *out) {
    uint8_t room[EXTRA_BYTES];
    uint8_t nonce[SV_AEAD_NONCE_BYTES];
    sv_image_seal_nonce(chunk, nonce);
    sv_aead_seal(seal->aead, nonce, extra_of(seal, chunk, room), plain, out);
}

sv_err sv_image_seal_open(const sv_image_seal *seal, uint64_t chunk, sv_text sealed, uint8_t *out,
                          sv_why *why) {
    uint8_t room[EXTRA_BYTES];
    uint8_t nonce[SV_AEAD_NONCE_BYTES];
    sv_why inner = { 0 };
    sv_image_seal_nonce(chunk, nonce);
    sv_err err = sv_aead_open(seal->aead, nonce, extra_of(seal, chunk, room), sealed, out, &inner);
    return err == SV_OK
               ? SV_OK
               : sv_fail(why, err,
                         "chunk %llu does not open with this content key: is it the key of "
                         "this release?",
                         (unsigned long long) chunk);
}
