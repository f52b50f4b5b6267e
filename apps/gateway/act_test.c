#include "act_fixture.h"

// ---- rights -------------------------------------------------------------------------------------

// [command-3] [command-6]
static void a_rule_may_what_is_listed_and_each_refusal_is_recorded(void **state) {
    fixture *f = *state;
    char why[64];
    open_front(f);
    assert_true(act(f, "press-1", "stop"));
    assert_false(act(f, "press-1", "start"));
    assert_false(act(f, "press-2", "stop"));
    assert_int_equal(in_state(f, GW_COMMAND_SENT), 1);
    assert_int_equal(in_state(f, GW_COMMAND_REFUSED), 2);
    text_of(f, "SELECT why FROM command ORDER BY seq DESC LIMIT 1", why, sizeof why);
    assert_string_equal(why, "not in commands: allow");
    // A rule that goes on asking is counted, and fills nothing.
    for (int i = 0; i < FLOOD; i++) {
        assert_false(act(f, "press-2", "stop"));
    }
    assert_int_equal(in_state(f, GW_COMMAND_REFUSED), 2);
    assert_int_equal(f->g.acts.ends[GW_COMMAND_REFUSED], 2 + FLOOD);
}

// [command-4]
static void more_than_the_rate_is_refused_for_that_device_and_command(void **state) {
    fixture *f = *state;
    char why[64];
    open_front(f);
    for (int i = 0; i < 10; i++) {
        assert_true(act(f, "press-1", "stop") == (i < 3));
    }
    assert_true(act(f, "press-3", "stop"));
    assert_int_equal(in_state(f, GW_COMMAND_SENT), 4);
    assert_int_equal(in_state(f, GW_COMMAND_REFUSED), 1);
    text_of(f, "SELECT why FROM command WHERE state = 2", why, sizeof why);
    assert_string_equal(why, "more than 3 a minute");
}

// [command-3]
static void the_fleet_server_is_held_against_the_list_where_that_is_said(void **state) {
    fixture *f = *state;
    open_front(f);
    assert_int_equal(request(f, "c1", "start"), GW_REQUEST_SENT);
    f->g.config.commands.fleet = GW_FLEET_LISTED;
    assert_int_equal(request(f, "c2", "start"), GW_REQUEST_REFUSED);
    assert_int_equal(request(f, "c3", "stop"), GW_REQUEST_SENT);
    assert_int_equal(in_state(f, GW_COMMAND_SENT), 2);
    assert_int_equal(in_state(f, GW_COMMAND_REFUSED), 1);
}

// ---- published ----------------------------------------------------------------------------------

// [command-5]
static void it_is_on_disk_before_it_is_published(void **state) {
    fixture *f = *state;
    open_front(f);
    assert_true(act(f, "press-1", "stop"));
    gw_act_turn(&f->g);
    assert_int_equal(f->g.acts.due_count, 1);
    assert_int_equal(f->g.acts.ends[GW_COMMAND_SENT], 0);
    sv_writer_wait(f->g.writer);
    assert_int_equal(f->g.acts.due_count, 0);
    assert_int_equal(f->g.acts.ends[GW_COMMAND_SENT], 1);
}

// [command-5]
static void a_kill_before_it_was_published_does_not_lose_it(void **state) {
    fixture *f = *state;
    assert_true(act(f, "press-1", "stop"));
    assert_true(act(f, "press-3", "stop"));
    restart(f);
    assert_int_equal(f->g.acts.due_count, 2);
    assert_string_equal(f->g.acts.due[0]->device, "press-1");
    assert_non_null(strstr(f->g.acts.due[0]->message, "\"payload\":{\"slowly\":true}"));
    assert_non_null(strstr(f->g.acts.due[0]->message, "\"rule\":\"dry-run\""));
    open_front(f);
    gw_act_turn(&f->g);
    assert_int_equal(in_state(f, GW_COMMAND_SENT), 2);
    restart(f);
    assert_int_equal(f->g.acts.due_count, 0);
    assert_int_equal(sv_map_count(f->g.acts.open), 2);
}

// [command-5]
static void what_cannot_be_published_in_time_is_given_up(void **state) {
    fixture *f = *state;
    f->g.config.commands.within_us = -1;
    assert_true(act(f, "press-1", "stop"));
    f->g.config.commands.within_us = SV_TIME_MINUTE_US;
    assert_true(act(f, "press-3", "stop"));
    assert_int_equal(in_state(f, GW_COMMAND_UNSENT), 1);
    assert_int_equal(in_state(f, GW_COMMAND_DUE), 1);
    assert_int_equal(f->g.acts.due_count, 1);
    open_front(f);
    gw_act_beat(&f->g);
    assert_int_equal(in_state(f, GW_COMMAND_SENT), 1);
}

// [command-5]
static void no_more_wait_to_be_published_than_there_is_room_for(void **state) {
    fixture *f = *state;
    char device[SV_ID_ROOM];
    for (int i = 0; i < GW_COMMANDS_DUE_MAX + 10; i++) {
        (void) snprintf(device, sizeof device, "press-%d", i + 3);
        assert_true(act(f, device, "stop") == (i < GW_COMMANDS_DUE_MAX));
    }
    assert_int_equal(in_state(f, GW_COMMAND_DUE), GW_COMMANDS_DUE_MAX);
    restart(f);
    assert_int_equal(f->g.acts.due_count, GW_COMMANDS_DUE_MAX);
}

// [command-5] An event that comes again after a kill is published again and is one row.
static void a_request_that_comes_again_is_one_row(void **state) {
    fixture *f = *state;
    open_front(f);
    assert_int_equal(request(f, "c1", "start"), GW_REQUEST_SENT);
    assert_int_equal(request(f, "c1", "start"), GW_REQUEST_SENT);
    restart(f);
    assert_int_equal(request(f, "c1", "start"), GW_REQUEST_SENT);
    assert_int_equal(count_of(f, "SELECT count(*) FROM command"), 1);
    answer(f, "results/press-1/start", "c1", "");
    assert_int_equal(request(f, "c1", "start"), GW_REQUEST_SENT);
    assert_int_equal(count_of(f, "SELECT count(*) FROM command"), 1);
    assert_int_equal(in_state(f, GW_COMMAND_ANSWERED), 1);
}

// ---- answers ------------------------------------------------------------------------------------

// [command-1]
static void the_first_answer_counts(void **state) {
    fixture *f = *state;
    char id[SV_ID_ROOM];
    char text[256];
    open_front(f);
    assert_true(act(f, "press-1", "stop"));
    last_id(f, id);
    answer(f, "results/press-1/stop", id, ",\"was\":[7, 8]");
    answer(f, "results/press-1/stop", id, ",\"was\":9");
    assert_int_equal(in_state(f, GW_COMMAND_ANSWERED), 1);
    text_of(f, "SELECT answer FROM command", text, sizeof text);
    assert_non_null(strstr(text, "\"was\":[7,8]"));
    assert_int_equal(f->g.acts.results_passed, 1);

    assert_true(act(f, "press-1", "stop"));
    last_id(f, id);
    restart(f); // it is waited for still
    answer(f, "results/press-1/stop", id, ",\"error\":\"no air\"");
    assert_int_equal(in_state(f, GW_COMMAND_FAILED), 1);
    text_of(f, "SELECT why FROM command ORDER BY seq DESC LIMIT 1", text, sizeof text);
    assert_string_equal(text, "no air");
}

// [command-2]
static void a_device_answers_for_itself_and_for_what_it_was_asked(void **state) {
    fixture *f = *state;
    char id[SV_ID_ROOM];
    open_front(f);
    assert_true(act(f, "press-1", "stop"));
    last_id(f, id);
    uint64_t group = sv_writer_last(f->g.writer);
    answer(f, "results/press-3/stop", id, "");
    answer(f, "results/press-1/start", id, "");
    assert_int_equal(f->g.acts.results_refused, 2);
    answer(f, "results/press-1/stop/more", id, "");
    answer(f, "results/press-1", id, "");
    answer(f, "results//stop", id, "");
    assert_int_equal(f->g.acts.results_passed, 3);
    assert_int_equal(sv_writer_last(f->g.writer), group);
    assert_int_equal(in_state(f, GW_COMMAND_SENT), 1);
    answer(f, "results/press-1/stop", id, "");
    assert_int_equal(in_state(f, GW_COMMAND_ANSWERED), 1);
}

// [command-2]
static void what_answers_nothing_costs_no_write(void **state) {
    fixture *f = *state;
    static char large[4 * GW_RESULT_BYTES_MAX];
    char id[SV_ID_ROOM];
    open_front(f);
    assert_true(act(f, "press-1", "stop"));
    last_id(f, id);
    uint64_t group = sv_writer_last(f->g.writer);
    (void) memset(large, ' ', sizeof large - 1);
    int begun = snprintf(large, sizeof large, "{\"id\":\"%s", id);
    assert_int_equal(begun, 39);
    large[begun] = ' ';
    large[sizeof large - 3] = '"';
    large[sizeof large - 2] = '}';
    static const char *const NO_ANSWERS[] = {
        "", "{", "7", "[]", "{}", "{\"id\":7}", "{\"id\":\"x\",\"id\":\"y\"}", "\xff"
    };
    for (int i = 0; i < FLOOD; i++) {
        (void) gw_ingest_message(&f->g, SV_TEXT("results/press-1/stop"), sv_text_of(large));
        (void) gw_ingest_message(&f->g, SV_TEXT("results/press-1/stop"),
                                 sv_text_of(NO_ANSWERS[(size_t) i % SV_COUNT(NO_ANSWERS)]));
        answer(f, "results/press-1/stop", "0123456789abcdef0123456789abcdef", "");
    }
    assert_int_equal(f->g.acts.results_refused, FLOOD);
    assert_int_equal(f->g.acts.results_passed, 2 * FLOOD);
    assert_int_equal(sv_writer_last(f->g.writer), group);
    assert_int_equal(in_state(f, GW_COMMAND_SENT), 1);
    assert_int_equal(count_of(f, "SELECT count(*) FROM quarantine"), 0);
}

// [command-6]
static void so_many_are_kept_and_may_be_answered(void **state) {
    fixture *f = *state;
    char id[SV_ID_ROOM];
    open_front(f);
    for (int i = 0; i < GW_COMMANDS_KEPT + 10; i++) {
        (void) snprintf(id, sizeof id, "c%d", i);
        assert_int_equal(request(f, id, "ping"), GW_REQUEST_SENT);
    }
    assert_int_equal(count_of(f, "SELECT count(*) FROM command"), GW_COMMANDS_KEPT);
    assert_int_equal(count_of(f, "SELECT min(seq) FROM command"), 11);
    assert_int_equal(sv_map_count(f->g.acts.open), GW_COMMANDS_OPEN_MAX);
    answer(f, "results/press-1/ping", "c11", "");
    answer(f, "results/press-1/ping", id, "");
    assert_int_equal(in_state(f, GW_COMMAND_ANSWERED), 1);
    restart(f);
    assert_int_equal(sv_map_count(f->g.acts.open), GW_COMMANDS_OPEN_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_rule_may_what_is_listed_and_each_refusal_is_recorded),
        TEST(more_than_the_rate_is_refused_for_that_device_and_command),
        TEST(the_fleet_server_is_held_against_the_list_where_that_is_said),
        TEST(it_is_on_disk_before_it_is_published),
        TEST(a_kill_before_it_was_published_does_not_lose_it),
        TEST(what_cannot_be_published_in_time_is_given_up),
        TEST(no_more_wait_to_be_published_than_there_is_room_for),
        TEST(a_request_that_comes_again_is_one_row),
        TEST(the_first_answer_counts),
        TEST(a_device_answers_for_itself_and_for_what_it_was_asked),
        TEST(what_answers_nothing_costs_no_write),
        TEST(so_many_are_kept_and_may_be_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
