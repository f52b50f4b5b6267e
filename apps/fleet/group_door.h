// Groups, tags and queries as operators give and ask them (docs/spec/campaign.md).
#ifndef SV_FLEET_GROUP_DOOR_H
#define SV_FLEET_GROUP_DOOR_H

#include "visit.h"

void sv_group_door_list(sv_visit *v);
void sv_group_door_show(sv_visit *v);
void sv_group_door_put(sv_visit *v);
void sv_group_door_remove(sv_visit *v);
void sv_group_door_show_tags(sv_visit *v);
void sv_group_door_put_tags(sv_visit *v);
void sv_group_door_query(sv_visit *v);

#endif
