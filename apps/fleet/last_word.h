// The last word of gateways about a machine, of one kind (its health, how long it will last, what
// it fails of): held in memory with its device, and kept in a table (device, at_ms, note) of its
// own.
#ifndef SV_FLEET_LAST_WORD_H
#define SV_FLEET_LAST_WORD_H

#include "fleet.h"

#include <codec/json.h>

typedef struct sv_last_word {
    const char *key; ///< of the object in a gateway's item
    const char *store, *forget, *all;
    /// When it was told; false: it was not.
    bool (*told)(const sv_device *device, int64_t *at_ms);
    /// The members of what was told.
    void (*put)(const sv_device *device, sv_json_out *out);
    /// What can be read of it is told from now on; false: nothing, and nothing changes.
    bool (*take)(sv_device *device, const sv_json *note, int64_t at_ms);
    /// It is not told any more. NULL: it is for ever.
    void (*drop)(sv_device *device);
} sv_last_word;

#define SV_LAST_WORD_SQL(table)                                                                    \
    .store = "INSERT INTO " table " (device, at_ms, note) VALUES (?1, ?2, ?3)"                     \
             " ON CONFLICT (device) DO UPDATE SET at_ms = ?2, note = ?3",                          \
    .forget = "DELETE FROM " table " WHERE device = ?1",                                           \
    .all = "SELECT device, at_ms, note FROM " table

/// Keeps what is told of `device`; within the open transaction.
sv_err sv_last_word_store(sv_fleet *fleet, const sv_device *device, const sv_last_word *word,
                          sv_why *why);
/// Takes and keeps what the item of `device` says, null: nothing any more. What this version cannot
/// read is left out. Within the open transaction. `changed` is set where it did.
sv_err sv_last_word_hear(sv_fleet *fleet, sv_device *device, const sv_last_word *word,
                         const sv_json *item, bool *changed, sv_why *why);
/// What was told before this start.
sv_err sv_last_word_load(sv_fleet *fleet, const sv_last_word *word, sv_why *why);
/// The object with "at", or null.
void sv_last_word_write(const sv_device *device, const sv_last_word *word, sv_json_out *out);

#endif
