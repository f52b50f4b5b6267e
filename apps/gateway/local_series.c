// `GET /v1/series`: what was recorded of one stream, from blocks and rows. A little at a time, so
// that a long look back holds up nobody; until it is answered nothing is packed or dropped, so that
// no reading is seen twice or missed on its way from one place to another.
#include "range.h"
#include "series.h"

#include <base/mem.h>
#include <stdlib.h>
#include <sys/clock.h>

enum {
    ASKED_MAX = 4,  ///< answers being put together
    STRETCHES = 64, ///< looked into in one turn
    ROWS = 20000,   ///< looked at in one turn
    NUMBER_ROOM = 24,
};

struct gw_asked {
    gw *g;
    gw_asked *next;
    sv_http_request *request;
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

static void reply(gw_asked *asked) {
    sv_why why = { 0 };
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(GW_LOCAL_MAX);
    sv_json_out out = SV_JSON_OUT(&text);
    sv_json_open_object(&out);
    sv_json_add_str(&out, "device", asked->device);
    sv_json_add_str(&out, "sensor", asked->sensor);
    sv_json_add_str(&out, "unit", unit_of(asked));
    gw_range_write(&asked->range, &out);
    if (put_corrected(asked, &out, &why) != SV_OK) {
        sv_http_problem(asked->request, 500, "Store failed", "%s", why.text);
        return;
    }
    sv_json_close_object(&out);
    sv_http_reply(asked->request, 200, "application/json", sv_textbuf_text(&text));
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
        sv_http_problem(asked->request, 500, "Store failed", "%s", why.text);
        asked_drop(asked);
    } else if (more) {
        sv_timer_once(asked->timer, 0);
    } else {
        reply(asked);
        asked_drop(asked);
    }
}

static sv_err number_of(const sv_http_request *request, const char *name, uint64_t max,
                        int64_t fallback, int64_t *out) {
    char room[NUMBER_ROOM];
    uint64_t read = 0;
    sv_err err = sv_http_query(request, name, room, sizeof room);
    if (err == SV_ERR_NOT_FOUND) {
        *out = fallback;
        return SV_OK;
    }
    SV_TRY(err);
    SV_TRY(sv_text_u64(sv_text_of(room), max, &read));
    *out = (int64_t) read;
    return SV_OK;
}

static sv_err read_range(const sv_http_request *request, gw_asked *asked, sv_why *why) {
    const uint64_t max_ms = INT64_MAX / 1000 / 2;
    int64_t now_ms = sv_clock_wall_us() / 1000;
    int64_t hour_ms = SV_TIME_HOUR_US / 1000;
    int64_t from = 0;
    int64_t to = 0;
    int64_t points = 0;
    if (sv_http_query(request, "device", asked->device, sizeof asked->device) != SV_OK
        || sv_http_query(request, "sensor", asked->sensor, sizeof asked->sensor) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "device= and sensor= say which stream");
    }
    if (number_of(request, "to", max_ms, now_ms, &to) != SV_OK
        || number_of(request, "from", max_ms, to > hour_ms ? to - hour_ms : 0, &from) != SV_OK
        || from > to) {
        return sv_fail(why, SV_ERR_INVALID, "from= and to= are milliseconds since 1970, in order");
    }
    if (number_of(request, "points", GW_POINTS_MAX, GW_POINTS_DEFAULT, &points) != SV_OK
        || points == 0) {
        return sv_fail(why, SV_ERR_INVALID, "points= is a number from 1 to %d", GW_POINTS_MAX);
    }
    gw_range_open(&asked->range, from * 1000, to * 1000 + 999, (size_t) points);
    return SV_OK;
}

static sv_err find_stream(gw *g, gw_asked *asked, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db, "SELECT id FROM stream WHERE device = ? AND sensor = ?", &stmt, why));
    sv_stmt_bind_str(stmt, 1, asked->device);
    sv_stmt_bind_str(stmt, 2, asked->sensor);
    SV_TRY(sv_stmt_next(stmt, why));
    asked->stream = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return SV_OK;
}

static void start(gw *g, sv_http_request *request, gw_asked *asked) {
    gw_asked *kept = sv_mem_new(sizeof *kept);
    *kept = *asked;
    kept->g = g;
    kept->request = request;
    kept->row = -1;
    kept->next = g->series.asked;
    kept->timer = sv_timer_new(g->loop, on_turn, kept);
    g->series.asked = kept;
    g->series.asked_count++;
    sv_timer_once(kept->timer, 0);
}

void gw_local_series(gw *g, sv_http_request *request) {
    gw_asked asked = { .row = -1 };
    sv_why why = { 0 };
    if (g->series.asked_count == ASKED_MAX) {
        sv_http_problem(request, 503, "Busy", "%d other answers are being put together", ASKED_MAX);
        return;
    }
    if (read_range(request, &asked, &why) != SV_OK) {
        sv_http_problem(request, 400, "Bad request", "%s", why.text);
        return;
    }
    sv_err err = find_stream(g, &asked, &why);
    if (err == SV_OK) {
        start(g, request, &asked);
        return;
    }
    gw_range_drop(&asked.range);
    if (err == SV_ERR_NOT_FOUND) {
        sv_http_problem(request, 404, "Not found", "nothing came from %s/%s", asked.device,
                        asked.sensor);
    } else {
        sv_http_problem(request, 500, "Store failed", "%s", why.text);
    }
}

void gw_local_series_close(gw *g) {
    for (gw_asked *asked = g->series.asked; asked != NULL;) {
        gw_asked *next = asked->next;
        sv_http_problem(asked->request, 503, "Ending", "the gateway ends");
        asked_drop(asked);
        asked = next;
    }
}
