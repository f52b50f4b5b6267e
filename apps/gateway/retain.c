// What must go: what is older than it is to be kept, and the oldest when there is no room. Samples
// leave their minutes behind; minutes may take half of the room.
#include "series.h"

#include <sys/clock.h>

typedef struct room {
    int64_t used;    ///< bytes of the database's pages
    int64_t minutes; ///< bytes of blocks of minutes
    int64_t disk;    ///< free on the disk; unused pages are as good
} room;

static sv_err look(gw *g, room *out, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db,
                      "SELECT (page_count - freelist_count) * page_size, (SELECT "
                      "coalesce(sum(bytes), 0) FROM stretch WHERE kind = 1) FROM "
                      "pragma_page_count, pragma_freelist_count, pragma_page_size",
                      &stmt, why));
    SV_TRY(sv_stmt_next(stmt, why));
    *out = (room){ .used = sv_stmt_int(stmt, 0),
                   .minutes = sv_stmt_int(stmt, 1),
                   .disk = gw_store_room(g) };
    sv_stmt_reset(stmt);
    out->disk = out->disk < 0 ? INT64_MAX : out->disk;
    return SV_OK;
}

/// The `nth` oldest whole stretch of a kind, or the last of fewer; how many samples there are up to
/// it. SV_ERR_NOT_FOUND: there is none.
static sv_err oldest(gw *g, gw_kind kind, int64_t nth, gw_stretch *out, int64_t *number,
                     sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(
        sv_db_stmt(g->db,
                   "SELECT max(id), max(received), sum(count), count(*) FROM (SELECT id, received, "
                   "count FROM stretch WHERE kind = ? AND state = 1 ORDER BY id LIMIT ?)",
                   &stmt, why));
    sv_stmt_bind_int(stmt, 1, kind);
    sv_stmt_bind_int(stmt, 2, nth);
    SV_TRY(sv_stmt_next(stmt, why));
    *out = (gw_stretch){ .id = sv_stmt_int(stmt, 0),
                         .received_us = sv_stmt_int(stmt, 1),
                         .count = sv_stmt_int(stmt, 2),
                         .kind = kind,
                         .state = GW_WHOLE };
    *number = sv_stmt_int(stmt, 3);
    sv_stmt_reset(stmt);
    return *number > 0 ? SV_OK : SV_ERR_NOT_FOUND;
}

static void drop(gw *g, const gw_stretch *upto, gw_drop_reason reason) {
    gw_dropped(g, upto->kind, reason, upto->count);
    if (upto->kind == GW_SAMPLES && g->config.store.summaries_us > 0) {
        gw_fold_begin(g, upto);
        return;
    }
    sv_writer_add(g->writer,
                  "UPDATE stretch SET state = 2 WHERE kind = ? AND state = 1 AND id <= ?");
    sv_writer_int(g->writer, upto->kind);
    sv_writer_int(g->writer, upto->id);
}

/// Too old: as many as one stretch of minutes stands for, or fewer when they have waited an eighth
/// of their time longer.
static sv_err drop_old(gw *g, gw_kind kind, int64_t keep_us, bool *done, sv_why *why) {
    gw_stretch last;
    int64_t number = 0;
    int64_t nth = kind == GW_SAMPLES ? GW_FOLD_STRETCHES : 1;
    int64_t now_us = gw_now_us();
    SV_TRY(oldest(g, kind, nth, &last, &number, why));
    *done = number == nth && last.received_us < now_us - keep_us;
    while (!*done && nth > 1) {
        nth /= 2;
        SV_TRY(oldest(g, kind, nth, &last, &number, why));
        *done = number == nth && last.received_us < now_us - keep_us - keep_us / 8;
    }
    if (*done) {
        drop(g, &last, GW_DROP_RETENTION);
    }
    return SV_OK;
}

static sv_err drop_oldest(gw *g, gw_kind kind, gw_drop_reason reason, bool *done, sv_why *why) {
    gw_stretch last;
    int64_t number = 0;
    SV_TRY(oldest(g, kind, kind == GW_SAMPLES ? GW_FOLD_STRETCHES : 1, &last, &number, why));
    drop(g, &last, reason);
    *done = true;
    return SV_OK;
}

static sv_err make_room(gw *g, gw_drop_reason reason, const room *now, bool *done, sv_why *why) {
    static const gw_kind ORDER[2][2] = { { GW_SAMPLES, GW_MINUTES }, { GW_MINUTES, GW_SAMPLES } };
    const gw_kind *order = ORDER[now->minutes > g->config.store.bytes / 2];
    sv_err err = SV_ERR_NOT_FOUND;
    if (reason == GW_DROP_BYTES) {
        SV_TRY(gw_pack_begin(g, true, done, why));
    }
    for (size_t i = 0; i < 2 && !*done && err == SV_ERR_NOT_FOUND; i++) {
        err = drop_oldest(g, order[i], reason, done, why);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

sv_err gw_retain_step(gw *g, bool *done, sv_why *why) {
    const int64_t keep_us[] = {
        [GW_SAMPLES] = g->config.store.retention_us, [GW_MINUTES] = g->config.store.summaries_us
    };
    room now;
    *done = false;
    for (unsigned kind = GW_SAMPLES; kind <= GW_MINUTES && !*done; kind++) {
        sv_err err = drop_old(g, (gw_kind) kind, keep_us[kind], done, why);
        if (err != SV_OK && err != SV_ERR_NOT_FOUND) {
            return err;
        }
    }
    if (*done) {
        return SV_OK;
    }
    SV_TRY(look(g, &now, why));
    if (now.used > g->config.store.bytes) {
        return make_room(g, GW_DROP_BYTES, &now, done, why);
    }
    return now.disk < g->config.store.free ? make_room(g, GW_DROP_FREE, &now, done, why) : SV_OK;
}
