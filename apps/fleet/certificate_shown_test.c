#include "certificate_shown.h"

#include "fleet_fixture.h"
#include "standing.h"

#define NOW INT64_C(1800000000000000)

static int setup(void **state) {
    fixture_now_us = NOW;
    return fixture_setup(state);
}

static void bind_device(fixture *f, const char *id) {
    sv_device *device = NULL;
    assert_int_equal(sv_registry_bind(f->fleet.registry, fixture_gateway(f, "gw-a"), sv_text_of(id),
                                      &device, NULL),
                     SV_OK);
}

static int64_t rows(fixture *f) {
    return fixture_count(f, "SELECT count(*) FROM certificate_shown");
}

static void decide(fixture *f, const char *id, sv_standing_state state) {
    const sv_standing_order order = {
        .id = sv_text_of(id), .state = state, .reason = "sold", .by = "ada"
    };
    sv_standing_change change;
    assert_int_equal(sv_standing_set(&f->fleet, &order, &change, NULL), SV_OK);
}

// [ddi-23]
static void what_was_shown_is_kept_until_long_after_its_end(void **state) {
    fixture *f = *state;
    static const char *const IDS[] = { "press-1", "stranger" }; // one that the registry knows
    bind_device(f, "press-1");
    for (size_t i = 0; i < SV_COUNT(IDS); i++) {
        assert_false(sv_certificate_was_shown(&f->fleet, IDS[i]));
        sv_certificate_shown_note(&f->fleet, IDS[i], NOW + 5);
        sv_certificate_shown_note(&f->fleet, IDS[i], NOW + SV_TIME_DAY_US); // renewed
        sv_certificate_shown_note(&f->fleet, IDS[i], NOW + 6);              // the old one again
        assert_true(sv_certificate_was_shown(&f->fleet, IDS[i]));
    }
    assert_int_equal(rows(f), 2);
    fixture_now_us = NOW + SV_TIME_DAY_US + SV_CERTIFICATE_SHOWN_US;
    sv_certificate_shown_turn(&f->fleet);
    assert_int_equal(rows(f), 2);
    fixture_now_us++;
    sv_certificate_shown_turn(&f->fleet);
    assert_int_equal(rows(f), 0);
    assert_false(sv_certificate_was_shown(&f->fleet, "press-1"));
    sv_certificate_shown_note(&f->fleet, "press-1", NOW + SV_TIME_DAY_US); // its clock is behind
    assert_true(sv_certificate_was_shown(&f->fleet, "press-1"));
}

/// Of rows from before it was kept the end is not known: they stay. [ddi-23]
static void what_ends_nobody_knows_when_stays(void **state) {
    fixture *f = *state;
    assert_int_equal(
        sv_db_exec(f->fleet.db, "INSERT INTO certificate_shown (device) VALUES ('press-1')", NULL),
        SV_OK);
    fixture_now_us = INT64_MAX / 2;
    sv_certificate_shown_turn(&f->fleet);
    assert_int_equal(rows(f), 1);
    sv_certificate_shown_note(&f->fleet, "press-1", NOW);
    sv_certificate_shown_turn(&f->fleet);
    assert_int_equal(rows(f), 0);
}

// [ddi-23]
static void who_is_retired_is_taken_out(void **state) {
    fixture *f = *state;
    bind_device(f, "press-1");
    bind_device(f, "press-2");
    sv_certificate_shown_note(&f->fleet, "press-1", NOW + SV_TIME_DAY_US);
    sv_certificate_shown_note(&f->fleet, "press-2", NOW + SV_TIME_DAY_US);
    decide(f, "press-1", SV_STANDING_REVOKED);
    sv_certificate_shown_turn(&f->fleet);
    assert_int_equal(rows(f), 2);
    decide(f, "press-1", SV_STANDING_RETIRED);
    sv_certificate_shown_turn(&f->fleet);
    assert_false(sv_certificate_was_shown(&f->fleet, "press-1"));
    assert_true(sv_certificate_was_shown(&f->fleet, "press-2"));
}

/// Attack: retired, and back before the next turn: no token speaks for it meanwhile. [ddi-23]
static void who_is_back_has_still_a_certificate(void **state) {
    fixture *f = *state;
    bind_device(f, "press-1");
    sv_certificate_shown_note(&f->fleet, "press-1", NOW + SV_TIME_DAY_US);
    assert_int_equal(sv_db_exec(f->fleet.db,
                                "INSERT INTO retired VALUES ('press-1'); DELETE FROM retired",
                                NULL),
                     SV_OK);
    sv_certificate_shown_turn(&f->fleet);
    assert_true(sv_certificate_was_shown(&f->fleet, "press-1"));
    sv_certificate_shown_note(&f->fleet, "press-1", NOW + SV_TIME_DAY_US);
    fixture_now_us = NOW + 2 * SV_TIME_DAY_US + SV_CERTIFICATE_SHOWN_US;
    sv_certificate_shown_turn(&f->fleet);
    assert_int_equal(rows(f), 0);
}

// [ddi-23]
static void a_turn_takes_out_a_slice(void **state) {
    fixture *f = *state;
    assert_int_equal(sv_db_exec(f->fleet.db,
                                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
                                " WHERE i < 1200) INSERT INTO certificate_shown SELECT i, 5 FROM n",
                                NULL),
                     SV_OK);
    static const int64_t LEFT[] = { 700, 200, 0, 0 };
    for (size_t i = 0; i < SV_COUNT(LEFT); i++) {
        sv_certificate_shown_turn(&f->fleet);
        assert_int_equal(rows(f), LEFT[i]);
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(what_was_shown_is_kept_until_long_after_its_end),
        TEST(what_ends_nobody_knows_when_stays),
        TEST(who_is_retired_is_taken_out),
        TEST(who_is_back_has_still_a_certificate),
        TEST(a_turn_takes_out_a_slice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
