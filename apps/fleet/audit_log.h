// The event log: who did what about whom, from where, and what became of it. One line an event, in
// the transaction of what it tells, so that there is neither a deed without its line nor a line
// without its deed. Lines are never changed, and each is hashed onto the one before it
// (crypto/audit.h), so that it is seen when one was. [audit-1] [audit-6]
//
// What strangers send goes into it as well (a user name, a certificate's name): it is cut to the
// field's length, and control characters and broken UTF-8 become '?', so that a line is a line.
#ifndef SV_FLEET_AUDIT_LOG_H
#define SV_FLEET_AUDIT_LOG_H

#include <base/err.h>
#include <base/time.h>
#include <store/audit.h>

enum {
    SV_AUDIT_NAME_MAX = 128,       ///< bytes of who, from, what and about, each
    SV_AUDIT_DETAIL_MAX = 400,     ///< bytes of detail
    SV_AUDIT_CHANGE_MAX = 1024,    ///< bytes of what was there before and is there after, each
    SV_AUDIT_REFUSED_MAX = 100000, ///< refusals kept: anybody may cause them, so the oldest go
};
#define SV_AUDIT_KEPT_US (400 * SV_TIME_DAY_US) ///< all else, and refusals no longer either

typedef enum sv_audit_outcome {
    SV_AUDIT_DONE,
    SV_AUDIT_REFUSED, ///< by a rule: it will not be otherwise the next time
    SV_AUDIT_FAILED,  ///< for want of something: a signer, room on the disk
    SV_AUDIT_OUTCOME__COUNT
} sv_audit_outcome;

/// Texts may be NULL, which is "".
typedef struct sv_audit_event {
    int64_t at_us;
    const char *who;   ///< a person's name, an id; "" when nobody knows; "fleet": by itself
    const char *from;  ///< address, or the id of the gateway that passed it on
    const char *what;  ///< "<noun>.<verb>", lower case, stable: "enrolment.add", "device.revoke"
    const char *about; ///< the id it is about
    sv_audit_outcome outcome;
    const char *detail;    ///< a sentence for people. No secret.
    sv_text before, after; ///< of a change. What is too long is cut, and its length and SHA-256
                           ///< stand behind it. No secret. [audit-5]
} sv_audit_event;

/// In the caller's transaction; outside of any, one of its own.
sv_err sv_audit_add(sv_db *db, const sv_audit_event *event, sv_why *why);
/// The newest line's number and hash; SV_ERR_NOT_FOUND when there is none.
sv_err sv_audit_newest(sv_db *db, int64_t *seq, uint8_t hash[SV_AUDIT_HASH_BYTES], sv_why *why);
/// What a new database begins with, or the chain for lines that were written before there was one.
/// [audit-11]
sv_err sv_audit_begin(sv_db *db, const char *server, int64_t now_us, sv_why *why);

#endif
