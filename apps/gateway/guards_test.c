// What rules with names cause.
#include "ingest_fixture.h"

static const char RULES[] =
    "uplink: {sensors: {badge: never}}\n"
    "commands: {allow: {default: [stop]}}\n"
    "rules:\n"
    "  default:\n"
    "    jam: {when: t > 80 and load > 5, message: '{t} at {load}', then: {command: stop}}\n"
    "    alone: {when: badge > 4711, message: 'badge {badge}', then: {command: stop}}\n"
    "    warm: {when: 'mean(t, 10 m) > 50'}\n";

static int setup(void **state) {
    return open_fixture(state, RULES);
}

static void jam(fixture *f, double t, double load) {
    say_of(f, "press-1", "t", NULL, 0, 1, t);
    say_of(f, "press-1", "load", NULL, 0, 1, load);
}

#define OF_RULE(name)                                                                              \
    "FROM open_alert WHERE device = 'press-1' AND sensor = '' AND rule = '" name "'"

// [edge-15] [edge-17]
static void a_rule_raises_one_alert_and_asks_for_its_command(void **state) {
    fixture *f = *state;
    jam(f, 90, 4);
    assert_int_equal(ask(f, "SELECT count(*) " OF_RULE("jam")), 0);
    jam(f, 90, 6);
    jam(f, 91, 7);
    assert_int_equal(ask(f, "SELECT count(*) " OF_RULE("jam")), 1);
    assert_int_equal(ask(f, "SELECT count(*) " OF_RULE("jam") " AND message = '90 at 6'"), 1);
    assert_int_equal(ask(f, "SELECT count(*) FROM command WHERE device = 'press-1' AND name = "
                            "'stop' AND rule = 'jam' AND alert = (SELECT id " OF_RULE("jam") ")"),
                     1);
    assert_int_equal(ask(f, "SELECT count(*) FROM alert_post WHERE body LIKE '%\"jam\"%'"), 1);
    jam(f, 20, 7);
    assert_int_equal(ask(f, "SELECT count(*) " OF_RULE("jam")), 0);
    assert_int_equal(ask(f, "SELECT count(*) FROM alert_post WHERE body LIKE '%\"jam\"%'"), 2);
    assert_int_equal(ask(f, "SELECT count(*) FROM command"), 1);
}

// [edge-15]
static void nothing_of_a_rule_about_what_stays_leaves_the_site(void **state) {
    fixture *f = *state;
    say_of(f, "press-1", "badge", NULL, 0, 1, 5000);
    assert_int_equal(ask(f, "SELECT count(*) " OF_RULE("alone") " AND stays = 1"), 1);
    restart(f);
    say_of(f, "press-1", "badge", NULL, 0, 1, 0);
    assert_int_equal(ask(f, "SELECT count(*) " OF_RULE("alone")), 0);
    assert_int_equal(ask(f, "SELECT count(*) FROM alert_post"), 0);
    assert_int_equal(ask(f, "SELECT count(*) FROM outbox WHERE body LIKE '%badge%'"), 0);
}

// [edge-16]
static void an_alert_of_a_rule_and_what_it_remembers_outlive_a_restart(void **state) {
    fixture *f = *state;
    jam(f, 90, 6);
    assert_int_equal(f->g.alerts_open, 2);
    int64_t raised = ask(f, "SELECT raised " OF_RULE("jam"));
    restart(f);
    assert_int_equal(f->g.alerts_open, 2);
    jam(f, 91, 6);
    assert_int_equal(ask(f, "SELECT raised " OF_RULE("jam")), raised);
    assert_int_equal(ask(f, "SELECT count(*) FROM command"), 1);
    jam(f, 30, 6); // the mean of the last ten minutes is above 50 still
    assert_int_equal(ask(f, "SELECT count(*) " OF_RULE("jam")), 0);
    assert_int_equal(ask(f, "SELECT count(*) " OF_RULE("warm")), 1);
    assert_int_equal(f->g.alerts_open, 1);
}

// [edge-16]
static void the_alert_of_a_rule_that_is_no_more_is_cleared_by_reload_and_restart(void **state) {
    fixture *f = *state;
    jam(f, 90, 6);
    change_rules(f, "rules: {default: {warm: {when: 'mean(t, 10 m) > 50'}}}\n");
    assert_int_equal(ask(f, "SELECT count(*) " OF_RULE("jam")), 0);
    assert_int_equal(ask(f, "SELECT count(*) " OF_RULE("warm")), 1);
    sv_rules_drop(&f->g.config.rules);
    f->g.config.rules = sv_rules_default();
    restart(f);
    assert_int_equal(ask(f, "SELECT count(*) FROM open_alert"), 0);
    assert_int_equal(f->g.alerts_open, 0);
    assert_int_equal(ask(f, "SELECT count(*) FROM alert_post WHERE body LIKE '%\"cleared\"%'"), 2);
    change_rules(f, RULES);
    jam(f, 90, 6);
    assert_int_equal(f->g.alerts_open, 2);
}

// [edge-15]
static void an_alert_of_a_rule_is_acknowledged_like_others(void **state) {
    fixture *f = *state;
    jam(f, 90, 6);
    sv_alert alert = { .type = SV_ALERT_ANOMALY, .device_id = "press-1", .rule = "jam" };
    const sv_condition *condition = gw_guard_condition(&f->g, &alert);
    assert_non_null(condition);
    sv_writer_wait(f->g.writer);
    assert_int_equal(
        gw_alert_acknowledge(&f->g, sv_text_of(condition->alert_id), SV_TEXT("ana"), 1, 0),
        GW_EVENT_DONE);
    assert_true(condition->acknowledged);
    restart(f);
    assert_true(gw_guard_condition(&f->g, &alert)->acknowledged);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_rule_raises_one_alert_and_asks_for_its_command),
        TEST(nothing_of_a_rule_about_what_stays_leaves_the_site),
        TEST(an_alert_of_a_rule_and_what_it_remembers_outlive_a_restart),
        TEST(the_alert_of_a_rule_that_is_no_more_is_cleared_by_reload_and_restart),
        TEST(an_alert_of_a_rule_is_acknowledged_like_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
