// Silence in virtual time.
#include "fleet_fixture.h"

#include "maintenance.h"
#include "offline.h"
#include "uplink.h"

#include <string.h>

enum { AFTER_S = 300, HEARD_S = 15, BODY_ROOM = 64 * 1024 };

/// A second of the server, in which the gateway is heard or not.
static void second(fixture *f, const char *gateway, const char *devices) {
    static char body[BODY_ROOM];
    char answer[SV_UPLINK_ANSWER_MAX];
    fixture_now_us += SV_TIME_SECOND_US;
    if (gateway != NULL) {
        sv_textbuf out = { .at = answer, .cap = sizeof answer };
        (void) snprintf(body, sizeof body, "{\"gateway\":{},\"devices\":[%s]}", devices);
        assert_int_equal(
            sv_uplink_health(&f->fleet, fixture_gateway(f, gateway), sv_text_of(body), &out, NULL),
            SV_OK);
    }
    sv_fleet_judge(&f->fleet);
    sv_offline_turn(&f->fleet);
}

static void seconds(fixture *f, int count, const char *gateway, const char *devices) {
    for (int i = 0; i < count; i++) {
        second(f, gateway, devices);
    }
}

#define PRESENT "{\"device_id\":\"press-1\",\"online\":true,\"since\":1,\"last_seen\":1}"
#define ABSENT "{\"device_id\":\"press-1\",\"online\":false,\"since\":2,\"last_seen\":1}"

static int64_t open_alerts(fixture *f) {
    return fixture_count(f, "SELECT count(*) FROM alert WHERE type = 'OFFLINE' AND state < 2"
                            " AND site = 'north'");
}

/// [offline-1]
static void a_device_that_is_silent_has_an_alert_until_it_returns(void **state) {
    fixture *f = *state;
    seconds(f, 2, "gw-a", PRESENT);
    seconds(f, AFTER_S - 1, "gw-a", ABSENT);
    assert_int_equal(open_alerts(f), 0);
    seconds(f, 2, "gw-a", ABSENT);
    assert_int_equal(open_alerts(f), 1);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM alert WHERE device = 'press-1'"
                                      " AND severity = 'warning' AND rule = ''"
                                      " AND message = 'No sign of life for 5m'"),
                     1);
    seconds(f, 3 * AFTER_S, "gw-a", ABSENT);
    assert_int_equal(open_alerts(f), 1); // one, however long
    second(f, "gw-a", PRESENT);
    assert_int_equal(open_alerts(f), 0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM alert WHERE state = 2"
                                      " AND message = 'No sign of life for 5m'"),
                     1);
    seconds(f, AFTER_S + 2, "gw-a", ABSENT);
    assert_int_equal(open_alerts(f), 1); // it begins again
}

/// [offline-1]
static void a_device_without_presence_lives_by_what_was_last_seen(void **state) {
    fixture *f = *state;
    char devices[256];
    for (int i = 0; i < 3 * AFTER_S; i++) {
        int64_t seen_us = fixture_now_us - i % 200 * SV_TIME_SECOND_US; // something every 200 s
        (void) snprintf(
            devices, sizeof devices,
            "{\"device_id\":\"press-1\",\"online\":false,\"since\":1,\"last_seen\":%lld}",
            (long long) seen_us);
        second(f, "gw-a", devices);
    }
    assert_int_equal(open_alerts(f), 0);
    seconds(f, AFTER_S + 2, "gw-a", devices);
    assert_int_equal(open_alerts(f), 1);
    (void) snprintf(devices, sizeof devices,
                    "{\"device_id\":\"press-1\",\"online\":false,\"since\":1,\"last_seen\":%lld}",
                    (long long) fixture_now_us);
    second(f, "gw-a", devices);
    assert_int_equal(open_alerts(f), 0);
}

/// One alert, not one per device. [offline-2]
static void a_gateway_that_is_not_heard_speaks_for_its_devices(void **state) {
    fixture *f = *state;
    static char present[BODY_ROOM / 2];
    static char absent[BODY_ROOM / 2];
    size_t at = 0;
    size_t away = 0;
    for (int i = 0; i < 200; i++) {
        at += (size_t) snprintf(present + at, sizeof present - at,
                                "%s{\"device_id\":\"press-%d\",\"online\":true,\"last_seen\":1}",
                                i > 0 ? "," : "", i);
        away += (size_t) snprintf(absent + away, sizeof absent - away,
                                  "%s{\"device_id\":\"press-%d\",\"online\":false,\"last_seen\":1}",
                                  i > 0 ? "," : "", i);
    }
    seconds(f, 2, "gw-a", present);
    seconds(f, HEARD_S + AFTER_S + 5, NULL, NULL);
    assert_int_equal(open_alerts(f), 1);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM alert WHERE device = 'gw-a' AND"
                                      " severity = 'critical' AND rule = 'gateway' AND message ="
                                      " 'The gateway has not been heard for 5m; how its devices are"
                                      " is not known'"),
                     1);
    seconds(f, 4 * AFTER_S, NULL, NULL);
    assert_int_equal(open_alerts(f), 1);
    // It returns, and its devices need a moment until they are back.
    seconds(f, AFTER_S - 5, "gw-a", absent);
    assert_int_equal(open_alerts(f), 0);
    seconds(f, 2 * AFTER_S, "gw-a", present);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM alert WHERE site = 'north'"), 1);
}

/// [offline-2]
static void a_short_outage_is_no_alert(void **state) {
    fixture *f = *state;
    seconds(f, 2, "gw-a", PRESENT);
    for (int i = 0; i < 5; i++) {
        seconds(f, AFTER_S - 5, NULL, NULL);
        seconds(f, AFTER_S / 2, "gw-a", ABSENT);
    }
    assert_int_equal(open_alerts(f), 0);
}

/// [offline-2]
static void a_restart_of_the_server_keeps_alerts_and_invents_none(void **state) {
    fixture *f = *state;
    seconds(f, 2, "gw-a", PRESENT);
    seconds(f, AFTER_S + 2, "gw-a", ABSENT);
    assert_int_equal(open_alerts(f), 1);
    sv_fleet_drop(&f->fleet);
    fixture_start(f);
    seconds(f, AFTER_S - 5, NULL, NULL);
    assert_int_equal(open_alerts(f), 1);
    seconds(f, AFTER_S + 10, "gw-a", ABSENT);
    assert_int_equal(open_alerts(f), 1);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM alert WHERE site = 'north'"), 1);
    second(f, "gw-a", PRESENT);
    assert_int_equal(open_alerts(f), 0);
}

static void who_was_never_there_is_not_missed(void **state) {
    fixture *f = *state;
    seconds(f, 2 * AFTER_S, "gw-a", "{\"device_id\":\"press-1\",\"online\":false}");
    assert_int_equal(open_alerts(f), 0);
}

/// [offline-1]
static void silence_is_judged_by_the_first_rule_that_fits(void **state) {
    fixture *f = *state;
    sv_offline_config *config = &f->fleet.config.offline;
    config->rules = sv_mem_array(1, sizeof *config->rules);
    config->rule_count = 1;
    (void) snprintf(config->rules[0].devices.list[0], SV_ID_ROOM, "press-*");
    config->rules[0].devices.count = 1;
    seconds(f, 2, "gw-a", PRESENT);
    seconds(f, 3 * AFTER_S, "gw-a", ABSENT);
    assert_int_equal(open_alerts(f), 0); // never
    config->rules[0].after_us = 10 * SV_TIME_SECOND_US;
    second(f, "gw-a", ABSENT);
    assert_int_equal(open_alerts(f), 1);
}

/// More than a turn takes: the others follow.
static void many_at_once_follow_in_turns(void **state) {
    fixture *f = *state;
    enum { MANY = SV_OFFLINE_A_TURN + 100 };
    static char present[MANY * 80];
    static char body[MANY * 80 + 64];
    char answer[SV_UPLINK_ANSWER_MAX];
    for (int online = 1; online >= 0; online--) {
        size_t at = 0;
        for (int i = 0; i < MANY; i++) {
            at += (size_t) snprintf(present + at, sizeof present - at,
                                    "%s{\"device_id\":\"m-%d\",\"online\":%s,\"last_seen\":1}",
                                    i > 0 ? "," : "", i, online == 1 ? "true" : "false");
        }
        sv_textbuf out = { .at = answer, .cap = sizeof answer };
        (void) snprintf(body, sizeof body, "{\"gateway\":{},\"devices\":[%s]}", present);
        assert_int_equal(
            sv_uplink_health(&f->fleet, fixture_gateway(f, "gw-a"), sv_text_of(body), &out, NULL),
            SV_OK);
        second(f, "gw-a", "");
    }
    seconds(f, AFTER_S - 1, "gw-a", "");
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM alert"), SV_OFFLINE_A_TURN);
    second(f, "gw-a", "");
    assert_int_equal(open_alerts(f), MANY);
}

/// [maintenance-1]
static void who_is_worked_on_may_be_silent_and_is_missed_when_that_ends(void **state) {
    fixture *f = *state;
    seconds(f, 2, "gw-a", PRESENT);
    const sv_maintained press = {
        .site = fixture_gateway(f, "gw-a")->site,
        .device = sv_registry_device(f->fleet.registry, SV_TEXT("press-1")),
    };
    const sv_maintained site = { .site = press.site };
    assert_int_equal(sv_maintenance_begin(&f->fleet, press, 9L * AFTER_S, "ada", SV_TEXT(""), NULL),
                     SV_OK);
    seconds(f, 3 * AFTER_S, "gw-a", ABSENT);
    assert_int_equal(open_alerts(f), 0);
    assert_int_equal(sv_maintenance_end(&f->fleet, press, "ada", NULL), SV_OK);
    second(f, "gw-a", ABSENT);
    assert_int_equal(open_alerts(f), 1);
    // What is open is cleared as ever; with all of a site its gateways may go as well.
    assert_int_equal(sv_maintenance_begin(&f->fleet, site, 9L * AFTER_S, "ada", SV_TEXT(""), NULL),
                     SV_OK);
    second(f, "gw-a", PRESENT);
    seconds(f, 3 * AFTER_S, NULL, NULL);
    assert_int_equal(open_alerts(f), 0);
    assert_int_equal(sv_maintenance_end(&f->fleet, site, "ada", NULL), SV_OK);
    second(f, NULL, NULL);
    assert_int_equal(open_alerts(f), 1);
}

/// Twenty thousand in a second, the others in the next. [offline-3]
static void a_large_fleet_is_looked_at_in_turns(void **state) {
    fixture *f = *state;
    sv_device *last = NULL;
    for (int i = 0; i <= SV_OFFLINE_LOOKED_AT; i++) {
        char id[16];
        (void) snprintf(id, sizeof id, "n-%05d", i);
        assert_int_equal(
            sv_registry_admit(f->fleet.registry, sv_text_of(id), SV_TEXT("north"), 1, &last, NULL),
            SV_OK);
    }
    last->last_seen_us = 1;
    last->said_online = true;
    seconds(f, 2, "gw-a", "");
    assert_true(last->online);
    last->said_online = false;
    last->online = false;
    seconds(f, 2, "gw-a", "");
    fixture_now_us += (AFTER_S - 6) * SV_TIME_SECOND_US;
    seconds(f, 2, "gw-a", "");
    assert_int_equal(open_alerts(f), 0);
    seconds(f, 4, "gw-a", "");
    assert_int_equal(open_alerts(f), 1);
    last->online = true;
    seconds(f, 2, "gw-a", "");
    assert_int_equal(open_alerts(f), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_device_that_is_silent_has_an_alert_until_it_returns),
        TEST(a_device_without_presence_lives_by_what_was_last_seen),
        TEST(a_gateway_that_is_not_heard_speaks_for_its_devices),
        TEST(a_short_outage_is_no_alert),
        TEST(a_restart_of_the_server_keeps_alerts_and_invents_none),
        TEST(who_was_never_there_is_not_missed),
        TEST(silence_is_judged_by_the_first_rule_that_fits),
        TEST(many_at_once_follow_in_turns),
        TEST(who_is_worked_on_may_be_silent_and_is_missed_when_that_ends),
        TEST(a_large_fleet_is_looked_at_in_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
