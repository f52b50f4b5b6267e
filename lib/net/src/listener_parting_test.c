// Who may not come in although its certificate counts, and whether who was sent away is still
// there.
#include "listener_fixture.h"

#include <openssl/ssl.h>

// [mqtt-21]
static void who_is_not_welcome_comes_no_further_than_its_handshake(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
    s->stranger = "press-1";
    SSL_CTX *ctx = client_ctx(leaf_file("press-1", "crt"), leaf_file("press-1", "key"));
    SV_DEFER(caller_drop) caller c = caller_begin(s, ctx);
    SSL_CTX_free(ctx);
    if (caller_shake(&c)) {
        (void) SSL_write(c.ssl, "\x10\x02", 2);
    }
    TURN_UNTIL(s, s->refusals == 1);
    assert_string_equal(s->refused, "revoked (press-1)");
    assert_int_equal(s->count, 0);
    char heard = 0;
    assert_int_equal(caller_read(&c, &heard, 1), 0);
    assert_int_equal(sv_listener_count(s->listener).links, 0);
    assert_int_equal(sv_listener_count(s->listener).refused, 1);
    s->stranger = NULL;
    SV_DEFER(caller_drop) caller again = caller_open(s);
    assert_int_equal(sv_listener_count(s->listener).links, 1);
    TURN_UNTIL(s, s->listener->count[SV_LINK_LEAVING] == 0);
    assert_int_equal(s->answered + s->unanswered, 0); // it never was in
}

// [mqtt-23]
static void who_ends_too_was_there(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
    caller c = caller_open(s);
    sv_link_close(s->owners[0].link, true);
    char heard = 0;
    assert_int_equal(caller_read(&c, &heard, 1), 0);
    assert_int_equal(s->answered, 0);
    caller_drop(&c);
    TURN_UNTIL(s, s->answered == 1);
    assert_string_equal(s->parted_peer, s->owners[0].peer);
    assert_int_equal(s->unanswered, 0);
}

// [mqtt-23]
static void who_says_nothing_for_a_second_may_have_gone_long_ago(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
    SV_DEFER(caller_drop) caller c = caller_open(s);
    sv_link_close(s->owners[0].link, true);
    TURN_UNTIL(s, s->unanswered == 1);
    assert_int_equal(s->answered, 0);
}

// [mqtt-23]
static void whose_system_knows_nothing_of_it_was_not_there(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
    caller c = caller_open(s);
    s->listener->held = true; // so that its end is met only while it leaves
    struct linger reset = { .l_onoff = 1 };
    assert_int_equal(setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    sv_link_close(s->owners[0].link, true);
    sv_fd_drop(&c.fd); // as a machine that has started anew answers
    TURN_UNTIL(s, s->unanswered == 1);
    assert_int_equal(s->answered, 0);
    caller_drop(&c);
}

static void nobody_is_told_of_what_ends_with_the_listener(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
    SV_DEFER(caller_drop) caller c = caller_open(s);
    sv_link_close(s->owners[0].link, true);
    sv_listener_drop(&s->listener);
    assert_int_equal(s->answered + s->unanswered, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_not_welcome_comes_no_further_than_its_handshake),
        cmocka_unit_test(who_ends_too_was_there),
        cmocka_unit_test(who_says_nothing_for_a_second_may_have_gone_long_ago),
        cmocka_unit_test(whose_system_knows_nothing_of_it_was_not_there),
        cmocka_unit_test(nobody_is_told_of_what_ends_with_the_listener),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
