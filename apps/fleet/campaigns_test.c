// What becomes of a campaign: by its waves, by what people say, by what devices say.
#include "campaigns_fixture.h"

#include <base/prng.h>
#include <string.h>

// ---- stories ------------------------------------------------------------------------------------

static void a_campaign_goes_through_its_waves(void **state) { // [campaign-12] [campaign-30]
    fixture *f = *state;
    char devices[NORTH + SOUTH + 8][SV_ID_ROOM];
    int64_t id =
        start(f, "{\"image\":\"" IMAGE "\"," ALL ",\"waves\":[{\"count\":3},{\"percent\":25}]}");
    assert_int_equal(load(f, id).c.state, SV_CAMPAIGN_SCHEDULED);
    turn(f);
    sv_campaign_row row = load(f, id);
    assert_int_equal(row.c.wave_count, 3);
    assert_int_equal(sv_campaign_wave_size(&row.c.waves[0]), 3);
    assert_int_equal(sv_campaign_wave_size(&row.c.waves[1]), 9);
    assert_int_equal(sv_campaign_wave_size(&row.c.waves[2]), 24);
    turn(f);
    assert_int_equal(assigned(f, id, devices), 3);
    confirm_all(f, id);
    turn(f);
    assert_int_equal(assigned(f, id, devices), 9);
    confirm_all(f, id);
    turn(f);
    confirm_all(f, id);
    row = load(f, id);
    assert_int_equal(row.c.state, SV_CAMPAIGN_DONE);
    assert_string_equal(row.c.why, "36 of 36 devices confirmed");
}

static void success_that_is_not_proved_is_none(void **state) { // [campaign-10]
    fixture *f = *state;
    char devices[NORTH + SOUTH + 8][SV_ID_ROOM];
    int64_t id = start(f, "{\"image\":\"" IMAGE "\"," ALL ",\"waves\":[{\"count\":1}]}");
    turn(f);
    turn(f);
    assert_int_equal(assigned(f, id, devices), 1);
    say(f, devices[0], SV_SAID_INSTALLED);
    say(f, devices[0], SV_SAID_SUCCESS);
    turn(f);
    assert_int_equal(load(f, id).c.open, 1);
    fixture_now_us += 11 * SV_TIME_MINUTE_US;
    sv_actions_turn(&f->fleet);
    sv_campaign_row row = load(f, id);
    check_counts(f, id);
    assert_int_equal(row.c.waves[0].count[SV_STAGE_UNPROVED], 1);
    assert_int_equal(row.c.state, SV_CAMPAIGN_PAUSED);
    assert_string_equal(row.c.why, "paused itself: 1 of 1 devices of wave 1 came to grief (1 said "
                                   "success and did not prove it), the rule stops at 5 %");
}

static void nobody_begins_while_it_is_paused(void **state) { // [campaign-16]
    fixture *f = *state;
    char devices[NORTH + SOUTH + 8][SV_ID_ROOM];
    sv_action action;
    sv_why why = { 0 };
    int64_t id = start(f, "{\"image\":\"" IMAGE "\"," ALL ",\"waves\":[{\"count\":5}],\"stop\":{"
                          "\"rolled_back\":{\"count\":1}}}");
    turn(f);
    turn(f);
    assert_int_equal(assigned(f, id, devices), 5);
    say(f, devices[0], SV_SAID_TRIAL);
    say(f, devices[0], SV_SAID_ROLLED_BACK);
    assert_string_equal(load(f, id).c.why,
                        "paused itself: 1 device rolled back, the rule stops at 1");
    // Those who have their assignment and did not begin are not told of it any more.
    assert_int_equal(sv_actions_open_of(&f->fleet, devices[1], &action, NULL), SV_OK);
    assert_int_equal(sv_actions_may_begin(&f->fleet, &action), SV_OFFER_LATER);
    assert_int_equal(do_it(f, id, SV_CAMPAIGN_DO_RESUME, "bob", &why), SV_OK);
    assert_int_equal(sv_actions_may_begin(&f->fleet, &action), SV_OFFER_NOW);
    turn(f);
    check_counts(f, id);
}

static void what_is_stopped_is_taken_back(void **state) { // [campaign-14]
    fixture *f = *state;
    char devices[NORTH + SOUTH + 8][SV_ID_ROOM];
    sv_action action;
    int64_t id = start(f, "{\"image\":\"" IMAGE "\"," ALL "}");
    turn(f);
    turn(f);
    assert_int_equal(assigned(f, id, devices), NORTH + SOUTH);
    say(f, devices[0], SV_SAID_INSTALLED);
    assert_int_equal(do_it(f, id, SV_CAMPAIGN_DO_STOP, "bob", NULL), SV_OK);
    turn(f);
    check_counts(f, id);
    sv_campaign_row row = load(f, id);
    assert_int_equal(sv_campaign_total(&row.c, SV_STAGE_CANCELED), NORTH + SOUTH - 1);
    assert_int_equal(sv_campaign_total(&row.c, SV_STAGE_INSTALLED), 1);
    assert_int_equal(sv_actions_open_of(&f->fleet, devices[1], &action, NULL), SV_ERR_NOT_FOUND);
    turn(f);
    assert_int_equal(load(f, id).closing, SV_CAMPAIGN_RESTS);
    runs(f, devices[0], "1.0");
    say(f, devices[0], SV_SAID_ROLLED_BACK); // and what comes late is counted still
    check_counts(f, id);
}

static void who_came_to_grief_may_try_again(void **state) { // [campaign-14]
    fixture *f = *state;
    char devices[NORTH + SOUTH + 8][SV_ID_ROOM];
    sv_why why = { 0 };
    int64_t id = start(f, "{\"image\":\"" IMAGE "\",\"target\":{\"devices\":[\"n-00\",\"n-01\"]},"
                          "\"stop\":{\"any\":{\"count\":2}}}");
    turn(f);
    turn(f);
    say(f, "n-00", SV_SAID_FAILURE);
    say(f, "n-01", SV_SAID_FAILURE);
    assert_int_equal(load(f, id).c.state, SV_CAMPAIGN_PAUSED);
    assert_int_equal(do_it(f, id, SV_CAMPAIGN_DO_RETRY, "bob", &why), SV_OK);
    check_counts(f, id);
    turn(f);
    assert_int_equal(assigned(f, id, devices), 2);
    confirm_all(f, id);
    assert_int_equal(load(f, id).c.state, SV_CAMPAIGN_DONE);
    assert_int_equal(do_it(f, id, SV_CAMPAIGN_DO_RETRY, "bob", &why), SV_ERR_STATE);
    assert_string_equal(why.text, "no device of it has come to grief");
    // Without that word, nobody is given an image again that failed.
    runs(f, "n-00", "1.0");
    sql(f, "UPDATE action SET state = 7 WHERE device = 'n-00'");
    assert_int_equal(try_start(f, "{\"image\":\"" IMAGE "\",\"target\":{\"devices\":[\"n-00\"]}}",
                               "", &id, &why),
                     SV_ERR_STATE);
}

/// A word about an attempt that was given up is about nothing any more.
static void a_late_word_of_an_old_attempt_moves_nobody(void **state) { // [campaign-31]
    fixture *f = *state;
    sv_action old;
    const sv_action_word word = { .said = SV_SAID_ROLLED_BACK, .bytes = -1 };
    int64_t id = start(f, "{\"image\":\"" IMAGE "\",\"target\":{\"devices\":[\"n-00\"]}}");
    turn(f);
    turn(f);
    assert_int_equal(sv_actions_open_of(&f->fleet, "n-00", &old, NULL), SV_OK);
    say(f, "n-00", SV_SAID_INSTALLED);
    fixture_now_us += SV_ACTION_SILENT_US + SV_TIME_SECOND_US;
    sv_actions_turn(&f->fleet);
    sv_campaign_row row = load(f, id);
    assert_int_equal(row.c.waves[0].count[SV_STAGE_SILENT], 1);
    assert_int_equal(do_it(f, id, SV_CAMPAIGN_DO_RETRY, "bob", NULL), SV_OK);
    turn(f);
    assert_int_equal(sv_actions_feedback(&f->fleet, "n-00", old.id, &word, NULL), SV_OK);
    check_counts(f, id);
    row = load(f, id);
    assert_int_equal(row.c.waves[0].count[SV_STAGE_WAITING], 1);
    assert_int_equal(row.c.state, SV_CAMPAIGN_RUNNING);
}

static void others_have_to_say_yes(void **state) { // [campaign-17]
    fixture *f = *state;
    sv_why why = { 0 };
    int64_t id = start(f, "{\"image\":\"" IMAGE "\"," ALL ",\"approvals\":2}");
    turn(f);
    assert_int_equal(load(f, id).c.state, SV_CAMPAIGN_APPROVAL);
    assert_int_equal(do_it(f, id, SV_CAMPAIGN_DO_APPROVE, "ann", &why), SV_ERR_STATE);
    assert_string_equal(why.text, "ann started it; somebody else has to say yes");
    assert_int_equal(do_it(f, id, SV_CAMPAIGN_DO_APPROVE, "bob", &why), SV_OK);
    assert_int_equal(do_it(f, id, SV_CAMPAIGN_DO_APPROVE, "bob", &why), SV_ERR_STATE);
    assert_string_equal(why.text, "bob has said yes already; it needs 2 different people");
    turn(f);
    assert_int_equal(load(f, id).c.state, SV_CAMPAIGN_APPROVAL);
    assert_int_equal(do_it(f, id, SV_CAMPAIGN_DO_APPROVE, "eve", &why), SV_OK);
    turn(f);
    assert_int_equal(load(f, id).c.state, SV_CAMPAIGN_RUNNING);
}

static int64_t slow_clock(void) {
    static int64_t now_us = 0;
    return now_us += SV_CAMPAIGN_TURN_US;
}

static int64_t gathering(fixture *f) {
    return fixture_count(f, "SELECT count(*) FROM campaign WHERE after IS NOT NULL");
}

/// However many there are, a turn is as long as one; and none is left out. [campaign-56]
static void those_that_are_busy_at_once_take_turns(void **state) {
    fixture *f = *state;
    turn(f); // what comes once a second is done
    f->fleet.mono_us = slow_clock;
    (void) sv_campaigns_turn(&f->fleet);
    for (int i = 0; i < 5; i++) {
        (void) start(f, "{\"image\":\"" IMAGE "\"," ALL "}");
    }
    for (int left = 5; left > 0; left--) {
        assert_int_equal(gathering(f), left);
        assert_true(sv_campaigns_turn(&f->fleet));
    }
    assert_int_equal(gathering(f), 0);
}

static void a_retry_opens_no_more_campaigns_than_may_be(void **state) { // [campaign-14]
    fixture *f = *state;
    sv_why why = { 0 };
    int64_t id = start(f, "{\"image\":\"" IMAGE "\",\"target\":{\"devices\":[\"n-00\"]},"
                          "\"stop\":{\"any\":{\"count\":9}}}");
    turn(f);
    say(f, "n-00", SV_SAID_FAILURE);
    assert_int_equal(load(f, id).c.state, SV_CAMPAIGN_DONE);
    for (int i = 0; i < SV_CAMPAIGNS_OPEN_MAX; i++) {
        (void) start(f, "{\"image\":\"" IMAGE "\"," ALL ",\"approvals\":1}");
    }
    assert_int_equal(do_it(f, id, SV_CAMPAIGN_DO_RETRY, "bob", &why), SV_ERR_STATE);
    assert_string_equal(why.text, "64 campaigns have not ended; no more are taken");
    check_counts(f, id);
    assert_int_equal(load(f, id).c.state, SV_CAMPAIGN_DONE);
    assert_int_equal(do_it(f, id + 1, SV_CAMPAIGN_DO_STOP, "bob", NULL), SV_OK);
    turn(f);
    assert_int_equal(do_it(f, id, SV_CAMPAIGN_DO_RETRY, "bob", &why), SV_OK);
}

enum { ROOM = 1024 * 1024 };

static bool is_said(const sv_textbuf *json, const char *text) {
    return strstr(json->at, text) != NULL;
}

static void of_many_named_devices_lists_say_how_many(void **state) { // [campaign-36]
    fixture *f = *state;
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(ROOM);
    SV_DEFER(sv_textbuf_drop) sv_textbuf event = SV_TEXTBUF_HEAP(SV_LIVE_EVENT_BYTES_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf list = SV_TEXTBUF_HEAP(SV_LIVE_EVENT_BYTES_MAX);
    SV_DEFER(sv_textbuf_drop) sv_textbuf whole = SV_TEXTBUF_HEAP(ROOM);
    sv_json_out outs[] = { SV_JSON_OUT(&event), SV_JSON_OUT(&list), SV_JSON_OUT(&whole) };
    const sv_campaigns_query query = { .state = -1, .sites = "", .limit = 10 };
    sv_textbuf_add_str(&body,
                       "{\"image\":\"" IMAGE "\",\"target\":{\"site\":\"north\",\"devices\":["
                       "\"n-00\"");
    for (int i = 0; i < 9999; i++) {
        sv_textbuf_addf(&body, ",\"device-%040d\"", i);
    }
    sv_textbuf_add_str(&body, "]}}");
    assert_int_equal(sv_textbuf_end(&body), SV_OK);
    int64_t id = start(f, body.at);
    assert_int_equal(sv_campaign_write(&f->fleet, id, false, &outs[0], NULL), SV_OK);
    assert_int_equal(sv_campaigns_list(&f->fleet, &query, &outs[1], NULL), SV_OK);
    assert_int_equal(sv_campaign_write(&f->fleet, id, true, &outs[2], NULL), SV_OK);
    const char *said = "\"target\":{\"site\":\"north\",\"devices\":null,\"devices_count\":10000}";
    assert_int_equal(sv_textbuf_end(&event), SV_OK);
    assert_int_equal(sv_textbuf_end(&list), SV_OK);
    assert_int_equal(sv_textbuf_end(&whole), SV_OK);
    assert_true(is_said(&event, said) && is_said(&list, said));
    assert_true(is_said(&whole, "\"devices\":[\"n-00\",\"device-0"));
}

// ---- properties ---------------------------------------------------------------------------------

/// Any word of any device at any moment, with the program ended and started again in between.
static void random_words_and_restarts_leave_it_counted_and_ending(void **state) { // [campaign-31]
    fixture *f = *state;
    sv_prng prng = { .state = 77 };
    int64_t id = start(f, "{\"image\":\"" IMAGE "\"," ALL ",\"waves\":[{\"count\":4},{\"percent\":"
                          "40}],\"stop\":{\"any\":{\"count\":3}},\"rate\":{\"at_once\":7},"
                          "\"success\":{\"percent\":80}}");
    int resumed = 0;
    for (int i = 0; i < TURNS_MAX && load(f, id).c.state != SV_CAMPAIGN_DONE; i++) {
        char devices[NORTH + SOUTH + 8][SV_ID_ROOM];
        if (sv_prng_next(&prng) % 20 == 0) {
            sv_fleet_drop(&f->fleet);
            fixture_start(f);
        }
        turn(f);
        size_t count = assigned(f, id, devices);
        sv_campaign_row row = load(f, id);
        assert_in_range(sv_campaign_at_risk(&row.c), 0, 7);
        if (row.c.state == SV_CAMPAIGN_PAUSED) {
            assert_true(row.c.why[0] != '\0');
            resumed += do_it(f, id, SV_CAMPAIGN_DO_RESUME, "bob", NULL) == SV_OK;
        } else if (count > 0) {
            const char *device = devices[sv_prng_next(&prng) % count];
            sv_action_said said =
                (sv_action_said) (SV_SAID_SEEN + sv_prng_next(&prng) % (SV_SAID__COUNT - 1));
            say(f, device, said);
            if (sv_prng_next(&prng) % 2 == 0) {
                runs(f, device, said >= SV_SAID_INSTALLED ? "1.1" : "1.0");
            }
        }
        fixture_now_us += (int64_t) (sv_prng_next(&prng) % 120) * SV_TIME_SECOND_US;
        sv_actions_turn(&f->fleet);
        check_counts(f, id);
    }
    assert_int_equal(load(f, id).c.state, SV_CAMPAIGN_DONE);
    assert_true(resumed > 2);
}

/// What is undone with its transaction was never counted.
static void a_word_that_is_undone_was_not_counted(void **state) { // [campaign-31]
    fixture *f = *state;
    int64_t id = start(f, "{\"image\":\"" IMAGE "\"," ALL "}");
    turn(f);
    turn(f);
    assert_int_equal(sv_db_begin(f->fleet.db, NULL), SV_OK);
    say(f, "n-00", SV_SAID_FAILURE);
    sv_db_rollback(f->fleet.db);
    check_counts(f, id);
    sv_campaign_row row = load(f, id);
    assert_int_equal(sv_campaign_total(&row.c, SV_STAGE_FAILED), 0);
    assert_int_equal(row.c.state, SV_CAMPAIGN_RUNNING);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_campaign_goes_through_its_waves),
        TEST(success_that_is_not_proved_is_none),
        TEST(nobody_begins_while_it_is_paused),
        TEST(what_is_stopped_is_taken_back),
        TEST(who_came_to_grief_may_try_again),
        TEST(a_late_word_of_an_old_attempt_moves_nobody),
        TEST(others_have_to_say_yes),
        TEST(those_that_are_busy_at_once_take_turns),
        TEST(a_retry_opens_no_more_campaigns_than_may_be),
        TEST(of_many_named_devices_lists_say_how_many),
        TEST(random_words_and_restarts_leave_it_counted_and_ending),
        TEST(a_word_that_is_undone_was_not_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
