// A chunk of a delta: one byte that says how, and what that takes. [image-10]
#ifndef SV_UPDATE_IMAGE_DELTA_H
#define SV_UPDATE_IMAGE_DELTA_H

#include <codec/frame.h>
#include <update/image.h>

enum {
    SV_DELTA_COPY = 1, ///< u64 place in the old image: its bytes from there
    SV_DELTA_PACK = 2, ///< a zstd frame
    SV_DELTA_LEAN = 3, ///< u64 place, u32 length of the prefix in the old image, a zstd frame

    SV_DELTA_COPY_BYTES = 1 + 8,
    SV_DELTA_LEAN_BYTES = 1 + 8 + 4,
    SV_DELTA_ROOM = SV_DELTA_LEAN_BYTES + SV_FRAME_ROOM,
};

/// What the old image has at a place; `bytes` of it are inside.
typedef struct sv_delta_old {
    const sv_image_bytes *image;
    uint8_t *prefix; ///< SV_IMAGE_PREFIX_MAX
    sv_unpacker *unpacker;
} sv_delta_old;

/// Exactly `bytes` of the image from an opened chunk.
sv_err sv_delta_expand(const sv_delta_old *old, sv_text chunk, uint8_t *out, size_t bytes,
                       sv_why *why);

#endif
