// What devices say about themselves: presence and health.
#include "gateway.h"
#include <base/mem.h>
#include <codec/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>

enum { SEEN_US = 10 * 1000000 }; ///< a device that only goes on sending is mentioned so seldom

gw_device *gw_device_of(gw *g, sv_text id) {
    gw_device *device = sv_map_get(g->devices, id);
    if (device == NULL) {
        device = sv_mem_new(sizeof *device);
        if (sv_text_copy(id, device->id, sizeof device->id) != SV_OK
            || sv_map_put(g->devices, id, device) != SV_OK) {
            free(device);
            return NULL;
        }
        device->since_us = gw_wall_us(g);
    }
    return device;
}

bool gw_presence_parse(sv_text payload, gw_presence *out) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_text type = SV_TEXT("");
    sv_reading when;
    *out = (gw_presence){ .online = false };
    if (payload.len > GW_PRESENCE_MAX || sv_json_parse(payload, &root, NULL, NULL) != SV_OK
        || !sv_json_bool(sv_json_get(root, "online"), &out->online)) {
        return false;
    }
    if (sv_json_text(sv_json_get(root, "type"), &type) && sv_id_is_valid(type)) {
        (void) (sv_text_copy(type, out->type, sizeof out->type) == SV_OK);
    }
    if (sv_reading_take_instant(root, &when)
        && sv_text_copy(when.boot, out->boot, sizeof out->boot) == SV_OK) {
        out->when = (sv_reading){ .at_us = when.at_us,
                                  .boot = sv_text_of(out->boot),
                                  .uptime_us = when.uptime_us,
                                  .proven = when.proven };
    }
    return true;
}

static bool take_presence(gw *g, gw_device *device, sv_text payload) {
    gw_presence presence;
    if (!gw_presence_parse(payload, &presence)) {
        return false;
    }
    if (presence.type[0] != '\0') {
        memcpy(device->type, presence.type, sizeof device->type);
    }
    device->has_presence = true;
    if (presence.online != device->online) {
        device->online = presence.online;
        device->since_us = gw_wall_us(g);
        g->devices_online += presence.online ? 1 : -1;
    }
    if (presence.when.boot.len > 0) {
        gw_boot_met(g, device, &presence.when);
    }
    device->changed = true;
    return true;
}

static bool take_health(gw *g, gw_device *device, sv_text payload) {
    sv_health health;
    sv_why why = { 0 };
    if (payload.len > SV_HEALTH_BYTES_MAX
        || sv_health_parse(payload, sv_text_of(device->id), &health, &why) != SV_OK) {
        SV_LOG(warn, "health.refused", "%s: %s", device->id,
               why.text[0] == '\0' ? "larger than a health report may be" : why.text);
        return false;
    }
    free(device->report);
    device->report = sv_mem_copy_str(payload.at, payload.len);
    device->report_changed = true;
    gw_alert_health(g, device, &health);
    return true;
}

gw_event_end gw_device_watch(gw *g, int64_t id, const sv_json *data) {
    sv_text name;
    (void) id;
    if (!sv_json_text(sv_json_get(data, "device"), &name) || !sv_id_is_valid(name)) {
        return GW_EVENT_REFUSED;
    }
    gw_device *device = sv_map_get(g->devices, name);
    if (device == NULL) {
        return GW_EVENT_IDLE;
    }
    device->watched_until_us = sv_clock_monotonic_us() + GW_WATCH_US;
    return GW_EVENT_DONE;
}

bool gw_device_is_heard_again(const gw_device *device, int64_t mono_us) {
    return device->last_seen_us != device->told_seen_us
           && (mono_us < device->watched_until_us || mono_us - device->told_us >= SEEN_US);
}

void gw_device_take(gw *g, sv_text topic, sv_text payload) {
    sv_text id = topic;
    bool presence = sv_text_is(sv_text_cut(&id, '/'), "presence");
    // An empty payload takes a retained message back; the device has said nothing.
    gw_device *device = payload.len > 0 && sv_id_is_valid(id) ? gw_device_of(g, id) : NULL;
    if (device == NULL) {
        return;
    }
    device->last_seen_us = gw_wall_us(g);
    if (!(presence ? take_presence(g, device, payload) : take_health(g, device, payload))) {
        g->states_refused[presence ? GW_STATE_PRESENCE : GW_STATE_HEALTH]++;
    }
}
