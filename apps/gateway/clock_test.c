#include "gateway.h"
#include <base/test.h>

#define START_US INT64_C(1795000000000000)

static void a_clock_that_leaps_ahead_is_doubted_for_a_day(void **state) {
    (void) state;
    gw_clock clock = { .believed_us = 0 };
    assert_int_equal(gw_clock_now(&clock, 1000, START_US), START_US);
    int64_t leap_us = INT64_C(70) * 365 * SV_TIME_DAY_US;
    int64_t monotonic_us = 1000;
    for (int64_t hour = 1; hour <= 24; hour++) {
        monotonic_us += SV_TIME_HOUR_US;
        int64_t right_us = START_US + hour * SV_TIME_HOUR_US;
        assert_int_equal(gw_clock_now(&clock, monotonic_us, right_us + leap_us), right_us);
    }
    monotonic_us += SV_TIME_HOUR_US;
    int64_t later_us = START_US + 25 * SV_TIME_HOUR_US + leap_us;
    assert_int_equal(gw_clock_now(&clock, monotonic_us, later_us), later_us);
}

static void a_clock_that_comes_back_is_believed_at_once(void **state) {
    (void) state;
    gw_clock clock = { .believed_us = 0 };
    (void) gw_clock_now(&clock, 0, START_US);
    int64_t second_us = SV_TIME_SECOND_US;
    assert_int_equal(gw_clock_now(&clock, second_us, START_US + SV_TIME_DAY_US),
                     START_US + second_us);
    assert_int_equal(gw_clock_now(&clock, 2 * second_us, START_US + 3 * second_us),
                     START_US + 3 * second_us);
    assert_int_equal(clock.doubted_us, 0);
}

static void a_clock_that_is_set_back_or_a_little_ahead_is_believed(void **state) {
    (void) state;
    gw_clock clock = { .believed_us = 0 };
    (void) gw_clock_now(&clock, 0, START_US);
    assert_int_equal(gw_clock_now(&clock, 1, 5), 5);
    int64_t ahead_us = 5 + GW_CLOCK_LEAP_US;
    assert_int_equal(gw_clock_now(&clock, 1, ahead_us), ahead_us);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_that_leaps_ahead_is_doubted_for_a_day),
        cmocka_unit_test(a_clock_that_comes_back_is_believed_at_once),
        cmocka_unit_test(a_clock_that_is_set_back_or_a_little_ahead_is_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
