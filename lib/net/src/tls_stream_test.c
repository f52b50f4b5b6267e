#include "tls_fixture.h"

enum { RECORDS = 6000, RECORD_BYTES = 100 };

/// What a server says in many small records, before it falls silent or leaves.
typedef struct burst {
    bool leaves;
    sv_tls *tls;
    int listener;
    uint16_t port;
    // what the client saw
    size_t arrived;
    bool in_order, down;
    char why[SV_WHY_MAX];
} burst;

static char burst_byte(size_t at) {
    return (char) ('a' + at % 23);
}

/// Runs in a process of its own until the other side leaves.
static void speak(const burst *b) {
    SV_DEFER(sv_fd_drop) int fd = accept(b->listener, NULL, NULL);
    SSL *ssl = sv_tls_server_ssl(b->tls);
    if (fd < 0 || SSL_set_fd(ssl, fd) != 1 || SSL_accept(ssl) != 1) {
        return;
    }
    char record[RECORD_BYTES];
    for (size_t i = 0; i < RECORDS; i++) {
        for (size_t k = 0; k < RECORD_BYTES; k++) {
            record[k] = burst_byte(i * RECORD_BYTES + k);
        }
        (void) SSL_write(ssl, record, sizeof record);
    }
    if (b->leaves) {
        (void) SSL_shutdown(ssl);
    }
    (void) SSL_read(ssl, record, sizeof record);
    SSL_free(ssl);
}

static void nothing(void *arg) {
    (void) arg;
}

static size_t count_bytes(void *arg, sv_text arrived) {
    burst *b = arg;
    // An odd number at a time, as a protocol with packets would.
    size_t take = arrived.len > 1000 ? 777 : arrived.len;
    for (size_t i = 0; i < take; i++) {
        b->in_order = b->in_order && arrived.at[i] == burst_byte(b->arrived + i);
    }
    b->arrived += take;
    return take;
}

static void count_end(void *arg, const sv_why *why) {
    burst *b = arg;
    b->down = true;
    (void) snprintf(b->why, sizeof b->why, "%s", why->text);
}

static void open_listener(burst *b) {
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    b->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(b->listener, (const struct sockaddr *) &at, len), 0);
    assert_int_equal(listen(b->listener, 1), 0);
    assert_int_equal(getsockname(b->listener, (struct sockaddr *) &at, &len), 0);
    b->port = ntohs(at.sin_port);
}

static void listen_to(burst *b, sv_tls *asked) {
    static const sv_conn_events EVENTS = { .up = nothing, .bytes = count_bytes, .down = count_end };
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    SV_DEFER(sv_conn_drop) sv_conn *conn = NULL;
    assert_int_equal(sv_loop_open(&loop, NULL), SV_OK);
    assert_int_equal(
        sv_conn_open(loop, "127.0.0.1", b->port, asked, PATIENCE_US, &EVENTS, b, &conn, NULL),
        SV_OK);
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    while ((b->arrived < (size_t) RECORDS * RECORD_BYTES || b->down != b->leaves)
           && sv_clock_monotonic_us() < end_us) {
        // Slower than the other side, so that records pile up.
        (void) usleep(1000);
        sv_loop_turn(loop, 20000);
    }
    sv_conn_drop(&conn);
}

static void many_small_records_arrive_whole_and_so_does_the_end(void **state) {
    (void) state;
    meeting m = usual;
    m.open_door = true;
    for (int leaves = 0; leaves < 2; leaves++) {
        burst b = { .leaves = leaves == 1, .in_order = true };
        SV_DEFER(sv_tls_drop) sv_tls *served = server_tls(&m);
        SV_DEFER(sv_tls_drop) sv_tls *asked = client_tls(&m);
        b.tls = served;
        open_listener(&b);
        pid_t speaker = fork();
        if (speaker == 0) {
            speak(&b);
            _exit(0);
        }
        listen_to(&b, asked);
        sv_fd_drop(&b.listener);
        assert_int_equal(waitpid(speaker, NULL, 0), speaker);
        assert_int_equal(b.arrived, RECORDS * RECORD_BYTES);
        assert_true(b.in_order);
        assert_int_equal(b.down, b.leaves);
        assert_true(!b.leaves || strstr(b.why, "closed by the other side") != NULL);
    }
}

// ---- TLS that starts in the middle --------------------------------------------------------------

/// A server that asks for TLS after two lines, and what its client saw.
typedef struct upgrade {
    burst door;
    sv_tls *asked;
    const char *go; ///< the last bytes in the clear
    sv_conn *conn;
    int ups;
    bool down;
    char heard[64];
    char why[SV_WHY_MAX];
} upgrade;

/// Runs in a process of its own.
static void speak_and_upgrade(const upgrade *u) {
    char line[64];
    SV_DEFER(sv_fd_drop) int fd = accept(u->door.listener, NULL, NULL);
    SSL *ssl = sv_tls_server_ssl(u->door.tls);
    if (fd < 0 || write(fd, "ready\n", 6) != 6 || read(fd, line, sizeof line) <= 0
        || write(fd, u->go, strlen(u->go)) < 0 || SSL_set_fd(ssl, fd) != 1
        || SSL_accept(ssl) != 1) {
        SSL_free(ssl);
        return;
    }
    (void) SSL_write(ssl, "secret\n", 7);
    (void) SSL_read(ssl, line, sizeof line);
    SSL_free(ssl);
}

static void count_up(void *arg) {
    ((upgrade *) arg)->ups++;
}

/// One line at a time, as it comes.
static size_t hear_line(void *arg, sv_text arrived) {
    upgrade *u = arg;
    sv_text rest = arrived;
    sv_text line = sv_text_cut(&rest, '\n');
    if (line.len == arrived.len) {
        return 0;
    }
    if (sv_text_eq(line, SV_TEXT("ready"))) {
        sv_conn_write(u->conn, SV_TEXT("start\n"));
    } else if (sv_text_eq(line, SV_TEXT("go"))) {
        sv_conn_start_tls(u->conn, u->asked);
    } else {
        (void) snprintf(u->heard, sizeof u->heard, SV_TEXT_FMT " after %d", SV_TEXT_ARG(line),
                        u->ups);
    }
    return line.len + 1;
}

static void upgrade_down(void *arg, const sv_why *why) {
    upgrade *u = arg;
    u->down = true;
    (void) snprintf(u->why, sizeof u->why, "%s", why->text);
}

static upgrade upgraded(const char *server, const char *go) {
    static const sv_conn_events EVENTS = { .up = count_up,
                                           .bytes = hear_line,
                                           .down = upgrade_down };
    meeting m = usual;
    m.server = server;
    m.client = NULL;
    m.open_door = true;
    SV_DEFER(sv_tls_drop) sv_tls *served = server_tls(&m);
    SV_DEFER(sv_tls_drop) sv_tls *asked = client_tls(&m);
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    upgrade u = { .door.tls = served, .asked = asked, .go = go };
    assert_int_equal(sv_loop_open(&loop, NULL), SV_OK);
    open_listener(&u.door);
    pid_t speaker = fork();
    if (speaker == 0) {
        speak_and_upgrade(&u);
        _exit(0);
    }
    assert_int_equal(
        sv_conn_open(loop, "127.0.0.1", u.door.port, NULL, PATIENCE_US, &EVENTS, &u, &u.conn, NULL),
        SV_OK);
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    while (u.heard[0] == '\0' && !u.down && sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(loop, 20000);
    }
    sv_conn_drop(&u.conn);
    sv_loop_turn(loop, 0); // the socket is closed in the loop's next round
    sv_fd_drop(&u.door.listener);
    assert_int_equal(waitpid(speaker, NULL, 0), speaker);
    return u;
}

static void a_plain_stream_goes_on_under_tls(void **state) {
    (void) state;
    upgrade u = upgraded("hub", "go\n");
    assert_string_equal(u.why, "");
    assert_string_equal(u.heard, "secret after 2");
}

static void tls_in_the_middle_checks_the_name_as_well(void **state) {
    (void) state;
    upgrade u = upgraded("other-hub", "go\n");
    assert_string_equal(u.heard, "");
    assert_non_null(strstr(u.why, "certificate verify failed"));
}

/// Else whoever sits between could put words into the protected talk (CVE-2011-0411). [notify-6]
static void what_was_sent_in_the_clear_does_not_count_under_tls(void **state) {
    (void) state;
    upgrade u = upgraded("hub", "go\nsecret\n");
    assert_string_equal(u.heard, "");
    assert_non_null(strstr(u.why, "sent in the clear before TLS"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_small_records_arrive_whole_and_so_does_the_end),
        cmocka_unit_test(a_plain_stream_goes_on_under_tls),
        cmocka_unit_test(tls_in_the_middle_checks_the_name_as_well),
        cmocka_unit_test(what_was_sent_in_the_clear_does_not_count_under_tls),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
