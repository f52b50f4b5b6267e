// The bytes of a detector's state: little-endian, of one version, with a checksum at their end.
#ifndef SV_DETECT_STATE_H
#define SV_DETECT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Written into `at`, or read from it. Once something did not fit, or was not there, `broken` stays
/// set, and zeroes are read.
typedef struct sv_state_out {
    uint8_t *at;
    size_t len, cap;
    bool broken;
} sv_state_out;

typedef struct sv_state_in {
    const uint8_t *at;
    size_t pos, len;
    bool broken;
} sv_state_in;

void sv_state_put_u32(sv_state_out *out, uint32_t value);
void sv_state_put_u64(sv_state_out *out, uint64_t value);
void sv_state_put_f64s(sv_state_out *out, const double *values, size_t count);
/// The checksum, and how many bytes there are; 0 when they did not fit.
size_t sv_state_out_end(sv_state_out *out);

/// What sv_state_out_end has ended; `broken` from the start where the checksum says so.
sv_state_in sv_state_in_begin(const uint8_t *at, size_t len);
uint32_t sv_state_get_u32(sv_state_in *in);
uint64_t sv_state_get_u64(sv_state_in *in);
/// A value that is not a number or infinite breaks it.
void sv_state_get_f64s(sv_state_in *in, double *values, size_t count);
/// Whole, and nothing is left over.
bool sv_state_in_end(const sv_state_in *in);

#endif
