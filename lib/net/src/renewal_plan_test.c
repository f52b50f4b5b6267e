#include "renewal_plan.h"

#include <base/test.h>

#define BEGIN_US (INT64_C(1800000000) * SV_TIME_SECOND_US)
#define LIFE_US (90 * SV_TIME_DAY_US)

static renewal_plan plan_of(double chance) {
    return (renewal_plan){ .validity = { BEGIN_US, BEGIN_US + LIFE_US }, .chance = chance };
}

static renewal_need at(const renewal_plan *plan, int64_t wall_us) {
    const sv_instant now = { .wall_us = wall_us, .uptime_us = SV_TIME_HOUR_US };
    return renewal_what(plan, &now);
}

// [renewal-2]
static void it_is_due_at_two_thirds_give_or_take_a_twentieth(void **state) {
    (void) state;
    for (int part = 0; part < 64; part++) {
        const renewal_plan plan = plan_of(part / 64.0);
        double share = (double) (renewal_due_us(&plan) - BEGIN_US) / (double) LIFE_US;
        assert_true(share >= 2.0 / 3 - 0.0501 && share <= 2.0 / 3 + 0.0501);
        assert_int_equal(at(&plan, renewal_due_us(&plan) - 1), RENEWAL_REST);
        assert_int_equal(at(&plan, renewal_due_us(&plan)), RENEWAL_RENEW);
    }
    const renewal_plan first = plan_of(0);
    const renewal_plan last = plan_of(0.999);
    assert_true(renewal_due_us(&last) - renewal_due_us(&first) > 8 * SV_TIME_DAY_US); // spread
}

// [renewal-4]
static void a_clock_in_1970_or_2099_asks_for_the_time_before_anything_else(void **state) {
    (void) state;
    const int64_t y2099_us = INT64_C(4070908800) * SV_TIME_SECOND_US;
    renewal_plan plan = plan_of(0.5);
    assert_int_equal(at(&plan, 0), RENEWAL_ASK_TIME);
    assert_int_equal(at(&plan, BEGIN_US - 1), RENEWAL_ASK_TIME);
    assert_int_equal(at(&plan, BEGIN_US), RENEWAL_REST);
    assert_int_equal(at(&plan, BEGIN_US + LIFE_US), RENEWAL_ASK_TIME);
    assert_int_equal(at(&plan, y2099_us), RENEWAL_ASK_TIME);
    // Told, it counts on with the uptime, whatever the clock says.
    plan.told = true;
    const struct {
        int64_t true_us;
        renewal_need need;
    } CASES[] = {
        { BEGIN_US + SV_TIME_DAY_US, RENEWAL_REST },
        { BEGIN_US + LIFE_US * 3 / 4, RENEWAL_RENEW },
        { BEGIN_US + LIFE_US, RENEWAL_GRACE },
        { BEGIN_US - SV_TIME_DAY_US, RENEWAL_REST },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        plan.offset_us = CASES[i].true_us - SV_TIME_HOUR_US;
        assert_int_equal(at(&plan, 0), CASES[i].need);
        assert_int_equal(at(&plan, y2099_us), CASES[i].need);
    }
}

static void who_is_refused_asks_for_the_time(void **state) {
    (void) state;
    renewal_plan plan = plan_of(0.5);
    plan.in_doubt = true;
    assert_int_equal(at(&plan, BEGIN_US + SV_TIME_DAY_US), RENEWAL_ASK_TIME);
}

// [renewal-5]
static void waits_grow_have_bounds_and_leave_time_to_try_often(void **state) {
    (void) state;
    static const int64_t LIVES[] = {
        10 * SV_TIME_SECOND_US, SV_TIME_MINUTE_US, SV_TIME_HOUR_US,
        7 * SV_TIME_DAY_US,     LIFE_US,           3650 * SV_TIME_DAY_US
    };
    for (size_t i = 0; i < SV_COUNT(LIVES); i++) {
        renewal_plan plan = { .validity = { BEGIN_US, BEGIN_US + LIVES[i] } };
        int64_t before_us = 0;
        int64_t waited_us = 0;
        unsigned tries = 0;
        for (plan.failures = 1; waited_us < LIVES[i] / 3 && tries < 1000; plan.failures++) {
            int64_t least_us = renewal_wait_us(&plan, false, 0);
            int64_t most_us = renewal_wait_us(&plan, false, 0.999);
            assert_true(least_us >= SV_RENEWAL_WAIT_MIN_US / 2 && least_us >= before_us);
            assert_true(most_us <= SV_RENEWAL_WAIT_MAX_US && most_us > least_us);
            before_us = least_us;
            waited_us += most_us;
            tries++;
        }
        assert_true(tries >= 4); // in the last third of its life
        int64_t seldom_us = renewal_wait_us(&plan, true, 0.999);
        assert_true(seldom_us >= SV_RENEWAL_WAIT_MIN_US / 2);
        assert_true(seldom_us <= SV_RENEWAL_SELDOM_MAX_US);
    }
}

// [renewal-5]
static void a_server_may_ask_for_a_longer_wait_within_reason(void **state) {
    (void) state;
    const renewal_plan plan = plan_of(0.5);
    assert_int_equal(renewal_asked_us(&plan, SV_TIME_MINUTE_US, 0), SV_TIME_MINUTE_US);
    assert_int_equal(renewal_asked_us(&plan, SV_TIME_MINUTE_US, SV_TIME_SECOND_US),
                     SV_TIME_MINUTE_US);
    assert_int_equal(renewal_asked_us(&plan, SV_TIME_MINUTE_US, SV_TIME_HOUR_US), SV_TIME_HOUR_US);
    assert_int_equal(renewal_asked_us(&plan, SV_TIME_MINUTE_US, 365 * SV_TIME_DAY_US),
                     LIFE_US / 20);
    assert_int_equal(renewal_asked_us(&plan, LIFE_US / 10, SV_TIME_HOUR_US), LIFE_US / 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_due_at_two_thirds_give_or_take_a_twentieth),
        cmocka_unit_test(a_clock_in_1970_or_2099_asks_for_the_time_before_anything_else),
        cmocka_unit_test(who_is_refused_asks_for_the_time),
        cmocka_unit_test(a_server_may_ask_for_a_longer_wait_within_reason),
        cmocka_unit_test(waits_grow_have_bounds_and_leave_time_to_try_often),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
