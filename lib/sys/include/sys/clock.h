// The two clocks. Order and deadlines go by the monotonic one; the wall clock is for people.
#ifndef SV_SYS_CLOCK_H
#define SV_SYS_CLOCK_H

#include <stdint.h>

/// Microseconds since an arbitrary start; never goes back.
int64_t sv_clock_monotonic_us(void);
/// Microseconds since 1970-01-01 UTC; may jump.
int64_t sv_clock_wall_us(void);

#endif
