// A small seeded random source for simulation and jitter (splitmix64). Never for keys or tokens:
// those come from crypto/random.h.
#ifndef SV_BASE_PRNG_H
#define SV_BASE_PRNG_H

#include <stdint.h>

typedef struct sv_prng {
    uint64_t state;
} sv_prng;

uint64_t sv_prng_next(sv_prng *prng);
/// Uniform in [0, 1).
double sv_prng_unit(sv_prng *prng);
/// Normal with mean 0 and deviation 1 (Marsaglia's polar method).
double sv_prng_normal(sv_prng *prng);

#endif
