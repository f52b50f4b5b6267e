// The life of alerts: what is open is kept in the store, what happens is told to the site and,
// where the rules let it, to the fleet or whoever else takes alerts.
#include "alerts_own.h"
#include <crypto/random.h>
#include <string.h>
#include <sys/log.h>

static void keep(gw *g, const sv_alert *alert, bool up) {
    bool over = alert->event == SV_ALERT_CLEARED;
    sv_writer_add(
        g->writer,
        over ? "DELETE FROM open_alert WHERE device = ? AND sensor = ? AND type = ? AND rule = ?"
             : "INSERT INTO open_alert VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, ?11) ON "
               "CONFLICT (device, sensor, type, rule) DO UPDATE SET id = ?5, sent = ?7, severity = "
               "?8, message = ?9, value = ?10");
    sv_writer_str(g->writer, alert->device_id);
    sv_writer_str(g->writer, alert->sensor);
    sv_writer_int(g->writer, (int64_t) alert->type);
    sv_writer_str(g->writer, alert->rule);
    if (!over) {
        sv_writer_str(g->writer, alert->id);
        sv_writer_int(g->writer, gw_wall_us(g));
        sv_writer_int(g->writer, alert->at_us);
        sv_writer_int(g->writer, (int64_t) alert->severity);
        sv_writer_str(g->writer, alert->message);
        sv_writer_number(g->writer, alert->value);
        sv_writer_int(g->writer, up ? 0 : 1);
    }
}

static void count(gw *g, sv_alert_event event) {
    g->raised += event == SV_ALERT_RAISED ? 1 : 0;
    g->cleared += event == SV_ALERT_CLEARED ? 1 : 0;
    g->alerts_open += event == SV_ALERT_RAISED ? 1 : 0;
    g->alerts_open -= event == SV_ALERT_CLEARED ? 1 : 0;
}

void gw_alert_tell(gw *g, const sv_alert *alert, bool up) {
    char room[SV_ALERT_BYTES_MAX];
    sv_textbuf buf = SV_TEXTBUF(room);
    sv_alert_format(alert, &buf);
    if (sv_textbuf_end(&buf) != SV_OK) {
        SV_LOG(error, "alert.size", "an alert of %s does not fit %d bytes", alert->device_id,
               SV_ALERT_BYTES_MAX);
        return;
    }
    keep(g, alert, up);
    if (alert->event == SV_ALERT_CLEARED) {
        gw_seen_forget(g, alert->id);
    }
    count(g, alert->event);
    gw_local_alert_put(g, alert->device_id, sv_textbuf_text(&buf));
    if (up) {
        gw_outbox_alert(g, sv_textbuf_text(&buf));
    }
    sv_writer_hurry(g->writer);
}

/// Every complaint of the report in one sentence; the worst of them is the alert's severity.
static void sum_up(const sv_health *health, sv_alert *alert) {
    sv_textbuf message = { .at = alert->message, .cap = sizeof alert->message };
    alert->severity = SV_SEVERITY_INFO;
    for (size_t i = 0; i < health->alert_count; i++) {
        const sv_health_alert *one = &health->alerts[i];
        alert->severity = one->level > alert->severity ? one->level : alert->severity;
        if (message.len + strlen(one->message) + 2 < message.cap) {
            sv_textbuf_addf(&message, "%s%s", i == 0 ? "" : ", ", one->message);
        }
    }
}

static sv_alert_event health_event(const gw_device *device, const sv_alert *now) {
    if (!device->health.open) {
        return now->message[0] == '\0' ? SV_ALERT_NONE : SV_ALERT_RAISED;
    }
    if (now->message[0] == '\0') {
        return SV_ALERT_CLEARED;
    }
    bool same = now->severity == device->health.severity
                && strcmp(now->message, device->health.message) == 0;
    return same ? SV_ALERT_NONE : SV_ALERT_UPDATED;
}

void gw_alert_health(gw *g, gw_device *device, const sv_health *health) {
    sv_alert alert = {
        .type = SV_ALERT_HEALTH, .value = SV_NAN, .raw = SV_NAN, .at_us = health->metrics.at_us
    };
    memcpy(alert.device_id, device->id, sizeof alert.device_id);
    sum_up(health, &alert);
    alert.event = health_event(device, &alert);
    if (alert.event == SV_ALERT_NONE
        || (alert.event == SV_ALERT_RAISED
            && (gw_maintenance_is_on(g, device->id)
                || gw_standing_is_quarantined(g, sv_text_of(device->id))))) {
        return;
    }
    if (alert.event == SV_ALERT_RAISED) {
        sv_random_hex(device->health.alert_id);
    }
    if (alert.event == SV_ALERT_CLEARED) {
        alert.severity = device->health.severity;
        memcpy(alert.message, device->health.message, sizeof alert.message);
    }
    memcpy(alert.id, device->health.alert_id, sizeof alert.id);
    device->changed = true;
    device->health.open = alert.event != SV_ALERT_CLEARED;
    device->health.severity = alert.severity;
    memcpy(device->health.message, alert.message, sizeof alert.message);
    gw_alert_tell(g, &alert, true);
}

// ---- open ---------------------------------------------------------------------------------------

#define KEPT                                                                                       \
    "SELECT device, sensor, type, rule, id, raised, sent, severity, message, value, "              \
    "acknowledged, "                                                                               \
    "stays FROM open_alert"

static sv_err kept_from(sv_stmt *row, gw_kept_alert *out, sv_why *why) {
    sv_alert *alert = &out->alert;
    *out = (gw_kept_alert){ .alert = { .type = (sv_alert_type) sv_stmt_int(row, 2),
                                       .severity = (sv_severity) sv_stmt_int(row, 7),
                                       .value = sv_stmt_number(row, 9),
                                       .raw = SV_NAN,
                                       .at_us = sv_stmt_int(row, 6) },
                            .raised_us = sv_stmt_int(row, 5),
                            .acknowledged = sv_stmt_int(row, 10) != 0,
                            .stays = sv_stmt_int(row, 11) != 0 };
    bool fits =
        sv_text_copy(sv_stmt_text(row, 0), alert->device_id, sizeof alert->device_id) == SV_OK
        && sv_text_copy(sv_stmt_text(row, 1), alert->sensor, sizeof alert->sensor) == SV_OK
        && sv_text_copy(sv_stmt_text(row, 3), alert->rule, sizeof alert->rule) == SV_OK
        && sv_text_copy(sv_stmt_text(row, 4), alert->id, sizeof alert->id) == SV_OK
        && sv_text_copy(sv_stmt_text(row, 8), alert->message, sizeof alert->message) == SV_OK;
    return fits ? SV_OK : sv_fail(why, SV_ERR_IO, "a row of the table open_alert is damaged");
}

sv_err gw_alert_find_open(gw *g, sv_text id, gw_kept_alert *out, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db, KEPT " WHERE id = ?", &stmt, why));
    sv_stmt_bind_text(stmt, 1, id);
    SV_TRY(sv_stmt_next(stmt, why));
    sv_err err = kept_from(stmt, out, why);
    sv_stmt_reset(stmt);
    return err;
}

// ---- after a start ------------------------------------------------------------------------------

static sv_err reopen_health(gw *g, const sv_alert *alert) {
    if (gw_spool_alert_is(alert)) {
        gw_spool_alert_reopen(g, alert);
        return SV_OK;
    }
    gw_device *device = gw_device_of(g, sv_text_of(alert->device_id));
    if (device == NULL) {
        return SV_ERR_NO_SPACE;
    }
    device->health.open = true;
    device->health.severity = alert->severity;
    memcpy(device->health.message, alert->message, sizeof device->health.message);
    memcpy(device->health.alert_id, alert->id, sizeof device->health.alert_id);
    return SV_OK;
}

sv_err gw_alerts_reopen(gw *g, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db, KEPT, &stmt, why));
    sv_err err = sv_stmt_next(stmt, why);
    while (err == SV_OK) {
        gw_kept_alert kept;
        SV_TRY(kept_from(stmt, &kept, why));
        if (gw_notice_is(&kept.alert)) {
            gw_notice_reopen(g, &kept.alert);
        } else {
            SV_TRY(kept.alert.type == SV_ALERT_HEALTH ? reopen_health(g, &kept.alert)
                                                      : gw_cause_reopen(g, &kept));
        }
        g->alerts_open++;
        err = sv_stmt_next(stmt, why);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}
