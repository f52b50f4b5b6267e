#include <base/mem.h>
#include <base/test.h>
#include <base/time.h>
#include <net/forward.h>
#include <net/http_client.h>
#include <net/http_server.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>

enum { BODY = 3 * 1024 * 1024, PATIENCE_US = 20 * 1000 * 1000 };

typedef struct fixture {
    sv_loop *loop;
    sv_http_server *server;
    sv_forward *forward;
    sv_http_client *client;
    char *large;
    int status;
    size_t body;
    bool done;
} fixture;

static void answer(sv_http_request *request, void *arg) {
    fixture *f = arg;
    sv_http_reply(request, 200, "text/plain", (sv_text){ f->large, BODY });
}

static int setup(void **state) {
    fixture *f = sv_mem_new(sizeof *f);
    const sv_http_server_options options = { .bind = "127.0.0.1",
                                             .body_max = BODY + 1,
                                             .connections_max = 8 };
    char origin[64];
    f->large = sv_mem_new(BODY);
    memset(f->large, 'x', BODY);
    assert_int_equal(sv_loop_open(&f->loop, NULL), SV_OK);
    assert_int_equal(sv_http_server_open(f->loop, &options, answer, f, &f->server, NULL), SV_OK);
    assert_int_equal(sv_forward_open(f->loop, sv_http_server_port(f->server), &f->forward, NULL),
                     SV_OK);
    (void) snprintf(origin, sizeof origin, "http://127.0.0.1:%u", sv_forward_port(f->forward));
    assert_int_equal(
        sv_http_client_open(f->loop, origin, NULL, SV_TIME_SECOND_US * 10, &f->client, NULL),
        SV_OK);
    *state = f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    sv_http_client_drop(&f->client);
    sv_forward_drop(&f->forward);
    sv_http_server_drop(&f->server);
    sv_loop_drop(&f->loop);
    free(f->large);
    free(f);
    return 0;
}

static void take(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    fixture *f = arg;
    (void) why;
    f->done = true;
    f->status = reply->status;
    f->body = reply->body.len;
}

static void ask(fixture *f, sv_text body) {
    f->done = false;
    assert_int_equal(sv_http_client_send(f->client, "POST", "/", NULL, "text/plain", body, take, f),
                     SV_OK);
}

static void wait_done(fixture *f) {
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    while (!f->done && sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(f->loop, 10000);
    }
    assert_true(f->done);
}

static void much_goes_through_both_ways(void **state) {
    fixture *f = *state;
    ask(f, (sv_text){ f->large, BODY });
    wait_done(f);
    assert_int_equal(f->status, 200);
    assert_int_equal(f->body, BODY);
}

static void what_is_cut_ends_and_what_is_healed_works(void **state) {
    fixture *f = *state;
    ask(f, SV_TEXT("a"));
    sv_loop_turn(f->loop, 1000);
    sv_forward_cut(f->forward, true);
    wait_done(f);
    assert_int_equal(f->status, 0);
    ask(f, SV_TEXT("a"));
    wait_done(f);
    assert_int_equal(f->status, 0);
    sv_forward_cut(f->forward, false);
    ask(f, SV_TEXT("a"));
    wait_done(f);
    assert_int_equal(f->status, 200);
}

static void nobody_at_the_other_end_is_no_answer(void **state) {
    fixture *f = *state;
    sv_http_server_drop(&f->server);
    ask(f, SV_TEXT("a"));
    wait_done(f);
    assert_int_equal(f->status, 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(much_goes_through_both_ways),
        TEST(what_is_cut_ends_and_what_is_healed_works),
        TEST(nobody_at_the_other_end_is_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
