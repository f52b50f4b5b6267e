#include "http_fixture.h"

static void who_dribbles_a_request_is_cut_off_at_the_deadline(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    int fd = dial(s);
    int64_t start_us = sv_clock_monotonic_us();
    char room[64] = "";
    say(fd, "GET /who HTTP/1.1\r\nX: ");
    while (listen_to(fd, room, sizeof room)
           && sv_clock_monotonic_us() - start_us < 2 * (int64_t) SV_HTTP_DEADLINE_US) {
        say(fd, "y");
        turn_for(s, 100000);
    }
    int64_t took_us = sv_clock_monotonic_us() - start_us;
    assert_in_range(took_us, SV_HTTP_DEADLINE_US - 500000, SV_HTTP_DEADLINE_US + 1000000);
    (void) close(fd);
}

static void connections_beyond_the_limit_are_closed(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    int fds[5];
    char room[64] = "";
    for (size_t i = 0; i < SV_COUNT(fds); i++) {
        fds[i] = dial(s);
        turn_for(s, 20000);
        assert_int_equal(listen_to(fds[i], room, sizeof room), i < 4);
    }
    for (size_t i = 0; i < SV_COUNT(fds); i++) {
        (void) close(fds[i]);
    }
    turn_for(s, 20000);
    assert_int_equal(fetch(s, "GET", "/who", SV_TEXT("")).status, 200);
}

/// A quarter of what a request may have is missing.
static void begin_post(int fd) {
    char body[3 * BODY_MAX / 4 + 1];
    memset(body, 'x', sizeof body - 1);
    body[sizeof body - 1] = '\0';
    say(fd, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4096\r\n\r\n");
    say(fd, body);
}

static void half_requests_take_no_more_room_than_there_is(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    int fds[3];
    char room[8192] = "";
    for (size_t i = 0; i < SV_COUNT(fds); i++) {
        fds[i] = dial(s);
        begin_post(fds[i]);
        turn_for(s, 50000);
        assert_int_equal(listen_to(fds[i], room, sizeof room), i < 2);
    }
    char rest[BODY_MAX / 4 + 1];
    memset(rest, 'y', sizeof rest - 1);
    rest[sizeof rest - 1] = '\0';
    say(fds[0], rest);
    turn_for(s, 50000);
    assert_true(listen_to(fds[0], room, sizeof room));
    assert_int_equal(strncmp(room, "HTTP/1.1 201", 12), 0);
    assert_int_equal(s->requests, 1);
    int again = dial(s); // what the first one took is free
    begin_post(again);
    turn_for(s, 50000);
    assert_true(listen_to(again, room, sizeof room));
    for (size_t i = 0; i < SV_COUNT(fds); i++) {
        (void) close(fds[i]);
    }
    (void) close(again);
    turn_for(s, 20000);
}

static void start_stream(site *s, int fd) {
    say(fd, "GET /events HTTP/1.1\r\nHost: x\r\n\r\n");
    for (int i = 0; i < 100 && s->events == NULL; i++) {
        sv_loop_turn(s->loop, TURN_US);
    }
    assert_non_null(s->events);
}

static void events_arrive_as_they_are_sent(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    int fd = dial(s);
    start_stream(s, fd);
    assert_int_equal(sv_http_events_send(s->events, "reading", 7, SV_TEXT("{\"a\":1}")), SV_OK);
    sv_http_events_ping(s->events);
    assert_int_equal(sv_http_events_send(s->events, NULL, 8, SV_TEXT("x")), SV_OK);
    turn_for(s, 50000);
    char room[2048] = "";
    assert_true(listen_to(fd, room, sizeof room));
    assert_non_null(strstr(room, "Content-Type: text/event-stream\r\n"));
    assert_non_null(strstr(room, "Cache-Control: no-store\r\n"));
    assert_non_null(strstr(room, "id: 7\nevent: reading\ndata: {\"a\":1}\n\n"));
    assert_non_null(strstr(room, ": ping\n\n"));
    assert_non_null(strstr(room, "id: 8\ndata: x\n\n"));
    sv_http_events_drop(&s->events);
    turn_for(s, 50000);
    while (listen_to(fd, room, sizeof room)) {
        turn_for(s, 10000);
    }
    assert_int_equal(s->closed, 0);
    (void) close(fd);
}

static void a_stream_learns_that_its_reader_went_away(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    int fd = dial(s);
    start_stream(s, fd);
    (void) close(fd);
    turn_for(s, 50000);
    assert_int_equal(s->closed, 1);
    assert_int_equal(sv_http_events_send(s->events, NULL, 1, SV_TEXT("x")), SV_ERR_STATE);
    sv_http_events_ping(s->events);
}

static void who_does_not_read_fills_a_bounded_queue(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    int fd = dial(s);
    start_stream(s, fd);
    static char line[8192];
    memset(line, 'x', sizeof line);
    sv_err err = SV_OK;
    int sent = 0;
    for (; sent < 4096 && err == SV_OK; sent++) {
        err = sv_http_events_send(s->events, NULL, 1, (sv_text){ .at = line, .len = sizeof line });
        sv_loop_turn(s->loop, 0);
    }
    assert_int_equal(err, SV_ERR_NO_SPACE);
    assert_true(sent > SV_HTTP_STREAM_QUEUE_MAX / (int) sizeof line / 2);
    sv_http_events_drop(&s->events);
    (void) close(fd);
    turn_for(s, 50000);
}

static void a_server_that_closes_ends_its_streams(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open();
    int fd = dial(s);
    start_stream(s, fd);
    sv_http_server_drop(&s->server);
    assert_int_equal(s->closed, 1);
    sv_http_events_drop(&s->events);
    (void) close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_dribbles_a_request_is_cut_off_at_the_deadline),
        cmocka_unit_test(connections_beyond_the_limit_are_closed),
        cmocka_unit_test(half_requests_take_no_more_room_than_there_is),
        cmocka_unit_test(events_arrive_as_they_are_sent),
        cmocka_unit_test(a_stream_learns_that_its_reader_went_away),
        cmocka_unit_test(who_does_not_read_fills_a_bounded_queue),
        cmocka_unit_test(a_server_that_closes_ends_its_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
