// Who still counts at this gateway, and what becomes of what the others say.
#include "standing_fixture.h"
#include "standing_own.h"

static issuer fleet, stranger;

static int setup(void **state) {
    issuer_open(&fleet);
    issuer_open(&stranger);
    fleet.count = 0;
    stranger.count = 0;
    int failed =
        open_fixture(state, "thresholds: {default: {high: 80}}\nstanding: {max_age: 1h}\n");
    trust(*state, &fleet);
    return failed;
}

static int end(void **state) {
    fixture *f = *state;
    issuer_close(&fleet);
    issuer_close(&stranger);
    f->g.exit_code = -1; // as at its end: answers that come now are nobody's
    return teardown(state);
}

static void start_anew(fixture *f) {
    restart(f);
    gw_standing_start(&f->g);
}

// [standing-21]
static void what_continues_the_log_holds_at_once_and_after_a_restart(void **state) {
    fixture *f = *state;
    sv_why why = { 0 };
    assert_int_equal(judge(f, "press-1", 500, &why), SV_OK);
    decide(&fleet, "press-1", SV_STANDING_REVOKED, 1000);
    decide(&fleet, "press-2", SV_STANDING_QUARANTINED, 0);
    decide(&fleet, "press-3", SV_STANDING_ACTIVE, 1000);
    assert_int_equal(hear(f, &fleet), GW_PAGE_TAKEN);
    for (int restarted = 0; restarted < 2; restarted++) {
        assert_int_equal(judge(f, "press-1", 999, &why), SV_ERR_UNTRUSTED);
        assert_string_equal(why.text, "'press-1' is revoked (change 1)");
        assert_int_equal(judge(f, "press-1", 1000, &why), SV_OK);
        assert_int_equal(judge(f, "press-2", 0, &why), SV_OK);
        assert_true(gw_standing_is_quarantined(&f->g, SV_TEXT("press-2")));
        assert_int_equal(judge(f, "press-3", 1, &why), SV_ERR_UNTRUSTED);
        assert_string_equal(why.text, "this certificate of 'press-3' counts no longer: there is a "
                                      "newer one (change 3)");
        start_anew(f);
    }
    decide(&fleet, "press-2", SV_STANDING_ACTIVE, 0);
    assert_int_equal(hear(f, &fleet), GW_PAGE_TAKEN);
    assert_false(gw_standing_is_quarantined(&f->g, SV_TEXT("press-2")));
}

static void assert_unmoved(fixture *f, gw_page_end end, uint64_t times) {
    sv_why why = { 0 };
    assert_int_equal(f->g.standing.version, 2);
    assert_int_equal(f->g.standing.ends[end], times);
    assert_int_equal(judge(f, "press-1", 0, &why), SV_ERR_UNTRUSTED);
    assert_int_equal(judge(f, "press-9", 0, &why), SV_OK);
}

static int64_t alarms(fixture *f) {
    return ask(f, "SELECT count(*) FROM open_alert WHERE device = 'gw-1' AND rule = 'standing'");
}

// [standing-21]
static void what_was_tampered_with_changes_nothing_and_is_an_alarm(void **state) {
    fixture *f = *state;
    decide(&fleet, "press-1", SV_STANDING_REVOKED, 1000);
    decide(&fleet, "press-2", SV_STANDING_REVOKED, 1000);
    decide(&fleet, "press-9", SV_STANDING_REVOKED, 1000);
    const sv_standing_page first = page_of(&fleet, 0, 2, 0);
    assert_int_equal(take_page(f, &first), GW_PAGE_TAKEN);
    assert_int_equal(alarms(f), 0);
    // Unsigned, signed by somebody else, and with another line than was signed.
    sv_standing_page page = page_of(&fleet, 2, 3, 0);
    page.head.signature[page.head.signature_bytes / 2] ^= 1;
    assert_int_equal(take_page(f, &page), GW_PAGE_FALSE);
    for (int i = 0; i < 3; i++) {
        decide(&stranger, fleet.changes[i].id, SV_STANDING_REVOKED, 1000);
    }
    page = page_of(&stranger, 2, 3, 0);
    assert_int_equal(take_page(f, &page), GW_PAGE_FALSE);
    page = page_of(&fleet, 2, 3, 0);
    sv_standing_change other = fleet.changes[2];
    other.before_us = 0;
    page.changes = &other;
    assert_int_equal(take_page(f, &page), GW_PAGE_FALSE);
    assert_unmoved(f, GW_PAGE_FALSE, 3);
    assert_int_equal(alarms(f), 1);
    // What is true is taken all the same; the alarm is over when no more lies come.
    assert_int_equal(hear(f, &fleet), GW_PAGE_TAKEN);
    gw_standing_calm(&f->g, sv_clock_monotonic_us());
    assert_int_equal(alarms(f), 1);
    assert_int_equal(f->g.raised, 1);
    gw_standing_calm(&f->g, sv_clock_monotonic_us() + 2 * GW_STANDING_CALM_US);
    assert_int_equal(alarms(f), 0);
}

// [standing-21]
static void what_was_had_before_is_known_and_what_is_missing_is_asked_for(void **state) {
    fixture *f = *state;
    for (int i = 0; i < 4; i++) {
        decide(&fleet, i < 2 ? "press-1" : "press-8", SV_STANDING_REVOKED, 1000);
    }
    sv_standing_page old = page_of(&fleet, 0, 1, SV_TIME_MINUTE_US);
    sv_standing_page page = page_of(&fleet, 0, 2, 0);
    assert_int_equal(take_page(f, &page), GW_PAGE_TAKEN);
    f->g.standing.wanted = false;
    assert_int_equal(take_page(f, &page), GW_PAGE_KNOWN);
    assert_int_equal(take_page(f, &old), GW_PAGE_KNOWN);
    assert_false(f->g.standing.wanted);
    sv_standing_page later = page_of(&fleet, 3, 4, 0);
    assert_int_equal(take_page(f, &later), GW_PAGE_GAP);
    assert_true(f->g.standing.wanted);
    assert_unmoved(f, GW_PAGE_GAP, 1);
    assert_int_equal(alarms(f), 0);
}

// [standing-21]
static void a_log_that_goes_back_or_has_another_past_is_not_believed(void **state) {
    fixture *f = *state;
    decide(&fleet, "press-1", SV_STANDING_REVOKED, 1000);
    decide(&fleet, "press-2", SV_STANDING_REVOKED, 1000);
    const sv_standing_page page = page_of(&fleet, 0, 2, SV_TIME_MINUTE_US);
    assert_int_equal(take_page(f, &page), GW_PAGE_TAKEN);
    const sv_standing_page rewound = page_of(&fleet, 0, 1, 0);
    assert_int_equal(take_page(f, &rewound), GW_PAGE_REWOUND);
    assert_int_equal(alarms(f), 1);
    fleet.changes[1].state = SV_STANDING_ACTIVE;
    const sv_standing_page forked = page_of(&fleet, 0, 2, 0);
    assert_int_equal(take_page(f, &forked), GW_PAGE_REWOUND);
    assert_unmoved(f, GW_PAGE_REWOUND, 2);
}

static int64_t count_of_age(fixture *f) {
    return ask(f, "SELECT count(*) FROM open_alert WHERE rule = 'standing-age'");
}

// [standing-25]
static void an_old_log_goes_on_for_who_was_met_and_for_nobody_else(void **state) {
    fixture *f = *state;
    sv_why why = { 0 };
    gw_standing_turn(&f->g);
    assert_int_equal(judge(f, "met", 5, &why), SV_OK);
    assert_int_equal(count_of_age(f), 0); // nothing was ever heard
    decide(&fleet, "press-1", SV_STANDING_REVOKED, 1000);
    const sv_standing_page old = page_of(&fleet, 0, 1, 2 * SV_TIME_HOUR_US);
    assert_int_equal(take_page(f, &old), GW_PAGE_TAKEN);
    for (int restarted = 0; restarted < 2; restarted++) {
        gw_standing_turn(&f->g);
        gw_standing_turn(&f->g);
        assert_int_equal(count_of_age(f), 1);
        assert_int_equal(judge(f, "met", 5, &why), SV_OK);
        assert_int_equal(judge(f, "press-1", 5, &why), SV_ERR_UNTRUSTED);
        assert_int_equal(judge(f, "new", 5, &why), SV_ERR_UNTRUSTED);
        assert_string_equal(why.text, "'new' was never seen here, and who counts was last heard 2 "
                                      "h ago (standing: max_age)");
        start_anew(f);
    }
    const sv_standing_page head = page_of(&fleet, 1, 1, 0);
    assert_int_equal(take_page(f, &head), GW_PAGE_KNOWN);
    assert_int_equal(count_of_age(f), 0);
    assert_int_equal(judge(f, "new", 5, &why), SV_OK);
}

// [standing-25]
static void a_log_that_is_signed_for_a_later_time_ages_all_the_same(void **state) {
    fixture *f = *state;
    const int64_t ahead_us = 365 * SV_TIME_DAY_US;
    decide(&fleet, "press-1", SV_STANDING_REVOKED, 1000);
    const sv_standing_page late = page_of(&fleet, 0, 1, -ahead_us);
    assert_int_equal(take_page(f, &late), GW_PAGE_TAKEN);
    assert_true(f->g.standing.at_us <= sv_clock_wall_us());
    const sv_standing_page later = page_of(&fleet, 1, 1, -2 * ahead_us);
    assert_int_equal(take_page(f, &later), GW_PAGE_KNOWN);
    assert_true(f->g.standing.at_us <= sv_clock_wall_us());
    assert_true(sv_clock_believed_us() < sv_clock_wall_us() + SV_TIME_SECOND_US);
}

// [clock-3]
static void a_start_does_not_begin_a_doubt_anew(void **state) {
    fixture *f = *state;
    sv_clock_resume(0, sv_clock_wall_us()
                           + INT64_C(20) * 365 * SV_TIME_DAY_US); // it was believed once
    gw_store_availability(&f->g);
    sv_clock_resume(sv_clock_wall_us() - 90 * SV_TIME_DAY_US, 0);
    sv_clock_carry(5 * SV_TIME_HOUR_US);
    gw_store_availability(&f->g);
    for (int restarted = 0; restarted < 2; restarted++) {
        start_anew(f);
        assert_true(sv_clock_doubt_us() > 89 * SV_TIME_DAY_US);
        assert_true(sv_clock_doubted_for_us() >= 5 * SV_TIME_HOUR_US);
        assert_true(gw_now_us() < sv_clock_wall_us() - 89 * SV_TIME_DAY_US);
        gw_store_availability(&f->g);
    }
    sv_clock_resume(0, 0);
    gw_store_availability(&f->g);
    start_anew(f);
    assert_int_equal(sv_clock_doubted_for_us(), 0);
}

// [standing-23]
static void what_a_quarantined_device_measures_is_set_aside(void **state) {
    fixture *f = *state;
    say(f, "press-1", "e", 1, 3, 20);
    decide(&fleet, "press-1", SV_STANDING_QUARANTINED, 0);
    assert_int_equal(hear(f, &fleet), GW_PAGE_TAKEN);
    int64_t outbox = ask(f, "SELECT count(*) FROM outbox");
    say(f, "press-1", "e", 2, 2, 99);
    say(f, "press-2", "e", 1, 2, 20);
    assert_int_equal(ask(f, "SELECT count(*) FROM kept"), 2);
    assert_int_equal(ask(f, "SELECT count(*) FROM open_alert"), 0);
    assert_int_equal(ask(f, "SELECT count(*) FROM aside WHERE device = 'press-1' AND sensor = 't' "
                            "AND payload LIKE '{\"value\":99,%'"),
                     1);
    assert_int_equal(ask(f, "SELECT count(*) FROM outbox"), outbox + 1);
    assert_true(gw_stream_of(&f->g, SV_TEXT("press-1"), SV_TEXT("t"))->last.value == 20);
    decide(&fleet, "press-1", SV_STANDING_ACTIVE, 0);
    assert_int_equal(hear(f, &fleet), GW_PAGE_TAKEN);
    say(f, "press-1", "e", 3, 1, 99);
    assert_int_equal(ask(f, "SELECT count(*) FROM kept"), 3);
    assert_int_equal(ask(f, "SELECT count(*) FROM open_alert"), 0); // the average is 59.5
}

// [standing-23]
static void a_quarantined_devices_health_is_heard_and_raises_nothing(void **state) {
    static const char SICK[] =
        "{\"status\":\"warning\",\"alerts\":[{\"level\":\"warning\",\"message\":\"High CPU "
        "usage\"}],\"metrics\":{\"device_id\":\"press-1\",\"timestamp\":\"2026-11-22T06:15:04\","
        "\"cpu_usage\":95,\"memory_usage\":1,\"disk_usage\":1,\"network\":{\"bytes_sent\":1,"
        "\"bytes_recv\":1},\"temperature\":null}}";
    fixture *f = *state;
    decide(&fleet, "press-1", SV_STANDING_QUARANTINED, 0);
    assert_int_equal(hear(f, &fleet), GW_PAGE_TAKEN);
    (void) gw_ingest_message(&f->g, SV_TEXT("health/press-1"), sv_text_of(SICK));
    assert_non_null(gw_device_of(&f->g, SV_TEXT("press-1"))->report);
    assert_int_equal(ask(f, "SELECT count(*) FROM open_alert"), 0);
    decide(&fleet, "press-1", SV_STANDING_ACTIVE, 0);
    assert_int_equal(hear(f, &fleet), GW_PAGE_TAKEN);
    (void) gw_ingest_message(&f->g, SV_TEXT("health/press-1"), sv_text_of(SICK));
    assert_int_equal(ask(f, "SELECT count(*) FROM open_alert"), 1);
}

// [standing-23]
static void what_is_set_aside_is_bounded_and_the_oldest_go(void **state) {
    fixture *f = *state;
    char room[GW_ASIDE_PAYLOAD_MAX + 1];
    memset(room, 'x', sizeof room);
    sv_text large = { .at = room, .len = GW_ASIDE_PAYLOAD_MAX };
    for (int i = 0; i < GW_ASIDE_ROWS_MAX + 10; i++) {
        gw_aside_take(&f->g, SV_TEXT("sensors/many/t"),
                      (sv_text){ .at = room, .len = 1 + (size_t) i % 7 });
    }
    for (int i = 0; i < 70; i++) {
        gw_aside_take(&f->g, SV_TEXT("sensors/large/t"), large);
    }
    gw_aside_take(&f->g, SV_TEXT("sensors/large/t"), (sv_text){ .at = room, .len = sizeof room });
    for (int restarted = 0; restarted < 2; restarted++) {
        const gw_aside_of *many = sv_map_get(f->g.aside.of, SV_TEXT("many"));
        const gw_aside_of *of = sv_map_get(f->g.aside.of, SV_TEXT("large"));
        assert_int_equal(many->rows, GW_ASIDE_ROWS_MAX);
        assert_int_equal(many->dropped, 10);
        assert_int_equal(of->rows, GW_ASIDE_BYTES_MAX / (GW_ASIDE_PAYLOAD_MAX + 15));
        assert_int_equal(of->bytes, of->rows * (GW_ASIDE_PAYLOAD_MAX + 15));
        assert_int_equal(of->dropped, 70 - of->rows + 1);
        assert_int_equal(ask(f, "SELECT count(*) FROM aside"), f->g.aside.rows);
        assert_int_equal(f->g.aside.rows, many->rows + of->rows);
        assert_int_equal(ask(f, "SELECT sum(length(device) + length(sensor) + 9 + length(payload)) "
                                "FROM aside"),
                         f->g.aside.bytes);
        start_anew(f);
    }
    assert_int_equal(ask(f, "SELECT min(n) FROM aside WHERE device = 'many'"), 11);
    gw_aside_forget(&f->g, "many");
    assert_int_equal(ask(f, "SELECT count(*) FROM aside"), f->g.aside.rows);
    assert_null(sv_map_get(f->g.aside.of, SV_TEXT("many")));
}

// [standing-24]
static void behind_a_broker_what_a_revoked_id_says_is_dropped_and_counted(void **state) {
    fixture *f = *state;
    decide(&fleet, "press-1", SV_STANDING_REVOKED, 1000);
    decide(&fleet, "press-2", SV_STANDING_RETIRED, 1000);
    assert_int_equal(hear(f, &fleet), GW_PAGE_TAKEN);
    assert_false(f->g.config.own_door);
    say(f, "press-1", "e", 1, 1, 20);
    (void) gw_ingest_message(&f->g, SV_TEXT("presence/press-2"), SV_TEXT("{\"online\":true}"));
    say(f, "press-3", "e", 1, 1, 20);
    assert_int_equal(ask(f, "SELECT count(*) FROM kept"), 1);
    assert_int_equal(f->g.devices_online, 0);
    assert_int_equal(f->g.standing.dropped, 2);
}

static int64_t clones(fixture *f) {
    return ask(f, "SELECT count(*) FROM open_alert WHERE rule = 'clone' AND device = 'press-1'");
}

// [standing-28]
static void what_is_quarantined_here_stays_until_somebody_decides(void **state) {
    fixture *f = *state;
    sv_why why = { 0 };
    assert_true(gw_standing_hold(&f->g, "press-1", "192.0.2.7, 192.0.2.8"));
    gw_notice_raise(&f->g, GW_NOTICE_CLONE, "press-1", "twice");
    assert_true(gw_standing_hold(&f->g, "press-1", "elsewhere"));
    for (int restarted = 0; restarted < 2; restarted++) {
        assert_true(gw_standing_is_quarantined(&f->g, SV_TEXT("press-1")));
        assert_int_equal(ask(f, "SELECT count(*) FROM held WHERE places LIKE '%192.0.2.8'"), 1);
        assert_int_equal(clones(f), 1);
        start_anew(f);
    }
    assert_int_equal(gw_standing_release(&f->g, SV_TEXT("press-2"), "ann", &why), SV_ERR_NOT_FOUND);
    assert_int_equal(gw_standing_release(&f->g, SV_TEXT("press-1"), "ann", &why), SV_OK);
    assert_false(gw_standing_is_quarantined(&f->g, SV_TEXT("press-1")));
    assert_int_equal(clones(f), 0);
    // The fleet server's word replaces this gateway's own.
    assert_true(gw_standing_hold(&f->g, "press-1", "a, b"));
    gw_notice_raise(&f->g, GW_NOTICE_CLONE, "press-1", "twice");
    decide(&fleet, "press-1", SV_STANDING_QUARANTINED, 0);
    assert_int_equal(hear(f, &fleet), GW_PAGE_TAKEN);
    assert_int_equal(ask(f, "SELECT count(*) FROM held"), 0);
    assert_int_equal(gw_standing_release(&f->g, SV_TEXT("press-1"), "ann", &why), SV_ERR_STATE);
    assert_int_equal(clones(f), 1);
    decide(&fleet, "press-1", SV_STANDING_ACTIVE, 0);
    assert_int_equal(hear(f, &fleet), GW_PAGE_TAKEN);
    assert_false(gw_standing_is_quarantined(&f->g, SV_TEXT("press-1")));
    assert_int_equal(clones(f), 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, end)
    const struct CMUnitTest tests[] = {
        TEST(what_continues_the_log_holds_at_once_and_after_a_restart),
        TEST(what_was_tampered_with_changes_nothing_and_is_an_alarm),
        TEST(what_was_had_before_is_known_and_what_is_missing_is_asked_for),
        TEST(a_log_that_goes_back_or_has_another_past_is_not_believed),
        TEST(an_old_log_goes_on_for_who_was_met_and_for_nobody_else),
        TEST(a_log_that_is_signed_for_a_later_time_ages_all_the_same),
        TEST(a_start_does_not_begin_a_doubt_anew),
        TEST(what_a_quarantined_device_measures_is_set_aside),
        TEST(a_quarantined_devices_health_is_heard_and_raises_nothing),
        TEST(what_is_set_aside_is_bounded_and_the_oldest_go),
        TEST(behind_a_broker_what_a_revoked_id_says_is_dropped_and_counted),
        TEST(what_is_quarantined_here_stays_until_somebody_decides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
