// A certificate that should have been renewed and was not: one HEALTH alert of its device or
// gateway, a warning in the last sixth of its time and critical when it has ended, which the
// renewal clears. [enrol-33]
#ifndef SV_FLEET_EXPIRY_H
#define SV_FLEET_EXPIRY_H

#include "fleet.h"

enum { SV_EXPIRY_A_TURN = 500 }; ///< alerts raised, made worse and cleared at once

/// `rule` of its alerts.
#define SV_EXPIRY_RULE "certificate"
#define SV_EXPIRY_EVERY_US INT64_C(5000000)

/// Once a second; looks every five.
void sv_expiry_turn(sv_fleet *fleet);

#endif
