#include "operator_door.h"

#include "access.h"
#include "actions_door.h"
#include "assets.h"
#include "audit_door.h"
#include "campaign_door.h"
#include "checklist_door.h"
#include "command_door.h"
#include "crl.h"
#include "device_list_door.h"
#include "downlink.h"
#include "enrol_door.h"
#include "gateway_token.h"
#include "group_door.h"
#include "images_door.h"
#include "inbox.h"
#include "issued_door.h"
#include "ledger_door.h"
#include "machine_past.h"
#include "maintenance_door.h"
#include "models_door.h"
#include "notify_door.h"
#include "raw.h"
#include "reach.h"
#include "rules_door.h"
#include "series.h"
#include "session_door.h"
#include "standing.h"
#include "standing_door.h"
#include "target_token.h"
#include "tokens_door.h"
#include "users_door.h"
#include "views.h"
#include "visit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/log.h>

extern const char sv_fleet_openapi[], sv_fleet_openapi_end[];

enum { OPEN_TO_ALL = SV_ROUTE_OPEN };

static const struct {
    const char *name, *value;
} HEADERS[] = {
    { "Content-Security-Policy",
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
      "connect-src 'self'; worker-src 'self'; manifest-src 'self'; frame-ancestors 'none'; "
      "base-uri 'none'; form-action 'self'" },
    { "X-Frame-Options", "DENY" },
    { "Referrer-Policy", "no-referrer" },
};

// ---- devices ------------------------------------------------------------------------------------

static void show_overview(sv_visit *v) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_visit_json(v, sv_view_overview(v->fleet, v->person.sites, &out, &why), &json, &why);
}

static void show_device(sv_visit *v) {
    const sv_device *device = sv_visit_device(v);
    if (device == NULL) {
        return;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_visit_json(v, sv_view_device_whole(v->fleet, device, &out, &why), &json, &why);
}

static void show_series(sv_visit *v) {
    char sensor[SV_VISIT_WORD_MAX];
    const sv_device *device = sv_visit_device(v);
    if (device == NULL || !sv_visit_word(v, "sensor", sensor)) {
        return;
    }
    int64_t to = v->fleet->wall_us() / 1000;
    int64_t from = -1;
    int64_t points = SV_SERIES_POINTS_DEFAULT;
    if (!sv_visit_number(v, "to", INT64_MAX / 2, &to)
        || !sv_visit_number(v, "from", INT64_MAX / 2, &from)
        || !sv_visit_number(v, "points", SV_SERIES_POINTS_MAX, &points)) {
        return;
    }
    from = from >= 0 ? from : to - SV_TIME_HOUR_US / 1000; // the last hour, unless asked
    const sv_stream *stream = sv_device_stream(device, sv_text_of(sensor));
    if (stream == NULL) {
        sv_http_problem(v->request, 404, "Not found", "device %s has no sensor '%s'", device->id,
                        sensor);
        return;
    }
    if (from > to) {
        sv_http_problem(v->request, 400, "Bad request", "from is later than to");
        return;
    }
    sv_series_range range = { .from_ms = from,
                              .to_ms = to,
                              .points = points > 0 ? (size_t) points : 1 };
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_visit_json(v, sv_series_write(v->fleet->db, stream, &range, &out, &why), &json, &why);
}

// ---- alerts -------------------------------------------------------------------------------------

static const char *word_or_null(const char *word) {
    return word[0] != '\0' ? word : NULL;
}

static void list_alerts(sv_visit *v) {
    static const char *const STATES[] = {
        "active", "open", "acknowledged", "cleared", "all", NULL
    };
    static const unsigned MASKS[] = { SV_INBOX_OPEN | SV_INBOX_ACKNOWLEDGED, SV_INBOX_OPEN,
                                      SV_INBOX_ACKNOWLEDGED, SV_INBOX_CLEARED,
                                      SV_INBOX_OPEN | SV_INBOX_ACKNOWLEDGED | SV_INBOX_CLEARED };
    char severity[SV_VISIT_WORD_MAX];
    char site[SV_VISIT_WORD_MAX];
    char device[SV_VISIT_WORD_MAX];
    char cursor[SV_VISIT_WORD_MAX];
    int state = 0;
    int64_t limit = SV_INBOX_LIMIT_DEFAULT;
    if (!sv_visit_choice(v, "state", STATES, &state) || !sv_visit_word(v, "severity", severity)
        || !sv_visit_word(v, "site", site) || !sv_visit_word(v, "device", device)
        || !sv_visit_word(v, "cursor", cursor)
        || !sv_visit_number(v, "limit", SV_INBOX_LIMIT_MAX, &limit)) {
        return;
    }
    sv_inbox_query query = { .states = MASKS[state],
                             .severity = word_or_null(severity),
                             .site = word_or_null(site),
                             .device = word_or_null(device),
                             .cursor = word_or_null(cursor),
                             .limit = limit > 0 ? (size_t) limit : 1,
                             .sites = v->person.sites };
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    char next[SV_INBOX_CURSOR_MAX];
    sv_json_open_object(&out);
    sv_json_key(&out, "items");
    sv_err err = sv_inbox_list(v->fleet->db, &query, &out, next, &why);
    if (err == SV_OK) {
        sv_json_add_str(&out, "next", word_or_null(next));
        sv_json_close_object(&out);
    }
    sv_visit_json(v, err, &json, &why);
}

static void show_alert(sv_visit *v) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_LIVE_EVENT_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = { 0 };
    sv_visit_json(v, sv_inbox_write(v->fleet->db, v->id, &out, NULL, NULL, &why), &json, &why);
}

static void answer_alert(const sv_visit *v, sv_err err, const sv_why *why_not) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_LIVE_EVENT_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_why why = *why_not;
    if (err == SV_OK) {
        sv_fleet_tell_alert(v->fleet, v->id);
        err = sv_inbox_write(v->fleet->db, v->id, &out, NULL, NULL, &why);
    }
    sv_visit_json(v, err, &json, &why);
}

static void acknowledge(sv_visit *v) {
    sv_why why = { 0 };
    sv_err err = sv_downlink_acknowledge(v->fleet, v->id, v->person.user, &why);
    answer_alert(v, err, &why);
}

static void unacknowledge(sv_visit *v) {
    sv_why why = { 0 };
    sv_err err = sv_downlink_unacknowledge(v->fleet, v->id, v->person.user, &why);
    answer_alert(v, err, &why);
}

static void say_normal(sv_visit *v) {
    sv_why why = { 0 };
    sv_err err = sv_downlink_normal(v->fleet, v->id, v->person.user, &why);
    answer_alert(v, err, &why);
}

// ---- the rest -----------------------------------------------------------------------------------

/// A page of another site is sent nothing of it, whatever a browser would let that page read.
static void join_live(sv_visit *v) {
    if (!sv_access_is_own_page(v->fleet, v->request, v->person.user)) {
        return;
    }
    sv_live_join(v->fleet->live, v->request, &v->person);
}

static void show_openapi(sv_visit *v) {
    sv_text text = { .at = sv_fleet_openapi,
                     .len = (size_t) (sv_fleet_openapi_end - sv_fleet_openapi) };
    sv_http_reply(v->request, 200, "application/json", text);
}

static void show_metrics(sv_visit *v) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    if (sv_view_metrics(v->fleet, &text) != SV_OK) {
        sv_http_problem(v->request, 503, "Not available", "the metrics cannot be read");
        return;
    }
    sv_http_reply(v->request, 200, "text/plain; version=0.0.4; charset=utf-8",
                  sv_textbuf_text(&text));
}

static void give_crl(sv_visit *v) {
    sv_crl_give(v->fleet, v->request);
}

static void show_alive(sv_visit *v) {
    sv_http_reply(v->request, 200, "text/plain; charset=utf-8", SV_TEXT("ok\n"));
}

static void show_ready(sv_visit *v) {
    sv_alert_count count;
    if (sv_inbox_counts(v->fleet->db, NULL, NULL, &count) != SV_OK) {
        sv_http_problem(v->request, 503, "Not ready", "the database does not answer");
        return;
    }
    sv_http_reply(v->request, 200, "text/plain; charset=utf-8", SV_TEXT("ready\n"));
}

// ---- routes -------------------------------------------------------------------------------------

/// What a route needs beside the role: one of these scopes, where somebody comes with a token.
enum { EVERY_SCOPE = SV_SCOPE_ALL, BY_SESSION = 0 };

static const sv_operator_route ROUTES[] = {
    { "POST", "/api/v1/session", OPEN_TO_ALL, EVERY_SCOPE, sv_session_door_login },
    { "GET", "/api/v1/session", SV_PERSON_VIEWER, EVERY_SCOPE, sv_session_door_show },
    { "DELETE", "/api/v1/session", SV_PERSON_VIEWER, BY_SESSION, sv_session_door_logout },
    { "POST", "/api/v1/session/password", SV_PERSON_VIEWER, BY_SESSION, sv_session_door_password },
    { "POST", "/api/v1/session/totp", SV_PERSON_VIEWER, BY_SESSION, sv_session_door_add_factor },
    { "DELETE", "/api/v1/session/totp", SV_PERSON_VIEWER, BY_SESSION,
      sv_session_door_remove_factor },
    { "GET", "/api/v1/tokens", SV_PERSON_VIEWER, SV_SCOPE_ADMIN, sv_tokens_door_list },
    { "POST", "/api/v1/tokens", SV_PERSON_VIEWER, SV_SCOPE_ADMIN, sv_tokens_door_add },
    { "DELETE", "/api/v1/tokens/*", SV_PERSON_VIEWER, SV_SCOPE_ADMIN, sv_tokens_door_remove },
    { "GET", "/api/v1/session/all", SV_PERSON_VIEWER, BY_SESSION, sv_session_door_list },
    { "DELETE", "/api/v1/session/all", SV_PERSON_VIEWER, BY_SESSION, sv_session_door_end_others },
    { "DELETE", "/api/v1/session/all/*", SV_PERSON_VIEWER, BY_SESSION, sv_session_door_end },
    { "POST", "/api/v1/login-links", SV_PERSON_ADMIN, SV_SCOPE_ADMIN, sv_session_door_link },
    { "GET", "/api/v1/users", SV_PERSON_ADMIN, SV_SCOPE_ADMIN, sv_users_door_list },
    { "POST", "/api/v1/users", SV_PERSON_ADMIN, SV_SCOPE_ADMIN, sv_users_door_add },
    { "GET", "/api/v1/users/*", SV_PERSON_ADMIN, SV_SCOPE_ADMIN, sv_users_door_show },
    { "PATCH", "/api/v1/users/*", SV_PERSON_ADMIN, SV_SCOPE_ADMIN, sv_users_door_change },
    { "DELETE", "/api/v1/users/*", SV_PERSON_ADMIN, SV_SCOPE_ADMIN, sv_users_door_remove },
    { "POST", "/api/v1/users/*/link", SV_PERSON_ADMIN, SV_SCOPE_ADMIN, sv_users_door_link },
    { "GET", "/api/v1/users/*/sessions", SV_PERSON_ADMIN, SV_SCOPE_ADMIN, sv_users_door_sessions },
    { "DELETE", "/api/v1/users/*/sessions", SV_PERSON_ADMIN, SV_SCOPE_ADMIN,
      sv_users_door_end_all },
    { "DELETE", "/api/v1/users/*/sessions/*", SV_PERSON_ADMIN, SV_SCOPE_ADMIN, sv_users_door_end },
    { "GET", "/api/v1/overview", SV_PERSON_VIEWER, SV_SCOPE_READ, show_overview },
    { "GET", "/api/v1/devices", SV_PERSON_VIEWER, SV_SCOPE_READ, sv_device_list_door },
    { "GET", "/api/v1/devices/*", SV_PERSON_VIEWER, SV_SCOPE_READ, show_device },
    { "GET", "/api/v1/devices/*/series", SV_PERSON_VIEWER, SV_SCOPE_READ, show_series },
    { "GET", "/api/v1/devices/*/machine", SV_PERSON_VIEWER, SV_SCOPE_READ, sv_machine_past_door },
    { "GET", "/api/v1/devices/*/raw", SV_PERSON_VIEWER, SV_SCOPE_READ, sv_raw_door },
    { "POST", "/api/v1/enrolments", SV_PERSON_OPERATOR, SV_SCOPE_DEVICES, sv_enrol_door_add },
    { "GET", "/api/v1/enrolments", SV_PERSON_VIEWER, SV_SCOPE_READ, sv_enrol_door_list },
    { "DELETE", "/api/v1/enrolments/*", SV_PERSON_OPERATOR, SV_SCOPE_DEVICES,
      sv_enrol_door_withdraw },
    { "POST", "/api/v1/devices/*/commands/*", SV_PERSON_OPERATOR, SV_SCOPE_DEVICES,
      sv_command_door_send },
    { "GET", "/api/v1/devices/*/commands", SV_PERSON_VIEWER, SV_SCOPE_READ, sv_command_door_list },
    { "GET", "/api/v1/devices/*/updates", SV_PERSON_VIEWER, SV_SCOPE_READ, sv_actions_door_show },
    { "POST", "/api/v1/devices/*/updates", SV_PERSON_RELEASE, SV_SCOPE_UPDATES,
      sv_actions_door_assign },
    { "DELETE", "/api/v1/devices/*/updates", SV_PERSON_OPERATOR, SV_SCOPE_UPDATES,
      sv_actions_door_cancel },
    { "POST", "/api/v1/devices/*/target-token", SV_PERSON_OPERATOR, SV_SCOPE_DEVICES,
      sv_target_token_door_make },
    { "DELETE", "/api/v1/devices/*/target-token", SV_PERSON_OPERATOR, SV_SCOPE_DEVICES,
      sv_target_token_door_remove },
    { "POST", "/api/v1/sites/*/gateway-token", SV_PERSON_ADMIN, SV_SCOPE_ADMIN,
      sv_gateway_token_door_make },
    { "DELETE", "/api/v1/sites/*/gateway-token", SV_PERSON_ADMIN, SV_SCOPE_ADMIN,
      sv_gateway_token_door_remove },
    { "GET", "/api/v1/versions", SV_PERSON_VIEWER, SV_SCOPE_READ, sv_versions_door },
    { "GET", "/api/v1/devices/*/maintenance", SV_PERSON_VIEWER, SV_SCOPE_READ,
      sv_maintenance_door_show_device },
    { "PUT", "/api/v1/devices/*/maintenance", SV_PERSON_OPERATOR, SV_SCOPE_DEVICES,
      sv_maintenance_door_begin_device },
    { "DELETE", "/api/v1/devices/*/maintenance", SV_PERSON_OPERATOR, SV_SCOPE_DEVICES,
      sv_maintenance_door_end_device },
    { "GET", "/api/v1/sites/*/maintenance", SV_PERSON_VIEWER, SV_SCOPE_READ,
      sv_maintenance_door_show_site },
    { "PUT", "/api/v1/sites/*/maintenance", SV_PERSON_OPERATOR, SV_SCOPE_DEVICES,
      sv_maintenance_door_begin_site },
    { "DELETE", "/api/v1/sites/*/maintenance", SV_PERSON_OPERATOR, SV_SCOPE_DEVICES,
      sv_maintenance_door_end_site },
    { "POST", "/api/v1/devices/*/standing", SV_PERSON_OPERATOR, SV_SCOPE_DEVICES,
      sv_standing_door_set },
    { "POST", "/api/v1/devices/*/replacement", SV_PERSON_OPERATOR, SV_SCOPE_DEVICES,
      sv_standing_door_replace },
    { "POST", "/api/v1/devices/*/renewed", SV_PERSON_OPERATOR, SV_SCOPE_DEVICES,
      sv_models_door_renewed },
    { "GET", "/api/v1/models", SV_PERSON_VIEWER, SV_SCOPE_READ, sv_models_door_list },
    { "PUT", "/api/v1/models/*", SV_PERSON_RELEASE, SV_SCOPE_UPDATES, sv_models_door_put },
    { "GET", "/api/v1/sites/*/models", SV_PERSON_VIEWER, SV_SCOPE_READ, sv_models_door_of_site },
    { "POST", "/api/v1/sites/*/models/*", SV_PERSON_RELEASE, SV_SCOPE_UPDATES, sv_models_door_act },
    { "GET", "/api/v1/standing", SV_PERSON_VIEWER, SV_SCOPE_READ, sv_standing_door_gateways },
    { "GET", "/api/v1/commands/*", SV_PERSON_VIEWER, SV_SCOPE_READ, sv_command_door_show },
    { "GET", "/api/v1/alerts", SV_PERSON_VIEWER, SV_SCOPE_READ, list_alerts },
    { "GET", "/api/v1/alerts/*", SV_PERSON_VIEWER, SV_SCOPE_READ, show_alert },
    { "POST", "/api/v1/alerts/*/acknowledge", SV_PERSON_OPERATOR, SV_SCOPE_ALERTS, acknowledge },
    { "DELETE", "/api/v1/alerts/*/acknowledge", SV_PERSON_OPERATOR, SV_SCOPE_ALERTS,
      unacknowledge },
    { "POST", "/api/v1/alerts/*/normal", SV_PERSON_OPERATOR, SV_SCOPE_ALERTS, say_normal },
    { "GET", "/api/v1/alerts/*/timeline", SV_PERSON_VIEWER, SV_SCOPE_READ,
      sv_notify_door_timeline },
    { "GET", "/api/v1/notify", SV_PERSON_VIEWER, SV_SCOPE_READ, sv_notify_door_setup },
    { "POST", "/api/v1/notify/channels/*/test", SV_PERSON_OPERATOR, SV_SCOPE_ALERTS,
      sv_notify_door_test_channel },
    { "POST", "/api/v1/notify/routes/*/test", SV_PERSON_OPERATOR, SV_SCOPE_ALERTS,
      sv_notify_door_test_route },
    { "GET", "/api/v1/notifications", SV_PERSON_VIEWER, SV_SCOPE_READ, sv_notify_door_list },
    { "GET", "/api/v1/notifications/*", SV_PERSON_VIEWER, SV_SCOPE_READ, sv_notify_door_show },
    { "POST", "/api/v1/notifications/*/retry", SV_PERSON_OPERATOR, SV_SCOPE_ALERTS,
      sv_notify_door_retry },
    { "GET", "/api/v1/certificates", SV_PERSON_VIEWER, SV_SCOPE_READ, sv_issued_door },
    { "GET", "/api/v1/audit", SV_PERSON_VIEWER, SV_SCOPE_READ, sv_audit_door },
    { "GET", "/api/v1/audit/export", SV_PERSON_VIEWER, SV_SCOPE_READ, sv_audit_export_door },
    { "GET", "/api/v1/audit/delivery", SV_PERSON_VIEWER, SV_SCOPE_READ, sv_ledger_door },
    { "GET", "/api/v1/checklist", SV_PERSON_VIEWER, SV_SCOPE_READ, sv_checklist_door_show },
    { "PUT", "/api/v1/checklist", SV_PERSON_ADMIN, SV_SCOPE_ADMIN, sv_checklist_door_publish },
    { "GET", "/api/v1/sites/*/rules", SV_PERSON_VIEWER, SV_SCOPE_READ, sv_rules_door_show },
    { "PUT", "/api/v1/sites/*/rules", SV_PERSON_OPERATOR, SV_SCOPE_RULES, sv_rules_door_put },
    { "POST", "/api/v1/sites/*/rules/check", SV_PERSON_OPERATOR, SV_SCOPE_RULES,
      sv_rules_door_check },
    { "POST", "/api/v1/sites/*/rules/try", SV_PERSON_OPERATOR, SV_SCOPE_RULES, sv_rules_door_try },
    { "GET", "/api/v1/sites/*/rules/versions", SV_PERSON_VIEWER, SV_SCOPE_READ,
      sv_rules_door_list },
    { "GET", "/api/v1/sites/*/rules/versions/*", SV_PERSON_VIEWER, SV_SCOPE_READ,
      sv_rules_door_version },
    { "POST", "/api/v1/sites/*/rules/versions/*/again", SV_PERSON_OPERATOR, SV_SCOPE_RULES,
      sv_rules_door_again },
    { "GET", "/api/v1/images", SV_PERSON_VIEWER, SV_SCOPE_READ, sv_images_door_list },
    { "GET", "/api/v1/images/parts/metadata/*", SV_PERSON_RELEASE, SV_SCOPE_UPDATES,
      sv_images_door_metadata_state },
    { "PUT", "/api/v1/images/parts/metadata/*", SV_PERSON_RELEASE, SV_SCOPE_UPDATES,
      sv_images_door_metadata_put },
    { "GET", "/api/v1/images/parts/artifacts/*/*", SV_PERSON_RELEASE, SV_SCOPE_UPDATES,
      sv_images_door_artifact_state },
    { "PUT", "/api/v1/images/parts/artifacts/*/*", SV_PERSON_RELEASE, SV_SCOPE_UPDATES,
      sv_images_door_artifact_put },
    { "POST", "/api/v1/images/publish", SV_PERSON_RELEASE, SV_SCOPE_UPDATES,
      sv_images_door_publish },
    { "POST", "/api/v1/images/files", SV_PERSON_RELEASE, SV_SCOPE_UPDATES, sv_images_door_file },
    { "DELETE", "/api/v1/images/files", SV_PERSON_RELEASE, SV_SCOPE_UPDATES,
      sv_images_door_remove },
    { "PUT", "/api/v1/images/keys/*", SV_PERSON_RELEASE, SV_SCOPE_UPDATES, sv_images_door_key },
    { "GET", "/api/v1/director/root", SV_PERSON_VIEWER, SV_SCOPE_READ, sv_images_door_director },
    { "GET", "/api/v1/updates", SV_PERSON_VIEWER, SV_SCOPE_READ, sv_campaign_door_list },
    { "POST", "/api/v1/updates", SV_PERSON_RELEASE, SV_SCOPE_UPDATES, sv_campaign_door_start },
    { "GET", "/api/v1/updates/*", SV_PERSON_VIEWER, SV_SCOPE_READ, sv_campaign_door_show },
    { "GET", "/api/v1/updates/*/devices", SV_PERSON_VIEWER, SV_SCOPE_READ,
      sv_campaign_door_devices },
    { "POST", "/api/v1/updates/*/pause", SV_PERSON_OPERATOR, SV_SCOPE_UPDATES | SV_SCOPE_DEVICES,
      sv_campaign_door_pause },
    { "POST", "/api/v1/updates/*/resume", SV_PERSON_OPERATOR, SV_SCOPE_UPDATES | SV_SCOPE_DEVICES,
      sv_campaign_door_resume },
    { "POST", "/api/v1/updates/*/stop", SV_PERSON_OPERATOR, SV_SCOPE_UPDATES | SV_SCOPE_DEVICES,
      sv_campaign_door_stop },
    { "POST", "/api/v1/updates/*/approve", SV_PERSON_RELEASE, SV_SCOPE_UPDATES,
      sv_campaign_door_approve },
    { "POST", "/api/v1/updates/*/retry", SV_PERSON_RELEASE, SV_SCOPE_UPDATES,
      sv_campaign_door_retry },
    { "GET", "/api/v1/groups", SV_PERSON_VIEWER, SV_SCOPE_READ, sv_group_door_list },
    { "GET", "/api/v1/groups/*", SV_PERSON_VIEWER, SV_SCOPE_READ, sv_group_door_show },
    { "PUT", "/api/v1/groups/*", SV_PERSON_OPERATOR, SV_SCOPE_DEVICES, sv_group_door_put },
    { "DELETE", "/api/v1/groups/*", SV_PERSON_OPERATOR, SV_SCOPE_DEVICES, sv_group_door_remove },
    { "GET", "/api/v1/devices/*/tags", SV_PERSON_VIEWER, SV_SCOPE_READ, sv_group_door_show_tags },
    { "PUT", "/api/v1/devices/*/tags", SV_PERSON_OPERATOR, SV_SCOPE_DEVICES,
      sv_group_door_put_tags },
    { "GET", "/api/v1/query", SV_PERSON_VIEWER, SV_SCOPE_READ, sv_group_door_query },
    { "GET", "/api/v1/events", SV_PERSON_VIEWER, SV_SCOPE_READ, join_live },
    { "GET", "/api/v1/openapi.json", SV_PERSON_VIEWER, EVERY_SCOPE, show_openapi },
    { "GET", "/metrics", SV_PERSON_VIEWER, SV_SCOPE_READ, show_metrics },
    { "GET", "/crl", OPEN_TO_ALL, EVERY_SCOPE, give_crl },
    { "GET", "/.well-known/security.txt", OPEN_TO_ALL, EVERY_SCOPE, sv_checklist_door_contact },
    { "GET", "/healthz", OPEN_TO_ALL, EVERY_SCOPE, show_alive },
    { "GET", "/readyz", OPEN_TO_ALL, EVERY_SCOPE, show_ready },
};

const sv_operator_route *sv_operator_routes(size_t *count) {
    *count = SV_COUNT(ROUTES);
    return ROUTES;
}

static bool path_fits(const char *pattern, sv_text path, sv_visit *v) {
    sv_text left = sv_text_of(pattern);
    sv_text *part = &v->id;
    while (left.len > 0 && path.len > 0) {
        sv_text want = sv_text_cut(&left, '/');
        sv_text have = sv_text_cut(&path, '/');
        if (sv_text_is(want, "*")) {
            *part = have;
            part = &v->name;
        } else if (!sv_text_eq(want, have)) {
            return false;
        }
    }
    return left.len == 0 && path.len == 0;
}

static void answer_unknown(sv_http_request *request, bool known_path) {
    const char *method = sv_http_method(request);
    bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    if (known_path) {
        sv_http_problem(request, 405, "Method not allowed", "%s is not possible here", method);
    } else if (!reads || !sv_assets_answer(request)) {
        sv_http_problem(request, 404, "Not found", "there is no '" SV_TEXT_FMT "' here",
                        SV_TEXT_ARG(sv_http_path(request)));
    }
}

static void answer(sv_visit *v, const sv_operator_route *route) {
    const sv_need need = { .least = (sv_person_role) route->least, .scopes = route->scopes };
    if (route->least == OPEN_TO_ALL
        || (sv_access_allow(v->fleet, v->request, &need, &v->person)
            && sv_reach_allows(v, sv_reach_about(route->path)))) {
        v->fleet->asks_from = sv_http_peer(v->request);
        route->answer(v);
        v->fleet->asks_from = NULL;
    } else {
        v->fleet->counts.requests_denied++;
    }
}

void sv_operator_door(sv_http_request *request, void *arg) {
    sv_visit v = { .fleet = arg, .request = request };
    bool known_path = false;
    for (size_t i = 0; i < SV_COUNT(HEADERS); i++) {
        sv_http_reply_header(request, HEADERS[i].name, HEADERS[i].value);
    }
    for (size_t i = 0; i < SV_COUNT(ROUTES); i++) {
        if (!path_fits(ROUTES[i].path, sv_http_path(request), &v)) {
            continue;
        }
        known_path = true;
        if (strcmp(ROUTES[i].method, sv_http_method(request)) != 0) {
            continue;
        }
        sv_http_reply_header(request, "Cache-Control", "no-store");
        answer(&v, &ROUTES[i]);
        return;
    }
    answer_unknown(request, known_path);
}
