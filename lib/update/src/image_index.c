#include "merkle.h"
#include <assert.h>
#include <base/little.h>
#include <base/mem.h>
#include <stdlib.h>
#include <string.h>
#include <update/image.h>

static const char MAGIC[] = "SvIx"; // then u32 1, then u64 count

enum { FORMAT = 1, STEP = 256 }; ///< the place of every 256th chunk is kept, the rest is counted

struct sv_image_index {
    sv_text bytes;
    uint64_t count;
    uint64_t *places; ///< in the encoding: of chunk 0, STEP, 2 * STEP…
    sv_merkle *leaf;  ///< for the hash of one chunk
};

uint64_t sv_image_index_bytes(uint64_t image_bytes) {
    return SV_IMAGE_INDEX_HEAD_BYTES + sv_chunk_count(image_bytes) * SV_IMAGE_INDEX_ENTRY_BYTES;
}

static const char *entry(const sv_image_index *index, uint64_t chunk) {
    return index->bytes.at + SV_IMAGE_INDEX_HEAD_BYTES + chunk * SV_IMAGE_INDEX_ENTRY_BYTES;
}

uint32_t sv_image_stored_bytes(const sv_image_index *index, uint64_t chunk) {
    assert(chunk < index->count);
    return (uint32_t) sv_little_get(entry(index, chunk), 4);
}

/// What comes from outside is compared, and nothing is computed from it.
static sv_err check_head(sv_text bytes, uint64_t image_bytes, sv_why *why) {
    uint64_t count = sv_chunk_count(image_bytes);
    if (bytes.len < SV_IMAGE_INDEX_HEAD_BYTES || memcmp(bytes.at, MAGIC, 4) != 0
        || sv_little_get(bytes.at + 4, 4) != FORMAT) {
        return sv_fail(why, SV_ERR_INVALID, "it is no chunk index of format %d", FORMAT);
    }
    if (sv_little_get(bytes.at + 8, 8) != count) {
        return sv_fail(why, SV_ERR_INVALID, "the index is of %llu chunks, the image of %llu",
                       (unsigned long long) sv_little_get(bytes.at + 8, 8),
                       (unsigned long long) count);
    }
    if (bytes.len != sv_image_index_bytes(image_bytes)) {
        return sv_fail(why, SV_ERR_INVALID, "the index has %zu bytes instead of %llu", bytes.len,
                       (unsigned long long) sv_image_index_bytes(image_bytes));
    }
    return SV_OK;
}

static bool length_is_possible(const sv_target *target, const sv_encoding *encoding, uint64_t chunk,
                               uint64_t bytes) {
    uint32_t tag = target->sealed ? SV_CHUNK_TAG_BYTES : 0;
    if (encoding->kind == SV_ENCODING_RAW) {
        return bytes == sv_chunk_bytes(target->length, chunk) + tag;
    }
    return bytes > tag && bytes <= SV_CHUNK_STORED_MAX;
}

/// 2^24 chunks of at most 2^17 bytes: no sum leaves 64 bits.
static sv_err read_entries(sv_image_index *index, const sv_target *target,
                           const sv_encoding *encoding, sv_why *why) {
    SV_DEFER(sv_merkle_drop) sv_merkle *tree = sv_merkle_new();
    uint8_t root[SV_MERKLE_HASH_BYTES];
    uint64_t at = 0;
    for (uint64_t i = 0; i < index->count; i++) {
        uint64_t bytes = sv_image_stored_bytes(index, i);
        if (!length_is_possible(target, encoding, i, bytes)) {
            return sv_fail(why, SV_ERR_INVALID, "the index says that chunk %llu has %llu bytes",
                           (unsigned long long) i, (unsigned long long) bytes);
        }
        if (i % STEP == 0) {
            index->places[i / STEP] = at;
        }
        at += bytes;
        sv_merkle_add(tree, (const uint8_t *) entry(index, i) + 4);
    }
    if (at != encoding->length) {
        return sv_fail(why, SV_ERR_INVALID, "the chunks of the index have %llu bytes, not %llu",
                       (unsigned long long) at, (unsigned long long) encoding->length);
    }
    sv_merkle_root(tree, root);
    if (memcmp(root, encoding->root, sizeof root) != 0) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "the index is not the one that the release engineer signed");
    }
    return SV_OK;
}

sv_err sv_image_index_read(sv_text bytes, const sv_target *target, const sv_encoding *encoding,
                           sv_image_index **out, sv_why *why) {
    SV_TRY(check_head(bytes, target->length, why));
    SV_DEFER(sv_image_index_drop) sv_image_index *index = sv_mem_new(sizeof *index);
    index->bytes = bytes;
    index->count = sv_chunk_count(target->length);
    index->places = sv_mem_array((size_t) (index->count / STEP + 1), sizeof *index->places);
    index->leaf = sv_merkle_new();
    SV_TRY(read_entries(index, target, encoding, why));
    *out = index;
    index = NULL;
    return SV_OK;
}

void sv_image_index_drop(sv_image_index **index) {
    if (*index != NULL) {
        sv_merkle_drop(&(*index)->leaf);
        free((*index)->places);
        free(*index);
        *index = NULL;
    }
}

uint64_t sv_image_index_count(const sv_image_index *index) {
    return index->count;
}

sv_image_range sv_image_stored(const sv_image_index *index, uint64_t chunk) {
    assert(chunk < index->count);
    uint64_t at = index->places[chunk / STEP];
    for (uint64_t i = chunk - chunk % STEP; i < chunk; i++) {
        at += sv_image_stored_bytes(index, i);
    }
    return (sv_image_range){ .at = at, .bytes = sv_image_stored_bytes(index, chunk) };
}

sv_err sv_image_chunk_judge(const sv_image_index *index, uint64_t chunk, sv_text stored,
                            sv_why *why) {
    uint8_t leaf[SV_MERKLE_HASH_BYTES];
    if (chunk >= index->count) {
        return sv_fail(why, SV_ERR_INVALID, "the image has %llu chunks, and none is number %llu",
                       (unsigned long long) index->count, (unsigned long long) chunk);
    }
    if (stored.len != sv_image_stored_bytes(index, chunk)) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "chunk %llu came with %zu bytes instead of %u",
                       (unsigned long long) chunk, stored.len, sv_image_stored_bytes(index, chunk));
    }
    sv_merkle_leaf(index->leaf, stored, leaf);
    if (memcmp(leaf, entry(index, chunk) + 4, sizeof leaf) != 0) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "chunk %llu is not what the release engineer signed",
                       (unsigned long long) chunk);
    }
    return SV_OK;
}
