// The alert inbox: every alert once, one active per (site, device, sensor, type), with who
// acknowledged it. An alert that has been cleared stays cleared; a late repetition changes nothing.
#ifndef SV_FLEET_INBOX_H
#define SV_FLEET_INBOX_H

#include "registry.h"

#include <codec/json.h>
#include <model/alert.h>

enum { SV_INBOX_LIMIT_DEFAULT = 50, SV_INBOX_LIMIT_MAX = 500, SV_INBOX_CURSOR_MAX = 64 };

/// Raise, update or clear; the timeline gets its line. `unit` may be empty. Inside the caller's
/// transaction, as all that changes something here.
sv_err sv_inbox_take(sv_db *db, const sv_alert *alert, const char *site, const char *unit,
                     sv_why *why);

/// Somebody at a site has acknowledged it, at its gateway (docs/spec/alert.md): once, whatever
/// comes again. Of several acknowledgements the earliest counts; one from before an undo does not.
/// What is cleared stays so. [alert-5]
sv_err sv_inbox_take_acknowledged(sv_db *db, const sv_alert *alert, const sv_gateway *gateway,
                                  int64_t now_ms, sv_why *why);

/// SV_ERR_NOT_FOUND for an unknown id, SV_ERR_STATE when it is cleared. Twice is once: the
/// second time changes no row (sv_db_changes).
sv_err sv_inbox_acknowledge(sv_db *db, sv_text id, const char *user, int64_t now_ms, sv_why *why);
sv_err sv_inbox_unacknowledge(sv_db *db, sv_text id, const char *user, int64_t now_ms, sv_why *why);
/// Somebody says that what it is about was normal, also when it is over; the first counts, later
/// ones change no row. SV_ERR_STATE for an alert that is not about what is unusual. [detect-12]
sv_err sv_inbox_normal(sv_db *db, sv_text id, const char *user, int64_t now_ms, sv_why *why);
/// What the inbox calls it; info for anything else.
sv_severity sv_inbox_severity(sv_text name);

/// The alert as JSON. SV_ERR_NOT_FOUND. `device` and `site` (may be NULL) get whose it is.
sv_err sv_inbox_write(sv_db *db, sv_text id, sv_json_out *out, char device[SV_ID_ROOM],
                      char site[SV_ID_ROOM], sv_why *why);

enum { SV_INBOX_OPEN = 1, SV_INBOX_ACKNOWLEDGED = 2, SV_INBOX_CLEARED = 4 };

typedef struct sv_inbox_query {
    unsigned states;      ///< SV_INBOX_OPEN | ...
    const char *severity; ///< NULL: any; so for site and device
    const char *site;
    const char *device;
    size_t limit;
    const char *cursor; ///< NULL: from the newest
    const char *sites;  ///< of these alone (sv_person.sites); NULL: of all
} sv_inbox_query;

/// An array, newest first; `next` gets the cursor of what follows, or is empty.
/// SV_ERR_INVALID for a cursor that is none of ours.
sv_err sv_inbox_list(sv_db *db, const sv_inbox_query *query, sv_json_out *out,
                     char next[SV_INBOX_CURSOR_MAX], sv_why *why);

/// What is active; `site` and `device` NULL: of all.
sv_err sv_inbox_counts(sv_db *db, const char *site, const char *device, sv_alert_count *out);

/// Give every device of the registry its own counts.
sv_err sv_inbox_count_devices(sv_db *db, const sv_registry *registry, sv_why *why);

sv_err sv_inbox_prune(sv_db *db, int64_t before_ms, sv_why *why);

#endif
