// One step at a time: what is unfinished first, then what must go, then what may be packed.
#include "series.h"

#include "series_ask.h"

#include <base/mem.h>
#include <sys/clock.h>
#include <sys/log.h>

#define EPISODE_US (60 * SV_TIME_MINUTE_US) ///< without a drop, after which one is news again

static const char *const REASONS[GW_DROP__COUNT] = { "retention", "bytes", "free" };
static const char *const KINDS[GW_KIND__COUNT] = { "samples", "minutes" };

const char *gw_drop_reason_name(gw_drop_reason reason) {
    return REASONS[reason];
}

const char *gw_kind_name(gw_kind kind) {
    return KINDS[kind];
}

static void tell(const gw *g, gw_kind kind, gw_drop_reason reason) {
    bool folded = kind == GW_SAMPLES && g->config.store.summaries_us > 0;
    const char *rest = folded ? "; their minutes stay" : "";
    if (reason == GW_DROP_RETENTION) {
        SV_LOG(info, "store.dropped", "the oldest %s have been kept as long as they should%s",
               KINDS[kind], rest);
    } else {
        SV_LOG(warn, "store.dropped", "no room (store.%s): the oldest %s go%s", REASONS[reason],
               KINDS[kind], rest);
    }
}

void gw_dropped(gw *g, gw_kind kind, gw_drop_reason reason, int64_t count) {
    int64_t now_us = sv_clock_monotonic_us();
    int64_t *last_us = &g->series.dropped_us[kind][reason];
    if (*last_us == 0 || now_us - *last_us > EPISODE_US) {
        tell(g, kind, reason);
    }
    *last_us = now_us;
    g->series.dropped[kind][reason] += count;
}

sv_err gw_block_next(gw *g, int64_t *id, int64_t last, sv_textbuf *bytes, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db,
                      "SELECT id, bytes FROM block WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, *id);
    sv_stmt_bind_int(stmt, 2, last);
    SV_TRY(sv_stmt_next(stmt, why));
    *id = sv_stmt_int(stmt, 0);
    if (bytes != NULL) {
        sv_textbuf_clear(bytes);
        sv_textbuf_add(bytes, sv_stmt_bytes(stmt, 1));
    }
    sv_stmt_reset(stmt);
    return SV_OK;
}

sv_err gw_block_put(gw *g, const gw_stretch *to, int64_t stream, unsigned piece,
                    const sv_block *block, sv_why *why) {
    char room[SV_BLOCK_BYTES_MAX];
    sv_textbuf bytes = SV_TEXTBUF(room);
    sv_block_info info;
    if (sv_block_pack(block, &bytes) != SV_OK) {
        return sv_fail(why, SV_ERR_STATE, "the readings of stream %lld cannot be packed",
                       (long long) stream);
    }
    SV_TRY(sv_block_peek(sv_textbuf_text(&bytes), &info, why));
    sv_writer_add(g->writer, "INSERT INTO block (id, count, bytes) VALUES (?, ?, ?)");
    sv_writer_int(g->writer, gw_block_id(to->id, stream, piece));
    sv_writer_int(g->writer, (int64_t) block->count);
    sv_writer_bytes(g->writer, sv_textbuf_text(&bytes));
    sv_writer_add(g->writer, "UPDATE stretch SET count = count + ?2, bytes = bytes + ?3, "
                             "first = min(coalesce(first, ?4), ?4), "
                             "last = max(coalesce(last, ?5), ?5) WHERE id = ?1");
    sv_writer_int(g->writer, to->id);
    sv_writer_int(g->writer, (int64_t) block->count);
    sv_writer_int(g->writer, (int64_t) bytes.len);
    sv_writer_int(g->writer, info.first_us);
    sv_writer_int(g->writer, info.last_us);
    return SV_OK;
}

void gw_stretch_written(gw *g, const gw_stretch *stretch, int64_t stream) {
    sv_writer_add(g->writer, "UPDATE stretch SET streams = ? WHERE id = ?");
    sv_writer_int(g->writer, stream);
    sv_writer_int(g->writer, stretch->id);
}

/// The stretch that is not whole; there may be several on their way out.
static sv_err undone(gw *g, gw_stretch *out, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db,
                      "SELECT id, kind, state, upto, streams, received, count FROM stretch WHERE "
                      "state <> 1 ORDER BY state, id LIMIT 1",
                      &stmt, why));
    SV_TRY(sv_stmt_next(stmt, why));
    *out = (gw_stretch){ .id = sv_stmt_int(stmt, 0),
                         .kind = (gw_kind) sv_stmt_int(stmt, 1),
                         .state = (gw_stretch_state) sv_stmt_int(stmt, 2),
                         .upto = sv_stmt_int(stmt, 3),
                         .streams = sv_stmt_int(stmt, 4),
                         .received_us = sv_stmt_int(stmt, 5),
                         .count = sv_stmt_int(stmt, 6) };
    sv_stmt_reset(stmt);
    return SV_OK;
}

static sv_err drop_blocks(gw *g, const gw_stretch *stretch, sv_why *why) {
    int64_t id = gw_block_id(stretch->id, 0, 0);
    int64_t end = gw_block_id(stretch->id + 1, 0, 0);
    sv_err err = gw_block_next(g, &id, end - 1, NULL, why);
    if (err == SV_ERR_NOT_FOUND) {
        sv_writer_add(g->writer, "DELETE FROM stretch WHERE id = ?");
        sv_writer_int(g->writer, stretch->id);
        return SV_OK;
    }
    SV_TRY(err);
    sv_writer_add(g->writer,
                  "DELETE FROM block WHERE id BETWEEN ?1 AND coalesce((SELECT id FROM "
                  "block WHERE id >= ?1 ORDER BY id LIMIT 1 OFFSET ?3), ?2) AND id < ?2");
    sv_writer_int(g->writer, id);
    sv_writer_int(g->writer, end);
    sv_writer_int(g->writer, GW_DELETE_BLOCKS);
    return SV_OK;
}

static sv_err go_on(gw *g, const gw_stretch *stretch, sv_why *why) {
    if (stretch->state == GW_GOING) {
        return drop_blocks(g, stretch, why);
    }
    return stretch->kind == GW_SAMPLES ? gw_pack_step(g, stretch, why)
                                       : gw_fold_step(g, stretch, why);
}

/// One step. `busy`: there may be another one.
static sv_err step(gw *g, bool *busy, sv_why *why) {
    gw_stretch stretch;
    SV_TRY(gw_pack_clear(g, busy, why));
    if (*busy) {
        return SV_OK;
    }
    sv_err err = undone(g, &stretch, why);
    *busy = err == SV_OK;
    if (err != SV_ERR_NOT_FOUND) {
        return err == SV_OK ? go_on(g, &stretch, why) : err;
    }
    SV_TRY(gw_retain_step(g, busy, why));
    return *busy ? SV_OK : gw_pack_begin(g, false, busy, why);
}

static bool may_go_on(const gw *g) {
    return g->exit_code == 0 && !g->full && !sv_writer_is_behind(g->writer)
           && g->series.group <= g->committed && g->series.asked == NULL;
}

void gw_series_turn(gw *g, bool *busy) {
    sv_why why = { 0 };
    *busy = true;
    if (g->series.asked == NULL) {
        g->series.free_us = sv_clock_monotonic_us();
    }
    if (!may_go_on(g)) {
        return;
    }
    g->series.scanning = false;
    if (step(g, busy, &why) != SV_OK) {
        gw_store_failed(g, &why);
        return;
    }
    // What was recorded must be committed before the next step looks; a scan records nothing.
    g->series.group = g->series.scanning ? g->series.group : sv_writer_last(g->writer);
}

static void on_time(void *arg) {
    gw *g = arg;
    bool busy = false;
    gw_series_turn(g, &busy);
    sv_timer_once(g->series.timer, busy ? GW_STEP_US : GW_LOOK_US);
}

void gw_series_open(gw *g) {
    g->series.timer = sv_timer_new(g->loop, on_time, g);
    sv_timer_once(g->series.timer, GW_LOOK_US);
}

void gw_series_close(gw *g) {
    sv_timer_drop(&g->series.timer);
    gw_pack_drop(&g->series.pack);
    gw_series_ask_close(g);
}
