#include "guards.h"
#include "alerts_own.h"
#include <base/mem.h>
#include <crypto/random.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>

struct gw_guard {
    char device[SV_ID_ROOM];
    sv_guard *rules; ///< NULL: a reload has left none
};

void gw_guards_open(gw *g, const uint8_t key[16]) {
    g->guards.of = sv_map_new(GW_DEVICES_MAX, key);
}

void gw_guards_close(gw *g) {
    for (size_t i = 0; i < sv_map_count(g->guards.of); i++) {
        gw_guard *guard = sv_map_at(g->guards.of, i, NULL);
        sv_guard_drop(&guard->rules);
        free(guard);
    }
    sv_map_drop(&g->guards.of);
    free(g->guards.gone);
    g->guards = (gw_guards){ .of = NULL };
}

// ---- what they say ------------------------------------------------------------------------------

/// What a callback needs to know.
typedef struct telling {
    gw *g;
    const gw_guard *guard;
} telling;

static void act(gw *g, const gw_guard *guard, const sv_guard_turn *turn) {
    const sv_rule *rule = turn->rule;
    const char *device = rule->then.device[0] == '\0' ? guard->device : rule->then.device;
    const gw_action action = { .rule = sv_text_of(rule->name),
                               .device = sv_text_of(device),
                               .name = sv_text_of(rule->then.command),
                               .payload =
                                   sv_text_of(rule->then.payload == NULL ? "" : rule->then.payload),
                               .alert = sv_text_of(turn->condition->alert_id),
                               .stays = turn->stays };
    (void) gw_act(g, &action);
}

static void told(void *arg, const sv_guard_turn *turn) {
    const telling *to = arg;
    bool raised = turn->event == SV_ALERT_RAISED;
    if (raised) {
        sv_random_hex(turn->condition->alert_id);
    }
    sv_alert alert = { .type = turn->rule->type,
                       .severity = turn->condition->severity,
                       .event = turn->event,
                       .value = SV_NAN,
                       .raw = SV_NAN,
                       .at_us = gw_wall_us(to->g) };
    memcpy(alert.id, turn->condition->alert_id, sizeof alert.id);
    memcpy(alert.device_id, to->guard->device, sizeof alert.device_id);
    memcpy(alert.rule, turn->rule->name, sizeof alert.rule);
    sv_textbuf message = SV_TEXTBUF(alert.message);
    sv_textbuf_add_str(&message, turn->message);
    sv_textbuf_add_str(&message, turn->condition->flapping ? " (flapping)" : "");
    (void) (sv_textbuf_end(&message) == SV_OK);
    gw_alert_tell(to->g, &alert, !turn->stays);
    if (raised && turn->rule->then.command[0] != '\0') {
        act(to->g, to->guard, turn);
    }
}

static sv_guard_now now_of(telling *to, int64_t wall_us) {
    return (sv_guard_now){ .at_us = wall_us,
                           .tick_us = sv_clock_monotonic_us(),
                           .muted = to->g->muted,
                           .quiet = gw_maintenance_is_on(to->g, to->guard->device),
                           .told = told,
                           .arg = to };
}

// ---- what they hear -----------------------------------------------------------------------------

static gw_guard *guard_of(gw *g, const char *device) {
    gw_guard *guard = sv_map_get(g->guards.of, sv_text_of(device));
    if (guard != NULL && guard->rules != NULL) {
        return guard;
    }
    sv_guard *rules = sv_guard_new(g->config.rules, sv_text_of(device));
    if (rules == NULL) {
        return NULL;
    }
    if (guard == NULL) {
        guard = sv_mem_new(sizeof *guard);
        memcpy(guard->device, device, strlen(device) + 1);
        if (sv_map_put(g->guards.of, sv_text_of(device), guard) != SV_OK) {
            sv_guard_drop(&rules);
            free(guard);
            return NULL;
        }
    }
    guard->rules = rules;
    return guard;
}

void gw_guard_attach(gw *g, gw_stream *s) {
    s->guard = guard_of(g, s->device);
    s->tap = (sv_tap){ 0 };
    if (s->guard != NULL) {
        s->tap = sv_guard_tap(s->guard->rules, sv_text_of(s->sensor));
    }
}

static void move(gw *g, gw_guard *guard) {
    telling to = { g, guard };
    sv_guard_now now = now_of(&to, gw_wall_us(g));
    if (guard->rules != NULL
        && !sv_guard_move(guard->rules, g->config.rules, sv_text_of(guard->device), &now)) {
        sv_guard_drop(&guard->rules);
    }
}

void gw_guards_reload(gw *g) {
    for (size_t i = 0; i < sv_map_count(g->guards.of); i++) {
        move(g, sv_map_at(g->guards.of, i, NULL));
    }
}

void gw_guards_members(gw *g, const sv_members *old, const sv_members *fresh) {
    for (size_t i = 0; i < sv_map_count(g->guards.of); i++) {
        gw_guard *guard = sv_map_at(g->guards.of, i, NULL);
        if (!sv_members_agree(old, fresh, sv_text_of(guard->device))) {
            move(g, guard);
        }
    }
}

void gw_guard_take(gw *g, const gw_stream *s, const sv_expression_input *input, int64_t received_us,
                   bool quiet) {
    if (s->tap.count == 0) {
        return;
    }
    telling to = { g, s->guard };
    sv_guard_now now = now_of(&to, received_us);
    now.quiet = now.quiet || quiet;
    sv_guard_take(s->guard->rules, s->tap, input, &now);
}

static void clear_gone(gw *g) {
    for (size_t i = 0; i < g->guards.gone_count; i++) {
        gw_kept_alert *kept = &g->guards.gone[i];
        kept->alert.event = SV_ALERT_CLEARED;
        kept->alert.at_us = gw_wall_us(g);
        gw_alert_tell(g, &kept->alert, !kept->stays);
    }
    free(g->guards.gone);
    g->guards.gone = NULL;
    g->guards.gone_count = 0;
}

void gw_guards_tick(gw *g) {
    int64_t wall_us = gw_wall_us(g);
    clear_gone(g);
    for (size_t i = 0; i < sv_map_count(g->guards.of); i++) {
        const gw_guard *guard = sv_map_at(g->guards.of, i, NULL);
        telling to = { g, guard };
        sv_guard_now now = now_of(&to, wall_us);
        if (guard->rules != NULL) {
            sv_guard_tick(guard->rules, &now);
        }
    }
}

// ---- their alerts -------------------------------------------------------------------------------

sv_condition *gw_guard_condition(gw *g, const sv_alert *alert) {
    const gw_guard *guard = sv_map_get(g->guards.of, sv_text_of(alert->device_id));
    return guard == NULL ? NULL : sv_guard_find(guard->rules, alert->type, sv_text_of(alert->rule));
}

bool gw_guard_stays(gw *g, const sv_alert *alert) {
    const gw_guard *guard = guard_of(g, alert->device_id);
    return guard != NULL && sv_guard_stays(guard->rules, alert->type, sv_text_of(alert->rule));
}

static void add_gone(gw *g, const gw_kept_alert *kept) {
    gw_guards *w = &g->guards;
    w->gone = sv_mem_resize(w->gone, (w->gone_count + 1) * sizeof *w->gone);
    w->gone[w->gone_count++] = *kept;
}

void gw_guard_reopen(gw *g, const gw_kept_alert *kept) {
    const sv_alert *alert = &kept->alert;
    const gw_guard *guard = guard_of(g, alert->device_id);
    sv_condition *condition =
        guard == NULL
            ? NULL
            : sv_guard_reopen(guard->rules, alert->type, sv_text_of(alert->rule), alert->message);
    if (condition == NULL) {
        add_gone(g, kept);
    } else {
        gw_condition_reopen(condition, kept);
    }
}
