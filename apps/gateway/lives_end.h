// What a model said of a machine, held against what became of the machine (detect/life_judge.h),
// when somebody says that what was worn was replaced. A live model that was wrong about its last
// lives more often than chance explains is withdrawn. [model-38]
#ifndef SELVEDGE_GATEWAY_LIVES_END_H
#define SELVEDGE_GATEWAY_LIVES_END_H

#include <base/text.h>
#include <stdint.h>

struct gw;

typedef struct gw_life_end {
    sv_text device;
    bool failed; ///< else it was renewed in time
    int64_t at_us;
} gw_life_end;

/// A life that the model in this slot has followed is over.
void gw_life_ended(struct gw *g, size_t slot, const gw_life_end *end);
/// How many of the last lives of the model in this slot have ended, and about how many it was
/// wrong; into the model.
void gw_lives_ended(struct gw *g, size_t slot);

#endif
