// How much of the time a gateway could serve its devices, by day. Time is told, nothing is read or
// written here; store.c keeps the days.
#ifndef SELVEDGE_GATEWAY_AVAILABILITY_H
#define SELVEDGE_GATEWAY_AVAILABILITY_H

#include <base/err.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    GW_AVAILABILITY_DAYS = 30,
    GW_AVAILABILITY_US = 10 * 1000000, ///< so often it is kept
};

typedef struct gw_day {
    int64_t day; ///< since 1970, UTC
    int64_t up_us, down_us;
} gw_day;

typedef struct gw_availability {
    gw_day days[GW_AVAILABILITY_DAYS]; ///< day d at d % GW_AVAILABILITY_DAYS
    int64_t mark_wall_us;              ///< until when it is accounted; 0: nothing is yet
    int64_t mark_mono_us;
} gw_availability;

/// A day that was kept, and until when. Those older than GW_AVAILABILITY_DAYS count no more.
void gw_availability_restore(gw_availability *a, const gw_day *day, int64_t mark_wall_us);
/// The program has started: since the last mark nobody was served. A wall clock that went back, or
/// forward by more than a year, says nothing. Who is killed leaves a mark that is up to a tick old,
/// but has gone on writing readings: until `written_us`, the store's last change (0: not known),
/// devices were served, if no mark should have come before.
void gw_availability_start(gw_availability *a, int64_t written_us, int64_t wall_us,
                           int64_t mono_us);
/// Devices could be served, or not, since the last call; monotonic time says how long.
void gw_availability_tick(gw_availability *a, bool served, int64_t wall_us, int64_t mono_us);
/// The day `wall_us` is in.
const gw_day *gw_availability_day(const gw_availability *a, int64_t wall_us);
/// Share of the last `days` in [0, 1], the day of `wall_us` included; 1 when nothing is known.
double gw_availability_share(const gw_availability *a, int days, int64_t wall_us);

#endif
