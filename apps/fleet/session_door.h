// Coming in, staying in, leaving: `/api/v1/session…` and `/api/v1/login-links`
// (docs/spec/people.md).
#ifndef SV_FLEET_SESSION_DOOR_H
#define SV_FLEET_SESSION_DOOR_H

#include "visit.h"

void sv_session_door_login(sv_visit *v);
void sv_session_door_show(sv_visit *v);
void sv_session_door_logout(sv_visit *v);
void sv_session_door_link(sv_visit *v);
void sv_session_door_password(sv_visit *v);
void sv_session_door_add_factor(sv_visit *v);
void sv_session_door_remove_factor(sv_visit *v);
void sv_session_door_list(sv_visit *v);
void sv_session_door_end_others(sv_visit *v);
void sv_session_door_end(sv_visit *v);

#endif
