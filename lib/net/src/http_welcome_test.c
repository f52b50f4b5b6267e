// Who may stay at an HTTP server with TLS, and how many may begin.
#include <sys/queue.h> // before libevent, which takes some of it away

#include "http_internal.h"
#include "listener_fixture.h"

#include <net/http_server.h>

enum { CALLERS = 3 * SV_HTTP_HANDSHAKES };

typedef struct door {
    sv_loop *loop;
    sv_tls *tls;
    sv_http_server *server;
    sv_http_events *streams[4];
    size_t stream_count;
    int closed, unwelcome;
    const char *stranger; ///< an id that is not welcome
    int64_t not_after_us; ///< 0: as in the certificate
    char why[SV_WHY_MAX], peer[64];
} door;

static void on_closed(void *arg) {
    ((door *) arg)->closed++;
}

static void on_request(sv_http_request *request, void *arg) {
    door *d = arg;
    if (d->not_after_us != 0) {
        request->peer->guest.identity.not_after_us = d->not_after_us;
    }
    if (sv_text_is(sv_http_path(request), "/stream")) {
        d->streams[d->stream_count++] = sv_http_events_start(request, on_closed, d);
    } else {
        sv_http_reply(request, 200, "text/plain", SV_TEXT("you"));
    }
}

static void on_sent_away(void *arg, const char *peer, const sv_why *why) {
    door *d = arg;
    d->unwelcome++;
    (void) snprintf(d->why, sizeof d->why, "%s", why->text);
    (void) snprintf(d->peer, sizeof d->peer, "%s", peer);
}

static sv_err on_welcomed(void *arg, const char *peer, const sv_identity *identity, sv_why *why) {
    const door *d = arg;
    assert_memory_equal(peer, "127.0.0.1:", 10);
    bool may = d->stranger == NULL || strcmp(d->stranger, identity->id) != 0;
    return may ? SV_OK : sv_fail(why, SV_ERR_UNTRUSTED, "'%s' is revoked", identity->id);
}

static door *door_open(void) {
    door *d = sv_mem_new(sizeof *d);
    assert_int_equal(sv_loop_open(&d->loop, NULL), SV_OK);
    d->tls = hub_tls();
    sv_http_server_options options = { .bind = "127.0.0.1",
                                       .tls = d->tls,
                                       .body_max = 1024,
                                       .connections_max = CALLERS + 1,
                                       .unwelcome = on_sent_away,
                                       .welcome = on_welcomed };
    assert_int_equal(sv_http_server_open(d->loop, &options, on_request, d, &d->server, NULL),
                     SV_OK);
    return d;
}

static void door_drop(door **d) {
    for (size_t i = 0; i < (*d)->stream_count; i++) {
        sv_http_events_drop(&(*d)->streams[i]);
    }
    sv_http_server_drop(&(*d)->server);
    sv_tls_drop(&(*d)->tls);
    sv_loop_drop(&(*d)->loop);
    free(*d);
}

static void door_tls(door *d, const char *crl) {
    sv_tls *fresh = hub_tls_with(in_folder("site/ca.crt"), in_folder(crl));
    sv_http_server_tls(d->server, fresh);
    sv_tls_drop(&d->tls);
    d->tls = fresh;
}

/// One connection of `id`; what it reads and writes turns the loop.
static SSL *dial(door *d, const char *id) {
    SSL_CTX *ctx = client_ctx(leaf_file(id, "crt"), leaf_file(id, "key"));
    SSL *ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    assert_int_equal(SSL_set_fd(ssl, call_port(sv_http_server_port(d->server))), 1);
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    while (SSL_connect(ssl) != 1) {
        assert_true(sv_clock_monotonic_us() < end_us);
        sv_loop_turn(d->loop, TURN_US);
    }
    return ssl;
}

static void hang_up(SSL **ssl) {
    int fd = SSL_get_fd(*ssl);
    SSL_free(*ssl);
    (void) close(fd);
}

/// What comes as the answer, up to `end`, or until the other side has closed.
static const char *ask(door *d, SSL *ssl, const char *path, const char *end) {
    static char got[4096];
    size_t len = 0;
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    if (path != NULL) {
        int asked = snprintf(got, sizeof got, "GET %s HTTP/1.1\r\nHost: hub\r\n\r\n", path);
        assert_int_equal(SSL_write(ssl, got, asked), asked);
    }
    for (got[0] = '\0'; end == NULL || strstr(got, end) == NULL;) {
        assert_true(sv_clock_monotonic_us() < end_us && len < sizeof got - 1);
        ERR_clear_error(); // the server's, on the same thread
        int result = SSL_read(ssl, got + len, (int) (sizeof got - 1 - len));
        if (result <= 0 && SSL_get_error(ssl, result) != SSL_ERROR_WANT_READ) {
            assert_null(end);
            break;
        }
        len += result > 0 ? (size_t) result : 0;
        got[len] = '\0';
        sv_loop_turn(d->loop, TURN_US);
    }
    return got;
}

static int make_more_certificates(void **state) {
    int failed = make_certificates(state);
    issue("site", "press-2", SV_ROLE_DEVICE);
    assert_int_equal(sv_pki_revoke(in_folder("site"), "press-2", NULL), SV_OK);
    assert_int_equal(sv_pki_crl(in_folder("site"), in_folder("crl.pem"), NULL), SV_OK);
    return failed;
}

// [uplink-12]
static void the_next_request_of_who_is_revoked_is_refused(void **state) {
    (void) state;
    SV_DEFER(door_drop) door *d = door_open();
    SV_DEFER(hang_up) SSL *first = dial(d, "press-1");
    SV_DEFER(hang_up) SSL *revoked = dial(d, "press-2");
    assert_non_null(strstr(ask(d, first, "/", "you"), "200 OK"));
    assert_non_null(strstr(ask(d, revoked, "/", "you"), "200 OK"));
    door_tls(d, "crl.pem");
    const char *got = ask(d, revoked, "/", NULL);
    assert_non_null(strstr(got, "403 "));
    assert_non_null(strstr(got, "certificate is revoked (press-2)"));
    assert_int_equal(d->unwelcome, 1);
    assert_string_equal(d->why, "certificate is revoked (press-2)");
    assert_memory_equal(d->peer, "127.0.0.1:", 10);
    assert_non_null(strstr(ask(d, first, "/", "you"), "200 OK"));
    assert_int_equal(d->unwelcome, 1);
}

// [uplink-12]
static void the_stream_of_who_is_revoked_ends(void **state) {
    (void) state;
    SV_DEFER(door_drop) door *d = door_open();
    SV_DEFER(hang_up) SSL *first = dial(d, "press-1");
    SV_DEFER(hang_up) SSL *revoked = dial(d, "press-2");
    (void) ask(d, first, "/stream", "\r\n\r\n");
    (void) ask(d, revoked, "/stream", "\r\n\r\n");
    door_tls(d, "crl.pem");
    (void) ask(d, revoked, NULL, NULL);
    assert_int_equal(d->closed, 1);
    assert_int_equal(d->unwelcome, 1);
    assert_string_equal(d->why, "certificate is revoked (press-2)");
    assert_int_equal(sv_http_events_send(d->streams[0], NULL, 1, SV_TEXT("still")), SV_OK);
    assert_non_null(strstr(ask(d, first, NULL, "still"), "still"));
}

// [uplink-12]
static void a_stream_ends_with_its_certificate_and_so_do_requests(void **state) {
    (void) state;
    SV_DEFER(door_drop) door *d = door_open();
    SV_DEFER(hang_up) SSL *stream = dial(d, "press-1");
    SV_DEFER(hang_up) SSL *other = dial(d, "press-1");
    d->not_after_us = sv_clock_wall_us() + 50000;
    (void) ask(d, stream, "/stream", "\r\n\r\n");
    (void) ask(d, stream, NULL, NULL);
    assert_true(sv_clock_wall_us() >= d->not_after_us);
    assert_string_equal(d->why, "certificate has expired (press-1)");
    assert_int_equal(d->closed, 1);
    (void) ask(d, other, "/", "you"); // it was judged before its certificate was made to end
    assert_non_null(strstr(ask(d, other, "/", NULL), "certificate has expired (press-1)"));
    assert_int_equal(d->unwelcome, 2);
}

// [standing-22]
static void of_whom_something_is_decided_every_connection_ends_at_once(void **state) {
    (void) state;
    SV_DEFER(door_drop) door *d = door_open();
    SV_DEFER(hang_up) SSL *first = dial(d, "press-1");
    SV_DEFER(hang_up) SSL *asked = dial(d, "press-2");
    SV_DEFER(hang_up) SSL *stream = dial(d, "press-2");
    SV_DEFER(hang_up) SSL *silent = dial(d, "press-2");
    assert_non_null(strstr(ask(d, first, "/", "you"), "200 OK"));
    assert_non_null(strstr(ask(d, asked, "/", "you"), "200 OK"));
    (void) ask(d, stream, "/stream", "\r\n\r\n");
    d->stranger = "press-2";
    assert_int_equal(sv_http_server_review(d->server, SV_TEXT("press-1")), 0);
    assert_int_equal(sv_http_server_review(d->server, SV_TEXT("nobody")), 0);
    // Upper and lower case make no other id. [standing-1]
    assert_int_equal(sv_http_server_review(d->server, SV_TEXT("Press-2")), 3);
    assert_int_equal(d->unwelcome, 3);
    assert_string_equal(d->why, "'press-2' is revoked");
    assert_int_equal(d->closed, 1);
    assert_string_equal(ask(d, asked, NULL, NULL), "");
    assert_string_equal(ask(d, silent, NULL, NULL), "");
    assert_non_null(strstr(ask(d, first, "/", "you"), "200 OK"));
    SV_DEFER(hang_up) SSL *again = dial(d, "press-2");
    assert_non_null(strstr(ask(d, again, "/", "revoked"), "403 "));
    assert_int_equal(d->unwelcome, 3); // it never was in
}

// [uplink-13]
static void so_many_handshakes_begin_and_the_others_wait(void **state) {
    (void) state;
    SV_DEFER(door_drop) door *d = door_open();
    int fds[CALLERS];
    for (size_t i = 0; i < CALLERS; i++) {
        fds[i] = call_port(sv_http_server_port(d->server));
        assert_int_equal(send(fds[i], "\x16", 1, 0), 1); // who says nothing is not even accepted
    }
    sv_loop_turn(d->loop, TURN_US);
    assert_int_equal(d->server->peer_count, SV_HTTP_HANDSHAKES);
    int64_t start_us = sv_clock_monotonic_us();
    while (d->server->peer_count < CALLERS) {
        assert_true(sv_clock_monotonic_us() < start_us + PATIENCE_US);
        sv_loop_turn(d->loop, TURN_US);
    }
    assert_true(sv_clock_monotonic_us() - start_us > 50000);
    for (size_t i = 0; i < CALLERS; i++) {
        sv_fd_drop(&fds[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_request_of_who_is_revoked_is_refused),
        cmocka_unit_test(the_stream_of_who_is_revoked_ends),
        cmocka_unit_test(a_stream_ends_with_its_certificate_and_so_do_requests),
        cmocka_unit_test(of_whom_something_is_decided_every_connection_ends_at_once),
        cmocka_unit_test(so_many_handshakes_begin_and_the_others_wait),
    };
    return cmocka_run_group_tests(tests, make_more_certificates, remove_certificates);
}
