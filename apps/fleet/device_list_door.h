// GET /api/v1/devices, at the operator door.
#ifndef SV_FLEET_DEVICE_LIST_DOOR_H
#define SV_FLEET_DEVICE_LIST_DOOR_H

#include "visit.h"

/// Answered when all devices were looked at (walk.h).
void sv_device_list_door(sv_visit *v);

#endif
