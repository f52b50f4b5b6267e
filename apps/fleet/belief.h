// How far the server believes its clock: what it remembers of that through restarts, and what it
// says of it.
#ifndef SV_FLEET_BELIEF_H
#define SV_FLEET_BELIEF_H

#include "fleet.h"

#define SV_BELIEF_KEEP_US (10 * SV_TIME_SECOND_US) ///< so often it is remembered

/// What an earlier run believed last; before anything is judged by the time. [clock-6]
sv_err sv_fleet_belief_resume(const sv_fleet *fleet, sv_why *why);
/// Remembers what time it is believed to be, and says once that the clock is doubted, and once that
/// it is no more. Once a second.
void sv_fleet_belief_turn(sv_fleet *fleet);
/// What has become too old by it is removed, from `*cursor` on (sv_series_prune).
void sv_fleet_prune(sv_fleet *fleet, int64_t *cursor);

#endif
