// What gateways send (docs/spec/uplink.md), without the HTTP around it: a body goes in, everything
// in it is committed in one transaction, an answer comes out.
#ifndef SV_FLEET_UPLINK_H
#define SV_FLEET_UPLINK_H

#include "fleet.h"

enum {
    SV_UPLINK_BODY_MAX = 4 * 1024 * 1024,
    SV_UPLINK_ITEMS_MAX = 10000, ///< in one batch
    SV_UPLINK_EPOCHS_MAX = 16,   ///< of one gateway whose watermark is remembered
    SV_UPLINK_ANSWER_MAX = 1024,
};

#define SV_UPLINK_AHEAD_US (INT64_C(10000) * 366 * SV_TIME_DAY_US) ///< no clock is further off

/// SV_ERR_INVALID: the body breaks the format; SV_ERR_IO, SV_ERR_NO_SPACE: nothing was committed,
/// the gateway keeps it and tries again.
typedef sv_err sv_uplink_fn(sv_fleet *fleet, sv_gateway *gateway, sv_text body, sv_textbuf *answer,
                            sv_why *why);

sv_uplink_fn sv_uplink_readings; ///< [uplink-1]
sv_uplink_fn sv_uplink_alert;    ///< [uplink-2]
sv_uplink_fn sv_uplink_health;   ///< [uplink-3]

/// Ends the transaction that `err` happened in: committed, or nothing of it stays.
sv_err sv_uplink_end(sv_fleet *fleet, sv_err err, sv_why *why);
/// The item is counted as refused and the others are taken; any other failure is the medium's.
bool sv_uplink_is_fault_of_item(sv_err err);

#endif
