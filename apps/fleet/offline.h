// A device or a gateway that gives no sign of life for too long (the `offline` section) gets an
// OFFLINE alert, which its return clears. [offline-1]
//
// A sign of life of a device: its gateway says that it is online (its keep-alive and its will vouch
// for that), or tells of a later "last seen". Silence counts only while the gateway itself is
// heard: how devices behind one that is not are nobody knows, and the one alert is the gateway's.
// All by the monotonic clock of this process: a restart begins to count anew. [offline-2]
#ifndef SV_FLEET_OFFLINE_H
#define SV_FLEET_OFFLINE_H

#include "fleet.h"

enum {
    SV_OFFLINE_A_TURN = 500,      ///< alerts raised and cleared at once; the others a turn later
    SV_OFFLINE_LOOKED_AT = 20000, ///< devices in a turn; the others in the next ones
};

/// `rule` of a gateway's alert, which tells it from a device's.
#define SV_OFFLINE_GATEWAY "gateway"

/// Who has an alert from before. After the registry was opened.
sv_err sv_offline_load(sv_fleet *fleet, sv_why *why);
/// Raise and clear what is due. Once a second, after sv_fleet_judge.
void sv_offline_turn(sv_fleet *fleet);

#endif
