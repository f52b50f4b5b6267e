#include "relay_own.h"

#include <base/mem.h>
#include <codec/encode.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>

enum { SWEEP_US = 500000, SENTENCE_MAX = 200 };

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
    "Content-Transfer-Encoding",
};

/// And of a request for enrolment alone, which shows a token with it. [relay-10]
static const char AUTHORIZATION[] = "Authorization";

/// And nothing else of an answer comes back.
static const char *const ANSWERED[] = {
    "Content-Type",
    "Content-Range",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Transfer-Encoding",
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

void gw_relay_come_again(sv_http_request *request) {
    char seconds[16];
    (void) snprintf(seconds, sizeof seconds, "%d", GW_RELAY_RETRY_S);
    sv_http_reply_header(request, "Retry-After", seconds);
}

/// Takes the request out of its errand, to be answered.
static sv_http_request *end_errand(gw_errand *e) {
    sv_http_request *request = e->request;
    e->request = NULL;
    return request;
}

/// What is asked for, as it goes on; empty when the device has gone.
static sv_text target_of(const sv_http_request *request, sv_textbuf *room) {
    return gw_relay_target(sv_http_raw_path(request), sv_http_raw_query(request), room, NULL)
                   == SV_OK
               ? sv_textbuf_text(room)
               : SV_TEXT("");
}

/// [cache-10]
static bool is_answered_stale(const gw_relay *relay, gw_errand *e) {
    char room[GW_RELAY_TARGET_ROOM];
    sv_textbuf target = SV_TEXTBUF(room);
    if (relay->cache == NULL || e->newcomer
        || !gw_cache_answer_stale(relay->cache, e->request, e->whose,
                                  target_of(e->request, &target))) {
        return false;
    }
    e->request = NULL;
    return true;
}

static void keep(const gw_relay *relay, const gw_errand *e, const sv_http_reply_view *reply) {
    char room[GW_RELAY_TARGET_ROOM];
    sv_textbuf target = SV_TEXTBUF(room);
    if (relay->cache == NULL || e->newcomer || strcmp(sv_http_method(e->request), "GET") != 0) {
        return;
    }
    if (reply->status == 200) {
        gw_cache_keep(relay->cache, e->whose, target_of(e->request, &target), reply->body);
    } else if (reply->status == 404) {
        gw_cache_keep_none(relay->cache, e->whose, target_of(e->request, &target));
    }
}

static void answer_down(gw_relay *relay, gw_errand *e, const sv_why *why) {
    relay->counts.failed++;
    if (is_answered_stale(relay, e)) {
        return;
    }
    SV_LOG(warn, "relay.down", "%s for %s: the fleet server at %s does not answer: %s",
           e->est == GW_EST_NONE ? "a request" : gw_est_name(e->est), e->whose, relay->fleet_url,
           why->text);
    sv_http_request *request = end_errand(e);
    if (e->est == GW_EST_CACERTS && gw_est_give_cacerts(request, relay->ca)) {
        return;
    }
    gw_relay_come_again(request);
    if (e->est == GW_EST_NONE) {
        sv_http_problem(request, 503, "Fleet server not reachable",
                        "the fleet server at %s does not answer: %s", relay->fleet_url, why->text);
    } else {
        // Where the fleet server is, is nobody's business who has no certificate yet.
        gw_est_refuse(request, e->est, 503, "", GW_EST_DOWN, GW_RELAY_RETRY_S);
    }
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

/// Who stands at the gateway sees what became of an enrolment too.
static void say_enrolment(const gw_errand *e, const sv_http_reply_view *reply) {
    if (e->est != GW_EST_ENROL && e->est != GW_EST_RENEW) {
        return;
    }
    sv_text rest = reply->status == 200 ? SV_TEXT("a certificate") : reply->body;
    sv_text first = sv_text_cut(&rest, '\n');
    first.len = first.len > SENTENCE_MAX ? SENTENCE_MAX : first.len;
    sv_log_write(reply->status == 200 ? SV_LOG_info : SV_LOG_warn, "relay.enrolment",
                 "%s for %s: status %d, " SV_TEXT_FMT, gw_est_name(e->est), e->whose, reply->status,
                 SV_TEXT_ARG(first));
}

static void answered(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    gw_lane *l = arg;
    gw_relay *relay = l->relay;
    gw_errand *e = l->busy;
    l->busy = NULL;
    relay->newcomer_lanes -= e->newcomer;
    if (reply->status == 0) {
        answer_down(relay, e, why);
    } else {
        relay->counts.relayed++;
        say_enrolment(e, reply);
        keep(relay, e, reply);
        pass_answer(relay, end_errand(e), reply);
    }
    gw_relay_next(relay);
}

sv_err gw_relay_certificate(const sv_http_request *request, sv_textbuf *field) {
    char room[SV_CERTIFICATE_MAX];
    sv_textbuf der = SV_TEXTBUF(room);
    const sv_newcomer *newcomer = sv_http_newcomer(request);
    if (newcomer != NULL && newcomer->kind == SV_NEWCOMER_NONE) {
        return SV_OK;
    }
    SV_TRY(sv_http_certificate(request, &der));
    sv_field_bytes_add(field, sv_textbuf_text(&der));
    return sv_textbuf_end(field);
}

static sv_err send(gw_lane *l, const gw_errand *e, sv_why *why) {
    const sv_http_request *request = e->request;
    char target_room[GW_RELAY_TARGET_ROOM];
    char certificate_room[GW_RELAY_FIELD_ROOM];
    sv_textbuf target = SV_TEXTBUF(target_room);
    sv_textbuf certificate = SV_TEXTBUF(certificate_room);
    SV_TRY(gw_relay_target(sv_http_raw_path(request), sv_http_raw_query(request), &target, why));
    SV_TRY(gw_relay_certificate(request, &certificate));
    sv_http_field fields[SV_COUNT(ASKED) + 3] = {
        { "Client-Cert", certificate.len > 0 ? certificate.at : NULL },
        { "X-Forwarded-Host", e->newcomer ? NULL : sv_http_header(request, "Host") },
        { AUTHORIZATION, e->est == GW_EST_NONE ? NULL : sv_http_header(request, AUTHORIZATION) },
    };
    for (size_t i = 0; i < SV_COUNT(ASKED); i++) {
        fields[i + 3] = (sv_http_field){ ASKED[i], sv_http_header(request, ASKED[i]) };
    }
    const sv_http_errand asked = { .method = sv_http_method(request),
                                   .path = target.at,
                                   .fields = fields,
                                   .field_count = SV_COUNT(fields),
                                   .body = sv_http_body(request) };
    return sv_http_client_ask(l->http, &asked, answered, l);
}

static void start(gw_lane *l, gw_errand *e) {
    sv_why why = { 0 };
    if (sv_http_identity(e->request) == NULL && sv_http_newcomer(e->request) == NULL) {
        // The device has gone; nobody hears the answer.
        sv_http_reply(end_errand(e), 503, NULL, SV_TEXT(""));
    } else if (send(l, e, &why) == SV_OK) {
        l->busy = e;
        l->relay->newcomer_lanes += e->newcomer;
    } else {
        l->relay->counts.refused++;
        gw_est_refuse(end_errand(e), e->est, 431, "Bad headers",
                      "what is passed on of path and headers is larger than %d bytes, or a "
                      "header holds a line break",
                      SV_HTTP_ASK_HEAD_MAX);
    }
}

/// Newcomers come behind devices, and not on every connection. [relay-6] [relay-13]
static gw_errand *take_next(gw_relay *relay) {
    gw_errand_queue *from = &relay->waiting;
    if (TAILQ_EMPTY(from) && relay->newcomer_lanes < GW_RELAY_NEWCOMER_CLIENTS) {
        from = &relay->newcomers;
    }
    gw_errand *e = TAILQ_FIRST(from);
    if (e != NULL) {
        TAILQ_REMOVE(from, e, link);
    }
    return e;
}

void gw_relay_next(gw_relay *relay) {
    for (size_t i = 0; i < GW_RELAY_CLIENTS && !relay->closing; i++) {
        gw_lane *l = &relay->lanes[i];
        gw_errand *e = NULL;
        while (l->busy == NULL && (e = take_next(relay)) != NULL) {
            start(l, e);
        }
    }
}

/// Those that have waited since before then.
static void give_up(gw_relay *relay, gw_errand_queue *waiting, int64_t before_us,
                    const sv_why *why) {
    gw_errand *e = NULL;
    while ((e = TAILQ_FIRST(waiting)) != NULL && e->since_us < before_us) {
        TAILQ_REMOVE(waiting, e, link);
        answer_down(relay, e, why);
    }
}

static void on_sweep(void *arg) {
    gw_relay *relay = arg;
    int64_t before_us = sv_clock_monotonic_us() - relay->deadline_us;
    sv_why why;
    (void) sv_fail(&why, SV_ERR_UNAVAILABLE, "no connection was free within %lld ms",
                   (long long) (relay->deadline_us / 1000));
    give_up(relay, &relay->waiting, before_us, &why);
    give_up(relay, &relay->newcomers, before_us, &why);
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

static void on_unfinished(void *arg, const char *peer, size_t bytes) {
    (void) arg;
    SV_LOG(warn, "relay.unfinished",
           "%s: %zu bytes came and no request was taken: it was not whole, or larger than is "
           "allowed",
           peer, bytes);
}

static sv_err on_welcome(void *arg, const char *peer, const sv_identity *who, sv_why *why) {
    const gw_relay *relay = arg;
    (void) peer; // whoever is refused is logged with it
    return relay->welcome == NULL ? SV_OK : relay->welcome(relay->arg, who, why);
}

static sv_err open_server(gw_relay *relay, const gw_relay_options *options, sv_why *why) {
    SV_TRY(sv_tls_server(&options->tls, SV_TLS_CLIENTS_NEWCOMERS, false, &relay->tls, why));
    const sv_http_server_options server = { .bind = options->bind,
                                            .port = options->port,
                                            .tls = relay->tls,
                                            .body_max = GW_RELAY_UPLOAD_MAX,
                                            .connections_max = GW_RELAY_LINKS,
                                            .strangers_max = GW_RELAY_STRANGERS,
                                            .stranger_body_max = GW_EST_BODY_MAX,
                                            .unwelcome = on_unwelcome,
                                            .unfinished = on_unfinished,
                                            .welcome = on_welcome };
    return sv_http_server_open(relay->loop, &server, gw_relay_request, relay, &relay->server, why);
}

sv_err gw_relay_open(sv_loop *loop, const gw_relay_options *options, gw_relay **out, sv_why *why) {
    SV_DEFER(gw_relay_drop) gw_relay *relay = sv_mem_new(sizeof *relay);
    relay->loop = loop;
    relay->welcome = options->welcome;
    relay->arg = options->arg;
    relay->cache = options->cache;
    relay->deadline_us = options->deadline_us > 0 ? options->deadline_us : GW_RELAY_DEADLINE_US;
    TAILQ_INIT(&relay->waiting);
    TAILQ_INIT(&relay->newcomers);
    SV_TRY(sv_text_copy(sv_text_of(options->fleet_url), relay->fleet_url, sizeof relay->fleet_url));
    SV_TRY(sv_text_copy(sv_text_of(options->tls.ca), relay->ca, sizeof relay->ca));
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
    gw_relay_counts counts = relay->counts;
    counts.shed = sv_http_server_shed(relay->server);
    return counts;
}

sv_err gw_relay_reload(gw_relay *relay, const sv_tls_files *files, sv_why *why) {
    sv_tls *fresh = NULL;
    SV_TRY(sv_tls_server(files, SV_TLS_CLIENTS_NEWCOMERS, false, &fresh, why));
    sv_http_server_tls(relay->server, fresh);
    sv_tls_drop(&relay->tls);
    relay->tls = fresh;
    return SV_OK;
}

size_t gw_relay_review(gw_relay *relay, sv_text id) {
    return sv_http_server_review(relay->server, id);
}

/// Who waits is told; who is under way is told by the client that goes.
static void end_errands(gw_relay *relay) {
    sv_why why;
    (void) sv_fail(&why, SV_ERR_UNAVAILABLE, "this gateway ends");
    give_up(relay, &relay->waiting, INT64_MAX, &why);
    give_up(relay, &relay->newcomers, INT64_MAX, &why);
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
