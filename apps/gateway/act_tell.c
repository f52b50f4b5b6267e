// What is told upward: every row that has come further than the fleet server knows, oldest first, a
// request at a time. A row is told again until the server has answered.
#include "act_own.h"
#include <sys/clock.h>
#include <sys/log.h>

enum { STATUS_NOT_FOUND = 404, BODY_MAX = 2 * 1024 * 1024, BODY_FULL = 1024 * 1024 };
#define AGAIN_US (10 * SV_TIME_MINUTE_US)

static const char UNTOLD[] =
    "SELECT seq, id, device, name, payload, rule, alert, asker, at, until, state, sent, ended, "
    "why, answer FROM command WHERE told < state ORDER BY seq LIMIT ?";

static void put_words(sv_json_out *out, const char *key, sv_text value) {
    if (value.len > 0) {
        sv_json_add_text(out, key, value);
    }
}

static void put_time(sv_json_out *out, const char *key, sv_stmt *stmt, int column) {
    if (!sv_stmt_is_null(stmt, column)) {
        sv_json_add_int(out, key, sv_stmt_int(stmt, column) / 1000);
    }
}

static void put_item(sv_json_out *out, sv_stmt *stmt) {
    sv_json_open_object(out);
    sv_json_add_text(out, "id", sv_stmt_text(stmt, 1));
    sv_json_add_text(out, "device_id", sv_stmt_text(stmt, 2));
    sv_json_add_text(out, "name", sv_stmt_text(stmt, 3));
    sv_json_key(out, "payload");
    sv_json_put_raw(out, sv_stmt_text(stmt, 4));
    put_words(out, "rule", sv_stmt_text(stmt, 5));
    put_words(out, "alert", sv_stmt_text(stmt, 6));
    put_words(out, "by", sv_stmt_text(stmt, 7));
    put_time(out, "at", stmt, 8);
    put_time(out, "until", stmt, 9);
    sv_json_add_str(out, "state", gw_command_state_name((gw_command_state) sv_stmt_int(stmt, 10)));
    put_time(out, "sent", stmt, 11);
    put_time(out, "ended", stmt, 12);
    put_words(out, "why", sv_stmt_text(stmt, 13));
    if (!sv_stmt_is_null(stmt, 14)) {
        sv_json_key(out, "answer");
        sv_json_put_raw(out, sv_stmt_text(stmt, 14));
    }
    sv_json_close_object(out);
}

static sv_err put_together(gw *g, sv_textbuf *body, sv_why *why) {
    gw_acts *a = &g->acts;
    sv_stmt *stmt = NULL;
    sv_json_out out = SV_JSON_OUT(body);
    SV_TRY(sv_db_stmt(g->db, UNTOLD, &stmt, why));
    sv_stmt_bind_int(stmt, 1, (int64_t) a->told.max);
    sv_json_open_object(&out);
    sv_json_key(&out, "items");
    sv_json_open_array(&out);
    a->told.count = 0;
    sv_err err = sv_stmt_next(stmt, why);
    for (; err == SV_OK && body->len < BODY_FULL; err = sv_stmt_next(stmt, why)) {
        a->told.items[a->told.count].seq = sv_stmt_int(stmt, 0);
        a->told.items[a->told.count].state = (gw_command_state) sv_stmt_int(stmt, 10);
        a->told.count++;
        put_item(&out, stmt);
    }
    sv_stmt_reset(stmt);
    sv_json_close_array(&out);
    sv_json_close_object(&out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

/// The server knows them as they were told, or never will.
static void settle(gw *g) {
    gw_acts *a = &g->acts;
    for (size_t i = 0; i < a->told.count; i++) {
        sv_writer_add(g->writer, "UPDATE command SET told = ? WHERE seq = ?");
        sv_writer_int(g->writer, (int64_t) a->told.items[i].state);
        sv_writer_int(g->writer, a->told.items[i].seq);
    }
    a->told.group = sv_writer_group(g->writer);
    a->told.max = GW_COMMANDS_TOLD_MAX;
    sv_writer_hurry(g->writer);
}

/// Cut down until the one at fault stands alone.
static void refused(gw *g, int status) {
    gw_acts *a = &g->acts;
    if (a->told.count > 1) {
        a->told.max = a->told.count / 2;
        gw_act_tell(g);
        return;
    }
    SV_LOG(error, "commands.refused",
           "the fleet server refused what became of a command for good (status %d)", status);
    g->uplink_refused++;
    settle(g);
}

static void told(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    gw *g = arg;
    g->acts.told.under_way = false;
    if (g->exit_code != 0) {
        return;
    }
    if (reply->status == STATUS_NOT_FOUND) {
        SV_LOG(warn, "commands.unknown",
               "the fleet server takes no news of commands; it is older than this");
        g->acts.told.again_us = sv_clock_monotonic_us() + AGAIN_US;
    } else if (gw_uplink_answered(g, reply, why)) {
        settle(g);
    } else if (gw_uplink_is_refused(reply->status)) {
        refused(g, reply->status);
    }
}

void gw_act_tell(gw *g) {
    gw_acts *a = &g->acts;
    if (g->exit_code != 0 || !g->fleet.up || !a->told.due || a->told.under_way
        || a->told.group > g->committed || sv_clock_monotonic_us() < a->told.again_us) {
        return;
    }
    sv_why why = { 0 };
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(BODY_MAX);
    if (put_together(g, &body, &why) != SV_OK) {
        gw_store_failed(g, &why);
        return;
    }
    a->told.due = a->told.count > 0;
    if (a->told.count > 0) {
        a->told.under_way = gw_uplink_post(g, "/v1/commands", &body, told);
    }
}
