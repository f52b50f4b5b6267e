// What gateways tell of what is wrong with a machine, or will be, by a live model of classes. The
// last word of each is kept. [uplink-21] [model-42]
#ifndef SV_FLEET_FAILURE_NOTE_H
#define SV_FLEET_FAILURE_NOTE_H

#include "fleet.h"

#include <codec/json.h>

enum {
    SV_FAILURE_CLASSES_MAX = 16,
    SV_FAILURE_NAME_ROOM = 65,
    SV_FAILURE_PARTS_MAX = 3,
};

typedef struct sv_failure_class {
    char name[SV_FAILURE_NAME_ROOM];
    double probability;
} sv_failure_class;

/// A sensor for which the risk is higher.
typedef struct sv_failure_part {
    char sensor[SV_ID_ROOM];
    double by; ///< the risk less what it would be with this sensor as at first, -1 to 1
    bool lower;
} sv_failure_part;

typedef struct sv_failure_note {
    char model[SV_ID_ROOM];
    int64_t version;
    double risk;       ///< of all classes but the one that is fine, 0 to 1
    int64_t horizon_s; ///< within which it comes true; 0: it is so now
    int64_t at_ms;     ///< when it was told
    size_t classes, parts;
    sv_failure_class of[SV_FAILURE_CLASSES_MAX];
    sv_failure_part part[SV_FAILURE_PARTS_MAX];
} sv_failure_note;

/// Whether it can be read.
bool sv_failure_note_read(const sv_json *failure, sv_failure_note *out);
/// Of the item of `device`; within the open transaction. `changed`: it is another one, or gone.
sv_err sv_failure_take(sv_fleet *fleet, sv_device *device, const sv_json *item, bool *changed,
                       sv_why *why);
/// What was told before this start.
sv_err sv_failure_load(sv_fleet *fleet, sv_why *why);
/// The object with "at", or null.
void sv_failure_write(const sv_device *device, sv_json_out *out);

#endif
