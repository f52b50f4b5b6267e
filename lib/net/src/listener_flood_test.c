// Strangers by the dozen: what they cost who is in, and who comes from elsewhere.
#include "listener_fixture.h"

#include <time.h>

/// The ClientHello of somebody who will say nothing more.
static size_t make_hello(char *room, size_t room_bytes) {
    SSL_CTX *ctx = client_ctx(NULL, NULL);
    SSL *ssl = SSL_new(ctx);
    BIO *in = BIO_new(BIO_s_mem());
    BIO *out = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl, in, out);
    assert_int_equal(SSL_connect(ssl), -1);
    int len = BIO_read(out, room, (int) room_bytes);
    assert_true(len > 100);
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return (size_t) len;
}

static int64_t cpu_us(clockid_t clock) {
    struct timespec used;
    assert_int_equal(clock_gettime(clock, &used), 0);
    return used.tv_sec * INT64_C(1000000) + used.tv_nsec / 1000;
}

/// Whether the server has answered the hello, or closed.
static bool is_answered(int fd) {
    char byte = 0;
    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
}

// [mqtt-19]: counted in CPU time, which a busy machine does not change.
static void handshakes_are_not_the_loops_work(void **state) {
    (void) state;
    enum { HELLOS = 100 };
    SV_DEFER(site_drop) site *s = site_open(NULL, 8, 256);
    char hello[2048];
    size_t hello_bytes = make_hello(hello, sizeof hello);
    int fds[HELLOS];
    int64_t loop_us = -cpu_us(CLOCK_THREAD_CPUTIME_ID);
    int64_t all_us = -cpu_us(CLOCK_PROCESS_CPUTIME_ID);
    for (size_t i = 0; i < HELLOS; i++) {
        fds[i] = call_port(sv_listener_port(s->listener));
        assert_int_equal(write(fds[i], hello, hello_bytes), hello_bytes);
        TURN_UNTIL(s, is_answered(fds[i]));
    }
    loop_us += cpu_us(CLOCK_THREAD_CPUTIME_ID);
    all_us += cpu_us(CLOCK_PROCESS_CPUTIME_ID);
    assert_true(all_us - loop_us > loop_us); // with the callers' part in it
    for (size_t i = 0; i < HELLOS; i++) {
        sv_fd_drop(&fds[i]);
    }
}

static void echo_in_bytes(owner *o) {
    sv_link_write(o->link, SV_TEXT("!"));
}

// [mqtt-19]
static void who_is_in_is_heard_before_the_next_stranger(void **state) {
    (void) state;
    enum { STORM = 30 };
    SV_DEFER(site_drop) site *s = site_open(NULL, 64, 64);
    SV_DEFER(caller_drop) caller in = caller_open(s);
    s->in_bytes = echo_in_bytes;
    char hello[2048];
    size_t hello_bytes = make_hello(hello, sizeof hello);
    int storm[STORM];
    for (size_t i = 0; i < STORM; i++) {
        storm[i] = call_port(sv_listener_port(s->listener));
        assert_int_equal(write(storm[i], hello, hello_bytes), hello_bytes);
    }
    TURN_UNTIL(s, s->listener->count[SV_LINK_HALF_OPEN] == STORM);
    // However long a step takes: in two turns of the loop it is heard and answered.
    for (int i = 0; i < 10; i++) {
        caller_write(&in, "?", 1);
        sv_loop_turn(s->loop, TURN_US);
        sv_loop_turn(s->loop, TURN_US);
        char heard = 0;
        assert_int_equal(SSL_read(in.ssl, &heard, 1), 1);
    }
    for (size_t i = 0; i < STORM; i++) {
        sv_fd_drop(&storm[i]);
    }
}

// [mqtt-19]
static void addresses_are_served_in_turn(void **state) {
    (void) state;
    enum { MANY = 24 };
    SV_DEFER(site_drop) site *s = site_open(NULL, 8, 64);
    uint16_t port = sv_listener_port(s->listener);
    char hello[2048];
    size_t hello_bytes = make_hello(hello, sizeof hello);
    int many[MANY];
    for (size_t i = 0; i < MANY; i++) {
        many[i] = call_port_from(port, 2);
    }
    SV_DEFER(sv_fd_drop) int other = call_port_from(port, 3);
    TURN_UNTIL(s, s->listener->count[SV_LINK_HALF_OPEN] == MANY + 1);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(write(many[i], hello, hello_bytes), hello_bytes);
    }
    assert_int_equal(write(other, hello, hello_bytes), hello_bytes); // the last of all
    TURN_UNTIL(s, is_answered(other));
    size_t before = 0;
    for (size_t i = 0; i < MANY; i++) {
        before += is_answered(many[i]) ? 1 : 0;
        sv_fd_drop(&many[i]);
    }
    assert_true(before < MANY / 2);
}

// [mqtt-19]
static void room_is_made_by_the_address_that_has_most(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(NULL, 8, 4);
    uint16_t port = sv_listener_port(s->listener);
    SV_DEFER(sv_fd_drop) int slow = call_port_from(port, 3); // the oldest
    turn_for(s, 20000);
    int many[3];
    for (size_t i = 0; i < SV_COUNT(many); i++) {
        many[i] = call_port_from(port, 2);
        turn_for(s, 1000);
    }
    TURN_UNTIL(s, s->listener->count[SV_LINK_HALF_OPEN] == 4);
    SV_DEFER(caller_drop) caller next = caller_open(s);
    assert_int_equal(s->refusals, 1);
    char from[SV_LISTENER_PEER_ROOM];
    (void) snprintf(from, sizeof from, "%s", s->refused_peer);
    assert_memory_equal(from, "127.0.0.2:", 10);
    assert_int_equal(sv_map_count(s->listener->by_address), 2);
    for (size_t i = 0; i < SV_COUNT(many); i++) {
        sv_fd_drop(&many[i]);
    }
    sv_fd_drop(&slow);
    TURN_UNTIL(s, sv_map_count(s->listener->by_address) == 0);
}

static void one_network_of_many_addresses_counts_once(void **state) {
    (void) state;
    static const struct {
        const char *left, *right;
        bool same;
    } CASES[] = {
        { "192.0.2.7", "192.0.2.7", true },
        { "192.0.2.7", "192.0.2.8", false },
        { "192.0.2.7", "::ffff:192.0.2.7", true },
        { "2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true },
        { "2001:db8:1:2::1", "2001:db8:1:3::1", false },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        sv_place left;
        sv_place right;
        socklen_t len = 0;
        assert_int_equal(sv_place_parse(CASES[i].left, 1, &left, &len, NULL), SV_OK);
        assert_int_equal(sv_place_parse(CASES[i].right, 2, &right, &len, NULL), SV_OK);
        char keys[2][SV_PLACE_KEY_ROOM];
        size_t left_bytes = sv_place_key(&left, keys[0]);
        size_t right_bytes = sv_place_key(&right, keys[1]);
        bool same = left_bytes == right_bytes && memcmp(keys[0], keys[1], left_bytes) == 0;
        assert_int_equal(same, CASES[i].same);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handshakes_are_not_the_loops_work),
        cmocka_unit_test(who_is_in_is_heard_before_the_next_stranger),
        cmocka_unit_test(addresses_are_served_in_turn),
        cmocka_unit_test(room_is_made_by_the_address_that_has_most),
        cmocka_unit_test(one_network_of_many_addresses_counts_once),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
