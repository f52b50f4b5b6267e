// Who comes without a certificate, or without a word, and those who do have one.
#include <sys/queue.h> // before libevent, which takes some of it away

#include "http_internal.h"
#include "listener_fixture.h"

#include <codec/compress.h>
#include <net/http_server.h>

enum { PLACES = 64, STRANGERS = 8, BODY_MAX = 4096, STRANGER_BODY_MAX = 256, FLOOD = 36 };

typedef struct door {
    sv_loop *loop;
    sv_tls *tls;
    sv_http_server *server;
    size_t newcomers;
    size_t unfinished;       ///< how often one was told of
    size_t unfinished_bytes; ///< of the last
} door;

static void on_request(sv_http_request *request, void *arg) {
    door *d = arg;
    d->newcomers += sv_http_newcomer(request) != NULL;
    sv_http_reply(request, 200, "text/plain", SV_TEXT("you"));
}

static void on_unfinished(void *arg, const char *peer, size_t bytes) {
    door *d = arg;
    assert_true(strncmp(peer, "127.0.0.", 8) == 0);
    d->unfinished++;
    d->unfinished_bytes = bytes;
}

static door *door_open(void) {
    door *d = sv_mem_new(sizeof *d);
    assert_int_equal(sv_loop_open(&d->loop, NULL), SV_OK);
    const sv_tls_files files = { .ca = in_folder("site/ca.crt"),
                                 .cert = leaf_file("hub", "crt"),
                                 .key = leaf_file("hub", "key") };
    assert_int_equal(sv_tls_server(&files, SV_TLS_CLIENTS_NEWCOMERS, false, &d->tls, NULL), SV_OK);
    const sv_http_server_options options = { .bind = "127.0.0.1",
                                             .tls = d->tls,
                                             .body_max = BODY_MAX,
                                             .connections_max = PLACES,
                                             .strangers_max = STRANGERS,
                                             .stranger_body_max = STRANGER_BODY_MAX,
                                             .unfinished = on_unfinished };
    assert_int_equal(sv_http_server_open(d->loop, &options, on_request, d, &d->server, NULL),
                     SV_OK);
    return d;
}

static void door_drop(door **d) {
    sv_http_server_drop(&(*d)->server);
    sv_tls_drop(&(*d)->tls);
    sv_loop_drop(&(*d)->loop);
    free(*d);
}

static void turn(door *d, int64_t us) {
    int64_t end_us = sv_clock_monotonic_us() + us;
    while (sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(d->loop, TURN_US);
    }
}

/// `id` NULL: without a certificate. NULL: the server hung up.
static SSL *dial_from(door *d, uint8_t host, const char *id) {
    SSL_CTX *ctx = client_ctx(id == NULL ? NULL : leaf_file(id, "crt"),
                              id == NULL ? NULL : leaf_file(id, "key"));
    SSL *ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    assert_int_equal(SSL_set_fd(ssl, call_port_from(sv_http_server_port(d->server), host)), 1);
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    int result = 0;
    while ((result = SSL_connect(ssl)) != 1 && SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ) {
        assert_true(sv_clock_monotonic_us() < end_us);
        ERR_clear_error();
        sv_loop_turn(d->loop, TURN_US);
    }
    return ssl;
}

static void hang_up(SSL **ssl) {
    int fd = SSL_get_fd(*ssl);
    SSL_free(*ssl);
    (void) close(fd);
}

/// Status of the answer; 0: the server has closed.
static int status_of(door *d, SSL *ssl) {
    static char got[BODY_MAX * 2];
    int status = 0;
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    for (size_t at = 0; status == 0 && sv_clock_monotonic_us() < end_us;) {
        ERR_clear_error(); // the server's, on the same thread
        int result = SSL_read(ssl, got + at, (int) (sizeof got - 1 - at));
        if (result <= 0 && SSL_get_error(ssl, result) != SSL_ERROR_WANT_READ) {
            break;
        }
        at += result > 0 ? (size_t) result : 0;
        got[at] = '\0';
        const char *line = strstr(got, "HTTP/1.1 "); // behind the rest of the last answer
        status = line == NULL ? 0 : (int) strtol(line + strlen("HTTP/1.1 "), NULL, 10);
        sv_loop_turn(d->loop, TURN_US);
    }
    return status;
}

/// So to a POST with so many bytes.
static int post(door *d, SSL *ssl, int body_bytes) {
    static char said[BODY_MAX * 2];
    int len =
        snprintf(said, sizeof said, "POST / HTTP/1.1\r\nHost: hub\r\nContent-Length: %d\r\n\r\n%*s",
                 body_bytes, body_bytes, body_bytes > 0 ? "x" : "");
    (void) SSL_write(ssl, said, len);
    return status_of(d, ssl);
}

/// So with a body that unpacks to so many.
static int post_packed(door *d, SSL *ssl, size_t body_bytes) {
    char plain[BODY_MAX] = { 0 };
    char room[BODY_MAX];
    char head[128];
    sv_textbuf packed = SV_TEXTBUF(room);
    assert_int_equal(sv_compress((sv_text){ plain, body_bytes }, &packed), SV_OK);
    assert_true(packed.len < STRANGER_BODY_MAX);
    int len = snprintf(head, sizeof head,
                       "POST / HTTP/1.1\r\nHost: hub\r\nContent-Encoding: zstd\r\n"
                       "Content-Length: %zu\r\n\r\n",
                       packed.len);
    (void) SSL_write(ssl, head, len);
    (void) SSL_write(ssl, packed.at, (int) packed.len);
    return status_of(d, ssl);
}

// [relay-14]
static void what_a_strangers_body_unpacks_to_is_bounded_as_well(void **state) {
    (void) state;
    SV_DEFER(door_drop) door *d = door_open();
    SV_DEFER(hang_up) SSL *known = dial_from(d, 1, "press-1");
    SV_DEFER(hang_up) SSL *stranger = dial_from(d, 2, NULL);
    assert_int_equal(post_packed(d, stranger, STRANGER_BODY_MAX - 1), 200);
    assert_int_equal(post_packed(d, stranger, STRANGER_BODY_MAX + 1), 413);
    assert_int_equal(post_packed(d, known, BODY_MAX - 1), 200);
}

static void a_flood_of_strangers_takes_no_place_from_who_is_known(void **state) { // [relay-14]
    (void) state;
    SV_DEFER(door_drop) door *d = door_open();
    SV_DEFER(hang_up) SSL *known = dial_from(d, 1, "press-1");
    SV_DEFER(hang_up) SSL *lonely = dial_from(d, 3, NULL);
    assert_int_equal(post(d, known, 1), 200);
    assert_int_equal(post(d, lonely, 1), 200);
    assert_int_equal(d->server->strangers.count, 1);
    int fds[FLOOD];
    for (size_t i = 0; i < FLOOD; i++) {
        fds[i] = call_port_from(sv_http_server_port(d->server), 2);
        assert_int_equal(send(fds[i], "\x16", 1, 0), 1);
        turn(d, TURN_US);
    }
    turn(d, 1000000);
    assert_int_equal(d->server->strangers.count, STRANGERS);
    assert_int_equal(sv_http_server_shed(d->server), FLOOD + 1 - STRANGERS);
    assert_int_equal(post(d, known, 1), 200);
    assert_int_equal(post(d, lonely, 1), 200); // the others' address makes room
    SV_DEFER(hang_up) SSL *next = dial_from(d, 1, "press-1");
    assert_int_equal(post(d, next, 1), 200);
    for (size_t i = 0; i < FLOOD; i++) {
        sv_fd_drop(&fds[i]);
    }
    turn(d, 100000);
    assert_int_equal(d->server->strangers.count, 1);
}

static void who_says_nothing_takes_no_place(void **state) { // [relay-14]
    (void) state;
    SV_DEFER(door_drop) door *d = door_open();
    int fds[FLOOD];
    for (size_t i = 0; i < FLOOD; i++) {
        fds[i] = call_port_from(sv_http_server_port(d->server), 2);
    }
    turn(d, 300000);
    assert_int_equal(d->server->peer_count, 0);
    SV_DEFER(hang_up) SSL *known = dial_from(d, 1, "press-1");
    assert_int_equal(post(d, known, 1), 200);
    for (size_t i = 0; i < FLOOD; i++) {
        sv_fd_drop(&fds[i]);
    }
}

static void a_newcomers_body_is_small_and_a_known_ones_is_not(void **state) { // [relay-11]
    (void) state;
    SV_DEFER(door_drop) door *d = door_open();
    SV_DEFER(hang_up) SSL *known = dial_from(d, 1, "press-1");
    SV_DEFER(hang_up) SSL *newcomer = dial_from(d, 1, NULL);
    assert_int_equal(post(d, known, BODY_MAX), 200);
    assert_int_equal(post(d, newcomer, STRANGER_BODY_MAX), 200);
    assert_int_equal(d->newcomers, 1);
    assert_int_equal(post(d, newcomer, STRANGER_BODY_MAX + 1), 413);
    assert_int_equal(d->newcomers, 1);
}

static void what_never_became_a_request_is_told_of(void **state) { // [enrol-25]
    (void) state;
    static const char HALF[] = "POST / HTTP/1.1\r\nHost: hub\r\nContent-Length: 9\r\n\r\nhalf";
    SV_DEFER(door_drop) door *d = door_open();
    SSL *whole = dial_from(d, 1, NULL);
    SSL *half = dial_from(d, 1, NULL);
    SSL *large = dial_from(d, 1, NULL);
    assert_int_equal(post(d, whole, 1), 200);
    assert_int_equal(SSL_write(half, HALF, sizeof HALF - 1), (int) sizeof HALF - 1);
    turn(d, 50000);
    hang_up(&whole);
    turn(d, 50000);
    assert_int_equal(d->unfinished, 0);
    hang_up(&half);
    turn(d, 50000);
    assert_int_equal(d->unfinished, 1);
    assert_int_equal(d->unfinished_bytes, sizeof HALF - 1);
    assert_int_equal(post(d, large, STRANGER_BODY_MAX + 1), 413);
    hang_up(&large);
    turn(d, 50000);
    assert_int_equal(d->unfinished, 2);
    assert_true(d->unfinished_bytes > STRANGER_BODY_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_strangers_body_unpacks_to_is_bounded_as_well),
        cmocka_unit_test(a_flood_of_strangers_takes_no_place_from_who_is_known),
        cmocka_unit_test(who_says_nothing_takes_no_place),
        cmocka_unit_test(a_newcomers_body_is_small_and_a_known_ones_is_not),
        cmocka_unit_test(what_never_became_a_request_is_told_of),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
