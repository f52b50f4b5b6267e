// What gateways tell of machines: a device's sensors together, as far as they are usual. The last
// word of each is kept. [uplink-20] [detect-67]
#ifndef SV_FLEET_MACHINE_HEALTH_H
#define SV_FLEET_MACHINE_HEALTH_H

#include "fleet.h"

#include <codec/json.h>

enum { SV_MACHINE_PARTS_MAX = 3 };

/// A sensor's part in what is unusual.
typedef struct sv_machine_part {
    char sensor[SV_ID_ROOM];
    int share;        ///< in percent
    double deviation; ///< in standard deviations, below 0: lower than usual
} sv_machine_part;

typedef enum sv_machine_told {
    SV_MACHINE_TOLD_GATHERING,
    SV_MACHINE_TOLD_LEARNING,
    SV_MACHINE_TOLD_WATCHING,
    SV_MACHINE_TOLD__COUNT
} sv_machine_told;

typedef struct sv_machine_note {
    sv_machine_told state;
    int health;    ///< 0 to 100; -1: not known yet
    int64_t at_ms; ///< when it was told
    size_t count;
    sv_machine_part part[SV_MACHINE_PARTS_MAX];
} sv_machine_note;

/// What the item of a device says of its machine, and whether that can be read.
bool sv_machine_note_read(const sv_json *machine, sv_machine_note *out);
/// The object that sv_machine_note_read reads.
void sv_machine_note_write(const sv_machine_note *note, sv_json_out *out);

/// Of the item of `device`; within the open transaction. `changed`: it is another one.
sv_err sv_machine_take(sv_fleet *fleet, sv_device *device, const sv_json *item, bool *changed,
                       sv_why *why);
/// What was told before this start.
sv_err sv_machine_load(sv_fleet *fleet, sv_why *why);
/// {"state","health","parts","at"} or null.
void sv_machine_write(const sv_device *device, sv_json_out *out);
/// Higher: worse; 0: nobody knows.
int64_t sv_machine_badness(const sv_device *device);

#endif
