#include "device_door.h"

#include "asker.h"
#include "asks.h"
#include "clones.h"
#include "commands.h"
#include "crl.h"
#include "ddi_door.h"
#include "ddi_write.h"
#include "est_door.h"
#include "gateway_token.h"
#include "ledger.h"
#include "maintenance.h"
#include "models.h"
#include "push.h"
#include "site_groups.h"
#include "site_rules.h"
#include "standing_push.h"
#include "standing_return.h"
#include "target_token.h"
#include "update_door.h"
#include "uplink.h"

#include <codec/json.h>
#include <string.h>
#include <sys/log.h>

static const char SELF[] = "/v1/self";

enum { SELF_MAX = 512, NUMBER_ROOM = 24, ASK_ID_ROOM = 33 };

/// A gateway's own.
static const struct {
    const char *path;
    sv_uplink_fn *take;
} ROUTES[] = {
    { "/v1/readings", sv_uplink_readings },
    { "/v1/alerts", sv_uplink_alert },
    { "/v1/health", sv_uplink_health },
    { "/v1/ledger", sv_ledger_take },
    { "/v1/commands", sv_commands_take },
    { "/v1/standing", sv_standing_take_report },
    { "/v1/standing/lines", sv_standing_take_lines },
    { "/v1/clones", sv_clones_take },
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

/// Who the device is taken for. [relay-7]
static void tell_self(sv_http_request *request, const sv_asker *asker) {
    char room[SELF_MAX];
    sv_textbuf body = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&body);
    sv_json_open_object(&out);
    sv_json_add_str(&out, "device", asker->who.id);
    sv_json_add_str(&out, "site", asker->site != NULL ? asker->site->name : NULL);
    sv_json_add_str(&out, "via", asker->gateway != NULL ? asker->gateway->id : NULL);
    sv_json_key(&out, "certificate");
    sv_json_open_object(&out);
    sv_json_add_int(&out, "not_after", asker->who.not_after_us / 1000);
    sv_json_close_object(&out);
    sv_json_close_object(&out);
    sv_http_reply(request, 200, "application/json", sv_textbuf_text(&body));
}

static void wrong_method(sv_http_request *request, const char *allowed) {
    sv_http_reply_header(request, "Allow", allowed);
    sv_http_problem(request, 405, "Method not allowed", "use %s", allowed);
}

static void not_found(sv_http_request *request) {
    sv_http_problem(request, 404, "Not found", "there is no " SV_TEXT_FMT " here",
                    SV_TEXT_ARG(sv_http_path(request)));
}

// ---- what goes down -----------------------------------------------------------------------------

/// `/v1/gateway/<id>/<what>`; false for any other path.
static bool is_own(sv_text path, sv_text *id, sv_text *what) {
    static const sv_text ROOT = { .at = "/v1/gateway/", .len = sizeof "/v1/gateway/" - 1 };
    if (!sv_text_starts(path, ROOT)) {
        return false;
    }
    *what = (sv_text){ .at = path.at + ROOT.len, .len = path.len - ROOT.len };
    *id = sv_text_cut(what, '/');
    return true;
}

/// After which event: the header, which a client that comes back sends, before the parameter.
static bool read_after(const sv_http_request *request, int64_t *out) {
    char word[NUMBER_ROOM] = "0";
    const char *header = sv_http_header(request, "Last-Event-ID");
    sv_err err = sv_http_query(request, "after", word, sizeof word);
    uint64_t number = 0;
    if ((header == NULL && err != SV_OK && err != SV_ERR_NOT_FOUND)
        || sv_text_u64(sv_text_of(header != NULL ? header : word), INT64_MAX / 2, &number)
               != SV_OK) {
        return false;
    }
    *out = (int64_t) number;
    return true;
}

static void list_events(sv_http_request *request, sv_fleet *fleet, const sv_gateway *gateway,
                        int64_t after) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_PUSH_PAGE_BYTES);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_err err = sv_push_list(fleet, gateway, after, &out, &why);
    if (err != SV_OK) {
        SV_LOG(error, "push.failed", "gateway %s: %s", gateway->id, why.text);
        sv_http_problem(request, 503, "Not available", "%s", why.text);
        return;
    }
    sv_http_reply(request, 200, "application/json", sv_textbuf_text(&json));
}

static void give_events(sv_http_request *request, sv_fleet *fleet, sv_gateway *gateway) {
    int64_t after = 0;
    char poll[NUMBER_ROOM] = "0";
    if (!read_after(request, &after)) {
        sv_http_problem(request, 400, "Bad request", "after and Last-Event-ID are numbers");
    } else if (sv_http_query(request, "poll", poll, sizeof poll) == SV_OK
               && strcmp(poll, "1") == 0) {
        list_events(request, fleet, gateway, after);
    } else {
        sv_push_join(fleet, gateway, after, request);
    }
}

/// The rules of its site. [rules-4]
static void give_config(sv_http_request *request, sv_fleet *fleet, sv_gateway *gateway) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_SITE_RULES_GIVEN_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    char word[NUMBER_ROOM] = "0";
    uint64_t version = 0;
    sv_why why = { 0 };
    sv_err err = sv_http_query(request, "version", word, sizeof word);
    if ((err != SV_OK && err != SV_ERR_NOT_FOUND)
        || sv_text_u64(sv_text_of(word), INT64_MAX / 2, &version) != SV_OK) {
        sv_http_problem(request, 400, "Bad request", "version is a number");
        return;
    }
    err = sv_site_rules_give(fleet->db, gateway->site, (int64_t) version, &out, &why);
    if (err == SV_ERR_NOT_FOUND) {
        sv_http_problem(request, 404, "Not found", "%s", why.text);
    } else if (err != SV_OK) {
        answer_failure(request, err, &why);
    } else {
        sv_http_reply(request, 200, "application/json", sv_textbuf_text(&json));
    }
}

/// What a question of its own is about. [ask-7]
static void give_ask(sv_http_request *request, sv_fleet *fleet, sv_gateway *gateway) {
    char id[ASK_ID_ROOM];
    sv_text text;
    if (sv_http_query(request, "id", id, sizeof id) != SV_OK
        || sv_asks_text(fleet->asks, gateway, sv_text_of(id), &text) != SV_OK) {
        sv_http_problem(request, 404, "Not found", "no such question is open");
        return;
    }
    sv_http_reply(request, 200, "text/plain; charset=utf-8", text);
}

/// To what it was asked. [ask-2]
static void take_answer(sv_http_request *request, sv_fleet *fleet, sv_gateway *gateway) {
    sv_why why = { 0 };
    sv_err err = sv_asks_answer(fleet, gateway, sv_http_body(request), &why);
    if (err == SV_ERR_NOT_FOUND) {
        sv_http_problem(request, 404, "Not found", "%s", why.text);
    } else if (err != SV_OK) {
        answer_failure(request, err, &why);
    } else {
        sv_http_reply(request, 200, "application/json", SV_TEXT("{}"));
    }
}

/// What is worked on at its site. [maintenance-5]
static void give_maintenance(sv_http_request *request, sv_fleet *fleet, sv_gateway *gateway) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_MAINTENANCE_GIVEN_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_err err = sv_maintenance_give(fleet, gateway, &out, &why);
    if (err != SV_OK) {
        answer_failure(request, err, &why);
        return;
    }
    sv_http_reply(request, 200, "application/json", sv_textbuf_text(&json));
}

/// Those that its site runs. [model-30]
static void give_models(sv_http_request *request, sv_fleet *fleet, sv_gateway *gateway) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_MODELS_LIST_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_err err = sv_models_give(fleet, gateway->site, &out, &why);
    if (err != SV_OK) {
        answer_failure(request, err, &why);
        return;
    }
    sv_http_reply(request, 200, "application/json", sv_textbuf_text(&json));
}

/// Who of its site is in the groups that its rules name. [members-5]
static void give_groups(sv_http_request *request, sv_fleet *fleet, sv_gateway *gateway) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_SITE_GROUPS_GIVEN_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    int64_t after = 0;
    if (!read_after(request, &after)) {
        sv_http_problem(request, 400, "Bad request", "after is a number");
        return;
    }
    sv_err err = sv_site_groups_give(fleet, gateway->site, after, &out, &why);
    if (err == SV_ERR_UNAVAILABLE) {
        sv_http_reply_header(request, "Retry-After", "1");
        sv_http_problem(request, 503, "Not yet", "%s", why.text);
        return;
    }
    if (err != SV_OK) {
        answer_failure(request, err, &why);
        return;
    }
    sv_http_reply(request, 200, "application/json", sv_textbuf_text(&json));
}

/// What was decided about ids. [standing-9]
static void give_standing(sv_http_request *request, sv_fleet *fleet, sv_gateway *gateway) {
    int64_t after = 0;
    if (!read_after(request, &after)) {
        sv_http_problem(request, 400, "Bad request", "after is a number");
        return;
    }
    sv_standing_give(fleet, gateway, after, request);
}

static const struct {
    const char *what, *method;
    void (*answer)(sv_http_request *request, sv_fleet *fleet, sv_gateway *gateway);
} OWN[] = {
    { "events", "GET", give_events },   { "config", "GET", give_config },
    { "groups", "GET", give_groups },   { "ask", "GET", give_ask },
    { "answers", "POST", take_answer }, { "maintenance", "GET", give_maintenance },
    { "models", "GET", give_models },   { "standing", "GET", give_standing },
};

static void serve_own(sv_http_request *request, sv_fleet *fleet, sv_gateway *gateway, sv_text id,
                      sv_text what) {
    for (size_t i = 0; i < SV_COUNT(OWN); i++) {
        if (!sv_text_is(what, OWN[i].what)) {
            continue;
        }
        if (strcmp(sv_http_method(request), OWN[i].method) != 0) {
            wrong_method(request, OWN[i].method);
        } else if (!sv_text_is(id, gateway->id)) {
            sv_http_problem(request, 403, "Forbidden", "the %s of another gateway: you are %s",
                            OWN[i].what, gateway->id);
        } else {
            OWN[i].answer(request, fleet, gateway);
        }
        return;
    }
    not_found(request);
}

static void serve_gateway(sv_http_request *request, sv_fleet *fleet, sv_gateway *gateway) {
    sv_text id;
    sv_text what;
    if (is_own(sv_http_path(request), &id, &what)) {
        serve_own(request, fleet, gateway, id, what);
        return;
    }
    for (size_t i = 0; i < SV_COUNT(ROUTES); i++) {
        if (!sv_text_is(sv_http_path(request), ROUTES[i].path)) {
            continue;
        }
        if (strcmp(sv_http_method(request), "POST") != 0) {
            wrong_method(request, "POST");
            return;
        }
        take(request, fleet, gateway, ROUTES[i].take);
        return;
    }
    if (sv_text_is(sv_http_path(request), SELF)) {
        sv_http_problem(request, 403, "Forbidden", "%s is for devices; '%s' is a gateway", SELF,
                        gateway->id);
        return;
    }
    not_found(request);
}

static void serve_device(sv_http_request *request, sv_fleet *fleet, const sv_asker *asker) {
    const sv_ddi_asker device = { .id = asker->who.id, .gateway = asker->gateway };
    if (sv_ddi_door(request, fleet, &device)) {
        return;
    }
    if (sv_text_is(sv_http_path(request), SELF)) {
        bool reads = strcmp(sv_http_method(request), "GET") == 0
                     || strcmp(sv_http_method(request), "HEAD") == 0;
        if (reads) {
            tell_self(request, asker);
        } else {
            wrong_method(request, "GET, HEAD");
        }
        return;
    }
    for (size_t i = 0; i < SV_COUNT(ROUTES); i++) {
        if (sv_text_is(sv_http_path(request), ROUTES[i].path)) {
            sv_http_problem(request, 403, "Forbidden", "%s is for gateways; '%s' is a device",
                            ROUTES[i].path, asker->who.id);
            return;
        }
    }
    not_found(request);
}

static void refuse(sv_http_request *request, const sv_identity *peer, sv_err err,
                   const sv_why *why) {
    // A device on its first day is no attack.
    bool claims = err != SV_ERR_STATE && sv_http_header_count(request, "Client-Cert") > 0;
    SV_LOG(warn, claims ? "security.client-cert" : "device.refused", "%s at %s: %s",
           peer != NULL ? peer->id : "nobody", sv_http_peer(request), why->text);
    bool unread = err == SV_ERR_INVALID;
    sv_http_problem(request, unread ? 400 : 403, unread ? "Bad request" : "Forbidden", "%s",
                    why->text);
}

/// Who may ask for a certificate, and asks for something else. [profile-1]
static void send_to_enrol(sv_http_request *request, const sv_newcomer *newcomer) {
    SV_LOG(warn, "device.refused", "a newcomer at %s: not served before it has a certificate",
           sv_http_peer(request));
    switch (newcomer->kind) {
    case SV_NEWCOMER_EXPIRED:
        sv_http_problem(request, 403, "Forbidden",
                        "certificate has expired (%s); all it is good for is simplereenroll (EST)",
                        newcomer->identity.id);
        break;
    case SV_NEWCOMER_MANUFACTURER:
        sv_http_problem(request, 403, "Forbidden",
                        "a manufacturer's certificate (%s) is good for simpleenroll (EST) alone",
                        newcomer->name[0] != '\0' ? newcomer->name : newcomer->serial);
        break;
    case SV_NEWCOMER_NONE:
    default:
        sv_http_problem(request, 401, "Unauthorized",
                        "the peer has shown no certificate; to get one, enrol (EST)");
        break;
    }
}

// ---- who shows a token instead of a certificate -------------------------------------------------

static bool is_for_tokens(sv_text path) {
    return sv_text_starts(path, SV_TEXT(SV_DDI_PREFIX))
           || sv_text_starts(path, SV_TEXT("/artifacts/"));
}

/// A wrong token counts against its address; a right one that is not good for this does not, or one
/// device would shut out its neighbours.
static void refuse_token(sv_http_request *request, sv_fleet *fleet, const char *kind, sv_err err,
                         const sv_why *why) {
    if (err != SV_ERR_UNTRUSTED && err != SV_ERR_STATE) {
        answer_failure(request, err, why);
        return;
    }
    SV_LOG(warn, "device.refused", "a %stoken from %s: %s", kind, sv_http_peer(request), why->text);
    if (err == SV_ERR_STATE) {
        sv_http_problem(request, 403, "Forbidden", "%s", why->text);
        return;
    }
    sv_throttle_failed(&fleet->throttle, sv_http_peer(request), fleet->mono_us());
    sv_http_problem(request, 401, "Unauthorized", "%s", why->text);
}

/// What stands behind the kind of token; false: it is of another one.
static bool is_token(sv_text header, const char *kind, sv_text *token) {
    sv_text begin = sv_text_of(kind);
    if (!sv_text_starts(header, begin)) {
        return false;
    }
    *token = sv_text_trim((sv_text){ .at = header.at + begin.len, .len = header.len - begin.len });
    return true;
}

static sv_err judge_token(sv_fleet *fleet, bool of_site, sv_text token, sv_text path, sv_asker *out,
                          sv_why *why) {
    return of_site ? sv_gateway_token_judge(fleet, token, path, out, why)
                   : sv_target_token_judge(fleet, token, out, why);
}

/// False for who shows none, or where none is taken. [ddi-12] [ddi-21]
static bool serve_token(sv_http_request *request, sv_fleet *fleet) {
    sv_text header = sv_text_of(sv_http_header(request, "Authorization"));
    sv_text path = sv_http_path(request);
    sv_text token = { 0 };
    bool of_device = fleet->config.ddi.target_tokens && is_token(header, "TargetToken ", &token);
    bool of_site = fleet->config.ddi.gateway_tokens && is_token(header, "GatewayToken ", &token);
    sv_asker asker;
    sv_why why = { 0 };
    if (!(of_device || of_site) || !is_for_tokens(path)) {
        return false;
    }
    if (!sv_throttle_allows(&fleet->throttle, sv_http_peer(request), fleet->mono_us())) {
        sv_http_reply_header(request, "Retry-After", "60");
        sv_http_problem(request, 429, "Too many attempts", "too many wrong tokens; wait a minute");
        return true;
    }
    sv_err err = judge_token(fleet, of_site, token, path, &asker, &why);
    if (err == SV_OK && sv_update_door(request, fleet, &asker)) {
        return true;
    }
    sv_http_reply_header(request, "Cache-Control", "no-store");
    if (err != SV_OK) {
        refuse_token(request, fleet, of_site ? "gateway " : "target ", err, &why);
    } else {
        serve_device(request, fleet, &asker);
    }
    return true;
}

static bool is_crl(sv_http_request *request) {
    return sv_text_is(sv_http_path(request), "/crl") && strcmp(sv_http_method(request), "GET") == 0;
}

void sv_device_door(sv_http_request *request, void *arg) {
    sv_fleet *fleet = arg;
    const sv_newcomer *newcomer = sv_http_newcomer(request);
    if (sv_est_door(request, fleet)) {
        return;
    }
    if (is_crl(request)) { // no secret, and for whoever got through the handshake
        sv_crl_give(fleet, request);
        return;
    }
    if (newcomer != NULL) {
        if (newcomer->kind != SV_NEWCOMER_NONE || !serve_token(request, fleet)) {
            send_to_enrol(request, newcomer);
        }
        return;
    }
    const sv_asker_claim claim = {
        .peer = sv_http_identity(request),
        .client_cert = sv_http_header(request, "Client-Cert"),
        .client_certs = sv_http_header_count(request, "Client-Cert"),
    };
    sv_asker asker;
    sv_why why = { 0 };
    sv_err err = sv_asker_judge(fleet, fleet->device_tls, &claim, &asker, &why);
    if (err == SV_OK && sv_update_door(request, fleet, &asker)) {
        return; // which says itself what may be kept
    }
    sv_http_reply_header(request, "Cache-Control", "no-store");
    if (err != SV_OK) {
        refuse(request, claim.peer, err, &why);
    } else if (asker.who.role == SV_ROLE_GATEWAY) {
        serve_gateway(request, fleet, asker.gateway);
    } else {
        serve_device(request, fleet, &asker);
    }
}
