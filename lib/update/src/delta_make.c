#include "delta_make.h"
#include <base/little.h>
#include <base/mem.h>
#include <stdlib.h>
#include <string.h>

enum { PLACES_MAX = 4 }; ///< that a whole chunk is looked for at

struct sv_delta_maker {
    sv_image_bytes old;
    sv_packer *packer;
    sv_delta_finder *finder;
    uint8_t prefix[SV_IMAGE_PREFIX_MAX];
    uint8_t room[SV_DELTA_ROOM];
};

sv_err sv_delta_maker_new(const sv_image_bytes *old, sv_packer *packer, sv_delta_maker **out,
                          sv_why *why) {
    SV_DEFER(sv_delta_maker_drop) sv_delta_maker *maker = sv_mem_new(sizeof *maker);
    maker->old = *old;
    maker->packer = packer;
    SV_TRY(sv_delta_finder_new(old, &maker->finder, why));
    *out = maker;
    maker = NULL;
    return SV_OK;
}

void sv_delta_maker_drop(sv_delta_maker **maker) {
    if (*maker != NULL) {
        sv_delta_finder_drop(&(*maker)->finder);
        free(*maker);
        *maker = NULL;
    }
}

/// Does the old image have the whole chunk there?
static sv_err is_there(sv_delta_maker *maker, uint64_t at, sv_text chunk, bool *out, sv_why *why) {
    *out = false;
    if (chunk.len > maker->old.length || at > maker->old.length - chunk.len) {
        return SV_OK;
    }
    SV_TRY(maker->old.read(maker->old.arg, at, maker->prefix, chunk.len, why));
    *out = memcmp(maker->prefix, chunk.at, chunk.len) == 0;
    return SV_OK;
}

/// Where the chunk would begin in the old image if all of it had moved as this block has.
static bool place_of(const sv_delta_match *match, uint64_t *out) {
    *out = match->old_at - match->chunk_at;
    return match->old_at >= match->chunk_at;
}

static sv_err find_whole(sv_delta_maker *maker, sv_text chunk, const sv_delta_match *matches,
                         size_t count, uint64_t *place, bool *out, sv_why *why) {
    uint64_t tried[PLACES_MAX];
    size_t tries = 0;
    *out = false;
    for (size_t i = 0; i < count && tries < PLACES_MAX && !*out; i++) {
        bool again = !place_of(&matches[i], place);
        for (size_t k = 0; k < tries; k++) {
            again = again || tried[k] == *place;
        }
        if (!again) {
            tried[tries++] = *place;
            SV_TRY(is_there(maker, *place, chunk, out, why));
        }
    }
    return SV_OK;
}

/// The stretch of the old image, no longer than a prefix may be with its margins, that begins with
/// a found block and holds most of them. Without any: where the chunk lies itself.
static sv_image_range stretch_of(const sv_delta_match *matches, size_t count, uint64_t at,
                                 size_t chunk_bytes) {
    const uint64_t longest = SV_IMAGE_PREFIX_MAX - 2 * SV_DELTA_MARGIN_BYTES;
    sv_image_range best = { .at = at, .bytes = chunk_bytes };
    size_t most = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t first = matches[i].old_at;
        uint64_t end = first;
        size_t inside = 0;
        for (size_t k = 0; k < count; k++) {
            uint64_t block_end = matches[k].old_at + SV_DELTA_BLOCK_BYTES;
            if (matches[k].old_at >= first && block_end - first <= longest) {
                inside++;
                end = block_end > end ? block_end : end;
            }
        }
        if (inside > most) {
            most = inside;
            best = (sv_image_range){ .at = first, .bytes = end - first };
        }
    }
    return best;
}

/// With margins, and inside the old image.
static sv_image_range widened(sv_image_range stretch, uint64_t old_bytes) {
    uint64_t from = stretch.at > SV_DELTA_MARGIN_BYTES ? stretch.at - SV_DELTA_MARGIN_BYTES : 0;
    uint64_t end = stretch.at + stretch.bytes + SV_DELTA_MARGIN_BYTES;
    end = end < old_bytes ? end : old_bytes;
    return (sv_image_range){ .at = from, .bytes = end > from ? end - from : 0 };
}

static size_t pack(sv_delta_maker *maker, sv_text chunk, uint8_t out[SV_DELTA_ROOM]) {
    out[0] = SV_DELTA_PACK;
    return 1 + sv_packer_pack(maker->packer, chunk, (sv_text){ 0 }, out + 1);
}

static sv_err lean(sv_delta_maker *maker, sv_text chunk, sv_image_range on,
                   uint8_t out[SV_DELTA_ROOM], size_t *bytes, sv_why *why) {
    SV_TRY(maker->old.read(maker->old.arg, on.at, maker->prefix, (size_t) on.bytes, why));
    sv_text prefix = { .at = (const char *) maker->prefix, .len = (size_t) on.bytes };
    out[0] = SV_DELTA_LEAN;
    sv_little_put(on.at, 8, (char *) out + 1);
    sv_little_put(on.bytes, 4, (char *) out + 9);
    *bytes = SV_DELTA_LEAN_BYTES
             + sv_packer_pack(maker->packer, chunk, prefix, out + SV_DELTA_LEAN_BYTES);
    return SV_OK;
}

static void copy(uint64_t place, uint8_t out[SV_DELTA_ROOM], size_t *bytes) {
    out[0] = SV_DELTA_COPY;
    sv_little_put(place, 8, (char *) out + 1);
    *bytes = SV_DELTA_COPY_BYTES;
}

sv_err sv_delta_make(sv_delta_maker *maker, uint64_t at, sv_text chunk, uint8_t out[SV_DELTA_ROOM],
                     size_t *bytes, sv_why *why) {
    sv_delta_match matches[SV_DELTA_MATCHES_MAX];
    size_t count = 0;
    uint64_t place = at;
    bool whole = false;
    SV_TRY(is_there(maker, at, chunk, &whole, why));
    if (!whole) {
        SV_TRY(sv_delta_find(maker->finder, chunk, matches, &count, why));
        SV_TRY(find_whole(maker, chunk, matches, count, &place, &whole, why));
    }
    if (whole) {
        copy(place, out, bytes);
        return SV_OK;
    }
    *bytes = pack(maker, chunk, out);
    sv_image_range on = widened(stretch_of(matches, count, at, chunk.len), maker->old.length);
    if (on.bytes > 0) {
        size_t leaning = 0;
        SV_TRY(lean(maker, chunk, on, maker->room, &leaning, why));
        if (leaning < *bytes) {
            memcpy(out, maker->room, leaning);
            *bytes = leaning;
        }
    }
    return SV_OK;
}
