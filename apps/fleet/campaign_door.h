// Campaigns as operators start, watch and stop them: `/api/v1/updates` (docs/spec/campaign.md).
#ifndef SV_FLEET_CAMPAIGN_DOOR_H
#define SV_FLEET_CAMPAIGN_DOOR_H

#include "visit.h"

void sv_campaign_door_start(sv_visit *v);
void sv_campaign_door_list(sv_visit *v);
void sv_campaign_door_show(sv_visit *v);
void sv_campaign_door_devices(sv_visit *v);
void sv_campaign_door_pause(sv_visit *v);
void sv_campaign_door_resume(sv_visit *v);
void sv_campaign_door_stop(sv_visit *v);
void sv_campaign_door_approve(sv_visit *v);
void sv_campaign_door_retry(sv_visit *v);

#endif
