// A stream's raw readings, which stay at its gateway and are fetched when a person looks
// (docs/spec/ask.md): the question, and the answer read field by field.
#ifndef SV_FLEET_RAW_H
#define SV_FLEET_RAW_H

#include "series.h"
#include "visit.h"

enum {
    SV_RAW_POINTS_MAX = 2000, ///< stretches of time: at most two readings and a minute of each
    SV_RAW_BYTES_MAX = 1024 * 1024,
};

/// What a gateway said of one stream becomes what sv_series_write gives of it, kind "raw" (or
/// "summary", where no reading is left): readings, and the means of minutes where only those are
/// left. SV_ERR_INVALID for what is no answer, or one about other times.
sv_err sv_raw_write(const sv_json *answer, const sv_series_range *range, sv_json_out *out,
                    sv_why *why);

/// `GET /api/v1/devices/{id}/raw?sensor=&from=&to=&points=`
void sv_raw_door(sv_visit *v);

#endif
