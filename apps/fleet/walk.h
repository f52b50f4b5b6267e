// Walks over the fleet, device by device in order of id. A fleet may have a million of them, and
// everything else is served by the same loop: a walk goes on for a few milliseconds, and then
// others have their turn. Most fleets take one go. [running-7]
#ifndef SV_FLEET_WALK_H
#define SV_FLEET_WALK_H

#include "fleet.h"

#include <fleet/query.h>

enum {
    SV_WALKS_MAX = 32,          ///< under way at the same time
    SV_WALK_STEP = 250,         ///< devices before the clock is looked at
    SV_WALK_PASSED_OVER = 5000, ///< so, of kinds that cannot fit
};

#define SV_WALK_US 5000       ///< in one go
#define SV_WALK_PAUSE_US 2000 ///< between two of them, for everybody else

/// All are borrowed until it is done. What `each` gets it must not keep: when it goes on, the
/// device may have gone.
typedef struct sv_walk {
    const sv_query *query; ///< of those that fit; NULL: of all
    void (*each)(void *arg, sv_device *device);
    /// Once: it is over. SV_ERR_UNAVAILABLE: too many are under way, or the server ends.
    void (*done)(void *arg, sv_err err, const sv_why *why);
    void *arg;
} sv_walk;

typedef struct sv_walks sv_walks;
sv_walks *sv_walks_new(sv_fleet *fleet);
/// Those that are under way are done with SV_ERR_UNAVAILABLE.
void sv_walks_drop(sv_walks **walks);

/// `done` may be called before this returns.
void sv_walk_begin(sv_fleet *fleet, const sv_walk *walk);
/// All of it at once, without `done`.
sv_err sv_walk_now(sv_fleet *fleet, const sv_walk *walk, sv_why *why);

#endif
