// `selvedge pki revoke` writes into the PKI folder; the fleet server, where it reads that folder,
// takes it over. [standing-10]
#ifndef SV_FLEET_STANDING_FOLDER_H
#define SV_FLEET_STANDING_FOLDER_H

#include "fleet.h"

enum {
    SV_STANDING_FOLDER_TURN = 640, ///< ids taken over in one turn; the rest follows in the next
};
#define SV_STANDING_FOLDER_US (5 * SV_TIME_SECOND_US) ///< it is looked at this seldom

/// Look, when it is time, and take over what is new. Once a second.
void sv_standing_folder_turn(sv_fleet *fleet);

#endif
