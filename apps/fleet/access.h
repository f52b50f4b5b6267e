// From a request to who asks: session cookie or API token, with the throttle on wrong ones.
#ifndef SV_FLEET_ACCESS_H
#define SV_FLEET_ACCESS_H

#include "fleet.h"

#include <net/http_server.h>

/// The session in the cookie, or the empty text.
sv_text sv_access_cookie(const sv_fleet *fleet, const sv_http_request *request);
void sv_access_set_cookie(sv_fleet *fleet, sv_http_request *request, const char *session);
void sv_access_clear_cookie(sv_fleet *fleet, sv_http_request *request);
/// `Location: /#login=<token>`: a fragment, which browsers send to nobody.
void sv_access_link(sv_http_request *request, const char *token);

/// False when the peer has been wrong too often; the request is answered then.
bool sv_access_may_try(sv_fleet *fleet, sv_http_request *request);
void sv_access_failed(sv_fleet *fleet, sv_http_request *request);

/// False when a browser says that another site's page sends this; the request is answered then.
/// `who`: whose session it would use; "": nobody's. [people-11]
bool sv_access_is_own_page(sv_fleet *fleet, sv_http_request *request, const char *who);

/// Writes down who was kept from what, 20 times a minute and user: method and path, never a query
/// or what was shown for it. Before the request is answered, which is its end. [people-14]
/// [audit-18]
void sv_access_denied(sv_fleet *fleet, sv_http_request *request, const char *who,
                      const char *reason);

/// What a request needs.
typedef struct sv_need {
    sv_person_role least;
    unsigned scopes; ///< an API token has to have one of them; 0: a session, no token
} sv_need;

/// False when the request is refused (and answered): nobody, too low a role, a token without the
/// scope, or a change by cookie without `X-Selvedge: 1`.
bool sv_access_allow(sv_fleet *fleet, sv_http_request *request, const sv_need *need,
                     sv_person *out);

#endif
