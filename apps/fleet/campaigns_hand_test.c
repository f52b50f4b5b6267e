// Handing out: whose turn it is, and who is not meant any more.
#include "campaigns_fixture.h"

#include <base/prng.h>
#include <string.h>

static void outside_of_the_window_nobody_begins(void **state) { // [campaign-21]
    fixture *f = *state;
    char devices[NORTH + SOUTH + 8][SV_ID_ROOM];
    sv_action action;
    // It is 08:00 UTC, which is 13:30 in Kolkata: there it is open.
    sql(f, "UPDATE running SET timezone = 'Asia/Kolkata' WHERE device = 'n-03'");
    int64_t id = start(f, "{\"image\":\"" IMAGE "\"," ALL ",\"window\":{\"from\":\"13:00\",\"to\":"
                          "\"14:00\"}}");
    turn(f);
    turn(f);
    assert_int_equal(assigned(f, id, devices), 1);
    assert_string_equal(devices[0], "n-03");
    assert_int_equal(sv_actions_open_of(&f->fleet, "n-03", &action, NULL), SV_OK);
    assert_int_equal(sv_actions_may_begin(&f->fleet, &action), SV_OFFER_IN_WINDOW);
    fixture_now_us += SV_TIME_HOUR_US;
    assert_int_equal(sv_actions_may_begin(&f->fleet, &action), SV_OFFER_LATER);
    fixture_now_us += 4 * SV_TIME_HOUR_US;
    turn(f);
    assert_int_equal(assigned(f, id, devices), NORTH + SOUTH);
    check_counts(f, id);
}

static void a_site_loads_no_more_than_its_line_bears(void **state) { // [campaign-33]
    fixture *f = *state;
    int64_t id = start(f, "{\"image\":\"" IMAGE "\"," ALL ",\"rate\":{\"per_site\":4}}");
    for (int i = 0; i < TURNS_MAX && load(f, id).c.state != SV_CAMPAIGN_DONE; i++) {
        char devices[NORTH + SOUTH + 8][SV_ID_ROOM];
        turn(f);
        assert_in_range(fixture_count(f, "SELECT count(*) FROM campaign_device WHERE site = 'north'"
                                         " AND place IN (1, 2)"),
                        0, 4);
        size_t count = assigned(f, id, devices);
        if (count > 0) {
            confirm(f, devices[(size_t) i % count]);
        }
    }
    assert_int_equal(load(f, id).c.state, SV_CAMPAIGN_DONE);
}

static void the_more_important_one_goes_first(void **state) { // [campaign-34]
    fixture *f = *state;
    char devices[NORTH + SOUTH + 8][SV_ID_ROOM];
    sql(f, "INSERT INTO image (path, kind, product, version, hardware, length, sha256, complete,"
           " at_us) VALUES ('lathe/1.2', 'file', 'lathe', '1.2', '', 10, '', 1, 1)");
    int64_t low = start(f, "{\"image\":\"" IMAGE "\",\"target\":{\"site\":\"south\"},"
                           "\"rate\":{\"at_once\":6}}");
    turn(f);
    turn(f);
    int64_t same = start(f, "{\"image\":\"lathe/1.2\",\"target\":{\"site\":\"south\"}}");
    turn(f);
    turn(f);
    assert_int_equal(assigned(f, low, devices), 6);
    assert_int_equal(assigned(f, same, devices), 6);
    sv_campaign_row row = load(f, low);
    assert_int_equal(sv_campaign_total(&row.c, SV_STAGE_CANCELED), 0); // nobody was taken from it
    int64_t high = start(f, "{\"image\":\"lathe/1.2\",\"target\":{\"site\":\"south\"},"
                            "\"priority\":9}");
    turn(f);
    turn(f);
    assert_int_equal(assigned(f, high, devices), SOUTH);
    assert_int_equal(assigned(f, same, devices), 0);
    check_counts(f, low);
    check_counts(f, same);
    check_counts(f, high);
}

static void health_that_is_worse_than_before_counts(void **state) { // [campaign-32]
    fixture *f = *state;
    int64_t id = start(f, "{\"image\":\"" IMAGE "\",\"target\":{\"devices\":[\"n-00\",\"n-01\"]},"
                          "\"waves\":[{\"count\":1}],\"stop\":{\"worse\":{\"count\":1}}}");
    turn(f);
    turn(f);
    confirm_all(f, id);
    for (int i = 0; i < NORTH; i++) {
        sv_device *device = sv_registry_device_at(f->fleet.registry, (size_t) i);
        device->reported = SV_FLEET_CRITICAL;
    }
    fixture_now_us += SV_CAMPAIGN_WATCH_US + SV_TIME_SECOND_US;
    turn(f);
    sv_campaign_row row = load(f, id);
    check_counts(f, id);
    assert_int_equal(row.c.waves[0].count[SV_STAGE_WORSE], 1);
    assert_int_equal(row.c.state, SV_CAMPAIGN_PAUSED);
    assert_string_equal(row.c.why,
                        "paused itself: 1 device in worse health than before, the rule stops at 1");
}

/// Between its being gathered and its turn a device may have gone on. [campaign-38]
static void who_runs_it_or_more_by_now_is_taken_out(void **state) { // [campaign-38]
    fixture *f = *state;
    sv_action action;
    sv_running later = { .product = "lathe", .version = "1.2", .counter = 3 };
    sql(f, "UPDATE image SET counter = 2");
    int64_t id = start(f, "{\"image\":\"" IMAGE "\",\"target\":{\"devices\":[\"n-00\",\"n-01\","
                          "\"n-02\"]}}");
    turn_once(f);
    later.at_us = fixture_now_us;
    runs(f, "n-00", "1.1");
    assert_int_equal(sv_running_store(&f->fleet, "n-01", &later, NULL), SV_OK);
    turn(f);
    check_counts(f, id);
    assert_int_equal(sv_actions_open_of(&f->fleet, "n-00", &action, NULL), SV_ERR_NOT_FOUND);
    assert_int_equal(sv_actions_open_of(&f->fleet, "n-01", &action, NULL), SV_ERR_NOT_FOUND);
    assert_int_equal(sv_actions_open_of(&f->fleet, "n-02", &action, NULL), SV_OK);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM campaign_device WHERE place = 11 AND"
                                      " (device = 'n-00' AND why = 'runs it already' OR"
                                      " device = 'n-01' AND why = 'runs a later release')"),
                     2);
    confirm_all(f, id);
    assert_string_equal(load(f, id).c.why, "1 of 1 devices confirmed");
}

static void decide(fixture *f, const char *id, sv_standing_state to) {
    const sv_standing_order order = { .id = sv_text_of(id), .state = to, .by = "ada" };
    sv_standing_change change;
    assert_int_equal(sv_standing_set(&f->fleet, &order, &change, NULL), SV_OK);
}

static void who_is_out_keeps_no_campaign_from_its_end(void **state) { // [action-13]
    fixture *f = *state;
    sv_action action;
    int64_t id = start(f, "{\"image\":\"" IMAGE "\",\"target\":{\"devices\":[\"n-00\",\"n-01\","
                          "\"n-02\",\"n-03\"]}}");
    turn(f);
    turn(f);
    say(f, "n-01", SV_SAID_DOWNLOADING);
    decide(f, "n-00", SV_STANDING_QUARANTINED);
    assert_int_equal(sv_actions_open_of(&f->fleet, "n-00", &action, NULL), SV_OK);
    decide(f, "n-00", SV_STANDING_REVOKED);
    decide(f, "n-01", SV_STANDING_RETIRED);
    check_counts(f, id);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM campaign_device WHERE place = 11 AND"
                                      " (device = 'n-00' AND why = 'the device was revoked' OR"
                                      " device = 'n-01' AND why = 'the device was retired')"),
                     2);
    // Written otherwise than the device is, or taken back from a gateway: with the next turns.
    decide(f, "N-02", SV_STANDING_REVOKED);
    assert_int_equal(sv_actions_open_of(&f->fleet, "n-02", &action, NULL), SV_OK);
    sv_actions_turn(&f->fleet);
    assert_int_equal(sv_actions_open_of(&f->fleet, "n-02", &action, NULL), SV_ERR_NOT_FOUND);
    confirm(f, "n-03");
    assert_int_equal(load(f, id).c.state, SV_CAMPAIGN_DONE);
}

/// A campaign that cannot be read keeps nobody from putting a device out.
static void a_decision_holds_whatever_becomes_of_actions(void **state) { // [action-13]
    fixture *f = *state;
    sv_action action;
    int64_t id = start(f, "{\"image\":\"" IMAGE "\",\"target\":{\"devices\":[\"n-00\"]}}");
    turn(f);
    turn(f);
    sql(f, "UPDATE campaign SET plan = '{'");
    sv_fleet_drop(&f->fleet);
    fixture_start(f);
    decide(f, "n-00", SV_STANDING_REVOKED);
    assert_true(sv_standing_is_out(f->fleet.standing, SV_TEXT("n-00")));
    assert_int_equal(sv_actions_open_of(&f->fleet, "n-00", &action, NULL), SV_OK); // not half
    check_counts(f, id);
    sql(f, "UPDATE campaign SET plan = '{\"image\":\"" IMAGE "\",\"target\":{\"query\":\"all\"}}'");
    sv_actions_turn(&f->fleet);
    sv_actions_turn(&f->fleet);
    check_counts(f, id);
    assert_int_equal(load(f, id).c.state, SV_CAMPAIGN_DONE);
}

/// One whose image is gone ends with a sentence, and one that nobody can read keeps no other from
/// going on.
static void what_has_no_image_any_more_stops_itself(void **state) { // [campaign-37]
    fixture *f = *state;
    sql(f, "INSERT INTO image (path, kind, product, version, hardware, length, sha256, complete,"
           " at_us) VALUES ('lathe/1.2', 'file', 'lathe', '1.2', '', 10, '', 1, 1)");
    int64_t lost = start(f, "{\"image\":\"lathe/1.2\"," ALL ",\"priority\":9}");
    int64_t other = start(f, "{\"image\":\"" IMAGE "\"," ALL "}");
    sql(f, "DELETE FROM image WHERE path = 'lathe/1.2'");
    turn(f);
    turn(f);
    sv_campaign_row row = load(f, lost);
    assert_int_equal(row.c.state, SV_CAMPAIGN_STOPPED);
    assert_string_equal(row.c.why, "stopped itself: there is no image 'lathe/1.2' any more");
    assert_int_equal(load(f, other).c.state, SV_CAMPAIGN_RUNNING);
    turn(f);
    sql(f, "UPDATE campaign SET plan = '{', state = 2 WHERE image = 'lathe/1.2'");
    int64_t third = start(f, "{\"image\":\"" IMAGE "\"," ALL ",\"priority\":0}");
    turn(f);
    turn(f);
    turn(f);
    assert_int_equal(load(f, third).c.state, SV_CAMPAIGN_RUNNING);
}

static void what_is_not_whole_any_more_is_handed_to_nobody(void **state) { // [campaign-37]
    fixture *f = *state;
    sv_action action;
    int64_t id = start(f, "{\"image\":\"" IMAGE "\",\"target\":{\"devices\":[\"n-00\"]}}");
    turn_once(f);
    assert_int_equal(load(f, id).gathers, false);
    sql(f, "UPDATE image SET complete = 0");
    turn(f);
    assert_string_equal(load(f, id).c.why,
                        "stopped itself: image '" IMAGE "' is not whole here any more");
    assert_int_equal(sv_actions_open_of(&f->fleet, "n-00", &action, NULL), SV_ERR_NOT_FOUND);
    turn(f);
    assert_int_equal(load(f, id).closing, SV_CAMPAIGN_RESTS);
}

// ---- found at once ------------------------------------------------------------------------------

static void who_may_begin_is_found_behind_however_many_that_wait(void **state) { // [campaign-53]
    fixture *f = *state;
    char devices[NORTH + SOUTH + 8][SV_ID_ROOM];
    for (int per_site = 0; per_site < 2; per_site++) {
        char body[512];
        (void) snprintf(body, sizeof body,
                        "{\"image\":\"" IMAGE "\"," ALL ",\"rate\":{\"per_minute\":1%s},"
                        "\"window\":{\"from\":\"13:00\",\"to\":\"14:00\"}}",
                        per_site != 0 ? ",\"per_site\":3" : "");
        sql(f, "UPDATE running SET timezone = 'Asia/Kolkata' WHERE device = 's-30'"); // 13:30 there
        int64_t id = start(f, body);
        turn_once(f);
        sql(f,
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
            " INSERT INTO campaign_device (campaign, device, site, wave, updated_ms) SELECT (SELECT"
            " max(id) FROM campaign), 'a-' || i, 'north', 0, 0 FROM n");
        turn_once(f); // begins
        turn_once(f); // the first slice that hands out
        assert_int_equal(assigned(f, id, devices), 1);
        assert_string_equal(devices[0], "s-30");
        assert_int_equal(do_it(f, id, SV_CAMPAIGN_DO_STOP, "bob", NULL), SV_OK);
        turn(f);
    }
}

static void assign_by_hand(fixture *f, const char *device) {
    int64_t id = 0;
    const sv_action_order order = { .device =
                                        sv_registry_device(f->fleet.registry, sv_text_of(device)),
                                    .path = SV_TEXT("lathe/1.0.9"),
                                    .version = SV_TEXT("1.0.9"),
                                    .user = "ann" };
    assert_int_equal(sv_actions_assign(&f->fleet, &order, &id, NULL), SV_OK);
}

static void who_is_busy_leaves_the_room_to_the_next(void **state) { // [campaign-53]
    fixture *f = *state;
    char devices[NORTH + SOUTH + 8][SV_ID_ROOM];
    sv_action busy;
    for (size_t i = 0; i + 1 < NORTH + SOUTH; i++) {
        assign_by_hand(f, sv_registry_device_at(f->fleet.registry, i)->id);
    }
    const char *last = sv_registry_device_at(f->fleet.registry, NORTH + SOUTH - 1)->id;
    int64_t id = start(f, "{\"image\":\"" IMAGE "\"," ALL ",\"rate\":{\"per_minute\":60}}");
    turn_once(f);
    turn_once(f); // begins
    turn_once(f);
    assert_int_equal(assigned(f, id, devices), 1);
    assert_string_equal(devices[0], last);
    // And when what it was at is over, it is looked at again at once.
    assert_int_equal(sv_actions_open_of(&f->fleet, "n-05", &busy, NULL), SV_OK);
    assert_int_equal(sv_actions_cancel(&f->fleet, busy.id, "ann", NULL), SV_OK);
    turn(f);
    assert_int_equal(assigned(f, id, devices), 2);
    assert_int_equal(sv_actions_open_of(&f->fleet, "n-05", &busy, NULL), SV_OK);
    assert_int_equal(busy.campaign, id);
    check_counts(f, id);
}

static const struct {
    const char *name;
    int ahead; ///< minutes of UTC, all year
} PLACES[] = {
    { "Asia/Tokyo", 9 * 60 },      { "Asia/Kolkata", 5 * 60 + 30 },
    { "America/Bogota", -5 * 60 }, { "", 0 },
    { "no/such-place", 0 },
};

enum { FLEET = NORTH + SOUTH };

static void move_to(fixture *f, const char *device, size_t where) {
    sv_running said = { .product = "lathe", .version = "1.0", .at_us = fixture_now_us };
    (void) snprintf(said.timezone, sizeof said.timezone, "%s", PLACES[where].name);
    assert_int_equal(sv_running_store(&f->fleet, device, &said, NULL), SV_OK);
}

/// From 22:00 to 01:00 there.
static bool is_night_at(size_t where) {
    int64_t minute = (fixture_now_us / SV_TIME_MINUTE_US + PLACES[where].ahead + 1440) % 1440;
    return minute >= 1320 || minute < 60;
}

static bool is_planned(fixture *f, int64_t id, const char *device) {
    sv_stmt *row;
    assert_int_equal(sv_db_stmt(f->fleet.db,
                                "SELECT place = 0 FROM campaign_device WHERE campaign = ?1"
                                " AND device = ?2",
                                &row, NULL),
                     SV_OK);
    sv_stmt_bind_int(row, 1, id);
    sv_stmt_bind_str(row, 2, device);
    assert_int_equal(sv_stmt_next(row, NULL), SV_OK);
    bool planned = sv_stmt_int(row, 0) != 0;
    sv_stmt_reset(row);
    return planned;
}

/// Somebody who may begin in the moment that comes, by the test's own reckoning.
static bool anybody_may(fixture *f, int64_t id, const size_t where[FLEET]) {
    bool found = false;
    fixture_now_us += SV_TIME_SECOND_US; // as the turn will
    for (size_t i = 0; i < FLEET && !found; i++) {
        sv_action action;
        const char *device = sv_registry_device_at(f->fleet.registry, i)->id;
        found = is_night_at(where[i]) && is_planned(f, id, device)
                && sv_actions_open_of(&f->fleet, device, &action, NULL) == SV_ERR_NOT_FOUND;
    }
    fixture_now_us -= SV_TIME_SECOND_US;
    return found;
}

static void stir(fixture *f, sv_prng *prng, int64_t id, size_t where[FLEET]) {
    sv_action action;
    size_t i = sv_prng_next(prng) % FLEET;
    const char *device = sv_registry_device_at(f->fleet.registry, i)->id;
    if (sv_actions_open_of(&f->fleet, device, &action, NULL) != SV_OK) {
        if (sv_prng_next(prng) % 3 == 0) {
            assign_by_hand(f, device);
        } else if (!sv_campaign_has_ended(load(f, id).c.state)) {
            sv_running running;
            assert_int_equal(sv_running_of(&f->fleet, device, &running, NULL), SV_OK);
            where[i] = sv_prng_next(prng) % SV_COUNT(PLACES);
            if (strcmp(running.version, "1.0") == 0) {
                move_to(f, device, where[i]);
            }
        }
    } else if (action.campaign == 0) {
        assert_int_equal(sv_actions_cancel(&f->fleet, action.id, "ann", NULL), SV_OK);
    } else {
        say(f, device, SV_SAID_INSTALLED);
        say(f, device, SV_SAID_SUCCESS);
        runs(f, device, "1.1");
    }
}

static void at_any_moment_who_may_begin_does(void **state) { // [campaign-53]
    fixture *f = *state;
    sv_prng prng = { .state = 53 };
    size_t where[FLEET];
    int waited = 0;
    int begun = 0;
    for (size_t i = 0; i < FLEET; i++) {
        where[i] = i % SV_COUNT(PLACES);
        move_to(f, sv_registry_device_at(f->fleet.registry, i)->id, where[i]);
    }
    int64_t id = start(f, "{\"image\":\"" IMAGE "\"," ALL ",\"rate\":{\"per_minute\":60,"
                          "\"at_once\":5},\"window\":{\"from\":\"22:00\",\"to\":\"01:00\"}}");
    turn_once(f);
    turn_once(f);
    for (int i = 0; i < TURNS_MAX && load(f, id).c.state != SV_CAMPAIGN_DONE; i++) {
        sv_campaign_row row = load(f, id);
        int64_t at_risk = sv_campaign_at_risk(&row.c);
        bool may = at_risk < 5 && anybody_may(f, id, where);
        turn_once(f); // one slice
        row = load(f, id);
        assert_int_equal(sv_campaign_at_risk(&row.c) > at_risk, may);
        begun += may;
        waited += !may;
        stir(f, &prng, id, where);
        fixture_now_us += (int64_t) (sv_prng_next(&prng) % 1800) * SV_TIME_SECOND_US;
    }
    assert_int_equal(load(f, id).c.state, SV_CAMPAIGN_DONE);
    assert_true(begun >= FLEET / 2 && waited > 20);
    check_counts(f, id);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(outside_of_the_window_nobody_begins),
        TEST(a_site_loads_no_more_than_its_line_bears),
        TEST(the_more_important_one_goes_first),
        TEST(health_that_is_worse_than_before_counts),
        TEST(who_runs_it_or_more_by_now_is_taken_out),
        TEST(who_is_out_keeps_no_campaign_from_its_end),
        TEST(a_decision_holds_whatever_becomes_of_actions),
        TEST(what_has_no_image_any_more_stops_itself),
        TEST(what_is_not_whole_any_more_is_handed_to_nobody),
        TEST(who_may_begin_is_found_behind_however_many_that_wait),
        TEST(who_is_busy_leaves_the_room_to_the_next),
        TEST(at_any_moment_who_may_begin_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
