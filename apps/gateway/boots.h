// When the machines of devices started, and where that puts the readings of those whose clock is in
// doubt (docs/spec/reading.md). A row keeps the time as it came, the time of receipt, the start it
// was taken after and how long after it; where it belongs is worked out whenever it is read. So
// whatever is learned later corrects every row at once and rewrites none. [reading-5] [reading-6]
#ifndef SELVEDGE_GATEWAY_BOOTS_H
#define SELVEDGE_GATEWAY_BOOTS_H

#include <model/reading.h>
#include <store/db.h>

typedef struct gw gw;
typedef struct gw_device gw_device;

enum { GW_BOOTS_MAX = 8 }; ///< starts of one device that are known; the oldest goes

#define GW_CLOCK_PAST_US INT64_C(1577836800000000) ///< 2020-01-01: a clock before that is wrong
#define GW_CLOCK_FUTURE_US SV_TIME_DAY_US          ///< and one further ahead
#define GW_CLOCK_APART_US                                                                          \
    SV_TIME_SECOND_US ///< within it a time in doubt stands, and no clock has stepped
#define GW_BOOT_MOVED_US (SV_TIME_SECOND_US / 10) ///< less than that is not written down
#define GW_BOOT_CREEP_US (SV_TIME_SECOND_US / 50) ///< a slow uptime is followed, so far a minute

/// How it is known when a machine started; the later, the better.
typedef enum gw_known {
    GW_KNOWN_NOT,
    GW_KNOWN_RECEIPT,  ///< no later than this: a reading was received, so long after the start
    GW_KNOWN_SAID,     ///< by a wall clock that may be right
    GW_KNOWN_MEASURED, ///< by this gateway's, which is right, at the moment that it was said
    GW_KNOWN_PROVEN,   ///< by the device's, which is right
} gw_known;

typedef struct gw_boot {
    struct gw_boot *next; ///< an older one of the same device
    int64_t id;
    char name[SV_BOOT_MAX + 1];
    gw_known known;
    int64_t start_us;          ///< wall clock at uptime 0
    int64_t kept_us;           ///< so on disk
    int64_t latest_us;         ///< the uptime at which that was said, or followed, last
    unsigned steps;            ///< of the gateway's own clock by then
    int64_t first_us, last_us; ///< uptimes between which times were corrected; 0, 0: none
} gw_boot;

/// What a row knows about its time.
typedef struct gw_taken {
    int64_t received_us, at_us;
    int64_t uptime_us, start_us; ///< with `known`
    gw_known known;
} gw_taken;

/// When something was received, by this gateway's clock.
typedef struct gw_receipt {
    int64_t at_us;
    unsigned steps; ///< of that clock by then
    bool measures;  ///< it is right, and what was received is of this moment
} gw_receipt;

/// A reading has come, or whoever is there says what its clocks say. True when what is on disk
/// about its machine's start has to follow.
bool gw_boot_learn(gw_boot *boot, const sv_reading *when, const gw_receipt *receipt);
/// The time at this uptime is corrected; in whole minutes. True when that is news.
bool gw_boot_cover(gw_boot *boot, int64_t uptime_us);
/// Where a reading belongs: at its own time, as long after its machine's start as it says, or, when
/// nothing better is known, when it came. [reading-5]
int64_t gw_taken_us(const gw_taken *taken);

/// The start that a reading was taken after, made if it is new; NULL when it names none.
gw_boot *gw_boot_of(gw *g, gw_device *device, const sv_reading *reading);
/// A device says on presence/<id> what its clocks say now. [reading-10]
void gw_boot_met(gw *g, gw_device *device, const sv_reading *when);
/// Where the reading belongs by what is known now, with it; notes what is learned from it.
int64_t gw_boot_place(gw *g, const gw_device *device, gw_boot *boot, const sv_reading *reading,
                      int64_t received_us);
/// From columns received, at, uptime, known, start, the first of which is number `column`.
int64_t gw_row_us(sv_stmt *row, int column);
void gw_boots_drop(gw_device *device);

#endif
