// The rules with names as they stand for one device: what each remembers, and the life of its
// alert. Memory goes to a rule with the first reading it asks about. Pure: time comes in, what
// happened goes out to a callback. The same code runs in the gateway, in backtest and in the tests.
// [edge-14..17]
#ifndef SV_EDGE_GUARD_H
#define SV_EDGE_GUARD_H

#include <edge/rule.h>

typedef struct sv_guard sv_guard;

/// What happened to a rule's alert: raised, cleared, or updated with another severity.
typedef struct sv_guard_turn {
    const sv_rule *rule;
    sv_condition *condition; ///< whose alert it is; the owner's fields are the callback's to set
    sv_alert_event event;
    const char *message; ///< as it was when it was raised
    bool stays;          ///< the rule asks about a sensor that may not leave the site
} sv_guard_turn;

typedef void sv_guard_told(void *arg, const sv_guard_turn *turn);

/// The moment, and who is told.
typedef struct sv_guard_now {
    int64_t at_us;   ///< by the clock that readings are judged by
    int64_t tick_us; ///< by one that nobody sets, for what has been open too long
    uint64_t muted;  ///< sv_rules_muted
    bool quiet;      ///< nothing is raised whatever the rules say
    sv_guard_told *told;
    void *arg;
} sv_guard_now;

/// NULL: no rule concerns the device. `rules` must outlive it, or it is moved before.
sv_guard *sv_guard_new(const sv_rules *rules, sv_text device_id);
void sv_guard_drop(sv_guard **guard);
/// From now on by other rules. What is the same goes on where it stood; an alert whose rule is no
/// more, or is about another type, is cleared. The old rules must be there still. False: no rule
/// concerns the device any more. [edge-16]
bool sv_guard_move(sv_guard *guard, const sv_rules *rules, sv_text device_id,
                   const sv_guard_now *now);

/// The part of a guard that asks about a sensor: until the next move.
typedef struct sv_tap {
    unsigned first, count;
} sv_tap;

sv_tap sv_guard_tap(const sv_guard *guard, sv_text sensor);
/// A reading of that sensor.
void sv_guard_take(sv_guard *guard, sv_tap tap, const sv_expression_input *input,
                   const sv_guard_now *now);
/// Time alone: sensors fall silent, holds run out, alerts escalate. Once a second.
void sv_guard_tick(sv_guard *guard, const sv_guard_now *now);

/// From then on time alone may do something, so it is to be ticked; INT64_MAX: not before something
/// else happens. By `at_us`, which is `tick_us` as well. For those whose time is not that of a
/// clock.
int64_t sv_guard_due_us(const sv_guard *guard, int64_t now_us);
/// Alerts are raised and cleared at once, without `for`, `clear` and flapping: to see what these
/// are good for.
void sv_guard_undamp(sv_guard *guard);

/// What is known of a rule's alert; NULL: there is no such rule, or none of its sensors has spoken.
sv_condition *sv_guard_find(const sv_guard *guard, sv_alert_type type, sv_text rule);
/// Does the rule ask about a sensor that may not leave the site? False where there is no such rule.
bool sv_guard_stays(const sv_guard *guard, sv_alert_type type, sv_text rule);
/// An alert was open when the program ended: its condition, for sv_condition_reopen. NULL when
/// there is no such rule any more.
sv_condition *sv_guard_reopen(sv_guard *guard, sv_alert_type type, sv_text rule,
                              const char *message);
/// Memory of it all, the rules aside.
size_t sv_guard_bytes(const sv_guard *guard);

#endif
