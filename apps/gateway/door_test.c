// Who may be at the front door, and for how long.
#include "door_fixture.h"

static issuer site;
static visitor press_1, press_2, mes;

static const char CONFIG[] = "apps: {mes: ['presence/#', 'sensors/#', 'health/#']}\n";

static int make(void **state) {
    (void) state;
    issuer_open(&site);
    issue_device(&site, "press-1", SV_ROLE_DEVICE);
    issue_device(&site, "press-2", SV_ROLE_DEVICE);
    issue_device(&site, "mes", SV_ROLE_APP);
    return 0;
}

static int drop(void **state) {
    (void) state;
    issuer_close(&site);
    return 0;
}

static int setup(void **state) {
    site.count = 0;
    int failed = open_fixture(state, CONFIG);
    open_door(*state, &site);
    visitor_in(*state, &site, "press-1", &press_1);
    visitor_in(*state, &site, "press-2", &press_2);
    visitor_in(*state, &site, "mes", &mes);
    assert_int_equal(sv_mqtt_client_subscribe(mes.mqtt, SV_TEXT("#"), 0), SV_OK);
    assert_int_equal(sv_mqtt_client_subscribe(mes.mqtt, SV_TEXT("sensors/#"), 1), SV_OK);
    assert_int_equal(sv_mqtt_client_subscribe(mes.mqtt, SV_TEXT("presence/#"), 1), SV_OK);
    assert_int_equal(sv_mqtt_client_subscribe(mes.mqtt, SV_TEXT("health/#"), 1), SV_OK);
    TURN_UNTIL((fixture *) *state, mes.refused == 1);
    return failed;
}

static int end(void **state) {
    visitor_drop(&press_1);
    visitor_drop(&press_2);
    visitor_drop(&mes);
    close_door(*state);
    return teardown(state);
}

static int64_t far_us(void) {
    return sv_clock_wall_us() + SV_TIME_DAY_US;
}

static sv_mqtt_server_counts counts(const fixture *f) {
    return sv_mqtt_server_count(f->g.door);
}

// [standing-22]
static void who_is_revoked_is_out_at_once_and_does_not_come_back(void **state) {
    fixture *f = *state;
    visitor_say(&press_1, "presence/press-1", "{\"online\":true}", true, 1);
    TURN_UNTIL(f, press_1.acknowledged == 1);
    TURN_UNTIL(f, mes.heard == 1);
    assert_int_equal(f->g.devices_online, 1);
    decide(&site, "press-1", SV_STANDING_REVOKED, far_us());
    assert_int_equal(hear(f, &site), GW_PAGE_TAKEN);
    // Before the loop turns: its session has ended, and it is said to be offline.
    assert_int_equal(counts(f).broker.clients, 2);
    assert_int_equal(counts(f).broker.events[SV_BROKER_EXPELLED], 1);
    assert_int_equal(f->g.devices_online, 0);
    assert_int_equal(f->g.standing.ended, 1);
    TURN_UNTIL(f, press_1.downs == 1 && mes.heard == 2);
    assert_string_equal(mes.last_topic, "presence/press-1");
    TURN_UNTIL(f, counts(f).tls.refused >= 1); // it tries again
    assert_int_equal(press_1.ups, 1);
    assert_true(f->g.standing.turned_away >= 1);
    assert_int_equal(press_2.downs, 0);
    visitor_say(&press_2, "health/press-2", "{}", false, 2);
    TURN_UNTIL(f, press_2.acknowledged == 2);
    // A certificate that is newer than the revocation would count.
    decide(&site, "press-1", SV_STANDING_ACTIVE, 1);
    assert_int_equal(hear(f, &site), GW_PAGE_TAKEN);
    TURN_UNTIL(f, press_1.ups == 2);
}

// [standing-23]
static void what_a_quarantined_device_measures_goes_nowhere_else(void **state) {
    fixture *f = *state;
    decide(&site, "press-1", SV_STANDING_QUARANTINED, 0);
    assert_int_equal(hear(f, &site), GW_PAGE_TAKEN);
    visitor_say(&press_1, "sensors/press-1/oil", "{\"value\":1}", false, 1);
    visitor_say(&press_1, "health/press-1", "{}", false, 2);
    TURN_UNTIL(f, press_1.acknowledged == 2);
    TURN_UNTIL(f, mes.heard == 1);
    assert_string_equal(mes.last_topic, "health/press-1");
    assert_int_equal(ask(f, "SELECT count(*) FROM aside WHERE device = 'press-1'"), 1);
    assert_int_equal(press_1.downs, 0);
    decide(&site, "press-1", SV_STANDING_ACTIVE, 0);
    assert_int_equal(hear(f, &site), GW_PAGE_TAKEN);
    visitor_say(&press_1, "sensors/press-1/oil", "{\"value\":1}", false, 3);
    TURN_UNTIL(f, press_1.acknowledged == 3 && mes.heard == 2);
    assert_int_equal(ask(f, "SELECT count(*) FROM aside"), 1);
}

// [standing-26]
static void of_who_is_retired_nothing_is_left(void **state) {
    fixture *f = *state;
    visitor_say(&press_1, "presence/press-1", "{\"online\":true}", true, 1);
    visitor_say(&press_2, "presence/press-2", "{\"online\":true}", true, 1);
    TURN_UNTIL(f, press_1.acknowledged == 1 && press_2.acknowledged == 1);
    gw_aside_take(&f->g, SV_TEXT("sensors/press-1/t"), SV_TEXT("1"));
    assert_int_equal(counts(f).broker.retained, 2);
    assert_int_equal(counts(f).broker.sessions, 3);
    decide(&site, "press-1", SV_STANDING_RETIRED, far_us());
    assert_int_equal(hear(f, &site), GW_PAGE_TAKEN);
    assert_int_equal(counts(f).broker.sessions, 2);
    assert_int_equal(counts(f).broker.retained, 1);
    assert_int_equal(f->g.devices_online, 1);
    assert_int_equal(ask(f, "SELECT count(*) FROM mqtt WHERE CAST (key AS TEXT) LIKE '%press-1%'"),
                     0);
    assert_int_equal(ask(f, "SELECT count(*) FROM aside"), 0);
    TURN_UNTIL(f, press_1.downs == 1);
    assert_int_equal(press_2.downs, 0);
}

// [standing-22]
static void many_changes_at_once_cost_no_look_at_everybody(void **state) {
    fixture *f = *state;
    char id[32];
    for (int i = 0; i < SV_STANDING_LINES_MAX; i++) {
        (void) snprintf(id, sizeof id, "gone-%d", i);
        decide(&site, id, SV_STANDING_REVOKED, far_us());
    }
    decide(&site, "press-2", SV_STANDING_REVOKED, far_us());
    const sv_standing_page first = page_of(&site, 0, SV_STANDING_LINES_MAX, 0);
    assert_int_equal(take_page(f, &first), GW_PAGE_TAKEN);
    assert_int_equal(counts(f).broker.clients, 3);
    assert_int_equal(hear(f, &site), GW_PAGE_TAKEN);
    assert_int_equal(counts(f).broker.clients, 2);
    assert_int_equal(ask(f, "SELECT count(*) FROM standing"), SV_STANDING_LINES_MAX + 1);
}

static int64_t clone_alerts(fixture *f) {
    return ask(f, "SELECT count(*) FROM open_alert WHERE device = 'press-1' AND rule = 'clone' AND "
                  "message LIKE 'Its key is used at the same time from 127.0.0.1, twice%'");
}

// [standing-27] [standing-28]
static void a_cloned_key_is_seen_and_quarantined(void **state) {
    fixture *f = *state;
    visitor clone;
    int64_t began_us = sv_clock_monotonic_us();
    visitor_open(f, &site, "press-1", &clone);
    TURN_UNTIL(f, f->g.clones_found == 1);
    assert_true(sv_clock_monotonic_us() - began_us < 5 * SV_TIME_SECOND_US);
    assert_true(gw_standing_is_quarantined(&f->g, SV_TEXT("press-1")));
    assert_false(gw_standing_is_quarantined(&f->g, SV_TEXT("press-2")));
    assert_int_equal(clone_alerts(f), 1);
    assert_int_equal(ask(f, "SELECT count(*) FROM held WHERE places = '127.0.0.1'"), 1);
    // They go on, and nothing new is told.
    int ups = press_1.ups + clone.ups;
    TURN_UNTIL(f, press_1.ups + clone.ups > ups + 3);
    assert_int_equal(f->g.clones_found, 1);
    assert_int_equal(press_2.downs, 0);
    visitor_drop(&clone);
}

// [standing-27]
static void who_takes_its_session_for_a_moment_is_no_clone(void **state) {
    fixture *f = *state;
    for (int i = 0; i < 5; i++) {
        visitor moment;
        int ups = press_1.ups;
        visitor_in(f, &site, "press-1", &moment);
        visitor_drop(&moment);
        TURN_UNTIL(f, press_1.ups == ups + 1);
    }
    assert_int_equal(f->g.clones_found, 0);
    assert_int_equal(counts(f).broker.events[SV_BROKER_TAKEN_OVER], 5);
}

// [standing-29]
static void who_asks_for_what_it_may_not_is_one_alert(void **state) {
    fixture *f = *state;
    for (int i = 0; i < GW_DENIALS_MANY - 1; i++) {
        visitor_say(&press_1, "sensors/press-2/oil", "{\"value\":1}", false, (uint64_t) i + 1);
    }
    TURN_UNTIL(f, press_1.acknowledged == GW_DENIALS_MANY - 1);
    assert_int_equal(ask(f, "SELECT count(*) FROM open_alert"), 0);
    assert_int_equal(ask(f, "SELECT count(*) FROM kept"), 0);
    for (int i = 0; i < 50; i++) {
        visitor_say(&press_1, "sensors/press-2/oil", "{\"value\":1}", false, 100);
    }
    TURN_UNTIL(f, gw_denials_of(&f->g, SV_TEXT("press-1")) == GW_DENIALS_MANY + 49);
    assert_int_equal(ask(f, "SELECT count(*) FROM open_alert WHERE device = 'press-1' AND rule = "
                            "'denied' AND type = 7"),
                     1);
    assert_int_equal(f->g.raised, 1);
    assert_int_equal(gw_denials_of(&f->g, SV_TEXT("press-2")), 0);
    int64_t now_us = sv_clock_monotonic_us();
    gw_denials_sweep(&f->g, now_us + GW_DENIALS_CALM_US / 2);
    assert_int_equal(ask(f, "SELECT count(*) FROM open_alert"), 1);
    gw_denials_sweep(&f->g, now_us + 2 * GW_DENIALS_CALM_US);
    assert_int_equal(ask(f, "SELECT count(*) FROM open_alert"), 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, end)
    const struct CMUnitTest tests[] = {
        TEST(who_is_revoked_is_out_at_once_and_does_not_come_back),
        TEST(what_a_quarantined_device_measures_goes_nowhere_else),
        TEST(of_who_is_retired_nothing_is_left),
        TEST(a_cloned_key_is_seen_and_quarantined),
        TEST(who_takes_its_session_for_a_moment_is_no_clone),
        TEST(who_asks_for_what_it_may_not_is_one_alert),
        TEST(many_changes_at_once_cost_no_look_at_everybody),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
