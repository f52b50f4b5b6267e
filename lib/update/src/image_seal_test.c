#include "image_seal.h"
#include "image_trial.h"
#include <codec/encode.h>
#include <crypto/random.h>

enum { CONTENT_BYTES = 7, SEALED_BYTES = CONTENT_BYTES + SV_CHUNK_TAG_BYTES };

static uint8_t content_key[SV_IMAGE_CONTENT_KEY_BYTES];
static uint8_t digest[SV_TARGET_HASH_BYTES];

static int make_keys(void **state) {
    (void) state;
    for (size_t i = 0; i < sizeof content_key; i++) {
        content_key[i] = (uint8_t) i;
    }
    sv_sha256(SV_TEXT("abc"), digest);
    return 0;
}

static sv_encoding encoding_of(const char *name) {
    sv_encoding encoding = { .length = 0 };
    assert_int_equal(sv_encoding_parse(sv_text_of(name), &encoding, NULL), SV_OK);
    return encoding;
}

static sv_text text_of(const uint8_t *bytes, size_t len) {
    return (sv_text){ .at = (const char *) bytes, .len = len };
}

/// Made by another implementation (Python's cryptography) from the words of docs/spec/image.md.
static void sealing_is_what_the_spec_says(void **state) { // [image-9]
    (void) state;
    static const struct {
        const char *name, *sealed;
    } CASES[] = {
        { "raw", "b9b6a6393cae209d06cfd9347df95d5b84f18a0e86b6a4" },
        { "zstd", "1b1b3a35f5cf0defef82742cd5f50aa302402528754236" },
        { "delta:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
          "64c0fdf1ac4d47792c406232d79f94277572015fc2820d" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        const sv_encoding encoding = encoding_of(CASES[i].name);
        SV_DEFER(sv_image_seal_end) sv_image_seal seal;
        uint8_t wanted[SEALED_BYTES];
        uint8_t sealed[SEALED_BYTES];
        sv_image_seal_begin(&seal, content_key, &encoding, digest, 5);
        sv_image_seal_close(&seal, 3, SV_TEXT("spindle"), sealed);
        assert_int_equal(sv_hex_parse(sv_text_of(CASES[i].sealed), wanted, sizeof wanted), SV_OK);
        assert_memory_equal(sealed, wanted, sizeof wanted);
    }
}

/// Should the judgement by hash ever be got round: the seal itself knows its place.
static void a_sealed_chunk_opens_in_its_own_place_alone(void **state) { // [image-9]
    (void) state;
    const sv_encoding raw = encoding_of("raw");
    const sv_encoding zstd = encoding_of("zstd");
    uint8_t other_digest[SV_TARGET_HASH_BYTES];
    uint8_t sealed[SEALED_BYTES];
    uint8_t opened[CONTENT_BYTES];
    sv_sha256(SV_TEXT("abd"), other_digest);
    const struct {
        const sv_encoding *encoding;
        const uint8_t *digest;
        uint64_t count, chunk;
        sv_err err;
    } cases[] = {
        { &raw, digest, 5, 3, SV_OK },
        { &raw, digest, 5, 2, SV_ERR_UNTRUSTED },       // reordered
        { &raw, digest, 4, 3, SV_ERR_UNTRUSTED },       // of a shorter or longer image
        { &zstd, digest, 5, 3, SV_ERR_UNTRUSTED },      // another encoding
        { &raw, other_digest, 5, 3, SV_ERR_UNTRUSTED }, // another release
        { &raw, digest, 5, UINT64_C(3) << 32, SV_ERR_UNTRUSTED },
    };
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        SV_DEFER(sv_image_seal_end) sv_image_seal own;
        SV_DEFER(sv_image_seal_end) sv_image_seal seal;
        sv_image_seal_begin(&own, content_key, &raw, digest, 5);
        sv_image_seal_close(&own, 3, SV_TEXT("spindle"), sealed);
        sv_image_seal_begin(&seal, content_key, cases[i].encoding, cases[i].digest, cases[i].count);
        assert_int_equal(
            sv_image_seal_open(&seal, cases[i].chunk, text_of(sealed, sizeof sealed), opened, NULL),
            cases[i].err);
    }
}

static void note_new(uint8_t (*seen)[SV_AEAD_KEY_BYTES], size_t *count, const uint8_t *key) {
    for (size_t i = 0; i < *count; i++) {
        assert_memory_not_equal(seen[i], key, SV_AEAD_KEY_BYTES);
    }
    memcpy(seen[(*count)++], key, SV_AEAD_KEY_BYTES);
}

/// A nonce is the number of a chunk, and each encoding of each image has a key of its own.
static void no_key_meets_a_nonce_twice(void **state) { // [image-9]
    (void) state;
    static uint8_t seen[3 * SV_TARGET_ENCODINGS_MAX][SV_AEAD_KEY_BYTES];
    size_t count = 0;
    for (uint8_t image = 0; image < 3; image++) {
        uint8_t of[SV_TARGET_HASH_BYTES] = { image };
        for (size_t i = 0; i < SV_TARGET_ENCODINGS_MAX; i++) {
            uint8_t key[SV_AEAD_KEY_BYTES];
            sv_encoding encoding = encoding_of(i == 0 ? "raw" : "zstd");
            if (i >= 2) {
                encoding.kind = SV_ENCODING_DELTA;
                encoding.from[i] = 1;
            }
            sv_image_seal_key(content_key, &encoding, of, key);
            note_new(seen, &count, key);
        }
    }
    static const uint64_t CHUNKS[] = { 0,
                                       1,
                                       2,
                                       255,
                                       256,
                                       65535,
                                       65536,
                                       UINT32_MAX,
                                       UINT64_C(1) << 32,
                                       (UINT64_C(1) << 24) - 1,
                                       UINT64_MAX };
    for (size_t i = 0; i < SV_COUNT(CHUNKS); i++) {
        uint8_t nonce[SV_AEAD_NONCE_BYTES];
        uint64_t back = 0;
        sv_image_seal_nonce(CHUNKS[i], nonce);
        for (size_t k = 0; k < sizeof nonce; k++) {
            back = back << 8 | nonce[k];
        }
        assert_int_equal(back, CHUNKS[i]); // it can be read out of the nonce: no two share one
    }
}

/// What the encoder stores was sealed with those very keys and nonces.
static void a_release_with_all_encodings_is_sealed_so(void **state) { // [image-9] [image-12]
    (void) state;
    static const sv_encoding_kind KINDS[] = { SV_ENCODING_RAW, SV_ENCODING_ZSTD,
                                              SV_ENCODING_DELTA };
    static uint8_t opened[SV_CHUNK_STORED_MAX];
    SV_DEFER(trial_image_drop) trial_image image = { 0 };
    SV_DEFER(trial_image_drop) trial_image old = { 0 };
    SV_DEFER(sv_image_key_wipe) sv_image_key key;
    trial_image_make(&image, TRIAL_BYTES, 1);
    trial_image_make(&old, TRIAL_BYTES, 2);
    sv_image_key_make(image.digest, &key);
    for (size_t i = 0; i < SV_COUNT(KINDS); i++) {
        SV_DEFER(trial_release_drop) trial_release release;
        SV_DEFER(sv_image_reader_drop) sv_image_reader *reader = NULL;
        SV_DEFER(sv_image_seal_end) sv_image_seal seal;
        const trial_image *from = KINDS[i] == SV_ENCODING_DELTA ? &old : NULL;
        assert_int_equal(trial_encode(&image, KINDS[i], from, &key, &release, NULL), SV_OK);
        assert_int_equal(trial_open(&release, key.bytes, from, &reader, NULL), SV_OK);
        sv_image_seal_begin(&seal, key.bytes, &release.target.encodings[0], image.digest,
                            TRIAL_CHUNKS);
        for (uint64_t chunk = 0; chunk < TRIAL_CHUNKS; chunk++) {
            assert_int_equal(sv_image_seal_open(&seal, chunk, trial_chunk(&release, reader, chunk),
                                                opened, NULL),
                             SV_OK);
        }
    }
    assert_int_equal(key.sealed_count, SV_COUNT(KINDS));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sealing_is_what_the_spec_says),
        cmocka_unit_test(a_sealed_chunk_opens_in_its_own_place_alone),
        cmocka_unit_test(no_key_meets_a_nonce_twice),
        cmocka_unit_test(a_release_with_all_encodings_is_sealed_so),
    };
    return cmocka_run_group_tests(tests, make_keys, NULL);
}
