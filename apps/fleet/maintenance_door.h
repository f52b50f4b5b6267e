// What is being worked on, as operators say and see it: `/api/v1/devices/{id}/maintenance` and
// `/api/v1/sites/{site}/maintenance` (docs/spec/maintenance.md).
#ifndef SV_FLEET_MAINTENANCE_DOOR_H
#define SV_FLEET_MAINTENANCE_DOOR_H

#include "visit.h"

void sv_maintenance_door_show_device(sv_visit *v);
void sv_maintenance_door_begin_device(sv_visit *v);
void sv_maintenance_door_end_device(sv_visit *v);
void sv_maintenance_door_show_site(sv_visit *v);
void sv_maintenance_door_begin_site(sv_visit *v);
void sv_maintenance_door_end_site(sv_visit *v);

#endif
