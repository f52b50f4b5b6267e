#include "gateway.h"
#include <base/test.h>

#define START_US INT64_C(1795000000000000)

// [reading-7]
static void a_clock_that_is_set_is_followed_and_counted(void **state) {
    (void) state;
    gw_clock clock = { .wall_us = 0 };
    int64_t second_us = SV_TIME_SECOND_US;
    assert_int_equal(gw_clock_wall(&clock, 0, START_US), START_US);
    assert_int_equal(gw_clock_wall(&clock, second_us, START_US + 2 * second_us),
                     START_US + 2 * second_us);
    assert_int_equal(clock.steps, 0);
    assert_int_equal(gw_clock_wall(&clock, 2 * second_us, START_US - 1), START_US - 1);
    assert_int_equal(gw_clock_wall(&clock, 3 * second_us, START_US + 9 * second_us),
                     START_US + 9 * second_us);
    assert_int_equal(clock.steps, 2);
}

// [reading-7]
static void a_gateway_that_wakes_in_1970_goes_on_from_what_it_knew(void **state) {
    (void) state;
    int64_t second_us = SV_TIME_SECOND_US;
    gw_clock clock = { .wall_us = START_US, .wall_at_us = 0, .fresh = true };
    assert_int_equal(gw_clock_wall(&clock, second_us, 5 * second_us), START_US + second_us);
    assert_int_equal(gw_clock_wall(&clock, 9 * second_us, 13 * second_us),
                     START_US + 9 * second_us);
    assert_int_equal(clock.steps, 0);
    int64_t set_us = START_US + SV_TIME_DAY_US;
    assert_int_equal(gw_clock_wall(&clock, 10 * second_us, set_us), set_us);
    assert_int_equal(clock.steps, 1);
    // With a clock that is right, what passed while it was off is no step.
    gw_clock other = { .wall_us = START_US, .wall_at_us = 0, .fresh = true };
    assert_int_equal(gw_clock_wall(&other, 0, set_us), set_us);
    assert_int_equal(other.steps, 0);
    // And without anything known, 1970 it is.
    gw_clock first = { .wall_us = 0 };
    assert_int_equal(gw_clock_wall(&first, 0, 5 * second_us), 5 * second_us);
}

// [reading-8]
static void two_clocks_are_as_far_apart_as_their_fastest_reading_says(void **state) {
    (void) state;
    gw_offset offset = { .any = false };
    gw_clock own = { .wall_us = START_US };
    const int64_t late_us[] = { 90000, 3 * SV_TIME_HOUR_US, 20000, 50000 };
    for (size_t i = 0; i < SV_COUNT(late_us); i++) {
        own.wall_us += SV_TIME_SECOND_US;
        own.wall_at_us += SV_TIME_SECOND_US;
        gw_offset_note(&offset, &own, own.wall_us + 9000000 - late_us[i]);
    }
    assert_int_equal(offset.offset_us, 9000000 - 20000);
    assert_true(gw_offset_is_far(&offset));
    // Set right: known a minute later.
    for (int minute = 1; minute <= 2; minute++) {
        own.wall_at_us += GW_OFFSET_US;
        gw_offset_note(&offset, &own, own.wall_us - 1000);
    }
    assert_int_equal(offset.offset_us, -1000);
    assert_false(gw_offset_is_far(&offset));
    // Our own is set: at once.
    own.steps++;
    own.wall_us -= SV_TIME_HOUR_US;
    gw_offset_note(&offset, &own, own.wall_us + SV_TIME_HOUR_US);
    assert_int_equal(offset.offset_us, SV_TIME_HOUR_US);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_that_is_set_is_followed_and_counted),
        cmocka_unit_test(a_gateway_that_wakes_in_1970_goes_on_from_what_it_knew),
        cmocka_unit_test(two_clocks_are_as_far_apart_as_their_fastest_reading_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
