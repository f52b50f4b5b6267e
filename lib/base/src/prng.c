#include <base/prng.h>
#include <math.h>

uint64_t sv_prng_next(sv_prng *prng) {
    prng->state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t mixed = prng->state;
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ (mixed >> 31);
}

double sv_prng_unit(sv_prng *prng) {
    return (double) (sv_prng_next(prng) >> 11) * 0x1.0p-53;
}

double sv_prng_normal(sv_prng *prng) {
    for (;;) {
        double x = 2 * sv_prng_unit(prng) - 1;
        double y = 2 * sv_prng_unit(prng) - 1;
        double square = x * x + y * y;
        if (square > 0 && square < 1) {
            return x * sqrt(-2 * log(square) / square);
        }
    }
}
