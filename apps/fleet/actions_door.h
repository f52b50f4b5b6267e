// What one device is to install, for operators: its updates, one by hand, and its end.
#ifndef SV_FLEET_ACTIONS_DOOR_H
#define SV_FLEET_ACTIONS_DOOR_H

#include "images.h"
#include "running.h"
#include "visit.h"

/// Is the image for that device? Only what both say is held against each other. SV_ERR_STATE with
/// what does not fit. [action-10]
sv_err sv_actions_fit(const sv_image_row *image, const char *device, const sv_running *running,
                      sv_why *why);

void sv_actions_door_show(sv_visit *v);
void sv_actions_door_assign(sv_visit *v);
void sv_actions_door_cancel(sv_visit *v);
void sv_versions_door(sv_visit *v);

#endif
