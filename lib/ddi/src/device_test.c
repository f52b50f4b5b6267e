// What a device tells of its updates, how it judges a trial, and what it makes of a refusal.
#include "test_story.h"

static void what_runs_is_told_before_anything_else(void **state) { // [ddid-13]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    add_report(s, 4, SV_TRIAL_CONFIRMED);
    s->status.running = 1;
    start_device(s);
    (void) hear(s, "configData");
    assert_non_null(strstr(s->said[0], "\"version\":\"1.0\""));
    assert_non_null(strstr(s->said[0], "\"slot\":\"b\""));
    sv_health_metrics metrics = { 0 };
    sv_ddi_device_tell(s->device, &metrics);
    assert_string_equal(metrics.firmware_version, "1.0");
    assert_string_equal(metrics.slot, "b");
    assert_string_equal(metrics.boot_state, "idle");
    turn_polls(s, 2);
    int before = s->said_count;
    turn_polls(s, 2);
    assert_int_equal(s->said_count, before); // what has not changed is not told again
}

static void an_offer_is_checked_and_what_runs_already_ends_it(void **state) {
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    s->action = 7;
    s->answer = (sv_updater_message){ .verb = SV_UPDATER_IDLE, .idle = SV_UPDATER_CURRENT };
    start_device(s);
    const char *end = hear(s, "deploymentBase/7/feedback");
    assert_non_null(strstr(end, "\"finished\":\"success\""));
    assert_non_null(strstr(end, "\"state\":\"confirmed\""));
    assert_non_null(strstr(end, "\"version\":\"1.0\""));
    turn_polls(s, 2);
    assert_int_equal(count_asked(s, SV_UPDATER_CHECK), 1);
}

static void reports_go_in_order_and_count_as_delivered_when_they_were_taken(void **state) {
    (void) state; // [ddid-12]
    SV_DEFER(finish) story *s = prepare();
    s->action = 7;
    s->answer = (sv_updater_message){ .verb = SV_UPDATER_IDLE, .idle = SV_UPDATER_NOTHING };
    add_report(s, 3, SV_TRIAL_INSTALLED);
    add_report(s, 4, SV_TRIAL_TRIAL);
    add_report(s, 5, SV_TRIAL_ROLLED_BACK);
    s->refuses = 503;
    start_device(s);
    turn_polls(s, 3);
    assert_int_equal(count_asked(s, SV_UPDATER_DELIVERED), 0);
    assert_int_equal(s->status.report_count, 3);
    s->refuses = 0;
    assert_int_equal(count_asked(s, SV_UPDATER_CHECK), 0); // its end is in the journal
    (void) hear_asked(s, SV_UPDATER_DELIVERED, 3);
    const char *last = hear(s, "\"number\":5");
    assert_non_null(strstr(last, "\"execution\":\"closed\""));
    assert_non_null(strstr(last, "\"finished\":\"failure\""));
    assert_non_null(strstr(last, "\"state\":\"rolled-back\""));
    assert_true(find_said(s, "\"number\":3") < find_said(s, "\"number\":4"));
    assert_true(find_said(s, "\"number\":4") < last);
}

static void reports_of_no_action_or_of_one_that_is_gone_are_told_as_what_runs(void **state) {
    (void) state; // [ddid-12]
    for (int gone = 0; gone < 2; gone++) {
        SV_DEFER(finish) story *s = prepare();
        s->action = 8; // of the same image
        s->answer = (sv_updater_message){ .verb = SV_UPDATER_IDLE, .idle = SV_UPDATER_NOTHING };
        s->gone = gone != 0 ? 7 : 0;
        add_report(s, 4, SV_TRIAL_CONFIRMED);
        s->status.reports[0].action = gone != 0 ? 7 : 0;
        start_device(s);
        (void) hear_asked(s, SV_UPDATER_DELIVERED, 1);
        assert_null(find_said(s, "feedback"));
        assert_non_null(find_said(s, "configData"));
    }
}

/// The server has given up an attempt, and somebody has begun another one of the same image, before
/// the device can say how the first one ended.
static void a_late_report_of_one_attempt_does_not_end_the_next_one(void **state) { // [ddid-12]
    (void) state;
    const sv_trial_state ends[] = { SV_TRIAL_ROLLED_BACK, SV_TRIAL_FAILED, SV_TRIAL_CONFIRMED };
    for (size_t i = 0; i < SV_COUNT(ends); i++) {
        SV_DEFER(finish) story *s = prepare();
        s->action = 8;
        s->answer = (sv_updater_message){ .verb = SV_UPDATER_IDLE, .idle = SV_UPDATER_NOTHING };
        add_report(s, 4, SV_TRIAL_TRIAL);
        add_report(s, 5, ends[i]);
        start_device(s);
        (void) hear_asked(s, SV_UPDATER_DELIVERED, 2);
        const char *said = find_said(s, "\"number\":5");
        assert_non_null(strstr(said, "deploymentBase/7/feedback"));
        assert_null(find_said(s, "deploymentBase/8/feedback"));
        const sv_updater_message *check = hear_asked(s, SV_UPDATER_CHECK, 1); // and 8 begins
        assert_int_equal(check->check.action, 8);
    }
}

static void a_release_on_trial_is_judged_once(void **state) { // [ddid-11]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    s->status.state = SV_TRIAL_TRIAL;
    s->status.next = SV_TRIAL_ASK_HEALTH;
    s->connected = false;
    start_device(s);
    turn_polls(s, 1);
    assert_int_equal(count_asked(s, SV_UPDATER_HEALTH), 0);
    s->connected = true;
    const sv_updater_message *health = hear_asked(s, SV_UPDATER_HEALTH, 1);
    assert_true(health->health.healthy);
}

/// The agent may be older than what is on trial, and have been on good terms with everybody before
/// that was started.
static void what_was_seen_before_the_start_proves_nothing(void **state) { // [ddid-11]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    s->options.deadline_us = SV_TIME_HOUR_US;
    start_device(s);
    turn_polls(s, 2);
    for (uint64_t start = 1; start < 4; start++) { // each start has to prove itself
        int64_t began_us = sv_clock_monotonic_us();
        s->mute = true; // no poll is answered any more
        s->connected = true;
        s->status.start = start;
        s->status.state = SV_TRIAL_TRIAL;
        s->status.next = SV_TRIAL_ASK_HEALTH;
        look_at_updater(s);
        turn(s, 10);
        assert_int_equal(count_asked(s, SV_UPDATER_HEALTH), 0);
        assert_true(s->since_us >= began_us);
        s->connected = false;
        s->mute = false;
        turn_polls(s, 2);
    }
    s->connected = true;
    assert_true(hear_asked(s, SV_UPDATER_HEALTH, 1)->health.healthy);
}

static void when_it_was_started_is_the_updaters_to_say(void **state) { // [ddid-11]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    s->status.state = SV_TRIAL_TRIAL;
    s->status.next = SV_TRIAL_ASK_HEALTH;
    s->status.start_ms = 30000;
    int64_t began_us = sv_clock_monotonic_us();
    start_device(s);
    (void) hear_asked(s, SV_UPDATER_HEALTH, 1);
    assert_in_range(s->since_us, began_us - 30 * SV_TIME_SECOND_US,
                    began_us - 29 * SV_TIME_SECOND_US);
}

static void one_that_does_not_prove_itself_is_given_up_with_the_reason(void **state) { // [ddid-11]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    s->status.state = SV_TRIAL_TRIAL;
    s->status.next = SV_TRIAL_ASK_HEALTH;
    s->critical = "Disk space low";
    s->refuses = 503; // that nothing is taken by the server changes nothing
    start_device(s);
    const sv_updater_message *health = hear_asked(s, SV_UPDATER_HEALTH, 1);
    assert_false(health->health.healthy);
    assert_non_null(strstr(health->health.why, "Disk space low"));
}

static void a_bad_image_is_tried_again_when_the_server_means_it(void **state) { // [ddid-16]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    s->action = 7;
    s->answer = (sv_updater_message){ .verb = SV_UPDATER_IDLE, .idle = SV_UPDATER_NOTHING };
    s->status.bad_count = 1;
    memcpy(s->status.bad[0], NEW_IMAGE, sizeof NEW_IMAGE);
    add_report(s, 5, SV_TRIAL_ROLLED_BACK);
    start_device(s);
    (void) hear_asked(s, SV_UPDATER_DELIVERED, 1);
    turn_polls(s, 4); // the server still has it; it has ended here
    assert_int_equal(count_asked(s, SV_UPDATER_FORGIVE), 0);
    assert_int_equal(count_asked(s, SV_UPDATER_CHECK), 0);
    s->action = 8;
    const sv_updater_message *forgive = hear_asked(s, SV_UPDATER_FORGIVE, 1);
    assert_memory_equal(forgive->forgive, NEW_IMAGE, sizeof NEW_IMAGE);
    (void) hear_asked(s, SV_UPDATER_CHECK, 1);
}

static void one_poll_may_be_older_than_what_the_server_heard(void **state) { // [ddid-16]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    s->action = 8;
    s->answer = (sv_updater_message){ .verb = SV_UPDATER_IDLE, .idle = SV_UPDATER_NOTHING };
    s->status.bad_count = 1;
    memcpy(s->status.bad[0], NEW_IMAGE, sizeof NEW_IMAGE);
    start_device(s);
    (void) hear_asked(s, SV_UPDATER_FORGIVE, 1);
    assert_true(s->polls >= 2);
    assert_int_equal(count_asked(s, SV_UPDATER_CHECK), 0);
}

static void what_is_not_right_fails_and_what_may_pass_does_not(void **state) { // [ddid-17]
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    s->action = 7;
    s->answer = (sv_updater_message){ .verb = SV_UPDATER_REFUSED,
                                      .refused = { .err = SV_ERR_UNAVAILABLE, .why = "later" } };
    start_device(s);
    (void) hear_asked(s, SV_UPDATER_CHECK, 1);
    turn_polls(s, 2);
    assert_null(find_said(s, "feedback"));
    for (unsigned i = 1; i < 50; i++) {
        assert_in_range(device_refused_wait_us(SV_ERR_UNAVAILABLE, i), SV_DDI_AGAIN_US,
                        SV_DDI_AGAIN_MAX_US);
        assert_true(device_refused_wait_us(SV_ERR_STATE, i) > 0);
        assert_int_equal(device_refused_wait_us(SV_ERR_UNTRUSTED, i) == 0,
                         i >= SV_DDI_REFUSALS_MAX);
    }
    s->answer.refused.err = SV_ERR_UNTRUSTED; // what is another action begins to count anew
    for (int action = 8; action < 8 + SV_DDI_REFUSALS_MAX; action++) {
        s->action = action;
        (void) hear_asked(s, SV_UPDATER_CHECK, action - 6);
    }
    turn_polls(s, 1);
    assert_null(find_said(s, "feedback"));
}

static void what_came_in_between_begins_to_count_refusals_anew(void **state) { // [ddid-17]
    (void) state;
    for (int more = 0; more < 2; more++) {
        SV_DEFER(finish) story *s = prepare();
        s->action = 7;
        start_device(s);
        for (int i = 1; i <= SV_DDI_REFUSALS_MAX; i++) {
            s->device->check_at_us = 0;
            turn_polls(s, 1);
            uint64_t number = hear_asked(s, SV_UPDATER_CHECK, i)->number;
            send_to_agent(s,
                          &(sv_updater_message){
                              .verb = SV_UPDATER_PROGRESS,
                              .number = number,
                              .progress = { .bytes = 5, .of = 10, .fetched = (uint64_t) more } });
            send_to_agent(s, &(sv_updater_message){
                                 .verb = SV_UPDATER_REFUSED,
                                 .number = number,
                                 .refused = { .err = SV_ERR_UNTRUSTED, .why = "a chunk" } });
            turn_polls(s, 2);
        }
        assert_int_equal(s->device->refusals, more != 0 ? 1 : SV_DDI_REFUSALS_MAX);
        assert_int_equal(find_said(s, "\"finished\":\"failure\"") == NULL, more != 0);
    }
}

static void an_updater_that_is_away_is_no_reason_for_anything(void **state) {
    (void) state;
    SV_DEFER(finish) story *s = prepare();
    sv_watch_drop(&s->at_listener);
    sv_fd_drop(&s->listener);
    s->action = 7;
    start_device(s);
    turn_polls(s, 2);
    assert_int_equal(s->said_count, 0);
    sv_health_metrics metrics = { 0 };
    sv_ddi_device_tell(s->device, &metrics);
    assert_string_equal(metrics.firmware_version, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_runs_is_told_before_anything_else),
        cmocka_unit_test(an_offer_is_checked_and_what_runs_already_ends_it),
        cmocka_unit_test(reports_go_in_order_and_count_as_delivered_when_they_were_taken),
        cmocka_unit_test(reports_of_no_action_or_of_one_that_is_gone_are_told_as_what_runs),
        cmocka_unit_test(a_late_report_of_one_attempt_does_not_end_the_next_one),
        cmocka_unit_test(a_release_on_trial_is_judged_once),
        cmocka_unit_test(what_was_seen_before_the_start_proves_nothing),
        cmocka_unit_test(when_it_was_started_is_the_updaters_to_say),
        cmocka_unit_test(one_that_does_not_prove_itself_is_given_up_with_the_reason),
        cmocka_unit_test(a_bad_image_is_tried_again_when_the_server_means_it),
        cmocka_unit_test(one_poll_may_be_older_than_what_the_server_heard),
        cmocka_unit_test(what_is_not_right_fails_and_what_may_pass_does_not),
        cmocka_unit_test(what_came_in_between_begins_to_count_refusals_anew),
        cmocka_unit_test(an_updater_that_is_away_is_no_reason_for_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
