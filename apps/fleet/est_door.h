// EST at the device door (RFC 7030, RFC 8951; docs/spec/enrol.md): `/.well-known/est/` with
// cacerts, csrattrs, simpleenroll and simplereenroll, and `/.well-known/est/gateway/simplereenroll`
// for a gateway's own certificate: what a gateway asks at the others it asks for somebody else.
#ifndef SV_FLEET_EST_DOOR_H
#define SV_FLEET_EST_DOOR_H

#include "fleet.h"

#include <net/http_server.h>

enum {
    SV_EST_REQUEST_MAX = 64 * 1024,
    SV_EST_BODY_LOOKED_AT_MAX =
        128 * 1024, ///< up to here a newcomer hears a sentence, beyond 413 alone
};

/// False for any other path; else the request is answered, or will be.
bool sv_est_door(sv_http_request *request, sv_fleet *fleet);

#endif
