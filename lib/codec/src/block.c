#include "block_code.h"

#include <codec/block.h>
#include <math.h>
#include <string.h>

#define WHOLE_MAX 1125899906842624.0 ///< 2^50: that many of them add up within an int64
#define SIGN (UINT64_C(1) << 63)

enum {
    BITS_SCALE = 0x80, ///< plus the zeroes at the end of every bit pattern
    UNIT_COUNT = 3,
};

static const uint64_t UNITS[UNIT_COUNT] = { 1, 1000, 1000000 }; ///< of times, microseconds

static const double TENS[SV_BLOCK_DIGITS_MAX + 1] = { 1e0, 1e1, 1e2, 1e3, 1e4,
                                                      1e5, 1e6, 1e7, 1e8, 1e9 };

/// A column as whole numbers, in the order of its values.
typedef struct column {
    unsigned scale; ///< digits after the point, or BITS_SCALE + zeroes
    int64_t min, max;
    int64_t sum_whole; ///< of decimals
    double sum;
    int64_t x[SV_BLOCK_SAMPLES_MAX];
} column;

static uint64_t bits_of(double value) {
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static double double_of(uint64_t bits) {
    double value = 0;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static bool is_whole_at(double value, unsigned digits) {
    double whole = rint(value * TENS[digits]);
    // Minus zero is no whole number.
    return fabs(whole) <= WHOLE_MAX
           && bits_of((double) (int64_t) whole / TENS[digits]) == bits_of(value);
}

/// A decimal of some digits is one of more digits as well, so one walk finds what all need.
static unsigned scale_of(const double *values, size_t count) {
    unsigned digits = 0;
    uint64_t any = 0;
    for (size_t i = 0; i < count; i++) {
        while (digits <= SV_BLOCK_DIGITS_MAX && !is_whole_at(values[i], digits)) {
            digits++;
        }
        any |= bits_of(values[i]);
    }
    for (size_t i = 0; i < count && digits <= SV_BLOCK_DIGITS_MAX; i++) {
        digits = is_whole_at(values[i], digits) ? digits : SV_BLOCK_DIGITS_MAX + 1;
    }
    if (digits <= SV_BLOCK_DIGITS_MAX) {
        return digits;
    }
    return BITS_SCALE + (unsigned) ((any & ~SIGN) == 0 ? 0 : __builtin_ctzll(any));
}

/// Minus zero comes right below zero.
static int64_t whole_of(double value, unsigned scale) {
    if (scale <= SV_BLOCK_DIGITS_MAX) {
        return (int64_t) rint(value * TENS[scale]);
    }
    uint64_t size = (bits_of(value) & ~SIGN) >> (scale - BITS_SCALE);
    return (int64_t) (signbit(value) ? ~size : size);
}

static double value_of(int64_t whole, unsigned scale) {
    if (scale <= SV_BLOCK_DIGITS_MAX) {
        return (double) whole / TENS[scale];
    }
    uint64_t size = (uint64_t) whole;
    return whole < 0 ? double_of(~size << (scale - BITS_SCALE) | SIGN)
                     : double_of(size << (scale - BITS_SCALE));
}

static void sum_up(column *c, const double *values, size_t count) {
    c->min = c->x[0];
    c->max = c->x[0];
    c->sum = 0;
    c->sum_whole = 0;
    for (size_t i = 0; i < count; i++) {
        c->min = c->x[i] < c->min ? c->x[i] : c->min;
        c->max = c->x[i] > c->max ? c->x[i] : c->max;
        c->sum += values[i];
        c->sum_whole += c->scale <= SV_BLOCK_DIGITS_MAX ? c->x[i] : 0;
    }
    c->sum = c->scale <= SV_BLOCK_DIGITS_MAX ? (double) c->sum_whole / TENS[c->scale] : c->sum;
}

static void put_column_head(sv_textbuf *out, const column *c) {
    sv_textbuf_add_char(out, (char) c->scale);
    sv_put_varint(out, sv_zigzag((uint64_t) c->min));
    sv_put_varint(out, (uint64_t) c->max - (uint64_t) c->min);
    sv_put_varint(out, c->scale <= SV_BLOCK_DIGITS_MAX ? sv_zigzag((uint64_t) c->sum_whole)
                                                       : bits_of(c->sum));
}

static void span_of(const sv_block *block, int64_t *first, int64_t *last) {
    *first = block->at_us[0];
    *last = block->at_us[0];
    for (size_t i = 1; i < block->count; i++) {
        *first = block->at_us[i] < *first ? block->at_us[i] : *first;
        *last = block->at_us[i] > *last ? block->at_us[i] : *last;
    }
}

/// The largest unit that all times are whole numbers of, counted from the first.
static unsigned unit_of(const sv_block *block, int64_t first) {
    unsigned unit = UNIT_COUNT - 1;
    for (size_t i = 0; i < block->count; i++) {
        while (((uint64_t) block->at_us[i] - (uint64_t) first) % UNITS[unit] != 0) {
            unit--;
        }
    }
    return unit;
}

static void put_times(sv_textbuf *out, const sv_block *block, int64_t first) {
    int64_t x[SV_BLOCK_SAMPLES_MAX];
    unsigned unit = unit_of(block, first);
    for (size_t i = 0; i < block->count; i++) {
        x[i] = (int64_t) (((uint64_t) block->at_us[i] - (uint64_t) first) / UNITS[unit]);
    }
    sv_textbuf_add_char(out, (char) unit);
    sv_put_numbers(out, x, block->count, 0);
}

static sv_err take_times(sv_text *rest, sv_block *out, int64_t first) {
    unsigned unit = 0;
    SV_TRY(sv_take_byte(rest, &unit));
    SV_TRY(sv_take_numbers(rest, out->at_us, out->count, 0));
    for (size_t i = 0; i < out->count && unit < UNIT_COUNT; i++) {
        uint64_t since = (uint64_t) out->at_us[i] * UNITS[unit];
        out->at_us[i] = (int64_t) ((uint64_t) first + since);
    }
    return unit < UNIT_COUNT ? SV_OK : SV_ERR_INVALID;
}

static bool is_packable(const sv_block *block) {
    bool good = block->count > 0 && block->count <= SV_BLOCK_SAMPLES_MAX && block->columns > 0
                && block->columns <= SV_BLOCK_COLUMNS_MAX;
    for (size_t c = 0; good && c < block->columns; c++) {
        for (size_t i = 0; good && i < block->count; i++) {
            good = isfinite(block->values[c][i]);
        }
    }
    return good;
}

static void read_column(const double *values, size_t count, column *c) {
    c->scale = scale_of(values, count);
    for (size_t i = 0; i < count; i++) {
        c->x[i] = whole_of(values[i], c->scale);
    }
    sum_up(c, values, count);
}

sv_err sv_block_pack(const sv_block *block, sv_textbuf *out) {
    if (!is_packable(block)) {
        return SV_ERR_INVALID;
    }
    column columns[SV_BLOCK_COLUMNS_MAX];
    int64_t first = 0;
    int64_t last = 0;
    span_of(block, &first, &last);
    sv_textbuf_add_char(out, SV_BLOCK_VERSION);
    sv_textbuf_add_char(out, (char) block->columns);
    sv_put_varint(out, block->count);
    sv_put_varint(out, sv_zigzag((uint64_t) first));
    sv_put_varint(out, (uint64_t) last - (uint64_t) first);
    for (size_t c = 0; c < block->columns; c++) {
        read_column(block->values[c], block->count, &columns[c]);
        put_column_head(out, &columns[c]);
    }
    put_times(out, block, first);
    for (size_t c = 0; c < block->columns; c++) {
        sv_put_numbers(out, columns[c].x, block->count, columns[c].min);
    }
    return out->overflowed ? SV_ERR_NO_SPACE : SV_OK;
}

/// The head as it is written: whole numbers.
typedef struct head {
    size_t count, columns;
    int64_t first, last;
    struct {
        unsigned scale;
        int64_t min, max;
        uint64_t sum; ///< as it is written
    } column[SV_BLOCK_COLUMNS_MAX];
} head;

static sv_err take_column_head(sv_text *rest, head *out, size_t index) {
    unsigned scale = 0;
    uint64_t min = 0;
    uint64_t span = 0;
    uint64_t sum = 0;
    SV_TRY(sv_take_byte(rest, &scale));
    SV_TRY(sv_take_varint(rest, &min));
    SV_TRY(sv_take_varint(rest, &span));
    SV_TRY(sv_take_varint(rest, &sum));
    min = sv_unzigzag(min);
    out->column[index].scale = scale;
    out->column[index].min = (int64_t) min;
    out->column[index].max = (int64_t) (min + span);
    out->column[index].sum = sum;
    bool fits = scale <= SV_BLOCK_DIGITS_MAX || (scale >= BITS_SCALE && scale < BITS_SCALE + 63);
    return fits ? SV_OK : SV_ERR_INVALID;
}

static sv_err take_head(sv_text *rest, head *out) {
    unsigned version = 0;
    unsigned columns = 0;
    uint64_t count = 0;
    uint64_t first = 0;
    uint64_t span = 0;
    SV_TRY(sv_take_byte(rest, &version));
    SV_TRY(sv_take_byte(rest, &columns));
    SV_TRY(sv_take_varint(rest, &count));
    SV_TRY(sv_take_varint(rest, &first));
    SV_TRY(sv_take_varint(rest, &span));
    if (version != SV_BLOCK_VERSION || columns == 0 || columns > SV_BLOCK_COLUMNS_MAX || count == 0
        || count > SV_BLOCK_SAMPLES_MAX) {
        return SV_ERR_INVALID;
    }
    out->count = count;
    out->columns = columns;
    out->first = (int64_t) sv_unzigzag(first);
    out->last = (int64_t) (sv_unzigzag(first) + span);
    for (size_t c = 0; c < columns; c++) {
        SV_TRY(take_column_head(rest, out, c));
    }
    return SV_OK;
}

static sv_err no_block(sv_why *why) {
    return sv_fail(why, SV_ERR_INVALID, "a stored block is damaged");
}

sv_err sv_block_peek(sv_text bytes, sv_block_info *out, sv_why *why) {
    head read;
    if (take_head(&bytes, &read) != SV_OK) {
        return no_block(why);
    }
    sv_block_info info = {
        .count = read.count, .columns = read.columns, .first_us = read.first, .last_us = read.last
    };
    for (size_t c = 0; c < read.columns; c++) {
        unsigned scale = read.column[c].scale;
        bool decimal = scale <= SV_BLOCK_DIGITS_MAX;
        info.column[c].min = value_of(read.column[c].min, scale);
        info.column[c].max = value_of(read.column[c].max, scale);
        info.column[c].sum = decimal ? value_of((int64_t) sv_unzigzag(read.column[c].sum), scale)
                                     : double_of(read.column[c].sum);
        info.column[c].digits = decimal ? (int) scale : -1;
    }
    *out = info;
    return SV_OK;
}

/// The numbers of one column, every one of them what packing would have made of its value.
static sv_err take_column(sv_text *rest, const head *said, size_t index, double *values) {
    column c = { .scale = said->column[index].scale };
    SV_TRY(sv_take_numbers(rest, c.x, said->count, said->column[index].min));
    for (size_t i = 0; i < said->count; i++) {
        bool fits = c.scale > SV_BLOCK_DIGITS_MAX || fabs((double) c.x[i]) <= WHOLE_MAX;
        values[i] = fits ? value_of(c.x[i], c.scale) : (double) INFINITY;
        if (!isfinite(values[i]) || whole_of(values[i], c.scale) != c.x[i]) {
            return SV_ERR_INVALID;
        }
    }
    sum_up(&c, values, said->count);
    uint64_t sum =
        c.scale <= SV_BLOCK_DIGITS_MAX ? sv_zigzag((uint64_t) c.sum_whole) : bits_of(c.sum);
    bool is_true = c.min == said->column[index].min && c.max == said->column[index].max
                   && sum == said->column[index].sum;
    return is_true ? SV_OK : SV_ERR_INVALID;
}

static sv_err take_all(sv_text *rest, sv_block *out) {
    head said;
    int64_t first = 0;
    int64_t last = 0;
    SV_TRY(take_head(rest, &said));
    out->count = said.count;
    out->columns = said.columns;
    SV_TRY(take_times(rest, out, said.first));
    for (size_t c = 0; c < said.columns; c++) {
        SV_TRY(take_column(rest, &said, c, out->values[c]));
    }
    span_of(out, &first, &last);
    bool is_true = first == said.first && last == said.last && rest->len == 0;
    return is_true ? SV_OK : SV_ERR_INVALID;
}

sv_err sv_block_unpack(sv_text bytes, sv_block *out, sv_why *why) {
    return take_all(&bytes, out) == SV_OK ? SV_OK : no_block(why);
}
