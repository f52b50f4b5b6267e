// The HTTP door for people and their programs: dashboard, REST, live events, metrics
// (docs/spec/operator-api.md).
#ifndef SV_FLEET_OPERATOR_DOOR_H
#define SV_FLEET_OPERATOR_DOOR_H

#include <net/http_server.h>

enum {
    SV_OPERATOR_BODY_MAX = 1024 * 1024,      ///< of one request: a site's rules
    SV_OPERATOR_ROOM_MAX = 64 * 1024 * 1024, ///< of all requests on their way
};

/// `arg` is the sv_fleet.
void sv_operator_door(sv_http_request *request, void *arg);

#endif
