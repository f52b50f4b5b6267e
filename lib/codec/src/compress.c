#include <base/mem.h>
#include <codec/compress.h>
#include <stdlib.h>
#include <zstd.h>

enum { PIECE_BYTES = 16 * 1024 };

sv_err sv_compress(sv_text plain, sv_textbuf *out) {
    size_t bound = ZSTD_compressBound(plain.len);
    ZSTD_CCtx *ctx = ZSTD_createCCtx();
    SV_DEFER(sv_mem_drop) char *room = sv_mem_new(bound);
    size_t len = ZSTD_CONTENTSIZE_ERROR;
    if (ctx != NULL) {
        (void) ZSTD_CCtx_setParameter(ctx, ZSTD_c_compressionLevel, SV_COMPRESS_LEVEL);
        (void) ZSTD_CCtx_setParameter(ctx, ZSTD_c_windowLog, SV_COMPRESS_WINDOW_LOG);
        len = ZSTD_compress2(ctx, room, bound, plain.len == 0 ? "" : plain.at, plain.len);
    }
    (void) ZSTD_freeCCtx(ctx);
    if (ZSTD_isError(len)) {
        return SV_ERR_NO_SPACE;
    }
    sv_textbuf_add(out, (sv_text){ .at = room, .len = len });
    return out->overflowed ? SV_ERR_NO_SPACE : SV_OK;
}

/// Piece by piece, so that nothing is believed about the size.
static sv_err expand_with(ZSTD_DCtx *ctx, sv_text packed, sv_textbuf *out, sv_why *why) {
    char piece[PIECE_BYTES];
    ZSTD_inBuffer in = { .src = packed.at, .size = packed.len };
    size_t left = 1;
    while (left != 0) {
        ZSTD_outBuffer room = { .dst = piece, .size = sizeof piece };
        left = ZSTD_decompressStream(ctx, &room, &in);
        if (ZSTD_isError(left)) {
            return sv_fail(why, SV_ERR_INVALID, "the zstd frame is broken: %s",
                           ZSTD_getErrorName(left));
        }
        sv_textbuf_add(out, (sv_text){ .at = piece, .len = room.pos });
        if (out->overflowed) {
            return sv_fail(why, SV_ERR_NO_SPACE, "the zstd frame holds more than %zu bytes",
                           out->cap_max == 0 ? out->cap : out->cap_max);
        }
        if (left != 0 && in.pos == in.size && room.pos < room.size) {
            return sv_fail(why, SV_ERR_INVALID, "the zstd frame ends too early");
        }
    }
    return in.pos == in.size
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID, "%zu bytes follow the zstd frame", in.size - in.pos);
}

sv_err sv_expand(sv_text packed, sv_textbuf *out, sv_why *why) {
    ZSTD_DCtx *ctx = ZSTD_createDCtx();
    if (ctx == NULL) {
        return sv_fail(why, SV_ERR_NO_SPACE, "no memory for zstd");
    }
    (void) ZSTD_DCtx_setParameter(ctx, ZSTD_d_windowLogMax, SV_COMPRESS_WINDOW_LOG_MAX);
    sv_err err = expand_with(ctx, packed, out, why);
    (void) ZSTD_freeDCtx(ctx);
    return err;
}
