// Between the two files that read the configuration: config.c has the whole of it, config_front.c
// the sections that say who is listened to.
#ifndef SELVEDGE_GATEWAY_CONFIG_OWN_H
#define SELVEDGE_GATEWAY_CONFIG_OWN_H

#include "config.h"

extern const sv_config_key GW_LISTEN_KEYS[], GW_DOOR_KEYS[], GW_CACHE_KEYS[], GW_BROKER_KEYS[];

/// `apps: {<app id>: [topic filter, ...]}` into the gw_config that is the target.
void gw_config_read_apps(const sv_config_node *node, void *target, sv_config_faults *faults);
/// `deny: [topic filter, ...]`, likewise.
void gw_config_read_deny(const sv_config_node *node, void *target, sv_config_faults *faults);

#endif
