// What the fleet server is told about the numbers of devices (docs/spec/uplink.md): which are on
// disk, which were refused.
#ifndef SELVEDGE_GATEWAY_LEDGER_H
#define SELVEDGE_GATEWAY_LEDGER_H

#include "senders.h"
#include <sys/loop.h>

enum {
    GW_LEDGER_ITEMS_MAX = 1000,    ///< senders that the fleet is told of at once
    GW_LEDGER_BYTES = 1024 * 1024, ///< or as many as fit
    GW_LEDGER_US = 10 * 1000000,   ///< it is told what changed that often
};

/// What is told next: put together, then sent when all of it is on disk.
typedef struct gw_ledger {
    sv_timer *timer;
    sv_textbuf body;         ///< empty: nothing waits
    uint64_t group;          ///< that has to be on disk before
    size_t next;             ///< where the walk through the senders goes on
    bool under_way, unknown; ///< to a fleet server that does not know of it
} gw_ledger;

void gw_ledger_open(gw *g);
/// A new reading of `sender` (NULL: not numbered) was recorded.
void gw_ledger_stored(gw_sender *sender, int64_t seq, int64_t received_us);
/// One was not, because of `fault`. `reading` may be NULL, or hold no more than its number.
void gw_ledger_refused(gw *g, const sv_reading *reading, sv_reading_fault fault);
/// Put together what changed since it was told, and send it as soon as it is on disk.
void gw_ledger_due(gw *g);
/// Send what waits, if it is on disk by now.
void gw_ledger_turn(gw *g);
void gw_ledger_close(gw *g);

#endif
