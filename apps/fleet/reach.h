// Which site a request is about, and whether who asks sees it. Somebody of some sites is answered
// about anything else as about what does not exist. [people-13]
#ifndef SV_FLEET_REACH_H
#define SV_FLEET_REACH_H

#include "visit.h"

typedef enum sv_about {
    SV_ABOUT_NOTHING, ///< of no site, or of who asks
    SV_ABOUT_ALL,     ///< of the fleet as a whole: for who sees all of it
    SV_ABOUT_SEEN,    ///< the answer itself keeps to what somebody sees
    SV_ABOUT_DEVICE,  ///< the first `*` is its id; a gateway's will do
    SV_ABOUT_SITE,    ///< its name; and so on
    SV_ABOUT_ALERT,
    SV_ABOUT_COMMAND,
    SV_ABOUT_NOTICE,
    SV_ABOUT_ENROLMENT,
    SV_ABOUT_CAMPAIGN, ///< of whoever started it, of one or more sites
    SV_ABOUT__COUNT
} sv_about;

/// What a route is about, by its path. One that reach.c has not heard of is about all sites.
sv_about sv_reach_about(const char *route);

/// False when the request is answered: 404, or 403 where all sites are needed.
bool sv_reach_allows(const sv_visit *v, sv_about about);

/// Somebody has changed something about a user, a session or a token: live streams of whom it has
/// ended end. Also every minute, for those that time ends.
void sv_reach_review(sv_fleet *fleet);

#endif
