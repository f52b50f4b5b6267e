// Who was let in on the console, with `selvedge user recover`: the command writes the database, the
// server the line of the event log, for the log has one writer. [people-15]
#ifndef SV_FLEET_RECOVERED_H
#define SV_FLEET_RECOVERED_H

#include "fleet.h"

/// Every minute before anything is pruned, and before a link is used.
void sv_recovered_turn(sv_fleet *fleet);

#endif
