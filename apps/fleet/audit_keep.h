// Keeps the audit log worth its name: has the signer vouch for how far it has come, forgets only
// what the signer has signed as forgotten, and holds what could not be written until it can be.
// [audit-7] [audit-10] [audit-13] [audit-14]
#ifndef SV_FLEET_AUDIT_KEEP_H
#define SV_FLEET_AUDIT_KEEP_H

#include "audit_log.h"
#include "signer.h"

struct sv_fleet;

enum {
    SV_AUDIT_CHECKPOINT_LINES = 1000, ///< that wait for a checkpoint
    SV_AUDIT_FILE_MAX =
        8 * 1024 * 1024,           ///< bytes of the file of checkpoints; one of before is kept
    SV_AUDIT_PRUNED_A_TURN = 16,   ///< pruned records that are signed in one minute
    SV_AUDIT_RUN_MAX = 10000,      ///< refusals that become one of them
    SV_AUDIT_REFUSED_SLACK = 1000, ///< refusals beyond the bound before any is forgotten
    SV_AUDIT_RESERVE_BYTES = 1024 * 1024,        ///< kept for saying that the disk is full
    SV_AUDIT_ROOM_MIN_BYTES = 2 * 1024 * 1024,   ///< free space below which it is
    SV_AUDIT_ROOM_AGAIN_BYTES = 4 * 1024 * 1024, ///< and above which it is not any more
};
#define SV_AUDIT_CHECKPOINT_US (10 * SV_TIME_MINUTE_US) ///< a line waits no longer
#define SV_AUDIT_RETRY_US (5 * SV_TIME_SECOND_US)
#define SV_AUDIT_FINISH_US                                                                         \
    (2 * SV_TIME_SECOND_US)                  ///< for the last checkpoint, when the server ends
#define SV_AUDIT_AGE_SLACK_US SV_TIME_DAY_US ///< too old lines are forgotten a day's worth at once

/// Who signs: sv_signer_audit, or what a test puts in its place.
typedef sv_err sv_audit_sign_fn(sv_signer *signer, const sv_signer_statement *statement,
                                sv_signer_done *done, void *arg, sv_why *why);

#define SV_AUDIT_ROOM_RULE "audit-room" ///< of the alert that there is none

typedef struct sv_audit_keeper sv_audit_keeper;

/// `sign` NULL: no signer is configured. Then there are no checkpoints, and what is forgotten is
/// signed by nobody.
SV_NOT_NULL sv_audit_keeper *sv_audit_keeper_new(sv_audit_sign_fn *sign);
void sv_audit_keeper_drop(sv_audit_keeper **keeper);
/// The log's beginning, and how far it is signed. After the database was opened.
sv_err sv_audit_keeper_load(struct sv_fleet *fleet, sv_why *why);

/// A deed in the caller's transaction, which fails with its line: now, and from the address of
/// whoever is being answered. `at_us` and `from` are not looked at.
sv_err sv_audit_deed(struct sv_fleet *fleet, const sv_audit_event *deed, sv_why *why);
/// What has happened whether it can be written or not: a refusal, a start. In a transaction of its
/// own. What cannot be written is counted, an alert says so, and one line does later. [audit-14]
void sv_audit_note(struct sv_fleet *fleet, const sv_audit_event *event);
/// How many that were since the start.
int64_t sv_audit_unwritten_ever(const struct sv_fleet *fleet);

/// Once a second.
void sv_audit_turn(struct sv_fleet *fleet);
/// Forget what is too old or too much, as far as it has been signed; once a minute.
void sv_audit_prune(struct sv_fleet *fleet);
/// The server ends: the last lines are signed, if the signer answers in time. Runs the loop.
void sv_audit_finish(struct sv_fleet *fleet);
/// Lines up to this one are signed; 0: none. [audit-13]
int64_t sv_audit_signed_to(const struct sv_fleet *fleet);

#endif
