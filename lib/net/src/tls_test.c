#include "tls_internal.h"

#include <arpa/inet.h>
#include <base/fd.h>
#include <base/mem.h>
#include <base/test.h>
#include <crypto/pki.h>
#include <net/conn.h>
#include <net/http_client.h>
#include <net/http_server.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/clock.h>
#include <sys/disk.h>
#include <sys/loop.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_US = 5000000, PATH_ROOM = 128 };

static char folder[] = "/tmp/sv-tls-XXXXXX";

static time_t wrong_by_s; ///< what this process takes for now

// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): libc's own name is reserved.
__attribute__((visibility("default"))) int clock_gettime(clockid_t which, struct timespec *out) {
    int result = (int) syscall(SYS_clock_gettime, which, out);
    out->tv_sec += which == CLOCK_REALTIME ? wrong_by_s : 0;
    return result;
}

// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): as above.
__attribute__((visibility("default"))) time_t time(time_t *out) {
    struct timespec now;
    (void) clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL) {
        *out = now.tv_sec;
    }
    return now.tv_sec;
}

/// It has started with a clock that is so far off, and knows nothing.
static void wake(time_t off_by_s) {
    wrong_by_s = off_by_s;
    sv_clock_resume(0, 0);
}

static const char *in_folder(const char *name) {
    static char rooms[8][PATH_ROOM];
    static size_t next;
    char *room = rooms[next++ % SV_COUNT(rooms)];
    assert_int_equal(sv_disk_join(room, PATH_ROOM, folder, name), SV_OK);
    return room;
}

static void make_pki(const char *name) {
    sv_pki_setup setup = { .dir = in_folder(name), .root_passphrase = "only for tests" };
    assert_int_equal(sv_pki_init(&setup, NULL), SV_OK);
}

static void issue(const char *pki, const char *id, sv_role role, const char *dns, const char *ip) {
    sv_pki_leaf leaf = { .id = id, .role = role, .out = in_folder("leaves") };
    leaf.dns[0] = dns;
    leaf.ip[0] = ip;
    sv_why why = { .code = SV_OK };
    if (sv_pki_issue(in_folder(pki), &leaf, &why) != SV_OK) {
        fail_msg("%s", why.text);
    }
}

static int make_certificates(void **state) {
    (void) state;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(sv_disk_make_folder(in_folder("leaves"), 0700, NULL), SV_OK);
    make_pki("site");
    make_pki("stranger");
    issue("stranger", "intruder", SV_ROLE_DEVICE, NULL, NULL);
    issue("site", "hub", SV_ROLE_SERVER, "localhost", "127.0.0.1");
    issue("site", "other-hub", SV_ROLE_SERVER, "other.example", NULL);
    issue("site", "dev-1", SV_ROLE_DEVICE, NULL, NULL);
    issue("site", "dev-2", SV_ROLE_DEVICE, NULL, NULL);
    assert_int_equal(sv_pki_revoke(in_folder("site"), "dev-2", NULL), SV_OK);
    assert_int_equal(sv_pki_crl(in_folder("site"), in_folder("crl.pem"), NULL), SV_OK);
    return 0;
}

static int remove_certificates(void **state) {
    (void) state;
    return sv_disk_remove_tree(folder, NULL) == SV_OK ? 0 : -1;
}

typedef struct names {
    char cert[PATH_ROOM], key[PATH_ROOM];
} names;

static names leaf_files(const char *id) {
    names n;
    (void) snprintf(n.cert, sizeof n.cert, "%s/leaves/%s.crt", folder, id);
    (void) snprintf(n.key, sizeof n.key, "%s/leaves/%s.key", folder, id);
    return n;
}

/// One question over TLS, and what both sides saw of it.
typedef struct meeting {
    const char *server;  ///< ids of the leaves
    const char *client;  ///< NULL: no certificate
    const char *trusted; ///< the PKI whose CA the client trusts
    const char *host;
    bool open_door; ///< the server asks for no certificate
    bool with_crl;
    bool ca_tells_time;
    bool oldest; ///< the client speaks nothing newer than TLS 1.2
    // what happened
    int status;
    bool done;
    char who[128];
    char why[SV_WHY_MAX];
} meeting;

static void handle(sv_http_request *request, void *arg) {
    meeting *m = arg;
    const sv_identity *who = sv_http_identity(request);
    (void) snprintf(m->who, sizeof m->who, "%s %s", who != NULL ? sv_role_name(who->role) : "no",
                    who != NULL ? who->id : "body");
    sv_http_reply(request, 200, "text/plain", SV_TEXT("ok"));
}

static void answered(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    meeting *m = arg;
    m->done = true;
    m->status = reply->status;
    (void) snprintf(m->why, sizeof m->why, "%s", why != NULL ? why->text : "");
}

static sv_tls *server_tls(const meeting *m) {
    names own = leaf_files(m->server);
    sv_tls_files files = { .ca = in_folder("site/ca.crt"), .cert = own.cert, .key = own.key };
    files.crl = m->with_crl ? in_folder("crl.pem") : NULL;
    sv_tls *tls = NULL;
    assert_int_equal(sv_tls_server(&files,
                                   m->open_door ? SV_TLS_CLIENTS_NONE : SV_TLS_CLIENTS_TRUSTED,
                                   false, &tls, NULL),
                     SV_OK);
    return tls;
}

static sv_tls *client_tls(const meeting *m) {
    char ca[PATH_ROOM];
    (void) snprintf(ca, sizeof ca, "%s/%s/ca.crt", folder, m->trusted);
    sv_tls_files files = { .ca = ca, .ca_tells_time = m->ca_tells_time };
    names own;
    if (m->client != NULL) {
        own = leaf_files(m->client);
        files.cert = own.cert;
        files.key = own.key;
    }
    sv_tls *tls = NULL;
    assert_int_equal(sv_tls_client(&files, &tls, NULL), SV_OK);
    if (m->oldest) {
        assert_int_equal(SSL_CTX_set_max_proto_version(tls->ctx, TLS1_2_VERSION), 1);
    }
    return tls;
}

static meeting meet(meeting m) {
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    assert_int_equal(sv_loop_open(&loop, NULL), SV_OK);
    SV_DEFER(sv_tls_drop) sv_tls *served = server_tls(&m);
    SV_DEFER(sv_tls_drop) sv_tls *asked = client_tls(&m);
    sv_http_server_options options = {
        .bind = "127.0.0.1", .tls = served, .body_max = 1024, .connections_max = 8
    };
    SV_DEFER(sv_http_server_drop) sv_http_server *server = NULL;
    assert_int_equal(sv_http_server_open(loop, &options, handle, &m, &server, NULL), SV_OK);
    char origin[64];
    (void) snprintf(origin, sizeof origin, "https://%s:%u", m.host, sv_http_server_port(server));
    SV_DEFER(sv_http_client_drop) sv_http_client *client = NULL;
    assert_int_equal(sv_http_client_open(loop, origin, asked, PATIENCE_US, &client, NULL), SV_OK);
    for (int question = 0; question < 2; question++) {
        m.done = false;
        assert_int_equal(
            sv_http_client_send(client, "GET", "/", NULL, NULL, SV_TEXT(""), answered, &m), SV_OK);
        int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US * INT64_C(2);
        while (!m.done && sv_clock_monotonic_us() < end_us) {
            sv_loop_turn(loop, 20000);
        }
        assert_true(m.done);
    }
    return m;
}

static const meeting usual = {
    .server = "hub", .client = "dev-1", .trusted = "site", .host = "127.0.0.1"
};

static void a_device_is_known_by_its_certificate(void **state) {
    (void) state;
    meeting m = meet(usual);
    assert_string_equal(m.why, "");
    assert_int_equal(m.status, 200);
    assert_string_equal(m.who, "device dev-1");
    m = usual;
    m.host = "localhost";
    m.with_crl = true;
    m = meet(m);
    assert_string_equal(m.who, "device dev-1");
}

static void the_older_protocol_serves_as_well(void **state) {
    (void) state;
    meeting m = usual;
    m.oldest = true;
    m = meet(m);
    assert_int_equal(m.status, 200);
    assert_string_equal(m.who, "device dev-1");
}

static void the_open_door_asks_for_no_certificate(void **state) {
    (void) state;
    meeting m = usual;
    m.client = NULL;
    m.open_door = true;
    m = meet(m);
    assert_int_equal(m.status, 200);
    assert_string_equal(m.who, "no body");
}

static void a_server_that_is_not_the_right_one_is_refused(void **state) {
    (void) state;
    static const struct {
        const char *server, *trusted, *host, *fault;
    } cases[] = {
        { "hub", "stranger", "127.0.0.1", "TLS: certificate verify failed: " },
        { "other-hub", "site", "127.0.0.1", "TLS: certificate verify failed: IP address mismatch" },
        { "other-hub", "site", "localhost", "TLS: certificate verify failed: hostname mismatch" },
        { "dev-1", "site", "localhost", "TLS: certificate verify failed: " },
    };
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        meeting m = usual;
        m.server = cases[i].server;
        m.trusted = cases[i].trusted;
        m.host = cases[i].host;
        m = meet(m);
        assert_int_equal(m.status, 0);
        assert_memory_equal(m.why, cases[i].fault, strlen(cases[i].fault));
        assert_string_equal(m.who, "");
    }
}

// [reading-11]
static void who_woke_in_1970_comes_in_and_is_let_in(void **state) {
    (void) state;
    const time_t year_s = 366 * (time_t) 86400;
    wake(-50 * year_s);
    meeting m = usual;
    m.with_crl = true;
    m = meet(m);
    assert_string_equal(m.why, "");
    assert_string_equal(m.who, "device dev-1");
    // All else is judged.
    a_server_that_is_not_the_right_one_is_refused(NULL);
    m = usual;
    m.client = "intruder";
    assert_int_equal(meet(m).status, 0);
    // Who has no certificate cannot know that its clock is wrong.
    m = usual;
    m.client = NULL;
    m.open_door = true;
    assert_string_equal(meet(m).why,
                        "TLS: certificate verify failed: certificate is not yet valid");
    // Unless somebody has just told it whom to trust. [est-4]
    m.ca_tells_time = true;
    assert_int_equal(meet(m).status, 200);
    m.trusted = "stranger";
    assert_int_equal(meet(m).status, 0);
    wake(50 * year_s);
    m = meet(usual);
    assert_string_equal(m.why, "TLS: certificate verify failed: certificate has expired");
    wake(0);
}

// [clock-5]
static void a_clock_that_leaps_to_2099_ends_no_certificate(void **state) {
    (void) state;
    wake(0);
    assert_string_equal(meet(usual).why, "");
    wrong_by_s = (time_t) 73 * 366 * 86400;
    meeting m = usual;
    m.with_crl = true;
    m = meet(m);
    assert_string_equal(m.why, "");
    assert_string_equal(m.who, "device dev-1");
    a_server_that_is_not_the_right_one_is_refused(NULL);
    wake(0);
}

// [clock-5]
static void a_clock_that_is_doubted_still_lets_in_what_has_begun_since(void **state) {
    (void) state;
    wake(0);
    sv_clock_resume(sv_clock_wall_us() - 90 * SV_TIME_DAY_US, 0); // it was off for so long
    assert_true(sv_clock_doubt_us() > 0);
    meeting m = usual;
    m.with_crl = true;
    m = meet(m);
    assert_string_equal(m.why, "");
    assert_string_equal(m.who, "device dev-1");
    wake(0);
}

static void a_client_that_may_not_come_in_is_refused(void **state) {
    (void) state;
    // The alert says why; TLS 1.3 sends it when the question is under way already, so that only
    // 1.2 tells it reliably.
    static const struct {
        const char *client;
        const char *fault;
    } cases[] = {
        { NULL, "alert handshake failure" },
        { "intruder", "alert" },
        { "other-hub", "alert" },
        { "dev-2", "alert certificate revoked" },
    };
    for (size_t i = 0; i < 2 * SV_COUNT(cases); i++) {
        meeting m = usual;
        m.client = cases[i / 2].client;
        m.oldest = i % 2 == 0;
        m.with_crl = true;
        m = meet(m);
        assert_int_equal(m.status, 0);
        assert_string_equal(m.who, "");
        assert_true(m.why[0] != '\0');
        if (m.oldest && strstr(m.why, cases[i / 2].fault) == NULL) {
            fail_msg("%s", m.why);
        }
    }
}

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

static void unusable_files_are_named(void **state) {
    (void) state;
    names hub = leaf_files("hub");
    names other = leaf_files("other-hub");
    const char *ca = in_folder("site/ca.crt");
    const struct {
        sv_tls_files files;
        sv_err err;
        const char *named;
    } cases[] = {
        { { .ca = ca, .cert = "/nowhere.crt", .key = hub.key },
          SV_ERR_NOT_FOUND,
          "'/nowhere.crt'" },
        { { .ca = ca, .cert = hub.cert, .key = "/nowhere.key" },
          SV_ERR_NOT_FOUND,
          "'/nowhere.key'" },
        { { .ca = "/nowhere.ca", .cert = hub.cert, .key = hub.key },
          SV_ERR_NOT_FOUND,
          "'/nowhere.ca'" },
        { { .ca = ca, .cert = hub.cert, .key = other.key }, SV_ERR_INVALID, other.key },
        { { .ca = ca, .cert = hub.key, .key = hub.key }, SV_ERR_INVALID, hub.key },
        { { .ca = hub.key, .cert = hub.cert, .key = hub.key }, SV_ERR_INVALID, hub.key },
        { { .ca = ca, .cert = hub.cert, .key = hub.key, .crl = ca }, SV_ERR_INVALID, ca },
        { { .ca = ca, .cert = hub.cert }, SV_ERR_INVALID, hub.cert },
    };
    for (size_t i = 0; i < SV_COUNT(cases); i++) {
        SV_DEFER(sv_tls_drop) sv_tls *tls = NULL;
        sv_why why;
        assert_int_equal(sv_tls_server(&cases[i].files, SV_TLS_CLIENTS_TRUSTED, false, &tls, &why),
                         cases[i].err);
        assert_non_null(strstr(why.text, cases[i].named));
        assert_null(tls);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_is_known_by_its_certificate),
        cmocka_unit_test(the_older_protocol_serves_as_well),
        cmocka_unit_test(the_open_door_asks_for_no_certificate),
        cmocka_unit_test(a_server_that_is_not_the_right_one_is_refused),
        cmocka_unit_test(who_woke_in_1970_comes_in_and_is_let_in),
        cmocka_unit_test(a_clock_that_leaps_to_2099_ends_no_certificate),
        cmocka_unit_test(a_clock_that_is_doubted_still_lets_in_what_has_begun_since),
        cmocka_unit_test(a_client_that_may_not_come_in_is_refused),
        cmocka_unit_test(many_small_records_arrive_whole_and_so_does_the_end),
        cmocka_unit_test(a_plain_stream_goes_on_under_tls),
        cmocka_unit_test(tls_in_the_middle_checks_the_name_as_well),
        cmocka_unit_test(what_was_sent_in_the_clear_does_not_count_under_tls),
        cmocka_unit_test(unusable_files_are_named),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
