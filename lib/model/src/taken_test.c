#include <base/test.h>
#include <model/taken.h>

#define START_US INT64_C(1795000000000000)

// [reading-5]
static void without_a_start_a_time_is_its_own_or_that_of_receipt(void **state) {
    (void) state;
    const struct {
        int64_t received_us, at_us, placed_us;
    } CASES[] = {
        { START_US, START_US - SV_TIME_HOUR_US, START_US - SV_TIME_HOUR_US },
        { START_US, SV_TIME_MINUTE_US, START_US },
        { START_US, SV_CLOCK_PAST_US - 1, START_US },
        { START_US, SV_CLOCK_PAST_US, SV_CLOCK_PAST_US },
        { START_US, START_US + SV_CLOCK_FUTURE_US, START_US + SV_CLOCK_FUTURE_US },
        { START_US, START_US + SV_CLOCK_FUTURE_US + 1, START_US },
        // A gateway in 1970 cannot say that somebody is ahead.
        { SV_TIME_MINUTE_US, START_US, START_US },
        { SV_TIME_MINUTE_US, (SV_TIME_MINUTE_US + 10), SV_TIME_MINUTE_US },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        const sv_taken at = { .received_us = CASES[i].received_us, .at_us = CASES[i].at_us };
        assert_int_equal(sv_taken_us(&at), CASES[i].placed_us);
    }
}

// [reading-5]
static void what_is_known_of_the_start_places_what_is_in_doubt(void **state) {
    (void) state;
    const int64_t uptime_us = SV_TIME_HOUR_US;
    const int64_t place_us = START_US + uptime_us;
    const struct {
        sv_known known;
        int64_t at_us, placed_us;
    } CASES[] = {
        { SV_KNOWN_NOT, 1, place_us + 7 },
        { SV_KNOWN_RECEIPT, 1, place_us },
        { SV_KNOWN_SAID, 1, place_us },
        { SV_KNOWN_MEASURED, 1, place_us },
        { SV_KNOWN_PROVEN, 1, place_us },
        // A time that may be right gives way to a clock that is, and stands within a second of it.
        { SV_KNOWN_RECEIPT, START_US, START_US },
        { SV_KNOWN_SAID, START_US, START_US },
        { SV_KNOWN_MEASURED, START_US, place_us },
        { SV_KNOWN_PROVEN, START_US, place_us },
        { SV_KNOWN_PROVEN, place_us + SV_CLOCK_APART_US, place_us + SV_CLOCK_APART_US },
        { SV_KNOWN_PROVEN, place_us + SV_CLOCK_APART_US + 1, place_us },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        const sv_taken taken = { .received_us = place_us + 7,
                                 .at_us = CASES[i].at_us,
                                 .uptime_us = uptime_us,
                                 .start_us = START_US,
                                 .known = CASES[i].known };
        assert_int_equal(sv_taken_us(&taken), CASES[i].placed_us);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_start_a_time_is_its_own_or_that_of_receipt),
        cmocka_unit_test(what_is_known_of_the_start_places_what_is_in_doubt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
