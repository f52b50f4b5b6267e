#include "delta_make.h"
#include "image_seal.h"
#include "merkle.h"
#include <base/little.h>
#include <base/mem.h>
#include <crypto/digest.h>
#include <stdlib.h>
#include <string.h>
#include <update/image_encode.h>

/// Of the release engineer's machine; the device pays nothing for it.
enum { LEVEL = 15 };

typedef struct work {
    const sv_image_encoding *what;
    uint64_t count; ///< chunks
    sv_packer *packer;
    sv_delta_maker *delta;
    sv_image_seal seal;
    sv_merkle *tree;
    sv_digest *digest; ///< of the image as it was read
    uint8_t plain[SV_CHUNK_BYTES];
    uint8_t encoded[SV_DELTA_ROOM];
    uint8_t sealed[SV_CHUNK_STORED_MAX];
} work;

_Static_assert(SV_DELTA_ROOM + SV_CHUNK_TAG_BYTES <= SV_CHUNK_STORED_MAX, "a chunk does not fit");

static void work_drop(work **w) {
    sv_delta_maker_drop(&(*w)->delta);
    sv_packer_drop(&(*w)->packer);
    sv_image_seal_end(&(*w)->seal);
    sv_merkle_drop(&(*w)->tree);
    sv_digest_drop(&(*w)->digest);
    free(*w);
}

/// The chunk in its encoding, not sealed yet.
static sv_err encode(work *w, uint64_t chunk, sv_text plain, sv_text *out, sv_why *why) {
    size_t bytes = 0;
    switch (w->what->kind) {
    case SV_ENCODING_ZSTD:
        bytes = sv_packer_pack(w->packer, plain, (sv_text){ 0 }, w->encoded);
        break;
    case SV_ENCODING_DELTA:
        SV_TRY(sv_delta_make(w->delta, chunk * SV_CHUNK_BYTES, plain, w->encoded, &bytes, why));
        break;
    case SV_ENCODING_RAW:
    default:
        *out = plain;
        return SV_OK;
    }
    *out = (sv_text){ .at = (const char *) w->encoded, .len = bytes };
    return SV_OK;
}

static sv_err put(work *w, sv_text stored, sv_encoding *made, sv_textbuf *index, sv_why *why) {
    char entry[SV_IMAGE_INDEX_ENTRY_BYTES];
    uint8_t leaf[SV_MERKLE_HASH_BYTES];
    sv_merkle_leaf(w->tree, stored, leaf);
    sv_merkle_add(w->tree, leaf);
    sv_little_put(stored.len, 4, entry);
    memcpy(entry + 4, leaf, sizeof leaf);
    sv_textbuf_add(index, (sv_text){ .at = entry, .len = sizeof entry });
    made->length += stored.len;
    return w->what->sink.put(w->what->sink.arg, stored, why);
}

static sv_err encode_chunk(work *w, uint64_t chunk, sv_encoding *made, sv_textbuf *index,
                           sv_why *why) {
    const sv_image_bytes *image = w->what->image;
    size_t bytes = sv_chunk_bytes(image->length, chunk);
    sv_text plain = { .at = (const char *) w->plain, .len = bytes };
    sv_text stored;
    SV_TRY(image->read(image->arg, chunk * SV_CHUNK_BYTES, w->plain, bytes, why));
    sv_digest_add(w->digest, plain);
    SV_TRY(encode(w, chunk, plain, &stored, why));
    if (w->seal.aead != NULL) {
        sv_image_seal_close(&w->seal, chunk, stored, w->sealed);
        stored =
            (sv_text){ .at = (const char *) w->sealed, .len = stored.len + SV_CHUNK_TAG_BYTES };
    }
    return put(w, stored, made, index, why);
}

static sv_err begin(work *w, const sv_image_encoding *what, const sv_encoding *made, sv_why *why) {
    w->what = what;
    w->count = sv_chunk_count(what->image->length);
    w->tree = sv_merkle_new();
    w->digest = sv_digest_new(SV_DIGEST_SHA256);
    w->packer = sv_packer_new(LEVEL);
    if (what->key != NULL) {
        sv_image_seal_begin(&w->seal, what->key->bytes, made, what->digest, w->count);
    }
    return what->kind == SV_ENCODING_DELTA
               ? sv_delta_maker_new(what->old, w->packer, &w->delta, why)
               : SV_OK;
}

static sv_err check(const sv_image_encoding *what, sv_why *why) {
    if (what->image->length < 1 || what->image->length > SV_IMAGE_BYTES_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "an image has 1 to %llu bytes, not %llu",
                       (unsigned long long) SV_IMAGE_BYTES_MAX,
                       (unsigned long long) what->image->length);
    }
    if (what->kind == SV_ENCODING_DELTA && (what->old == NULL || what->old_digest == NULL)) {
        return sv_fail(why, SV_ERR_STATE, "a delta needs the image that it starts from");
    }
    if (what->key != NULL && memcmp(what->key->digest, what->digest, SV_TARGET_HASH_BYTES) != 0) {
        return sv_fail(why, SV_ERR_STATE,
                       "the content key is another image's; a key seals one image and no second");
    }
    return SV_OK;
}

static void put_head(uint64_t count, sv_textbuf *index) {
    char head[SV_IMAGE_INDEX_HEAD_BYTES] = { 'S', 'v', 'I', 'x', 1 };
    sv_little_put(count, 8, head + 8);
    sv_textbuf_add(index, (sv_text){ .at = head, .len = sizeof head });
}

static sv_err finish(work *w, sv_encoding *made, const sv_textbuf *index, sv_why *why) {
    uint8_t digest[SV_TARGET_HASH_BYTES];
    sv_merkle_root(w->tree, made->root);
    sv_digest_end(w->digest, digest);
    if (memcmp(digest, w->what->digest, sizeof digest) != 0) {
        return sv_fail(why, SV_ERR_STATE, "the image changed while it was read");
    }
    if (index->overflowed) {
        return sv_fail(why, SV_ERR_NO_SPACE, "there is no room for the index of %llu chunks",
                       (unsigned long long) w->count);
    }
    return w->what->key != NULL ? sv_image_key_note(w->what->key, made, why) : SV_OK;
}

sv_err sv_image_encode(const sv_image_encoding *what, sv_encoding *out, sv_textbuf *index,
                       sv_why *why) {
    SV_TRY(check(what, why));
    sv_encoding made = { .kind = what->kind };
    if (what->kind == SV_ENCODING_DELTA) {
        memcpy(made.from, what->old_digest, sizeof made.from);
    }
    SV_DEFER(work_drop) work *w = sv_mem_new(sizeof *w);
    SV_TRY(begin(w, what, &made, why));
    put_head(w->count, index);
    for (uint64_t i = 0; i < w->count; i++) {
        SV_TRY(encode_chunk(w, i, &made, index, why));
    }
    SV_TRY(finish(w, &made, index, why));
    *out = made;
    return SV_OK;
}
