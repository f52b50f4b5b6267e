#include <base/mem.h>
#include <edge/guard.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

/// What a rule remembers, once a sensor of it has spoken.
typedef struct memory {
    sv_condition condition;
    char *message; ///< while an alert is open, as it was raised; else NULL
    size_t state_bytes;
    alignas(int64_t) unsigned char state[]; ///< the expression's
} memory;

typedef struct guarded {
    const sv_rule *rule;
    memory *of; ///< NULL: nothing yet
    uint64_t mutes;
    bool stays;
} guarded;

/// A rule that asks about a sensor, as the how-manieth of its sensors.
typedef struct asking {
    unsigned rule, sensor;
} asking;

struct sv_guard {
    guarded *rules;
    asking *asking; ///< those of one sensor stand together
    sv_flapping flapping;
    bool undamped;
    unsigned count, asking_count;
};

static sv_expression_state *state_of(memory *of) {
    return (sv_expression_state *) (void *) of->state;
}

static memory *memory_new(const sv_rule *rule) {
    size_t bytes = sv_expression_state_bytes(rule->when);
    memory *of = sv_mem_new(sizeof *of + bytes);
    of->state_bytes = bytes;
    sv_condition_start(&of->condition);
    sv_expression_state_start(rule->when, state_of(of));
    return of;
}

static void memory_drop(memory **of) {
    if (*of != NULL) {
        free((*of)->message);
        free(*of);
        *of = NULL;
    }
}

static sv_text sensor_of(const sv_guard *guard, const asking *one) {
    return sv_expression_sensor(guard->rules[one->rule].rule->when, one->sensor);
}

// ---- made of rules ------------------------------------------------------------------------------

typedef struct maker {
    const sv_rules *rules;
    sv_text device_id;
    sv_guard *guard;
    unsigned room, asking_room;
} maker;

static void count_rule(void *arg, const sv_rule *rule) {
    maker *to = arg;
    to->room++;
    to->asking_room += sv_expression_sensor_count(rule->when);
}

static void add_rule(void *arg, const sv_rule *rule) {
    maker *to = arg;
    sv_guard *guard = to->guard;
    guarded *one = &guard->rules[guard->count];
    *one = (guarded){ .rule = rule };
    for (unsigned i = 0; i < sv_expression_sensor_count(rule->when); i++) {
        sv_stream_rules stream;
        sv_rules_for(to->rules, to->device_id, sv_expression_sensor(rule->when, i), &stream);
        one->mutes |= stream.mutes;
        one->stays = one->stays || stream.uplink == SV_UPLINK_NEVER;
        guard->asking[guard->asking_count++] = (asking){ guard->count, i };
    }
    guard->count++;
}

/// Those of one sensor side by side, and in the order of the rules.
static void group_by_sensor(sv_guard *guard) {
    for (unsigned i = 1; i < guard->asking_count; i++) {
        sv_text name = sensor_of(guard, &guard->asking[i]);
        unsigned to = i;
        for (unsigned k = 0; k < i; k++) {
            sv_text other = sensor_of(guard, &guard->asking[k]);
            if (sv_text_eq(other, name)) {
                to = k + 1;
            }
        }
        asking moved = guard->asking[i];
        memmove(&guard->asking[to + 1], &guard->asking[to], (i - to) * sizeof moved);
        guard->asking[to] = moved;
    }
}

sv_guard *sv_guard_new(const sv_rules *rules, sv_text device_id) {
    maker to = { .rules = rules, .device_id = device_id };
    sv_rules_named(rules, device_id, count_rule, &to);
    if (to.room == 0) {
        return NULL;
    }
    to.guard = sv_mem_new(sizeof *to.guard);
    to.guard->rules = sv_mem_array(to.room, sizeof *to.guard->rules);
    to.guard->asking = sv_mem_array(to.asking_room + 1, sizeof *to.guard->asking);
    to.guard->flapping = sv_rules_flapping(rules);
    sv_rules_named(rules, device_id, add_rule, &to);
    group_by_sensor(to.guard);
    return to.guard;
}

static void guard_clear(sv_guard *guard) {
    for (unsigned i = 0; i < guard->count; i++) {
        memory_drop(&guard->rules[i].of);
    }
    free(guard->rules);
    free(guard->asking);
    *guard = (sv_guard){ .count = 0 };
}

void sv_guard_drop(sv_guard **guard) {
    if (*guard != NULL) {
        guard_clear(*guard);
        free(*guard);
        *guard = NULL;
    }
}

// ---- what happens -------------------------------------------------------------------------------

static void say(const sv_rule *rule, memory *of) {
    char room[SV_ALERT_MESSAGE_MAX];
    sv_textbuf text = SV_TEXTBUF(room);
    if (rule->message != NULL) {
        sv_expression_message_add(rule->when, state_of(of), sv_text_of(rule->message), &text);
    } else {
        sv_expression_format(rule->when, &text);
    }
    free(of->message);
    sv_text said = sv_textbuf_text(&text);
    of->message = sv_mem_copy_str(said.at, said.len);
}

static void tell(const guarded *one, sv_turn turn, const sv_guard_now *now) {
    bool news = turn.event != SV_ALERT_NONE && (turn.event != SV_ALERT_UPDATED || turn.news);
    if (!news) {
        return;
    }
    if (turn.event == SV_ALERT_RAISED) {
        one->of->condition.opened_us = now->tick_us;
        say(one->rule, one->of);
    }
    const sv_guard_turn told = { .rule = one->rule,
                                 .condition = &one->of->condition,
                                 .event = turn.event,
                                 .message = one->of->message == NULL ? "" : one->of->message,
                                 .stays = one->stays };
    if (now->told != NULL) {
        now->told(now->arg, &told);
    }
    if (turn.event == SV_ALERT_CLEARED) {
        free(one->of->message);
        one->of->message = NULL;
    }
}

static void judge(const sv_guard *guard, const guarded *one, const sv_guard_now *now) {
    sv_finding finding =
        sv_truth_finding(sv_expression_judge(one->rule->when, state_of(one->of), now->at_us));
    bool quiet = now->quiet || (one->mutes & now->muted) != 0;
    sv_life life = one->rule->life;
    if (guard->undamped) {
        life.hold_us = life.clear_us = 0;
    }
    tell(
        one,
        sv_condition_judge(&one->of->condition, &life, guard->flapping, finding, quiet, now->at_us),
        now);
}

sv_tap sv_guard_tap(const sv_guard *guard, sv_text sensor) {
    sv_tap tap = { 0 };
    for (unsigned i = 0; guard != NULL && i < guard->asking_count; i++) {
        if (sv_text_eq(sensor_of(guard, &guard->asking[i]), sensor)) {
            tap.first = tap.count == 0 ? i : tap.first;
            tap.count++;
        }
    }
    return tap;
}

void sv_guard_take(sv_guard *guard, sv_tap tap, const sv_expression_input *input,
                   const sv_guard_now *now) {
    for (unsigned i = tap.first; i < tap.first + tap.count; i++) {
        guarded *one = &guard->rules[guard->asking[i].rule];
        one->of = one->of == NULL ? memory_new(one->rule) : one->of;
        sv_expression_take(one->rule->when, state_of(one->of), guard->asking[i].sensor, input,
                           now->at_us);
        judge(guard, one, now);
    }
}

void sv_guard_tick(sv_guard *guard, const sv_guard_now *now) {
    for (unsigned i = 0; i < guard->count; i++) {
        const guarded *one = &guard->rules[i];
        if (one->of != NULL) {
            judge(guard, one, now);
            tell(one, sv_condition_tick(&one->of->condition, &one->rule->life, now->tick_us), now);
        }
    }
}

// ---- in virtual time ----------------------------------------------------------------------------

static int64_t due_us(const guarded *one, int64_t now_us) {
    const sv_condition *condition = &one->of->condition;
    const sv_life *life = &one->rule->life;
    int64_t since_us = condition->open ? condition->kept_since_us : condition->broken_since_us;
    if (since_us != INT64_MIN || sv_expression_is_timed(one->rule->when)) {
        return now_us + 1;
    }
    bool escalates = condition->open && !condition->acknowledged && !condition->escalated
                     && life->escalate_us > 0;
    return escalates ? condition->opened_us + life->escalate_us : INT64_MAX;
}

int64_t sv_guard_due_us(const sv_guard *guard, int64_t now_us) {
    int64_t due = INT64_MAX;
    for (unsigned i = 0; i < guard->count; i++) {
        const guarded *one = &guard->rules[i];
        int64_t mine_us = one->of == NULL ? INT64_MAX : due_us(one, now_us);
        due = mine_us < due ? mine_us : due;
    }
    return due;
}

void sv_guard_undamp(sv_guard *guard) {
    guard->undamped = true;
    guard->flapping = (sv_flapping){ 0 };
}

// ---- by other rules -----------------------------------------------------------------------------

static guarded *find(const sv_guard *guard, sv_alert_type type, sv_text name) {
    for (unsigned i = 0; i < guard->count; i++) {
        guarded *one = &guard->rules[i];
        if (one->rule->type == type && sv_text_is(name, one->rule->name)) {
            return one;
        }
    }
    return NULL;
}

/// The same condition goes on as it stood; another one begins with what is known of the sensors and
/// windows that it shares, under the alert that is open.
static void inherit(guarded *from, guarded *to) {
    if (sv_expression_same(from->rule->when, to->rule->when)) {
        to->of = from->of;
        from->of = NULL;
        return;
    }
    to->of = memory_new(to->rule);
    sv_expression_state_carry(from->rule->when, state_of(from->of), to->rule->when,
                              state_of(to->of));
    to->of->condition = from->of->condition;
    to->of->condition.broken_since_us = to->of->condition.kept_since_us = INT64_MIN;
    to->of->message = from->of->message;
    from->of->message = NULL;
}

bool sv_guard_move(sv_guard *guard, const sv_rules *rules, sv_text device_id,
                   const sv_guard_now *now) {
    sv_guard *fresh = sv_guard_new(rules, device_id);
    for (unsigned i = 0; i < guard->count; i++) {
        guarded *from = &guard->rules[i];
        guarded *to =
            fresh == NULL ? NULL : find(fresh, from->rule->type, sv_text_of(from->rule->name));
        if (from->of != NULL && to != NULL) {
            inherit(from, to);
        } else if (from->of != NULL && from->of->condition.open) {
            from->of->condition.open = false;
            tell(from, (sv_turn){ .event = SV_ALERT_CLEARED }, now);
        }
    }
    guard_clear(guard);
    if (fresh == NULL) {
        return false;
    }
    *guard = *fresh;
    free(fresh);
    return true;
}

sv_condition *sv_guard_find(const sv_guard *guard, sv_alert_type type, sv_text rule) {
    const guarded *one = guard == NULL ? NULL : find(guard, type, rule);
    return one == NULL || one->of == NULL ? NULL : &one->of->condition;
}

bool sv_guard_stays(const sv_guard *guard, sv_alert_type type, sv_text rule) {
    const guarded *one = guard == NULL ? NULL : find(guard, type, rule);
    return one != NULL && one->stays;
}

sv_condition *sv_guard_reopen(sv_guard *guard, sv_alert_type type, sv_text rule,
                              const char *message) {
    guarded *one = guard == NULL ? NULL : find(guard, type, rule);
    if (one == NULL) {
        return NULL;
    }
    one->of = one->of == NULL ? memory_new(one->rule) : one->of;
    free(one->of->message);
    one->of->message = sv_mem_copy_str(message, strlen(message));
    return &one->of->condition;
}

size_t sv_guard_bytes(const sv_guard *guard) {
    size_t bytes = sizeof *guard + guard->count * sizeof *guard->rules
                   + guard->asking_count * sizeof *guard->asking;
    for (unsigned i = 0; i < guard->count; i++) {
        const memory *of = guard->rules[i].of;
        bytes += of == NULL ? 0 : sizeof *of + of->state_bytes;
    }
    return bytes;
}
