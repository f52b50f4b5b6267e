// Alerts on their way to local subscribers (`alerts/<device>`). Each is kept in the transaction
// that made it, published once that is on disk, and forgotten in the transaction that holds what
// the own front door keeps of it for sessions, or when the external broker has acknowledged it:
// whatever is killed when, no alert is left out. One may be heard twice then, with the same id and
// event.
#ifndef SELVEDGE_GATEWAY_LOCAL_ALERTS_H
#define SELVEDGE_GATEWAY_LOCAL_ALERTS_H

#include <base/err.h>
#include <base/text.h>
#include <stdint.h>

enum { GW_LOCAL_ALERTS_MAX = 10000 }; ///< wait for a broker that is away; the oldest goes first

typedef struct gw gw;

typedef struct gw_local_alerts {
    int64_t last;    ///< the number of the last one that was recorded
    int64_t told;    ///< published up to here
    int64_t settled; ///< and forgotten, or dropped, up to here
    uint64_t dropped;
    bool dropping; ///< since the last one that was acknowledged
} gw_local_alerts;

/// What an earlier start has left.
sv_err gw_local_alerts_open(gw *g, sv_why *why);
/// Within the group.
void gw_local_alert_put(gw *g, const char *device, sv_text body);
/// Publish what is on disk, oldest first, as far as there is room for it.
void gw_local_alerts_turn(gw *g);
/// The external broker has it.
void gw_local_alert_acknowledged(gw *g, int64_t number);

#endif
