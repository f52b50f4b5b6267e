// A slot that cannot be read, as an agent meets it. [updater-47]
#include "session_fixture.h"

#include <base/test.h>

static const sv_updater_message HEALTHY = { .verb = SV_UPDATER_HEALTH,
                                            .health = { .healthy = true } };

/// The second release runs on trial, in a slot that nobody can read.
static void begin_on_trial(fixture *f) {
    sv_updater_message answer;
    fixture_begin(f, &door);
    assert_int_equal(fixture_check(f, &answer), SV_UPDATER_REBOOT);
    f->slots.unread = "slot-b";
    fixture_start(f);
    assert_int_equal(f->u.seen.running, 1);
    assert_int_not_equal(f->u.health_until_us, 0);
}

static void a_trial_is_confirmed_when_it_can_be_read_again(void **state) {
    (void) state;
    static fixture f;
    sv_updater_message answer;
    begin_on_trial(&f);
    updater_status(&f.u, f.now_us, &answer.status);
    assert_int_equal(answer.status.next, SV_TRIAL_ASK_HEALTH);
    assert_false(answer.status.runs.known);
    assert_string_equal(answer.status.why, "slot b cannot be read: cannot read 'slot-b'");
    int64_t until_us = f.u.health_until_us;
    f.now_us += 10;
    fixture_do(&f, &HEALTHY, &answer);
    assert_int_equal(answer.verb, SV_UPDATER_REFUSED);
    assert_int_equal(answer.refused.err, SV_ERR_IO);
    assert_non_null(strstr(answer.refused.why, "slot b cannot be read"));
    assert_int_equal(f.u.health_until_us, until_us); // it has no more time for that
    f.slots.unread = NULL;
    fixture_do(&f, &HEALTHY, &answer);
    assert_int_equal(answer.verb, SV_UPDATER_STATUS);
    assert_int_equal(answer.status.state, SV_TRIAL_CONFIRMED);
    assert_true(answer.status.runs.known);
    assert_string_equal(answer.status.why, "");
    fixture_end(&f);
}

static void a_trial_that_stays_unread_is_given_up_without_blame(void **state) {
    (void) state;
    static fixture f;
    begin_on_trial(&f);
    assert_int_equal(updater_give_up(&f.u, NULL), SV_OK);
    assert_int_equal(f.engine.journal.trial.state, SV_TRIAL_ROLLED_BACK);
    assert_string_equal(f.engine.journal.trial.why, "slot b cannot be read: cannot read 'slot-b'");
    assert_int_equal(f.engine.journal.bad_count, 0);
    fixture_end(&f);
}

/// At its deadline it can be: then it is a trial like any other.
static void a_trial_that_can_be_read_at_its_deadline_has_said_nothing(void **state) {
    (void) state;
    static fixture f;
    begin_on_trial(&f);
    f.slots.unread = NULL;
    assert_int_equal(updater_give_up(&f.u, NULL), SV_OK);
    assert_non_null(strstr(f.engine.journal.trial.why, "nobody said within"));
    assert_int_equal(f.engine.journal.bad_count, 1);
    fixture_end(&f);
}

static void another_slot_is_no_reason_not_to_wake(void **state) {
    (void) state;
    static fixture f;
    sv_updater_message answer;
    const sv_updater_message back = { .verb = SV_UPDATER_ROLLBACK };
    fixture_begin(&f, &door);
    f.slots.unread = "slot-b";
    assert_int_equal(updater_wake(&f.u, NULL), SV_OK);
    assert_int_equal(f.u.seen.unread[1].code, SV_ERR_IO);
    assert_int_equal(fixture_check(&f, &answer), SV_UPDATER_REFUSED); // written, and not read back
    assert_int_equal(answer.refused.err, SV_ERR_IO);
    fixture_holds(&f);
    f.slots.unread = NULL;
    assert_int_equal(fixture_check(&f, &answer), SV_UPDATER_REBOOT);
    fixture_start(&f);
    fixture_do(&f, &HEALTHY, &answer);
    f.slots.unread = "slot-a";
    assert_int_equal(updater_wake(&f.u, NULL), SV_OK);
    fixture_do(&f, &back, &answer);
    assert_int_equal(answer.verb, SV_UPDATER_REFUSED);
    assert_string_equal(answer.refused.why, "slot a cannot be read: cannot read 'slot-a'");
    fixture_end(&f);
}

/// What runs and is confirmed cannot be read: what is assigned is brought to the other slot, also
/// when it is the same.
static void what_runs_and_is_unread_is_no_reason_either(void **state) {
    (void) state;
    static fixture f;
    sv_updater_message answer;
    fixture_begin(&f, &door);
    f.slots.unread = "slot-a";
    assert_int_equal(updater_wake(&f.u, NULL), SV_OK);
    assert_int_equal(fixture_check(&f, &answer), SV_UPDATER_REBOOT);
    assert_memory_equal(f.engine.journal.trial.release.encoding, "raw", 4); // no delta from it
    fixture_start(&f);
    fixture_do(&f, &HEALTHY, &answer);
    assert_int_equal(answer.status.state, SV_TRIAL_CONFIRMED);
    fixture_end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trial_is_confirmed_when_it_can_be_read_again),
        cmocka_unit_test(a_trial_that_stays_unread_is_given_up_without_blame),
        cmocka_unit_test(a_trial_that_can_be_read_at_its_deadline_has_said_nothing),
        cmocka_unit_test(another_slot_is_no_reason_not_to_wake),
        cmocka_unit_test(what_runs_and_is_unread_is_no_reason_either),
    };
    return cmocka_run_group_tests(tests, make_door, drop_door);
}
