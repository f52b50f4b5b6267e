#include "block_code.h"

#include <codec/block.h>
#include <math.h>

#define OFFSET_MAX 9e18 ///< within an int64

// From a line through all of them; from the number before, by the usual step; from the last step.
typedef enum predictor { LINE, STEP, LAST_STEP, PREDICTORS } predictor;

enum {
    QUOTIENT_MAX = 20, ///< ones in a row that mean: 64 plain bits follow
    ALL_ZERO = 63,     ///< in the place of the width: nothing is left over, no bits follow
    PROBES = 15,       ///< steps looked at for the usual one
    VARINT_MAX = 10,
};

typedef struct model {
    predictor by;
    uint64_t base, slope;
    unsigned width;
    uint64_t bits; ///< what it costs
} model;

void sv_put_varint(sv_textbuf *out, uint64_t value) {
    while (value >= 0x80) {
        sv_textbuf_add_char(out, (char) (value | 0x80));
        value >>= 7;
    }
    sv_textbuf_add_char(out, (char) value);
}

sv_err sv_take_byte(sv_text *rest, unsigned *out) {
    if (rest->len == 0) {
        return SV_ERR_INVALID;
    }
    *out = (unsigned char) rest->at[0];
    rest->at++;
    rest->len--;
    return SV_OK;
}

sv_err sv_take_varint(sv_text *rest, uint64_t *out) {
    uint64_t value = 0;
    for (unsigned i = 0; i < VARINT_MAX; i++) {
        unsigned byte = 0;
        SV_TRY(sv_take_byte(rest, &byte));
        if (i == VARINT_MAX - 1 && byte > 1) {
            return SV_ERR_INVALID;
        }
        value |= (uint64_t) (byte & 0x7F) << (7 * i);
        if (byte < 0x80) {
            *out = value;
            return byte == 0 && i > 0 ? SV_ERR_INVALID : SV_OK;
        }
    }
    return SV_ERR_INVALID;
}

// Bits, the lowest of a byte first.

typedef struct bit_writer {
    sv_textbuf *out;
    uint64_t held;
    unsigned count; ///< bits held, fewer than 8
} bit_writer;

static void put_bits(bit_writer *w, uint64_t bits, unsigned count) {
    while (count > 0) {
        unsigned some = count > 32 ? 32 : count;
        w->held |= (bits & ((UINT64_C(1) << some) - 1)) << w->count;
        w->count += some;
        bits >>= some;
        count -= some;
        for (; w->count >= 8; w->count -= 8) {
            sv_textbuf_add_char(w->out, (char) (w->held & 0xFF));
            w->held >>= 8;
        }
    }
}

typedef struct bit_reader {
    sv_text *rest;
    uint64_t held;
    unsigned count;
} bit_reader;

static sv_err take_bits(bit_reader *r, unsigned count, uint64_t *out) {
    uint64_t value = 0;
    for (unsigned got = 0; got < count;) {
        if (r->count == 0) {
            unsigned byte = 0;
            SV_TRY(sv_take_byte(r->rest, &byte));
            r->held = byte;
            r->count = 8;
        }
        unsigned some = count - got < r->count ? count - got : r->count;
        value |= (r->held & ((1U << some) - 1)) << got;
        r->held >>= some;
        r->count -= some;
        got += some;
    }
    *out = value;
    return SV_OK;
}

static void put_rice(bit_writer *w, uint64_t left_over, unsigned width) {
    uint64_t quotient = left_over >> width;
    if (quotient >= QUOTIENT_MAX) {
        put_bits(w, (UINT64_C(1) << QUOTIENT_MAX) - 1, QUOTIENT_MAX);
        put_bits(w, left_over, 64);
        return;
    }
    put_bits(w, (UINT64_C(1) << quotient) - 1, (unsigned) quotient + 1);
    put_bits(w, left_over, width);
}

static sv_err take_rice(bit_reader *r, unsigned width, uint64_t *out) {
    uint64_t quotient = 0;
    for (uint64_t one = 1; quotient < QUOTIENT_MAX; quotient++) {
        SV_TRY(take_bits(r, 1, &one));
        if (one == 0) {
            break;
        }
    }
    uint64_t low = 0;
    SV_TRY(take_bits(r, quotient == QUOTIENT_MAX ? 64 : width, &low));
    *out = quotient == QUOTIENT_MAX ? low : quotient << width | low;
    return SV_OK;
}

static uint64_t cost(const uint64_t *left_over, size_t count, unsigned width) {
    uint64_t bits = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t quotient = left_over[i] >> width;
        bits += quotient >= QUOTIENT_MAX ? QUOTIENT_MAX + 64 : quotient + 1 + width;
    }
    return bits;
}

static unsigned bit_length(uint64_t x) {
    return x == 0 ? 0 : 64 - (unsigned) __builtin_clzll(x);
}

/// The width is near the usual length of what is left over; the best of its neighbours is taken.
static void choose_width(const uint64_t *left_over, size_t count, model *m) {
    uint64_t lengths = 0;
    for (size_t i = 0; i < count; i++) {
        lengths += bit_length(left_over[i]);
    }
    m->width = ALL_ZERO;
    m->bits = 0;
    if (lengths == 0) {
        return;
    }
    unsigned usual = (unsigned) ((lengths + count / 2) / count);
    unsigned from = usual < 3 ? 0 : usual - 3;
    m->bits = UINT64_MAX;
    for (unsigned width = from; width <= usual + 2 && width < ALL_ZERO; width++) {
        uint64_t bits = cost(left_over, count, width);
        if (bits < m->bits) {
            m->bits = bits;
            m->width = width;
        }
    }
}

/// What the prediction leaves over, as zigzag numbers.
static void predict(const model *m, const int64_t *x, size_t count, uint64_t *left_over) {
    uint64_t before = m->base - m->slope;
    uint64_t step = m->slope;
    for (size_t i = 0; i < count; i++) {
        uint64_t now = (uint64_t) x[i];
        uint64_t expected = m->by == LINE ? m->base + m->slope * i : before + step;
        left_over[i] = sv_zigzag(now - expected);
        step = m->by == LAST_STEP ? now - before : step;
        before = now;
    }
}

/// The middle one of a few steps: a gap does not move it.
static uint64_t usual_step(const int64_t *x, size_t count) {
    int64_t steps[PROBES] = { 0 };
    size_t filled = 0;
    size_t apart = count / PROBES + 1;
    for (size_t i = 1; i < count && filled < PROBES; i += apart) {
        int64_t step = (int64_t) ((uint64_t) x[i] - (uint64_t) x[i - 1]);
        size_t at = filled++;
        for (; at > 0 && steps[at - 1] > step; at--) {
            steps[at] = steps[at - 1];
        }
        steps[at] = step;
    }
    return filled == 0 ? 0 : (uint64_t) steps[filled / 2];
}

/// The line from the first to the last, moved so that as much lies above it as below.
static void fit_line(const int64_t *x, size_t count, model *m) {
    uint64_t span = (uint64_t) x[count - 1] - (uint64_t) x[0];
    m->base = (uint64_t) x[0];
    m->slope = count < 2 ? 0 : (uint64_t) ((int64_t) span / (int64_t) (count - 1));
    double above = 0;
    for (size_t i = 0; i < count; i++) {
        above += (double) (int64_t) ((uint64_t) x[i] - (m->base + m->slope * i));
    }
    above /= (double) count;
    m->base += fabs(above) < OFFSET_MAX ? (uint64_t) (int64_t) above : 0;
}

static model best_model(const int64_t *x, size_t count, uint64_t *left_over) {
    model best = { .bits = UINT64_MAX };
    for (unsigned by = LINE; by < PREDICTORS; by++) {
        model m = { .by = (predictor) by, .base = (uint64_t) x[0], .slope = usual_step(x, count) };
        if (by == LINE) {
            fit_line(x, count, &m);
        }
        predict(&m, x, count, left_over);
        choose_width(left_over, count, &m);
        if (m.bits < best.bits) {
            best = m;
        }
    }
    return best;
}

void sv_put_numbers(sv_textbuf *out, const int64_t *x, size_t count, int64_t near) {
    uint64_t left_over[SV_BLOCK_SAMPLES_MAX];
    const model m = best_model(x, count, left_over);
    predict(&m, x, count, left_over);
    sv_textbuf_add_char(out, (char) ((unsigned) m.by << 6 | m.width));
    sv_put_varint(out, sv_zigzag(m.base - (uint64_t) near));
    sv_put_varint(out, sv_zigzag(m.slope));
    bit_writer w = { .out = out };
    for (size_t i = 0; i < count && m.width != ALL_ZERO; i++) {
        put_rice(&w, left_over[i], m.width);
    }
    put_bits(&w, 0, (8 - w.count) % 8);
}

sv_err sv_take_numbers(sv_text *rest, int64_t *x, size_t count, int64_t near) {
    unsigned head = 0;
    uint64_t base = 0;
    uint64_t slope = 0;
    SV_TRY(sv_take_byte(rest, &head));
    SV_TRY(sv_take_varint(rest, &base));
    SV_TRY(sv_take_varint(rest, &slope));
    unsigned by = head >> 6;
    unsigned width = head & 63;
    base = sv_unzigzag(base) + (uint64_t) near;
    slope = sv_unzigzag(slope);
    if (by >= PREDICTORS) {
        return SV_ERR_INVALID;
    }
    bit_reader r = { .rest = rest };
    uint64_t before = base - slope;
    uint64_t step = slope;
    for (size_t i = 0; i < count; i++) {
        uint64_t left_over = 0;
        if (width != ALL_ZERO) {
            SV_TRY(take_rice(&r, width, &left_over));
        }
        uint64_t expected = by == LINE ? base + slope * i : before + step;
        uint64_t now = expected + sv_unzigzag(left_over);
        step = by == LAST_STEP ? now - before : step;
        before = now;
        x[i] = (int64_t) now;
    }
    return r.held == 0 ? SV_OK : SV_ERR_INVALID;
}
