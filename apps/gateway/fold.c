// Blocks become minutes.
#include "minutes.h"
#include "series.h"

// Samples that one stretch of minutes stands for: ids of whole stretches of readings.
typedef struct olds {
    int64_t ids[GW_FOLD_STRETCHES];
    size_t count;
} olds;

static sv_err read_olds(gw *g, int64_t upto, olds *out, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db,
                      "SELECT id FROM stretch WHERE kind = 0 AND state = 1 AND id <= ? ORDER BY id "
                      "LIMIT ?",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, upto);
    sv_stmt_bind_int(stmt, 2, GW_FOLD_STRETCHES);
    out->count = 0;
    sv_err err = sv_stmt_next(stmt, why);
    for (; err == SV_OK; err = sv_stmt_next(stmt, why)) {
        out->ids[out->count++] = sv_stmt_int(stmt, 0);
        if (out->count == GW_FOLD_STRETCHES) {
            sv_stmt_reset(stmt);
            return SV_OK;
        }
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

// Both 40 KiB and more; the loop's thread alone comes here.
static sv_block samples, packed;
static gw_minutes minutes;

typedef struct folding {
    gw *g;
    const gw_stretch *to;
    int64_t stream;
    unsigned piece;
    size_t samples, lookups; ///< so far in this step
} folding;

static sv_err put_minutes(folding *f, sv_why *why) {
    if (minutes.count == 0) {
        return SV_OK;
    }
    gw_minutes_block(&minutes, &packed);
    gw_minutes_clear(&minutes);
    return gw_block_put(f->g, f->to, f->stream, f->piece++, &packed, why);
}

static sv_err take_block(folding *f, sv_text bytes, sv_why *why) {
    sv_block_info info;
    SV_TRY(sv_block_peek(bytes, &info, why));
    SV_TRY(sv_block_unpack(bytes, &samples, why));
    for (size_t i = 0; i < samples.count; i++) {
        if (gw_minutes_is_full_for(&minutes, samples.at_us[i])) {
            SV_TRY(put_minutes(f, why));
        }
        gw_minutes_take(&minutes, samples.at_us[i], samples.values[0][i], info.column[0].digits);
    }
    f->samples += samples.count;
    return SV_OK;
}

/// A block that cannot be read any more costs itself, not the store.
static sv_err fold_stream(folding *f, const olds *from, sv_why *why) {
    gw_minutes_clear(&minutes);
    f->piece = 0;
    for (size_t i = 0; i < from->count; i++) {
        int64_t id = gw_block_id(from->ids[i], f->stream, 0);
        int64_t last = gw_block_id(from->ids[i], f->stream + 1, 0) - 1;
        char room[SV_BLOCK_BYTES_MAX];
        sv_textbuf bytes = SV_TEXTBUF(room);
        sv_err err = gw_block_next(f->g, &id, last, &bytes, why);
        for (; err == SV_OK; err = gw_block_next(f->g, &id, last, &bytes, why)) {
            err = take_block(f, sv_textbuf_text(&bytes), why);
            if (err == SV_ERR_INVALID) {
                f->g->series.damaged++;
            } else if (err != SV_OK) {
                return err;
            }
            f->lookups++;
            id++;
        }
        f->lookups++;
        if (err != SV_ERR_NOT_FOUND) {
            return err;
        }
    }
    return put_minutes(f, why);
}

static void end_fold(gw *g, const gw_stretch *stretch) {
    sv_writer_add(g->writer,
                  "UPDATE stretch SET state = 2 WHERE kind = 0 AND state = 1 AND id <= ?");
    sv_writer_int(g->writer, stretch->upto);
    sv_writer_add(g->writer, "UPDATE stretch SET state = 1 WHERE id = ?");
    sv_writer_int(g->writer, stretch->id);
}

sv_err gw_fold_step(gw *g, const gw_stretch *stretch, sv_why *why) {
    olds from;
    folding f = { .g = g, .to = stretch, .stream = stretch->streams };
    SV_TRY(read_olds(g, stretch->upto, &from, why));
    while (f.stream < g->last_stream && f.samples < GW_STEP_SAMPLES
           && f.lookups < GW_STEP_LOOKUPS) {
        f.stream++;
        SV_TRY(fold_stream(&f, &from, why));
    }
    gw_stretch_written(g, stretch, f.stream);
    if (f.stream == g->last_stream) {
        end_fold(g, stretch);
    }
    return SV_OK;
}

void gw_fold_begin(gw *g, const gw_stretch *last) {
    sv_writer_add(g->writer, "INSERT INTO stretch (kind, state, upto, streams, received, count, "
                             "bytes) VALUES (1, 0, ?, 0, ?, 0, 0)");
    sv_writer_int(g->writer, last->id);
    sv_writer_int(g->writer, last->received_us);
}
