// For tests: images in memory, a release made of one, and its chunks opened again.
#ifndef SV_UPDATE_IMAGE_TRIAL_H
#define SV_UPDATE_IMAGE_TRIAL_H

#include <base/mem.h>
#include <base/test.h>
#include <stdlib.h>
#include <update/image_encode.h>

enum {
    TRIAL_BYTES = 4 * SV_CHUNK_BYTES + 12345, ///< five chunks, the last one short
    TRIAL_CHUNKS = 5,
    TRIAL_STORED_MAX = 16 * SV_CHUNK_STORED_MAX,
};

typedef struct trial_image {
    uint8_t *at;
    sv_image_bytes bytes;
    uint8_t digest[SV_TARGET_HASH_BYTES];
    size_t reads;
} trial_image;

static inline sv_err trial_read(void *arg, uint64_t at, uint8_t *out, size_t bytes, sv_why *why) {
    trial_image *image = arg;
    (void) why;
    image->reads++;
    assert_true(bytes <= image->bytes.length && at <= image->bytes.length - bytes);
    memcpy(out, image->at + at, bytes);
    return SV_OK;
}

/// Nothing that zstd could shorten.
static inline void trial_fill(uint8_t *at, size_t bytes, uint32_t seed) {
    uint32_t state = seed;
    for (size_t i = 0; i < bytes; i++) {
        state = state * 1664525U + 1013904223U;
        at[i] = (uint8_t) (state >> 24);
    }
}

/// After its bytes were changed.
static inline void trial_settle(trial_image *image) {
    assert_int_equal(sv_image_digest(&image->bytes, image->digest, NULL), SV_OK);
}

static inline void trial_image_make(trial_image *image, size_t bytes, uint32_t seed) {
    image->at = sv_mem_new(bytes);
    image->bytes = (sv_image_bytes){ .arg = image, .length = bytes, .read = trial_read };
    trial_fill(image->at, bytes, seed);
    trial_settle(image);
}

static inline void trial_image_drop(trial_image *image) {
    free(image->at);
}

/// One encoding of one image, as it lies in a repository.
typedef struct trial_release {
    sv_target target; ///< has that encoding alone
    sv_textbuf stored, index;
} trial_release;

static inline sv_err trial_put(void *arg, sv_text stored, sv_why *why) {
    (void) why;
    sv_textbuf_add(arg, stored);
    return SV_OK;
}

/// `key` NULL: plain; `old` NULL: no delta.
static inline sv_err trial_encode(const trial_image *image, sv_encoding_kind kind,
                                  const trial_image *old, sv_image_key *key, trial_release *out,
                                  sv_why *why) {
    *out = (trial_release){ .stored = SV_TEXTBUF_HEAP(TRIAL_STORED_MAX),
                            .index = SV_TEXTBUF_HEAP(
                                (size_t) sv_image_index_bytes(image->bytes.length) + 1) };
    out->target.length = image->bytes.length;
    out->target.sealed = key != NULL;
    out->target.encoding_count = 1;
    memcpy(out->target.digest, image->digest, sizeof image->digest);
    const sv_image_encoding what = {
        .image = &image->bytes,
        .digest = image->digest,
        .kind = kind,
        .key = key,
        .old = old != NULL ? &old->bytes : NULL,
        .old_digest = old != NULL ? old->digest : NULL,
        .sink = { .arg = &out->stored, .put = trial_put },
    };
    return sv_image_encode(&what, &out->target.encodings[0], &out->index, why);
}

static inline void trial_release_drop(trial_release *release) {
    sv_textbuf_drop(&release->stored);
    sv_textbuf_drop(&release->index);
}

static inline sv_err trial_open(const trial_release *release, const uint8_t *key,
                                const trial_image *old, sv_image_reader **out, sv_why *why) {
    const sv_image_opening opening = {
        .target = &release->target,
        .encoding = &release->target.encodings[0],
        .index = sv_textbuf_text(&release->index),
        .content_key = key,
        .old = old != NULL ? &old->bytes : NULL,
        .old_digest = old != NULL ? old->digest : NULL,
    };
    return sv_image_reader_open(&opening, out, why);
}

/// The stored bytes of a chunk.
static inline sv_text trial_chunk(const trial_release *release, const sv_image_reader *reader,
                                  uint64_t chunk) {
    sv_image_range range = sv_image_stored(sv_image_reader_index(reader), chunk);
    assert_true(range.at + range.bytes <= release->stored.len);
    return (sv_text){ .at = release->stored.at + range.at, .len = (size_t) range.bytes };
}

#endif
