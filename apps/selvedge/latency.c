#include "latency.h"
#include <math.h>

enum { FINE = 1 << SV_LATENCY_FINE_BITS };

/// Below FINE every value is its own step; above, each doubling has FINE steps.
static unsigned step_of(uint64_t us) {
    if (us < FINE) {
        return (unsigned) us;
    }
    unsigned shift = 63U - (unsigned) __builtin_clzll(us) - SV_LATENCY_FINE_BITS;
    return (shift + 1) * FINE + (unsigned) (us >> shift) - FINE;
}

/// The largest value of a step.
static uint64_t top_of(unsigned step) {
    if (step < FINE) {
        return step;
    }
    unsigned shift = step / FINE - 1;
    uint64_t from = (uint64_t) (step % FINE + FINE) << shift;
    return from + ((UINT64_C(1) << shift) - 1);
}

void sv_latency_add(sv_latency *latency, uint64_t us) {
    latency->count++;
    latency->max_us = us > latency->max_us ? us : latency->max_us;
    latency->steps[step_of(us)]++;
}

uint64_t sv_latency_at(const sv_latency *latency, double share) {
    uint64_t wanted = (uint64_t) ceil(share * (double) latency->count - 1e-9);
    uint64_t seen = 0;
    for (unsigned step = 0; step < SV_LATENCY_STEPS; step++) {
        seen += latency->steps[step];
        if (seen > 0 && seen >= wanted) {
            uint64_t top = top_of(step);
            return top < latency->max_us ? top : latency->max_us;
        }
    }
    return latency->max_us;
}
