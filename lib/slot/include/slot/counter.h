// The counter of the highest release that was confirmed here, kept by hardware that never lowers
// it: beside the boot loader's, which a copy of the disk from last year would bring back. [slot-41]
#ifndef SV_SLOT_COUNTER_H
#define SV_SLOT_COUNTER_H

#include <base/err.h>
#include <stdint.h>

typedef struct sv_counter {
    void *arg;
    sv_err (*read)(void *arg, uint32_t *out, sv_why *why);
    /// A number that is not higher than it changes nothing; cut anywhere, it is one on the way.
    sv_err (*raise)(void *arg, uint32_t to, sv_why *why);
} sv_counter;

#endif
