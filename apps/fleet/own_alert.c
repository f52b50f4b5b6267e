#include "own_alert.h"

#include "inbox.h"

#include <math.h>
#include <stdio.h>

sv_err sv_own_alert_find(const sv_fleet *fleet, const char *rule, char out[SV_OWN_ALERT_ROOM],
                         sv_why *why) {
    sv_stmt *stmt;
    out[0] = '\0';
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT id FROM alert WHERE device = ?1 AND rule = ?2 AND state < 2", &stmt,
                      why));
    sv_stmt_bind_str(stmt, 1, fleet->config.id);
    sv_stmt_bind_str(stmt, 2, rule);
    sv_err err = sv_stmt_next(stmt, why);
    if (err == SV_OK) {
        err = sv_text_copy(sv_stmt_text(stmt, 0), out, SV_OWN_ALERT_ROOM);
    }
    sv_stmt_reset(stmt);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err store(sv_fleet *fleet, const sv_alert *alert, sv_why *why) {
    SV_TRY(sv_db_begin(fleet->db, why));
    sv_err err = sv_inbox_take(fleet->db, alert, "", "", why);
    if (err != SV_OK) {
        sv_db_rollback(fleet->db);
        return err;
    }
    return sv_db_commit(fleet->db, why);
}

sv_err sv_own_alert_store(sv_fleet *fleet, const sv_own_alert *own, sv_why *why) {
    sv_alert alert = { .type = own->type,
                       .severity = own->severity,
                       .event = own->event,
                       .value = (double) NAN,
                       .raw = (double) NAN,
                       .at_us = fleet->wall_us() };
    (void) snprintf(alert.id, sizeof alert.id, "%s", own->id);
    (void) snprintf(alert.device_id, sizeof alert.device_id, "%s", fleet->config.id);
    (void) snprintf(alert.rule, sizeof alert.rule, "%s", own->rule);
    (void) snprintf(alert.message, sizeof alert.message, "%s", own->message);
    SV_TRY(store(fleet, &alert, why));
    sv_fleet_tell_alert(fleet, sv_text_of(alert.id));
    return SV_OK;
}

sv_err sv_own_alert_tell(sv_fleet *fleet, const char *id, const char *rule, sv_alert_event event,
                         const char *message, sv_why *why) {
    const sv_own_alert own = { .id = id,
                               .rule = rule,
                               .message = message,
                               .type = SV_ALERT_SECURITY,
                               .severity = SV_SEVERITY_WARNING,
                               .event = event };
    return sv_own_alert_store(fleet, &own, why);
}
