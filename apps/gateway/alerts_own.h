// What the files that know about alerts share: alerts.c tells them, alert_causes.c knows those of
// streams.
#ifndef SELVEDGE_GATEWAY_ALERTS_OWN_H
#define SELVEDGE_GATEWAY_ALERTS_OWN_H

#include "gateway.h"

/// Keep it, tell the site and, if `up`, the fleet server.
void gw_alert_tell(gw *g, const sv_alert *alert, bool up);

/// A row of the table `open_alert`.
typedef struct gw_kept_alert {
    sv_alert alert;
    int64_t raised_us; ///< by the wall clock
    bool acknowledged;
    bool stays; ///< none of it leaves the site
} gw_kept_alert;

/// What the store knows of the open alert. SV_ERR_NOT_FOUND when there is none.
sv_err gw_alert_find_open(gw *g, sv_text id, gw_kept_alert *out, sv_why *why);

/// The condition that an alert of a stream or a rule is about, open or not; NULL: there is none.
sv_condition *gw_cause_of(gw *g, const sv_alert *alert);
/// It goes on as it was kept.
void gw_condition_reopen(sv_condition *condition, const gw_kept_alert *kept);
/// It was open when the program ended.
sv_err gw_cause_reopen(gw *g, const gw_kept_alert *kept);

#endif
