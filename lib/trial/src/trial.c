#include "trial_own.h"
#include <base/mem.h>
#include <base/time.h>
#include <stdlib.h>

sv_trial *sv_trial_new(const sv_rules *rules, bool undamped,
                       void (*raised)(void *arg, const sv_trial_alert *alert), void *arg) {
    sv_trial *trial = sv_mem_new(sizeof *trial);
    *trial = (sv_trial){ .rules = rules,
                         .undamped = undamped,
                         .told = raised,
                         .arg = arg,
                         .streams = sv_map_new(SV_TRIAL_STREAMS_MAX, NULL),
                         .guards = sv_map_new(SV_TRIAL_STREAMS_MAX, NULL),
                         .now_us = INT64_MIN,
                         .due_us = INT64_MAX,
                         .muted_us = INT64_MIN,
                         .alerts = sv_mem_array(SV_TRIAL_ALERTS_MAX, sizeof *trial->alerts) };
    return trial;
}

void sv_trial_detect(sv_trial *trial) {
    trial->detects = true;
}

void sv_trial_drop(sv_trial **trial) {
    if (*trial == NULL) {
        return;
    }
    for (size_t i = 0; i < sv_map_count((*trial)->streams); i++) {
        sv_trial_stream *s = sv_map_at((*trial)->streams, i, NULL);
        sv_stream_drop(&s->stream);
        free(s);
    }
    sv_map_drop(&(*trial)->streams);
    trial_guard_drop(*trial);
    free((*trial)->alerts);
    free(*trial);
    *trial = NULL;
}

// ---- streams ------------------------------------------------------------------------------------

static unsigned damping_of(const sv_stream_rules *rules) {
    const sv_life *lives[] = { &rules->threshold.life, &rules->rate.life, &rules->stale.life };
    unsigned damping = rules->threshold.hysteresis > 0 ? SV_DAMPING_HYSTERESIS : 0;
    for (size_t i = 0; i < SV_COUNT(lives); i++) {
        damping |= lives[i]->hold_us > 0 ? SV_DAMPING_HOLD : 0;
        damping |= lives[i]->clear_us > 0 ? SV_DAMPING_CLEAR : 0;
    }
    return damping | (rules->flapping.raises > 0 ? SV_DAMPING_FLAPPING : 0);
}

static void undamp(sv_stream_rules *rules) {
    sv_life *lives[] = { &rules->threshold.life, &rules->rate.life, &rules->stale.life };
    rules->threshold.hysteresis = 0;
    rules->flapping = (sv_flapping){ 0 };
    for (size_t i = 0; i < SV_COUNT(lives); i++) {
        lives[i]->hold_us = lives[i]->clear_us = 0;
    }
}

sv_trial_stream *sv_trial_stream_of(sv_trial *trial, sv_text device_id, sv_text sensor) {
    char room[2 * SV_ID_ROOM];
    sv_textbuf name = SV_TEXTBUF(room);
    sv_textbuf_add(&name, device_id);
    sv_textbuf_add_char(&name, '/');
    sv_textbuf_add(&name, sensor);
    sv_trial_stream *found = sv_map_get(trial->streams, sv_textbuf_text(&name));
    if (found != NULL) {
        return found;
    }
    found = sv_mem_new(sizeof *found);
    if (sv_text_copy(device_id, found->device_id, sizeof found->device_id) != SV_OK
        || sv_text_copy(sensor, found->sensor, sizeof found->sensor) != SV_OK
        || sv_map_put(trial->streams, sv_textbuf_text(&name), found) != SV_OK) {
        free(found);
        return NULL;
    }
    sv_stream_start(&found->stream, INT64_MIN);
    sv_rules_for(trial->rules, device_id, sensor, &found->rules);
    found->rules.detect.level = trial->detects ? found->rules.detect.level : SV_DETECTION_OFF;
    found->damping = damping_of(&found->rules);
    found->due_us = INT64_MAX;
    trial_guard_attach(trial, found);
    if (trial->undamped) {
        undamp(&found->rules);
    }
    return found;
}

unsigned sv_trial_damping(const sv_trial_stream *stream) {
    return stream->damping;
}

bool sv_trial_is_asked(const sv_trial_stream *stream) {
    return stream->tap.count > 0;
}

uint64_t sv_trial_raised_by(const sv_trial_stream *stream) {
    return stream->raised;
}

uint64_t sv_trial_unusual_by(const sv_trial_stream *stream) {
    return stream->unusual;
}

// ---- alerts -------------------------------------------------------------------------------------

static void raise(sv_trial *t, sv_trial_stream *s, sv_cause cause, int64_t at_us) {
    const sv_condition *condition = &s->stream.causes[cause];
    sv_trial_alert alert = { .type = sv_cause_type(cause),
                             .severity = condition->severity,
                             .raised_us = at_us,
                             .worst_us = at_us,
                             .cleared_us = INT64_MIN };
    (void) (sv_text_copy(sv_text_of(s->device_id), alert.device_id, SV_ID_ROOM) == SV_OK);
    (void) (sv_text_copy(sv_text_of(s->sensor), alert.sensor, SV_ID_ROOM) == SV_OK);
    (void) (sv_text_copy(sv_text_of(sv_cause_name(cause)), alert.rule, SV_ID_ROOM) == SV_OK);
    sv_stream_message(&s->stream, &s->rules, cause, alert.message);
    s->raised++;
    s->unusual += cause == SV_CAUSE_UNUSUAL ? 1 : 0;
    s->alert[cause] = trial_alert_raise(t, &alert);
}

static void follow(sv_trial *t, sv_trial_stream *s, sv_cause cause, sv_alert_event event,
                   int64_t at_us) {
    trial_alert_follow(t, s->alert[cause], s->stream.causes[cause].severity, event, at_us);
    if (event == SV_ALERT_CLEARED) {
        s->alert[cause] = TRIAL_NO_ALERT;
    }
}

static void note(sv_trial *t, sv_trial_stream *s, const sv_turn turns[SV_CAUSE__COUNT],
                 int64_t at_us) {
    for (unsigned cause = 0; cause < SV_CAUSE__COUNT; cause++) {
        if (turns[cause].event == SV_ALERT_RAISED) {
            raise(t, s, (sv_cause) cause, at_us);
        } else if (turns[cause].event != SV_ALERT_NONE) {
            follow(t, s, (sv_cause) cause, turns[cause].event, at_us);
        }
    }
}

// ---- time ---------------------------------------------------------------------------------------

/// The gateway looks at a stream once a second; here it is looked at in the seconds in which time
/// alone may do something to it.
int64_t trial_second(const sv_trial *trial, int64_t due_us) {
    int64_t into_us = due_us % SV_TIME_SECOND_US;
    int64_t full_us =
        due_us == INT64_MAX || into_us == 0 ? due_us : due_us - into_us + SV_TIME_SECOND_US;
    return full_us <= trial->now_us ? trial->now_us + SV_TIME_SECOND_US : full_us;
}

static void plan(sv_trial *t, sv_trial_stream *s) {
    s->due_us = trial_second(t, sv_stream_due_us(&s->stream, &s->rules));
    t->due_us = s->due_us < t->due_us ? s->due_us : t->due_us;
}

static void look(sv_trial *t, int64_t at_us) {
    if (at_us - SV_TIME_SECOND_US >= t->muted_us) {
        t->muted = sv_rules_muted(t->rules, at_us);
        t->muted_us = at_us;
    }
}

/// The second that is due: of every stream that is.
static void tick(sv_trial *t) {
    t->now_us = t->due_us;
    t->due_us = INT64_MAX;
    look(t, t->now_us);
    for (size_t i = 0; i < sv_map_count(t->streams); i++) {
        sv_trial_stream *s = sv_map_at(t->streams, i, NULL);
        if (s->due_us <= t->now_us) {
            sv_turn turns[SV_CAUSE__COUNT];
            s->stream.quiet = (s->rules.mutes & t->muted) != 0;
            if (sv_stream_tick(&s->stream, &s->rules, t->now_us, turns)) {
                note(t, s, turns, t->now_us);
            }
            plan(t, s);
        }
        t->due_us = s->due_us < t->due_us ? s->due_us : t->due_us;
    }
    trial_guard_tick(t);
}

void sv_trial_advance(sv_trial *trial, int64_t now_us) {
    while (trial->due_us <= now_us) {
        tick(trial);
    }
    trial->now_us = now_us > trial->now_us ? now_us : trial->now_us;
}

void sv_trial_take(sv_trial *trial, sv_trial_stream *stream, double value, int64_t at_us,
                   sv_decision *out) {
    sv_trial_advance(trial, at_us);
    look(trial, trial->now_us);
    stream->stream.quiet = (stream->rules.mutes & trial->muted) != 0;
    stream->stream.heard_us = trial->now_us;
    sv_stream_take(&stream->stream, &stream->rules, value, at_us, out);
    note(trial, stream, out->turns, at_us);
    plan(trial, stream);
    const sv_expression_input input = { .raw = out->raw, .average = out->value, .at_us = at_us };
    trial_guard_take(trial, stream, &input);
}
