// API tokens: `/api/v1/tokens…`, one's own, and for admins everybody's (docs/spec/people.md).
#ifndef SV_FLEET_TOKENS_DOOR_H
#define SV_FLEET_TOKENS_DOOR_H

#include "visit.h"

void sv_tokens_door_list(sv_visit *v);
void sv_tokens_door_add(sv_visit *v);
void sv_tokens_door_remove(sv_visit *v);

#endif
