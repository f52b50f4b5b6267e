#include "gateway.h"
#include "schema.h"

#include <stdio.h>
#include <sys/clock.h>
#include <sys/disk.h>
#include <sys/log.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

void gw_store_failed(gw *g, const sv_why *why) {
    SV_LOG(error, "store.failed", "%s", why->text);
    g->exit_code = 5;
    sv_loop_stop(g->loop);
}

void gw_store_wait(gw *g, uint64_t group) {
    if (g->waits.group <= g->committed && group > g->committed) {
        g->waits.group = group;
        g->waits.since_us = sv_clock_monotonic_us();
    }
}

static void note_wait(gw *g, uint64_t group) {
    if (g->waits.group <= g->committed || g->waits.group > group) {
        return;
    }
    int64_t took_us = sv_clock_monotonic_us() - g->waits.since_us;
    g->waits.count++;
    g->waits.sum_us += (uint64_t) took_us;
    if (took_us > GW_SLOW_US && !g->full) {
        SV_LOG(warn, "store.slow",
               "a message has waited %lld ms until '%s' had it on disk; devices wait as long",
               (long long) took_us / 1000, g->config.store.path);
    }
}

static void on_committed(void *arg, uint64_t group) {
    gw *g = arg;
    note_wait(g, group);
    if (g->full) {
        SV_LOG(info, "store.room", "there is room on the disk again; what waited is acknowledged");
        gw_store_availability(g); // nobody was served, however soon this run ends
        g->full = false;
    }
    g->committed = group;
    gw_local_alerts_turn(g);
    gw_act_turn(g);
    gw_seen_turn(g);
    gw_settled(g, group);
    gw_members_turn(g);
    gw_site_rules_turn(g);
    gw_device_acks_turn(g);
    gw_standing_settled(g);
    gw_uplink_turn(g);
}

static void on_failed(void *arg, const sv_why *why) {
    gw *g = arg;
    if (why->code == SV_ERR_NO_SPACE) {
        SV_LOG(error, "store.full", "%s; until then nothing is acknowledged", why->text);
        gw_store_look(g); // until now everybody was
        g->full = true;
    } else {
        gw_store_failed(g, why);
    }
}

static sv_err ask_int(gw *g, const char *sql, int64_t *out, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db, sql, &stmt, why));
    SV_TRY(sv_stmt_next(stmt, why));
    *out = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return SV_OK;
}

int64_t gw_store_room(gw *g) {
    struct statvfs info;
    int64_t unused = 0;
    bool known = ask_int(g,
                         "SELECT freelist_count * page_size FROM pragma_freelist_count, "
                         "pragma_page_size",
                         &unused, NULL)
                     == SV_OK
                 && statvfs(g->config.store.path, &info) == 0;
    return known ? (int64_t) (info.f_bavail * info.f_frsize) + unused : -1;
}

static sv_err read_epoch(gw *g, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db, "SELECT epoch FROM meta", &stmt, why));
    SV_TRY(sv_stmt_next(stmt, why));
    sv_err err = sv_text_copy(sv_stmt_text(stmt, 0), g->epoch, sizeof g->epoch);
    sv_stmt_reset(stmt);
    return err;
}

/// Of the database or its log, whichever is later; 0: there is neither.
static int64_t last_written_us(const char *path) {
    static const char *const ENDINGS[] = { "", "-wal" };
    int64_t last_us = 0;
    for (size_t i = 0; i < SV_COUNT(ENDINGS); i++) {
        char name[SV_PATH_MAX + 8];
        struct stat info;
        (void) snprintf(name, sizeof name, "%s%s", path, ENDINGS[i]);
        if (stat(name, &info) == 0) {
            int64_t at_us = info.st_mtim.tv_sec * SV_TIME_SECOND_US + info.st_mtim.tv_nsec / 1000;
            last_us = at_us > last_us ? at_us : last_us;
        }
    }
    return last_us;
}

/// A gateway that wakes in 1970 goes on from there, and one that wakes in 2099 doubts it. The marks
/// of availability are of every day there ever was, also of those that were believed wrongly.
static sv_err restore_belief(gw *g, sv_why *why) {
    sv_stmt *row = NULL;
    int64_t at_us = g->availability.mark_wall_us;
    int64_t doubted_us = 0;
    int64_t signed_us = 0;
    SV_TRY(gw_standing_signed(g, &signed_us, why));
    SV_TRY(sv_db_stmt(g->db, "SELECT at_us, doubted_us FROM belief", &row, why));
    sv_err err = sv_stmt_next(row, why);
    if (err == SV_OK) {
        at_us = sv_stmt_int(row, 0);
        doubted_us = sv_stmt_int(row, 1);
        sv_stmt_reset(row);
    } else if (err != SV_ERR_NOT_FOUND) {
        return err;
    }
    sv_clock_resume(at_us, signed_us);
    sv_clock_carry(doubted_us);
    g->clock.wall_us = at_us;
    g->clock.wall_at_us = sv_clock_monotonic_us();
    g->clock.fresh = true;
    return SV_OK;
}

static void keep_belief(const gw *g) {
    sv_writer_add(g->writer, "INSERT OR REPLACE INTO belief VALUES (1, ?, ?)");
    sv_writer_int(g->writer, gw_now_us());
    sv_writer_int(g->writer, sv_clock_doubted_for_us());
}

static sv_err restore_availability(gw *g, int64_t written_us, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(
        sv_db_stmt(g->db, "SELECT day, up, down, mark FROM availability ORDER BY day", &stmt, why));
    sv_err err = sv_stmt_next(stmt, why);
    for (; err == SV_OK; err = sv_stmt_next(stmt, why)) {
        const gw_day day = { .day = sv_stmt_int(stmt, 0),
                             .up_us = sv_stmt_int(stmt, 1),
                             .down_us = sv_stmt_int(stmt, 2) };
        gw_availability_restore(&g->availability, &day, sv_stmt_int(stmt, 3));
    }
    if (err != SV_ERR_NOT_FOUND) {
        return err;
    }
    SV_TRY(restore_belief(g, why));
    gw_availability_start(&g->availability, written_us, gw_now_us(), sv_clock_monotonic_us());
    return SV_OK;
}

void gw_store_opened(gw *g) {
    gw_availability_tick(&g->availability, false, gw_now_us(), sv_clock_monotonic_us());
    gw_store_availability(g); // a mark, however soon this run ends
}

void gw_store_look(gw *g) {
    gw_availability_tick(&g->availability, gw_front_is_up(g) && !g->full, gw_now_us(),
                         sv_clock_monotonic_us());
}

void gw_store_availability(gw *g) {
    gw_store_look(g);
    int64_t wall_us = g->availability.mark_wall_us;
    const gw_day *today = gw_availability_day(&g->availability, wall_us);
    sv_writer_add(g->writer, "INSERT OR REPLACE INTO availability VALUES (?, ?, ?, ?)");
    sv_writer_int(g->writer, today->day);
    sv_writer_int(g->writer, today->up_us);
    sv_writer_int(g->writer, today->down_us);
    sv_writer_int(g->writer, wall_us);
    keep_belief(g);
}

/// What is appended is not read again soon, and few rows are looked up.
static sv_err bound_cache(sv_db *db, sv_why *why) {
    char room[64];
    sv_textbuf text = SV_TEXTBUF(room);
    sv_textbuf_addf(&text, "PRAGMA cache_size = -%d", GW_CACHE_BYTES / 1024);
    SV_TRY(sv_textbuf_end(&text));
    return sv_db_exec(db, room, why);
}

sv_err gw_store_open(gw *g, sv_why *why) {
    static const sv_writer_events EVENTS = { .committed = on_committed, .failed = on_failed };
    const sv_writer_options options = { .messages_max = (size_t) g->config.store.group,
                                        .wait_us = g->config.store.group_us,
                                        .behind_bytes = GW_BEHIND_BYTES };
    SV_DEFER(sv_db_drop) sv_db *db = NULL;
    g->committed = 0;
    int64_t written_us = last_written_us(g->config.store.path);
    SV_TRY(sv_db_open_paged(g->config.store.path, GW_PAGE_BYTES, GW_SCHEMA, GW_SCHEMA_COUNT, &db,
                            why));
    SV_TRY(bound_cache(db, why));
    SV_TRY(sv_writer_open(g->loop, &db, &options, &EVENTS, g, &g->writer, why));
    SV_TRY(sv_db_open(g->config.store.path, GW_SCHEMA, GW_SCHEMA_COUNT, &g->db, why));
    SV_TRY(bound_cache(g->db, why));
    SV_TRY(read_epoch(g, why));
    SV_TRY(restore_availability(g, written_us, why));
    SV_TRY(gw_pack_open(g, why));
    SV_TRY(gw_local_alerts_open(g, why));
    SV_TRY(ask_int(g, "SELECT coalesce(max(id), 0) FROM boot", &g->last_boot, why));
    return ask_int(g, "SELECT coalesce(max(id), 0) FROM stream", &g->last_stream, why);
}
