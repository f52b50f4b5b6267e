// How often and how fast a device asks, as numbers. No clock, no chance of its own.
#ifndef SV_DDI_PACE_H
#define SV_DDI_PACE_H

#include <base/time.h>

#define SV_DDI_RETRY_FIRST_US                                                                      \
    (5 * SV_TIME_SECOND_US) ///< after a poll that failed; doubled each time
#define SV_DDI_RETRY_MAX_US (15 * SV_TIME_MINUTE_US)  //
#define SV_DDI_PATIENCE_US (30 * SV_TIME_SECOND_US)   ///< for an answer, or a range's bytes
#define SV_DDI_FETCH_RETRY_FIRST_US SV_TIME_SECOND_US ///< when bytes stopped coming
#define SV_DDI_FETCH_RETRY_MAX_US SV_TIME_MINUTE_US   //

enum {
    SV_DDI_RANGE_MAX = 256 * 1024,  ///< bytes asked for at a time
    SV_DDI_RANGE_MIN = 16 * 1024,   ///< however slow the rate
    SV_DDI_RATE_MIN = 4 * 1024,     ///< bytes a second: slower, an updater would give up
    SV_DDI_FLOOR_BYTES = 16 * 1024, ///< in SV_DDI_PATIENCE_US; less counts as nothing
};

/// From a poll to the next: the interval, a tenth more or less, after one that was answered; from
/// half to all of a doubling wait after `failures` that were not, never longer than the interval
/// and SV_DDI_RETRY_FIRST_US allow. `chance` in [0, 1). [ddid-5]
int64_t sv_ddi_wait_us(int64_t interval_us, unsigned failures, double chance);

/// The wait before bytes are asked for again, when `failures` times in a row none came. [ddid-7]
int64_t sv_ddi_fetch_wait_us(unsigned failures, double chance);

/// The next range of what is left: no more than a second's share of `rate` (bytes a second; 0: no
/// limit). [ddid-8]
uint64_t sv_ddi_range_bytes(uint64_t left, uint64_t rate);

/// When the next range may begin, after one of so many bytes that began at `began_us`. [ddid-8]
int64_t sv_ddi_rate_us(int64_t began_us, uint64_t bytes, uint64_t rate);

#endif
