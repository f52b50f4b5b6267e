#include "enrol.h"

#include "audit_log.h"
#include "enrol_own.h"
#include "issued.h"
#include "standing.h"

#include <codec/encode.h>
#include <crypto/random.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void sv_enrol_hash(sv_text token, char out[SV_ENROL_HASH_ROOM]) {
    uint8_t digest[32];
    sv_sha256(token, digest);
    sv_textbuf hex = { .at = out, .cap = SV_ENROL_HASH_ROOM };
    sv_hex_add(&hex, digest, sizeof digest);
    (void) sv_textbuf_end(&hex);
}

// ---- may it be added? ---------------------------------------------------------------------------

static sv_err check_words(const sv_enrol_wish *wish, sv_why *why) {
    SV_TRY(sv_id_check("device id", sv_text_of(wish->id), why));
    SV_TRY(sv_id_check("site", sv_text_of(wish->site), why));
    if (wish->type[0] != '\0') {
        SV_TRY(sv_id_check("type", sv_text_of(wish->type), why));
    }
    if (strcasecmp(wish->id, "ca") == 0) {
        return sv_fail(why, SV_ERR_INVALID, "'%s' names the authority's own files", wish->id);
    }
    for (const char *at = wish->idevid; *at != '\0'; at++) {
        if ((unsigned char) *at < ' ' || *at == 0x7F) {
            return sv_fail(why, SV_ERR_INVALID, "idevid of %s holds control characters", wish->id);
        }
    }
    return SV_OK;
}

/// Ids are of one role for good, without regard to case. [pki-3]
static sv_err check_role(const sv_fleet *fleet, const char *id, sv_why *why) {
    sv_stmt *stmt;
    const char *role = strcasecmp(id, fleet->config.id) == 0 ? "server" : NULL;
    for (size_t i = 0; i < fleet->config.gateway_count; i++) {
        role = strcasecmp(id, fleet->config.gateways[i].gateway) == 0 ? "gateway" : role;
    }
    if (role != NULL) {
        return sv_fail(why, SV_ERR_STATE, "'%s' is a %s; no device can be called so", id, role);
    }
    SV_TRY(sv_db_stmt(fleet->db,
                      "SELECT id, role FROM certificate WHERE id = ?1 COLLATE NOCASE"
                      " AND role <> 'device' LIMIT 1",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, id);
    sv_err err = sv_stmt_next(stmt, why);
    if (err == SV_OK) {
        err = sv_fail(why, SV_ERR_STATE,
                      "'" SV_TEXT_FMT "' is a " SV_TEXT_FMT "; no device can be called so",
                      SV_TEXT_ARG(sv_stmt_text(stmt, 0)), SV_TEXT_ARG(sv_stmt_text(stmt, 1)));
    }
    sv_stmt_reset(stmt);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

/// What has a certificate that counts keeps it until somebody says that it is to be replaced.
static sv_err check_free(const sv_fleet *fleet, const sv_device *device, const char *id,
                         sv_why *why) {
    sv_stmt *stmt;
    bool taken = device != NULL && device->last_seen_us > 0;
    if (!taken) {
        SV_TRY(sv_db_stmt(fleet->db,
                          "SELECT 1 FROM certificate WHERE id = ?1 AND not_after_us > ?2"
                          " AND revoked = 0 LIMIT 1",
                          &stmt, why));
        sv_stmt_bind_str(stmt, 1, id);
        sv_stmt_bind_int(stmt, 2, fleet->believed_us());
        sv_err err = sv_stmt_next(stmt, why);
        taken = err == SV_OK;
        sv_stmt_reset(stmt);
        SV_TRY(err == SV_ERR_NOT_FOUND ? SV_OK : err);
    }
    return taken ? sv_fail(why, SV_ERR_STATE,
                           "device %s has a certificate or has been here; to give its place to a "
                           "new key: selvedge device replace %s",
                           id, id)
                 : SV_OK;
}

/// Says which there are, the first few.
static sv_err no_such_site(const sv_fleet *fleet, const char *site, sv_why *why) {
    enum { NAMED_MAX = 200 };
    char room[NAMED_MAX + SV_ID_ROOM + 8];
    sv_textbuf names = SV_TEXTBUF(room);
    for (size_t i = 0; i < fleet->config.gateway_count; i++) {
        const sv_fleet_gateway_site *gateways = fleet->config.gateways;
        size_t first = 0;
        while (strcmp(gateways[first].site, gateways[i].site) != 0) {
            first++;
        }
        if (first == i && names.len < NAMED_MAX) {
            sv_textbuf_addf(&names, "%s%s", i > 0 ? ", " : "", gateways[i].site);
        } else if (first == i) {
            sv_textbuf_add_str(&names, ", …");
            break;
        }
    }
    (void) sv_textbuf_end(&names);
    return sv_fail(why, SV_ERR_NOT_FOUND,
                   "there is no site '%s'; the fleet server's gateways stand at: %s", site, room);
}

sv_err sv_enrol_check(sv_fleet *fleet, const sv_enrol_wish *wish, bool replaces, sv_why *why) {
    SV_TRY(check_words(wish, why));
    const sv_site *site = sv_registry_site(fleet->registry, sv_text_of(wish->site));
    const sv_device *device = sv_registry_device(fleet->registry, sv_text_of(wish->id));
    if (site == NULL) {
        return no_such_site(fleet, wish->site, why);
    }
    if (device == NULL && replaces) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "there is no device '%s'", wish->id);
    }
    if (device != NULL && device->site != site) {
        return sv_fail(why, SV_ERR_STATE, "device %s belongs to site %s, not to %s", wish->id,
                       device->site->name, wish->site);
    }
    SV_TRY(check_role(fleet, wish->id, why));
    SV_TRY(sv_issued_check_spelling(fleet, wish->id, why));
    if (!replaces && sv_standing_is_out(fleet->standing, sv_text_of(wish->id))) {
        return sv_fail(why, SV_ERR_STATE,
                       "%s does not count any more; to give its place to a new key: selvedge "
                       "device replace %s",
                       wish->id, wish->id);
    }
    return replaces ? SV_OK : check_free(fleet, device, wish->id, why);
}

static sv_err check_order(sv_fleet *fleet, const sv_enrol_order *order, sv_why *why) {
    size_t room = SV_FLEET_DEVICES_MAX - sv_registry_device_count(fleet->registry);
    if (order->count == 0 || order->count > SV_ENROL_MANY_MAX || order->count > room) {
        return sv_fail(why, SV_ERR_INVALID, "%zu devices at once; 1 to %zu can be added",
                       order->count, room < SV_ENROL_MANY_MAX ? room : (size_t) SV_ENROL_MANY_MAX);
    }
    if (order->minutes < 1 || order->minutes > SV_ENROL_MINUTES_MAX) {
        return sv_fail(why, SV_ERR_INVALID, "minutes is %" PRId64 ", not 1 to %d (90 days)",
                       order->minutes, SV_ENROL_MINUTES_MAX);
    }
    for (size_t i = 0; i < order->count; i++) {
        SV_TRY(sv_enrol_check(fleet, &order->wishes[i], order->replaces, why));
        for (size_t before = 0; before < i; before++) {
            if (strcasecmp(order->wishes[before].id, order->wishes[i].id) == 0) {
                return sv_fail(why, SV_ERR_INVALID, "%s is there twice", order->wishes[i].id);
            }
        }
    }
    return SV_OK;
}

// ---- adding -------------------------------------------------------------------------------------

static sv_err close_open(sv_db *db, const char *id, int64_t now_us, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "UPDATE enrolment_token SET withdrawn_us = ?2 WHERE id = ?1"
                      " AND used_us IS NULL AND withdrawn_us IS NULL",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, id);
    sv_stmt_bind_int(stmt, 2, now_us);
    return sv_stmt_run(stmt, why);
}

/// What waited for it until its time was over makes room.
static sv_err close_expired(sv_db *db, const sv_enrol_wish *wish, int64_t now_us, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "UPDATE enrolment_token SET withdrawn_us = ?2 WHERE idevid = ?1"
                      " AND used_us IS NULL AND withdrawn_us IS NULL AND expires_us <= ?2",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, wish->idevid);
    sv_stmt_bind_int(stmt, 2, now_us);
    return sv_stmt_run(stmt, why);
}

/// Two devices cannot wait for the same manufacturer's certificate.
static sv_err check_idevid(sv_db *db, const sv_enrol_wish *wish, int64_t now_us, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_fleet_medium(close_expired(db, wish, now_us, why)));
    SV_TRY(sv_db_stmt(db,
                      "SELECT id FROM enrolment_token WHERE idevid = ?1 AND used_us IS NULL"
                      " AND withdrawn_us IS NULL",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, wish->idevid);
    sv_err err = sv_stmt_next(stmt, why);
    if (err == SV_OK) {
        err = sv_fail(why, SV_ERR_STATE, "device " SV_TEXT_FMT " waits for idevid '%s' already",
                      SV_TEXT_ARG(sv_stmt_text(stmt, 0)), wish->idevid);
    }
    sv_stmt_reset(stmt);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err add_row(sv_db *db, const sv_enrol_wish *wish, const sv_enrol_grant *grant,
                      const char *user, int64_t now_us, sv_why *why) {
    sv_stmt *stmt;
    char hash[SV_ENROL_HASH_ROOM];
    sv_enrol_hash(sv_text_of(grant->token), hash);
    SV_TRY(sv_db_stmt(db,
                      "INSERT INTO enrolment_token (hash, id, site, idevid, created_us,"
                      " expires_us, user) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, grant->token[0] != '\0' ? hash : NULL);
    sv_stmt_bind_str(stmt, 2, wish->id);
    sv_stmt_bind_str(stmt, 3, wish->site);
    sv_stmt_bind_str(stmt, 4, wish->idevid[0] != '\0' ? wish->idevid : NULL);
    sv_stmt_bind_int(stmt, 5, now_us);
    sv_stmt_bind_int(stmt, 6, grant->expires_us);
    sv_stmt_bind_str(stmt, 7, user);
    return sv_stmt_run(stmt, why);
}

/// The device's row, which is there before anybody has heard of it. [enrol-3]
static sv_err add_device(sv_db *db, const sv_enrol_wish *wish, int64_t now_us, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "INSERT INTO device (id, site, type, added_us) VALUES (?1, ?2, ?3, ?4)"
                      " ON CONFLICT (id) DO UPDATE SET type = coalesce(?3, type), added_us = ?4",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, wish->id);
    sv_stmt_bind_str(stmt, 2, wish->site);
    sv_stmt_bind_str(stmt, 3, wish->type[0] != '\0' ? wish->type : NULL);
    sv_stmt_bind_int(stmt, 4, now_us);
    return sv_stmt_run(stmt, why);
}

static sv_err note_added(sv_db *db, const sv_enrol_order *order, const sv_enrol_wish *wish,
                         int64_t now_us, sv_why *why) {
    char detail[SV_AUDIT_DETAIL_MAX];
    (void) snprintf(
        detail, sizeof detail, "for site %s, %s, good for %" PRId64 " minutes", wish->site,
        wish->idevid[0] != '\0' ? "by its manufacturer's certificate" : "by token", order->minutes);
    const sv_audit_event event = { .at_us = now_us,
                                   .who = order->user,
                                   .from = order->from,
                                   .what = order->replaces ? "device.replace" : "enrolment.add",
                                   .about = wish->id,
                                   .detail = detail };
    return sv_audit_add(db, &event, why);
}

static sv_err store_one(sv_fleet *fleet, const sv_enrol_order *order, const sv_enrol_wish *wish,
                        sv_enrol_grant *grant, sv_why *why) {
    int64_t now_us = fleet->believed_us();
    *grant = (sv_enrol_grant){ .expires_us = now_us + order->minutes * SV_TIME_MINUTE_US };
    SV_TRY(sv_fleet_medium(close_open(fleet->db, wish->id, now_us, why)));
    if (wish->idevid[0] != '\0') {
        SV_TRY(check_idevid(fleet->db, wish, now_us, why));
    } else {
        sv_random_token(grant->token);
    }
    SV_TRY(sv_fleet_medium(add_row(fleet->db, wish, grant, order->user, now_us, why)));
    SV_TRY(sv_fleet_medium(add_device(fleet->db, wish, now_us, why)));
    return sv_fleet_medium(note_added(fleet->db, order, wish, now_us, why));
}

sv_err sv_enrol_store(sv_fleet *fleet, const sv_enrol_order *order, sv_enrol_grant *grants,
                      sv_why *why) {
    SV_TRY(check_order(fleet, order, why));
    for (size_t i = 0; i < order->count; i++) {
        SV_TRY(store_one(fleet, order, &order->wishes[i], &grants[i], why));
    }
    return SV_OK;
}

void sv_enrol_settle(sv_fleet *fleet, const sv_enrol_order *order) {
    for (size_t i = 0; i < order->count; i++) {
        const sv_enrol_wish *wish = &order->wishes[i];
        sv_device *device = NULL;
        if (sv_registry_admit(fleet->registry, sv_text_of(wish->id), sv_text_of(wish->site),
                              fleet->wall_us(), &device, NULL)
            != SV_OK) {
            continue; // its row is there; the next start finds it
        }
        if (wish->type[0] != '\0') {
            (void) sv_text_copy(sv_text_of(wish->type), device->type, sizeof device->type);
        }
        if (order->count <= SV_ENROL_TOLD_MAX) {
            sv_fleet_tell_device(fleet, device);
        }
    }
}

sv_err sv_enrol_add(sv_fleet *fleet, const sv_enrol_order *order, sv_enrol_grant *grants,
                    sv_why *why) {
    SV_TRY(sv_fleet_medium(sv_db_begin(fleet->db, why)));
    sv_err err = sv_enrol_store(fleet, order, grants, why);
    if (err != SV_OK) {
        sv_db_rollback(fleet->db);
        return err;
    }
    SV_TRY(sv_fleet_medium(sv_db_commit(fleet->db, why)));
    sv_enrol_settle(fleet, order);
    return SV_OK;
}

// ---- withdrawing --------------------------------------------------------------------------------

/// Nobody has ever heard of it, and it has had no certificate: it was added by mistake.
static sv_err never_was(const sv_fleet *fleet, const char *id, bool *out, sv_why *why) {
    const sv_device *device = sv_registry_device(fleet->registry, sv_text_of(id));
    sv_stmt *stmt;
    *out = device != NULL && sv_device_is_awaited(device) && device->stream_count == 0
           && device->maintenance == NULL;
    if (!*out) {
        return SV_OK;
    }
    SV_TRY(sv_db_stmt(fleet->db, "SELECT 1 FROM certificate WHERE id = ?1 COLLATE NOCASE LIMIT 1",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, id);
    sv_err err = sv_stmt_next(stmt, why);
    sv_stmt_reset(stmt);
    *out = err == SV_ERR_NOT_FOUND;
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err forget(sv_db *db, const char *id, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db, "DELETE FROM device WHERE id = ?1", &stmt, why));
    sv_stmt_bind_str(stmt, 1, id);
    return sv_stmt_run(stmt, why);
}

static sv_err withdraw(sv_fleet *fleet, const char *id, bool mistake, const sv_audit_event *event,
                       sv_why *why) {
    SV_TRY(sv_fleet_medium(close_open(fleet->db, id, event->at_us, why)));
    if (sv_db_changes(fleet->db) == 0) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "nothing is open for %s", id);
    }
    SV_TRY(mistake ? sv_fleet_medium(forget(fleet->db, id, why)) : SV_OK);
    return sv_fleet_medium(sv_audit_add(fleet->db, event, why));
}

sv_err sv_enrol_withdraw(sv_fleet *fleet, sv_text id, const char *user, const char *from,
                         sv_why *why) {
    char room[SV_ID_ROOM];
    if (sv_text_copy(id, room, sizeof room) != SV_OK) {
        return sv_fail(why, SV_ERR_NOT_FOUND, "that is no id of a device");
    }
    const sv_audit_event event = { .at_us = fleet->wall_us(),
                                   .who = user,
                                   .from = from,
                                   .what = "enrolment.withdraw",
                                   .about = room };
    bool mistake = false;
    SV_TRY(sv_fleet_medium(never_was(fleet, room, &mistake, why)));
    SV_TRY(sv_fleet_medium(sv_db_begin(fleet->db, why)));
    sv_err err = withdraw(fleet, room, mistake, &event, why);
    if (err != SV_OK) {
        sv_db_rollback(fleet->db);
        return err;
    }
    SV_TRY(sv_fleet_medium(sv_db_commit(fleet->db, why)));
    if (mistake) {
        sv_registry_forget(fleet->registry, sv_text_of(room));
    }
    return SV_OK;
}

sv_err sv_enrol_prune(sv_db *db, int64_t before_us, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(db,
                      "DELETE FROM enrolment_token WHERE expires_us < ?1 AND (used_us IS NOT NULL"
                      " OR withdrawn_us IS NOT NULL)",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, before_us);
    return sv_stmt_run(stmt, why);
}
