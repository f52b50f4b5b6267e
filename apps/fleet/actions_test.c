#include "actions_own.h"
#include "fleet_fixture.h"
#include "running.h"

#include <string.h>

enum { HEARD_MAX = 64 };

static struct {
    sv_action_state state[HEARD_MAX], before[HEARD_MAX];
    sv_action_class class[HEARD_MAX];
    size_t count;
    bool refuses;
} heard;

static sv_err note_heard(void *arg, const sv_action *action, sv_action_state before, sv_why *why) {
    (void) arg;
    assert_true(heard.count < HEARD_MAX);
    heard.state[heard.count] = action->stand.state;
    heard.class[heard.count] = action->stand.class;
    heard.before[heard.count++] = before;
    return heard.refuses ? sv_fail(why, SV_ERR_IO, "it does not count") : SV_OK;
}

static const sv_device *device_of(fixture *f, const char *id) {
    sv_device *device = NULL;
    assert_int_equal(sv_registry_bind(f->fleet.registry, fixture_gateway(f, "gw-a"), sv_text_of(id),
                                      &device, NULL),
                     SV_OK);
    return device;
}

static sv_err order(fixture *f, const char *device, const char *path, bool again, int64_t *id,
                    sv_why *why) {
    const sv_action_order asked = { .device = device_of(f, device),
                                    .path = sv_text_of(path),
                                    .version = SV_TEXT("1.1"),
                                    .sha256 = SV_TEXT("aa"),
                                    .again = again,
                                    .user = "olga" };
    return sv_actions_assign(&f->fleet, &asked, id, why);
}

static int64_t assigned(fixture *f, const char *device, const char *path) {
    int64_t id = 0;
    sv_why why = { 0 };
    if (order(f, device, path, false, &id, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
    return id;
}

static sv_err say(fixture *f, const char *device, int64_t id, sv_action_said said) {
    const sv_action_word word = { .said = said, .bytes = -1 };
    return sv_actions_feedback(&f->fleet, device, id, &word, NULL);
}

static sv_action found(fixture *f, int64_t id) {
    sv_action action;
    assert_int_equal(sv_actions_find(&f->fleet, id, &action, NULL), SV_OK);
    return action;
}

static void runs(fixture *f, const char *device, const char *version) {
    sv_running running = { .at_us = fixture_now_us };
    (void) snprintf(running.version, sizeof running.version, "%s", version);
    assert_int_equal(sv_running_store(&f->fleet, device, &running, NULL), SV_OK);
}

static int setup(void **state) {
    memset(&heard, 0, sizeof heard);
    fixture_now_us = INT64_C(1800000000000000);
    assert_int_equal(fixture_setup(state), 0);
    sv_actions_listen(&((fixture *) *state)->fleet, note_heard, NULL);
    return 0;
}

// [action-1]
static void at_most_one_action_of_a_device_is_open(void **state) {
    fixture *f = *state;
    sv_action open;
    int64_t first = assigned(f, "press-1", "a/1.1");
    int64_t other = assigned(f, "press-2", "a/1.1");
    int64_t second = assigned(f, "press-1", "a/1.2");
    assert_true(first < other && other < second);
    assert_int_equal(sv_actions_open_of(&f->fleet, "press-1", &open, NULL), SV_OK);
    assert_int_equal(open.id, second);
    assert_string_equal(open.path, "a/1.2");
    assert_int_equal(found(f, first).stand.state, SV_ACTION_CANCELED);
    assert_non_null(strstr(found(f, first).why, "superseded by action"));
    assert_int_equal(sv_actions_open_of(&f->fleet, "press-3", &open, NULL), SV_ERR_NOT_FOUND);
    assert_int_equal(heard.count, 4); // a, b, a canceled, c
    assert_int_equal(heard.before[0], SV_ACTION_STATE__COUNT);
    assert_int_equal(heard.state[2], SV_ACTION_CANCELED);
    assert_int_equal(heard.before[2], SV_ACTION_WAITING);
}

// [action-1] A database that was lost, or is older than it was.
static void no_id_is_given_twice_though_rows_are_lost(void **state) {
    fixture *f = *state;
    int64_t last = 0;
    for (int i = 0; i < 5; i++) {
        last = assigned(f, "press-1", "a/1.1");
    }
    assert_int_equal(sv_db_exec(f->fleet.db, "DELETE FROM action", NULL), SV_OK);
    fixture_now_us += 6 * SV_TIME_SECOND_US;
    assert_true(assigned(f, "press-1", "a/1.1") > last);
}

// [action-3]
static void a_success_waits_for_what_the_device_runs(void **state) {
    fixture *f = *state;
    int64_t id = assigned(f, "press-1", "a/1.1");
    runs(f, "press-1", "1.1"); // it said so before: no proof
    fixture_now_us++;
    assert_int_equal(say(f, "press-1", id, SV_SAID_SUCCESS), SV_OK);
    assert_int_equal(found(f, id).stand.state, SV_ACTION_TRIAL);
    fixture_now_us++;
    runs(f, "press-1", "1.0");
    assert_int_equal(found(f, id).stand.state, SV_ACTION_TRIAL);
    runs(f, "press-1", "1.1");
    assert_int_equal(found(f, id).stand.state, SV_ACTION_CONFIRMED);
    assert_int_equal(heard.state[heard.count - 1], SV_ACTION_CONFIRMED);
    sv_actions_turn(&f->fleet);
    fixture_now_us += SV_ACTION_SILENT_US;
    sv_actions_turn(&f->fleet);
    assert_int_equal(found(f, id).stand.state, SV_ACTION_CONFIRMED);
}

// [action-4] [action-5]
static void time_ends_what_is_silent_and_a_late_word_sets_it_right(void **state) {
    fixture *f = *state;
    int64_t quiet = assigned(f, "press-1", "a/1.1");
    int64_t liar = assigned(f, "press-2", "a/1.1");
    int64_t off = assigned(f, "press-3", "a/1.1");
    assert_int_equal(say(f, "press-1", quiet, SV_SAID_INSTALLED), SV_OK);
    assert_int_equal(say(f, "press-2", liar, SV_SAID_SUCCESS), SV_OK);
    fixture_now_us += SV_ACTION_PROOF_US;
    sv_actions_turn(&f->fleet);
    assert_int_equal(found(f, liar).stand.class, SV_ACTION_UNPROVED);
    assert_non_null(strstr(found(f, liar).why, "1.1"));
    assert_int_equal(found(f, quiet).stand.state, SV_ACTION_INSTALLED);
    fixture_now_us += SV_ACTION_SILENT_US;
    sv_actions_turn(&f->fleet);
    assert_int_equal(found(f, quiet).stand.class, SV_ACTION_BY_SILENCE);
    assert_int_equal(found(f, off).stand.state, SV_ACTION_WAITING);
    assert_int_equal(say(f, "press-1", quiet, SV_SAID_SUCCESS), SV_OK);
    runs(f, "press-1", "1.1");
    assert_int_equal(found(f, quiet).stand.state, SV_ACTION_CONFIRMED);
    assert_string_equal(found(f, quiet).why, "");
    runs(f, "press-2", "1.1");
    assert_int_equal(found(f, liar).stand.state, SV_ACTION_CONFIRMED);
}

// [action-6]
static void what_has_failed_is_offered_again_only_when_somebody_retries(void **state) {
    fixture *f = *state;
    sv_why why = { 0 };
    int64_t id = assigned(f, "press-1", "a/1.1");
    assert_int_equal(say(f, "press-1", id, SV_SAID_ROLLED_BACK), SV_OK);
    assert_int_equal(order(f, "press-1", "a/1.1", false, &id, &why), SV_ERR_STATE);
    assert_non_null(strstr(why.text, "press-1 has failed with 'a/1.1'"));
    (void) assigned(f, "press-1", "a/1.2"); // another image
    (void) assigned(f, "press-2", "a/1.1"); // another device
    assert_int_equal(order(f, "press-1", "a/1.1", true, &id, &why), SV_OK);
    assert_int_equal(found(f, id).attempt, 2);
    assert_int_equal(sv_actions_cancel(&f->fleet, id, "olga", NULL), SV_OK);
    assert_int_equal(order(f, "press-1", "a/1.1", false, &id, &why), SV_ERR_STATE);
    assert_int_equal(order(f, "press-1", "a/1.1", true, &id, &why), SV_OK);
    assert_int_equal(say(f, "press-1", id, SV_SAID_SUCCESS), SV_OK);
    runs(f, "press-1", "1.1");
    assert_int_equal(order(f, "press-1", "a/1.1", false, &id, &why), SV_OK); // it went well since
}

// [action-7]
static void a_log_is_bounded_and_cut_never_refused(void **state) {
    fixture *f = *state;
    char longest[SV_ACTION_LINE_MAX + 2];
    sv_text lines[50];
    int64_t id = assigned(f, "press-1", "a/1.1");
    memset(longest, 'x', sizeof longest);
    longest[SV_ACTION_LINE_MAX - 1] = '\xC3'; // a letter over the edge
    longest[SV_ACTION_LINE_MAX] = '\xA9';
    longest[3] = '\n';
    for (size_t i = 0; i < SV_COUNT(lines); i++) {
        lines[i] = (sv_text){ .at = longest, .len = sizeof longest };
    }
    const sv_action_word word = {
        .said = SV_SAID_DOWNLOADING, .bytes = -1, .lines = lines, .line_count = SV_COUNT(lines)
    };
    for (int i = 0; i < 10; i++) {
        assert_int_equal(sv_actions_feedback(&f->fleet, "press-1", id, &word, NULL), SV_OK);
    }
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM action_line"), SV_ACTION_LINES_MAX);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM action_line WHERE n <= 20"), 20);
    assert_int_equal(fixture_count(f, "SELECT max(n) FROM action_line"), 500);
    assert_int_equal(fixture_count(f, "SELECT max(length(line)) FROM action_line"),
                     SV_ACTION_LINE_MAX - 1);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM action_line"
                                      " WHERE line LIKE '%' || char(10) || '%'"),
                     0);
}

// [action-4] As long as the configuration says.
static void how_long_is_waited_is_a_setting(void **state) {
    fixture *f = *state;
    f->fleet.config.ddi.silent_us = 2 * SV_TIME_HOUR_US;
    f->fleet.config.ddi.proof_us = SV_TIME_HOUR_US;
    int64_t silent = assigned(f, "press-1", "a/1.1");
    int64_t unproved = assigned(f, "press-2", "a/1.1");
    assert_int_equal(say(f, "press-1", silent, SV_SAID_INSTALLED), SV_OK);
    assert_int_equal(say(f, "press-2", unproved, SV_SAID_SUCCESS), SV_OK);
    fixture_now_us += SV_TIME_HOUR_US - SV_TIME_SECOND_US;
    sv_actions_turn(&f->fleet);
    assert_int_equal(found(f, unproved).stand.state, SV_ACTION_TRIAL);
    fixture_now_us += SV_TIME_SECOND_US;
    sv_actions_turn(&f->fleet);
    assert_int_equal(found(f, unproved).stand.class, SV_ACTION_UNPROVED);
    assert_int_equal(found(f, silent).stand.state, SV_ACTION_INSTALLED);
    fixture_now_us += SV_TIME_HOUR_US;
    sv_actions_turn(&f->fleet);
    assert_int_equal(found(f, silent).stand.class, SV_ACTION_BY_SILENCE);
}

// [action-2] Its own actions alone.
static void a_device_speaks_of_its_own_actions_alone(void **state) {
    fixture *f = *state;
    int64_t id = assigned(f, "press-1", "a/1.1");
    assert_int_equal(say(f, "press-2", id, SV_SAID_FAILURE), SV_ERR_NOT_FOUND);
    assert_int_equal(say(f, "press-1", id + 1, SV_SAID_FAILURE), SV_ERR_NOT_FOUND);
    assert_int_equal(found(f, id).stand.state, SV_ACTION_WAITING);
}

static sv_action_offer not_now(void *arg, const sv_action *action) {
    (void) action;
    return *(const sv_action_offer *) arg;
}

// [action-8]
static void a_campaign_says_when_its_devices_may_begin(void **state) {
    fixture *f = *state;
    sv_actions_gate_with(&f->fleet, NULL, NULL);
    sv_action_offer offer = SV_OFFER_LATER;
    const sv_action by_hand = { .id = 1 };
    const sv_action campaign = { .id = 2, .campaign = 7 };
    sv_action begun = campaign;
    begun.stand.state = SV_ACTION_INSTALLED;
    assert_int_equal(sv_actions_may_begin(&f->fleet, &campaign), SV_OFFER_NOW);
    sv_actions_gate_with(&f->fleet, not_now, &offer);
    assert_int_equal(sv_actions_may_begin(&f->fleet, &campaign), SV_OFFER_LATER);
    assert_int_equal(sv_actions_may_begin(&f->fleet, &by_hand), SV_OFFER_NOW);
    assert_int_equal(sv_actions_may_begin(&f->fleet, &begun), SV_OFFER_NOW);
    offer = SV_OFFER_IN_WINDOW;
    assert_int_equal(sv_actions_may_begin(&f->fleet, &campaign), SV_OFFER_IN_WINDOW);
}

// [action-1] What a listener refuses has not happened.
static void a_change_that_is_not_counted_has_not_happened(void **state) {
    fixture *f = *state;
    int64_t id = assigned(f, "press-1", "a/1.1");
    heard.refuses = true;
    assert_int_equal(say(f, "press-1", id, SV_SAID_INSTALLED), SV_ERR_IO);
    assert_int_equal(order(f, "press-1", "a/1.2", false, &(int64_t){ 0 }, NULL), SV_ERR_IO);
    heard.refuses = false;
    assert_int_equal(found(f, id).stand.state, SV_ACTION_WAITING);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM action"), 1);
}

static void a_cancel_ends_it_and_the_device_is_to_hear_of_it(void **state) {
    fixture *f = *state;
    sv_action stopping;
    int64_t id = assigned(f, "press-1", "a/1.1");
    int64_t unseen = assigned(f, "press-2", "a/1.1");
    sv_why why = { 0 };
    assert_int_equal(say(f, "press-1", id, SV_SAID_DOWNLOADING), SV_OK);
    assert_int_equal(sv_actions_cancel(&f->fleet, id, "olga", NULL), SV_OK);
    assert_int_equal(sv_actions_cancel(&f->fleet, unseen, "olga", NULL), SV_OK);
    assert_int_equal(sv_actions_cancel(&f->fleet, id, "olga", &why), SV_ERR_STATE);
    assert_non_null(strstr(why.text, "it is canceled"));
    assert_int_equal(sv_actions_stopping_of(&f->fleet, "press-1", &stopping, NULL), SV_OK);
    assert_int_equal(stopping.id, id);
    assert_int_equal(sv_actions_stopping_of(&f->fleet, "press-2", &stopping, NULL),
                     SV_ERR_NOT_FOUND);
}

static void what_its_health_says_ends_even_what_was_confirmed(void **state) {
    fixture *f = *state;
    int64_t id = assigned(f, "press-1", "a/1.1");
    assert_int_equal(say(f, "press-1", id, SV_SAID_SUCCESS), SV_OK);
    runs(f, "press-1", "1.1");
    assert_int_equal(sv_actions_fail(&f->fleet, id, SV_ACTION_BY_WORSE, "three alerts since", NULL),
                     SV_OK);
    assert_int_equal(found(f, id).stand.class, SV_ACTION_BY_WORSE);
    assert_string_equal(found(f, id).why, "three alerts since");
    assert_false(found(f, id).stopping);
}

// [action-1] The oldest go.
static void a_device_keeps_its_newest_actions(void **state) {
    fixture *f = *state;
    for (int i = 0; i < SV_ACTIONS_OF_DEVICE_MAX + 10; i++) {
        heard.count = 0;
        (void) assigned(f, "press-1", "a/1.1");
    }
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM action"), SV_ACTIONS_OF_DEVICE_MAX);
    assert_int_equal(fixture_count(f, "SELECT count(DISTINCT action) FROM action_line"),
                     SV_ACTIONS_OF_DEVICE_MAX - 1);
}

// [running-1]
static sv_err count_running(void *arg, const char *device, const sv_running *running, sv_why *why) {
    (void) why;
    assert_string_equal(device, "press-1");
    assert_string_equal(running->version, "1.2");
    (*(int *) arg)++;
    return SV_OK;
}

static void what_a_device_runs_is_its_last_word(void **state) {
    fixture *f = *state;
    sv_running running;
    int count = 0;
    assert_int_equal(sv_running_of(&f->fleet, "press-1", &running, NULL), SV_ERR_NOT_FOUND);
    runs(f, "press-1", "1.1");
    runs(f, "press-1", "1.2");
    assert_int_equal(sv_running_of(&f->fleet, "press-1", &running, NULL), SV_OK);
    assert_string_equal(running.version, "1.2");
    assert_int_equal(sv_running_each(&f->fleet, count_running, &count, NULL), SV_OK);
    assert_int_equal(count, 1);
}

// [action-4]
static void one_that_time_cannot_end_stops_no_other(void **state) {
    fixture *f = *state;
    int64_t damaged = assigned(f, "press-1", "lathe/1.1");
    int64_t other = assigned(f, "press-2", "lathe/1.1");
    assert_int_equal(say(f, "press-1", damaged, SV_SAID_INSTALLED), SV_OK);
    assert_int_equal(say(f, "press-2", other, SV_SAID_INSTALLED), SV_OK);
    assert_int_equal(
        sv_db_exec(f->fleet.db, "UPDATE action SET state = 99 WHERE device = 'press-1'", NULL),
        SV_OK);
    fixture_now_us += SV_ACTION_SILENT_US + SV_TIME_SECOND_US;
    sv_actions_turn(&f->fleet);
    assert_int_equal(found(f, other).stand.state, SV_ACTION_FAILED);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM action WHERE state = 99"), 1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, fixture_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(at_most_one_action_of_a_device_is_open),
        TEST(no_id_is_given_twice_though_rows_are_lost),
        TEST(a_success_waits_for_what_the_device_runs),
        TEST(time_ends_what_is_silent_and_a_late_word_sets_it_right),
        TEST(what_has_failed_is_offered_again_only_when_somebody_retries),
        TEST(a_log_is_bounded_and_cut_never_refused),
        TEST(how_long_is_waited_is_a_setting),
        TEST(a_device_speaks_of_its_own_actions_alone),
        TEST(a_campaign_says_when_its_devices_may_begin),
        TEST(a_change_that_is_not_counted_has_not_happened),
        TEST(a_cancel_ends_it_and_the_device_is_to_hear_of_it),
        TEST(what_its_health_says_ends_even_what_was_confirmed),
        TEST(a_device_keeps_its_newest_actions),
        TEST(what_a_device_runs_is_its_last_word),
        TEST(one_that_time_cannot_end_stops_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
