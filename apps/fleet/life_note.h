// What gateways tell of how long a machine will last, by a live model. The last word of each is
// kept. [uplink-21] [model-42]
#ifndef SV_FLEET_LIFE_NOTE_H
#define SV_FLEET_LIFE_NOTE_H

#include "fleet.h"

#include <codec/json.h>

typedef struct sv_life_note {
    char model[SV_ID_ROOM];
    int64_t version;
    int64_t left_s, low_s, high_s; ///< low <= left <= high
    double risk;                   ///< of failing within horizon_s, 0 to 1
    int64_t horizon_s;
    int64_t at_ms; ///< when it was told
} sv_life_note;

/// Whether it can be read.
bool sv_life_note_read(const sv_json *life, sv_life_note *out);
/// Of the item of `device`; within the open transaction. `changed`: it is another one, or gone.
sv_err sv_life_take(sv_fleet *fleet, sv_device *device, const sv_json *item, bool *changed,
                    sv_why *why);
/// What was told before this start.
sv_err sv_life_load(sv_fleet *fleet, sv_why *why);
/// The object with "at", or null.
void sv_life_write(const sv_device *device, sv_json_out *out);

#endif
