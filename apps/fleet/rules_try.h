// A candidate for a site's rules, tried by its gateways on what they have stored
// (docs/spec/rules.md): every gateway that is there is asked, and the request is answered when all
// have, or their time is over. What they say is read field by field.
#ifndef SV_FLEET_RULES_TRY_H
#define SV_FLEET_RULES_TRY_H

#include "asks.h"

#include <net/http_server.h>

enum {
    SV_RULES_TRY_DAYS_DEFAULT = 7,
    SV_RULES_TRY_DAYS_MAX = 31,
    SV_RULES_TRY_MAX = 4,                     ///< at a time: each keeps its candidate
    SV_RULES_TRY_ALERTS_MAX = 100,            ///< that a gateway lists
    SV_RULES_TRY_FOUND_MAX = 256 * 1024,      ///< bytes of what one has found
    SV_RULES_TRY_BYTES_MAX = 8 * 1024 * 1024, ///< and of all of them
};
#define SV_RULES_TRY_WITHIN_US SV_ASK_WITHIN_MAX_US

/// Answers `request`, whose body is the candidate: now or later.
void sv_rules_try(sv_fleet *fleet, const sv_site *site, int64_t days, sv_http_request *request);

/// What a gateway said becomes what is shown of it. SV_ERR_INVALID for what is no answer; `out` is
/// worth nothing then.
sv_err sv_rules_try_write(const sv_json *answer, sv_json_out *out, sv_why *why);

#endif
