// The readings that are no rows any more (docs/spec/series.md). Rows go into one of two tables;
// when they span `store.pack` the other is opened, and when that holds `store.rows`, the stretch of
// rows in the closed one becomes one block per stream (codec/block.h). When that is to go, minutes
// (count, min, mean, max) stand for it.
//
// Everything is done in small steps on the loop, each at most one transaction of the writer, and
// what has been done is read from the database before every step: whenever the power goes, the next
// start goes on where the last commit was. A number a device gave its reading is not kept in a
// block: a stretch begins together with a checkpoint of the senders, which covers every reading in
// it.
#ifndef SELVEDGE_GATEWAY_SERIES_H
#define SELVEDGE_GATEWAY_SERIES_H

#include "gateway.h"

#include <codec/block.h>

enum {
    GW_PACK_ROWS = 262144,     ///< after which the other table is opened
    GW_STRETCH_ROWS = 1 << 20, ///< of one stretch at most
    GW_PIECE_BITS = 14,        ///< blocks of one stream in one stretch
    GW_STREAM_BITS = 24,
    GW_HURRY_ROWS = 2000,    ///< of one stretch at least, when room is short
    GW_PASS_SAMPLES = 65536, ///< read before they are packed, 24 bytes each
    GW_PASS_STREAMS_MAX = 8192,
    GW_SCAN_ROWS = 2000,     ///< looked at in one step
    GW_STEP_SAMPLES = 8192,  ///< packed or unpacked in one step
    GW_STEP_LOOKUPS = 1000,  ///< blocks asked for in one step
    GW_DELETE_BLOCKS = 2000, ///< taken away in one step
    GW_FOLD_STRETCHES = 32,  ///< that one stretch of minutes stands for at most
    GW_STEP_US = 5000,       ///< between steps while there is something to do
    GW_LOOK_US = 1000000,    ///< between looks while there is nothing
    GW_STORE_ROW_BYTES = 72, ///< about what a row takes
};

typedef enum gw_stretch_state { GW_WRITING = 0, GW_WHOLE = 1, GW_GOING = 2 } gw_stretch_state;

/// A row of the table `stretch`.
typedef struct gw_stretch {
    int64_t id, upto, streams, received_us, count, bytes;
    gw_kind kind;
    gw_stretch_state state;
} gw_stretch;

/// The columns of a block of minutes.
enum { GW_MINUTE_COUNT, GW_MINUTE_MIN, GW_MINUTE_MEAN, GW_MINUTE_MAX, GW_MINUTE_COLUMNS };

static inline int64_t gw_block_id(int64_t stretch, int64_t stream, unsigned piece) {
    return (stretch << GW_STREAM_BITS | stream) << GW_PIECE_BITS | piece;
}

/// Ask for the first block from `*id` to `last`: SV_ERR_NOT_FOUND when there is none. `bytes`
/// (NULL: not asked for) is cleared first; a block with no room in it leaves it empty, which is no
/// block.
sv_err gw_block_next(gw *g, int64_t *id, int64_t last, sv_textbuf *bytes, sv_why *why);
/// Record the block as the next piece of a stretch, which counts its samples and bytes.
sv_err gw_block_put(gw *g, const gw_stretch *to, int64_t stream, unsigned piece,
                    const sv_block *block, sv_why *why);
/// The blocks of streams up to `stream` are recorded.
void gw_stretch_written(gw *g, const gw_stretch *stretch, int64_t stream);

/// Rows become blocks. Close a table or begin a stretch when it is time (or, in a `hurry` for room,
/// whenever there are rows enough): false when it is not.
sv_err gw_pack_begin(gw *g, bool hurry, bool *begun, sv_why *why);
/// Rows that are in blocks go, before anything may make the database forget that they are.
sv_err gw_pack_clear(gw *g, bool *done, sv_why *why);
sv_err gw_pack_step(gw *g, const gw_stretch *stretch, sv_why *why);
void gw_pack_drop(gw_pack **pack);

/// Blocks become minutes. Begin with the oldest stretches up to `last`.
void gw_fold_begin(gw *g, const gw_stretch *last);
sv_err gw_fold_step(gw *g, const gw_stretch *stretch, sv_why *why);

/// What must go, and why: true when a step was recorded.
sv_err gw_retain_step(gw *g, bool *done, sv_why *why);
/// Something had to go: counted, and logged once per episode.
void gw_dropped(gw *g, gw_kind kind, gw_drop_reason reason, int64_t count);

#endif
