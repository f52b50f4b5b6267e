// The rules with names, in the time of the readings.
#include "trial_own.h"
#include <base/mem.h>
#include <base/num.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct telling {
    sv_trial *trial;
    const trial_guard *of;
} telling;

/// The number of an open alert stands where a gateway keeps its id.
static void keep_number(sv_condition *condition, uint32_t number) {
    (void) snprintf(condition->alert_id, sizeof condition->alert_id, "%lu", (unsigned long) number);
}

static void told(void *arg, const sv_guard_turn *turn) {
    const telling *to = arg;
    int64_t now_us = to->trial->now_us;
    if (turn->event != SV_ALERT_RAISED) {
        trial_alert_follow(to->trial, (uint32_t) strtoul(turn->condition->alert_id, NULL, 10),
                           turn->condition->severity, turn->event, now_us);
        return;
    }
    sv_trial_alert alert = { .type = turn->rule->type,
                             .severity = turn->condition->severity,
                             .raised_us = now_us,
                             .worst_us = now_us,
                             .cleared_us = INT64_MIN };
    (void) (sv_text_copy(sv_text_of(to->of->device_id), alert.device_id, SV_ID_ROOM) == SV_OK);
    (void) (sv_text_copy(sv_text_of(turn->rule->name), alert.rule, SV_ID_ROOM) == SV_OK);
    (void) (sv_text_copy(sv_text_of(turn->message), alert.message, sizeof alert.message) == SV_OK);
    keep_number(turn->condition, trial_alert_raise(to->trial, &alert));
}

static sv_guard_now now_of(telling *to) {
    const sv_trial *trial = to->trial;
    return (sv_guard_now){ .at_us = trial->now_us,
                           .tick_us = trial->now_us,
                           .muted = trial->muted,
                           .told = told,
                           .arg = to };
}

static trial_guard *guard_of(sv_trial *trial, const char *device_id) {
    trial_guard *found = sv_map_get(trial->guards, sv_text_of(device_id));
    if (found != NULL) {
        return found;
    }
    found = sv_mem_new(sizeof *found);
    *found = (trial_guard){ .guard = sv_guard_new(trial->rules, sv_text_of(device_id)),
                            .due_us = INT64_MAX };
    (void) (sv_text_copy(sv_text_of(device_id), found->device_id, SV_ID_ROOM) == SV_OK);
    if (found->guard == NULL || sv_map_put(trial->guards, sv_text_of(device_id), found) != SV_OK) {
        sv_guard_drop(&found->guard);
        free(found);
        return NULL;
    }
    if (trial->undamped) {
        sv_guard_undamp(found->guard);
    }
    return found;
}

static void add_damping(void *arg, const sv_rule *rule) {
    unsigned *damping = arg;
    *damping |= rule->life.hold_us > 0 ? SV_DAMPING_HOLD : 0;
    *damping |= rule->life.clear_us > 0 ? SV_DAMPING_CLEAR : 0;
}

void trial_guard_attach(sv_trial *trial, sv_trial_stream *stream) {
    stream->of = guard_of(trial, stream->device_id);
    if (stream->of == NULL) {
        return;
    }
    stream->tap = sv_guard_tap(stream->of->guard, sv_text_of(stream->sensor));
    if (stream->tap.count > 0) {
        sv_rules_named(trial->rules, sv_text_of(stream->device_id), add_damping, &stream->damping);
    }
}

static void plan(sv_trial *trial, trial_guard *of) {
    of->due_us = trial_second(trial, sv_guard_due_us(of->guard, trial->now_us));
    trial->due_us = of->due_us < trial->due_us ? of->due_us : trial->due_us;
}

void trial_guard_take(sv_trial *trial, sv_trial_stream *stream, const sv_expression_input *input) {
    if (stream->tap.count > 0) {
        telling to = { trial, stream->of };
        sv_guard_now now = now_of(&to);
        sv_guard_take(stream->of->guard, stream->tap, input, &now);
        plan(trial, stream->of);
    }
}

void trial_guard_tick(sv_trial *trial) {
    for (size_t i = 0; i < sv_map_count(trial->guards); i++) {
        trial_guard *of = sv_map_at(trial->guards, i, NULL);
        if (of->due_us <= trial->now_us) {
            telling to = { trial, of };
            sv_guard_now now = now_of(&to);
            sv_guard_tick(of->guard, &now);
            plan(trial, of);
        }
        trial->due_us = of->due_us < trial->due_us ? of->due_us : trial->due_us;
    }
}

void trial_guard_drop(sv_trial *trial) {
    for (size_t i = 0; i < sv_map_count(trial->guards); i++) {
        trial_guard *of = sv_map_at(trial->guards, i, NULL);
        sv_guard_drop(&of->guard);
        free(of);
    }
    sv_map_drop(&trial->guards);
}
