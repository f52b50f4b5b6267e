// From a request to who asks: session cookie or API token, with the throttle on wrong ones.
#ifndef SV_FLEET_ACCESS_H
#define SV_FLEET_ACCESS_H

#include "fleet.h"

#include <net/http_server.h>

/// The session in the cookie, or the empty text.
sv_text sv_access_cookie(const sv_http_request *request);
void sv_access_set_cookie(sv_fleet *fleet, sv_http_request *request, const char *session);
void sv_access_clear_cookie(sv_fleet *fleet, sv_http_request *request);

/// False when the peer has been wrong too often; the request is answered then.
bool sv_access_may_try(sv_fleet *fleet, sv_http_request *request);
void sv_access_failed(sv_fleet *fleet, sv_http_request *request);

/// False when the request is refused (and answered): nobody, too low a role, or a change by cookie
/// without `X-Selvedge: 1`.
bool sv_access_allow(sv_fleet *fleet, sv_http_request *request, sv_person_role least,
                     sv_person *out);

#endif
