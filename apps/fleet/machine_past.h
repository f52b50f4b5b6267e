// How the health of machines was: the lowest that a gateway told within five minutes, kept for as
// long as points are. [detect-68]
#ifndef SV_FLEET_MACHINE_PAST_H
#define SV_FLEET_MACHINE_PAST_H

#include "series.h"
#include "visit.h"

enum {
    SV_MACHINE_PAST_MS = 5 * 60000,        ///< in which one value is kept: 105,000 a year at most
    SV_MACHINE_PAST_HOLDS_MS = 65 * 60000, ///< a gateway tells it again every hour
};

/// Within the open transaction. What is older than points may be goes.
sv_err sv_machine_past_add(sv_fleet *fleet, const sv_device *device, int health, sv_why *why);
/// "health":[[ms,0-100],...]: each holds until the next, and no longer than
/// SV_MACHINE_PAST_HOLDS_MS; the first may be from before the range. Of each part of it the lowest.
sv_err sv_machine_past_write(sv_fleet *fleet, const sv_device *device, const sv_series_range *range,
                             sv_json_out *out, sv_why *why);
void sv_machine_past_door(sv_visit *v);

#endif
