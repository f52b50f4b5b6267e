// How a device or a gateway is: what its report and its alerts say, and whether it is heard.
#include "registry.h"

#include <base/mem.h>
#include <model/health.h>
#include <stdlib.h>
#include <string.h>

static const char *const HEALTH_NAMES[SV_FLEET_HEALTH__COUNT] = {
    [SV_FLEET_UNKNOWN] = "unknown",
    [SV_FLEET_HEALTHY] = "healthy",
    [SV_FLEET_WARNING] = "warning",
    [SV_FLEET_CRITICAL] = "critical",
};

const char *sv_fleet_health_name(sv_fleet_health health) {
    return HEALTH_NAMES[health];
}

void sv_device_take_report(sv_device *device, sv_text report) {
    sv_health health;
    if (report.len > SV_FLEET_REPORT_MAX
        || sv_health_parse(report, sv_text_of(device->id), &health, NULL) != SV_OK) {
        return;
    }
    const char *status = sv_health_status(&health);
    device->reported = SV_FLEET_HEALTHY;
    for (int i = 0; i < SV_FLEET_HEALTH__COUNT; i++) {
        if (strcmp(status, HEALTH_NAMES[i]) == 0) {
            device->reported = (sv_fleet_health) i;
        }
    }
    _Static_assert(sizeof device->version >= sizeof health.metrics.firmware_version, "fits");
    if (strcmp(device->version, health.metrics.firmware_version) != 0) {
        device->kind = 0;
    }
    memcpy(device->version, health.metrics.firmware_version,
           sizeof health.metrics.firmware_version);
    free(device->report);
    device->report = sv_mem_copy_str(report.at, report.len);
}

sv_fleet_health sv_device_health(const sv_device *device) {
    return device->alerts.worst > device->reported ? device->alerts.worst : device->reported;
}

const char *sv_device_runs(const sv_device *device) {
    return device->runs[0] != '\0' ? device->runs : device->version;
}

bool sv_device_needs_you(const sv_device *device) {
    bool unspoken = device->alerts.open == 0 && device->alerts.acknowledged == 0;
    return device->alerts.open > 0 || (unspoken && device->reported >= SV_FLEET_WARNING);
}

bool sv_device_is_awaited(const sv_device *device) {
    return device->added_us > 0 && device->last_seen_us == 0 && !device->online;
}

bool sv_device_judge(sv_device *device) {
    bool online = device->said_online && device->gateway != NULL && device->gateway->online;
    bool changed = online != device->online;
    device->online = online;
    return changed;
}

bool sv_gateway_judge(sv_gateway *gateway, int64_t mono_us) {
    bool online = gateway->heard && mono_us - gateway->heard_mono_us <= SV_FLEET_HEARD_US;
    bool changed = online != gateway->online;
    gateway->online = online;
    return changed;
}
