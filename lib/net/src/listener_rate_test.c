// How fast a link is read from, and that nobody else is slower for it.
#include "listener_fixture.h"

enum {
    RATE = 128 * 1024,
    FLOOD_US = 1000 * 1000,
    FLOOD = 48, ///< pieces
    PIECE = 16 * 1024,
    TURNS_MAX = 8
};

/// As many as the socket takes, FLOOD in all.
static void pour(caller *c, int *pieces) {
    static const char PIECE_OF[PIECE];
    size_t done = 0;
    ERR_clear_error();
    while (*pieces < FLOOD && SSL_write_ex(c->ssl, PIECE_OF, sizeof PIECE_OF, &done) == 1) {
        (*pieces)++;
        ERR_clear_error();
    }
}

/// One byte of hers, and how many turns of the loop it took to be heard.
static int turns_of(site *s, caller *c, const owner *o) {
    size_t before = o->heard_len;
    int turns = 0;
    caller_write(c, "x", 1);
    for (; o->heard_len == before && turns < TURNS_MAX; turns++) {
        sv_loop_turn(s->loop, TURN_US);
    }
    return turns;
}

// [mqtt-25]
static void who_floods_is_read_from_slowly_and_a_neighbour_as_ever(void **state) {
    (void) state;
    site *s = site_open(NULL, 8, 8);
    s->listener->bytes_per_s = RATE;
    caller flood = caller_open(s);
    caller neighbour = caller_open(s);
    const owner *his = &s->owners[0];
    const owner *hers = &s->owners[1];
    int pieces = 0;
    int64_t start_us = sv_clock_monotonic_us();
    while (sv_clock_monotonic_us() < start_us + FLOOD_US) {
        pour(&flood, &pieces);
        assert_true(turns_of(s, &neighbour, hers) < TURNS_MAX);
    }
    int64_t took_us = sv_clock_monotonic_us() - start_us;
    // A second that was saved up, what may be owed, and what came due meanwhile.
    size_t most = RATE + SV_LISTENER_TURN_BYTES + (size_t) (RATE * took_us / SV_TIME_SECOND_US);
    if (his->heard_len > most) {
        fail_msg("%zu bytes were read, %zu at most wanted", his->heard_len, most);
    }
    assert_true(his->heard_len >= RATE / 2); // and is not starved
    assert_int_equal(his->downs, 0);
    assert_int_equal(his->slowed, 1); // told once
    assert_int_equal(hers->slowed, 0);
    sv_listener_counts now = sv_listener_count(s->listener);
    assert_int_equal(now.slowed, 1);
    assert_true(now.slowed_total > 1);
    assert_int_equal(pieces, FLOOD);
    caller_drop(&flood); // while it waits: what it has sent is read all the same
    s->listener->bytes_per_s = INT64_C(1) << 30;
    caller_drop(&neighbour);
    TURN_UNTIL(s, his->downs == 1 && hers->downs == 1);
    assert_int_equal(his->heard_len, (size_t) FLOOD * PIECE);
    assert_int_equal(sv_listener_count(s->listener).slowed, 0);
    site_drop(&s);
}

// [mqtt-25]
static void nothing_of_what_was_sent_too_fast_is_lost(void **state) {
    (void) state;
    site *s = site_open(NULL, 8, 8);
    s->listener->bytes_per_s = RATE;
    caller c = caller_open(s);
    const owner *o = &s->owners[0];
    caller_write(&c, "first", 5);
    size_t sent = 5;
    for (int i = 0; i < 16; i++) {
        static const char PIECE_OF[PIECE];
        caller_write(&c, PIECE_OF, sizeof PIECE_OF);
        sent += sizeof PIECE_OF;
    }
    TURN_UNTIL(s, sv_listener_count(s->listener).slowed == 1 || o->heard_len == sent);
    TURN_UNTIL(s, o->heard_len == sent);
    assert_memory_equal(o->heard, "first", 5);
    assert_true(sv_listener_count(s->listener).slowed_total > 0);
    caller_drop(&c);
    TURN_UNTIL(s, o->downs == 1);
    site_drop(&s);
}

// [mqtt-25]
static void a_site_without_a_bound_slows_nobody(void **state) {
    (void) state;
    site *s = site_open(NULL, 8, 8);
    caller c = caller_open(s);
    const owner *o = &s->owners[0];
    for (int i = 0; i < 32; i++) {
        static const char PIECE_OF[PIECE];
        caller_write(&c, PIECE_OF, sizeof PIECE_OF);
    }
    TURN_UNTIL(s, o->heard_len == (size_t) 32 * PIECE);
    assert_int_equal(sv_listener_count(s->listener).slowed_total, 0);
    caller_drop(&c);
    TURN_UNTIL(s, o->downs == 1);
    site_drop(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_floods_is_read_from_slowly_and_a_neighbour_as_ever),
        cmocka_unit_test(nothing_of_what_was_sent_too_fast_is_lost),
        cmocka_unit_test(a_site_without_a_bound_slows_nobody),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
