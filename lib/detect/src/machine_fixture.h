// A machine of four sensors, and the memory that any may be learnt in.
#ifndef SV_DETECT_MACHINE_FIXTURE_H
#define SV_DETECT_MACHINE_FIXTURE_H

#include <base/num.h>
#include <base/prng.h>
#include <base/test.h>
#include <detect/machine.h>
#include <math.h>

enum { SENSORS = 4, TRAIN = 400 };

typedef union memory {
    sv_machine_detector d;
    uint8_t room[SV_MACHINE_BYTES_MAX];
} memory;

static memory own, other_own;
static sv_machine_detector *const d = &own.d;
static sv_machine_detector *const other = &other_own.d;

/// Four sensors: noise, noise at another scale that goes with the first, a slow walk, and steps of
/// a coarse converter.
typedef struct plant {
    sv_prng prng;
    double walk;
} plant;

static inline void next(plant *p, double *row) {
    double common = sv_prng_normal(&p->prng);
    p->walk += 0.05 * sv_prng_normal(&p->prng);
    row[0] = 100 + common + 0.3 * sv_prng_normal(&p->prng);
    row[1] = 0.01 * (common + 0.3 * sv_prng_normal(&p->prng));
    row[2] = 60 + p->walk + 0.1 * sv_prng_normal(&p->prng);
    row[3] = floor(32.4 + 0.3 * sv_prng_normal(&p->prng));
}

static inline void learn_from(plant *p, uint64_t rows) {
    assert_int_equal(sv_machine_detector_start(d, SENSORS, rows, NULL), SV_OK);
    for (uint64_t i = 0; i < rows; i++) {
        double row[SENSORS];
        next(p, row);
        sv_machine_verdict v = sv_machine_detector_take(d, row);
        assert_true(v.learning && !v.anomaly && !v.changepoint && v.score <= 0);
    }
}

static inline double odd(sv_prng *prng) {
    static const double ODD[] = { 0,      1,     -1,     1e308,    -1e308,    1e-308,
                                  SV_NAN, 1e150, 5e-324, HUGE_VAL, -HUGE_VAL, 42 };
    return ODD[sv_prng_next(prng) % SV_COUNT(ODD)];
}

#endif
