// A release on trial that nobody calls healthy, with a disk that fails in between.
#include "session_fixture.h"

#include <base/test.h>

enum { FAILS_MAX = 10 };

/// The second release runs on trial.
static void begin_trial(fixture *f) {
    sv_updater_message answer;
    fixture_begin(f, &door);
    assert_int_equal(fixture_check(f, &answer), SV_UPDATER_REBOOT);
    fixture_start(f);
    assert_int_equal(f->u.seen.running, 1);
    assert_true(f->u.health_until_us == f->now_us + f->config.trial_deadline_us);
}

static void a_release_that_nobody_calls_healthy_is_given_up(void **state) { // [updater-6]
    (void) state;
    static fixture f;
    sv_updater_message answer;
    begin_trial(&f);
    assert_int_equal(updater_give_up(&f.u, NULL), SV_OK);
    // Killed before it starts: the boot loader takes the other one all the same.
    fixture_start(&f);
    assert_int_equal(f.u.seen.running, 0);
    assert_int_equal(f.engine.journal.trial.state, SV_TRIAL_ROLLED_BACK);
    assert_int_equal(f.u.health_until_us, 0);
    assert_int_equal(fixture_check(&f, &answer), SV_UPDATER_REFUSED);
    assert_int_equal(answer.refused.err, SV_ERR_UNTRUSTED);
    fixture_end(&f);
}

/// As the door does: again when the next deadline has passed. How many it took.
static size_t give_up_in_the_end(fixture *f) {
    size_t deadlines = 1;
    while (updater_give_up(&f->u, NULL) != SV_OK) {
        updater_wait_for_health(&f->u, f->now_us);
        assert_true(f->u.health_until_us > f->now_us);
        assert_true(++deadlines < FAILS_MAX);
    }
    return deadlines;
}

static void whatever_fails_it_is_given_up_by_the_next_deadline(void **state) { // [updater-6]
    (void) state;
    static fixture f;
    const size_t more[] = { 0, 1, 2, 7 };
    for (size_t i = 0; i < SV_COUNT(more); i++) {
        bool failed = true;
        for (size_t fail_at = 1; failed; fail_at++) {
            begin_trial(&f);
            f.state.fail_at = f.state.calls + fail_at;
            f.state.fail_more = more[i];
            // The first one meets two of them, each that follows one at least.
            assert_true(give_up_in_the_end(&f) <= (more[i] < 2 ? 2 : more[i] + 1));
            failed = f.state.calls >= f.state.fail_at;
            fixture_start(&f);
            assert_int_equal(f.u.seen.running, 0);
            assert_int_equal(f.engine.journal.trial.state, SV_TRIAL_ROLLED_BACK);
            fixture_end(&f);
        }
    }
}

/// Of two failures in a row: the second is that nobody knows any more what is remembered.
static void what_cannot_be_read_again_is_not_written_over(void **state) { // [updater-3]
    (void) state;
    static fixture f;
    const sv_updater_message unhealthy = { .verb = SV_UPDATER_HEALTH };
    sv_updater_message answer;
    for (size_t more = 0; more < 40; more++) {
        begin_trial(&f);
        f.state.fail_at = f.state.calls + 1;
        f.state.fail_more = more;
        answer.verb = SV_UPDATER_REFUSED;
        for (size_t i = 0; answer.verb == SV_UPDATER_REFUSED && i <= more + 1; i++) {
            fixture_do(&f, &unhealthy, &answer);
        }
        assert_int_equal(answer.verb, SV_UPDATER_REBOOT);
        fixture_start(&f);
        assert_int_equal(f.engine.journal.trial.state, SV_TRIAL_ROLLED_BACK);
        assert_int_equal(fixture_check(&f, &answer), SV_UPDATER_REFUSED);
        assert_int_equal(answer.refused.err, SV_ERR_UNTRUSTED);
        fixture_end(&f);
    }
}

static unsigned boot_faults;

static sv_err be_locked(sv_why *why) {
    boot_faults--;
    return sv_fail(why, SV_ERR_UNAVAILABLE, "the boot loader's program does not answer");
}

static sv_err confirm_in_the_end(void *arg, unsigned slot, uint32_t counter, sv_why *why) {
    const sv_boot_control file = sv_boot_file_control(arg);
    return boot_faults > 0 ? be_locked(why) : file.confirm(arg, slot, counter, why);
}

static sv_err fail_in_the_end(void *arg, unsigned slot, sv_why *why) {
    const sv_boot_control file = sv_boot_file_control(arg);
    return boot_faults > 0 ? be_locked(why) : (file.fail)(arg, slot, why);
}

static void
a_verdict_that_the_boot_loader_did_not_take_is_given_again(void **state) { // [updater-6]
    (void) state;
    static fixture f;
    sv_updater_message answer;
    for (int healthy = 0; healthy < 2; healthy++) {
        const sv_updater_message verdict = { .verb = SV_UPDATER_HEALTH,
                                             .health = { .healthy = healthy == 1 } };
        const sv_updater_message ask = { .verb = SV_UPDATER_ASK };
        begin_trial(&f);
        f.boot.confirm = confirm_in_the_end;
        f.boot.fail = fail_in_the_end;
        boot_faults = 1;
        fixture_do(&f, &verdict, &answer);
        assert_int_equal(answer.verb, SV_UPDATER_REFUSED);
        assert_int_equal(answer.refused.err, SV_ERR_UNAVAILABLE);
        fixture_do(&f, &ask, &answer);
        assert_int_equal(answer.status.next, SV_TRIAL_ASK_HEALTH);
        fixture_do(&f, &verdict, &answer);
        assert_int_equal(answer.verb, healthy == 1 ? SV_UPDATER_STATUS : SV_UPDATER_REBOOT);
        fixture_start(&f);
        assert_int_equal(f.u.seen.running, healthy);
        fixture_end(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_release_that_nobody_calls_healthy_is_given_up),
        cmocka_unit_test(whatever_fails_it_is_given_up_by_the_next_deadline),
        cmocka_unit_test(what_cannot_be_read_again_is_not_written_over),
        cmocka_unit_test(a_verdict_that_the_boot_loader_did_not_take_is_given_again),
    };
    return cmocka_run_group_tests(tests, make_door, drop_door);
}
