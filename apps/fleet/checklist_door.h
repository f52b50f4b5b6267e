// The checklist at the operator door: the report that was published last, and whom to tell of a
// weakness (RFC 9116).
#ifndef SV_FLEET_CHECKLIST_DOOR_H
#define SV_FLEET_CHECKLIST_DOOR_H

#include "visit.h"

/// GET and PUT /api/v1/checklist. [checklist-31]
void sv_checklist_door_show(sv_visit *v);
void sv_checklist_door_publish(sv_visit *v);

/// GET /.well-known/security.txt. [checklist-32]
void sv_checklist_door_contact(sv_visit *v);

#endif
