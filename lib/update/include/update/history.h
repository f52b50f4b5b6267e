// What a device's updates came to, long after the journal has moved on: entries of fixed size, as
// they lie on the medium (slot/history.h) and go over the updater's socket. No I/O here.
#ifndef SV_UPDATE_HISTORY_H
#define SV_UPDATE_HISTORY_H

#include <update/journal.h>

enum {
    SV_HISTORY_ENTRIES_MAX = 128, ///< the oldest makes room
    SV_HISTORY_ENTRY_BYTES = 288,
};

/// A state that an update came to.
typedef struct sv_history_entry {
    int64_t at_us; ///< when, as far as the updater's clock was believed; 0: it was not
    sv_journal_report report;
} sv_history_entry;

void sv_history_entry_write(const sv_history_entry *entry, uint8_t out[SV_HISTORY_ENTRY_BYTES]);
/// SV_ERR_INVALID for what sv_history_entry_write never writes; texts are printable ASCII.
/// [slot-25]
sv_err sv_history_entry_read(const uint8_t bytes[SV_HISTORY_ENTRY_BYTES], sv_history_entry *out,
                             sv_why *why);

#endif
