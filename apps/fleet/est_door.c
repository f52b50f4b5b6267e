#include "est_door.h"

#include "certify.h"
#include "est_basic.h"
#include "standing.h"

#include <base/mem.h>
#include <codec/encode.h>
#include <crypto/est.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/log.h>

#define ROOT "/.well-known/est/"
#define GATEWAY "gateway/"
#define NUMBER_ROOM 16

// ecPublicKey on prime256v1, ecdsa-with-SHA256 (RFC 7030 §4.5.2).
static const char CSR_ATTRIBUTES[] = "MCEwFQYHKoZIzj0CATEKBggqhkjOPQMBBwYIKoZIzj0EAwI=\n";

// ---- answers ------------------------------------------------------------------------------------

/// EST's clients read text, and people read what they print: one sentence.
SV_PRINTF(3, 4)
static void say(sv_http_request *request, int status, const char *fmt, ...) {
    char sentence[SV_WHY_MAX];
    char line[SV_WHY_MAX + 1];
    char number[NUMBER_ROOM];
    va_list args;
    va_start(args, fmt);
    (void) vsnprintf(sentence, sizeof sentence, fmt, args);
    va_end(args);
    (void) snprintf(line, sizeof line, "%s\n", sentence);
    if (status == 401) {
        sv_http_reply_header(request, "WWW-Authenticate", "Basic realm=\"enrolment\"");
    } else if (status == 429 || status == 503) {
        (void) snprintf(number, sizeof number, "%d",
                        status == 429 ? SV_GUESS_RETRY_S : SV_CERTIFY_RETRY_S);
        sv_http_reply_header(request, "Retry-After", number);
    }
    sv_http_reply(request, status, "text/plain; charset=utf-8", sv_text_of(line));
}

static void give_certs(sv_http_request *request, const sv_certs *certs) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(SV_EST_BODY_MAX);
    sv_why why = { 0 };
    if (sv_est_certs_add(&body, certs->at, certs->count, &why) != SV_OK || body.overflowed) {
        say(request, 503, "the certificates cannot be given: %s", why.text);
        return;
    }
    sv_http_reply_header(request, "Content-Transfer-Encoding", "base64");
    sv_http_reply(request, 200, "application/pkcs7-mime; smime-type=certs-only",
                  sv_textbuf_text(&body));
}

static void give_cacerts(sv_http_request *request, sv_fleet *fleet) {
    SV_DEFER(sv_certs_drop) sv_certs ca = { 0 };
    sv_why why = { 0 };
    if (sv_certs_read(fleet->config.devices.tls.ca, &ca, &why) != SV_OK) {
        say(request, 503, "%s", why.text);
        return;
    }
    give_certs(request, &ca);
}

static void give_csrattrs(sv_http_request *request, sv_fleet *fleet) {
    (void) fleet;
    sv_http_reply_header(request, "Content-Transfer-Encoding", "base64");
    sv_http_reply(request, 200, "application/csrattrs", sv_text_of(CSR_ATTRIBUTES));
}

// ---- who asks -----------------------------------------------------------------------------------

static void take_newcomer(const sv_newcomer *newcomer, sv_certify_caller *out) {
    out->kind = newcomer->kind == SV_NEWCOMER_EXPIRED        ? SV_CERTIFY_EXPIRED
                : newcomer->kind == SV_NEWCOMER_MANUFACTURER ? SV_CERTIFY_MANUFACTURED
                                                             : SV_CERTIFY_NOBODY;
    out->identity = newcomer->identity;
    if (out->kind == SV_CERTIFY_MANUFACTURED) {
        (void) snprintf(out->names[0], sizeof out->names[0], "%s", newcomer->name);
        (void) snprintf(out->names[1], sizeof out->names[1], "%s", newcomer->serial);
    }
}

/// What a gateway has seen, judged again as if its owner had come itself. [relay-1]
static sv_err take_passed_on(const sv_http_request *request, const sv_fleet *fleet,
                             sv_certify_caller *out, sv_why *why) {
    sv_newcomer newcomer;
    const char *field = sv_http_header(request, "Client-Cert");
    out->certificate = SV_TEXTBUF_HEAP(SV_CERTIFICATE_MAX);
    if (sv_http_header_count(request, "Client-Cert") != 1
        || sv_field_bytes_parse(sv_text_of(field), &out->certificate) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID,
                       "Client-Cert is not one byte sequence (:<base64>:) of at most %d bytes",
                       SV_CERTIFICATE_MAX);
    }
    sv_text der = sv_textbuf_text(&out->certificate);
    if (sv_tls_judge(fleet->device_tls, der, &out->identity, why) == SV_OK) {
        out->kind = SV_CERTIFY_TRUSTED;
        return out->identity.role == SV_ROLE_DEVICE
                   ? SV_OK
                   : sv_fail(why, SV_ERR_UNTRUSTED,
                             "'%s' is a %s; gateways speak for devices alone", out->identity.id,
                             sv_role_name(out->identity.role));
    }
    sv_why second = { 0 };
    if (sv_tls_judge_newcomer(fleet->device_tls, der, &newcomer, &second) != SV_OK) {
        return why->code;
    }
    take_newcomer(&newcomer, out);
    return SV_OK;
}

static sv_err take_gateway(const sv_http_request *request, const sv_fleet *fleet,
                           const sv_identity *peer, sv_certify_caller *out, sv_why *why) {
    out->gateway = sv_registry_gateway(fleet->registry, peer->id);
    if (out->gateway == NULL) {
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "gateway %s is not named in the fleet server's configuration; add it under "
                       "gateways:",
                       peer->id);
    }
    SV_TRY(sv_standing_allows(fleet->standing, peer->id, peer->not_before_us, why));
    (void) snprintf(out->from, sizeof out->from, "%s", peer->id);
    return sv_http_header_count(request, "Client-Cert") > 0
               ? take_passed_on(request, fleet, out, why)
               : SV_OK;
}

static sv_err take_peer(const sv_http_request *request, sv_certify_caller *out, sv_why *why) {
    out->certificate = SV_TEXTBUF_HEAP(SV_CERTIFICATE_MAX);
    return out->kind == SV_CERTIFY_NOBODY
                   || sv_http_certificate(request, &out->certificate) == SV_OK
               ? SV_OK
               : sv_fail(why, SV_ERR_UNAVAILABLE, "the connection has gone");
}

/// `own`: a gateway asks for itself.
static sv_err read_caller(const sv_http_request *request, const sv_fleet *fleet, bool own,
                          sv_certify_caller *out, sv_why *why) {
    const sv_identity *peer = sv_http_identity(request);
    const sv_newcomer *newcomer = sv_http_newcomer(request);
    bool gateway = peer != NULL && peer->role == SV_ROLE_GATEWAY;
    (void) snprintf(out->from, sizeof out->from, "%.63s", sv_http_peer(request));
    if (peer != NULL) {
        out->kind = SV_CERTIFY_TRUSTED;
        out->identity = *peer;
    } else if (newcomer != NULL) {
        take_newcomer(newcomer, out);
    }
    bool passes_on = sv_http_header_count(request, "Client-Cert") > 0;
    if (passes_on && (!gateway || own)) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "Client-Cert is for what gateways pass on");
    }
    if (gateway && !own) {
        out->kind = SV_CERTIFY_NOBODY;
        return take_gateway(request, fleet, peer, out, why);
    }
    sv_role role = out->identity.role;
    bool ours = out->kind == SV_CERTIFY_TRUSTED || out->kind == SV_CERTIFY_EXPIRED;
    if (ours && role != (own ? SV_ROLE_GATEWAY : SV_ROLE_DEVICE)) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "this is for %s; '%s' is a %s",
                       own ? "gateways" : "devices", out->identity.id, sv_role_name(role));
    }
    return take_peer(request, out, why);
}

// ---- certificates -------------------------------------------------------------------------------

static void answered(void *arg, int status, const char *sentence, sv_text certificate) {
    sv_http_request *request = arg;
    SV_DEFER(sv_certs_drop) sv_certs one = { 0 };
    sv_why why = { 0 };
    if (status != 200) {
        say(request, status, "%s", sentence);
    } else if (sv_certs_push_der(&one, certificate, &why) != SV_OK) {
        say(request, 503, "%s", why.text);
    } else {
        give_certs(request, &one);
    }
}

/// What certify.h never sees.
static void turn_away(sv_http_request *request, int status, const char *step, const sv_why *why) {
    SV_LOG(warn, "certificate.refused", "%s: %s: %s", sv_http_peer(request), step, why->text);
    say(request, status, "%s: %s", step, why->text);
}

/// Through a gateway nobody renews without showing what is renewed: it would be the gateway's own.
static void take(sv_http_request *request, sv_fleet *fleet, bool again, bool own) {
    sv_certify_caller caller = { 0 };
    sv_basic basic;
    sv_why why = { 0 };
    sv_text body = sv_http_body(request);
    if (body.len > SV_EST_REQUEST_MAX) {
        (void) sv_fail(&why, SV_ERR_INVALID, "the body has %zu bytes; %d are taken", body.len,
                       SV_EST_REQUEST_MAX);
        turn_away(request, 413, "request", &why);
        return;
    }
    sv_err err = read_caller(request, fleet, own, &caller, &why);
    if (err != SV_OK) {
        sv_certify_caller_drop(&caller);
        turn_away(request,
                  err == SV_ERR_INVALID     ? 400
                  : err == SV_ERR_UNTRUSTED ? 403
                                            : 503,
                  "certificate", &why);
        return;
    }
    const char *header = sv_http_header(request, "Authorization");
    bool credentials = !again && header != NULL;
    if (credentials && sv_basic_parse(sv_text_of(header), &basic) != SV_OK) {
        sv_certify_caller_drop(&caller);
        (void) sv_fail(&why, SV_ERR_INVALID,
                       "Authorization is not Basic with the id and the token");
        turn_away(request, 401, "token", &why);
        return;
    }
    const sv_certify_question question = { .caller = &caller,
                                           .again = again,
                                           .credentials = credentials,
                                           .user = credentials ? basic.user : SV_TEXT(""),
                                           .token = credentials ? basic.password : SV_TEXT(""),
                                           .body = body };
    sv_certify_ask(fleet->certify, &question, answered, request);
    explicit_bzero(basic.room, sizeof basic.room);
}

static void enrol(sv_http_request *request, sv_fleet *fleet) {
    take(request, fleet, false, false);
}

static void renew(sv_http_request *request, sv_fleet *fleet) {
    take(request, fleet, true, false);
}

static void renew_gateway(sv_http_request *request, sv_fleet *fleet) {
    take(request, fleet, true, true);
}

static const struct {
    const char *name, *method;
    void (*answer)(sv_http_request *request, sv_fleet *fleet);
} OPERATIONS[] = {
    { "cacerts", "GET", give_cacerts },
    { "csrattrs", "GET", give_csrattrs },
    { "simpleenroll", "POST", enrol },
    { "simplereenroll", "POST", renew },
    { GATEWAY "simplereenroll", "POST", renew_gateway },
};

bool sv_est_door(sv_http_request *request, sv_fleet *fleet) {
    sv_text path = sv_http_path(request);
    if (!sv_text_starts(path, SV_TEXT(ROOT))) {
        return false;
    }
    sv_text name = { .at = path.at + strlen(ROOT), .len = path.len - strlen(ROOT) };
    sv_http_reply_header(request, "Cache-Control", "no-store");
    for (size_t i = 0; i < SV_COUNT(OPERATIONS); i++) {
        if (!sv_text_is(name, OPERATIONS[i].name)) {
            continue;
        }
        if (strcmp(sv_http_method(request), OPERATIONS[i].method) != 0) {
            sv_http_reply_header(request, "Allow", OPERATIONS[i].method);
            say(request, 405, "use %s", OPERATIONS[i].method);
        } else {
            OPERATIONS[i].answer(request, fleet);
        }
        return true;
    }
    say(request, 404, "EST here is cacerts, csrattrs, simpleenroll and simplereenroll");
    return true;
}
