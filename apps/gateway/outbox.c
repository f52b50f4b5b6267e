// What waits to go up: appended in the group's transaction, taken away after the answer.
#include "gateway.h"
#include <codec/json.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>

static void put_item(gw *g, sv_textbuf *body, bool average) {
    if (sv_textbuf_end(body) != SV_OK) {
        SV_LOG(error, "outbox.item", "an item of more than %d bytes was left out", GW_ITEM_MAX);
        return;
    }
    sv_writer_add(g->writer, "INSERT INTO outbox (body, average) VALUES (?, ?)");
    sv_writer_text(g->writer, sv_textbuf_text(body));
    sv_writer_int(g->writer, average);
    g->outbox_added++;
}

/// Without the opening brace: the number is put before it when it is sent.
static void put_head(sv_json_out *out, const gw_stream *s, const char *kind, int64_t at_us) {
    sv_json_add_str(out, "kind", kind);
    sv_json_add_str(out, "device_id", s->device);
    sv_json_add_str(out, "sensor", s->sensor);
    sv_json_add_str(out, "unit", s->unit);
    sv_json_add_int(out, "at", at_us);
}

void gw_outbox_average(gw *g, const gw_stream *s, int64_t at_us, double value) {
    if (g->fleet.http == NULL) {
        return;
    }
    char room[GW_ITEM_MAX];
    sv_textbuf body = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&body);
    put_head(&out, s, "average", at_us);
    sv_json_add_number(&out, "value", value);
    put_item(g, &body, true);
}

void gw_outbox_summary(gw *g, const gw_stream *s, const sv_summary *summary) {
    if (g->fleet.http == NULL) {
        return;
    }
    char room[GW_ITEM_MAX];
    sv_textbuf body = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&body);
    put_head(&out, s, "summary", summary->minute_us);
    sv_json_add_int(&out, "count", summary->count);
    sv_json_add_number(&out, "min", summary->min);
    sv_json_add_number(&out, "mean", summary->mean);
    sv_json_add_number(&out, "max", summary->max);
    put_item(g, &body, false);
}

void gw_outbox_alert(gw *g, sv_text alert) {
    if (g->alert_peer.http != NULL) {
        sv_writer_add(g->writer, "INSERT INTO alert_post (body) VALUES (?)");
        sv_writer_text(g->writer, alert);
    }
}

sv_err gw_outbox_next_alert(gw *g, int64_t *id, sv_textbuf *body, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db, "SELECT id, body FROM alert_post WHERE id > ? ORDER BY id LIMIT 1",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, g->alert_settled);
    SV_TRY(sv_stmt_next(stmt, why));
    *id = sv_stmt_int(stmt, 0);
    sv_textbuf_add(body, sv_stmt_text(stmt, 1));
    sv_stmt_reset(stmt);
    return SV_OK;
}

sv_err gw_outbox_next_batch(gw *g, int64_t items_max, int64_t *last_seq, int64_t *items,
                            sv_textbuf *body, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db, "SELECT seq, body FROM outbox WHERE seq > ? ORDER BY seq LIMIT ?",
                      &stmt, why));
    sv_stmt_bind_int(stmt, 1, g->seq_settled);
    sv_stmt_bind_int(stmt, 2, items_max);
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

void gw_outbox_forget_batch(gw *g, int64_t up_to_seq) {
    g->seq_settled = up_to_seq > g->seq_settled ? up_to_seq : g->seq_settled;
    sv_writer_add(g->writer, "DELETE FROM outbox WHERE seq <= ?");
    sv_writer_int(g->writer, up_to_seq);
    sv_writer_tally(g->writer, &g->outbox_gone);
    gw_uplink_turn(g);
}

void gw_outbox_forget_alert(gw *g, int64_t id) {
    g->alert_settled = id > g->alert_settled ? id : g->alert_settled;
    sv_writer_add(g->writer, "DELETE FROM alert_post WHERE id <= ?");
    sv_writer_int(g->writer, id);
    gw_uplink_turn(g);
}

sv_err gw_outbox_open(gw *g, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db, "SELECT count(*) FROM outbox", &stmt, why));
    SV_TRY(sv_stmt_next(stmt, why));
    g->outbox_added = sv_stmt_int(stmt, 0);
    g->outbox_gone = 0;
    g->seq_settled = 0;
    g->alert_settled = 0;
    sv_stmt_reset(stmt);
    return SV_OK;
}

int64_t gw_outbox_rows(const gw *g) {
    return g->outbox_added - g->outbox_gone;
}

int64_t gw_outbox_oldest_s(const gw *g) {
    static const char AT[] = "\"at\":";
    sv_stmt *stmt = NULL;
    int64_t at_us = 0;
    if (sv_db_stmt(g->db, "SELECT body FROM outbox WHERE seq > ? ORDER BY seq LIMIT 1", &stmt, NULL)
        != SV_OK) {
        return -1;
    }
    sv_stmt_bind_int(stmt, 1, g->seq_settled);
    if (sv_stmt_next(stmt, NULL) == SV_OK) {
        const char *at = strstr(sv_stmt_text(stmt, 0).at, AT);
        at_us = at == NULL ? 0 : strtoll(at + sizeof AT - 1, NULL, 10);
        sv_stmt_reset(stmt);
    }
    int64_t age_us = sv_clock_wall_us() - at_us;
    return at_us == 0 ? -1 : age_us < 0 ? 0 : age_us / SV_TIME_SECOND_US;
}

// The oldest averages go first; what is being sent stays until its answer.
void gw_outbox_trim(gw *g) {
    int64_t over = gw_outbox_rows(g) - GW_OUTBOX_MAX;
    if (g->batch_under_way || over <= 0 || g->trimmed > g->committed) {
        return;
    }
    g->trimmed = sv_writer_group(g->writer);
    sv_writer_add(g->writer,
                  "DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox ORDER BY average DESC, "
                  "seq LIMIT ?)");
    sv_writer_int(g->writer, over);
    sv_writer_tally(g->writer, &g->outbox_gone);
    sv_writer_tally(g->writer, &g->outbox_dropped);
}
