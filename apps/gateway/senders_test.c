#include "gateway.h"
#include <base/test.h>

static sv_reading numbered(int64_t seq) {
    return (sv_reading){ .epoch = SV_TEXT("e"), .seq = seq, .at_us = seq, .value = 1 };
}

static void a_numbered_reading_counts_once_in_any_order(void **state) {
    (void) state;
    gw_stream stream = { .row = 1 };
    SV_DEFER(gw_sender_clear) gw_sender sender = { .seen = SV_RANGES_EMPTY };
    for (int64_t seq = 3000; seq > 1; seq--) {
        sv_reading reading = numbered(seq);
        assert_true(gw_is_new(&stream, &sender, &reading));
        assert_false(gw_is_new(&stream, &sender, &reading));
    }
    for (int64_t seq = 3001; seq < 3400; seq += 7) {
        sv_reading reading = numbered(seq);
        assert_true(gw_is_new(&stream, &sender, &reading));
        assert_false(gw_is_new(&stream, &sender, &reading));
    }
}

static void a_backfill_far_below_the_live_numbers_counts_once(void **state) {
    (void) state;
    gw_stream stream = { .row = 1 };
    SV_DEFER(gw_sender_clear) gw_sender sender = { .seen = SV_RANGES_EMPTY };
    sv_reading live = numbered(1000000);
    sv_reading old = numbered(1);
    assert_true(gw_is_new(&stream, &sender, &live));
    assert_true(gw_is_new(&stream, &sender, &old));
    // Far more in between than time and value are remembered for.
    for (int64_t seq = 2; seq < 1000; seq++) {
        sv_reading other = numbered(seq);
        assert_true(gw_is_new(&stream, &sender, &other));
    }
    assert_false(gw_is_new(&stream, &sender, &old));
    assert_false(gw_is_new(&stream, &sender, &live));
}

static void without_numbers_time_and_value_decide(void **state) {
    (void) state;
    gw_stream stream = { .row = 1 };
    sv_reading reading = { .at_us = 1, .value = 2 };
    assert_true(gw_is_new(&stream, NULL, &reading));
    assert_false(gw_is_new(&stream, NULL, &reading));
    reading.value = 3;
    assert_true(gw_is_new(&stream, NULL, &reading));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_numbered_reading_counts_once_in_any_order),
        cmocka_unit_test(a_backfill_far_below_the_live_numbers_counts_once),
        cmocka_unit_test(without_numbers_time_and_value_decide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
