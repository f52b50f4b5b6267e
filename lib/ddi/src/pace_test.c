#include <base/test.h>
#include <ddi/pace.h>

enum { CHANCES = 100 };

static void polls_lie_a_tenth_around_the_interval(void **state) { // [ddid-5]
    (void) state;
    int64_t interval_us = 5 * SV_TIME_MINUTE_US;
    int64_t least = INT64_MAX;
    int64_t most = 0;
    for (int i = 0; i < CHANCES; i++) {
        int64_t wait = sv_ddi_wait_us(interval_us, 0, (double) i / CHANCES);
        least = wait < least ? wait : least;
        most = wait > most ? wait : most;
    }
    assert_in_range(least, interval_us * 9 / 10 - 1, interval_us * 9 / 10 + 1);
    assert_in_range(most, interval_us * 109 / 100, interval_us * 11 / 10);
}

static void who_is_not_answered_waits_longer_each_time_up_to_a_bound(void **state) { // [ddid-5]
    (void) state;
    int64_t before = 0;
    for (unsigned failures = 1; failures < 100; failures++) {
        int64_t longest = sv_ddi_wait_us(SV_TIME_HOUR_US, failures, 0.999999);
        assert_true(longest >= before && longest <= SV_DDI_RETRY_MAX_US);
        assert_true(sv_ddi_wait_us(SV_TIME_HOUR_US, failures, 0) >= SV_DDI_RETRY_FIRST_US / 2);
        before = longest;
    }
    assert_true(before > SV_DDI_RETRY_MAX_US * 9 / 10);
    // A server that is to be asked often is so when it is back.
    assert_true(sv_ddi_wait_us(SV_TIME_SECOND_US, 50, 0.5) <= SV_DDI_RETRY_FIRST_US);
}

static void bytes_that_do_not_come_are_waited_for_up_to_a_minute(void **state) { // [ddid-7]
    (void) state;
    assert_in_range(sv_ddi_fetch_wait_us(1, 0), 1, SV_DDI_FETCH_RETRY_FIRST_US);
    assert_in_range(sv_ddi_fetch_wait_us(1000, 0.99), SV_DDI_FETCH_RETRY_MAX_US / 2,
                    SV_DDI_FETCH_RETRY_MAX_US);
}

static void a_range_is_never_more_than_is_left_nor_than_a_second_gives(void **state) { // [ddid-8]
    (void) state;
    assert_int_equal(sv_ddi_range_bytes(1 << 30, 0), SV_DDI_RANGE_MAX);
    assert_int_equal(sv_ddi_range_bytes(1 << 30, 100000), 100000);
    assert_int_equal(sv_ddi_range_bytes(1 << 30, 1), SV_DDI_RANGE_MIN);
    assert_int_equal(sv_ddi_range_bytes(7, 1), 7);
}

static void a_rate_holds_over_any_number_of_ranges(void **state) { // [ddid-8]
    (void) state;
    static const uint64_t RATES[] = { 1, 1000, 16384, 100000, 1 << 20, 1 << 30 };
    for (size_t i = 0; i < SV_COUNT(RATES); i++) {
        uint64_t total = 0;
        int64_t now_us = 0;
        for (int range = 0; range < 50; range++) {
            uint64_t bytes = sv_ddi_range_bytes(UINT64_MAX, RATES[i]);
            now_us = sv_ddi_rate_us(now_us, bytes, RATES[i]);
            total += bytes;
        }
        double rate = (double) total * 1e6 / (double) now_us;
        assert_true(rate <= (double) RATES[i] * 1.001 && rate >= (double) RATES[i] * 0.99);
    }
    assert_int_equal(sv_ddi_rate_us(77, 1 << 20, 0), 77);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(polls_lie_a_tenth_around_the_interval),
        cmocka_unit_test(who_is_not_answered_waits_longer_each_time_up_to_a_bound),
        cmocka_unit_test(bytes_that_do_not_come_are_waited_for_up_to_a_minute),
        cmocka_unit_test(a_range_is_never_more_than_is_left_nor_than_a_second_gives),
        cmocka_unit_test(a_rate_holds_over_any_number_of_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
