// One key at two places at a time: a gateway has seen it, or two gateways are visited by one id at
// once. It is quarantined and raised. [standing-12]
//
// Moving from one gateway to another is none, even when the one that was left does not know yet:
// only who is heard at both, in turns, is at two places.
#ifndef SV_FLEET_CLONES_H
#define SV_FLEET_CLONES_H

#include "fleet.h"

#include <codec/json.h>
#include <model/standing.h>

enum {
    SV_CLONES_LOOKED_AT_MAX = 64, ///< ids that two gateways call online
    SV_CLONES_TURNS = 3,          ///< so often it was heard at the other gateway again
    SV_CLONES_PLACES_MAX = 8,     ///< in a report
    SV_CLONES_PLACE_MAX = 64,     ///< bytes of one
};
#define SV_CLONES_RULE "clone" ///< of the alert
#define SV_CLONES_LOOK_US (2 * SV_TIME_MINUTE_US)

typedef struct sv_clones sv_clones;

sv_clones *sv_clones_new(void);
void sv_clones_drop(sv_clones **clones);

/// `POST /v1/clones {"id","at","places":["…"]}`, of a device of the gateway's site. Twice is once.
/// SV_ERR_INVALID.
sv_err sv_clones_take(sv_fleet *fleet, sv_gateway *gateway, sv_text body, sv_textbuf *answer,
                      sv_why *why);
/// A gateway says whether a device is online there and when it was heard last. Before the registry
/// takes it.
void sv_clones_look(sv_fleet *fleet, const sv_gateway *gateway, sv_text id, bool online,
                    int64_t seen_us);
/// Quarantine whom that has shown to be at two places, and have gateways look closely at whom they
/// share. Once a second, and after what gateways said was taken.
void sv_clones_turn(sv_fleet *fleet);
/// Somebody has decided about the id: what was raised is over, unless it is quarantined.
void sv_clones_decided(sv_fleet *fleet, const sv_standing_change *change);

#endif
