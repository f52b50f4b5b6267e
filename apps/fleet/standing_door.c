#include "standing_door.h"

#include "enrol.h"
#include "standing.h"
#include "standing_push.h"
#include "views.h"

#include <codec/json.h>
#include <string.h>
#include <sys/log.h>

typedef struct decision {
    sv_standing_state state;
    char reason[SV_STANDING_REASON_MAX + 1];
    bool unknown;
} decision;

static bool read_decision(const sv_visit *v, decision *out) {
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
    char id[SV_ID_ROOM]; ///< as it is written in its certificates. [standing-1]
    int64_t newest_us;   ///< when its newest certificate began
} known;

/// The newest certificate that this server has seen made, or was told of, and how it writes the id.
static int64_t newest_known_us(sv_fleet *fleet, sv_text id, char spelling[SV_ID_ROOM]) {
    sv_stmt *stmt;
    int64_t newest_us = 0;
    if (sv_db_stmt(fleet->db,
                   "SELECT not_before_us, id FROM certificate WHERE id = ?1 COLLATE NOCASE"
                   " ORDER BY not_before_us DESC LIMIT 1",
                   &stmt, NULL)
        != SV_OK) {
        return 0;
    }
    sv_stmt_bind_text(stmt, 1, id);
    if (sv_stmt_next(stmt, NULL) == SV_OK) {
        char found[SV_ID_ROOM];
        newest_us = sv_stmt_int(stmt, 0);
        if (sv_text_copy(sv_stmt_text(stmt, 1), found, sizeof found) == SV_OK) {
            memcpy(spelling, found, sizeof found);
        }
        sv_stmt_reset(stmt);
    }
    return newest_us;
}

static known look_up(sv_fleet *fleet, sv_text id) {
    char room[SV_ID_ROOM];
    known found = { .role = SV_ROLE_DEVICE };
    if (sv_text_copy(id, room, sizeof room) != SV_OK) {
        return found;
    }
    int64_t newest_us = newest_known_us(fleet, id, room);
    id = sv_text_of(room);
    const sv_pki_record *record = sv_certificates_of(fleet->certificates, id, fleet->mono_us());
    if (record != NULL) {
        found = (known){ .here = true, .role = record->role, .newest_us = record->not_before_us };
    }
    if (sv_registry_gateway(fleet->registry, room) != NULL) {
        found.role = SV_ROLE_GATEWAY;
        found.here = true;
    }
    memcpy(found.id, room, sizeof found.id);
    found.newest_us = newest_us > found.newest_us ? newest_us : found.newest_us;
    found.here |= newest_us > 0 || sv_registry_device(fleet->registry, id) != NULL
                  || sv_standing_of(fleet->standing, id).version > 0;
    return found;
}

static sv_err check(const sv_visit *v, const decision *w, const known *found, sv_why *why) {
    SV_TRY(sv_id_check("id", v->id, why));
    if (!found->here && !w->unknown) {
        return sv_fail(why, SV_ERR_NOT_FOUND,
                       "nobody here has heard of '" SV_TEXT_FMT
                       "'; to decide about it all the same, say \"unknown\":true (on the "
                       "command line --unknown)",
                       SV_TEXT_ARG(v->id));
    }
    if (w->state == SV_STANDING_QUARANTINED && found->role != SV_ROLE_DEVICE) {
        return sv_fail(why, SV_ERR_STATE,
                       "'" SV_TEXT_FMT "' is a %s; a quarantine is for devices, revoke it instead",
                       SV_TEXT_ARG(v->id), sv_role_name(found->role));
    }
    return SV_OK;
}

/// A token that is still open is none any more; whoever showed it would be refused anyway.
static void withdraw(const sv_visit *v, sv_text id) {
    sv_why why = { 0 };
    sv_err err = sv_enrol_withdraw(v->fleet, id, v->person.user, sv_http_peer(v->request), &why);
    if (err != SV_OK && err != SV_ERR_NOT_FOUND) {
        SV_LOG(error, "enrolment.failed", "%s", why.text);
    }
}

void sv_standing_door_set(sv_visit *v) {
    decision w = { .unknown = false };
    if (!read_decision(v, &w)) {
        return;
    }
    sv_why why = { 0 };
    sv_standing_change change;
    known found = look_up(v->fleet, v->id);
    sv_text id = found.id[0] != '\0' ? sv_text_of(found.id) : v->id;
    const sv_standing_order order = { .id = id,
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
    if (err == SV_OK && w.state >= SV_STANDING_REVOKED) {
        withdraw(v, id);
    }
    if (err == SV_OK) {
        sv_json_open_object(&out);
        sv_json_add_str(&out, "state", sv_standing_state_name(change.state));
        sv_json_add_int(&out, "version", change.version);
        sv_json_add_int(&out, "before", change.before_us / 1000);
        sv_json_close_object(&out);
    }
    sv_visit_json(v, err, &json, &why);
}

// ---- another machine in its place ---------------------------------------------------------------

static bool read_minutes(const sv_visit *v, int64_t *out) {
    SV_DEFER(sv_json_drop) sv_json *body = NULL;
    sv_text text = sv_http_body(v->request);
    const sv_json *minutes = NULL;
    *out = SV_ENROL_MINUTES_DEFAULT;
    if (text.len > 0 && sv_json_parse(text, &body, NULL, NULL) == SV_OK) {
        minutes = sv_json_get(body, "minutes");
    }
    bool good = (text.len == 0 || sv_json_is_object(body))
                && (minutes == NULL || sv_json_int(minutes, out));
    if (!good) {
        sv_http_problem(v->request, 400, "Bad request", "the body must be {\"minutes\":1440}");
    }
    return good;
}

/// The old certificates and the new token are of one transaction.
static sv_err replace(const sv_visit *v, const sv_enrol_order *order, sv_enrol_grant *grant,
                      sv_why *why) {
    sv_fleet *fleet = v->fleet;
    known found = look_up(fleet, v->id);
    const sv_standing_order stand = { .id = v->id,
                                      .state = SV_STANDING_ACTIVE,
                                      .replaces = true,
                                      .known_us = found.newest_us,
                                      .reason = "another machine takes its place",
                                      .by = order->user,
                                      .from = order->from };
    sv_standing_change change;
    SV_TRY(sv_fleet_medium(sv_db_begin(fleet->db, why)));
    sv_err err = sv_standing_store(fleet, &stand, &change, why);
    if (err == SV_OK) {
        err = sv_enrol_store(fleet, order, grant, why);
    }
    if (err == SV_OK) {
        err = sv_fleet_medium(sv_db_commit(fleet->db, why));
    } else {
        sv_db_rollback(fleet->db);
    }
    sv_standing_settle(fleet, err == SV_OK);
    if (err == SV_OK) {
        sv_enrol_settle(fleet, order);
    }
    return err;
}

static void give(const sv_visit *v, const sv_enrol_wish *wish, const sv_enrol_grant *grant,
                 const char *pin) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_enrol_write(v->fleet, wish, grant, pin, &out);
    sv_http_reply(v->request, 201, "application/json", sv_textbuf_text(&json));
    explicit_bzero(json.at, json.len);
}

void sv_standing_door_replace(sv_visit *v) {
    const sv_device *device = sv_visit_device(v);
    char pin[SV_PIN_TEXT_ROOM];
    sv_enrol_wish wish = { .idevid = "" };
    sv_enrol_grant grant = { .token = "" };
    sv_enrol_order order = { .wishes = &wish,
                             .count = 1,
                             .replaces = true,
                             .user = v->person.user,
                             .from = sv_http_peer(v->request) };
    sv_why why = { 0 };
    if (device == NULL || !read_minutes(v, &order.minutes)) {
        return;
    }
    memcpy(wish.id, device->id, sizeof wish.id);
    memcpy(wish.site, device->site->name, sizeof wish.site);
    memcpy(wish.type, device->type, sizeof wish.type);
    if (sv_enrol_pin(v->fleet, pin, &why) != SV_OK) {
        sv_http_problem(v->request, 503, "Not available", "%s", why.text);
        return;
    }
    sv_err err = replace(v, &order, &grant, &why);
    if (err != SV_OK) {
        sv_visit_failure(v, err, &why);
        return;
    }
    give(v, &wish, &grant, pin);
    explicit_bzero(&grant, sizeof grant);
}

void sv_standing_door_gateways(sv_visit *v) {
    SV_DEFER(sv_textbuf_drop) sv_textbuf json = SV_TEXTBUF_HEAP(SV_VIEW_BYTES_MAX);
    sv_json_out out = SV_JSON_OUT(&json);
    sv_standing_write_gateways(v->fleet, v->person.sites, &out);
    sv_visit_json(v, SV_OK, &json, NULL);
}
