#include "clones.h"

#include "inbox.h"
#include "standing.h"

#include <base/mem.h>
#include <crypto/random.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/log.h>

enum { NOBODY = -1 };

/// What one of the two gateways says.
typedef struct side {
    const sv_gateway *gateway;
    int64_t seen_us; ///< by its clock
} side;

/// An id that two gateways call online.
typedef struct shared {
    char id[SV_ID_ROOM]; ///< empty: a free place
    side sides[2];
    int last; ///< where it was heard last; NOBODY yet
    int turns;
    bool told; ///< the gateways look closely
    int64_t since_mono_us;
} shared;

struct sv_clones {
    shared list[SV_CLONES_LOOKED_AT_MAX];
};

sv_clones *sv_clones_new(void) {
    return sv_mem_new(sizeof(sv_clones));
}

void sv_clones_drop(sv_clones **clones) {
    free(*clones);
    *clones = NULL;
}

// ---- quarantine and alert -----------------------------------------------------------------------

/// The open alert about the id; SV_ERR_NOT_FOUND.
static sv_err find_open(sv_db *db, sv_alert *alert, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "SELECT id, message FROM alert WHERE device = ?1 AND type = 'SECURITY'"
                      " AND rule = '" SV_CLONES_RULE "' AND state < 2",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, alert->device_id);
    SV_TRY(sv_stmt_next(stmt, why));
    sv_err err = sv_text_copy(sv_stmt_text(stmt, 0), alert->id, sizeof alert->id);
    if (err == SV_OK) {
        err = sv_text_copy(sv_stmt_text(stmt, 1), alert->message, sizeof alert->message);
    }
    sv_stmt_reset(stmt);
    return err;
}

static sv_alert alert_of(const sv_fleet *fleet, const char *id, sv_alert_event event) {
    sv_alert alert = { .type = SV_ALERT_SECURITY,
                       .severity = SV_SEVERITY_CRITICAL,
                       .event = event,
                       .value = (double) NAN,
                       .raw = (double) NAN,
                       .at_us = fleet->wall_us(),
                       .rule = SV_CLONES_RULE };
    (void) snprintf(alert.device_id, sizeof alert.device_id, "%s", id);
    return alert;
}

static sv_err store(sv_fleet *fleet, const sv_device *device, const char *where, const char *by,
                    sv_alert *alert, sv_why *why) {
    const sv_standing_order order = { .id = sv_text_of(device->id),
                                      .state = SV_STANDING_QUARANTINED,
                                      .reason = alert->message,
                                      .by = by,
                                      .from = where };
    sv_standing_change change;
    if (!sv_standing_is_out(fleet->standing, order.id)) {
        SV_TRY(sv_standing_store(fleet, &order, &change, why));
    }
    sv_alert open = *alert;
    sv_err err = find_open(fleet->db, &open, why);
    if (err == SV_ERR_NOT_FOUND) {
        sv_random_hex(alert->id);
        return sv_inbox_take(fleet->db, alert, device->site->name, "", why);
    }
    *alert = open;
    return err;
}

static sv_err quarantine(sv_fleet *fleet, const sv_device *device, sv_text places, const char *by,
                         sv_why *why) {
    sv_alert alert = alert_of(fleet, device->id, SV_ALERT_RAISED);
    (void) snprintf(alert.message, sizeof alert.message,
                    "Its key is used at two places at once: %.*s; quarantined",
                    (int) (places.len < 120 ? places.len : 120), places.at);
    SV_TRY(sv_fleet_medium(sv_db_begin(fleet->db, why)));
    sv_err err = sv_fleet_medium(store(fleet, device, by, by, &alert, why));
    if (err == SV_OK) {
        err = sv_fleet_medium(sv_db_commit(fleet->db, why));
    } else {
        sv_db_rollback(fleet->db);
    }
    sv_standing_settle(fleet, err == SV_OK);
    if (err == SV_OK) {
        SV_LOG(warn, "security.clone", "%s: %s", device->id, alert.message);
        sv_fleet_tell_alert(fleet, sv_text_of(alert.id));
    }
    return err;
}

void sv_clones_decided(sv_fleet *fleet, const sv_standing_change *change) {
    sv_alert alert = alert_of(fleet, change->id, SV_ALERT_CLEARED);
    const sv_device *device = sv_registry_device(fleet->registry, sv_text_of(change->id));
    sv_why why = { .text = "" };
    if (change->state == SV_STANDING_QUARANTINED || device == NULL
        || find_open(fleet->db, &alert, &why) != SV_OK) {
        return;
    }
    sv_err err = sv_db_begin(fleet->db, &why);
    if (err == SV_OK) {
        err = sv_inbox_take(fleet->db, &alert, device->site->name, "", &why);
        if (err == SV_OK) {
            err = sv_db_commit(fleet->db, &why);
        } else {
            sv_db_rollback(fleet->db);
        }
    }
    if (err != SV_OK) {
        SV_LOG(error, "clones.failed", "%s", why.text);
        return;
    }
    sv_fleet_tell_alert(fleet, sv_text_of(alert.id));
}

// ---- seen by a gateway --------------------------------------------------------------------------

static sv_err read_places(const sv_json *places, sv_textbuf *out, sv_why *why) {
    size_t count = sv_json_count(places);
    if (!sv_json_is_array(places) || count == 0 || count > SV_CLONES_PLACES_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "places is no array of 1 to %d texts",
                       SV_CLONES_PLACES_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        sv_text place;
        if (!sv_json_text(sv_json_at(places, i), &place) || place.len == 0
            || place.len > SV_CLONES_PLACE_MAX) {
            return sv_fail(why, SV_ERR_INVALID, "places[%zu] is no text of 1 to %d bytes", i,
                           SV_CLONES_PLACE_MAX);
        }
        sv_textbuf_add_str(out, i > 0 ? ", " : "");
        for (size_t at = 0; at < place.len; at++) {
            char c = place.at[at];
            sv_textbuf_add_char(out, c >= ' ' && c < 0x7F ? c : '?');
        }
    }
    return sv_textbuf_end(out);
}

sv_err sv_clones_take(sv_fleet *fleet, sv_gateway *gateway, sv_text body, sv_textbuf *answer,
                      sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    char room[SV_CLONES_PLACES_MAX * (SV_CLONES_PLACE_MAX + 2) + 1];
    sv_textbuf places = SV_TEXTBUF(room);
    sv_text id;
    SV_TRY(sv_json_parse(body, &root, NULL, why));
    if (!sv_json_text(sv_json_get(root, "id"), &id)) {
        return sv_fail(why, SV_ERR_INVALID, "id is missing");
    }
    SV_TRY(sv_id_check("id", id, why));
    SV_TRY(read_places(sv_json_get(root, "places"), &places, why));
    const sv_device *device = sv_registry_device(fleet->registry, id);
    if (device == NULL || device->site != gateway->site) {
        return sv_fail(why, SV_ERR_INVALID, "'" SV_TEXT_FMT "' is no device of site %s",
                       SV_TEXT_ARG(id), gateway->site->name);
    }
    SV_TRY(quarantine(fleet, device, sv_textbuf_text(&places), gateway->id, why));
    sv_textbuf_add_str(answer, "{}");
    return SV_OK;
}

// ---- seen here ----------------------------------------------------------------------------------

static shared *find(sv_clones *clones, sv_text id) {
    for (size_t i = 0; i < SV_CLONES_LOOKED_AT_MAX; i++) {
        if (sv_text_is(id, clones->list[i].id)) {
            return &clones->list[i];
        }
    }
    return NULL;
}

/// A device that another gateway, which is heard, calls online too.
static void begin(sv_fleet *fleet, const sv_gateway *gateway, sv_text id, int64_t seen_us) {
    const sv_device *device = sv_registry_device(fleet->registry, id);
    shared *place = find(fleet->clones, SV_TEXT(""));
    if (device == NULL || place == NULL || device->gateway == NULL || device->gateway == gateway
        || !device->said_online || !device->gateway->online) {
        return;
    }
    *place = (shared){ .sides = { { .gateway = device->gateway, .seen_us = device->last_seen_us },
                                  { .gateway = gateway, .seen_us = seen_us } },
                       .last = NOBODY,
                       .since_mono_us = fleet->mono_us() };
    if (sv_text_copy(id, place->id, sizeof place->id) != SV_OK) {
        place->id[0] = '\0';
    }
}

void sv_clones_look(sv_fleet *fleet, const sv_gateway *gateway, sv_text id, bool online,
                    int64_t seen_us) {
    shared *known = find(fleet->clones, id);
    if (id.len == 0 || id.len > SV_ID_MAX) {
        return;
    }
    if (known == NULL) {
        if (online) {
            begin(fleet, gateway, id, seen_us);
        }
        return;
    }
    int which = known->sides[0].gateway == gateway   ? 0
                : known->sides[1].gateway == gateway ? 1
                                                     : NOBODY;
    if (which == NOBODY) {
        return;
    }
    if (!online) { // it has left there, and is at one place
        known->id[0] = '\0';
        return;
    }
    if (seen_us > known->sides[which].seen_us) {
        known->sides[which].seen_us = seen_us;
        known->turns += known->last != NOBODY && known->last != which;
        known->last = which;
    }
}

/// The two gateways tell when it was heard with every report for a while, not every ten seconds.
static void have_watched(sv_fleet *fleet, shared *known) {
    char room[128];
    sv_textbuf data = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&data);
    sv_why why = { .text = "" };
    sv_json_open_object(&out);
    sv_json_add_str(&out, "device", known->id);
    sv_json_close_object(&out);
    sv_err err = sv_db_begin(fleet->db, &why);
    if (err != SV_OK) {
        return;
    }
    for (size_t i = 0; err == SV_OK && i < SV_COUNT(known->sides); i++) {
        const sv_push_to to = { .gateway = known->sides[i].gateway };
        err = sv_push_add(fleet, to, "watch", sv_textbuf_text(&data), &why);
    }
    known->told = sv_push_commit(fleet, err, &why) == SV_OK;
}

void sv_clones_turn(sv_fleet *fleet) {
    for (size_t i = 0; i < SV_CLONES_LOOKED_AT_MAX; i++) {
        shared *known = &fleet->clones->list[i];
        if (known->id[0] == '\0') {
            continue;
        }
        const sv_device *device = sv_registry_device(fleet->registry, sv_text_of(known->id));
        char room[2 * SV_ID_ROOM + 8];
        sv_why why = { .text = "" };
        (void) snprintf(room, sizeof room, "%s, %s", known->sides[0].gateway->id,
                        known->sides[1].gateway->id);
        if (known->turns >= SV_CLONES_TURNS && device != NULL
            && quarantine(fleet, device, sv_text_of(room), "fleet", &why) != SV_OK) {
            SV_LOG(error, "clones.failed", "%s; it is tried again", why.text);
        } else if (known->turns >= SV_CLONES_TURNS
                   || fleet->mono_us() - known->since_mono_us > SV_CLONES_LOOK_US) {
            known->id[0] = '\0';
        } else if (!known->told) {
            have_watched(fleet, known);
        }
    }
}
