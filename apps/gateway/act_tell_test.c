#include "act_fixture.h"

// ---- told ---------------------------------------------------------------------------------------

// [command-8]
static void what_became_of_it_is_told_until_the_server_has_answered(void **state) {
    fixture *f = *state;
    char id[SV_ID_ROOM];
    open_front(f);
    assert_true(act(f, "press-1", "stop"));
    assert_false(act(f, "press-1", "start"));
    f->status = 500;
    wait_for(f, 1);
    f->status = 200;
    f->g.fleet.retry_at_us = 0;
    wait_for(f, 2);
    assert_int_equal(f->items, 2);
    assert_non_null(strstr(f->last, "\"rule\":\"dry-run\""));
    assert_non_null(strstr(f->last, "\"alert\":\"a1\""));
    assert_non_null(strstr(f->last, "\"state\":\"sent\""));
    assert_non_null(strstr(f->last, "\"state\":\"refused\""));
    text_of(f, "SELECT id FROM command ORDER BY seq LIMIT 1", id, sizeof id);
    answer(f, "results/press-1/stop", id, ",\"done\":true");
    wait_for(f, 3);
    assert_int_equal(f->items, 1);
    assert_non_null(strstr(f->last, "\"state\":\"answered\""));
    assert_non_null(strstr(f->last, "\"done\":true"));
    for (int i = 0; i < 20; i++) {
        gw_act_tell(&f->g);
        sv_loop_turn(f->g.loop, TURN_US);
    }
    assert_int_equal(f->requests, 3);
    restart(f);
    for (int i = 0; i < 20; i++) {
        gw_act_tell(&f->g);
        sv_loop_turn(f->g.loop, TURN_US);
    }
    assert_int_equal(f->requests, 3);
}

// [command-8]
static void what_stays_at_the_site_is_not_told(void **state) {
    fixture *f = *state;
    char id[SV_ID_ROOM];
    open_front(f);
    const gw_action action = { .rule = SV_TEXT("secret"),
                               .device = SV_TEXT("press-1"),
                               .name = SV_TEXT("stop"),
                               .stays = true };
    assert_true(gw_act(&f->g, &action));
    last_id(f, id);
    answer(f, "results/press-1/stop", id, "");
    assert_int_equal(in_state(f, GW_COMMAND_ANSWERED), 1);
    assert_true(act(f, "press-3", "stop"));
    assert_int_equal(in_state(f, GW_COMMAND_SENT), 1);
    wait_for(f, 1);
    assert_int_equal(f->items, 1);
    assert_null(strstr(f->last, "secret"));
}

// [command-8]
static void one_that_the_server_refuses_holds_up_no_other(void **state) {
    fixture *f = *state;
    open_front(f);
    assert_int_equal(request(f, "c1", "ping"), GW_REQUEST_SENT);
    assert_int_equal(request(f, "c2", "ping"), GW_REQUEST_SENT);
    sv_writer_wait(f->g.writer);
    f->status = 400;
    f->g.fleet.up = true;
    for (int i = 0; f->g.uplink_refused < 2 && i < TURNS_MAX; i++) {
        gw_act_tell(&f->g);
        sv_loop_turn(f->g.loop, TURN_US);
    }
    sv_writer_wait(f->g.writer);
    assert_int_equal(count_of(f, "SELECT count(*) FROM command WHERE told < state"), 0);
    assert_int_equal(f->requests, 3);
}

// [command-8]
static void a_server_that_takes_none_is_left_alone(void **state) {
    fixture *f = *state;
    open_front(f);
    assert_int_equal(request(f, "c1", "ping"), GW_REQUEST_SENT);
    f->status = 404;
    wait_for(f, 1);
    for (int i = 0; i < 20; i++) {
        gw_act_tell(&f->g);
        sv_loop_turn(f->g.loop, TURN_US);
    }
    assert_int_equal(f->requests, 1);
    assert_true(f->g.fleet.up);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_became_of_it_is_told_until_the_server_has_answered),
        TEST(what_stays_at_the_site_is_not_told),
        TEST(one_that_the_server_refuses_holds_up_no_other),
        TEST(a_server_that_takes_none_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
