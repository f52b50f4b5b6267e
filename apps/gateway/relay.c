#include "relay.h"

#include <base/mem.h>
#include <codec/encode.h>
#include <net/http_server.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>
#include <sys/queue.h>

enum { SWEEP_US = 500000, URL_ROOM = 512, FIELD_ROOM = 2 * SV_CERTIFICATE_MAX };

/// Nothing else of a request goes on: what frames it, hop-by-hop headers and whatever says who the
/// client is are written by this gateway. [relay-4]
static const char *const ASKED[] = {
    "Accept",
    "Content-Type",
    "Range",
    "If-Range",
    "If-Match",
    "If-None-Match",
    "If-Unmodified-Since",
    "If-Modified-Since",
};

/// And nothing else of an answer comes back.
static const char *const ANSWERED[] = {
    "Content-Type",
    "Content-Range",
    "Content-Disposition",
    "Content-Encoding",
    "Accept-Ranges",
    "ETag",
    "Last-Modified",
    "Cache-Control",
    "Location",
    "Retry-After",
    "Allow",
    "WWW-Authenticate",
    "Vary",
};

static const char *const METHODS[] = { "GET", "POST", "PUT", "HEAD", "DELETE" };

/// A request under way or waiting.
typedef struct errand {
    TAILQ_ENTRY(errand) link; ///< while it waits
    sv_http_request *request; ///< NULL: this place is free
    char device[SV_ID_ROOM];
    int64_t since_us;
} errand;

/// A connection to the fleet server.
typedef struct lane {
    gw_relay *relay;
    sv_http_client *http;
    errand *busy;
} lane;

struct gw_relay {
    sv_loop *loop;
    sv_tls *tls;
    sv_http_server *server;
    char fleet_url[URL_ROOM];
    int64_t deadline_us;
    lane lanes[GW_RELAY_CLIENTS];
    errand errands[GW_RELAY_AT_ONCE];
    TAILQ_HEAD(errand_queue, errand) waiting;
    sv_timer *sweep;
    gw_relay_counts counts;
    bool closing;
};

static void come_again(sv_http_request *request) {
    char seconds[16];
    (void) snprintf(seconds, sizeof seconds, "%d", GW_RELAY_RETRY_S);
    sv_http_reply_header(request, "Retry-After", seconds);
}

/// Takes the request out of its errand, to be answered.
static sv_http_request *end_errand(errand *e) {
    sv_http_request *request = e->request;
    e->request = NULL;
    return request;
}

static void answer_down(gw_relay *relay, sv_http_request *request, const sv_why *why) {
    relay->counts.failed++;
    come_again(request);
    sv_http_problem(request, 503, "Fleet server not reachable",
                    "the fleet server at %s does not answer: %s", relay->fleet_url, why->text);
}

// ---- towards the fleet server -------------------------------------------------------------------

static void pass_answer(const gw_relay *relay, sv_http_request *request,
                        const sv_http_reply_view *reply) {
    char value[GW_RELAY_FIELD_MAX];
    for (size_t i = 0; i < SV_COUNT(ANSWERED); i++) {
        if (sv_http_reply_field(reply, ANSWERED[i], value, sizeof value) == SV_OK) {
            sv_http_reply_header(request, ANSWERED[i], value);
        }
    }
    if (strcmp(sv_http_method(request), "HEAD") == 0
        && sv_http_reply_field(reply, "Content-Length", value, sizeof value) == SV_OK) {
        sv_http_reply_header(request, "Content-Length", value);
    }
    if (relay->closing) {
        sv_http_reply_header(request, "Connection", "close");
    }
    sv_http_reply(request, reply->status, NULL, reply->body);
}

static void next_errands(gw_relay *relay);

static void answered(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    lane *l = arg;
    gw_relay *relay = l->relay;
    sv_http_request *request = end_errand(l->busy);
    l->busy = NULL;
    if (reply->status == 0) {
        answer_down(relay, request, why);
    } else {
        relay->counts.relayed++;
        pass_answer(relay, request, reply);
    }
    next_errands(relay);
}

/// "Client-Cert: :<base64 of DER>:" [relay-2]
static sv_err write_certificate(const sv_http_request *request, sv_textbuf *field) {
    char room[SV_CERTIFICATE_MAX];
    sv_textbuf der = SV_TEXTBUF(room);
    SV_TRY(sv_http_certificate(request, &der));
    sv_field_bytes_add(field, sv_textbuf_text(&der));
    return sv_textbuf_end(field);
}

static sv_err send(lane *l, const sv_http_request *request, sv_why *why) {
    char target_room[GW_RELAY_TARGET_MAX * 3];
    char certificate_room[FIELD_ROOM];
    sv_textbuf target = SV_TEXTBUF(target_room);
    sv_textbuf certificate = SV_TEXTBUF(certificate_room);
    SV_TRY(gw_relay_target(sv_http_raw_path(request), sv_http_raw_query(request), &target, why));
    SV_TRY(write_certificate(request, &certificate));
    sv_http_field fields[SV_COUNT(ASKED) + 1] = { { "Client-Cert", certificate.at } };
    for (size_t i = 0; i < SV_COUNT(ASKED); i++) {
        fields[i + 1] = (sv_http_field){ ASKED[i], sv_http_header(request, ASKED[i]) };
    }
    const sv_http_errand asked = { .method = sv_http_method(request),
                                   .path = target.at,
                                   .fields = fields,
                                   .field_count = SV_COUNT(fields),
                                   .body = sv_http_body(request) };
    return sv_http_client_ask(l->http, &asked, answered, l);
}

static void start(lane *l, errand *e) {
    sv_why why = { 0 };
    if (sv_http_identity(e->request) == NULL) {
        // The device has gone; nobody hears the answer.
        sv_http_reply(end_errand(e), 503, NULL, SV_TEXT(""));
    } else if (send(l, e->request, &why) == SV_OK) {
        l->busy = e;
    } else {
        l->relay->counts.refused++;
        sv_http_problem(end_errand(e), 431, "Bad headers",
                        "what is passed on of path and headers is larger than %d bytes, or a "
                        "header holds a line break",
                        SV_HTTP_ASK_HEAD_MAX);
    }
}

/// As many of those that wait as there are connections for. [relay-6]
static void next_errands(gw_relay *relay) {
    for (size_t i = 0; i < GW_RELAY_CLIENTS && !relay->closing; i++) {
        lane *l = &relay->lanes[i];
        while (l->busy == NULL && !TAILQ_EMPTY(&relay->waiting)) {
            errand *e = TAILQ_FIRST(&relay->waiting);
            TAILQ_REMOVE(&relay->waiting, e, link);
            start(l, e);
        }
    }
}

static void on_sweep(void *arg) {
    gw_relay *relay = arg;
    int64_t before_us = sv_clock_monotonic_us() - relay->deadline_us;
    errand *e = NULL;
    while ((e = TAILQ_FIRST(&relay->waiting)) != NULL && e->since_us < before_us) {
        TAILQ_REMOVE(&relay->waiting, e, link);
        sv_why why;
        (void) sv_fail(&why, SV_ERR_UNAVAILABLE, "no connection was free within %lld ms",
                       (long long) (relay->deadline_us / 1000));
        answer_down(relay, end_errand(e), &why);
    }
}

// ---- from devices -------------------------------------------------------------------------------

/// Anew for every request: with a revocation list that has ended nobody is passed on. False, with
/// the request answered, when it is no device.
static bool is_device(gw_relay *relay, sv_http_request *request, sv_identity *who) {
    char room[SV_CERTIFICATE_MAX];
    sv_textbuf der = SV_TEXTBUF(room);
    sv_why why = { 0 };
    if (sv_http_certificate(request, &der) != SV_OK) {
        (void) sv_fail(&why, SV_ERR_UNTRUSTED, "there is no client certificate of at most %d bytes",
                       SV_CERTIFICATE_MAX);
    } else if (sv_tls_judge(relay->tls, sv_textbuf_text(&der), who, &why) == SV_OK
               && who->role != SV_ROLE_DEVICE) {
        (void) sv_fail(&why, SV_ERR_UNTRUSTED, "'%s' is a %s; this door is for devices", who->id,
                       sv_role_name(who->role));
    }
    if (why.code == SV_OK) {
        return true;
    }
    SV_LOG(warn, "relay.refused", "%s: %s", sv_http_peer(request), why.text);
    relay->counts.refused++;
    sv_http_reply_header(request, "Connection", "close");
    sv_http_problem(request, 403, "Forbidden", "%s", why.text);
    return false;
}

/// A device that says whose certificate it has tries to be another one: that goes no further.
static void mention_spoof(const sv_http_request *request, const sv_identity *who) {
    if (sv_http_header_count(request, "Client-Cert") > 0
        || sv_http_header_count(request, "Client-Cert-Chain") > 0) {
        SV_LOG(warn, "security.client-cert",
               "device %s at %s sent a Client-Cert of its own; left out", who->id,
               sv_http_peer(request));
    }
}

static bool has_method(const sv_http_request *request) {
    for (size_t i = 0; i < SV_COUNT(METHODS); i++) {
        if (strcmp(sv_http_method(request), METHODS[i]) == 0) {
            return true;
        }
    }
    return false;
}

/// False, with the request answered, when it is none that is passed on.
static bool is_passed_on(gw_relay *relay, sv_http_request *request) {
    char room[GW_RELAY_TARGET_MAX * 3];
    sv_textbuf target = SV_TEXTBUF(room);
    sv_why why = { 0 };
    if (!has_method(request)) {
        relay->counts.refused++;
        sv_http_reply_header(request, "Allow", "GET, POST, PUT, HEAD, DELETE");
        sv_http_problem(request, 405, "Method not allowed", "%s is not passed on",
                        sv_http_method(request));
        return false;
    }
    sv_err err =
        gw_relay_target(sv_http_raw_path(request), sv_http_raw_query(request), &target, &why);
    if (err == SV_OK) {
        return true;
    }
    relay->counts.refused++;
    int status = err == SV_ERR_NOT_FOUND ? 404 : err == SV_ERR_NO_SPACE ? 414 : 400;
    sv_http_problem(request, status, status == 404 ? "Not found" : "Bad path", "%s", why.text);
    return false;
}

/// A free place; NULL, with the request answered, when there is none for this device. [relay-6]
static errand *find_place(gw_relay *relay, sv_http_request *request, const char *device) {
    errand *place = NULL;
    size_t own = 0;
    for (size_t i = 0; i < GW_RELAY_AT_ONCE; i++) {
        errand *e = &relay->errands[i];
        place = e->request == NULL ? e : place;
        own += e->request != NULL && strcmp(e->device, device) == 0;
    }
    if (place != NULL && own < GW_RELAY_PER_DEVICE) {
        return place;
    }
    relay->counts.refused++;
    come_again(request);
    if (own >= GW_RELAY_PER_DEVICE) {
        sv_http_problem(request, 429, "Too many requests",
                        "%d requests of this device are under way already", GW_RELAY_PER_DEVICE);
    } else {
        sv_http_problem(request, 503, "Busy", "%d requests are under way to the fleet server",
                        GW_RELAY_AT_ONCE);
    }
    return NULL;
}

static void on_request(sv_http_request *request, void *arg) {
    gw_relay *relay = arg;
    sv_identity who;
    if (!is_device(relay, request, &who)) {
        return;
    }
    mention_spoof(request, &who);
    if (!is_passed_on(relay, request)) {
        return;
    }
    errand *place = find_place(relay, request, who.id);
    if (place == NULL) {
        return;
    }
    *place = (errand){ .request = request, .since_us = sv_clock_monotonic_us() };
    memcpy(place->device, who.id, sizeof place->device);
    TAILQ_INSERT_TAIL(&relay->waiting, place, link);
    next_errands(relay);
}

// ---- opening and closing ------------------------------------------------------------------------

static sv_err open_lanes(gw_relay *relay, const gw_relay_options *options, sv_why *why) {
    for (size_t i = 0; i < GW_RELAY_CLIENTS; i++) {
        relay->lanes[i].relay = relay;
        SV_TRY(sv_http_client_open(relay->loop, options->fleet_url, options->fleet_tls,
                                   relay->deadline_us, &relay->lanes[i].http, why));
    }
    return SV_OK;
}

static void on_unwelcome(void *arg, const char *peer, const sv_why *why) {
    gw_relay *relay = arg;
    SV_LOG(warn, "relay.refused", "%s: %s", peer, why->text);
    relay->counts.refused++;
}

static sv_err open_server(gw_relay *relay, const gw_relay_options *options, sv_why *why) {
    SV_TRY(sv_tls_server(&options->tls, true, false, &relay->tls, why));
    const sv_http_server_options server = { .bind = options->bind,
                                            .port = options->port,
                                            .tls = relay->tls,
                                            .body_max = GW_RELAY_UPLOAD_MAX,
                                            .connections_max = GW_RELAY_LINKS,
                                            .unwelcome = on_unwelcome };
    return sv_http_server_open(relay->loop, &server, on_request, relay, &relay->server, why);
}

sv_err gw_relay_open(sv_loop *loop, const gw_relay_options *options, gw_relay **out, sv_why *why) {
    SV_DEFER(gw_relay_drop) gw_relay *relay = sv_mem_new(sizeof *relay);
    relay->loop = loop;
    relay->deadline_us = options->deadline_us > 0 ? options->deadline_us : GW_RELAY_DEADLINE_US;
    TAILQ_INIT(&relay->waiting);
    SV_TRY(sv_text_copy(sv_text_of(options->fleet_url), relay->fleet_url, sizeof relay->fleet_url));
    SV_TRY(open_lanes(relay, options, why));
    SV_TRY(open_server(relay, options, why));
    relay->sweep = sv_timer_new(loop, on_sweep, relay);
    sv_timer_every(relay->sweep, SWEEP_US);
    *out = relay;
    relay = NULL;
    return SV_OK;
}

uint16_t gw_relay_port(const gw_relay *relay) {
    return sv_http_server_port(relay->server);
}

gw_relay_counts gw_relay_count(const gw_relay *relay) {
    return relay->counts;
}

sv_err gw_relay_reload(gw_relay *relay, const sv_tls_files *files, sv_why *why) {
    sv_tls *fresh = NULL;
    SV_TRY(sv_tls_server(files, true, false, &fresh, why));
    sv_http_server_tls(relay->server, fresh);
    sv_tls_drop(&relay->tls);
    relay->tls = fresh;
    return SV_OK;
}

/// Who waits is told; who is under way is told by the client that goes.
static void end_errands(gw_relay *relay) {
    sv_why why;
    (void) sv_fail(&why, SV_ERR_UNAVAILABLE, "this gateway ends");
    errand *e = NULL;
    while ((e = TAILQ_FIRST(&relay->waiting)) != NULL) {
        TAILQ_REMOVE(&relay->waiting, e, link);
        answer_down(relay, end_errand(e), &why);
    }
    for (size_t i = 0; i < GW_RELAY_CLIENTS; i++) {
        sv_http_client_drop(&relay->lanes[i].http);
    }
}

void gw_relay_drop(gw_relay **relay) {
    gw_relay *gone = *relay;
    if (gone == NULL) {
        return;
    }
    *relay = NULL;
    gone->closing = true;
    end_errands(gone);
    sv_http_server_drop(&gone->server);
    sv_tls_drop(&gone->tls);
    sv_timer_drop(&gone->sweep);
    free(gone);
}
