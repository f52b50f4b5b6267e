#include <ddi/test.h>

#include <base/mem.h>
#include <ddi/client.h>
#include <stdlib.h>

#define NOTHING "{\"config\":{\"polling\":{\"sleep\":\"12:00:00\"}}}"
#define BASE "/default/controller/v1/press-17"
#define DEPLOYMENT "{\"id\":\"7\",\"deployment\":{\"download\":\"forced\",\"update\":\"forced\"}}"

/// A door that answers each request with the next of `answers`, and keeps its first line.
typedef struct story {
    sv_loop *loop;
    door door;
    sv_ddi_client *client;
    const char *answers[8]; ///< NULL: 503
    char lines[8][128];
    char body[DOOR_ASK_MAX];
    int polls, failures;
    bool any, said, taken, gone;
    sv_ddi_poll poll;
    sv_ddi_deployment deployment;
    bool has_deployment;
    int64_t wait_us;
    char why[SV_WHY_MAX];
} story;

static void answer(door *d) {
    story *s = d->arg;
    int n = d->asked - 1;
    assert_in_range(n, 0, 7);
    const char *end = strstr(d->ask, " HTTP/1.1");
    (void) snprintf(s->lines[n], sizeof s->lines[n], "%.*s", (int) (end - d->ask), d->ask);
    (void) snprintf(s->body, sizeof s->body, "%s", strstr(d->ask, "\r\n\r\n") + 4);
    const char *body = s->answers[n];
    if (body == NULL) {
        door_say(d, 503, "");
    } else if (strcmp(body, "404") == 0) {
        door_say(d, 404, "");
    } else {
        door_say(d, 200, body);
    }
}

static void on_polled(void *arg, const sv_ddi_poll *poll, const sv_ddi_deployment *deployment) {
    story *s = arg;
    s->polls++;
    s->any = true;
    s->poll = *poll;
    s->has_deployment = deployment != NULL;
    if (deployment != NULL) {
        s->deployment = *deployment;
    }
}

static void on_failed(void *arg, const sv_why *why, int64_t wait_us) {
    story *s = arg;
    s->failures++;
    s->any = true;
    s->wait_us = wait_us;
    (void) snprintf(s->why, sizeof s->why, "%s", why->text);
}

static void on_said(void *arg, bool taken, bool gone, const sv_why *why) {
    story *s = arg;
    s->said = true;
    s->taken = taken;
    s->gone = gone;
    (void) snprintf(s->why, sizeof s->why, "%s", why->text);
}

static const sv_ddi_client_events EVENTS = { .polled = on_polled, .failed = on_failed };

static story *begin(void) {
    story *s = sv_mem_new(sizeof *s);
    assert_int_equal(sv_loop_open(&s->loop, NULL), SV_OK);
    door_open(&s->door, s->loop, answer, s);
    const sv_ddi_client_options options = { .origin = s->door.origin,
                                            .id = "press-17",
                                            .poll_us = SV_TIME_HOUR_US };
    assert_int_equal(sv_ddi_client_open(s->loop, &options, &EVENTS, s, &s->client, NULL), SV_OK);
    sv_ddi_client_look(s->client);
    return s;
}

static void finish(story **s) {
    sv_ddi_client_drop(&(*s)->client);
    door_close(&(*s)->door);
    sv_loop_drop(&(*s)->loop);
    free(*s);
}

static void wait_for(story *s, bool *what) {
    *what = false;
    turn_until(s->loop, what);
}

static void a_poll_leads_to_what_is_to_be_done(void **state) { // [ddid-1]
    (void) state;
    SV_DEFER(finish) story *s = begin();
    s->answers[0] = "{\"_links\":{\"deploymentBase\":{\"href\":\"https://elsewhere/x/7?c=1\"}}}";
    s->answers[1] = DEPLOYMENT;
    wait_for(s, &s->any);
    assert_string_equal(s->lines[0], "GET " BASE);
    assert_string_equal(s->lines[1], "GET " BASE "/deploymentBase/7");
    assert_true(s->has_deployment);
    assert_int_equal(s->deployment.action, 7);
    assert_int_equal(s->failures, 0);
}

static void a_cancel_is_read_before_what_comes_in_its_place(void **state) {
    (void) state;
    SV_DEFER(finish) story *s = begin();
    s->answers[0] = "{\"_links\":{\"deploymentBase\":{\"href\":\"7\"},"
                    "\"cancelAction\":{\"href\":\"/cancelAction/6\"}}}";
    s->answers[1] = "{\"id\":\"6\",\"cancelAction\":{\"stopId\":\"5\"}}";
    s->answers[2] = DEPLOYMENT;
    wait_for(s, &s->any);
    assert_string_equal(s->lines[1], "GET " BASE "/cancelAction/6");
    assert_string_equal(s->lines[2], "GET " BASE "/deploymentBase/7");
    assert_int_equal(s->poll.stop, 5);
    assert_true(s->has_deployment);
}

static void an_action_that_ended_meanwhile_is_none(void **state) {
    (void) state;
    SV_DEFER(finish) story *s = begin();
    s->answers[0] = "{\"_links\":{\"deploymentBase\":{\"href\":\"7\"}}}";
    s->answers[1] = "404";
    wait_for(s, &s->any);
    assert_int_equal(s->polls, 1);
    assert_false(s->has_deployment);
}

static void a_door_that_fails_is_asked_again_later(void **state) { // [ddid-5]
    (void) state;
    SV_DEFER(finish) story *s = begin();
    s->answers[1] = "[]";
    s->answers[2] = NOTHING;
    wait_for(s, &s->any);
    assert_int_equal(s->failures, 1);
    assert_non_null(strstr(s->why, "503"));
    assert_in_range(s->wait_us, SV_DDI_RETRY_FIRST_US / 2, SV_DDI_RETRY_FIRST_US);
    sv_ddi_client_look(s->client);
    wait_for(s, &s->any);
    assert_int_equal(s->failures, 2);
    assert_non_null(strstr(s->why, "no JSON object"));
    assert_in_range(s->wait_us, SV_DDI_RETRY_FIRST_US, 2 * SV_DDI_RETRY_FIRST_US);
    sv_ddi_client_look(s->client);
    wait_for(s, &s->any);
    assert_int_equal(s->polls, 1);
}

static void who_calls_often_is_asked_for_once_a_second(void **state) { // [ddid-9]
    (void) state;
    SV_DEFER(finish) story *s = begin();
    s->answers[0] = NOTHING;
    s->answers[1] = NOTHING;
    wait_for(s, &s->any);
    int64_t first_us = sv_clock_monotonic_us();
    for (int i = 0; i < 100; i++) {
        sv_ddi_client_look(s->client);
        sv_loop_turn(s->loop, 0);
    }
    wait_for(s, &s->any);
    // The first one may have begun a while before it was answered.
    assert_true(sv_clock_monotonic_us() - first_us > SV_DDI_CALL_GAP_US / 2);
    assert_int_equal(s->door.asked, 2);
}

static void what_is_said_is_taken_or_not(void **state) {
    (void) state;
    static const struct {
        const char *answer;
        bool taken, gone;
    } CASES[] = { { "", true, false }, { NULL, false, false }, { "404", false, true } };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(finish) story *s = begin();
        const sv_ddi_feedback feedback = { .action = 7, .closed = true };
        s->answers[0] = NOTHING;
        s->answers[1] = CASES[i].answer;
        wait_for(s, &s->any);
        assert_int_equal(sv_ddi_client_feedback(s->client, &feedback, on_said, s), SV_OK);
        wait_for(s, &s->said);
        assert_string_equal(s->lines[1], "POST " BASE "/deploymentBase/7/feedback");
        assert_non_null(strstr(s->body, "\"execution\":\"closed\""));
        assert_int_equal(s->taken, CASES[i].taken);
        assert_int_equal(s->gone, CASES[i].gone);
    }
}

static void configuration_and_cancels_go_where_they_belong(void **state) {
    (void) state;
    SV_DEFER(finish) story *s = begin();
    const sv_ddi_attribute one = { "version", "1.0" };
    s->answers[0] = NOTHING;
    s->answers[1] = "";
    s->answers[2] = "";
    wait_for(s, &s->any);
    assert_int_equal(sv_ddi_client_config(s->client, 0, &one, 1, on_said, s), SV_OK);
    wait_for(s, &s->said);
    assert_string_equal(s->lines[1], "PUT " BASE "/configData");
    assert_non_null(strstr(s->body, "\"version\":\"1.0\""));
    assert_int_equal(sv_ddi_client_cancel(s->client, 6, 0, false, on_said, s), SV_OK);
    wait_for(s, &s->said);
    assert_string_equal(s->lines[2], "POST " BASE "/cancelAction/6/feedback");
    assert_non_null(strstr(s->body, "\"rejected\""));
}

static void who_is_dropped_says_nothing_more(void **state) {
    (void) state;
    SV_DEFER(finish) story *s = begin();
    const sv_ddi_feedback feedback = { .action = 7 };
    assert_int_equal(sv_ddi_client_feedback(s->client, &feedback, on_said, s), SV_OK);
    sv_ddi_client_drop(&s->client);
    assert_false(s->any || s->said);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_poll_leads_to_what_is_to_be_done),
        cmocka_unit_test(a_cancel_is_read_before_what_comes_in_its_place),
        cmocka_unit_test(an_action_that_ended_meanwhile_is_none),
        cmocka_unit_test(a_door_that_fails_is_asked_again_later),
        cmocka_unit_test(who_calls_often_is_asked_for_once_a_second),
        cmocka_unit_test(what_is_said_is_taken_or_not),
        cmocka_unit_test(configuration_and_cancels_go_where_they_belong),
        cmocka_unit_test(who_is_dropped_says_nothing_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
