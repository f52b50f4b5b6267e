// What the files of standing share.
#ifndef SV_FLEET_STANDING_OWN_H
#define SV_FLEET_STANDING_OWN_H

#include "standing.h"
#include "standing_push.h"

/// What was seen of the PKI folder.
typedef struct sv_standing_folder {
    int64_t looked_mono_us; ///< 0: never
    int64_t seen[3];        ///< size and time of the file
    bool more;              ///< there is more in it than was taken over
} sv_standing_folder;

struct sv_standing_log {
    sv_standings *table;
    int64_t version; ///< of the last decision that holds
    uint8_t hash[SV_STANDING_HASH_BYTES];
    /// Stored, not settled.
    sv_standing_change pending[SV_STANDING_AT_ONCE_MAX];
    size_t pending_count;
    uint8_t pending_hash[SV_STANDING_HASH_BYTES];
    sv_standing_pushing pushing;
    sv_standing_folder folder;
};

/// What a decision that holds from now on means for this server itself.
void sv_standing_apply(struct sv_fleet *fleet, const sv_standing_change *change);
/// h(version) of the log. [standing-4]
sv_err sv_standing_hash_at(sv_db *db, int64_t version, uint8_t out[SV_STANDING_HASH_BYTES],
                           sv_why *why);
/// A row behind the others: `hash` becomes that with the change.
sv_err sv_standing_add_row(sv_db *db, const sv_standing_change *change,
                           const sv_standing_order *order, int64_t at_us,
                           uint8_t hash[SV_STANDING_HASH_BYTES], sv_why *why);

#endif
