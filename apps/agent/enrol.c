#include "enrol.h"

#include "enrol_files.h"

#include <base/time.h>
#include <crypto/identity.h>
#include <crypto/key_store.h>
#include <crypto/request.h>
#include <net/est.h>
#include <stdio.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/loop.h>
#include <termios.h>
#include <unistd.h>

enum { EXIT_DONE = 0, EXIT_USAGE = 2, EXIT_UNREACHABLE = 3, EXIT_REFUSED = 4, EXIT_MACHINE = 5 };
enum { CHAIN_MAX = 64 * 1024, TIME_ROOM = 32, REMEDY_MAX = 512 };

#define CLOCKS_APART_US (2 * SV_TIME_MINUTE_US) ///< from then on it is told

typedef struct enrolling {
    const sv_agent_enrolment *with;
    sv_agent_enrol_files files;
    sv_loop *loop;
    struct evp_pkey_st *key;
    int64_t server_us; ///< what the server's clock said last
    bool answered;
    int code; ///< EXIT_DONE until something fails
} enrolling;

static const char HELP[] =
    "usage: echo TOKEN | selvedge-agent enrol ID --at HOST:PORT --pin sha256:...\n\n"
    "Makes this machine the device ID: a key is made here and never leaves, the authority is "
    "known\n"
    "by its pin, and a certificate comes back. An operator gets the whole line, token included,\n"
    "from 'selvedge device add ID --site SITE'; a token works once.\n\n"
    "  --at HOST:PORT       the door that certifies: the gateway's, or the fleet server's (8444)\n"
    "  --pin sha256:...     the SHA-256 of the root's certificate\n"
    "  --out DIR            folder for key, certificates and agent.yaml (./ID)\n"
    "  --gateway HOST:PORT  where readings go, for agent.yaml (the door's host, 8883)\n"
    "  --key WHERE          a path, tpm2:... or pkcs11:... (DIR/ID.key)\n"
    "  --org, --unit TEXT   O and OU of the certificate\n\n"
    "The token is read from the standard input, never from an argument. After a failure the line\n"
    "can be run again: a key that was made is used again, and a token that was not is still "
    "good.\n\n"
    "Exit codes: 0 done, 2 wrong usage, 3 the door cannot be reached, 4 refused, 5 this machine.\n";

// ---- words --------------------------------------------------------------------------------------

static const char *time_text(char room[TIME_ROOM], int64_t at_us) {
    sv_textbuf buf = { .at = room, .cap = TIME_ROOM };
    sv_time_add(&buf, at_us - at_us % SV_TIME_SECOND_US);
    return sv_textbuf_end(&buf) == SV_OK ? room : "?";
}

/// One line for what went wrong at which step, one for what to do about it.
static void give_up(enrolling *e, int code, const char *step, const sv_why *why,
                    const char *remedy) {
    e->code = code;
    sv_text said = sv_text_of(why->text);
    if (sv_text_starts(said, SV_TEXT("TLS: ")) && strcmp(step, "TLS") == 0) {
        said = sv_text_of(why->text + strlen("TLS: "));
    }
    (void) fprintf(stderr, "selvedge-agent: not enrolled: %s: " SV_TEXT_FMT "\n  %s\n", step,
                   SV_TEXT_ARG(said), remedy);
}

static bool clocks_differ(const enrolling *e, int64_t by_us) {
    int64_t apart_us = sv_clock_wall_us() - e->server_us;
    return e->server_us != 0 && (apart_us > by_us || apart_us < -by_us);
}

static void tell_clocks(const enrolling *e, char remedy[REMEDY_MAX], const char *then) {
    char here[TIME_ROOM];
    char there[TIME_ROOM];
    (void) snprintf(remedy, REMEDY_MAX, "this machine's clock says %s, the server's says %s: %s",
                    time_text(here, sv_clock_wall_us()),
                    e->server_us != 0 ? time_text(there, e->server_us) : "nothing", then);
}

/// Name, way or handshake: there was no answer.
static void give_up_unanswered(enrolling *e, const sv_est_reply *reply, const sv_why *why,
                               bool proven) {
    char remedy[REMEDY_MAX];
    bool of_dates =
        strstr(why->text, "expired") != NULL || strstr(why->text, "not yet valid") != NULL;
    if (reply->step == SV_CONN_NAME) {
        give_up(e, EXIT_UNREACHABLE, "name resolution", why,
                "is the name in --at right, and does this machine have a name server? An address "
                "does as well");
    } else if (reply->step == SV_CONN_CONNECT) {
        give_up(e, EXIT_UNREACHABLE, "TCP", why,
                "is the port in --at right, is the door running, and does a firewall lie between?");
    } else if (proven && of_dates) {
        tell_clocks(e, remedy,
                    clocks_differ(e, SV_TIME_HOUR_US)
                        ? "set this machine's clock and run the line again; the token is still good"
                        : "they agree, so the door's own certificate has to be renewed");
        give_up(e, EXIT_REFUSED, "clock", why, remedy);
    } else if (proven && why->code == SV_ERR_UNTRUSTED) {
        give_up(e, EXIT_REFUSED, "TLS", why,
                "the door's certificate must name the host in --at and come from the pinned "
                "authority; the token was not sent");
    } else {
        give_up(e, EXIT_UNREACHABLE, "TLS", why,
                "is the port in --at a device door's (8444)? What answers there speaks other TLS, "
                "or none");
    }
}

// ---- the authority ------------------------------------------------------------------------------

static void on_authorities(void *arg, const sv_est_reply *reply, const sv_why *why) {
    enrolling *e = arg;
    SV_DEFER(sv_textbuf_drop) sv_textbuf pem = SV_TEXTBUF_HEAP(CHAIN_MAX);
    sv_why fault = { 0 };
    e->answered = true;
    e->server_us = reply->server_us;
    if (reply->status == 0) {
        give_up_unanswered(e, reply, why, false);
    } else if (reply->certs == NULL) {
        give_up(e, reply->status >= 500 ? EXIT_UNREACHABLE : EXIT_REFUSED, "authorities", why,
                "is --at a device door of this fleet? It does not say who certifies there");
    } else if (sv_est_anchor(reply->certs, &e->with->pin, &pem, &fault) != SV_OK) {
        char remedy[REMEDY_MAX];
        sv_textbuf text = SV_TEXTBUF(remedy);
        sv_pin_add(&text, &e->with->pin);
        sv_textbuf_add_str(&text, " was expected: either the line is of another fleet, or somebody "
                                  "sits between. Nothing was sent");
        (void) sv_textbuf_end(&text);
        give_up(e, EXIT_REFUSED, "pin", &fault, remedy);
    } else if (sv_agent_keep_authority(&e->files, sv_textbuf_text(&pem), &fault) != SV_OK) {
        give_up(e, EXIT_MACHINE, "files", &fault, "nothing was sent; name a folder with --out");
    }
}

static void turn_until_answered(enrolling *e) {
    enum { TURN_US = 100000 };
    while (!e->answered) {
        sv_loop_turn(e->loop, TURN_US);
    }
}

static void give_up_unasked(enrolling *e, const sv_why *why) {
    give_up(e, EXIT_MACHINE, "this machine", why, "nothing was sent");
}

static void learn_authority(enrolling *e) {
    SV_DEFER(sv_tls_drop) sv_tls *tls = NULL;
    SV_DEFER(sv_est_drop) sv_est *est = NULL;
    sv_why why = { 0 };
    e->answered = false;
    if (sv_tls_client_unproven(&tls, &why) != SV_OK
        || sv_est_open(e->loop, e->with->host, e->with->port, tls, &est, &why) != SV_OK
        || sv_est_authorities(est, on_authorities, e) != SV_OK) {
        give_up_unasked(e, &why);
        return;
    }
    turn_until_answered(e);
}

// ---- the certificate ----------------------------------------------------------------------------

/// A step that a server names at the beginning of its sentence, and what helps there. [enrol-19]
static const struct {
    const char *step, *remedy;
} REFUSALS[] = {
    { "token",
      "an operator gets a new one with 'selvedge device add ID --site SITE' (a device that "
      "had one: 'selvedge device replace ID')" },
    { "request", "the token must have been made for the id in this line, and the id added as it is "
                 "written here" },
    { "key",
      "move the key away, then run the line again: a new one is made, and the token is still "
      "good" },
    { "signer", "run the line again in a while; the token is still good" },
    { "storing", "run the line again in a while; the token is still good" },
    { "clock", "it is the server's clock that has to be set; the token is still good" },
    { "certificate",
      "an operator sees with 'selvedge audit list --about ID' what was decided about it" },
};

/// Splits "token: it was used": where the sentence begins with a step we know.
static size_t step_of(const sv_why *why, sv_why *rest) {
    for (size_t i = 0; i < SV_COUNT(REFUSALS); i++) {
        size_t len = strlen(REFUSALS[i].step);
        if (strncmp(why->text, REFUSALS[i].step, len) == 0
            && strncmp(why->text + len, ": ", 2) == 0) {
            (void) snprintf(rest->text, sizeof rest->text, "%s", why->text + len + 2);
            return i;
        }
    }
    return SV_COUNT(REFUSALS);
}

/// What the server said in place of a certificate, in its own words.
static void give_up_refused(enrolling *e, const sv_est_reply *reply, const sv_why *why) {
    sv_why rest = *why;
    size_t step = step_of(why, &rest);
    int code = reply->status >= 500 ? EXIT_UNREACHABLE : EXIT_REFUSED;
    if (reply->status == 429) {
        give_up(e, code, "token", &rest, "wait a few minutes, then run the line again");
    } else if (step < SV_COUNT(REFUSALS)) {
        give_up(e, code, REFUSALS[step].step, &rest, REFUSALS[step].remedy);
    } else if (reply->status == 404) {
        give_up(e, code, "door", why, "it does not enrol devices: is --at right?");
    } else if (reply->status >= 500) {
        give_up(e, code, "door", why, "run the line again in a while; the token is still good");
    } else {
        give_up(e, code, "token", why, REFUSALS[0].remedy);
    }
}

static void on_certificate(void *arg, const sv_est_reply *reply, const sv_why *why) {
    enrolling *e = arg;
    SV_DEFER(sv_textbuf_drop) sv_textbuf chain = SV_TEXTBUF_HEAP(CHAIN_MAX);
    sv_why fault = { 0 };
    e->answered = true;
    e->server_us = reply->server_us != 0 ? reply->server_us : e->server_us;
    if (reply->status == 0) {
        give_up_unanswered(e, reply, why, true);
    } else if (reply->certs == NULL && reply->status != 200) {
        give_up_refused(e, reply, why);
    } else if (reply->certs == NULL) {
        give_up(e, EXIT_REFUSED, "certificate", why,
                "what came was no certificate: is --at right?");
    } else if (sv_est_leaf(reply->certs, e->key, e->with->id, e->files.ca, &chain, &fault)
               != SV_OK) {
        give_up(e, EXIT_REFUSED, "certificate", &fault, "it was not kept; ask for a new token");
    } else if (sv_agent_keep_certificate(e->with, &e->files, sv_textbuf_text(&chain), &fault)
               != SV_OK) {
        give_up(e, EXIT_MACHINE, "files", &fault,
                "the token is used: see to the folder, then ask for a new one");
    }
}

static sv_err open_key(enrolling *e, sv_why *why) {
    const char *where = e->with->key;
    bool is_file = strchr(where, ':') == NULL || where[0] == '/';
    if (is_file && !sv_disk_exists(where)) {
        return sv_key_make(where, SV_KEY_EC, &e->key, why);
    }
    sv_err err = sv_key_open(where, &e->key, why);
    return err == SV_ERR_NOT_FOUND ? sv_key_make(where, SV_KEY_EC, &e->key, why) : err;
}

static void get_certificate(enrolling *e) {
    SV_DEFER(sv_tls_drop) sv_tls *tls = NULL;
    SV_DEFER(sv_est_drop) sv_est *est = NULL;
    SV_DEFER(sv_textbuf_drop) sv_textbuf request = SV_TEXTBUF_HEAP(SV_EST_BODY_MAX);
    const sv_tls_files trust = { .ca = e->files.ca, .ca_tells_time = true };
    const sv_applicant applicant = { e->with->id, e->with->org, e->with->unit };
    sv_why why = { 0 };
    e->answered = false;
    if (open_key(e, &why) != SV_OK || sv_request_new(e->key, &applicant, &request, &why) != SV_OK
        || sv_tls_client(&trust, &tls, &why) != SV_OK
        || sv_est_open(e->loop, e->with->host, e->with->port, tls, &est, &why) != SV_OK) {
        give_up_unasked(e, &why);
        return;
    }
    const sv_est_ask ask = { .request = sv_textbuf_text(&request),
                             .id = e->with->id,
                             .token = e->with->token };
    if (sv_est_enrol(est, &ask, on_certificate, e) != SV_OK) {
        give_up_unasked(e, &why);
        return;
    }
    turn_until_answered(e);
}

// ---- the whole ----------------------------------------------------------------------------------

static int say_done(const enrolling *e) {
    char end[TIME_ROOM];
    char clocks[REMEDY_MAX];
    sv_validity validity;
    if (sv_validity_of_file(e->files.cert, &validity, NULL) == SV_OK) {
        (void) fprintf(stderr, "%s is enrolled until %s; the agent renews it by itself\n",
                       e->with->id, time_text(end, validity.end_us));
    }
    if (clocks_differ(e, CLOCKS_APART_US)) {
        tell_clocks(e, clocks, "see to it that something sets this one");
        (void) fprintf(stderr, "%s\n", clocks);
    }
    (void) printf("selvedge-agent --config %s\n", e->files.yaml);
    return EXIT_DONE;
}

static int enrol(const sv_agent_enrolment *with) {
    enrolling e = { .with = with };
    SV_DEFER(sv_loop_drop) sv_loop *loop = NULL;
    sv_why why = { 0 };
    sv_err err = sv_agent_enrol_find(with, &e.files, &why);
    if (err == SV_OK) {
        err = sv_loop_open(&loop, &why);
    }
    if (err != SV_OK) {
        (void) fprintf(stderr, "selvedge-agent: %s\n", why.text);
        return err == SV_ERR_STATE ? EXIT_USAGE : EXIT_MACHINE;
    }
    e.loop = loop;
    learn_authority(&e);
    if (e.code == EXIT_DONE) {
        get_certificate(&e);
    }
    sv_key_drop(&e.key);
    return e.code == EXIT_DONE ? say_done(&e) : e.code;
}

/// From a terminal the token is asked for and not shown.
static sv_err read_token(char token[SV_AGENT_TOKEN_MAX + 1], sv_why *why) {
    char line[2 * SV_AGENT_TOKEN_MAX];
    struct termios shown;
    bool asked = isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &shown) == 0;
    if (asked) {
        struct termios hidden = shown;
        hidden.c_lflag &= ~(tcflag_t) ECHO;
        (void) fprintf(stderr, "token: ");
        (void) tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    }
    bool any = fgets(line, sizeof line, stdin) != NULL;
    if (asked) {
        (void) tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
        (void) fprintf(stderr, "\n");
    }
    sv_err err = sv_agent_token_parse(any ? sv_text_of(line) : SV_TEXT(""), token, why);
    explicit_bzero(line, sizeof line);
    return err;
}

int sv_agent_enrol(int argc, char **argv) {
    static sv_agent_enrolment with;
    bool help = false;
    sv_why why = { 0 };
    sv_err err = sv_agent_enrol_parse(argc, argv, &with, &help, &why);
    if (help) {
        (void) printf("%s", HELP);
        return EXIT_DONE;
    }
    if (err == SV_OK) {
        err = read_token(with.token, &why);
    }
    if (err != SV_OK) {
        (void) fprintf(stderr, "selvedge-agent: %s\n", why.text);
        return EXIT_USAGE;
    }
    int code = enrol(&with);
    explicit_bzero(with.token, sizeof with.token);
    return code;
}
