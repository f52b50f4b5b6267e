// The dialogue with a mail server that says what a test tells it to say.
#include "tls_internal.h"

#include <arpa/inet.h>
#include <base/fd.h>
#include <base/test.h>
#include <crypto/pki.h>
#include <net/smtp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/disk.h>
#include <sys/loop.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_US = 5000000, PATH_ROOM = 128, TURN_US = 20000, HEARD_ROOM = 8192 };

static char folder[] = "/tmp/sv-smtp-XXXXXX";
static sv_tls *served, *trusted;

static const char *in_folder(const char *name) {
    static char rooms[4][PATH_ROOM];
    static size_t next;
    char *room = rooms[next++ % SV_COUNT(rooms)];
    assert_int_equal(sv_disk_join(room, PATH_ROOM, folder, name), SV_OK);
    return room;
}

static int make_certificates(void **state) {
    (void) state;
    assert_non_null(mkdtemp(folder));
    sv_pki_setup setup = { .dir = in_folder("site"), .root_passphrase = "only for tests" };
    assert_int_equal(sv_pki_init(&setup, NULL), SV_OK);
    sv_pki_leaf leaf = { .id = "mail", .role = SV_ROLE_SERVER, .out = folder };
    leaf.ip[0] = "127.0.0.1";
    assert_int_equal(sv_pki_issue(in_folder("site"), &leaf, NULL), SV_OK);
    sv_tls_files own = { .cert = in_folder("mail.crt"), .key = in_folder("mail.key") };
    sv_tls_files ca = { .ca = in_folder("site/ca.crt") };
    assert_int_equal(sv_tls_server(&own, SV_TLS_CLIENTS_NONE, false, &served, NULL), SV_OK);
    assert_int_equal(sv_tls_client(&ca, &trusted, NULL), SV_OK);
    return 0;
}

static int remove_certificates(void **state) {
    (void) state;
    sv_tls_drop(&served);
    sv_tls_drop(&trusted);
    return sv_disk_remove_tree(folder, NULL) == SV_OK ? 0 : -1;
}

// ---- the server ---------------------------------------------------------------------------------

/// What it says, one text before each line it hears; "+TLS" after one begins a handshake.
typedef struct script {
    bool tls_at_once;
    const char *says[16];
} script;

typedef struct server {
    int listener, told; ///< what was heard is written there
    SSL *ssl;
    int fd;
    bool secure;
} server;

static ssize_t server_read(server *s, char *room, size_t bytes) {
    return s->secure ? SSL_read(s->ssl, room, (int) bytes) : read(s->fd, room, bytes);
}

static void server_say(server *s, const char *text) {
    size_t len = strlen(text);
    (void) !(s->secure ? SSL_write(s->ssl, text, (int) len) : (int) write(s->fd, text, len));
}

/// Up to `end`. False: the other side has gone.
static bool server_hear(server *s, const char *end) {
    char heard[HEARD_ROOM] = "";
    size_t len = 0;
    while (len < sizeof heard - 1 && strstr(heard, end) == NULL) {
        ssize_t got = server_read(s, heard + len, 1);
        if (got <= 0) {
            return false;
        }
        len += (size_t) got;
        heard[len] = '\0';
    }
    return write(s->told, heard, len) == (ssize_t) len;
}

static bool server_protect(server *s) {
    s->ssl = sv_tls_server_ssl(served);
    s->secure = SSL_set_fd(s->ssl, s->fd) == 1 && SSL_accept(s->ssl) == 1;
    return s->secure;
}

static void serve(server *s, const script *play) {
    s->fd = accept(s->listener, NULL, NULL);
    if (s->fd < 0 || (play->tls_at_once && !server_protect(s))) {
        return;
    }
    for (size_t i = 0; i < SV_COUNT(play->says) && play->says[i] != NULL; i++) {
        const char *say = play->says[i];
        bool protects = strstr(say, "+TLS") != NULL;
        char room[256];
        (void) snprintf(room, sizeof room, "%.*s", (int) strcspn(say, "+"), say);
        server_say(s, room);
        if (protects && !server_protect(s)) {
            return;
        }
        if (!server_hear(s, strncmp(say, "354", 3) == 0 ? "\r\n.\r\n" : "\r\n")) {
            return;
        }
    }
    (void) server_hear(s, "\r\n"); // until the other side leaves
}

// ---- the mail -----------------------------------------------------------------------------------

typedef struct outcome {
    bool done;
    sv_smtp_how how;
    char why[SV_WHY_MAX];
    char heard[HEARD_ROOM];
} outcome;

static void on_done(void *arg, sv_smtp_how how, const sv_why *why) {
    outcome *o = arg;
    assert_false(o->done);
    o->done = true;
    o->how = how;
    (void) snprintf(o->why, sizeof o->why, "%s", why != NULL ? why->text : "");
}

static int open_listener(uint16_t *port) {
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *) &at, len), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *) &at, &len), 0);
    *port = ntohs(at.sin_port);
    return fd;
}

static sv_smtp_mail usual(const script *play) {
    return (sv_smtp_mail){ .host = "127.0.0.1",
                           .tls = trusted,
                           .tls_at_once = play->tls_at_once,
                           .user = "fleet",
                           .password = "open sesame",
                           .from = "fleet@example.com",
                           .to = { "ann@example.com", "bob@example.com" },
                           .to_count = 2,
                           .message = SV_TEXT("Subject: x\r\n\r\n.dot\nend") };
}

static void deliver(sv_smtp_mail *mail, int64_t within_us, outcome *o) {
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    SV_DEFER(sv_smtp_drop) sv_smtp *smtp = NULL;
    assert_int_equal(sv_loop_open(&loop, NULL), SV_OK);
    assert_int_equal(sv_smtp_send(loop, mail, within_us, on_done, o, &smtp, NULL), SV_OK);
    int64_t end_us = sv_clock_monotonic_us() + PATIENCE_US;
    while (!o->done && sv_clock_monotonic_us() < end_us) {
        sv_loop_turn(loop, TURN_US);
    }
    sv_smtp_drop(&smtp);
    sv_loop_turn(loop, 0); // the socket is closed in the loop's next round
}

static outcome play_within(const script *play, sv_smtp_mail mail, int64_t within_us) {
    outcome o = { .done = false };
    int pipe_fds[2];
    assert_int_equal(pipe(pipe_fds), 0);
    server s = { .listener = open_listener(&mail.port), .told = pipe_fds[1] };
    pid_t child = fork();
    if (child == 0) {
        (void) close(pipe_fds[0]);
        serve(&s, play);
        _exit(0);
    }
    (void) close(pipe_fds[1]);
    deliver(&mail, within_us, &o);
    sv_fd_drop(&s.listener);
    for (size_t len = 0; len < sizeof o.heard - 1;) {
        ssize_t got = read(pipe_fds[0], o.heard + len, sizeof o.heard - 1 - len);
        if (got <= 0) {
            break;
        }
        len += (size_t) got;
    }
    (void) close(pipe_fds[0]);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(o.done);
    return o;
}

static outcome play_it(const script *play) {
    return play_within(play, usual(play), PATIENCE_US);
}

#define OFFER "250-mail\r\n250 AUTH PLAIN\r\n"

/// Nothing but the wish for TLS goes out in the clear, and TLS begins the talk anew. [notify-9]
static void a_mail_goes_out_under_tls(void **state) {
    (void) state;
    static const script PLAY = { .says = { "220 hi\r\n", "250-mail\r\n250 STARTTLS\r\n",
                                           "220 go\r\n+TLS", OFFER, "235 ok\r\n", "250 ok\r\n",
                                           "250 ok\r\n", "250 ok\r\n", "354 go\r\n",
                                           "250 queued\r\n" } };
    outcome o = play_it(&PLAY);
    assert_string_equal(o.why, "");
    assert_int_equal(o.how, SV_SMTP_TAKEN);
    assert_string_equal(o.heard,
                        "EHLO [127.0.0.1]\r\nSTARTTLS\r\nEHLO [127.0.0.1]\r\n"
                        "AUTH PLAIN AGZsZWV0AG9wZW4gc2VzYW1l\r\nMAIL FROM:<fleet@example.com>\r\n"
                        "RCPT TO:<ann@example.com>\r\nRCPT TO:<bob@example.com>\r\nDATA\r\n"
                        "Subject: x\r\n\r\n..dot\r\nend\r\n.\r\nQUIT\r\n");
}

static void a_mail_goes_out_over_tls_from_the_first_byte(void **state) {
    (void) state;
    static const script PLAY = { .tls_at_once = true,
                                 .says = { "220 hi\r\n", "250 mail\r\n", "250 ok\r\n", "250 ok\r\n",
                                           "354 go\r\n", "250 queued\r\n" } };
    sv_smtp_mail mail = usual(&PLAY);
    mail.user = "";
    mail.to_count = 1;
    outcome o = play_within(&PLAY, mail, PATIENCE_US);
    assert_string_equal(o.why, "");
    assert_int_equal(o.how, SV_SMTP_TAKEN);
    assert_null(strstr(o.heard, "AUTH"));
}

/// [notify-9]
static void what_a_server_refuses_is_said_and_kept_or_given_up(void **state) {
    (void) state;
    static const struct {
        sv_smtp_how how;
        const char *why;
        script play;
    } CASES[] = {
        { SV_SMTP_LATER,
          "greeting: the mail server answers 554 go away",
          { .tls_at_once = true, .says = { "554 go away\r\n" } } },
        { SV_SMTP_LATER,
          "EHLO: the mail server answers 502 what",
          { .tls_at_once = true, .says = { "220 hi\r\n", "502 what\r\n" } } },
        { SV_SMTP_LATER,
          "offers no STARTTLS, and nothing is sent in the clear",
          { .says = { "220 hi\r\n", OFFER } } },
        { SV_SMTP_LATER,
          "STARTTLS: the mail server answers 454 not now",
          { .says = { "220 hi\r\n", "250 STARTTLS\r\n", "454 not now\r\n" } } },
        { SV_SMTP_LATER,
          "offers no AUTH PLAIN",
          { .tls_at_once = true, .says = { "220 hi\r\n", "250 AUTH LOGIN\r\n" } } },
        { SV_SMTP_LATER,
          "signing in: the mail server answers 535 wrong",
          { .tls_at_once = true, .says = { "220 hi\r\n", OFFER, "535 wrong\r\n" } } },
        { SV_SMTP_NEVER,
          "sender: the mail server answers 550 not you",
          { .tls_at_once = true,
            .says = { "220 hi\r\n", OFFER, "235 ok\r\n", "550 not you\r\n" } } },
        { SV_SMTP_LATER,
          "sender: the mail server answers 451 busy",
          { .tls_at_once = true, .says = { "220 hi\r\n", OFFER, "235 ok\r\n", "451 busy\r\n" } } },
        { SV_SMTP_NEVER,
          "recipient bob@example.com: the mail server answers 550 nobody",
          { .tls_at_once = true,
            .says = { "220 hi\r\n", OFFER, "235 ok\r\n", "250 ok\r\n", "550 nobody\r\n",
                      "550 nobody\r\n" } } },
        { SV_SMTP_TAKEN,
          "recipient ann@example.com: the mail server answers 550 nobody",
          { .tls_at_once = true,
            .says = { "220 hi\r\n", OFFER, "235 ok\r\n", "250 ok\r\n", "550 nobody\r\n",
                      "250 ok\r\n", "354 go\r\n", "250 queued\r\n" } } },
        { SV_SMTP_NEVER,
          "the mail: the mail server answers 554 spam",
          { .tls_at_once = true,
            .says = { "220 hi\r\n", OFFER, "235 ok\r\n", "250 ok\r\n", "250 ok\r\n", "250 ok\r\n",
                      "354 go\r\n", "554 spam\r\n" } } },
        { SV_SMTP_LATER,
          "EHLO: what the server says is no mail server's reply",
          { .tls_at_once = true, .says = { "220 hi\r\n", "HTTP/1.1 400 Bad Request\r\n" } } },
    };
    for (size_t i = 0; i < SV_COUNT(CASES); i++) {
        outcome o = play_it(&CASES[i].play);
        if (o.how != CASES[i].how || strstr(o.why, CASES[i].why) == NULL) {
            fail_msg("%s: %d %s", CASES[i].why, (int) o.how, o.why);
        }
        bool clear = !CASES[i].play.tls_at_once;
        assert_true(!clear || (strstr(o.heard, "AUTH") == NULL && strstr(o.heard, "MAIL") == NULL));
    }
}

static void a_server_that_falls_silent_is_not_waited_for(void **state) {
    (void) state;
    static const script PLAY = { .tls_at_once = true, .says = { "220 hi\r\n", "250-half" } };
    outcome o = play_within(&PLAY, usual(&PLAY), PATIENCE_US / 10);
    assert_int_equal(o.how, SV_SMTP_LATER);
    assert_string_equal(o.why, "EHLO: the mail server takes too long");
}

static void what_cannot_stand_in_an_envelope_is_refused(void **state) {
    (void) state;
    static const script PLAY = { .tls_at_once = true };
    static const char *const BAD[] = { "a b@example.com", "a@example.com>\r\nRCPT TO:<b", "<a>",
                                       "a\n@b" };
    sv_smtp *smtp = NULL;
    sv_why why;
    for (size_t i = 0; i < SV_COUNT(BAD); i++) {
        sv_smtp_mail mail = usual(&PLAY);
        mail.to[1] = BAD[i];
        assert_int_equal(sv_smtp_send(NULL, &mail, 1, on_done, NULL, &smtp, &why), SV_ERR_INVALID);
        assert_non_null(strstr(why.text, "cannot stand in a mail's envelope"));
    }
    sv_smtp_mail nobody = usual(&PLAY);
    nobody.to_count = 0;
    assert_int_equal(sv_smtp_send(NULL, &nobody, 1, on_done, NULL, &smtp, &why), SV_ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mail_goes_out_under_tls),
        cmocka_unit_test(a_mail_goes_out_over_tls_from_the_first_byte),
        cmocka_unit_test(what_a_server_refuses_is_said_and_kept_or_given_up),
        cmocka_unit_test(a_server_that_falls_silent_is_not_waited_for),
        cmocka_unit_test(what_cannot_stand_in_an_envelope_is_refused),
    };
    return cmocka_run_group_tests(tests, make_certificates, remove_certificates);
}
