#include "offline.h"

#include "inbox.h"
#include "maintenance.h"
#include "standing.h"

#include <base/mem.h>
#include <crypto/random.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/log.h>

/// Whose alert begins or ends now.
typedef struct passing {
    sv_device *device; ///< or NULL and
    sv_gateway *gateway;
    bool begins;
    int64_t after_us;
    char alert[SV_ALERT_ID_MAX + 1]; ///< "": there was none to end
} passing;

typedef struct passings {
    passing list[SV_OFFLINE_A_TURN];
    size_t count;
} passings;

static const char *id_of(const passing *p) {
    return p->device != NULL ? p->device->id : p->gateway->id;
}

static const char *site_of(const passing *p) {
    return p->device != NULL ? p->device->site->name : p->gateway->site->name;
}

// ---- who is silent ------------------------------------------------------------------------------

/// False: there is no room, it comes a turn later.
static bool add(passings *all, const passing *p) {
    if (all->count == SV_OFFLINE_A_TURN) {
        return false;
    }
    all->list[all->count++] = *p;
    return true;
}

/// `what` began long enough ago.
static bool has_lasted(const sv_fleet *fleet, passing *what, int64_t silent_from_us,
                       int64_t now_us) {
    what->after_us = sv_offline_after_us(&fleet->config.offline, site_of(what), id_of(what));
    return what->after_us > 0 && now_us - silent_from_us >= what->after_us;
}

static void look_at_gateway(const sv_fleet *fleet, sv_gateway *gateway, int64_t now_us,
                            passings *all) {
    passing p = { .gateway = gateway };
    if (gateway->online || gateway->silent_from_us == 0) {
        gateway->silent_from_us = now_us;
    }
    p.begins = !gateway->away && !gateway->online && !sv_maintenance_is_on(gateway->site, NULL)
               && has_lasted(fleet, &p, gateway->silent_from_us, now_us);
    if (p.begins || (gateway->away && gateway->online)) {
        (void) add(all, &p);
    }
}

static void look_at_device(const sv_fleet *fleet, sv_device *device, int64_t now_us,
                           passings *all) {
    passing p = { .device = device };
    bool known = device->gateway != NULL && device->gateway->online;
    bool lives = known && (device->online || device->seen_again);
    if (lives || !known || device->silent_from_us == 0) {
        device->silent_from_us = now_us;
    }
    bool out = sv_standing_is_out(fleet->standing, sv_text_of(device->id));
    lives |= out; // nobody waits for it any more
    p.begins = !device->away && known && !lives && device->last_seen_us > 0
               && !sv_maintenance_is_on(device->site, device)
               && has_lasted(fleet, &p, device->silent_from_us, now_us);
    if (p.begins || (device->away && lives)) {
        (void) add(all, &p);
    } else {
        device->seen_again = false;
    }
}

static void look_around(sv_fleet *fleet, int64_t now_us, passings *all) {
    for (size_t i = 0; i < sv_registry_gateway_count(fleet->registry); i++) {
        look_at_gateway(fleet, sv_registry_gateway_at(fleet->registry, i), now_us, all);
    }
    size_t known = sv_registry_device_count(fleet->registry);
    for (size_t i = 0; i < known && i < SV_OFFLINE_LOOKED_AT; i++) {
        size_t at = fleet->offline_next < known ? fleet->offline_next : 0;
        look_at_device(fleet, sv_registry_device_at(fleet->registry, at), now_us, all);
        fleet->offline_next = at + 1;
    }
}

// ---- alerts -------------------------------------------------------------------------------------

static void say(const passing *p, char message[SV_ALERT_MESSAGE_MAX]) {
    char room[64];
    sv_textbuf lasted = SV_TEXTBUF(room);
    sv_duration_add(&lasted, p->after_us);
    (void) snprintf(message, SV_ALERT_MESSAGE_MAX,
                    p->device != NULL ? "No sign of life for " SV_TEXT_FMT
                                      : "The gateway has not been heard for " SV_TEXT_FMT
                                        "; how its devices are is not known",
                    SV_TEXT_ARG(sv_textbuf_text(&lasted)));
}

/// The open alert of `p`, as it stands. SV_ERR_NOT_FOUND.
static sv_err find_open(sv_db *db, const passing *p, sv_alert *out, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "SELECT id, message, severity, rule FROM alert WHERE device = ?1"
                      " AND site = ?2 AND type = 'OFFLINE' AND sensor = '' AND state < 2",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, id_of(p));
    sv_stmt_bind_str(stmt, 2, site_of(p));
    SV_TRY(sv_stmt_next(stmt, why));
    out->severity = sv_inbox_severity(sv_stmt_text(stmt, 2));
    sv_err err = sv_text_copy(sv_stmt_text(stmt, 0), out->id, sizeof out->id);
    if (err == SV_OK) {
        err = sv_text_copy(sv_stmt_text(stmt, 1), out->message, sizeof out->message);
    }
    if (err == SV_OK) {
        err = sv_text_copy(sv_stmt_text(stmt, 3), out->rule, sizeof out->rule);
    }
    sv_stmt_reset(stmt);
    return err;
}

static sv_err store(sv_fleet *fleet, passing *p, sv_why *why) {
    sv_alert alert = { .type = SV_ALERT_OFFLINE,
                       .severity = p->device != NULL ? SV_SEVERITY_WARNING : SV_SEVERITY_CRITICAL,
                       .event = p->begins ? SV_ALERT_RAISED : SV_ALERT_CLEARED,
                       .value = (double) NAN,
                       .raw = (double) NAN,
                       .at_us = fleet->wall_us() };
    SV_TRY(sv_text_copy(sv_text_of(id_of(p)), alert.device_id, sizeof alert.device_id));
    if (p->begins) {
        sv_random_hex(alert.id);
        say(p, alert.message);
        (void) snprintf(alert.rule, sizeof alert.rule, "%s",
                        p->device != NULL ? "" : SV_OFFLINE_GATEWAY);
    } else {
        sv_err err = find_open(fleet->db, p, &alert, why);
        if (err != SV_OK) {
            return err == SV_ERR_NOT_FOUND ? SV_OK : err;
        }
    }
    memcpy(p->alert, alert.id, sizeof p->alert);
    return sv_inbox_take(fleet->db, &alert, site_of(p), "", why);
}

static sv_err store_all(sv_fleet *fleet, passings *all, sv_why *why) {
    SV_TRY(sv_db_begin(fleet->db, why));
    for (size_t i = 0; i < all->count; i++) {
        sv_err err = store(fleet, &all->list[i], why);
        if (err != SV_OK) {
            sv_db_rollback(fleet->db);
            return err;
        }
    }
    return sv_db_commit(fleet->db, why);
}

static void settle(sv_fleet *fleet, const passing *p) {
    if (p->device != NULL) {
        p->device->away = p->begins;
        p->device->seen_again = false;
    } else {
        p->gateway->away = p->begins;
    }
    if (p->alert[0] != '\0') {
        sv_fleet_tell_alert(fleet, sv_text_of(p->alert));
    }
}

void sv_offline_turn(sv_fleet *fleet) {
    SV_DEFER(sv_mem_drop) passings *all = sv_mem_new(sizeof *all);
    sv_why why = { 0 };
    look_around(fleet, fleet->mono_us(), all);
    if (all->count == 0) {
        return;
    }
    if (store_all(fleet, all, &why) != SV_OK) {
        SV_LOG(error, "offline.failed", "%s; it is tried again", why.text);
        return;
    }
    for (size_t i = 0; i < all->count; i++) {
        settle(fleet, &all->list[i]);
    }
}

// ---- from before --------------------------------------------------------------------------------

static void note_away(const sv_fleet *fleet, sv_text id, sv_text rule) {
    char room[SV_ID_ROOM];
    if (!sv_text_is(rule, SV_OFFLINE_GATEWAY)) {
        sv_device *device = sv_registry_device(fleet->registry, id);
        if (device != NULL) {
            device->away = true;
        }
    } else if (sv_text_copy(id, room, sizeof room) == SV_OK) {
        sv_gateway *gateway = sv_registry_gateway(fleet->registry, room);
        if (gateway != NULL) {
            gateway->away = true;
        }
    }
}

sv_err sv_offline_load(sv_fleet *fleet, sv_why *why) {
    sv_stmt *stmt;
    sv_err err;
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT device, rule FROM alert WHERE type = 'OFFLINE' AND state < 2", &stmt,
                      why));
    while ((err = sv_stmt_next(stmt, why)) == SV_OK) {
        note_away(fleet, sv_stmt_text(stmt, 0), sv_stmt_text(stmt, 1));
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}
