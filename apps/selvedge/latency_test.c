#include "latency.h"

#include <base/test.h>
#include <stdlib.h>

static int by_size(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *) left;
    uint64_t b = *(const uint64_t *) right;
    return (a > b) - (a < b);
}

static void shares_are_those_of_the_sorted_list_to_one_part_in_64(void **state) {
    (void) state;
    enum { COUNT = 5000 };
    static uint64_t values[COUNT];
    static sv_latency latency;
    uint64_t chance = 7;
    for (size_t i = 0; i < COUNT; i++) {
        chance = chance * UINT64_C(6364136223846793005) + 1442695040888963407U;
        values[i] = chance >> (20 + i % 44); // from microseconds to months
        sv_latency_add(&latency, values[i]);
    }
    qsort(values, COUNT, sizeof *values, by_size);
    for (int percent = 1; percent <= 100; percent++) {
        uint64_t exact = values[(size_t) percent * COUNT / 100 - 1];
        uint64_t found = sv_latency_at(&latency, percent / 100.0);
        assert_true(found >= exact && found - exact <= exact / 64);
    }
    assert_int_equal(sv_latency_at(&latency, 1), values[COUNT - 1]);
}

static void the_largest_value_has_a_step_and_no_answer_is_zero(void **state) {
    (void) state;
    static sv_latency latency;
    assert_int_equal(sv_latency_at(&latency, 0.99), 0);
    sv_latency_add(&latency, UINT64_MAX);
    assert_true(sv_latency_at(&latency, 0.5) == UINT64_MAX);
    sv_latency_add(&latency, 0);
    assert_int_equal(sv_latency_at(&latency, 0.5), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_are_those_of_the_sorted_list_to_one_part_in_64),
        cmocka_unit_test(the_largest_value_has_a_step_and_no_answer_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
