// What time it is: how far the gateway's own wall clock is believed, and how far the clocks of its
// devices are from it (docs/spec/gateway-local.md).
#ifndef SELVEDGE_GATEWAY_CLOCK_H
#define SELVEDGE_GATEWAY_CLOCK_H

#include <base/time.h>

typedef struct gw gw;

enum {
    GW_CLOCKS_SHOWN = 20, ///< devices with clocks far off that are named
};

#define SV_CLOCK_LEAP_US SV_TIME_HOUR_US ///< a wall clock that leaps further ahead is doubted
#define SV_CLOCK_DOUBT_US SV_TIME_DAY_US ///< for so long: time to set it right

/// The wall clock as far as what is kept may be judged by it. One that leaps ahead (a battery, a
/// false time server) would have everything thrown away as too old.
typedef struct gw_clock {
    int64_t believed_us; ///< 0: nothing is known yet
    int64_t at_us;       ///< monotonic, of believed_us
    int64_t doubted_us;  ///< monotonic, since when it is ahead; 0: it is believed
    int64_t wall_us;     ///< as it was asked last; 0: never
    int64_t wall_at_us;  ///< monotonic, of wall_us
    bool fresh;          ///< wall_us is from before this program started
    bool lost;           ///< it says a time before 2020: what follows from wall_us is used instead
    unsigned steps;      ///< how often it was set by more than SV_CLOCK_APART_US
} gw_clock;

#define GW_OFFSET_US SV_TIME_MINUTE_US ///< how long a device's clock is watched before it is said
#define GW_OFFSET_FAR_US (5 * SV_TIME_SECOND_US) ///< further away from this one it is worth a word

/// How far a device's clock is ahead of this gateway's. Readings are on their way for a while, so
/// the one that is furthest ahead is nearest to the truth.
typedef struct gw_offset {
    bool any, known;
    unsigned steps;   ///< of the gateway's clock: what was found before is nothing
    int64_t since_us; ///< monotonic
    int64_t best_us, offset_us;
} gw_offset;

/// What time it is, for judging what is too old; to be asked with every beat.
int64_t gw_clock_now(gw_clock *clock, int64_t monotonic_us, int64_t wall_us);
int64_t gw_now_us(gw *g);
/// The wall clock, or, while that says a time before 2020, what it would say had it gone on.
int64_t gw_clock_wall(gw_clock *clock, int64_t monotonic_us, int64_t wall_us);
int64_t gw_wall_us(gw *g);
/// A reading of a device's clock was received, when `own` was asked last.
void gw_offset_note(gw_offset *offset, const gw_clock *own, int64_t at_us);
bool gw_offset_is_far(const gw_offset *offset);
/// Devices of which that is so.
size_t gw_clocks_far(const gw *g);

#endif
