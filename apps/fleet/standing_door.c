#include "standing_door.h"

#include "standing.h"
#include "standing_push.h"
#include "views.h"

#include <codec/json.h>

typedef struct wish {
    sv_standing_state state;
    char reason[SV_STANDING_REASON_MAX + 1];
    bool unknown;
} wish;

static bool read_wish(const sv_visit *v, wish *out) {
    SV_DEFER(sv_json_drop) sv_json *body = NULL;
    sv_text state;
    sv_text reason = SV_TEXT("");
    const sv_json *given = NULL;
    sv_why why = { 0 };
    sv_err err = sv_json_parse(sv_http_body(v->request), &body, NULL, &why);
    given = sv_json_get(body, "reason");
    (void) sv_json_bool(sv_json_get(body, "unknown"), &out->unknown);
    if (err != SV_OK || !sv_json_text(sv_json_get(body, "state"), &state)
        || (given != NULL && !sv_json_text(given, &reason))) {
        sv_http_problem(v->request, 400, "Bad request",
                        "the body must be {\"state\":\"revoked\",\"reason\":\"...\"}");
        return false;
    }
    err = sv_standing_state_parse(state, &out->state, &why);
    if (err == SV_OK && sv_text_copy(reason, out->reason, sizeof out->reason) != SV_OK) {
        err = sv_fail(&why, SV_ERR_INVALID, "the reason is not one line of at most %d bytes",
                      SV_STANDING_REASON_MAX);
    }
    if (err != SV_OK) {
        sv_visit_failure(v, err, &why);
    }
    return err == SV_OK;
}

/// What is known of an id: whether anybody has heard of it, and what it is.
typedef struct known {
    bool here;
    sv_role role;
    int64_t newest_us; ///< when its newest certificate began
} known;

static known look_up(sv_fleet *fleet, sv_text id) {
    char room[SV_ID_ROOM];
    known found = { .role = SV_ROLE_DEVICE };
    if (sv_text_copy(id, room, sizeof room) != SV_OK) {
        return found;
    }
    const sv_pki_record *record = sv_certificates_of(fleet->certificates, id, fleet->mono_us());
    if (record != NULL) {
        found = (known){ .here = true, .role = record->role, .newest_us = record->not_before_us };
    }
    if (sv_registry_gateway(fleet->registry, room) != NULL) {
        found.role = SV_ROLE_GATEWAY;
        found.here = true;
    }
    found.here |= sv_registry_device(fleet->registry, id) != NULL
                  || sv_standing_of(fleet->standing, id).version > 0;
    return found;
}

static sv_err check(const sv_visit *v, const wish *w, const known *found, sv_why *why) {
    SV_TRY(sv_id_check("id", v->id, why));
    if (!found->here && !w->unknown) {
        return sv_fail(why, SV_ERR_NOT_FOUND,
                       "nobody here has heard of '" SV_TEXT_FMT
                       "'; to decide about it all the same, say \"unknown\":true",
                       SV_TEXT_ARG(v->id));
    }
    if (w->state == SV_STANDING_QUARANTINED && found->role != SV_ROLE_DEVICE) {
        return sv_fail(why, SV_ERR_STATE,
                       "'" SV_TEXT_FMT "' is a %s; a quarantine is for devices, revoke it instead",
                       SV_TEXT_ARG(v->id), sv_role_name(found->role));
    }
    return SV_OK;
}

void sv_standing_door_set(sv_visit *v) {
    wish w = { .unknown = false };
    if (!read_wish(v, &w)) {
        return;
    }
    sv_why why = { 0 };
    sv_standing_change change;
    known found = look_up(v->fleet, v->id);
    const sv_standing_order order = { .id = v->id,
                                      .state = w.state,
                                      .known_us = found.newest_us,
                                      .reason = w.reason,
                                      .by = v->person.user,
                                      .from = sv_http_peer(v->request) };
    sv_err err = check(v, &w, &found, &why);
    if (err == SV_OK) {
        err = sv_standing_set(v->fleet, &order, &change, &why);
    }
    char room[256];
    sv_textbuf json = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&json);
    if (err == SV_OK) {
        sv_json_open_object(&out);
        sv_json_add_str(&out, "state", sv_standing_state_name(change.state));
        sv_json_add_int(&out, "version", change.version);
        sv_json_add_int(&out, "before", change.before_us / 1000);
        sv_json_close_object(&out);
    }
    sv_visit_json(v, err, &json, &why);
}

void sv_standing_door_gateways(sv_visit *v) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_standing_write_gateways(v->fleet, &out);
    sv_visit_json(v, SV_OK, &json, NULL);
}
