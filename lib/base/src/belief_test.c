#include <base/belief.h>
#include <base/test.h>

#define START_US INT64_C(1795000000000000)
#define SECOND_US SV_TIME_SECOND_US
#define IN_2099_US (START_US + INT64_C(73) * 365 * SV_TIME_DAY_US)

// [clock-1]
static void a_clock_that_leaps_ahead_is_doubted_for_a_day(void **state) {
    (void) state;
    sv_belief belief = { 0 };
    assert_int_equal(sv_belief_now(&belief, 1000, START_US), START_US);
    int64_t leap_us = IN_2099_US - START_US;
    int64_t uptime_us = 1000;
    for (int64_t hour = 1; hour <= 24; hour++) {
        uptime_us += SV_TIME_HOUR_US;
        int64_t right_us = START_US + hour * SV_TIME_HOUR_US;
        assert_int_equal(sv_belief_now(&belief, uptime_us, right_us + leap_us), right_us);
        assert_true(belief.doubted);
    }
    uptime_us += SV_TIME_HOUR_US;
    int64_t later_us = START_US + 25 * SV_TIME_HOUR_US + leap_us;
    assert_int_equal(sv_belief_now(&belief, uptime_us, later_us), later_us);
    assert_false(belief.doubted);
}

// [clock-1]
static void a_clock_that_comes_back_is_believed_at_once(void **state) {
    (void) state;
    sv_belief belief = { 0 };
    (void) sv_belief_now(&belief, 0, START_US);
    assert_int_equal(sv_belief_now(&belief, SECOND_US, START_US + SV_TIME_DAY_US),
                     START_US + SECOND_US);
    assert_int_equal(sv_belief_now(&belief, 2 * SECOND_US, START_US + 3 * SECOND_US),
                     START_US + 3 * SECOND_US);
    assert_false(belief.doubted);
}

// [clock-1]
static void a_clock_that_is_set_back_or_a_little_ahead_is_believed(void **state) {
    (void) state;
    sv_belief belief = { 0 };
    (void) sv_belief_now(&belief, 0, START_US);
    int64_t back_us = START_US - 300 * SV_TIME_DAY_US;
    assert_int_equal(sv_belief_now(&belief, 1, back_us), back_us);
    int64_t ahead_us = back_us + SV_BELIEF_LEAP_US;
    assert_int_equal(sv_belief_now(&belief, 1, ahead_us), ahead_us);
}

// [clock-2]
static void a_clock_that_says_1970_goes_on_from_what_was_known(void **state) {
    (void) state;
    sv_belief belief = { 0 };
    (void) sv_belief_now(&belief, 0, START_US);
    assert_int_equal(sv_belief_now(&belief, SECOND_US, 5), START_US + SECOND_US);
    assert_int_equal(sv_belief_now(&belief, 9 * SECOND_US, 8 * SECOND_US),
                     START_US + 9 * SECOND_US);
    sv_belief nothing = { 0 };
    assert_int_equal(sv_belief_now(&nothing, 0, 5), 5);
    assert_int_equal(sv_belief_now(&nothing, SECOND_US, START_US), START_US); // it has been set
}

// [clock-3]
static void what_an_earlier_run_knew_is_what_a_start_is_held_against(void **state) {
    (void) state;
    sv_belief belief = { 0 };
    sv_belief_resume(&belief, 0, START_US, 0);
    assert_int_equal(sv_belief_now(&belief, SECOND_US, IN_2099_US), START_US + SECOND_US);
    assert_true(belief.doubted);
    sv_belief_resume(&belief, 0, START_US, 0);
    assert_int_equal(sv_belief_now(&belief, SECOND_US, 7), START_US + SECOND_US);
    assert_int_equal(sv_belief_now(&belief, 2 * SECOND_US, START_US + SV_TIME_DAY_US),
                     START_US + SV_TIME_DAY_US); // it was off for a day and has been set now
    sv_belief_resume(&belief, 0, START_US, 0);
    int64_t month_us = START_US + SV_BELIEF_ABSENT_US;
    assert_int_equal(sv_belief_now(&belief, 0, month_us), month_us);
    sv_belief unknown = { 0 };
    sv_belief_resume(&unknown, 0, 0, 0);
    assert_int_equal(sv_belief_now(&unknown, 0, IN_2099_US), IN_2099_US);
}

// [clock-3]
static void a_doubt_ends_however_often_it_is_started_anew(void **state) {
    (void) state;
    sv_belief belief = { 0 };
    int64_t believed_us = START_US;
    int64_t doubted_us = 0;
    int64_t wall_us = START_US + 60 * SV_TIME_DAY_US; // off for so long, and nothing is signed
    for (int run = 0; run < 6; run++) {               // five hours of each day
        wall_us += SV_TIME_DAY_US;
        sv_belief_resume(&belief, run, believed_us, 0);
        sv_belief_carry(&belief, doubted_us);
        if (run == 2) { // it wakes in 1970 for a while
            assert_int_equal(sv_belief_now(&belief, run, 7), believed_us);
            assert_int_equal(sv_belief_doubted_us(&belief), doubted_us);
        }
        for (int hour = 0; hour <= 5; hour++) {
            int64_t passed_us = hour * SV_TIME_HOUR_US;
            believed_us = sv_belief_now(&belief, run + passed_us, wall_us + passed_us);
            doubted_us = sv_belief_doubted_us(&belief);
            assert_int_equal(belief.doubted, run * 5 + hour < 24);
            assert_int_equal(doubted_us, belief.doubted ? (run * 5 + hour) * SV_TIME_HOUR_US : 0);
        }
    }
    assert_int_equal(believed_us, wall_us + 5 * SV_TIME_HOUR_US);
    // What was remembered wrongly prolongs nothing, and where nothing is known it says nothing.
    sv_belief_resume(&belief, 0, START_US, 0);
    sv_belief_carry(&belief, -SV_TIME_DAY_US);
    assert_int_equal(sv_belief_doubted_us(&belief), 0);
    sv_belief_carry(&belief, INT64_MAX);
    assert_int_equal(sv_belief_doubted_us(&belief), SV_BELIEF_DOUBT_US);
    sv_belief_resume(&belief, 0, 0, 0);
    sv_belief_carry(&belief, SV_TIME_HOUR_US);
    assert_int_equal(sv_belief_doubted_us(&belief), 0);
}

// [clock-4]
static void no_clock_is_believed_to_be_before_what_was_signed(void **state) {
    (void) state;
    sv_belief belief = { 0 };
    (void) sv_belief_now(&belief, 0, START_US);
    sv_belief_signed(&belief, START_US + SECOND_US);
    int64_t year_ago_us = START_US - 365 * SV_TIME_DAY_US;
    assert_int_equal(sv_belief_now(&belief, SECOND_US, year_ago_us), START_US + 2 * SECOND_US);
    assert_int_equal(sv_belief_now(&belief, 9 * SECOND_US, START_US + SV_TIME_MINUTE_US),
                     START_US + SV_TIME_MINUTE_US);
    sv_belief_resume(&belief, 0, START_US, START_US - SECOND_US); // and through a restart
    assert_int_equal(sv_belief_now(&belief, 0, year_ago_us), START_US - SECOND_US);
    sv_belief lost = { 0 };
    (void) sv_belief_now(&lost, 0, 5);
    sv_belief_signed(&lost, START_US);
    assert_int_equal(sv_belief_now(&lost, SECOND_US, 5), START_US + SECOND_US);
}

// [clock-4]
static void what_is_signed_far_ahead_of_a_good_clock_raises_nothing(void **state) {
    (void) state;
    sv_belief belief = { 0 };
    (void) sv_belief_now(&belief, 0, START_US);
    for (int64_t ahead_us = START_US; ahead_us < IN_2099_US; ahead_us += 90 * SV_TIME_DAY_US) {
        sv_belief_signed(&belief, ahead_us);
        assert_int_equal(sv_belief_now(&belief, 1, START_US + 1), START_US + 1);
    }
}

// [clock-4]
static void what_is_signed_ends_a_doubt_or_prolongs_it(void **state) {
    (void) state;
    sv_belief belief = { 0 };
    (void) sv_belief_now(&belief, 0, START_US);
    int64_t uptime_us = 0;
    for (int hour = 1; hour <= 72; hour++) { // a head of today, while the clock says 2099
        uptime_us += SV_TIME_HOUR_US;
        assert_int_equal(sv_belief_now(&belief, uptime_us, IN_2099_US + uptime_us),
                         START_US + uptime_us);
        sv_belief_signed(&belief, START_US + uptime_us);
    }
    // Off for a year: the first head says so too.
    int64_t year_us = START_US + 365 * SV_TIME_DAY_US;
    sv_belief_resume(&belief, 0, START_US, START_US);
    assert_int_equal(sv_belief_now(&belief, 0, year_us), START_US);
    sv_belief_signed(&belief, year_us - SECOND_US);
    assert_int_equal(sv_belief_now(&belief, 0, year_us), year_us);
    assert_false(belief.doubted);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_that_leaps_ahead_is_doubted_for_a_day),
        cmocka_unit_test(a_clock_that_comes_back_is_believed_at_once),
        cmocka_unit_test(a_clock_that_is_set_back_or_a_little_ahead_is_believed),
        cmocka_unit_test(a_clock_that_says_1970_goes_on_from_what_was_known),
        cmocka_unit_test(what_an_earlier_run_knew_is_what_a_start_is_held_against),
        cmocka_unit_test(a_doubt_ends_however_often_it_is_started_anew),
        cmocka_unit_test(no_clock_is_believed_to_be_before_what_was_signed),
        cmocka_unit_test(what_is_signed_far_ahead_of_a_good_clock_raises_nothing),
        cmocka_unit_test(what_is_signed_ends_a_doubt_or_prolongs_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
