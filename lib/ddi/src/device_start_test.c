// When what is armed is started: whether it was canceled, or something holds.
#include "test_story.h"

static void a_cancel_stops_a_download_and_comes_too_late_for_what_runs(void **state) {
    (void) state; // [ddid-14]
    SV_DEFER(finish) story *s = prepare();
    s->action = 7;
    start_device(s);
    (void) hear_asked(s, SV_UPDATER_CHECK, 1); // which does not end
    s->action = 0;
    s->cancel = 9;
    const char *said = hear(s, "cancelAction/9/feedback");
    assert_non_null(strstr(said, "\"execution\":\"closed\""));
    assert_int_equal(s->peer, -1);
    s->status.state = SV_TRIAL_TRIAL;
    s->status.action = 7;
    s->cancel = 10;
    said = hear(s, "cancelAction/10/feedback");
    assert_non_null(strstr(said, "\"execution\":\"rejected\""));
    assert_int_equal(count_asked(s, SV_UPDATER_WITHDRAW), 0);
}

static void a_cancel_is_answered_when_it_is_known_what_was_stopped(void **state) { // [ddid-14]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    s->action = 7;
    start_device(s);
    (void) hear_asked(s, SV_UPDATER_CHECK, 1); // which does not end
    s->status.busy = true;                     // it reads the slot back
    s->action = 0;
    s->cancel = 9;
    turn_polls(s, 4);
    assert_null(find_said(s, "cancelAction"));
    s->status.busy = false;
    arm(s); // in the last moment
    const char *said = hear(s, "cancelAction/9/feedback");
    assert_non_null(strstr(said, "\"execution\":\"closed\""));
    assert_int_equal(count_asked(s, SV_UPDATER_WITHDRAW), 1);
    assert_int_equal(count_asked(s, SV_UPDATER_CHECK), 1);
}

static void what_is_armed_and_canceled_is_not_started(void **state) { // [ddid-14]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    arm(s);
    s->cancel = 9; // of action 7
    start_device(s);
    const char *said = hear(s, "cancelAction/9/feedback");
    assert_non_null(strstr(said, "\"execution\":\"closed\""));
    s->cancel = 0;
    turn(s, 60);
    assert_int_equal(count_asked(s, SV_UPDATER_WITHDRAW), 1);
    assert_int_equal(count_asked(s, SV_UPDATER_CHECK), 0);
}

static void a_cancel_of_another_action_does_not_touch_what_is_armed(void **state) { // [ddid-14]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    arm(s);
    s->status.action = 8;
    s->cancel = 9; // of action 7
    start_device(s);
    const char *said = hear(s, "cancelAction/9/feedback");
    assert_non_null(strstr(said, "\"execution\":\"closed\""));
    (void) hear_asked(s, SV_UPDATER_CHECK, 1);
    assert_int_equal(count_asked(s, SV_UPDATER_WITHDRAW), 0);
}

static void what_is_armed_is_started_though_nobody_offers_it(void **state) { // [ddid-21]
    (void) state;
    for (int mute = 0; mute < 2; mute++) { // the server does not know of it, or is not there
        SV_DEFER(finish) story *s = prepare();
        arm(s);
        s->mute = mute != 0;
        start_device(s);
        const sv_updater_message *check = hear_asked(s, SV_UPDATER_CHECK, 1);
        assert_false(check->check.hold);
        assert_int_equal(check->check.action, 7);
        assert_true(s->mute || s->polls > 0); // not before it could have been canceled
    }
}

/// What was given up and runs still is left, also when nobody offers anything.
static void what_was_given_up_is_left_whoever_holds(void **state) { // [ddid-21]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    s->options.hold = s->socket; // some file that is there
    s->status.state = SV_TRIAL_ROLLED_BACK;
    s->status.next = SV_TRIAL_REBOOT;
    start_device(s);
    (void) hear_asked(s, SV_UPDATER_CHECK, 1);
}

static void what_is_armed_waits_while_something_holds(void **state) { // [ddid-15] [ddid-21]
    (void) state;
    for (int by_server = 0; by_server < 2; by_server++) {
        SV_DEFER(finish) story *s = prepare();
        arm(s);
        s->action = by_server != 0 ? 7 : 0;
        s->how = "skip";
        s->options.hold = by_server != 0 ? "" : s->socket;
        s->answer = (sv_updater_message){ .verb = SV_UPDATER_IDLE, .idle = SV_UPDATER_HELD };
        start_device(s);
        turn(s, 60);
        for (int i = 0; i < s->asked_count; i++) {
            assert_true(s->asked[i].verb != SV_UPDATER_CHECK || s->asked[i].check.hold);
        }
        s->how = "forced";
        s->device->options.hold = "";
        int before = count_asked(s, SV_UPDATER_CHECK);
        assert_false(hear_asked(s, SV_UPDATER_CHECK, before + 1)->check.hold);
    }
}

static void what_begins_to_hold_during_the_check_holds(void **state) { // [ddid-15]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    char hold[] = "/tmp/sv-update-hold-XXXXXX";
    int fd = mkstemp(hold);
    assert_true(fd >= 0);
    assert_int_equal(unlink(hold), 0);
    sv_fd_drop(&fd);
    s->options.hold = hold;
    s->action = 7;
    start_device(s);
    const sv_updater_message *first = hear_asked(s, SV_UPDATER_CHECK, 1);
    assert_true(first->check.hold); // although nothing does yet
    fd = open(hold, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    sv_fd_drop(&fd);
    send_to_agent(s, &(sv_updater_message){ .verb = SV_UPDATER_IDLE,
                                            .number = first->number,
                                            .idle = SV_UPDATER_HELD });
    turn_polls(s, 3);
    assert_int_equal(count_asked(s, SV_UPDATER_CHECK), 1);
    assert_int_equal(unlink(hold), 0);
    turn_polls(s, 1);
    assert_false(hear_asked(s, SV_UPDATER_CHECK, 2)->check.hold);
}

static void what_is_armed_is_started(void **state) { // [ddid-15]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    s->action = 7;
    arm(s);
    start_device(s);
    assert_false(hear_asked(s, SV_UPDATER_CHECK, 1)->check.hold);
}

/// As far as `bytes` of 100, as a delta.
static void send_progress(story *s, uint64_t number, uint64_t bytes, uint64_t fetched) {
    send_to_agent(s, &(sv_updater_message){ .verb = SV_UPDATER_PROGRESS,
                                            .number = number,
                                            .progress = { .bytes = bytes,
                                                          .of = 100,
                                                          .fetched = fetched,
                                                          .encoding = "delta:ab",
                                                          .version = "1.1" } });
}

/// A check counts from its beginning; what is told is of the action.
static void what_came_for_an_action_is_told_over_all_its_checks(void **state) { // [ddid-20]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    s->action = 7;
    start_device(s);
    uint64_t number = hear_asked(s, SV_UPDATER_CHECK, 1)->number;
    send_progress(s, number, 30, 3);
    send_progress(s, number, 60, 6);
    send_to_agent(s, &(sv_updater_message){
                         .verb = SV_UPDATER_REFUSED,
                         .number = number,
                         .refused = { .err = SV_ERR_UNAVAILABLE, .why = "the line went" } });
    turn_polls(s, 2);
    assert_non_null(
        find_said(s, "\"bytes\":30,\"of\":100,\"encoding\":\"delta:ab\",\"fetched\":3"));
    s->device->check_at_us = 0;
    turn_polls(s, 1);
    number = hear_asked(s, SV_UPDATER_CHECK, 2)->number;
    send_progress(s, number, 100, 4);
    send_to_agent(s, &(sv_updater_message){ .verb = SV_UPDATER_REBOOT, .number = number });
    turn_polls(s, 2);
    assert_non_null(find_said(s, "\"state\":\"installed\",\"version\":\"1.1\",\"bytes\":100,"
                                 "\"of\":100,\"encoding\":\"delta:ab\",\"fetched\":10"));
}

static void what_is_held_is_written_and_armed_later(void **state) { // [ddid-15]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    s->action = 7;
    s->how = "skip";
    s->answer = (sv_updater_message){ .verb = SV_UPDATER_IDLE, .idle = SV_UPDATER_HELD };
    start_device(s);
    assert_true(hear_asked(s, SV_UPDATER_CHECK, 1)->check.hold);
    const char *said = hear(s, "\"verified\""); // whoever waits for that knows
    assert_non_null(strstr(said, "deploymentBase/7/feedback"));
    assert_null(strstr(said, "\"fetched\"")); // nothing is known of that: 0 would be counted anew
    int heard = s->said_count;
    turn_polls(s, 3);
    assert_int_equal(s->said_count, heard); // once
    assert_int_equal(count_asked(s, SV_UPDATER_CHECK), 1);
    s->how = "forced";
    assert_false(hear_asked(s, SV_UPDATER_CHECK, 2)->check.hold);
}

static void a_file_of_the_operators_holds_as_well(void **state) { // [ddid-15]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    s->options.hold = s->socket; // some file that is there
    s->action = 7;
    s->answer = (sv_updater_message){ .verb = SV_UPDATER_IDLE, .idle = SV_UPDATER_HELD };
    start_device(s);
    assert_true(hear_asked(s, SV_UPDATER_CHECK, 1)->check.hold);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cancel_stops_a_download_and_comes_too_late_for_what_runs),
        cmocka_unit_test(a_cancel_is_answered_when_it_is_known_what_was_stopped),
        cmocka_unit_test(what_is_armed_and_canceled_is_not_started),
        cmocka_unit_test(a_cancel_of_another_action_does_not_touch_what_is_armed),
        cmocka_unit_test(what_is_armed_is_started_though_nobody_offers_it),
        cmocka_unit_test(what_was_given_up_is_left_whoever_holds),
        cmocka_unit_test(what_is_armed_waits_while_something_holds),
        cmocka_unit_test(what_begins_to_hold_during_the_check_holds),
        cmocka_unit_test(what_is_armed_is_started),
        cmocka_unit_test(what_came_for_an_action_is_told_over_all_its_checks),
        cmocka_unit_test(what_is_held_is_written_and_armed_later),
        cmocka_unit_test(a_file_of_the_operators_holds_as_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
