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

sv_err gw_outbox_next_batch(gw *g, gw_part *of, int64_t items_max, gw_batch *out, sv_textbuf *body,
                            sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(
        g->db, "SELECT seq, body FROM outbox WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
        &stmt, why));
    sv_stmt_bind_int(stmt, 1, of->settled);
    sv_stmt_bind_int(stmt, 2, of->last);
    sv_stmt_bind_int(stmt, 3, items_max);
    sv_textbuf_addf(body, "{\"epoch\":\"%s\",\"from\":%lld,\"items\":[", g->epoch,
                    (long long) of->settled + 1);
    gw_batch batch = { .of = of };
    sv_err err = sv_stmt_next(stmt, why);
    for (; err == SV_OK; err = sv_stmt_next(stmt, why)) {
        batch.last = sv_stmt_int(stmt, 0);
        sv_textbuf_addf(body, "%s{\"seq\":%lld,", batch.items == 0 ? "" : ",",
                        (long long) batch.last);
        sv_textbuf_add(body, sv_stmt_text(stmt, 1));
        sv_textbuf_add_char(body, '}');
        batch.items++;
    }
    sv_textbuf_add_str(body, "]}");
    if (err != SV_ERR_NOT_FOUND) {
        return err;
    }
    *out = batch;
    return batch.items > 0 ? SV_OK : SV_ERR_NOT_FOUND;
}

void gw_outbox_forget_batch(gw *g, const gw_batch *batch) {
    sv_writer_add(g->writer, "DELETE FROM outbox WHERE seq > ? AND seq <= ?");
    sv_writer_int(g->writer, batch->of->settled);
    sv_writer_int(g->writer, batch->last);
    sv_writer_tally(g->writer, &g->outbox_gone);
    batch->of->settled = batch->last;
    if (batch->of == &g->backfill && g->backfill.settled >= g->backfill.last) {
        SV_LOG(info, "backfill.done", "what waited for the fleet server is there");
    }
    gw_uplink_turn(g);
}

void gw_outbox_split(gw *g) {
    sv_stmt *stmt = NULL;
    if (gw_outbox_rows(g) <= GW_BATCH_MAX
        || sv_db_stmt(g->db, "SELECT coalesce(max(seq), 0) FROM outbox", &stmt, NULL) != SV_OK
        || sv_stmt_next(stmt, NULL) != SV_OK) {
        return;
    }
    int64_t last = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    if (last <= g->live.settled) {
        return;
    }
    // One that is not done goes on with what has come since: what was sent in between is gone.
    if (g->backfill.settled >= g->backfill.last) {
        g->backfill.settled = g->live.settled;
    }
    g->backfill.last = last;
    g->live.settled = last;
    SV_LOG(info, "backfill.start", "%lld items have waited for the fleet server",
           (long long) gw_outbox_rows(g));
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
    g->live = (gw_part){ .last = INT64_MAX };
    g->backfill = (gw_part){ 0 };
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
    bool waits = g->backfill.settled < g->backfill.last;
    if (sv_db_stmt(g->db, "SELECT body FROM outbox WHERE seq > ? ORDER BY seq LIMIT 1", &stmt, NULL)
        != SV_OK) {
        return -1;
    }
    sv_stmt_bind_int(stmt, 1, waits ? g->backfill.settled : g->live.settled);
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
