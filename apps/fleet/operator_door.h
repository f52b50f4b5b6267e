// The HTTP door for people and their programs: dashboard, REST, live events, metrics
// (docs/spec/operator-api.md).
#ifndef SV_FLEET_OPERATOR_DOOR_H
#define SV_FLEET_OPERATOR_DOOR_H

#include "reach.h"

#include <net/http_server.h>

enum {
    SV_OPERATOR_BODY_MAX = 1024 * 1024,      ///< of one request: a site's rules
    SV_OPERATOR_ROOM_MAX = 64 * 1024 * 1024, ///< of all requests on their way
};

enum { SV_ROUTE_OPEN = -1 };

/// Who may, and who answers.
typedef struct sv_operator_route {
    const char *method, *path; ///< `*` is one segment
    int least;                 ///< role, or SV_ROUTE_OPEN: also nobody
    unsigned scopes;           ///< of an API token, one of them; 0: no token is enough
    void (*answer)(sv_visit *v);
} sv_operator_route;

/// All of them.
const sv_operator_route *sv_operator_routes(size_t *count);

/// `arg` is the sv_fleet.
void sv_operator_door(sv_http_request *request, void *arg);

#endif
