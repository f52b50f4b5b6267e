#include "views.h"
#include "divergence.h"

#include "audit_keep.h"
#include "census.h"
#include "failure_note.h"
#include "inbox.h"
#include "issued.h"
#include "life_note.h"
#include "machine_health.h"
#include "maintenance.h"
#include "series.h"
#include "signer.h"
#include "standing.h"

#include <math.h>
#include <string.h>
#include <sys/sandbox.h>

static void put_time(sv_json_out *out, const char *key, int64_t at_us) {
    if (at_us == 0) {
        sv_json_add_null(out, key);
    } else {
        sv_json_add_int(out, key, at_us / 1000);
    }
}

static void put_optional(sv_json_out *out, const char *key, const char *value) {
    sv_json_add_str(out, key, value[0] != '\0' ? value : NULL);
}

static void put_sensor(sv_fleet *fleet, sv_stream *stream, bool with_spark, sv_json_out *out) {
    sv_series_load_spark(fleet->db, stream);
    size_t count = stream->spark_count;
    sv_json_open_object(out);
    sv_json_add_str(out, "sensor", stream->sensor);
    put_optional(out, "unit", stream->unit);
    if (count > 0) {
        sv_json_add_number(out, "value", stream->spark[count - 1].value);
        sv_json_add_int(out, "at", stream->spark[count - 1].at_ms);
    } else {
        sv_json_add_null(out, "value");
        sv_json_add_null(out, "at");
    }
    if (with_spark) {
        sv_json_key(out, "spark");
        sv_json_open_array(out);
        for (size_t i = 0; i < count; i++) {
            sv_json_put_number(out, stream->spark[i].value);
        }
        sv_json_close_array(out);
    }
    sv_json_close_object(out);
}

// A device goes offline with its gateway's last word.
static int64_t since_us(const sv_device *device) {
    bool lost = device->said_online && !device->online;
    int64_t heard_us = lost && device->gateway != NULL ? device->gateway->last_seen_us : 0;
    return heard_us > device->since_us ? heard_us : device->since_us;
}

static void put_device(const sv_device *device, sv_json_out *out) {
    sv_json_add_str(out, "id", device->id);
    sv_json_add_str(out, "site", device->site->name);
    put_optional(out, "type", device->type);
    sv_json_add_bool(out, "online", device->online);
    put_time(out, "since", since_us(device));
    put_time(out, "last_seen", device->last_seen_us);
    sv_json_add_str(out, "health", sv_fleet_health_name(sv_device_health(device)));
    put_optional(out, "firmware_version", device->version);
    put_optional(out, "version", sv_device_runs(device));
    sv_json_add_bool(out, "awaited", sv_device_is_awaited(device));
    put_time(out, "clock_ahead", device->clock_ahead_us);
    sv_json_key(out, "maintenance");
    sv_maintenance_write(device->site, device, out);
    sv_json_key(out, "machine");
    sv_machine_write(device, out);
    sv_json_key(out, "life");
    sv_life_write(device, out);
    sv_json_key(out, "failure");
    sv_failure_write(device, out);
}

static const char *standing_of(const sv_fleet *fleet, const sv_device *device) {
    return sv_standing_state_name(sv_standing_of(fleet->standing, sv_text_of(device->id)).state);
}

static void put_key(sv_fleet *fleet, const sv_device *device, sv_json_out *out) {
    sv_json_key(out, "key");
    sv_json_open_array(out);
    for (size_t i = 0; i < device->stream_count && i < SV_VIEW_KEY_SENSORS; i++) {
        put_sensor(fleet, device->streams[i], true, out);
    }
    sv_json_close_array(out);
}

void sv_view_device(sv_fleet *fleet, const sv_device *device, bool with_key, sv_json_out *out) {
    sv_json_open_object(out);
    put_device(device, out);
    sv_json_add_str(out, "standing", standing_of(fleet, device));
    sv_json_key(out, "diverges");
    sv_divergence_write(fleet, device, out);
    sv_json_add_int(out, "alerts", device->alerts.open);
    if (with_key) {
        put_key(fleet, device, out);
    }
    sv_json_close_object(out);
}

/// The newest one that is known of: in the table, or in the folder when that has not come in yet.
static bool newest_of(sv_fleet *fleet, const char *id, sv_issued_newest *out) {
    const sv_pki_record *record =
        sv_certificates_of(fleet->certificates, sv_text_of(id), fleet->mono_us());
    bool stored = sv_issued_find_newest(fleet, id, out, NULL) == SV_OK;
    if (record == NULL || (stored && out->not_before_us > record->not_before_us)) {
        return stored;
    }
    bool revoked = stored && out->revoked && strcmp(out->serial, record->serial) == 0;
    memcpy(out->serial, record->serial, sizeof out->serial);
    out->not_before_us = record->not_before_us;
    out->not_after_us = record->not_after_us;
    out->revoked = record->revoked || revoked;
    return true;
}

static void put_certificate(sv_fleet *fleet, const sv_device *device, sv_json_out *out) {
    sv_issued_newest newest;
    sv_json_key(out, "certificate");
    if (!newest_of(fleet, device->id, &newest)) {
        sv_json_put_null(out);
        return;
    }
    sv_json_open_object(out);
    sv_json_add_str(out, "serial", newest.serial);
    sv_json_add_int(out, "not_before", newest.not_before_us / 1000);
    sv_json_add_int(out, "not_after", newest.not_after_us / 1000);
    sv_json_add_bool(out, "revoked", newest.revoked);
    sv_json_close_object(out);
}

sv_err sv_view_device_whole(sv_fleet *fleet, const sv_device *device, sv_json_out *out,
                            sv_why *why) {
    sv_json_open_object(out);
    put_device(device, out);
    put_key(fleet, device, out);
    sv_json_key(out, "sensors");
    sv_json_open_array(out);
    for (size_t i = 0; i < device->stream_count; i++) {
        put_sensor(fleet, device->streams[i], false, out);
    }
    sv_json_close_array(out);
    sv_json_key(out, "report");
    if (device->report != NULL) {
        sv_json_put_raw(out, sv_text_of(device->report));
    } else {
        sv_json_put_null(out);
    }
    put_certificate(fleet, device, out);
    sv_json_key(out, "standing");
    sv_standing_write(fleet, sv_text_of(device->id), out);
    sv_json_key(out, "alerts");
    sv_inbox_query query = { .states = SV_INBOX_OPEN | SV_INBOX_ACKNOWLEDGED,
                             .device = device->id,
                             .limit = SV_INBOX_LIMIT_MAX };
    char next[SV_INBOX_CURSOR_MAX];
    SV_TRY(sv_inbox_list(fleet->db, &query, out, next, why));
    sv_json_close_object(out);
    return SV_OK;
}

// ---- overview -----------------------------------------------------------------------------------

static void put_gateway(const sv_gateway *gateway, sv_json_out *out) {
    sv_json_open_object(out);
    sv_json_add_str(out, "id", gateway->id);
    sv_json_add_bool(out, "online", gateway->online);
    put_time(out, "last_seen", gateway->last_seen_us);
    sv_json_add_number(out, "readings_per_s", gateway->online ? gateway->readings_per_s : 0);
    sv_json_add_int(out, "bytes_in", gateway->bytes_in);
    sv_json_add_int(out, "bytes_up", gateway->bytes_up);
    sv_json_add_int(out, "refused", gateway->refused);
    sv_json_add_int(out, "spool", gateway->spool);
    sv_json_add_number(out, "spool_fill", gateway->spool_fill);
    sv_json_key(out, "dropped");
    sv_json_open_object(out);
    sv_json_add_int(out, "averages", gateway->dropped.averages);
    sv_json_add_int(out, "minutes", gateway->dropped.minutes);
    sv_json_add_int(out, "alerts", gateway->dropped.alerts);
    sv_json_close_object(out);
    sv_json_add_bool(out, "full", gateway->full);
    if (gateway->available > 0) {
        sv_json_add_number(out, "available", gateway->available);
    }
    sv_json_close_object(out);
}

/// Of its gateways that have told, on average; 0: none has.
static double available_at(const sv_fleet *fleet, const sv_site *site) {
    double sum = 0;
    int told = 0;
    for (size_t i = 0; i < sv_registry_gateway_count(fleet->registry); i++) {
        const sv_gateway *gateway = sv_registry_gateway_at(fleet->registry, i);
        bool counts = gateway->site == site && gateway->available > 0;
        sum += counts ? gateway->available : 0;
        told += counts ? 1 : 0;
    }
    return told > 0 ? sum / told : 0;
}

static sv_err put_site(const sv_fleet *fleet, const sv_site *site, sv_json_out *out) {
    sv_tally sum = sv_census_of_site(fleet, site);
    sv_alert_count alerts;
    SV_TRY(sv_inbox_counts(fleet->db, site->name, NULL, &alerts));
    sv_json_open_object(out);
    sv_json_add_str(out, "site", site->name);
    sv_json_add_int(out, "devices", sum.devices);
    sv_json_add_int(out, "online", sum.online);
    sv_json_add_int(out, "healthy", sum.health[SV_FLEET_HEALTHY]);
    sv_json_add_int(out, "warning", sum.health[SV_FLEET_WARNING]);
    sv_json_add_int(out, "critical", sum.health[SV_FLEET_CRITICAL]);
    sv_json_add_int(out, "alerts", alerts.open);
    double available = available_at(fleet, site);
    if (available > 0) {
        sv_json_add_number(out, "available", available);
    }
    sv_json_key(out, "maintenance");
    sv_maintenance_write(site, NULL, out);
    sv_json_key(out, "gateways");
    sv_json_open_array(out);
    for (size_t i = 0; i < sv_registry_gateway_count(fleet->registry); i++) {
        const sv_gateway *gateway = sv_registry_gateway_at(fleet->registry, i);
        if (gateway->site == site) {
            put_gateway(gateway, out);
        }
    }
    sv_json_close_array(out);
    sv_json_close_object(out);
    return SV_OK;
}

static double readings_per_s(const sv_fleet *fleet, const char *sites) {
    double sum = 0;
    for (size_t i = 0; i < sv_registry_gateway_count(fleet->registry); i++) {
        const sv_gateway *gateway = sv_registry_gateway_at(fleet->registry, i);
        bool counts = gateway->online && sv_sites_have(sites, sv_text_of(gateway->site->name));
        sum += counts ? gateway->readings_per_s : 0;
    }
    return round(sum * 10) / 10;
}

static sv_err put_sites(const sv_fleet *fleet, const char *sites, sv_json_out *out) {
    sv_json_open_array(out);
    for (size_t i = 0; i < sv_registry_site_count(fleet->registry); i++) {
        const sv_site *site = sv_registry_site_at(fleet->registry, i);
        if (sv_sites_have(sites, sv_text_of(site->name))) {
            SV_TRY(put_site(fleet, site, out));
        }
    }
    sv_json_close_array(out);
    return SV_OK;
}

/// The active alerts of these sites, site by site when they are not all.
static sv_err count_alerts(const sv_fleet *fleet, const char *sites, sv_alert_count *out) {
    if (sites[0] == '\0') {
        return sv_inbox_counts(fleet->db, NULL, NULL, out);
    }
    *out = (sv_alert_count){ 0 };
    for (size_t i = 0; i < sv_registry_site_count(fleet->registry); i++) {
        const sv_site *site = sv_registry_site_at(fleet->registry, i);
        sv_alert_count one = { 0 };
        if (!sv_sites_have(sites, sv_text_of(site->name))) {
            continue;
        }
        SV_TRY(sv_inbox_counts(fleet->db, site->name, NULL, &one));
        out->open += one.open;
        out->acknowledged += one.acknowledged;
        out->critical += one.critical;
    }
    return SV_OK;
}

sv_err sv_view_overview(sv_fleet *fleet, const char *sites, sv_json_out *out, sv_why *why) {
    sv_alert_count alerts;
    sv_census_look(fleet);
    sv_tally sum = sv_census_of_sites(fleet, sites);
    if (count_alerts(fleet, sites, &alerts) != SV_OK) {
        return sv_fail(why, SV_ERR_IO, "alerts cannot be counted");
    }
    sv_json_open_object(out);
    sv_json_add_int(out, "at", fleet->wall_us() / 1000);
    sv_json_key(out, "devices");
    sv_json_open_object(out);
    sv_json_add_int(out, "total", sum.devices);
    sv_json_add_int(out, "online", sum.online);
    sv_json_add_int(out, "offline", sum.devices - sum.online);
    sv_json_close_object(out);
    sv_json_key(out, "needing");
    sv_json_open_object(out);
    sv_json_add_int(out, "total", sum.needing);
    sv_json_add_int(out, "critical", sum.needing_critical);
    sv_json_close_object(out);
    sv_json_key(out, "health");
    sv_json_open_object(out);
    for (int i = 0; i < SV_FLEET_HEALTH__COUNT; i++) {
        sv_json_add_int(out, sv_fleet_health_name((sv_fleet_health) i), sum.health[i]);
    }
    sv_json_close_object(out);
    sv_json_key(out, "alerts");
    sv_json_open_object(out);
    sv_json_add_int(out, "open", alerts.open);
    sv_json_add_int(out, "acknowledged", alerts.acknowledged);
    sv_json_add_int(out, "critical", alerts.critical);
    sv_json_close_object(out);
    sv_json_add_number(out, "readings_per_s", readings_per_s(fleet, sites));
    sv_json_key(out, "sites");
    SV_TRY(put_sites(fleet, sites, out));
    sv_json_close_object(out);
    return SV_OK;
}

// ---- metrics ------------------------------------------------------------------------------------

static void put_metric(sv_textbuf *out, const char *name, const char *type, const char *help,
                       int64_t value) {
    sv_textbuf_addf(out, "# HELP %s %s\n# TYPE %s %s\n%s %lld\n", name, help, name, type, name,
                    (long long) value);
}

sv_err sv_view_metrics(sv_fleet *fleet, sv_textbuf *out) {
    sv_census_look(fleet);
    sv_tally sum = sv_census_of_sites(fleet, "");
    sv_alert_count alerts;
    SV_TRY(sv_inbox_counts(fleet->db, NULL, NULL, &alerts));
    const struct {
        const char *name, *type, *help;
        int64_t value;
    } metrics[] = {
        { "selvedge_fleet_devices", "gauge", "Devices known.", sum.devices },
        { "selvedge_fleet_devices_online", "gauge", "Devices online.", sum.online },
        { "selvedge_fleet_alerts_open", "gauge", "Alerts nobody has acknowledged.", alerts.open },
        { "selvedge_fleet_alerts_acknowledged", "gauge", "Alerts acknowledged, not cleared.",
          alerts.acknowledged },
        { "selvedge_fleet_live_clients", "gauge", "Event streams open.",
          (int64_t) sv_live_clients(fleet->live) },
        { "selvedge_fleet_points_stored_total", "counter", "Points committed.",
          fleet->counts.points_stored },
        { "selvedge_fleet_points_repeated_total", "counter", "Points that had been committed.",
          fleet->counts.points_repeated },
        { "selvedge_fleet_items_refused_total", "counter", "Items refused.",
          fleet->counts.items_refused },
        { "selvedge_fleet_batches_total", "counter", "Batches committed.", fleet->counts.batches },
        { "selvedge_fleet_alerts_taken_total", "counter", "Alert messages committed.",
          fleet->counts.alerts_taken },
        { "selvedge_fleet_signer_up", "gauge", "Whether the signer is reached.",
          sv_signer_is_up(fleet->signer) ? 1 : 0 },
        { "selvedge_fleet_sandbox_files", "gauge",
          "1: the kernel keeps other programs' files from this one.",
          sv_sandbox_is_confined() ? 1 : 0 },
        { "selvedge_fleet_logins_refused_total", "counter", "Wrong tokens and login links.",
          fleet->counts.logins_refused },
        { "selvedge_fleet_audit_unwritten_total", "counter",
          "Refusals and the like that could not be written into the audit log.",
          sv_audit_unwritten_ever(fleet) },
        { "selvedge_fleet_passwords_judged_total", "counter", "Passwords judged, each at one cost.",
          (int64_t) sv_passwords_judged(fleet->passwords) },
        { "selvedge_fleet_requests_denied_total", "counter",
          "Requests refused for want of a session, a role, a scope or a site.",
          fleet->counts.requests_denied },
    };
    for (size_t i = 0; i < SV_COUNT(metrics); i++) {
        put_metric(out, metrics[i].name, metrics[i].type, metrics[i].help, metrics[i].value);
    }
    sv_textbuf_add_str(out, "# HELP selvedge_fleet_gateway_online Whether a gateway is heard.\n"
                            "# TYPE selvedge_fleet_gateway_online gauge\n");
    for (size_t i = 0; i < sv_registry_gateway_count(fleet->registry); i++) {
        const sv_gateway *gateway = sv_registry_gateway_at(fleet->registry, i);
        sv_textbuf_addf(out, "selvedge_fleet_gateway_online{gateway=\"%s\",site=\"%s\"} %d\n",
                        gateway->id, gateway->site->name, gateway->online);
    }
    return sv_textbuf_end(out);
}
