// zstd frames (RFC 8878) of pieces whose size is known on both sides, by contexts that are kept: an
// image is thousands of such frames. A frame may lean on bytes before it that both sides have, the
// prefix. For bodies that travel whole: compress.h.
#ifndef SV_CODEC_FRAME_H
#define SV_CODEC_FRAME_H

#include <base/err.h>
#include <base/text.h>

enum {
    SV_FRAME_BYTES_MAX = 64 * 1024, ///< in a frame
    SV_FRAME_ROOM =
        SV_FRAME_BYTES_MAX + 288, ///< what a frame of that much takes (ZSTD_compressBound)
    SV_FRAME_PREFIX_MAX = 1024 * 1024,
};

typedef struct sv_packer sv_packer;
typedef struct sv_unpacker sv_unpacker;

/// `level` as zstd has them, 1 to 19.
SV_NOT_NULL sv_packer *sv_packer_new(int level);
void sv_packer_drop(sv_packer **packer);
/// One frame; gives its bytes, at most SV_FRAME_ROOM. The same bytes for the same input.
size_t sv_packer_pack(sv_packer *packer, sv_text plain, sv_text prefix, uint8_t out[SV_FRAME_ROOM]);

SV_NOT_NULL sv_unpacker *sv_unpacker_new(void);
void sv_unpacker_drop(sv_unpacker **unpacker);
/// Exactly `bytes` of exactly one frame; nothing is written behind them, whatever the frame says.
/// SV_ERR_INVALID when it is not one frame, is broken, or holds more or fewer bytes.
sv_err sv_unpacker_unpack(sv_unpacker *unpacker, sv_text packed, sv_text prefix, uint8_t *out,
                          size_t bytes, sv_why *why);

#endif
