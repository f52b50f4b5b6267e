// For trying: storage whose power goes after so many events (writes, flushes, names, lengths). What
// was not flushed by then is kept, lost or torn, sector by sector, as a seed says; the files are
// left so, and nothing can be read or written any more.
#ifndef SELVEDGE_FIRMWARE_POWER_H
#define SELVEDGE_FIRMWARE_POWER_H

#include <base/prng.h>
#include <slot/disk.h>
#include <stdbool.h>

typedef struct firmware_undo firmware_undo;

typedef struct firmware_power {
    sv_slot_disk disk;         ///< to be used
    const sv_slot_disk *under; ///< the storage
    uint64_t after;            ///< events until the power goes; 0: it never does
    uint64_t events;           ///< there were so many
    bool gone;
    bool broken; ///< what is on the medium could not be made as it would be
    sv_prng prng;
    unsigned kept, lost, torn; ///< writes and names that were not flushed
    char names[SV_SLOT_FILES_MAX][SV_SLOT_NAME_MAX + 1];
    firmware_undo *undo; ///< the newest first
} firmware_power;

/// `power` must not move while it is used.
void firmware_power_begin(firmware_power *power, const sv_slot_disk *under, uint64_t after,
                          uint64_t seed);
void firmware_power_drop(firmware_power *power);

#endif
