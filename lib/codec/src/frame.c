#include <assert.h>
#include <base/mem.h>
#include <codec/frame.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

_Static_assert(ZSTD_COMPRESSBOUND(SV_FRAME_BYTES_MAX) <= SV_FRAME_ROOM, "a frame does not fit");

struct sv_packer {
    ZSTD_CCtx *ctx;
};

struct sv_unpacker {
    ZSTD_DCtx *ctx;
};

/// What fails here fails for want of memory alone.
static size_t must(size_t result) {
    if (ZSTD_isError(result)) {
        abort();
    }
    return result;
}

sv_packer *sv_packer_new(int level) {
    sv_packer *packer = sv_mem_new(sizeof *packer);
    packer->ctx = ZSTD_createCCtx();
    if (packer->ctx == NULL) {
        abort();
    }
    (void) must(ZSTD_CCtx_setParameter(packer->ctx, ZSTD_c_compressionLevel, level));
    return packer;
}

void sv_packer_drop(sv_packer **packer) {
    if (*packer != NULL) {
        (void) ZSTD_freeCCtx((*packer)->ctx);
        free(*packer);
        *packer = NULL;
    }
}

size_t sv_packer_pack(sv_packer *packer, sv_text plain, sv_text prefix,
                      uint8_t out[SV_FRAME_ROOM]) {
    assert(plain.len <= SV_FRAME_BYTES_MAX && prefix.len <= SV_FRAME_PREFIX_MAX);
    (void) must(ZSTD_CCtx_refPrefix(packer->ctx, prefix.at, prefix.len)); // for one frame
    return must(ZSTD_compress2(packer->ctx, out, SV_FRAME_ROOM, plain.at, plain.len));
}

sv_unpacker *sv_unpacker_new(void) {
    sv_unpacker *unpacker = sv_mem_new(sizeof *unpacker);
    unpacker->ctx = ZSTD_createDCtx();
    if (unpacker->ctx == NULL) {
        abort();
    }
    return unpacker;
}

void sv_unpacker_drop(sv_unpacker **unpacker) {
    if (*unpacker != NULL) {
        (void) ZSTD_freeDCtx((*unpacker)->ctx);
        free(*unpacker);
        *unpacker = NULL;
    }
}

/// The library may know how to read the formats of before 2016, and skips what is marked so.
static bool is_of_today(sv_text packed) {
    static const char MAGIC[] = { 0x28, (char) 0xb5, 0x2f, (char) 0xfd };
    return packed.len >= sizeof MAGIC && memcmp(packed.at, MAGIC, sizeof MAGIC) == 0;
}

sv_err sv_unpacker_unpack(sv_unpacker *unpacker, sv_text packed, sv_text prefix, uint8_t *out,
                          size_t bytes, sv_why *why) {
    if (!is_of_today(packed) || ZSTD_findFrameCompressedSize(packed.at, packed.len) != packed.len) {
        return sv_fail(why, SV_ERR_INVALID, "its %zu bytes are not one zstd frame", packed.len);
    }
    (void) must(ZSTD_DCtx_refPrefix(unpacker->ctx, prefix.at, prefix.len)); // for one frame
    size_t got = ZSTD_decompressDCtx(unpacker->ctx, out, bytes, packed.at, packed.len);
    if (ZSTD_isError(got)) {
        bool more = ZSTD_getErrorCode(got) == ZSTD_error_dstSize_tooSmall;
        return more ? sv_fail(why, SV_ERR_INVALID,
                              "its zstd frame holds more than the %zu bytes "
                              "that belong here",
                              bytes)
                    : sv_fail(why, SV_ERR_INVALID, "its zstd frame is broken: %s",
                              ZSTD_getErrorName(got));
    }
    return got == bytes ? SV_OK
                        : sv_fail(why, SV_ERR_INVALID,
                                  "its zstd frame holds %zu bytes instead of %zu", got, bytes);
}
