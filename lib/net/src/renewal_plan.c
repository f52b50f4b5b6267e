#include "renewal_plan.h"

static int64_t lifetime_us(const renewal_plan *plan) {
    return plan->validity.end_us - plan->validity.begin_us;
}

static int64_t between(int64_t value, int64_t least, int64_t most) {
    return value < least ? least : value > most ? most : value;
}

int64_t renewal_now_us(const renewal_plan *plan, const sv_instant *now) {
    return plan->told ? now->uptime_us + plan->offset_us : now->wall_us;
}

int64_t sv_renewal_due_us(const sv_validity *validity, double chance) {
    double life = (double) (validity->end_us - validity->begin_us);
    double spread = (2 * chance - 1) * SV_RENEWAL_SPREAD;
    return validity->begin_us + (int64_t) (life * (2.0 / 3.0 + spread));
}

int64_t renewal_due_us(const renewal_plan *plan) {
    return sv_renewal_due_us(&plan->validity, plan->chance);
}

renewal_need renewal_what(const renewal_plan *plan, const sv_instant *now) {
    int64_t now_us = renewal_now_us(plan, now);
    bool within = now_us >= plan->validity.begin_us && now_us < plan->validity.end_us;
    if (plan->in_doubt || (!within && !plan->told)) {
        return RENEWAL_ASK_TIME;
    }
    if (now_us >= plan->validity.end_us) {
        return RENEWAL_GRACE;
    }
    return now_us >= renewal_due_us(plan) ? RENEWAL_RENEW : RENEWAL_REST;
}

int64_t renewal_look_us(const renewal_plan *plan) {
    return between(lifetime_us(plan) / 200, SV_RENEWAL_LOOK_MIN_US, SV_RENEWAL_LOOK_MAX_US);
}

int64_t renewal_wait_us(const renewal_plan *plan, bool seldom, double chance) {
    int64_t life = lifetime_us(plan);
    int64_t wait = between(life / 2000, SV_RENEWAL_WAIT_MIN_US, SV_RENEWAL_WAIT_FIRST_MAX_US);
    int64_t most = between(life / 50, SV_RENEWAL_WAIT_MIN_US, SV_RENEWAL_WAIT_MAX_US);
    for (unsigned i = 1; i < plan->failures && wait < most; i++) {
        wait *= 2;
    }
    wait = seldom ? between(life / 10, SV_RENEWAL_WAIT_MIN_US, SV_RENEWAL_SELDOM_MAX_US)
                  : between(wait, SV_RENEWAL_WAIT_MIN_US, most);
    return wait / 2 + (int64_t) (chance * (double) wait / 2);
}

int64_t renewal_asked_us(const renewal_plan *plan, int64_t wait_us, int64_t asked_us) {
    return between(asked_us, wait_us, between(lifetime_us(plan) / 20, wait_us, INT64_MAX));
}
