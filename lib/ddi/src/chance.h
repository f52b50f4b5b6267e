// Some chance, so that devices which were switched on together do not ask together.
#ifndef SV_DDI_CHANCE_H
#define SV_DDI_CHANCE_H

#include <crypto/random.h>

/// In [0, 1).
static inline double ddi_chance(void) {
    uint32_t number = 0;
    sv_random(&number, sizeof number);
    return (double) number / 4294967296.0;
}

#endif
