#include <edge/condition.h>

#define NEVER INT64_MIN

void sv_condition_start(sv_condition *condition) {
    *condition = (sv_condition){ .broken_since_us = NEVER,
                                 .kept_since_us = NEVER,
                                 .worse_since_us = NEVER,
                                 .flap_from_us = NEVER };
}

void sv_condition_reopen(sv_condition *condition, sv_severity severity, int64_t opened_us,
                         bool acknowledged) {
    condition->open = true;
    condition->severity = severity;
    condition->opened_us = opened_us;
    condition->acknowledged = acknowledged;
}

/// Has it been so for `wait_us`? `*since_us` is when that began.
static bool lasted(int64_t *since_us, int64_t wait_us, int64_t at_us) {
    if (*since_us == NEVER || at_us < *since_us) {
        *since_us = at_us;
    }
    return at_us - *since_us >= wait_us;
}

static void count_raise(sv_condition *c, sv_flapping flapping, int64_t at_us) {
    bool same_stretch = c->flap_from_us != NEVER && at_us >= c->flap_from_us
                        && at_us - c->flap_from_us <= flapping.within_us;
    c->flap_from_us = same_stretch ? c->flap_from_us : at_us;
    c->raises = same_stretch ? c->raises + 1 : 1;
    c->flapping = flapping.raises > 0 && c->raises >= flapping.raises;
}

static sv_alert_event while_shut(sv_condition *c, const sv_life *life, sv_flapping flapping,
                                 sv_finding finding, bool quiet, int64_t at_us) {
    if (!finding.broken) {
        c->broken_since_us = NEVER;
        return SV_ALERT_NONE;
    }
    if (!lasted(&c->broken_since_us, life->hold_us, at_us) || quiet) {
        return SV_ALERT_NONE;
    }
    count_raise(c, flapping, at_us);
    c->open = true;
    c->acknowledged = c->escalated = false;
    c->severity = life->severity;
    c->opened_us = at_us;
    c->kept_since_us = NEVER;
    return SV_ALERT_RAISED;
}

static sv_alert_event while_open(sv_condition *c, const sv_life *life, sv_flapping flapping,
                                 sv_finding finding, int64_t at_us) {
    if (!finding.kept) {
        c->kept_since_us = NEVER;
        return SV_ALERT_UPDATED;
    }
    bool longer = c->flapping && flapping.within_us > life->clear_us;
    if (!lasted(&c->kept_since_us, longer ? flapping.within_us : life->clear_us, at_us)) {
        return SV_ALERT_UPDATED;
    }
    c->raises = c->flapping ? 0 : c->raises;
    c->open = c->flapping = false;
    c->broken_since_us = NEVER;
    return SV_ALERT_CLEARED;
}

static sv_severity severity_now(sv_condition *c, const sv_life *life, sv_finding finding,
                                int64_t at_us) {
    bool was_worse = c->severity == SV_SEVERITY_CRITICAL && life->severity != SV_SEVERITY_CRITICAL;
    bool worse = false;
    if (finding.worse) {
        worse = lasted(&c->worse_since_us, life->hold_us, at_us) || was_worse;
    } else {
        c->worse_since_us = NEVER;
        worse = was_worse && !finding.less_worse;
    }
    return worse || c->escalated ? SV_SEVERITY_CRITICAL : life->severity;
}

sv_turn sv_condition_judge(sv_condition *condition, const sv_life *life, sv_flapping flapping,
                           sv_finding finding, bool quiet, int64_t at_us) {
    sv_turn turn = { .event = condition->open
                                  ? while_open(condition, life, flapping, finding, at_us)
                                  : while_shut(condition, life, flapping, finding, quiet, at_us) };
    if (condition->open) {
        sv_severity now = severity_now(condition, life, finding, at_us);
        turn.news = turn.event == SV_ALERT_UPDATED && now != condition->severity;
        condition->severity = now;
    } else if (finding.worse) {
        (void) lasted(&condition->worse_since_us, 0, at_us);
    } else {
        condition->worse_since_us = NEVER;
    }
    return turn;
}

sv_turn sv_condition_tick(sv_condition *condition, const sv_life *life, int64_t now_us) {
    if (now_us < condition->opened_us) {
        condition->opened_us = now_us;
    }
    bool due = condition->open && !condition->acknowledged && !condition->escalated
               && life->escalate_us > 0 && now_us - condition->opened_us >= life->escalate_us;
    if (!due) {
        return (sv_turn){ .event = SV_ALERT_NONE };
    }
    bool news = condition->severity != SV_SEVERITY_CRITICAL;
    condition->escalated = true;
    condition->severity = SV_SEVERITY_CRITICAL;
    return (sv_turn){ .event = news ? SV_ALERT_UPDATED : SV_ALERT_NONE, .news = news };
}
