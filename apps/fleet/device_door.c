#include "device_door.h"

#include "ledger.h"
#include "uplink.h"

#include <string.h>
#include <sys/log.h>

static const struct {
    const char *path;
    sv_uplink_fn *take;
} ROUTES[] = {
    { "/v1/readings", sv_uplink_readings },
    { "/v1/alerts", sv_uplink_alert },
    { "/v1/health", sv_uplink_health },
    { "/v1/ledger", sv_ledger_take },
};

static void answer_failure(sv_http_request *request, sv_err err, const sv_why *why) {
    if (err == SV_ERR_INVALID) {
        sv_http_problem(request, 400, "Bad request", "%s", why->text);
        return;
    }
    SV_LOG(error, "uplink.failed", "%s: %s", sv_http_peer(request), why->text);
    sv_http_reply_header(request, "Retry-After", "2");
    sv_http_problem(request, 503, "Not stored", "%s; keep it and try again", why->text);
}

static void take(sv_http_request *request, sv_fleet *fleet, sv_gateway *gateway,
                 sv_uplink_fn *take_body) {
    char room[SV_UPLINK_ANSWER_MAX];
    sv_textbuf answer = SV_TEXTBUF(room);
    sv_why why = { 0 };
    sv_err err = take_body(fleet, gateway, sv_http_body(request), &answer, &why);
    if (err != SV_OK) {
        answer_failure(request, err, &why);
        return;
    }
    sv_http_reply(request, 200, "application/json", sv_textbuf_text(&answer));
}

void sv_device_door(sv_http_request *request, void *arg) {
    sv_fleet *fleet = arg;
    const sv_identity *peer = sv_http_identity(request);
    sv_http_reply_header(request, "Cache-Control", "no-store");
    if (peer == NULL || peer->role != SV_ROLE_GATEWAY) {
        sv_http_problem(request, 403, "Forbidden", "this door is for gateways; '%s' is none",
                        peer != NULL ? peer->id : "a peer without certificate");
        return;
    }
    sv_gateway *gateway = sv_registry_gateway(fleet->registry, peer->id);
    if (gateway == NULL) {
        SV_LOG(warn, "uplink.unknown", "gateway %s is not named under gateways:", peer->id);
        sv_http_problem(request, 403, "Forbidden",
                        "gateway %s is not named in the fleet server's configuration; add it under "
                        "gateways:",
                        peer->id);
        return;
    }
    for (size_t i = 0; i < SV_COUNT(ROUTES); i++) {
        if (!sv_text_is(sv_http_path(request), ROUTES[i].path)) {
            continue;
        }
        if (strcmp(sv_http_method(request), "POST") != 0) {
            sv_http_reply_header(request, "Allow", "POST");
            sv_http_problem(request, 405, "Method not allowed", "use POST");
            return;
        }
        take(request, fleet, gateway, ROUTES[i].take);
        return;
    }
    sv_http_problem(request, 404, "Not found", "there is no " SV_TEXT_FMT " here",
                    SV_TEXT_ARG(sv_http_path(request)));
}
