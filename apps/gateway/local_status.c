// `GET /v1/status`: how the gateway itself is doing; what `selvedge gateway status` shows.
#include "gateway.h"
#include <codec/json.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/disk.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { IO_BYTES_MAX = 4096 };

static int io_file = -1;

void gw_local_watch_disk(void) {
    io_file = open("/proc/self/io", O_RDONLY | O_CLOEXEC);
}

/// Bytes this process has had written to disk, from /proc/self/io; -1: unknown.
static int64_t bytes_written(void) {
    static const char NAME[] = "\nwrite_bytes: ";
    char room[IO_BYTES_MAX + 1];
    ssize_t len = pread(io_file, room, IO_BYTES_MAX, 0);
    if (len < 0) {
        return -1;
    }
    room[len] = '\0';
    const char *line = strstr(room, NAME);
    return line == NULL ? -1 : strtoll(line + sizeof NAME - 1, NULL, 10);
}

static int64_t file_bytes(const char *path, const char *suffix) {
    char whole[SV_PATH_MAX + 8];
    struct stat info;
    (void) snprintf(whole, sizeof whole, "%s%s", path, suffix);
    return stat(whole, &info) == 0 ? (int64_t) info.st_size : 0;
}

static void put_front(const gw *g, sv_json_out *out) {
    sv_json_key(out, "front");
    sv_json_open_object(out);
    sv_json_add_str(out, "kind", g->door != NULL ? "listen" : "broker");
    sv_json_add_bool(out, "up", gw_front_is_up(g));
    if (g->door != NULL) {
        const sv_mqtt_server_counts counts = sv_mqtt_server_count(g->door);
        sv_json_add_int(out, "clients", (int64_t) counts.broker.clients);
        sv_json_add_int(out, "sessions", (int64_t) counts.broker.sessions);
        sv_json_add_int(out, "retained", (int64_t) counts.broker.retained);
        sv_json_add_int(out, "queued", (int64_t) counts.broker.queued);
        sv_json_add_int(out, "dropped", (int64_t) counts.broker.events[SV_BROKER_DROPPED]);
        sv_json_add_int(out, "denied", (int64_t) counts.broker.events[SV_BROKER_DENIED]);
        sv_json_key(out, "denied_most");
        gw_denials_write(g, out);
        sv_json_add_int(out, "slowed", (int64_t) counts.tls.slowed);
        sv_json_add_int(out, "slowed_total", (int64_t) counts.tls.slowed_total);
        sv_json_add_int(out, "refused",
                        (int64_t) (counts.broker.events[SV_BROKER_REFUSED] + counts.tls.refused
                                   + counts.local.refused));
    }
    sv_json_close_object(out);
}

static void put_readings(const gw *g, sv_json_out *out) {
    sv_json_key(out, "readings");
    sv_json_open_object(out);
    sv_json_add_int(out, "stored", (int64_t) g->stored);
    sv_json_add_number(out, "per_s", g->readings_per_s);
    sv_json_add_int(out, "repeated", (int64_t) g->refused[SV_READING_REPEATED]);
    sv_json_add_int(out, "refused", (int64_t) (gw_refused(g) - g->refused[SV_READING_REPEATED]));
    sv_json_add_int(out, "streams", (int64_t) sv_map_count(g->streams));
    sv_json_add_int(out, "devices", (int64_t) sv_map_count(g->devices));
    sv_json_add_int(out, "devices_online", g->devices_online);
    sv_json_close_object(out);
}

/// What the writing costs the medium: per reading, per day, and how long it lasts at this rate.
static void put_wear(const gw *g, double uptime_s, sv_json_out *out) {
    int64_t written = bytes_written();
    if (written < 0 || uptime_s <= 0) {
        return;
    }
    double per_day = (double) written / uptime_s * 86400;
    sv_json_add_int(out, "written", written);
    if (g->stored > 0) {
        sv_json_add_number(out, "written_per_reading", (double) written / (double) g->stored);
    }
    sv_json_add_number(out, "written_per_day", per_day);
    if (g->config.store.endurance > 0 && per_day > 0) {
        sv_json_add_int(out, "endurance", g->config.store.endurance);
        sv_json_add_number(out, "life_days", (double) g->config.store.endurance / per_day);
    }
}

/// What is in blocks, and what had to go.
static void put_series(const gw *g, sv_json_out *out) {
    static const char *const NAMES[] = { [GW_SAMPLES] = "packed", [GW_MINUTES] = "minutes" };
    for (int kind = GW_SAMPLES; kind <= GW_MINUTES; kind++) {
        sv_stmt *stmt = NULL;
        if (sv_db_stmt(g->db,
                       "SELECT coalesce(sum(count), 0), coalesce(sum(bytes), 0) FROM stretch WHERE "
                       "kind = ? AND state < 2",
                       &stmt, NULL)
            != SV_OK) {
            return;
        }
        sv_stmt_bind_int(stmt, 1, kind);
        if (sv_stmt_next(stmt, NULL) == SV_OK) {
            sv_json_key(out, NAMES[kind]);
            sv_json_open_object(out);
            sv_json_add_int(out, "count", sv_stmt_int(stmt, 0));
            sv_json_add_int(out, "bytes", sv_stmt_int(stmt, 1));
            sv_json_close_object(out);
            sv_stmt_reset(stmt);
        }
    }
    sv_json_key(out, "dropped");
    sv_json_open_object(out);
    for (unsigned reason = 0; reason < GW_DROP__COUNT; reason++) {
        sv_json_key(out, gw_drop_reason_name((gw_drop_reason) reason));
        sv_json_open_object(out);
        for (unsigned kind = 0; kind < GW_KIND__COUNT; kind++) {
            sv_json_add_int(out, gw_kind_name((gw_kind) kind), g->series.dropped[kind][reason]);
        }
        sv_json_close_object(out);
    }
    sv_json_close_object(out);
}

static void put_store(const gw *g, double uptime_s, sv_json_out *out) {
    const char *path = g->config.store.path;
    struct statvfs info;
    sv_json_key(out, "store");
    sv_json_open_object(out);
    sv_json_add_str(out, "path", path);
    sv_json_add_bool(out, "full", g->full);
    sv_json_add_int(out, "bytes", file_bytes(path, "") + file_bytes(path, "-wal"));
    sv_json_add_int(out, "bytes_max", g->config.store.bytes);
    if (statvfs(path, &info) == 0) {
        sv_json_add_int(out, "free", (int64_t) (info.f_bavail * info.f_frsize));
    }
    sv_json_add_int(out, "commits", (int64_t) g->committed);
    put_wear(g, uptime_s, out);
    put_series(g, out);
    sv_json_close_object(out);
}

static void put_spool_dropped(const gw *g, sv_json_out *out) {
    sv_json_key(out, "dropped");
    sv_json_open_object(out);
    for (unsigned loss = 0; loss < GW_LOSS__COUNT; loss++) {
        sv_json_key(out, gw_loss_name((gw_loss) loss));
        sv_json_open_object(out);
        for (unsigned item = 0; item < GW_ITEM__COUNT; item++) {
            sv_json_add_int(out, gw_item_name((gw_item) item), g->outbox.dropped[item][loss]);
        }
        sv_json_close_object(out);
    }
    sv_json_close_object(out);
}

static void put_spool(const gw *g, sv_json_out *out) {
    gw_loss bound;
    sv_json_add_int(out, "spool", gw_outbox_rows(g));
    sv_json_add_int(out, "spool_alerts", g->outbox.rows[GW_ITEM_ALERT]);
    sv_json_add_int(out, "spool_bytes", g->outbox.bytes);
    sv_json_add_int(out, "spool_bytes_max", gw_outbox_limit(g, &bound));
    sv_json_add_str(out, "spool_bound", gw_loss_name(bound));
    sv_json_add_int(out, "age_max_s", g->config.fleet.spool.age_us / SV_TIME_SECOND_US);
    sv_json_add_int(out, "oldest_s", gw_outbox_oldest_s(g));
    put_spool_dropped(g, out);
}

static void put_uplink(const gw *g, sv_json_out *out) {
    sv_json_key(out, "uplink");
    sv_json_open_object(out);
    sv_json_add_str(out, "url", g->config.fleet.url);
    sv_json_add_bool(out, "up", g->fleet.up);
    put_spool(g, out);
    sv_json_add_int(out, "sent", (int64_t) g->sent);
    sv_json_add_int(out, "refused", (int64_t) g->uplink_refused);
    sv_json_add_int(out, "bytes_in", (int64_t) g->bytes_in);
    sv_json_add_int(out, "bytes_up", (int64_t) gw_uplink_bytes(g));
    sv_json_key(out, "stream");
    sv_json_open_object(out);
    sv_json_add_bool(out, "up", g->push.up);
    sv_json_add_int(out, "last", g->push.taken);
    sv_json_close_object(out);
    sv_json_close_object(out);
}

typedef struct furthest {
    const gw_device *devices[GW_CLOCKS_SHOWN]; ///< the one that is furthest off first
    size_t count;
} furthest;

static void take_far(furthest *f, const gw_device *device) {
    size_t at = f->count;
    while (at > 0 && llabs(f->devices[at - 1]->clock.offset_us) < llabs(device->clock.offset_us)) {
        at--;
    }
    if (at == GW_CLOCKS_SHOWN) {
        return;
    }
    f->count += f->count < GW_CLOCKS_SHOWN ? 1 : 0;
    for (size_t i = f->count - 1; i > at; i--) {
        f->devices[i] = f->devices[i - 1];
    }
    f->devices[at] = device;
}

/// Two clocks apart: whose, and by how much.
static void put_clocks(const gw *g, sv_json_out *out) {
    furthest far = { .count = 0 };
    for (size_t i = 0; i < sv_map_count(g->devices); i++) {
        const gw_device *device = sv_map_at(g->devices, i, NULL);
        if (gw_offset_is_far(&device->clock)) {
            take_far(&far, device);
        }
    }
    sv_json_key(out, "clocks");
    sv_json_open_object(out);
    sv_json_add_int(out, "steps", g->clock.steps);
    sv_json_add_int(out, "wrong", (int64_t) g->clocks_wrong);
    sv_json_add_int(out, "corrected", (int64_t) g->clocks_corrected);
    sv_json_add_int(out, "far", (int64_t) gw_clocks_far(g));
    sv_json_key(out, "furthest");
    sv_json_open_array(out);
    for (size_t i = 0; i < far.count; i++) {
        sv_json_open_object(out);
        sv_json_add_str(out, "device", far.devices[i]->id);
        sv_json_add_int(out, "ahead_ms", far.devices[i]->clock.offset_us / 1000);
        sv_json_close_object(out);
    }
    sv_json_close_array(out);
    sv_json_close_object(out);
}

void gw_local_status(const gw *g, sv_textbuf *text) {
    double uptime_s = (double) (sv_clock_monotonic_us() - g->started_us) / SV_TIME_SECOND_US;
    sv_json_out out = SV_JSON_OUT(text);
    sv_json_open_object(&out);
    sv_json_add_str(&out, "id", g->config.id);
    sv_json_add_str(&out, "site", g->config.site);
    sv_json_add_str(&out, "version", SV_VERSION);
    sv_json_add_int(&out, "uptime_s", (int64_t) uptime_s);
    put_front(g, &out);
    put_readings(g, &out);
    put_clocks(g, &out);
    put_store(g, uptime_s, &out);
    put_uplink(g, &out);
    gw_act_put_status(g, &out);
    if (g->cache != NULL) {
        sv_json_key(&out, "cache");
        gw_cache_put_status(g->cache, &out);
    }
    sv_json_key(&out, "rules");
    gw_site_rules_write(g, &out);
    sv_json_key(&out, "groups");
    gw_members_write(g, &out);
    sv_json_key(&out, "standing");
    gw_standing_write(g, &out);
    sv_json_key(&out, "maintenance");
    gw_maintenance_write(g, &out);
    sv_json_add_int(&out, "alerts_open", g->alerts_open);
    sv_json_add_number(&out, "available_day",
                       gw_availability_share(&g->availability, 1, gw_now_us()));
    sv_json_add_number(&out, "available_month",
                       gw_availability_share(&g->availability, GW_AVAILABILITY_DAYS, gw_now_us()));
    sv_json_close_object(&out);
}
