// The first admin of all: while there is none, a link that makes one lies in a file beside the
// database, `first-admin.link` (0600), and is shown on the console when there is one. [people-3]
#ifndef SV_FLEET_FIRST_ADMIN_H
#define SV_FLEET_FIRST_ADMIN_H

#include "fleet.h"

#define SV_FIRST_ADMIN_FILE "first-admin.link"

/// At the start, once the operator door listens on `port`.
void sv_first_admin_open(sv_fleet *fleet, uint16_t port);
/// Every minute, and when a link was used: a link that has ended is followed by another; once there
/// is an admin, the file goes.
void sv_first_admin_turn(sv_fleet *fleet);

#endif
