// Alerts about streams: thresholds, rates, silence; those of rules are of guards.c.
#include "alerts_own.h"
#include <crypto/random.h>
#include <edge/usual.h>
#include <string.h>
#include <sys/clock.h>

enum { UPDATE_US = 15 * 1000000 }; ///< what an open alert goes on to say is told so seldom

/// Whether this turn is worth telling now.
static bool is_worth_telling(sv_condition *condition, sv_turn turn) {
    int64_t now_us = sv_clock_monotonic_us();
    if (turn.event == SV_ALERT_NONE
        || (turn.event == SV_ALERT_UPDATED && !turn.news
            && now_us - condition->told_us < UPDATE_US)) {
        return false;
    }
    condition->told_us = now_us;
    return true;
}

/// What the reading says, or when there is none the time.
static void put_reading(gw *g, sv_alert *alert, const gw_stream *s, const sv_reading *reading) {
    alert->value = SV_NAN;
    alert->raw = SV_NAN;
    alert->at_us = gw_wall_us(g);
    if (reading != NULL) {
        alert->value = s->last.average;
        alert->raw = s->last.value;
        alert->at_us = s->last.at_us;
        (void) (sv_text_copy(reading->timestamp, alert->timestamp, sizeof alert->timestamp)
                == SV_OK);
    }
}

/// What was wrong, also when it is over: the value now is in the data.
static void put_message(sv_alert *alert, const gw_stream *s, sv_cause cause) {
    const sv_condition *condition = &s->stream.causes[cause];
    sv_stream_message(&s->stream, &s->rules, cause, alert->message);
    sv_textbuf message = { .at = alert->message,
                           .len = strlen(alert->message),
                           .cap = sizeof alert->message };
    sv_textbuf_add_str(&message, condition->flapping ? " (flapping)" : "");
}

/// What was expected when it was raised, and how unusual that was; its copy knows of the alert.
static void put_usual(gw *g, gw_stream *s, sv_alert *alert) {
    const sv_usual *usual = s->stream.usual;
    alert->score = sv_usual_alert_score(usual);
    alert->expected_low = usual->told.low;
    alert->expected_high = usual->told.high;
    if (alert->event == SV_ALERT_RAISED) {
        memcpy(s->usual.alert, alert->id, sizeof alert->id);
        gw_usual_keep(g, s);
    }
}

static void tell(gw *g, gw_stream *s, sv_cause cause, sv_turn turn, const sv_reading *reading) {
    sv_condition *condition = &s->stream.causes[cause];
    if (!is_worth_telling(condition, turn)) {
        return;
    }
    if (turn.event == SV_ALERT_RAISED) {
        sv_random_hex(condition->alert_id);
    }
    sv_alert alert = { .type = sv_cause_type(cause),
                       .severity = condition->severity,
                       .event = turn.event };
    memcpy(alert.id, condition->alert_id, sizeof alert.id);
    memcpy(alert.device_id, s->device, sizeof alert.device_id);
    memcpy(alert.sensor, s->sensor, sizeof alert.sensor);
    (void) (sv_text_copy(sv_text_of(sv_cause_name(cause)), alert.rule, sizeof alert.rule) == SV_OK);
    put_reading(g, &alert, s, reading);
    put_message(&alert, s, cause);
    if (cause == SV_CAUSE_UNUSUAL && s->stream.usual != NULL) {
        put_usual(g, s, &alert);
    }
    gw_alert_tell(g, &alert, s->rules.uplink != SV_UPLINK_NEVER);
}

void gw_alert_turns(gw *g, gw_stream *s, const sv_turn turns[SV_CAUSE__COUNT],
                    const sv_reading *reading) {
    for (unsigned i = 0; i < SV_CAUSE__COUNT; i++) {
        if (turns[i].event != SV_ALERT_NONE) {
            tell(g, s, (sv_cause) i, turns[i], reading);
        }
    }
}

static gw_stream *stream_of(gw *g, const sv_alert *alert, sv_cause *cause) {
    return sv_cause_find(alert->type, sv_text_of(alert->rule), cause)
               ? gw_stream_of(g, sv_text_of(alert->device_id), sv_text_of(alert->sensor))
               : NULL;
}

sv_condition *gw_cause_of(gw *g, const sv_alert *alert) {
    if (alert->sensor[0] == '\0') {
        return gw_guard_condition(g, alert);
    }
    sv_cause cause = SV_CAUSE_HIGH;
    gw_stream *s = stream_of(g, alert, &cause);
    return s == NULL ? NULL : &s->stream.causes[cause];
}

/// By the monotonic clock, what happened at `wall_us`.
static int64_t monotonic_of(int64_t wall_us) {
    int64_t ago_us = sv_clock_wall_us() - wall_us;
    return sv_clock_monotonic_us() - (ago_us > 0 ? ago_us : 0);
}

void gw_condition_reopen(sv_condition *condition, const gw_kept_alert *kept) {
    sv_condition_reopen(condition, kept->alert.severity, monotonic_of(kept->raised_us),
                        kept->acknowledged);
    condition->value = kept->alert.value;
    memcpy(condition->alert_id, kept->alert.id, sizeof condition->alert_id);
}

sv_err gw_cause_reopen(gw *g, const gw_kept_alert *kept) {
    if (kept->alert.sensor[0] == '\0') {
        gw_guard_reopen(g, kept);
        return SV_OK;
    }
    sv_cause cause = SV_CAUSE_HIGH;
    gw_stream *s = stream_of(g, &kept->alert, &cause);
    if (s == NULL) {
        return SV_ERR_NO_SPACE;
    }
    gw_condition_reopen(&s->stream.causes[cause], kept);
    if (cause == SV_CAUSE_UNUSUAL) {
        s->stream.usual = s->stream.usual == NULL ? sv_usual_new() : s->stream.usual;
        sv_usual_reopen(s->stream.usual, kept->alert.message);
    }
    if (cause == SV_CAUSE_STALE) {
        // Silent until it speaks, as before.
        s->stream.heard_us = sv_clock_monotonic_us() - s->rules.stale.after_us - 1;
    }
    return SV_OK;
}
