// Who may ask what at the device door, and the place that a request waits in.
#include "relay_own.h"

#include <stdio.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>

static const char *const METHODS[] = { "GET", "POST", "PUT", "HEAD", "DELETE" };

/// Who asks, and for what.
typedef struct asker {
    gw_est est;
    bool newcomer;
    char whose[GW_RELAY_WHOSE_ROOM];
} asker;

/// [relay-4]
static sv_err judge_device(const gw_relay *relay, sv_text der, asker *out, sv_why *why) {
    sv_identity who;
    SV_TRY(sv_tls_judge(relay->tls, der, &who, why));
    if (who.role != SV_ROLE_DEVICE) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "'%s' is a %s; this door is for devices", who.id,
                       sv_role_name(who.role));
    }
    return sv_text_copy(sv_text_of(who.id), out->whose, sizeof out->whose);
}

/// What somebody hears who may ask for a certificate and asks for something else.
static sv_err send_to_enrol(const sv_newcomer *newcomer, sv_why *why) {
    switch (newcomer->kind) {
    case SV_NEWCOMER_EXPIRED:
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "certificate has expired (%s); all it is good for is simplereenroll (EST)",
                       newcomer->identity.id);
    case SV_NEWCOMER_MANUFACTURER:
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "a manufacturer's certificate (%s) is good for simpleenroll (EST) alone",
                       newcomer->name[0] != '\0' ? newcomer->name : newcomer->serial);
    case SV_NEWCOMER_NONE:
    default:
        return sv_fail(why, SV_ERR_UNTRUSTED,
                       "this door wants a certificate of a device; to get one, enrol (EST)");
    }
}

/// [relay-12]
static sv_err judge_newcomer(const gw_relay *relay, const sv_newcomer *newcomer, sv_text der,
                             asker *out, sv_why *why) {
    if (out->est == GW_EST_NONE) {
        return send_to_enrol(newcomer, why);
    }
    out->newcomer = true;
    if (newcomer->kind == SV_NEWCOMER_NONE) {
        return SV_OK;
    }
    sv_newcomer now;
    SV_TRY(sv_tls_judge_newcomer(relay->tls, der, &now, why));
    if (now.kind == SV_NEWCOMER_EXPIRED && now.identity.role != SV_ROLE_DEVICE) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "'%s' is a %s; this door is for devices",
                       now.identity.id, sv_role_name(now.identity.role));
    }
    return now.kind == SV_NEWCOMER_EXPIRED
               ? sv_text_copy(sv_text_of(now.identity.id), out->whose, sizeof out->whose)
               : SV_OK;
}

/// Anew for every request: with a revocation list that has ended nobody is passed on.
static sv_err judge(const gw_relay *relay, const sv_http_request *request, asker *out,
                    sv_why *why) {
    char room[SV_CERTIFICATE_MAX];
    sv_textbuf der = SV_TEXTBUF(room);
    const sv_newcomer *newcomer = sv_http_newcomer(request);
    *out = (asker){ .est = gw_est_of(sv_http_path(request)) };
    (void) snprintf(out->whose, sizeof out->whose, "%s", sv_http_peer(request));
    if (sv_http_certificate(request, &der) != SV_OK
        && (newcomer == NULL || newcomer->kind != SV_NEWCOMER_NONE)) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "there is no client certificate of at most %d bytes",
                       SV_CERTIFICATE_MAX);
    }
    sv_text certificate = sv_textbuf_text(&der);
    return newcomer != NULL ? judge_newcomer(relay, newcomer, certificate, out, why)
                            : judge_device(relay, certificate, out, why);
}

/// False, with the request answered, when it is nobody who may ask this.
static bool is_welcome(gw_relay *relay, sv_http_request *request, asker *who) {
    sv_why why = { 0 };
    if (judge(relay, request, who, &why) == SV_OK) {
        return true;
    }
    const sv_newcomer *newcomer = sv_http_newcomer(request);
    bool nobody = newcomer != NULL && newcomer->kind == SV_NEWCOMER_NONE;
    SV_LOG(warn, "relay.refused", "%s: %s", sv_http_peer(request), why.text);
    relay->counts.refused++;
    sv_http_reply_header(request, "Connection", "close");
    gw_est_refuse(request, who->est, nobody ? 401 : 403, nobody ? "Unauthorized" : "Forbidden",
                  "%s", why.text);
    return false;
}

/// False, with the request answered, when a newcomer comes too often. [relay-13]
static bool is_in_time(gw_relay *relay, sv_http_request *request, const asker *who) {
    if (!who->newcomer
        || gw_rate_takes(&relay->rate, sv_http_peer(request), sv_clock_monotonic_us())) {
        return true;
    }
    relay->counts.refused++;
    gw_relay_come_again(request);
    gw_est_refuse(request, who->est, 429, "Too many requests",
                  "more than %d requests for certificates came from this address at once",
                  GW_RATE_BURST);
    return false;
}

/// A device that says whose certificate it has tries to be another one: that goes no further.
static void mention_spoof(const sv_http_request *request, const asker *who) {
    if (sv_http_header_count(request, "Client-Cert") > 0
        || sv_http_header_count(request, "Client-Cert-Chain") > 0) {
        SV_LOG(warn, "security.client-cert",
               "device %s at %s sent a Client-Cert of its own; left out", who->whose,
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
static bool is_passed_on(gw_relay *relay, sv_http_request *request, gw_est est,
                         sv_textbuf *target) {
    sv_why why = { 0 };
    if (!has_method(request)) {
        relay->counts.refused++;
        sv_http_reply_header(request, "Allow", "GET, POST, PUT, HEAD, DELETE");
        gw_est_refuse(request, est, 405, "Method not allowed", "%s is not passed on",
                      sv_http_method(request));
        return false;
    }
    if (est != GW_EST_NONE && sv_http_body(request).len > GW_EST_BODY_MAX) {
        relay->counts.refused++;
        gw_est_refuse(request, est, 413, "Too large",
                      "a request for a certificate has at most %d bytes, not %zu", GW_EST_BODY_MAX,
                      sv_http_body(request).len);
        return false;
    }
    sv_err err =
        gw_relay_target(sv_http_raw_path(request), sv_http_raw_query(request), target, &why);
    if (err == SV_OK) {
        return true;
    }
    relay->counts.refused++;
    int status = err == SV_ERR_NOT_FOUND ? 404 : err == SV_ERR_NO_SPACE ? 414 : 400;
    sv_http_problem(request, status, status == 404 ? "Not found" : "Bad path", "%s", why.text);
    return false;
}

/// A free place; NULL, with the request answered, when there is none for this one. [relay-6]
static gw_errand *find_place(gw_relay *relay, sv_http_request *request, const asker *who) {
    gw_errand *place = NULL;
    size_t own = 0;
    size_t newcomers = 0;
    for (size_t i = 0; i < GW_RELAY_AT_ONCE; i++) {
        gw_errand *e = &relay->errands[i];
        bool taken = e->request != NULL;
        place = taken ? place : e;
        own += taken && strcmp(e->whose, who->whose) == 0;
        newcomers += taken && e->newcomer;
    }
    bool crowded = who->newcomer && newcomers >= GW_RELAY_NEWCOMERS;
    if (place != NULL && own < GW_RELAY_PER_DEVICE && !crowded) {
        return place;
    }
    relay->counts.refused++;
    gw_relay_come_again(request);
    if (own >= GW_RELAY_PER_DEVICE) {
        gw_est_refuse(request, who->est, 429, "Too many requests",
                      "%d requests of this device are under way already", GW_RELAY_PER_DEVICE);
    } else {
        gw_est_refuse(request, who->est, 503, "Busy",
                      "%d requests are under way to the fleet server",
                      crowded ? GW_RELAY_NEWCOMERS : GW_RELAY_AT_ONCE);
    }
    return NULL;
}

/// What the cache answers, now or later. [cache-3]
static bool is_cached(const gw_relay *relay, sv_http_request *request, const asker *who,
                      sv_text target) {
    char room[GW_RELAY_FIELD_ROOM];
    sv_textbuf certificate = SV_TEXTBUF(room);
    if (relay->cache == NULL || who->newcomer || who->est != GW_EST_NONE
        || gw_relay_certificate(request, &certificate) != SV_OK) {
        return false;
    }
    const gw_cache_asker device = { .device = who->whose, .certificate = certificate.at };
    return gw_cache_answer_fresh(relay->cache, request, target)
           || gw_cache_take(relay->cache, request, target, &device);
}

void gw_relay_request(sv_http_request *request, void *arg) {
    gw_relay *relay = arg;
    char room[GW_RELAY_TARGET_ROOM];
    sv_textbuf target = SV_TEXTBUF(room);
    asker who;
    if (!is_welcome(relay, request, &who) || !is_in_time(relay, request, &who)) {
        return;
    }
    mention_spoof(request, &who);
    if (!is_passed_on(relay, request, who.est, &target)
        || is_cached(relay, request, &who, sv_textbuf_text(&target))) {
        return;
    }
    gw_errand *place = find_place(relay, request, &who);
    if (place == NULL) {
        return;
    }
    *place = (gw_errand){ .request = request,
                          .est = who.est,
                          .newcomer = who.newcomer,
                          .since_us = sv_clock_monotonic_us() };
    memcpy(place->whose, who.whose, sizeof place->whose);
    TAILQ_INSERT_TAIL(who.newcomer ? &relay->newcomers : &relay->waiting, place, link);
    gw_relay_next(relay);
}
