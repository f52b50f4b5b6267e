// Users, their links and sessions, for admins: `/api/v1/users…` (docs/spec/people.md).
#ifndef SV_FLEET_USERS_DOOR_H
#define SV_FLEET_USERS_DOOR_H

#include "visit.h"

void sv_users_door_list(sv_visit *v);
void sv_users_door_add(sv_visit *v);
void sv_users_door_show(sv_visit *v);
void sv_users_door_change(sv_visit *v);
void sv_users_door_remove(sv_visit *v);
void sv_users_door_link(sv_visit *v);
void sv_users_door_sessions(sv_visit *v);
void sv_users_door_end_all(sv_visit *v);
void sv_users_door_end(sv_visit *v);

#endif
