// How many devices each site has, and how they are. Of a small fleet it is counted whenever it is
// asked; of a large one by a walk (walk.h) from time to time, and what is told meanwhile is what
// the last one found. [running-8]
#ifndef SV_FLEET_CENSUS_H
#define SV_FLEET_CENSUS_H

#include "fleet.h"

enum { SV_CENSUS_AT_ONCE = 20000 }; ///< devices

#define SV_CENSUS_US (2 * SV_TIME_SECOND_US) ///< so old it may be before there is a new one

/// Without those that are retired.
typedef struct sv_tally {
    int64_t devices, online;
    int64_t needing, needing_critical; ///< somebody to look
    int64_t health[SV_FLEET_HEALTH__COUNT];
} sv_tally;

typedef struct sv_census sv_census;
sv_census *sv_census_new(void);
void sv_census_drop(sv_census **census);

/// Count, or see to it that there is a count that is not too old. The first is done at once.
void sv_census_look(sv_fleet *fleet);
sv_tally sv_census_of_site(const sv_fleet *fleet, const sv_site *site);
/// Of these sites together; "": of all.
sv_tally sv_census_of_sites(const sv_fleet *fleet, const char *sites);

#endif
