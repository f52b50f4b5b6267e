// Who may have a certificate, as operators say and see it: `/api/v1/enrolments`
// (docs/spec/enrol.md).
#ifndef SV_FLEET_ENROL_DOOR_H
#define SV_FLEET_ENROL_DOOR_H

#include "visit.h"

void sv_enrol_door_add(sv_visit *v);
void sv_enrol_door_list(sv_visit *v);
void sv_enrol_door_withdraw(sv_visit *v);

#endif
