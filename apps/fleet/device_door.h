// The HTTP door for gateways: mutual TLS, role gateway, named in the configuration.
#ifndef SV_FLEET_DEVICE_DOOR_H
#define SV_FLEET_DEVICE_DOOR_H

#include <net/http_server.h>

/// `arg` is the sv_fleet.
void sv_device_door(sv_http_request *request, void *arg);

#endif
