#include "aside.h"

#include "gateway.h"
#include <base/mem.h>
#include <codec/encode.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT_ROOM = 8 };

static gw_aside_of *of_device(gw *g, sv_text device) {
    gw_aside_of *of = sv_map_get(g->aside.of, device);
    if (of != NULL) {
        return of;
    }
    of = sv_mem_new(sizeof *of);
    if (sv_text_copy(device, of->device, sizeof of->device) != SV_OK
        || sv_map_put(g->aside.of, device, of) != SV_OK) {
        free(of);
        return NULL;
    }
    return of;
}

static void note_dropped(gw *g, gw_aside_of *of) {
    of->dropped++;
    g->aside.dropped++;
    sv_writer_add(g->writer, "INSERT INTO aside_dropped VALUES (?, 1) ON CONFLICT (device) DO "
                             "UPDATE SET count = count + 1");
    sv_writer_str(g->writer, of->device);
}

static void count(gw *g, gw_aside_of *of, int64_t rows, int64_t bytes) {
    of->rows += rows;
    of->bytes += bytes;
    g->aside.rows += rows;
    g->aside.bytes += bytes;
}

static void count_newest(gw *g, gw_aside_of *of, int64_t bytes) {
    of->sizes[(of->first + (size_t) of->rows) % GW_ASIDE_ROWS_MAX] = (uint16_t) bytes;
    count(g, of, 1, bytes);
}

static void drop_oldest(gw *g, gw_aside_of *of) {
    int64_t bytes = of->sizes[of->first];
    of->first = (of->first + 1) % GW_ASIDE_ROWS_MAX;
    sv_writer_add(g->writer,
                  "DELETE FROM aside WHERE n = (SELECT min(n) FROM aside WHERE device = ?)");
    sv_writer_str(g->writer, of->device);
    count(g, of, -1, -bytes);
    note_dropped(g, of);
}

/// Of another device, when all together have too much: the one that has most.
static gw_aside_of *largest(const gw *g) {
    gw_aside_of *found = NULL;
    for (size_t i = 0; i < sv_map_count(g->aside.of); i++) {
        gw_aside_of *of = sv_map_at(g->aside.of, i, NULL);
        found = found == NULL || of->bytes > found->bytes ? of : found;
    }
    return found;
}

static void make_room(gw *g, gw_aside_of *of, int64_t bytes) {
    while (of->rows > 0
           && (of->rows >= GW_ASIDE_ROWS_MAX || of->bytes + bytes > GW_ASIDE_BYTES_MAX)) {
        drop_oldest(g, of);
    }
    while (g->aside.rows > 0 && g->aside.bytes + bytes > GW_ASIDE_ALL_BYTES_MAX) {
        drop_oldest(g, largest(g));
    }
}

static void keep(gw *g, gw_aside_of *of, sv_text sensor, sv_text payload) {
    sv_writer_add(g->writer, "INSERT INTO aside (device, sensor, at, payload) VALUES (?, ?, ?, ?)");
    sv_writer_str(g->writer, of->device);
    sv_writer_text(g->writer, sensor);
    sv_writer_int(g->writer, gw_wall_us(g));
    sv_writer_text(g->writer, payload);
}

void gw_aside_take(gw *g, sv_text topic, sv_text payload) {
    sv_text sensor = topic;
    (void) sv_text_cut(&sensor, '/');
    sv_text device = sv_text_cut(&sensor, '/');
    gw_aside_of *of = of_device(g, device);
    if (of == NULL) {
        g->aside.dropped++;
        return;
    }
    int64_t bytes = (int64_t) (topic.len + payload.len);
    if (payload.len > GW_ASIDE_PAYLOAD_MAX || sensor.len > SV_ID_MAX || !sv_utf8_is_valid(payload)
        || memchr(payload.at, '\0', payload.len) != NULL) {
        note_dropped(g, of);
        return;
    }
    make_room(g, of, bytes);
    keep(g, of, sensor, payload);
    count_newest(g, of, bytes);
}

void gw_aside_forget(gw *g, const char *device) {
    gw_aside_of *of = sv_map_remove(g->aside.of, sv_text_of(device));
    if (of == NULL) {
        return;
    }
    count(g, of, -of->rows, -of->bytes);
    free(of);
    sv_writer_add(g->writer, "DELETE FROM aside WHERE device = ?");
    sv_writer_str(g->writer, device);
    sv_writer_add(g->writer, "DELETE FROM aside_dropped WHERE device = ?");
    sv_writer_str(g->writer, device);
    sv_writer_hurry(g->writer);
}

// ---- showing ------------------------------------------------------------------------------------

static void put_summary(const gw *g, sv_json_out *out) {
    sv_json_open_object(out);
    sv_json_add_int(out, "messages", g->aside.rows);
    sv_json_add_int(out, "bytes", g->aside.bytes);
    sv_json_add_int(out, "dropped", g->aside.dropped);
    sv_json_key(out, "items");
    sv_json_open_array(out);
    for (size_t i = 0; i < sv_map_count(g->aside.of); i++) {
        const gw_aside_of *of = sv_map_at(g->aside.of, i, NULL);
        sv_json_open_object(out);
        sv_json_add_str(out, "device", of->device);
        sv_json_add_int(out, "messages", of->rows);
        sv_json_add_int(out, "dropped", of->dropped);
        sv_json_close_object(out);
    }
    sv_json_close_array(out);
    sv_json_close_object(out);
}

static sv_err put_messages(gw *g, sv_text device, uint64_t limit, sv_json_out *out, sv_why *why) {
    sv_stmt *row = NULL;
    SV_TRY(sv_db_stmt(
        g->db, "SELECT sensor, at, payload FROM aside WHERE device = ? ORDER BY n DESC LIMIT ?",
        &row, why));
    sv_stmt_bind_text(row, 1, device);
    sv_stmt_bind_int(row, 2, (int64_t) limit);
    sv_json_open_object(out);
    sv_json_add_text(out, "device", device);
    sv_json_key(out, "items");
    sv_json_open_array(out);
    sv_err err = sv_stmt_next(row, why);
    for (; err == SV_OK; err = sv_stmt_next(row, why)) {
        sv_json_open_object(out);
        sv_json_add_text(out, "sensor", sv_stmt_text(row, 0));
        sv_json_add_int(out, "at", sv_stmt_int(row, 1) / 1000);
        sv_json_add_text(out, "payload", sv_stmt_text(row, 2));
        sv_json_close_object(out);
    }
    sv_json_close_array(out);
    sv_json_close_object(out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static bool read_question(sv_http_request *request, char device[SV_ID_ROOM], uint64_t *limit) {
    char room[LIMIT_ROOM] = "";
    sv_err named = sv_http_query(request, "device", device, SV_ID_ROOM);
    sv_err limited = sv_http_query(request, "limit", room, sizeof room);
    if (named == SV_OK && !sv_id_is_valid(sv_text_of(device))) {
        named = SV_ERR_INVALID;
    }
    if (limited == SV_OK) {
        limited = sv_text_u64(sv_text_of(room), GW_ASIDE_ROWS_MAX, limit);
    }
    if ((named != SV_OK && named != SV_ERR_NOT_FOUND)
        || (limited != SV_OK && limited != SV_ERR_NOT_FOUND)) {
        sv_http_problem(request, 400, "Bad request",
                        "device is a device id, limit a number up to %d", GW_ASIDE_ROWS_MAX);
        return false;
    }
    return true;
}

void gw_aside_show(gw *g, sv_http_request *request) {
    char device[SV_ID_ROOM] = "";
    uint64_t limit = GW_ASIDE_SHOWN;
    sv_why why = { 0 };
    if (!read_question(request, device, &limit)) {
        return;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(GW_LOCAL_MAX);
    sv_json_out out = SV_JSON_OUT(&text);
    if (device[0] == '\0') {
        put_summary(g, &out);
    } else if (put_messages(g, sv_text_of(device), limit, &out, &why) != SV_OK) {
        sv_http_problem(request, 503, "Not available", "%s", why.text);
        return;
    }
    sv_http_reply(request, 200, "application/json", sv_textbuf_text(&text));
}

// ---- from start to end --------------------------------------------------------------------------

void gw_aside_open(gw *g, const uint8_t key[16]) {
    g->aside = (gw_aside){ .of = sv_map_new(GW_ASIDE_DEVICES_MAX, key) };
}

static sv_err each(gw *g, const char *sql, void (*take)(gw *g, gw_aside_of *of, sv_stmt *row),
                   sv_why *why) {
    sv_stmt *row = NULL;
    SV_TRY(sv_db_stmt(g->db, sql, &row, why));
    sv_err err = sv_stmt_next(row, why);
    for (; err == SV_OK; err = sv_stmt_next(row, why)) {
        gw_aside_of *of = of_device(g, sv_stmt_text(row, 0));
        if (of != NULL) {
            take(g, of, row);
        }
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static void restore_rows(gw *g, gw_aside_of *of, sv_stmt *row) {
    if (of->rows < GW_ASIDE_ROWS_MAX) {
        count_newest(g, of, sv_stmt_int(row, 1));
    }
}

static void restore_dropped(gw *g, gw_aside_of *of, sv_stmt *row) {
    of->dropped = sv_stmt_int(row, 1);
    g->aside.dropped += of->dropped;
}

sv_err gw_aside_restore(gw *g, sv_why *why) {
    SV_TRY(each(g,
                "SELECT device, length(device) + length(sensor) + 9 + length(CAST (payload AS "
                "BLOB)) FROM aside ORDER BY n",
                restore_rows, why));
    return each(g, "SELECT device, count FROM aside_dropped", restore_dropped, why);
}

void gw_aside_close(gw *g) {
    for (size_t i = 0; g->aside.of != NULL && i < sv_map_count(g->aside.of); i++) {
        free(sv_map_at(g->aside.of, i, NULL));
    }
    sv_map_drop(&g->aside.of);
}
