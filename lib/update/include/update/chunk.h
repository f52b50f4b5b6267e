// How an image of 1 to 2^40 bytes falls into chunks, and how large what is stored of one may be.
// All of it is arithmetic on 64 bits.
#ifndef SV_UPDATE_CHUNK_H
#define SV_UPDATE_CHUNK_H

#include <update/target.h>

enum {
    SV_CHUNK_BYTES = 64 * 1024, ///< of the image; the last one is shorter
    SV_CHUNK_TAG_BYTES = 16,    ///< behind each chunk of a sealed image
    /// What zstd may add to 64 KiB (ZSTD_compressBound), a delta's method and place, the tag.
    SV_CHUNK_STORED_MAX = SV_CHUNK_BYTES + 512,
};

/// Chunks of an image.
uint64_t sv_chunk_count(uint64_t image_bytes);
/// Bytes of the image that are in chunk `index`, which it has.
uint32_t sv_chunk_bytes(uint64_t image_bytes, uint64_t index);
/// Could an encoding of such an image have that many bytes?
bool sv_chunk_sum_is_possible(const sv_target *target, const sv_encoding *encoding);

#endif
