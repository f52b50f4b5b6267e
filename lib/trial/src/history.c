#include <base/mem.h>
#include <codec/block.h>
#include <model/taken.h>
#include <stdlib.h>
#include <store/db.h>
#include <trial/history.h>

enum { STREAMS_MAX = 1 << 24 };

typedef struct sample {
    int64_t at_us;
    double value;
    uint32_t stream, number; ///< `number`: of equal times the one that came first is the first
} sample;

typedef struct history {
    sv_db *db;
    const sv_history_wanted *wanted;
    sv_history_take *take;
    void *arg;
    bool enough;
    sv_history_stream **streams; ///< by their row; NULL: not wanted
    size_t stream_count;
    sample *samples; ///< of one stretch, or of the rows
    size_t count, room;
    sv_block block;
} history;

static sv_err open_store(history *h, const char *path, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_open_read(path, &h->db, why));
    SV_TRY(sv_db_stmt(h->db,
                      "SELECT count(*) FROM sqlite_master WHERE name IN ('stream', 'stretch', "
                      "'block', 'reading_row', 'boot')",
                      &stmt, why));
    SV_TRY(sv_stmt_next(stmt, why));
    bool whole = sv_stmt_int(stmt, 0) == 5;
    sv_stmt_reset(stmt);
    return whole
               ? SV_OK
               : sv_fail(why, SV_ERR_INVALID,
                         "'%s' is not the store of a gateway (`store: path` of its configuration)",
                         path);
}

static sv_err add_stream(history *h, sv_stmt *stmt) {
    int64_t row = sv_stmt_int(stmt, 0);
    sv_text device_id = sv_stmt_text(stmt, 1);
    bool wanted = h->wanted->device_id == NULL || sv_text_is(device_id, h->wanted->device_id);
    if (!wanted || row < 1 || row >= STREAMS_MAX) {
        return SV_OK;
    }
    size_t needed = (size_t) row + 1;
    if (needed > h->stream_count) {
        h->streams = sv_mem_resize(h->streams, needed * sizeof(sv_history_stream *));
        for (size_t i = h->stream_count; i < needed; i++) {
            h->streams[i] = NULL;
        }
        h->stream_count = needed;
    }
    sv_history_stream *stream = sv_mem_new(sizeof *stream);
    h->streams[row] = stream;
    SV_TRY(sv_text_copy(device_id, stream->device_id, SV_ID_ROOM));
    return sv_text_copy(sv_stmt_text(stmt, 2), stream->sensor, SV_ID_ROOM);
}

/// The rows of a statement, one after the other.
static sv_err each_row(history *h, sv_stmt *stmt, sv_err (*row)(history *h, sv_stmt *stmt),
                       sv_why *why) {
    sv_err err = sv_stmt_next(stmt, why);
    while (err == SV_OK && !h->enough) {
        err = row(h, stmt);
        err = err == SV_OK ? sv_stmt_next(stmt, why)
                           : sv_fail(why, err, "the store holds what no gateway has written");
    }
    sv_stmt_reset(stmt);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err read_streams(history *h, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(h->db, "SELECT id, device, sensor FROM stream ORDER BY id", &stmt, why));
    return each_row(h, stmt, add_stream, why);
}

static sv_history_stream *stream_of(const history *h, int64_t row) {
    return row > 0 && (uint64_t) row < h->stream_count ? h->streams[row] : NULL;
}

static bool is_within(const history *h, int64_t at_us) {
    return at_us >= h->wanted->from_us && at_us <= h->wanted->to_us;
}

static void add_sample(history *h, int64_t row, double value, int64_t at_us) {
    if (!is_within(h, at_us)) {
        return;
    }
    if (h->count == h->room) {
        h->room = 2 * h->room + SV_BLOCK_SAMPLES_MAX;
        h->samples = sv_mem_resize(h->samples, h->room * sizeof *h->samples);
    }
    h->samples[h->count] = (sample){
        .at_us = at_us, .value = value, .stream = (uint32_t) row, .number = (uint32_t) h->count
    };
    h->count++;
}

static int by_time(const void *left, const void *right) {
    const sample *a = left;
    const sample *b = right;
    return a->at_us != b->at_us ? (a->at_us < b->at_us ? -1 : 1)
                                : (a->number > b->number) - (a->number < b->number);
}

/// What there is of a stretch, or of the rows.
static void hand_out(history *h) {
    if (h->count > 0) {
        qsort(h->samples, h->count, sizeof *h->samples, by_time);
    }
    for (size_t i = 0; i < h->count && !h->enough; i++) {
        const sample *s = &h->samples[i];
        h->enough = !h->take(h->arg, h->streams[s->stream], s->value, s->at_us);
    }
    h->count = 0;
}

// ---- what is packed -----------------------------------------------------------------------------

static sv_err take_block(history *h, sv_stmt *stmt) {
    int64_t row = sv_stmt_int(stmt, 0);
    if (stream_of(h, row) == NULL) {
        return SV_OK;
    }
    SV_TRY(sv_block_unpack(sv_stmt_bytes(stmt, 1), &h->block, NULL));
    for (size_t i = 0; i < h->block.count; i++) {
        add_sample(h, row, h->block.values[0][i], h->block.at_us[i]);
    }
    return SV_OK;
}

static sv_err take_stretch(history *h, int64_t stretch, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(h->db,
                      "SELECT (id >> 14) & 16777215, bytes FROM block "
                      "WHERE id >= ?1 << 38 AND id < (?1 + 1) << 38 ORDER BY id",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, stretch);
    SV_TRY(each_row(h, stmt, take_block, why));
    hand_out(h);
    return SV_OK;
}

/// The next one after `*stretch` that may hold something wanted: SV_ERR_NOT_FOUND behind the last.
static sv_err next_stretch(history *h, int64_t *stretch, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(h->db,
                      "SELECT id FROM stretch WHERE kind = 0 AND state = 1 AND id > ? "
                      "AND coalesce(last >= ? AND first <= ?, 1) ORDER BY id LIMIT 1",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, *stretch);
    sv_stmt_bind_int(stmt, 2, h->wanted->from_us);
    sv_stmt_bind_int(stmt, 3, h->wanted->to_us);
    SV_TRY(sv_stmt_next(stmt, why));
    *stretch = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return SV_OK;
}

// ---- what is not --------------------------------------------------------------------------------

static sv_err take_row(history *h, sv_stmt *stmt) {
    int64_t row = sv_stmt_int(stmt, 0);
    const sv_taken taken = { .received_us = sv_stmt_int(stmt, 2),
                             .at_us = sv_stmt_int(stmt, 3),
                             .uptime_us = sv_stmt_int(stmt, 4),
                             .known = (sv_known) sv_stmt_int(stmt, 5),
                             .start_us = sv_stmt_int(stmt, 6) };
    if (stream_of(h, row) != NULL) {
        add_sample(h, row, sv_stmt_number(stmt, 1), sv_taken_us(&taken));
    }
    return SV_OK;
}

/// At the time where they belong, as in blocks.
static sv_err take_rows(history *h, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(h->db,
                      "SELECT stream, value, received, at, uptime, known, start FROM reading_row "
                      "LEFT JOIN boot ON boot.id = reading_row.boot WHERE reading_row.id > "
                      "(SELECT coalesce(max(upto), 0) FROM stretch WHERE kind = 0 AND state = 1) "
                      "ORDER BY reading_row.id",
                      &stmt, why));
    SV_TRY(each_row(h, stmt, take_row, why));
    hand_out(h);
    return SV_OK;
}

/// A stretch that becomes whole meanwhile must not be missed between the last one and the rows.
static sv_err read_all(history *h, sv_why *why) {
    int64_t stretch = 0;
    for (;;) {
        SV_TRY(sv_db_exec(h->db, "BEGIN", why));
        sv_err err = next_stretch(h, &stretch, why);
        if (err == SV_OK) {
            err = take_stretch(h, stretch, why);
        } else if (err == SV_ERR_NOT_FOUND) {
            err = take_rows(h, why);
            h->enough = true;
        }
        sv_err ended = sv_db_exec(h->db, "COMMIT", err == SV_OK ? why : NULL);
        if (err != SV_OK || ended != SV_OK || h->enough) {
            return err == SV_OK ? ended : err;
        }
    }
}

static void close_history(history *h) {
    for (size_t i = 0; i < h->stream_count; i++) {
        free(h->streams[i]);
    }
    free(h->streams);
    free(h->samples);
    sv_db_drop(&h->db);
}

sv_err sv_history_read(const char *path, const sv_history_wanted *wanted, sv_history_take *take,
                       void *arg, sv_why *why) {
    SV_DEFER(sv_mem_drop) history *h = sv_mem_new(sizeof *h);
    h->wanted = wanted;
    h->take = take;
    h->arg = arg;
    sv_err err = open_store(h, path, why);
    if (err == SV_OK) {
        err = read_streams(h, why);
    }
    if (err == SV_OK) {
        err = read_all(h, why);
    }
    close_history(h);
    return err;
}
