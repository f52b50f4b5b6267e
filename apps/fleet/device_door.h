// The HTTP door for gateways that are named in the configuration, and for devices, which come
// themselves or through their gateway (asker.h). Mutual TLS.
#ifndef SV_FLEET_DEVICE_DOOR_H
#define SV_FLEET_DEVICE_DOOR_H

#include <net/http_server.h>

/// `arg` is the sv_fleet.
void sv_device_door(sv_http_request *request, void *arg);

#endif
