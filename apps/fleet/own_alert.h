// Alerts about this server itself: under its own id and of no site, one at a time of each rule.
#ifndef SV_FLEET_OWN_ALERT_H
#define SV_FLEET_OWN_ALERT_H

#include "fleet.h"

#include <model/alert.h>

enum { SV_OWN_ALERT_ROOM = SV_ALERT_ID_MAX + 1 };

/// The open one of the rule; "": none is.
sv_err sv_own_alert_find(const sv_fleet *fleet, const char *rule, char out[SV_OWN_ALERT_ROOM],
                         sv_why *why);
typedef struct sv_own_alert {
    const char *id, *rule, *message;
    sv_alert_type type;
    sv_severity severity;
    sv_alert_event event;
} sv_own_alert;

/// In a transaction of its own, and to the live clients.
sv_err sv_own_alert_store(sv_fleet *fleet, const sv_own_alert *own, sv_why *why);
/// SECURITY, a warning.
sv_err sv_own_alert_tell(sv_fleet *fleet, const char *id, const char *rule, sv_alert_event event,
                         const char *message, sv_why *why);

#endif
