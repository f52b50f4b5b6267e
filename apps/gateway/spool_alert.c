#include "spool_alert.h"
#include "alerts_own.h"
#include <crypto/random.h>
#include <string.h>
#include <sys/clock.h>

static bool is_worth_telling(const gw_spool_alert *a, sv_severity severity, int64_t now_us) {
    return severity != a->severity
           || (a->gone > a->told && now_us - a->told_us >= GW_SPOOL_TELL_US);
}

sv_alert_event gw_spool_alert_judge(gw_spool_alert *a, double fill, int64_t gone, int64_t now_us) {
    sv_alert_event event = SV_ALERT_NONE;
    sv_severity severity = gone > 0 ? SV_SEVERITY_CRITICAL : SV_SEVERITY_WARNING;
    if (gone > a->gone) {
        a->gone_us = now_us;
    }
    a->gone = gone;
    if (!a->open && (gone > 0 || fill * 100 >= GW_SPOOL_NEAR)) {
        event = SV_ALERT_RAISED;
    } else if (a->open && fill * 100 < GW_SPOOL_OVER
               && (gone == 0 || now_us - a->gone_us >= GW_SPOOL_CALM_US)) {
        event = SV_ALERT_CLEARED;
    } else if (a->open && is_worth_telling(a, severity, now_us)) {
        event = SV_ALERT_UPDATED;
    }
    if (event == SV_ALERT_NONE) {
        return event;
    }
    a->open = event != SV_ALERT_CLEARED;
    a->severity = severity;
    a->told = gone;
    a->told_us = now_us;
    return event;
}

static int64_t gone_of(const gw *g, gw_item item) {
    return gw_outbox_lost(g, item) - g->spool_alert.before[item];
}

static int64_t gone_of_all(const gw *g) {
    int64_t sum = 0;
    for (unsigned item = 0; item < GW_ITEM__COUNT; item++) {
        sum += gone_of(g, (gw_item) item);
    }
    return sum;
}

// ---- what it says -------------------------------------------------------------------------------

static void say_gone(const gw *g, sv_textbuf *out) {
    static const gw_item ORDER[] = { GW_ITEM_ALERT, GW_ITEM_MINUTE, GW_ITEM_AVERAGE };
    const char *before = "";
    sv_textbuf_add_str(out, "Dropped before the fleet server had it: ");
    for (size_t i = 0; i < SV_COUNT(ORDER); i++) {
        if (gone_of(g, ORDER[i]) > 0) {
            sv_textbuf_addf(out, "%s%lld %s", before, (long long) gone_of(g, ORDER[i]),
                            gw_item_name(ORDER[i]));
            before = ", ";
        }
    }
}

static void say_near(const gw *g, sv_textbuf *out) {
    gw_loss bound = GW_LOST_BYTES;
    double limit = (double) gw_outbox_limit(g, &bound);
    double fill = gw_outbox_fill(g);
    bool by_age = fill > (double) g->outbox.bytes / limit;
    sv_textbuf_addf(out, "What waits for the fleet server has taken %.0f %% of fleet.spool.%s; at ",
                    fill * 100, gw_loss_name(by_age ? GW_LOST_AGE : bound));
    sv_textbuf_add_str(out, by_age ? "100 % the oldest is dropped"
                                   : "100 % the oldest averages are dropped");
}

/// Over, without anything gone: what was said last.
static void say(gw *g, sv_alert_event event) {
    gw_spool_alert *a = &g->spool_alert;
    sv_textbuf out = { .at = a->message, .cap = sizeof a->message };
    if (a->gone > 0) {
        say_gone(g, &out);
    } else if (event != SV_ALERT_CLEARED) {
        say_near(g, &out);
    } else {
        return;
    }
    (void) (sv_textbuf_end(&out) == SV_OK); // what does not fit is left out
}

static void tell(gw *g, sv_alert_event event) {
    gw_spool_alert *a = &g->spool_alert;
    sv_alert alert = { .type = SV_ALERT_HEALTH,
                       .rule = GW_SPOOL_RULE,
                       .severity = a->severity,
                       .event = event,
                       .value = SV_NAN,
                       .raw = SV_NAN,
                       .at_us = sv_clock_wall_us() };
    if (event == SV_ALERT_RAISED) {
        sv_random_hex(a->id);
    }
    say(g, event);
    memcpy(alert.id, a->id, sizeof alert.id);
    memcpy(alert.device_id, g->config.id, sizeof alert.device_id);
    memcpy(alert.message, a->message, sizeof alert.message);
    gw_alert_tell(g, &alert, true);
}

/// From now on what has gone is old news; with the alert that says so.
static void begin_anew(gw *g) {
    gw_spool_alert *a = &g->spool_alert;
    for (unsigned item = 0; item < GW_ITEM__COUNT; item++) {
        a->before[item] = gw_outbox_lost(g, (gw_item) item);
    }
    a->gone = 0;
    sv_writer_add(g->writer, "UPDATE outbox_dropped SET told = count");
}

void gw_spool_alert_beat(gw *g) {
    if (g->fleet.http == NULL) {
        return;
    }
    sv_alert_event event = gw_spool_alert_judge(&g->spool_alert, gw_outbox_fill(g), gone_of_all(g),
                                                sv_clock_monotonic_us());
    if (event == SV_ALERT_NONE) {
        return;
    }
    tell(g, event);
    if (event == SV_ALERT_CLEARED) {
        begin_anew(g);
    }
}

// ---- after a start ------------------------------------------------------------------------------

sv_err gw_spool_alert_open(gw *g, sv_why *why) {
    gw_spool_alert *a = &g->spool_alert;
    sv_stmt *stmt = NULL;
    memset(a->before, 0, sizeof a->before);
    SV_TRY(sv_db_stmt(g->db,
                      "SELECT kind, sum(told) FROM outbox_dropped WHERE reason < 3 GROUP BY kind",
                      &stmt, why));
    sv_err err = sv_stmt_next(stmt, why);
    for (; err == SV_OK; err = sv_stmt_next(stmt, why)) {
        a->before[sv_stmt_int(stmt, 0) % GW_ITEM__COUNT] = sv_stmt_int(stmt, 1);
    }
    a->gone = gone_of_all(g);
    a->told = a->gone;
    a->gone_us = sv_clock_monotonic_us();
    a->told_us = a->gone_us;
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

bool gw_spool_alert_is(const sv_alert *alert) {
    return alert->type == SV_ALERT_HEALTH && strcmp(alert->rule, GW_SPOOL_RULE) == 0;
}

void gw_spool_alert_reopen(gw *g, const sv_alert *alert) {
    gw_spool_alert *a = &g->spool_alert;
    a->open = true;
    a->severity = alert->severity;
    memcpy(a->id, alert->id, sizeof a->id);
    memcpy(a->message, alert->message, sizeof a->message);
}
