#include "http_fixture.h"

static void bodies_travel_both_ways(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    answer a = fetch(s, "POST", "/echo", SV_TEXT("hello"));
    assert_int_equal(a.status, 201);
    assert_string_equal(a.body, "hello");
    assert_string_equal(a.location, "/elsewhere");
    a = fetch(s, "PUT", "/echo", SV_TEXT(""));
    assert_int_equal(a.status, 201);
    assert_string_equal(a.body, "");
}

static void every_method_arrives_and_head_has_no_body(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    static const char *const methods[] = { "GET",  "POST",  "PUT",    "DELETE",
                                           "HEAD", "PATCH", "OPTIONS" };
    for (size_t i = 0; i < SV_COUNT(methods); i++) {
        answer a = fetch(s, methods[i], "/who", SV_TEXT(""));
        assert_int_equal(a.status, 200);
        assert_string_equal(a.body, strcmp(methods[i], "HEAD") == 0 ? "" : "you");
        char expected[64];
        (void) snprintf(expected, sizeof expected, "%s 127.0.0.1 nobody", methods[i]);
        assert_string_equal(s->seen, expected);
    }
    answer a = fetch(s, "BREW", "/who", SV_TEXT(""));
    assert_int_equal(a.status, 501);
}

static void a_body_beyond_the_limit_is_answered_413(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    static char large[BODY_MAX + 1];
    memset(large, 'x', sizeof large);
    answer a = fetch(s, "POST", "/echo", (sv_text){ .at = large, .len = sizeof large });
    assert_int_equal(a.status, 413);
    assert_int_equal(s->requests, 0);
    a = fetch(s, "POST", "/echo", (sv_text){ .at = large, .len = BODY_MAX });
    assert_int_equal(a.status, 201);
    assert_int_equal(strlen(a.body), BODY_MAX);
}

static void queries_are_decoded_and_bounded(void **state) {
    (void) state;
    static const struct {
        const char *path;
        const char *seen;
    } cases[] = {
        { "/query", "not-found:" },
        { "/query?p=1&qq=2", "not-found:" },
        { "/query?a=1&q=two+words%21&q=3", "ok:two words!" },
        { "/query?q", "ok:" },
        { "/query?%71=x", "ok:x" },
        { "/query?q=%00", "invalid:" },
        { "/query?q=%ff", "invalid:" },
        { "/query?q=0123456789abcdef", "invalid:" },
        { "/que%72y?q=1", "ok:1" },
    };
    SV_DEFER(site_drop) site *s = site_open();
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        answer a = fetch(s, "GET", cases[i].path, SV_TEXT(""));
        assert_int_equal(a.status, 204);
        assert_string_equal(s->seen, cases[i].seen);
    }
    assert_int_equal(fetch(s, "GET", "/bad%00path", SV_TEXT("")).status, 400);
}

static void problems_are_documents(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    answer a = fetch(s, "GET", "/%22gone%22", SV_TEXT(""));
    assert_int_equal(a.status, 404);
    assert_string_equal(a.body, "{\"type\":\"about:blank\",\"title\":\"Not found\",\"status\":404,"
                                "\"detail\":\"there is no \\\"/\\\"gone\\\"\\\"\"}");
}

static void one_connection_serves_request_after_request(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    answer all[16];
    for (size_t i = 0; i < SV_COUNT(all); i++) {
        ask(s, "POST", "/echo", SV_TEXT("again"), &all[i]);
    }
    for (size_t i = 0; i < SV_COUNT(all); i++) {
        turn_until(s, &all[i].done);
        assert_string_equal(all[i].body, "again");
    }
    assert_int_equal(sv_http_client_waiting(s->client), 0);
}

static void a_restarted_server_is_found_again(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    assert_int_equal(fetch(s, "GET", "/who", SV_TEXT("")).status, 200);
    uint16_t port = sv_http_server_port(s->server);
    sv_http_server_drop(&s->server);
    answer a = fetch(s, "GET", "/who", SV_TEXT(""));
    assert_int_equal(a.status, 0);
    char expected[64];
    (void) snprintf(expected, sizeof expected, "connection refused (127.0.0.1:%u)", port);
    assert_string_equal(a.why, expected);
    serve(s, port);
    assert_int_equal(fetch(s, "GET", "/who", SV_TEXT("")).status, 200);
    // The kept connection dies and the question is asked in the same moment.
    sv_http_server_drop(&s->server);
    serve(s, port);
    assert_int_equal(fetch(s, "GET", "/who", SV_TEXT("")).status, 200);
}

static void a_taken_port_is_named(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    sv_http_server_options options = { .bind = "127.0.0.1",
                                       .port = sv_http_server_port(s->server) };
    sv_http_server *second = NULL;
    sv_why why;
    assert_int_equal(sv_http_server_open(s->loop, &options, handle, s, &second, &why),
                     SV_ERR_STATE);
    assert_non_null(strstr(why.text, "the port is taken"));
    options.bind = "nowhere";
    assert_int_equal(sv_http_server_open(s->loop, &options, handle, s, &second, &why),
                     SV_ERR_INVALID);
}

static void a_request_may_be_answered_later(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    answer a;
    ask(s, "GET", "/keep", SV_TEXT(""), &a);
    while (s->kept == NULL) {
        sv_loop_turn(s->loop, TURN_US);
    }
    turn_for(s, 50000);
    assert_false(a.done);
    sv_http_reply(s->kept, 200, "text/plain", SV_TEXT("late"));
    turn_until(s, &a.done);
    assert_string_equal(a.body, "late");
}

static void a_kept_request_outlives_its_connection(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    answer a;
    ask(s, "GET", "/keep", SV_TEXT(""), &a);
    while (s->kept == NULL) {
        sv_loop_turn(s->loop, TURN_US);
    }
    sv_http_client_drop(&s->client);
    assert_true(a.done);
    assert_int_equal(a.status, 0);
    turn_for(s, 50000);
    assert_true(sv_text_is(sv_http_path(s->kept), "/keep"));
    sv_http_reply(s->kept, 200, "text/plain", SV_TEXT("nobody reads this"));
}

static void a_kept_request_outlives_its_server(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    answer a;
    ask(s, "GET", "/keep", SV_TEXT(""), &a);
    while (s->kept == NULL) {
        sv_loop_turn(s->loop, TURN_US);
    }
    sv_http_server_drop(&s->server);
    assert_null(sv_http_header(s->kept, "Host"));
    sv_http_problem(s->kept, 503, "Closing", "bye");
    turn_until(s, &a.done);
    assert_int_equal(a.status, 0);
    assert_non_null(strstr(a.why, "closed by the other side"));
}

static void an_answer_that_does_not_come_is_given_up(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    sv_http_client_drop(&s->client);
    call(s, 100000);
    answer a = fetch(s, "GET", "/keep", SV_TEXT(""));
    assert_int_equal(a.status, 0);
    assert_non_null(strstr(a.why, "no whole answer within 100 ms"));
    turn_for(s, 50000);
    sv_http_reply(s->kept, 204, NULL, SV_TEXT(""));
}

static void a_full_queue_refuses(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    static answer all[SV_HTTP_CLIENT_QUEUE_MAX];
    for (size_t i = 0; i < SV_COUNT(all); i++) {
        ask(s, "GET", "/who", SV_TEXT(""), &all[i]);
    }
    answer more = { 0 };
    assert_int_equal(
        sv_http_client_send(s->client, "GET", "/", NULL, NULL, SV_TEXT(""), answered, &more),
        SV_ERR_NO_SPACE);
    sv_http_client_drop(&s->client);
    for (size_t i = 0; i < SV_COUNT(all); i++) {
        assert_true(all[i].done);
    }
}

static void drop_client(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    (void) why;
    site *s = arg;
    s->closed += reply->status;
    sv_http_client_drop(&s->client);
}

static void a_client_may_be_dropped_by_its_answer(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    answer second = { 0 };
    assert_int_equal(
        sv_http_client_send(s->client, "GET", "/who", NULL, NULL, SV_TEXT(""), drop_client, s),
        SV_OK);
    ask(s, "GET", "/who", SV_TEXT(""), &second);
    turn_until(s, &second.done);
    assert_int_equal(s->closed, 200);
    assert_int_equal(second.status, 0);
}

static void line_breaks_cannot_smuggle_headers(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    answer a = { 0 };
    assert_int_equal(
        sv_http_client_send(s->client, "GET", "/a\r\nX: y", NULL, NULL, SV_TEXT(""), answered, &a),
        SV_ERR_INVALID);
    assert_int_equal(sv_http_client_send(s->client, "GET", "/", "Bearer x\nY: z", NULL, SV_TEXT(""),
                                         answered, &a),
                     SV_ERR_INVALID);
}

static void went_up(void *arg) {
    (void) arg;
}

static size_t took_none(void *arg, sv_text arrived) {
    (void) arg;
    return arrived.len;
}

static void went_down(void *arg, const sv_why *why) {
    (void) snprintf(arg, SV_WHY_MAX, "%s", why->text);
}

static void a_name_nobody_knows_is_told_apart(void **state) {
    (void) state;
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    assert_int_equal(sv_loop_open(&loop, NULL), SV_OK);
    static const sv_conn_events events = { .up = went_up, .bytes = took_none, .down = went_down };
    char sentence[SV_WHY_MAX] = "";
    sv_conn *conn = NULL;
    sv_why why;
    sv_err err = sv_conn_open(loop, "no-such-host.invalid", 1, NULL, 1000000, &events, sentence,
                              &conn, &why);
    if (err != SV_OK) {
        assert_non_null(strstr(why.text, "cannot resolve"));
        return;
    }
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    while (sentence[0] == '\0' && sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(loop, TURN_US);
    }
    assert_true(strstr(sentence, "no-such-host.invalid") != NULL);
    sv_conn_drop(&conn);
    for (int i = 0; i < 5; i++) {
        sv_loop_turn(loop, 1000);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_travel_both_ways),
        cmocka_unit_test(every_method_arrives_and_head_has_no_body),
        cmocka_unit_test(a_body_beyond_the_limit_is_answered_413),
        cmocka_unit_test(queries_are_decoded_and_bounded),
        cmocka_unit_test(problems_are_documents),
        cmocka_unit_test(one_connection_serves_request_after_request),
        cmocka_unit_test(a_restarted_server_is_found_again),
        cmocka_unit_test(a_taken_port_is_named),
        cmocka_unit_test(a_request_may_be_answered_later),
        cmocka_unit_test(a_kept_request_outlives_its_connection),
        cmocka_unit_test(a_kept_request_outlives_its_server),
        cmocka_unit_test(an_answer_that_does_not_come_is_given_up),
        cmocka_unit_test(a_full_queue_refuses),
        cmocka_unit_test(a_client_may_be_dropped_by_its_answer),
        cmocka_unit_test(line_breaks_cannot_smuggle_headers),
        cmocka_unit_test(a_name_nobody_knows_is_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
