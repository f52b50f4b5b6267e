#include <base/mem.h>
#include <codec/expand.h>
#include <string.h>
#include <zstd.h>

enum { PIECE_BYTES = 32 * 1024 };

struct sv_expander {
    ZSTD_DCtx *ctx;
    size_t left; ///< 0: a frame has just ended
    char piece[PIECE_BYTES];
};

sv_expander *sv_expander_new(void) {
    sv_expander *expander = sv_mem_new(sizeof *expander);
    expander->ctx = ZSTD_createDCtx();
    expander->left = 1;
    if (expander->ctx != NULL) {
        (void) ZSTD_DCtx_setParameter(expander->ctx, ZSTD_d_windowLogMax, SV_EXPAND_WINDOW_LOG_MAX);
    }
    return expander;
}

void sv_expander_drop(sv_expander **expander) {
    if (*expander != NULL) {
        (void) ZSTD_freeDCtx((*expander)->ctx);
        sv_mem_drop(expander);
    }
}

bool sv_expander_is_for(sv_text begin) {
    return sv_text_starts(begin, SV_TEXT("\x28\xb5\x2f\xfd"));
}

sv_err sv_expander_push(sv_expander *expander, sv_text packed, sv_expander_take *take, void *arg,
                        sv_why *why) {
    ZSTD_inBuffer in = { .src = packed.at, .size = packed.len };
    bool full = true; // more may come without more input
    if (expander->ctx == NULL) {
        return sv_fail(why, SV_ERR_NO_SPACE, "no memory for zstd");
    }
    while (in.pos < in.size || full) {
        ZSTD_outBuffer room = { .dst = expander->piece, .size = sizeof expander->piece };
        if (in.pos == in.size && expander->left == 0) {
            return SV_OK;
        }
        expander->left = ZSTD_decompressStream(expander->ctx, &room, &in);
        if (ZSTD_isError(expander->left)) {
            return sv_fail(why, SV_ERR_INVALID, "a zstd frame is broken: %s",
                           ZSTD_getErrorName(expander->left));
        }
        full = room.pos == room.size;
        if (room.pos > 0) {
            SV_TRY(take(arg, (sv_text){ .at = expander->piece, .len = room.pos }, why));
        }
    }
    return SV_OK;
}

sv_err sv_expander_end(const sv_expander *expander, sv_why *why) {
    return expander->left == 0 ? SV_OK
                               : sv_fail(why, SV_ERR_INVALID, "the last zstd frame ends too early");
}
