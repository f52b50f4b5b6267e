// Answers that come piece by piece.
#include <base/mem.h>
#include <base/test.h>
#include <net/http_client.h>
#include <net/http_server.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>

enum { BYTES = 3 * 1024 * 1024, PIECE = 64 * 1024, TURN_US = 20000, PATIENCE_US = 10000000 };

typedef struct site {
    sv_loop *loop;
    sv_http_server *server;
    sv_http_client *client;
    sv_http_flow *flow;
    size_t added, adds_max; ///< it goes no further by itself
    int closed, requests;
    size_t got, parts;
    bool in_order, done;
    int status;
    bool keeps; ///< the handler keeps the request and answers nothing
    sv_http_request *kept;
} site;

static void add(site *s) {
    char piece[PIECE];
    memset(piece, 'a' + (int) (s->added / PIECE % 26), sizeof piece);
    size_t left = BYTES + 1 - s->added;
    s->added += left < PIECE ? left : PIECE;
    sv_http_flow_add(s->flow, (sv_text){ .at = piece, .len = left < PIECE ? left : PIECE });
}

static void more(void *arg) {
    site *s = arg;
    if (s->added < s->adds_max) {
        add(s);
    }
}

static void gone(void *arg) {
    ((site *) arg)->closed++;
}

static void begin(site *s, sv_http_request *request) {
    static const sv_http_flow_calls CALLS = { .empty = more, .closed = gone };
    s->added = 0;
    s->flow = sv_http_flow_start(request, 200, "application/octet-stream", BYTES + 1, &CALLS, s);
    add(s);
}

static void handle(sv_http_request *request, void *arg) {
    site *s = arg;
    s->requests++;
    if (s->keeps) {
        s->kept = request;
    } else {
        begin(s, request);
    }
}

static site *site_open(void) {
    site *s = sv_mem_new(sizeof *s);
    char origin[64];
    assert_int_equal(sv_loop_open(&s->loop, NULL), SV_OK);
    const sv_http_server_options options = { .bind = "127.0.0.1", .connections_max = 4 };
    assert_int_equal(sv_http_server_open(s->loop, &options, handle, s, &s->server, NULL), SV_OK);
    (void) snprintf(origin, sizeof origin, "http://127.0.0.1:%u", sv_http_server_port(s->server));
    assert_int_equal(sv_http_client_open(s->loop, origin, NULL, PATIENCE_US, &s->client, NULL),
                     SV_OK);
    s->adds_max = SIZE_MAX;
    return s;
}

static void site_drop(site **s) {
    sv_http_client_drop(&(*s)->client);
    sv_http_server_drop(&(*s)->server);
    sv_http_flow_end(&(*s)->flow);
    sv_loop_drop(&(*s)->loop);
    free(*s);
}

static sv_err take(void *arg, sv_text part, sv_why *why) {
    site *s = arg;
    (void) why;
    for (size_t i = 0; i < part.len; i++) {
        s->in_order &= part.at[i] == 'a' + (int) ((s->got + i) / PIECE % 26);
    }
    s->got += part.len;
    s->parts++;
    return SV_OK;
}

static void answered(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    site *s = arg;
    (void) why;
    s->status = reply->status;
    s->done = true;
}

static void ask(site *s) {
    const sv_http_errand errand = { .method = "GET", .path = "/", .part = take };
    s->got = 0;
    s->in_order = true;
    s->done = false;
    assert_int_equal(sv_http_client_ask(s->client, &errand, answered, s), SV_OK);
}

#define TURN_UNTIL(s, condition)                                                                   \
    do {                                                                                           \
        int64_t end_us_ = sv_clock_monotonic_us() + PATIENCE_US;                                   \
        while (!(condition) && sv_clock_monotonic_us() < end_us_) {                                \
            sv_loop_turn((s)->loop, TURN_US);                                                      \
        }                                                                                          \
        assert_true(condition);                                                                    \
    } while (0)

// [cache-1]
static void more_than_fits_one_answer_comes_piece_by_piece_and_the_connection_stays(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    for (int i = 1; i <= 2; i++) {
        ask(s);
        TURN_UNTIL(s, s->done || (s->added > BYTES && s->got > BYTES));
        sv_http_flow_end(&s->flow);
        TURN_UNTIL(s, s->done);
        assert_int_equal(s->status, 200);
        assert_int_equal(s->got, BYTES + 1);
        assert_true(s->in_order);
        assert_int_equal(s->closed, 0);
        assert_int_equal(s->requests, i);
    }
}

static void an_end_while_the_last_piece_leaves_waits_for_it(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    ask(s);
    TURN_UNTIL(s, s->added > BYTES);
    sv_http_flow_end(&s->flow);
    TURN_UNTIL(s, s->done);
    assert_int_equal(s->got, BYTES + 1);
}

// [cache-1]
static void what_ends_too_soon_is_seen_to_be_cut(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    s->adds_max = 5 * (size_t) PIECE;
    ask(s);
    TURN_UNTIL(s, s->got >= s->adds_max);
    sv_http_flow_end(&s->flow);
    TURN_UNTIL(s, s->done);
    assert_int_equal(s->status, 0);
}

static void whoever_goes_away_is_told_of_once(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    s->adds_max = PIECE;
    ask(s);
    TURN_UNTIL(s, s->got >= PIECE);
    sv_http_client_drop(&s->client);
    TURN_UNTIL(s, s->closed == 1);
    add(s); // nobody hears it
    sv_http_flow_end(&s->flow);
    assert_int_equal(s->closed, 1);
}

/// It asks, and its connection has gone before it is answered.
static sv_http_request *ask_and_go(site *s) {
    s->keeps = true;
    ask(s);
    TURN_UNTIL(s, s->kept != NULL);
    sv_http_server_drop(&s->server);
    assert_true(sv_http_is_gone(s->kept));
    return s->kept;
}

static void whoever_has_gone_before_it_begins_is_told_of_in_the_next_turn(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    begin(s, ask_and_go(s));
    assert_int_equal(s->closed, 0);
    TURN_UNTIL(s, s->closed > 0);
    sv_http_flow_end(&s->flow);
    sv_loop_turn(s->loop, TURN_US);
    assert_int_equal(s->closed, 1);
}

static void nobody_is_told_of_a_flow_that_was_ended_before(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    begin(s, ask_and_go(s));
    sv_http_flow_end(&s->flow);
    sv_loop_turn(s->loop, TURN_US);
    assert_int_equal(s->closed, 0);
}

static void a_server_that_ends_ends_its_flows(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    s->adds_max = PIECE;
    ask(s);
    TURN_UNTIL(s, s->got >= PIECE);
    sv_http_server_drop(&s->server);
    assert_int_equal(s->closed, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_than_fits_one_answer_comes_piece_by_piece_and_the_connection_stays),
        cmocka_unit_test(an_end_while_the_last_piece_leaves_waits_for_it),
        cmocka_unit_test(what_ends_too_soon_is_seen_to_be_cut),
        cmocka_unit_test(whoever_goes_away_is_told_of_once),
        cmocka_unit_test(whoever_has_gone_before_it_begins_is_told_of_in_the_next_turn),
        cmocka_unit_test(nobody_is_told_of_a_flow_that_was_ended_before),
        cmocka_unit_test(a_server_that_ends_ends_its_flows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
