// How long answers took, in constant memory however many there are: counts in steps of at most 1/64
// of the value, and the exact maximum.
#ifndef SELVEDGE_LATENCY_H
#define SELVEDGE_LATENCY_H

#include <stdint.h>

enum { SV_LATENCY_FINE_BITS = 6, SV_LATENCY_STEPS = (64 - SV_LATENCY_FINE_BITS + 1) << 6 };

typedef struct sv_latency {
    uint64_t count;
    uint64_t max_us;
    uint64_t steps[SV_LATENCY_STEPS];
} sv_latency;

void sv_latency_add(sv_latency *latency, uint64_t us);
/// So long or less took the `share` (0 to 1) of all answers, rounded up to the end of its step; 0
/// when there were none.
uint64_t sv_latency_at(const sv_latency *latency, double share);

#endif
