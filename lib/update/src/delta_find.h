// Where in an old image the bytes of a new chunk may be: blocks of 4 KiB of the old image are known
// by a hash that rolls over the new one, so that what has moved is found wherever it went to.
//
// The table has room for 2^20 blocks, 16 MiB, whatever the size of the image: of an old image
// above 4 GiB every second, fourth… block is known.
#ifndef SV_UPDATE_DELTA_FIND_H
#define SV_UPDATE_DELTA_FIND_H

#include <update/image.h>

enum {
    SV_DELTA_BLOCK_BYTES = 4096,
    SV_DELTA_BLOCKS_MAX = 1 << 20,
    SV_DELTA_MATCHES_MAX = SV_CHUNK_BYTES / SV_DELTA_BLOCK_BYTES,
};

typedef struct sv_delta_finder sv_delta_finder;

/// Reads the whole old image once.
sv_err sv_delta_finder_new(const sv_image_bytes *old, sv_delta_finder **out, sv_why *why);
void sv_delta_finder_drop(sv_delta_finder **finder);

/// A block of a chunk that the old image has.
typedef struct sv_delta_match {
    uint64_t old_at;
    uint32_t chunk_at;
} sv_delta_match;

/// Those of `chunk` that do not overlap, from the left; gives how many. Equal bytes, not only equal
/// hashes.
sv_err sv_delta_find(sv_delta_finder *finder, sv_text chunk,
                     sv_delta_match out[SV_DELTA_MATCHES_MAX], size_t *count, sv_why *why);

/// How many blocks a table for so many bytes steps over for each one that it knows, plus one.
uint64_t sv_delta_stride(uint64_t old_bytes);

#endif
