#include "maintenance.h"

#include "gateway.h"
#include <base/mem.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/clock.h>
#include <sys/log.h>

enum { STATUS_OK = 200, STATUS_NONE = 404 };

// ---- how long the gateway has run ---------------------------------------------------------------

static int64_t ran_us(gw_maintenance *m) {
    int64_t now_us = sv_clock_monotonic_us();
    m->ran_us += now_us - m->at_us;
    m->at_us = now_us;
    return m->ran_us;
}

static void keep_ran(gw *g) {
    gw_maintenance *m = &g->maintenance;
    m->kept_us = ran_us(m);
    sv_writer_add(g->writer, "INSERT OR REPLACE INTO maintenance_ran VALUES (1, ?)");
    sv_writer_int(g->writer, m->kept_us);
}

// ---- what is being worked on --------------------------------------------------------------------

static const char *name_of(const sv_maintenance *said) {
    return said->device[0] == '\0' ? "the site" : said->device;
}

static gw_work *find(const gw_maintenance *m, const char *device) {
    return device[0] == '\0' ? m->site : sv_map_get(m->of, sv_text_of(device));
}

static size_t count_of(const gw_maintenance *m) {
    return sv_map_count(m->of) + (m->site != NULL ? 1 : 0);
}

bool gw_maintenance_is_on(const gw *g, const char *device) {
    const gw_maintenance *m = &g->maintenance;
    return m->site != NULL
           || (sv_map_count(m->of) > 0 && sv_map_get(m->of, sv_text_of(device)) != NULL);
}

static void keep(gw *g, const gw_work *work) {
    sv_writer_add(g->writer, "INSERT OR REPLACE INTO maintenance (device, since, until, user, why, "
                             "ends) VALUES (?, ?, ?, ?, ?, ?)");
    sv_writer_str(g->writer, work->said.device);
    sv_writer_int(g->writer, work->said.since_ms);
    sv_writer_int(g->writer, work->said.until_ms);
    sv_writer_str(g->writer, work->said.by);
    sv_writer_str(g->writer, work->said.why);
    sv_writer_int(g->writer, work->ends_us);
    keep_ran(g);
}

/// False: there is no room.
static bool put(gw_maintenance *m, const gw_work *work) {
    gw_work *old = find(m, work->said.device);
    if (old != NULL) {
        *old = *work;
        return true;
    }
    gw_work *fresh = sv_mem_new(sizeof *fresh);
    *fresh = *work;
    if (work->said.device[0] == '\0') {
        m->site = fresh;
    } else if (sv_map_put(m->of, sv_text_of(work->said.device), fresh) != SV_OK) {
        free(fresh);
        return false;
    }
    return true;
}

static void end(gw *g, const gw_work *work, const char *how) {
    gw_maintenance *m = &g->maintenance;
    SV_LOG(info, "maintenance.ended", "%s: %s; what is wrong there is raised again",
           name_of(&work->said), how);
    sv_writer_add(g->writer, "DELETE FROM maintenance WHERE device = ?");
    sv_writer_str(g->writer, work->said.device);
    sv_writer_hurry(g->writer);
    if (work == m->site) {
        free(m->site);
        m->site = NULL;
    } else {
        free(sv_map_remove(m->of, sv_text_of(work->said.device)));
    }
}

static bool is_over(gw *g, const gw_work *work) {
    return gw_now_us() / 1000 >= work->said.until_ms || ran_us(&g->maintenance) >= work->ends_us;
}

void gw_maintenance_tick(gw *g) {
    gw_maintenance *m = &g->maintenance;
    if (count_of(m) == 0 || g->full) {
        return;
    }
    if (m->site != NULL && is_over(g, m->site)) {
        end(g, m->site, "its time is over");
    }
    // From behind: the last one takes the place of one that is removed.
    for (size_t i = sv_map_count(m->of); i > 0; i--) {
        const gw_work *work = sv_map_at(m->of, i - 1, NULL);
        if (is_over(g, work)) {
            end(g, work, "its time is over");
        }
    }
    if (ran_us(m) - m->kept_us >= SV_TIME_MINUTE_US) {
        keep_ran(g);
    }
}

// ---- what the fleet server says -----------------------------------------------------------------

/// Said again, it ends when it would have.
static int64_t ends_us(gw *g, const sv_maintenance *said) {
    const gw_work *old = find(&g->maintenance, said->device);
    bool again =
        old != NULL && old->said.since_ms == said->since_ms && old->said.until_ms == said->until_ms;
    return again ? old->ends_us
                 : ran_us(&g->maintenance) + (said->until_ms - said->since_ms) * 1000;
}

static gw_event_end take(gw *g, const sv_maintenance *said) {
    const gw_work *old = find(&g->maintenance, said->device);
    const gw_work work = { .said = *said, .ends_us = ends_us(g, said), .listed = true };
    if (said->until_ms == 0 || is_over(g, &work)) {
        if (old != NULL) {
            end(g, old, said->until_ms == 0 ? "it was ended" : "its time is over");
        }
        return old != NULL ? GW_EVENT_DONE : GW_EVENT_IDLE;
    }
    if (!put(&g->maintenance, &work)) {
        SV_LOG(error, "maintenance.full", "%s: more than %d devices are being worked on",
               said->device, SV_MAINTENANCE_OF_SITE_MAX);
        return GW_EVENT_REFUSED;
    }
    keep(g, &work);
    SV_LOG(info, "maintenance.began", "%s, says %s; nothing is raised for %" PRId64 " s at most",
           name_of(said), said->by, (work.ends_us - g->maintenance.ran_us) / SV_TIME_SECOND_US);
    return GW_EVENT_DONE;
}

gw_event_end gw_maintenance_take(gw *g, int64_t id, const sv_json *data) {
    sv_maintenance said;
    (void) id; // recorded by whoever calls, with what is recorded here
    return sv_maintenance_parse(data, &said, NULL) == SV_OK ? take(g, &said) : GW_EVENT_REFUSED;
}

static void end_unlisted(gw *g) {
    gw_maintenance *m = &g->maintenance;
    static const char HOW[] = "the fleet server knows nothing of it any more";
    if (m->site != NULL && !m->site->listed) {
        end(g, m->site, HOW);
    }
    for (size_t i = sv_map_count(m->of); i > 0; i--) {
        const gw_work *work = sv_map_at(m->of, i - 1, NULL);
        if (!work->listed) {
            end(g, work, HOW);
        }
    }
}

static void unlist(gw_maintenance *m) {
    for (size_t i = 0; i < sv_map_count(m->of); i++) {
        ((gw_work *) sv_map_at(m->of, i, NULL))->listed = false;
    }
    if (m->site != NULL) {
        m->site->listed = false;
    }
}

bool gw_maintenance_take_list(gw *g, const sv_json *given) {
    const sv_json *items = sv_json_get(given, "items");
    int64_t after = 0;
    sv_maintenance said;
    if (!sv_json_int(sv_json_get(given, "after"), &after) || after < g->push.taken
        || !sv_json_is_array(items)) {
        return false;
    }
    for (size_t i = 0; i < sv_json_count(items); i++) {
        if (sv_maintenance_parse(sv_json_at(items, i), &said, NULL) != SV_OK) {
            return false;
        }
    }
    unlist(&g->maintenance);
    for (size_t i = 0; i < sv_json_count(items); i++) {
        if (sv_maintenance_parse(sv_json_at(items, i), &said, NULL) == SV_OK) {
            (void) take(g, &said);
        }
    }
    end_unlisted(g);
    g->maintenance.wanted = false;
    gw_pause_end(&g->maintenance.pause);
    return true;
}

// ---- asking for the list ------------------------------------------------------------------------

static void listed(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    gw *g = arg;
    gw_maintenance *m = &g->maintenance;
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    m->under_way = false;
    if (g->exit_code != 0 || g->full || !m->wanted) {
        return;
    }
    if (reply->status == STATUS_NONE) {
        m->wanted = false; // a fleet server that does not know of it
        return;
    }
    if (reply->status == STATUS_OK && sv_json_parse(reply->body, &root, NULL, NULL) == SV_OK
        && gw_maintenance_take_list(g, root)) {
        return;
    }
    gw_pause_longer(g, &m->pause, "maintenance.unlisted", reply, reply->status == 0 ? why : NULL);
}

static void on_look(void *arg) {
    gw *g = arg;
    gw_maintenance *m = &g->maintenance;
    if (!m->wanted || m->under_way || g->full || g->exit_code != 0
        || !gw_pause_is_over(&m->pause)) {
        return;
    }
    char path[SV_ID_ROOM + 64];
    (void) snprintf(path, sizeof path, "/v1/gateway/%s/maintenance", g->config.id);
    m->under_way = gw_uplink_get(g, path, listed);
}

void gw_maintenance_lost(gw *g) {
    g->maintenance.wanted = true;
    gw_pause_end(&g->maintenance.pause);
    if (g->maintenance.timer != NULL) {
        on_look(g);
    }
}

// ---- from start to end --------------------------------------------------------------------------

void gw_maintenance_open(gw *g, const uint8_t key[16]) {
    g->maintenance = (gw_maintenance){ .of = sv_map_new(SV_MAINTENANCE_OF_SITE_MAX, key),
                                       .at_us = sv_clock_monotonic_us() };
}

static sv_err read_ran(gw *g, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db, "SELECT coalesce(max(ran), 0) FROM maintenance_ran", &stmt, why));
    SV_TRY(sv_stmt_next(stmt, why));
    g->maintenance.ran_us = sv_stmt_int(stmt, 0);
    g->maintenance.kept_us = g->maintenance.ran_us;
    sv_stmt_reset(stmt);
    return SV_OK;
}

static sv_err restore(gw *g, sv_stmt *row, sv_why *why) {
    gw_work work = { .said = { .since_ms = sv_stmt_int(row, 1), .until_ms = sv_stmt_int(row, 2) },
                     .ends_us = sv_stmt_int(row, 5) };
    sv_maintenance *said = &work.said;
    bool fits = sv_text_copy(sv_stmt_text(row, 0), said->device, sizeof said->device) == SV_OK
                && sv_text_copy(sv_stmt_text(row, 3), said->by, sizeof said->by) == SV_OK
                && sv_text_copy(sv_stmt_text(row, 4), said->why, sizeof said->why) == SV_OK
                && put(&g->maintenance, &work);
    return fits ? SV_OK : sv_fail(why, SV_ERR_IO, "a row of the table maintenance is damaged");
}

sv_err gw_maintenance_restore(gw *g, sv_why *why) {
    sv_stmt *row = NULL;
    SV_TRY(read_ran(g, why));
    SV_TRY(sv_db_stmt(g->db, "SELECT device, since, until, user, why, ends FROM maintenance", &row,
                      why));
    sv_err err = sv_stmt_next(row, why);
    for (; err == SV_OK; err = sv_stmt_next(row, why)) {
        SV_TRY(restore(g, row, why));
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

void gw_maintenance_start(gw *g) {
    if (g->config.fleet.url[0] == '\0') {
        return;
    }
    g->maintenance.timer = sv_timer_new(g->loop, on_look, g);
    sv_timer_every(g->maintenance.timer, GW_PAUSE_LOOK_US);
    gw_maintenance_lost(g);
}

void gw_maintenance_close(gw *g) {
    gw_maintenance *m = &g->maintenance;
    sv_timer_drop(&m->timer);
    for (size_t i = 0; i < sv_map_count(m->of); i++) {
        free(sv_map_at(m->of, i, NULL));
    }
    sv_map_drop(&m->of);
    free(m->site);
    m->site = NULL;
}

void gw_maintenance_write(const gw *g, sv_json_out *out) {
    const gw_maintenance *m = &g->maintenance;
    sv_json_open_object(out);
    sv_json_add_int(out, "count", (int64_t) count_of(m));
    sv_json_key(out, "items");
    sv_json_open_array(out);
    if (m->site != NULL) {
        sv_maintenance_format(&m->site->said, out);
    }
    for (size_t i = 0; i < sv_map_count(m->of) && i < GW_MAINTENANCE_SHOWN; i++) {
        const gw_work *work = sv_map_at(m->of, i, NULL);
        sv_maintenance_format(&work->said, out);
    }
    sv_json_close_array(out);
    sv_json_close_object(out);
}
