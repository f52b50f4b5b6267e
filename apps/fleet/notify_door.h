// The operator door's part about notifications and timelines. [notify-10]
#ifndef SV_FLEET_NOTIFY_DOOR_H
#define SV_FLEET_NOTIFY_DOOR_H

#include "visit.h"

void sv_notify_door_setup(sv_visit *v); ///< channels and routes, with what became of the last
void sv_notify_door_list(sv_visit *v);
void sv_notify_door_show(sv_visit *v);
void sv_notify_door_retry(sv_visit *v);
void sv_notify_door_test_channel(sv_visit *v);
void sv_notify_door_test_route(sv_visit *v);
void sv_notify_door_timeline(sv_visit *v);

#endif
