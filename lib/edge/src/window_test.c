#include "window_fixture.h"

// [window-1] [window-3] [window-5]
static void a_sliding_window_counts_what_is_young_and_nothing_old(void **state) {
    (void) state;
    sv_prng prng = { .state = 1 };
    for (int quantile = 0; quantile < 2; quantile++) {
        int64_t span_us = 5 * MINUTE_US;
        int64_t pane_us = span_us / (quantile ? SV_WINDOW_QUANTILE_PANES : SV_WINDOW_PANES);
        // A quantile of one reading that is higher than all others shows when that one leaves.
        start(SV_WINDOW_SLIDING, quantile ? SV_WINDOW_P99 : SV_WINDOW_COUNT, span_us);
        while (s.count < 4000) {
            s.now_us += (int64_t) (sv_prng_unit(&prng) * 4e6);
            take_at((double) s.count,
                    s.now_us - (int64_t) (sv_prng_unit(&prng) * 1.1 * (double) span_us));
            double least = 0;
            double most = 0;
            for (size_t i = 0; i < s.count; i++) {
                int64_t age_us = s.now_us - s.all[i].at_us;
                least += age_us <= span_us - pane_us ? 1 : 0;
                most += age_us <= span_us ? 1 : 0;
            }
            double given = value();
            assert_true(quantile ? isnan(given) || given <= (double) s.count
                                 : (isnan(given) ? 0 : given) >= least && !(given > most));
        }
        s.now_us += span_us + pane_us;
        assert_true(isnan(value()));
    }
}

// [window-2]
static void hours_and_days_are_those_of_utc(void **state) {
    (void) state;
    start(SV_WINDOW_TUMBLING, SV_WINDOW_COUNT, SV_TIME_HOUR_US);
    for (unsigned minute = 15; minute < 180; minute++, s.now_us += MINUTE_US) {
        double wanted = minute < 60 ? SV_NAN : minute < 120 ? 45 : 60;
        take(1);
        is_about(value(), wanted);
    }
    start(SV_WINDOW_TUMBLING, SV_WINDOW_LAST, SV_TIME_DAY_US);
    take(7);
    s.now_us = START_US + 17 * SV_TIME_HOUR_US + 44 * MINUTE_US;
    assert_true(isnan(value()));
    s.now_us += MINUTE_US;
    is_about(value(), 7);
    s.now_us += SV_TIME_DAY_US;
    assert_true(isnan(value()));
}

// [window-2] [window-3] [window-4]
static void a_session_has_a_number_once_it_has_ended(void **state) {
    (void) state;
    sv_prng prng = { .state = 4 };
    for (int f = 0; f < SV_WINDOW_FUNCTION__COUNT; f++) {
        start(SV_WINDOW_SESSION, (sv_window_function) f, 30 * SECOND_US);
        double last = SV_NAN;
        for (unsigned session = 0; session < 40; session++) {
            s.count = 0;
            for (unsigned i = 0; i < 1 + session; i++) {
                take(floor(sv_prng_normal(&prng) * 5));
                is_about(value(), last);
                s.now_us += i == session ? 30 * SECOND_US : (int64_t) (sv_prng_unit(&prng) * 3e7);
            }
            is_about(value(), last); // the gap is not over yet
            last = of_all();
            s.now_us++;
            if (session % 2 == 0) {
                is_about(value(), last);
            }
        }
        s.now_us += SV_TIME_DAY_US;
        is_about(value(), last);
    }
}

// [window-2]
static void a_session_without_a_gap_ends_after_a_day(void **state) {
    (void) state;
    start(SV_WINDOW_SESSION, SV_WINDOW_COUNT, MINUTE_US);
    for (unsigned i = 0; i < 24 * 60; i++, s.now_us += MINUTE_US) {
        assert_true(isnan(value()));
        take(1);
    }
    s.now_us--;
    assert_true(isnan(value()));
    s.now_us++;
    is_about(value(), 24 * 60);
}

// [window-5]
static void a_late_reading_counts_where_it_still_belongs(void **state) {
    (void) state;
    start(SV_WINDOW_SLIDING, SV_WINDOW_SUM, MINUTE_US);
    take(1);
    take_at(2, s.now_us - 50 * SECOND_US);
    take_at(4, s.now_us - MINUTE_US);
    take_at(8, s.now_us - SV_TIME_DAY_US);
    take_at(16, INT64_MIN);
    is_about(value(), 3);
    assert_int_equal(sv_window_late(window()), 3);
    start(SV_WINDOW_TUMBLING, SV_WINDOW_SUM, MINUTE_US);
    take(1);
    take_at(2, s.now_us - MINUTE_US);
    is_about(value(), 2);
    take_at(4, s.now_us - MINUTE_US - 1);
    is_about(value(), 2);
    assert_int_equal(sv_window_late(window()), 1);
    start(SV_WINDOW_SESSION, SV_WINDOW_SUM, MINUTE_US);
    take(1);
    take_at(2, s.now_us - MINUTE_US);
    take_at(4, s.now_us - 2 * MINUTE_US);
    take_at(8, s.now_us - 3 * MINUTE_US - 1);
    s.now_us += MINUTE_US + 1;
    is_about(value(), 7);
    take_at(16, s.now_us - 2 * MINUTE_US); // of the one that has ended
    is_about(value(), 7);
    assert_int_equal(sv_window_late(window()), 2);
}

// [window-6]
static void a_reading_from_the_future_counts_as_now(void **state) {
    (void) state;
    for (int k = 0; k < SV_WINDOW_KIND__COUNT; k++) {
        start((sv_window_kind) k, SV_WINDOW_COUNT, MINUTE_US);
        take_at(1, INT64_MAX);
        take_at(1, s.now_us + SV_TIME_DAY_US);
        take(1);
        s.now_us += k == SV_WINDOW_SLIDING ? SECOND_US : MINUTE_US + SECOND_US;
        is_about(value(), 3);
        assert_int_equal(sv_window_late(window()), 0);
    }
}

// [window-6]
static void a_clock_set_back_blinds_no_window(void **state) {
    (void) state;
    for (int k = 0; k < SV_WINDOW_KIND__COUNT; k++) {
        // By less than the window: what there is and what comes count together.
        start((sv_window_kind) k, SV_WINDOW_COUNT, MINUTE_US);
        take(1);
        s.now_us -= 20 * SECOND_US;
        take(1);
        take(1);
        if (k == SV_WINDOW_SLIDING) {
            is_about(value(), 3);
        }
        // By more: it starts anew, with this very reading.
        s.now_us -= SV_TIME_DAY_US;
        take(1);
        take(1);
        s.now_us += k == SV_WINDOW_SLIDING ? 0 : 2 * MINUTE_US;
        s.now_us -= k == SV_WINDOW_TUMBLING ? MINUTE_US : 0;
        is_about(value(), 2);
        assert_int_equal(sv_window_late(window()), 0);
        s.now_us -= SV_TIME_DAY_US;
        assert_true(isnan(value()));
    }
}

// [window-1] [window-6]
static void what_was_said_while_the_clock_was_back_is_as_old_as_it_is(void **state) {
    (void) state;
    start(SV_WINDOW_SLIDING, SV_WINDOW_SUM, 16 * SECOND_US);
    take(1);
    s.now_us += 4 * SECOND_US;
    is_about(value(), 1);
    s.now_us -= 4 * SECOND_US;
    take_at(2, s.now_us - 12 * SECOND_US);
    take_at(4, s.now_us - 11 * SECOND_US);
    s.now_us += 4 * SECOND_US;
    is_about(value(), 5);
}

// [window-3] [window-4]
static void huge_values_give_huge_numbers_or_none(void **state) {
    (void) state;
    start(SV_WINDOW_SLIDING, SV_WINDOW_MEAN, MINUTE_US);
    for (unsigned i = 0; i < 100; i++) {
        take(i % 4 == 3 ? -1e308 : 1e308);
    }
    assert_true(fabs(value() / 0.5e308 - 1) < 1e-12);
    start(SV_WINDOW_SLIDING, SV_WINDOW_SUM, MINUTE_US);
    take(DBL_MAX);
    assert_true(value() == DBL_MAX);
    take(DBL_MAX);
    assert_true(isnan(value()));
    take(-DBL_MAX);
    assert_true(value() == DBL_MAX);
    start(SV_WINDOW_SLIDING, SV_WINDOW_RATE, MINUTE_US);
    take(-DBL_MAX);
    s.now_us += SECOND_US;
    take(DBL_MAX);
    assert_true(isnan(value()));
    start(SV_WINDOW_SLIDING, SV_WINDOW_P50, MINUTE_US);
    for (unsigned i = 0; i < 2000; i++) {
        take(i % 2 == 0 ? DBL_MAX * sv_prng_unit(&(sv_prng){ .state = i })
                        : -DBL_MAX * sv_prng_unit(&(sv_prng){ .state = i }));
        assert_true(fabs(value()) <= DBL_MAX);
    }
}

// [window-7]
static void a_window_takes_as_many_bytes_as_its_function_needs(void **state) {
    (void) state;
    static const struct {
        sv_window_kind kind;
        sv_window_function function;
        size_t bytes;
    } CASES[] = {
        { SV_WINDOW_SLIDING, SV_WINDOW_MEAN, 336 }, { SV_WINDOW_SLIDING, SV_WINDOW_LAST, 336 },
        { SV_WINDOW_SLIDING, SV_WINDOW_RATE, 608 }, { SV_WINDOW_SLIDING, SV_WINDOW_P50, 832 },
        { SV_WINDOW_TUMBLING, SV_WINDOW_MIN, 96 },  { SV_WINDOW_SESSION, SV_WINDOW_RATE, 128 },
        { SV_WINDOW_TUMBLING, SV_WINDOW_P99, 832 },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_window_spec spec = { CASES[i].kind, CASES[i].function, MINUTE_US };
        assert_int_equal(sv_window_bytes(&spec), CASES[i].bytes);
    }
}

// [window-7]
static void a_window_keeps_within_its_bytes(void **state) {
    (void) state;
    size_t most = 0;
    for (int k = 0; k < SV_WINDOW_KIND__COUNT; k++) {
        for (int f = 0; f < SV_WINDOW_FUNCTION__COUNT; f++) {
            start((sv_window_kind) k, (sv_window_function) f, MINUTE_US);
            size_t bytes = sv_window_bytes(&s.spec);
            most = bytes > most ? bytes : most;
            for (unsigned i = 0; i < 2000; i++) {
                take(sv_prng_unit(&(sv_prng){ .state = i }));
                s.now_us += 100000;
                (void) value();
            }
            for (size_t i = bytes; i < sizeof s.room.bytes; i++) {
                assert_int_equal(s.room.bytes[i], 0xee);
            }
        }
    }
    assert_true(most <= SV_WINDOW_BYTES_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sliding_window_counts_what_is_young_and_nothing_old),
        cmocka_unit_test(hours_and_days_are_those_of_utc),
        cmocka_unit_test(a_session_has_a_number_once_it_has_ended),
        cmocka_unit_test(a_session_without_a_gap_ends_after_a_day),
        cmocka_unit_test(a_late_reading_counts_where_it_still_belongs),
        cmocka_unit_test(a_reading_from_the_future_counts_as_now),
        cmocka_unit_test(a_clock_set_back_blinds_no_window),
        cmocka_unit_test(what_was_said_while_the_clock_was_back_is_as_old_as_it_is),
        cmocka_unit_test(huge_values_give_huge_numbers_or_none),
        cmocka_unit_test(a_window_takes_as_many_bytes_as_its_function_needs),
        cmocka_unit_test(a_window_keeps_within_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
