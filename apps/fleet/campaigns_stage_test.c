// Images that devices have before their window opens.
#include "campaigns_fixture.h"

#include <base/prng.h>
#include <string.h>

#define NIGHT "\"window\":{\"from\":\"22:00\",\"to\":\"04:00\",\"zone\":\"UTC\"},\"prestage\":true"
#define ALL_OF_THEM (NORTH + SOUTH)

/// It is 08:00 UTC, and all devices have our agent.
static int prepare(void **state) {
    assert_int_equal(campaigns_setup(state), 0);
    sql(*state, "UPDATE running SET client = 'selvedge-agent'");
    return 0;
}

static sv_action open_of(fixture *f, const char *device) {
    sv_action action;
    assert_int_equal(sv_actions_open_of(&f->fleet, device, &action, NULL), SV_OK);
    return action;
}

static bool has_any(fixture *f, const char *device) {
    sv_action action;
    return sv_actions_open_of(&f->fleet, device, &action, NULL) == SV_OK;
}

static sv_action_offer offer_of(fixture *f, const char *device) {
    sv_action action = open_of(f, device);
    return sv_actions_may_begin(&f->fleet, &action);
}

static const char *device_at(fixture *f, size_t i) {
    return sv_registry_device_at(f->fleet.registry, i)->id;
}

static size_t count_offers(fixture *f, sv_action_offer offer) {
    size_t count = 0;
    for (size_t i = 0; i < ALL_OF_THEM; i++) {
        count += has_any(f, device_at(f, i)) && offer_of(f, device_at(f, i)) == offer;
    }
    return count;
}

static void say_all(fixture *f, sv_action_said said) {
    for (size_t i = 0; i < ALL_OF_THEM; i++) {
        say(f, device_at(f, i), said);
    }
}

/// Who is ready is what a recount gives, and only who is planned has it ahead. [campaign-19]
static void check_ready(fixture *f, int64_t id) {
    check_counts(f, id);
    assert_int_equal(load(f, id).ready,
                     fixture_count(f, "SELECT count(*) FROM campaign_device WHERE staged = 2"));
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM campaign_device d LEFT JOIN action a"
                                      " ON a.id = d.action WHERE staged IN (1, 2) AND (place > 0"
                                      " OR a.state > 3 OR (a.state = 3) <> (staged = 2))"),
                     0);
}

static void what_is_there_ahead_starts_in_the_window_by_the_rules(void **state) { // [campaign-50]
    fixture *f = *state;
    char devices[ALL_OF_THEM + 8][SV_ID_ROOM];
    int64_t id = start(f, "{\"image\":\"" IMAGE "\"," ALL ",\"waves\":[{\"count\":3}],\"rate\":{"
                          "\"at_once\":2}," NIGHT "}");
    turn(f);
    turn(f);
    assert_int_equal(count_offers(f, SV_OFFER_AHEAD), ALL_OF_THEM); // of all waves
    say_all(f, SV_SAID_DOWNLOADING);
    check_ready(f, id);
    assert_int_equal(load(f, id).ready, 0);
    say_all(f, SV_SAID_VERIFIED);
    check_ready(f, id);
    sv_campaign_row row = load(f, id);
    assert_int_equal(row.ready, ALL_OF_THEM);
    assert_int_equal(sv_campaign_at_risk(&row.c), 0);
    assert_int_equal(sv_campaign_total(&row.c, SV_STAGE_PLANNED), ALL_OF_THEM);
    fixture_now_us += 14 * SV_TIME_HOUR_US;
    turn(f);
    check_ready(f, id);
    assert_int_equal(load(f, id).ready, ALL_OF_THEM - 2);
    assert_int_equal(count_offers(f, SV_OFFER_IN_WINDOW), 2); // at_once
    assert_int_equal(count_offers(f, SV_OFFER_AHEAD), ALL_OF_THEM - 2);
    assert_int_equal(assigned(f, id, devices), 2);
    confirm_all(f, id);
    turn(f);
    assert_int_equal(assigned(f, id, devices), 1); // of the first wave
    // Its turn has come, and the window closes before it has started: the next night.
    fixture_now_us += 7 * SV_TIME_HOUR_US;
    assert_int_equal(offer_of(f, devices[0]), SV_OFFER_AHEAD);
    fixture_now_us += 17 * SV_TIME_HOUR_US;
    assert_int_equal(offer_of(f, devices[0]), SV_OFFER_IN_WINDOW);
    for (int i = 0; i < TURNS_MAX && load(f, id).c.state != SV_CAMPAIGN_DONE; i++) {
        confirm_all(f, id);
        turn(f);
        check_ready(f, id);
    }
    assert_string_equal(load(f, id).c.why, "36 of 36 devices confirmed");
    assert_int_equal(load(f, id).ready, 0);
}

static void others_than_our_agent_have_nothing_ahead(void **state) { // [campaign-51]
    fixture *f = *state;
    sv_running said = { .product = "lathe", .version = "1.0", .at_us = fixture_now_us };
    sql(f, "UPDATE running SET client = 'swupdate' WHERE device IN ('n-00', 'n-01')");
    int64_t id = start(f, "{\"image\":\"" IMAGE "\"," ALL "," NIGHT "}");
    turn(f);
    turn(f);
    check_ready(f, id);
    assert_false(has_any(f, "n-00"));
    assert_false(has_any(f, "n-01"));
    assert_int_equal(offer_of(f, "n-02"), SV_OFFER_AHEAD);
    // n-00 gets our agent; n-02, which has it ahead, gets another one.
    (void) snprintf(said.client, sizeof said.client, "selvedge-agent");
    assert_int_equal(sv_running_store(&f->fleet, "n-00", &said, NULL), SV_OK);
    (void) snprintf(said.client, sizeof said.client, "swupdate");
    assert_int_equal(sv_running_store(&f->fleet, "n-02", &said, NULL), SV_OK);
    turn(f);
    assert_int_equal(offer_of(f, "n-00"), SV_OFFER_AHEAD);
    assert_int_equal(offer_of(f, "n-02"), SV_OFFER_LATER);
    assert_false(has_any(f, "n-01"));
    fixture_now_us += 14 * SV_TIME_HOUR_US;
    turn(f);
    check_ready(f, id);
    assert_int_equal(count_offers(f, SV_OFFER_IN_WINDOW), ALL_OF_THEM);
    // What others have begun goes on to its end, as everywhere.
    say(f, "n-01", SV_SAID_DOWNLOADING);
    fixture_now_us += 12 * SV_TIME_HOUR_US;
    assert_int_equal(offer_of(f, "n-01"), SV_OFFER_NOW);
    assert_int_equal(offer_of(f, "n-02"), SV_OFFER_LATER);
}

static void who_is_at_something_else_has_it_when_that_is_over(void **state) { // [campaign-51]
    fixture *f = *state;
    int64_t other = 0;
    const sv_action_order order = { .device =
                                        sv_registry_device(f->fleet.registry, SV_TEXT("n-05")),
                                    .path = SV_TEXT("lathe/1.0.9"),
                                    .version = SV_TEXT("1.0.9"),
                                    .user = "ann" };
    assert_int_equal(sv_actions_assign(&f->fleet, &order, &other, NULL), SV_OK);
    int64_t id = start(f, "{\"image\":\"" IMAGE "\"," ALL "," NIGHT "}");
    turn(f);
    turn(f);
    assert_int_equal(open_of(f, "n-05").id, other);
    assert_int_equal(count_offers(f, SV_OFFER_AHEAD), ALL_OF_THEM - 1);
    assert_int_equal(sv_actions_cancel(&f->fleet, other, "ann", NULL), SV_OK);
    turn(f);
    assert_int_equal(offer_of(f, "n-05"), SV_OFFER_AHEAD);
    check_ready(f, id);
}

/// Until its turn comes, whatever matters more: then it is taken over.
static void what_another_campaign_has_begun_goes_on(void **state) { // [campaign-34] [campaign-51]
    fixture *f = *state;
    sql(f, "INSERT INTO image (path, kind, product, version, hardware, length, sha256, complete,"
           " at_us) VALUES ('lathe/1.0.9', 'file', 'lathe', '1.0.9', '', 10, '', 1, 1)");
    int64_t other =
        start(f, "{\"image\":\"lathe/1.0.9\"," ALL ",\"rate\":{\"at_once\":1},\"priority\":1}");
    turn(f);
    turn(f);
    char devices[ALL_OF_THEM + 8][SV_ID_ROOM];
    assert_int_equal(assigned(f, other, devices), 1);
    int64_t begun = open_of(f, devices[0]).id;
    say(f, devices[0], SV_SAID_DOWNLOADING);
    int64_t id = start(f, "{\"image\":\"" IMAGE "\"," ALL ",\"priority\":7," NIGHT "}");
    turn(f);
    turn(f);
    assert_int_equal(open_of(f, devices[0]).id, begun);
    check_ready(f, id);
    fixture_now_us += 14 * SV_TIME_HOUR_US;
    turn(f);
    assert_int_equal(open_of(f, devices[0]).campaign, id);
}

/// They have it: no line is busy with them. [campaign-33] [campaign-50]
static void who_has_all_of_it_begins_without_regard_to_the_line(void **state) {
    fixture *f = *state;
    char devices[ALL_OF_THEM + 8][SV_ID_ROOM];
    int64_t id = start(f, "{\"image\":\"" IMAGE "\"," ALL ",\"rate\":{\"per_site\":2}," NIGHT "}");
    for (int i = 0; i < 3; i++) { // two of each site at a time
        turn(f);
        turn(f);
        for (size_t n = 0; n < ALL_OF_THEM; n++) {
            const char *device = device_at(f, n);
            if (has_any(f, device) && open_of(f, device).stand.state < SV_ACTION_VERIFIED) {
                say(f, device, SV_SAID_VERIFIED);
            }
        }
    }
    turn(f);
    int64_t ready = load(f, id).ready;
    assert_in_range(ready, 8, ALL_OF_THEM - 8);
    fixture_now_us += 14 * SV_TIME_HOUR_US;
    turn(f);
    check_ready(f, id);
    assert_int_equal(load(f, id).ready, 0);
    assert_in_range(assigned(f, id, devices), (size_t) ready, (size_t) ready + 4);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM action WHERE state < 3"), 4);
}

/// It costs no transaction. [campaign-50]
static void once_all_have_it_nothing_is_written(void **state) {
    fixture *f = *state;
    sv_campaign_entry *entry = NULL;
    bool more = false;
    int64_t id = start(f, "{\"image\":\"" IMAGE "\"," ALL "," NIGHT "}");
    turn(f);
    turn(f);
    say_all(f, SV_SAID_VERIFIED);
    assert_int_equal(sv_campaigns_entry(&f->fleet, id, &entry, NULL), SV_OK);
    assert_int_equal(sv_db_begin(f->fleet.db, NULL), SV_OK); // another would fail
    assert_int_equal(sv_campaign_stage(&f->fleet, entry, &more, NULL), SV_OK);
    assert_false(more);
    sv_db_rollback(f->fleet.db);
}

static void who_is_not_meant_any_more_loses_what_it_has_ahead(void **state) { // [campaign-38]
    fixture *f = *state;
    int64_t id = start(f, "{\"image\":\"" IMAGE "\"," ALL "," NIGHT "}");
    turn(f);
    turn(f);
    say_all(f, SV_SAID_VERIFIED);
    sql(f, "UPDATE running SET version = '1.1' WHERE device = 'n-07'");
    fixture_now_us += 14 * SV_TIME_HOUR_US;
    turn(f);
    check_ready(f, id);
    assert_false(has_any(f, "n-07"));
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM campaign_device WHERE place = 11 AND"
                                      " device = 'n-07' AND why = 'runs it already'"),
                     1);
}

static void paused_it_starts_nowhere_and_stopped_it_is_taken_back(void **state) { // [campaign-52]
    fixture *f = *state;
    int64_t id = start(f, "{\"image\":\"" IMAGE "\"," ALL "," NIGHT "}");
    turn(f);
    turn(f);
    say_all(f, SV_SAID_VERIFIED);
    assert_int_equal(do_it(f, id, SV_CAMPAIGN_DO_PAUSE, "bob", NULL), SV_OK);
    assert_int_equal(count_offers(f, SV_OFFER_LATER), ALL_OF_THEM);
    fixture_now_us += 14 * SV_TIME_HOUR_US;
    turn(f);
    assert_int_equal(count_offers(f, SV_OFFER_LATER), ALL_OF_THEM);
    assert_int_equal(do_it(f, id, SV_CAMPAIGN_DO_RESUME, "bob", NULL), SV_OK);
    assert_int_equal(count_offers(f, SV_OFFER_AHEAD), ALL_OF_THEM); // until its turn comes
    turn(f);
    assert_int_equal(count_offers(f, SV_OFFER_IN_WINDOW), ALL_OF_THEM);
    assert_int_equal(do_it(f, id, SV_CAMPAIGN_DO_PAUSE, "bob", NULL), SV_OK);
    assert_int_equal(count_offers(f, SV_OFFER_LATER), ALL_OF_THEM); // and nobody has armed it
    say(f, "n-00", SV_SAID_INSTALLED);
    assert_int_equal(do_it(f, id, SV_CAMPAIGN_DO_STOP, "bob", NULL), SV_OK);
    turn(f);
    check_ready(f, id);
    sv_campaign_row row = load(f, id);
    assert_int_equal(row.ready, 0);
    assert_int_equal(sv_campaign_total(&row.c, SV_STAGE_CANCELED), ALL_OF_THEM - 1);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM action WHERE state < 6"), 1);
}

static void stopped_before_the_window_it_is_taken_back_as_well(void **state) { // [campaign-52]
    fixture *f = *state;
    int64_t id = start(f, "{\"image\":\"" IMAGE "\"," ALL "," NIGHT "}");
    turn(f);
    turn(f);
    say(f, "n-00", SV_SAID_VERIFIED);
    assert_int_equal(do_it(f, id, SV_CAMPAIGN_DO_STOP, "bob", NULL), SV_OK);
    turn(f);
    turn(f);
    check_ready(f, id);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM action WHERE state < 6"), 0);
    assert_int_equal(load(f, id).closing, SV_CAMPAIGN_RESTS);
}

static void what_goes_wrong_ahead_counts(void **state) { // [campaign-52]
    fixture *f = *state;
    int64_t id =
        start(f, "{\"image\":\"" IMAGE "\"," ALL ",\"stop\":{\"failed\":{\"count\":1}}," NIGHT "}");
    turn(f);
    turn(f);
    say(f, "n-03", SV_SAID_VERIFIED);
    say(f, "n-03", SV_SAID_FAILURE);
    check_ready(f, id);
    assert_int_equal(load(f, id).c.state, SV_CAMPAIGN_PAUSED);
    assert_string_equal(load(f, id).c.why, "paused itself: 1 device failed, the rule stops at 1");
    assert_int_equal(do_it(f, id, SV_CAMPAIGN_DO_RETRY, "bob", NULL), SV_OK);
    turn(f);
    check_ready(f, id);
    assert_int_equal(offer_of(f, "n-03"), SV_OFFER_AHEAD);
}

static void a_line_bears_no_more_ahead_than_else(void **state) { // [campaign-33] [campaign-51]
    fixture *f = *state;
    int64_t id = start(f, "{\"image\":\"" IMAGE "\"," ALL ",\"rate\":{\"per_site\":4}," NIGHT "}");
    for (int i = 0; i < TURNS_MAX && load(f, id).ready < ALL_OF_THEM; i++) {
        turn(f);
        assert_in_range(fixture_count(f, "SELECT count(*) FROM campaign_device WHERE"
                                         " site = 'north' AND staged = 1"),
                        0, 4);
        for (size_t n = 0; n < ALL_OF_THEM; n++) {
            if (has_any(f, device_at(f, n))
                && open_of(f, device_at(f, n)).stand.state < SV_ACTION_VERIFIED) {
                say(f, device_at(f, n), SV_SAID_VERIFIED);
                break;
            }
        }
    }
    check_ready(f, id);
    assert_int_equal(load(f, id).ready, ALL_OF_THEM);
}

// ---- property -----------------------------------------------------------------------------------

/// As an agent does: it says no more than it may do.
static void speak(fixture *f, const char *device, sv_prng *prng) {
    sv_action_offer offer = offer_of(f, device);
    bool in_slot = open_of(f, device).stand.state >= SV_ACTION_INSTALLED;
    sv_action_said said =
        (sv_action_said) (SV_SAID_SEEN + sv_prng_next(prng) % (SV_SAID__COUNT - 1));
    if (said >= SV_SAID_FAILURE && sv_prng_next(prng) % 8 != 0) {
        said = SV_SAID_VERIFIED;
    }
    bool starts = said == SV_SAID_INSTALLED || said == SV_SAID_TRIAL || said == SV_SAID_SUCCESS
                  || said == SV_SAID_ROLLED_BACK;
    if (!in_slot && (offer == SV_OFFER_LATER || (offer == SV_OFFER_AHEAD && starts))) {
        return;
    }
    say(f, device, said);
    if (said == SV_SAID_SUCCESS) {
        runs(f, device, "1.1");
        sql(f, "UPDATE running SET client = 'selvedge-agent'");
    }
}

static bool is_night(void) {
    int64_t hour = fixture_now_us / SV_TIME_HOUR_US % 24;
    return hour >= 22 || hour < 4;
}

static void at_any_moment_nobody_starts_outside_of_the_window(void **state) { // [campaign-50]
    fixture *f = *state;
    sv_prng prng = { .state = 41 };
    int64_t id = start(f, "{\"image\":\"" IMAGE "\"," ALL ",\"waves\":[{\"count\":4}],\"stop\":{"
                          "\"any\":{\"count\":3}},\"rate\":{\"at_once\":7},\"success\":{"
                          "\"percent\":80}," NIGHT "}");
    bool was_ready = false;
    for (int i = 0; i < TURNS_MAX && load(f, id).c.state != SV_CAMPAIGN_DONE; i++) {
        if (sv_prng_next(&prng) % 20 == 0) {
            sv_fleet_drop(&f->fleet);
            fixture_start(f);
        }
        turn(f);
        check_ready(f, id);
        sv_campaign_row row = load(f, id);
        was_ready |= row.ready > 12;
        assert_in_range(sv_campaign_at_risk(&row.c), 0, 7);
        assert_true(is_night() || count_offers(f, SV_OFFER_IN_WINDOW) == 0);
        if (row.c.state == SV_CAMPAIGN_PAUSED) {
            assert_int_equal(do_it(f, id, SV_CAMPAIGN_DO_RESUME, "bob", NULL), SV_OK);
        }
        for (int n = 0; n < 4; n++) {
            const char *device = device_at(f, sv_prng_next(&prng) % ALL_OF_THEM);
            if (has_any(f, device)) {
                speak(f, device, &prng);
            }
        }
        fixture_now_us += (int64_t) (sv_prng_next(&prng) % 1200) * SV_TIME_SECOND_US;
        sv_actions_turn(&f->fleet);
    }
    assert_int_equal(load(f, id).c.state, SV_CAMPAIGN_DONE);
    assert_true(was_ready);
}

#define STAGE(fn) cmocka_unit_test_setup_teardown(fn, prepare, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        STAGE(what_is_there_ahead_starts_in_the_window_by_the_rules),
        STAGE(others_than_our_agent_have_nothing_ahead),
        STAGE(who_is_at_something_else_has_it_when_that_is_over),
        STAGE(what_another_campaign_has_begun_goes_on),
        STAGE(who_has_all_of_it_begins_without_regard_to_the_line),
        STAGE(once_all_have_it_nothing_is_written),
        STAGE(who_is_not_meant_any_more_loses_what_it_has_ahead),
        STAGE(paused_it_starts_nowhere_and_stopped_it_is_taken_back),
        STAGE(stopped_before_the_window_it_is_taken_back_as_well),
        STAGE(what_goes_wrong_ahead_counts),
        STAGE(a_line_bears_no_more_ahead_than_else),
        STAGE(at_any_moment_nobody_starts_outside_of_the_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
