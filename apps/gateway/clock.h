// What time it is: how far the gateway's own wall clock is believed, and how far the clocks of its
// devices are from it (docs/spec/gateway-local.md).
#ifndef SELVEDGE_GATEWAY_CLOCK_H
#define SELVEDGE_GATEWAY_CLOCK_H

#include <base/time.h>

typedef struct gw gw;

enum {
    GW_CLOCKS_SHOWN = 20, ///< devices with clocks far off that are named
};

typedef struct gw_clock {
    bool doubted;       ///< that the wall clock is ahead of what is believed has been said
    int64_t wall_us;    ///< as it was asked last; 0: never
    int64_t wall_at_us; ///< monotonic, of wall_us
    bool fresh;         ///< wall_us is from before this program started
    bool lost;          ///< it says a time before 2020: what follows from wall_us is used instead
    unsigned steps;     ///< how often it was set by more than SV_CLOCK_APART_US
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

/// What time it is, for judging what is too old or has ended (sv_clock_believed_us).
int64_t gw_now_us(void);
/// Says once that the clock is doubted, and once that it is no more; with every beat.
void gw_clock_beat(gw *g);
/// The wall clock, or, while that says a time before 2020, what it would say had it gone on.
int64_t gw_clock_wall(gw_clock *clock, int64_t monotonic_us, int64_t wall_us);
int64_t gw_wall_us(gw *g);
/// A reading of a device's clock was received, when `own` was asked last.
void gw_offset_note(gw_offset *offset, const gw_clock *own, int64_t at_us);
bool gw_offset_is_far(const gw_offset *offset);
/// Devices of which that is so.
size_t gw_clocks_far(const gw *g);

#endif
