// The index of an encoding, as a gateway reads it: how long each stored chunk is, and its hash
// (docs/spec/image.md). Whether it is the right index is for the device to judge, by the metadata
// that it trusts; here it is what chunks are held against. A file that is no image of ours gets one
// from the gateway. Pure.
#ifndef SELVEDGE_GATEWAY_CACHE_INDEX_H
#define SELVEDGE_GATEWAY_CACHE_INDEX_H

#include <base/err.h>
#include <base/text.h>
#include <crypto/digest.h>
#include <stdint.h>

enum {
    GW_CACHE_STORED_MAX = 64 * 1024 + 512, ///< bytes of a stored chunk
    GW_CACHE_INDEX_MAX = 8 * 1024 * 1024,  ///< of an index; images are at most 14 GiB then
    GW_CACHE_HASH_BYTES = 32,
};

typedef struct gw_cache_index {
    uint8_t *bytes; ///< as it is handed on
    size_t len;
    uint64_t count;  ///< of chunks
    uint64_t length; ///< of all of them
    uint64_t *at;    ///< where each begins, and where the last one ends
} gw_cache_index;

/// SV_ERR_INVALID, with what is wrong, for anything but a whole index. `bytes` are copied.
sv_err gw_cache_index_read(sv_text bytes, gw_cache_index *out, sv_why *why);
/// Of a file of `length` bytes (one at least), in chunks of `chunk_bytes`, whose hashes are not
/// known yet. SV_ERR_NO_SPACE when it would be too long.
sv_err gw_cache_index_make(uint64_t length, uint32_t chunk_bytes, gw_cache_index *out);
void gw_cache_index_drop(gw_cache_index *index);

/// The chunk that the byte `at` < length is in.
uint64_t gw_cache_index_chunk(const gw_cache_index *index, uint64_t at);
uint32_t gw_cache_index_bytes(const gw_cache_index *index, uint64_t chunk);
/// Are these the bytes of that chunk? `digest` is anyone's.
bool gw_cache_index_judges(const gw_cache_index *index, uint64_t chunk, sv_text bytes,
                           sv_digest *digest);
/// They are, whatever they are.
void gw_cache_index_set(gw_cache_index *index, uint64_t chunk, sv_text bytes, sv_digest *digest);

#endif
