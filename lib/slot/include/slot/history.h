// The states that a device's updates came to, kept over the journal that they were noted in first
// (update/history.h): a file `history` of places of 512 bytes, one for an entry, the oldest written
// over. One place is written and flushed at a time: whatever a power cut leaves, all the others are
// there. A place has, numbers little-endian:
//
//   0   4  "SvHi"     4   4  format: 1     8   8  sequence, from 1
//   16     the entry, then zeros
//   508 4  CRC-32 (zip's) of all before
//
// Nothing depends on it: where it cannot be kept the update goes on. [slot-25]
#ifndef SV_SLOT_HISTORY_H
#define SV_SLOT_HISTORY_H

#include <slot/disk.h>
#include <update/history.h>

enum { SV_HISTORY_PLACE_BYTES = 512 };

typedef struct sv_slot_history {
    const sv_slot_disk *disk;
    size_t places; ///< of the file; 0: SV_HISTORY_ENTRIES_MAX, and never more
} sv_slot_history;

/// Note it, unless it is there already: whoever was cut between journal and history notes again.
sv_err sv_slot_history_note(const sv_slot_history *history, const sv_journal_report *report,
                            int64_t at_us, sv_why *why);
/// The newest ones, the oldest of them first, as they go over the socket; places that are damaged
/// are passed over. None where there is no file.
sv_err sv_slot_history_read(const sv_slot_history *history,
                            uint8_t out[SV_HISTORY_ENTRIES_MAX][SV_HISTORY_ENTRY_BYTES],
                            size_t *count, sv_why *why);

#endif
