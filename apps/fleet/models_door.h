// Models of remaining life over the operator API (docs/spec/model.md).
#ifndef SV_FLEET_MODELS_DOOR_H
#define SV_FLEET_MODELS_DOOR_H

#include "visit.h"

void sv_models_door_list(sv_visit *v);
void sv_models_door_put(sv_visit *v);
void sv_models_door_of_site(sv_visit *v);
void sv_models_door_act(sv_visit *v);
void sv_models_door_renewed(sv_visit *v);

#endif
