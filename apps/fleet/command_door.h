// Commands at the operator door: asking for one, and what became of those of a device.
#ifndef SV_FLEET_COMMAND_DOOR_H
#define SV_FLEET_COMMAND_DOOR_H

#include "visit.h"

void sv_command_door_send(sv_visit *v);
void sv_command_door_list(sv_visit *v);
void sv_command_door_show(sv_visit *v);

#endif
