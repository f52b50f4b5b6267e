#include <base/fd.h>
#include <base/test.h>
#include <poll.h>
#include <sys/beacon.h>
#include <sys/clock.h>
#include <unistd.h>

static void count(void *arg) {
    (*(int *) arg)++;
}

static bool shines(const sv_beacon *beacon, int wait_ms) {
    struct pollfd watched = { .fd = sv_beacon_fd(beacon), .events = POLLIN };
    return poll(&watched, 1, wait_ms) == 1;
}

static void a_timer_is_seen_when_it_is_due_and_not_before(void **state) {
    (void) state;
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    SV_DEFER(sv_beacon_drop) sv_beacon *beacon = NULL;
    assert_int_equal(sv_loop_open_guest(&loop, NULL), SV_OK);
    assert_int_equal(sv_beacon_open(loop, &beacon, NULL), SV_OK);
    assert_false(shines(beacon, 0));
    int ran = 0;
    sv_timer *near = sv_timer_new(loop, count, &ran);
    sv_timer *far = sv_timer_new(loop, count, &ran);
    sv_timer_once(far, INT64_C(3600000000));
    sv_timer_once(near, 60000);
    sv_beacon_update(beacon);
    int64_t start_us = sv_clock_monotonic_us();
    assert_false(shines(beacon, 20));
    assert_true(shines(beacon, 5000));
    int64_t took_us = sv_clock_monotonic_us() - start_us;
    assert_true(took_us >= 59000 && took_us < 1000000);
    for (int i = 0; i < 3 && ran == 0; i++) {
        sv_loop_turn(loop, 0);
    }
    assert_int_equal(ran, 1);
    sv_beacon_update(beacon);
    assert_false(shines(beacon, 0));
    sv_timer_drop(&near);
    sv_timer_drop(&far);
}

static void a_descriptor_is_seen_while_it_is_watched(void **state) {
    (void) state;
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    SV_DEFER(sv_beacon_drop) sv_beacon *beacon = NULL;
    assert_int_equal(sv_loop_open_guest(&loop, NULL), SV_OK);
    assert_int_equal(sv_beacon_open(loop, &beacon, NULL), SV_OK);
    int ran = 0;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    sv_watch *watch = sv_watch_readable(loop, ends[0], count, &ran);
    sv_beacon_update(beacon);
    assert_false(shines(beacon, 0));
    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_true(shines(beacon, 0));
    sv_watch_drop(&watch);
    sv_beacon_update(beacon);
    assert_false(shines(beacon, 0));
    (void) close(ends[0]);
    (void) close(ends[1]);
}

static void a_number_used_again_is_another_descriptor(void **state) {
    (void) state;
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    SV_DEFER(sv_beacon_drop) sv_beacon *beacon = NULL;
    assert_int_equal(sv_loop_open_guest(&loop, NULL), SV_OK);
    assert_int_equal(sv_beacon_open(loop, &beacon, NULL), SV_OK);
    int ran = 0;
    for (int i = 0; i < 3; i++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        sv_watch *watch = sv_watch_readable(loop, ends[0], count, &ran);
        sv_beacon_update(beacon);
        sv_beacon_update(beacon);
        assert_int_equal(write(ends[1], "x", 1), 1);
        assert_true(shines(beacon, 0));
        sv_loop_turn(loop, 0);
        assert_true(ran > i);
        sv_watch_drop(&watch);
        (void) close(ends[0]); // the same two numbers come again
        (void) close(ends[1]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timer_is_seen_when_it_is_due_and_not_before),
        cmocka_unit_test(a_descriptor_is_seen_while_it_is_watched),
        cmocka_unit_test(a_number_used_again_is_another_descriptor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
