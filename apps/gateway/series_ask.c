#include "series_ask.h"

#include "gateway.h"
#include "series.h"

#include <base/mem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>

enum {
    STRETCHES = 64, ///< looked into in one turn
    ROWS = 20000,   ///< looked at in one turn
};

struct gw_asked {
    gw *g;
    gw_asked *next;
    gw_series_done *done;
    void *arg;
    sv_timer *timer;
    char device[SV_ID_ROOM], sensor[SV_ID_ROOM];
    int64_t stream;
    gw_range range;
    int64_t stretch; ///< looked into up to this one
    int64_t row;     ///< looked at up to this one; -1: stretches come first
};

static void asked_drop(gw_asked *asked) {
    gw_asked **at = &asked->g->series.asked;
    while (*at != asked) {
        at = &(*at)->next;
    }
    *at = asked->next;
    asked->g->series.asked_count--;
    sv_timer_drop(&asked->timer);
    gw_range_drop(&asked->range);
    free(asked);
}

static const char *unit_of(const gw_asked *asked) {
    char room[2 * SV_ID_ROOM];
    sv_textbuf name = SV_TEXTBUF(room);
    sv_textbuf_addf(&name, "%s/%s", asked->device, asked->sensor);
    const gw_stream *s = sv_map_get(asked->g->streams, sv_textbuf_text(&name));
    return s == NULL ? "" : s->unit;
}

/// Between which times the device's clock was in doubt and times were corrected. [reading-6]
static sv_err put_corrected(const gw_asked *asked, sv_json_out *out, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(asked->g->db,
                      "SELECT start + first, start + last FROM boot WHERE device = ?1 AND last > 0 "
                      "AND start + last >= ?2 AND start + first <= ?3 ORDER BY start + first",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, asked->device);
    sv_stmt_bind_int(stmt, 2, asked->range.from_us);
    sv_stmt_bind_int(stmt, 3, asked->range.to_us);
    sv_json_key(out, "corrected");
    sv_json_open_array(out);
    sv_err err = sv_stmt_next(stmt, why);
    for (; err == SV_OK; err = sv_stmt_next(stmt, why)) {
        sv_json_open_array(out);
        sv_json_put_int(out, sv_stmt_int(stmt, 0) / 1000);
        sv_json_put_int(out, sv_stmt_int(stmt, 1) / 1000);
        sv_json_close_array(out);
    }
    sv_json_close_array(out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err write_answer(gw_asked *asked, sv_textbuf *text, sv_why *why) {
    sv_json_out out = SV_JSON_OUT(text);
    sv_json_open_object(&out);
    sv_json_add_str(&out, "device", asked->device);
    sv_json_add_str(&out, "sensor", asked->sensor);
    sv_json_add_str(&out, "unit", unit_of(asked));
    gw_range_write(&asked->range, &out);
    SV_TRY(put_corrected(asked, &out, why));
    sv_json_close_object(&out);
    return sv_textbuf_end(text);
}

/// It is over before whoever waits hears of it: he may ask again at once.
static void end(gw_asked *asked, int status, sv_text said) {
    gw_series_done *done = asked->done;
    void *arg = asked->arg;
    asked_drop(asked);
    done(arg, status, said);
}

static void fail(gw_asked *asked, const sv_why *why) {
    end(asked, 500, sv_text_of(why->text));
}

static void reply(gw_asked *asked) {
    sv_why why = { .text = "the answer is too large" };
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(GW_LOCAL_MAX);
    if (write_answer(asked, &text, &why) == SV_OK) {
        end(asked, 200, sv_textbuf_text(&text));
    } else {
        fail(asked, &why);
    }
}

static sv_err take_block(gw_asked *asked, gw_kind kind, sv_text bytes) {
    static sv_block block; // 40 KiB; the loop's thread alone comes here
    sv_block_info info;
    SV_TRY(sv_block_peek(bytes, &info, NULL));
    if (kind == GW_SAMPLES && !gw_range_wants(&asked->range, &info)) {
        asked->range.seen +=
            info.last_us >= asked->range.from_us && info.first_us <= asked->range.to_us ? info.count
                                                                                        : 0;
        return SV_OK;
    }
    SV_TRY(sv_block_unpack(bytes, &block, NULL));
    for (size_t i = 0; i < block.count && kind == GW_SAMPLES; i++) {
        gw_range_sample(&asked->range, block.at_us[i], block.values[0][i]);
    }
    for (size_t i = 0; i < block.count && kind == GW_MINUTES; i++) {
        const gw_minute minute = { .start_us = block.at_us[i],
                                   .count = (int64_t) block.values[GW_MINUTE_COUNT][i],
                                   .min = block.values[GW_MINUTE_MIN][i],
                                   .mean = block.values[GW_MINUTE_MEAN][i],
                                   .max = block.values[GW_MINUTE_MAX][i] };
        gw_range_minute(&asked->range, &minute);
    }
    return SV_OK;
}

static sv_err look_into(gw_asked *asked, int64_t stretch, gw_kind kind, sv_why *why) {
    char room[SV_BLOCK_BYTES_MAX];
    sv_textbuf bytes = SV_TEXTBUF(room);
    int64_t id = gw_block_id(stretch, asked->stream, 0);
    int64_t last = gw_block_id(stretch, asked->stream + 1, 0) - 1;
    sv_err err = gw_block_next(asked->g, &id, last, &bytes, why);
    for (; err == SV_OK; err = gw_block_next(asked->g, &id, last, &bytes, why)) {
        if (take_block(asked, kind, sv_textbuf_text(&bytes)) != SV_OK) {
            asked->g->series.damaged++;
        }
        id++;
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

typedef struct found {
    int64_t id;
    gw_kind kind;
} found;

/// The next stretches that may hold something of the range.
static sv_err find(gw_asked *asked, found *all, size_t *count, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(
        sv_db_stmt(asked->g->db,
                   "SELECT id, kind FROM stretch WHERE id > ?1 AND last >= ?2 AND first <= ?3 AND "
                   "(state = 1 OR (state = 0 AND kind = 0 AND streams >= ?4)) ORDER BY id LIMIT "
                   "?5",
                   &stmt, why));
    sv_stmt_bind_int(stmt, 1, asked->stretch);
    sv_stmt_bind_int(stmt, 2, asked->range.from_us - SV_TIME_MINUTE_US);
    sv_stmt_bind_int(stmt, 3, asked->range.to_us);
    sv_stmt_bind_int(stmt, 4, asked->stream);
    sv_stmt_bind_int(stmt, 5, STRETCHES);
    *count = 0;
    sv_err err = sv_stmt_next(stmt, why);
    for (; err == SV_OK; err = sv_stmt_next(stmt, why)) {
        all[(*count)++] =
            (found){ .id = sv_stmt_int(stmt, 0), .kind = (gw_kind) sv_stmt_int(stmt, 1) };
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

/// The first row that is not in a block of this stream.
static sv_err first_row(gw_asked *asked, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(asked->g->db,
                      "SELECT coalesce(max(upto), 0) FROM stretch WHERE kind = 0 AND (state > 0 OR "
                      "streams >= ?)",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, asked->stream);
    SV_TRY(sv_stmt_next(stmt, why));
    asked->row = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    SV_TRY(sv_db_stmt(asked->g->db,
                      "SELECT min(coalesce((SELECT min(id) FROM reading), ?1), "
                      "coalesce((SELECT min(id) FROM reading_b), ?1)) - 1",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, asked->g->last_reading + 1);
    SV_TRY(sv_stmt_next(stmt, why));
    int64_t oldest = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    asked->row = asked->row > oldest ? asked->row : oldest;
    return SV_OK;
}

static sv_err take_stretches(gw_asked *asked, sv_why *why) {
    found all[STRETCHES];
    size_t count = 0;
    SV_TRY(find(asked, all, &count, why));
    for (size_t i = 0; i < count; i++) {
        SV_TRY(look_into(asked, all[i].id, all[i].kind, why));
        asked->stretch = all[i].id;
    }
    return count == STRETCHES ? SV_OK : first_row(asked, why);
}

/// `more`: rows may follow.
static sv_err take_rows(gw_asked *asked, bool *more, sv_why *why) {
    sv_stmt *stmt = NULL;
    int64_t end = asked->row + ROWS;
    SV_TRY(sv_db_stmt(
        asked->g->db,
        "SELECT value, received, at, uptime, known, start FROM reading_row LEFT JOIN "
        "boot ON boot.id = reading_row.boot WHERE reading_row.id > ? AND reading_row.id <= ? AND "
        "stream = ?",
        &stmt, why));
    sv_stmt_bind_int(stmt, 1, asked->row);
    sv_stmt_bind_int(stmt, 2, end);
    sv_stmt_bind_int(stmt, 3, asked->stream);
    sv_err err = sv_stmt_next(stmt, why);
    for (; err == SV_OK; err = sv_stmt_next(stmt, why)) {
        gw_range_sample(&asked->range, gw_row_us(stmt, 1), sv_stmt_number(stmt, 0));
    }
    if (err != SV_ERR_NOT_FOUND) {
        return err;
    }
    asked->row = end;
    *more = asked->g->last_reading > end;
    return SV_OK;
}

static void on_turn(void *arg) {
    gw_asked *asked = arg;
    sv_why why = { 0 };
    bool more = true;
    sv_err err = asked->row < 0 ? take_stretches(asked, &why) : take_rows(asked, &more, &why);
    if (err != SV_OK) {
        fail(asked, &why);
    } else if (more) {
        sv_timer_once(asked->timer, 0);
    } else {
        reply(asked);
    }
}

static sv_err find_stream(gw *g, const gw_series_question *q, int64_t *out, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db, "SELECT id FROM stream WHERE device = ? AND sensor = ?", &stmt, why));
    sv_stmt_bind_str(stmt, 1, q->device);
    sv_stmt_bind_str(stmt, 2, q->sensor);
    SV_TRY(sv_stmt_next(stmt, why));
    *out = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return SV_OK;
}

static void start(gw *g, const gw_series_question *q, int64_t stream, gw_series_done *done,
                  void *arg) {
    gw_asked *asked = sv_mem_new(sizeof *asked);
    *asked = (gw_asked){ .g = g,
                         .next = g->series.asked,
                         .done = done,
                         .arg = arg,
                         .timer = sv_timer_new(g->loop, on_turn, asked),
                         .stream = stream,
                         .row = -1 };
    memcpy(asked->device, q->device, sizeof asked->device);
    memcpy(asked->sensor, q->sensor, sizeof asked->sensor);
    gw_range_open(&asked->range, q->from_ms * 1000, q->to_ms * 1000 + 999, q->points);
    g->series.asked = asked;
    g->series.asked_count++;
    sv_timer_once(asked->timer, 0);
}

void gw_series_ask(gw *g, const gw_series_question *question, gw_series_done *done, void *arg) {
    char room[SV_WHY_MAX];
    sv_why why = { 0 };
    int64_t stream = 0;
    if (g->series.asked_count == GW_SERIES_ASKED_MAX) {
        (void) snprintf(room, sizeof room, "%d other answers are being put together",
                        GW_SERIES_ASKED_MAX);
        done(arg, 503, sv_text_of(room));
        return;
    }
    if (g->series.free_us > 0 && sv_clock_monotonic_us() - g->series.free_us > GW_SERIES_HELD_US) {
        done(arg, 503, SV_TEXT("the store is being put in order; ask again in a moment"));
        return;
    }
    sv_err err = find_stream(g, question, &stream, &why);
    if (err == SV_OK) {
        start(g, question, stream, done, arg);
    } else if (err == SV_ERR_NOT_FOUND) {
        (void) snprintf(room, sizeof room, "nothing came from %s/%s", question->device,
                        question->sensor);
        done(arg, 404, sv_text_of(room));
    } else {
        done(arg, 500, sv_text_of(why.text));
    }
}

void gw_series_ask_close(gw *g) {
    for (gw_asked *asked = g->series.asked; asked != NULL;) {
        gw_asked *next = asked->next;
        end(asked, 503, SV_TEXT("the gateway ends"));
        asked = next;
    }
}
