#include "downlink.h"

#include "audit_keep.h"
#include "commands.h"
#include "inbox.h"

#include <base/time.h>
#include <crypto/random.h>
#include <stdio.h>
#include <string.h>
#include <sys/log.h>

enum { LOOK_ROOM = 1024 };

/// NULL when its gateways are no longer configured.
static sv_err site_of_alert(const sv_fleet *fleet, sv_text id, const sv_site **out, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db, "SELECT site FROM alert WHERE id = ?1", &stmt, why));
    sv_stmt_bind_text(stmt, 1, id);
    SV_TRY(sv_stmt_next(stmt, why));
    *out = sv_registry_site(fleet->registry, sv_stmt_text(stmt, 0));
    sv_stmt_reset(stmt);
    return SV_OK;
}

static sv_err tell_acknowledged(sv_fleet *fleet, sv_text id, const char *user, int64_t now_ms,
                                sv_why *why) {
    const sv_site *site = NULL;
    SV_TRY(site_of_alert(fleet, id, &site, why));
    if (site == NULL) {
        return SV_OK;
    }
    char room[SV_PUSH_DATA_MAX];
    sv_textbuf data = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&data);
    sv_json_open_object(&out);
    sv_json_add_text(&out, "alert", id);
    sv_json_add_str(&out, "by", user);
    sv_json_add_int(&out, "at", now_ms);
    sv_json_close_object(&out);
    SV_TRY(sv_textbuf_end(&data));
    sv_err err = sv_push_add(fleet, (sv_push_to){ .site = site }, "acknowledged",
                             sv_textbuf_text(&data), why);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err; // the site has no gateway any more
}

/// Who looked after which alert, of which device.
static sv_err note_alert(sv_fleet *fleet, sv_text id, const char *user, const char *what,
                         sv_why *why) {
    char about[SV_AUDIT_NAME_MAX];
    char detail[SV_AUDIT_DETAIL_MAX];
    sv_stmt *row;
    SV_TRY(sv_db_stmt(fleet->db, "SELECT device, message FROM alert WHERE id = ?1", &row, why));
    sv_stmt_bind_text(row, 1, id);
    SV_TRY(sv_stmt_next(row, why));
    (void) snprintf(about, sizeof about, SV_TEXT_FMT, SV_TEXT_ARG(sv_stmt_text(row, 0)));
    (void) snprintf(detail, sizeof detail, "alert " SV_TEXT_FMT ": " SV_TEXT_FMT, SV_TEXT_ARG(id),
                    SV_TEXT_ARG(sv_stmt_text(row, 1)));
    sv_stmt_reset(row);
    return sv_audit_deed(
        fleet, &(sv_audit_event){ .who = user, .what = what, .about = about, .detail = detail },
        why);
}

sv_err sv_downlink_acknowledge(sv_fleet *fleet, sv_text alert_id, const char *user, sv_why *why) {
    int64_t now_ms = fleet->wall_us() / 1000;
    SV_TRY(sv_fleet_medium(sv_db_begin(fleet->db, why)));
    sv_err err = sv_inbox_acknowledge(fleet->db, alert_id, user, now_ms, why);
    if (err == SV_OK && sv_db_changes(fleet->db) > 0) {
        err = tell_acknowledged(fleet, alert_id, user, now_ms, why);
        err = err == SV_OK ? note_alert(fleet, alert_id, user, "alert.acknowledge", why) : err;
    }
    return sv_push_commit(fleet, err, why);
}

sv_err sv_downlink_unacknowledge(sv_fleet *fleet, sv_text alert_id, const char *user, sv_why *why) {
    SV_TRY(sv_fleet_medium(sv_db_begin(fleet->db, why)));
    sv_err err = sv_inbox_unacknowledge(fleet->db, alert_id, user, fleet->wall_us() / 1000, why);
    if (err == SV_OK && sv_db_changes(fleet->db) > 0) {
        err = note_alert(fleet, alert_id, user, "alert.unacknowledge", why);
    }
    return sv_push_commit(fleet, err, why);
}

/// Whose stream it is about, so that a gateway that has forgotten the alert finds it.
static sv_err write_normal(sv_fleet *fleet, sv_text id, const char *user, int64_t now_ms,
                           sv_textbuf *data, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(fleet->db, "SELECT device, sensor FROM alert WHERE id = ?1", &stmt, why));
    sv_stmt_bind_text(stmt, 1, id);
    SV_TRY(sv_stmt_next(stmt, why));
    sv_json_out out = SV_JSON_OUT(data);
    sv_json_open_object(&out);
    sv_json_add_text(&out, "alert", id);
    sv_json_add_text(&out, "device", sv_stmt_text(stmt, 0));
    sv_json_add_text(&out, "sensor", sv_stmt_text(stmt, 1));
    sv_json_add_str(&out, "by", user);
    sv_json_add_int(&out, "at", now_ms);
    sv_json_close_object(&out);
    sv_stmt_reset(stmt);
    return sv_textbuf_end(data);
}

static sv_err tell_normal(sv_fleet *fleet, sv_text id, const char *user, int64_t now_ms,
                          sv_why *why) {
    const sv_site *site = NULL;
    char room[SV_PUSH_DATA_MAX];
    sv_textbuf data = SV_TEXTBUF(room);
    SV_TRY(site_of_alert(fleet, id, &site, why));
    if (site == NULL) {
        return SV_OK;
    }
    SV_TRY(write_normal(fleet, id, user, now_ms, &data, why));
    sv_err err =
        sv_push_add(fleet, (sv_push_to){ .site = site }, "normal", sv_textbuf_text(&data), why);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

sv_err sv_downlink_normal(sv_fleet *fleet, sv_text alert_id, const char *user, sv_why *why) {
    int64_t now_ms = fleet->wall_us() / 1000;
    SV_TRY(sv_fleet_medium(sv_db_begin(fleet->db, why)));
    sv_err err = sv_inbox_normal(fleet->db, alert_id, user, now_ms, why);
    if (err == SV_OK && sv_db_changes(fleet->db) > 0) {
        err = tell_normal(fleet, alert_id, user, now_ms, why);
        err = err == SV_OK ? note_alert(fleet, alert_id, user, "alert.normal", why) : err;
    }
    return sv_push_commit(fleet, err, why);
}

static sv_err write_command(const sv_command *command, const sv_json *payload, int64_t now_ms,
                            sv_textbuf *data) {
    sv_json_out out = SV_JSON_OUT(data);
    sv_json_open_object(&out);
    sv_json_add_str(&out, "id", command->id);
    sv_json_add_str(&out, "device", command->device->id);
    sv_json_add_text(&out, "name", command->name);
    sv_json_add_int(&out, "at", now_ms);
    sv_json_add_int(&out, "until", command->until_ms);
    sv_json_add_str(&out, "by", command->user);
    sv_json_key(&out, "payload");
    sv_json_put_value(&out, payload);
    sv_json_close_object(&out);
    return sv_textbuf_end(data);
}

/// For its gateway, and among those of its device.
static sv_err queue(sv_fleet *fleet, const sv_command *command, const sv_json *payload,
                    sv_text event, int64_t now_ms, sv_why *why) {
    char room[SV_PUSH_DATA_MAX];
    sv_textbuf compact = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&compact);
    const sv_device *device = command->device;
    sv_push_to to = { .gateway = device->gateway, .site = device->site };
    sv_json_put_value(&out, payload);
    sv_err err = sv_push_add(fleet, to, "command", event, why);
    if (err == SV_ERR_NOT_FOUND) {
        return sv_fail(why, SV_ERR_STATE, "site %s of device %s has no gateway", device->site->name,
                       device->id);
    }
    return err == SV_OK
               ? sv_commands_add(fleet->db, command, sv_textbuf_text(&compact), now_ms, why)
               : err;
}

static sv_err note_command(sv_fleet *fleet, const sv_command *command, sv_text payload,
                           sv_why *why) {
    char detail[SV_AUDIT_DETAIL_MAX];
    (void) snprintf(detail, sizeof detail, SV_TEXT_FMT ", id %s: " SV_TEXT_FMT,
                    SV_TEXT_ARG(command->name), command->id, SV_TEXT_ARG(payload));
    return sv_audit_deed(fleet,
                         &(sv_audit_event){ .who = command->user,
                                            .what = "command.send",
                                            .about = command->device->id,
                                            .detail = detail },
                         why);
}

sv_err sv_downlink_command(sv_fleet *fleet, sv_command *command, sv_text payload, sv_why *why) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    char room[SV_PUSH_DATA_MAX];
    sv_textbuf data = SV_TEXTBUF(room);
    const sv_device *device = command->device;
    int64_t now_ms = fleet->wall_us() / 1000;
    SV_TRY(sv_id_check("name of the command", command->name, why));
    SV_TRY(sv_json_parse(payload, &root, NULL, why));
    sv_random_hex(command->id);
    command->until_ms = now_ms + command->within_s * 1000;
    if (write_command(command, root, now_ms, &data) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "the command does not fit %d bytes", SV_PUSH_DATA_MAX);
    }
    SV_TRY(sv_fleet_medium(sv_db_begin(fleet->db, why)));
    sv_err err = queue(fleet, command, root, sv_textbuf_text(&data), now_ms, why);
    err = err == SV_OK ? note_command(fleet, command, payload, why) : err;
    SV_TRY(sv_push_commit(fleet, err, why));
    SV_LOG(info, "command.queued", "%s asks %s for " SV_TEXT_FMT " (%zu bytes), id %s",
           command->user, device->id, SV_TEXT_ARG(command->name), payload.len, command->id);
    return SV_OK;
}

// ---- look now -----------------------------------------------------------------------------------

static sv_err write_look(const sv_device *device, sv_text version, sv_text sha256,
                         sv_textbuf *data) {
    sv_json_out out = SV_JSON_OUT(data);
    sv_json_open_object(&out);
    sv_json_add_str(&out, "device", device->id);
    if (sha256.len > 0) {
        sv_json_add_text(&out, "version", version);
        sv_json_add_text(&out, "sha256", sha256);
    }
    sv_json_close_object(&out);
    return sv_textbuf_end(data);
}

void sv_downlink_look(sv_fleet *fleet, const sv_device *device, sv_text version, sv_text sha256) {
    char room[LOOK_ROOM];
    sv_textbuf data = SV_TEXTBUF(room);
    if (write_look(device, version, sha256, &data) != SV_OK) {
        SV_LOG(error, "look.failed", "version '" SV_TEXT_FMT "' for %s is too long to be told",
               SV_TEXT_ARG(version), device->id);
        return;
    }
    for (size_t i = 0; i < sv_registry_gateway_count(fleet->registry); i++) {
        const sv_gateway *gateway = sv_registry_gateway_at(fleet->registry, i);
        if (device->gateway != NULL ? gateway == device->gateway : gateway->site == device->site) {
            sv_push_tell(fleet, gateway, "update", sv_textbuf_text(&data));
        }
    }
}
