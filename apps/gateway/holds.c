#include "holds.h"

#include "gateway.h"
#include <base/mem.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/clock.h>
#include <sys/log.h>

enum { STATUS_NONE = 404, BODY_MAX = 1024 };

static gw_held *put(gw_standing *s, const char *id) {
    gw_held *held = sv_mem_new(sizeof *held);
    if (sv_text_copy(sv_text_of(id), held->id, sizeof held->id) != SV_OK
        || sv_map_put(s->held, sv_text_of(id), held) != SV_OK) {
        free(held);
        return NULL;
    }
    return held;
}

bool gw_standing_hold(gw *g, const char *id, const char *places) {
    gw_standing *s = &g->standing;
    if (sv_map_get(s->held, sv_text_of(id)) != NULL) {
        return true;
    }
    gw_held *held = put(s, id);
    if (held == NULL) {
        SV_LOG(error, "standing.full", "%s: more than %d ids are quarantined here", id,
               GW_HELD_MAX);
        return false;
    }
    held->at_us = gw_wall_us(g);
    sv_textbuf text = { .at = held->places, .cap = sizeof held->places };
    sv_textbuf_addf(&text, "%.*s", GW_PLACES_ROOM - 1, places);
    sv_writer_add(g->writer, "INSERT OR REPLACE INTO held VALUES (?, ?, ?, 0)");
    sv_writer_str(g->writer, held->id);
    sv_writer_int(g->writer, held->at_us);
    sv_writer_str(g->writer, held->places);
    sv_writer_hurry(g->writer);
    gw_hold_report(g);
    return true;
}

void gw_hold_forget(gw *g, const char *id) {
    gw_held *held = sv_map_remove(g->standing.held, sv_text_of(id));
    if (held != NULL) {
        sv_writer_add(g->writer, "DELETE FROM held WHERE id = ?");
        sv_writer_str(g->writer, id);
        sv_writer_hurry(g->writer);
        free(held);
    }
}

sv_err gw_standing_release(gw *g, sv_text id, const char *by, sv_why *why) {
    gw_standing *s = &g->standing;
    const gw_held *held = sv_map_get(s->held, id);
    sv_standing has;
    bool of_fleet = sv_standings_get(s->table, id, &has) && has.state == SV_STANDING_QUARANTINED;
    if (held == NULL) {
        return of_fleet ? sv_fail(why, SV_ERR_STATE,
                                  "the fleet server has quarantined '" SV_TEXT_FMT
                                  "'; it is released there",
                                  SV_TEXT_ARG(id))
                        : sv_fail(why, SV_ERR_NOT_FOUND, "'" SV_TEXT_FMT "' is not quarantined",
                                  SV_TEXT_ARG(id));
    }
    char name[SV_ID_ROOM];
    memcpy(name, held->id, sizeof name);
    SV_LOG(info, "standing.released", "%s, by %s at this gateway", name, by);
    gw_hold_forget(g, name);
    gw_notice_clear(g, GW_NOTICE_CLONE, name);
    return SV_OK;
}

void gw_standing_answer_release(gw *g, sv_http_request *request, sv_text id) {
    char by[SV_ID_ROOM];
    sv_why why = { 0 };
    if (!gw_seen_read_name(sv_http_body(request), by)) {
        sv_http_problem(request, 400, "Bad request",
                        "say who releases it: {\"by\":\"<name>\"}, 1 to %d bytes", SV_ID_ROOM - 1);
        return;
    }
    if (g->exit_code != 0 || g->full) {
        sv_http_problem(request, 503, "Not available", "the disk is full");
        return;
    }
    sv_err err = gw_standing_release(g, id, by, &why);
    if (err == SV_OK) {
        sv_http_reply(request, 200, "application/json", SV_TEXT("{}"));
    } else if (err == SV_ERR_NOT_FOUND) {
        sv_http_problem(request, 404, "Not found", "%s", why.text);
    } else {
        sv_http_problem(request, 409, "Conflict", "%s", why.text);
    }
}

// ---- telling the fleet server -------------------------------------------------------------------

static gw_held *unreported(const gw_standing *s) {
    for (size_t i = 0; i < sv_map_count(s->held); i++) {
        gw_held *held = sv_map_at(s->held, i, NULL);
        if (!held->reported) {
            return held;
        }
    }
    return NULL;
}

/// The first one that is unreported is the one that was: they stay in their order.
static void reported(void *arg, const sv_http_reply_view *reply, const sv_why *why) {
    gw *g = arg;
    (void) why;
    g->standing.report_under_way = false;
    gw_held *held = g->exit_code != 0 ? NULL : unreported(&g->standing);
    bool taken = (reply->status >= 200 && reply->status < 300) || reply->status == STATUS_NONE
                 || gw_uplink_is_refused(reply->status);
    if (!taken) {
        g->standing.report_at_us = sv_clock_monotonic_us() + GW_REPORT_AGAIN_US;
    }
    if (held == NULL || !taken || strcmp(held->id, g->standing.reporting) != 0) {
        return;
    }
    held->reported = true;
    sv_writer_add(g->writer, "UPDATE held SET reported = 1 WHERE id = ?");
    sv_writer_str(g->writer, held->id);
}

static void put_places(sv_json_out *out, const char *places) {
    sv_text rest = sv_text_of(places);
    sv_json_key(out, "places");
    sv_json_open_array(out);
    while (rest.len > 0) {
        sv_json_put_text(out, sv_text_trim(sv_text_cut(&rest, ',')));
    }
    sv_json_close_array(out);
}

void gw_hold_report(gw *g) {
    gw_standing *s = &g->standing;
    const gw_held *held = s->timer == NULL || s->report_under_way ? NULL : unreported(s);
    if (held == NULL || g->exit_code != 0 || sv_clock_monotonic_us() < s->report_at_us) {
        return;
    }
    SV_DEFER(sv_textbuf_drop) sv_textbuf body = SV_TEXTBUF_HEAP(BODY_MAX);
    sv_json_out out = SV_JSON_OUT(&body);
    sv_json_open_object(&out);
    sv_json_add_str(&out, "id", held->id);
    sv_json_add_int(&out, "at", held->at_us / 1000);
    put_places(&out, held->places);
    sv_json_close_object(&out);
    memcpy(s->reporting, held->id, sizeof s->reporting);
    s->report_under_way = gw_uplink_post(g, "/v1/clones", &body, reported);
}

// ---- from start to end --------------------------------------------------------------------------

sv_err gw_holds_restore(gw *g, sv_why *why) {
    sv_stmt *row = NULL;
    SV_TRY(sv_db_stmt(g->db, "SELECT id, at, places, reported FROM held ORDER BY at", &row, why));
    sv_err err = sv_stmt_next(row, why);
    for (; err == SV_OK; err = sv_stmt_next(row, why)) {
        char id[SV_ID_ROOM];
        gw_held *held = sv_text_copy(sv_stmt_text(row, 0), id, sizeof id) == SV_OK
                            ? put(&g->standing, id)
                            : NULL;
        if (held == NULL
            || sv_text_copy(sv_stmt_text(row, 2), held->places, sizeof held->places) != SV_OK) {
            return sv_fail(why, SV_ERR_IO, "a row of the table held is damaged");
        }
        held->at_us = sv_stmt_int(row, 1);
        held->reported = sv_stmt_int(row, 3) != 0;
    }
    return err == SV_ERR_NOT_FOUND ? SV_OK : err;
}

void gw_holds_close(gw *g) {
    for (size_t i = 0; g->standing.held != NULL && i < sv_map_count(g->standing.held); i++) {
        free(sv_map_at(g->standing.held, i, NULL));
    }
    sv_map_drop(&g->standing.held);
}
