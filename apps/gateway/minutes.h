// Samples of one stream as minutes: count, min, mean and max of each. Pure; samples may come in any
// order. When all room is taken the minutes so far are a block, and a minute that comes again is in
// two.
#ifndef SELVEDGE_GATEWAY_MINUTES_H
#define SELVEDGE_GATEWAY_MINUTES_H

#include <codec/block.h>

typedef struct gw_minutes {
    size_t count, last; ///< the minute that the last sample fell into
    int64_t start_us[SV_BLOCK_SAMPLES_MAX];
    struct {
        int64_t count;
        double min, max, sum;
    } of[SV_BLOCK_SAMPLES_MAX];
    int digits; ///< after the point, of all samples; -1: not decimals
} gw_minutes;

void gw_minutes_clear(gw_minutes *minutes);
/// All minutes are taken, and none of them is this sample's: make a block and clear first.
bool gw_minutes_is_full_for(gw_minutes *minutes, int64_t at_us);
/// `digits`: of the sample's block.
void gw_minutes_take(gw_minutes *minutes, int64_t at_us, double value, int digits);
/// In order of time. Means have two digits more than the samples had: more would be noise, and
/// bytes.
void gw_minutes_block(const gw_minutes *minutes, sv_block *out);

#endif
