// The timeline of an alert: what happened to it, and what became of every notification about it.
// The inbox writes down what happens in the transaction it happens in; routing reads from there
// whom to tell (notify.h).
#ifndef SV_FLEET_TIMELINE_H
#define SV_FLEET_TIMELINE_H

#include <codec/json.h>
#include <model/alert.h>
#include <store/db.h>

enum { SV_TIMELINE_MAX = 1000 };

typedef enum sv_happening {
    SV_HAPPENED_RAISED,
    SV_HAPPENED_WORSE, ///< its severity rose
    SV_HAPPENED_UPDATED,
    SV_HAPPENED_ACKNOWLEDGED,
    SV_HAPPENED_UNACKNOWLEDGED,
    SV_HAPPENED_NORMAL, ///< somebody said that what it is about was
    SV_HAPPENED_CLEARED,
    SV_HAPPENED__COUNT
} sv_happening;

const char *sv_happening_name(sv_happening what);
bool sv_happening_parse(sv_text name, sv_happening *out);

/// One more line for the alert, whose row says the rest. `who` NULL: nobody in particular.
sv_err sv_timeline_add(sv_db *db, sv_text alert, sv_happening what, int64_t at_ms, const char *who,
                       sv_why *why);
/// An array, oldest first, at most SV_TIMELINE_MAX. SV_ERR_NOT_FOUND for an unknown alert.
sv_err sv_timeline_write(sv_db *db, sv_text alert, sv_json_out *out, sv_why *why);

#endif
