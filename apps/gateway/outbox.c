// What waits to go up: appended in the group's transaction, taken away after the answer.
#include "gateway.h"
#include <base/num.h>
#include <codec/json.h>
#include <math.h>
#include <sys/clock.h>
#include <sys/log.h>

enum { ITEM_DEVICE = 7, ITEM_SENSOR = 11 }; ///< between which quotation marks put_head writes them

static int64_t bytes_of(size_t body) {
    return (int64_t) body + GW_OUTBOX_ROW_BYTES;
}

/// From now on nothing may be looked for among what is going, until that is committed.
static void note_going(gw *g) {
    g->outbox.group = sv_writer_group(g->writer);
}

static void put_item(gw *g, sv_textbuf *body, gw_item item) {
    if (sv_textbuf_end(body) != SV_OK) {
        SV_LOG(error, "outbox.item", "an item of more than %d bytes was left out", GW_ITEM_MAX);
        return;
    }
    sv_writer_add(g->writer, "INSERT INTO outbox (body, average, put) VALUES (?, ?, ?)");
    sv_writer_text(g->writer, sv_textbuf_text(body));
    sv_writer_int(g->writer, item);
    sv_writer_int(g->writer, gw_now_us() / SV_TIME_SECOND_US);
    g->outbox.rows[item]++;
    g->outbox.bytes += bytes_of(body->len);
}

/// Without the opening brace: the number is put before it when it is sent.
static void put_head(sv_json_out *out, const gw_stream *s, const char *kind, int64_t at_us) {
    sv_json_add_str(out, "kind", kind);
    sv_json_add_str(out, "device_id", s->device);
    sv_json_add_str(out, "sensor", s->sensor);
    sv_json_add_str(out, "unit", s->unit);
    sv_json_add_int(out, "at", at_us);
}

static void put_corrected(sv_json_out *out, bool corrected) {
    if (corrected) {
        sv_json_add_bool(out, "corrected", true);
    }
}

static void put_usual(sv_json_out *out, const sv_summary *summary) {
    enum { DIGITS = 5 };
    if (summary->score > 0) {
        sv_json_add_int(out, "score", lround(summary->score));
    }
    if (summary->low < summary->high) {
        sv_json_key(out, "expected");
        sv_json_open_array(out);
        sv_json_put_number(out, sv_num_round(summary->low, DIGITS));
        sv_json_put_number(out, sv_num_round(summary->high, DIGITS));
        sv_json_close_array(out);
    }
}

void gw_outbox_average(gw *g, const gw_stream *s, int64_t at_us, double value, bool corrected) {
    if (g->fleet.http == NULL) {
        return;
    }
    char room[GW_ITEM_MAX];
    sv_textbuf body = SV_TEXTBUF(room);
    sv_json_out out = SV_JSON_OUT(&body);
    put_head(&out, s, "average", at_us);
    sv_json_add_number(&out, "value", value);
    put_corrected(&out, corrected);
    put_item(g, &body, GW_ITEM_AVERAGE);
}

void gw_outbox_summary(gw *g, const gw_stream *s, const sv_summary *summary, bool corrected) {
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
    put_usual(&out, summary);
    put_corrected(&out, corrected);
    put_item(g, &body, GW_ITEM_MINUTE);
}

void gw_outbox_alert(gw *g, sv_text alert) {
    if (g->alert_peer.http == NULL) {
        return;
    }
    sv_writer_add(g->writer, "INSERT INTO alert_post (body) VALUES (?)");
    sv_writer_text(g->writer, alert);
    g->outbox.rows[GW_ITEM_ALERT]++;
    g->outbox.bytes += bytes_of(alert.len);
    g->outbox.alert_bytes += bytes_of(alert.len);
}

/// By the rules of today: they may have changed since it was recorded.
/// `known`: the stream, or NULL when nothing was heard of it since the start.
static bool stays(const gw *g, sv_text device, sv_text sensor, gw_stream **known) {
    sv_stream_rules rules;
    *known = gw_stream_known(g, device, sensor);
    if (*known != NULL) {
        return (*known)->rules.uplink == SV_UPLINK_NEVER;
    }
    sv_rules_for(g->config.rules, device, sensor, &rules);
    return rules.uplink == SV_UPLINK_NEVER;
}

/// What put_head wrote: the texts between its quotation marks.
static bool item_stays(const gw *g, sv_text item, gw_stream **known) {
    sv_text device = SV_TEXT("");
    sv_text sensor = SV_TEXT("");
    for (unsigned i = 0; i <= ITEM_SENSOR; i++) {
        sensor = sv_text_cut(&item, '"');
        device = i == ITEM_DEVICE ? sensor : device;
    }
    return stays(g, device, sensor, known);
}

static bool alert_stays(gw *g, sv_text body, gw_stream **known) {
    SV_DEFER(sv_json_drop) sv_json *root = NULL;
    sv_alert alert;
    *known = NULL;
    if (sv_json_parse(body, &root, NULL, NULL) != SV_OK
        || sv_alert_from_json(root, &alert, NULL) != SV_OK) {
        return false;
    }
    return alert.sensor[0] == '\0'
               ? gw_guard_stays(g, &alert)
               : stays(g, sv_text_of(alert.device_id), sv_text_of(alert.sensor), known);
}

static void take_alert_away(gw *g, int64_t id, size_t bytes) {
    gw_outbox *o = &g->outbox;
    o->alert_settled = id;
    o->bytes -= bytes_of(bytes);
    o->alert_bytes -= bytes_of(bytes);
    sv_writer_add(g->writer, "DELETE FROM alert_post WHERE id <= ?");
    sv_writer_int(g->writer, id);
    note_going(g);
}

sv_err gw_outbox_next_alert(gw *g, int64_t *id, gw_stream **of, sv_textbuf *body, sv_why *why) {
    sv_stmt *stmt = NULL;
    if (g->outbox.rows[GW_ITEM_ALERT] == 0) {
        return SV_ERR_NOT_FOUND;
    }
    SV_TRY(
        sv_db_stmt(g->db, "SELECT id, body FROM alert_post WHERE id > ? ORDER BY id", &stmt, why));
    sv_stmt_bind_int(stmt, 1, g->outbox.alert_settled);
    sv_err err = sv_stmt_next(stmt, why);
    for (; err == SV_OK && alert_stays(g, sv_stmt_text(stmt, 1), of);
         err = sv_stmt_next(stmt, why)) {
        take_alert_away(g, sv_stmt_int(stmt, 0), sv_stmt_text(stmt, 1).len);
        gw_outbox_count(g, GW_ITEM_ALERT, GW_LOST_RULE, 1);
    }
    if (err == SV_OK) {
        *id = sv_stmt_int(stmt, 0);
        sv_textbuf_add(body, sv_stmt_text(stmt, 1));
        sv_stmt_reset(stmt);
    }
    return err;
}

/// `passed`: what lies between the last item of the batch and this one, and stays on the site.
static void take_item(gw *g, sv_stmt *row, gw_batch *batch, gw_batch *passed, sv_textbuf *body) {
    gw_stream *known = NULL;
    sv_text item = sv_stmt_text(row, 1);
    bool is_average = sv_stmt_int(row, 2) == GW_ITEM_AVERAGE;
    passed->last = sv_stmt_int(row, 0);
    passed->bytes += bytes_of(item.len);
    if (item_stays(g, item, &known)) {
        passed->held[is_average]++;
        return;
    }
    sv_textbuf_addf(body, "%s{\"seq\":%lld,", batch->items == 0 ? "" : ",",
                    (long long) passed->last);
    sv_textbuf_add(body, item);
    sv_textbuf_add_char(body, '}');
    gw_traffic_note(g, GW_WAY_UP, known, item.len);
    batch->last = passed->last;
    batch->bytes += passed->bytes;
    batch->held[0] += passed->held[0];
    batch->held[1] += passed->held[1];
    batch->items++;
    batch->rows[is_average]++;
    *passed = (gw_batch){ .of = batch->of };
}

sv_err gw_outbox_next_batch(gw *g, gw_part *of, int64_t items_max, gw_batch *out, sv_textbuf *body,
                            sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(
        g->db,
        "SELECT seq, body, average FROM outbox WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
        &stmt, why));
    sv_stmt_bind_int(stmt, 1, of->settled);
    sv_stmt_bind_int(stmt, 2, of->last);
    sv_stmt_bind_int(stmt, 3, items_max);
    sv_textbuf_addf(body, "{\"epoch\":\"%s\",\"from\":%lld,\"items\":[", g->epoch,
                    (long long) of->settled + 1);
    gw_batch batch = { .of = of };
    gw_batch passed = batch;
    sv_err err = sv_stmt_next(stmt, why);
    for (; err == SV_OK; err = sv_stmt_next(stmt, why)) {
        take_item(g, stmt, &batch, &passed, body);
    }
    sv_textbuf_add_str(body, "]}");
    if (err != SV_ERR_NOT_FOUND) {
        return err;
    }
    *out = batch.items > 0 ? batch : passed;
    return out->last > 0 ? SV_OK : SV_ERR_NOT_FOUND;
}

static void take_away(gw *g, const gw_batch *batch) {
    gw_outbox *o = &g->outbox;
    sv_writer_add(g->writer, "DELETE FROM outbox WHERE seq > ? AND seq <= ?");
    sv_writer_int(g->writer, batch->of->settled);
    sv_writer_int(g->writer, batch->last);
    note_going(g);
    for (unsigned item = 0; item < GW_ITEM_ALERT; item++) {
        o->rows[item] -= batch->rows[item];
        gw_outbox_count(g, (gw_item) item, GW_LOST_RULE, batch->held[item]);
    }
    o->bytes -= batch->bytes;
}

void gw_outbox_drop_batch(gw *g, const gw_batch *batch) {
    take_away(g, batch);
    g->outbox.gap = g->outbox.group;
    sv_writer_hurry(g->writer);
}

void gw_outbox_forget_batch(gw *g, const gw_batch *batch) {
    const gw_outbox *o = &g->outbox;
    take_away(g, batch);
    batch->of->settled = batch->last;
    if (batch->of == &o->backfill && o->backfill.settled >= o->backfill.last) {
        SV_LOG(info, "backfill.done", "what waited for the fleet server is there");
    }
}

void gw_outbox_end_backfill(gw *g) {
    gw_outbox *o = &g->outbox;
    if (o->group > g->committed) {
        return; // what goes of `live` would be found again
    }
    o->live.settled = o->backfill.settled;
    o->backfill.settled = o->backfill.last;
}

bool gw_outbox_split(gw *g) {
    gw_outbox *o = &g->outbox;
    sv_stmt *stmt = NULL;
    if (o->group > g->committed) {
        return false;
    }
    o->split_due = false;
    if (gw_outbox_rows(g) <= GW_BATCH_MAX
        || sv_db_stmt(g->db, "SELECT coalesce(max(seq), 0) FROM outbox", &stmt, NULL) != SV_OK
        || sv_stmt_next(stmt, NULL) != SV_OK) {
        return true;
    }
    int64_t last = sv_stmt_int(stmt, 0);
    sv_stmt_reset(stmt);
    if (last <= o->live.settled) {
        return true;
    }
    // One that is not done goes on with what has come since: what was sent in between is gone.
    if (o->backfill.settled >= o->backfill.last) {
        o->backfill.settled = o->live.settled;
    }
    o->backfill.last = last;
    o->live.settled = last;
    SV_LOG(info, "backfill.start", "%lld items have waited for the fleet server",
           (long long) gw_outbox_rows(g));
    return true;
}

void gw_outbox_forget_alert(gw *g, int64_t id, size_t bytes) {
    gw_outbox *o = &g->outbox;
    if (id <= o->alert_settled) {
        return; // it had to go meanwhile
    }
    o->rows[GW_ITEM_ALERT]--;
    take_alert_away(g, id, bytes);
}

static sv_err count_items(gw *g, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db,
                      "SELECT average, count(*), sum(length(CAST(body AS BLOB))) FROM outbox GROUP "
                      "BY average UNION ALL SELECT 2, count(*), coalesce(sum(length(CAST(body AS "
                      "BLOB))), 0) FROM alert_post",
                      &stmt, why));
    sv_err err = sv_stmt_next(stmt, why);
    for (; err == SV_OK; err = sv_stmt_next(stmt, why)) {
        int64_t rows = sv_stmt_int(stmt, 1);
        int64_t bytes = sv_stmt_int(stmt, 2) + rows * GW_OUTBOX_ROW_BYTES;
        g->outbox.rows[sv_stmt_int(stmt, 0) % GW_ITEM__COUNT] = rows;
        g->outbox.bytes += bytes;
        g->outbox.alert_bytes = bytes; // the alerts come last
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static sv_err count_dropped(gw *g, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db, "SELECT kind, reason, count FROM outbox_dropped", &stmt, why));
    sv_err err = sv_stmt_next(stmt, why);
    for (; err == SV_OK; err = sv_stmt_next(stmt, why)) {
        g->outbox
            .dropped[sv_stmt_int(stmt, 0) % GW_ITEM__COUNT][sv_stmt_int(stmt, 1) % GW_LOSS__COUNT] =
            sv_stmt_int(stmt, 2);
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

sv_err gw_outbox_open(gw *g, sv_why *why) {
    g->outbox = (gw_outbox){ .live = { .last = INT64_MAX } };
    SV_TRY(count_items(g, why));
    return count_dropped(g, why);
}

int64_t gw_outbox_rows(const gw *g) {
    return g->outbox.rows[GW_ITEM_AVERAGE] + g->outbox.rows[GW_ITEM_MINUTE];
}

int64_t gw_outbox_oldest_s(const gw *g) {
    const gw_outbox *o = &g->outbox;
    sv_stmt *stmt = NULL;
    int64_t put_s = 0;
    bool waits = o->backfill.settled < o->backfill.last;
    if (sv_db_stmt(g->db, "SELECT put FROM outbox WHERE seq > ? ORDER BY seq LIMIT 1", &stmt, NULL)
        != SV_OK) {
        return -1;
    }
    sv_stmt_bind_int(stmt, 1, waits ? o->backfill.settled : o->live.settled);
    if (sv_stmt_next(stmt, NULL) == SV_OK) {
        put_s = sv_stmt_int(stmt, 0);
        sv_stmt_reset(stmt);
    }
    int64_t now_s = gw_now_us() / SV_TIME_SECOND_US;
    return !gw_outbox_is_known(put_s, now_s) ? -1 : now_s < put_s ? 0 : now_s - put_s;
}
