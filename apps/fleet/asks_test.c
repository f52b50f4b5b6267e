#include "fleet_fixture.h"

#include "asks.h"

#include <net/event_stream.h>
#include <net/http_server.h>
#include <net/test.h>
#include <sys/clock.h>
#include <sys/log.h>

/// A gateway that keeps its stream open, and what became of what was asked.
typedef struct scene {
    fixture *f;
    sv_loop *loop;
    sv_http_server *server;
    sv_event_stream *stream;
    int events; ///< that came down
    char id[64], what[32];
    int64_t until_ms;
    int ends, status;
    int64_t answer;
    char why[SV_ASK_WHY_MAX];
} scene;

static void serve(sv_http_request *request, void *arg) {
    scene *s = arg;
    sv_push_join(&s->f->fleet, fixture_gateway(s->f, "gw-a"), 0, request);
}

static bool on_event(void *arg, const sv_event *event) {
    scene *s = arg;
    SV_DEFER(sv_json_drop) sv_json *data = NULL;
    sv_text text;
    assert_true(sv_text_is(event->name, "ask"));
    assert_int_equal(sv_json_parse(event->data, &data, NULL, NULL), SV_OK);
    assert_true(sv_json_text(sv_json_get(data, "id"), &text));
    assert_int_equal(sv_text_copy(text, s->id, sizeof s->id), SV_OK);
    assert_true(sv_json_text(sv_json_get(data, "what"), &text));
    assert_int_equal(sv_text_copy(text, s->what, sizeof s->what), SV_OK);
    assert_true(sv_json_int(sv_json_get(data, "until"), &s->until_ms));
    assert_true(sv_json_is_object(sv_json_get(data, "question")));
    s->events++;
    return true;
}

static void on_up(void *arg) {
    (void) arg;
}

static void on_down(void *arg, const sv_why *why, int64_t retry_us) {
    (void) arg;
    (void) why;
    (void) retry_us;
}

static void turn_until(scene *s, const int *count, int least) {
    int64_t end_us = sv_clock_monotonic_us() + SV_TEST_PATIENCE_US;
    while (*count < least && sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(s->loop, 1000);
        sv_push_turn(&s->f->fleet);
    }
    assert_true(*count >= least);
}

static void keep_open(scene *s) {
    static const sv_event_stream_calls CALLS = { .up = on_up, .event = on_event, .down = on_down };
    const sv_http_server_options here = { .bind = "127.0.0.1", .connections_max = 4 };
    char origin[64];
    assert_int_equal(sv_loop_open(&s->loop, NULL), SV_OK);
    assert_int_equal(sv_http_server_open(s->loop, &here, serve, s, &s->server, NULL), SV_OK);
    (void) snprintf(origin, sizeof origin, "http://127.0.0.1:%u", sv_http_server_port(s->server));
    const sv_event_stream_options options = { .origin = origin, .path = "/", .last_id = "" };
    assert_int_equal(sv_event_stream_open(s->loop, &options, &CALLS, s, &s->stream, NULL), SV_OK);
    int64_t end_us = sv_clock_monotonic_us() + SV_TEST_PATIENCE_US;
    const sv_gateway *asked = fixture_gateway(s->f, "gw-a");
    while (!sv_push_reaches(s->f->fleet.push, asked) && sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(s->loop, 1000);
    }
    assert_true(sv_push_reaches(s->f->fleet.push, asked));
}

static int setup(void **state) {
    sv_log_open("test", SV_LOG_error);
    scene *s = sv_mem_new(sizeof *s);
    fixture_now_us = INT64_C(1800000000000000);
    *state = s;
    return fixture_setup((void **) &s->f);
}

static int teardown(void **state) {
    scene *s = *state;
    sv_event_stream_drop(&s->stream);
    sv_push_drop(&s->f->fleet.push);
    sv_http_server_drop(&s->server);
    sv_loop_drop(&s->loop);
    (void) fixture_teardown((void **) &s->f);
    free(s);
    return 0;
}

static void done(void *arg, const sv_ask_end *end) {
    scene *s = arg;
    s->ends++;
    s->status = end->status;
    s->answer = -1;
    (void) sv_json_int(end->answer, &s->answer);
    (void) snprintf(s->why, sizeof s->why, "%s", end->why == NULL ? "" : end->why);
}

static sv_err ask(scene *s, sv_why *why) {
    const sv_ask question = { .gateway = fixture_gateway(s->f, "gw-a"),
                              .what = "series",
                              .question = SV_TEXT("{}"),
                              .done = done,
                              .arg = s };
    return sv_asks_put(&s->f->fleet, &question, why);
}

static sv_err answer(scene *s, const char *gateway, const char *rest, sv_why *why) {
    char body[512];
    (void) snprintf(body, sizeof body, "{\"id\":\"%s\"%s}", s->id, rest);
    return sv_asks_answer(&s->f->fleet, fixture_gateway(s->f, gateway), sv_text_of(body), why);
}

// [ask-1]
static void a_gateway_that_is_away_is_not_asked(void **state) {
    scene *s = *state;
    sv_why why = { 0 };
    assert_int_equal(ask(s, &why), SV_ERR_UNAVAILABLE);
    assert_non_null(strstr(why.text, "gateway gw-a is not connected now"));
    assert_int_equal(fixture_count(s->f, "SELECT count(*) FROM push"), 0);
}

// [ask-1] [ask-2]
static void it_is_answered_once_by_the_gateway_that_was_asked(void **state) {
    scene *s = *state;
    sv_why why = { 0 };
    keep_open(s);
    assert_int_equal(ask(s, &why), SV_OK);
    turn_until(s, &s->events, 1);
    assert_string_equal(s->what, "series");
    assert_int_equal(s->until_ms, (fixture_now_us + SV_ASK_WITHIN_US) / 1000);
    assert_int_equal(answer(s, "gw-b", ",\"answer\":7", &why), SV_ERR_NOT_FOUND);
    assert_int_equal(s->ends, 0);
    assert_int_equal(answer(s, "gw-a", ",\"answer\":7", &why), SV_OK);
    assert_int_equal(s->ends, 1);
    assert_int_equal(s->status, 200);
    assert_int_equal(s->answer, 7);
    assert_int_equal(answer(s, "gw-a", ",\"answer\":8", &why), SV_ERR_NOT_FOUND);
    assert_int_equal(s->ends, 1);
}

// [ask-2]
static void what_is_no_answer_leaves_it_open(void **state) {
    scene *s = *state;
    static const char *const BROKEN[] = { "",
                                          ",\"status\":200,\"why\":\"x\"",
                                          ",\"status\":401,\"why\":\"x\"",
                                          ",\"status\":600,\"why\":\"x\"",
                                          ",\"status\":403",
                                          ",\"status\":403,\"why\":7",
                                          ",\"answer\":" };
    sv_why why = { 0 };
    keep_open(s);
    assert_int_equal(ask(s, &why), SV_OK);
    turn_until(s, &s->events, 1);
    for (size_t i = 0; i < SV_COUNT(BROKEN); i++) {
        why = (sv_why){ 0 };
        assert_int_equal(answer(s, "gw-a", BROKEN[i], &why), SV_ERR_INVALID);
        assert_true(why.text[0] != '\0');
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf large = SV_TEXTBUF_HEAP((size_t) 2 * SV_ASK_ANSWER_MAX);
    sv_textbuf_addf(&large, "{\"id\":\"%s\",\"answer\":\"%*s\"}", s->id, SV_ASK_ANSWER_MAX, "");
    assert_int_equal(
        sv_asks_answer(&s->f->fleet, fixture_gateway(s->f, "gw-a"), sv_textbuf_text(&large), &why),
        SV_ERR_INVALID);
    assert_int_equal(s->ends, 0);
    assert_int_equal(answer(s, "gw-a", ",\"status\":403,\"why\":\"it never leaves\"", &why), SV_OK);
    assert_int_equal(s->status, 403);
    assert_string_equal(s->why, "it never leaves");
}

static sv_err ask_about(scene *s, int64_t within_us, sv_text text) {
    const sv_ask question = { .gateway = fixture_gateway(s->f, "gw-a"),
                              .what = "backtest",
                              .question = SV_TEXT("{}"),
                              .within_us = within_us,
                              .text = text,
                              .done = done,
                              .arg = s };
    return sv_asks_put(&s->f->fleet, &question, NULL);
}

// [ask-1] [ask-2]
static void a_question_may_need_longer_but_not_as_long_as_it_likes(void **state) {
    scene *s = *state;
    keep_open(s);
    assert_int_equal(ask_about(s, 100 * SV_ASK_WITHIN_MAX_US, (sv_text){ 0 }), SV_OK);
    turn_until(s, &s->events, 1);
    assert_int_equal(s->until_ms, (fixture_now_us + SV_ASK_WITHIN_MAX_US) / 1000);
    fixture_now_us += SV_ASK_WITHIN_MAX_US - 1;
    sv_asks_turn(&s->f->fleet);
    assert_int_equal(s->ends, 0);
    fixture_now_us += 1;
    sv_asks_turn(&s->f->fleet);
    assert_int_equal(s->status, 504);
    assert_string_equal(s->why, "gateway gw-a has not answered within 120 s");
}

// [ask-7]
static void what_it_is_about_is_for_the_one_that_is_asked_while_it_is_open(void **state) {
    scene *s = *state;
    const sv_asks *asks = s->f->fleet.asks;
    const sv_gateway *mine = fixture_gateway(s->f, "gw-a");
    sv_text text;
    keep_open(s);
    assert_int_equal(ask_about(s, SV_ASK_WITHIN_US, SV_TEXT("change: {}")), SV_OK);
    turn_until(s, &s->events, 1);
    assert_int_equal(sv_asks_text(asks, mine, sv_text_of(s->id), &text), SV_OK);
    assert_true(sv_text_is(text, "change: {}"));
    assert_int_equal(sv_asks_text(asks, fixture_gateway(s->f, "gw-b"), sv_text_of(s->id), &text),
                     SV_ERR_NOT_FOUND);
    assert_int_equal(sv_asks_text(asks, mine, SV_TEXT(""), &text), SV_ERR_NOT_FOUND);
    assert_int_equal(answer(s, "gw-a", ",\"answer\":7", NULL), SV_OK);
    assert_int_equal(sv_asks_text(asks, mine, sv_text_of(s->id), &text), SV_ERR_NOT_FOUND);
    assert_int_equal(ask(s, NULL), SV_OK); // it is about nothing more
    turn_until(s, &s->events, 2);
    assert_int_equal(sv_asks_text(asks, mine, sv_text_of(s->id), &text), SV_ERR_NOT_FOUND);
}

// [ask-2]
static void who_waits_is_told_when_nobody_answers(void **state) {
    scene *s = *state;
    sv_why why = { 0 };
    keep_open(s);
    assert_int_equal(ask(s, &why), SV_OK);
    turn_until(s, &s->events, 1);
    fixture_now_us += SV_ASK_WITHIN_US - 1;
    sv_asks_turn(&s->f->fleet);
    assert_int_equal(s->ends, 0);
    fixture_now_us += 1;
    sv_asks_turn(&s->f->fleet);
    assert_int_equal(s->ends, 1);
    assert_int_equal(s->status, 504);
    assert_string_equal(s->why, "gateway gw-a has not answered within 15 s");
    assert_int_equal(answer(s, "gw-a", ",\"answer\":7", &why), SV_ERR_NOT_FOUND);
    assert_int_equal(s->ends, 1);
}

// [ask-1]
static void only_so_many_are_open_and_the_end_of_the_server_answers_them(void **state) {
    scene *s = *state;
    sv_why why = { 0 };
    keep_open(s);
    for (int i = 0; i < SV_ASKS_OF_GATEWAY_MAX; i++) {
        assert_int_equal(ask(s, &why), SV_OK);
    }
    assert_int_equal(ask(s, &why), SV_ERR_STATE);
    assert_non_null(strstr(why.text, "other questions"));
    turn_until(s, &s->events, SV_ASKS_OF_GATEWAY_MAX);
    assert_int_equal(answer(s, "gw-a", ",\"answer\":7", &why), SV_OK);
    assert_int_equal(ask(s, &why), SV_OK);
    sv_asks_drop(&s->f->fleet.asks);
    assert_int_equal(s->ends, 1 + SV_ASKS_OF_GATEWAY_MAX);
    assert_int_equal(s->status, 503);
}

int main(void) {
#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        EACH(a_gateway_that_is_away_is_not_asked),
        EACH(it_is_answered_once_by_the_gateway_that_was_asked),
        EACH(what_is_no_answer_leaves_it_open),
        EACH(a_question_may_need_longer_but_not_as_long_as_it_likes),
        EACH(what_it_is_about_is_for_the_one_that_is_asked_while_it_is_open),
        EACH(who_waits_is_told_when_nobody_answers),
        EACH(only_so_many_are_open_and_the_end_of_the_server_answers_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
