// When the machines of devices started, and where that puts the readings of those whose clock is in
// doubt (docs/spec/reading.md). A row keeps the time as it came, the time of receipt, the start it
// was taken after and how long after it; where it belongs is worked out whenever it is read. So
// whatever is learned later corrects every row at once and rewrites none. [reading-5] [reading-6]
#ifndef SELVEDGE_GATEWAY_BOOTS_H
#define SELVEDGE_GATEWAY_BOOTS_H

#include <model/reading.h>
#include <model/taken.h>
#include <store/db.h>

typedef struct gw gw;
typedef struct gw_device gw_device;

enum { GW_BOOTS_MAX = 8 }; ///< starts of one device that are known; the oldest goes

#define GW_BOOT_MOVED_US (SV_TIME_SECOND_US / 10) ///< less than that is not written down
#define GW_BOOT_CREEP_US (SV_TIME_SECOND_US / 50) ///< a slow uptime is followed, so far a minute

typedef struct gw_boot {
    struct gw_boot *next; ///< an older one of the same device
    int64_t id;
    char name[SV_BOOT_MAX + 1];
    sv_known known;
    int64_t start_us;          ///< wall clock at uptime 0
    int64_t kept_us;           ///< so on disk
    int64_t latest_us;         ///< the uptime at which that was said, or followed, last
    unsigned steps;            ///< of the gateway's own clock by then
    int64_t first_us, last_us; ///< uptimes between which times were corrected; 0, 0: none
} gw_boot;

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
