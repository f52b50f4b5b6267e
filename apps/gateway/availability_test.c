#include "availability.h"
#include <base/test.h>
#include <base/time.h>
#include <math.h>

#define NOON (20000 * SV_TIME_DAY_US + 12 * SV_TIME_HOUR_US)

static void near(double share, double expected) {
    assert_true(fabs(share - expected) < 1e-9);
}

static void time_served_and_not_served_is_counted(void **state) {
    (void) state;
    gw_availability a = { 0 };
    near(gw_availability_share(&a, 30, NOON), 1);
    gw_availability_start(&a, 0, NOON, 5);
    near(gw_availability_share(&a, 30, NOON), 1);
    gw_availability_tick(&a, true, NOON + 900, 905);
    gw_availability_tick(&a, false, NOON + 1000, 1005);
    near(gw_availability_share(&a, 1, NOON + 1000), 0.9);
    near(gw_availability_share(&a, 30, NOON + 1000), 0.9);
}

static void a_gap_between_two_runs_was_served_to_nobody(void **state) {
    (void) state;
    gw_availability first = { 0 };
    gw_availability_start(&first, 0, NOON, 0);
    gw_availability_tick(&first, true, NOON + 3 * SV_TIME_HOUR_US, 3 * SV_TIME_HOUR_US);

    gw_availability second = { 0 };
    gw_availability_restore(&second, gw_availability_day(&first, NOON), first.mark_wall_us);
    gw_availability_start(&second, 0, NOON + 4 * SV_TIME_HOUR_US, 77);
    near(gw_availability_share(&second, 30, NOON + 4 * SV_TIME_HOUR_US), 0.75);
}

// A killed program's last mark is up to a tick old; its store is not.
static void who_was_killed_had_served_until_it_last_wrote(void **state) {
    (void) state;
    static const struct {
        int64_t written_us, up_us;
    } CASES[] = {
        { NOON + 10 * SV_TIME_SECOND_US, 10 },
        { NOON + 19 * SV_TIME_SECOND_US, 19 },
        { NOON + 20 * SV_TIME_SECOND_US, 0 }, // a tick had come by then, were it so
        { NOON + 101 * SV_TIME_SECOND_US, 0 },
        { NOON - SV_TIME_SECOND_US, 0 },
        { 7, 0 },
        { 0, 0 },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        gw_availability a = { 0 };
        gw_day none = { .day = NOON / SV_TIME_DAY_US };
        gw_availability_restore(&a, &none, NOON);
        gw_availability_start(&a, CASES[i].written_us, NOON + 100 * SV_TIME_SECOND_US, 0);
        const gw_day *day = gw_availability_day(&a, NOON);
        assert_true(day->up_us == CASES[i].up_us * SV_TIME_SECOND_US);
        assert_true(day->up_us + day->down_us == 100 * SV_TIME_SECOND_US);
    }
    gw_availability fresh = { 0 };
    gw_availability_start(&fresh, NOON - 1, NOON, 0); // the first of all starts
    near(gw_availability_share(&fresh, 30, NOON), 1);
}

static void days_pass_and_the_oldest_count_no_more(void **state) {
    (void) state;
    gw_availability a = { 0 };
    int64_t wall_us = NOON;
    int64_t mono_us = 0;
    gw_availability_start(&a, 0, wall_us, mono_us);
    for (int hour = 0; hour < 24 * 45; hour++) {
        wall_us += SV_TIME_HOUR_US;
        mono_us += SV_TIME_HOUR_US;
        gw_availability_tick(&a, hour >= 24, wall_us, mono_us);
    }
    near(gw_availability_share(&a, 30, wall_us), 1);
    near(gw_availability_share(&a, 1, wall_us), 1);
    // A run over midnight belongs to both days.
    gw_availability b = { 0 };
    gw_availability_start(&b, 0, NOON, 0);
    gw_availability_tick(&b, true, NOON + SV_TIME_DAY_US, SV_TIME_DAY_US);
    assert_true(gw_availability_day(&b, NOON)->up_us == 12 * SV_TIME_HOUR_US);
    assert_true(gw_availability_day(&b, NOON + SV_TIME_DAY_US)->up_us == 12 * SV_TIME_HOUR_US);
}

static void a_clock_that_jumps_invents_no_outage(void **state) {
    (void) state;
    gw_availability a = { 0 };
    gw_availability_start(&a, 0, NOON, 0);
    gw_availability_tick(&a, true, NOON + 1000, 1000);
    // 1970, then ten years ahead, then right again: each tick is as long as the monotonic clock
    // says.
    gw_availability_tick(&a, true, 7, 2000);
    gw_availability_tick(&a, true, NOON + 3650 * SV_TIME_DAY_US, 3000);
    gw_availability_tick(&a, true, NOON + 4000, 4000);
    near(gw_availability_share(&a, 30, NOON + 4000), 1);
    gw_availability back = { 0 };
    gw_availability_restore(&back, gw_availability_day(&a, NOON), NOON + 4000);
    gw_availability_start(&back, 0, NOON - SV_TIME_HOUR_US, 0);
    near(gw_availability_share(&back, 30, NOON), 1);
    gw_availability_start(&back, 0, NOON + 4000 * SV_TIME_DAY_US, 0);
    near(gw_availability_share(&back, 30, NOON), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_served_and_not_served_is_counted),
        cmocka_unit_test(a_gap_between_two_runs_was_served_to_nobody),
        cmocka_unit_test(who_was_killed_had_served_until_it_last_wrote),
        cmocka_unit_test(days_pass_and_the_oldest_count_no_more),
        cmocka_unit_test(a_clock_that_jumps_invents_no_outage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
