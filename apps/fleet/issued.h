// The certificates that are known of: issued here, or found in the PKI's folder. Which keys are
// taken, and what an operator is told. [enrol-14] [enrol-30]
#ifndef SV_FLEET_ISSUED_H
#define SV_FLEET_ISSUED_H

#include "fleet.h"

#include <crypto/cert_facts.h>

enum { SV_ISSUED_LAST_PART = 6 }; ///< in the last sixth of its time it should have been renewed

typedef struct sv_issued {
    const sv_cert_facts *facts;
    sv_role role;
    const char *how; ///< "enrolled", "renewed", "grace", "imported"
    bool revoked;    ///< the folder says so
    bool proved;     ///< the key of the one before has signed for its key
} sv_issued;

/// In the caller's transaction. Those of the same id from before are replaced by it.
sv_err sv_issued_add(sv_db *db, const sv_issued *one, int64_t now_us, sv_why *why);

/// May `id` have a certificate for the key? SV_ERR_STATE, with the sentence, when another id has or
/// had it, or when it was revoked.
sv_err sv_issued_check_key(const sv_fleet *fleet, const char *id, const char *key_hash,
                           sv_why *why);
/// SV_ERR_STATE when there are certificates of the id written otherwise: upper and lower case make
/// no other id. [standing-1]
sv_err sv_issued_check_spelling(const sv_fleet *fleet, const char *id, sv_why *why);
/// Did `id` get one that begins after `not_before_us`?
sv_err sv_issued_is_newest(sv_db *db, const char *id, int64_t not_before_us, bool *out,
                           sv_why *why);
/// Has `id` ever renewed with such a signature? Then it can.
sv_err sv_issued_has_proved(sv_db *db, const char *id, bool *out, sv_why *why);
/// By how it came.
bool sv_issued_renews_itself(const char *how);
/// Has the last part of its time begun?
bool sv_issued_is_ending(int64_t not_before_us, int64_t not_after_us, int64_t now_us);

/// What an operator is shown of the newest certificate of an id.
typedef struct sv_issued_newest {
    char serial[SV_SERIAL_ROOM];
    int64_t not_before_us, not_after_us;
    bool revoked;
} sv_issued_newest;
/// SV_ERR_NOT_FOUND: none is known.
sv_err sv_issued_find_newest(const sv_fleet *fleet, const char *id, sv_issued_newest *out,
                             sv_why *why);

#endif
