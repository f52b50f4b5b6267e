#include "cache_index.h"

#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

enum { HEAD = 16, ENTRY = 4 + GW_CACHE_HASH_BYTES, FORMAT = 1 };

static const char MAGIC[4] = { 'S', 'v', 'I', 'x' };

static uint64_t get(const uint8_t *at, size_t bytes) {
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++) {
        value |= (uint64_t) at[i] << (8 * i);
    }
    return value;
}

static void put(uint8_t *at, size_t bytes, uint64_t value) {
    for (size_t i = 0; i < bytes; i++) {
        at[i] = (uint8_t) (value >> (8 * i));
    }
}

static uint8_t *entry(const gw_cache_index *index, uint64_t chunk) {
    return index->bytes + HEAD + chunk * ENTRY;
}

/// Where each chunk begins; false when a length cannot be.
static bool add_up(gw_cache_index *index) {
    index->at = sv_mem_array(index->count + 1, sizeof *index->at);
    for (uint64_t i = 0; i < index->count; i++) {
        uint64_t bytes = get(entry(index, i), 4);
        if (bytes == 0 || bytes > GW_CACHE_STORED_MAX) {
            return false;
        }
        index->at[i + 1] = index->at[i] + bytes;
    }
    index->length = index->at[index->count];
    return true;
}

sv_err gw_cache_index_read(sv_text bytes, gw_cache_index *out, sv_why *why) {
    const uint8_t *at = (const uint8_t *) bytes.at;
    if (bytes.len < HEAD + ENTRY || bytes.len > GW_CACHE_INDEX_MAX
        || memcmp(at, MAGIC, sizeof MAGIC) != 0 || get(at + 4, 4) != FORMAT) {
        return sv_fail(why, SV_ERR_INVALID, "%zu bytes are no index of format %d", bytes.len,
                       FORMAT);
    }
    uint64_t count = get(at + 8, 8);
    if (count != (bytes.len - HEAD) / ENTRY || (bytes.len - HEAD) % ENTRY != 0) {
        return sv_fail(why, SV_ERR_INVALID, "an index of %llu chunks has not %zu bytes",
                       (unsigned long long) count, bytes.len);
    }
    gw_cache_index index = { .bytes = sv_mem_new(bytes.len), .len = bytes.len, .count = count };
    memcpy(index.bytes, bytes.at, bytes.len);
    if (!add_up(&index)) {
        gw_cache_index_drop(&index);
        return sv_fail(why, SV_ERR_INVALID, "an index has a chunk of none or more than %d bytes",
                       GW_CACHE_STORED_MAX);
    }
    *out = index;
    return SV_OK;
}

sv_err gw_cache_index_make(uint64_t length, uint32_t chunk_bytes, gw_cache_index *out) {
    uint64_t count = length / chunk_bytes + (length % chunk_bytes > 0);
    if (count == 0 || count > (GW_CACHE_INDEX_MAX - HEAD) / ENTRY) {
        return SV_ERR_NO_SPACE;
    }
    gw_cache_index index = { .count = count, .len = HEAD + count * ENTRY };
    index.bytes = sv_mem_new(index.len);
    memcpy(index.bytes, MAGIC, sizeof MAGIC);
    put(index.bytes + 4, 4, FORMAT);
    put(index.bytes + 8, 8, count);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t left = length - i * chunk_bytes;
        put(entry(&index, i), 4, left < chunk_bytes ? left : chunk_bytes);
    }
    (void) add_up(&index);
    *out = index;
    return SV_OK;
}

void gw_cache_index_drop(gw_cache_index *index) {
    free(index->bytes);
    free(index->at);
    *index = (gw_cache_index){ 0 };
}

uint64_t gw_cache_index_chunk(const gw_cache_index *index, uint64_t at) {
    uint64_t low = 0;
    uint64_t high = index->count;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (index->at[middle] <= at) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

uint32_t gw_cache_index_bytes(const gw_cache_index *index, uint64_t chunk) {
    return (uint32_t) (index->at[chunk + 1] - index->at[chunk]);
}

/// A leaf of the Merkle tree. [image-5]
static void leaf(sv_text bytes, sv_digest *digest, uint8_t out[GW_CACHE_HASH_BYTES]) {
    sv_digest_add(digest, (sv_text){ .at = "\0", .len = 1 });
    sv_digest_add(digest, bytes);
    sv_digest_end(digest, out);
}

bool gw_cache_index_judges(const gw_cache_index *index, uint64_t chunk, sv_text bytes,
                           sv_digest *digest) {
    uint8_t hash[GW_CACHE_HASH_BYTES];
    if (bytes.len != gw_cache_index_bytes(index, chunk)) {
        return false;
    }
    leaf(bytes, digest, hash);
    return memcmp(hash, entry(index, chunk) + 4, sizeof hash) == 0;
}

void gw_cache_index_set(gw_cache_index *index, uint64_t chunk, sv_text bytes, sv_digest *digest) {
    leaf(bytes, digest, entry(index, chunk) + 4);
}
