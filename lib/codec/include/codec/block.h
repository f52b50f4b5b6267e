// A block: up to SV_BLOCK_SAMPLES_MAX samples of one stream as few bytes, exactly: every
// microsecond and every bit of every value comes back. One column of values is what a sensor said;
// four are what minutes keep of it (count, min, mean, max). It knows bytes and numbers and nothing
// of streams or files.
//
// How: machine readings are decimals of few digits (71.26), so a column becomes whole numbers of
// its smallest digit; one that is none becomes the bit patterns of its doubles in their order,
// without the trailing zeroes they share. Times are whole numbers of microseconds, milliseconds or
// seconds. Whole numbers are predicted (from a straight line, the one before, or the step before,
// whatever is cheapest) and what is left over is written in Golomb-Rice code, in about as many bits
// as it has. Nothing left over takes no bits.
//
//   version, columns, count, first, last − first
//   for each column: its scale, min, max − min, sum
//   unit of the times; for them and for each column: predictor and code, base, slope, bits
#ifndef SV_CODEC_BLOCK_H
#define SV_CODEC_BLOCK_H

#include <base/err.h>
#include <base/text.h>

enum {
    SV_BLOCK_SAMPLES_MAX = 1024,
    SV_BLOCK_COLUMNS_MAX = 4,
    SV_BLOCK_DIGITS_MAX = 9, ///< digits after the point; what has more is kept as bits
    SV_BLOCK_VERSION = 1,
    SV_BLOCK_BYTES_MAX = 64 + SV_BLOCK_COLUMNS_MAX * 64 ///< of any block
                         + (SV_BLOCK_COLUMNS_MAX + 1) * SV_BLOCK_SAMPLES_MAX * 11,
};

/// Samples in the order they came in; times may go back.
typedef struct sv_block {
    size_t count, columns;
    int64_t at_us[SV_BLOCK_SAMPLES_MAX];
    double values[SV_BLOCK_COLUMNS_MAX][SV_BLOCK_SAMPLES_MAX];
} sv_block;

/// What the head of a block says, true of its samples.
typedef struct sv_block_info {
    size_t count, columns;
    int64_t first_us, last_us; ///< the smallest and the largest time
    struct {
        double min, max, sum;
        int digits; ///< after the point; -1: no decimals
    } column[SV_BLOCK_COLUMNS_MAX];
} sv_block_info;

/// Appends the block. SV_ERR_INVALID when it is empty or a value is not finite, SV_ERR_NO_SPACE
/// when `out` does not take it.
sv_err sv_block_pack(const sv_block *block, sv_textbuf *out);
/// The head alone: what decimation and retention ask for.
sv_err sv_block_peek(sv_text bytes, sv_block_info *out, sv_why *why);
/// One whole block. SV_ERR_INVALID for anything that sv_block_pack would not have written in
/// meaning: cut, followed by something, or with a head that is not true; `out` is undefined then.
sv_err sv_block_unpack(sv_text bytes, sv_block *out, sv_why *why);

#endif
