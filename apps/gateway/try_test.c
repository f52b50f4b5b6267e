#include "asks_fixture.h"

#define IN_TIME_MS 60000

static const char HOT[] = "thresholds: {default: {high: 80}}\n";

/// Of the present, so that it is of the last days.
static void say_at(fixture *f, const char *sensor, double value, int64_t at_us) {
    char topic[64];
    char time[64] = "";
    char payload[200];
    sv_textbuf at = SV_TEXTBUF(time);
    sv_time_add(&at, at_us);
    assert_int_equal(sv_textbuf_end(&at), SV_OK);
    (void) snprintf(topic, sizeof topic, "sensors/press-1/%s", sensor);
    (void) snprintf(payload, sizeof payload,
                    "{\"value\":%g,\"timestamp\":\"%s\",\"device_id\":\"press-1\"}", value, time);
    (void) gw_ingest_message(&f->g, sv_text_of(topic), sv_text_of(payload));
    sv_writer_wait(f->g.writer);
}

/// Ten readings, one a second, so that the average is that value.
static void hold(fixture *f, const char *sensor, double value, int64_t at_us) {
    for (int i = 0; i < 10; i++) {
        say_at(f, sensor, value, at_us + i * SV_TIME_SECOND_US);
    }
}

static int64_t hours_ago(const fixture *f, int64_t hours) {
    return f->now_ms * 1000 - hours * SV_TIME_HOUR_US;
}

static gw_event_end try_so(fixture *f, int64_t id, const char *question) {
    return ask_so(f, id, "backtest", f->now_ms + IN_TIME_MS, question);
}

static int64_t found(const fixture *f, const char *key) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    int64_t count = -1;
    assert_int_equal(sv_json_parse(sv_text_of(f->answer), &root, NULL, NULL), SV_OK);
    const sv_json *answer = sv_json_get(root, "answer");
    if (!sv_json_int(sv_json_get(answer, key), &count)) {
        (void) sv_json_int(sv_json_get(sv_json_get(answer, "found"), key), &count);
    }
    return count;
}

// [ask-8]
static void a_candidate_is_tried_on_what_is_stored_of_the_last_days(void **state) {
    fixture *f = *state;
    f->candidate = HOT;
    hold(f, "heat", 95, hours_ago(f, 49));
    hold(f, "heat", 20, hours_ago(f, 3));
    hold(f, "heat", 90, hours_ago(f, 2));
    assert_int_equal(try_so(f, 1, "{\"days\":1}"), GW_EVENT_DONE);
    turn_until(f, 1);
    assert_int_equal(f->fetches, 1);
    assert_int_equal(found(f, "days"), 1);
    assert_int_equal(found(f, "readings"), 20);
    assert_int_equal(found(f, "alerts"), 1);
    assert_non_null(
        strstr(f->answer, "\"against\":{\"config\":\"the rules in force\",\"alerts\":0}"));
    assert_non_null(strstr(f->answer, " exceeds high threshold"));
    assert_int_equal(try_so(f, 2, "{\"days\":31}"), GW_EVENT_DONE);
    turn_until(f, 2);
    assert_int_equal(found(f, "readings"), 30);
    assert_int_equal(found(f, "alerts"), 2);
    assert_null(f->g.tries.trial);
}

// [ask-8]
static void what_has_faults_or_does_not_arrive_is_said(void **state) {
    fixture *f = *state;
    f->candidate = "thresholds:\n  default: {high: 5o}\n";
    assert_int_equal(try_so(f, 1, "{\"days\":7}"), GW_EVENT_DONE);
    turn_until(f, 1);
    assert_non_null(strstr(f->answer, "\"status\":422,\"why\":\"1 fault: line 2, column 19: "));
    f->candidate = NULL;
    assert_int_equal(try_so(f, 2, "{\"days\":7}"), GW_EVENT_DONE);
    turn_until(f, 2);
    assert_non_null(strstr(f->answer, "\"status\":502"));
    static const char *const BROKEN[] = { "null", "{}", "{\"days\":0}", "{\"days\":32}",
                                          "{\"days\":\"7\"}" };
    for (size_t i = 0; i < SV_COUNT(BROKEN); i++) {
        assert_int_equal(try_so(f, 3 + (int64_t) i, BROKEN[i]), GW_EVENT_REFUSED);
    }
    turn_a_little(f);
    assert_int_equal(f->answers, 2);
}

// [ask-9]
static void what_never_leaves_the_site_takes_no_part(void **state) {
    fixture *f = *state;
    f->candidate = "thresholds: {default: {high: 80}}\n"
                   "rules: {default: {odd: {when: badge > 80 or heat > 1000}}}\n"
                   "uplink: {default: all}\n";
    hold(f, "badge", 4711, hours_ago(f, 2));
    hold(f, "heat", 90, hours_ago(f, 2));
    assert_int_equal(try_so(f, 1, "{\"days\":7}"), GW_EVENT_DONE);
    turn_until(f, 1);
    assert_int_equal(found(f, "left_out"), 1);
    assert_int_equal(found(f, "readings"), 10);
    assert_int_equal(found(f, "alerts"), 1);
    assert_null(strstr(f->answer, "4711"));
    assert_null(strstr(f->answer, "badge"));
}

// [ask-8]
static void one_is_tried_at_a_time_and_other_rules_overtake_it(void **state) {
    fixture *f = *state;
    gw_config fresh;
    f->candidate = HOT;
    hold(f, "heat", 90, hours_ago(f, 2));
    assert_int_equal(try_so(f, 1, "{\"days\":7}"), GW_EVENT_DONE);
    assert_int_equal(try_so(f, 2, "{\"days\":7}"), GW_EVENT_DONE);
    turn_until(f, 1);
    assert_non_null(strstr(f->answer, "\"status\":429"));
    turn_until(f, 2);
    assert_int_equal(found(f, "alerts"), 1);

    assert_int_equal(try_so(f, 3, "{\"days\":7}"), GW_EVENT_DONE);
    // Until the thread has it; what it has found is not looked at before the loop turns again.
    for (int i = 0; i < TURNS_MAX && sv_worker_waiting(f->g.tries.worker) == 0; i++) {
        sv_loop_turn(f->g.loop, 0);
    }
    read_config(f, "uplink: {default: never}", &fresh);
    sv_rules *old = f->g.config.rules;
    f->g.config.rules = fresh.rules;
    fresh.rules = NULL;
    gw_ingest_rules(&f->g);
    sv_rules_drop(&old);
    gw_config_drop(&fresh);
    turn_until(f, 3);
    assert_non_null(strstr(f->answer, "\"status\":409,\"why\":\"other rules came in force"));
}

// [ask-8]
static void what_is_too_slow_is_given_up(void **state) {
    fixture *f = *state;
    f->candidate = HOT;
    hold(f, "heat", 90, hours_ago(f, 2));
    // Its time is over but for what the answer's way takes.
    assert_int_equal(ask_so(f, 1, "backtest", sv_clock_wall_us() / 1000 + 1000, "{\"days\":7}"),
                     GW_EVENT_DONE);
    turn_until(f, 1);
    assert_non_null(strstr(f->answer, "\"status\":504,\"why\":\"too slow: 0 readings"));
}

// [ask-8]
static void a_gateway_that_ends_waits_for_none(void **state) {
    fixture *f = *state;
    f->candidate = HOT;
    hold(f, "heat", 90, hours_ago(f, 2));
    assert_int_equal(try_so(f, 1, "{\"days\":7}"), GW_EVENT_DONE);
    gw_try_close(&f->g); // before the candidate is here
    turn_a_little(f);
    assert_int_equal(f->answers, 0);
    assert_int_equal(try_so(f, 2, "{\"days\":7}"), GW_EVENT_DONE);
    for (int i = 0; i < TURNS_MAX && f->g.tries.worker == NULL; i++) {
        sv_loop_turn(f->g.loop, 0);
    }
    gw_try_close(&f->g); // while the thread has it
    assert_null(f->g.tries.trial);
    assert_null(f->g.tries.worker);
}

// [ask-8] [members-8]
static void a_candidate_has_those_in_its_groups_that_are_in_them_now(void **state) {
    fixture *f = *state;
    const sv_member_group pilots = { .name = "pilots", .known = true };
    f->candidate = "groups: {c: {group: pilots}}\nthresholds: {groups: {c: {high: 80}}}\n";
    hold(f, "heat", 90, hours_ago(f, 2));
    assert_int_equal(gw_members_open(&f->g, NULL), SV_OK);
    assert_int_equal(try_so(f, 1, "{\"days\":7}"), GW_EVENT_DONE);
    turn_until(f, 1);
    assert_non_null(strstr(f->answer, "\"status\":409,\"why\":\"it names a group"));
    assert_int_equal(sv_members_groups(f->g.members.in_force, &pilots, 1, NULL), SV_OK);
    assert_int_equal(try_so(f, 2, "{\"days\":7}"), GW_EVENT_DONE);
    turn_until(f, 2);
    assert_int_equal(found(f, "alerts"), 0);
    const sv_text in = SV_TEXT("pilots");
    assert_int_equal(sv_members_put(f->g.members.in_force, SV_TEXT("press-1"), &in, 1, NULL),
                     SV_OK);
    assert_int_equal(try_so(f, 3, "{\"days\":7}"), GW_EVENT_DONE);
    turn_until(f, 3);
    assert_int_equal(found(f, "alerts"), 1);
    gw_members_close(&f->g);
}

int main(void) {
#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        EACH(a_candidate_is_tried_on_what_is_stored_of_the_last_days),
        EACH(what_has_faults_or_does_not_arrive_is_said),
        EACH(what_never_leaves_the_site_takes_no_part),
        EACH(one_is_tried_at_a_time_and_other_rules_overtake_it),
        EACH(what_is_too_slow_is_given_up),
        EACH(a_candidate_has_those_in_its_groups_that_are_in_them_now),
        EACH(a_gateway_that_ends_waits_for_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
