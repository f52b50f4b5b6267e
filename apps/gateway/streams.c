// The streams that are known, each with its row in the database, its rules and its guard.
#include "gateway.h"
#include <base/mem.h>
#include <stdlib.h>
#include <sys/clock.h>

static sv_text pair(sv_textbuf *room, sv_text left, sv_text right) {
    sv_textbuf_add(room, left);
    sv_textbuf_add_char(room, '/');
    sv_textbuf_add(room, right);
    return sv_textbuf_text(room);
}

/// The row of the stream: the one it has on disk, or a new one.
static sv_err row_of(gw *g, gw_stream *s, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db, "SELECT id FROM stream WHERE device = ? AND sensor = ?", &stmt, why));
    sv_stmt_bind_str(stmt, 1, s->device);
    sv_stmt_bind_str(stmt, 2, s->sensor);
    sv_err err = sv_stmt_next(stmt, why);
    if (err == SV_OK) {
        s->row = sv_stmt_int(stmt, 0);
        sv_stmt_reset(stmt);
    } else if (err == SV_ERR_NOT_FOUND) {
        s->row = ++g->last_stream;
        sv_writer_add(g->writer, "INSERT INTO stream (id, device, sensor) VALUES (?, ?, ?)");
        sv_writer_int(g->writer, s->row);
        sv_writer_str(g->writer, s->device);
        sv_writer_str(g->writer, s->sensor);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

gw_stream *gw_stream_known(const gw *g, sv_text device, sv_text sensor) {
    char room[2 * SV_ID_ROOM];
    sv_textbuf name = SV_TEXTBUF(room);
    return sv_map_get(g->streams, pair(&name, device, sensor));
}

gw_stream *gw_stream_of(gw *g, sv_text device, sv_text sensor) {
    char room[2 * SV_ID_ROOM];
    sv_textbuf buf = SV_TEXTBUF(room);
    sv_text name = pair(&buf, device, sensor);
    gw_stream *s = sv_map_get(g->streams, name);
    if (s != NULL) {
        return s;
    }
    s = sv_mem_new(sizeof *s);
    sv_why why = { 0 };
    if (sv_text_copy(device, s->device, sizeof s->device) != SV_OK
        || sv_text_copy(sensor, s->sensor, sizeof s->sensor) != SV_OK
        || sv_map_put(g->streams, name, s) != SV_OK) {
        free(s);
        return NULL;
    }
    sv_stream_start(&s->stream, sv_clock_monotonic_us());
    sv_rules_for(g->config.rules, device, sensor, &s->rules);
    gw_guard_attach(g, s);
    if (row_of(g, s, &why) != SV_OK) {
        gw_store_failed(g, &why);
    }
    gw_usual_restore(g, s);
    return s;
}
