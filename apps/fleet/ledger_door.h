// GET /api/v1/audit/delivery: the ledger of a device, or a day of all devices.
#ifndef SV_FLEET_LEDGER_DOOR_H
#define SV_FLEET_LEDGER_DOOR_H

#include "visit.h"

void sv_ledger_door(sv_visit *v);

#endif
