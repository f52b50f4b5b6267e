// Who may ask what at the device door, and the place that a request waits in.
#include "relay_own.h"

#include <stdio.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>

static const char *const METHODS[] = { "GET", "POST", "PUT", "HEAD", "DELETE" };

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
    gw_est_refuse(request, gw_est_of(sv_http_path(request)), 403, "Forbidden", "%s", why.text);
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
static bool is_passed_on(gw_relay *relay, sv_http_request *request, gw_est est) {
    char room[GW_RELAY_TARGET_MAX * 3];
    sv_textbuf target = SV_TEXTBUF(room);
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
static gw_errand *find_place(gw_relay *relay, sv_http_request *request, gw_est est,
                             const char *whose) {
    gw_errand *place = NULL;
    size_t own = 0;
    for (size_t i = 0; i < GW_RELAY_AT_ONCE; i++) {
        gw_errand *e = &relay->errands[i];
        place = e->request == NULL ? e : place;
        own += e->request != NULL && strcmp(e->whose, whose) == 0;
    }
    if (place != NULL && own < GW_RELAY_PER_DEVICE) {
        return place;
    }
    relay->counts.refused++;
    gw_relay_come_again(request);
    if (own >= GW_RELAY_PER_DEVICE) {
        gw_est_refuse(request, est, 429, "Too many requests",
                      "%d requests of this device are under way already", GW_RELAY_PER_DEVICE);
    } else {
        gw_est_refuse(request, est, 503, "Busy", "%d requests are under way to the fleet server",
                      GW_RELAY_AT_ONCE);
    }
    return NULL;
}

void gw_relay_request(sv_http_request *request, void *arg) {
    gw_relay *relay = arg;
    gw_est est = gw_est_of(sv_http_path(request));
    sv_identity who;
    if (!is_device(relay, request, &who)) {
        return;
    }
    mention_spoof(request, &who);
    if (!is_passed_on(relay, request, est)) {
        return;
    }
    gw_errand *place = find_place(relay, request, est, who.id);
    if (place == NULL) {
        return;
    }
    *place = (gw_errand){ .request = request, .est = est, .since_us = sv_clock_monotonic_us() };
    (void) snprintf(place->whose, sizeof place->whose, "%s", who.id);
    TAILQ_INSERT_TAIL(&relay->waiting, place, link);
    gw_relay_next(relay);
}
