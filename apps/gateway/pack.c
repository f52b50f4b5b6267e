// Rows become blocks: the rows of a stretch are read in order, a few thousand at a time, as often
// as their samples need to fit into memory, each time for other streams; then those streams are
// packed.
#include "series.h"

#include <base/mem.h>
#include <stdlib.h>
#include <sys/clock.h>

/// The samples of one stream are a chain.
typedef struct item {
    int64_t at_us;
    double value;
    uint32_t next; ///< 0: the last
} item;

typedef struct chain {
    uint32_t first, last, count;
} chain;

struct gw_pack {
    int64_t stretch;            ///< that it belongs to
    int64_t scanned;            ///< rows up to this one have been read
    int64_t above, upto_stream; ///< streams of this pass: above one, up to the other
    int64_t packed;             ///< of them, these are recorded
    item *items;                ///< from 1
    size_t count, room;
    chain chains[GW_PASS_STREAMS_MAX];
};

void gw_pack_drop(gw_pack **pack) {
    if (*pack != NULL) {
        free((*pack)->items);
        free(*pack);
        *pack = NULL;
    }
}

static sv_err ask(gw *g, const char *sql, int64_t parameter, int64_t *out, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db, sql, &stmt, why));
    sv_stmt_bind_int(stmt, 1, parameter);
    SV_TRY(sv_stmt_next(stmt, why));
    *out = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return SV_OK;
}

// The two tables of rows: one is open, the other is empty or a stretch to be.

static const struct {
    const char *first, *last, *received, *rows, *clear;
} SIDES[] = {
    { "SELECT coalesce(min(id), 0) FROM reading WHERE id > ?",
      "SELECT coalesce(max(id), 0) FROM reading WHERE id > ?",
      "SELECT received FROM reading WHERE id <= ? ORDER BY id DESC LIMIT 1",
      "SELECT stream, value, received, at, uptime, known, start FROM reading LEFT JOIN boot ON "
      "boot.id = reading.boot WHERE reading.id > ? AND reading.id <= ? AND stream > ? AND stream "
      "<= ?",
      "DELETE FROM reading" },
    { "SELECT coalesce(min(id), 0) FROM reading_b WHERE id > ?",
      "SELECT coalesce(max(id), 0) FROM reading_b WHERE id > ?",
      "SELECT received FROM reading_b WHERE id <= ? ORDER BY id DESC LIMIT 1",
      "SELECT stream, value, received, at, uptime, known, start FROM reading_b LEFT JOIN boot ON "
      "boot.id = reading_b.boot WHERE reading_b.id > ? AND reading_b.id <= ? AND stream > ? AND "
      "stream <= ?",
      "DELETE FROM reading_b" },
};

/// The last reading that is in a block.
static sv_err packed_upto(gw *g, int64_t *out, sv_why *why) {
    return ask(g,
               "SELECT coalesce((SELECT upto FROM stretch WHERE kind = ? AND state > 0 ORDER BY id "
               "DESC LIMIT 1), 0)",
               GW_SAMPLES, out, why);
}

/// The table that takes rows: not that of a stretch which is being packed, nor one that is packed
/// and goes; else the one with the newest row.
static unsigned open_side(const int64_t first[2], const int64_t last[2], int64_t packed,
                          int64_t packing) {
    unsigned newer = last[1] > last[0] ? 1 : 0;
    bool done = last[newer] > 0 && last[newer] <= packed && last[1 - newer] == 0;
    bool is_packed_now = first[newer] != 0 && first[newer] <= packing;
    return done || is_packed_now ? 1 - newer : newer;
}

sv_err gw_pack_open(gw *g, sv_why *why) {
    int64_t first[2] = { 0, 0 };
    int64_t last[2] = { 0, 0 };
    int64_t packed = 0;
    int64_t packing = 0;
    int64_t covered = 0;
    SV_TRY(packed_upto(g, &packed, why));
    SV_TRY(ask(g, "SELECT coalesce(max(upto), 0) FROM stretch WHERE kind = ? AND state = 0",
               GW_SAMPLES, &packing, why));
    SV_TRY(
        ask(g, "SELECT coalesce(max(reading), 0) FROM checkpoint WHERE id > ?", 0, &covered, why));
    for (unsigned side = 0; side < 2; side++) {
        SV_TRY(ask(g, SIDES[side].first, packed, &first[side], why));
        SV_TRY(ask(g, SIDES[side].last, 0, &last[side], why));
        covered = last[side] > covered ? last[side] : covered;
    }
    g->series.side = open_side(first, last, packed, packing);
    g->last_reading = covered > packed ? covered : packed;
    return SV_OK;
}

typedef struct span {
    int64_t first, last;       ///< rows of one stretch that are in no block; first 0: none
    int64_t first_us, last_us; ///< when they came
} span;

static sv_err span_of(gw *g, unsigned side, span *out, sv_why *why) {
    int64_t packed = 0;
    SV_TRY(packed_upto(g, &packed, why));
    SV_TRY(ask(g, SIDES[side].first, packed, &out->first, why));
    if (out->first == 0) {
        return SV_OK;
    }
    SV_TRY(ask(g, SIDES[side].last, packed, &out->last, why));
    int64_t most = out->first + GW_STRETCH_ROWS - 1;
    out->last = out->last < most ? out->last : most;
    SV_TRY(ask(g, SIDES[side].received, out->first, &out->first_us, why));
    return ask(g, SIDES[side].received, out->last, &out->last_us, why);
}

/// A small store packs early, so that rows never take much of it.
static int64_t at_most(const gw *g, int64_t rows, int64_t share) {
    int64_t fit = g->config.store.bytes / share / GW_STORE_ROW_BYTES;
    return fit < rows ? fit : rows;
}

/// Kept as they are for longer than they should, though not many newer ones came.
static bool is_expired(gw *g, const span *rows) {
    int64_t keep_us = g->config.store.retention_us;
    return rows->first_us < gw_now_us() - keep_us - keep_us / 8;
}

static bool is_full(gw *g, const span *rows, bool hurry) {
    int64_t enough = at_most(g, hurry ? GW_HURRY_ROWS : GW_PACK_ROWS, 8);
    return rows->last - rows->first + 1 >= enough
           || rows->last_us - rows->first_us >= g->config.store.pack_us || is_expired(g, rows);
}

/// Not without a checkpoint: the numbers of these readings are known from nowhere else.
static bool begin(gw *g, const span *rows) {
    if (!gw_senders_checkpoint(g)) {
        return false;
    }
    sv_writer_add(g->writer, "INSERT INTO stretch (kind, state, upto, streams, received, count, "
                             "bytes) VALUES (0, 0, ?, 0, ?, 0, 0)");
    sv_writer_int(g->writer, rows->last);
    sv_writer_int(g->writer, rows->last_us);
    return true;
}

sv_err gw_pack_begin(gw *g, bool hurry, bool *begun, sv_why *why) {
    span closed = { .first = 0 };
    span open = { .first = 0 };
    SV_TRY(span_of(g, 1 - g->series.side, &closed, why));
    SV_TRY(span_of(g, g->series.side, &open, why));
    *begun = false;
    if (closed.first != 0) {
        bool due = hurry || is_expired(g, &closed)
                   || g->last_reading - closed.last >= at_most(g, g->config.store.rows, 4);
        *begun = due && begin(g, &closed);
    } else if (open.first != 0 && is_full(g, &open, hurry)) {
        g->series.side = 1 - g->series.side;
        *begun = true;
    }
    return SV_OK;
}

sv_err gw_pack_clear(gw *g, bool *done, sv_why *why) {
    unsigned closed = 1 - g->series.side;
    int64_t packed = 0;
    int64_t last = 0;
    SV_TRY(packed_upto(g, &packed, why));
    SV_TRY(ask(g, SIDES[closed].last, 0, &last, why));
    *done = last > 0 && last <= packed;
    if (*done) {
        sv_writer_add(g->writer, SIDES[closed].clear);
    }
    return SV_OK;
}

// One pass over the rows.

/// As many streams as are likely to fit.
static gw_pack *new_pass(gw *g, const gw_stretch *stretch, int64_t rows) {
    gw_pack *pass = sv_mem_new(sizeof *pass);
    int64_t width =
        rows <= GW_PASS_SAMPLES ? GW_PASS_STREAMS_MAX : g->last_stream * GW_PASS_SAMPLES / rows + 1;
    width = width < GW_PASS_STREAMS_MAX ? width : GW_PASS_STREAMS_MAX;
    pass->stretch = stretch->id;
    pass->above = stretch->streams;
    pass->packed = stretch->streams;
    pass->upto_stream =
        stretch->streams + width < g->last_stream ? stretch->streams + width : g->last_stream;
    pass->count = 1;
    return pass;
}

static void keep(gw_pack *pass, int64_t stream, int64_t at_us, double value) {
    if (pass->count == pass->room || pass->items == NULL) {
        pass->room = pass->room == 0 ? GW_SCAN_ROWS : 2 * pass->room;
        pass->items = sv_mem_resize(pass->items, pass->room * sizeof *pass->items);
    }
    uint32_t at = (uint32_t) pass->count++;
    chain *c = &pass->chains[stream - pass->above - 1];
    pass->items[at] = (item){ .at_us = at_us, .value = value };
    if (c->count == 0) {
        c->first = at;
    } else {
        pass->items[c->last].next = at;
    }
    c->last = at;
    c->count++;
}

static sv_err scan(gw *g, gw_pack *pass, int64_t upto, sv_why *why) {
    int64_t end = pass->scanned + GW_SCAN_ROWS < upto ? pass->scanned + GW_SCAN_ROWS : upto;
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db, SIDES[1 - g->series.side].rows, &stmt, why));
    sv_stmt_bind_int(stmt, 1, pass->scanned);
    sv_stmt_bind_int(stmt, 2, end);
    sv_stmt_bind_int(stmt, 3, pass->above);
    sv_stmt_bind_int(stmt, 4, pass->upto_stream);
    sv_err err = sv_stmt_next(stmt, why);
    for (; err == SV_OK; err = sv_stmt_next(stmt, why)) {
        keep(pass, sv_stmt_int(stmt, 0), gw_row_us(stmt, 2), sv_stmt_number(stmt, 1));
    }
    pass->scanned = end;
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err pack_stream(gw *g, const gw_stretch *stretch, const gw_pack *pass, int64_t stream,
                          sv_why *why) {
    static sv_block block; // 40 KiB; the loop's thread alone comes here
    uint32_t at = pass->chains[stream - pass->above - 1].first;
    block.columns = 1;
    for (unsigned piece = 0; at != 0; piece++) {
        block.count = 0;
        for (; at != 0 && block.count < SV_BLOCK_SAMPLES_MAX; at = pass->items[at].next) {
            block.at_us[block.count] = pass->items[at].at_us;
            block.values[0][block.count++] = pass->items[at].value;
        }
        SV_TRY(gw_block_put(g, stretch, stream, piece, &block, why));
    }
    return SV_OK;
}

/// The next streams of the pass, as many as one step may take.
static sv_err pack_some(gw *g, const gw_stretch *stretch, gw_pack *pass, sv_why *why) {
    size_t samples = 0;
    while (pass->packed < pass->upto_stream && samples < GW_STEP_SAMPLES) {
        int64_t stream = pass->packed + 1;
        samples += pass->chains[stream - pass->above - 1].count;
        SV_TRY(pack_stream(g, stretch, pass, stream, why));
        pass->packed = stream;
    }
    gw_stretch_written(g, stretch, pass->packed);
    if (pass->packed == g->last_stream) {
        sv_writer_add(g->writer, "UPDATE stretch SET state = 1 WHERE id = ?");
        sv_writer_int(g->writer, stretch->id);
    }
    return SV_OK;
}

sv_err gw_pack_step(gw *g, const gw_stretch *stretch, sv_why *why) {
    gw_pack **pack = &g->series.pack;
    if (*pack != NULL && (*pack)->packed == (*pack)->upto_stream) {
        gw_pack_drop(pack);
    }
    if (*pack == NULL) {
        span rows = { .first = 0 };
        SV_TRY(span_of(g, 1 - g->series.side, &rows, why));
        *pack = new_pass(g, stretch, stretch->upto - rows.first + 1);
        (*pack)->scanned = rows.first - 1;
    }
    if ((*pack)->scanned < stretch->upto) {
        g->series.scanning = true;
        return scan(g, *pack, stretch->upto, why);
    }
    return pack_some(g, stretch, *pack, why);
}
