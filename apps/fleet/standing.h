// Which ids still count (docs/spec/standing.md): the log of what was decided, in the database, and
// what holds now, in memory, by which this server's own doors judge. standing_push.h tells
// gateways.
//
// A decision is stored in the caller's transaction; sv_standing_settle says how that ended, and
// only then it holds.
#ifndef SV_FLEET_STANDING_H
#define SV_FLEET_STANDING_H

#include "registry.h"

#include <codec/json.h>
#include <crypto/standing.h>
#include <model/standing.h>

struct sv_fleet;

enum {
    SV_STANDING_REASON_MAX = 200, ///< bytes
    SV_STANDING_AT_ONCE_MAX = 64, ///< decisions in one transaction
};
/// Certificates of an id that begin in the future are covered so far ahead, no further.
#define SV_STANDING_AHEAD_US SV_TIME_DAY_US

typedef struct sv_standing_log sv_standing_log;

/// The log of `db`, whole: a damaged or shortened one is SV_ERR_INVALID.
sv_err sv_standing_log_open(sv_db *db, sv_standing_log **out, sv_why *why);
void sv_standing_log_drop(sv_standing_log **log);

// ---- what holds ---------------------------------------------------------------------------------

/// An id of which nothing was ever said is active, with version 0.
sv_standing sv_standing_of(const sv_standing_log *log, sv_text id);
/// SV_ERR_UNTRUSTED, with the sentence, when a certificate of `id` that began at `not_before_us`
/// counts no more.
sv_err sv_standing_allows(const sv_standing_log *log, const char *id, int64_t not_before_us,
                          sv_why *why);
/// What a certificate issued now must not begin before, so that it counts: 0, or the moment.
int64_t sv_standing_floor_us(const sv_standing_log *log, sv_text id);
/// Is the id out: revoked or retired?
bool sv_standing_is_out(const sv_standing_log *log, sv_text id);
bool sv_standing_is_retired(const struct sv_fleet *fleet, const sv_device *device);
int64_t sv_standing_version(const sv_standing_log *log);

// ---- deciding -----------------------------------------------------------------------------------

typedef struct sv_standing_order {
    sv_text id;
    sv_standing_state state;
    bool replaces;      ///< active again with another key: what was issued until now is revoked
    int64_t known_us;   ///< when the newest certificate known of the id began; 0: none is
    int64_t folder_us;  ///< the PKI folder says from when; 0: it does not
    const char *reason; ///< one line, at most SV_STANDING_REASON_MAX bytes; may be NULL
    const char *by;     ///< who decides
    const char *from;   ///< and from which address
} sv_standing_order;

/// Store a decision, with its line in the event log. SV_ERR_INVALID: no id, no such reason;
/// SV_ERR_STATE: not from what it is now. Asking for what holds already changes nothing and gives
/// it again, except that revoking and retiring cover what was issued meanwhile. [standing-8]
sv_err sv_standing_store(struct sv_fleet *fleet, const sv_standing_order *order,
                         sv_standing_change *out, sv_why *why);
/// The transaction of what was stored has ended: it holds from now on, and gateways are told; or it
/// never was.
void sv_standing_settle(struct sv_fleet *fleet, bool committed);
/// Both, in a transaction of its own.
sv_err sv_standing_set(struct sv_fleet *fleet, const sv_standing_order *order,
                       sv_standing_change *out, sv_why *why);

// ---- showing it ---------------------------------------------------------------------------------

/// {"state","since","reason","by"}; an id nobody decided about is active since null.
void sv_standing_write(struct sv_fleet *fleet, sv_text id, sv_json_out *out);
/// The changes after `after`, at most SV_STANDING_LINES_MAX of them, with the head they lead to,
/// not signed. SV_ERR_STATE: the log does not go so far.
sv_err sv_standing_page_read(const sv_standing_log *log, sv_db *db, int64_t after,
                             sv_standing_page *out, sv_why *why);

#endif
