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

#endif
