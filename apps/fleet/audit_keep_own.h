// What the files of the audit log's keeper share.
#ifndef SV_FLEET_AUDIT_KEEP_OWN_H
#define SV_FLEET_AUDIT_KEEP_OWN_H

#include "audit_keep.h"

#define SV_AUDIT_FILE_ENDING ".checkpoints"

enum { SV_AUDIT_SEALED_MAX = 2048 }; ///< bytes of a checkpoint or a pruned record as it is written

/// What has happened and is not in the log.
typedef struct sv_audit_unwritten {
    int64_t count, ever;
    int64_t since_us, until_us;
    char first[SV_AUDIT_NAME_MAX]; ///< what, and about whom
    sv_why why;
} sv_audit_unwritten;

struct sv_audit_keeper {
    sv_audit_sign_fn *sign;
    int64_t signed_to;
    int64_t waits_since_us; ///< when a line was first seen behind it (monotonic); 0: none is
    int64_t tried_us;
    bool checkpoint_under_way;
    bool told; ///< that it failed
    sv_signer_statement asked;
    sv_audit_unwritten unwritten;
    bool room_alarm; ///< the alert is open
    bool room_told;  ///< that it could not be stored
    bool room_known; ///< no alert from before is open
    bool prune_under_way;
    int64_t refused_max; ///< SV_AUDIT_REFUSED_MAX; a test has fewer
    int64_t refused_to;  ///< refusals up to this line are too many; 0: none are
    unsigned pruned_this_turn;
    sv_signer_statement pruning; ///< what has been asked for
};

/// Is there room; once a second.
void sv_audit_room_turn(struct sv_fleet *fleet);
/// The signer's answer: domain, a line's end, signature.
sv_err sv_audit_seal_of(sv_text answer, int64_t at_us, sv_audit_seal *out, sv_why *why);

#endif
