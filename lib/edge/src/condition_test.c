#include <base/prng.h>
#include <base/test.h>
#include <base/time.h>
#include <edge/condition.h>

static const sv_flapping NONE = { .raises = 0 };
static const sv_finding BROKEN = { .broken = true, .less_worse = true };
static const sv_finding KEPT = { .kept = true, .less_worse = true };
static const sv_finding BETWEEN = { .less_worse = true };
static const sv_finding WORSE = { .broken = true, .worse = true };

static sv_turn at(sv_condition *c, const sv_life *life, sv_finding finding, int64_t second) {
    return sv_condition_judge(c, life, NONE, finding, false, second * SV_TIME_SECOND_US);
}

// [edge-3]
static void a_step_back_of_the_clock_starts_a_wait_anew_and_never_lengthens_it(void **state) {
    (void) state;
    const sv_life life = { .hold_us = 30 * SV_TIME_SECOND_US, .clear_us = 30 * SV_TIME_SECOND_US };
    sv_condition c;
    sv_condition_start(&c);
    assert_int_equal(at(&c, &life, BROKEN, 10000).event, SV_ALERT_NONE);
    assert_int_equal(at(&c, &life, BROKEN, 6400).event, SV_ALERT_NONE);
    assert_int_equal(at(&c, &life, BROKEN, 6429).event, SV_ALERT_NONE);
    assert_int_equal(at(&c, &life, BROKEN, 6430).event, SV_ALERT_RAISED);
    assert_int_equal(at(&c, &life, KEPT, 9000).event, SV_ALERT_UPDATED);
    assert_int_equal(at(&c, &life, KEPT, 100).event, SV_ALERT_UPDATED);
    assert_int_equal(at(&c, &life, KEPT, 130).event, SV_ALERT_CLEARED);
}

// [edge-11]
static void beyond_the_critical_level_an_alert_is_critical_until_well_below_it(void **state) {
    (void) state;
    const sv_life life = { .severity = SV_SEVERITY_WARNING };
    sv_condition c;
    sv_condition_start(&c);
    assert_int_equal(at(&c, &life, BROKEN, 1).event, SV_ALERT_RAISED);
    assert_int_equal(c.severity, SV_SEVERITY_WARNING);
    sv_turn turn = at(&c, &life, WORSE, 2);
    assert_int_equal(turn.event, SV_ALERT_UPDATED);
    assert_true(turn.news);
    assert_int_equal(c.severity, SV_SEVERITY_CRITICAL);
    // Between the critical level and its hysteresis nothing changes.
    turn = at(&c, &life, (sv_finding){ .broken = true }, 3);
    assert_false(turn.news);
    assert_int_equal(c.severity, SV_SEVERITY_CRITICAL);
    turn = at(&c, &life, BROKEN, 4);
    assert_true(turn.news);
    assert_int_equal(c.severity, SV_SEVERITY_WARNING);
}

// [edge-11]
static void an_alert_may_begin_critical_and_the_level_has_its_hold(void **state) {
    (void) state;
    sv_life life = { .severity = SV_SEVERITY_WARNING };
    sv_condition c;
    sv_condition_start(&c);
    assert_int_equal(at(&c, &life, WORSE, 1).event, SV_ALERT_RAISED);
    assert_int_equal(c.severity, SV_SEVERITY_CRITICAL);
    sv_condition_start(&c);
    life.hold_us = 10 * SV_TIME_SECOND_US;
    assert_int_equal(at(&c, &life, BROKEN, 0).event, SV_ALERT_NONE);
    assert_int_equal(at(&c, &life, WORSE, 10).event, SV_ALERT_RAISED);
    assert_int_equal(c.severity, SV_SEVERITY_WARNING);
    assert_false(at(&c, &life, WORSE, 19).news);
    assert_true(at(&c, &life, WORSE, 20).news);
    assert_int_equal(c.severity, SV_SEVERITY_CRITICAL);
    sv_condition_start(&c);
    (void) at(&c, &life, WORSE, 0);
    assert_int_equal(at(&c, &life, WORSE, 10).event, SV_ALERT_RAISED);
    assert_int_equal(c.severity, SV_SEVERITY_CRITICAL);
}

// [edge-12]
static void what_nobody_acknowledges_becomes_critical_and_stays_so(void **state) {
    (void) state;
    const sv_life life = { .severity = SV_SEVERITY_WARNING,
                           .escalate_us = 600 * SV_TIME_SECOND_US };
    sv_condition c;
    sv_condition_start(&c);
    (void) at(&c, &life, BROKEN, 1000);
    assert_int_equal(sv_condition_tick(&c, &life, 1599 * SV_TIME_SECOND_US).event, SV_ALERT_NONE);
    sv_turn turn = sv_condition_tick(&c, &life, 1600 * SV_TIME_SECOND_US);
    assert_int_equal(turn.event, SV_ALERT_UPDATED);
    assert_true(turn.news);
    assert_int_equal(c.severity, SV_SEVERITY_CRITICAL);
    assert_int_equal(sv_condition_tick(&c, &life, 1700 * SV_TIME_SECOND_US).event, SV_ALERT_NONE);
    assert_false(at(&c, &life, BROKEN, 1800).news);
    assert_int_equal(c.severity, SV_SEVERITY_CRITICAL);
    assert_int_equal(at(&c, &life, KEPT, 1801).event, SV_ALERT_CLEARED);
    (void) at(&c, &life, BROKEN, 2000);
    assert_int_equal(c.severity, SV_SEVERITY_WARNING);
    c.acknowledged = true;
    assert_int_equal(sv_condition_tick(&c, &life, 9000 * SV_TIME_SECOND_US).event, SV_ALERT_NONE);
    assert_int_equal(c.severity, SV_SEVERITY_WARNING);
}

// [edge-9]
static void a_cause_that_flaps_has_one_alert_until_it_is_calm(void **state) {
    (void) state;
    const sv_life life = { .severity = SV_SEVERITY_WARNING };
    const sv_flapping flapping = { .raises = 3, .within_us = 600 * SV_TIME_SECOND_US };
    sv_condition c;
    sv_condition_start(&c);
    int raised = 0;
    int cleared = 0;
    int64_t second = 0;
    for (; second < 2000; second += 10) {
        sv_finding finding = second % 20 == 0 ? BROKEN : KEPT;
        sv_turn turn =
            sv_condition_judge(&c, &life, flapping, finding, false, second * SV_TIME_SECOND_US);
        raised += turn.event == SV_ALERT_RAISED;
        cleared += turn.event == SV_ALERT_CLEARED;
    }
    assert_int_equal(raised, 3);
    assert_int_equal(cleared, 2);
    assert_true(c.open && c.flapping);
    int64_t calm_from = second;
    for (; c.open; second += 10) {
        (void) sv_condition_judge(&c, &life, flapping, KEPT, false, second * SV_TIME_SECOND_US);
    }
    // The last broken one was ten seconds before `calm_from` - 10.
    assert_in_range(second - calm_from, 580, 600);
    assert_false(c.flapping);
    // Calm again: the next one is an alert like any other.
    assert_int_equal(
        sv_condition_judge(&c, &life, flapping, BROKEN, false, second * SV_TIME_SECOND_US).event,
        SV_ALERT_RAISED);
    assert_false(c.flapping);
}

// [edge-10]
static void nothing_is_raised_while_it_is_quiet_and_what_is_open_ends_as_ever(void **state) {
    (void) state;
    const sv_life life = { .hold_us = 10 * SV_TIME_SECOND_US };
    sv_condition c;
    sv_condition_start(&c);
    for (int64_t second = 0; second < 100; second++) {
        assert_int_equal(
            sv_condition_judge(&c, &life, NONE, BROKEN, true, second * SV_TIME_SECOND_US).event,
            SV_ALERT_NONE);
    }
    // Still broken when the quiet ends: raised at once, it has been held.
    assert_int_equal(at(&c, &life, BROKEN, 100).event, SV_ALERT_RAISED);
    assert_int_equal(sv_condition_judge(&c, &life, NONE, KEPT, true, 101 * SV_TIME_SECOND_US).event,
                     SV_ALERT_CLEARED);
}

// [edge-3] [edge-9] [edge-10] [edge-11] [edge-12]
static void whatever_happens_the_life_of_an_alert_is_in_order(void **state) {
    (void) state;
    sv_prng prng = { .state = 7 };
    for (int round = 0; round < 300; round++) {
        const sv_life life = { .hold_us = (int64_t) (sv_prng_next(&prng) % 5) * SV_TIME_SECOND_US,
                               .clear_us = (int64_t) (sv_prng_next(&prng) % 5) * SV_TIME_SECOND_US,
                               .escalate_us =
                                   (int64_t) (sv_prng_next(&prng) % 50) * SV_TIME_SECOND_US,
                               .severity = (sv_severity) (sv_prng_next(&prng) % 3) };
        const sv_flapping flapping = { .raises = (unsigned) (sv_prng_next(&prng) % 5),
                                       .within_us = 20 * SV_TIME_SECOND_US };
        const sv_finding FINDINGS[] = { BROKEN, KEPT, BETWEEN, WORSE };
        sv_condition c;
        sv_condition_start(&c);
        bool open = false;
        int64_t now_us = 0;
        for (int i = 0; i < 1000; i++) {
            uint64_t dice = sv_prng_next(&prng);
            now_us += dice % 97 == 0 ? -SV_TIME_HOUR_US : (int64_t) (dice % 3) * SV_TIME_SECOND_US;
            bool quiet = (dice >> 8) % 5 == 0;
            sv_turn turn =
                sv_condition_judge(&c, &life, flapping, FINDINGS[(dice >> 16) % 4], quiet, now_us);
            assert_int_equal(turn.event == SV_ALERT_RAISED, !open && c.open);
            assert_int_equal(turn.event == SV_ALERT_CLEARED, open && !c.open);
            assert_int_equal(turn.event == SV_ALERT_UPDATED, open && c.open);
            assert_false(turn.event == SV_ALERT_RAISED && quiet);
            assert_true(!c.open || c.severity >= life.severity);
            open = c.open;
            sv_severity before = c.severity;
            sv_turn tick = sv_condition_tick(&c, &life, now_us);
            assert_int_equal(tick.news, open && c.severity != before);
            assert_int_equal(c.open, open);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_back_of_the_clock_starts_a_wait_anew_and_never_lengthens_it),
        cmocka_unit_test(beyond_the_critical_level_an_alert_is_critical_until_well_below_it),
        cmocka_unit_test(an_alert_may_begin_critical_and_the_level_has_its_hold),
        cmocka_unit_test(what_nobody_acknowledges_becomes_critical_and_stays_so),
        cmocka_unit_test(a_cause_that_flaps_has_one_alert_until_it_is_calm),
        cmocka_unit_test(nothing_is_raised_while_it_is_quiet_and_what_is_open_ends_as_ever),
        cmocka_unit_test(whatever_happens_the_life_of_an_alert_is_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
