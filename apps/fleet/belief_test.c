#include "belief.h"

#include "audit_log.h"
#include "enrol.h"
#include "fleet_fixture.h"

#include <sys/clock.h>

static int64_t in_2099(void) {
    return fixture_now_us + INT64_C(73) * 365 * SV_TIME_DAY_US;
}

static void add_token(fixture *f, const char *id, sv_enrol_grant *out) {
    sv_enrol_wish wish = { 0 };
    assert_int_equal(sv_text_copy(sv_text_of(id), wish.id, sizeof wish.id), SV_OK);
    assert_int_equal(sv_text_copy(SV_TEXT("north"), wish.site, sizeof wish.site), SV_OK);
    const sv_enrol_order order = { .wishes = &wish, .count = 1, .minutes = 60, .user = "ada" };
    assert_int_equal(sv_enrol_add(&f->fleet, &order, out, NULL), SV_OK);
}

// [clock-6]
static void a_clock_in_2099_throws_nothing_away_and_ends_no_token(void **state) {
    fixture *f = *state;
    sv_enrol_grant first;
    sv_enrol_grant second;
    int64_t cursor = 0;
    f->fleet.config.store.retention_us = 30 * SV_TIME_DAY_US;
    add_token(f, "press-1", &first);
    assert_int_equal(sv_enrol_withdraw(&f->fleet, SV_TEXT("press-1"), "ada", "", NULL), SV_OK);
    f->fleet.wall_us = in_2099;
    sv_fleet_prune(&f->fleet, &cursor);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM enrolment_token"), 1);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM event_log"), 3);
    add_token(f, "press-2", &second);
    assert_int_equal(second.expires_us, first.expires_us);
    // When it is believed, its time has come.
    f->fleet.believed_us = in_2099;
    sv_fleet_prune(&f->fleet, &cursor);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM enrolment_token"), 1);
}

// [clock-6]
static void what_was_believed_last_is_known_after_a_restart(void **state) {
    fixture *f = *state;
    sv_why why;
    assert_int_equal(sv_fleet_belief_resume(&f->fleet, &why), SV_OK); // nothing is known
    assert_int_equal(sv_clock_doubt_us(), 0);
    fixture_now_us = sv_clock_wall_us() - 90 * SV_TIME_DAY_US;
    sv_fleet_belief_turn(&f->fleet);
    sv_fleet_drop(&f->fleet);
    fixture_start(f);
    assert_int_equal(sv_fleet_belief_resume(&f->fleet, &why), SV_OK);
    assert_true(sv_clock_doubt_us() > 89 * SV_TIME_DAY_US);
    assert_true(sv_clock_believed_us() < fixture_now_us + SV_TIME_HOUR_US);
    // So is how long it has been doubted.
    sv_clock_resume(fixture_now_us, 0);
    sv_clock_carry(5 * SV_TIME_HOUR_US);
    fixture_now_us += SV_TIME_DAY_US;
    sv_fleet_belief_turn(&f->fleet);
    sv_fleet_drop(&f->fleet);
    fixture_start(f);
    assert_int_equal(sv_fleet_belief_resume(&f->fleet, &why), SV_OK);
    assert_true(sv_clock_doubted_for_us() >= 5 * SV_TIME_HOUR_US);
    sv_fleet_belief_turn(&f->fleet);
    // It is kept again and again.
    fixture_now_us += 100 * SV_TIME_DAY_US;
    sv_fleet_belief_turn(&f->fleet);
    assert_int_equal(fixture_count(f, "SELECT at_us FROM belief"), fixture_now_us);
    fixture_now_us += SV_BELIEF_KEEP_US;
    sv_fleet_belief_turn(&f->fleet);
    assert_int_equal(fixture_count(f, "SELECT at_us FROM belief"), fixture_now_us);
    sv_clock_resume(0, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_clock_in_2099_throws_nothing_away_and_ends_no_token,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(what_was_believed_last_is_known_after_a_restart,
                                        fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
