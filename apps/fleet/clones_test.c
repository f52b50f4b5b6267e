#include "clones.h"

#include "fleet_fixture.h"
#include "standing.h"
#include "uplink.h"

#include <sys/log.h>

/// Gateway `id` says that press-1 is online there and was heard at `seen_us`.
static void says(fixture *f, const char *id, bool online, int64_t seen_us) {
    char body[256];
    char room[256];
    sv_textbuf answer = SV_TEXTBUF(room);
    sv_why why = { 0 };
    (void) snprintf(body, sizeof body,
                    "{\"gateway\":{},\"devices\":[{\"device_id\":\"press-1\",\"online\":%s,"
                    "\"since\":1,\"last_seen\":%lld}]}",
                    online ? "true" : "false", (long long) seen_us);
    if (sv_uplink_health(&f->fleet, fixture_gateway(f, id), sv_text_of(body), &answer, &why)
        != SV_OK) {
        fail_msg("%s", why.text);
    }
    fixture_now_us += SV_TIME_SECOND_US;
}

static sv_standing_state state_of(fixture *f) {
    return sv_standing_of(f->fleet.standing, SV_TEXT("press-1")).state;
}

static int64_t open_alerts(fixture *f) {
    return fixture_count(f, "SELECT count(*) FROM alert WHERE device = 'press-1' AND site = 'north'"
                            " AND type = 'SECURITY' AND severity = 'critical' AND state < 2");
}

static int64_t past_alerts(fixture *f) {
    return fixture_count(f, "SELECT count(*) FROM alert WHERE device = 'press-1' AND state = 2");
}

// ---- seen here ----------------------------------------------------------------------------------

static void
one_id_that_is_heard_at_two_gateways_in_turns_is_quarantined_within_five_seconds(void **state) {
    fixture *f = *state; // [standing-12]
    says(f, "gw-a", true, 100);
    int64_t began_us = fixture_now_us;
    for (int64_t seen = 0; state_of(f) == SV_STANDING_ACTIVE && seen < 10; seen++) {
        says(f, seen % 2 == 0 ? "gw-b" : "gw-a", true, 1000 + seen);
    }
    assert_int_equal(state_of(f), SV_STANDING_QUARANTINED);
    assert_true(fixture_now_us - began_us <= 5 * SV_TIME_SECOND_US);
    assert_int_equal(open_alerts(f), 1);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM standing WHERE reason LIKE"
                                      " '%at once: gw-a, gw-b%'"),
                     1);
    for (int64_t seen = 0; seen < 10; seen++) { // it goes on, and is one thing
        says(f, seen % 2 == 0 ? "gw-a" : "gw-b", true, 2000 + seen);
    }
    assert_int_equal(open_alerts(f), 1);
}

static void moving_from_one_gateway_to_another_raises_nothing(void **state) { // [standing-12]
    fixture *f = *state;
    for (int64_t round = 0; round < 10; round++) { // it says goodbye
        const char *here = round % 2 == 0 ? "gw-a" : "gw-b";
        for (int64_t beat = 1; beat <= 5; beat++) {
            says(f, here, true, 1000 * round + beat);
        }
        says(f, here, false, 1000 * round + 6);
    }
    assert_int_equal(state_of(f), SV_STANDING_ACTIVE);
    for (int64_t round = 0; round < 10; round++) { // it says goodbye when it is there already
        const char *here = round % 2 == 0 ? "gw-a" : "gw-b";
        const char *there = round % 2 == 0 ? "gw-b" : "gw-a";
        says(f, here, true, 10000 + 10 * round);
        says(f, there, true, 10000 + 10 * round + 1);
        says(f, here, true, 10000 + 10 * round + 2);
        says(f, here, false, 10000 + 10 * round + 3);
    }
    assert_int_equal(state_of(f), SV_STANDING_ACTIVE);
    // It does not: the gateway that it left calls it online until its keep-alive is over, tells so
    // with everything after a reconnect, but hears nothing more.
    says(f, "gw-a", true, 20000);
    for (int64_t beat = 1; beat <= 30; beat++) {
        says(f, "gw-b", true, 20000 + beat);
        says(f, "gw-a", true, 20000);
    }
    assert_int_equal(state_of(f), SV_STANDING_ACTIVE);
    // And back again, as suddenly.
    for (int64_t beat = 1; beat <= 30; beat++) {
        says(f, "gw-a", true, 21000 + beat);
        says(f, "gw-b", true, 20030);
    }
    assert_int_equal(state_of(f), SV_STANDING_ACTIVE);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM alert"), 0);
}

static void two_gateways_that_share_an_id_are_told_to_look_closely_once(void **state) {
    fixture *f = *state; // [standing-12]
    says(f, "gw-a", true, 100);
    says(f, "gw-b", true, 200);
    says(f, "gw-b", true, 300);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM push WHERE name = 'watch' AND data ="
                                      " '{\"device\":\"press-1\"}'"),
                     2);
}

static void a_gateway_that_is_not_heard_any_more_has_nobody(void **state) {
    fixture *f = *state;
    says(f, "gw-a", true, 100);
    fixture_now_us += SV_FLEET_HEARD_US + SV_TIME_SECOND_US;
    for (int64_t beat = 1; beat <= 5; beat++) {
        says(f, "gw-b", true, 200 + beat);
    }
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM push WHERE name = 'watch'"), 0);
    assert_int_equal(state_of(f), SV_STANDING_ACTIVE);
}

// ---- seen by a gateway --------------------------------------------------------------------------

static sv_err report(fixture *f, const char *gateway, const char *body, sv_why *why) {
    char room[64];
    sv_textbuf answer = SV_TEXTBUF(room);
    *why = (sv_why){ 0 };
    return sv_clones_take(&f->fleet, fixture_gateway(f, gateway), sv_text_of(body), &answer, why);
}

#define CLONE                                                                                      \
    "{\"id\":\"press-1\",\"at\":1800000000000,\"places\":[\"192.0.2.7:50123\",\"198.51.100.4:"     \
    "443\"]}"

static void what_a_gateway_reports_is_quarantined_and_raised_once(void **state) { // [standing-12]
    fixture *f = *state;
    sv_why why;
    says(f, "gw-a", true, 100);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(report(f, "gw-a", CLONE, &why), SV_OK);
        assert_int_equal(state_of(f), SV_STANDING_QUARANTINED);
        assert_int_equal(sv_standing_version(f->fleet.standing), 1);
        assert_int_equal(open_alerts(f), 1);
    }
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM event_log WHERE what ="
                                      " 'standing.quarantine' AND who = 'gw-a'"),
                     1);
}

static void what_was_raised_is_over_when_somebody_has_decided(void **state) { // [standing-12]
    fixture *f = *state;
    static const sv_standing_state ENDS[] = { SV_STANDING_ACTIVE, SV_STANDING_REVOKED };
    says(f, "gw-a", true, 100);
    for (size_t i = 0; i < SV_COUNT(ENDS); i++) {
        sv_why why;
        sv_standing_change change;
        assert_int_equal(report(f, "gw-a", CLONE, &why), SV_OK);
        assert_int_equal(open_alerts(f), 1);
        const sv_standing_order order = { .id = SV_TEXT("press-1"), .state = ENDS[i], .by = "ada" };
        assert_int_equal(sv_standing_set(&f->fleet, &order, &change, NULL), SV_OK);
        assert_int_equal(open_alerts(f), 0);
        assert_int_equal(past_alerts(f), (int64_t) i + 1);
    }
}

static void
a_gateway_reports_devices_of_its_site_alone_and_what_is_no_report_is_refused(void **state) {
    fixture *f = *state; // [standing-12]
    static const struct {
        const char *gateway, *body, *says;
    } CASES[] = {
        { "gw-b", CLONE, "no device of site south" },
        { "gw-a", "{\"id\":\"press-9\",\"places\":[\"a\"]}", "no device of site north" },
        { "gw-a", "{\"id\":\"gw-b\",\"places\":[\"a\"]}", "no device of site north" },
        { "gw-a", "{\"id\":\"a/b\",\"places\":[\"a\"]}", "a/b" },
        { "gw-a", "{\"places\":[\"a\"]}", "id is missing" },
        { "gw-a", "{\"id\":\"press-1\"}", "places" },
        { "gw-a", "{\"id\":\"press-1\",\"places\":[]}", "places" },
        { "gw-a", "{\"id\":\"press-1\",\"places\":[7]}", "places[0]" },
        { "gw-a", "{\"id\":\"press-1\",\"places\":[\"a\",\"\"]}", "places[1]" },
        { "gw-a", "[]", "id is missing" },
        { "gw-a", "{", "" },
    };
    says(f, "gw-a", true, 100);
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_why why;
        assert_int_equal(report(f, CASES[i].gateway, CASES[i].body, &why), SV_ERR_INVALID);
        if (strstr(why.text, CASES[i].says) == NULL) {
            fail_msg("'%s' does not say '%s'", why.text, CASES[i].says);
        }
    }
    assert_int_equal(sv_standing_version(f->fleet.standing), 0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM alert"), 0);
}

static int setup(void **state) {
    sv_log_open("test", SV_LOG_error);
    fixture_now_us = INT64_C(1800000000000000);
    return fixture_setup(state);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(one_id_that_is_heard_at_two_gateways_in_turns_is_quarantined_within_five_seconds),
        TEST(moving_from_one_gateway_to_another_raises_nothing),
        TEST(two_gateways_that_share_an_id_are_told_to_look_closely_once),
        TEST(a_gateway_that_is_not_heard_any_more_has_nobody),
        TEST(what_a_gateway_reports_is_quarantined_and_raised_once),
        TEST(what_was_raised_is_over_when_somebody_has_decided),
        TEST(a_gateway_reports_devices_of_its_site_alone_and_what_is_no_report_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
