#include "delta_find.h"
#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

// The hash of a block is the number that its bytes are in this base, on 64 bits; leaving the first
// byte and taking one more is two multiplications.
#define BASE UINT64_C(0x9e3779b97f4a7c15)

enum { SLOT_BITS = 21, SLOTS = 1 << SLOT_BITS, PROBES_MAX = 64 };

typedef struct slot {
    uint32_t mark;  ///< of the hash
    uint32_t block; ///< from 1, in strides; 0: free
} slot;

struct sv_delta_finder {
    sv_image_bytes old;
    uint64_t stride;  ///< blocks
    uint64_t leaving; ///< BASE^4095: what the first byte of a block counts
    slot *slots;
};

uint64_t sv_delta_stride(uint64_t old_bytes) {
    uint64_t stride = 1;
    while (old_bytes / SV_DELTA_BLOCK_BYTES / stride > SV_DELTA_BLOCKS_MAX) {
        stride *= 2;
    }
    return stride;
}

static uint64_t hash_of(const uint8_t *block) {
    uint64_t hash = 0;
    for (size_t i = 0; i < SV_DELTA_BLOCK_BYTES; i++) {
        hash = hash * BASE + block[i] + 1;
    }
    return hash;
}

/// A block of one byte over and over is everywhere, and leads nowhere.
static bool is_flat(const uint8_t *block) {
    return memcmp(block, block + 1, SV_DELTA_BLOCK_BYTES - 1) == 0;
}

/// The low bits of such a hash know the low bits of the bytes alone.
static uint64_t stir(uint64_t hash) {
    hash ^= hash >> 32;
    hash *= UINT64_C(0xd6e8feb86659fd93);
    return hash ^ hash >> 32;
}

static uint32_t mark_of(uint64_t stirred) {
    return (uint32_t) (stirred >> 32);
}

static size_t first_of(uint64_t stirred) {
    return (size_t) (stirred & (SLOTS - 1));
}

/// Of equal blocks the first is kept.
static void know(sv_delta_finder *finder, const uint8_t *block, uint32_t number) {
    uint64_t stirred = stir(hash_of(block));
    if (is_flat(block)) {
        return;
    }
    for (size_t i = 0; i < PROBES_MAX; i++) {
        slot *at = &finder->slots[(first_of(stirred) + i) % SLOTS];
        if (at->block == 0) {
            *at = (slot){ .mark = mark_of(stirred), .block = number };
            return;
        }
        if (at->mark == mark_of(stirred)) {
            return;
        }
    }
}

sv_err sv_delta_finder_new(const sv_image_bytes *old, sv_delta_finder **out, sv_why *why) {
    SV_DEFER(sv_delta_finder_drop) sv_delta_finder *finder = sv_mem_new(sizeof *finder);
    uint8_t block[SV_DELTA_BLOCK_BYTES];
    finder->old = *old;
    finder->stride = sv_delta_stride(old->length);
    finder->slots = sv_mem_array(SLOTS, sizeof *finder->slots);
    finder->leaving = 1;
    for (size_t i = 1; i < SV_DELTA_BLOCK_BYTES; i++) {
        finder->leaving *= BASE;
    }
    uint64_t step = finder->stride * SV_DELTA_BLOCK_BYTES;
    uint32_t number = 1;
    for (uint64_t at = 0; at + SV_DELTA_BLOCK_BYTES <= old->length; at += step, number++) {
        SV_TRY(old->read(old->arg, at, block, sizeof block, why));
        know(finder, block, number);
    }
    *out = finder;
    finder = NULL;
    return SV_OK;
}

void sv_delta_finder_drop(sv_delta_finder **finder) {
    if (*finder != NULL) {
        free((*finder)->slots);
        free(*finder);
        *finder = NULL;
    }
}

/// Reads what the hash points at, and compares.
static sv_err look_up(sv_delta_finder *finder, const uint8_t *block, uint64_t hash, bool *found,
                      uint64_t *old_at, sv_why *why) {
    uint64_t stirred = stir(hash);
    *found = false;
    for (size_t i = 0; i < PROBES_MAX; i++) {
        const slot *at = &finder->slots[(first_of(stirred) + i) % SLOTS];
        if (at->block == 0) {
            return SV_OK;
        }
        if (at->mark == mark_of(stirred)) {
            uint8_t there[SV_DELTA_BLOCK_BYTES];
            *old_at = (at->block - 1) * finder->stride * SV_DELTA_BLOCK_BYTES;
            SV_TRY(finder->old.read(finder->old.arg, *old_at, there, sizeof there, why));
            *found = memcmp(there, block, sizeof there) == 0;
            return SV_OK;
        }
    }
    return SV_OK;
}

sv_err sv_delta_find(sv_delta_finder *finder, sv_text chunk,
                     sv_delta_match out[SV_DELTA_MATCHES_MAX], size_t *count, sv_why *why) {
    const uint8_t *bytes = (const uint8_t *) chunk.at;
    bool fresh = true; // the hash has to be made anew
    uint64_t hash = 0;
    *count = 0;
    for (size_t at = 0; at + SV_DELTA_BLOCK_BYTES <= chunk.len;) {
        const uint8_t *block = bytes + at;
        bool found = false;
        uint64_t old_at = 0;
        hash = fresh ? hash_of(block)
                     : (hash - finder->leaving * (block[-1] + UINT64_C(1))) * BASE
                           + block[SV_DELTA_BLOCK_BYTES - 1] + 1;
        SV_TRY(look_up(finder, block, hash, &found, &old_at, why));
        if (found) {
            out[(*count)++] = (sv_delta_match){ .old_at = old_at, .chunk_at = (uint32_t) at };
        }
        fresh = found;
        at += found ? SV_DELTA_BLOCK_BYTES : 1;
    }
    return SV_OK;
}
