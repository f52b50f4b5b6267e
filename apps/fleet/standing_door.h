// What operators decide about ids, and how far the decisions have come. [standing-8] [standing-9]
#ifndef SV_FLEET_STANDING_DOOR_H
#define SV_FLEET_STANDING_DOOR_H

#include "visit.h"

/// POST /api/v1/devices/*/standing {"state","reason","unknown"}: any id of the site, not devices
/// alone; one that nobody here has heard of with "unknown":true.
void sv_standing_door_set(sv_visit *v);
/// POST /api/v1/devices/*/replacement {"minutes"}
void sv_standing_door_replace(sv_visit *v);
/// GET /api/v1/standing
void sv_standing_door_gateways(sv_visit *v);

#endif
