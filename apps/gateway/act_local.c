// What people at the machine see of commands: `GET /v1/commands`, the status, the metrics.
#include "act_own.h"
#include <store/json.h>
#include <string.h>

enum { TEXT_MAX = 8 * 1024 * 1024 };

static void put_time(sv_json_out *out, const char *key, sv_stmt *stmt, int column) {
    if (sv_stmt_is_null(stmt, column)) {
        sv_json_add_null(out, key);
    } else {
        sv_json_add_int(out, key, sv_stmt_int(stmt, column) / 1000);
    }
}

static void put_row(sv_json_out *out, sv_stmt *stmt) {
    sv_json_open_object(out);
    sv_json_add_text(out, "id", sv_stmt_text(stmt, 0));
    sv_json_add_text(out, "device", sv_stmt_text(stmt, 1));
    sv_json_add_text(out, "name", sv_stmt_text(stmt, 2));
    sv_json_key(out, "payload");
    sv_json_put_raw(out, sv_stmt_text(stmt, 3));
    sv_stmt_add_text(stmt, 4, out, "rule");
    sv_stmt_add_text(stmt, 5, out, "alert");
    sv_stmt_add_text(stmt, 6, out, "by");
    put_time(out, "at", stmt, 7);
    put_time(out, "until", stmt, 8);
    sv_json_add_str(out, "state", gw_command_state_name((gw_command_state) sv_stmt_int(stmt, 9)));
    put_time(out, "sent", stmt, 10);
    put_time(out, "ended", stmt, 11);
    sv_stmt_add_text(stmt, 12, out, "why");
    sv_stmt_add_raw(stmt, 13, out, "answer");
    sv_json_close_object(out);
}

static sv_err put_rows(gw *g, const char *device, int64_t limit, sv_json_out *out, sv_why *why) {
    sv_stmt *stmt = NULL;
    SV_TRY(sv_db_stmt(g->db,
                      "SELECT id, device, name, payload, rule, alert, asker, at, until, state, "
                      "sent, ended, why, answer FROM command WHERE ?1 = '' OR device = ?1 ORDER BY "
                      "seq DESC LIMIT ?2",
                      &stmt, why));
    sv_stmt_bind_str(stmt, 1, device);
    sv_stmt_bind_int(stmt, 2, limit);
    sv_json_open_array(out);
    sv_err err = sv_stmt_next(stmt, why);
    for (; err == SV_OK; err = sv_stmt_next(stmt, why)) {
        put_row(out, stmt);
    }
    sv_json_close_array(out);
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

static bool read_limit(const sv_http_request *request, uint64_t *out) {
    char room[8];
    sv_err err = sv_http_query(request, "limit", room, sizeof room);
    return err == SV_ERR_NOT_FOUND
           || (err == SV_OK && sv_text_u64(sv_text_of(room), GW_COMMANDS_SHOWN, out) == SV_OK);
}

void gw_act_local(gw *g, sv_http_request *request) {
    char device[SV_ID_ROOM] = "";
    uint64_t limit = GW_COMMANDS_SHOWN;
    sv_why why = { 0 };
    sv_err err = sv_http_query(request, "device", device, sizeof device);
    if (err != SV_OK && err != SV_ERR_NOT_FOUND) {
        sv_http_problem(request, 400, "Bad request", "device is no device id");
        return;
    }
    if (!read_limit(request, &limit)) {
        sv_http_problem(request, 400, "Bad request", "limit is no number up to %d",
                        GW_COMMANDS_SHOWN);
        return;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf text = SV_TEXTBUF_HEAP(TEXT_MAX);
    sv_json_out out = SV_JSON_OUT(&text);
    if (put_rows(g, device, (int64_t) limit, &out, &why) != SV_OK) {
        sv_http_problem(request, 503, "Not available", "%s", why.text);
        return;
    }
    sv_http_reply(request, 200, "application/json", sv_textbuf_text(&text));
}

void gw_act_put_status(const gw *g, sv_json_out *out) {
    sv_json_key(out, "commands");
    sv_json_open_object(out);
    for (unsigned i = GW_COMMAND_SENT; i < GW_COMMAND_STATE__COUNT; i++) {
        sv_json_add_int(out, gw_command_state_name((gw_command_state) i),
                        (int64_t) g->acts.ends[i]);
    }
    sv_json_add_int(out, "waiting", (int64_t) (g->acts.due_count + sv_map_count(g->acts.open)));
    sv_json_close_object(out);
}

void gw_act_metrics(const gw *g, sv_textbuf *out) {
    sv_textbuf_add_str(out, "# HELP selvedge_gateway_commands_total Commands, by what became of "
                            "them.\n# TYPE selvedge_gateway_commands_total counter\n");
    for (unsigned i = GW_COMMAND_SENT; i < GW_COMMAND_STATE__COUNT; i++) {
        sv_textbuf_addf(out, "selvedge_gateway_commands_total{end=\"%s\"} %llu\n",
                        gw_command_state_name((gw_command_state) i),
                        (unsigned long long) g->acts.ends[i]);
    }
    sv_textbuf_addf(out,
                    "# HELP selvedge_gateway_results_total Answers of devices that were not taken "
                    "up.\n# TYPE selvedge_gateway_results_total counter\n"
                    "selvedge_gateway_results_total{end=\"passed\"} %llu\n"
                    "selvedge_gateway_results_total{end=\"refused\"} %llu\n",
                    (unsigned long long) g->acts.results_passed,
                    (unsigned long long) g->acts.results_refused);
}
