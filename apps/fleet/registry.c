#include "registry.h"

#include <base/map.h>
#include <base/mem.h>
#include <crypto/random.h>
#include <stdlib.h>
#include <string.h>

struct sv_registry {
    sv_db *db;
    sv_map *devices_by_id;
    sv_device **devices; ///< by id
    size_t device_count, device_room;
    uint64_t forgotten; ///< devices, since the start
    sv_gateway *gateways;
    size_t gateway_count;
    sv_site *sites;
    size_t site_count;
    sv_device **written; ///< in the open transaction, not settled yet
    size_t written_count, written_room;
    sv_stream **written_streams;
    size_t written_stream_count, written_stream_room;
};

sv_err sv_fleet_medium(sv_err err) {
    return err == SV_ERR_INVALID || err == SV_ERR_STATE ? SV_ERR_IO : err;
}

// ---- sites and gateways -------------------------------------------------------------------------

static sv_err note_site(sv_registry *registry, sv_text name) {
    return sv_registry_site(registry, name) != NULL
               ? SV_OK
               : sv_text_copy(name, registry->sites[registry->site_count++].name, SV_ID_ROOM);
}

static int site_order(const void *left, const void *right) {
    return strcmp(((const sv_site *) left)->name, ((const sv_site *) right)->name);
}

// Sites come from the configuration and, for devices of gateways that were removed from it, from
// the database; their number is settled before anybody points at one.
static sv_err gather_sites(sv_registry *registry, const sv_fleet_config *config, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(registry->db, "SELECT count(DISTINCT site) FROM device", &stmt, why));
    SV_TRY(sv_stmt_next(stmt, why));
    size_t stored = (size_t) sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    registry->sites = sv_mem_array(config->gateway_count + stored + 1, sizeof *registry->sites);
    for (size_t i = 0; i < config->gateway_count; i++) {
        SV_TRY(note_site(registry, sv_text_of(config->gateways[i].site)));
    }
    SV_TRY(sv_db_stmt(registry->db, "SELECT DISTINCT site FROM device", &stmt, why));
    sv_err err;
    while ((err = sv_stmt_next(stmt, why)) == SV_OK) {
        SV_TRY(note_site(registry, sv_stmt_text(stmt, 0)));
    }
    qsort(registry->sites, registry->site_count, sizeof *registry->sites, site_order);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static void gather_gateways(sv_registry *registry, const sv_fleet_config *config) {
    registry->gateways = sv_mem_array(config->gateway_count + 1, sizeof *registry->gateways);
    for (size_t i = 0; i < config->gateway_count; i++) {
        sv_gateway *gateway = &registry->gateways[registry->gateway_count++];
        memcpy(gateway->id, config->gateways[i].gateway, sizeof gateway->id);
        gateway->site = sv_registry_site(registry, sv_text_of(config->gateways[i].site));
    }
}

sv_gateway *sv_registry_gateway(const sv_registry *registry, const char *id) {
    for (size_t i = 0; i < registry->gateway_count; i++) {
        if (strcmp(registry->gateways[i].id, id) == 0) {
            return &registry->gateways[i];
        }
    }
    return NULL;
}

size_t sv_registry_gateway_count(const sv_registry *registry) {
    return registry->gateway_count;
}

sv_gateway *sv_registry_gateway_at(const sv_registry *registry, size_t index) {
    return &registry->gateways[index];
}

size_t sv_registry_site_count(const sv_registry *registry) {
    return registry->site_count;
}

sv_site *sv_registry_site_at(const sv_registry *registry, size_t index) {
    return &registry->sites[index];
}

sv_site *sv_registry_site(const sv_registry *registry, sv_text name) {
    for (size_t i = 0; i < registry->site_count; i++) {
        if (sv_text_is(name, registry->sites[i].name)) {
            return &registry->sites[i];
        }
    }
    return NULL;
}

// ---- devices ------------------------------------------------------------------------------------

sv_device *sv_registry_device(const sv_registry *registry, sv_text id) {
    return sv_map_get(registry->devices_by_id, id);
}

size_t sv_registry_device_count(const sv_registry *registry) {
    return registry->device_count;
}

sv_device *sv_registry_device_at(const sv_registry *registry, size_t index) {
    return registry->devices[index];
}

static size_t device_place(const sv_registry *registry, const char *id) {
    size_t low = 0;
    size_t high = registry->device_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(registry->devices[middle]->id, id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

size_t sv_registry_device_after(const sv_registry *registry, const char *id) {
    size_t place = device_place(registry, id);
    return place < registry->device_count && strcmp(registry->devices[place]->id, id) == 0
               ? place + 1
               : place;
}

static sv_err add_device(sv_registry *registry, sv_text id, sv_site *site, sv_device **out,
                         sv_why *why) {
    SV_DEFER(sv_mem_drop) sv_device *device = sv_mem_new(sizeof *device);
    SV_TRY(sv_text_copy(id, device->id, sizeof device->id));
    device->site = site;
    if (sv_map_put(registry->devices_by_id, id, device) != SV_OK) {
        return sv_fail(why, SV_ERR_STATE, "the registry is full: %d devices", SV_FLEET_DEVICES_MAX);
    }
    if (registry->device_count == registry->device_room) {
        registry->device_room = registry->device_room * 2 + 64;
        registry->devices =
            sv_mem_resize(registry->devices, registry->device_room * sizeof(sv_device *));
    }
    size_t place = device_place(registry, device->id);
    memmove(registry->devices + place + 1, registry->devices + place,
            (registry->device_count - place) * sizeof(sv_device *));
    registry->devices[place] = device;
    registry->device_count++;
    *out = device;
    device = NULL;
    return SV_OK;
}

// Until its gateway speaks for it again, a device counts with the first one of its site.
static sv_gateway *first_gateway_of(const sv_registry *registry, const sv_site *site) {
    for (size_t i = 0; i < registry->gateway_count; i++) {
        if (registry->gateways[i].site == site) {
            return &registry->gateways[i];
        }
    }
    return NULL;
}

sv_err sv_registry_admit(sv_registry *registry, sv_text id, sv_text site, int64_t added_us,
                         sv_device **out, sv_why *why) {
    sv_device *device = sv_registry_device(registry, id);
    if (device == NULL) {
        sv_site *of = sv_registry_site(registry, site);
        SV_TRY(add_device(registry, id, of, &device, why));
        device->gateway = first_gateway_of(registry, of);
    }
    device->stored = true;
    device->added_us = added_us;
    *out = device;
    return SV_OK;
}

sv_err sv_registry_bind(sv_registry *registry, sv_gateway *gateway, sv_text id, sv_device **out,
                        sv_why *why) {
    SV_TRY(sv_id_check("device id", id, why));
    sv_device *device = sv_registry_device(registry, id);
    if (device == NULL) {
        SV_TRY(add_device(registry, id, gateway->site, &device, why));
    }
    if (device->site != gateway->site) {
        return sv_fail(why, SV_ERR_UNTRUSTED, "device %s belongs to site %s, not to %s", device->id,
                       device->site->name, gateway->site->name);
    }
    if (!device->stored) {
        SV_TRY(sv_fleet_medium(sv_registry_store(registry, device, why)));
    }
    device->gateway = gateway;
    *out = device;
    return SV_OK;
}

sv_err sv_registry_store(sv_registry *registry, sv_device *device, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(registry->db,
                      "INSERT INTO device (id, site, type, online, since_us, last_seen_us, report)"
                      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO UPDATE SET"
                      " type = ?3, online = ?4, since_us = ?5, last_seen_us = ?6, report = ?7",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, device->id);
    sv_stmt_bind_str(stmt, 2, device->site->name);
    sv_stmt_bind_str(stmt, 3, device->type[0] != '\0' ? device->type : NULL);
    sv_stmt_bind_int(stmt, 4, device->said_online);
    sv_stmt_bind_int(stmt, 5, device->since_us);
    sv_stmt_bind_int(stmt, 6, device->last_seen_us);
    sv_stmt_bind_str(stmt, 7, device->report);
    SV_TRY(sv_stmt_run(stmt, why));
    if (registry->written_count == registry->written_room) {
        registry->written_room = registry->written_room * 2 + 64;
        registry->written =
            sv_mem_resize(registry->written, registry->written_room * sizeof(sv_device *));
    }
    registry->written[registry->written_count++] = device;
    // Holds inside this transaction; settling takes it back if that fails.
    device->stored = true;
    device->stored_seen_us = device->last_seen_us;
    return SV_OK;
}

void sv_registry_settle(sv_registry *registry, bool committed) {
    for (size_t i = 0; !committed && i < registry->written_count; i++) {
        registry->written[i]->stored = false;
        registry->written[i]->stored_seen_us = 0;
    }
    for (size_t i = 0; !committed && i < registry->written_stream_count; i++) {
        registry->written_streams[i]->stored = false;
    }
    registry->written_count = 0;
    registry->written_stream_count = 0;
}

// ---- streams ------------------------------------------------------------------------------------

static size_t stream_place(const sv_device *device, sv_text sensor, bool *found) {
    size_t place = 0;
    for (; place < device->stream_count; place++) {
        const char *name = device->streams[place]->sensor;
        size_t len = strlen(name);
        int order = memcmp(name, sensor.at, len < sensor.len ? len : sensor.len);
        if (order > 0 || (order == 0 && len >= sensor.len)) {
            *found = order == 0 && len == sensor.len;
            return place;
        }
    }
    *found = false;
    return place;
}

sv_stream *sv_device_stream(const sv_device *device, sv_text sensor) {
    bool found;
    size_t place = stream_place(device, sensor, &found);
    return found ? device->streams[place] : NULL;
}

static sv_err add_stream(sv_device *device, sv_text sensor, sv_stream **out, sv_why *why) {
    bool found;
    size_t place = stream_place(device, sensor, &found);
    if (device->stream_count == SV_FLEET_SENSORS_MAX) {
        return sv_fail(why, SV_ERR_STATE, "device %s has %d sensors already", device->id,
                       SV_FLEET_SENSORS_MAX);
    }
    SV_DEFER(sv_mem_drop) sv_stream *stream = sv_mem_new(sizeof *stream);
    SV_TRY(sv_text_copy(sensor, stream->sensor, sizeof stream->sensor));
    stream->device = device;
    device->streams =
        sv_mem_resize(device->streams, (device->stream_count + 1) * sizeof(sv_stream *));
    memmove(device->streams + place + 1, device->streams + place,
            (device->stream_count - place) * sizeof(sv_stream *));
    device->streams[place] = stream;
    device->stream_count++;
    *out = stream;
    stream = NULL;
    return SV_OK;
}

static sv_err store_stream(sv_registry *registry, sv_stream *stream, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(registry->db,
                      "INSERT INTO stream (device, sensor, unit) VALUES (?1, ?2, ?3)"
                      " ON CONFLICT (device, sensor) DO UPDATE SET unit = ?3",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, stream->device->id);
    sv_stmt_bind_str(stmt, 2, stream->sensor);
    sv_stmt_bind_str(stmt, 3, stream->unit);
    SV_TRY(sv_stmt_run(stmt, why));
    SV_TRY(sv_db_stmt(registry->db, "SELECT id FROM stream WHERE device = ?1 AND sensor = ?2",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, stream->device->id);
    sv_stmt_bind_str(stmt, 2, stream->sensor);
    SV_TRY(sv_stmt_next(stmt, why));
    stream->id = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    if (registry->written_stream_count == registry->written_stream_room) {
        registry->written_stream_room = registry->written_stream_room * 2 + 64;
        registry->written_streams = sv_mem_resize(
            registry->written_streams, registry->written_stream_room * sizeof(sv_stream *));
    }
    registry->written_streams[registry->written_stream_count++] = stream;
    stream->stored = true;
    return SV_OK;
}

sv_err sv_registry_stream(sv_registry *registry, sv_device *device, sv_text sensor, sv_text unit,
                          sv_stream **out, sv_why *why) {
    SV_TRY(sv_id_check("sensor", sensor, why));
    sv_stream *stream = sv_device_stream(device, sensor);
    if (stream == NULL) {
        SV_TRY(add_stream(device, sensor, &stream, why));
    }
    if (unit.len > 0 && !sv_text_is(unit, stream->unit)) {
        if (sv_text_copy(unit, stream->unit, sizeof stream->unit) != SV_OK) {
            return sv_fail(why, SV_ERR_INVALID, "unit is longer than %d bytes", SV_UNIT_MAX);
        }
        stream->stored = false;
    }
    if (!stream->stored) {
        SV_TRY(sv_fleet_medium(store_stream(registry, stream, why)));
    }
    *out = stream;
    return SV_OK;
}

// ---- opening ------------------------------------------------------------------------------------

static sv_err load_devices(sv_registry *registry, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(registry->db,
                      "SELECT id, site, type, online, since_us, last_seen_us, report,"
                      " added_us FROM device ORDER BY id",
                      &stmt, why));
    sv_err err;
    while ((err = sv_stmt_next(stmt, why)) == SV_OK) {
        sv_device *device;
        sv_site *site = sv_registry_site(registry, sv_stmt_text(stmt, 1));
        SV_TRY(add_device(registry, sv_stmt_text(stmt, 0), site, &device, why));
        (void) sv_text_copy(sv_stmt_text(stmt, 2), device->type, sizeof device->type);
        device->gateway = first_gateway_of(registry, site);
        device->stored = true;
        device->said_online = sv_stmt_int(stmt, 3) != 0;
        device->since_us = sv_stmt_int(stmt, 4);
        device->last_seen_us = sv_stmt_int(stmt, 5);
        device->stored_seen_us = device->last_seen_us;
        device->added_us = sv_stmt_int(stmt, 7);
        if (!sv_stmt_is_null(stmt, 6)) {
            sv_device_take_report(device, sv_stmt_text(stmt, 6));
        }
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err load_streams(sv_registry *registry, sv_why *why) {
    sv_stmt *stmt;
    SV_TRY(sv_db_stmt(registry->db, "SELECT id, device, sensor, unit FROM stream", &stmt, why));
    sv_err err;
    while ((err = sv_stmt_next(stmt, why)) == SV_OK) {
        sv_device *device = sv_registry_device(registry, sv_stmt_text(stmt, 1));
        sv_stream *stream;
        if (device == NULL) {
            continue;
        }
        SV_TRY(add_stream(device, sv_stmt_text(stmt, 2), &stream, why));
        (void) sv_text_copy(sv_stmt_text(stmt, 3), stream->unit, sizeof stream->unit);
        stream->id = sv_stmt_int(stmt, 0);
        stream->stored = true;
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

sv_err sv_registry_open(sv_db *db, const sv_fleet_config *config, sv_registry **out, sv_why *why) {
    SV_DEFER(sv_registry_drop) sv_registry *registry = sv_mem_new(sizeof *registry);
    uint8_t key[16];
    sv_random(key, sizeof key);
    registry->db = db;
    registry->devices_by_id = sv_map_new(SV_FLEET_DEVICES_MAX, key);
    SV_TRY(gather_sites(registry, config, why));
    gather_gateways(registry, config);
    SV_TRY(load_devices(registry, why));
    SV_TRY(load_streams(registry, why));
    *out = registry;
    registry = NULL;
    return SV_OK;
}

static void drop_device(sv_device *device) {
    for (size_t i = 0; i < device->stream_count; i++) {
        free(device->streams[i]);
    }
    free(device->streams);
    free(device->report);
    free(device->maintenance);
    free(device->machine);
    free(device->life);
    free(device->failure);
    free(device);
}

void sv_registry_forget(sv_registry *registry, sv_text id) {
    sv_device *device = sv_map_remove(registry->devices_by_id, id);
    if (device == NULL) {
        return;
    }
    size_t place = device_place(registry, device->id);
    registry->forgotten++;
    registry->device_count--;
    device->site->diverging -= device->diverges;
    memmove(registry->devices + place, registry->devices + place + 1,
            (registry->device_count - place) * sizeof(sv_device *));
    drop_device(device);
}

uint64_t sv_registry_forgotten(const sv_registry *registry) {
    return registry->forgotten;
}

void sv_registry_drop(sv_registry **registry) {
    sv_registry *old = *registry;
    *registry = NULL;
    if (old == NULL) {
        return;
    }
    for (size_t i = 0; i < old->device_count; i++) {
        drop_device(old->devices[i]);
    }
    sv_map_drop(&old->devices_by_id);
    free(old->devices);
    for (size_t i = 0; i < old->gateway_count; i++) {
        free(old->gateways[i].rules);
        free(old->gateways[i].models);
    }
    free(old->gateways);
    for (size_t i = 0; i < old->site_count; i++) {
        free(old->sites[i].maintenance);
    }
    free(old->sites);
    free(old->written);
    free(old->written_streams);
    free(old);
}
