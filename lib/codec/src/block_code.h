// Whole numbers as bytes: varints, and a list of them predicted and Golomb-Rice coded. All
// arithmetic wraps around, so that every int64 comes back.
#ifndef SV_CODEC_BLOCK_CODE_H
#define SV_CODEC_BLOCK_CODE_H

#include <base/err.h>
#include <base/text.h>

/// Small numbers of either sign as small numbers.
static inline uint64_t sv_zigzag(uint64_t x) {
    return x << 1 ^ (0 - (x >> 63));
}

static inline uint64_t sv_unzigzag(uint64_t u) {
    return u >> 1 ^ (0 - (u & 1));
}

void sv_put_varint(sv_textbuf *out, uint64_t value);
/// SV_ERR_INVALID when it is cut, too long, or longer than it need be.
sv_err sv_take_varint(sv_text *rest, uint64_t *out);
sv_err sv_take_byte(sv_text *rest, unsigned *out);

/// `near` is a number close to the first one that the reader knows as well.
void sv_put_numbers(sv_textbuf *out, const int64_t *x, size_t count, int64_t near);
sv_err sv_take_numbers(sv_text *rest, int64_t *x, size_t count, int64_t near);

#endif
