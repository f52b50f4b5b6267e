#include <base/test.h>
#include <net/event_stream.h>
#include <net/http_server.h>
#include <net/test.h>
#include <stdio.h>

enum { SEEN_MAX = 4096, ORIGIN_MAX = 64 };

#define HOUR_US INT64_C(3600000000)

#define SOON_US INT64_C(20000)

/// A server of event streams and its client.
typedef struct world {
    sv_loop *loop;
    sv_http_server *server;
    sv_http_events *events; ///< the open stream, or NULL
    sv_event_stream *stream;
    char last_id[SV_EVENT_ID_MAX + 1]; ///< as the last request said it
    int asked, ups, downs, refuse;     ///< `refuse`: so many requests or events are refused
    bool plain;                        ///< the server answers no event stream
    int64_t pause_us, longest_us;      ///< the last one; of all
    char seen_room[SEEN_MAX];
    sv_textbuf seen;
    sv_why why;
} world;

static void on_closed(void *arg) {
    world *w = arg;
    sv_http_events_drop(&w->events);
}

static void answer(sv_http_request *request, void *arg) {
    world *w = arg;
    const char *last = sv_http_header(request, "Last-Event-ID");
    (void) snprintf(w->last_id, sizeof w->last_id, "%s", last != NULL ? last : "");
    w->asked++;
    if (w->refuse > 0) {
        w->refuse--;
        sv_http_problem(request, 503, "Not now", "later");
    } else if (w->plain) {
        sv_http_reply(request, 200, "text/plain", SV_TEXT("hello"));
    } else {
        w->events = sv_http_events_start(request, on_closed, w);
    }
}

static void on_up(void *arg) {
    ((world *) arg)->ups++;
}

static bool on_event(void *arg, const sv_event *event) {
    world *w = arg;
    if (w->refuse > 0) {
        w->refuse--;
        return false;
    }
    sv_textbuf_addf(&w->seen, "%s%s:" SV_TEXT_FMT, w->seen.len > 0 ? " " : "",
                    sv_text_is(event->name, "tick") ? "tick" : "?", SV_TEXT_ARG(event->data));
    return true;
}

static void on_down(void *arg, const sv_why *why, int64_t retry_us) {
    world *w = arg;
    w->downs++;
    w->pause_us = retry_us;
    w->longest_us = retry_us > w->longest_us ? retry_us : w->longest_us;
    w->why = *why;
}

static int setup(void **state) {
    static world w;
    const sv_http_server_options options = { .bind = "127.0.0.1",
                                             .body_max = 1024,
                                             .connections_max = 8 };
    w = (world){ 0 };
    w.seen = SV_TEXTBUF(w.seen_room);
    assert_int_equal(sv_loop_open(&w.loop, NULL), SV_OK);
    assert_int_equal(sv_http_server_open(w.loop, &options, answer, &w, &w.server, NULL), SV_OK);
    *state = &w;
    return 0;
}

static int teardown(void **state) {
    world *w = *state;
    sv_event_stream_drop(&w->stream);
    sv_http_events_drop(&w->events);
    sv_http_server_drop(&w->server);
    sv_loop_drop(&w->loop);
    return 0;
}

static void open_patient(world *w, const char *last_id, int64_t silence_us, int64_t retry_us,
                         int64_t retry_max_us) {
    static const sv_event_stream_calls CALLS = { .up = on_up, .event = on_event, .down = on_down };
    char origin[ORIGIN_MAX];
    (void) snprintf(origin, sizeof origin, "http://127.0.0.1:%u", sv_http_server_port(w->server));
    const sv_event_stream_options options = { .origin = origin,
                                              .path = "/events",
                                              .last_id = last_id,
                                              .retry_us = retry_us,
                                              .retry_max_us = retry_max_us,
                                              .silence_us = silence_us };
    assert_int_equal(sv_event_stream_open(w->loop, &options, &CALLS, w, &w->stream, NULL), SV_OK);
}

static void open_stream(world *w, const char *last_id, int64_t silence_us) {
    open_patient(w, last_id, silence_us, SOON_US, 0);
}

/// Turns the loop until *count is at least `least`.
static void until(world *w, const int *count, int least) {
    int64_t end_us = sv_clock_monotonic_us() + SV_TEST_PATIENCE_US;
    while (*count < least) {
        assert_true(sv_clock_monotonic_us() < end_us);
        sv_loop_turn(w->loop, 1000);
    }
}

static void until_seen(world *w, const char *text) {
    int64_t end_us = sv_clock_monotonic_us() + SV_TEST_PATIENCE_US;
    while (strcmp(w->seen_room, text) != 0) {
        if (sv_clock_monotonic_us() > end_us) {
            assert_string_equal(w->seen_room, text);
        }
        sv_loop_turn(w->loop, 1000);
    }
}

static void tick(world *w, uint64_t id) {
    char data[ORIGIN_MAX];
    (void) snprintf(data, sizeof data, "%llu", (unsigned long long) id);
    assert_int_equal(sv_http_events_send(w->events, "tick", id, sv_text_of(data)), SV_OK);
}

static void a_lost_stream_is_resumed_after_the_last_event(void **state) {
    world *w = *state;
    open_stream(w, "6", 0);
    until(w, &w->ups, 1);
    assert_string_equal(w->last_id, "6");
    tick(w, 7);
    tick(w, 8);
    until_seen(w, "tick:7 tick:8");
    sv_http_events_drop(&w->events);
    until(w, &w->ups, 2);
    assert_string_equal(w->why.text, "the server has ended the event stream");
    assert_string_equal(w->last_id, "8");
    tick(w, 9);
    until_seen(w, "tick:7 tick:8 tick:9");
}

static void an_event_that_is_not_taken_comes_again(void **state) {
    world *w = *state;
    open_stream(w, "", 0);
    until(w, &w->ups, 1);
    tick(w, 1);
    until_seen(w, "tick:1");
    w->refuse = 1;
    tick(w, 2);
    until(w, &w->ups, 2);
    assert_string_equal(w->last_id, "1");
}

static void a_silent_stream_is_given_up_but_a_comment_is_a_sign_of_life(void **state) {
    enum { PINGS = 10 };
    world *w = *state;
    open_stream(w, "", 8 * SOON_US);
    until(w, &w->ups, 1);
    for (int i = 0; i < PINGS; i++) {
        int64_t end_us = sv_clock_monotonic_us() + 2 * SOON_US;
        while (sv_clock_monotonic_us() < end_us) {
            sv_loop_turn(w->loop, 1000);
        }
        sv_http_events_ping(w->events);
    }
    assert_int_equal(w->downs, 0);
    until(w, &w->downs, 1);
    assert_non_null(strstr(w->why.text, "nothing has come from 127.0.0.1:"));
    until(w, &w->ups, 2);
}

static void what_is_no_event_stream_is_asked_again_after_growing_pauses(void **state) {
    world *w = *state;
    w->refuse = 3;
    open_stream(w, "", 0);
    until(w, &w->downs, 3);
    assert_string_equal(w->why.text, "the server answers 503 instead of an event stream");
    assert_true(w->pause_us >= SOON_US && w->pause_us <= 27 * SOON_US);
    assert_int_equal(w->ups, 0);
    until(w, &w->ups, 1);
    w->plain = true;
    sv_http_events_drop(&w->events);
    until(w, &w->downs, 5);
    assert_string_equal(w->why.text, "what the server answers is no event stream");
    assert_int_equal(w->ups, 1);
}

static void a_stream_that_waits_is_tried_at_once_when_told_so(void **state) {
    world *w = *state;
    w->refuse = 2;
    open_patient(w, "", 0, HOUR_US, HOUR_US);
    until(w, &w->downs, 1);
    assert_int_equal(w->pause_us, HOUR_US);
    sv_event_stream_hurry(w->stream);
    until(w, &w->downs, 2);
    sv_event_stream_hurry(w->stream);
    sv_event_stream_hurry(w->stream);
    until(w, &w->ups, 1);
    sv_event_stream_hurry(w->stream); // it is there
    tick(w, 1);
    until_seen(w, "tick:1");
    assert_int_equal(w->asked, 3);
}

static void a_pause_is_not_longer_than_was_asked_for(void **state) {
    enum { TRIES = 40 };
    world *w = *state;
    w->refuse = TRIES;
    open_patient(w, "", 0, 1, 2000);
    until(w, &w->ups, 1);
    assert_int_equal(w->longest_us, 2000);
    assert_int_equal(w->downs, TRIES);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_lost_stream_is_resumed_after_the_last_event),
        TEST(an_event_that_is_not_taken_comes_again),
        TEST(a_silent_stream_is_given_up_but_a_comment_is_a_sign_of_life),
        TEST(what_is_no_event_stream_is_asked_again_after_growing_pauses),
        TEST(a_stream_that_waits_is_tried_at_once_when_told_so),
        TEST(a_pause_is_not_longer_than_was_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
