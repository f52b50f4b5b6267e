// What the front door's events say about who is at the other end: one key at two places, and who
// asks for what it may not.
#ifndef SELVEDGE_GATEWAY_DOOR_WATCH_H
#define SELVEDGE_GATEWAY_DOOR_WATCH_H

#include <mqtt/broker.h>

struct gw;

void gw_door_watch(struct gw *g, sv_broker_event event, const sv_broker_peer *who,
                   const sv_why *why);
/// `arg` is the gateway; see sv_mqtt_server_hooks.
void gw_door_parted(void *arg, const char *address, bool answered);

#endif
