#include <arpa/inet.h>
#include <base/fd.h>
#include <base/test.h>
#include <net/conn.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/clock.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_US = 5 * 1000000, PATIENCE_MS = 5000, TURN_US = 10000, PARTING_US = 50000 };

typedef struct speaker {
    sv_conn *conn;
    sv_timer *parting;
    bool dropped;
    sv_why ended;
} speaker;

static void greet(void *arg) {
    speaker *s = arg;
    sv_conn_write(s->conn, SV_TEXT("hello, "));
    sv_timer_once(s->parting, PARTING_US); // when the greeting has gone out
}

static void speak_and_go(void *arg) {
    speaker *s = arg;
    sv_conn_write(s->conn, SV_TEXT("see you later, "));
    sv_conn_write(s->conn, SV_TEXT("alligator"));
    sv_conn_drop(&s->conn);
    s->dropped = true;
}

static size_t take_all(void *arg, sv_text arrived) {
    (void) arg;
    return arrived.len;
}

static void on_end(void *arg, const sv_why *why) {
    speaker *s = arg;
    s->ended = *why;
    sv_conn_drop(&s->conn);
    s->dropped = true;
}

static int listening(uint16_t *port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    assert_int_equal(bind(fd, (const struct sockaddr *) &at, len), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *) &at, &len), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static void run(speaker *s, uint16_t port) {
    static const sv_conn_events EVENTS = { .up = greet, .bytes = take_all, .down = on_end };
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    assert_int_equal(sv_loop_open(&loop, NULL), SV_OK);
    s->parting = sv_timer_new(loop, speak_and_go, s);
    assert_int_equal(
        sv_conn_open(loop, "localhost", port, NULL, PATIENCE_US, &EVENTS, s, &s->conn, NULL),
        SV_OK);
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    while (!s->dropped && sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(loop, TURN_US);
    }
    sv_timer_drop(&s->parting);
    assert_true(s->dropped);
}

static void what_was_written_just_before_the_drop_still_arrives(void **state) {
    (void) state;
    uint16_t port = 0;
    SV_DEFER(sv_fd_drop) int door = listening(&port);
    speaker s = { .dropped = false };
    run(&s, port);
    SV_DEFER(sv_fd_drop) int peer = accept(door, NULL, NULL);
    struct pollfd ready = { .fd = peer, .events = POLLIN };
    char heard[64] = "";
    size_t len = 0;
    for (ssize_t got = 1; got > 0 && poll(&ready, 1, PATIENCE_MS) == 1; len += (size_t) got) {
        got = read(peer, heard + len, sizeof heard - 1 - len);
        assert_true(got >= 0); // neither reset nor silence: all of it, then the end
    }
    assert_string_equal(heard, "hello, see you later, alligator");
}

// ---- what arrives -------------------------------------------------------------------------------

enum { SENT_BYTES = 200 * 1024, NEEDED_BYTES = 90 * 1024, SHOWN_MAX = 64 * 1024 };

typedef struct listener_of {
    sv_conn *conn;
    size_t needs;      ///< nothing is taken of less, until so much was shown
    size_t took, most; ///< most: that was shown at once
    bool wrong;        ///< another byte than was sent
    bool dropped;
} listener_of;

static char sent_at(size_t at) {
    return (char) (at % 251);
}

static size_t take_what_it_needs(void *arg, sv_text arrived) {
    listener_of *l = arg;
    l->most = arrived.len > l->most ? arrived.len : l->most;
    for (size_t i = 0; i < arrived.len; i++) {
        l->wrong = l->wrong || arrived.at[i] != sent_at(l->took + i);
    }
    if (arrived.len < l->needs) {
        return 0;
    }
    l->needs = 0;
    l->took += arrived.len;
    return arrived.len;
}

static void nothing_to_say(void *arg) {
    (void) arg;
}

static void listener_ends(void *arg, const sv_why *why) {
    listener_of *l = arg;
    (void) why;
    sv_conn_drop(&l->conn);
    l->dropped = true;
}

/// All that was sent at once, taken by one who needs so many bytes to begin with.
static listener_of listen_to_all(size_t needs) {
    static const sv_conn_events EVENTS = { .up = nothing_to_say,
                                           .bytes = take_what_it_needs,
                                           .down = listener_ends };
    static char all[SENT_BYTES];
    uint16_t port = 0;
    SV_DEFER(sv_fd_drop) int door = listening(&port);
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    listener_of l = { .needs = needs };
    for (size_t i = 0; i < sizeof all; i++) {
        all[i] = sent_at(i);
    }
    assert_int_equal(sv_loop_open(&loop, NULL), SV_OK);
    assert_int_equal(
        sv_conn_open(loop, "127.0.0.1", port, NULL, PATIENCE_US, &EVENTS, &l, &l.conn, NULL),
        SV_OK);
    SV_DEFER(sv_fd_drop) int peer = accept(door, NULL, NULL);
    size_t sent = 0;
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    while (!l.dropped && sv_clock_monotonic_us() < end_us) {
        ssize_t put = send(peer, all + sent, sizeof all - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += put > 0 ? (size_t) put : 0;
        if (sent == sizeof all && l.took == sizeof all) {
            sv_fd_drop(&peer);
        }
        sv_loop_turn(loop, TURN_US);
    }
    assert_true(l.dropped);
    return l;
}

static void much_is_shown_a_little_at_a_time(void **state) {
    (void) state;
    listener_of l = listen_to_all(0);
    assert_int_equal(l.took, SENT_BYTES);
    assert_false(l.wrong);
    assert_in_range(l.most, 1, SHOWN_MAX);
}

static void who_needs_more_is_shown_all_that_came(void **state) {
    (void) state;
    listener_of l = listen_to_all(NEEDED_BYTES);
    assert_int_equal(l.took, SENT_BYTES);
    assert_false(l.wrong);
    assert_in_range(l.most, NEEDED_BYTES, SENT_BYTES);
}

static void a_closed_door_is_named(void **state) {
    (void) state;
    uint16_t port = 0;
    int door = listening(&port);
    sv_fd_drop(&door);
    speaker s = { .dropped = false };
    run(&s, port);
    assert_int_equal(s.ended.code, SV_ERR_UNAVAILABLE);
    assert_non_null(strstr(s.ended.text, "connection refused (localhost:"));
}

/// By its address as well as by its name, and nobody knocks. [notify-7]
static void who_connects_to_public_addresses_alone_does_not_reach_this_machine(void **state) {
    (void) state;
    static const sv_conn_events EVENTS = { .up = greet, .bytes = take_all, .down = on_end };
    static const char *const HOSTS[] = { "127.0.0.1", "localhost", "LOCALHOST",
                                         "::1",       "0.0.0.0",   "::ffff:127.0.0.1" };
    uint16_t port = 0;
    SV_DEFER(sv_fd_drop) int door = listening(&port);
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    assert_int_equal(sv_loop_open(&loop, NULL), SV_OK);
    for (size_t i = 0; i < SV_COUNT(HOSTS); i++) {
        speaker s = { .dropped = false };
        assert_int_equal(sv_conn_open_public(loop, HOSTS[i], port, NULL, PATIENCE_US, &EVENTS, &s,
                                             &s.conn, NULL),
                         SV_OK);
        int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
        while (!s.dropped && sv_clock_monotonic_us() < end_us) {
            sv_loop_turn(loop, TURN_US);
        }
        if (s.ended.code != SV_ERR_UNTRUSTED || strstr(s.ended.text, HOSTS[i]) == NULL
            || strstr(s.ended.text, "is not connected to: ") == NULL) {
            fail_msg("%s: %s", HOSTS[i], s.ended.text);
        }
    }
    struct pollfd knock = { .fd = door, .events = POLLIN };
    assert_int_equal(poll(&knock, 1, 0), 0);
}

static void a_public_connection_may_be_dropped_before_it_is_judged(void **state) {
    (void) state;
    static const sv_conn_events EVENTS = { .up = greet, .bytes = take_all, .down = on_end };
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    assert_int_equal(sv_loop_open(&loop, NULL), SV_OK);
    speaker s = { .dropped = false };
    assert_int_equal(
        sv_conn_open_public(loop, "localhost", 9, NULL, PATIENCE_US, &EVENTS, &s, &s.conn, NULL),
        SV_OK);
    sv_conn_drop(&s.conn);
    sv_loop_turn(loop, TURN_US);
    assert_false(s.dropped);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_just_before_the_drop_still_arrives),
        cmocka_unit_test(much_is_shown_a_little_at_a_time),
        cmocka_unit_test(who_needs_more_is_shown_all_that_came),
        cmocka_unit_test(a_closed_door_is_named),
        cmocka_unit_test(who_connects_to_public_addresses_alone_does_not_reach_this_machine),
        cmocka_unit_test(a_public_connection_may_be_dropped_before_it_is_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
