#include "state.h"
#include <math.h>
#include <string.h>

enum { SUM_BYTES = 8 };

/// FNV-1a: against cut and rotten files, not against anybody.
static uint64_t sum_of(const uint8_t *at, size_t len) {
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < len; i++) {
        sum = (sum ^ at[i]) * UINT64_C(0x100000001b3);
    }
    return sum;
}

static void put(sv_state_out *out, uint64_t value, size_t bytes) {
    if (out->broken || out->cap - out->len < bytes) {
        out->broken = true;
        return;
    }
    for (size_t i = 0; i < bytes; i++) {
        out->at[out->len++] = (uint8_t) (value >> (8 * i));
    }
}

static uint64_t get(sv_state_in *in, size_t bytes) {
    uint64_t value = 0;
    if (in->broken || in->len - in->pos < bytes) {
        in->broken = true;
        return 0;
    }
    for (size_t i = 0; i < bytes; i++) {
        value |= (uint64_t) in->at[in->pos++] << (8 * i);
    }
    return value;
}

void sv_state_put_u32(sv_state_out *out, uint32_t value) {
    put(out, value, sizeof value);
}

void sv_state_put_u64(sv_state_out *out, uint64_t value) {
    put(out, value, sizeof value);
}

void sv_state_put_f64s(sv_state_out *out, const double *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint64_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        put(out, bits, sizeof bits);
    }
}

size_t sv_state_out_end(sv_state_out *out) {
    put(out, sum_of(out->at, out->len), SUM_BYTES);
    return out->broken ? 0 : out->len;
}

sv_state_in sv_state_in_begin(const uint8_t *at, size_t len) {
    if (len < SUM_BYTES) {
        return (sv_state_in){ .broken = true };
    }
    sv_state_in sum = { .at = at, .pos = len - SUM_BYTES, .len = len };
    sv_state_in in = { .at = at, .len = len - SUM_BYTES };
    in.broken = get(&sum, SUM_BYTES) != sum_of(at, in.len);
    return in;
}

uint32_t sv_state_get_u32(sv_state_in *in) {
    return (uint32_t) get(in, sizeof(uint32_t));
}

uint64_t sv_state_get_u64(sv_state_in *in) {
    return get(in, sizeof(uint64_t));
}

void sv_state_get_f64s(sv_state_in *in, double *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = get(in, sizeof bits);
        memcpy(&values[i], &bits, sizeof bits);
        if (!isfinite(values[i])) {
            in->broken = true;
            values[i] = 0;
        }
    }
}

bool sv_state_in_end(const sv_state_in *in) {
    return !in->broken && in->pos == in->len;
}
