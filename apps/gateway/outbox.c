// What waits to go up: appended in the group's transaction, taken away after the answer.
#include "gateway.h"
#include <codec/json.h>

static sv_err put(gw *g, const char *sql, sv_text body, int64_t average, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db, sql, &stmt, why));
    sv_stmt_bind_text(stmt, 1, body);
    if (average >= 0) {
        sv_stmt_bind_int(stmt, 2, average);
    }
    return sv_stmt_run(stmt, why);
}

static sv_err put_item(gw *g, sv_textbuf *body, bool average, sv_why *why) {
    SV_TRY(sv_textbuf_end(body));
    SV_TRY(put(g, "INSERT INTO outbox (body, average) VALUES (?, ?)", sv_textbuf_text(body),
               average, why));
    g->outbox_rows++;
    return SV_OK;
}

/// Without the opening brace: the number is put before it when it is sent.
static void put_head(sv_json_out *out, const gw_stream *s, const char *kind, int64_t at_us) {
    sv_json_add_str(out, "kind", kind);
    sv_json_add_str(out, "device_id", s->device);
    sv_json_add_str(out, "sensor", s->sensor);
    sv_json_add_str(out, "unit", s->unit);
    sv_json_add_int(out, "at", at_us);
}

sv_err gw_outbox_average(gw *g, const gw_stream *s, int64_t at_us, double value, sv_why *why) {
    if (g->fleet.http == NULL) {
        return SV_OK;
    }
    char room[GW_ITEM_MAX];
    sv_textbuf body = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&body);
    put_head(&out, s, "average", at_us);
    sv_json_add_number(&out, "value", value);
    return put_item(g, &body, true, why);
}

sv_err gw_outbox_summary(gw *g, const gw_stream *s, const sv_summary *summary, sv_why *why) {
    if (g->fleet.http == NULL) {
        return SV_OK;
    }
    char room[GW_ITEM_MAX];
    sv_textbuf body = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&body);
    put_head(&out, s, "summary", summary->minute_us);
    sv_json_add_int(&out, "count", summary->count);
    sv_json_add_number(&out, "min", summary->min);
    sv_json_add_number(&out, "mean", summary->mean);
    sv_json_add_number(&out, "max", summary->max);
    return put_item(g, &body, false, why);
}

sv_err gw_outbox_alert(gw *g, sv_text alert, sv_why *why) {
    return g->alert_peer.http == NULL
               ? SV_OK
               : put(g, "INSERT INTO alert_post (body) VALUES (?)", alert, -1, why);
}

sv_err gw_outbox_next_alert(gw *g, int64_t *id, sv_textbuf *body, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db, "SELECT id, body FROM alert_post ORDER BY id LIMIT 1", &stmt, why));
    SV_TRY(sv_stmt_next(stmt, why));
    *id = sv_stmt_int(stmt, 0);
    sv_textbuf_add(body, sv_stmt_text(stmt, 1));
    sv_stmt_reset(stmt);
    return SV_OK;
}

sv_err gw_outbox_next_batch(gw *g, int64_t items_max, int64_t *last_seq, int64_t *items,
                            sv_textbuf *body, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db, "SELECT seq, body FROM outbox ORDER BY seq LIMIT ?", &stmt, why));
    sv_stmt_bind_int(stmt, 1, items_max);
    sv_textbuf_addf(body, "{\"epoch\":\"%s\",\"items\":[", g->epoch);
    sv_err err = sv_stmt_next(stmt, why);
    for (*items = 0; err == SV_OK; err = sv_stmt_next(stmt, why)) {
        *last_seq = sv_stmt_int(stmt, 0);
        sv_textbuf_addf(body, "%s{\"seq\":%lld,", *items == 0 ? "" : ",", (long long) *last_seq);
        sv_textbuf_add(body, sv_stmt_text(stmt, 1));
        sv_textbuf_add_char(body, '}');
        (*items)++;
    }
    sv_textbuf_add_str(body, "]}");
    return err == SV_ERR_NOT_FOUND && *items > 0 ? SV_OK : err;
}

static sv_err take_away(gw *g, const char *sql, int64_t up_to, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db, sql, &stmt, why));
    sv_stmt_bind_int(stmt, 1, up_to);
    return sv_stmt_run(stmt, why);
}

void gw_outbox_forget_batch(gw *g, int64_t up_to_seq) {
    sv_why why = { 0 };
    gw_group_begin(g);
    if (take_away(g, "DELETE FROM outbox WHERE seq <= ?", up_to_seq, &why) != SV_OK) {
        gw_store_failed(g, &why);
        return;
    }
    g->outbox_rows -= sv_db_changes(g->db);
    gw_group_commit(g);
}

void gw_outbox_forget_alert(gw *g, int64_t id) {
    sv_why why = { 0 };
    gw_group_begin(g);
    if (take_away(g, "DELETE FROM alert_post WHERE id <= ?", id, &why) != SV_OK) {
        gw_store_failed(g, &why);
        return;
    }
    gw_group_commit(g);
}

sv_err gw_outbox_open(gw *g, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db, "SELECT count(*) FROM outbox", &stmt, why));
    SV_TRY(sv_stmt_next(stmt, why));
    g->outbox_rows = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    return SV_OK;
}

// The oldest averages go first; what is being sent stays until its answer.
sv_err gw_outbox_trim(gw *g, sv_why *why) {
    if (g->batch_under_way || g->outbox_rows <= GW_OUTBOX_MAX) {
        return SV_OK;
    }
    SV_TRY(take_away(g,
                     "DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox ORDER BY average "
                     "DESC, seq LIMIT ?)",
                     g->outbox_rows - GW_OUTBOX_MAX, why));
    g->outbox_rows -= sv_db_changes(g->db);
    g->dropped += (uint64_t) sv_db_changes(g->db);
    return SV_OK;
}
