#include "packed.h"
#include <base/prng.h>
#include <base/test.h>
#include <math.h>

enum { N = 5, ROWS = 400 };

/// Rows of which neighbours move together.
static void sums_of(sv_prng *prng, double *sums) {
    memset(sums, 0, SV_PACKED_COUNT(N) * sizeof *sums);
    for (size_t i = 0; i < ROWS; i++) {
        double row[N];
        double common = sv_prng_normal(prng);
        for (size_t j = 0; j < N; j++) {
            row[j] = (double) (j + 1) * (common + sv_prng_normal(prng));
            for (size_t k = 0; k <= j; k++) {
                sums[sv_packed_at(j, k)] += row[j] * row[k];
            }
        }
    }
}

static void the_factor_times_itself_is_the_shrunk_correlation(void **state) {
    (void) state;
    sv_prng prng = { .state = 7 };
    double sums[SV_PACKED_COUNT(N)];
    double factor[SV_PACKED_COUNT(N)];
    sums_of(&prng, sums);
    memcpy(factor, sums, sizeof sums);
    sv_packed_factor(factor, N, 0.25);
    for (size_t j = 0; j < N; j++) {
        for (size_t k = 0; k <= j; k++) {
            double product = 0;
            for (size_t i = 0; i <= k; i++) {
                product += factor[sv_packed_at(j, i)] * factor[sv_packed_at(k, i)];
            }
            double own = sqrt(sums[sv_packed_at(j, j)] * sums[sv_packed_at(k, k)]);
            double want = j == k ? 1 : 0.75 * sums[sv_packed_at(j, k)] / own;
            assert_true(fabs(product - want) < 1e-12);
        }
    }
}

static void what_each_put_in_adds_up_to_the_distance(void **state) {
    (void) state;
    sv_prng prng = { .state = 8 };
    double factor[SV_PACKED_COUNT(N)];
    sums_of(&prng, factor);
    sv_packed_factor(factor, N, 0.25);
    const double x[N] = { 1, -2, 3, 0.5, -0.25 };
    double solved[N];
    double squared = sv_packed_distance(factor, N, x, solved);
    double sum = 0;
    for (size_t j = 0; j < N; j++) {
        sum += x[j] * solved[j];
    }
    assert_true(fabs(squared - sum) < 1e-12 && squared > 0);
}

static void moving_against_the_others_is_further_than_moving_with_them(void **state) {
    (void) state;
    sv_prng prng = { .state = 9 };
    double factor[SV_PACKED_COUNT(N)];
    sums_of(&prng, factor);
    sv_packed_factor(factor, N, 0.25);
    const double with[N] = { 2, 2, 2, 2, 2 };
    const double against[N] = { 2, -2, 2, -2, 2 };
    double solved[N];
    assert_true(sv_packed_distance(factor, N, against, solved)
                > 2 * sv_packed_distance(factor, N, with, solved));
}

static void there_is_a_factor_of_rows_that_say_nothing(void **state) {
    (void) state;
    double factor[SV_PACKED_COUNT(N)] = { 0 };
    const double x[N] = { 1, 2, 3, 4, 5 };
    double solved[N];
    sv_packed_factor(factor, N, 0.25);
    assert_true(fabs(sv_packed_distance(factor, N, x, solved) - 55) < 1e-9);
    for (size_t i = 0; i < SV_PACKED_COUNT(N); i++) { // one row, again and again
        factor[i] = 3;
    }
    sv_packed_factor(factor, N, 0.25);
    assert_true(isfinite(sv_packed_distance(factor, N, x, solved)));
    for (size_t i = 0; i < SV_PACKED_COUNT(N); i++) {
        factor[i] = 1e300; // a product that no double holds
    }
    sv_packed_factor(factor, N, 0.25);
    assert_true(isfinite(sv_packed_distance(factor, N, x, solved)));
    for (size_t i = 0; i < SV_PACKED_COUNT(N); i++) {
        factor[i] = 5; // and sums that no rows have
    }
    factor[sv_packed_at(0, 0)] = factor[sv_packed_at(1, 1)] = 1;
    sv_packed_factor(factor, N, 0.25);
    assert_true(isfinite(sv_packed_distance(factor, N, x, solved)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_factor_times_itself_is_the_shrunk_correlation),
        cmocka_unit_test(what_each_put_in_adds_up_to_the_distance),
        cmocka_unit_test(moving_against_the_others_is_further_than_moving_with_them),
        cmocka_unit_test(there_is_a_factor_of_rows_that_say_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
