// Who has to be reached, and how far one gets: name, TCP, TLS, being let in.
#include "doctor.h"

#include <base/time.h>
#include <codec/json.h>
#include <errno.h>
#include <net/conn.h>
#include <net/http_client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/loop.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    PATIENCE_US = 8 * 1000000,
    AFTERTHOUGHT_US =
        700000, ///< TLS 1.3: a server that does not want us says so after the handshake
    TURN_US = 50000,
    TOKEN_ROOM = 512,
    DATE_ROOM = 64,
};

/// How far it went.
typedef struct attempt {
    bool done, up;
    int status; ///< of HTTP; 0: no answer
    sv_conn_step failed_at;
    sv_why why;
    char date[DATE_ROOM];
    char said[160]; ///< the body's beginning
} attempt;

// ---- one attempt --------------------------------------------------------------------------------

typedef struct stream {
    attempt *attempt;
    sv_conn *conn;
} stream;

static void on_up(void *arg) {
    ((stream *) arg)->attempt->up = true;
}

static size_t on_bytes(void *arg, sv_text arrived) {
    (void) arg;
    return arrived.len;
}

static void on_down(void *arg, const sv_why *why) {
    stream *s = arg;
    s->attempt->why = *why;
    s->attempt->failed_at = sv_conn_at(s->conn);
    s->attempt->done = true;
}

/// The handshake and a moment; no session is begun, which would end that of a running program.
static void shake_hands(sv_loop *loop, const char *host, uint16_t port, sv_tls *tls, attempt *out) {
    static const sv_conn_events EVENTS = { .up = on_up, .bytes = on_bytes, .down = on_down };
    stream s = { .attempt = out };
    if (sv_conn_open(loop, host, port, tls, PATIENCE_US, &EVENTS, &s, &s.conn, &out->why)
        != SV_OK) {
        return;
    }
    int64_t until_us = sv_clock_monotonic_us() + PATIENCE_US + SV_TIME_SECOND_US;
    bool thinking = false;
    while (!out->done && sv_clock_monotonic_us() < until_us) {
        sv_loop_turn(loop, TURN_US);
        if (out->up && !thinking) {
            thinking = true;
            until_us = sv_clock_monotonic_us() + (tls != NULL ? AFTERTHOUGHT_US : 0);
        }
    }
    sv_conn_drop(&s.conn);
    // Whoever closes because nothing was said has let us in.
    out->done = !out->up || (out->done && out->why.code == SV_ERR_UNTRUSTED);
}

/// What a problem document says (RFC 9457).
static void keep_detail(sv_text body, attempt *out) {
    SV_DEFER(sv_json_drop) sv_json *problem = NULL;
    sv_text detail = SV_TEXT("");
    if (sv_json_parse(body, &problem, NULL, NULL) == SV_OK) {
        (void) sv_json_text(sv_json_get(problem, "detail"), &detail);
    }
    (void) snprintf(out->said, sizeof out->said, "%.*s",
                    (int) (detail.len < sizeof out->said ? detail.len : sizeof out->said - 1),
                    detail.len > 0 ? detail.at : "");
}

static void on_reply(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    attempt *out = arg;
    out->done = true;
    out->status = reply->status;
    out->failed_at = reply->failed_at;
    keep_detail(reply->body, out);
    if (sv_http_reply_field(reply, "date", out->date, sizeof out->date) != SV_OK) {
        out->date[0] = '\0';
    }
    if (why != NULL) {
        out->why = *why;
    }
}

static void ask(sv_loop *loop, const doctor_peer *peer, sv_tls *tls, const char *authorization,
                attempt *out) {
    char origin[SV_URL_HOST_MAX + 32];
    bool six = strchr(peer->host, ':') != NULL;
    SV_DEFER(sv_http_client_drop) sv_http_client *client = NULL;
    (void) snprintf(origin, sizeof origin, "%s://%s%s%s:%u", peer->tls ? "https" : "http",
                    six ? "[" : "", peer->host, six ? "]" : "", peer->port);
    if (sv_http_client_open(loop, origin, tls, PATIENCE_US, &client, &out->why) != SV_OK
        || sv_http_client_send(client, "GET", peer->path, authorization, NULL, SV_TEXT(""),
                               on_reply, out)
               != SV_OK) {
        return;
    }
    while (!out->done) {
        sv_loop_turn(loop, TURN_US);
    }
}

// ---- what it means ------------------------------------------------------------------------------

static bool says(const sv_why *why, const char *part) {
    return strcasestr(why->text, part) != NULL;
}

static const char *tls_remedy(const sv_why *why) {
    static const struct {
        const char *part, *remedy;
    } KNOWN[] = {
        { "not yet valid", "set the clock of this machine and of the other; one of them is wrong" },
        { "revoked",
          "this identity was revoked: `selvedge device show ID` says why; enrol it anew" },
        { "expired", "renew the certificate that has ended, ours or the server's; or a clock is "
                     "wrong" },
        { "has ended", "renew the certificate that has ended, ours or the server's; or a clock is "
                       "wrong" },
        { "unknown ca", "the other side does not know our authority: both need the same `ca`" },
        { "name",
          "use a name or address that stands in the server's certificate, or have it issued "
          "for this one" },
        { "address", "use a name or address that stands in the server's certificate, or have it "
                     "issued for this one" },
        { "issuer", "`ca` (with --url: --ca) is not the authority of that server: take the ca.crt "
                    "that issued its "
                    "certificate" },
        { "self-signed", "`ca` (with --url: --ca) is not the authority of that server: take the "
                         "ca.crt that issued its "
                         "certificate" },
        { "self signed", "`ca` (with --url: --ca) is not the authority of that server: take the "
                         "ca.crt that issued its "
                         "certificate" },
        { "wrong version", "that port does not speak TLS; is it the right one?" },
        { "certificate required", "it wants a certificate of ours: name `cert` and `key`" },
    };
    for (size_t i = 0; i < SV_COUNT(KNOWN); i++) {
        if (says(why, KNOWN[i].part)) {
            return KNOWN[i].remedy;
        }
    }
    return "compare the certificates of both sides: `openssl s_client -connect HOST:PORT` shows "
           "the "
           "server's";
}

static const char *tcp_remedy(const sv_why *why) {
    return says(why, "refused")
               ? "nothing listens there: is the program running, is that its port, does it listen "
                 "on that address and not on 127.0.0.1 alone?"
           : says(why, "route") || says(why, "unreachable")
               ? "there is no way to that network: cable, address and route of this machine "
                 "(`ip route`)"
               : "nobody answers: a firewall between, a machine that is off, or another one's "
                 "address";
}

static bool is_numeric(const char *host) {
    return strspn(host, "0123456789.") == strlen(host) || strchr(host, ':') != NULL;
}

/// The steps before `until` went well.
static void tell_good(const doctor_peer *peer, const char *of, sv_conn_step until,
                      doctor_report *report) {
    if (until > SV_CONN_NAME && !is_numeric(peer->host)) {
        doctor_good(report, DOCTOR_NAME, of, "'%s' has an address", peer->host);
    }
    if (until > SV_CONN_CONNECT) {
        doctor_good(report, DOCTOR_TCP, of, "port %u answers", peer->port);
    }
    if (until > SV_CONN_TLS && peer->tls) {
        doctor_good(report, DOCTOR_TLS, of, "the server is who it should be%s",
                    peer->shows_certificate ? ", and takes our certificate" : "");
    }
}

static void tell_fault(const doctor_peer *peer, const char *of, const attempt *got,
                       doctor_report *report) {
    sv_conn_step at = got->why.code == SV_ERR_UNTRUSTED ? SV_CONN_TLS : got->failed_at;
    tell_good(peer, of, at, report);
    if (at == SV_CONN_NAME) {
        doctor_bad(report, DOCTOR_NAME, of,
                   "check the spelling, and the name server in /etc/resolv.conf: `getent hosts "
                   "NAME` must print an address",
                   "%s", got->why.text);
    } else if (at == SV_CONN_CONNECT) {
        doctor_bad(report, DOCTOR_TCP, of, tcp_remedy(&got->why), "%s", got->why.text);
    } else if (at == SV_CONN_TLS) {
        doctor_bad(report, DOCTOR_TLS, of, tls_remedy(&got->why), "%s", got->why.text);
    } else {
        doctor_bad(report, DOCTOR_TOKEN, of,
                   "is that the port of this program, and not of another one?", "%s",
                   got->why.text);
    }
    if (at < SV_CONN_TLS && peer->tls) {
        doctor_skip(report, DOCTOR_TLS, of, "not tried: there is no connection");
    }
    if (at < SV_CONN_OPEN && peer->path[0] != '\0') {
        doctor_skip(report, DOCTOR_TOKEN, of, "not tried: nobody can be asked");
    }
}

static void tell_answer(const doctor_peer *peer, const char *of, const attempt *got,
                        doctor_report *report) {
    bool token = peer->token_file[0] != '\0';
    if (got->status >= 200 && got->status < 300) {
        doctor_good(report, DOCTOR_TOKEN, of, "%s is let in",
                    token ? "the token" : "our certificate");
    } else if (got->status == 401 || got->status == 403) {
        doctor_bad(report, DOCTOR_TOKEN, of,
                   token
                       ? "the token has ended, was revoked or is another server's: have one made "
                         "with `selvedge token add`"
                       : "this identity does not count there: `selvedge device show ID` says why; "
                         "a gateway must stand under `gateways:`",
                   "it answers %d %s", got->status, got->said);
    } else if (got->status == 404) {
        doctor_bad(report, DOCTOR_TOKEN, of, "this is another program's port; name the right one",
                   "it answers, and does not know %s", peer->path);
    } else {
        doctor_bad(report, DOCTOR_TOKEN, of, "look at that server's log", "it answers %d %s",
                   got->status, got->said);
    }
}

static void tell_clock(const char *of, const attempt *got, doctor_report *report) {
    int64_t there_us = 0;
    if (doctor_date_parse(sv_text_of(got->date), &there_us) != SV_OK) {
        return;
    }
    int64_t apart_s = (there_us - sv_clock_wall_us()) / SV_TIME_SECOND_US;
    if (llabs(apart_s) > DOCTOR_CLOCK_APART_S) {
        doctor_bad(
            report, DOCTOR_CLOCK, of,
            "let both machines be set by a time service; `timedatectl` says whether it works",
            "its clock is %lld seconds %s this one's", (long long) llabs(apart_s),
            apart_s > 0 ? "after" : "before");
    } else {
        doctor_good(report, DOCTOR_CLOCK, of, "its clock and this one are within %d seconds",
                    DOCTOR_CLOCK_APART_S);
    }
}

// ---- peers --------------------------------------------------------------------------------------

static sv_err read_authorization(const doctor_peer *peer, char room[TOKEN_ROOM], sv_why *why) {
    char file[TOKEN_ROOM - sizeof "Bearer "];
    sv_textbuf text = SV_TEXTBUF(file);
    room[0] = '\0';
    if (peer->token_file[0] == '\0') {
        return SV_OK;
    }
    SV_TRY(sv_disk_read(peer->token_file, &text, why));
    sv_text token = sv_text_trim(sv_textbuf_text(&text));
    (void) snprintf(room, TOKEN_ROOM, "Bearer " SV_TEXT_FMT, SV_TEXT_ARG(token));
    explicit_bzero(file, sizeof file);
    return SV_OK;
}

static sv_err open_tls(const doctor_subject *subject, const doctor_peer *peer, sv_tls **out,
                       sv_why *why) {
    bool shows = peer->shows_certificate && subject->cert[0] != '\0';
    const sv_tls_files files = { .ca = peer->ca[0] != '\0' ? peer->ca : NULL,
                                 .cert = shows ? subject->cert : NULL,
                                 .key = shows ? subject->key : NULL,
                                 .foreign = peer->foreign };
    return peer->tls ? sv_tls_client(&files, out, why) : SV_OK;
}

static void reach(sv_loop *loop, const doctor_subject *subject, const doctor_peer *peer,
                  doctor_report *report) {
    char of[DOCTOR_OF_ROOM];
    char authorization[TOKEN_ROOM] = "";
    SV_DEFER(sv_tls_drop) sv_tls *tls = NULL;
    attempt got = { .failed_at = SV_CONN_NAME };
    sv_why why = { .text = "" };
    (void) snprintf(of, sizeof of, "%s, %s:%u", peer->what, peer->host, peer->port);
    if (open_tls(subject, peer, &tls, &why) != SV_OK) {
        doctor_bad(report, DOCTOR_TLS, of, "name PEM files that can be read and fit each other",
                   "%s", why.text);
        return;
    }
    if (read_authorization(peer, authorization, &why) != SV_OK) {
        doctor_bad(report, DOCTOR_TOKEN, of, "name the file that holds the token, on one line",
                   "%s", why.text);
        return;
    }
    if (peer->path[0] != '\0') {
        ask(loop, peer, tls, authorization[0] != '\0' ? authorization : NULL, &got);
    } else {
        shake_hands(loop, peer->host, peer->port, tls, &got);
    }
    explicit_bzero(authorization, sizeof authorization);
    if (got.status != 0 || (peer->path[0] == '\0' && got.up && !got.done)) {
        tell_good(peer, of, SV_CONN_OPEN, report);
        if (peer->path[0] != '\0') {
            tell_answer(peer, of, &got, report);
            tell_clock(of, &got, report);
        }
    } else {
        tell_fault(peer, of, &got, report);
    }
}

// ---- on this machine ----------------------------------------------------------------------------

static void knock(sv_loop *loop, const doctor_subject *subject, const doctor_listener *listener,
                  doctor_report *report) {
    char remedy[DOCTOR_REMEDY_ROOM];
    attempt got = { .failed_at = SV_CONN_NAME };
    shake_hands(loop, listener->host, listener->port, NULL, &got);
    (void) snprintf(remedy, sizeof remedy,
                    "start %s; where it ends at once its log says why (a port that is taken: `ss "
                    "-ltnp`)",
                    subject->program);
    if (got.up) {
        doctor_good(report, DOCTOR_LISTEN, subject->config, "%s: something answers on %s:%u",
                    listener->what, listener->host, listener->port);
    } else {
        doctor_bad(report, DOCTOR_LISTEN, subject->config, remedy, "%s: %s", listener->what,
                   got.why.text);
    }
}

static void try_socket(const doctor_subject *subject, doctor_report *report) {
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    bool own = strcmp(subject->program, "selvedge-signer") == 0;
    if (sv_text_copy(sv_text_of(subject->socket), address.sun_path, sizeof address.sun_path)
        != SV_OK) {
        return; // the configuration is refused for it
    }
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *) &address, sizeof address) == 0) {
        doctor_good(report, DOCTOR_SOCKET, subject->config, "the signer answers at '%s'",
                    subject->socket);
    } else {
        bool denied = errno == EACCES || errno == EPERM;
        doctor_bad(
            report, DOCTOR_SOCKET, subject->config,
            denied
                ? "the signer's `allow_uid` names the fleet server's user, who opens the socket by "
                  "`socket_group`; run this as that user"
            : own ? "start selvedge-signer; where it ends at once its log says why"
                  : "start selvedge-signer, and let both configurations name the same socket",
            "the signer at '%s': %m", subject->socket);
    }
    if (fd >= 0) {
        (void) close(fd);
    }
}

void doctor_look_around(const doctor_subject *subject, bool usable, doctor_report *report) {
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    sv_why why = { .text = "" };
    if (sv_loop_open(&loop, &why) != SV_OK) {
        doctor_bad(report, DOCTOR_TCP, subject->config, "close programs: this machine is full",
                   "%s", why.text);
        return;
    }
    for (size_t i = 0; i < subject->listener_count; i++) {
        knock(loop, subject, &subject->listeners[i], report);
    }
    if (subject->socket[0] != '\0') {
        try_socket(subject, report);
    }
    if (subject->updater_socket[0] != '\0') {
        doctor_ask_updater(subject, subject->updater_socket, report);
    }
    for (size_t i = 0; i < subject->peer_count; i++) {
        doctor_peer peer = subject->peers[i];
        // Without a certificate of ours: as far as TCP, which is worth knowing.
        if (!usable && peer.shows_certificate) {
            peer.shows_certificate = false;
            peer.tls = false;
            peer.path[0] = '\0';
        }
        reach(loop, subject, &peer, report);
    }
}
