#include "own_certificate.h"

#include "gateway.h"
#include <codec/url.h>
#include <crypto/pair.h>
#include <stdio.h>
#include <sys/log.h>

enum { STATUS_REFUSED = 401, STATUS_FORBIDDEN = 403, PATH_ROOM = SV_ID_ROOM + 64 };

sv_tls_files gw_tls_files(const gw_config *config) {
    return (sv_tls_files){ .ca = config->tls.ca,
                           .cert = config->tls.cert,
                           .key = config->tls.key,
                           .crl = config->tls.crl[0] == '\0' ? NULL : config->tls.crl };
}

sv_tls_files gw_door_files(const gw_config *config) {
    sv_tls_files files = gw_tls_files(config);
    files.manufacturers = config->door.manufacturers[0] == '\0' ? NULL : config->door.manufacturers;
    return files;
}

static void reload_client(sv_tls *used, const sv_tls_files *files, const char *what) {
    sv_tls *fresh = NULL;
    sv_why why = { 0 };
    if (sv_tls_client(files, &fresh, &why) != SV_OK) {
        SV_LOG(error, "tls.refused", "%s; %s keeps the old certificates", why.text, what);
        return;
    }
    sv_tls_adopt(used, &fresh);
}

/// What goes up, what is passed on and the stream of events share one context.
static void reload_uplink(gw *g) {
    sv_tls_files files = gw_tls_files(&g->config);
    reload_client(g->tls, &files, "what goes up");
    if (g->broker_tls != NULL) {
        files.foreign = true;
        reload_client(g->broker_tls, &files, "the connection to the broker");
    }
}

static void reload_relay(gw *g) {
    const sv_tls_files files = gw_door_files(&g->config);
    sv_why why = { 0 };
    if (g->relay != NULL && gw_relay_reload(g->relay, &files, &why) != SV_OK) {
        SV_LOG(error, "tls.refused", "%s; the device door's old certificates stay", why.text);
    }
}

void gw_certificates_reload(gw *g) {
    if (g->door != NULL) {
        gw_door_reload(g);
    }
    reload_relay(g);
    gw_page_reload(g);
    reload_uplink(g);
}

// ---- renewal ------------------------------------------------------------------------------------

static void end_trial(gw_own_certificate *own) {
    sv_http_client_drop(&own->probe);
    sv_tls_drop(&own->trial);
}

static void tried(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    gw *g = arg;
    gw_own_certificate *own = &g->own_certificate;
    sv_why fault = { 0 };
    if (own->renewal == NULL) {
        return; // closing
    }
    if (reply->status == 0) {
        fault = *why;
    } else if (reply->status == STATUS_REFUSED || reply->status == STATUS_FORBIDDEN) {
        (void) sv_fail(&fault, SV_ERR_UNTRUSTED, "the fleet server answers %d", reply->status);
    }
    end_trial(own);
    if (fault.code != SV_OK) {
        sv_renewal_refused(own->renewal, &fault);
        return;
    }
    sv_renewal_taken(own->renewal);
    gw_certificates_reload(g);
}

static sv_err try(gw *g, sv_why *why) {
    gw_own_certificate *own = &g->own_certificate;
    char path[PATH_ROOM];
    (void) snprintf(path, sizeof path, "/v1/gateway/%s/maintenance", g->config.id);
    SV_TRY(sv_http_client_open(g->loop, g->config.fleet.url, own->trial, GW_TRIAL_US, &own->probe,
                               why));
    return sv_http_client_send(own->probe, "GET", path, NULL, NULL, SV_TEXT(""), tried, g);
}

static void offered(void *arg, sv_tls *tls) {
    gw *g = arg;
    sv_why why;
    end_trial(&g->own_certificate);
    g->own_certificate.trial = tls;
    if (try(g, &why) != SV_OK) {
        end_trial(&g->own_certificate);
        sv_renewal_refused(g->own_certificate.renewal, &why);
    }
}

static void said(void *arg, bool good, const char *event, const char *sentence) {
    (void) arg;
    sv_log_write(good ? SV_LOG_info : SV_LOG_warn, event, "this gateway's own: %s", sentence);
}

sv_err gw_own_certificate_open(gw *g, sv_why *why) {
    static const sv_renewal_events EVENTS = { .offered = offered, .said = said };
    const gw_config *c = &g->config;
    sv_url url;
    if (c->fleet.url[0] == '\0' || c->tls.renew != GW_RENEW_AUTOMATIC) {
        return SV_OK;
    }
    sv_why unwritable;
    if (sv_pair_may_change(c->tls.cert, &unwritable) != SV_OK) {
        SV_LOG(warn, "certificate.by_hand", "%s", unwritable.text);
    }
    SV_TRY(sv_url_parse(sv_text_of(c->fleet.url), &url, why));
    const sv_renewal_options options = { .id = c->id,
                                         .label = "gateway",
                                         .host = url.host,
                                         .port = url.port,
                                         .ca = c->tls.ca,
                                         .cert = c->tls.cert,
                                         .key = c->tls.key };
    return sv_renewal_open(g->loop, &options, &EVENTS, g, &g->own_certificate.renewal, why);
}

void gw_own_certificate_close(gw *g) {
    sv_renewal_drop(&g->own_certificate.renewal);
    end_trial(&g->own_certificate);
}
