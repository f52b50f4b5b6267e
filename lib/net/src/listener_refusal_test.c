#include "listener_fixture.h"

#include <crypto/test.h>
#include <openssl/ssl.h>
#include <poll.h>

enum { DAY_S = 24 * 60 * 60, TWO_DAYS_S = 2 * DAY_S };

/// A leaf of the site with whatever is in it, which `selvedge pki` would not issue.
typedef struct odd_leaf {
    const char *name; ///< of its files
    const char *cn;
    const char *usage;
    long begin_s, end_s; ///< from now
} odd_leaf;

static void make_odd(const odd_leaf *leaf) {
    sv_forged ca = sv_forged_read(in_folder("site/ca.crt"), in_folder("site/ca.key"));
    const sv_forgery forgery = { .cn = leaf->cn,
                                 .begin_s = leaf->begin_s,
                                 .end_s = leaf->end_s,
                                 .extensions = { { NID_ext_key_usage, leaf->usage } } };
    sv_forged made = sv_forge(&forgery, &ca);
    sv_forged_write(&made, leaf_file(leaf->name, "crt"), leaf_file(leaf->name, "key"));
    sv_forged_drop(&made);
    sv_forged_drop(&ca);
}

static int make_all_certificates(void **state) {
    static const odd_leaf ODD[] = {
        { "old", "press-2", "clientAuth", -TWO_DAYS_S, -DAY_S },
        { "young", "press-3", "clientAuth", DAY_S, TWO_DAYS_S },
        { "odd", "press\x1b[2J 4\xc3\xa4\\", "clientAuth", -DAY_S, DAY_S },
        { "long", "pressssssssssssssssssssssssssssssssssssssssssssssssssssssss-\x01\x02\x03",
          "clientAuth", -DAY_S, DAY_S },
        { "roleless", "press-5", "clientAuth", -DAY_S, DAY_S },
        { "server", "press-6", "serverAuth", -DAY_S, DAY_S },
    };
    int failed = make_certificates(state);
    for (size_t i = 0; i < SV_COUNT(ODD); i++) {
        make_odd(&ODD[i]);
    }
    return failed;
}

static const char *const ALERT = "alert";

static void who_may_not_come_in_is_named_with_the_cause(void **state) {
    (void) state;
    static const struct {
        const char *leaf, *sentence;
        bool in_handshake;
    } CASES[] = {
        { NULL, "TLS: the client shows no certificate", true },
        { "intruder", "TLS: certificate is not from a CA we trust (intruder)", true },
        { "old", "TLS: certificate has expired (press-2)", true },
        { "young", "TLS: certificate is not yet valid (press-3)", true },
        { "hub", "TLS: certificate is a server's, not a client's (hub)", true },
        { "server", "TLS: certificate is a server's, not a client's (press-6)", true },
        { "odd", "(press\\x1b[2J 4\\xc3\\xa4\\x5c)", false },
        { "long", "\\x01\\x02\\x03", false },
        { "roleless", "the certificate of 'press-5' names no role", false },
    };
    for (size_t i = 0; i < 2 * SV_COUNT(CASES); i++) {
        const char *leaf = CASES[i / 2].leaf;
        SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
        SSL_CTX *ctx = client_ctx(leaf != NULL ? leaf_file(leaf, "crt") : NULL,
                                  leaf != NULL ? leaf_file(leaf, "key") : NULL);
        (void) SSL_CTX_set_max_proto_version(ctx, i % 2 == 0 ? TLS1_2_VERSION : TLS1_3_VERSION);
        SV_DEFER(caller_drop) caller c = caller_begin(s, ctx);
        SSL_CTX_free(ctx);
        (void) caller_shake(&c);
        TURN_UNTIL(s, s->refusals == 1);
        if (strstr(s->refused, CASES[i / 2].sentence) == NULL) {
            fail_msg("%s", s->refused);
        }
        assert_memory_equal(s->refused_peer, "127.0.0.1:", 10);
        assert_int_equal(s->count, 0);
        assert_int_equal(sv_listener_count(s->listener).refused, 1);
        // The client hears the cause, not a reset.
        char byte = 0;
        assert_int_equal(caller_read(&c, &byte, 1), 0);
        if (CASES[i / 2].in_handshake && i % 2 == 1) {
            const char *heard = ERR_reason_error_string(ERR_peek_last_error());
            assert_true(heard != NULL && strstr(heard, ALERT) != NULL);
        }
    }
}

static void who_speaks_plainly_is_told_apart(void **state) {
    (void) state;
    static const struct {
        const char *said;
        size_t len;
        const char *sentence;
    } CASES[] = {
        { "\x10\x11\x00\x04MQTT\x04\x02\x00\x3c\x00\x05press", 19,
          "TLS: the client speaks plain text, not TLS" },
        { "GET / HTTP/1.1\r\n\r\n", 18, "TLS: the client speaks plain text, not TLS" },
        { "\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", 10, "TLS: " },
        { "", 0, "TLS: closed by the other side during the handshake" },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
        SV_DEFER(sv_fd_drop) int fd = call_port(sv_listener_port(s->listener));
        assert_int_equal(write(fd, CASES[i].said, CASES[i].len), CASES[i].len);
        (void) shutdown(fd, SHUT_WR);
        TURN_UNTIL(s, s->refusals == 1);
        assert_memory_equal(s->refused, CASES[i].sentence, strlen(CASES[i].sentence));
    }
}

static void who_does_not_trust_us_is_named_too(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SV_DEFER(caller_drop) caller c = caller_begin(s, ctx);
    SSL_CTX_free(ctx);
    assert_false(caller_shake(&c));
    TURN_UNTIL(s, s->refusals == 1);
    assert_string_equal(s->refused, "TLS: the client refuses us: tlsv1 alert unknown ca");
}

static bool is_closed(int fd) {
    struct pollfd end = { .fd = fd, .events = POLLIN };
    char byte = 0;
    return poll(&end, 1, 0) == 1 && read(fd, &byte, 1) <= 0;
}

static void who_says_nothing_is_closed_at_the_deadline(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
    assert_int_equal(s->listener->handshake_us, SV_LISTENER_HANDSHAKE_US);
    s->listener->handshake_us = 100000;
    uint16_t port = sv_listener_port(s->listener);
    SV_DEFER(sv_fd_drop) int silent = call_port(port);
    turn_for(s, 60000);
    SV_DEFER(sv_fd_drop) int drip = call_port(port);
    assert_int_equal(write(drip, "\x16\x03\x01", 3), 3);
    TURN_UNTIL(s, s->refusals == 1);
    assert_string_equal(s->refused, "TLS: handshake not finished within 0.1 s");
    assert_true(is_closed(silent));
    assert_false(is_closed(drip));
    TURN_UNTIL(s, s->refusals == 2); // its bytes bought it no time
    assert_true(is_closed(drip));
    assert_int_equal(sv_listener_count(s->listener).handshakes, 0);
}

static void the_oldest_stranger_makes_room_once_it_had_its_second(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(NULL, 8, 2);
    uint16_t port = sv_listener_port(s->listener);
    SV_DEFER(sv_fd_drop) int first = call_port(port);
    turn_for(s, 20000);
    SV_DEFER(sv_fd_drop) int second = call_port(port);
    turn_for(s, 20000);
    int64_t begin_us = sv_clock_monotonic_us();
    SV_DEFER(caller_drop) caller c = caller_open(s); // a third
    assert_true(sv_clock_monotonic_us() - begin_us > SV_LISTENER_GRACE_US / 2);
    assert_int_equal(s->refusals, 1);
    assert_string_equal(s->refused,
                        "TLS: handshake not finished when its place was needed for the next");
    assert_true(is_closed(first));
    assert_false(is_closed(second));
    sv_listener_counts counts = sv_listener_count(s->listener);
    assert_int_equal(counts.shed, 1);
    assert_int_equal(counts.refused, 0);
    assert_int_equal(counts.handshakes, 1);
    assert_int_equal(counts.links, 1);
}

static void when_it_is_full_the_next_is_turned_away(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(NULL, 1, 8);
    SV_DEFER(caller_drop) caller in = caller_open(s);
    SV_DEFER(sv_fd_drop) int next = call_port(sv_listener_port(s->listener));
    TURN_UNTIL(s, s->refusals == 1);
    assert_string_equal(s->refused, "1 links are up, the most there may be");
    assert_int_equal(sv_listener_count(s->listener).shed, 1);
    assert_true(is_closed(next));
}

static void an_owner_without_room_has_the_link_closed(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
    s->reject = true;
    SSL_CTX *ctx = client_ctx(leaf_file("press-1", "crt"), leaf_file("press-1", "key"));
    SV_DEFER(caller_drop) caller c = caller_begin(s, ctx);
    SSL_CTX_free(ctx);
    (void) caller_shake(&c);
    TURN_UNTIL(s, sv_listener_count(s->listener).shed == 1);
    char byte = 0;
    assert_int_equal(caller_read(&c, &byte, 1), 0);
    assert_int_equal(sv_listener_count(s->listener).links, 0);
}

/// A step of the handshake has been taken, and what comes next waits for the other side.
static bool has_begun(const site *s) {
    const sv_link *link = TAILQ_FIRST(&s->listener->links[SV_LINK_HALF_OPEN]);
    return link != NULL && link->ssl != NULL && link->shake == NULL;
}

static void a_new_context_judges_the_next_and_those_whose_handshake_is_under_way(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
    SSL_CTX *ctx = client_ctx(leaf_file("press-1", "crt"), leaf_file("press-1", "key"));
    SV_DEFER(caller_drop) caller between = caller_begin(s, ctx);
    (void) SSL_connect(between.ssl);
    TURN_UNTIL(s, has_begun(s)); // with the old one
    site_tls(s, hub_tls_with(in_folder("stranger/ca.crt"), NULL));
    assert_true(caller_shake(&between));
    TURN_UNTIL(s, s->count == 1 && s->owners[0].unwelcome == 1);
    assert_string_equal(s->owners[0].why, "certificate is not from a CA we trust (press-1)");
    SV_DEFER(caller_drop) caller after = caller_begin(s, ctx);
    SSL_CTX_free(ctx);
    (void) caller_shake(&after);
    TURN_UNTIL(s, s->refusals == 1);
    assert_string_equal(s->refused, "TLS: certificate is not from a CA we trust (press-1)");
}

static void no_session_is_resumed_and_no_ticket_given(void **state) {
    (void) state;
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
        SSL_CTX *ctx = client_ctx(leaf_file("press-1", "crt"), leaf_file("press-1", "key"));
        assert_int_equal(SSL_CTX_set_max_proto_version(ctx, version), 1);
        SV_DEFER(caller_drop) caller first = caller_begin(s, ctx);
        assert_true(caller_shake(&first));
        TURN_UNTIL(s, s->count == 1);
        sv_link_write(s->owners[0].link, SV_TEXT("x")); // a ticket would come before it
        char byte = 0;
        assert_int_equal(caller_read(&first, &byte, 1), 1);
        SSL_SESSION *session = SSL_get1_session(first.ssl);
        assert_int_equal(SSL_SESSION_has_ticket(session), 0);
        SV_DEFER(caller_drop) caller second = caller_begin(s, ctx);
        (void) SSL_set_session(second.ssl, session);
        assert_true(caller_shake(&second));
        assert_int_equal(SSL_session_reused(second.ssl), 0);
        SSL_SESSION_free(session);
        SSL_CTX_free(ctx);
    }
}

static void nobody_renegotiates(void **state) {
    (void) state;
    SV_DEFER(site_drop) site *s = site_open(NULL, 8, 8);
    SSL_CTX *ctx = client_ctx(leaf_file("press-1", "crt"), leaf_file("press-1", "key"));
    assert_int_equal(SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION), 1);
    SV_DEFER(caller_drop) caller c = caller_begin(s, ctx);
    SSL_CTX_free(ctx);
    assert_true(caller_shake(&c));
    TURN_UNTIL(s, s->count == 1);
    assert_int_equal(SSL_renegotiate(c.ssl), 1);
    assert_false(caller_shake(&c));
    const char *heard = ERR_reason_error_string(ERR_peek_last_error());
    assert_true(heard != NULL && strstr(heard, "no renegotiation") != NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_may_not_come_in_is_named_with_the_cause),
        cmocka_unit_test(who_speaks_plainly_is_told_apart),
        cmocka_unit_test(who_does_not_trust_us_is_named_too),
        cmocka_unit_test(who_says_nothing_is_closed_at_the_deadline),
        cmocka_unit_test(the_oldest_stranger_makes_room_once_it_had_its_second),
        cmocka_unit_test(when_it_is_full_the_next_is_turned_away),
        cmocka_unit_test(an_owner_without_room_has_the_link_closed),
        cmocka_unit_test(a_new_context_judges_the_next_and_those_whose_handshake_is_under_way),
        cmocka_unit_test(no_session_is_resumed_and_no_ticket_given),
        cmocka_unit_test(nobody_renegotiates),
    };
    return cmocka_run_group_tests(tests, make_all_certificates, remove_certificates);
}
