// The life of alerts: what is open is kept in the store, what happens is told to the site and,
// where the rules let it, to the fleet or whoever else takes alerts.
#include "gateway.h"
#include <crypto/random.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>

enum { UPDATE_US = 15 * 1000000 }; ///< what an open alert goes on to say is told so seldom

static void keep_open_alert(gw *g, const sv_alert *alert) {
    bool over = alert->event == SV_ALERT_CLEARED;
    sv_writer_add(g->writer, over ? "DELETE FROM alert WHERE device = ? AND sensor = ? AND type = ?"
                                  : "INSERT OR REPLACE INTO alert VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
    sv_writer_str(g->writer, alert->device_id);
    sv_writer_str(g->writer, alert->sensor);
    sv_writer_int(g->writer, (int64_t) alert->type);
    if (!over) {
        sv_writer_str(g->writer, alert->id);
        sv_writer_int(g->writer, alert->at_us);
        sv_writer_int(g->writer, (int64_t) alert->severity);
        sv_writer_str(g->writer, alert->message);
        sv_writer_number(g->writer, alert->value);
    }
}

static void count(gw *g, sv_alert_event event) {
    g->raised += event == SV_ALERT_RAISED ? 1 : 0;
    g->cleared += event == SV_ALERT_CLEARED ? 1 : 0;
    g->alerts_open += event == SV_ALERT_RAISED ? 1 : 0;
    g->alerts_open -= event == SV_ALERT_CLEARED ? 1 : 0;
}

static void tell(gw *g, const sv_alert *alert, bool up) {
    char room[SV_ALERT_BYTES_MAX];
    sv_textbuf buf = SV_TEXTBUF(room);
    sv_alert_format(alert, &buf);
    if (sv_textbuf_end(&buf) != SV_OK) {
        SV_LOG(error, "alert.size", "an alert of %s does not fit %d bytes", alert->device_id,
               SV_ALERT_BYTES_MAX);
        return;
    }
    keep_open_alert(g, alert);
    count(g, alert->event);
    gw_local_alert_put(g, alert->device_id, sv_textbuf_text(&buf));
    if (up) {
        gw_outbox_alert(g, sv_textbuf_text(&buf));
    }
    sv_writer_hurry(g->writer);
}

/// Whether this event is worth telling now.
static bool is_news(gw_open_alert *open, sv_alert_event event) {
    int64_t now_us = sv_clock_monotonic_us();
    if (event == SV_ALERT_NONE
        || (event == SV_ALERT_UPDATED && now_us - open->sent_us < UPDATE_US)) {
        return false;
    }
    open->sent_us = now_us;
    return true;
}

void gw_alert_threshold(gw *g, gw_stream *s, const sv_reading *reading, const sv_decision *d,
                        sv_alert_type type) {
    bool high = type == SV_ALERT_HIGH;
    sv_alert_event event = high ? d->high : d->low;
    sv_bound_state *bound = high ? &s->stream.high : &s->stream.low;
    gw_open_alert *open = high ? &s->high : &s->low;
    if (d->has_verdict && d->verdict == type) {
        open->broken = d->value;
    }
    if (!is_news(open, event)) {
        return;
    }
    if (event == SV_ALERT_RAISED) {
        sv_random_hex(bound->alert_id);
    }
    sv_alert alert = { .type = type,
                       .severity = s->rules.threshold.severity,
                       .event = event,
                       .value = d->value,
                       .raw = d->raw,
                       .at_us = reading->at_us };
    memcpy(alert.id, bound->alert_id, sizeof alert.id);
    memcpy(alert.device_id, s->device, sizeof alert.device_id);
    memcpy(alert.sensor, s->sensor, sizeof alert.sensor);
    (void) (sv_text_copy(reading->timestamp, alert.timestamp, sizeof alert.timestamp) == SV_OK);
    // What was wrong, also when it is over: the value now is in the data.
    sv_alert_threshold_message(type, open->broken, alert.message);
    tell(g, &alert, s->rules.uplink != SV_UPLINK_NEVER);
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
    if (alert.event == SV_ALERT_NONE) {
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
    tell(g, &alert, true);
}

// ---- acknowledged -------------------------------------------------------------------------------

/// What the store knows of the open alert. SV_ERR_NOT_FOUND when it is none.
static sv_err find_open(gw *g, sv_text id, sv_alert *out, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db,
                      "SELECT device, sensor, type, id, sent, severity, message, value FROM alert "
                      "WHERE id = ?",
                      &stmt, why));
    sv_stmt_bind_text(stmt, 1, id);
    SV_TRY(sv_stmt_next(stmt, why));
    *out = (sv_alert){ .type = (sv_alert_type) sv_stmt_int(stmt, 2),
                       .severity = (sv_severity) sv_stmt_int(stmt, 5),
                       .value = sv_stmt_number(stmt, 7),
                       .raw = SV_NAN,
                       .at_us = sv_stmt_int(stmt, 4) };
    bool fits = sv_text_copy(sv_stmt_text(stmt, 0), out->device_id, sizeof out->device_id) == SV_OK
                && sv_text_copy(sv_stmt_text(stmt, 1), out->sensor, sizeof out->sensor) == SV_OK
                && sv_text_copy(sv_stmt_text(stmt, 3), out->id, sizeof out->id) == SV_OK
                && sv_text_copy(sv_stmt_text(stmt, 6), out->message, sizeof out->message) == SV_OK;
    sv_stmt_reset(stmt);
    return fits ? SV_OK : sv_fail(why, SV_ERR_IO, "a row of the table alert is damaged");
}

/// Also by what is recorded and not on disk yet.
static bool is_open_still(gw *g, const sv_alert *alert) {
    if (alert->type == SV_ALERT_HEALTH) {
        const gw_device *device = gw_device_of(g, sv_text_of(alert->device_id));
        return device != NULL && device->health.open
               && strcmp(device->health.alert_id, alert->id) == 0;
    }
    const gw_stream *s = gw_stream_of(g, sv_text_of(alert->device_id), sv_text_of(alert->sensor));
    if (s == NULL) {
        return false;
    }
    const sv_bound_state *bound = alert->type == SV_ALERT_HIGH ? &s->stream.high : &s->stream.low;
    return bound->open && strcmp(bound->alert_id, alert->id) == 0;
}

static bool publish_acknowledged(gw *g, const sv_alert *alert, int64_t event) {
    char topic_room[SV_ID_ROOM + 8];
    char room[SV_ALERT_BYTES_MAX];
    sv_textbuf topic = SV_TEXTBUF(topic_room);
    sv_textbuf payload = SV_TEXTBUF(room);
    sv_textbuf_addf(&topic, "alerts/%s", alert->device_id);
    sv_alert_format(alert, &payload);
    return gw_publish(g, sv_textbuf_text(&topic), sv_textbuf_text(&payload), event);
}

gw_event_end gw_alert_acknowledge(gw *g, sv_text id, sv_text by, int64_t at_us, int64_t event) {
    sv_alert alert;
    sv_why why = { 0 };
    sv_err err = find_open(g, id, &alert, &why);
    if (err != SV_OK && err != SV_ERR_NOT_FOUND) {
        gw_store_failed(g, &why);
        return GW_EVENT_LATER;
    }
    if (err == SV_ERR_NOT_FOUND || !is_open_still(g, &alert)) {
        return GW_EVENT_IDLE;
    }
    sv_textbuf when = { .at = alert.timestamp, .cap = sizeof alert.timestamp };
    alert.event = SV_ALERT_ACKNOWLEDGED;
    sv_time_add(&when, at_us);
    if (sv_textbuf_end(&when) != SV_OK || sv_text_copy(by, alert.by, sizeof alert.by) != SV_OK) {
        return GW_EVENT_REFUSED;
    }
    return publish_acknowledged(g, &alert, event) ? GW_EVENT_DONE : GW_EVENT_LATER;
}

// ---- after a start ------------------------------------------------------------------------------

static sv_err reopen_health(gw *g, sv_stmt *row) {
    gw_device *device = gw_device_of(g, sv_stmt_text(row, 0));
    if (device == NULL) {
        return SV_ERR_NO_SPACE;
    }
    device->health.open = true;
    device->health.severity = (sv_severity) sv_stmt_int(row, 4);
    SV_TRY(
        sv_text_copy(sv_stmt_text(row, 5), device->health.message, sizeof device->health.message));
    return sv_text_copy(sv_stmt_text(row, 3), device->health.alert_id,
                        sizeof device->health.alert_id);
}

static sv_err reopen_bound(gw *g, sv_stmt *row) {
    gw_stream *s = gw_stream_of(g, sv_stmt_text(row, 0), sv_stmt_text(row, 1));
    if (s == NULL) {
        return SV_ERR_NO_SPACE;
    }
    bool high = sv_stmt_int(row, 2) == SV_ALERT_HIGH;
    sv_bound_state *bound = high ? &s->stream.high : &s->stream.low;
    bound->open = true;
    (high ? &s->high : &s->low)->broken = sv_stmt_number(row, 6);
    return sv_text_copy(sv_stmt_text(row, 3), bound->alert_id, sizeof bound->alert_id);
}

sv_err gw_alert_reopen(gw *g, sv_stmt *row) {
    g->alerts_open++;
    return sv_stmt_int(row, 2) == SV_ALERT_HEALTH ? reopen_health(g, row) : reopen_bound(g, row);
}
