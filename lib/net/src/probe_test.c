// Doors as they should be, and as they should not: each is a child process that takes one
// connection after the other.
#include <net/probe.h>

#include <crypto/test.h>
#include <net/test.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sys/wait.h>

/// How a door of this test is.
typedef struct way {
    int least;          ///< version of TLS; 0: any
    const char *suites; ///< NULL: it speaks no TLS
    bool mutual;
} way;

typedef struct door {
    pid_t pid;
    uint16_t port;
} door;

static char ca[] = "/tmp/selvedge-probe-test-XXXXXX";

static int refuse_all(int good, X509_STORE_CTX *context) {
    (void) good;
    (void) context;
    return 0;
}

static SSL_CTX *context_of(const way *w, const sv_forged *own) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    (void) SSL_CTX_set_min_proto_version(ctx, w->least);
    if (SSL_CTX_set_cipher_list(ctx, w->suites) != 1
        || SSL_CTX_use_certificate(ctx, own->certificate) != 1
        || SSL_CTX_use_PrivateKey(ctx, own->key) != 1) {
        _exit(1);
    }
    if (w->mutual) {
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, refuse_all);
    }
    return ctx;
}

static void serve_tls(SSL_CTX *ctx, int fd) {
    char room[256];
    SSL *ssl = SSL_new(ctx);
    (void) SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1 && SSL_read(ssl, room, sizeof room) > 0) {
        (void) SSL_write(ssl, "HTTP/1.1 401 No\r\n\r\n", 19);
        (void) SSL_shutdown(ssl);
    }
    SSL_free(ssl);
}

static _Noreturn void serve(const way *w, int listener, const sv_forged *own) {
    (void) signal(SIGPIPE, SIG_IGN);
    SSL_CTX *ctx = w->suites != NULL ? context_of(w, own) : NULL;
    for (;;) {
        char room[256];
        int fd = accept(listener, NULL, NULL);
        if (ctx != NULL) {
            serve_tls(ctx, fd);
        } else if (recv(fd, room, sizeof room, 0) > 0) {
            (void) send(fd, "hello", 5, MSG_NOSIGNAL);
        }
        (void) close(fd);
    }
}

static door open_door(const way *w) {
    SV_DEFER(sv_forged_drop) sv_forged own = { 0 };
    struct sockaddr_in at = sv_test_address(INADDR_LOOPBACK, 0);
    socklen_t len = sizeof at;
    SV_DEFER(sv_fd_drop) int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (const struct sockaddr *) &at, sizeof at), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *) &at, &len), 0);
    const sv_forgery forgery = { .cn = "door" };
    own = sv_forge(&forgery, NULL);
    FILE *out = sv_forge_file(ca);
    assert_int_equal(PEM_write_X509(out, own.certificate), 1);
    assert_int_equal(fclose(out), 0);
    pid_t pid = fork();
    if (pid == 0) {
        serve(w, listener, &own);
    }
    return (door){ .pid = pid, .port = ntohs(at.sin_port) };
}

static void close_door(door d) {
    assert_int_equal(kill(d.pid, SIGKILL), 0);
    assert_int_equal(waitpid(d.pid, NULL, 0), d.pid);
}

static sv_probed probe(door d, sv_probe how) {
    static sv_probed found;
    how.address = "127.0.0.1";
    how.port = d.port;
    sv_probe_door(&how, &found);
    return found;
}

static const way GOOD = { TLS1_2_VERSION, "ECDHE+AESGCM", false };

// [checklist-20]
static void a_good_door_takes_todays_tls_alone(void **state) {
    (void) state;
    static const sv_probe_way REFUSED[] = { SV_PROBE_OLD, SV_PROBE_CBC, SV_PROBE_NULL,
                                            SV_PROBE_PLAIN };
    door d = open_door(&GOOD);
    for (size_t i = 0; i < SV_COUNT(REFUSED); i++) {
        sv_probed found =
            probe(d, (sv_probe){ .way = REFUSED[i], .request = "GET / HTTP/1.0\r\n\r\n" });
        assert_int_equal(found.answer, SV_PROBE_REFUSED);
        assert_string_not_equal(found.why.text, "");
    }
    sv_probed found = probe(d, (sv_probe){ .request = "GET / HTTP/1.0\r\n\r\n", .ca = ca });
    assert_int_equal(found.answer, SV_PROBE_TAKEN);
    assert_true(found.aead);
    assert_string_equal(found.version, "TLSv1.3");
    assert_string_equal(found.heard, "HTTP/1.1 401 No\r\n\r\n");
    assert_string_equal(found.chain, "");
    close_door(d);
}

// [checklist-20]
static void a_bad_door_is_seen_to_take_what_it_should_not(void **state) {
    (void) state;
    static const way BAD = { 0, "ALL:eNULL:@SECLEVEL=0", false };
    static const sv_probe_way TAKEN[] = { SV_PROBE_OLD, SV_PROBE_CBC, SV_PROBE_NULL };
    door d = open_door(&BAD);
    for (size_t i = 0; i < SV_COUNT(TAKEN); i++) {
        sv_probed found =
            probe(d, (sv_probe){ .way = TAKEN[i], .request = "GET / HTTP/1.0\r\n\r\n" });
        assert_int_equal(found.answer, SV_PROBE_TAKEN);
        assert_false(found.aead);
    }
    close_door(d);
    static const way OPEN = { 0, NULL, false };
    d = open_door(&OPEN);
    sv_probed found = probe(d, (sv_probe){ .way = SV_PROBE_PLAIN, .request = "x" });
    assert_int_equal(found.answer, SV_PROBE_TAKEN);
    assert_string_equal(found.heard, "hello");
    close_door(d);
}

// [checklist-20]
static void a_bad_door_is_not_better_for_asking_who_it_is(void **state) {
    (void) state;
    static const way BAD = { 0, "ALL:eNULL:@SECLEVEL=0", true };
    static const sv_probe_way TAKEN[] = { SV_PROBE_OLD, SV_PROBE_CBC, SV_PROBE_NULL };
    door d = open_door(&BAD);
    for (size_t i = 0; i < SV_COUNT(TAKEN); i++) {
        assert_int_equal(probe(d, (sv_probe){ .way = TAKEN[i], .request = "x" }).answer,
                         SV_PROBE_TAKEN);
    }
    assert_int_equal(probe(d, (sv_probe){ .way = SV_PROBE_MODERN }).answer, SV_PROBE_REFUSED);
    close_door(d);
}

// [checklist-20]
static void whoever_may_not_stay_is_seen_to_be_sent_away(void **state) {
    (void) state;
    static const way MUTUAL = { TLS1_2_VERSION, "ECDHE+AESGCM", true };
    door d = open_door(&MUTUAL);
    assert_int_equal(probe(d, (sv_probe){ .stranger = false }).answer, SV_PROBE_REFUSED);
    assert_int_equal(probe(d, (sv_probe){ .stranger = true }).answer, SV_PROBE_REFUSED);
    close_door(d);
    d = open_door(&GOOD);
    assert_int_equal(probe(d, (sv_probe){ .stranger = true }).answer, SV_PROBE_TAKEN);
    close_door(d);
}

// [checklist-20]
static void who_shows_the_wrong_certificate_and_who_is_not_there(void **state) {
    (void) state;
    door d = open_door(&GOOD);
    door other = open_door(&GOOD); // `ca` is this one's now
    sv_probed found = probe(d, (sv_probe){ .ca = ca, .request = "x" });
    assert_int_equal(found.answer, SV_PROBE_TAKEN);
    assert_string_not_equal(found.chain, "");
    close_door(d);
    close_door(other);
    assert_int_equal(probe(d, (sv_probe){ .ca = ca }).answer, SV_PROBE_NOBODY);
    sv_probe_door(&(sv_probe){ .address = "door.example", .port = 1 }, &found);
    assert_int_equal(found.answer, SV_PROBE_NOBODY);
    assert_non_null(strstr(found.why.text, "no address"));
}

static int setup(void **state) {
    (void) state;
    (void) signal(SIGPIPE, SIG_IGN);
    int fd = mkstemp(ca);
    return fd >= 0 ? close(fd) : -1;
}

static int teardown(void **state) {
    (void) state;
    return unlink(ca);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_door_takes_todays_tls_alone),
        cmocka_unit_test(a_bad_door_is_seen_to_take_what_it_should_not),
        cmocka_unit_test(a_bad_door_is_not_better_for_asking_who_it_is),
        cmocka_unit_test(whoever_may_not_stay_is_seen_to_be_sent_away),
        cmocka_unit_test(who_shows_the_wrong_certificate_and_who_is_not_there),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
