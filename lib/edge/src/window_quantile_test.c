#include "window_fixture.h"

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
        cmocka_unit_test(a_quantile_of_few_values_is_exact),
        cmocka_unit_test(a_quantile_of_many_values_is_near_its_rank),
        cmocka_unit_test(a_quantile_is_at_most_a_200th_of_its_readings_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
