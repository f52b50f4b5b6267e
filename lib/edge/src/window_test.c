#include <base/num.h>
#include <base/prng.h>
#include <base/test.h>
#include <edge/window.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#define SECOND_US SV_TIME_SECOND_US
#define MINUTE_US SV_TIME_MINUTE_US

enum { READINGS_MAX = 20000 };

/// 2026-11-22T06:15:00Z, the start of a minute that is not the start of an hour.
static const int64_t START_US = INT64_C(1795328100000000);

typedef struct reading {
    double value;
    int64_t at_us;
} reading;

/// A window beside a list of all it was given.
typedef struct stream {
    sv_window_spec spec;
    int64_t now_us;
    size_t count;
    reading all[READINGS_MAX];
    union {
        unsigned char bytes[SV_WINDOW_BYTES_MAX];
        int64_t aligned;
    } room;
} stream;

static stream s;

static sv_window *window(void) {
    return (sv_window *) (void *) s.room.bytes;
}

static void start(sv_window_kind kind, sv_window_function function, int64_t span_us) {
    s.spec = (sv_window_spec){ .kind = kind, .function = function, .span_us = span_us };
    s.count = 0;
    s.now_us = START_US;
    memset(s.room.bytes, 0xee, sizeof s.room.bytes);
    sv_window_start(&s.spec, window());
}

static void take_at(double value, int64_t at_us) {
    s.all[s.count++] = (reading){ .value = value, .at_us = at_us };
    sv_window_take(&s.spec, window(), value, at_us, s.now_us);
}

static void take(double value) {
    take_at(value, s.now_us);
}

/// Not-a-number: unknown.
static double value(void) {
    double out = SV_NAN;
    bool known = sv_window_value(&s.spec, window(), s.now_us, &out);
    assert_int_equal(known, !isnan(out));
    return out;
}

static int by_value(const void *a, const void *b) {
    double x = ((const reading *) a)->value;
    double y = ((const reading *) b)->value;
    return x < y ? -1 : x > y;
}

static unsigned percent_of(sv_window_function function) {
    return function == SV_WINDOW_P50 ? 50 : function == SV_WINDOW_P95 ? 95 : 99;
}

/// The number of `count` readings, worked out plainly; sorts them.
static double plainly(sv_window_function function, reading *of, size_t count) {
    if (count == 0) {
        return SV_NAN;
    }
    const reading *first = of;
    const reading *last = of;
    long double sum = 0;
    double low = DBL_MAX;
    double high = -DBL_MAX;
    for (size_t i = 0; i < count; i++) {
        first = of[i].at_us < first->at_us ? &of[i] : first;
        last = of[i].at_us >= last->at_us ? &of[i] : last;
        sum += (long double) of[i].value;
        low = fmin(low, of[i].value);
        high = fmax(high, of[i].value);
    }
    switch ((int) function) {
    case SV_WINDOW_MIN:
        return low;
    case SV_WINDOW_MAX:
        return high;
    case SV_WINDOW_MEAN:
        return (double) (sum / (long double) count);
    case SV_WINDOW_SUM:
        return (double) sum;
    case SV_WINDOW_COUNT:
        return (double) count;
    case SV_WINDOW_FIRST:
        return first->value;
    case SV_WINDOW_LAST:
        return last->value;
    case SV_WINDOW_RATE:
        return last->at_us == first->at_us
                   ? SV_NAN
                   : (last->value - first->value) / ((double) (last->at_us - first->at_us) / 1e6);
    default:
        qsort(of, count, sizeof *of, by_value);
        return of[(count * percent_of(function) + 99) / 100 - 1].value;
    }
}

static void is_about(double given, double wanted) {
    if (isnan(wanted) ? !isnan(given) : !(fabs(given - wanted) <= 1e-9 * (1 + fabs(wanted)))) {
        fail_msg("function %d kind %d: %.17g is not %.17g", s.spec.function, s.spec.kind, given,
                 wanted);
    }
}

/// Whole: the number of all that was given.
static double of_all(void) {
    static reading copy[READINGS_MAX];
    memcpy(copy, s.all, s.count * sizeof *copy);
    return plainly(s.spec.function, copy, s.count);
}

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

/// As many different values as are kept: per pane, or of the whole.
static void few_values_are_exact(sv_window_kind kind, sv_window_function function) {
    bool slides = kind == SV_WINDOW_SLIDING;
    sv_prng prng = { .state = (uint64_t) function };
    start(kind, function, MINUTE_US);
    for (unsigned i = 0; i < (slides ? 199 : 1000); i++) {
        take(floor(sv_prng_unit(&prng) * (slides ? 8 : 32)) / 7);
        is_about(value(), slides ? of_all() : SV_NAN);
    }
    s.now_us += slides ? 0 : 61 * SECOND_US;
    is_about(value(), of_all());
}

// [window-8]
static void a_quantile_of_few_values_is_exact(void **state) {
    (void) state;
    for (int k = 0; k < SV_WINDOW_KIND__COUNT; k++) {
        for (int f = SV_WINDOW_P50; f <= SV_WINDOW_P99; f++) {
            few_values_are_exact((sv_window_kind) k, (sv_window_function) f);
        }
    }
}

enum { SHAPES = 13 };

static double shaped(unsigned shape, sv_prng *prng, unsigned i, unsigned count) {
    double unit = sv_prng_unit(prng);
    switch (shape) {
    case 0:
        return unit;
    case 1:
        return sv_prng_normal(prng);
    case 2:
        return i;
    case 3:
        return -(double) i;
    case 4: // heavy to one side
        return exp(3 * sv_prng_normal(prng));
    case 5: // two states
        return i % 2 == 0 ? unit : 100 + unit;
    case 6: // a slow wave
        return sin(i * 0.01) + 0.01 * unit;
    case 7: // trouble at the end
        return i < count - count / 20 ? unit : 50 + unit;
    case 8: // glitches
        return unit < 0.02 ? 1e6 * unit : 5 + 0.1 * sv_prng_normal(prng);
    case 9: // stairs
        return floor(i * 8.0 / count) * 10 + unit;
    case 10: // ever further to both sides
        return i % 2 == 0 ? i : -(double) i;
    case 11: // mostly off
        return unit < 0.9 ? 0 : unit;
    default: // far outliers
        return pow(1 - unit, -3);
    }
}

/// How far the number is from the right rank, as a share of all readings.
static double rank_error(double given) {
    double below = 0;
    double upto = 0;
    for (size_t i = 0; i < s.count; i++) {
        below += s.all[i].value < given ? 1 : 0;
        upto += s.all[i].value <= given ? 1 : 0;
    }
    double rank = ceil(percent_of(s.spec.function) * (double) s.count / 100);
    double off = rank <= below ? below + 1 - rank : rank > upto ? rank - upto : 0;
    return off / (double) s.count;
}

static void is_near_its_rank(sv_window_kind kind, sv_window_function function, unsigned shape,
                             unsigned count, unsigned seed) {
    static const double BOUNDS[][3] = { { 0.06, 0.04, 0.01 },     // sliding
                                        { 0.04, 0.015, 0.005 },   // tumbling
                                        { 0.04, 0.015, 0.005 } }; // session
    sv_prng prng = { .state = shape * 100 + count + seed };
    start(kind, function, MINUTE_US);
    for (unsigned i = 0; i < count; i++) {
        s.now_us = START_US + (int64_t) i * 50 * SECOND_US / count;
        take(shaped(shape, &prng, i, count));
    }
    s.now_us = START_US + (kind == SV_WINDOW_SLIDING ? 51 : 112) * SECOND_US;
    if (!(rank_error(value()) <= BOUNDS[kind][function - SV_WINDOW_P50])) {
        fail_msg("shape %u kind %d function %d count %u seed %u: off by %g", shape, (int) kind,
                 (int) function, count, seed, rank_error(value()));
    }
}

// [window-8]
static void a_quantile_of_many_values_is_near_its_rank(void **state) {
    (void) state;
    for (unsigned shape = 0; shape < SHAPES; shape++) {
        for (unsigned way = 0; way < SV_WINDOW_KIND__COUNT * 3; way++) {
            for (unsigned count = 100; count <= 10000; count *= 10) {
                for (unsigned seed = 0; seed < 33333; seed += 11111) {
                    is_near_its_rank((sv_window_kind) (way / 3),
                                     (sv_window_function) (SV_WINDOW_P50 + way % 3), shape, count,
                                     seed);
                }
            }
        }
    }
}

// [window-8]
static void a_quantile_is_at_most_a_200th_of_its_readings_behind(void **state) {
    (void) state;
    start(SV_WINDOW_SLIDING, SV_WINDOW_P50, MINUTE_US);
    for (unsigned i = 0; i < 4000; i++) {
        take(0);
        (void) value();
    }
    // From here on as many ones as zeroes, and then more: seen at most 40 readings later.
    unsigned seen_after = 0;
    for (unsigned i = 0; i < 5000 && value() == 0; i++) {
        take(1);
        seen_after++;
    }
    assert_true(seen_after > 4000 && seen_after <= 4000 + 42);
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
        cmocka_unit_test(a_quantile_of_few_values_is_exact),
        cmocka_unit_test(a_quantile_of_many_values_is_near_its_rank),
        cmocka_unit_test(a_quantile_is_at_most_a_200th_of_its_readings_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
