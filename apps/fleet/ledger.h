// The delivery ledger: which numbers of every device the gateways have on disk, as they tell it
// (docs/spec/uplink.md), and what is missing or doubled among them. What a device still holds above
// its highest number nobody here can know.
#ifndef SV_FLEET_LEDGER_H
#define SV_FLEET_LEDGER_H

#include "uplink.h"

#include <codec/json.h>

enum {
    SV_LEDGER_ITEMS_MAX = 1000, ///< in one request
    SV_LEDGER_EPOCHS_MAX = 64,  ///< of one device; the one not told of for longest goes first
    SV_LEDGER_LIMIT_DEFAULT = 50,
    SV_LEDGER_LIMIT_MAX = 500,
    SV_LEDGER_ALL_DAYS = INT32_MIN, ///< where a day is wanted
};

sv_uplink_fn sv_ledger_take; ///< POST /v1/ledger [uplink-5]

/// {"device","day","epochs":[...],"complete"} of one day or of all. [api-1]
sv_err sv_ledger_write_device(sv_db *db, const sv_device *device, int64_t day, sv_json_out *out,
                              sv_why *why);

/// {"items":[...],"next"}: one line per device, by id, after `cursor` (empty: from the first).
/// Of these sites alone (sv_person.sites); "": of all. [api-2]
sv_err sv_ledger_write_day(const sv_fleet *fleet, int64_t day, const char *sites,
                           const char *cursor, size_t limit, sv_json_out *out, sv_why *why);

#endif
